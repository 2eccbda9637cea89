//! Ten thousand lives of random facts in any order: no panic, never asleep without an alarm, and an end in bounded time
//! when it is asked for (contract lines 2 and 7). `support::World` checks the rest of the contract after every fact.
//!
//! ```text
//! dice ─► pool ─┬─► Life, below: peers that say anything, runtimes that do anything
//!               ├─► promises: an honest platform; every ack, answer and reaction is accounted for (line 8)
//!               │      └── gate: the rules of the gate, written a second time
//!               └─► posted: the same for what is posted (feature `webhook`)
//! ```
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

#[path = "random_facts/dice.rs"]
mod dice;
#[path = "random_facts/gate.rs"]
mod gate;
#[path = "random_facts/pool.rs"]
mod pool;
#[cfg(feature = "webhook")]
#[path = "random_facts/posted.rs"]
mod posted;
#[cfg(feature = "webhook")]
#[path = "random_facts/poster.rs"]
mod poster;
#[path = "random_facts/promises.rs"]
mod promises;
mod support;

use dice::Dice;
use larkwire_core::{
    Attempt, CallId, Closed, Config, DeliveryId, Identity, Lane, OnFatal, ResponseId, Seed, State, Storage, UnixMillis,
    Verdict, Wish,
};
use pool::Deed;
use support::*;

struct Life {
    w: World,
    dice: Dice,
    old_attempts: Vec<(Lane, Attempt)>,
    old_ids: Vec<DeliveryId>,
    old_calls: Vec<CallId>,
    responses: Vec<ResponseId>,
    submitted: u64,
    opened: u64,
    rested: u64,
    #[cfg(feature = "webhook")]
    poster: poster::Poster,
}

const WHYS: [Closed; 4] = [Closed::Eof, Closed::Reset, Closed::Dns, Closed::Tls];

