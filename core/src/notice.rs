//! What people and metrics may want to know: counters that never lie, and notices that may be missed.

use crate::fault::{CallFault, CallFaultKind, DropReason, LinkFault};
use crate::storage::Slots;
use crate::text::Short;
#[cfg(feature = "webhook")]
use crate::webhook::Refusal;

/// A remark for a person or a log. Lossy by contract: when nobody takes them, the oldest go; [`Stats`] counts all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// The platform refused the authentication of three upgrades in a row; the bot goes on at its slowest pace.
    /// Next step: check the app's credentials and state in the console.
    AuthRejected,
    /// A call failed and will be tried again.
    CallRetried {
        /// Why it failed.
        kind: CallFaultKind,
        /// The platform's code, 0 where none came.
        code: i64,
        /// Milliseconds until the next try.
        wait_ms: u64,
    },
    /// The clock that the runtime told is minutes off from the platform's, which is used instead until they agree. Next
    /// step: set the clock.
    ClockOff {
        /// Seconds that the runtime's is ahead; negative when it is behind.
        ahead_s: i64,
    },
    /// The long connection is open and the platform has answered on it.
    #[default]
    Connected,
    /// A message did not reach the application.
    Dropped {
        /// Why.
        reason: DropReason,
        /// Size of the payload as far as it is known, in bytes.
        bytes: usize,
        /// The platform's `trace_id`, to search for in its event log.
        trace_id: Short<48>,
        /// Whose act the gate stopped, `ou_…`: what to put on the allow-list; empty for other reasons.
        actor: Short<48>,
    },
    /// The platform was asked who the bot is and did not say. Meanwhile no group message counts as a mention of it.
    IdentityFailed {
        /// Why.
        fault: CallFault,
        /// Milliseconds until it is asked again.
        wait_ms: u64,
    },
    /// The bot knows its own `open_id`.
    IdentityKnown {
        /// `ou_…`
        open_id: Short<64>,
    },
    /// The long connection, or an attempt at it, failed; the bot dials again.
    LinkLost {
        /// Why.
        fault: LinkFault,
        /// Milliseconds until the next attempt.
        wait_ms: u64,
    },
    /// Requests to the webhook were refused. Told at most once a minute; [`Stats::refused`] counts all.
    #[cfg(feature = "webhook")]
    PostRefused {
        /// Why the last of them was.
        reason: Refusal,
        /// How many they are since the last such notice.
        times: u32,
    },
    /// An acknowledgement reaction did not get through. After 231001 that emoji is not used any more.
    ReactionFailed {
        /// Why.
        fault: CallFault,
    },
    /// The platform refused a token request; calls wait.
    TokenFailed {
        /// The platform's code, or the HTTP status.
        code: i64,
        /// The platform's own words, cut to 88 bytes; empty where none came.
        message: Short<88>,
        /// Milliseconds until the next try.
        wait_ms: u64,
    },
    /// The platform verified the request URL of the webhook.
    #[cfg(feature = "webhook")]
    UrlVerified,
}

/// Counters since construction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stats {
    /// Events the application accepted.
    pub accepted: u64,
    /// Acks written with code 200, for whatever reason.
    pub acked: u64,
    /// Callbacks answered by the application.
    pub callbacks_answered: u64,
    /// Callbacks answered `{}` because nobody had room for them; the platform never sends them again.
    pub callbacks_lost: u64,
    /// Callbacks the application wanted to answer later and did not in time: answered `{}`.
    pub callbacks_unanswered: u64,
    /// Calls finished, well or not.
    pub calls_finished: u64,
    /// Calls finished well.
    pub calls_succeeded: u64,
    /// Verifications of the request URL that were answered.
    #[cfg(feature = "webhook")]
    pub challenges: u64,
    /// Frames in which fields 1 to 4 or header members were missing.
    pub frames_incomplete: u64,
    /// Frames in which a header key stood twice.
    pub headers_repeated: u64,
    /// Frames ignored: pings of the server, unknown control types and methods, text messages.
    pub ignored: u64,
    /// Connections that ended or attempts that failed.
    pub link_faults: u64,
    /// Connections on which the platform answered.
    pub links: u64,
    /// Notices nobody took in time.
    pub notices_lost: u64,
    /// Parts of split messages that repeated an earlier one.
    pub parts_repeated: u64,
    /// Repeated parts whose bytes differed from the first.
    pub parts_differing: u64,
    /// Pings sent.
    pub pings: u64,
    /// Pongs received.
    pub pongs: u64,
    /// Pongs whose payload was not a usable ClientConfig.
    pub pongs_malformed: u64,
    /// Events and callbacks that were posted and verified.
    #[cfg(feature = "webhook")]
    pub posts: u64,
    /// Acknowledgement reactions that did not get through.
    pub reactions_dropped: u64,
    /// Acknowledgement reactions sent.
    pub reactions_sent: u64,
    /// Dedup entries pushed out before their window ended, for want of room.
    pub seen_evicted: u64,
    /// Changes of [`State`](crate::State).
    pub transitions: u64,
    /// Times the long connection made room for calls ([`planned_turns`](crate::Config::planned_turns)).
    pub turns: u64,
    /// Protobuf messages that could not be decoded.
    pub undecodable: u64,
    dropped: [u64; DropReason::ALL.len()],
    #[cfg(feature = "webhook")]
    pub(crate) refused: [u64; Refusal::ALL.len()],
}

