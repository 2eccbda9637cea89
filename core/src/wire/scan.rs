//! Finding bytes in texts many at a time, and checking that bytes are text; without unsafe code.

/// A set of ASCII bytes to look for.
#[derive(Clone, Copy)]
pub(crate) struct Set<const N: usize> {
    bytes: [u8; N],
    /// Whether control bytes, those below space, belong to it.
    controls: bool,
}

impl<const N: usize> Set<N> {
    pub(crate) const fn new(bytes: [u8; N]) -> Self {
        Self { bytes, controls: false }
    }

    pub(crate) const fn and_controls(self) -> Self {
        Self { controls: true, ..self }
    }

    /// The index of the first byte that is in the set, or the length of `bytes`.
    #[inline]
    pub(crate) fn find(self, bytes: &[u8]) -> usize {
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        let mut at = 0_usize;
        for block in blocks {
            if let Some(first) = self.find_in_block(block) {
                return at.wrapping_add(first);
            }
            at = at.wrapping_add(BLOCK);
        }
        at.wrapping_add(self.find_in_rest(rest))
    }

    fn find_in_rest(self, rest: &[u8]) -> usize {
        rest.iter().position(|&byte| self.has(byte)).unwrap_or(rest.len())
    }

    #[inline]
    fn has(self, byte: u8) -> bool {
        self.bytes.iter().fold(self.controls & (byte < b' '), |has, &of| has | (byte == of))
    }
}

/// Every x86-64 compares sixteen bytes at once.
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
const BLOCK: usize = 16;

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
impl<const N: usize> Set<N> {
    #[inline]
    fn find_in_block(self, block: &[u8; BLOCK]) -> Option<usize> {
        use safe_arch::{
            bitor_m128i, cmp_eq_mask_i8_m128i, load_unaligned_m128i, min_u8_m128i, move_mask_i8_m128i,
            set_splat_i8_m128i, zeroed_m128i,
        };
        let bytes = load_unaligned_m128i(block);
        let mut hits = zeroed_m128i();
        if self.controls {
            hits = cmp_eq_mask_i8_m128i(min_u8_m128i(bytes, set_splat_i8_m128i(0x1f)), bytes);
        }
        for byte in self.bytes {
            hits = bitor_m128i(hits, cmp_eq_mask_i8_m128i(bytes, set_splat_i8_m128i(byte as i8)));
        }
        let mask = move_mask_i8_m128i(hits);
        (mask != 0).then_some(mask.trailing_zeros() as usize)
    }
}

/// Elsewhere a word is looked at as eight bytes.
#[cfg(not(all(feature = "simd", target_arch = "x86_64")))]
const BLOCK: usize = 8;

#[cfg(not(all(feature = "simd", target_arch = "x86_64")))]
impl<const N: usize> Set<N> {
    /// Marks the top bit of each byte that is in the set. A borrow can mark bytes above the first hit wrongly, so only
    /// the lowest mark counts.
    #[inline]
    fn find_in_block(self, block: &[u8; BLOCK]) -> Option<usize> {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const TOPS: u64 = ONES << 7;
        let word = u64::from_le_bytes(*block);
        let controls = if self.controls { word.wrapping_sub(ONES.wrapping_mul(b' '.into())) & !word } else { 0 };
        let marks = self.bytes.iter().fold(controls, |marks, &byte| {
            let differs = word ^ ONES.wrapping_mul(byte.into());
            marks | (differs.wrapping_sub(ONES) & !differs)
        });
        let marks = marks & TOPS;
        (marks != 0).then_some(marks.trailing_zeros() as usize / 8)
    }
}

/// Where the processor compares sixteen bytes at once, the compiler makes that of a plain loop over so many.
const SPAN: usize = 32;
const WIDE: bool = cfg!(any(target_feature = "sse2", target_feature = "neon"));

/// The index of the second of the first two blanks, spaces or tabs, that stand side by side; or the length of `bytes`.
pub(crate) fn find_double_blank(bytes: &[u8]) -> usize {
    let is_blank = |byte: u8| (byte == b' ') | (byte == b'\t');
    let mut at = 0_usize;
    if WIDE {
        // The same block twice, one byte apart.
        let ones = bytes.as_chunks::<SPAN>().0;
        let others = bytes.get(1..).unwrap_or_default().as_chunks::<SPAN>().0;
        let pairs = |(one, other): (&[u8; SPAN], &[u8; SPAN])| {
            one.iter().zip(other).fold(false, |any, (&one, &other)| any | (is_blank(one) & is_blank(other)))
        };
        at = ones.iter().zip(others).take_while(|blocks| !pairs(*blocks)).count().saturating_mul(SPAN);
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let found = rest.windows(2).position(|pair| pair.iter().all(|&byte| is_blank(byte)));
    found.map_or(bytes.len(), |found| at.saturating_add(found).saturating_add(1))
}

/// The bytes as text, if they are UTF-8.
#[inline]
pub(crate) fn utf8(bytes: &[u8]) -> Option<&str> {
    #[cfg(feature = "simd")]
    return simdutf8::basic::from_utf8(bytes).ok();
    #[cfg(not(feature = "simd"))]
    return core::str::from_utf8(bytes).ok();
}

#[cfg(test)]
mod tests {
    use super::{SPAN, Set, find_double_blank};
    use std::vec;

    const SET: Set<3> = Set::new(*b"\"\\@").and_controls();

    #[test]
    fn a_byte_of_the_set_is_found_at_every_place_and_no_other_is() {
        for len in 0..3 * SPAN + 9 {
            for at in 0..len {
                for byte in 0..=u8::MAX {
                    let mut bytes = vec![b'a'; len];
                    bytes[at] = byte;
                    // What follows the first hit must not matter, nor what is one more than a member.
                    bytes[at + 1..].iter_mut().for_each(|byte| *byte = b'#');
                    let expected = if byte < 32 || b"\"\\@".contains(&byte) { at } else { len };
                    assert_eq!(SET.find(&bytes), expected, "{byte} at {at} of {len}");
                }
            }
        }
    }

    #[test]
    fn two_blanks_side_by_side_are_found_at_every_place() {
        for len in 0..3 * SPAN + 9 {
            assert_eq!(find_double_blank(&vec![b'a'; len]), len);
            for at in 1..len {
                for pair in [*b"  ", *b" \t", *b"\t ", *b"\t\t"] {
                    let mut bytes = vec![b'a'; len];
                    bytes[at - 1..=at].copy_from_slice(&pair);
                    assert_eq!(find_double_blank(&bytes), at, "at {at} of {len}");
                }
                let mut bytes = vec![b'a'; len];
                bytes[at] = b' ';
                assert_eq!(find_double_blank(&bytes), len, "one blank at {at} of {len}");
            }
        }
    }
}
