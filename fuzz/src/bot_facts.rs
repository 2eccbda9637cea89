//! Any facts in any order on a virtual clock, through a whole bot. What must hold is checked by [`World`].

use arbitrary::{Arbitrary, Unstructured};
use larkwire_core::outgoing::split_markdown;
use larkwire_core::wire::writer::Writer;
use larkwire_core::{
    AckReactions, Attempt, Body, Bot, Buffers, Call, Closed, Config, Domain, GateRules, LinkMode, Locale, OnFatal,
    OwnOpenId, ReceiveIdType, ResponseId, Secret, Seed, Storage, UnixMillis, Verdict,
};
use serde_json::json;

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
    rules: Rules,
    memory: Option<&'a [u8]>,
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

/// Who may speak, and what is said to them.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Rules {
    allowed: u8,
    mention_only: bool,
    mention_all: bool,
    bots: bool,
    stale: bool,
    own: u8,
    reactions: u8,
    link: u8,
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

/// Calls beside sending and answering.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Other {
    AddReaction,
    BotInfo,
    ChatInfo,
    DeleteReaction,
    Edit,
    GetMessage,
    PatchCard,
    Recall,
    ReplyPost,
    SendCard,
    SendChunks,
    UpdateCard,
}

#[derive(Arbitrary, Debug)]
enum Fact<'a> {
    Advance(u16),
    Behind(u32),
    Bytes(At, Which, &'a [u8]),
    Call(Other, &'a str, &'a str),
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
    Locale(u8, Option<u8>),
    Notice,
    Opened(At, Which),
    Part { id: u8, sum: u8, seq: u8, cuts: u8 },
    PingWs(&'a [u8]),
    Policy(u8),
    Pong(&'a str),
    Refresh,
    Refuse { status: Status, handshake: Option<Status>, auth: u8 },
    Reply(&'a str),
    Respond(u8, &'a [u8]),
    Restore(&'a [u8]),
    Said { who: u8, chat: u8, at: u8, kind: u8, id: u8, content: &'a str },
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
        app_secret: Secret::new(SECRET),
        domain: Domain::Feishu,
        max_attempts: scenario.max_attempts.map(u32::from),
        follow_reconnect_count: scenario.follow_reconnect_count,
        on_fatal: if scenario.keep_trying { OnFatal::SlowRetry } else { OnFatal::End },
        pong_timeout_ms: if scenario.no_pong_check { 0 } else { 20_000 },
        dedup_window_ms: scenario.dedup_window_ms.into(),
        call_timeout_ms: u32::from(scenario.call_timeout_ms) + 1,
        ..rules(&scenario.rules)
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
    if let Some(bytes) = scenario.memory {
        restore(&mut world, bytes);
    }
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
        Fact::Call(call, id, text) => submit(world, call, id, text),
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
            if let Some(id) = old_ids.get(usize::from(which / 8) % old_ids.len().max(1)).copied() {
                world.fact(|bot, now| bot.handle_delivered(now, id, decided(which)));
            }
        }
        Fact::Locale(chat, locale) => {
            let _ = world.bot.set_chat_locale(CHATS[usize::from(chat) % CHATS.len()], locale.map(locale_of));
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
        Fact::Refresh => world.fact(|bot, now| bot.refresh_identity(now)),
        Fact::Refuse { status, handshake, auth } => {
            let (status, handshake) = (status_of(status), handshake.map(status_of).unwrap_or_default());
            let head = format!("HTTP/1.1 {status} X\r\nHandshake-Status: {handshake}\r\nHandshake-Msg: no\r\n");
            world.feed(0, format!("{head}Handshake-Autherrcode: {}\r\n\r\n", number(auth)).as_bytes());
        }
        Fact::Reply(text) => {
            let _ = world.fact(|bot, now| bot.submit(now, Call::reply_text("om_1", text)));
        }
        Fact::Respond(which, body) => {
            let known = world.responses.get(usize::from(which)).copied();
            let id = known.unwrap_or_else(|| ResponseId::from_u64(which.into()));
            let answered = world.bot.stats().callbacks_answered;
            let taken = world.fact(|bot, now| bot.respond(now, id, body)).is_ok();
            assert_eq!(world.bot.stats().callbacks_answered - answered, u64::from(taken));
            if taken {
                assert!(known.is_some(), "an answer to a callback that nobody took");
                let json = serde_json::from_slice::<serde_json::Value>(body);
                assert!(json.is_ok_and(|json| json.is_object()), "an answer that is no object");
            }
        }
        Fact::Restore(bytes) => restore(world, bytes),
        Fact::Said { who, chat, at, kind, id, content } => {
            let json = said(who, chat, at, kind, id, content);
            let frame = pb::frame(1, &[("type", "event"), ("message_id", "m"), ("trace_id", "t")], json.as_bytes());
            world.feed(0, &ws(0x82, &frame));
        }
        Fact::Send(receive_id, text, uuid) => {
            let receive_id_type = text.is_empty().then_some(ReceiveIdType::OpenId);
            let call = Call::Send { receive_id, receive_id_type, body: Body::text(text), uuid };
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

const CHATS: [&str; 6] = ["oc_1", "oc_2", "oc_3", "oc_4", "oc_5", ""];

fn rules(rules: &Rules) -> Config<'static> {
    let own_open_id = [OwnOpenId::Given("ou_bot"), OwnOpenId::Fetched, OwnOpenId::Unused][usize::from(rules.own % 3)];
    let allowed: [&[&str]; 4] = [&["*"], &["ou_1", "ou_b"], &["on_1", "u1"], &[]];
    Config {
        own_open_id,
        gate: GateRules {
            allowed_users: allowed[usize::from(rules.allowed % 4)],
            mention_only: rules.mention_only && own_open_id != OwnOpenId::Unused,
            respond_to_mention_all: rules.mention_all,
            allow_bots: rules.bots,
            stale_after_ms: if rules.stale { 60_000 } else { 0 },
        },
        ack_reactions: match rules.reactions % 3 {
            0 => AckReactions::Off,
            1 => AckReactions::Auto,
            _ => AckReactions::Fixed(locale_of(rules.reactions)),
        },
        planned_turns: rules.link / 8 % 4 == 1,
        link: match rules.link % 8 {
            0 => LinkMode::Discover,
            1 => LinkMode::Off,
            _ => LinkMode::Connect,
        },
        ..Config::default()
    }
}

fn locale_of(n: u8) -> Locale {
    [Locale::En, Locale::Ja, Locale::ZhCn, Locale::ZhTw][usize::from(n % 4)]
}

/// Takes a memory back: `bytes` as they are, behind a sound header when they do not have one.
fn restore(world: &mut World<'_>, bytes: &[u8]) {
    let mut header = [0; 32];
    world.bot.write_seen(None, &mut Writer::new(&mut header));
    let sound = [&header[..], bytes].concat();
    let count = world.bot.seen_count();
    for memory in [bytes, &sound] {
        if let Ok(restored) = world.fact(|bot, now| bot.restore_seen(now, memory)) {
            assert_eq!(world.bot.seen_count(), restored as u64, "a memory is taken back before all else");
            assert!(count == 0 && restored <= memory.len() / 16);
        }
    }
}

fn submit(world: &mut World<'_>, call: Other, id: &str, text: &str) {
    let body = Body::text(text);
    let chunks: Vec<_> = split_markdown(text, 20).take(4).collect();
    let calls: Vec<Call<'_>> = match call {
        Other::AddReaction => vec![Call::AddReaction { message_id: id, emoji_type: text }],
        Other::BotInfo => vec![Call::BotInfo],
        Other::ChatInfo => vec![Call::ChatInfo { chat_id: id }],
        Other::DeleteReaction => vec![Call::DeleteReaction { message_id: id, reaction_id: text }],
        Other::Edit => vec![Call::Edit { message_id: id, body }],
        Other::GetMessage => vec![Call::GetMessage { message_id: id }],
        Other::PatchCard => vec![Call::PatchCard { message_id: id, card: text }],
        Other::Recall => vec![Call::Recall { message_id: id }],
        Other::ReplyPost => {
            vec![Call::Reply { message_id: id, body: Body::Post(text), in_thread: true, uuid: Some("u") }]
        }
        Other::SendCard => {
            vec![Call::Send { receive_id: id, receive_id_type: None, body: Body::Interactive(text), uuid: None }]
        }
        Other::SendChunks => chunks
            .iter()
            .map(|chunk| Call::Reply { message_id: id, body: Body::Chunk(*chunk), in_thread: false, uuid: None })
            .collect(),
        Other::UpdateCard => vec![Call::UpdateCard { token: id, card: text }],
    };
    for call in calls {
        let _ = world.fact(|bot, now| bot.submit(now, call));
    }
}

/// A message, or an act of somebody: any of a few people, in any of a few places.
fn said(who: u8, chat: u8, at: u8, kind: u8, id: u8, content: &str) -> String {
    let people = [
        json!({"open_id": "ou_1", "union_id": "on_1", "user_id": "u1"}),
        json!({"open_id": "ou_2", "union_id": null}),
        json!({"open_id": "ou_b"}),
        json!({"open_id": "ou_bot"}),
        json!(null),
    ];
    let person = &people[usize::from(who & 15) % people.len()];
    let sender_type = ["user", "app", "bot", "?"][usize::from(who >> 6)];
    let chat_id = CHATS[usize::from(chat & 7) % CHATS.len()];
    let chat_type = ["p2p", "group", "private", "topic_group"][usize::from(chat >> 6)];
    let mentions = [
        json!(null),
        json!([{"key": "@_user_1", "id": {"open_id": "ou_bot"}, "name": "Bot"}]),
        json!([{"key": "@_user_1", "id": "ou_else", "name": null}, 7]),
        json!([{"key": "@_all", "id": {"user_id": "all"}, "name": "everyone"}]),
    ];
    let message_type = ["text", "post", "interactive", "image", "merge_forward", "new"][usize::from(kind & 7) % 6];
    let (event_type, event) = match kind >> 4 {
        0..=8 => (
            "im.message.receive_v1",
            json!({"sender": {"sender_id": person, "sender_type": sender_type}, "message": {"message_id": format!("om_{id}"),
                "chat_id": chat_id, "chat_type": chat_type, "message_type": message_type, "content": content,
                "create_time": "1700000000000", "mentions": mentions[usize::from(at & 3)]}}),
        ),
        9..=11 => ("card.action.trigger", json!({"operator": person, "action": {"value": content}, "token": "c-1"})),
        12 => ("url.preview.get", json!({"operator": person, "context": {"url": content}})),
        13 => (
            "im.message.reaction.created_v1",
            json!({"operator_type": sender_type, "user_id": person, "message_id": format!("om_{id}")}),
        ),
        14 => ("application.bot.menu_v6", json!({"operator": {"operator_id": person}, "event_key": content})),
        _ => ("im.chat.member.bot.added_v1", json!({"operator_id": person, "chat_id": chat_id, "name": content})),
    };
    let header = json!({"event_id": format!("s{id}"), "event_type": event_type, "app_id": APP_ID});
    json!({"schema": "2.0", "header": header, "event": event}).to_string()
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
    match verdict & 7 {
        0..=2 => Verdict::Accepted,
        3..=5 => Verdict::Later,
        6 => Verdict::Discarded,
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

#[cfg(test)]
mod tests {
    use super::{Fact, Rules, Scenario, Start};

    /// Found as an input: a clock that is behind belongs to the next fact, and taking a notice is none.
    #[test]
    fn a_clock_behind_after_a_notice_is_no_difference() {
        let rules = Rules {
            allowed: 0,
            mention_only: false,
            mention_all: false,
            bots: false,
            stale: false,
            own: 0,
            reactions: 0,
            link: 2,
        };
        Scenario {
            twice: true,
            growable: true,
            start: Start::Late,
            max_attempts: None,
            follow_reconnect_count: false,
            keep_trying: false,
            no_pong_check: false,
            dedup_window_ms: 1000,
            call_timeout_ms: 1000,
            seed: 1,
            rules,
            memory: None,
            facts: vec![
                Fact::Serve(7),
                Fact::Jump(5000),
                Fact::Behind(3000),
                Fact::Notice,
                Fact::Inbox(1),
                Fact::Deadline,
            ],
        }
        .play();
    }
}