impl Life {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let storage = if dice.one_in(8) { small() } else { Storage::growable() };
        let config = Config {
            max_attempts: dice.one_in(10).then_some(3),
            follow_reconnect_count: dice.one_in(10),
            on_fatal: if dice.one_in(2) { OnFatal::SlowRetry } else { OnFatal::End },
            dedup_window_ms: if dice.one_in(3) { 1000 } else { 43_200_000 },
            pong_timeout_ms: if dice.one_in(5) { 0 } else { 20_000 },
            call_timeout_ms: [1, 1000, 60_000][dice.below(3)],
            // Not by the dice: what it deals next has been looked at.
            planned_turns: seed % 5 == 4,
            ..pool::rules(&mut dice)
        };
        let mut w = World::seeded(config, storage, Seed([seed as u8; 32]));
        w.now = if dice.one_in(50) { u64::MAX - 200_000 } else { dice.below(100_000) as u64 };
        let (old_attempts, old_ids, old_calls, responses) = Default::default();
        let mut life = Self {
            #[cfg(feature = "webhook")]
            poster: poster::Poster::new(seed, &mut w),
            w,
            dice,
            old_attempts,
            old_ids,
            old_calls,
            responses,
            submitted: 0,
            opened: 0,
            rested: 0,
        };
        if life.dice.one_in(3) {
            life.restore();
        }
        if life.dice.one_in(2) {
            // Everything began well; from here on anything goes.
            life.w.script.app = App::Hold;
            life.w.start();
        }
        life
    }

    fn step(&mut self) {
        match self.dice.below(28) {
            0..=3 => self.jump(),
            4..=15 => self.stream(),
            16..=17 => self.verdict(),
            18 => {
                let room = self.dice.below(3);
                self.w.room(room);
            }
            19 => self.submit(),
            20 => self.complete(),
            21 => {
                let wall = self.dice.one_in(2).then(|| UnixMillis(self.dice.next()));
                self.w.fact(|bot, now| bot.handle_wall_clock(now, wall));
            }
            22 => self.stale(),
            23..=24 => self.respond(),
            25 => {
                let locale = self.dice.one_in(2).then(|| pool::locale(&mut self.dice));
                let chat = self.dice.pick(&["oc_1", "oc_2", "oc_3", "oc_4", "oc_5", ""]);
                let told = self.w.bot.set_chat_locale(chat, locale);
                assert_eq!(told.is_err_and(|misuse| misuse != larkwire_core::fault::Misuse::Full), chat.is_empty());
            }
            26 => match self.dice.one_in(4) {
                true => self.restore(),
                false => self.w.fact(|bot, now| bot.refresh_identity(now)),
            },
            _ => {
                let _ = self.w.bot.take_notice();
                if self.dice.one_in(40) {
                    self.w.fact(|bot, now| bot.shut_down(now));
                }
            }
        }
        #[cfg(feature = "webhook")]
        self.poster.step(&mut self.w, &mut self.responses);
        self.opened += u64::from(self.w.bot.state() == State::Open);
        self.rested += u64::from(self.w.bot.state() == State::Resting);
        if self.w.bot.poll_timeout().is_none() && self.w.bot.ended().is_none() {
            // It rests with nothing to do: no call is open, and nobody waits to hear who the bot is.
            assert_eq!(self.w.bot.stats().calls_finished, self.submitted);
            assert!(!matches!(self.w.bot.identity(), Identity::Unknown { .. }));
        }
    }

    /// A memory comes back, or what is left of one; after the first event it is too late.
    fn restore(&mut self) {
        let bytes = pool::stored(&mut self.dice);
        let before = self.w.bot.seen_count();
        let restored = self.w.fact(|bot, now| bot.restore_seen(now, &bytes));
        let after = self.w.bot.seen_count();
        assert_eq!(restored.map_or(0, |n| n as u64), after - before);
        assert!(restored.is_err() || before == 0);
    }

    /// An answer to a callback that waits, waited, or never was.
    fn respond(&mut self) {
        let stray = ResponseId::from_u64(self.dice.next() % 50);
        let id = if self.responses.is_empty() || self.dice.one_in(6) { stray } else { self.dice.pick(&self.responses) };
        let long = format!(r#"{{"toast":"{}"}}"#, "x".repeat(self.dice.below(1200)));
        let body = self.dice.pick(&[b"{}", long.as_bytes(), b"[]", b"", b"{\"a\":\"\xff\"}", b" {\n} "]);
        let before = self.w.bot.stats().callbacks_answered;
        let taken = self.w.fact(|bot, now| bot.respond(now, id, body));
        assert_eq!(self.w.bot.stats().callbacks_answered - before, u64::from(taken.is_ok()));
    }

    fn jump(&mut self) {
        let due = self.w.bot.poll_timeout().map_or(0, |deadline| deadline.at.as_millis());
        let paused = matches!(self.w.bot.state(), State::Waiting { .. } | State::Idle);
        self.w.now = match self.dice.below(40) {
            0..=25 if paused => due.max(self.w.now),
            0..=31 => self.w.now.saturating_add(self.dice.next() % 700),
            32..=34 => due.max(self.w.now),
            35..=36 => self.w.now / 2,
            37 => self.w.now.saturating_add(self.dice.next() % 50_000_000),
            38 => 0,
            _ if self.dice.one_in(20) => u64::MAX,
            _ => due,
        };
        self.w.timeout();
    }

    fn lane(&mut self) -> Lane {
        let lanes = self.w.lanes();
        let up: Vec<_> = lanes.iter().copied().filter(|lane| self.w.bot.poll_lane(*lane) != Wish::Down).collect();
        let lanes = if up.is_empty() || self.dice.one_in(10) { lanes } else { up };
        lanes[self.dice.below(lanes.len())]
    }

    fn stream(&mut self) {
        let lane = self.lane();
        let Some(attempt) = self.w.attempt(lane) else { return };
        if self.old_attempts.last() != Some(&(lane, attempt)) {
            self.old_attempts.push((lane, attempt));
            if !self.dice.one_in(10) {
                return self.w.fact(|bot, now| bot.handle_opened(now, lane, attempt));
            }
        }
        match self.dice.below(30) {
            0 => {
                let why = WHYS[self.dice.below(4)];
                self.w.fact(|bot, now| bot.handle_closed(now, lane, attempt, why));
            }
            1..=3 => self.w.fact(|bot, now| bot.handle_opened(now, lane, attempt)),
            4..=8 => {
                let n = self.dice.below(self.w.bot.poll_transmit(lane).len() + 1);
                self.w.transmitted(lane, attempt, n);
            }
            _ => {
                let bytes = self.peer(lane);
                let room = self.w.bot.poll_receive(lane);
                let honest = !self.dice.one_in(200);
                let mut rest = bytes.as_slice();
                for _ in 0..4 {
                    let most = if honest { rest.len().min(self.w.bot.poll_receive(lane)) } else { rest.len() };
                    let n = if self.dice.one_in(2) { most } else { self.dice.below(most + 1) };
                    self.w.received(lane, attempt, &rest[..n]);
                    rest = &rest[n..];
                    if rest.is_empty() || room == 0 {
                        break;
                    }
                }
            }
        }
    }

    /// What a peer may say: sense, nonsense, or sense with a few wrong bytes.
    fn peer(&mut self, lane: Lane) -> Vec<u8> {
        let out = String::from_utf8_lossy(self.w.bot.poll_transmit(lane)).into_owned();
        let mut bytes = match lane {
            Lane::Http(_) => self.http(&out),
            Lane::Socket if self.w.bot.state() == State::Open => self.frames(),
            Lane::Socket => match out.split_once("Sec-WebSocket-Key: ") {
                Some((_, rest)) if !self.dice.one_in(8) => {
                    ACCEPT.replace("{accept}", &accept_of(rest.split('\r').next().unwrap())).into_bytes()
                }
                _ => self.refusal(),
            },
        };
        if self.dice.one_in(30) {
            for _ in 0..3 {
                let at = self.dice.below(bytes.len().max(1));
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = self.dice.next() as u8;
                }
            }
        }
        if self.dice.one_in(40) {
            let n = self.dice.below(300);
            bytes = self.dice.bytes(n);
        }
        bytes
    }

    fn http(&mut self, out: &str) -> Vec<u8> {
        let good = !self.dice.one_in(14);
        let reply = if good && out.contains("/endpoint") {
            "{\"code\":0,\"data\":{\"URL\":\"wss://h/ws?service_id=1\",\"ClientConfig\":{\"PingInterval\":30,\"ReconnectNonce\":1}}}".to_owned()
        } else if good && out.contains("tenant_access_token") {
            format!(
                "{{\"code\":0,\"tenant_access_token\":\"t-{}\",\"expire\":{}}}",
                self.dice.below(9),
                self.dice.below(9000)
            )
        } else if good && out.contains("/bot/v3/info") {
            r#"{"code":0,"bot":{"open_id":"ou_bot","app_name":"Echo"}}"#.to_owned()
        } else {
            let codes = [
                0,
                1,
                403,
                514,
                10_003,
                99_991_663,
                99_991_400,
                230_001,
                231_001,
                231_003,
                1_000_040_350,
                1_000_040_351,
                -1,
                77,
            ];
            format!(
                "{{\"code\":{},\"msg\":\"m\",\"data\":{{\"message_id\":\"om_1\"}}}}",
                if good && self.dice.one_in(2) { 0 } else { self.dice.pick(&codes) }
            )
        };
        let status =
            [200, 200, 200, 200, 400, 401, 429, 500, 302, 100, 101, 204][if good { 0 } else { self.dice.below(12) }];
        let headers = self.dice.pick(&[
            "",
            "Connection: close\r\n",
            "Retry-After: 3\r\n",
            "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n",
            "X-Tt-Logid: 2023\r\n",
            "Transfer-Encoding: chunked\r\n",
            "",
            "",
        ]);
        let Reply::Raw(bytes) = Reply::json(status, &reply) else { unreachable!() };
        let text = String::from_utf8(bytes).unwrap();
        text.replacen("Content-Type", &format!("{headers}Content-Type"), 1).into_bytes()
    }

    fn refusal(&mut self) -> Vec<u8> {
        let status = [200, 403, 429, 500, 514][self.dice.below(5)];
        let auth = [0, 1_000_040_350, 1_000_040_351, 7][self.dice.below(4)];
        let headers = [
            ("Handshake-Status", [514, 0, 500, 403][self.dice.below(4)].to_string()),
            ("Handshake-Autherrcode", auth.to_string()),
        ];
        let headers: Vec<_> = headers.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let Upgrade::Raw(bytes) = Upgrade::refused(status, &headers) else { unreachable!() };
        bytes
    }

    fn frames(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..=self.dice.below(3) {
            bytes.extend(self.ws_frame());
        }
        bytes
    }

    fn ws_frame(&mut self) -> Vec<u8> {
        let n = self.dice.below(6);
        let (event, message) = (format!("e{n}"), format!("om_{}", self.dice.below(6)));
        let size = if self.dice.one_in(12) { 4000 } else { [0, 3, 50, 300][self.dice.below(4)] };
        let json = message_json(&event, &message, &"中".repeat(size / 3));
        let frame = match self.dice.below(16) {
            0..=1 => event_frame(&format!("m{n}"), &json),
            2..=3 => event_frame(&format!("m{n}"), &other_json(&event, "card.action.trigger")),
            12..=15 => event_frame(&format!("m{n}"), &Deed::any(&mut self.dice, &pool::PEOPLE).json()),
            4..=6 => {
                let sum = [2, 2, 3, 64, 65, 2_000_000_000_u64][self.dice.below(6)];
                let seq = self.dice.below(4) as i64 - i64::from(self.dice.one_in(10));
                let half = json.len() / 2;
                let part = if seq == 0 { &json.as_bytes()[..half] } else { &json.as_bytes()[half..] };
                part_frame(&format!("s{n}"), &sum.to_string(), &seq.to_string(), part)
            }
            7 => pong_frame(Some(["{}", "{\"PingInterval\":5,\"ReconnectCount\":1}", "nope"][self.dice.below(3)])),
            8 => pong_frame(None),
            9 => event_frame("bad", "not json"),
            10 => self.dice.bytes(20),
            _ => pb(1, &[("type", "event"), ("x", &"h".repeat(size))], Some(json.as_bytes())).bytes(),
        };
        match self.dice.below(16) {
            0 => ws(9, b"ping"),
            1 => ws(10, b""),
            2 => ws(1, "text".as_bytes()),
            3 => [ws_raw(2, &frame[..frame.len() / 2]), ws(9, b"x"), ws_raw(0x80, &frame[frame.len() / 2..])].concat(),
            4 if self.dice.one_in(6) => ws_close([1000, 1001, 4000][self.dice.below(3)]),
            5 if self.dice.one_in(6) => ws_raw(self.dice.next() as u8, &frame),
            _ => ws(2, &frame),
        }
    }

    fn verdict(&mut self) {
        let current = self.w.bot.poll_delivery().map(|event| event.id());
        self.old_ids.extend(current);
        self.responses.extend(self.w.bot.poll_delivery().and_then(|event| event.response_id()));
        let verdict = self.dice.pick(&[
            Verdict::Accepted,
            Verdict::Accepted,
            Verdict::Later,
            Verdict::Refused,
            Verdict::Discarded,
        ]);
        let id = if self.dice.one_in(5) && !self.old_ids.is_empty() {
            Some(self.old_ids[self.dice.below(self.old_ids.len())])
        } else {
            current
        };
        if let Some(id) = id {
            self.w.fact(|bot, now| bot.handle_delivered(now, id, verdict));
        }
    }

    fn submit(&mut self) {
        let w = &mut self.w;
        let submitted = pool::with_call(&mut self.dice, |call| w.fact(|bot, now| bot.submit(now, call)));
        if let Ok(id) = submitted {
            self.old_calls.push(id);
            self.submitted += 1;
        }
    }

    fn complete(&mut self) {
        let current = self.w.bot.poll_completion().map(|completion| completion.id);
        let id = if self.dice.one_in(5) { self.old_calls.last().copied() } else { current };
        if let Some(id) = id {
            self.w.fact(|bot, now| bot.handle_completed(now, id));
        }
    }

    /// A fact of an attempt that is over.
    fn stale(&mut self) {
        if self.old_attempts.is_empty() {
            return;
        }
        let (lane, attempt) = self.old_attempts[self.dice.below(self.old_attempts.len())];
        if self.w.attempt(lane) == Some(attempt) {
            return;
        }
        let before = (self.w.bot.state(), *self.w.bot.stats());
        match self.dice.below(4) {
            0 => self.w.fact(|bot, now| bot.handle_opened(now, lane, attempt)),
            1 => self.w.fact(|bot, now| bot.handle_closed(now, lane, attempt, Closed::Reset)),
            2 => self.w.received(lane, attempt, b"\x89\x00stale"),
            _ => self.w.fact(|bot, now| bot.handle_transmitted(now, lane, attempt, 10)),
        }
        let (state, mut stats) = (self.w.bot.state(), *self.w.bot.stats());
        // Time may have let a waiting call or reaction expire; nothing else may come of it.
        stats.calls_finished = before.1.calls_finished;
        stats.reactions_dropped = before.1.reactions_dropped;
        assert_eq!((state, stats), before);
    }

    /// Asked to end, with a network that is silent from now on, it ends within its bounds.
    fn end(&mut self) {
        self.w.fact(|bot, now| bot.shut_down(now));
        let from = self.w.now;
        for _ in 0..300 {
            let Some(due) = self.w.bot.poll_timeout() else { break };
            self.w.now = self.w.now.max(due.at.as_millis());
            self.w.timeout();
        }
        assert!(self.w.bot.ended().is_some(), "still {:?}", self.w.bot.state());
        assert_eq!(self.w.bot.stats().calls_finished, self.submitted, "every call accepted has one result");
        #[cfg(feature = "webhook")]
        self.poster.settle(&mut self.w);
        // After a clock that stepped back, time stands still until it has caught up.
        let newest = self.w.newest;
        assert!(self.w.now - from.max(newest.min(self.w.now)) <= 14_000, "{} ms", self.w.now - from);
    }
}

