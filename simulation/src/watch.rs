//! The invariants that are looked at all the time: alarms, pings, waits between dials, how soon the bot is back.

use larkwire_core::fault::LinkFault;
use larkwire_core::link::ClientConfig;
use larkwire_core::{Attempt, Instant, Lane, Notice, State, Stats, Wish};

use crate::clock::{MINUTE, SECOND, span};
use crate::faults::Reach;
use crate::network::STARVED;
use crate::world::World;

/// No wait between attempts is longer (protocol sections 2.5 and 9.3).
const LONGEST: u64 = 600 * SECOND;
/// An exchange and an upgrade that hang when the faults end, the way of some bytes, and what was still under way on a
/// stream that is dead.
const SLACK: u64 = 35 * SECOND + STARVED;
/// No T is longer, by the clamps of protocol section 2.7; planned turns are the 70 s.
const LONGEST_T: u64 = 23 * MINUTE + 70 * SECOND;

/// Whether the pace that the bot goes by is one it may go by (protocol section 2.7). The other limits here count on it.
fn check_pace(config: &ClientConfig) -> Result<(), String> {
    let within = (5..=600).contains(&config.ping_interval)
        && (1..=86_400).contains(&config.reconnect_interval)
        && (1..=120).contains(&config.reconnect_nonce);
    if within { Ok(()) } else { Err(format!("a pace beyond every bound: {config:?}")) }
}

/// A pause that runs: since when by the bot's clock, and what it may be.
#[derive(Clone, Copy, Debug)]
struct Pause {
    since: u64,
    era: u64,
    least: u64,
    most: u64,
    /// Which wait in a row; `None` for those that the platform asked for.
    nth: Option<u32>,
}

#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// The platform has asked for patience since the bot was last connected.
    pub(crate) slow: bool,
    /// Since when nothing stands between the bot and the platform, and it is not connected all the same; and the limit.
    down: Option<(u64, u64)>,
    calls_calm: Option<u64>,
    pause: Option<Pause>,
    streak: u32,
    slow_streak: u32,
    last_ping: Option<(Attempt, u64)>,
    /// Connected and lost as the notices tell.
    pub(crate) connected: u64,
    pub(crate) lost: u64,
    pub(crate) dropped: u64,
    /// Bytes held at rest, inspection by inspection, without the table of ids.
    at_rest: Vec<i64>,
}

impl Watch {
    /// A fault begins.
    pub(crate) fn disturbed(&mut self, reach: Reach) {
        if reach != Reach::Events {
            self.calls_calm = None;
        }
        if reach == Reach::Link {
            self.down = None;
        }
    }

    /// A small fault of its own: T runs from here on, if it runs.
    pub(crate) fn pong_lost(&mut self) {
        self.down = None;
    }

    pub(crate) fn woke(&mut self) {
        self.pause = None;
        self.down = None;
    }

    /// Another bot.
    pub(crate) fn born(&mut self) {
        *self = Self { slow: self.slow, ..Self::default() };
    }

    pub(crate) fn calls_calm_since(&self) -> Option<u64> {
        self.calls_calm
    }
}

impl World {
    pub(crate) fn noted(&mut self, notice: Notice) {
        self.log(|| format!("bot: {notice:?}"));
        match notice {
            Notice::Connected => {
                self.watch.connected += 1;
                self.watch.streak = 0;
                self.watch.slow_streak = 0;
                self.watch.slow = false;
                if let Some(conn) = self.machine.socket().and_then(|id| self.conns.get_mut(&id)) {
                    conn.answered = true;
                }
            }
            Notice::LinkLost { fault, .. } => self.link_lost(fault),
            Notice::Dropped { reason, trace_id, .. } => {
                self.watch.dropped += 1;
                self.figures.dropped(reason);
                if let Err(error) = self.ledger.dropped(reason, trace_id.as_str(), self.now) {
                    self.fail(error);
                }
            }
            _ => {}
        }
    }

