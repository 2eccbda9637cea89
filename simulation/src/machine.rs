//! The bot's machine: the runtime's loops without waiting, the disk, sleep, restarts.

use larkwire_core::wire::writer::Writer;
use larkwire_core::{Bot, End, Instant, Lane, Seed, UnixMillis, Wish};

use crate::clock::{Clock, DAY, HOUR, MINUTE, SECOND};
use crate::faults::{Fault, Reach};
use crate::queue::Happening;
use crate::world::World;

/// Shutting down takes no longer: 10 s for calls, 2 s for acks, 2 s for the close frames.
const SHUT_DOWN: u64 = 14 * SECOND;

#[derive(Default)]
pub(crate) struct Machine {
    bot: Option<Bot<'static>>,
    /// The stream of each lane; the last one is the socket's.
    pub(crate) streams: [Option<u32>; 5],
    /// When it wakes up, while it sleeps.
    wakes: Option<u64>,
    awake_since: u64,
    /// `shut_down` was asked for.
    stopping: Option<u64>,
    /// Nobody starts it before the secret is right again.
    dead: bool,
    /// The monotonic clock begins anew with the next start.
    reboot: bool,
    /// The memory of ids as a file.
    disk: Vec<u8>,
    written: u64,
    /// Bytes on the heap that are the bot's.
    pub(crate) held: i64,
    pub(crate) peak: i64,
    // What this bot was told and said, to be compared with its counters.
    pub(crate) accepted: u64,
    pub(crate) answered: u64,
    pub(crate) submitted: u64,
    pub(crate) completed: u64,
}

impl Machine {
    pub(crate) fn bot(&self) -> Option<&Bot<'static>> {
        self.bot.as_ref()
    }

    pub(crate) fn is_awake(&self) -> bool {
        self.bot.is_some() && self.wakes.is_none() && self.stopping.is_none()
    }

    pub(crate) fn wakes(&self) -> Option<u64> {
        self.wakes
    }

    pub(crate) fn awake_since(&self) -> u64 {
        self.awake_since
    }

    /// When the bot wants to be told the time.
    pub(crate) fn due(&self, clock: &Clock, now: u64) -> Option<u64> {
        let bot = self.bot.as_ref().filter(|_| self.wakes.is_none())?;
        Some(clock.world(bot.poll_timeout()?.at.as_millis()).max(now))
    }

    pub(crate) fn socket(&self) -> Option<u32> {
        self.streams[4]
    }

    /// Appends new ids to the file, before the ack is on its way.
    pub(crate) fn write_journal(&mut self) {
        let Some(bot) = &self.bot else { return };
        let from = (!self.disk.is_empty()).then_some(self.written);
        let mut counting = Writer::counting();
        bot.write_seen(from, &mut counting);
        let at = self.disk.len();
        self.disk.resize(at + counting.len(), 0);
        bot.write_seen(from, &mut Writer::new(&mut self.disk[at..]));
        self.written = bot.seen_count();
    }
}

fn lane_of(index: usize) -> Lane {
    if index == 4 { Lane::Socket } else { Lane::Http(index as u8) }
}

