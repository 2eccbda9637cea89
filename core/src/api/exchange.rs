//! One `Http` lane: a connection to the open platform that carries one exchange at a time.

use super::Job;
use crate::lane::{Attempt, Closed};
use crate::pipe::Pipe;
use crate::rng::Rng;
use crate::storage::{Region, SecretRegion};
use crate::text::Short;
use crate::time::{Earliest, Instant, UnixMillis, Why};
use crate::wire::http::{self, Body, Head, HeadScan, HttpError};
use crate::wire::writer::Writer;

/// How long an unused connection is kept.
const KEEP_ALIVE_MS: u64 = 4000;
/// Memory a host keeps for the next answer.
const RETAINED: usize = 4096;

/// Why an exchange failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    Http(HttpError),
    Lost(Closed),
    Overrun,
    /// The request does not fit the lane's output.
    Request,
    TimedOut,
}

/// A whole answer, borrowed from its lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
    /// `Retry-After` or `x-ogw-ratelimit-reset`, in seconds.
    pub(crate) retry_after: u32,
    pub(crate) log_id: Short<48>,
    /// The server's clock.
    pub(crate) date: Option<UnixMillis>,
}

impl Answer<'_> {
    pub(crate) fn floor_ms(&self) -> u64 {
        u64::from(self.retry_after).saturating_mul(1000)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// No stream.
    Down,
    /// A stream is wanted for this job.
    Dialing {
        job: Job,
        by: Instant,
    },
    /// The request is out. `reused`: on a connection that has served before.
    Busy {
        job: Job,
        by: Instant,
        reused: bool,
    },
    /// The answer is whole and being dealt with; whether the connection can serve again.
    Done {
        keep: bool,
    },
    Idle {
        until: Instant,
    },
}

#[derive(Clone, Copy, Debug)]
struct HeadInfo {
    status: u16,
    keep_alive: bool,
    retry_after: u32,
    log_id: Short<48>,
    date: Option<UnixMillis>,
}

/// The memory and state of one `Http` lane. `input` holds the longest answer with its head (4 KiB do for the calls a
/// board makes), `output` the longest request with its token.
#[derive(Debug)]
pub struct HttpLane<'s> {
    input: SecretRegion<'s>,
    output: Pipe<'s>,
    attempt: Attempt,
    state: State,
    /// After a failed dial no call is sent before this.
    pub(super) brake: Instant,
    failures: u32,
    scan: HeadScan,
    interim: u8,
    head: Option<(HeadInfo, Body)>,
    body_len: usize,
    raw_start: usize,
    raw_end: usize,
}

impl<'s> HttpLane<'s> {
    /// An unused lane.
    pub fn new(input: Region<'s>, output: Region<'s>) -> Self {
        Self {
            input: SecretRegion::new(input),
            output: Pipe::new(output),
            attempt: Attempt::default(),
            state: State::Down,
            brake: Instant::ZERO,
            failures: 0,
            scan: HeadScan::default(),
            interim: 0,
            head: None,
            body_len: 0,
            raw_start: 0,
            raw_end: 0,
        }
    }

    pub(crate) fn input_cap(&self) -> usize {
        self.input.cap()
    }

    pub(crate) fn output_cap(&self) -> usize {
        self.output.cap()
    }

    // ---- wishes ----

    pub(super) fn wanted(&self) -> Option<Attempt> {
        (self.state != State::Down).then_some(self.attempt)
    }

    pub(crate) fn room(&self) -> usize {
        match self.state {
            State::Busy { .. } => self.input.cap().saturating_sub(self.raw_end),
            // Anything that comes now is one byte too many, and ends the connection.
            State::Idle { .. } => 1,
            _ => 0,
        }
    }

    pub(crate) fn output(&self) -> &[u8] {
        match self.state {
            State::Busy { .. } => self.output.peek(),
            _ => &[],
        }
    }

    pub(super) fn job(&self) -> Option<Job> {
        match self.state {
            State::Dialing { job, .. } | State::Busy { job, .. } => Some(job),
            _ => None,
        }
    }

    pub(super) fn is_free(&self) -> bool {
        matches!(self.state, State::Down | State::Idle { .. })
    }

    pub(super) fn is_braked(&self, now: Instant) -> bool {
        self.state == State::Down && self.brake > now
    }

