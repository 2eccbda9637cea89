//! When to dial again (protocol section 9.3): exponential backoff with full jitter. The one place that decides it.

use super::client_config::ClientConfig;
use crate::rng::Rng;

/// How fast to come back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pace {
    /// Backoff from the start.
    Normal,
    /// At the cap at once: authentication keeps being refused.
    Cap,
    /// At least 30 s, doubling to 10 min: too many connections of this app.
    Slow,
}

/// Backoff of at most this; the platform's ReconnectInterval may lower it.
const CAP_MS: u64 = 120_000;
const SLOW_MS: u64 = 30_000;
/// No wait is longer, whatever `Retry-After` says (protocol section 2.5).
pub(crate) const LONGEST_MS: u64 = 600_000;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Retry {
    waits: u32,
    slow: u32,
}

impl Retry {
    /// Milliseconds until the next attempt: at least 1, and at least `floor_ms` (itself cut to 10 minutes).
    pub(crate) fn wait_ms(&mut self, pace: Pace, config: &ClientConfig, floor_ms: u64, rng: &mut Rng) -> u64 {
        let cap = u64::from(config.reconnect_interval).saturating_mul(1000).min(CAP_MS);
        let wait = match pace {
            Pace::Slow => {
                let base = SLOW_MS.saturating_add(rng.up_to(SLOW_MS));
                base.saturating_mul(1_u64.checked_shl(self.slow).unwrap_or(u64::MAX)).min(LONGEST_MS)
            }
            Pace::Cap => rng.up_to(cap),
            Pace::Normal if self.waits == 0 => rng.up_to(u64::from(config.reconnect_nonce).saturating_mul(1000)),
            Pace::Normal => {
                rng.up_to(1000_u64.saturating_mul(1_u64.checked_shl(self.waits).unwrap_or(u64::MAX)).min(cap))
            }
        };
        self.waits = self.waits.saturating_add(1).min(62);
        self.slow = if pace == Pace::Slow { self.slow.saturating_add(1).min(16) } else { 0 };
        wait.max(floor_ms.min(LONGEST_MS)).max(1)
    }

    /// The platform has answered on a new connection: start over.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{Pace, Retry};
    use crate::link::client_config::ClientConfig;
    use crate::rng::{Rng, Seed};

    fn longest_of(n: u32, pace: Pace, config: &ClientConfig, floor: u64) -> [u64; 8] {
        let mut longest = [0; 8];
        for seed in 0..n {
            let mut bytes = [7; 32];
            bytes[..4].copy_from_slice(&seed.to_le_bytes());
            let mut rng = Rng::new(&Seed(bytes));
            let mut retry = Retry::default();
            for most in &mut longest {
                *most = retry.wait_ms(pace, config, floor, &mut rng).max(*most);
            }
        }
        longest
    }

    #[test]
    fn waits_double_up_to_the_cap_and_use_the_whole_range() {
        let most = longest_of(2000, Pace::Normal, &ClientConfig::default(), 0);
        for (seen, bound) in most.into_iter().zip([30_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 120_000]) {
            assert!(seen <= bound && seen > bound * 95 / 100, "{seen} of {bound}");
        }
    }

    #[test]
    fn too_many_connections_slow_the_bot_down_but_never_below_ten_minutes() {
        for seed in 0..100 {
            let mut rng = Rng::new(&Seed([seed; 32]));
            let mut retry = Retry::default();
            let first = retry.wait_ms(Pace::Slow, &ClientConfig::default(), 0, &mut rng);
            assert!((30_000..=60_000).contains(&first));
            let second = retry.wait_ms(Pace::Slow, &ClientConfig::default(), 0, &mut rng);
            assert!((60_000..=120_000).contains(&second));
            let last = (0..10).map(|_| retry.wait_ms(Pace::Slow, &ClientConfig::default(), 0, &mut rng)).last();
            assert_eq!(last, Some(600_000));
        }
    }

    #[test]
    fn the_platforms_word_is_a_floor_that_cannot_silence_the_bot() {
        let most = longest_of(50, Pace::Normal, &ClientConfig::default(), u64::MAX);
        assert!(most.iter().all(|wait| *wait == 600_000));
    }
}