    fn link_lost(&mut self, fault: LinkFault) {
        self.watch.lost += 1;
        self.figures.link_faults += 1;
        let Some(bot) = self.machine.bot() else { return };
        let config = *bot.client_config();
        let cap = u64::from(config.reconnect_interval).min(120) * SECOND;
        let limit = match self.watch.streak {
            0 => u64::from(config.reconnect_nonce) * SECOND,
            n => cap.min(SECOND << n.min(20)),
        };
        // What was said about waiting was said by this attempt.
        let told =
            matches!(fault, LinkFault::DiscoveryStatus(_) | LinkFault::DiscoveryCode(_) | LinkFault::Refused { .. });
        let floor = if told { self.platform.floor.min(LONGEST) } else { 0 };
        let too_many = |code| code == 1_000_040_350 || code == 514;
        let slow = match fault {
            LinkFault::DiscoveryCode(code) => too_many(code),
            LinkFault::Refused { auth, .. } => too_many(auth),
            _ => false,
        };
        let capped = matches!(fault, LinkFault::Refused { status: 514, .. }) && !slow;
        let (least, most) = if slow {
            let least = (30 * SECOND) << self.watch.slow_streak.min(10);
            (least.min(LONGEST), (2 * least).min(LONGEST))
        } else {
            (floor, floor.max(if capped { limit.max(cap) } else { limit }))
        };
        self.watch.slow_streak = if slow { self.watch.slow_streak + 1 } else { 0 };
        let plain = floor == 0 && !slow && !capped;
        let since = self.clock.bot(self.now);
        let nth = plain.then_some(self.watch.streak);
        self.watch.pause = Some(Pause { since, era: self.era, least, most, nth });
        self.watch.streak += 1;
        let healthy = self.machine.socket().is_some_and(|id| {
            let open = self.conns.get(&id).is_some_and(|conn| conn.upgraded && conn.opened);
            open && self.is_clean(id, self.now)
        });
        if healthy && self.weather.is_calm(Reach::Link) {
            self.fail(format!("a healthy connection was given up: {fault}"));
        }
    }

    pub(crate) fn check_pings(&mut self, pinged: u64) {
        let Some(bot) = self.machine.bot() else { return };
        let Wish::Up(target) = bot.poll_lane(Lane::Socket) else { return };
        let (attempt, now) = (target.attempt, self.clock.bot(self.now));
        let last = self.watch.last_ping.replace((attempt, now));
        let gap = last.filter(|(of, _)| *of == attempt).map(|(_, at)| now - at);
        if pinged > 1 || gap.is_some_and(|gap| gap < 5 * SECOND) {
            self.fail(format!("a storm of pings: {pinged} at once, {gap:?} ms after the last one"));
        }
    }

    /// The stream of the long connection, if it works both ways.
    fn working_link(&self) -> Option<u32> {
        let bot = self.machine.bot()?;
        let id = self.machine.socket().filter(|_| bot.state() == State::Open)?;
        let conn = self.conns.get(&id)?;
        let works = conn.upgraded && conn.answered && conn.platform_end && !conn.hole_up && !conn.hole_down;
        works.then_some(id)
    }

    pub(crate) fn check_after_pump(&mut self) {
        if let Some(Err(error)) = self.machine.bot().map(|bot| check_pace(bot.client_config())) {
            return self.fail(error);
        }
        self.check_alarm();
        self.check_pause();
        if self.limit() > LONGEST_T {
            return self.fail(format!("T is {}, and none is longer than {}", span(self.limit()), span(LONGEST_T)));
        }
        let calm = self.weather.is_calm(Reach::Link) && self.machine.is_awake() && !self.platform.rotated;
        let link = self.working_link();
        match (calm, link, self.watch.down) {
            (true, Some(_), Some((since, limit))) => {
                let took = self.now - since;
                self.figures.back(took, limit);
                self.watch.down = None;
            }
            (true, None, None) => self.watch.down = Some((self.now, self.limit())),
            (true, None, Some((since, limit))) if self.now > since + limit => {
                let state = self.machine.bot().map(|bot| bot.state());
                self.fail(format!(
                    "not connected {} after the last fault, T is {}: {state:?}",
                    span(self.now - since),
                    span(limit)
                ));
            }
            (false, ..) => self.watch.down = None,
            _ => {}
        }
        if self.is_calm_for_calls() && calm && link.is_some() {
            // What failed in bad times may hold calls up for a while.
            self.watch.calls_calm.get_or_insert(self.now + 130 * SECOND);
        } else if !self.is_calm_for_calls() || !calm {
            self.watch.calls_calm = None;
        }
        if let (true, Some(id)) = (calm, link) {
            self.check_ping_due(id);
        }
    }

