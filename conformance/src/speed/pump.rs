//! Keeps a client's window full, and measures what it does with it.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use super::acks::{self, Garbage, Said};
use super::event::{self, Shape, ShapeError};
use super::flight::{Counts, Flight};
use super::histogram::Histogram;
use super::ring::Ring;
use super::server::Link;
use super::stream::Stream;

/// Of what the client says, read at once.
const CHUNK: usize = 256 * 1024;

/// A client that says nothing for so long gets its events all the same.
const SILENCE: Duration = Duration::from_secs(1);

/// What a client is given to do.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// What the events are like.
    pub shape: Shape,
    /// Events under way at most.
    pub window: usize,
    /// Events a second; as fast as the client takes them without it.
    pub rate: Option<f64>,
    /// Nothing is measured so long.
    pub warm_up: Duration,
    /// How long it is measured.
    pub stretch: Stretch,
    /// A client without progress is given up after this.
    pub stall: Duration,
}

/// How long something is measured: at least until the client has answered twice the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stretch {
    /// So many events.
    Events(u64),
    /// So long.
    Time(Duration),
}

/// Told when the measured stretch begins and ends.
pub(super) trait Watch {
    /// It begins now.
    fn begin(&mut self) -> Result<(), String>;
    /// It ends now.
    fn end(&mut self) -> Result<(), String>;
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    /// Events acked in the stretch.
    pub(super) events: u64,
    pub(super) took: Duration,
    /// Of all events, with those of the warm-up and of the end.
    pub(super) counts: Counts,
    pub(super) p50_ns: u64,
    pub(super) p99_ns: u64,
    pub(super) most_ns: u64,
}

/// Why nothing was measured.
#[derive(Debug)]
pub(super) enum PumpError {
    /// No ack for so long, with so many events acked before.
    Stalled(Duration, u64),
    /// The client hung up.
    Gone(u64),
    Garbage(Garbage),
    Io(io::Error),
    Shape(ShapeError),
    Watch(String),
}

impl fmt::Display for PumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stalled(after, acked) => write!(f, "no ack for {} s, after {acked} events", after.as_secs_f64()),
            Self::Gone(acked) => write!(f, "hung up after {acked} events"),
            Self::Garbage(garbage) => write!(f, "says {garbage}"),
            Self::Io(error) => write!(f, "the connection broke: {error}"),
            Self::Shape(error) => error.fmt(f),
            Self::Watch(what) => f.write_str(what),
        }
    }
}

impl From<io::Error> for PumpError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    WarmUp,
    Measure { since: Instant, acked: u64 },
    Drain,
}

pub(super) struct Pump<'a, W> {
    load: Load,
    stream: &'a mut Stream,
    watch: &'a mut W,
    ring: Ring,
    flight: Flight,
    latency: Histogram,
    said: Vec<u8>,
    /// How much of `said` is filled.
    filled: usize,
    has_spoken: bool,
    /// Pongs; they go between two events.
    aside: Vec<u8>,
    start: Instant,
    last_ack: Instant,
    phase: Phase,
    /// The latency of events that were written before is not counted.
    timed_from_ns: u64,
    /// With a rate: how many events were due when the last one left.
    paced: u64,
}

