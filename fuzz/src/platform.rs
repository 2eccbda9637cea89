//! A bot with a world around it: a virtual clock, a platform that answers as it should when it is asked to, and the
//! contract of `Bot`, which is checked after everything the bot is told.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use base64ct::{Base64, Encoding as _};
use larkwire_core::wire::writer::Writer;
use larkwire_core::{Attempt, Bot, Closed, Instant, Lane, ResponseId, State, Verdict, Wish};
use prost::Message as _;
use sha1::{Digest as _, Sha1};

use crate::pb;

/// The app whose bot it is.
pub const APP_ID: &str = "cli_0123456789abcdef";
/// Its secret.
pub const SECRET: &str = "canary-of-the-app-secret";
/// A token of the platform.
pub const TOKEN: &str = "canary-of-the-token";
/// Lanes looked at: the socket, the four of a host, and one that there is not.
pub const LANES: [Lane; 6] =
    [Lane::Socket, Lane::Http(0), Lane::Http(1), Lane::Http(2), Lane::Http(3), Lane::Http(250)];

/// More `handle_timeout` at one time than any bot may ask for.
const BUSY: usize = 32;

/// One stream as the world sees it.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// The attempt that was wished for last.
    pub attempt: Option<Attempt>,
    /// Earlier ones.
    pub older: Vec<Attempt>,
    /// Whether the dial has succeeded.
    pub open: bool,
    /// Whether ws frames are spoken.
    pub upgraded: bool,
    /// What the bot wrote and nobody has read.
    pub written: Vec<u8>,
}

/// What a bot shows, before and after a fact.
struct Shown {
    lanes: [(Option<Attempt>, usize, Vec<u8>); LANES.len()],
}

/// What a fact may change beyond its own doing.
#[derive(Clone, Copy, PartialEq)]
enum About {
    Nothing,
    Received(Lane),
    Transmitted(Lane, usize),
}

/// The bot and everything around it.
pub struct World<'s> {
    /// The bot.
    pub bot: Bot<'s>,
    /// The clock.
    pub now: u64,
    /// The next fact comes with a clock that is this much behind.
    pub behind: u64,
    /// Tells the newest time told so far instead of one that is behind it, which must make no difference.
    pub honest: bool,
    newest: u64,
    /// In the order of [`LANES`].
    pub streams: [Stream; LANES.len()],
    /// What is made of events at once; `None`: they wait.
    pub verdict: Option<Verdict>,
    /// What discovery is answered with, if not with what keeps things going.
    pub discovery: Option<Vec<u8>>,
    /// The same for requests of a token.
    pub token: Option<Vec<u8>>,
    /// The same for calls about messages.
    pub call_answer: Option<Vec<u8>>,
    /// Callbacks that were taken, to be answered later.
    pub responses: Vec<ResponseId>,
    /// Everything that came out of the bot.
    pub digest: DefaultHasher,
    failed_dials: usize,
    ended: bool,
}

/// The latest start: the clock of a scenario stays far from [`Instant::FAR`], which means never.
pub const LATEST: u64 = u64::MAX - (1 << 44);

impl<'s> World<'s> {
    /// A world at this time.
    pub fn new(bot: Bot<'s>, now: u64) -> Self {
        let mut world = Self {
            bot,
            now: now.min(LATEST),
            behind: 0,
            honest: false,
            newest: 0,
            streams: Default::default(),
            verdict: Some(Verdict::Accepted),
            discovery: None,
            token: None,
            call_answer: None,
            responses: Vec::new(),
            digest: DefaultHasher::new(),
            failed_dials: 0,
            ended: false,
        };
        world.invariants();
        world.sync();
        world
    }

    // ---- telling, and what must hold afterwards ----

