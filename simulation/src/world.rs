//! One life: the engine, its machine, its program, the network and the platform, and what happens to them.

use std::collections::BTreeMap;

use crate::app::App;
use crate::clock::{Clock, HOUR, MINUTE, SECOND};
use crate::dice::{Dice, mix};
use crate::faults::{Fault, Reach, Weather};
use crate::figures::Figures;
use crate::ledger::Ledger;
use crate::log::Log;
use crate::machine::Machine;
use crate::network::Conn;
use crate::plan::{CALM, Kind, Plan};
use crate::platform::Platform;
use crate::queue::{Happening, Queue};
use crate::watch::Watch;

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) dice: Dice,
    pub(crate) now: u64,
    pub(crate) clock: Clock,
    queue: Queue,
    pub(crate) weather: Weather,
    pub(crate) conns: BTreeMap<u32, Conn>,
    pub(crate) next_conn: u32,
    pub(crate) platform: Platform,
    pub(crate) ledger: Ledger,
    pub(crate) machine: Machine,
    pub(crate) app: App,
    pub(crate) watch: Watch,
    pub(crate) figures: Figures,
    /// Counts stops of the clock and starts of the bot.
    pub(crate) era: u64,
    /// When the platform was asked where to connect.
    pub(crate) arrivals: Vec<u64>,
    pub(crate) log: Log,
    pub(crate) failure: Option<String>,
    over: bool,
}

impl World {
    pub(crate) fn new(plan: Plan, log: Log) -> Self {
        let mut world = Self {
            dice: Dice::new(mix(plan.seed) ^ 0x0077_6f72_6c64),
            now: 0,
            clock: Clock::new(plan.base),
            queue: Queue::default(),
            weather: Weather::default(),
            conns: BTreeMap::new(),
            next_conn: 1,
            platform: Platform::default(),
            ledger: Ledger::of(&plan),
            machine: Machine::default(),
            app: App::new(plan.inbox),
            watch: Watch::default(),
            figures: Figures::default(),
            era: 0,
            arrivals: Vec::new(),
            log,
            failure: None,
            over: false,
            plan,
        };
        world.after(0, Happening::Start);
        world
    }

    /// Plans everything that makes up a whole life.
    pub(crate) fn populate(&mut self) {
        let (event, fault, end) = (self.plan.event_every, self.plan.fault_every, self.plan.end);
        let (event, fault) = (self.dice.around(event), self.dice.around(fault));
        self.after(event, Happening::Event);
        self.after(fault, Happening::FaultBegins);
        self.after(HOUR, Happening::Speak);
        self.after(HOUR, Happening::Inspect);
        self.at(end, Happening::Calm);
        self.at(end + CALM, Happening::End);
    }

    pub(crate) fn at(&mut self, at: u64, what: Happening) {
        self.queue.push(at.max(self.now), what);
    }

    pub(crate) fn after(&mut self, ms: u64, what: Happening) {
        self.queue.push(self.now + ms, what);
    }

    pub(crate) fn log(&mut self, line: impl FnOnce() -> String) {
        self.log.line(self.now, line);
    }

    /// The first invariant that does not hold ends the life.
    pub(crate) fn fail(&mut self, what: String) {
        if self.failure.is_none() {
            self.log(|| format!("VIOLATED: {what}"));
            self.failure = Some(what);
        }
    }

    /// Lives until `until`, or the end.
    pub(crate) fn run(&mut self, until: u64) {
        let mut at_once = 0_u32;
        while self.failure.is_none() && !self.over {
            let due = self.machine.due(&self.clock, self.now);
            let next = self.queue.next_at();
            let timer = due.is_some_and(|due| next.is_none_or(|next| due < next));
            let at = if timer { due } else { next };
            let Some(at) = at.filter(|at| *at <= until) else { break };
            at_once = if at > self.now { 0 } else { at_once + 1 };
            if at_once > 200_000 {
                return self.fail(format!("never comes to rest: {:?}", self.machine.bot().map(|bot| bot.state())));
            }
            self.now = self.now.max(at);
            if timer {
                self.tell_time();
            } else if let Some(what) = self.queue.pop() {
                self.happen(what);
            }
            self.pump();
        }
        self.now = self.now.max(until.min(self.plan.end + CALM));
    }

