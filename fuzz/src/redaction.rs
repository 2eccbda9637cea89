//! Canaries wherever a secret, or what people write, comes from: configuration, discovery answers, tokens, keys, events,
//! calls. None may be seen in anything that the core can be made to print, in whatever form `Debug` has for it.

use std::fmt::{Debug, Display};

use arbitrary::{Arbitrary, Unstructured};
use base64ct::{Base64, Encoding as _};
use larkwire_core::content::{Content, Form, Mentions};
use larkwire_core::decode;
use larkwire_core::outgoing::split_markdown;
use larkwire_core::webhook::{Checked, Freshness, PostSlot, Posting, Quota, RequestHead, Webhook, WebhookRules, http};
use larkwire_core::wire::frame::Frame;
use larkwire_core::wire::http::Head;
use larkwire_core::wire::json::{Reader, Str};
use larkwire_core::wire::url::Url;
use larkwire_core::{
    Body, Bot, Call, CallSlot, Closed, Config, End, Event, GateRules, HttpLane, Instant, OnFatal, Region, Secret, Seed,
    Slots, Storage, UnixMillis, Verdict,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::pb;
use crate::platform::{APP_ID, LANES, World, http as answer, ws};

/// Seconds since 1970.
const NOW: u64 = 1_700_000_000;

/// Reads the canaries and what goes wrong out of the bytes.
pub fn run(data: &[u8]) {
    if let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) {
        input.play();
    }
}

/// What the canaries look like, and what is done.
#[derive(Arbitrary, Debug)]
pub struct Input<'a> {
    /// Their beginning.
    word: &'a str,
    seed: u64,
    growable: bool,
    keep_trying: bool,
    url: u8,
    discovery: u8,
    token: u8,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    Call(u8),
    Cut(u8),
    Deadline,
    Event {
        kind: u8,
        broken: u8,
        verdict: u8,
    },
    /// What calls are answered with from now on.
    Answered {
        status: u8,
    },
    Post {
        kind: u8,
        spoilt: u8,
    },
    Respond(bool),
    Serve,
    Upgrade(u8),
}

/// Each in a place of its own.
struct Canaries {
    secret: String,
    key: String,
    verification: String,
    ticket: String,
    access: String,
    token: String,
    click: String,
    words: String,
    signature: String,
}

impl Canaries {
    fn new(word: &str, seed: u64) -> Self {
        let word: String = word.chars().filter(|ch| !ch.is_control()).take(8).collect();
        let long = |place: u64| {
            // No two are alike, and nothing else says this.
            let digest = Sha256::digest([seed.to_le_bytes(), place.to_le_bytes()].concat());
            let letters: String = digest[..20].iter().map(|byte| char::from(b'g' + byte % 20)).collect();
            format!("{word}{letters}")
        };
        let ascii = |place| long(place).chars().filter(char::is_ascii_alphanumeric).collect();
        Self {
            secret: long(0),
            key: long(1),
            verification: long(2),
            ticket: ascii(3),
            access: ascii(4),
            token: ascii(5),
            click: ascii(6),
            words: long(7),
            signature: ascii(8),
        }
    }

    /// In every form that a value is printed in.
    fn hidden_in(&self, shown: &str) {
        let all = [
            ("app secret", &self.secret),
            ("encrypt key", &self.key),
            ("verification token", &self.verification),
            ("ticket", &self.ticket),
            ("access key", &self.access),
            ("tenant token", &self.token),
            ("card token", &self.click),
            ("people's words", &self.words),
            ("signature", &self.signature),
        ];
        for (name, canary) in all {
            // The last 12 letters: no cut and no escape hides them all. They are ASCII.
            let tail = &canary[canary.len() - 12..];
            let list = format!("{:?}", tail.as_bytes());
            let chars = format!("{:?}", tail.chars().collect::<Vec<_>>());
            let hex: String = tail.bytes().map(|byte| format!("{byte:02x}")).collect();
            let base64 = (0..3).map(|skip| Base64::encode_string(&canary.as_bytes()[canary.len() - 15 + skip..]));
            let forms = [tail.to_owned(), hex.clone(), hex.to_uppercase()].into_iter();
            let lists = [list, chars].map(|list| list.trim_matches(['[', ']']).to_owned());
            let cut = base64.map(|text| text[..12].to_owned());
            for form in forms.chain(lists).chain(cut) {
                assert!(!shown.contains(&form), "the {name} is seen: {}", around(shown, &form));
            }
        }
    }
}

