//! Randomness of a chip that has no generator for it: the phase of its ring oscillator, distilled.
//!
//! The RP2040's datasheet (section 2.17.5) says of the oscillator's random bit that it is not good enough for security by
//! itself: it is biased, and bits that are read quickly resemble each other. So 8192 bits go into SHA-256 for each 256 that
//! come out: a thirty-second of what is said of each bit has to be true. Bits that stand still or lean too far are refused
//! (the tests for repetition and for proportion of NIST SP 800-90B section 4.4, with wide limits). What no test here shows
//! is an oscillator that somebody else drives, by the supply or by heat: where an attacker holds the board, or much depends
//! on it, use a secure element.

use embassy_rp::clocks::RoscRng;
use larkwire_embassy::{Entropy, EntropyFailed};
use sha2::{Digest as _, Sha256};

/// Bytes read for 32.
const RAW: usize = 1024;
/// The same byte so often in a row is no chance.
const REPEATS: u32 = 12;
/// Of `RAW` bytes at least a sixteenth of the bits are ones, and a sixteenth are zeros.
const LEAST_BITS: u32 = RAW as u32 * 8 / 16;

/// The ring oscillator. Some 10 ms for 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Oscillator;

impl Entropy for Oscillator {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        for chunk in out.chunks_mut(32) {
            let distilled = distil()?;
            for (to, from) in chunk.iter_mut().zip(distilled) {
                *to = from;
            }
        }
        Ok(())
    }
}

fn distil() -> Result<[u8; 32], EntropyFailed> {
    let mut hash = Sha256::new();
    let (mut ones, mut last, mut repeats) = (0, None, 0);
    for _ in 0..RAW {
        let byte = RoscRng::next_u8();
        ones += byte.count_ones();
        repeats = if last == Some(byte) { repeats + 1 } else { 0 };
        last = Some(byte);
        if repeats >= REPEATS {
            return Err(EntropyFailed);
        }
        hash.update([byte]);
    }
    let zeros = RAW as u32 * 8 - ones;
    if ones < LEAST_BITS || zeros < LEAST_BITS {
        return Err(EntropyFailed);
    }
    Ok(hash.finalize().into())
}
