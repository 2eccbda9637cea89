//! One bot in a virtual world. Nothing sleeps: time jumps to the bot's own deadlines.

use std::collections::{BTreeMap, HashSet};

use larkwire_core::{
    Attempt, Bot, Buffers, Call, CallId, Closed, Config, Domain, End, GateRules, Instant, Lane, Notice, OwnOpenId,
    Secret, Seed, State, Storage, Verdict, Wish,
};

use super::{APP_ID, Pb, Request, SECRET, Script, to_hex, ws};

mod answers;
mod check;
mod loops;
#[cfg(feature = "webhook")]
mod posts;

#[cfg(feature = "webhook")]
pub(crate) use posts::PostSeen;

pub(crate) const CHOPS: [usize; 6] = [1, 2, 3, 7, 16, usize::MAX];

#[derive(Clone, Debug)]
pub(crate) struct Dialled {
    pub(crate) at: u64,
    pub(crate) lane: Lane,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Ack {
    pub(crate) at: u64,
    pub(crate) attempt: Attempt,
    pub(crate) raw: Vec<u8>,
    pub(crate) pb: Pb,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delivered {
    pub(crate) at: u64,
    pub(crate) event_type: String,
    pub(crate) event_id: String,
    pub(crate) message_id: String,
    pub(crate) content: String,
    pub(crate) json: String,
    pub(crate) trace_id: String,
    pub(crate) callback: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Completed {
    pub(crate) at: u64,
    pub(crate) id: CallId,
    pub(crate) result: Result<(String, String), larkwire_core::fault::CallFault>,
    pub(crate) log_id: String,
}

/// One stream as the platform holds it.
#[derive(Debug, Default)]
struct Side {
    attempt: Option<Attempt>,
    open: bool,
    upgraded: bool,
    /// From the bot, not understood yet.
    input: Vec<u8>,
    /// On its way to the bot.
    output: Vec<u8>,
    end: Option<Closed>,
}

/// What the wishes of a lane were when they were last looked at.
#[derive(Clone, Debug, Default)]
struct View {
    attempt: Option<Attempt>,
    shown: Vec<u8>,
    room: usize,
}

/// What the fact was, as far as the wishes may change by it.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    Other,
    Received(Lane),
    Transmitted(Lane, usize),
}

pub(crate) struct World {
    pub(crate) bot: Bot<'static>,
    pub(crate) now: u64,
    /// The latest time that was told.
    pub(crate) newest: u64,
    pub(crate) chop: usize,
    /// Asks every question many times.
    pub(crate) curious: bool,
    /// Streams take turns.
    alone: bool,
    pub(crate) script: Script,
    sides: BTreeMap<Lane, Side>,
    views: BTreeMap<Lane, View>,
    tickets: u32,
    tickets_used: HashSet<u32>,
    told_room: bool,
    // What a bystander saw.
    pub(crate) dials: Vec<Dialled>,
    pub(crate) requests: Vec<Request>,
    pub(crate) pings: Vec<(u64, Vec<u8>)>,
    pub(crate) acks: Vec<Ack>,
    /// Payloads of ws pongs.
    pub(crate) ws_pongs: Vec<(u64, Vec<u8>)>,
    /// Codes of close frames.
    pub(crate) closes: Vec<(u64, u16)>,
    pub(crate) delivered: Vec<Delivered>,
    /// What was posted, and what it was answered.
    #[cfg(feature = "webhook")]
    pub(crate) posts: Vec<PostSeen>,
    /// Whether nobody takes the answers.
    #[cfg(feature = "webhook")]
    pub(crate) leaves_answers: bool,
    pub(crate) completed: Vec<Completed>,
    pub(crate) notices: Vec<(u64, Notice)>,
    pub(crate) states: Vec<(u64, State)>,
    /// Everything written, a stream after the other.
    pub(crate) sent: Vec<(Lane, u64, Vec<u8>)>,
    pub(crate) masks: Vec<[u8; 4]>,
    pub(crate) ended_at: Option<u64>,
}

pub(crate) fn config() -> Config<'static> {
    Config {
        app_id: APP_ID,
        app_secret: Secret::new(SECRET),
        domain: Domain::Feishu,
        own_open_id: OwnOpenId::Unused,
        gate: GateRules { allowed_users: &["*"], ..GateRules::default() },
        ..Config::default()
    }
}

/// The memory of a small board; one bot's worth, never given back.
pub(crate) fn small() -> Storage<'static> {
    Box::leak(Box::new(Box::leak(Box::new(Buffers::<2048, 1024, 2048, 1024, 256>::new())).tables())).storage()
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(config(), Storage::growable())
    }

    pub(crate) fn small() -> Self {
        Self::with(config(), small())
    }

    pub(crate) fn with(config: Config<'_>, storage: Storage<'static>) -> Self {
        Self::seeded(config, storage, Seed([7; 32]))
    }

    pub(crate) fn seeded(config: Config<'_>, storage: Storage<'static>, seed: Seed) -> Self {
        let alone = config.planned_turns;
        let bot = Bot::new(config, storage, seed).expect("a sound configuration");
        let mut world = Self {
            bot,
            now: 0,
            newest: 0,
            chop: usize::MAX,
            curious: false,
            alone,
            script: Script::default(),
            sides: BTreeMap::new(),
            views: BTreeMap::new(),
            tickets: 0,
            tickets_used: HashSet::new(),
            told_room: false,
            dials: Vec::new(),
            requests: Vec::new(),
            pings: Vec::new(),
            acks: Vec::new(),
            ws_pongs: Vec::new(),
            closes: Vec::new(),
            delivered: Vec::new(),
            #[cfg(feature = "webhook")]
            posts: Vec::new(),
            #[cfg(feature = "webhook")]
            leaves_answers: false,
            completed: Vec::new(),
            notices: Vec::new(),
            states: Vec::new(),
            sent: Vec::new(),
            masks: Vec::new(),
            ended_at: None,
        };
        world.check(Told::Other);
        world
    }

    /// Starts the clock and goes on until the long connection is open.
    pub(crate) fn open(mut self) -> Self {
        self.start();
        assert_eq!(self.bot.state(), State::Open, "{:?}", self.notices);
        self
    }

    pub(crate) fn start(&mut self) {
        self.timeout();
        self.run();
    }

    pub(crate) fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    // ---- time ----

    /// Lets `ms` pass, deadline by deadline.
    pub(crate) fn advance(&mut self, ms: u64) {
        let target = self.now + ms;
        self.run();
        let mut at_once = 0;
        while let Some(deadline) = self.bot.poll_timeout().filter(|deadline| deadline.at.as_millis() <= target) {
            at_once = if deadline.at.as_millis() > self.now { 0 } else { at_once + 1 };
            assert!(at_once < 1000, "spins on {deadline:?} at {}", self.now);
            self.now = self.now.max(deadline.at.as_millis());
            self.timeout();
            self.run();
        }
        self.now = target;
        self.run();
    }

    /// Goes from deadline to deadline until `done`; panics after `within` ms.
    pub(crate) fn until(&mut self, within: u64, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.now + within;
        self.run();
        while !done(self) {
            let next = self.bot.poll_timeout().map(|deadline| deadline.at.as_millis().max(self.now));
            match next.filter(|next| *next <= end) {
                Some(next) => self.now = next,
                None => panic!("not within {within} ms: {what}; {:?} {:?}", self.bot.state(), self.notices),
            }
            self.timeout();
            self.run();
        }
    }

    pub(crate) fn until_open(&mut self, within: u64) {
        self.until(within, "open", |w| w.bot.state() == State::Open);
    }

    /// Time passes unseen, then the clock is told once.
    pub(crate) fn sleep(&mut self, ms: u64) {
        self.now += ms;
        self.timeout();
        self.run();
    }

    // ---- facts ----

    pub(crate) fn timeout(&mut self) {
        self.tell(Told::Other, |bot, now| bot.handle_timeout(now));
    }

    pub(crate) fn fact<R>(&mut self, fact: impl FnOnce(&mut Bot<'static>, Instant) -> R) -> R {
        self.tell(Told::Other, fact)
    }

    pub(crate) fn room(&mut self, room: usize) {
        self.fact(|bot, now| bot.handle_inbox(now, room));
    }

    pub(crate) fn shut_down(&mut self) {
        self.fact(|bot, now| bot.shut_down(now));
        self.run();
    }

    pub(crate) fn submit(&mut self, call: Call<'_>) -> CallId {
        let id = self.fact(|bot, now| bot.submit(now, call)).expect("room in the outbox");
        self.run();
        id
    }

    pub(crate) fn reply(&mut self, message_id: &str, text: &str) -> CallId {
        self.submit(Call::reply_text(message_id, text))
    }

    /// The verdict on the event at the head of the line.
    pub(crate) fn decide(&mut self, verdict: Verdict) {
        let id = self.bot.poll_delivery().expect("an event waits").id();
        self.fact(|bot, now| bot.handle_delivered(now, id, verdict));
        self.run();
    }

    pub(crate) fn received(&mut self, lane: Lane, attempt: Attempt, bytes: &[u8]) {
        self.tell(Told::Received(lane), |bot, now| bot.handle_received(now, lane, attempt, bytes));
    }

    pub(crate) fn transmitted(&mut self, lane: Lane, attempt: Attempt, n: usize) {
        self.tell(Told::Transmitted(lane, n), |bot, now| bot.handle_transmitted(now, lane, attempt, n));
    }

    fn tell<R>(&mut self, told: Told, fact: impl FnOnce(&mut Bot<'static>, Instant) -> R) -> R {
        let now = Instant::from_millis(self.now);
        self.newest = self.newest.max(self.now);
        let result = fact(&mut self.bot, now);
        self.check(told);
        result
    }

    // ---- the platform speaks on the socket ----

    /// Raw bytes on the open socket.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.sides.get_mut(&Lane::Socket).expect("a socket").output.extend(bytes);
        self.run();
    }

    pub(crate) fn frame(&mut self, frame: &[u8]) {
        self.raw(&ws(2, frame));
    }

    /// An event message in a frame of its own.
    pub(crate) fn event(&mut self, frame_id: &str, json: &str) {
        self.frame(&super::event_frame(frame_id, json));
    }

    pub(crate) fn part(&mut self, frame_id: &str, sum: &str, seq: &str, payload: &[u8]) {
        self.frame(&super::part_frame(frame_id, sum, seq, payload));
    }

    /// The stream ends.
    pub(crate) fn cut(&mut self, lane: Lane, why: Closed) {
        if let Some(side) = self.sides.get_mut(&lane) {
            side.end = Some(why);
        }
        self.run();
    }

    pub(crate) fn http_raw(&mut self, lane: u8, bytes: &[u8]) {
        self.sides.get_mut(&Lane::Http(lane)).expect("a lane").output.extend(bytes);
        self.run();
    }

    /// A dial that hung comes through after all.
    pub(crate) fn open_late(&mut self, lane: Lane) {
        let side = self.sides.get_mut(&lane).expect("a side");
        let attempt = side.attempt.expect("a dial");
        side.open = true;
        self.sent.push((lane, self.now, Vec::new()));
        self.fact(|bot, now| bot.handle_opened(now, lane, attempt));
    }

    /// One write on one lane, nothing else.
    pub(crate) fn write_once(&mut self, lane: Lane) {
        self.write(lane);
    }

    pub(crate) fn attempt(&self, lane: Lane) -> Option<Attempt> {
        match self.bot.poll_lane(lane) {
            Wish::Up(target) => Some(target.attempt),
            Wish::Down => None,
        }
    }

    // ---- what was seen ----

    pub(crate) fn paths(&self) -> Vec<&str> {
        self.requests.iter().map(|request| request.target.as_str()).collect()
    }

    pub(crate) fn discoveries(&self) -> Vec<u64> {
        self.requests.iter().filter(|request| request.target.ends_with("/endpoint")).map(|request| request.at).collect()
    }

    pub(crate) fn upgrades(&self) -> Vec<&Request> {
        self.requests.iter().filter(|request| request.lane == Lane::Socket).collect()
    }

    pub(crate) fn calls(&self) -> Vec<&Request> {
        self.requests.iter().filter(|request| request.target.contains("/im/")).collect()
    }

    /// Message and emoji of every reaction asked for.
    pub(crate) fn reactions(&self) -> Vec<(String, String)> {
        let requests = self.requests.iter().filter(|request| request.target.ends_with("/reactions"));
        let reaction = |request: &Request| {
            let message = request.target.rsplit('/').nth(1).unwrap().to_owned();
            (message, request.json()["reaction_type"]["emoji_type"].as_str().unwrap().to_owned())
        };
        requests.map(reaction).collect()
    }

    pub(crate) fn lookups(&self) -> Vec<u64> {
        self.requests
            .iter()
            .filter(|request| request.target.ends_with("/bot/v3/info"))
            .map(|request| request.at)
            .collect()
    }

    pub(crate) fn token_requests(&self) -> usize {
        self.requests.iter().filter(|request| request.target.contains("tenant_access_token")).count()
    }

    pub(crate) fn codes(&self) -> Vec<u16> {
        self.closes.iter().map(|(_, code)| *code).collect()
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        self.delivered.iter().map(|event| event.event_id.as_str()).collect()
    }

    pub(crate) fn ack_texts(&self) -> Vec<&str> {
        self.acks.iter().map(|ack| ack.pb.text()).collect()
    }

    pub(crate) fn faults(&self) -> Vec<larkwire_core::fault::LinkFault> {
        let fault = |notice: &Notice| if let Notice::LinkLost { fault, .. } = notice { Some(*fault) } else { None };
        self.notices.iter().filter_map(|(_, notice)| fault(notice)).collect()
    }

    pub(crate) fn waits(&self) -> Vec<u64> {
        let wait = |notice: &Notice| if let Notice::LinkLost { wait_ms, .. } = notice { Some(*wait_ms) } else { None };
        self.notices.iter().filter_map(|(_, notice)| wait(notice)).collect()
    }

    pub(crate) fn dropped(&self, reason: larkwire_core::fault::DropReason) -> u64 {
        self.bot.stats().dropped(reason)
    }

    pub(crate) fn end(&self) -> End {
        self.bot.ended().expect("the bot has ended")
    }

    /// What must not depend on how bytes were split.
    pub(crate) fn observed(&self) -> String {
        format!(
            "states {:?}\ndials {:?}\nsent {:?}\ndelivered {:?}\nnotices {:?}\ncompleted {:?}\nstats {:?}",
            self.states,
            self.dials,
            self.sent.iter().map(|(lane, at, bytes)| format!("{lane:?}@{at}:{}", to_hex(bytes))).collect::<Vec<_>>(),
            self.delivered,
            self.notices,
            self.completed,
            self.bot.stats()
        )
    }
}
