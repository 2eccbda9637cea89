//! What protects a body: its signature and its encryption (protocol section 17.2). Pure functions over slices.

use aes::Aes256;
use aes::cipher::{Array, BlockModeDecrypt as _, KeyIvInit as _};
use base64ct::{Base64, Encoding as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _, ConstantTimeLess as _};
use zeroize::Zeroize as _;

/// Bytes of a block, of the initialisation vector, and of the longest padding.
const BLOCK: usize = 16;

/// The digest that `X-Lark-Signature` carries in hexadecimal.
pub(super) fn event_digest(timestamp: &[u8], nonce: &[u8], encrypt_key: &[u8], body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for piece in [timestamp, nonce, encrypt_key, body] {
        hash.update(piece);
    }
    hash.finalize().into()
}

/// The digest of an old card callback (protocol section 17.6).
pub(super) fn card_digest(timestamp: &[u8], nonce: &[u8], token: &[u8], body: &[u8]) -> [u8; 20] {
    let mut hash = Sha1::new();
    for piece in [timestamp, nonce, token, body] {
        hash.update(piece);
    }
    hash.finalize().into()
}

/// Whether `hex`, lower-case digits as the platform writes them, says `digest`.
pub(super) fn says<const N: usize>(hex: &[u8], digest: &[u8; N]) -> bool {
    // To bytes first: a comparison in constant time needs equal lengths.
    unhex(hex).is_some_and(|said: [u8; N]| said.ct_eq(digest).into())
}

fn unhex<const N: usize>(hex: &[u8]) -> Option<[u8; N]> {
    let (pairs, rest) = hex.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit.checked_sub(b'a' - 10),
        _ => None,
    }
}

/// The hash of a key or token: as good as the secret itself, so it is not shown, not compared by `==`, and overwritten
/// where it lies last; copies that moves left behind are out of reach.
pub(super) struct SecretHash([u8; 32]);

impl SecretHash {
    pub(super) fn of(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Of a text that is told character by character.
    pub(super) fn of_chars(chars: impl Iterator<Item = char>) -> Self {
        let mut hash = Sha256::new();
        chars.for_each(|ch| hash.update(ch.encode_utf8(&mut [0; 4])));
        Self(hash.finalize().into())
    }

    /// Whether two secrets are the same; how long it takes says nothing about them, not even their lengths.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Drop for SecretHash {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A decrypted text.
pub(super) struct Opened<'b> {
    /// The text; all blocks where the padding is wrong, so that what follows takes as long as if it were right.
    pub(super) text: &'b [u8],
    /// Whether the padding is right. To be asked last.
    pub(super) is_padded: Choice,
}

/// Decrypts `base64` where it lies. `None`: it is no base64 in the standard alphabet with its padding, or of no length
/// that a cipher text can have. `key` is the hash of the Encrypt Key.
pub(super) fn open<'b>(key: &SecretHash, base64: &'b mut [u8]) -> Option<Opened<'b>> {
    if !base64.len().is_multiple_of(4) {
        return None;
    }
    let len = Base64::decode_in_place(base64).ok()?.len();
    let (iv, sealed) = base64.get_mut(..len)?.split_first_chunk_mut::<BLOCK>()?;
    let (blocks, rest) = Array::slice_as_chunks_mut(&mut *sealed);
    if blocks.is_empty() || !rest.is_empty() {
        return None;
    }
    cbc::Decryptor::<Aes256>::new(Array::cast_from_core(&key.0), &Array::from(*iv)).decrypt_blocks(blocks);
    let (padding, is_padded) = padding(sealed)?;
    let len = sealed.len().checked_sub(usize::from(padding))?;
    Some(Opened { text: sealed.get(..len)?, is_padded })
}

