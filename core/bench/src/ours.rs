//! The engine, driven as a runtime drives it.

use base64ct::{Base64, Encoding as _};
use larkwire_core::content::Form;
use larkwire_core::wire::websocket;
use larkwire_core::{
    Attempt, Bot, Config, GateRules, Identity, Instant, Lane, OwnOpenId, Secret, Seed, State, Storage, Verdict, Wish,
};

/// The bot's own `open_id`, the one that is mentioned in `input`.
const OWN: &str = "ou_155184d1e73cbfb8973e5a9e698e74f2";

/// A bot with an open connection that takes everybody's messages.
pub struct Open {
    bot: Bot<'static>,
    now: Instant,
    attempt: Attempt,
    text: Vec<u8>,
}

impl Open {
    /// Opens a bot, up to the answered upgrade.
    pub fn new() -> Self {
        let config = Config {
            app_id: "cli_a1b2c3d4e5f60708",
            app_secret: Secret::new("a secret of some 32 characters.."),
            gate: GateRules { allowed_users: &["*"], ..GateRules::default() },
            own_open_id: OwnOpenId::Given(OWN),
            ..Config::default()
        };
        let mut bot = Bot::new(config, Storage::growable(), Seed([7; 32])).expect("a valid configuration");
        let now = Instant::from_millis(1000);
        bot.handle_timeout(now);
        let body = r#"{"code":0,"msg":"","data":{"URL":"wss://h.example/ws?device_id=1&service_id=33554678"}}"#;
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let http = Lane::Http(0);
        let attempt = attempt_of(&bot, http);
        bot.handle_opened(now, http, attempt);
        bot.handle_transmitted(now, http, attempt, bot.poll_transmit(http).len());
        bot.handle_received(now, http, attempt, answer.as_bytes());
        let attempt = attempt_of(&bot, Lane::Socket);
        bot.handle_opened(now, Lane::Socket, attempt);
        let upgrade = bot.poll_transmit(Lane::Socket).to_vec();
        bot.handle_transmitted(now, Lane::Socket, attempt, upgrade.len());
        let upgrade = String::from_utf8(upgrade).expect("text");
        let key = upgrade.split_once("Sec-WebSocket-Key: ").expect("a key").1.split('\r').next().expect("a line");
        let mut nonce = [0; 16];
        Base64::decode(key, &mut nonce).expect("16 bytes in base64");
        let accept = websocket::accept_text(nonce);
        let accept = std::str::from_utf8(&accept).expect("text");
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        bot.handle_received(now, Lane::Socket, attempt, head.as_bytes());
        assert_eq!(bot.state(), State::Open);
        assert!(matches!(bot.identity(), Identity::Known { .. }));
        let mut open = Self { bot, now, attempt, text: vec![0; 256 * 1024] };
        open.transmit();
        open
    }

    #[inline(never)]
    /// Received bytes in, every event read and accepted, acks out; how many bytes of text and of acks.
    pub fn receive(&mut self, bytes: &[u8]) -> (usize, usize) {
        let mut read = 0;
        self.bot.handle_received(self.now, Lane::Socket, self.attempt, bytes);
        while let Some(event) = self.bot.poll_delivery() {
            let id = event.id();
            let message = event.message().expect("a message");
            read += message.text(Form::Body, &mut self.text).expect("room").len();
            self.bot.handle_delivered(self.now, id, Verdict::Accepted);
        }
        (read, self.transmit())
    }

    fn transmit(&mut self) -> usize {
        let n = self.bot.poll_transmit(Lane::Socket).len();
        self.bot.handle_transmitted(self.now, Lane::Socket, self.attempt, n);
        n
    }
}

impl Default for Open {
    fn default() -> Self {
        Self::new()
    }
}

fn attempt_of(bot: &Bot<'_>, lane: Lane) -> Attempt {
    match bot.poll_lane(lane) {
        Wish::Up(target) => target.attempt,
        Wish::Down => panic!("{lane:?} is not wished for: {:?}", bot.state()),
    }
}

#[cfg(test)]
mod tests {
    use super::Open;
    use crate::input::{SIZES, Script, frame, payload, ws_frame};

    #[test]
    fn every_event_is_read_and_acked() {
        let mut open = Open::new();
        for (n, size) in SIZES.into_iter().enumerate() {
            for (m, script) in [Script::Ascii, Script::Chinese].into_iter().enumerate() {
                let bytes = ws_frame(&frame(2 * n + m, &payload(2 * n + m, size, script)));
                let (read, acked) = open.receive(&bytes);
                assert!(read > size / 20 && acked > 200, "{size}: {read} {acked}: {:?}", open.bot.stats());
            }
        }
    }
}
