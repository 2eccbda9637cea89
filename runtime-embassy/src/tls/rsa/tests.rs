//! Against `ring`: good signatures, and every way of damaging them. The keys are for tests only.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may panic"
)]

use std::vec;
use std::vec::Vec;

use ring::rand::SystemRandom;
use ring::signature::{self as ring_rsa, KeyPair as _, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm};
use sha2::{Sha256, Sha384, Sha512};

use super::*;

type Check = fn(&[u8], &[u8], &[u8]) -> bool;

/// How it is signed and checked there, and checked here.
const ALGORITHMS: [(&'static dyn ring_rsa::RsaEncoding, &'static dyn VerificationAlgorithm, Check); 6] = [
    (&ring_rsa::RSA_PKCS1_SHA256, &ring_rsa::RSA_PKCS1_2048_8192_SHA256, is_pkcs1::<Sha256>),
    (&ring_rsa::RSA_PKCS1_SHA384, &ring_rsa::RSA_PKCS1_2048_8192_SHA384, is_pkcs1::<Sha384>),
    (&ring_rsa::RSA_PKCS1_SHA512, &ring_rsa::RSA_PKCS1_2048_8192_SHA512, is_pkcs1::<Sha512>),
    (&ring_rsa::RSA_PSS_SHA256, &ring_rsa::RSA_PSS_2048_8192_SHA256, is_pss::<Sha256>),
    (&ring_rsa::RSA_PSS_SHA384, &ring_rsa::RSA_PSS_2048_8192_SHA384, is_pss::<Sha384>),
    (&ring_rsa::RSA_PSS_SHA512, &ring_rsa::RSA_PSS_2048_8192_SHA512, is_pss::<Sha512>),
];

fn keys() -> Vec<RsaKeyPair> {
    [2048, 3072, 4096]
        .map(|bits| {
            let path = std::format!("{}/tests/tls/data/rsa-{bits}.der", env!("CARGO_MANIFEST_DIR"));
            RsaKeyPair::from_pkcs8(&std::fs::read(path).unwrap()).unwrap()
        })
        .into()
}

fn sign(key: &RsaKeyPair, encoding: &'static dyn ring_rsa::RsaEncoding, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(encoding, &SystemRandom::new(), message, &mut signature).unwrap();
    signature
}

