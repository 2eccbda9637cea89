//! The open platform: discovery, tokens, calls (protocol sections 2, 14 to 16).

use larkwire_core::Lane;
use larkwire_core::fault::{Fatal, FatalReason};

use crate::clock::{DAY, SECOND, http_date};
use crate::faults::Fault;
use crate::ledger::number;
use crate::plan::{APP_ID, OWN, SECRET};
use crate::queue::Happening;
use crate::wire::{Request, SERVICE, accept_of, answer, take_request};
use crate::world::World;

/// One tenant token, as the platform remembers it.
#[derive(Debug)]
pub(crate) struct Token {
    issued: u64,
    life: u64,
    revoked: bool,
    odd: bool,
    /// How often clocks had stopped or bots started by then.
    era: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Platform {
    pub(crate) tokens: Vec<Token>,
    /// Tickets of socket URLs: whether each was used.
    tickets: Vec<bool>,
    /// What discovery or upgrade said last about waiting, in milliseconds of the bot's patience.
    pub(crate) floor: u64,
    /// The secret in the bot's configuration is not the app's any more.
    pub(crate) rotated: bool,
    /// Codes of the fatal verdicts that were given since the bot was started.
    pub(crate) said_fatal: Vec<i64>,
    pub(crate) requests: u64,
    /// Requests of the minute that runs, and what they were expected for.
    pub(crate) minute: (u64, u64),
}

impl Platform {
    /// Whether this is a verdict that was given to the bot that runs.
    pub(crate) fn has_said(&self, fatal: &Fatal) -> bool {
        fatal.reason == FatalReason::Credentials && self.said_fatal.contains(&fatal.code)
    }
}

/// An answer before it is written.
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Reply {
    fn ok(body: impl Into<String>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into() }
    }

    fn status(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }
}

impl World {
    /// Bytes have reached the platform.
    pub(crate) fn platform_reads(&mut self, id: u32) {
        let Some(conn) = self.conns.get_mut(&id).filter(|conn| conn.platform_end) else { return };
        if conn.lane == Lane::Socket && conn.upgraded {
            return self.read_frames(id);
        }
        let request = match take_request(&mut conn.up) {
            Ok(Some(request)) => request,
            Ok(None) => return,
            Err(error) => return self.fail(format!("the bot breaks HTTP: {error}")),
        };
        if conn.lane == Lane::Socket {
            return self.upgrade(id, &request);
        }
        if !conn.up.is_empty() {
            return self.fail("the bot pipelines requests".to_owned());
        }
        conn.served += 1;
        self.serve(id, &request);
    }

    fn serve(&mut self, id: u32, request: &Request) {
        self.log(|| format!("platform: {} {} on {id}", request.method, request.target));
        self.platform.requests += 1;
        self.count_request();
        if self.weather.is(Fault::HttpHole) {
            return self.dirty(id, u64::MAX);
        }
        let reply = if request.target == "/callback/ws/endpoint" {
            self.discovery(request)
        } else if request.target == "/open-apis/auth/v3/tenant_access_token/internal" {
            self.token(request)
        } else if self.weather.is(Fault::CallsHang) {
            return self.dirty(id, u64::MAX);
        } else {
            match self.check_token(id, request) {
                Some(refused) => refused,
                None => self.call(request),
            }
        };
        let (chunked, close) = (self.dice.one_in(6), self.dice.one_in(10));
        let mut headers: Vec<(&str, &str)> = reply.headers.iter().map(|(key, value)| (*key, value.as_str())).collect();
        if close {
            headers.push(("Connection", "close"));
        }
        let bytes = answer(reply.status, &headers, &reply.body, chunked, &http_date(self.now));
        let after = self.dice.between(3, 250);
        self.after(after, Happening::Answer { conn: id, bytes, close });
        if !close && self.dice.one_in(4) {
            // The platform lets idle connections go, sometimes at the moment they are used again.
            let after = after + self.dice.between(0, 6 * SECOND);
            self.after(after, Happening::Close { conn: id });
        }
    }