/// How many of all lives reached what.
#[derive(Default)]
struct Reached {
    opened: u64,
    rested: u64,
    accepted: u64,
    reactions: u64,
    answers: u64,
    #[cfg(feature = "webhook")]
    posts: u64,
}

fn live(seed: u64, steps: u64, reached: &mut Reached) {
    let mut life = Life::new(seed);
    for _ in 0..steps {
        life.step();
        // A few facts after the end are enough.
        if life.w.bot.ended().is_some() && life.dice.one_in(5) {
            break;
        }
    }
    let newest = life.w.newest;
    life.w.now = life.w.now.max(newest);
    life.end();
    let stats = life.w.bot.stats();
    reached.opened += u64::from(life.opened > 0);
    reached.rested += u64::from(life.rested > 0);
    reached.accepted += stats.accepted;
    reached.reactions += stats.reactions_sent;
    reached.answers += stats.callbacks_answered;
    #[cfg(feature = "webhook")]
    {
        reached.posts += life.w.posts.iter().filter(|post| post.id.is_some()).count() as u64;
    }
}

/// More lives, or longer ones, for those who have the time.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// One life for each seed, on two threads; a panic names its seed.
fn lives<T: Default + Send + 'static>(seeds: u64, live: fn(u64, &mut T)) -> [T; 2] {
    let handles = [0, 1].map(|part| {
        std::thread::spawn(move || {
            let mut sum = T::default();
            for seed in (part..seeds).step_by(2) {
                let life = std::panic::AssertUnwindSafe(|| live(seed, &mut sum));
                assert!(std::panic::catch_unwind(life).is_ok(), "seed {seed}");
            }
            sum
        })
    });
    handles.map(|handle| handle.join().unwrap())
}

