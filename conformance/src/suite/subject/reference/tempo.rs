//! How fast the platform wants things: its ClientConfig, and the waits between attempts.

use std::time::Duration;

use serde_json::Value;

use super::Client;
use super::defects::Defect;
use super::redial::Failure;

/// No wait between attempts is longer than this.
const LONGEST: u64 = 120;

/// What the platform said last, member by member; 0 or less was never said.
#[derive(Clone, Debug)]
pub(super) struct Tempo {
    ping: i64,
    interval: i64,
    nonce: i64,
    pub(super) count: i64,
}

impl Default for Tempo {
    fn default() -> Self {
        Self { ping: 120, interval: 120, nonce: 30, count: -1 }
    }
}

impl Tempo {
    /// Takes what is said and sound; the rest stays as it is.
    pub(super) fn merge(&mut self, said: &Value, client: &Client) {
        if !said.is_object() {
            return;
        }
        if client.has(Defect::ReplacesConfig) {
            *self = Self::default();
        }
        let least = if client.has(Defect::NoClamp) { 0 } else { 1 };
        let number = |name: &str| said.get(name).and_then(Value::as_i64);
        let members = [
            (&mut self.ping, "PingInterval"),
            (&mut self.interval, "ReconnectInterval"),
            (&mut self.nonce, "ReconnectNonce"),
        ];
        for (member, name) in members {
            *member = number(name).filter(|value| *value >= least).unwrap_or(*member);
        }
        self.count = number("ReconnectCount").unwrap_or(self.count);
    }

    pub(super) fn ping(&self, client: &Client) -> Duration {
        if client.has(Defect::NoClamp) {
            return Duration::from_secs(self.ping.unsigned_abs()).max(Duration::from_millis(1));
        }
        Duration::from_secs(self.ping.clamp(5, 600).unsigned_abs())
    }

    fn nonce(&self) -> f64 {
        self.nonce.clamp(1, 120) as f64
    }

    fn cap(&self) -> f64 {
        self.interval.unsigned_abs().clamp(1, LONGEST) as f64
    }
}

/// What went wrong in a row.
#[derive(Debug, Default)]
pub(super) struct Patience {
    waits: u32,
    slow: u32,
    refused_tickets: u32,
    pub(super) failures: u32,
}

impl Patience {
    /// How long to wait now.
    pub(super) fn wait(&mut self, client: &Client, failure: &Failure) -> Duration {
        let tempo = client.tempo();
        let exponent = self.waits.min(16);
        self.waits += 1;
        let slow = matches!(failure, Failure::Slow) || matches!(failure, Failure::Fatal { .. });
        if client.has(Defect::RedialsAtOnce) {
            return Duration::from_millis(100);
        }
        if slow {
            let wait = (30.0 + client.chance(30.0)) * f64::from(1_u32 << self.slow.min(10));
            self.slow += 1;
            return Duration::from_secs_f64(wait.min(600.0));
        }
        self.slow = 0;
        self.refused_tickets = if matches!(failure, Failure::Ticket) { self.refused_tickets + 1 } else { 0 };
        let most = match exponent {
            _ if self.refused_tickets >= 3 => tempo.cap(),
            0 => tempo.nonce(),
            exponent => tempo.cap().min(f64::from(1_u32 << exponent)),
        };
        let wait = Duration::from_secs_f64(client.chance(most));
        match failure {
            Failure::Again { pause: Some(pause) } if !client.has(Defect::IgnoresRetryAfter) => wait.max(*pause),
            _ => wait,
        }
    }
}
