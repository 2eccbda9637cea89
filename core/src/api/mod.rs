//! Requests to the open platform: discovery, the tenant token, calls (protocol sections 2, 15, 16).
//!
//! ```text
//!  outbox ── calls ──┐
//!  token  ── fetch ──┼─► schedule ─► HttpLane: Dialing ─► Busy ─► Idle ─► Down
//!  link ─ discovery ─┘               one exchange at a time, kept alive a few seconds
//! ```
//! Discovery goes first, then the token, then calls in their order.

mod call;
mod codes;
mod discover;
mod exchange;
mod outbox;
mod token;

pub use call::{Call, ReceiveIdType};
pub use exchange::HttpLane;
pub use outbox::{CallId, CallSlot, Completion, Sent};

pub(crate) use discover::read_discovery;

use crate::fault::{CallFault, CallFaultKind, Fatal, FatalReason, Misuse};
use crate::lane::{Attempt, Closed, Target};
use crate::notice::Notice;
use crate::shared::{OnFatal, Shared};
use crate::storage::{Region, Slots};
use crate::time::{Earliest, Instant, Why};
use codes::CallClass;
use exchange::Fault;
use outbox::Outbox;
use token::Token;

/// From the wish for a stream to the last byte of the answer (protocol section 2.2).
const EXCHANGE_MS: u64 = 15_000;
/// Tries of a call that the platform is too busy for.
const TRIES: u8 = 3;
/// No call waits longer between tries, whatever the platform says (protocol section 16.5).
const CALL_WAIT_MS: u64 = 60_000;

/// What an exchange is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Job {
    Call(usize),
    Discover,
    Token,
}

/// An exchange that ended: its lane holds the answer until [`Api::release`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished {
    pub(crate) lane: usize,
    pub(crate) job: Job,
    pub(crate) fault: Option<Fault>,
}

#[derive(Debug)]
pub(crate) struct Api<'s> {
    pub(crate) lanes: Slots<'s, HttpLane<'s>>,
    pub(crate) outbox: Outbox<'s>,
    pub(crate) token: Token<'s>,
}

impl<'s> Api<'s> {
    pub(crate) fn new(lanes: Slots<'s, HttpLane<'s>>, outbox: Slots<'s, CallSlot<'s>>, token: Region<'s>) -> Self {
        let mut api = Self { lanes, outbox: Outbox::new(outbox), token: Token::new(token) };
        let all = api.lanes.cap();
        api.lanes.ensure(all);
        api
    }

