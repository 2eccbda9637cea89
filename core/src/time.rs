//! Time as facts: a monotonic millisecond counter that a runtime owns, and deadlines that say why they exist.

use crate::wire::writer::tenth;
use core::fmt;

/// Milliseconds on a clock that never goes backwards; where it starts does not matter.
///
/// A runtime makes one from its own clock. Sixty-four bits last longer than the hardware.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Instant(u64);

impl Instant {
    /// The start of the clock.
    pub const ZERO: Self = Self(0);
    /// A time that never comes.
    pub const FAR: Self = Self(u64::MAX);

    /// `ms` milliseconds after the start of the clock.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the start of the clock.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// `ms` milliseconds later, at most the last one before [`Instant::FAR`]: a deadline must not look like none.
    #[inline(never)] // It stands everywhere.
    #[must_use]
    pub const fn after(self, ms: u64) -> Self {
        match self.0.saturating_add(ms) {
            u64::MAX => Self(u64::MAX - 1),
            at => Self(at),
        }
    }

    /// Milliseconds from `earlier` to this instant, 0 when `earlier` is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// Reads a platform timestamp of unknown unit (protocol section 1.3): below 1e11 it is seconds, below 1e14
    /// milliseconds, else microseconds. `None` for 0, negative and unreadable values: "unknown time", never an error.
    pub fn from_platform(value: i64) -> Option<Self> {
        match u64::try_from(value).ok()? {
            0 => None,
            seconds @ 1..=99_999_999_999 => Some(Self(seconds.saturating_mul(1000))),
            ms @ 100_000_000_000..=99_999_999_999_999 => Some(Self(ms)),
            us => Some(Self((0..3).fold(us, |us, _| tenth(us).0))),
        }
    }
}

/// When the bot must hear [`handle_timeout`](crate::Bot::handle_timeout), and what it waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Deadline {
    /// The time.
    pub at: Instant,
    /// The reason, for logs and tests.
    pub why: Why,
}

/// Why a deadline exists. Every wait has one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Why {
    /// The pause after a failure, before the next attempt.
    Brake,
    /// A call has used up its time.
    CallExpires,
    /// A call waits before it is tried again.
    CallRetry,
    /// The stream to the socket host must be open.
    Connect,
    /// The close handshake, or flushing before it, must end.
    Closing,
    /// Accepted calls must be finished before the bot closes.
    Draining,
    /// An HTTP exchange, from dial to the last byte, must end.
    Exchange,
    /// The bot's own identity is asked for again.
    Identity,
    /// Nothing at all came in for too long (liveness rule b).
    Idle,
    /// The event at the head of the line must be decided.
    Inbox,
    /// An unused kept-alive connection is let go.
    KeepAlive,
    /// A split message must be complete.
    Parts,
    /// The next ping.
    Ping,
    /// Something must have come in after a ping (liveness rule a).
    Pong,
    /// An acknowledgement reaction is tried again, or dropped.
    Reaction,
    /// A callback's default answer is due.
    Response,
    /// Calls have waited for others; the long connection makes room for them ([`planned_turns`]).
    ///
    /// [`planned_turns`]: crate::Config::planned_turns
    Turn,
    /// The WebSocket upgrade must be answered.
    Upgrade,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Brake => "the pause before the next attempt",
            Self::CallExpires => "the time limit of a call",
            Self::CallRetry => "the pause before a call is tried again",
            Self::Connect => "opening the connection",
            Self::Closing => "closing the connection",
            Self::Draining => "finishing accepted calls",
            Self::Exchange => "an HTTP exchange",
            Self::Identity => "the next lookup of the bot's identity",
            Self::Idle => "silence on the connection",
            Self::Inbox => "room in the inbox",
            Self::KeepAlive => "an idle HTTP connection",
            Self::Parts => "the rest of a split message",
            Self::Ping => "the next ping",
            Self::Pong => "an answer to a ping",
            Self::Reaction => "an acknowledgement reaction",
            Self::Response => "the answer to a callback",
            Self::Turn => "the next turn of calls",
            Self::Upgrade => "the WebSocket upgrade",
        })
    }
}

/// The earliest of several deadlines.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Earliest(Option<Deadline>);

impl Earliest {
    pub(crate) fn add(&mut self, at: Instant, why: Why) {
        if at != Instant::FAR && self.0.is_none_or(|first| at < first.at) {
            self.0 = Some(Deadline { at, why });
        }
    }

    pub(crate) fn get(self) -> Option<Deadline> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::UnixMillis;

    #[test]
    fn a_platform_timestamp_is_read_in_the_unit_its_size_tells() {
        assert_eq!(UnixMillis::from_platform(1_700_000_000), Some(UnixMillis(1_700_000_000_000)));
        assert_eq!(UnixMillis::from_platform(1_700_000_000_000), Some(UnixMillis(1_700_000_000_000)));
        assert_eq!(UnixMillis::from_platform(1_700_000_000_000_000), Some(UnixMillis(1_700_000_000_000)));
        assert_eq!(UnixMillis::from_platform(0), None);
        assert_eq!(UnixMillis::from_platform(-5), None);
    }
}
