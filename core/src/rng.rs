//! The one source of chance: a ChaCha generator on the caller's seed, so that a run can be repeated.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

/// Thirty-two bytes that make a run reproducible; in production from the system's entropy source, never a constant:
/// masks, jitter, the keys of the hash tables and message uuids come from it.
#[derive(Clone)]
pub struct Seed(pub [u8; 32]);

impl core::fmt::Debug for Seed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seed([redacted])")
    }
}

pub(crate) struct Rng(ChaCha12Rng);

impl Rng {
    pub(crate) fn new(seed: &Seed) -> Self {
        Self(ChaCha12Rng::from_seed(seed.0))
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Uniform in `0..=most`.
    pub(crate) fn up_to(&mut self, most: u64) -> u64 {
        // The bias of a 128-bit product is below 2^-64 of a millisecond's share.
        let wide = u128::from(self.0.next_u64()).saturating_mul(u128::from(most).saturating_add(1));
        u64::try_from(wide >> 64).unwrap_or(most)
    }

    /// A random (version 4) UUID in its usual form.
    pub(crate) fn uuid(&mut self) -> [u8; 36] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut bytes = self.bytes::<16>();
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let mut nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
        let mut text = [b'-'; 36];
        for (at, place) in text.iter_mut().enumerate() {
            if !matches!(at, 8 | 13 | 18 | 23) {
                let nibble = usize::from(nibbles.next().unwrap_or_default());
                *place = DIGITS.get(nibble).copied().unwrap_or(b'0');
            }
        }
        text
    }
}