/// Drives a client over its connection until everything is measured and acked.
pub(super) fn pump<W: Watch>(link: &mut Link, load: &Load, watch: &mut W) -> Result<Measured, PumpError> {
    let ring = Ring::new(load.shape, load.window).map_err(PumpError::Shape)?;
    let now = Instant::now();
    let mut said = vec![0; CHUNK.max(link.early.len())];
    said[..link.early.len()].copy_from_slice(&link.early);
    let mut pump = Pump {
        load: *load,
        stream: &mut link.stream,
        watch,
        ring,
        flight: Flight::new(load.window),
        latency: Histogram::new(),
        filled: link.early.len(),
        has_spoken: false,
        said,
        aside: Vec::new(),
        start: now,
        last_ack: now,
        phase: Phase::WarmUp,
        timed_from_ns: u64::MAX,
        paced: 0,
    };
    pump.run().map_err(|error| match error {
        PumpError::Io(error) if is_gone(&error) => PumpError::Gone(pump.flight.counts.acked),
        error => error,
    })
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

impl<W: Watch> Pump<'_, W> {
    fn run(&mut self) -> Result<Measured, PumpError> {
        let mut measured = None;
        self.hear()?;
        // Some clients lose what comes before they have had time to say something.
        while !self.has_spoken && self.start.elapsed() < SILENCE {
            self.read(true)?;
        }
        (self.start, self.last_ack) = (Instant::now(), Instant::now());
        loop {
            let is_stuck = self.write()?;
            let now = Instant::now();
            if is_stuck {
                self.stream.wait(true, super::server::READ_TIMEOUT)?;
                self.read(false)?;
            } else if let Some(pause) = self.pause(now) {
                self.stream.wait(false, pause)?;
                self.read(false)?;
            } else if self.flight.open() > 0 {
                self.read(true)?;
            }
            let now = Instant::now();
            if self.flight.open() > 0 && now - self.last_ack > self.load.stall {
                return Err(PumpError::Stalled(self.load.stall, self.flight.counts.acked));
            }
            if let Some(done) = self.pass(now)? {
                measured = Some(done);
            }
            if self.phase == Phase::Drain && self.flight.open() == 0 && self.ring.waiting().is_empty() {
                let measured: Option<Measured> = measured;
                if let Some(measured) = measured {
                    return Ok(Measured { counts: self.flight.counts, ..measured });
                }
            }
        }
    }

    /// From phase to phase.
    fn pass(&mut self, now: Instant) -> Result<Option<Measured>, PumpError> {
        let acked = self.flight.counts.acked + self.flight.counts.refused;
        match self.phase {
            Phase::WarmUp if now - self.start >= self.load.warm_up && acked > 0 => {
                self.watch.begin().map_err(PumpError::Watch)?;
                let since = Instant::now();
                // What was under way meanwhile had to wait for us.
                self.timed_from_ns = self.ns(since);
                self.phase = Phase::Measure { since, acked };
            }
            Phase::Measure { since, acked: before } => {
                let is_over = match self.load.stretch {
                    Stretch::Events(events) => acked - before >= events,
                    Stretch::Time(time) => now - since >= time,
                };
                // A window of acks is of events that were written before it began; their latency is not counted.
                let is_full = acked - before >= 2 * u64::try_from(self.load.window).unwrap_or(u64::MAX);
                if is_over && is_full {
                    let took = since.elapsed();
                    self.watch.end().map_err(PumpError::Watch)?;
                    self.phase = Phase::Drain;
                    return Ok(Some(Measured {
                        events: acked - before,
                        took,
                        counts: self.flight.counts,
                        p50_ns: self.latency.quantile(500),
                        p99_ns: self.latency.quantile(990),
                        most_ns: self.latency.most(),
                    }));
                }
            }
            _ => {}
        }
        Ok(None)
    }

    /// Writes what there is to write; whether the client has to read before more goes.
    fn write(&mut self) -> Result<bool, PumpError> {
        loop {
            if self.ring.waiting().is_empty() {
                while !self.aside.is_empty() {
                    let n = self.stream.push(&self.aside)?;
                    self.aside.drain(..n);
                    if n == 0 {
                        return Ok(true);
                    }
                }
                let room = self.room().min(self.ring.places());
                if room == 0 {
                    if self.stream.is_behind() {
                        self.stream.catch_up()?;
                    }
                    return Ok(self.stream.is_behind());
                }
                let events = self.ring.fill(self.flight.next(), room);
                let now = Instant::now();
                if self.flight.open() == 0 {
                    self.last_ack = now;
                }
                self.flight.send(events, self.ns(now));
            }
            let n = self.stream.push(self.ring.waiting())?;
            if n == 0 {
                return Ok(true);
            }
            self.ring.taken(n);
        }
    }

    /// How many events may leave now.
    fn room(&mut self) -> usize {
        if self.phase == Phase::Drain {
            return 0;
        }
        let room = self.load.window.saturating_sub(self.flight.open());
        // A quarter of the window at once, so that a client that acks one by one does not get its events one by one.
        if room == 0 || room < self.load.window / 4 {
            return 0;
        }
        let Some(rate) = self.load.rate else { return room };
        let due = (self.start.elapsed().as_secs_f64() * rate) as u64;
        let wanted = usize::try_from(due.saturating_sub(self.paced)).unwrap_or(usize::MAX);
        if wanted > 0 {
            // What the client was too slow for is not made up for.
            self.paced = due;
        }
        room.min(wanted)
    }

    /// With a rate: how long it is until the next event is due; `None` if nothing is, before the client has acked.
    fn pause(&self, now: Instant) -> Option<Duration> {
        let rate = self.load.rate?;
        if self.phase == Phase::Drain || self.load.window <= self.flight.open() {
            return None;
        }
        let due = self.start + Duration::from_secs_f64((self.paced + 1) as f64 / rate);
        Some(due.saturating_duration_since(now))
    }

    fn read(&mut self, wait: bool) -> Result<(), PumpError> {
        if self.filled == self.said.len() {
            self.said.resize(self.said.len() * 2, 0);
        }
        let n = self.stream.take(&mut self.said[self.filled..], wait)?;
        self.filled += n;
        if n == 0 { Ok(()) } else { self.hear() }
    }

    /// Takes in what the client has said.
    fn hear(&mut self) -> Result<(), PumpError> {
        let now = Instant::now();
        let now_ns = self.ns(now);
        let (mut at, mut has_ack) = (0, false);
        while let Some((said, length)) = acks::next(&mut self.said[at..self.filled]).map_err(PumpError::Garbage)? {
            match said {
                Said::Ack { seq_id, message_id, well } => {
                    let number = self.ring.number_of(seq_id).filter(|number| event::digits(*number) == message_id);
                    match number {
                        Some(number) => {
                            let sent = self.flight.ack(number, well);
                            if let Some(sent) = sent.filter(|sent| *sent >= self.timed_from_ns) {
                                self.latency.add(now_ns - sent);
                            }
                        }
                        None => self.flight.stray(),
                    }
                    has_ack = true;
                }
                Said::Ping => self.aside.extend_from_slice(&event::pong()),
                Said::WsPing(bytes) => {
                    let bytes = self.said.get(at + bytes.start..at + bytes.end).unwrap_or_default();
                    // Control frames have at most 125 bytes.
                    self.aside.extend_from_slice(&[0x8a, u8::try_from(bytes.len()).unwrap_or(0)]);
                    self.aside.extend_from_slice(bytes);
                }
                Said::Close => return Err(PumpError::Gone(self.flight.counts.acked)),
                Said::Other => {}
            }
            at += length;
            self.has_spoken = true;
        }
        if has_ack {
            self.last_ack = now;
        }
        self.said.copy_within(at..self.filled, 0);
        self.filled -= at;
        Ok(())
    }

    fn ns(&self, now: Instant) -> u64 {
        u64::try_from((now - self.start).as_nanos()).unwrap_or(u64::MAX)
    }
}