    /// T: how long the bot may take to be connected, from now on, if nothing goes wrong any more.
    fn limit(&self) -> u64 {
        let Some(bot) = self.machine.bot() else { return SLACK };
        let config = bot.client_config();
        let (ping, interval, nonce) = self.plan.pace;
        let ping = u64::from(config.ping_interval.max(ping)) * SECOND;
        let silence = match self.plan.pong_timeout_ms {
            0 => 2 * ping + 5 * SECOND,
            pong => ping + u64::from(pong),
        };
        let interval = u64::from(config.reconnect_interval.max(interval)).min(120);
        let wait = u64::from(config.reconnect_nonce.max(nonce)).max(interval) * SECOND;
        let turn = if self.plan.planned_turns { 70 * SECOND } else { 0 };
        let limit = silence + wait;
        (if self.watch.slow { limit.max(LONGEST) } else { limit }) + SLACK + turn
    }

    /// Never asleep without an alarm, and no alarm is too late for what it guards (contract, line 7).
    fn check_alarm(&mut self) {
        let Some(bot) = self.machine.bot().filter(|bot| bot.ended().is_none()) else { return };
        let now = self.clock.bot(self.now);
        let most = match bot.state() {
            State::Open => bot.client_config().ping_ms(),
            State::Waiting { .. } => LONGEST,
            State::Discovering => 65 * SECOND,
            State::Connecting | State::Closing => 15 * SECOND,
            _ => 0,
        };
        let due = bot.poll_timeout().map(|deadline| deadline.at);
        if due.is_none_or(|due| due > Instant::from_millis(now.saturating_add(most))) {
            let state = bot.state();
            self.fail(format!("asleep without an alarm in {state:?}: {due:?}, now {now}"));
        }
    }

    /// No dial before its time, and none long after it.
    fn check_pause(&mut self) {
        let Some(pause) = self.watch.pause else { return };
        let Some(bot) = self.machine.bot() else { return };
        if matches!(bot.state(), State::Waiting { .. }) {
            return;
        }
        self.watch.pause = None;
        if pause.era != self.era || bot.ended().is_some() || self.is_stopping() {
            return;
        }
        let waited = self.clock.bot(self.now) - pause.since;
        if waited < pause.least || waited > pause.most + 1 {
            self.fail(format!("waited {waited} ms before the next attempt: {pause:?}"));
        }
        if let Some(nth) = pause.nth {
            self.figures.waited(nth, waited, pause.most);
        }
    }

    fn check_ping_due(&mut self, id: u32) {
        let Some(bot) = self.machine.bot() else { return };
        let interval = bot.client_config().ping_ms();
        let Some(conn) = self.conns.get(&id) else { return };
        let silent = conn.last_ping.is_some_and(|last| self.now > last + interval + 30 * SECOND);
        if silent && conn.dirty_until < self.now.saturating_sub(interval + 30 * SECOND) {
            self.fail(format!("no ping for more than {}", span(interval)));
        }
    }

