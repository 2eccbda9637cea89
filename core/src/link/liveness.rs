//! When to ping, and when a silent connection is dead (protocol section 6, liveness rules a, b and c).

use super::client_config::ClientConfig;
use crate::time::{Earliest, Instant, Why};

/// A timer told this late means the machine slept; the peer is not to blame.
const SLEPT_MS: u64 = 30_000;

/// What a told time means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tick {
    /// The connection is dead for this reason.
    Dead(Why),
    /// Nothing is due.
    Quiet,
    /// A ping is due.
    Ping,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Liveness {
    pong_timeout_ms: u64,
    last_ping: Option<Instant>,
    pong_by: Instant,
    idle_by: Instant,
    opened: Instant,
}

impl Liveness {
    /// `pong_timeout_ms` 0 switches rule a off.
    pub(crate) fn new(pong_timeout_ms: u32) -> Self {
        Self {
            pong_timeout_ms: u64::from(pong_timeout_ms),
            last_ping: None,
            pong_by: Instant::FAR,
            idle_by: Instant::FAR,
            opened: Instant::ZERO,
        }
    }

    pub(crate) fn opened(&mut self, now: Instant, config: &ClientConfig) {
        self.last_ping = None;
        self.pong_by = Instant::FAR;
        self.idle_by = now.after(config.idle_ms());
        self.opened = now;
    }

    /// Any ws frame came in: clears rule a, renews rule b.
    pub(crate) fn inbound(&mut self, now: Instant, config: &ClientConfig) {
        self.pong_by = Instant::FAR;
        self.idle_by = now.after(config.idle_ms());
    }

    /// A ping was queued, or could not be: both count.
    pub(crate) fn pinged(&mut self, now: Instant) {
        self.last_ping = Some(now);
        if self.pong_by == Instant::FAR && self.pong_timeout_ms != 0 {
            self.pong_by = now.after(self.pong_timeout_ms);
        }
    }

    fn ping_at(&self, config: &ClientConfig) -> Instant {
        self.last_ping.map_or(self.opened, |last| last.after(config.ping_ms()))
    }

    pub(crate) fn deadlines(&self, config: &ClientConfig, earliest: &mut Earliest) {
        earliest.add(self.ping_at(config), Why::Ping);
        earliest.add(self.pong_by, Why::Pong);
        earliest.add(self.idle_by, Why::Idle);
    }

    pub(crate) fn tick(&mut self, now: Instant, config: &ClientConfig) -> Tick {
        let ping_at = self.ping_at(config);
        let first = ping_at.min(self.pong_by).min(self.idle_by);
        if now < first {
            return Tick::Quiet;
        }
        if now.since(first) >= SLEPT_MS {
            self.pong_by = Instant::FAR;
            self.idle_by = now.after(config.idle_ms());
            return Tick::Ping;
        }
        if now >= self.pong_by {
            return Tick::Dead(Why::Pong);
        }
        if now >= self.idle_by {
            return Tick::Dead(Why::Idle);
        }
        Tick::Ping
    }
}
