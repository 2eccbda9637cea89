//! Counts what the engine takes from the heap: nothing between received bytes, the event as an application reads it, and
//! the ack, answer and reaction, once it is warm; and nothing at all with fixed storage, from the first call to the last.
#![cfg(feature = "alloc")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    missing_docs,
    reason = "tests may panic, and print figures"
)]

mod support;

use larkwire_core::content::Form;
use larkwire_core::wire::writer::Writer;
use larkwire_core::{
    AckReactions, Bot, Buffers, Call, Config, Event, GateRules, Identity, Instant, Lane, Locale, OwnOpenId, Seed,
    State, Storage, Typed, UnixMillis, Verdict, Wish,
};
use serde_json::{Value, json};
use support::*;

const T0: u64 = 1_700_000_000_000;
const TOAST: &[u8] = r#"{"toast":{"type":"info","content":"已保存 ✓"}}"#.as_bytes();

fn allocations<R>(work: impl FnOnce() -> R) -> (R, u64) {
    let mut result = None;
    let info = allocation_counter::measure(|| result = Some(work()));
    (result.unwrap(), info.count_total)
}

fn rules() -> Config<'static> {
    Config {
        gate: GateRules {
            allowed_users: &["ou_9", "on_1"],
            mention_only: true,
            respond_to_mention_all: true,
            allow_bots: true,
            stale_after_ms: 1_800_000,
        },
        ack_reactions: AckReactions::Auto,
        own_open_id: OwnOpenId::Fetched,
        pong_timeout_ms: 0,
        ..config()
    }
}

/// What a bot sees in a long day: every kind of event in turn, each a whole ws frame or several.
fn push(n: usize) -> Vec<u8> {
    let v2 = |kind: &str, event: Value| {
        json!({"schema": "2.0", "header": {"event_id": format!("e{n}"), "event_type": kind, "app_id": APP_ID}, "event": event})
            .to_string()
    };
    let message = |kind: &str, content: Value, at: &str| {
        let mentions = json!([{"key": "@_user_1", "id": {"open_id": at}, "name": "Echo"},
            {"key": "@_user_2", "id": {"open_id": "ou_2", "union_id": null}, "name": "B\u{f6}b \"x\""}]);
        json!({"sender": {"sender_id": {"open_id": "ou_1", "union_id": "on_1"}, "sender_type": "user"},
            "message": {"message_id": format!("om_{n}"), "chat_id": "oc_1", "chat_type": "group", "message_type": kind,
                "create_time": T0.to_string(), "mentions": mentions, "content": content.to_string()}})
    };
    let receive = |kind: &str, content: Value, at: &str| v2("im.message.receive_v1", message(kind, content, at));
    let operator = json!({"open_id": "ou_9", "union_id": "on_9"});
    let json = match n % 16 {
        0 => receive("text", json!({"text": "@_user_1 继续奋斗，今天很强 \"x\"\n早上好"}), "ou_bot"),
        1 => receive("text", json!({"text": "@_user_1 頑張ってください 🎉"}), "ou_bot"),
        2 => receive(
            "post",
            json!({"title": "週報", "content": [[{"tag": "text", "text": "繼續奮鬥", "style": ["bold"]},
            {"tag": "at", "user_id": "@_user_1"}, {"tag": "img", "image_key": "img_1"}],
            [{"tag": "code_block", "language": "RUST", "text": "fn main() {}\n"},
            {"tag": "md", "text": "![a](img_2) <at user_id=\"ou_2\">B</at>"}]]}),
            "ou_bot",
        ),
        3 => {
            receive("interactive", json!({"title": "card", "elements": [[{"tag": "text", "text": "a & b"}]]}), "ou_bot")
        }
        4 => receive("text", json!({"text": "not for the bot"}), "ou_else"),
        5 => receive("text", json!({"text": "@_all 大家好"}), "ou_else"),
        6 => v2(
            "card.action.trigger",
            json!({"operator": operator, "token": "c-1", "context": {"open_message_id": "om"},
            "action": {"tag": "button", "value": {"k": "v"}, "options": ["a", "b"]}}),
        ),
        7 => v2("url.preview.get", json!({"operator": operator, "context": {"url": "https://example.com"}})),
        8 => v2(
            "im.message.reaction.created_v1",
            json!({"message_id": "om", "operator_type": "user",
            "user_id": operator, "reaction_type": {"emoji_type": "OK"}}),
        ),
        9 => v2("application.bot.menu_v6", json!({"event_key": "k", "operator": {"operator_id": operator}})),
        10 => v2(
            "im.chat.member.user.added_v1",
            json!({"chat_id": "oc_1", "users": [{"name": "n", "user_id": operator}]}),
        ),
        11 => v2(
            "drive.notice.comment_add_v1",
            json!({"file_token": "f", "file_type": "docx", "comment_id": "c",
            "notice_meta": {"from_user_id": operator}}),
        ),
        12 => json!({"uuid": format!("u{n}"), "type": "event_callback", "event": {"type": "message", "app_id": APP_ID,
            "chat_type": "private", "union_id": "on_1", "open_message_id": format!("om_{n}"),
            "text": "<at open_id=\"ou_bot\">@Echo</at> hi", "text_without_at_bot": " hi"}})
        .to_string(),
        13 => v2("card.action.trigger", json!({"operator": {"open_id": "ou_nobody"}})),
        14 => "not an event".to_owned(),
        _ => receive("image", json!({"image_key": "img_3"}), "ou_bot"),
    };
    let id = format!("m{n}");
    let (a, b) = json.split_at(json.char_indices().nth(9).unwrap().0);
    let frames = match n % 5 {
        0 => vec![part_frame(&id, "2", "1", b.as_bytes()), part_frame(&id, "2", "0", a.as_bytes())],
        1 => vec![event_frame(&id, &json), event_frame(&id, &json)],
        _ => vec![event_frame(&id, &json)],
    };
    frames.iter().flat_map(|frame| ws(2, frame)).chain(ws(9, b"ping")).collect()
}

