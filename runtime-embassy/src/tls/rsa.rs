//! RSA signatures of 2048 to 4096 bits, checked without a heap: PKCS#1 v1.5 and PSS (RFC 8017). Public values only, so
//! nothing here needs to take the same time.

use core::iter;

use sha2::Digest;

/// Limbs of 32 bits in the largest modulus.
const LIMBS: usize = 128;
const MAX_BYTES: usize = LIMBS * 4;
const MIN_BITS: usize = 2048;

/// The DER in front of a hash in PKCS#1 v1.5 (RFC 8017 section 9.2): one for each hash, told apart by its length.
fn digest_info(hash_len: usize) -> [u8; 19] {
    let (hash_id, len) = match hash_len {
        32 => (1, 32),
        48 => (2, 48),
        _ => (3, 64),
    };
    let total = len + 17;
    [0x30, total, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, hash_id, 5, 0, 4, len]
}

/// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2).
pub(super) fn is_pkcs1<H: Digest>(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Some((encoded, bits)) = recover(key, signature) else { return false };
    let Some(encoded) = encoded.get(MAX_BYTES.saturating_sub(bits.div_ceil(8))..) else { return false };
    let hash = H::digest(message);
    let info = digest_info(hash.len());
    let Some(padding) = encoded.len().checked_sub(3 + info.len() + hash.len()) else { return false };
    let expected = [0, 1].into_iter().chain(iter::repeat_n(0xFF, padding)).chain([0]).chain(info).chain(hash);
    encoded.iter().copied().eq(expected)
}

/// RSASSA-PSS with MGF1 of the same hash and a salt of its length (RFC 8017 section 9.1.2, RFC 8446 section 4.2.3).
pub(super) fn is_pss<H: Digest>(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    check_pss::<H>(key, message, signature).is_some()
}

fn check_pss<H: Digest>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let (mut encoded, bits) = recover(key, signature)?;
    // The encoded message is a bit shorter than the modulus, and may be a byte shorter with it.
    let bits = bits.checked_sub(1)?;
    let (above, encoded) = encoded.split_at_mut_checked(MAX_BYTES.checked_sub(bits.div_ceil(8))?)?;
    let (masked, end) = encoded.split_at_mut_checked(encoded.len().checked_sub(<H as Digest>::output_size() + 1)?)?;
    let (hash, trailer) = end.split_at_checked(<H as Digest>::output_size())?;
    if above.iter().any(|byte| *byte != 0) || trailer != [0xBC] {
        return None;
    }
    let unused = u8::try_from(masked.len().checked_add(end.len())?.checked_mul(8)?.checked_sub(bits)?).ok()?;
    let high = !u8::MAX.checked_shr(u32::from(unused))?;
    if masked.first()? & high != 0 {
        return None;
    }
    for (counter, block) in (0_u32..).zip(masked.chunks_mut(<H as Digest>::output_size())) {
        let mask = H::new().chain_update(hash).chain_update(counter.to_be_bytes()).finalize();
        for (byte, mask) in block.iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }
    *masked.first_mut()? &= !high;
    let (padding, salt) = masked.split_at_checked(masked.len().checked_sub(<H as Digest>::output_size())?)?;
    let (one, zeros) = padding.split_last()?;
    if *one != 1 || zeros.iter().any(|byte| *byte != 0) {
        return None;
    }
    let again = H::new().chain_update([0; 8]).chain_update(H::digest(message)).chain_update(salt).finalize();
    (again[..] == *hash).then_some(())
}

/// What the signature holds: signature to the power of the exponent. Also the bits of the modulus.
fn recover(key: &[u8], signature: &[u8]) -> Option<([u8; MAX_BYTES], usize)> {
    let (modulus, exponent) = read_key(key)?;
    let bits = modulus.len().checked_mul(8)?.checked_sub(usize::try_from(modulus.first()?.leading_zeros()).ok()?)?;
    if !(MIN_BITS..=MAX_BYTES * 8).contains(&bits) || signature.len() != modulus.len() {
        return None;
    }
    let field = Field::new(&from_bytes(modulus), bits.div_ceil(32))?;
    let signature = from_bytes(signature);
    if !is_less(&signature, &field.modulus) {
        return None;
    }
    let mut bytes = [0; MAX_BYTES];
    let recovered = field.power(&signature, exponent);
    for (to, limb) in bytes.rchunks_mut(4).zip(recovered) {
        to.copy_from_slice(&limb.to_be_bytes());
    }
    Some((bytes, bits))
}

/// RSAPublicKey (RFC 8017 appendix A.1.1): modulus, and an odd exponent of 3 or more with 33 bits at most.
fn read_key(key: &[u8]) -> Option<(&[u8], u64)> {
    let (content, rest) = read_der(key, 0x30)?;
    let (modulus, exponent) = read_der(content, 2)?;
    let (exponent, end) = read_der(exponent, 2)?;
    let (modulus, exponent) = (read_positive(modulus)?, read_positive(exponent)?);
    if !rest.is_empty() || !end.is_empty() || exponent.len() > 5 {
        return None;
    }
    let exponent = exponent.iter().fold(0, |sum: u64, byte| (sum << 8) | u64::from(*byte));
    ((3..1 << 33).contains(&exponent) && exponent & 1 == 1).then_some((modulus, exponent))
}