/// The place where it is seen.
fn around(shown: &str, form: &str) -> String {
    let at = shown.find(form).unwrap_or_default();
    let (before, after) = shown.split_at(at);
    before.chars().rev().take(80).collect::<Vec<_>>().into_iter().rev().chain(after.chars().take(40)).collect()
}

/// Everything that was printed.
#[derive(Default)]
struct Shown(String);

impl Shown {
    fn say(&mut self, value: impl Debug) {
        use std::fmt::Write as _;
        writeln!(self.0, "{value:?}").expect("a string takes all");
        // In lines of its own, lists of bytes look otherwise: one form is enough for them.
        let pretty = format!("{value:#?}");
        self.0.extend(pretty.split_whitespace().flat_map(|word| [word, " "]));
    }

    fn tell(&mut self, value: impl Debug + Display) {
        self.0 += &format!("{value}\n");
        self.say(value);
    }

    fn result<T: Debug, E: Debug + Display>(&mut self, result: Result<T, E>) {
        match result {
            Ok(value) => self.say(value),
            Err(error) => self.tell(error),
        }
    }
}

struct Player<'s> {
    world: World<'s>,
    webhook: Webhook<'static>,
    canaries: Canaries,
    shown: Shown,
}

impl Input<'_> {
    fn play(&self) {
        let canaries = Canaries::new(self.word, self.seed);
        let mut shown = Shown::default();
        let config = Config {
            app_id: APP_ID,
            app_secret: Secret::new(&canaries.secret),
            gate: GateRules { allowed_users: &["*"], allow_bots: true, ..GateRules::default() },
            on_fatal: if self.keep_trying { OnFatal::SlowRetry } else { OnFatal::End },
            source: "fuzz",
            ..Config::default()
        };
        let rules = WebhookRules::new(
            Secret::new(&canaries.key),
            Secret::new(&canaries.verification),
            Freshness::Within { seconds: 3600 },
        );
        let webhook = Webhook::new(&rules, Region::growable(256)).expect("both keys are there");
        shown.say((config, rules, &webhook, GateRules::default()));
        shown.result(Webhook::new(&rules, Region::growable(1)));
        let bad = Config { own_open_id: larkwire_core::OwnOpenId::Given(""), ..config };
        shown.result(Bot::new(bad, Storage::growable(), Seed([1; 32])));
        let mut small = Storage::growable();
        if !self.growable {
            // Room for one call and few bytes, so that there is more to complain about.
            small.http = Slots::growable_with(1, || HttpLane::new(Region::growable(1024), Region::growable(1024)));
            small.outbox = Slots::growable_with(1, || CallSlot::new(Region::growable(300)));
            small.token = Region::growable(64);
        }
        shown.say(&small);
        let mut bot = Bot::new(config, small, Seed([self.seed as u8; 32])).expect("the configuration is sound");
        bot.accept_posts(&webhook, Slots::growable_with(2, || PostSlot::new(Region::growable(2048))));
        shown.say((Quota::new(Slots::growable(2)), Seed([7; 32])));
        let mut player = Player { world: World::new(bot, 0), webhook, canaries, shown };
        player.world.verdict = None;
        player.world.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(NOW * 1000))));
        player.answers(self);
        player.answered(0);
        player.world.timeout();
        player.serve();
        for step in self.steps.iter().take(40) {
            player.step(*step);
            player.look();
        }
        let Player { canaries, shown, .. } = player;
        canaries.hidden_in(&shown.0);
    }
}

