//! Any facts in any order on a virtual clock, through a whole bot. What must hold is checked by [`World`].

use arbitrary::{Arbitrary, Unstructured};
use larkwire_core::{
    Attempt, Bot, Buffers, Body, Call, Closed, Config, Domain, OnFatal, ReceiveIdType, Seed, Storage, UnixMillis, Verdict,
};

use crate::pb;
use crate::platform::{APP_ID, LANES, SECRET, World, http, ws};

/// Reads a scenario out of the bytes and plays it.
pub fn run(data: &[u8]) {
    if let Ok(scenario) = Scenario::arbitrary_take_rest(Unstructured::new(data)) {
        scenario.play();
    }
}

/// A bot and what happens to it.
#[derive(Arbitrary, Debug)]
pub struct Scenario<'a> {
    twice: bool,
    growable: bool,
    start: Start,
    max_attempts: Option<u8>,
    follow_reconnect_count: bool,
    keep_trying: bool,
    no_pong_check: bool,
    dedup_window_ms: u32,
    call_timeout_ms: u16,
    seed: u8,
    facts: Vec<Fact<'a>>,
}

impl Scenario<'_> {
    /// Plays it, or plays it twice, because the same facts give the same bytes (contract, lines 4 and 10).
    pub fn play(&self) {
        let digest = once(self, false);
        if self.twice {
            assert_eq!(once(self, true), digest, "the same facts, other bytes");
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Start {
    Zero,
    BeforeU32,
    Late,
    Latest,
}

/// A place of [`LANES`].
type At = u8;

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Which {
    Current,
    Never,
    Older(u8),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    Event,
    Message,
    Callback,
    OldCard,
    Foreign,
    V1,
}

/// HTTP statuses, and what `Handshake-Status` may say.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Status {
    Fine,
    Forbidden,
    Limited,
    Other(u16),
    Platform,
    Unavailable,
}

/// The codes of protocol sections 2.4, 3, 15 and 16.5 that mean something to the bot.
const CODES: [i64; 20] = [
    0,
    1,
    403,
    514,
    9499,
    10_003,
    10_014,
    1_000_040_343,
    1_000_040_344,
    1_000_040_345,
    1_000_040_350,
    1_000_040_351,
    99_991_400,
    99_991_543,
    99_991_661,
    99_991_663,
    99_991_664,
    230_020,
    230_001,
    -1,
];

#[derive(Arbitrary, Debug)]
enum Fact<'a> {
    Advance(u16),
    Behind(u32),
    Bytes(At, Which, &'a [u8]),
    Close(At, Which, u8),
    CloseWs(u16),
    Complete,
    Deadline,
    Decide(u8),
    Discovery { status: Status, code: u8, url: &'a str, config: &'a str },
    Event { kind: Kind, id: u8, extra: &'a str },
    Header { key: &'a str, value: &'a str, payload: &'a [u8] },
    Http(At, &'a [u8]),
    HttpJson { at: At, status: Status, code: u8, data: &'a str },
    Inbox(u8),
    Jump(u32),
    LateVerdict(u8),
    Notice,
    Opened(At, Which),
    Part { id: u8, sum: u8, seq: u8, cuts: u8 },
    PingWs(&'a [u8]),
    Policy(u8),
    Pong(&'a str),
    Refuse { status: Status, handshake: Option<Status>, auth: u8 },
    Reply(&'a str),
    Send(&'a str, &'a str, Option<&'a str>),
    Serve(u8),
    ShutDown,
    Timeout,
    Transmitted(At, Which, u16),
    Wall(Option<u64>),
    Ws(u8, &'a [u8]),
}

fn once(scenario: &Scenario<'_>, honest: bool) -> u64 {
    let config = Config {
        app_id: APP_ID,
        app_secret: SECRET,
        domain: Domain::Feishu,
        max_attempts: scenario.max_attempts.map(u32::from),
        follow_reconnect_count: scenario.follow_reconnect_count,
        on_fatal: if scenario.keep_trying { OnFatal::SlowRetry } else { OnFatal::End },
        pong_timeout_ms: if scenario.no_pong_check { 0 } else { 20_000 },
        dedup_window_ms: scenario.dedup_window_ms.into(),
        call_timeout_ms: u32::from(scenario.call_timeout_ms) + 1,
        ..Config::default()
    };
    let seed = Seed([scenario.seed; 32]);
    let mut buffers = Box::new(Buffers::<640, 800, 1536, 96, 6>::new());
    let mut tables = buffers.tables();
    let storage = if scenario.growable { Storage::growable() } else { tables.storage() };
    let bot = Bot::new(config, storage, seed).expect("the configuration is sound");
    let start = match scenario.start {
        Start::Zero => 0,
        Start::BeforeU32 => u64::from(u32::MAX) - 20_000,
        Start::Late => u64::MAX / 2,
        Start::Latest => u64::MAX,
    };
    let mut world = World::new(bot, start);
    world.honest = honest;
    let mut old_ids = Vec::new();
    for fact in &scenario.facts {
        if let Some(event) = world.bot.poll_delivery() {
            old_ids.push(event.id());
        }
        tell(&mut world, fact, &old_ids);
    }
    world.end()
}

fn tell(world: &mut World<'_>, fact: &Fact<'_>, old_ids: &[larkwire_core::DeliveryId]) {
    match *fact {
        Fact::Advance(ms) => world.advance(ms.into()),
        Fact::Behind(ms) => world.behind = ms.into(),
        Fact::Bytes(at, which, bytes) => {
            let (at, attempt) = pick(world, at, which);
            world.received(at, attempt, bytes);
        }
        Fact::Close(at, which, why) => {
            let (at, attempt) = pick(world, at, which);
            world.closed(at, attempt, reason(why));
        }
        Fact::CloseWs(code) => world.feed(0, &ws(0x88, &code.to_be_bytes())),
        Fact::Complete => world.complete(),
        Fact::Deadline => world.to_deadline(),
        Fact::Decide(verdict) => {
            if let Some(id) = world.bot.poll_delivery().map(|event| event.id()) {
                world.fact(|bot, now| bot.handle_delivered(now, id, decided(verdict)));
            }
        }
        Fact::Discovery { status, code, url, config } => {
            let url = if url.is_empty() { "wss://h/ws?service_id=7" } else { url };
            let (url, code) = (serde_json::Value::from(url), number(code));
            let config = if config.is_empty() { "null" } else { config };
            let body = format!(r#"{{"code":{code},"msg":{url},"data":{{"URL":{url},"ClientConfig":{config}}}}}"#);
            world.feed(1, &http(status_of(status), &body));
        }
        Fact::Event { kind, id, extra } => {
            let json = event(kind, id, extra);
            let frame = pb::frame(1, &[("type", "event"), ("message_id", "m"), ("trace_id", "t")], json.as_bytes());
            world.feed(0, &ws(0x82, &frame));
        }
        Fact::Header { key, value, payload } => {
            let frame = pb::frame(1, &[("type", "event"), ("message_id", "m"), (key, value)], payload);
            world.feed(0, &ws(0x82, &frame));
        }
        Fact::Http(at, bytes) => world.feed(usize::from(at) % LANES.len(), bytes),
        Fact::HttpJson { at, status, code, data } => {
            let data = if data.is_empty() { "{}" } else { data };
            let body = format!(r#"{{"code":{},"data":{data}}}"#, number(code));
            world.feed(usize::from(at) % LANES.len(), &http(status_of(status), &body));
        }
        Fact::Inbox(room) => world.fact(|bot, now| bot.handle_inbox(now, room.into())),
        Fact::Jump(ms) => world.advance(ms.into()),
        Fact::LateVerdict(which) => {
            if let Some(id) = old_ids.get(usize::from(which / 4) % old_ids.len().max(1)).copied() {
                world.fact(|bot, now| bot.handle_delivered(now, id, decided(which)));
            }
        }
        Fact::Notice => {
            // No fact: it carries no time.
            let _ = format!("{:?}", world.bot.take_notice());
        }
        Fact::Opened(at, which) => {
            let (at, attempt) = pick(world, at, which);
            world.opened(at, attempt);
        }
        Fact::Part { id, sum, seq, cuts } => {
            let json = event(Kind::Message, id, "\"split\"");
            let size = json.len().div_ceil(usize::from(cuts).max(1)).max(1);
            let piece = json.as_bytes().chunks(size).nth(seq.into()).unwrap_or_default();
            let (id, sum, seq) = (id.to_string(), sum.to_string(), seq.to_string());
            let headers = [("type", "event"), ("message_id", &id), ("sum", &sum), ("seq", &seq)];
            world.feed(0, &ws(0x82, &pb::frame(1, &headers, piece)));
        }
        Fact::PingWs(payload) => world.feed(0, &ws(0x89, &payload[..payload.len().min(125)])),
        Fact::Policy(verdict) => world.verdict = (verdict < 192).then(|| decided(verdict)),
        Fact::Pong(config) => world.feed(0, &ws(0x82, &pb::frame(0, &[("type", "pong")], config.as_bytes()))),
        Fact::Refuse { status, handshake, auth } => {
            let (status, handshake) = (status_of(status), handshake.map(status_of).unwrap_or_default());
            let head = format!("HTTP/1.1 {status} X\r\nHandshake-Status: {handshake}\r\nHandshake-Msg: no\r\n");
            world.feed(0, format!("{head}Handshake-Autherrcode: {}\r\n\r\n", number(auth)).as_bytes());
        }
        Fact::Reply(text) => {
            let _ = world.fact(|bot, now| bot.submit(now, Call::reply_text("om_1", text)));
        }
        Fact::Send(receive_id, text, uuid) => {
            let receive_id_type = text.is_empty().then_some(ReceiveIdType::OpenId);
            let call = Call::Send { receive_id: receive_id, receive_id_type: receive_id_type, body: Body::text(text), uuid: uuid };
            let _ = world.fact(|bot, now| bot.submit(now, call));
        }
        Fact::Serve(times) => {
            for _ in 0..=times % 8 {
                world.serve();
                world.wait_if_idle();
            }
        }
        Fact::ShutDown => world.fact(|bot, now| bot.shut_down(now)),
        Fact::Timeout => world.timeout(),
        Fact::Transmitted(at, which, n) => {
            let (at, attempt) = pick(world, at, which);
            world.transmitted(at, attempt, n.into());
        }
        Fact::Wall(unix) => world.fact(|bot, now| bot.handle_wall_clock(now, unix.map(UnixMillis))),
        Fact::Ws(first, payload) => world.feed(0, &ws(first, payload)),
    }
}

impl World<'_> {
    /// Nothing to serve: the bot waits for its clock.
    fn wait_if_idle(&mut self) {
        if self.streams.iter().all(|stream| stream.attempt.is_none()) {
            self.to_deadline();
        }
    }
}

fn pick(world: &World<'_>, at: At, which: Which) -> (usize, Attempt) {
    let at = usize::from(at) % LANES.len();
    let stream = &world.streams[at];
    let attempt = match which {
        Which::Current => stream.attempt,
        Which::Never => None,
        Which::Older(n) => stream.older.get(usize::from(n) % stream.older.len().max(1)).copied(),
    };
    (at, attempt.unwrap_or_default())
}

fn decided(verdict: u8) -> Verdict {
    match verdict & 3 {
        0 | 1 => Verdict::Accepted,
        2 => Verdict::Discarded,
        _ => Verdict::Refused,
    }
}

fn status_of(status: Status) -> u16 {
    match status {
        Status::Fine => 200,
        Status::Forbidden => 403,
        Status::Limited => 429,
        Status::Other(status) => status,
        Status::Platform => 514,
        Status::Unavailable => 503,
    }
}

fn number(code: u8) -> i64 {
    CODES.get(usize::from(code)).copied().unwrap_or_else(|| i64::from(code) * 1_000_003)
}

fn reason(why: u8) -> Closed {
    let all = [Closed::Eof, Closed::Reset, Closed::Refused, Closed::Dns, Closed::Tls, Closed::TimedOut, Closed::Other];
    all[usize::from(why) % all.len()]
}

fn event(kind: Kind, id: u8, extra: &str) -> String {
    let v2 = |event_type: &str, app: &str, body: &str| {
        let header = format!(r#"{{"event_id":"e{id}","event_type":"{event_type}","app_id":"{app}"}}"#);
        format!(r#"{{"schema":"2.0","header":{header},"event":{body}}}"#)
    };
    // An `extra` that is no JSON breaks the document, which is welcome.
    let extra = if extra.is_empty() { "null" } else { extra };
    match kind {
        Kind::Event => v2("x.y_v1", APP_ID, extra),
        Kind::Message => {
            let message = format!(r#"{{"message_id":"om_{}","chat_type":"p2p","content":{extra}}}"#, id / 2);
            let body = format!(r#"{{"message":{message},"sender":{{"sender_id":{{"open_id":"ou_1"}}}}}}"#);
            v2("im.message.receive_v1", APP_ID, &body)
        }
        Kind::Callback => v2("card.action.trigger", APP_ID, extra),
        Kind::OldCard => format!(r#"{{"open_message_id":"om_1","action":{extra}}}"#),
        Kind::Foreign => v2("x.y_v1", "cli_other", extra),
        Kind::V1 => format!(r#"{{"uuid":"u{id}","type":"event_callback","event":{{"type":"message","x":{extra}}}}}"#),
    }
}
