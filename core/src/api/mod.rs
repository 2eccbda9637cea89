//! Requests to the open platform: discovery, the tenant token, calls (protocol sections 2, 15, 16).
//!
//! ```text
//!  outbox ──── calls ────┐
//!  reactions ── acks ────┤
//!  identity ── lookup ───┼─► schedule ─► HttpLane: Dialing ─► Busy ─► Idle ─► Down
//!  token ──── fetch ─────┤               one exchange at a time, kept alive a few seconds
//!  link ── discovery ────┘
//! ```
//! Discovery goes first, then the token, the bot's identity, calls in their order, and reactions last.

mod body;
mod call;
mod codes;
mod discover;
mod exchange;
mod finish;
mod identity;
mod outbox;
mod reactions;
mod token;

pub use body::Body;
pub use call::{Call, ReceiveIdType};
pub use exchange::HttpLane;
pub use identity::{Identity, OwnOpenId};
pub use outbox::{CallAnswer, CallId, CallSlot, Completion};
pub use reactions::AckReaction;

pub(crate) use call::check_object;
pub(crate) use codes::hint;
pub(crate) use discover::read_discovery;
pub(crate) use reactions::Reactions;

use crate::fault::{CallFault, CallFaultKind, Misuse};
use crate::lane::{Attempt, Closed, Target};
use crate::shared::Shared;
use crate::storage::{Region, Slots};
use crate::time::{Earliest, Instant, Why};
use exchange::Fault;
use identity::Lookup;
use outbox::Outbox;
use token::Token;

/// From the wish for a stream to the last byte of the answer (protocol section 2.2).
const EXCHANGE_MS: u64 = 15_000;

/// What an exchange is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Job {
    Call(usize),
    Discover,
    Identity,
    React(usize),
    Token,
}

/// What the bot as a whole lets its `Http` lanes do now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    /// The link waits for a discovery.
    pub(crate) discovery: bool,
    /// The bot may ask who it is.
    pub(crate) identity: bool,
    /// One stream at a time: `planned_turns`.
    pub(crate) alone: bool,
    /// The long connection has a stream, or wants one.
    pub(crate) socket: bool,
    /// What waits goes before the discovery.
    pub(crate) calls_first: bool,
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
    pub(crate) reactions: Reactions<'s>,
    pub(crate) lookup: Lookup,
    pub(crate) token: Token<'s>,
}

impl<'s> Api<'s> {
    pub(crate) fn new(
        lanes: Slots<'s, HttpLane<'s>>,
        outbox: Slots<'s, CallSlot<'s>>,
        reactions: Slots<'s, AckReaction>,
        token: Region<'s>,
        own: OwnOpenId<'_>,
    ) -> Self {
        let mut api = Self {
            lanes,
            outbox: Outbox::new(outbox),
            reactions: Reactions::new(reactions),
            lookup: Lookup::new(own),
            token: Token::new(token),
        };
        let all = api.lanes.cap();
        api.lanes.ensure(all);
        api
    }

