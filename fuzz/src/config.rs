//! The pace the platform asks for, in discovery answers and pongs: whatever it says, what is kept lies inside the clamps of
//! protocol section 2.7, is what a model keeps, never ends the bot, and makes it neither ping nor dial without end.

use std::collections::VecDeque;
use std::fmt;

use arbitrary::{Arbitrary, Unstructured};
use larkwire_core::link::ClientConfig;
use larkwire_core::{Attempt, Bot, Closed, Config, Notice, Secret, Seed, State, Storage};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::pb;
use crate::platform::{APP_ID, SECRET, World, http, ws};

/// Pings of one connection are never closer (protocol section 2.7).
const LEAST_PING_MS: u64 = 5_000;
/// No wait is longer (protocol section 2.5).
const LONGEST_WAIT_MS: u64 = 600_000;
/// So many attempts in a row that fail take at least so long: 64 waits of half a second on average, and a good part of it.
const STORM: (usize, u64) = (64, 10_000);
/// Documents that nest deeper are refused.
const DEEPEST: usize = 64;

/// Reads what the platform says out of the bytes, and plays it.
pub fn run(data: &[u8]) {
    if let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) {
        input.play();
    }
}

/// What the platform says, and when.
#[derive(Arbitrary, Debug)]
pub struct Input<'a> {
    seed: u8,
    no_pong_check: bool,
    steps: Vec<Step<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Step<'a> {
    /// What the next discoveries are answered with.
    Discovery(Said<'a>),
    /// The connection, or the attempt at it, is lost.
    Lost,
    /// From now on dials fail, or not.
    Outage(bool),
    /// The time goes on to this many deadlines.
    Pass(u8),
    Pong(Said<'a>),
    /// The machine sleeps.
    Sleep(u32),
}

/// A ClientConfig.
#[derive(Arbitrary, Debug)]
enum Said<'a> {
    Members(Vec<(u8, Value<'a>)>),
    Text(&'a str),
}

/// What a member may say.
#[derive(Arbitrary, Debug)]
enum Value<'a> {
    Edge(u8),
    Number(i64),
    Other(u8),
    Raw(&'a str),
    Small(u16),
}

const NAMES: [&str; 7] = [
    "PingInterval",
    "ReconnectInterval",
    "ReconnectNonce",
    "ReconnectCount",
    "pingInterval",
    "Ping\\u0049nterval",
    "PingInterval ",
];
const EDGES: [&str; 16] = [
    "0",
    "-1",
    "-0",
    "4",
    "5",
    "600",
    "601",
    "86400",
    "86401",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551616",
    "99999999999999999999999999",
];
const OTHERS: [&str; 10] =
    ["null", "\"90\"", "90.0", "9e1", "1e999", "true", "[90]", "{\"PingInterval\":1}", "\"\"", "0.5"];

impl Said<'_> {
    fn text(&self) -> String {
        let members = match self {
            Self::Text(text) => return (*text).into(),
            Self::Members(members) => members,
        };
        let pick = |of: &[&str], which: u8| of[usize::from(which) % of.len()].to_owned();
        let value = |value: &Value<'_>| match value {
            Value::Edge(which) => pick(&EDGES, *which),
            Value::Number(number) => number.to_string(),
            Value::Other(which) => pick(&OTHERS, *which),
            Value::Raw(text) => (*text).into(),
            Value::Small(number) => number.to_string(),
        };
        let members: Vec<_> =
            members.iter().map(|(name, said)| format!(r#""{}":{}"#, pick(&NAMES, *name), value(said))).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// What is kept, and what was seen of the bot.
struct Watched<'s> {
    world: World<'s>,
    model: ClientConfig,
    /// On which attempt, and when, the last ping went out; how many there were.
    pinged: (Option<Attempt>, u64, u64),
    /// When the last attempts were given up.
    lost: VecDeque<u64>,
    outage: bool,
}

impl Input<'_> {
    fn play(&self) {
        let config = Config {
            app_id: APP_ID,
            app_secret: Secret::new(SECRET),
            pong_timeout_ms: if self.no_pong_check { 0 } else { 20_000 },
            ..Config::default()
        };
        let bot = Bot::new(config, Storage::growable(), Seed([self.seed; 32])).expect("the configuration is sound");
        let mut watched = Watched {
            world: World::new(bot, 0),
            model: ClientConfig::default(),
            pinged: (None, 0, 0),
            lost: VecDeque::new(),
            outage: false,
        };
        watched.world.timeout();
        watched.serve();
        for step in self.steps.iter().take(100) {
            watched.step(step);
        }
        // When all is well again, it comes back: no answer has switched it off.
        watched.outage = false;
        watched.world.discovery = None;
        for _ in 0..40 {
            if watched.world.bot.state() == State::Open {
                break;
            }
            watched.pass();
        }
        assert_eq!(watched.world.bot.state(), State::Open, "it never comes back");
    }
}

impl Watched<'_> {
    fn step(&mut self, step: &Step<'_>) {
        match step {
            Step::Discovery(said) => {
                let said = said.text();
                // Half a document would be another document together with the rest.
                if said.contains(['{', '}']) && serde_json::from_str::<&RawValue>(&said).is_err() {
                    return;
                }
                let url = "wss://h/ws?device_id=1&service_id=1&ticket=t";
                let body = format!(r#"{{"code":0,"data":{{"ClientConfig":{},"URL":"{url}"}}}}"#, said);
                self.world.discovery = Some(http(200, &body));
            }
            Step::Lost => {
                if let Some(attempt) = self.world.streams[0].attempt {
                    self.world.closed(0, attempt, Closed::Reset);
                }
            }
            Step::Outage(outage) => self.outage = *outage,
            Step::Pass(times) => {
                for _ in 0..=times % 80 {
                    self.pass();
                }
            }
            Step::Pong(said) => {
                let payload = said.text();
                if self.world.bot.state() == State::Open && payload.len() < 60_000 {
                    merge(&mut self.model, payload.as_bytes());
                    let frame = pb::frame(0, &[("type", "pong")], payload.as_bytes());
                    self.world.feed(0, &ws(0x82, &frame));
                    self.look();
                }
            }
            Step::Sleep(ms) => self.world.advance((*ms).into()),
        }
        self.serve();
    }

    /// The time goes on to the next deadline.
    fn pass(&mut self) {
        self.world.to_deadline();
        self.look();
        self.serve();
    }

    /// Does what is wished for.
    fn serve(&mut self) {
        for _ in 0..4 {
            for at in 0..2 {
                self.serve_lane(at);
                self.look();
            }
        }
    }

    fn serve_lane(&mut self, at: usize) {
        let Some(attempt) = self.world.streams[at].attempt else { return };
        if self.outage && !self.world.streams[at].open {
            return self.world.closed(at, attempt, Closed::Refused);
        }
        // What comes in by this is read whole, or not at all.
        let before = *self.world.bot.client_config();
        let asked = at == 1 && self.world.bot.state() == State::Discovering;
        self.world.serve_lane(at);
        if asked && self.world.bot.state() == State::Connecting {
            let answer = self.world.discovery.clone().unwrap_or_else(|| {
                http(200, r#"{"code":0,"data":{"URL":"wss://h/ws?service_id=1","ClientConfig":{"PingInterval":30}}}"#)
            });
            let body = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
            match said_in(&answer[body..]) {
                Some(config) => merge(&mut self.model, config.as_bytes()),
                None => assert_eq!(*self.world.bot.client_config(), before),
            }
        }
    }

    /// What must hold at any time.
    fn look(&mut self) {
        let (bot, now) = (&mut self.world.bot, self.world.now);
        let kept = *bot.client_config();
        assert!((5..=600).contains(&kept.ping_interval), "{kept:?}");
        assert!((1..=86_400).contains(&kept.reconnect_interval), "{kept:?}");
        assert!((1..=120).contains(&kept.reconnect_nonce), "{kept:?}");
        assert_eq!(kept, self.model, "kept otherwise");
        assert_eq!(bot.ended(), None, "ended by a pace");
        let attempt = self.world.streams[0].attempt;
        let (on, at, count) = self.pinged;
        if bot.stats().pings != count {
            assert!(on != attempt || now - at >= LEAST_PING_MS, "pings {} ms apart", now - at);
            assert_eq!(bot.stats().pings, count + 1, "two pings at once");
            self.pinged = (attempt, now, bot.stats().pings);
        }
        let longest = u64::from(kept.reconnect_nonce.max(kept.reconnect_interval.min(120))) * 1000;
        while let Some(notice) = bot.take_notice() {
            match notice {
                Notice::LinkLost { wait_ms, .. } => {
                    assert!((1..=longest.min(LONGEST_WAIT_MS)).contains(&wait_ms), "waits {wait_ms} ms: {kept:?}");
                    self.lost.push_back(now);
                    if self.lost.len() > STORM.0 {
                        let first = self.lost.pop_front().unwrap_or_default();
                        assert!(now - first >= STORM.1, "a storm of dials");
                    }
                }
                // Starting over, the waits do, too.
                Notice::Connected => self.lost.clear(),
                _ => {}
            }
        }
    }
}

/// The members of an object as they come, each as it is written.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The last ClientConfig of a discovery answer, if it is one.
fn said_in(body: &[u8]) -> Option<String> {
    let member = |json: &str, name: &str| {
        let Members(members) = serde_json::from_str(json).ok()?;
        members.into_iter().filter(|(key, _)| key == name).map(|(_, value)| value.get().to_owned()).next_back()
    };
    member(&member(std::str::from_utf8(body).ok()?, "data")?, "ClientConfig")
}

/// How many arrays and objects of a document lie inside one another at most.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut most, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth -= 1,
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

/// Merges member by member (protocol section 2.7).
fn merge(config: &mut ClientConfig, said: &[u8]) {
    let Ok(Members(members)) = serde_json::from_slice(said) else { return };
    // Nested more deeply than we read, which serde_json does not mind; see `json` for the rest of the differences.
    if depth(said) > DEEPEST {
        return;
    }
    for (name, value) in members {
        let Ok(value) = value.get().parse::<i64>() else { continue };
        let within = |least: u32, most: u32| u32::try_from(value).unwrap_or(most).clamp(least, most);
        match &name[..] {
            "PingInterval" if value > 0 => config.ping_interval = within(5, 600),
            "ReconnectInterval" if value > 0 => config.reconnect_interval = within(1, 86_400),
            "ReconnectNonce" if value > 0 => config.reconnect_nonce = within(1, 120),
            "ReconnectCount" => config.reconnect_count = value,
            _ => {}
        }
    }
}