/// An application that looks at everything there is.
fn read(event: &Event<'_>) {
    let mut room = [0; 2048];
    let _ = (event.typed(), event.actor(), event.chat_id(), event.message_id(), event.create_time(), event.trace_id());
    let _ = (event.locale(), event.field(&["operator", "operator_id", "open_id"]), event.envelope());
    match event.typed() {
        Typed::CardAction(action) => assert!(action.options().count() < 3 && !action.operator().is_empty()),
        Typed::UserAdded(added) => assert_eq!(added.users().count(), 1),
        Typed::Message(message) => {
            let full = message.text(Form::Full, &mut room).unwrap().len();
            assert!(full > 0 && message.text(Form::Body, &mut room).unwrap().len() <= full);
            assert!(message.mentions_bot() || message.mentions_all() || message.is_p2p());
            let content = message.read_content(&mut room).unwrap();
            assert!(content.resources().count() < 3);
        }
        _ => {}
    }
}

/// Answers to the bot's requests, made beforehand.
struct Platform {
    discovery: Vec<u8>,
    identity: Vec<u8>,
    token: Vec<u8>,
    done: Vec<u8>,
}

impl Platform {
    fn new() -> Self {
        let answer = |body: &str| {
            let date = "Date: Tue, 14 Nov 2023 22:13:20 GMT";
            format!("HTTP/1.1 200 OK\r\n{date}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
        };
        Self {
            discovery: answer(r#"{"code":0,"data":{"URL":"wss://h.example/ws?service_id=1"}}"#),
            identity: answer(r#"{"code":0,"bot":{"open_id":"ou_bot","app_name":"Echo"}}"#),
            token: answer(r#"{"code":0,"tenant_access_token":"t-1","expire":7200}"#),
            done: answer(r#"{"code":0,"data":{"message_id":"om_9","reaction_id":"r"}}"#),
        }
    }

    fn answer(&self, request: &[u8]) -> &[u8] {
        let asks = |path: &str| request.windows(path.len()).any(|window| window == path.as_bytes());
        match () {
            () if asks("/endpoint") => &self.discovery,
            () if asks("/tenant_access_token/") => &self.token,
            () if asks("/bot/v3/info") => &self.identity,
            () => &self.done,
        }
    }
}

/// Whoever drives the bot; takes nothing from the heap itself.
struct Driver<'b, 's> {
    bot: &'b mut Bot<'s>,
    now: Instant,
    platform: &'b Platform,
    delivered: usize,
    acked: usize,
}

impl Driver<'_, '_> {
    fn requests(&mut self) {
        for index in 0..self.bot.http_lanes() {
            let lane = Lane::Http(index);
            while let Wish::Up(target) = self.bot.poll_lane(lane) {
                let attempt = target.attempt;
                self.bot.handle_opened(self.now, lane, attempt);
                let request = self.bot.poll_transmit(lane);
                if request.is_empty() {
                    break;
                }
                let (n, answer) = (request.len(), self.platform.answer(request));
                self.bot.handle_transmitted(self.now, lane, attempt, n);
                self.bot.handle_received(self.now, lane, attempt, answer);
            }
        }
        while let Some(id) = self.bot.poll_completion().map(|completion| completion.id) {
            self.bot.handle_completed(self.now, id);
        }
    }

    /// Received bytes in, events read and taken, acks, answers and reactions out.
    fn feed(&mut self, bytes: &[u8]) {
        let Wish::Up(target) = self.bot.poll_lane(Lane::Socket) else { panic!("{:?}", self.bot.state()) };
        let attempt = target.attempt;
        for piece in bytes.chunks(97) {
            self.bot.handle_received(self.now, Lane::Socket, attempt, piece);
            while let Some(event) = self.bot.poll_delivery() {
                let (id, response) = (event.id(), event.response_id());
                read(&event);
                self.delivered += 1;
                let verdict = if response.is_some() { Verdict::Later } else { Verdict::Accepted };
                self.bot.handle_delivered(self.now, id, verdict);
                if let Some(response) = response {
                    self.bot.respond(self.now, response, TOAST).unwrap();
                }
                self.requests();
            }
            let n = self.bot.poll_transmit(Lane::Socket).len();
            self.acked += n;
            self.bot.handle_transmitted(self.now, Lane::Socket, attempt, n);
        }
        while self.bot.take_notice().is_some() {}
        self.pass(40);
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.after(ms);
        while self.bot.poll_timeout().is_some_and(|due| due.at <= self.now) {
            self.bot.handle_timeout(self.now);
        }
        self.requests();
    }
}

#[test]
fn a_warm_bot_on_the_heap_allocates_nothing_from_bytes_to_ack() {
    let platform = Platform::new();
    let mut w = World::with(rules(), Storage::growable());
    w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(T0))));
    let mut w = w.open();
    let now = w.instant();
    let mut driver = Driver { bot: &mut w.bot, now, platform: &platform, delivered: 0, acked: 0 };
    // Warm: the table of ids has its size for the events to come, the rings and buffers are there.
    (0..1760).for_each(|n| driver.feed(&push(n)));
    let (warm, before) = (driver.delivered, *driver.bot.stats());
    let bytes: Vec<_> = (1760..2560).map(push).collect();
    let mut worst = 0;
    for bytes in &bytes {
        let ((), count) = allocations(|| driver.feed(bytes));
        worst = worst.max(count);
    }
    let (events, after) = (driver.delivered - warm, *driver.bot.stats());
    let (answers, reactions) =
        (after.callbacks_answered - before.callbacks_answered, after.reactions_sent - before.reactions_sent);
    println!("heap, warm: at most {worst} allocations for {events} events, {answers} answers, {reactions} reactions");
    assert_eq!((worst, events, answers, reactions), (0, 650, 100, 350));
    // Also after an hour in which only pings went by.
    w.script.pong = Pong::Empty;
    w.advance(3_600_000);
    assert_eq!(w.bot.state(), State::Open);
    w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(T0))));
    let now = w.instant();
    let mut driver = Driver { bot: &mut w.bot, now, platform: &platform, delivered: 0, acked: 0 };
    let bytes: Vec<_> = (2560..2576).map(push).collect();
    let ((), count) = allocations(|| bytes.iter().for_each(|bytes| driver.feed(bytes)));
    println!("heap, after an hour: {count} allocations for {} events", driver.delivered);
    assert_eq!((count, driver.delivered), (0, 13));
}

