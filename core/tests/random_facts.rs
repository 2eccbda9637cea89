//! Ten thousand lives of random facts in any order: no panic, never asleep without an alarm, and an end in bounded time
//! when it is asked for (contract lines 2 and 7). `support::World` checks the rest of the contract after every fact.
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

use larkwire_core::{
    Attempt, Body, Call, CallId, Closed, Config, DeliveryId, Lane, Seed, State, Storage, UnixMillis, Verdict, Wish,
};
use support::*;

/// SplitMix64, so that a seed printed here means the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

struct Life {
    w: World,
    dice: Dice,
    old_attempts: Vec<(Lane, Attempt)>,
    old_ids: Vec<DeliveryId>,
    old_calls: Vec<CallId>,
    submitted: u64,
    opened: u64,
}

const WHYS: [Closed; 4] = [Closed::Eof, Closed::Reset, Closed::Dns, Closed::Tls];

impl Life {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let storage = if dice.one_in(8) { small() } else { Storage::growable() };
        let config = Config {
            max_attempts: dice.one_in(10).then_some(3),
            follow_reconnect_count: dice.one_in(10),
            on_fatal: if dice.one_in(2) { larkwire_core::config::OnFatal::SlowRetry } else { Default::default() },
            pong_timeout_ms: if dice.one_in(5) { 0 } else { 20_000 },
            call_timeout_ms: [1, 1000, 60_000][dice.below(3)],
            ..config()
        };
        let mut w = World::seeded(config, storage, Seed([seed as u8; 32]));
        w.now = if dice.one_in(50) { u64::MAX - 200_000 } else { dice.below(100_000) as u64 };
        Self { w, dice, old_attempts: Vec::new(), old_ids: Vec::new(), old_calls: Vec::new(), submitted: 0, opened: 0 }
    }

    fn step(&mut self) {
        match self.dice.below(24) {
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
            _ => {
                let _ = self.w.bot.take_notice();
                if self.dice.one_in(40) {
                    self.w.fact(|bot, now| bot.shut_down(now));
                }
            }
        }
        self.opened += u64::from(self.w.bot.state() == State::Open);
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
        } else {
            let codes = [0, 1, 403, 514, 10_003, 99_991_663, 99_991_400, 230_001, 1_000_040_350, 1_000_040_351, -1, 77];
            format!(
                "{{\"code\":{},\"msg\":\"m\",\"data\":{{\"message_id\":\"om_1\"}}}}",
                codes[self.dice.below(codes.len())]
            )
        };
        let status =
            [200, 200, 200, 200, 400, 401, 429, 500, 302, 100, 101, 204][if good { 0 } else { self.dice.below(12) }];
        let headers = ["", "Connection: close\r\n", "Retry-After: 3\r\n", "Transfer-Encoding: chunked\r\n"]
            [self.dice.below(8).min(3) % 4];
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
        let frame = match self.dice.below(12) {
            0..=2 => event_frame(&format!("m{n}"), &json),
            3 => event_frame(&format!("m{n}"), &other_json(&event, "card.action.trigger")),
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
        let verdict = [Verdict::Accepted, Verdict::Accepted, Verdict::Refused, Verdict::Discarded][self.dice.below(4)];
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
        let text = "x".repeat([1, 100, 2000][self.dice.below(3)]);
        let call = if self.dice.one_in(2) {
            Call::reply_text("om_1", &text)
        } else {
            Call::Send { receive_id: "oc_1", receive_id_type: None, body: Body::text(&text), uuid: Some("u") }
        };
        if let Ok(id) = self.w.fact(|bot, now| bot.submit(now, call)) {
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
        // Time may have let a waiting call expire; nothing else may come of it.
        stats.calls_finished = before.1.calls_finished;
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
        // After a clock that stepped back, time stands still until it has caught up.
        let newest = self.w.newest;
        assert!(self.w.now - from.max(newest.min(self.w.now)) <= 14_000, "{} ms", self.w.now - from);
    }
}

fn live(seed: u64, steps: u64) -> (bool, u64) {
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
    (life.opened > 0, life.w.bot.stats().accepted)
}

#[test]
fn ten_thousand_lives_of_random_facts() {
    // More lives, or longer ones, for those who have the time.
    let number = |name, default| std::env::var(name).ok().map_or(default, |text: String| text.parse().unwrap());
    let (seeds, steps) = (number("LARKWIRE_SEEDS", 10_000), number("LARKWIRE_STEPS", 60));
    let threads = 2;
    let handles: Vec<_> = (0..threads)
        .map(|part| {
            std::thread::spawn(move || {
                let (mut opened, mut accepted) = (0_u64, 0);
                for seed in (part..seeds).step_by(threads as usize) {
                    let result = std::panic::catch_unwind(|| live(seed, steps));
                    let Ok((open, taken)) = result else { panic!("seed {seed}") };
                    opened += u64::from(open);
                    accepted += taken;
                }
                (opened, accepted)
            })
        })
        .collect();
    let (mut opened, mut accepted) = (0, 0);
    for handle in handles {
        let (o, a) = handle.join().unwrap();
        opened += o;
        accepted += a;
    }
    println!("{seeds} lives, {opened} reached an open link, {accepted} events accepted");
    assert!(opened > seeds / 5 && accepted > seeds / 20, "the lives must reach something: {opened} {accepted}");
}
