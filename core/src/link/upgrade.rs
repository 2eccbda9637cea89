//! The upgrade of the stream to a WebSocket (protocol section 3, RFC 6455 section 4).

use super::verdict::refused_upgrade;
use super::{Link, Phase};
use crate::fault::LinkFault;
use crate::shared::Shared;
use crate::wire::http::{self, Authority, Head, HeadScan, Method, write_request};
use crate::wire::websocket::{check_upgrade, key_text};
use crate::wire::writer::Writer;

impl Link<'_> {
    pub(super) fn write_upgrade(&mut self, nonce: [u8; 16], shared: &Shared<'_>) -> bool {
        let Some(url) = self.url.get() else { return false };
        let key = key_text(nonce);
        let key = core::str::from_utf8(&key).unwrap_or_default();
        let authority = Authority { host: url.host, port: url.port, tls: url.scheme.tls() };
        let slash = if url.target.starts_with('/') { "" } else { "/" };
        let headers = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", key),
            ("Sec-WebSocket-Version", "13"),
            ("User-Agent", shared.user_agent()),
        ];
        let request =
            |w: &mut Writer<'_>| write_request(w, Method::Get, &[slash, url.target], authority, &headers, None).is_ok();
        let mut counting = Writer::counting();
        let sound = request(&mut counting);
        let len = counting.len();
        sound
            && self.output.push_with(
                len,
                |w| {
                    request(w);
                },
                |_| {},
            )
    }

    pub(super) fn read_upgrade(&mut self, nonce: [u8; 16], shared: &mut Shared<'_>) {
        loop {
            let raw = self.intake.raw();
            let found = match self.scan.find(raw) {
                Ok(Some(len)) => raw.get(..len).ok_or(http::HttpError::Truncated),
                Ok(None) if self.intake.room() == 0 => Err(http::HttpError::HeadTooLong),
                Ok(None) => return,
                Err(error) => Err(error),
            };
            let len = found.map_or(0, <[u8]>::len);
            let outcome = match found.and_then(Head::parse) {
                Err(error) => Err(LinkFault::UpgradeHttp(error).into()),
                Ok(head) if head.is_interim() => Ok(false),
                Ok(head) if head.status != 101 => Err(refused_upgrade(&head)),
                Ok(head) => {
                    check_upgrade(&head, nonce).map(|()| true).map_err(|error| LinkFault::Upgrade(error).into())
                }
            };
            match outcome {
                Err(outcome) => return self.failed(outcome, shared),
                Ok(true) => {}
                Ok(false) => {
                    self.interim = self.interim.saturating_add(1);
                    if self.interim > http::MAX_INTERIM {
                        return self.lost(shared, LinkFault::UpgradeHttp(http::HttpError::Interim).into());
                    }
                    self.intake.skip_raw(len);
                    self.scan = HeadScan::default();
                    continue;
                }
            }
            self.intake.skip_raw(len);
            self.phase = Phase::Open;
            let service_id = self.url.service_id();
            self.url.spend();
            self.output.wipe_sent();
            self.session.opened(shared.now, service_id);
            // The first ping goes out at once, without waiting for the clock to be told.
            self.ping(shared);
            return;
        }
    }
}
