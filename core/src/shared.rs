//! What every machine of the bot needs: the time, chance, the report, and the configuration as copied at construction.

use core::fmt;
use core::ops::Range;

use zeroize::Zeroize as _;

use crate::event::Event;
use crate::hints::AckReactions;
use crate::locale::Locale;
use crate::notice::{Notice, Report};
use crate::rng::Rng;
use crate::storage::{Region, SecretRegion};
use crate::time::{Instant, UnixMillis};
use crate::wire::http::Authority;

/// Clocks that differ by no more are both right: an answer takes a while, and what they are for is minutes.
const CLOCK_OFF_MS: u64 = 5 * 60 * 1000;

/// What a fatal refusal does (protocol section 9.3, rule 6).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnFatal {
    /// The bot ends and says why.
    #[default]
    End,
    /// The bot goes on at the slow pace: 30 s to 10 minutes between attempts.
    SlowRetry,
}

/// How much of a long connection is wanted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LinkMode {
    /// Events are wanted.
    #[default]
    Connect,
    /// Discovery is asked once it succeeds, then the bot rests: the platform's answer is a check of the app, and no event
    /// is taken from a bot that runs elsewhere.
    Discover,
    /// Calls only. A bot that rests and has no call to make has neither a wish nor a deadline.
    Off,
}

/// The settings that are no text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) max_attempts: Option<u32>,
    pub(crate) follow_reconnect_count: bool,
    pub(crate) on_fatal: OnFatal,
    pub(crate) unknown_code_is_fatal: bool,
    pub(crate) allow_plaintext: bool,
    pub(crate) call_timeout_ms: u64,
    pub(crate) link: LinkMode,
    pub(crate) ack_reactions: AckReactions,
    pub(crate) locale_of: fn(&Event<'_>) -> Locale,
    /// At most one stream at a time.
    pub(crate) planned_turns: bool,
    /// The bot's identity is looked up before it connects: group messages count only where the bot is mentioned, or the
    /// lookup would cost a turn of its own.
    pub(crate) identity_first: bool,
}

/// Copies of the configuration's texts, one behind the other.
pub(crate) struct Texts<'s> {
    region: SecretRegion<'s>,
    len: usize,
}

/// Where a text lies in [`Texts`].
#[derive(Clone, Debug, Default)]
pub(crate) struct TextRef(Range<usize>);

impl TextRef {
    /// From the start of this text to the end of a later one.
    pub(crate) fn to(&self, last: &Self) -> Self {
        Self(self.0.start..last.0.end)
    }
}

impl<'s> Texts<'s> {
    pub(crate) fn new(region: Region<'s>) -> Self {
        Self { region: SecretRegion::new(region), len: 0 }
    }

    pub(crate) fn cap(&self) -> usize {
        self.region.cap()
    }

    pub(crate) fn add(&mut self, text: &str) -> Option<TextRef> {
        let end = self.len.checked_add(text.len())?;
        if !self.region.ensure(end) {
            return None;
        }
        self.region.bytes_mut().get_mut(self.len..end)?.copy_from_slice(text.as_bytes());
        let range = self.len..end;
        self.len = end;
        Some(TextRef(range))
    }

    pub(crate) fn wipe(&mut self, at: &TextRef) {
        if let Some(text) = self.region.bytes_mut().get_mut(at.0.clone()) {
            text.zeroize();
        }
    }

    pub(crate) fn get(&self, at: &TextRef) -> &str {
        core::str::from_utf8(self.region.slice(at.0.start, at.0.end)).unwrap_or_default()
    }
}

/// The app and where it lives.
pub(crate) struct Account<'s> {
    pub(crate) texts: Texts<'s>,
    pub(crate) app_id: TextRef,
    pub(crate) app_secret: TextRef,
    pub(crate) user_agent: TextRef,
    pub(crate) host: TextRef,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    /// Path in front of every path, for platforms behind a gateway; usually empty.
    pub(crate) prefix: TextRef,
}

impl fmt::Debug for Account<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("app_id", &self.texts.get(&self.app_id))
            .field("app_secret", &"[redacted]")
            .field("host", &self.texts.get(&self.host))
            .finish_non_exhaustive()
    }
}

impl Account<'_> {
    pub(crate) fn forget_secret(&mut self) {
        self.texts.wipe(&self.app_secret);
    }

    pub(crate) fn authority(&self) -> Authority<'_> {
        Authority { host: self.texts.get(&self.host), port: self.port, tls: self.tls }
    }
}

pub(crate) struct Shared<'s> {
    pub(crate) now: Instant,
    /// The wall clock as the runtime told it.
    pub(crate) wall: Option<(Instant, UnixMillis)>,
    /// The platform's clock, from its last HTTP answer.
    pub(crate) platform_wall: Option<(Instant, UnixMillis)>,
    /// The two were minutes apart when the platform last answered: a clock that was never set, or set wrongly.
    pub(crate) wall_is_off: bool,
    pub(crate) rng: Rng,
    pub(crate) report: Report<'s>,
    pub(crate) rules: Rules,
    pub(crate) account: Account<'s>,
}

impl Shared<'_> {
    /// The time of day, by the runtime's clock or else the platform's.
    pub(crate) fn unix(&self) -> Option<UnixMillis> {
        let told = if self.wall_is_off { None } else { self.wall };
        told.or(self.platform_wall).map(|told| self.passed_since(told))
    }

    fn passed_since(&self, (at, UnixMillis(unix)): (Instant, UnixMillis)) -> UnixMillis {
        UnixMillis(unix.saturating_add(self.now.since(at)))
    }

    /// An answer of the platform told its time.
    pub(crate) fn platform_told(&mut self, unix: UnixMillis) {
        self.platform_wall = Some((self.now, unix));
        self.compare_clocks();
    }

    /// The runtime told its clock, or that it has none.
    pub(crate) fn wall_told(&mut self, unix: Option<UnixMillis>) {
        let is_news = self.wall.is_none() || self.wall_is_off;
        self.wall = unix.map(|unix| (self.now, unix));
        // A machine that slept tells a leap, while the monotonic clock behind the platform's stood still: that one is off.
        if is_news {
            self.compare_clocks();
        }
    }

    fn compare_clocks(&mut self) {
        let ahead = match (self.wall, self.platform_wall) {
            (Some(wall), Some(platform)) => {
                let (wall, platform) = (self.passed_since(wall).0, self.passed_since(platform).0);
                let apart = i64::try_from(wall.abs_diff(platform)).unwrap_or(i64::MAX);
                if wall < platform { apart.saturating_neg() } else { apart }
            }
            _ => 0,
        };
        let is_off = ahead.unsigned_abs() > CLOCK_OFF_MS;
        if is_off && !self.wall_is_off {
            self.report.notice(Notice::ClockOff { ahead_s: ahead / 1000 });
        }
        self.wall_is_off = is_off;
    }

    pub(crate) fn user_agent(&self) -> &str {
        self.account.texts.get(&self.account.user_agent)
    }
}