#[test]
fn good_signatures_are_accepted_and_no_algorithm_takes_those_of_another() {
    for key in keys() {
        let public = key.public_key().as_ref();
        for (at, (encoding, theirs, _)) in ALGORITHMS.into_iter().enumerate() {
            for len in [0, 300] {
                let message = vec![0x5A; len];
                let signature = sign(&key, encoding, &message);
                UnparsedPublicKey::new(theirs, public).verify(&message, &signature).unwrap();
                for (other, (_, _, ours)) in ALGORITHMS.into_iter().enumerate() {
                    if len == 0 || other == at {
                        assert_eq!(ours(public, &message, &signature), at == other, "{at} {other} {len}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_modulus_of_an_odd_length_is_as_good() {
    // With 2049 bits the encoded message of PSS is a byte shorter than the modulus.
    let read = |name: &str| {
        std::fs::read(std::format!("{}/tests/tls/data/rsa-2049-{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    let (key, pss, pkcs1) = (read("public.der"), read("pss.sig"), read("pkcs1.sig"));
    assert_eq!(pss.len(), 257);
    assert!(is_pss::<Sha384>(&key, b"what was said", &pss));
    assert!(is_pkcs1::<Sha384>(&key, b"what was said", &pkcs1));
    assert!(!is_pss::<Sha384>(&key, b"what was not said", &pss));
    assert!(!is_pkcs1::<Sha384>(&key, b"what was not said", &pkcs1));
    assert!(!is_pss::<Sha384>(&key, b"what was said", &pkcs1));
    assert!(!is_pss::<Sha256>(&key, b"what was said", &pss));
}

#[test]
fn damaged_signatures_messages_and_keys_are_refused_as_ring_refuses_them() {
    let keys = keys();
    for (key, other) in keys.iter().zip(keys.iter().rev()) {
        let public = key.public_key().as_ref();
        // The long keys take their time in a debug build.
        let (step, algorithms) = if public.len() < 300 { (97, &ALGORITHMS[..]) } else { (307, &ALGORITHMS[2..4]) };
        for &(encoding, theirs, ours) in algorithms {
            let message = b"what was said";
            let good = sign(key, encoding, message);
            let agree = |public: &[u8], message: &[u8], signature: &[u8], expected: Option<bool>| {
                let theirs = UnparsedPublicKey::new(theirs, public).verify(message, signature).is_ok();
                assert_eq!(ours(public, message, signature), theirs);
                assert!(expected.is_none_or(|expected| expected == theirs));
            };
            agree(public, message, &good, Some(true));
            agree(public, b"what was not said", &good, Some(false));
            for at in (0..good.len()).step_by(step).chain([good.len() - 1]) {
                let mut damaged = good.clone();
                damaged[at] ^= 1 << (at % 8);
                agree(public, message, &damaged, Some(false));
            }
            for damaged in [
                &good[1..],
                &good[..good.len() - 1],
                &[&[0][..], &good].concat(),
                &[&good[..], &[0]].concat(),
                &vec![0; good.len()],
                &vec![0xFF; good.len()],
                &[],
            ] {
                agree(public, message, damaged, Some(false));
            }
            for at in (0..public.len()).step_by(step).chain(0..12) {
                let mut damaged = public.to_vec();
                damaged[at] ^= 0x10;
                agree(&damaged, message, &good, Some(false));
            }
            for len in [0, 1, 4, 9, public.len() - 1] {
                agree(&public[..len], message, &good, Some(false));
            }
            agree(&[public, &[0]].concat(), message, &good, Some(false));
            if !std::ptr::eq(key, other) {
                agree(other.public_key().as_ref(), message, &good, Some(false));
            }
        }
    }
}

#[test]
fn a_signature_opens_to_its_padding_and_hash() {
    let key = &keys()[0];
    let public = key.public_key().as_ref();
    let good = sign(key, &ring_rsa::RSA_PKCS1_SHA256, b"m");
    let (recovered, bits) = recover(public, &good).unwrap();
    assert_eq!(bits, 2048);
    assert_eq!(recovered[..MAX_BYTES - 256], [0; MAX_BYTES - 256]);
    assert_eq!(recovered[MAX_BYTES - 256..][..4], [0, 1, 0xFF, 0xFF]);
}

#[test]
fn keys_out_of_bounds_are_refused() {
    let key = |modulus: &[u8], exponent: &[u8]| {
        let integer = |digits: &[u8]| {
            let len = u16::try_from(digits.len()).unwrap();
            let head = match len {
                0..=0x7F => vec![2, len as u8],
                0x80..=0xFF => vec![2, 0x81, len as u8],
                _ => [&[2, 0x82][..], &len.to_be_bytes()].concat(),
            };
            [&head[..], digits].concat()
        };
        let content = [integer(modulus), integer(exponent)].concat();
        [&[0x30, 0x82][..], &u16::try_from(content.len()).unwrap().to_be_bytes(), &content].concat()
    };
    let modulus = |bytes: usize, first: u8, last: u8| {
        let mut modulus = vec![0x35; bytes];
        modulus[0] = first;
        modulus[bytes - 1] = last;
        if first >= 0x80 { [&[0][..], &modulus].concat() } else { modulus }
    };
    let opens = |key: &[u8], len: usize| recover(key, &vec![1; len]).is_some();
    assert!(opens(&key(&modulus(256, 0x80, 1), &[1, 0, 1]), 256));
    assert!(opens(&key(&modulus(257, 1, 1), &[3]), 257));
    assert!(opens(&key(&modulus(512, 0xFF, 1), &[1, 0, 1]), 512));
    // Shorter than 2048 bits, longer than 4096, even.
    assert!(!opens(&key(&modulus(256, 0x7F, 1), &[1, 0, 1]), 256));
    assert!(!opens(&key(&modulus(128, 0x80, 1), &[1, 0, 1]), 128));
    assert!(!opens(&key(&modulus(513, 1, 1), &[1, 0, 1]), 513));
    assert!(!opens(&key(&modulus(256, 0x80, 2), &[1, 0, 1]), 256));
    // Exponents: 1, even, negative, not in the shortest form, above 33 bits, empty.
    for exponent in [&[1][..], &[2], &[0x81], &[0, 3], &[2, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 1], &[]] {
        assert!(!opens(&key(&modulus(256, 0x80, 1), exponent), 256), "{exponent:?}");
    }
    assert!(opens(&key(&modulus(256, 0x80, 1), &[1, 0, 0, 0, 1]), 256));
    // A signature no less than the modulus, or of another length.
    let public = key(&modulus(256, 0x80, 1), &[1, 0, 1]);
    assert!(recover(&public, &modulus(256, 0x80, 1)[1..]).is_none());
    assert!(recover(&public, &[1; 255]).is_none());
}

#[test]
fn bytes_at_random_are_no_key_and_never_a_panic() {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    for len in 0..64 {
        for _ in 0..200 {
            let bytes: Vec<u8> =
                (0..len).map(|at| if at % 5 == 0 { [0x30, 2, 0x82, 0x81][at / 5 % 4] } else { next() }).collect();
            assert!(!is_pkcs1::<Sha256>(&bytes, b"m", &[1; 256]));
        }
    }
}
