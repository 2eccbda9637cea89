//! Requests with half of what proves them.

use larkwire_core::Secret;
use larkwire_core::webhook::{Freshness, Refusal, WebhookRules};

use crate::support::*;

const NOW: Option<u64> = Some(UNIX * 1000);

#[test]
fn an_old_card_needs_a_proof_wherever_there_is_a_key_or_a_token() {
    let card = old_card_json("c-1");
    let freshness = Freshness::Within { seconds: HOUR };
    for (key, token, refused) in [
        (KEY, TOKEN, Some(Refusal::SignatureMissing)),
        ("", TOKEN, Some(Refusal::SignatureMissing)),
        (KEY, "", Some(Refusal::SignatureMissing)),
        ("", "", None),
    ] {
        let rules = WebhookRules {
            old_cards: true,
            dangerously_allow_missing_keys: true,
            ..WebhookRules::new(Secret::new(key), Secret::new(token), freshness)
        };
        let checked = Post::plain(card.clone()).check_at(&webhook_with(&rules), NOW);
        assert_eq!(checked.err(), refused, "{key:?} {token:?}");
    }
}

#[test]
fn a_signature_without_a_key_proves_nothing_and_the_token_still_counts() {
    let rules = WebhookRules {
        dangerously_allow_missing_keys: true,
        ..WebhookRules::new(Secret::new(""), Secret::new(TOKEN), rules().freshness)
    };
    let webhook = webhook_with(&rules);
    let event = posted_message("e1", "om_1", "hi");
    let forged = Post::plain(event.clone()).set(TIMESTAMP, "1").set(NONCE, "n").set(SIGNATURE, &"0".repeat(64));
    assert_eq!(forged.check_at(&webhook, NOW), Ok(Verified::Event(event, true)));
    let unknown = Post::plain(message_json("e1", "om_1", "hi"));
    assert!(matches!(unknown.check_at(&webhook, NOW), Err(Refusal::TokenWrong | Refusal::TokenMissing)));
}

#[test]
fn a_signed_timestamp_is_digits_and_nothing_else() {
    let now = UNIX.to_string();
    for (stamp, refused) in [
        (now.as_str(), None),
        ("1700000000a", Some(Refusal::Stale)),
        ("+1700000000", Some(Refusal::Stale)),
        ("-1", Some(Refusal::Stale)),
        ("1700000000.0", Some(Refusal::Stale)),
        ("99999999999999999999999", Some(Refusal::Stale)),
        ("18446744073709551615", Some(Refusal::Stale)),
    ] {
        let post = Post::plain(posted_message("e1", "om_1", "hi")).sign(stamp, "n-1");
        assert_eq!(post.check().err(), refused, "{stamp}");
    }
}