    pub(super) fn deadlines(&self, earliest: &mut Earliest) {
        match self.state {
            State::Dialing { by, .. } | State::Busy { by, .. } => earliest.add(by, Why::Exchange),
            State::Idle { until } => earliest.add(until, Why::KeepAlive),
            State::Down | State::Done { .. } => {}
        }
    }

    // ---- the life of an exchange ----

    /// Takes a job; `true`: the connection is open, write the request now.
    pub(super) fn start(&mut self, job: Job, by: Instant) -> bool {
        self.reset_answer();
        if let State::Idle { .. } = self.state {
            self.state = State::Busy { job, by, reused: true };
            return true;
        }
        self.attempt.next();
        self.state = State::Dialing { job, by };
        false
    }

    /// Writes a request: counted first, so that it is written whole or not at all.
    pub(super) fn write(&mut self, request: impl Fn(&mut Writer<'_>) -> Result<(), HttpError>) -> bool {
        let mut counting = Writer::counting();
        if request(&mut counting).is_err() {
            return false;
        }
        self.output.push_with(
            counting.len(),
            |w| {
                // The same request was sound a moment ago.
                let _ = request(w);
            },
            |_| {},
        )
    }

    pub(super) fn opened(&mut self, attempt: Attempt) -> Option<Job> {
        let State::Dialing { job, by } = self.state else { return None };
        if attempt != self.attempt {
            return None;
        }
        self.failures = 0;
        self.brake = Instant::ZERO;
        self.state = State::Busy { job, by, reused: false };
        Some(job)
    }

    pub(super) fn closed(
        &mut self,
        attempt: Attempt,
        why: Closed,
        rng: &mut Rng,
        now: Instant,
    ) -> Option<(Job, Option<Fault>)> {
        if attempt != self.attempt {
            return None;
        }
        match self.state {
            State::Down | State::Done { .. } => None,
            State::Idle { .. } => {
                self.down();
                None
            }
            State::Dialing { job, .. } => {
                self.pull_brake(rng, now);
                Some(self.finish(job, Some(Fault::Lost(why))))
            }
            State::Busy { job, by, reused } => {
                if reused && self.raw_end == 0 && self.head.is_none() {
                    // The platform let the idle connection go at the moment it was used again: that is no failure.
                    self.output.clear();
                    self.attempt.next();
                    self.state = State::Dialing { job, by };
                    return None;
                }
                let whole = match &self.head {
                    Some((_, body)) if why == Closed::Eof => body.at_close().map_err(Fault::Http),
                    _ => Err(Fault::Lost(why)),
                };
                let fault = whole.err();
                let finished = self.finish(job, fault);
                if fault.is_none() {
                    self.state = State::Done { keep: false };
                }
                Some(finished)
            }
        }
    }

    pub(super) fn transmitted(&mut self, attempt: Attempt, n: usize) {
        if attempt == self.attempt && matches!(self.state, State::Busy { .. }) {
            self.output.discard(n);
        }
    }

    pub(super) fn received(&mut self, attempt: Attempt, bytes: &[u8]) -> Option<(Job, Option<Fault>)> {
        if attempt != self.attempt || bytes.is_empty() {
            return None;
        }
        let job = match self.state {
            State::Busy { job, .. } => job,
            State::Idle { .. } => {
                // Nobody asked: the next answer could not be trusted.
                self.down();
                return None;
            }
            _ => return None,
        };
        let end = self.raw_end.saturating_add(bytes.len());
        if bytes.len() > self.room() || !self.input.ensure(end) {
            return Some(self.finish(job, Some(Fault::Overrun)));
        }
        if let Some(room) = self.input.bytes_mut().get_mut(self.raw_end..end) {
            room.copy_from_slice(bytes);
        }
        self.raw_end = end;
        match self.read() {
            Ok(false) => {
                if self.room() == 0 {
                    let fault = if self.head.is_some() { Fault::Overrun } else { Fault::Http(HttpError::HeadTooLong) };
                    return Some(self.finish(job, Some(fault)));
                }
                None
            }
            Ok(true) => {
                // An answer that came before the whole request was out leaves half a request on the connection.
                let keep = self.head.is_some_and(|(head, _)| head.keep_alive)
                    && self.raw_start == self.raw_end
                    && self.output.is_empty();
                self.state = State::Done { keep };
                Some((job, None))
            }
            Err(error) => Some(self.finish(job, Some(Fault::Http(error)))),
        }
    }

    pub(super) fn expire(&mut self, rng: &mut Rng, now: Instant) -> Option<(Job, Option<Fault>)> {
        if let State::Dialing { by, .. } = self.state
            && by <= now
        {
            self.pull_brake(rng, now);
        }
        match self.state {
            State::Dialing { job, by } | State::Busy { job, by, .. } if by <= now => {
                Some(self.finish(job, Some(Fault::TimedOut)))
            }
            State::Idle { until } if until <= now => {
                self.down();
                None
            }
            _ => None,
        }
    }

    /// The stream could not be opened: calls wait longer each time.
    fn pull_brake(&mut self, rng: &mut Rng, now: Instant) {
        self.failures = self.failures.saturating_add(1).min(5);
        let most = 1000_u64.checked_shl(self.failures).unwrap_or(u64::MAX);
        self.brake = now.after(rng.up_to(most).max(1));
    }

    /// The job was given back before its request was written; the open connection is kept.
    pub(super) fn park(&mut self, now: Instant) {
        self.state = State::Idle { until: now.after(KEEP_ALIVE_MS) };
    }

    /// The whole answer, until [`release`](Self::release).
    pub(crate) fn answer(&self) -> Option<Answer<'_>> {
        let (head, _) = self.head.as_ref()?;
        Some(Answer {
            status: head.status,
            body: self.input.slice(0, self.body_len),
            retry_after: head.retry_after,
            log_id: head.log_id,
            date: head.date,
        })
    }