    fn tell<R>(&mut self, about: About, fact: impl FnOnce(&mut Bot<'s>, Instant) -> R) -> R {
        let behind = std::mem::take(&mut self.behind);
        let mut told = self.now.saturating_sub(behind);
        self.newest = self.newest.max(told);
        if self.honest {
            told = self.newest;
        }
        let before = self.shown();
        let result = fact(&mut self.bot, Instant::from_millis(told));
        self.invariants();
        self.steady(&before, about);
        self.sync();
        self.ended = self.bot.ended().is_some();
        result
    }

    fn shown(&self) -> Shown {
        let look = |lane| {
            let attempt = match self.bot.poll_lane(lane) {
                Wish::Down => None,
                Wish::Up(target) => Some(target.attempt),
            };
            (attempt, self.bot.poll_receive(lane), self.bot.poll_transmit(lane).to_vec())
        };
        Shown { lanes: LANES.map(look) }
    }

    /// Lines 1, 7 and 9 of the contract.
    fn invariants(&self) {
        let bot = &self.bot;
        let mut up = 0;
        for lane in LANES {
            let wish = bot.poll_lane(lane);
            assert_eq!(wish, bot.poll_lane(lane), "poll_lane changes its mind");
            assert_eq!(bot.poll_receive(lane), bot.poll_receive(lane));
            assert_eq!(bot.poll_transmit(lane), bot.poll_transmit(lane));
            if wish == Wish::Down {
                let idle = bot.poll_receive(lane) == 0 && bot.poll_transmit(lane).is_empty();
                assert!(idle, "{lane:?} is down and wants bytes");
            }
            up += usize::from(wish != Wish::Down);
        }
        assert!(up <= 1 || !bot.takes_turns(), "{up} streams are wished for at once");
        let up = up > 0;
        assert_eq!(bot.poll_timeout(), bot.poll_timeout());
        assert_eq!(bot.poll_lane(Lane::Http(250)), Wish::Down);
        let shown = bot.poll_delivery().map(|event| event.id());
        assert_eq!(shown, bot.poll_delivery().map(|event| event.id()));
        assert!(!self.ended || bot.ended().is_some(), "the end is for ever");
        if bot.ended().is_some() {
            assert!(!up, "a wish after the end");
            assert_eq!((bot.poll_timeout(), shown), (None, None));
        } else if bot.poll_timeout().is_none() {
            assert!(bot.state() == State::Resting && !up, "asleep without an alarm: {:?}", bot.state());
        }
        assert_eq!((bot.identity(), bot.platform_clock()), (bot.identity(), bot.platform_clock()));
        assert_eq!(bot.is_delivery_waiting(), shown.is_some());
    }

    /// Within an attempt what was shown to be written is taken back by nobody, and promised room stays.
    fn steady(&self, before: &Shown, about: About) {
        let after = self.shown();
        for (lane, (old, new)) in LANES.iter().zip(before.lanes.iter().zip(&after.lanes)) {
            if old.0.is_none() || old.0 != new.0 {
                continue;
            }
            let written = match about {
                About::Transmitted(told, n) if told == *lane => n.min(old.2.len()),
                _ => 0,
            };
            assert!(new.2.starts_with(&old.2[written..]), "{lane:?} takes bytes back within an attempt");
            assert!(new.1 >= old.1 || about == About::Received(*lane), "{lane:?} takes room back within an attempt");
        }
    }

    /// Follows the wishes: a stream of an older attempt is dropped.
    fn sync(&mut self) {
        for (lane, stream) in LANES.into_iter().zip(&mut self.streams) {
            let wanted = match self.bot.poll_lane(lane) {
                Wish::Down => None,
                Wish::Up(target) => Some(target.attempt),
            };
            if stream.attempt != wanted {
                stream.older.extend(stream.attempt);
                let older = std::mem::take(&mut stream.older);
                *stream = Stream { attempt: wanted, older, ..Stream::default() };
            }
        }
    }

    // ---- facts ----

    /// The stream is open.
    pub fn opened(&mut self, at: usize, attempt: Attempt) {
        let current = self.streams[at].attempt == Some(attempt);
        self.tell(About::Nothing, |bot, now| bot.handle_opened(now, LANES[at], attempt));
        if current && self.streams[at].attempt == Some(attempt) {
            self.streams[at].open = true;
            self.failed_dials = 0;
        }
    }

    /// The stream has ended.
    pub fn closed(&mut self, at: usize, attempt: Attempt, why: Closed) {
        let current = self.streams[at].attempt == Some(attempt);
        let dialing = current && !self.streams[at].open;
        self.tell(About::Nothing, |bot, now| bot.handle_closed(now, LANES[at], attempt, why));
        if current {
            assert_ne!(self.streams[at].attempt, Some(attempt), "a closed stream is still wished for");
            assert!(at > 0 || self.streams[at].attempt.is_none(), "the socket has no brake");
            self.failed_dials += usize::from(dialing);
            assert!(self.failed_dials < BUSY, "dials without a brake");
        }
    }

    /// Bytes came in, whether or not there was room.
    pub fn received(&mut self, at: usize, attempt: Attempt, bytes: &[u8]) {
        self.tell(About::Received(LANES[at]), |bot, now| bot.handle_received(now, LANES[at], attempt, bytes));
    }

    /// Bytes were written.
    pub fn transmitted(&mut self, at: usize, attempt: Attempt, n: usize) {
        let stream = &mut self.streams[at];
        let about = if stream.attempt == Some(attempt) {
            let shown = self.bot.poll_transmit(LANES[at]);
            let taken = &shown[..n.min(shown.len())];
            stream.written.extend(taken);
            self.digest.write(taken);
            About::Transmitted(LANES[at], n)
        } else {
            About::Nothing
        };
        self.tell(about, |bot, now| bot.handle_transmitted(now, LANES[at], attempt, n));
    }

    /// Anything else.
    pub fn fact<R>(&mut self, fact: impl FnOnce(&mut Bot<'s>, Instant) -> R) -> R {
        self.tell(About::Nothing, fact)
    }

    /// The clock goes on, and is told.
    pub fn pass(&mut self, ms: u64) {
        self.advance(ms);
        self.timeout();
    }

    /// The clock goes on in silence.
    pub fn advance(&mut self, ms: u64) {
        if ms > 0 {
            self.failed_dials = 0;
        }
        self.now = self.now.saturating_add(ms);
    }

    /// The clock is told until nothing is due; that may not take for ever.
    pub fn timeout(&mut self) {
        self.behind = 0;
        for _ in 0..BUSY {
            self.fact(|bot, now| bot.handle_timeout(now));
            if self.bot.poll_timeout().is_none_or(|deadline| deadline.at.as_millis() > self.now) {
                return;
            }
        }
        panic!("{:?} stays due", self.bot.poll_timeout());
    }

    /// The clock goes on to the next deadline, and is told.
    pub fn to_deadline(&mut self) {
        if let Some(deadline) = self.bot.poll_timeout() {
            self.pass(deadline.at.as_millis().saturating_sub(self.now));
        }
    }

    /// Events and results are dealt with.
    pub fn application(&mut self) {
        while let Some(event) = self.bot.poll_delivery() {
            let Some(verdict) = self.verdict else { return };
            let id = event.id();
            event.json().hash(&mut self.digest);
            read(&event);
            self.responses.extend(event.response_id());
            self.fact(|bot, now| bot.handle_delivered(now, id, verdict));
        }
    }

    /// Takes the oldest result.
    pub fn complete(&mut self) {
        if let Some(completion) = self.bot.poll_completion() {
            let id = completion.id;
            format!("{:?}", completion.result).hash(&mut self.digest);
            self.fact(|bot, now| bot.handle_completed(now, id));
            assert!(self.bot.poll_completion().is_none_or(|next| next.id != id), "a result is taken once");
        }
    }

    // ---- the platform as it should be ----

    /// Does for every lane what its wish asks for: dials, reads, answers.
    pub fn serve(&mut self) {
        for at in 0..LANES.len() {
            self.serve_lane(at);
            self.application();
        }
    }

    /// Does for one lane what its wish asks for.
    pub fn serve_lane(&mut self, at: usize) {
        let Some(attempt) = self.streams[at].attempt else { return };
        if !self.streams[at].open {
            self.opened(at, attempt);
        }
        self.drain(at);
        if self.streams[at].attempt != Some(attempt) {
            return;
        }
        if at == 0 && self.streams[0].upgraded {
            check_client_frames(&mut self.streams[0].written);
            return;
        }
        let Some(request) = take_request(&mut self.streams[at].written) else { return };
        if at == 0 {
            self.streams[0].upgraded = true;
        }
        let answer = match (&self.discovery, &self.token) {
            (Some(answer), _) if request.contains("/callback/ws/endpoint ") => answer.clone(),
            (_, Some(answer)) if request.contains("/tenant_access_token/internal ") => answer.clone(),
            _ => match &self.call_answer {
                Some(answer) if request.contains(" /open-apis/im/") => answer.clone(),
                _ => answer_to(&request),
            },
        };
        self.feed(at, &answer);
    }

    /// Reads all that the bot writes.
    pub fn drain(&mut self, at: usize) {
        while let Some(attempt) = self.streams[at].attempt {
            let n = self.bot.poll_transmit(LANES[at]).len();
            if n == 0 {
                break;
            }
            self.transmitted(at, attempt, n);
        }
    }

    /// Hands bytes over as there is room; the rest is lost when there is none.
    pub fn feed(&mut self, at: usize, mut bytes: &[u8]) {
        let Some(attempt) = self.streams[at].attempt else { return };
        while !bytes.is_empty() && self.streams[at].attempt == Some(attempt) {
            let n = self.bot.poll_receive(LANES[at]).min(bytes.len());
            if n == 0 {
                return;
            }
            self.received(at, attempt, &bytes[..n]);
            bytes = &bytes[n..];
            self.application();
        }
    }

    /// Whatever was played, a bot that is told to stop ends in time, even if nobody helps.
    pub fn end(mut self) -> u64 {
        let started = self.now;
        self.fact(|bot, now| bot.shut_down(now));
        for _ in 0..10_000 {
            if self.bot.ended().is_some() {
                break;
            }
            self.to_deadline();
        }
        assert!(self.bot.ended().is_some(), "never ends: {:?} {:?}", self.bot.state(), self.bot.poll_timeout());
        assert!(self.now.saturating_sub(started) <= 14_000, "ends late: {}", self.now - started);
        while self.bot.poll_completion().is_some() {
            self.complete();
        }
        let mut counting = Writer::counting();
        self.bot.write_seen(None, &mut counting);
        assert!((counting.len() - 32) as u64 <= self.bot.seen_count() * 16);
        self.bot.handle_timeout(Instant::from_millis(self.now + 1_000_000));
        self.invariants();
        format!("{:?}{:?}{:?}", self.bot.stats(), self.bot.ended(), self.bot.client_config()).hash(&mut self.digest);
        while let Some(notice) = self.bot.take_notice() {
            format!("{notice:?}").hash(&mut self.digest);
        }
        let words = format!("{:?}", self.bot);
        assert!(!words.contains(SECRET) && !words.contains(TOKEN), "a secret in Debug");
        self.digest.finish()
    }
}

/// Every accessor of an event.
fn read(event: &larkwire_core::Event<'_>) {
    let _ = format!("{event:?} {:?}", (event.body(), event.create_time(), event.trace_id(), event.envelope()));
    let mut texts = vec![event.event_type(), event.event_id(), event.tenant_key()];
    if let Some(message) = event.message() {
        let sender = message.sender();
        texts.extend([message.chat_id(), message.chat_type(), message.content(), message.message_id()]);
        texts.extend([message.message_type(), message.parent_id(), message.root_id(), message.thread_id()]);
        texts.extend([
            sender.open_id(),
            sender.sender_type(),
            sender.tenant_key(),
            sender.union_id(),
            sender.user_id(),
        ]);
        assert!(
            message.mentions().is_empty() || serde_json::from_str::<serde::de::IgnoredAny>(message.mentions()).is_ok()
        );
    }
    for text in texts.into_iter().flatten() {
        assert_eq!(text.to_string().len(), text.unescaped_len());
    }
    serde_json::from_str::<serde::de::IgnoredAny>(event.json()).expect("an event is JSON");
    let _ = event.reader().value();
    crate::envelope_gate::look(event);
}

fn take_request(written: &mut Vec<u8>) -> Option<String> {
    let end = written.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(written[..end].to_vec()).expect("a head is text");
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: "));
    let all = end + length.map_or(0, |digits| digits.parse::<usize>().expect("a number"));
    if written.len() < all {
        return None;
    }
    let body: Vec<u8> = written.drain(..all).skip(end).collect();
    if !body.is_empty() {
        serde_json::from_slice::<serde::de::IgnoredAny>(&body).expect("what the bot sends is JSON");
    }
    Some(head)
}

/// The answer that keeps things going.
pub fn answer_to(head: &str) -> Vec<u8> {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let body = if let Some(key) = head.split("\r\n").find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")) {
        let hash = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
        let accept = Base64::encode_string(&hash);
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        return format!("{head}Sec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes();
    } else if target.ends_with("/callback/ws/endpoint") {
        r#"{"code":0,"data":{"URL":"wss://h/ws?device_id=1&service_id=1&ticket=t","ClientConfig":{"PingInterval":30}}}"#
    } else if target.ends_with("/tenant_access_token/internal") {
        return http(200, &format!(r#"{{"code":0,"expire":7200,"tenant_access_token":"{TOKEN}"}}"#));
    } else if target.ends_with("/bot/v3/info") {
        r#"{"code":0,"bot":{"open_id":"ou_bot","app_name":"Bot"}}"#
    } else {
        r#"{"code":0,"data":{"message_id":"om_1"}}"#
    };
    http(200, body)
}

/// An HTTP answer.
pub fn http(status: u16, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A ws frame of the server whose first byte is `first`.
pub fn ws(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..=125 => out.push(len as u8),
        len @ 126..=65_535 => {
            out.push(126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(payload);
    out
}

/// Takes whole ws frames; panics where the bot breaks RFC 6455 or writes a frame that prost or the platform refuses.
pub fn check_client_frames(written: &mut Vec<u8>) {
    while let Some(&[first, second]) = written.first_chunk() {
        assert!(matches!(first, 0x82 | 0x88 | 0x8a), "an unexpected ws frame: {first:#x}");
        assert_ne!(second & 0x80, 0, "a client masks");
        let (len, at) = match second & 0x7f {
            126 if written.len() < 4 => return,
            126 => (usize::from(u16::from_be_bytes([written[2], written[3]])), 4),
            127 => panic!("a ws frame of the bot beyond 64 KiB"),
            short => (usize::from(short), 2),
        };
        assert!(at == 2 || len > 125, "not the shortest length");
        assert!(first == 0x82 || len <= 125, "a long control frame");
        if written.len() < at + 4 + len {
            return;
        }
        let mask = &written[at..at + 4];
        let payload: Vec<u8> =
            written[at + 4..at + 4 + len].iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b).collect();
        written.drain(..at + 4 + len);
        if first == 0x82 {
            let frame = pb::Frame::decode(&payload[..]);
            let ours = larkwire_core::wire::frame::Frame::decode(&payload).expect("what the bot writes is a frame");
            assert_eq!(ours.missing.count(), 0, "the platform's decoders refuse this frame");
            if let (Ok(frame), 1) = (frame, ours.method) {
                let payload = frame.payload.expect("an ack has a payload");
                let json: serde_json::Value = serde_json::from_slice(&payload).expect("an ack is JSON");
                assert_eq!(json["code"], 200);
                if let Some(data) = json["data"].as_str() {
                    let data = Base64::decode_vec(data).expect("an answer is base64");
                    let json = serde_json::from_slice::<serde_json::Value>(&data).expect("an answer is JSON");
                    assert!(json.is_object());
                }
                assert!(frame.headers.iter().any(|header| header.key == b"biz_rt"));
            }
        } else if first == 0x88 {
            assert!(payload.is_empty() || payload.len() >= 2, "half a close code");
        }
    }
}