impl Player<'_> {
    /// What the platform answers where it is asked for secrets.
    fn answers(&mut self, input: &Input<'_>) {
        let Canaries { ticket, access, token, .. } = &self.canaries;
        let query = format!("device_id={ticket}&access_key={access}&service_id=7&ticket={ticket}");
        let url = match input.url % 8 {
            0 => format!("ws://h/{access}?{query}"),
            1 => format!("wss://{access}:{ticket}@h/ws?{query}"),
            2 => format!("wss://h/ws?{query}#{access}"),
            3 => format!("wss://h/ws?{}", query.replace("service_id=7", &format!("service_id={access}"))),
            4 => format!("{access}"),
            5 => format!("wss://h/{access} {ticket}?{query}"),
            _ => format!("wss://h/{access}?{query}"),
        };
        self.shown.result(Url::parse(&url));
        if let Ok(url) = Url::parse(&url) {
            for name in ["ticket", "access_key", "device_id"] {
                self.shown.say(url.query_value(name));
            }
        }
        let (status, code) = [(200, 0), (200, 0), (200, 0), (200, 1), (200, 514), (400, 10_003), (500, 0), (200, 77)]
            [usize::from(input.discovery % 8)];
        let body = json!({"code": code, "msg": "no", "data": {"URL": url, "ClientConfig": {"PingInterval": access}}});
        let discovery = answer(status, &body.to_string());
        if let Ok(head) = Head::parse(&discovery) {
            self.shown.say(head);
        }
        let mut reader = Reader::from_bytes(&discovery[discovery.len() - body.to_string().len()..]).expect("text");
        self.shown.say(&reader);
        self.shown.result(reader.value());
        self.world.discovery = Some(discovery);
        let long = token.repeat(if input.token & 8 > 0 { 8 } else { 1 });
        let (status, code) = [(200, 0), (200, 0), (200, 10_014), (500, 0), (200, 1)][usize::from(input.token % 8) % 5];
        let body = json!({"code": code, "msg": "no", "expire": 7200, "tenant_access_token": long});
        self.world.token = Some(answer(status, &body.to_string()));
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Answered { status } => self.answered(status),
            Step::Call(which) => self.call(which),
            Step::Cut(at) => {
                let at = usize::from(at) % LANES.len();
                if let Some(attempt) = self.world.streams[at].attempt {
                    self.world.closed(at, attempt, Closed::Tls);
                }
            }
            Step::Deadline => self.world.to_deadline(),
            Step::Event { kind, broken, verdict } => {
                let mut json = self.event(kind);
                if broken % 4 == 1 {
                    json.truncate(json.len() * usize::from(broken) / 256);
                }
                let headers = [("type", "event"), ("message_id", "m"), ("trace_id", "t")];
                let frame = pb::frame(1, &headers, &json);
                self.shown.result(Frame::decode(&frame));
                self.world.feed(0, &ws(0x82, &frame));
                self.look();
                self.decide(verdict);
            }
            Step::Post { kind, spoilt } => self.post(kind, spoilt),
            Step::Respond(sound) => {
                let body = json!({"toast": {"type": "info", "content": self.canaries.words}}).to_string();
                let body = if sound { &body[..] } else { &body[1..] };
                let ids = std::mem::take(&mut self.world.responses);
                for id in ids {
                    let answered = self.world.fact(|bot, now| bot.respond(now, id, body.as_bytes()));
                    self.shown.result(answered);
                }
            }
            Step::Serve => self.serve(),
            Step::Upgrade(which) => {
                let Canaries { access, ticket, .. } = &self.canaries;
                let head = match which % 4 {
                    0 => format!("HTTP/1.1 301 Moved\r\nLocation: wss://h/?ticket={ticket}\r\n\r\n"),
                    1 => format!("HTTP/1.1 200 OK\r\nSet-Cookie: {access}\r\nHandshake-Status: {access}\r\n\r\n"),
                    2 => format!("HTTP/1.1 101 X\r\nUpgrade: {ticket}\r\nSec-WebSocket-Protocol: {access}\r\n\r\n"),
                    _ => format!("HTTP/1.1 {access} X\r\n\r\n"),
                };
                self.shown.result(Head::parse(head.as_bytes()));
                self.world.feed(0, head.as_bytes());
            }
        }
    }

    /// From now on calls are answered with people's words.
    fn answered(&mut self, status: u8) {
        let code = [0, 0, 230_001, 99_991_663][usize::from(status >> 4) % 4];
        let status = [200, 200, 400, 401, 429, 500][usize::from(status % 16) % 6];
        let body = json!({"code": code, "msg": "no", "data": {"message_id": "om_1", "text": self.canaries.words}});
        self.world.call_answer = Some(answer(status, &body.to_string()));
    }

    /// Everything that the bot shows.
    fn look(&mut self) {
        let (bot, shown) = (&mut self.world.bot, &mut self.shown);
        shown.say((&*bot, bot.state(), bot.poll_timeout(), bot.client_config(), bot.identity()));
        shown.say((bot.stats(), bot.platform_clock(), LANES.map(|lane| bot.poll_lane(lane)), bot.poll_posted()));
        match bot.ended() {
            Some(End::Fatal(fatal)) => shown.tell(fatal),
            end => shown.say(end),
        }
        while let Some(notice) = bot.take_notice() {
            shown.say(notice);
        }
        if let Some(event) = bot.poll_delivery() {
            print_event(shown, &event);
        }
        while let Some(completion) = self.world.bot.poll_completion() {
            self.shown.say(completion);
            if let Err(fault) = completion.result {
                self.shown.tell(fault);
            }
            let id = completion.id;
            self.world.fact(|bot, now| bot.handle_completed(now, id));
        }
    }

    fn serve(&mut self) {
        for at in 0..LANES.len() {
            self.world.serve_lane(at);
            self.look();
        }
    }

    fn decide(&mut self, verdict: u8) {
        let Some(event) = self.world.bot.poll_delivery() else { return };
        let (id, response) = (event.id(), event.response_id());
        let verdicts = [Verdict::Accepted, Verdict::Later, Verdict::Discarded, Verdict::Refused];
        self.world.responses.extend(response);
        self.world.fact(|bot, now| bot.handle_delivered(now, id, verdicts[usize::from(verdict % 4)]));
    }

    fn call(&mut self, which: u8) {
        let Canaries { words, click, .. } = &self.canaries;
        let card = json!({"schema": "2.0", "body": {"elements": [{"tag": "markdown", "content": words}]}}).to_string();
        let chunk = split_markdown(words, 10).next().unwrap_or_default();
        self.shown.say((chunk, split_markdown(words, 10)));
        let body = match which >> 4 & 3 {
            0 => Body::text(words),
            1 => Body::Post(&card),
            2 => Body::Chunk(chunk),
            _ => Body::Interactive(&card),
        };
        let broken = &card[1..];
        let call = match which % 8 {
            0 => Call::Reply { message_id: "om_1", body, in_thread: false, uuid: None },
            1 => Call::Send { receive_id: "oc_1", receive_id_type: None, body, uuid: Some("u") },
            2 => Call::UpdateCard { token: click, card: &card },
            3 => Call::UpdateCard { token: click, card: broken },
            4 => Call::PatchCard { message_id: "om_1", card: broken },
            5 => Call::Edit { message_id: "om_1", body },
            6 => Call::Reply { message_id: "", body, in_thread: true, uuid: None },
            _ => Call::BotInfo,
        };
        self.shown.say(call);
        let submitted = self.world.fact(|bot, now| bot.submit(now, call));
        self.shown.result(submitted);
        // As far as it gets: token, request, answer.
        for _ in 0..3 {
            self.serve();
        }
    }

    /// What is posted: sealed and signed, or not quite.
    fn post(&mut self, kind: u8, spoilt: u8) {
        let Canaries { key, verification, signature, words, .. } = &self.canaries;
        let mut event: Value = serde_json::from_slice(&self.event(kind)).expect("it was written here");
        if let Some(header) = event.get_mut("header").and_then(Value::as_object_mut) {
            header.insert("token".into(), json!(if spoilt & 1 > 0 { words } else { verification }));
        }
        if spoilt & 2 > 0 {
            event = json!({"type": "url_verification", "token": verification, "challenge": words});
        }
        let mut body = event.to_string().into_bytes();
        if spoilt & 4 > 0 {
            body = json!({"encrypt": Base64::encode_string(words.as_bytes())}).to_string().into_bytes();
        }
        let stamp = NOW.to_string();
        let digest = Sha256::digest([stamp.as_bytes(), b"n", key.as_bytes(), &body].concat());
        let right: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let headers = [
            ("Content-Type", "application/json"),
            ("X-Lark-Request-Timestamp", if spoilt & 8 > 0 { signature } else { &stamp }),
            ("X-Lark-Request-Nonce", "n"),
            ("X-Lark-Signature", if spoilt & 16 > 0 { signature } else { &right }),
        ];
        let text: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("POST /lark?{signature} HTTP/1.1\r\nHost: h\r\n{text}\r\n");
        self.shown.result(http::Request::parse(request.as_bytes()));
        let head = RequestHead::new("POST", headers.map(|(name, value)| (name, value.as_bytes())));
        self.shown.say(head);
        let unix = self.world.bot.time_of_day(Instant::from_millis(self.world.now));
        let checked = self.webhook.check(&head, &mut body, unix);
        match checked {
            Ok(Checked::Posted(posted)) => {
                self.shown.say((&posted, posted.layout()));
                let posting = self.world.fact(|bot, now| bot.handle_posted(now, &posted));
                self.shown.say(&posting);
                if let Posting::Waiting(_) = posting {
                    self.look();
                    self.decide(kind);
                }
            }
            Ok(Checked::Challenge(challenge)) => {
                self.shown.say(&challenge);
                let mut out = [0; 512];
                self.shown.result(challenge.reply(&mut out));
                self.shown.result(challenge.reply(&mut [0; 4]));
            }
            Err(refusal) => {
                self.shown.tell(refusal);
                self.shown.say((refusal.reply(), refusal.as_str()));
                self.world.fact(|bot, now| bot.handle_refused(now, refusal));
            }
        }
        while let Some(ready) = self.world.bot.poll_posted() {
            self.shown.say(ready);
            let id = ready.id;
            self.world.fact(|bot, now| bot.handle_answered(now, id));
        }
    }

    /// An event full of what nobody else may read.
    fn event(&self, kind: u8) -> Vec<u8> {
        let Canaries { words, click, verification, .. } = &self.canaries;
        let said = json!({"text": format!("@_user_1 {words}"), "title": words}).to_string();
        let person = json!({"open_id": "ou_1", "union_id": "on_1", "user_id": "u1"});
        let types = ["text", "post", "interactive", "image", "file", "new"];
        let number = self.world.now ^ u64::from(kind);
        let (event_type, event) = match kind % 6 {
            0..=2 => (
                "im.message.receive_v1",
                json!({"sender": {"sender_id": person, "sender_type": "user"}, "message": {"content": said,
                    "message_id": format!("om_{number}"), "chat_id": "oc_1", "chat_type": "p2p",
                    "message_type": types[usize::from(kind) / 6 % types.len()],
                    "mentions": [{"key": "@_user_1", "id": {"open_id": "ou_2"}, "name": words}]}}),
            ),
            3 => (
                "card.action.trigger",
                json!({"operator": person, "token": click, "action": {"value": {"said": words}, "tag": "button"}}),
            ),
            4 => ("url.preview.get", json!({"operator": person, "context": {"url": words}})),
            _ => ("application.bot.menu_v6", json!({"operator": {"operator_id": person}, "event_key": words})),
        };
        let header = json!({"event_id": format!("e{number}"), "event_type": event_type, "token": verification});
        json!({"schema": "2.0", "header": header, "event": event}).to_string().into_bytes()
    }
}

/// Every view of an event.
fn print_event(shown: &mut Shown, event: &Event<'_>) {
    shown.say((event, event.id(), event.layout(), event.typed(), event.actor(), event.reader()));
    shown.say((event.trace_id(), event.response_id(), event.tenant_key(), event.envelope(), event.create_time()));
    shown.result(event.decode::<u8>(&mut [0; 8]));
    shown.result(event.decode::<Typed>(&mut [0; 8]));
    let Some(message) = event.message() else { return };
    let content = message.content();
    shown.say((message, content, message.reading(Form::Body), Mentions::new(message.mentions())));
    shown.say(content.map(|text| text.chars()));
    shown.say(Mentions::new(message.mentions()).iter().collect::<Vec<_>>());
    shown.result(message.text(Form::Full, &mut [0; 1]));
    let mut room = [0; 512];
    if let Ok(content) = message.read_content(&mut room) {
        shown.say((content, content.field("text"), content.resources().collect::<Vec<_>>()));
        shown.say(Content::plain(content.json()));
        shown.result(decode::from_str::<u8>(content.json(), &mut [0; 8]));
    }
    shown.say(Str::from_raw(event.json(), true));
}

/// A shape that no event has.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
enum Typed {
    Nothing,
}