/// One element of DER, its content and what follows.
fn read_der(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match bytes {
        [first, len @ ..=0x7F, rest @ ..] if *first == tag => (usize::from(*len), rest),
        [first, 0x81, len @ 0x80..=0xFF, rest @ ..] if *first == tag => (usize::from(*len), rest),
        [first, 0x82, high @ 1..=0xFF, low, rest @ ..] if *first == tag => {
            (usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}

/// The digits of an INTEGER above zero, in the shortest form.
fn read_positive(content: &[u8]) -> Option<&[u8]> {
    match content {
        [0, digits @ ..] if digits.first().is_some_and(|digit| *digit >= 0x80) => Some(digits),
        [1..=0x7F, ..] => Some(content),
        _ => None,
    }
}

/// The least significant limb first.
type Number = [u32; LIMBS];

fn from_bytes(bytes: &[u8]) -> Number {
    let mut number = [0; LIMBS];
    for (limb, bytes) in number.iter_mut().zip(bytes.rchunks(4)) {
        *limb = bytes.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte));
    }
    number
}

fn is_less(a: &Number, b: &Number) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

/// Arithmetic modulo an odd number, in Montgomery's form: `x` stands for `x · 2^(32 · limbs)`.
struct Field {
    modulus: Number,
    limbs: usize,
    /// The negated inverse of the modulus modulo 2^32.
    inverse: u32,
}

impl Field {
    fn new(modulus: &Number, limbs: usize) -> Option<Self> {
        let lowest = *modulus.first()?;
        if lowest & 1 == 0 {
            return None;
        }
        // Newton: each round doubles the bits that are right; an odd number is its own inverse modulo 8.
        let inverse = (0..4).fold(lowest, |x, _| x.wrapping_mul(2_u32.wrapping_sub(lowest.wrapping_mul(x))));
        Some(Self { modulus: *modulus, limbs, inverse: inverse.wrapping_neg() })
    }

    /// `number` to the power of `exponent`, which is not 0.
    fn power(&self, number: &Number, exponent: u64) -> Number {
        let base = self.multiply(number, &self.square_of_the_form());
        let mut power = base;
        for bit in (0..exponent.ilog2()).rev() {
            power = self.multiply(&power, &power);
            if (exponent >> bit) & 1 == 1 {
                power = self.multiply(&power, &base);
            }
        }
        let mut one = [0; LIMBS];
        one[0] = 1;
        self.multiply(&power, &one)
    }

    /// 2^(64 · limbs), by doubling.
    fn square_of_the_form(&self) -> Number {
        let mut number = [0; LIMBS];
        number[0] = 1;
        for _ in 0..self.limbs.saturating_mul(64) {
            let mut carry = 0;
            for limb in number.iter_mut().take(self.limbs) {
                (*limb, carry) = ((*limb << 1) | carry, *limb >> 31);
            }
            self.reduce(&mut number, carry == 1);
        }
        number
    }

    /// `a · b / 2^(32 · limbs)`, below the modulus.
    fn multiply(&self, a: &Number, b: &Number) -> Number {
        let mut sum = [0; LIMBS];
        // What is above the limbs of `sum`.
        let mut above = 0_u64;
        for a in a.iter().take(self.limbs) {
            above += self.add(&mut sum, b, *a);
            // As many moduli as make the lowest limb 0; it is dropped then.
            let factor = sum[0].wrapping_mul(self.inverse);
            above += self.add(&mut sum, &self.modulus, factor);
            sum.copy_within(1.., 0);
            if let Some(top) = sum.get_mut(self.limbs - 1) {
                *top = above as u32;
            }
            above >>= 32;
        }
        self.reduce(&mut sum, above != 0);
        sum
    }

    /// `sum += factor · number`; what is above the limbs.
    fn add(&self, sum: &mut Number, number: &Number, factor: u32) -> u64 {
        let mut carry = 0;
        for (sum, limb) in sum.iter_mut().zip(number).take(self.limbs) {
            let total = u64::from(*sum) + u64::from(factor) * u64::from(*limb) + carry;
            (*sum, carry) = (total as u32, total >> 32);
        }
        carry
    }

    /// Takes the modulus away once, if `number`, with a bit above it or not, is no less.
    fn reduce(&self, number: &mut Number, is_above: bool) {
        if !is_above && is_less(number, &self.modulus) {
            return;
        }
        let mut borrow = false;
        for (limb, modulus) in number.iter_mut().zip(&self.modulus).take(self.limbs) {
            let (difference, under) = limb.overflowing_sub(*modulus);
            let (difference, under_again) = difference.overflowing_sub(u32::from(borrow));
            (*limb, borrow) = (difference, under || under_again);
        }
    }
}

#[cfg(test)]
mod tests;