    /// No fault makes the bot ask more than this.
    fn count_request(&mut self) {
        let minute = self.now / 60_000;
        if self.platform.minute.0 != minute {
            self.platform.minute = (minute, 0);
        }
        self.platform.minute.1 += 1;
        let reasons = self.app.reasons(minute);
        if self.platform.minute.1 > 80 + 8 * reasons {
            self.fail(format!("{} requests within a minute, and reasons for {reasons}", self.platform.minute.1));
        }
    }

    fn discovery(&mut self, request: &Request) -> Reply {
        self.figures.discoveries += 1;
        self.arrivals.push(self.now);
        self.platform.floor = 0;
        if request.text("AppID") != Some(APP_ID) || request.text("AppSecret") != Some(SECRET) {
            self.fail(format!("discovery with other credentials: {}", request.body));
        }
        if self.platform.rotated {
            self.platform.said_fatal.push(514);
            self.platform.floor = 30 * SECOND;
            return Reply::ok(r#"{"code":514,"msg":"auth failed"}"#);
        }
        if self.weather.is(Fault::DiscoveryStatus) {
            let mut reply = Reply::status(self.dice.pick(&[429, 500, 502, 503]), "busy");
            if self.dice.one_in(2) {
                let seconds = self.dice.pick(&[0, 1, 7, 60, 3600]);
                self.platform.floor = (seconds * SECOND).min(600 * SECOND);
                self.watch.slow = true;
                reply.headers.push((self.dice.pick(&["Retry-After", "x-ogw-ratelimit-reset"]), seconds.to_string()));
            }
            return reply;
        }
        if self.weather.is(Fault::DiscoveryCode) {
            let code = self.dice.pick(&[1_u64, 1_000_040_343, 1_000_040_345]);
            return Reply::ok(format!(r#"{{"code":{code},"msg":"busy","data":null}}"#));
        }
        if self.weather.is(Fault::ConnectionLimit) && self.dice.one_in(2) {
            self.platform.floor = 30 * SECOND;
            self.watch.slow = true;
            return Reply::ok(r#"{"code":1000040350,"msg":"too many"}"#);
        }
        let config = match self.weather.is(Fault::HostileConfig) {
            true => self.hostile_config(),
            false => self.plan.client_config(),
        };
        let ticket = self.platform.tickets.len();
        let url = format!("wss://msg-frontier.feishu.cn/ws/v2?device_id=7&service_id={SERVICE}&ticket={ticket}");
        if self.weather.is(Fault::DiscoveryGarbage) {
            let bodies = [
                String::new(),
                "<html>portal</html>".to_owned(),
                "[]".to_owned(),
                r#"{"code":0}"#.to_owned(),
                r#"{"code":0,"data":null}"#.to_owned(),
                r#"{"code":0,"data":{"URL":""}}"#.to_owned(),
                r#"{"code":0,"data":{"URL":"http://msg-frontier.feishu.cn/x?service_id=1"}}"#.to_owned(),
                r#"{"code":0,"data":{"URL":"wss://msg-frontier.feishu.cn/x?device_id=1"}}"#.to_owned(),
                format!(r#"{{"code":0,"data":{{"URL":"{url}""#),
                "x".repeat(1 << 20),
            ];
            let body = bodies[self.dice.below(bodies.len() as u64) as usize].clone();
            return Reply::ok(body);
        }
        self.platform.tickets.push(false);
        Reply::ok(format!(r#"{{"code":0,"msg":"","data":{{"URL":"{url}","ClientConfig":{config}}}}}"#))
    }

    pub(crate) fn hostile_config(&mut self) -> String {
        let all = [
            "null",
            "{}",
            r#"{"PingInterval":0,"ReconnectInterval":0,"ReconnectNonce":0,"ReconnectCount":0}"#,
            r#"{"PingInterval":-1,"ReconnectInterval":-7,"ReconnectNonce":-30,"ReconnectCount":1}"#,
            r#"{"PingInterval":1,"ReconnectInterval":1,"ReconnectNonce":1,"ReconnectCount":1}"#,
            r#"{"PingInterval":2147483648,"ReconnectInterval":4294967296,"ReconnectNonce":9007199254740993}"#,
            r#"{"PingInterval":1.5,"ReconnectInterval":"9","ReconnectNonce":null}"#,
            r#"{"PingInterval":86400,"ReconnectInterval":86400,"ReconnectNonce":86400}"#,
            r#"{"PingInterval":5,"ReconnectInterval":86400,"ReconnectNonce":1}"#,
        ];
        self.dice.pick(&all).to_owned()
    }

    fn token(&mut self, request: &Request) -> Reply {
        if request.text("app_secret") != Some(SECRET) {
            self.fail(format!("a token is asked for with another secret: {}", request.body));
        }
        if self.platform.rotated {
            self.platform.said_fatal.push(10_014);
            return Reply::ok(r#"{"code":10014,"msg":"app secret invalid"}"#);
        }
        if self.weather.is(Fault::TokenRefused) {
            return match self.dice.below(4) {
                0 => Reply::status(500, ""),
                1 => Reply {
                    status: 429,
                    headers: vec![("Retry-After", self.dice.pick(&["0", "5", "900"]).to_owned())],
                    body: String::new(),
                },
                2 => Reply::ok("<html>"),
                _ => Reply::ok(r#"{"code":99991400,"msg":"rate"}"#),
            };
        }
        let odd = self.weather.is(Fault::TokenOdd);
        let expire = if odd { self.dice.pick(&[0, -5, 1, i64::MAX, 1 << 40]) } else { self.plan.token_life as i64 };
        let life = u64::try_from(expire).unwrap_or(0).min(DAY / SECOND) * SECOND;
        self.figures.tokens += 1;
        self.platform.tokens.push(Token { issued: self.now, life, revoked: false, odd, era: self.era });
        let n = self.platform.tokens.len() - 1;
        Reply::ok(format!(r#"{{"code":0,"msg":"ok","tenant_access_token":"t-{n}","expire":{expire}}}"#))
    }

    pub(crate) fn revoke_tokens(&mut self) {
        for token in self.platform.tokens.iter_mut().rev().take_while(|token| !token.revoked) {
            token.revoked = true;
        }
    }

    /// Refuses a token that is not valid any more.
    fn check_token(&mut self, id: u32, request: &Request) -> Option<Reply> {
        let n = request.header("Authorization").and_then(|text| number::<usize>(text, "Bearer t-"));
        let Some(token) = n.and_then(|n| self.platform.tokens.get(n)) else {
            self.fail(format!("a call with a token of nobody: {:?}", request.header("Authorization")));
            return None;
        };
        let over = if token.odd { DAY } else { token.life };
        let expired = self.now > token.issued + over + 10 * SECOND;
        if !expired && !token.revoked {
            return None;
        }
        let clean = self.conns.get(&id).is_some_and(|conn| conn.dirty_until < self.now);
        if expired && !token.revoked && !token.odd && token.era == self.era && clean {
            let late = self.now - token.issued - over;
            self.fail(format!("a token was used {late} ms after its end"));
        }
        self.figures.tokens_refused += 1;
        let status = self.dice.pick(&[200, 200, 400, 401]);
        let code = self.dice.pick(&[99_991_663, 99_991_668]);
        Some(Reply::status(status, format!(r#"{{"code":{code},"msg":"Invalid access token for authorization"}}"#)))
    }

    fn call(&mut self, request: &Request) -> Reply {
        if request.target == "/open-apis/bot/v3/info" {
            return Reply::ok(format!(
                r#"{{"code":0,"msg":"ok","bot":{{"activate_status":2,"app_name":"Echo","open_id":"{OWN}"}}}}"#
            ));
        }
        let reaction = request.target.ends_with("/reactions");
        if self.weather.is(Fault::CallsBusy) {
            return match self.dice.below(5) {
                0 => Reply::status(500, ""),
                1 => Reply { status: 429, headers: vec![("Retry-After", "3".to_owned())], body: String::new() },
                2 => Reply::ok(r#"{"code":99991400,"msg":"rate"}"#),
                3 => Reply::ok(r#"{"code":230049,"msg":"being sent"}"#),
                _ => Reply::status(503, "<html>"),
            };
        }
        if self.weather.is(Fault::CallsRefused) {
            let code = self.dice.pick(&[230_002, 230_011, 230_020, 99_991_672, 231_001, 230_001]);
            return Reply::status(400, format!(r#"{{"code":{code},"msg":"no"}}"#));
        }
        if reaction {
            self.figures.reactions += 1;
            return Reply::ok(r#"{"code":0,"msg":"success","data":{"reaction_id":"r-1"}}"#);
        }
        let Some(n) = request.body.split_once("call-").and_then(|(_, rest)| {
            rest.split(|ch: char| !ch.is_ascii_digit()).next().and_then(|digits| digits.parse::<usize>().ok())
        }) else {
            self.fail(format!("a call of nobody: {} {}", request.target, request.body));
            return Reply::ok("{}");
        };
        if let Err(error) = self.app.served(n, request.text("uuid").unwrap_or_default()) {
            self.fail(error);
        }
        Reply::ok(format!(r#"{{"code":0,"msg":"success","data":{{"message_id":"om_sent_{n}","chat_id":"oc_1"}}}}"#))
    }

    /// The answer to an upgrade (protocol section 3).
    fn upgrade(&mut self, id: u32, request: &Request) {
        self.platform.floor = 0;
        let ticket = request.target.split_once("ticket=").and_then(|(_, ticket)| ticket.parse::<usize>().ok());
        match ticket.and_then(|ticket| self.platform.tickets.get_mut(ticket)) {
            Some(used) if !*used => *used = true,
            _ => return self.fail(format!("a URL of nobody, or used twice: {}", request.target)),
        }
        if self.weather.is(Fault::UpgradeHole) {
            return self.dirty(id, u64::MAX);
        }
        let date = http_date(self.now);
        let refuse = |status: u16, headers: &[(&str, &str)]| answer(status, headers, "", false, &date);
        if self.weather.is(Fault::UpgradeRefused) {
            self.dirty(id, u64::MAX);
            let status =
                |status, auth| [("Handshake-Status", status), ("Handshake-Msg", "no"), ("Handshake-Autherrcode", auth)];
            let bytes = match self.dice.below(7) {
                0 => refuse(503, &[]),
                1 => refuse(200, &status("514", "7")),
                2 => refuse(302, &[("Location", "https://evil.example/")]),
                3 => b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n".to_vec(),
                4 => b"\x16\x03\x01 what".to_vec(),
                5 => {
                    self.platform.floor = 30 * SECOND;
                    self.watch.slow = true;
                    refuse(200, &status("514", "1000040350"))
                }
                _ => {
                    self.platform.floor = 20 * SECOND;
                    self.watch.slow = true;
                    refuse(429, &[("Retry-After", "20")])
                }
            };
            self.send_down(id, &bytes);
            return self.hang_up(id);
        }
        let key = request.header("Sec-WebSocket-Key").unwrap_or_default();
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
            accept_of(key)
        );
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.upgraded = true;
        }
        self.figures.connections += 1;
        self.send_down(id, head.as_bytes());
        if self.weather.is(Fault::AcceptThenDrop) {
            self.dirty(id, u64::MAX);
            let after = self.dice.between(0, 2 * SECOND);
            self.after(after, Happening::Close { conn: id });
        }
        self.read_frames(id);
    }
}

#[cfg(test)]
mod tests {
    use larkwire_core::fault::{Fatal, FatalReason};

    use super::Platform;

    #[test]
    fn a_verdict_that_nobody_gave_is_no_reason_to_end() {
        let fatal = |reason, code| Fatal { reason, code, message: Default::default(), last: None };
        let credentials = FatalReason::Credentials;
        assert!(!Platform::default().has_said(&fatal(credentials, 514)));
        let platform = Platform { said_fatal: vec![514], ..Platform::default() };
        assert!(platform.has_said(&fatal(credentials, 514)));
        assert!(!platform.has_said(&fatal(credentials, 10_014)));
        assert!(!platform.has_said(&fatal(FatalReason::Refused, 514)));
        assert!(!platform.has_said(&fatal(FatalReason::GaveUp, 0)));
    }
}