    fn happen(&mut self, what: Happening) {
        let of_the_machine = matches!(
            what,
            Happening::Verdict { .. } | Happening::Respond { .. } | Happening::Speak | Happening::Inspect
        );
        if let (true, Some(wakes)) = (of_the_machine, self.machine.wakes()) {
            // The program sleeps with its machine.
            return self.at(wakes + 1, what);
        }
        match what {
            Happening::Opened { conn } => self.opened(conn),
            Happening::Up { conn, bytes } => {
                if let Some(end) = self.conns.get_mut(&conn).filter(|conn| conn.platform_end && !conn.hole_up) {
                    end.up.extend(bytes);
                    self.platform_reads(conn);
                }
            }
            Happening::Down { conn, bytes } => {
                if let Some(end) = self.conns.get_mut(&conn).filter(|conn| conn.bot_end && !conn.hole_down) {
                    end.down.extend(bytes);
                }
            }
            Happening::EndUp { conn } => {
                if let Some(end) = self.conns.get_mut(&conn) {
                    end.platform_end = false;
                    if !end.bot_end {
                        self.conns.remove(&conn);
                    }
                }
            }
            Happening::EndDown { conn, why } => {
                if let Some(end) = self.conns.get_mut(&conn).filter(|end| !end.hole_down) {
                    end.ending.get_or_insert(why);
                }
            }
            Happening::Starved { conn } => {
                if let Some(end) = self.conns.get_mut(&conn) {
                    end.hole_down = true;
                }
            }
            Happening::Answer { conn, bytes, close } => {
                if self.conns.get(&conn).is_some_and(|conn| conn.platform_end) {
                    self.send_down(conn, &bytes);
                    if close {
                        self.hang_up(conn);
                    }
                }
            }
            Happening::Close { conn } => self.platform_closes(conn),
            Happening::Event => {
                self.new_event();
                if self.weather.is(Fault::Nonsense) && self.dice.one_in(2) {
                    self.nonsense();
                }
                let next = self.dice.around(self.plan.event_every);
                self.after(next, Happening::Event);
            }
            Happening::Burst => {
                if self.weather.is(Fault::Burst) {
                    self.new_event();
                    let next = self.dice.around(150);
                    self.after(next, Happening::Burst);
                }
            }
            Happening::Redeliver { event } => self.redeliver(event),
            Happening::AckCheck { delivery } => self.check_ack(delivery),
            Happening::FaultBegins => self.fault_begins(),
            Happening::FaultEnds(fault) => self.fault_ends(fault),
            Happening::Verdict { id, response, event, delivery } => self.decide_late(id, response, event, delivery),
            Happening::Respond { response, delivery } => self.respond(response, delivery),
            Happening::Speak => {
                self.speak();
                let next = self.dice.around(match self.plan.kind {
                    Kind::Quiet => 6 * HOUR,
                    Kind::Rough => HOUR,
                    Kind::Storm => 10 * MINUTE,
                });
                self.after(next, Happening::Speak);
            }
            Happening::Wake { still } => self.wake(still),
            Happening::Start => self.start(),
            Happening::Inspect => {
                self.inspect();
                self.after(if self.plan.kind == Kind::Quiet { 6 * HOUR } else { HOUR }, Happening::Inspect);
            }
            Happening::Calm => self.calm(),
            Happening::End => {
                self.settle();
                self.over = true;
            }
        }
    }

    fn opened(&mut self, id: u32) {
        let Some(conn) = self.conns.get_mut(&id).filter(|conn| conn.bot_end) else { return };
        if conn.ending.is_some() {
            return;
        }
        conn.opened = true;
        conn.platform_end = true;
        let (lane, attempt) = (conn.lane, conn.attempt);
        self.fact(|bot, now| bot.handle_opened(now, lane, attempt));
    }

    fn platform_closes(&mut self, id: u32) {
        let Some(conn) = self.conns.get_mut(&id).filter(|conn| conn.platform_end) else { return };
        if conn.lane == larkwire_core::Lane::Socket && conn.upgraded && self.dice.one_in(2) {
            let conn = self.conns.get_mut(&id);
            if let Some(conn) = conn {
                conn.closing = true;
                conn.dirty_until = u64::MAX;
            }
            let code: u16 = self.dice.pick(&[1000, 1001, 1011, 4000, 4999]);
            self.send_down(id, &crate::wire::ws(8, &code.to_be_bytes()));
            let after = self.dice.between(SECOND, 5 * SECOND);
            return self.after(after, Happening::Answer { conn: id, bytes: Vec::new(), close: true });
        }
        self.hang_up(id);
    }

    // ---- faults ----

    fn fault_begins(&mut self) {
        if self.now < self.plan.end {
            let next = self.dice.around(self.plan.fault_every);
            self.after(next, Happening::FaultBegins);
            let fault = self.dice.pick(Fault::ALL);
            self.begin(fault);
        }
    }

    pub(crate) fn begin(&mut self, fault: Fault) {
        if self.weather.is(fault) || !self.machine.is_awake() {
            return;
        }
        let duration = fault.duration(&mut self.dice);
        self.log(|| format!("FAULT {}, for {}", fault.name(), crate::clock::span(duration)));
        self.figures.fault(fault);
        if fault.reach() == Reach::Moment {
            return self.moment(fault, duration);
        }
        self.weather.set(fault, true);
        self.watch.disturbed(fault.reach());
        self.after(duration, Happening::FaultEnds(fault));
        match fault {
            Fault::TokenRevoked => self.revoke_tokens(),
            Fault::Closes => {
                let ids: Vec<u32> = self.conns.keys().copied().collect();
                for conn in ids {
                    let after = self.dice.below(duration);
                    self.after(after, Happening::Close { conn });
                }
            }
            Fault::Broken | Fault::Undecodable => self.break_frames(fault),
            Fault::Burst => self.after(0, Happening::Burst),
            Fault::InboxFull | Fault::VerdictsLate => self.app.unprompt(self.now + duration + 3 * SECOND),
            _ => self.strike(fault),
        }
    }

    fn fault_ends(&mut self, fault: Fault) {
        if self.weather.is(fault) {
            self.log(|| format!("over: {}", fault.name()));
            self.weather.set(fault, false);
            match fault {
                Fault::InboxFull => self.empty_inbox(),
                Fault::SecretRotated => self.secret_corrected(),
                _ => {}
            }
        }
    }

    fn calm(&mut self) {
        self.log(|| "the last fault is over".to_owned());
        for fault in Fault::ALL {
            self.fault_ends(*fault);
        }
    }

    // ---- health ----

    /// Whether a delivery on this connection had to work from `since` until now.
    pub(crate) fn is_clean(&self, conn: u32, since: u64) -> bool {
        let sound = |conn: &Conn| conn.bot_end && conn.platform_end && !conn.closing && conn.dirty_until < since;
        self.conns.get(&conn).is_some_and(sound)
            && self.machine.is_awake()
            && self.machine.awake_since() + SECOND < since
            && self.app.is_prompt_since(since.saturating_sub(5 * SECOND))
    }
}
