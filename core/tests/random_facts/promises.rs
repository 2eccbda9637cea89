//! Lives in which the platform is honest and everybody else does as they like: what the bot promises about acks,
//! answers and reactions holds for every single frame, and the gate says what its rules say.

use std::collections::BTreeMap;

use larkwire_core::fault::DropReason;
use larkwire_core::{
    AckReactions, Attempt, Closed, Config, DeliveryId, Identity, Lane, LinkMode, Locale, Notice, ResponseId, Seed,
    Slots, State, Storage, UnixMillis, Verdict,
};

use super::dice::Dice;
use super::gate::Gate;
use super::pool::{Deed, PEOPLE, T0, Who, memory, remembered, rules};
use super::support::*;

/// One data frame on its way through the bot.
struct Flight {
    deed: Deed,
    fed: u64,
    link: Option<Attempt>,
    offered: Option<u64>,
    outcome: Option<Result<Verdict, DropReason>>,
    /// What the application answered.
    answer: Option<String>,
    acked: Option<u64>,
}

struct Life {
    w: World,
    dice: Dice,
    gate: Gate,
    flights: Vec<Flight>,
    /// Deliveries that were offered: their flight, and what they are named.
    offers: Vec<(usize, DeliveryId)>,
    callbacks: Vec<(usize, ResponseId)>,
    link: Option<Attempt>,
    notices: usize,
    acks: usize,
    known: bool,
    /// Until when nobody read what the bot writes.
    congested: u64,
    /// Until when an event stood undecided at the head of the line.
    blocked: u64,
    waiting: bool,
    board: bool,
    /// Who is about in this life.
    crowd: &'static [Who],
    /// Whether the application decides at once.
    prompt: bool,
    messages_taken: u64,
    reactions: bool,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(!seed);
        let config = Config { link: LinkMode::Connect, planned_turns: seed % 10 == 9, ..rules(&mut dice) };
        // A board keeps fewer notices than one read can bring.
        let board = dice.one_in(3);
        let storage = if board { Storage { notices: Slots::growable(256), ..small() } } else { Storage::growable() };
        let crowd = if dice.one_in(5) { &PEOPLE[6..8] } else { &PEOPLE[..] };
        let prompt = dice.one_in(2);
        let mut gate = Gate::new(config.gate);
        let mut w = World::seeded(config, storage, Seed([seed as u8; 32]));
        w.chop = dice.pick(&CHOPS);
        w.now = dice.below(100_000) as u64;
        if dice.one_in(3) {
            let wall = T0 + dice.next() % 3_600_000;
            w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(wall))));
            gate.wall = Some((w.now, wall));
        }
        if dice.one_in(3) {
            assert_eq!(w.fact(|bot, now| bot.restore_seen(now, memory())), Ok(8));
            remembered().iter().for_each(|deed| gate.remember(deed));
        }
        w.script.app = App::Hold;
        if dice.one_in(2) {
            w.script.bot_infos.push_back(Reply::json(500, "{}"));
        }
        let reactions = config.ack_reactions != AckReactions::Off;
        let mut life = Self {
            w: w.open(),
            dice,
            gate,
            flights: Vec::new(),
            offers: Vec::new(),
            callbacks: Vec::new(),
            link: None,
            notices: 0,
            acks: 0,
            known: false,
            congested: 0,
            blocked: 0,
            waiting: false,
            board,
            crowd,
            prompt,
            messages_taken: 0,
            reactions,
        };
        life.look();
        life
    }

    fn step(&mut self) {
        match self.dice.below(20) {
            0..=6 => self.feed(),
            7..=10 => self.decide(),
            11..=12 => self.respond(),
            13..=15 => {
                let ms = [0, 50, 700, 3000][self.dice.below(4)];
                self.pass(ms);
            }
            16 => {
                let room = self.dice.below(4);
                self.w.room(room);
            }
            17 => {
                // Nobody reads, a trickle, or everything.
                self.w.script.write = self.dice.pick(&[0, 100, usize::MAX, usize::MAX]);
                self.congested = self.congested.max(self.w.now);
            }
            18 => match self.dice.below(3) {
                0 => {
                    let wall = self.dice.one_in(3).then(|| T0 + self.dice.next() % 3_600_000);
                    self.w.fact(|bot, now| bot.handle_wall_clock(now, wall.map(UnixMillis)));
                    self.gate.wall = wall.map(|wall| (self.w.now, wall));
                }
                1 => {
                    let locale = self.dice.one_in(2).then_some(Locale::Ja);
                    self.w.bot.set_chat_locale("oc_1", locale).unwrap();
                }
                _ => self.w.fact(|bot, now| bot.refresh_identity(now)),
            },
            _ => {
                if self.dice.one_in(10) {
                    self.cut();
                }
            }
        }
        self.w.run();
        self.look();
        while self.prompt && self.w.bot.poll_delivery().is_some() {
            self.decide();
            self.w.run();
            self.look();
        }
    }

    /// The platform sends one to three messages, some of them in parts, in one write.
    fn feed(&mut self) {
        if self.w.bot.state() != State::Open {
            return;
        }
        let mut bytes = Vec::new();
        for _ in 0..=self.dice.below(3) {
            let deed = Deed::any(&mut self.dice, self.crowd);
            let id = format!("f{}", self.flights.len());
            let json = deed.json();
            let part = |sum: &str, seq: &str, piece: &[u8]| {
                let headers = [("type", "event"), ("message_id", &id), ("trace_id", &id), ("sum", sum), ("seq", seq)];
                ws(2, &pb(1, &headers, Some(piece)).bytes())
            };
            if self.dice.one_in(6) {
                let (head, tail) = json.as_bytes().split_at(json.len() / 3);
                let mut parts = [part("2", "0", head), part("2", "1", tail)];
                if self.dice.one_in(2) {
                    parts.reverse();
                }
                bytes.extend(parts.concat());
            } else {
                bytes.extend(part("1", "0", json.as_bytes()));
            }
            if self.dice.one_in(5) {
                bytes.extend(ws(9, b"ping"));
            }
            let (fed, link) = (self.w.now, self.link);
            self.flights.push(Flight { deed, fed, link, offered: None, outcome: None, answer: None, acked: None });
        }
        self.w.raw(&bytes);
    }

    fn decide(&mut self) {
        let Some(id) = self.w.bot.poll_delivery().map(|event| event.id()) else { return self.late() };
        let response = self.w.bot.poll_delivery().and_then(|event| event.response_id());
        let verdicts = [Verdict::Accepted, Verdict::Accepted, Verdict::Later, Verdict::Discarded, Verdict::Refused];
        let verdict = self.dice.pick(&verdicts);
        let (flight, seen) = *self.offers.last().expect("what is offered was seen");
        assert_eq!(seen, id);
        self.flights[flight].outcome = Some(Ok(verdict));
        let deed = &self.flights[flight].deed;
        let later = verdict == Verdict::Later;
        if later || verdict == Verdict::Accepted {
            self.gate.accepted(deed, self.w.now);
            self.messages_taken += u64::from(deed.is_message());
        }
        let callback = deed.is_callback();
        assert_eq!(response.is_some(), callback);
        self.callbacks.extend(response.filter(|_| later).map(|response| (flight, response)));
        self.w.fact(|bot, now| bot.handle_delivered(now, id, verdict));
        if later && callback && self.dice.one_in(2) {
            self.respond();
        }
    }

    /// A verdict on what was decided, or taken away, long ago: only the ids are kept.
    fn late(&mut self) {
        if self.offers.is_empty() {
            return;
        }
        let (flight, id) = self.dice.pick(&self.offers);
        let verdict = self.dice.pick(&[Verdict::Accepted, Verdict::Refused, Verdict::Discarded]);
        if verdict == Verdict::Accepted {
            self.gate.remember(&self.flights[flight].deed);
        }
        self.w.fact(|bot, now| bot.handle_delivered(now, id, verdict));
    }

    fn respond(&mut self) {
        if self.callbacks.is_empty() {
            let stray = ResponseId::from_u64(self.dice.next());
            return assert!(self.w.fact(|bot, now| bot.respond(now, stray, b"{}")).is_err());
        }
        let (flight, id) = self.dice.pick(&self.callbacks);
        let long = format!(r#"{{"toast":"{}"}}"#, "x".repeat(self.dice.below(900)));
        let body = [r#"{"toast":{"type":"info","content":"好"}}"#, "{}", &long, "[]", "", "{"][self.dice.below(6)];
        let result = self.w.fact(|bot, now| bot.respond(now, id, body.as_bytes()));
        if result.is_ok() {
            let flight = &mut self.flights[flight];
            assert!(flight.answer.is_none() && body.starts_with('{') && body.len() > 1);
            assert!(self.w.now < flight.fed + 2500 || self.board, "late");
            flight.answer = Some(body.to_owned());
        }
    }

    fn cut(&mut self) {
        let old = self.link;
        self.w.script.write = usize::MAX;
        self.w.cut(Lane::Socket, Closed::Reset);
        self.look();
        for _ in 0..200 {
            if self.link != old && self.w.bot.state() == State::Open {
                return;
            }
            self.pass(1000);
        }
        panic!("never open again: {:?}", self.w.bot.state());
    }

    /// Time passes; the bot is told at each of its deadlines.
    fn pass(&mut self, ms: u64) {
        let target = self.w.now + ms;
        let mut at_once = 0;
        while let Some(due) = self.w.bot.poll_timeout().map(|due| due.at.as_millis()).filter(|due| *due <= target) {
            at_once = if due > self.w.now { 0 } else { at_once + 1 };
            assert!(at_once < 100, "spins on {:?}", self.w.bot.poll_timeout());
            self.w.now = self.w.now.max(due);
            self.w.timeout();
            self.w.run();
            self.look();
        }
        self.w.now = target;
    }

    /// What became of each frame, against what the rules say.
    fn look(&mut self) {
        self.follow();
        if self.w.script.write != usize::MAX {
            self.congested = self.w.now;
        }
        let known = [self.known, matches!(self.w.bot.identity(), Identity::Known { .. })];
        self.known = known[1];
        let now = self.w.now;
        let waiting = std::mem::replace(&mut self.waiting, self.w.bot.poll_delivery().is_some());
        if waiting || self.waiting {
            self.blocked = now;
        }
        while let Some((_, notice)) = self.w.notices.get(self.notices) {
            self.notices += 1;
            let Notice::Dropped { reason, trace_id, .. } = notice else { continue };
            if *reason == DropReason::Incomplete {
                continue;
            }
            let (n, reason) = (number(trace_id.as_str()), *reason);
            let flight = &mut self.flights[n];
            if flight.offered.is_some() {
                let (Some(Ok(Verdict::Discarded)), DropReason::Discarded) = (flight.outcome, reason) else {
                    assert_eq!(reason, DropReason::InboxFull);
                    flight.outcome = Some(Ok(Verdict::Refused));
                    continue;
                };
                continue;
            }
            assert!(flight.outcome.is_none(), "two verdicts on {:?}", flight.deed);
            let said = known.map(|known| self.gate.judge(&flight.deed, now, known));
            let full = reason == DropReason::InboxFull && self.w.bot.is_room_wanted() && said.contains(&Ok(()));
            assert!(full || said.contains(&Err(reason)), "{reason:?}, not {said:?}: {:?}", flight.deed);
            flight.outcome = Some(Err(reason));
        }
        if let Some(event) = self.w.bot.poll_delivery() {
            let (n, id) = (number(event.trace_id().as_str()), event.id());
            let flight = &mut self.flights[n];
            if flight.offered.replace(flight.offered.unwrap_or(now)).is_none() {
                assert!(flight.outcome.is_none());
                let said = known.map(|known| self.gate.judge(&flight.deed, now, known));
                // It is judged when it comes and shown when there is room for its ack; between them the clock goes on.
                let earlier = |said| matches!(said, Ok(()) | Err(DropReason::Stale | DropReason::SelfSent));
                let fine = said.contains(&Ok(())) || (self.congested >= flight.fed && said.into_iter().any(earlier));
                assert!(fine, "offered in spite of {said:?}: {:?}", flight.deed);
                self.offers.push((n, id));
            }
        }
        while let Some(ack) = self.w.acks.get(self.acks) {
            self.acks += 1;
            let flight = &mut self.flights[number(ack.pb.header("message_id").unwrap())];
            assert!(flight.acked.replace(ack.at).is_none(), "acked twice: {:?}", flight.deed);
            assert_eq!(flight.link, Some(ack.attempt), "an ack dies with its connection");
            let json: serde_json::Value = serde_json::from_str(ack.pb.text()).unwrap();
            let data = flight.deed.is_callback().then(|| base64(flight.answer.as_deref().unwrap_or("{}").as_bytes()));
            assert_eq!((&json["code"], json["data"].as_str()), (&200.into(), data.as_deref()), "{:?}", flight.deed);
            // An event that stands before it takes its time. A board reads no more meanwhile, and keeps room for that
            // event's ack.
            let by = match flight.offered {
                Some(offered) if self.board => (offered + 2500).max(self.blocked),
                Some(offered) => (flight.fed + 2500).max(offered),
                None => (flight.fed + 2500).max(self.blocked),
            };
            let by = by.max(self.congested);
            let late = ack.at > by && flight.deed.is_callback();
            assert!(
                !late,
                "at {}, fed at {}, {:?}, {:?}: {:?}",
                ack.at, flight.fed, flight.offered, flight.outcome, flight.deed
            );
        }
    }

    /// Another connection: what was owed on the old one is gone.
    fn follow(&mut self) {
        let link = self.w.attempt(Lane::Socket);
        if link.is_some() && link != self.link {
            self.link = link;
            self.callbacks.clear();
        }
    }

    /// Everything flows again: whatever is owed is paid, once.
    fn settle(&mut self) {
        self.w.script.write = usize::MAX;
        self.w.run();
        self.look();
        self.pass(90_000);
        let mut reactions = BTreeMap::new();
        for (message, _) in self.w.reactions() {
            *reactions.entry(message).or_insert(0) += 1;
        }
        assert!(reactions.values().all(|times| *times == 1), "one reaction a message: {reactions:?}");
        let stats = self.w.bot.stats();
        let wanted = if self.reactions { self.messages_taken } else { 0 };
        assert_eq!(stats.reactions_sent + stats.reactions_dropped, wanted);
        assert_eq!(stats.reactions_sent, reactions.len() as u64);
        for flight in self.flights.iter().filter(|flight| flight.link == self.link) {
            let refused = match flight.outcome {
                None => panic!("nothing became of {:?}", flight.deed),
                Some(Ok(verdict)) => verdict == Verdict::Refused,
                Some(Err(reason)) => reason == DropReason::InboxFull,
            };
            let owed = !refused || flight.deed.is_callback();
            assert_eq!(flight.acked.is_some(), owed, "{:?}: {:?}", flight.outcome, flight.deed);
        }
    }
}

fn number(id: &str) -> usize {
    id.strip_prefix('f').expect("an id of ours").parse().unwrap()
}

/// How often each thing happened, so that the lives are known to reach everything.
#[derive(Default)]
pub(crate) struct Sums {
    pub(crate) frames: u64,
    pub(crate) outcomes: BTreeMap<String, u64>,
}

pub(crate) fn live(seed: u64, steps: u64, sums: &mut Sums) {
    let mut life = Life::new(seed);
    for _ in 0..steps {
        life.step();
    }
    life.settle();
    let mut count = |what: String| *sums.outcomes.entry(what).or_insert(0) += 1;
    for flight in &life.flights {
        match (flight.outcome, &flight.answer) {
            (Some(Ok(_)), Some(_)) => count("answered".to_owned()),
            (Some(Ok(verdict)), None) => count(format!("{verdict:?}")),
            (Some(Err(reason)), _) => count(format!("{reason:?}")),
            (None, _) => count("lost with its connection".to_owned()),
        }
    }
    (0..life.w.bot.stats().reactions_sent).for_each(|_| count("reaction".to_owned()));
    sums.frames += life.flights.len() as u64;
    life.w.shut_down();
    life.pass(15_000);
    assert_eq!(life.w.bot.state(), State::Closed);
}