    /// Overwrites what must not be read by whoever gets the memory next.
    pub(crate) fn wipe(&mut self) {
        self.token.forget();
        self.lanes.as_mut_slice().iter_mut().for_each(HttpLane::wipe);
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
        self.reactions.deadlines(now, earliest);
        self.lookup.deadlines(now, earliest);
        let waiting = self.outbox.is_any_waiting() || self.reactions.is_any_waiting() || self.lookup.is_due(now);
        if waiting && self.token.brake > now {
            earliest.add(self.token.brake, Why::CallRetry);
        }
        if waiting {
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

    /// Gives work to lanes.
    pub(crate) fn schedule(&mut self, due: Due, shared: &mut Shared<'_>) -> Option<Finished> {
        self.outbox.expire(shared.now, self.token.refusal(), &mut shared.report);
        self.reactions.expire(shared.now, &mut shared.report);
        let mut discovery = due.discovery && !self.is_busy_with(Job::Discover);
        let lanes = match (due.alone, due.socket) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => self.lanes.as_slice().len(),
        };
        for index in 0..lanes {
            let Some(lane) = self.lanes.get(index).filter(|lane| lane.is_free()) else { continue };
            let mut next = None;
            if !lane.is_braked(shared.now) && (due.calls_first || !discovery) {
                next = self.next_job(due.identity, shared.now);
                if next.is_none() && !discovery {
                    // What there is not for one lane there is not for another.
                    return None;
                }
            }
            let job = if let Some(job) = next {
                job
            } else if discovery {
                discovery = false;
                Job::Discover
            } else {
                continue;
            };
            let mut by = shared.now.after(EXCHANGE_MS);
            match job {
                Job::Call(slot) => {
                    self.outbox.take_off(slot);
                    by = by.min(self.outbox.expires(slot));
                }
                Job::Identity => self.lookup.take_off(),
                Job::React(slot) => self.reactions.take_off(slot),
                Job::Discover | Job::Token => {}
            }
            let reused = self.lanes.get_mut(index).is_some_and(|lane| lane.start(job, by));
            if reused && let Some(finished) = self.write(index, job, shared) {
                return Some(finished);
            }
        }
        None
    }

    /// Whether a call, a lookup or a reaction could go now if it had a lane.
    pub(crate) fn is_work_ready(&self, identity: bool, now: Instant) -> bool {
        self.lanes.get(0).is_some_and(|lane| !lane.is_braked(now)) && self.next_job(identity, now).is_some()
    }

    /// Lets go of a connection that nobody uses.
    pub(crate) fn hang_up(&mut self) {
        for lane in self.lanes.as_mut_slice().iter_mut().filter(|lane| lane.is_free()) {
            lane.down();
        }
    }

    /// What goes next with a token, or the token itself.
    fn next_job(&self, identity: bool, now: Instant) -> Option<Job> {
        let job = if identity && self.lookup.is_due(now) {
            Job::Identity
        } else if let Some(slot) = self.outbox.next_ready(now) {
            Job::Call(slot)
        } else if self.may_react() {
            Job::React(self.reactions.next_ready(now)?)
        } else {
            return None;
        };
        if self.token.is_fresh(now) {
            return Some(job);
        }
        if self.token.brake <= now && !self.is_busy_with(Job::Token) {
            return Some(Job::Token);
        }
        // The old token serves until its end while a new one is fetched.
        self.token.is_valid(now).then_some(job)
    }

    /// Where there are several lanes, reactions leave one of them to what somebody waits for.
    fn may_react(&self) -> bool {
        let lanes = self.lanes.as_slice();
        let reacting = lanes.iter().filter(|lane| matches!(lane.job(), Some(Job::React(_)))).count();
        lanes.len() == 1 || reacting.saturating_add(1) < lanes.len()
    }

    fn is_busy_with(&self, job: Job) -> bool {
        self.lanes.as_slice().iter().any(|lane| lane.job() == Some(job))
    }

    /// Writes the request of `job` on an open lane.
    fn write(&mut self, index: usize, job: Job, shared: &mut Shared<'_>) -> Option<Finished> {
        let lane = self.lanes.get_mut(index)?;
        if matches!(job, Job::Call(_) | Job::Identity | Job::React(_)) && !self.token.is_valid(shared.now) {
            // It ran out, or was refused on another lane, while the stream was being opened.
            match job {
                Job::Call(slot) => self.outbox.put_back(slot, shared.now),
                Job::React(slot) => self.reactions.again(slot, shared.now),
                _ => self.lookup.put_back(),
            }
            lane.park(shared.now);
            return None;
        }
        let (account, token) = (&shared.account, self.token.authorization());
        let written = match job {
            Job::Call(slot) => {
                self.outbox.used_token(slot, self.token.serial());
                lane.write(|w| self.outbox.write_request(slot, token, w, account))
            }
            Job::Discover => lane.write(|w| discover::write_request(w, account)),
            Job::Identity => {
                self.lookup.used_token(self.token.serial());
                lane.write(|w| finish::write_lookup(w, token, account))
            }
            Job::React(slot) => self.reactions.request(slot, self.token.serial()).is_some_and(|(message_id, emoji)| {
                lane.write(|w| finish::write_reaction(w, message_id.as_str(), emoji, token, account))
            }),
            Job::Token => lane.write(|w| token::write_request(w, account)),
        };
        if written {
            return None;
        }
        // It will never fit: the lane is free for what does.
        lane.down();
        Some(Finished { lane: index, job, fault: Some(Fault::Request) })
    }

    /// The bot ends: nothing flies any more, what was not finished fails.
    pub(crate) fn end(&mut self, shared: &mut Shared<'_>) {
        for lane in self.lanes.as_mut_slice() {
            lane.down();
        }
        let fault = CallFault { kind: CallFaultKind::Ended, code: 0, message: Default::default() };
        self.outbox.fail_all(fault, &mut shared.report);
        self.reactions.clear();
        self.token.forget();
    }
}
