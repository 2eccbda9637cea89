//! Lives in which the platform posts, and everybody else does as they like: every request gets one answer in time, the
//! gate keeps its rules, and nothing is delivered twice, whatever comes again, late, or changed on its way.

use std::collections::{BTreeMap, BTreeSet};

use larkwire_core::fault::DropReason;
use larkwire_core::webhook::{Refusal, Webhook};
use larkwire_core::wire::writer::Writer;
use larkwire_core::{Config, DeliveryId, Identity, LinkMode, ResponseId, Seed, State, Storage, UnixMillis, Verdict};

use super::dice::Dice;
use super::gate::Gate;
use super::pool::{Deed, Kind, PEOPLE, Who, rules};
use super::poster::{doors, request, token};
use super::support::*;

const PLACES: usize = 5;
const SUCCESS: (u16, &str) = (200, r#"{"msg":"success"}"#);
const EMPTY: (u16, &str) = (200, "{}");
const FULL: (u16, &str) = (503, r#"{"msg":"refused"}"#);

/// One request on its way through the bot.
struct Request {
    deed: Deed,
    post: Post,
    /// Where the world keeps it.
    n: usize,
    delivery: Option<DeliveryId>,
    response: Option<ResponseId>,
    verdict: Option<Verdict>,
    body: Option<String>,
    /// It may be answered as a copy of one that was taken.
    settled: bool,
    /// Its answer may have lain about.
    patient: bool,
    checked: bool,
}

impl Request {
    fn event_default(&self) -> (u16, &'static str) {
        if self.deed.is_callback() { EMPTY } else { SUCCESS }
    }

    /// What must not be delivered once more.
    fn names(&self) -> impl Iterator<Item = String> + '_ {
        let click =
            matches!(self.deed.kind, Kind::Card | Kind::OldCard).then(|| format!("token:{}", token(&self.deed)));
        click.into_iter().chain([format!("signature:{}", self.post.get(SIGNATURE))])
    }
}

struct Life {
    w: World,
    dice: Dice,
    webhook: Webhook<'static>,
    gate: Gate,
    /// Click tokens and signatures that were taken.
    taken: BTreeSet<String>,
    requests: Vec<Request>,
    crowd: &'static [Who],
    stopped: BTreeMap<String, u64>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let config = Config { link: LinkMode::Off, planned_turns: false, ..rules(&mut dice) };
        let mut w = World::seeded(config, Storage::growable(), Seed([seed as u8; 32]));
        let webhook = doors();
        w.now = dice.below(100_000) as u64;
        w.serve(&webhook, PLACES);
        w.script.app = App::Hold;
        let mut gate = Gate::new(config.gate);
        gate.wall = Some((w.now, UNIX * 1000));
        let crowd = if dice.one_in(5) { &PEOPLE[6..8] } else { &PEOPLE[..] };
        if dice.one_in(2) {
            w.script.bot_infos.push_back(Reply::json(500, "{}"));
        }
        w.start();
        Self { w, dice, webhook, gate, taken: BTreeSet::new(), requests: Vec::new(), crowd, stopped: BTreeMap::new() }
    }

    fn count(&mut self, what: &str) {
        *self.stopped.entry(what.to_owned()).or_insert(0) += 1;
    }

    fn step(&mut self) {
        match self.dice.below(20) {
            0..=7 => self.post(),
            8..=11 => self.decide(),
            12..=13 => self.respond(),
            14..=15 => {
                let ms = self.dice.pick(&[0, 50, 700, 2100]);
                self.pass(ms);
            }
            16 => {
                let room = self.dice.below(4);
                self.w.room(room);
            }
            17 => self.attack(),
            18 => self.late(),
            _ => {
                self.w.leaves_answers = self.dice.one_in(3);
                if self.w.leaves_answers {
                    self.requests.iter_mut().for_each(|request| request.patient = true);
                } else if self.dice.one_in(2) {
                    self.w.take_one_answer();
                }
            }
        }
        self.w.run();
        self.look();
    }

    /// The platform posts something new, or something again.
    fn post(&mut self) {
        let again = self.dice.one_in(4) && !self.requests.is_empty();
        let (deed, post) = if again {
            let of = self.dice.below(self.requests.len());
            (self.requests[of].deed.clone(), self.requests[of].post.clone())
        } else {
            let deed = Deed::any(&mut self.dice, self.crowd);
            let post = request(&deed, &mut self.dice);
            (deed, post)
        };
        // The one header that nobody signs, and the platform's own mark for each delivery.
        let post = post.set("X-Request-Id", &format!("f{}", self.requests.len()));
        let known = matches!(self.w.bot.identity(), Identity::Known { .. });
        let open = self
            .requests
            .iter()
            .filter(|request| self.w.posts[request.n].id.is_some() && !self.is_over(request))
            .count();
        let mut request = Request {
            deed,
            post,
            n: 0,
            delivery: None,
            response: None,
            verdict: None,
            body: None,
            settled: false,
            patient: self.w.leaves_answers,
            checked: false,
        };
        let blank = matches!(request.deed.kind, Kind::Card | Kind::OldCard) && token(&request.deed).is_empty();
        let said = if request.deed.kind == Kind::Broken || blank {
            Err(DropReason::Malformed)
        } else if request.names().any(|name| self.taken.contains(&name)) {
            Err(DropReason::Duplicate)
        } else {
            self.gate.judge(&request.deed, self.w.now, known)
        };
        let full = self.w.bot.is_room_wanted() || self.w.bot.state() != State::Resting || open >= PLACES;
        let said = said.and(if full { Err(DropReason::InboxFull) } else { Ok(()) });
        let before = DropReason::ALL.map(|reason| self.w.dropped(reason));
        request.n = self.w.post_only(&self.webhook, &request.post);
        let reason = DropReason::ALL.into_iter().zip(before).find(|(reason, count)| self.w.dropped(*reason) > *count);
        let reason = reason.map_or(Ok(()), |(reason, _)| Err(reason));
        assert_eq!(reason, said, "{:?} {:?}", request.deed, self.w.posts[request.n]);
        let seen = &self.w.posts[request.n];
        assert_eq!((seen.refusal, seen.id.is_some()), (None, said.is_ok()));
        let default = request.event_default();
        if let Err(reason) = said {
            let again = matches!(reason, DropReason::InboxFull | DropReason::BotIdentityUnknown);
            let full = again && !request.deed.is_callback();
            assert_eq!(self.w.answer_to(request.n), Some(if full { FULL } else { default }), "{reason:?}");
            request.checked = true;
            self.count(&format!("{reason:?}"));
        }
        self.requests.push(request);
    }

    /// Whether its answer was taken.
    fn is_over(&self, request: &Request) -> bool {
        !self.w.posts[request.n].answers.is_empty()
    }

    /// Somebody else sends something that looks like it.
    fn attack(&mut self) {
        let deed = Deed::any(&mut self.dice, self.crowd);
        let post = request(&deed, &mut self.dice);
        let bit = 1 << self.dice.below(8);
        let post = match self.dice.below(6) {
            0 => post.without(SIGNATURE),
            1 => post.clone().and(NONCE, post.get(NONCE)),
            2 => post.sign("1600000000", "n-1"),
            3 => {
                let mut post = post;
                let at = self.dice.below(post.body.len());
                post.body[at] ^= bit;
                post
            }
            4 => Post::plain(verification("guess".into(), "c".into())),
            _ => Post::plain(self.dice.bytes(40)),
        };
        let before =
            (self.w.bot.seen_count(), self.w.bot.poll_timeout(), self.w.bot.poll_delivery().map(|event| event.id()));
        let n = self.w.post_only(&self.webhook, &post);
        assert_eq!(
            self.w.posts[n].refusal.map(|refusal| refusal.reply()),
            Some(Refusal::SignatureWrong.reply()),
            "{post:?}"
        );
        let after =
            (self.w.bot.seen_count(), self.w.bot.poll_timeout(), self.w.bot.poll_delivery().map(|event| event.id()));
        assert_eq!(before, after);
        self.count("attack");
    }

    /// The request that is shown.
    fn shown(&self) -> Option<usize> {
        let id = self.w.bot.poll_delivery()?.id();
        self.requests.iter().position(|request| request.delivery == Some(id))
    }

    fn decide(&mut self) {
        let Some(at) = self.shown() else { return };
        let verdicts = [Verdict::Accepted, Verdict::Accepted, Verdict::Later, Verdict::Discarded, Verdict::Refused];
        let verdict = self.dice.pick(&verdicts);
        let (id, response) =
            (self.requests[at].delivery.unwrap(), self.w.bot.poll_delivery().and_then(|event| event.response_id()));
        self.requests[at].verdict = Some(verdict);
        self.requests[at].response = response.filter(|_| verdict == Verdict::Later);
        let names: Vec<_> = self.requests[at].names().collect();
        match verdict {
            Verdict::Accepted | Verdict::Later => {
                self.gate.accepted(&self.requests[at].deed, self.w.now);
                self.taken.extend(names);
            }
            Verdict::Discarded => {
                self.gate.remember(&self.requests[at].deed);
                self.taken.extend(names);
            }
            Verdict::Refused => {}
        }
        self.settle_copies();
        self.w.fact(|bot, now| bot.handle_delivered(now, id, verdict));
        self.count(&format!("{verdict:?}"));
    }

    /// Those that wait and are copies of what was taken need not wait longer.
    fn settle_copies(&mut self) {
        for at in 0..self.requests.len() {
            let request = &self.requests[at];
            // After two seconds it has its answer, taken or not.
            let due = self.w.posts[request.n].at + 2000 <= self.w.now;
            let waits =
                !due && self.w.posts[request.n].id.is_some() && !self.is_over(request) && request.verdict.is_none();
            if waits && self.is_known(request) {
                self.requests[at].settled = true;
            }
        }
    }

    fn is_known(&self, request: &Request) -> bool {
        request.names().any(|name| self.taken.contains(&name))
            || Gate::keys(&request.deed).any(|key| self.gate.seen.contains(&key))
    }

    /// A verdict on what was answered for long ago.
    fn late(&mut self) {
        let over = |request: &Request| request.verdict.is_none() && request.delivery.is_some() && self.is_over(request);
        let all: Vec<_> = (0..self.requests.len()).filter(|at| over(&self.requests[*at])).collect();
        if all.is_empty() {
            return;
        }
        let at = self.dice.pick(&all);
        let verdict = self.dice.pick(&[Verdict::Accepted, Verdict::Accepted, Verdict::Refused, Verdict::Discarded]);
        let id = self.requests[at].delivery.unwrap();
        if verdict == Verdict::Accepted {
            self.gate.remember(&self.requests[at].deed);
            // Its token, and its signature where it has no other name.
            let nameless = self.requests[at].deed.event_id().is_empty();
            let names: Vec<_> =
                self.requests[at].names().filter(|name| nameless || !name.starts_with("signature")).collect();
            self.taken.extend(names);
            self.count("late");
        }
        self.settle_copies();
        self.w.fact(|bot, now| bot.handle_delivered(now, id, verdict));
    }

    fn respond(&mut self) {
        let open: Vec<_> = (0..self.requests.len()).filter(|at| self.requests[*at].response.is_some()).collect();
        if open.is_empty() {
            let stray = ResponseId::from_u64(self.dice.next());
            return assert!(self.w.fact(|bot, now| bot.respond(now, stray, b"{}")).is_err());
        }
        let at = self.dice.pick(&open);
        let body = self.dice.pick(&[r#"{"toast":{"content":"好"}}"#, "{}", "[]", "", r#"{"x":1}"#]);
        let id = self.requests[at].response.unwrap();
        if self.w.fact(|bot, now| bot.respond(now, id, body.as_bytes())).is_ok() {
            let request = &mut self.requests[at];
            assert!(request.body.is_none() && body.starts_with('{') && self.w.now < self.w.posts[request.n].at + 2500);
            request.body = Some(body.to_owned());
            self.count("answered");
        }
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

    /// What became of each request, against what the rules say.
    fn look(&mut self) {
        if let Some(event) = self.w.bot.poll_delivery() {
            let (id, at) = (event.id(), event.trace_id().as_str()[1..].parse::<usize>().unwrap());
            let shown = self.requests[at].delivery.replace(id);
            assert!(shown.is_none_or(|shown| shown == id));
            let request = &self.requests[at];
            assert!(!request.checked && !request.settled && request.verdict.is_none());
            assert!(!self.is_known(request), "delivered twice: {:?}", request.deed);
        }
        let now = self.w.now;
        for at in 0..self.requests.len() {
            let request = &self.requests[at];
            let seen = &self.w.posts[request.n];
            assert!(seen.answers.len() <= 1);
            let Some((when, status, body)) = seen.answers.first().filter(|_| !request.checked) else {
                assert!(
                    request.checked || request.patient || now < seen.at + 2500,
                    "nobody answered {:?}",
                    request.deed
                );
                continue;
            };
            let (answer, callback, default) =
                ((*status, body.as_str()), request.deed.is_callback(), request.event_default());
            let refused = if callback { EMPTY } else { FULL };
            let right = match request.verdict {
                Some(Verdict::Later) if callback => answer == request.body.as_deref().map_or(EMPTY, |body| (200, body)),
                Some(Verdict::Accepted | Verdict::Discarded | Verdict::Later) => answer == default,
                Some(Verdict::Refused) => answer == refused,
                None if request.settled => answer == default,
                // In vain, or the bot closes.
                None => answer == refused,
            };
            assert!(right, "{answer:?} for {:?} {:?} {:?}", request.verdict, request.body, request.deed);
            assert!(request.patient || when - seen.at <= 2500, "{} ms", when - seen.at);
            let (timed_out, id) = (request.verdict.is_none() && !request.settled, request.response);
            self.requests[at].checked = true;
            if timed_out {
                self.count("timed out");
            }
            if id.is_some() {
                self.requests[at].response = None;
            }
        }
    }

    /// The bot ends; whatever waits is answered, and the answers can be taken.
    fn end(&mut self) {
        self.look();
        self.w.shut_down();
        self.look();
        self.pass(15_000);
        self.w.leaves_answers = false;
        self.w.run();
        self.look();
        assert_eq!(self.w.bot.state(), State::Closed);
        assert!(self.w.posts.iter().all(|post| post.answers.len() == 1), "one answer each");
    }

    /// After a restart with its memory nothing that was taken is shown again.
    fn restart(&mut self) {
        let mut counting = Writer::counting();
        self.w.bot.write_seen(None, &mut counting);
        let mut bytes = vec![0; counting.len()];
        self.w.bot.write_seen(None, &mut Writer::new(&mut bytes));
        let config = Config { link: LinkMode::Off, ..config() };
        let mut w = World::seeded(config, Storage::growable(), Seed([1; 32]));
        w.serve(&self.webhook, PLACES);
        w.now = self.w.now;
        w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(UNIX * 1000))));
        w.fact(|bot, now| bot.restore_seen(now, &bytes)).unwrap();
        w.start();
        let taken: Vec<_> =
            self.requests.iter().filter(|request| self.is_known(request)).map(|request| request.post.clone()).collect();
        for post in taken {
            w.post_to(&self.webhook, &post);
            self.count("kept over a restart");
        }
        assert!(w.delivered.is_empty(), "{:?}", w.ids());
    }
}

pub(crate) fn live(seed: u64, steps: u64, sums: &mut BTreeMap<String, u64>) {
    let mut life = Life::new(seed);
    for _ in 0..steps {
        life.step();
    }
    life.end();
    life.restart();
    for (what, times) in life.stopped {
        *sums.entry(what).or_insert(0) += times;
    }
    *sums.entry("requests".to_owned()).or_insert(0) += life.requests.len() as u64;
}