    /// Now and then: memory at rest, calls that nobody finished.
    pub(crate) fn inspect(&mut self) {
        self.check_calls();
        let Some(bot) = self.machine.bot() else { return };
        let held = self.machine.held;
        let quiet = bot.state() == State::Open && bot.poll_delivery().is_none();
        self.figures.weighed(self.machine.peak, held);
        if !quiet {
            return;
        }
        let most = self.plan.size.most();
        if self.machine.peak > most {
            return self.fail(format!("the bot held {} bytes, {most} are all it was given", self.machine.peak));
        }
        // The table of ids grows with what is in it, up to its cap: by doubling.
        let table = self.plan.size.seen_table(bot.seen_count());
        self.watch.at_rest.push(held - table);
        self.log(|| format!("memory: {held} bytes at rest, {table} of them for ids"));
    }

    /// A bot that is warm holds no more with time.
    fn check_growth(&mut self) {
        let weights = std::mem::take(&mut self.watch.at_rest);
        // Four days of a quiet life; sixteen hours of the others.
        if weights.len() < 16 {
            return;
        }
        self.figures.judged += 1;
        let (young, old) = weights.split_at(weights.len() / 2);
        // What was given for something large goes with the next ping: now and then it is still there.
        let usual = |weights: &[i64]| {
            let mut weights = weights.to_vec();
            weights.sort_unstable();
            weights[weights.len() / 2]
        };
        let (young, old) = (usual(young), usual(old));
        self.figures.grown(old - young);
        // Places that were not needed while it was young.
        if old > young + self.plan.size.retained() {
            self.fail(format!("at rest the bot holds {old} bytes beside its ids, and held {young} when it was young"));
        }
    }

    /// What the bot counted is what happened to it.
    pub(crate) fn close_books(&mut self) {
        self.check_growth();
        let Some(bot) = self.machine.bot() else { return };
        let stats: Stats = *bot.stats();
        let lost = stats.notices_lost;
        let dropped: u64 = larkwire_core::fault::DropReason::ALL.iter().map(|reason| stats.dropped(*reason)).sum();
        let open = self.machine.submitted - self.machine.completed;
        let fatal = u64::from(matches!(bot.state(), State::Fatal));
        let pairs = [
            ("accepted", stats.accepted, self.machine.accepted, 0),
            ("callbacks_answered", stats.callbacks_answered, self.machine.answered, 0),
            ("calls_finished", stats.calls_finished, self.machine.completed, open),
            ("links", stats.links, self.watch.connected, lost),
            ("link_faults", stats.link_faults, self.watch.lost, lost + fatal),
            ("dropped", dropped, self.watch.dropped, lost),
        ];
        self.figures.notices_lost += lost;
        self.figures.evicted += stats.seen_evicted;
        for (name, counted, happened, more) in pairs {
            if counted < happened || counted > happened + more {
                self.fail(format!("the counter {name} says {counted}, and {happened} happened"));
            }
        }
    }

    /// The end of a life: everything is explained.
    pub(crate) fn settle(&mut self) {
        self.close_books();
        self.figures.settle(&self.ledger);
        if self.machine.bot().is_none() {
            self.fail("there is no bot at the end of a long calm".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use larkwire_core::link::ClientConfig;

    use super::check_pace;

    #[test]
    fn a_pace_beyond_its_bounds_is_noticed() {
        let config = ClientConfig::default();
        assert_eq!(check_pace(&config), Ok(()));
        for (ping_interval, right) in [(4, false), (5, true), (600, true), (601, false), (86_400, false)] {
            assert_eq!(check_pace(&ClientConfig { ping_interval, ..config }).is_ok(), right, "{ping_interval}");
        }
        for (reconnect_interval, right) in [(0, false), (1, true), (86_400, true), (86_401, false)] {
            assert_eq!(check_pace(&ClientConfig { reconnect_interval, ..config }).is_ok(), right);
        }
        for (reconnect_nonce, right) in [(0, false), (1, true), (120, true), (121, false), (86_400, false)] {
            assert_eq!(check_pace(&ClientConfig { reconnect_nonce, ..config }).is_ok(), right);
        }
    }
}