    pub(crate) fn target<'a>(&'a self, lane: usize, shared: &'a Shared<'_>) -> Option<Target<'a>> {
        let attempt = self.lanes.get(lane)?.wanted()?;
        let account = &shared.account;
        Some(Target { attempt, host: account.texts.get(&account.host), port: account.port, tls: account.tls })
    }

    pub(crate) fn deadlines(&self, now: Instant, earliest: &mut Earliest) {
        for lane in self.lanes.as_slice() {
            lane.deadlines(earliest);
        }
        self.outbox.deadlines(now, earliest);
        if self.outbox.is_any_waiting() && self.token.brake > now {
            earliest.add(self.token.brake, Why::CallRetry);
        }
        if self.outbox.is_any_waiting() {
            for lane in self.lanes.as_slice() {
                if lane.is_braked(now) {
                    earliest.add(lane.brake, Why::Brake);
                }
            }
        }
    }

    pub(crate) fn submit(&mut self, call: &Call<'_>, shared: &mut Shared<'_>) -> Result<CallId, Misuse> {
        // The request must fit the lane together with the longest token that can be stored.
        let room = self.lanes.get(0).map_or(0, HttpLane::output_cap).saturating_sub(self.token.cap());
        self.outbox.submit(call, room, shared)
    }

    // ---- facts ----

    pub(crate) fn handle_opened(
        &mut self,
        index: usize,
        attempt: Attempt,
        shared: &mut Shared<'_>,
    ) -> Option<Finished> {
        let job = self.lanes.get_mut(index)?.opened(attempt)?;
        self.write(index, job, shared)
    }

    pub(crate) fn handle_closed(
        &mut self,
        index: usize,
        attempt: Attempt,
        why: Closed,
        shared: &mut Shared<'_>,
    ) -> Option<Finished> {
        let (job, fault) = self.lanes.get_mut(index)?.closed(attempt, why, &mut shared.rng, shared.now)?;
        Some(Finished { lane: index, job, fault })
    }

    pub(crate) fn handle_received(&mut self, index: usize, attempt: Attempt, bytes: &[u8]) -> Option<Finished> {
        let (job, fault) = self.lanes.get_mut(index)?.received(attempt, bytes)?;
        Some(Finished { lane: index, job, fault })
    }

    pub(crate) fn handle_transmitted(&mut self, index: usize, attempt: Attempt, n: usize) {
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.transmitted(attempt, n);
        }
    }

    /// The exchange of one lane whose time is up.
    pub(crate) fn handle_timeout(&mut self, index: usize, shared: &mut Shared<'_>) -> Option<Finished> {
        let (job, fault) = self.lanes.get_mut(index)?.expire(&mut shared.rng, shared.now)?;
        Some(Finished { lane: index, job, fault })
    }

    /// The answer was dealt with.
    pub(crate) fn release(&mut self, index: usize, now: Instant) {
        if let Some(lane) = self.lanes.get_mut(index) {
            lane.release(now);
        }
    }

    // ---- what to do next ----

    /// Gives work to lanes; `discovery` says whether the link waits for one.
    pub(crate) fn schedule(&mut self, discovery: bool, shared: &mut Shared<'_>) -> Option<Finished> {
        self.outbox.expire(shared.now, self.token.refusal(), &mut shared.report);
        let mut discovery = discovery && !self.is_busy_with(Job::Discover);
        for index in 0..self.lanes.as_slice().len() {
            let Some(lane) = self.lanes.get(index).filter(|lane| lane.is_free()) else { continue };
            let job = if discovery {
                discovery = false;
                Job::Discover
            } else if !lane.is_braked(shared.now)
                && let Some(job) = self.next_call(shared.now)
            {
                job
            } else {
                continue;
            };
            let mut by = shared.now.after(EXCHANGE_MS);
            if let Job::Call(slot) = job {
                self.outbox.take_off(slot);
                by = by.min(self.outbox.expires(slot));
            }
            let reused = self.lanes.get_mut(index).is_some_and(|lane| lane.start(job, by));
            if reused && let Some(finished) = self.write(index, job, shared) {
                return Some(finished);
            }
        }
        None
    }

    fn next_call(&self, now: Instant) -> Option<Job> {
        let slot = self.outbox.next_ready(now)?;
        if self.token.is_fresh(now) {
            return Some(Job::Call(slot));
        }
        if self.token.brake <= now && !self.is_busy_with(Job::Token) {
            return Some(Job::Token);
        }
        // The old token serves until its end while a new one is fetched.
        self.token.is_valid(now).then_some(Job::Call(slot))
    }

    fn is_busy_with(&self, job: Job) -> bool {
        self.lanes.as_slice().iter().any(|lane| lane.job() == Some(job))
    }

    /// Writes the request of `job` on an open lane.
    fn write(&mut self, index: usize, job: Job, shared: &mut Shared<'_>) -> Option<Finished> {
        let lane = self.lanes.get_mut(index)?;
        if let Job::Call(slot) = job
            && !self.token.is_valid(shared.now)
        {
            // It ran out, or was refused on another lane, while the stream was being opened.
            self.outbox.put_back(slot, shared.now);
            lane.park(shared.now);
            return None;
        }
        let written = match job {
            Job::Discover => lane.write(|w| discover::write_request(w, &shared.account)),
            Job::Token => lane.write(|w| token::write_request(w, &shared.account)),
            Job::Call(slot) => {
                self.outbox.used_token(slot, self.token.serial());
                let token = self.token.authorization();
                lane.write(|w| self.outbox.write_request(slot, token, w, &shared.account))
            }
        };
        (!written).then_some(Finished { lane: index, job, fault: Some(Fault::Request) })
    }

    // ---- what came of it ----

    /// A token exchange ended. `Some`: the bot cannot go on.
    pub(crate) fn token_finished(&mut self, finished: Finished, shared: &mut Shared<'_>) -> Option<Fatal> {
        let answer = self.lanes.get(finished.lane).and_then(HttpLane::answer).filter(|_| finished.fault.is_none());
        let refused = match answer {
            Some(answer) => token::read(&answer),
            None => Err(token::Refused::default()),
        };
        match refused.and_then(|(token, expire)| self.token.store(token, expire, shared.now)) {
            Ok(()) => None,
            Err(refused) if refused.credentials && shared.rules.on_fatal == OnFatal::End => {
                Some(Fatal { reason: FatalReason::Credentials, code: refused.code, message: refused.message })
            }
            Err(refused) => {
                let wait_ms = self.token.failed(refused, &mut shared.rng, shared.now);
                shared.report.notice(Notice::TokenFailed { code: refused.code, wait_ms });
                None
            }
        }
    }

    /// The exchange of a call ended.
    pub(crate) fn call_finished(&mut self, finished: Finished, slot: usize, shared: &mut Shared<'_>) {
        let answer = self.lanes.get(finished.lane).and_then(HttpLane::answer);
        let (class, fault, floor_ms, tokens) = match (finished.fault, answer) {
            (None, Some(answer)) => {
                let log_id = answer.log_id;
                self.outbox.set_log_id(slot, log_id);
                match codes::read(&answer) {
                    Ok(data) => {
                        self.outbox.succeed(slot, data, &mut shared.report);
                        return;
                    }
                    Err((class, fault)) => (class, fault, answer.floor_ms(), class == CallClass::Token),
                }
            }
            (Some(Fault::Request), _) => {
                let fault = CallFault { kind: CallFaultKind::Size, code: 0, message: Default::default() };
                (CallClass::Final, fault, 0, false)
            }
            _ => {
                let fault = CallFault { kind: CallFaultKind::Network, code: 0, message: Default::default() };
                (CallClass::Network, fault, 0, false)
            }
        };
        if tokens {
            self.token.invalidate(self.outbox.token_of(slot));
        }
        let wait_ms = match class {
            CallClass::Final => None,
            CallClass::Token => self.outbox.forgive_token(slot).then_some(0),
            CallClass::Network => Some(self.outbox.backoff(slot, &mut shared.rng)),
            CallClass::Again => self
                .outbox
                .count_try(slot, TRIES)
                .then(|| self.outbox.backoff(slot, &mut shared.rng).max(floor_ms.min(CALL_WAIT_MS))),
        };
        match wait_ms.filter(|_| shared.now < self.outbox.expires(slot)) {
            Some(wait_ms) => {
                self.outbox.again(slot, shared.now.after(wait_ms), fault);
                if wait_ms > 0 {
                    shared.report.notice(Notice::CallRetried { kind: fault.kind, code: fault.code, wait_ms });
                }
            }
            None => self.outbox.fail(slot, fault, &mut shared.report),
        }
    }

    /// The bot ends: nothing flies any more, what was not finished fails.
    pub(crate) fn end(&mut self, shared: &mut Shared<'_>) {
        for lane in self.lanes.as_mut_slice() {
            lane.down();
        }
        let fault = CallFault { kind: CallFaultKind::Ended, code: 0, message: Default::default() };
        self.outbox.fail_all(fault, &mut shared.report);
    }
}
