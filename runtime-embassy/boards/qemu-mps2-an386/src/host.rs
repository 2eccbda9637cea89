//! What a product has of its own and this machine borrows from its host: log, arguments, time of day, randomness.

use core::fmt;

use embassy_time::{Duration, Instant};
use larkwire_embassy::core::UnixMillis;
use larkwire_embassy::{Entropy, EntropyFailed, WallClock};
use semihosting::eprintln;
use semihosting::experimental::env::Args;
use semihosting::experimental::time::SystemTime;
use semihosting::experimental::{env, random};
use static_cell::StaticCell;

/// Writes one line to the host's stderr, with the board's time in front.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    eprintln!("{} {line}", Instant::now().as_millis());
}

/// The arguments, `key=value`, each given by `arg=` of QEMU's `-semihosting-config`.
#[derive(Clone, Copy)]
pub(crate) struct Arguments {
    /// `app`, `secret`, `url`: the app and the open platform.
    pub(crate) app_id: &'static str,
    pub(crate) app_secret: &'static str,
    pub(crate) base_url: &'static str,
    /// `allow`: who may speak to the bot.
    pub(crate) allowed_user: &'static str,
    /// `stop`: what ends the bot when it is said.
    pub(crate) stop_word: Option<&'static str>,
    /// `dns`: the resolver, instead of what the lease says.
    pub(crate) dns: Option<&'static str>,
    /// `ca`: the file with the root certificate that the TLS image trusts, in DER.
    #[cfg(feature = "tls")]
    pub(crate) ca: Option<&'static str>,
    /// `control`: the host's port of the conformance suite.
    #[cfg(feature = "conform")]
    pub(crate) control: u16,
    /// `clock`: what the clock does.
    pub(crate) clock: HostClock,
    /// `entropy_fails`: how often there is no randomness before there is some.
    pub(crate) entropy: HostEntropy,
    /// `hang_s`: a task hangs after so many seconds.
    pub(crate) hang_s: Option<u64>,
    /// `idle_hours`: the image ends after that time. Time is virtual then: the nudge is off.
    pub(crate) idle_hours: Option<u64>,
    /// `limit_s`: the image ends itself after so many seconds, whatever became of the test that started it.
    pub(crate) limit_s: Option<u64>,
    /// `stale_ms`: how old a message may be.
    pub(crate) stale_ms: u64,
}

impl Arguments {
    /// Reads them, once.
    pub(crate) fn read() -> Self {
        static ARGS: StaticCell<Args<512>> = StaticCell::new();
        let mut read = Self {
            app_id: "",
            app_secret: "",
            base_url: "",
            allowed_user: "*",
            stop_word: None,
            dns: None,
            #[cfg(feature = "tls")]
            ca: None,
            #[cfg(feature = "conform")]
            control: 0,
            clock: HostClock::Right,
            entropy: HostEntropy::ready(),
            hang_s: None,
            idle_hours: None,
            limit_s: None,
            stale_ms: 0,
        };
        let Ok(args) = env::args() else { return read };
        for (key, value) in ARGS.init(args).filter_map(|arg| arg.ok()?.split_once('=')) {
            match key {
                "allow" => read.allowed_user = value,
                "app" => read.app_id = value,
                #[cfg(feature = "tls")]
                "ca" => read.ca = Some(value),
                "clock" => read.clock = HostClock::named(value),
                #[cfg(feature = "conform")]
                "control" => read.control = value.parse().unwrap_or_default(),
                "dns" => read.dns = Some(value),
                "entropy_fails" => read.entropy.fails = value.parse().unwrap_or_default(),
                "hang_s" => read.hang_s = value.parse().ok(),
                "idle_hours" => read.idle_hours = value.parse().ok(),
                "limit_s" => read.limit_s = value.parse().ok(),
                "secret" => read.app_secret = value,
                "stale_ms" => read.stale_ms = value.parse().unwrap_or_default(),
                "stop" => read.stop_word = Some(value),
                "url" => read.base_url = value,
                _ => say(format_args!("argument {key} is unknown")),
            }
        }
        read
    }
}

/// The host's clock, or worse.
#[derive(Clone, Copy)]
pub(crate) enum HostClock {
    /// Every 2 s it is another one: from 1970, right, 20 years ahead.
    Jumping,
    /// There is none.
    Missing,
    /// The host's.
    Right,
    /// It starts with 1970, as a clock chip without its battery.
    Zero,
}

impl HostClock {
    fn named(name: &str) -> Self {
        match name {
            "jumping" => Self::Jumping,
            "missing" => Self::Missing,
            "zero" => Self::Zero,
            _ => Self::Right,
        }
    }
}

impl WallClock for HostClock {
    fn unix(&self) -> Option<UnixMillis> {
        const JUMP: Duration = Duration::from_secs(2);
        const YEARS: u64 = 20 * 365 * 24 * 60 * 60 * 1000;
        let right = || {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_millis()).unwrap_or_default()
        };
        let uptime = Instant::now();
        Some(UnixMillis(match self {
            Self::Jumping => match uptime.as_ticks() / JUMP.as_ticks() % 3 {
                0 => uptime.as_millis(),
                1 => right(),
                _ => right() + YEARS,
            },
            Self::Missing => return None,
            Self::Right => right(),
            Self::Zero => uptime.as_millis(),
        }))
    }
}

/// The host's randomness, after some failures.
#[derive(Clone, Copy)]
pub(crate) struct HostEntropy {
    fails: u32,
}

impl HostEntropy {
    /// One that does not fail.
    pub(crate) const fn ready() -> Self {
        Self { fails: 0 }
    }
}

impl Entropy for HostEntropy {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        if let Some(left) = self.fails.checked_sub(1) {
            self.fails = left;
            return Err(EntropyFailed);
        }
        random::fill_bytes(out).map_err(|_| EntropyFailed)
    }
}
