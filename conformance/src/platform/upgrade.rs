//! The WebSocket upgrade: a ticket in, a seat at the long connection out.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::{CONNECTION, HeaderName, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::http::request::Parts;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::discovery::Ticket;
use super::faults::{Answer, HttpFault, UpgradeFault, fire};
use super::kind::Kind;
use super::reply::{Outcome, response};
use super::socket::{First, Seat};
use super::state::Shared;

impl Shared {
    pub(super) fn upgrade(self: &Arc<Self>, head: &Parts) -> Outcome {
        let ticket = match self.redeem(head) {
            Ok(ticket) => ticket,
            Err(why) => {
                return self.refuse_upgrade(None, HttpFault::Answer(Answer::handshake(401, "514", why, Some("10014"))));
            }
        };
        let app_id = ticket.app_id.clone();
        let key = match websocket_key(&head.headers) {
            Ok(key) => key,
            Err(what) => {
                self.client_fault(Some(&app_id), None, format!("upgrade: {what}"));
                return self.refuse_upgrade(Some(&app_id), HttpFault::Answer(Answer::status(400)));
            }
        };
        let fault = fire(&mut self.state().faults.upgrade, Some(&app_id), |_| true);
        if let Some(UpgradeFault::Http(fault)) = fault {
            return self.refuse_upgrade(Some(&app_id), fault);
        }
        let first = match fault {
            Some(UpgradeFault::AcceptThenClose(code)) => First::Close(code),
            Some(UpgradeFault::AcceptThenDrop) => First::Drop,
            _ => First::Serve,
        };
        let Some(seat) = Seat::take(self, ticket, first, &head.headers) else {
            let answer = Answer::handshake(401, "514", "connection limit", Some("1000040350"));
            return self.refuse_upgrade(Some(&app_id), HttpFault::Answer(answer));
        };
        let accept = match fault {
            Some(UpgradeFault::WrongAccept) => STANDARD.encode([0; 20]),
            _ => derive_accept_key(key.as_bytes()),
        };
        let mut headers =
            vec![("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", accept.as_str())];
        if let Some(UpgradeFault::Extension(extension)) = &fault {
            headers.push(("sec-websocket-extensions", extension));
        }
        if let Some(UpgradeFault::Head(head)) = &fault {
            return Outcome::UpgradeBytes(head.replace("{accept}", &accept).into_bytes(), Box::new(seat));
        }
        if let Some(UpgradeFault::HeadThen { head, hex }) = &fault {
            let mut bytes = head.replace("{accept}", &accept).into_bytes();
            bytes.extend(unhex(hex));
            return Outcome::UpgradeBytes(bytes, Box::new(seat));
        }
        Outcome::Upgrade(response(101, String::new(), headers), Box::new(seat))
    }

    /// A URL is good for one attempt, also for one that is refused for another reason.
    fn redeem(&self, head: &Parts) -> Result<Ticket, &'static str> {
        let query = head.uri.query().unwrap_or_default();
        let (_, key) =
            form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "ticket").ok_or("no ticket")?;
        let ticket = self.state().tickets.remove(key.as_ref()).ok_or("ticket unknown or used")?;
        if ticket.expires <= self.clock.now() {
            return Err("ticket expired");
        }
        if head.uri.path_and_query().is_none_or(|target| target.as_str() != ticket.target) {
            self.client_fault(Some(&ticket.app_id), None, "upgrade: the URL is not the one that was given out");
            return Err("access denied");
        }
        Ok(ticket)
    }

    fn refuse_upgrade(&self, app_id: Option<&str>, fault: HttpFault) -> Outcome {
        let (code, msg) = match &fault {
            HttpFault::Answer(answer) => {
                let header = |name: &str| answer.headers.get(name).map(String::as_str);
                (header("handshake-status").and_then(|code| code.parse().ok()), header("handshake-msg"))
            }
            _ => (None, None),
        };
        let msg = msg.unwrap_or("refused").to_owned();
        let outcome = Outcome::from(fault);
        self.log.add(app_id, Kind::Refused { what: "upgrade".to_owned(), status: outcome.status(), code, msg });
        outcome
    }
}

/// Bytes from hex; what is no hex is left out.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
    digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect()
}

/// The key of a request that is a WebSocket upgrade by RFC 6455.
fn websocket_key(headers: &HeaderMap) -> Result<String, &'static str> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let has = |name: HeaderName, token: &str| text(name).split(',').any(|item| item.trim().eq_ignore_ascii_case(token));
    if !has(UPGRADE, "websocket") || !has(CONNECTION, "upgrade") {
        return Err("not an upgrade to WebSocket");
    }
    if text(SEC_WEBSOCKET_VERSION) != "13" {
        return Err("Sec-WebSocket-Version is not 13");
    }
    let key = text(SEC_WEBSOCKET_KEY);
    if STANDARD.decode(key).is_ok_and(|key| key.len() == 16) {
        Ok(key.to_owned())
    } else {
        Err("Sec-WebSocket-Key is not 16 bytes in base64")
    }
}