#[test]
fn a_bot_in_fixed_storage_never_allocates() {
    const EVENTS: usize = 4000;
    let platform = Platform::new();
    let pushes: Vec<_> = (0..EVENTS).map(push).collect();
    let memory = {
        let mut w = World::new().open();
        w.event("m", &message_json("e", "om", "x"));
        let mut bytes = [0; 128];
        let mut writer = Writer::new(&mut bytes);
        w.bot.write_seen(None, &mut writer);
        let len = writer.finish().unwrap();
        bytes[..len].to_vec()
    };
    let mut buffers = Buffers::<2048, 1024, 2048, 1024, 256>::new();
    let mut tables = buffers.tables();
    let mut head = Vec::with_capacity(1024);
    let now = Instant::from_millis(5);
    let (made, mut total) = allocations(|| Bot::new(rules(), tables.storage(), Seed([3; 32])));
    let mut bot = made.unwrap();
    let mut driver = Driver { bot: &mut bot, now, platform: &platform, delivered: 0, acked: 0 };

    // Its memory of an earlier life, the platform's token, who it is, where to connect: up to the upgrade.
    let ((), count) = allocations(|| {
        driver.bot.handle_wall_clock(now, Some(UnixMillis(T0)));
        assert_eq!(driver.bot.restore_seen(now, &memory), Ok(2));
        driver.bot.set_chat_locale("oc_1", Some(Locale::Ja)).unwrap();
        driver.pass(0);
        let Wish::Up(target) = driver.bot.poll_lane(Lane::Socket) else { panic!("{:?}", driver.bot.state()) };
        let attempt = target.attempt;
        driver.bot.handle_opened(now, Lane::Socket, attempt);
        head.extend_from_slice(driver.bot.poll_transmit(Lane::Socket));
        driver.bot.handle_transmitted(now, Lane::Socket, attempt, head.len());
    });
    total += count;
    let text = String::from_utf8(head).unwrap();
    let key = text.split_once("Sec-WebSocket-Key: ").unwrap().1.split('\r').next().unwrap();
    let accept = ACCEPT.replace("{accept}", &accept_of(key));

    let ((), count) = allocations(|| {
        let Wish::Up(target) = driver.bot.poll_lane(Lane::Socket) else { panic!() };
        let attempt = target.attempt;
        driver.bot.handle_received(driver.now, Lane::Socket, attempt, accept.as_bytes());
        assert_eq!(driver.bot.state(), State::Open);
        assert!(matches!(driver.bot.identity(), Identity::Known { open_id: "ou_bot", .. }));
        for (n, push) in pushes.iter().enumerate() {
            driver.feed(push);
            if n % 100 == 0 {
                driver.bot.submit(driver.now, Call::reply_text("om_1", "您好")).unwrap();
                driver.requests();
            }
        }
        let mut flash = [0; 8192];
        driver.bot.write_seen(None, &mut Writer::new(&mut flash));
        driver.bot.set_chat_locale("oc_1", None).unwrap();
        driver.bot.refresh_identity(driver.now);
        driver.requests();
        driver.bot.shut_down(driver.now);
        while let Some(due) = driver.bot.poll_timeout() {
            driver.pass(due.at.since(driver.now));
        }
    });
    total += count;
    let (delivered, acked, stats) = (driver.delivered, driver.acked, *bot.stats());
    println!(
        "fixed storage, whole life: {total} allocations; {EVENTS} pushes, {delivered} events, {} acks of {acked} bytes, {} \
         answers, {} reactions, {} calls",
        stats.acked, stats.callbacks_answered, stats.reactions_sent, stats.calls_succeeded
    );
    assert_eq!((total, delivered, stats.callbacks_answered), (0, 3250, 500));
    assert_eq!((stats.reactions_sent, stats.reactions_dropped, stats.calls_succeeded), (1750, 0, 40));
    assert!(bot.ended().is_some() && stats.acked > EVENTS as u64);
}