/// How many bytes of PKCS#7 padding end the blocks, 0 where it is wrong, looked at in constant time.
fn padding(blocks: &[u8]) -> Option<(u8, Choice)> {
    let last: &[u8; BLOCK] = blocks.last_chunk()?;
    let said = last[BLOCK - 1];
    let mut right = !said.ct_eq(&0) & said.ct_lt(&17);
    for (from_end, byte) in (0_u8..).zip(last.iter().rev()) {
        // Bytes before the padding may be anything.
        right &= !from_end.ct_lt(&said) | byte.ct_eq(&said);
    }
    Some((u8::conditional_select(&0, &said, right), right))
}

/// Takes the JSON escapes out of a base64 text where it lies; the length of what is left. `None` for an escape that no
/// base64 text has.
pub(super) fn unescape(text: &mut [u8]) -> Option<usize> {
    let (mut from, mut to) = (0_usize, 0_usize);
    while let Some(&byte) = text.get(from) {
        let (plain, len) = match (byte, text.get(from.saturating_add(1))) {
            (b'\\', Some(b'/')) => (b'/', 2),
            (b'\\', Some(b'u')) => {
                let digits = text.get(from.saturating_add(2)..from.saturating_add(6))?;
                let code = u32::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?;
                (u8::try_from(code).ok().filter(u8::is_ascii)?, 6)
            }
            (b'\\', _) => return None,
            _ => (byte, 1),
        };
        *text.get_mut(to)? = plain;
        to = to.saturating_add(1);
        from = from.saturating_add(len);
    }
    Some(to)
}

#[cfg(test)]
mod tests {
    use super::{Base64, Opened, SecretHash, card_digest, event_digest, open, padding, says, unescape};
    use base64ct::Encoding as _;
    use serde_json::Value;
    use std::string::String;
    use std::vec::Vec;

    fn opened(key: &str, base64: &str) -> Option<Vec<u8>> {
        let mut bytes = base64.as_bytes().to_vec();
        let Opened { text, is_padded } = open(&SecretHash::of(key.as_bytes()), &mut bytes)?;
        bool::from(is_padded).then(|| text.to_vec())
    }

    #[test]
    fn the_documented_signatures_come_out() {
        let body = br#"{"encrypt":"x"}"#;
        let event = event_digest(b"1700000000", b"n1", b"ekey", body);
        assert!(says(b"6bd31c828c45e3a65f25d6a7eeb8185222c55b424858683a4d972e5239d0922d", &event));
        let card = card_digest(b"1700000000", b"n1", b"ekey", body);
        assert!(says(b"2991138e3e439abca04a90d2ec4006c9db51f6fc", &card));
        assert!(!says(b"2991138e3e439abca04a90d2ec4006c9db51f6fd", &card));
    }

    #[test]
    fn the_documented_texts_come_out() {
        let hello = opened("test key", "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=");
        assert_eq!(hello.as_deref(), Some(b"hello world".as_slice()));
        assert_eq!(opened("test key", "AAECAwQFBgcICQoLDA0OD8OGviw+9d4ZKgwQfypff8I=").as_deref(), Some([].as_slice()));
        assert_eq!(opened("tesT key", "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="), None);
    }

    #[test]
    fn padding_is_one_to_sixteen_equal_bytes() {
        for said in 0..=255_u8 {
            for odd in 0..16 {
                let mut block = [said; 16];
                let right = |block: &[u8; 16]| padding(block).map(|(len, right)| (len, bool::from(right)));
                let valid = (1..=16).contains(&said);
                assert_eq!(right(&block), Some((if valid { said } else { 0 }, valid)), "{said}");
                block[odd] ^= 1;
                // Where the changed byte lies before the padding it is text.
                let said = block[15];
                let valid =
                    (1..=16).contains(&said) && block[16 - usize::from(said)..].iter().all(|byte| *byte == said);
                assert_eq!(right(&block), Some((if valid { said } else { 0 }, valid)), "{block:?}");
            }
        }
    }