#[test]
fn ten_thousand_lives_of_random_facts() {
    let seeds = number("LARKWIRE_SEEDS", 10_000);
    let sums = lives::<Reached>(seeds, |seed, reached| live(seed, number("LARKWIRE_STEPS", 60), reached));
    let sum = |of: fn(&Reached) -> u64| sums.iter().map(of).sum::<u64>();
    let (opened, rested, accepted) = (sum(|r| r.opened), sum(|r| r.rested), sum(|r| r.accepted));
    let (reactions, answers) = (sum(|r| r.reactions), sum(|r| r.answers));
    println!(
        "{seeds} lives, {opened} reached an open link, {rested} rested, {accepted} events accepted, {answers} callbacks \
         answered, {reactions} reactions"
    );
    assert!(opened > seeds / 2 && accepted > seeds / 5, "the lives must reach something: {opened} {accepted}");
    #[cfg(feature = "webhook")]
    {
        println!("{} posted events waited", sum(|r| r.posts));
        assert!(sum(|r| r.posts) > seeds / 5);
    }
    assert!(rested > seeds / 100 && reactions > seeds / 500 && answers > seeds / 500, "{rested} {reactions} {answers}");
}

#[test]
fn on_an_honest_platform_every_frame_is_acked_as_promised_and_the_gate_keeps_its_rules() {
    let seeds = number("LARKWIRE_SEEDS", 300);
    let sums = lives::<promises::Sums>(seeds, |seed, sums| promises::live(seed, number("LARKWIRE_STEPS", 60), sums));
    let mut all = std::collections::BTreeMap::new();
    for (what, times) in sums.iter().flat_map(|sums| &sums.outcomes) {
        *all.entry(what.as_str()).or_insert(0) += times;
    }
    println!("{seeds} lives, {} frames: {all:?}", sums.iter().map(|sums| sums.frames).sum::<u64>());
    for what in [
        "Accepted",
        "BotIdentityUnknown",
        "BotLoop",
        "BotSender",
        "Discarded",
        "Duplicate",
        "InboxFull",
        "Later",
        "Malformed",
        "NoMention",
        "OtherApp",
        "Refused",
        "SelfSent",
        "SenderNotAllowed",
        "Stale",
        "answered",
        "reaction",
    ] {
        assert!(all.contains_key(what), "no life reached {what}");
    }
}

#[cfg(feature = "webhook")]
#[test]
fn every_request_that_is_posted_gets_one_answer_in_time_and_nothing_is_delivered_twice() {
    type Sums = std::collections::BTreeMap<String, u64>;
    let seeds = number("LARKWIRE_SEEDS", 400);
    let sums = lives::<Sums>(seeds, |seed, sums| posted::live(seed, number("LARKWIRE_STEPS", 120), sums));
    let mut all = Sums::new();
    for (what, times) in sums.into_iter().flatten() {
        *all.entry(what).or_insert(0) += times;
    }
    println!("{seeds} lives: {all:?}");
    for what in [
        "Accepted",
        "BotIdentityUnknown",
        "BotLoop",
        "BotSender",
        "Discarded",
        "Duplicate",
        "InboxFull",
        "Later",
        "Malformed",
        "NoMention",
        "OtherApp",
        "Refused",
        "SelfSent",
        "SenderNotAllowed",
        "Stale",
        "answered",
        "attack",
        "kept over a restart",
        "late",
        "timed out",
    ] {
        assert!(all.contains_key(what), "no life reached {what}");
    }
}
