//! AES-128-GCM with SHA-256, the one suite that is offered, and what a sealed record may hold.

use aes_gcm::Aes128Gcm;
use aes_gcm::aead::consts::{U0, U12, U16, U54};
use aes_gcm::aead::{self, AeadCore, AeadInPlace, Key, KeyInit, KeySizeUser, Nonce, Tag};
use embedded_tls::TlsCipherSuite;
use sha2::Sha256;

use super::messages::are_in_place;
use super::wire::OPEN;

/// `TLS_AES_128_GCM_SHA256` (RFC 8446 appendix B.4).
pub(super) struct Suite;

impl TlsCipherSuite for Suite {
    const CODE_POINT: u16 = 0x1301;
    type Cipher = Sealed;
    type KeyLen = U16;
    type IvLen = U12;
    type Hash = Sha256;
    /// The hash, the longest label (12) and 10 around it.
    type LabelBufferSize = U54;
}

/// The cipher of records. What it opens has a kind, and holds no message of a handshake out of its place.
pub(super) struct Sealed(Aes128Gcm);

impl KeySizeUser for Sealed {
    type KeySize = U16;
}

impl KeyInit for Sealed {
    fn new(key: &Key<Self>) -> Self {
        Self(Aes128Gcm::new(key))
    }
}

impl AeadCore for Sealed {
    type NonceSize = U12;
    type TagSize = U16;
    type CiphertextOverhead = U0;
}

impl AeadInPlace for Sealed {
    fn encrypt_in_place_detached(
        &self,
        nonce: &Nonce<Self>,
        header: &[u8],
        content: &mut [u8],
    ) -> aead::Result<Tag<Self>> {
        self.0.encrypt_in_place_detached(nonce, header, content)
    }

    fn decrypt_in_place_detached(
        &self,
        nonce: &Nonce<Self>,
        header: &[u8],
        content: &mut [u8],
        tag: &Tag<Self>,
    ) -> aead::Result<()> {
        let &[kind, major, minor, high, low] = header else { return Err(aead::Error) };
        let is_open = minor == OPEN;
        let minor = if is_open { 3 } else { minor };
        self.0.decrypt_in_place_detached(nonce, &[kind, major, minor, high, low], content, tag)?;
        if may_hold(content, is_open) { Ok(()) } else { Err(aead::Error) }
    }
}

/// Whether a record may hold this: content, its kind, zeros (RFC 8446 section 5.2).
fn may_hold(inner: &[u8], is_open: bool) -> bool {
    const HANDSHAKE: u8 = 22;
    let end = inner.iter().rposition(|byte| *byte != 0).unwrap_or_default();
    match inner.get(end) {
        None | Some(0) => false,
        Some(&HANDSHAKE) => are_in_place(inner.get(..end).unwrap_or_default(), is_open),
        Some(_) => true,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_a_kind_is_refused() {
        for inner in [&[][..], &[0], &[0; 40]] {
            assert!(!may_hold(inner, false) && !may_hold(inner, true), "{inner:?}");
        }
        assert!(may_hold(&[23], true) && may_hold(&[1, 2, 23, 0, 0], true) && may_hold(&[1, 0, 21], true));
    }

    #[test]
    fn the_mark_of_an_open_stream_is_no_part_of_what_the_seal_covers() {
        let (cipher, nonce) = (Sealed::new(&[7; 16].into()), [9; 12].into());
        let mut content = *b"hello\x17";
        let tag = cipher.encrypt_in_place_detached(&nonce, &[23, 3, 3, 0, 22], &mut content).unwrap();
        for (header, opens) in [
            ([23, 3, 3, 0, 22], true),
            ([23, 3, OPEN, 0, 22], true),
            ([23, 3, 4, 0, 22], false),
            ([23, 3, OPEN, 0, 23], false),
        ] {
            let opened = cipher.decrypt_in_place_detached(&nonce, &header, &mut content.clone(), &tag);
            assert_eq!(opened.is_ok(), opens, "{header:?}");
        }
    }
}