    pub(super) fn release(&mut self, now: Instant) {
        if let State::Done { keep: true } = self.state {
            self.reset_answer();
            self.state = State::Idle { until: now.after(KEEP_ALIVE_MS) };
        } else if matches!(self.state, State::Done { .. }) {
            self.down();
        }
    }

    pub(super) fn down(&mut self) {
        self.reset_answer();
        self.state = State::Down;
    }

    fn finish(&mut self, job: Job, fault: Option<Fault>) -> (Job, Option<Fault>) {
        if fault.is_some() {
            self.down();
        }
        (job, fault)
    }

    pub(super) fn wipe(&mut self) {
        self.output.clear();
        self.input.wipe();
    }

    fn reset_answer(&mut self) {
        self.output.clear();
        self.output.relax();
        // A token may have come this way.
        self.input.relax(RETAINED);
        self.scan = HeadScan::default();
        self.interim = 0;
        self.head = None;
        self.body_len = 0;
        self.raw_start = 0;
        self.raw_end = 0;
    }

    /// Looks at what came in; `true`: the answer is whole.
    fn read(&mut self) -> Result<bool, HttpError> {
        while self.head.is_none() {
            let raw = self.input.slice(self.raw_start, self.raw_end);
            let Some(len) = self.scan.find(raw)? else { return Ok(false) };
            let head = Head::parse(raw.get(..len).unwrap_or_default())?;
            if head.is_interim() {
                self.interim = self.interim.saturating_add(1);
                if self.interim > http::MAX_INTERIM {
                    return Err(HttpError::Interim);
                }
            } else {
                let info = HeadInfo {
                    status: head.status,
                    keep_alive: head.keep_alive(),
                    retry_after: head.retry_after_secs().unwrap_or_default(),
                    log_id: head.header("X-Tt-Logid").map(Short::from_bytes).unwrap_or_default(),
                    date: head.header("Date").and_then(http::parse_date),
                };
                self.head = Some((info, Body::new(head.framing(false)?)));
            }
            self.scan = HeadScan::default();
            self.raw_start = self.raw_start.saturating_add(len);
        }
        let Some((_, body)) = &mut self.head else { return Ok(false) };
        while !body.is_complete() {
            let step = body.step(self.input.slice(self.raw_start, self.raw_end))?;
            if step.skip == 0 && step.data == 0 {
                break;
            }
            let start = self.raw_start.saturating_add(step.skip);
            let end = start.saturating_add(step.data);
            self.input.move_down(start, end, self.body_len);
            self.body_len = self.body_len.saturating_add(step.data);
            self.raw_start = end;
        }
        if body.is_complete() {
            return Ok(true);
        }
        // What is left is the beginning of a chunk line at most.
        let left = self.raw_end.saturating_sub(self.raw_start);
        self.input.move_down(self.raw_start, self.raw_end, self.body_len);
        self.raw_start = self.body_len;
        self.raw_end = self.raw_start.saturating_add(left);
        Ok(false)
    }
}
