//! How often strangers may knock: a bucket for each of a bounded number of peers.

use crate::storage::Slots;
use crate::time::Instant;

/// Requests that a peer may send at once.
const BURST: u32 = 20;
/// Milliseconds in which one more is allowed.
const REFILL_MS: u64 = 1000;

/// One peer's bucket: 24 bytes.
#[derive(Clone, Copy, Debug)]
pub struct QuotaEntry {
    peer: u64,
    /// When it will be full again; then the peer is forgotten.
    full_at: Instant,
    used: bool,
}

impl QuotaEntry {
    /// An unused entry.
    pub const EMPTY: Self = Self { peer: 0, full_at: Instant::ZERO, used: false };
}

impl Default for QuotaEntry {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// A limit on requests that cannot prove who sent them: 20 at once and one a second from each peer. Requests with a
/// signature are not counted here; they are checked, so that a flood of strangers takes nothing from the platform.
///
/// Peers are remembered in the table's hash order, four places each; where all four are taken by peers that are still
/// limited, a new one is denied and the known ones are served as before.
#[derive(Debug)]
pub struct Quota<'s> {
    slots: Slots<'s, QuotaEntry>,
}

impl<'s> Quota<'s> {
    /// Nobody has knocked yet. 4096 entries serve a server, 16 a board.
    pub fn new(mut slots: Slots<'s, QuotaEntry>) -> Self {
        let all = slots.cap();
        slots.ensure(all);
        slots.as_mut_slice().fill(QuotaEntry::EMPTY);
        Self { slots }
    }

    /// Whether one more request of `peer`, a hash of its address, may pass.
    pub fn take(&mut self, now: Instant, peer: u64) -> bool {
        let size = self.slots.as_slice().len();
        let Some(first) = u64::try_from(size).ok().and_then(|size| peer.checked_rem(size)) else { return false };
        let first = usize::try_from(first).unwrap_or_default();
        let places = || (0..4_usize).filter_map(|step| first.saturating_add(step).checked_rem(size));
        let known = places().find(|at| self.slots.get(*at).is_some_and(|entry| entry.used && entry.peer == peer));
        let free = || places().find(|at| self.slots.get(*at).is_some_and(|entry| !entry.used || entry.full_at <= now));
        let Some(entry) = known.or_else(free).and_then(|at| self.slots.get_mut(at)) else { return false };
        let full_at = if known.is_some() { entry.full_at.max(now) } else { now }.after(REFILL_MS);
        if full_at.since(now) > u64::from(BURST).saturating_mul(REFILL_MS) {
            return false;
        }
        *entry = QuotaEntry { peer, full_at, used: true };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{BURST, Quota, QuotaEntry};
    use crate::storage::Slots;
    use crate::time::Instant;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn a_peer_may_send_a_burst_and_then_one_a_second() {
        let mut entries = [QuotaEntry::EMPTY; 8];
        let mut quota = Quota::new(Slots::fixed(&mut entries));
        assert_eq!((0..100).filter(|_| quota.take(at(0), 7)).count(), BURST as usize);
        assert!(!quota.take(at(999), 7));
        assert!(quota.take(at(1000), 7));
        assert!(!quota.take(at(1000), 7));
        assert_eq!((0..100).filter(|_| quota.take(at(60_000), 7)).count(), BURST as usize);
    }

    #[test]
    fn a_full_table_denies_new_peers_and_serves_known_ones() {
        let mut entries = [QuotaEntry::EMPTY; 16];
        let mut quota = Quota::new(Slots::fixed(&mut entries));
        let known = (0..1000_u64).filter(|peer| quota.take(at(0), *peer)).count();
        assert_eq!(known, 16);
        assert!((0..16).all(|peer| quota.take(at(0), peer)));
        assert!(!quota.take(at(0), 999));
        // Once they have been quiet for long enough they are forgotten.
        assert!(quota.take(at(60_000), 999));
    }

    #[test]
    fn no_table_at_all_lets_nobody_pass() {
        assert!(!Quota::new(Slots::fixed(&mut [])).take(at(0), 1));
    }
}