impl World {
    /// Tells the bot a fact, weighs what it holds afterwards, and listens to what it has to say.
    pub(crate) fn fact<R>(&mut self, fact: impl FnOnce(&mut Bot<'static>, Instant) -> R) -> Option<R> {
        if self.machine.wakes.is_some() {
            return None;
        }
        let now = Instant::from_millis(self.clock.bot(self.now));
        let bot = self.machine.bot.as_mut()?;
        let pings = bot.stats().pings;
        let mut result = None;
        let weight = allocation_counter::measure(|| result = Some(fact(bot, now)));
        self.machine.held += weight.bytes_current;
        self.machine.peak = self.machine.peak.max(self.machine.held);
        let pinged = bot.stats().pings - pings;
        while let Some(notice) = self.machine.bot.as_mut().and_then(Bot::take_notice) {
            self.noted(notice);
        }
        if pinged > 0 {
            self.check_pings(pinged);
        }
        result
    }

    pub(crate) fn tell_time(&mut self) {
        let wall = UnixMillis(self.clock.wall(self.now));
        let tells = self.plan.tells_wall;
        self.fact(|bot, now| {
            if tells {
                bot.handle_wall_clock(now, Some(wall));
            }
            bot.handle_timeout(now);
        });
    }

    fn tell_wall(&mut self) {
        let wall = self.clock.wall(self.now);
        self.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(wall))));
    }

    /// Everything that can be done without time passing.
    pub(crate) fn pump(&mut self) {
        if self.machine.wakes.is_some() {
            return;
        }
        let Some(bot) = &self.machine.bot else { return };
        let lanes = usize::from(bot.http_lanes());
        for round in 0..100_000 {
            let mut progress = false;
            for index in (0..lanes).chain([4]) {
                progress |= self.reconcile(index) | self.write(index) | self.read(index);
            }
            progress |= self.take_event() | self.take_completion() | self.tell_room();
            if !progress || self.failure.is_some() {
                break;
            }
            if round == 99_999 {
                self.fail("the bot never comes to rest".to_owned());
            }
        }
        self.check_after_pump();
        self.check_end();
    }

    /// Opens and drops streams as the bot wishes.
    fn reconcile(&mut self, index: usize) -> bool {
        let Some(bot) = &self.machine.bot else { return false };
        let lane = lane_of(index);
        let wanted = match bot.poll_lane(lane) {
            Wish::Up(target) => Some(target.attempt),
            Wish::Down => None,
        };
        if let Some(id) = self.machine.streams[index] {
            let attempt = self.conns.get(&id).map(|conn| conn.attempt);
            if wanted.is_some() && attempt == wanted {
                return false;
            }
            self.machine.streams[index] = None;
            // What still comes of an old stream must not reach the new one (protocol section 9.3, rule 7).
            if let (Some(attempt), true) = (attempt, self.dice.one_in(20)) {
                self.fact(|bot, now| {
                    bot.handle_received(now, lane, attempt, b"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}");
                    bot.handle_transmitted(now, lane, attempt, 7);
                    bot.handle_closed(now, lane, attempt, larkwire_core::Closed::Reset);
                });
            }
            self.drop_stream(id, false);
            return true;
        }
        let Some(attempt) = wanted else { return false };
        let id = self.dial(lane, attempt);
        self.machine.streams[index] = Some(id);
        self.log(|| format!("bot: dials {lane:?} as {id}"));
        true
    }

    fn write(&mut self, index: usize) -> bool {
        let (Some(id), Some(bot)) = (self.machine.streams[index], &self.machine.bot) else { return false };
        let Some(conn) = self.conns.get(&id).filter(|conn| conn.opened) else { return false };
        let (lane, attempt) = (conn.lane, conn.attempt);
        let bytes = bot.poll_transmit(lane);
        if bytes.is_empty() || self.weather.is(Fault::WritesStall) {
            return false;
        }
        let n = if self.dice.one_in(30) { bytes.len().div_ceil(2) } else { bytes.len() };
        let bytes = bytes[..n].to_vec();
        self.fact(|bot, now| bot.handle_transmitted(now, lane, attempt, n));
        self.send_up(id, &bytes);
        true
    }

    fn read(&mut self, index: usize) -> bool {
        let (Some(id), Some(bot)) = (self.machine.streams[index], &self.machine.bot) else { return false };
        let Some(conn) = self.conns.get_mut(&id) else { return false };
        let (lane, attempt) = (conn.lane, conn.attempt);
        let room = bot.poll_receive(lane);
        let left = conn.down.len() - conn.read;
        if left == 0 {
            let Some(why) = conn.ending.take() else { return false };
            conn.opened = false;
            self.log(|| format!("bot: {lane:?} {id} ended: {why}"));
            self.fact(|bot, now| bot.handle_closed(now, lane, attempt, why));
            return true;
        }
        let most = if self.dice.one_in(20) { self.dice.between(1, 40) as usize } else { left };
        let n = left.min(room).min(most);
        if n == 0 {
            return false;
        }
        let bytes = conn.down[conn.read..conn.read + n].to_vec();
        conn.read += n;
        if conn.read == conn.down.len() {
            conn.down.clear();
            conn.read = 0;
        }
        self.fact(|bot, now| bot.handle_received(now, lane, attempt, &bytes));
        true
    }

    // ---- beginnings and ends ----

    pub(crate) fn start(&mut self) {
        if self.machine.bot.is_some() || self.machine.dead {
            return;
        }
        self.era += 1;
        self.ledger.ahead = self.clock.wall_ahead.unsigned_abs();
        if self.machine.reboot {
            self.clock.restart(0, self.now);
        }
        let seed = Seed(self.dice.seed());
        let plan = &self.plan;
        let mut bot = None;
        let weight = allocation_counter::measure(|| bot = Bot::new(plan.config(), plan.size.storage(), seed).ok());
        self.machine = Machine {
            bot,
            held: weight.bytes_current,
            peak: self.machine.peak.max(weight.bytes_current),
            disk: std::mem::take(&mut self.machine.disk),
            awake_since: self.now,
            ..Machine::default()
        };
        if self.machine.bot.is_none() {
            return self.fail("the configuration is refused".to_owned());
        }
        self.figures.bots += 1;
        self.watch.born();
        self.platform.said_fatal.clear();
        self.log(|| "bot: starts".to_owned());
        self.tell_wall();
        let disk = std::mem::take(&mut self.machine.disk);
        if !disk.is_empty() {
            if let Some(Err(error)) = self.fact(|bot, now| bot.restore_seen(now, &disk)) {
                return self.fail(format!("the memory is not taken: {error}"));
            }
            self.ledger.restored_at = Some(self.now);
        }
        self.machine.write_journal();
        self.empty_inbox();
    }

    /// The process is gone.
    fn kill(&mut self, silently: bool) {
        for index in 0..5 {
            if let Some(id) = self.machine.streams[index].take() {
                self.drop_stream(id, silently);
            }
        }
        self.close_books();
        self.figures.calls_gone += self.app.killed();
        let bot = self.machine.bot.take();
        let weight = allocation_counter::measure(|| drop(bot));
        self.machine.held += weight.bytes_current;
        if self.machine.held != 0 {
            self.fail(format!("{} bytes of the bot were left behind", self.machine.held));
        }
    }

    /// Whether the bot has ended, and was right to.
    fn check_end(&mut self) {
        let Some(bot) = &self.machine.bot else { return };
        let late = self.machine.stopping.is_some_and(|since| self.now > since + SHUT_DOWN + 5);
        if late && bot.ended().is_none() {
            return self.fail(format!("shutting down takes longer than 14 s: {:?}", bot.state()));
        }
        let Some(end) = bot.ended() else { return };
        let busy = (0..bot.http_lanes()).map(Lane::Http).chain([Lane::Socket]).any(|l| bot.poll_lane(l) != Wish::Down);
        if busy || bot.poll_timeout().is_some() {
            return self.fail("the bot has ended, and still wants something".to_owned());
        }
        self.log(|| format!("bot: ended: {end:?}"));
        match end {
            End::Stopped if self.machine.stopping.is_some() => self.kill(false),
            End::Fatal(fatal) if !self.plan.slow_retry && self.platform.has_said(&fatal) => {
                self.figures.fatal += 1;
                self.kill(false);
                self.machine.dead = self.platform.rotated;
                if !self.platform.rotated {
                    self.after(0, Happening::Start);
                }
            }
            end => self.fail(format!("the bot ended without a reason: {end:?}")),
        }
    }

    /// A fault that strikes the machine at one moment.
    pub(crate) fn moment(&mut self, fault: Fault, duration: u64) {
        self.watch.disturbed(Reach::Link);
        match fault {
            Fault::Sleep | Fault::SleepStill => {
                self.machine.wakes = Some(self.now + duration);
                let ids: Vec<u32> = self.conns.keys().copied().collect();
                let forgotten = self.dice.one_in(2);
                for id in ids {
                    self.dirty(id, u64::MAX);
                    if let Some(conn) = self.conns.get_mut(&id).filter(|_| forgotten) {
                        conn.hole_up = true;
                        conn.hole_down = true;
                    }
                }
                let still = if fault == Fault::SleepStill { duration } else { 0 };
                self.after(duration, Happening::Wake { still });
            }
            Fault::WallJumps => {
                let jump = self.dice.pick(&[5 * SECOND, 10 * MINUTE, HOUR, DAY, 365 * DAY]) as i64;
                let to = self.dice.pick(&[0, 0, jump, -jump]);
                self.ledger.travel += self.clock.wall_ahead.abs_diff(to);
                self.ledger.ahead = to.unsigned_abs();
                self.clock.wall_ahead = to;
                self.tell_wall();
            }
            Fault::Restart | Fault::RestartBlank | Fault::PowerLoss => {
                self.kill(fault == Fault::PowerLoss);
                if fault == Fault::RestartBlank {
                    self.machine.disk.clear();
                    self.ledger.memory += 1;
                } else if fault == Fault::PowerLoss {
                    // Half a record, as a crash leaves it.
                    let junk = self.dice.below(16) as usize;
                    self.machine.disk.extend_from_slice(&[0xa5; 15][..junk.min(15)]);
                }
                self.machine.reboot = self.dice.one_in(2);
                self.after(duration, Happening::Start);
            }
            Fault::ShutDown => {
                self.machine.stopping = Some(self.now);
                self.fact(|bot, now| bot.shut_down(now));
                self.after(15 * SECOND + duration, Happening::Start);
            }
            Fault::SecretRotated => {
                self.weather.set(fault, true);
                self.platform.rotated = true;
                self.watch.slow = true;
                self.revoke_tokens();
                self.strike(Fault::Cut);
                self.after(duration, Happening::FaultEnds(fault));
            }
            _ => {}
        }
    }

    /// A person has put the right secret in.
    pub(crate) fn secret_corrected(&mut self) {
        self.platform.rotated = false;
        self.watch.slow = true;
        if std::mem::take(&mut self.machine.dead) {
            self.after(0, Happening::Start);
        }
    }

    pub(crate) fn wake(&mut self, still: u64) {
        self.machine.wakes = None;
        self.machine.awake_since = self.now;
        self.clock.freeze(still);
        // The bot's idea of the time of day stood still as well.
        self.ledger.travel += still;
        self.ledger.ahead += still;
        self.era += 1;
        self.log(|| "the machine wakes up".to_owned());
        self.watch.woke();
        if !self.weather.is(Fault::InboxFull) {
            self.empty_inbox();
        }
        if self.dice.one_in(2) {
            self.tell_wall();
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.machine.stopping.is_some()
    }
}
