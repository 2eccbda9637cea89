//! The order of checks, seen from inside: what was refused for its signature was never parsed (S5). Everything else that a
//! sender can see is tested in `tests/webhook`.

use std::format;
use std::string::String;
use std::vec::Vec;

use super::{Freshness, Refusal, RequestHead, Webhook, WebhookRules, seal};
use crate::secret::Secret;
use crate::storage::Region;
use crate::time::UnixMillis;
use crate::wire::json::readers;

const EVENT: &[u8] = br#"{"schema":"2.0","header":{"event_type":"x","token":"token"},"event":{}}"#;
const STAMP: &str = "1700000000";

fn sign(body: &[u8]) -> String {
    seal::event_digest(STAMP.as_bytes(), b"n", b"key", body).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is refused, and how many readers of JSON were made for it.
fn judge(stamp: &str, nonce: &str, signature: &[u8], body: &[u8]) -> (Option<Refusal>, u64) {
    let mut room = [0; 64];
    let rules = WebhookRules::new(Secret::new("key"), Secret::new("token"), Freshness::Within { seconds: 3600 });
    let webhook = Webhook::new(&rules, Region::fixed(&mut room)).unwrap();
    let headers = [
        ("X-Lark-Request-Timestamp", stamp.as_bytes()),
        ("X-Lark-Request-Nonce", nonce.as_bytes()),
        ("X-Lark-Signature", signature),
    ];
    let mut body = body.to_vec();
    let before = readers();
    let checked = webhook.check(&RequestHead::new("POST", headers), &mut body, Some(UnixMillis(1_700_000_000_000)));
    (checked.err(), readers() - before)
}

fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    })
}

#[test]
fn s05_what_is_wrongly_signed_is_never_parsed() {
    let right = sign(EVENT);
    let (passed, readers) = judge(STAMP, "n", right.as_bytes(), EVENT);
    assert!(passed.is_none() && readers > 0, "the tally counts");
    let wrong = (Some(Refusal::SignatureWrong), 0);
    for body in flips(EVENT) {
        assert_eq!(judge(STAMP, "n", right.as_bytes(), &body), wrong);
    }
    for signature in flips(right.as_bytes()).filter(|signature| !signature.trim_ascii().is_empty()) {
        assert_eq!(judge(STAMP, "n", &signature, EVENT), wrong);
    }
    for (stamp, nonce) in [("1700000001", "n"), (STAMP, "m"), ("17000000000", "n")] {
        assert_eq!(judge(stamp, nonce, right.as_bytes(), EVENT), wrong);
    }
}

#[test]
fn what_is_stale_too_long_or_ambiguous_is_never_parsed() {
    let old: String =
        seal::event_digest(b"1600000000", b"n", b"key", EVENT).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(judge("1600000000", "n", old.as_bytes(), EVENT), (Some(Refusal::Stale), 0));
    let long = [b' '; 4097];
    assert_eq!(judge(STAMP, "n", b"", &long), (Some(Refusal::SignatureMissing), 0));
    let huge = [b' '; super::MAX_BODY + 1];
    assert_eq!(judge(STAMP, "n", sign(&huge).as_bytes(), &huge), (Some(Refusal::TooBig), 0));
}