impl DropReason {
    /// Every reason, in the order of the counters.
    pub const ALL: [Self; 18] = [
        Self::BotIdentityUnknown,
        Self::BotLoop,
        Self::BotSender,
        Self::Discarded,
        Self::Duplicate,
        Self::InboxFull,
        Self::Incomplete,
        Self::Malformed,
        Self::NoMention,
        Self::OtherApp,
        Self::Part,
        Self::SelfSent,
        Self::SenderNotAllowed,
        Self::Stale,
        Self::TooBig,
        Self::Undecodable,
        Self::Unknown,
        Self::UnsupportedEncoding,
    ];
}

impl Stats {
    /// How many messages were dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        let index = DropReason::ALL.iter().position(|known| *known == reason);
        index.and_then(|index| self.dropped.get(index)).copied().unwrap_or_default()
    }

    /// How many requests to the webhook were refused for `reason`.
    #[cfg(feature = "webhook")]
    pub fn refused(&self, reason: Refusal) -> u64 {
        let index = Refusal::ALL.iter().position(|known| *known == reason);
        index.and_then(|index| self.refused.get(index)).copied().unwrap_or_default()
    }
}

/// Adds one to a counter. Never inlined: what stands everywhere must be short.
#[inline(never)]
pub(crate) fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

/// Counters and the ring of notices.
#[derive(Debug)]
pub struct Report<'s> {
    /// The counters.
    pub stats: Stats,
    ring: Slots<'s, Notice>,
    first: usize,
    len: usize,
}

impl<'s> Report<'s> {
    /// An empty report that keeps as many notices as `ring` has entries.
    pub fn new(ring: Slots<'s, Notice>) -> Self {
        Self { stats: Stats::default(), ring, first: 0, len: 0 }
    }

    /// Takes the oldest notice.
    pub fn take(&mut self) -> Option<Notice> {
        self.len = self.len.checked_sub(1)?;
        let notice = self.ring.get(self.first).copied();
        // An empty ring starts anew, so that it grows only to what waits at once.
        self.first = if self.len == 0 { 0 } else { self.wrap(self.first.saturating_add(1)) };
        notice
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        let cap = self.ring.cap();
        if self.len == cap {
            count(&mut self.stats.notices_lost);
            self.first = self.wrap(self.first.saturating_add(1));
            self.len = self.len.saturating_sub(1);
        }
        let at = self.wrap(self.first.saturating_add(self.len));
        if self.ring.ensure(at.saturating_add(1))
            && let Some(place) = self.ring.get_mut(at)
        {
            *place = notice;
            self.len = self.len.saturating_add(1);
        } else if self.len < cap {
            count(&mut self.stats.notices_lost);
        }
    }

    pub(crate) fn dropped(&mut self, reason: DropReason, bytes: usize, trace_id: Option<&[u8]>) {
        self.stopped(reason, bytes, trace_id, Short::EMPTY);
    }

    /// As [`dropped`](Self::dropped), by the gate.
    pub(crate) fn stopped(&mut self, reason: DropReason, bytes: usize, trace_id: Option<&[u8]>, actor: Short<48>) {
        let index = DropReason::ALL.iter().position(|known| *known == reason).unwrap_or_default();
        if let Some(counter) = self.stats.dropped.get_mut(index) {
            count(counter);
        }
        let trace_id = trace_id.map(Short::from_bytes).unwrap_or_default();
        self.notice(Notice::Dropped { reason, bytes, trace_id, actor });
    }

    fn wrap(&self, index: usize) -> usize {
        index.checked_rem(self.ring.cap()).unwrap_or_default()
    }
}
