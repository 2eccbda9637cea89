//! The engine, driven as a runtime drives it.

use crate::input::{APP, OWN};
use base64ct::{Base64, Encoding as _};
use larkwire_core::content::Form;
use larkwire_core::wire::websocket;
use larkwire_core::{
    Attempt, Bot, Config, GateRules, Identity, Instant, Lane, OwnOpenId, Region, Secret, Seed, State, Storage, Verdict,
    Wish,
};

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
        Self::with(Storage::growable())
    }

    /// The same with memory for longer messages, of which the engine's own limit is 1 MiB on a host.
    pub fn for_messages_of(bytes: usize) -> Self {
        let room = 2 * bytes + 64 * 1024;
        let open = Self::with(Storage {
            socket_in: Region::growable(room),
            parts: Region::growable(room),
            assembled: Region::growable(room),
            ..Storage::growable()
        });
        Self { text: vec![0; room], ..open }
    }

    fn with(storage: Storage<'static>) -> Self {
        let config = Config {
            app_id: APP,
            app_secret: Secret::new("a secret of some 32 characters.."),
            gate: GateRules { allowed_users: &["*"], ..GateRules::default() },
            own_open_id: OwnOpenId::Given(OWN),
            ..Config::default()
        };
        let mut bot = Bot::new(config, storage, Seed([7; 32])).expect("a valid configuration");
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

    /// Received bytes in, every event read and accepted, acks out; how many bytes of text and of acks.
    #[inline(never)]
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
    use crate::input::{Inputs, Kind, SIZES, Script, frame, parts, payload, ws_frame};

    #[test]
    fn every_event_is_read_and_acked() {
        let mut open = Open::new();
        for (n, size) in SIZES.into_iter().enumerate() {
            for (m, script) in Script::ALL.into_iter().enumerate() {
                let payload = payload(2 * n + m, size, Kind::Text, script);
                let (read, acked) = open.receive(&ws_frame(&frame(2 * n + m, &payload)));
                assert!(read > size / 20 && acked > 200, "{size}: {read} {acked}: {:?}", open.bot.stats());
            }
        }
    }

    #[test]
    fn four_megabytes_are_read_whole_and_in_parts() {
        let size = 4 * 1024 * 1024;
        let mut open = Open::for_messages_of(size);
        let whole = Inputs::new(1, size, Kind::Text, Script::Ascii);
        let (read, _) = open.receive(&whole.ws_frames[0]);
        assert!(read > size - 1000);
        let mut read = 0;
        for part in parts(1, 60, &payload(1, size, Kind::Text, Script::Ascii)) {
            read += open.receive(&ws_frame(&part)).0;
        }
        assert!(read > size - 1000, "{:?}", open.bot.stats());
    }
}