    #[test]
    fn escapes_of_base64_are_taken_out_and_others_refused() {
        let plain = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            let len = unescape(&mut bytes)?;
            Some(String::from_utf8(bytes[..len].to_vec()).unwrap())
        };
        assert_eq!(plain(r"ab\/c\u002B\u003d").as_deref(), Some("ab/c+="));
        for wrong in [r"a\n", r"a\", r"\u12", r"\u00e9", r"\uzzzz", r"\u+0ff"] {
            assert_eq!(plain(wrong), None, "{wrong}");
        }
    }

    /// What the official SDKs do, recorded (`conformance/vectors/sdk.json`).
    fn recorded(group: &str) -> Vec<Value> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/vectors/sdk.json");
        let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        all[group].as_array().unwrap().clone()
    }

    fn unhexed(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn s28_what_the_sdks_decrypt_and_refuse_is_decrypted_and_refused() {
        let cases = recorded("aes");
        for case in &cases {
            let key = case["key"].as_str().unwrap();
            assert_eq!(SecretHash::of(key.as_bytes()).0.as_slice(), unhexed(case["sha256_key_hex"].as_str().unwrap()));
            let opened = opened(key, case["encrypt"].as_str().unwrap());
            let theirs = case["plaintext"].as_str().map(|text| text.as_bytes().to_vec());
            assert_eq!(opened, theirs, "{}", case["name"]);
            assert_eq!(opened.is_some(), case["ok"] == true);
        }
        assert_eq!(cases.len(), 15);
    }

    #[test]
    fn recorded_signatures_come_out() {
        let cases = recorded("signature");
        for case in &cases {
            let text = |name: &str| case[name].as_str().unwrap();
            let (timestamp, nonce, key) = (text("timestamp"), text("nonce"), text("key"));
            let body = unhexed(text("body_hex"));
            let event = event_digest(timestamp.as_bytes(), nonce.as_bytes(), key.as_bytes(), &body);
            let card = card_digest(timestamp.as_bytes(), nonce.as_bytes(), key.as_bytes(), &body);
            assert!(says(text("event_sha256").as_bytes(), &event) && says(text("card_sha1").as_bytes(), &card));
        }
        assert_eq!(cases.len(), 2);
    }

    #[test]
    fn s28_the_vectors_of_nist_sp_800_38a_come_out() {
        // F.2.6, CBC-AES256.Decrypt: four blocks without padding, each alone (behind the block before it) and together.
        let key = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
        let iv = "000102030405060708090a0b0c0d0e0f";
        let sealed = [
            "f58c4c04d6e5f1ba779eabfb5f7bfbd6",
            "9cfc4e967edb808d679f777bc6702c7d",
            "39f23369a9d9bacfa530e26304231461",
            "b2eb05e2c39be9fcda6c19078c6a9d1b",
        ];
        let plain = [
            "6bc1bee22e409f96e93d7e117393172a",
            "ae2d8a571e03ac9c9eb76fac45af8e51",
            "30c81c46a35ce411e5fbc1191a0a52ef",
            "f69f2445df4f9b17ad2b417be66c3710",
        ];
        let key = SecretHash(unhexed(key).try_into().unwrap());
        let decrypted = |sealed: &str| {
            let mut base64 = [0; 128];
            let mut base64 = Base64::encode(&unhexed(sealed), &mut base64).unwrap().as_bytes().to_vec();
            let opened = open(&key, &mut base64).unwrap();
            // Without padding all blocks are shown, and said to be wrong.
            assert!(!bool::from(opened.is_padded));
            opened.text.to_vec()
        };
        assert_eq!(decrypted(&[&[iv], &sealed[..]].concat().concat()), unhexed(&plain.concat()));
        for (at, plain) in plain.iter().enumerate() {
            let before = if at == 0 { iv } else { sealed[at - 1] };
            assert_eq!(decrypted(&[before, sealed[at]].concat()), unhexed(plain));
        }
    }
}
