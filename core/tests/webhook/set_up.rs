//! What a webhook must be told before it listens (S1 to S3, S15, S32, S34).

use larkwire_core::config::ConfigError;
use larkwire_core::webhook::{Freshness, Quota, Refusal, Webhook, WebhookRules};
use larkwire_core::{Instant, Region, Secret, Slots};

use crate::support::*;

fn error(encrypt_key: &str, verification_token: &str) -> ConfigError {
    let rules = WebhookRules::new(
        Secret::new(encrypt_key),
        Secret::new(verification_token),
        Freshness::Within { seconds: HOUR },
    );
    Webhook::new(&rules, Region::growable(1024)).expect_err("no webhook without both keys")
}

#[test]
fn s01_v21_without_an_encrypt_key_there_is_no_webhook() {
    assert_eq!(error("", TOKEN), ConfigError::Empty("encrypt_key"));
}

#[test]
fn s02_a_blank_key_or_token_counts_as_none() {
    for blank in ["", " ", "\t", "\r\n", " \u{a0} ", "\u{3000}", "\u{2003}\u{2028}"] {
        assert_eq!(error(blank, TOKEN), ConfigError::Empty("encrypt_key"), "{blank:?}");
        assert_eq!(error(KEY, blank), ConfigError::Empty("verification_token"), "{blank:?}");
        assert!(matches!(error(blank, blank), ConfigError::Empty(_)), "{blank:?}");
    }
}

#[test]
fn s03_without_a_verification_token_there_is_a_webhook_only_by_a_dangerous_name() {
    assert_eq!(error(KEY, ""), ConfigError::Empty("verification_token"));
    let rules = WebhookRules { verification_token: Secret::new(""), dangerously_allow_missing_keys: true, ..rules() };
    let webhook = Webhook::new(&rules, Region::growable(1024)).unwrap();
    // What can be checked still is.
    let event = posted_message("e1", "om_1", "hi");
    assert_eq!(Post::plain(event.as_str()).check_at(&webhook, Some(UNIX * 1000)), Err(Refusal::SignatureMissing));
    assert!(Post::sealed(&event).check_at(&webhook, Some(UNIX * 1000)).is_ok());
    let rules = WebhookRules { encrypt_key: Secret::new(" "), verification_token: Secret::new(TOKEN), ..rules };
    let webhook = Webhook::new(&rules, Region::growable(1024)).unwrap();
    let wrong = event.replace(TOKEN, "v-token-7Xp");
    assert!(Post::plain(event.as_str()).check_at(&webhook, None).is_ok());
    assert_eq!(Post::plain(wrong.as_str()).check_at(&webhook, None), Err(Refusal::TokenWrong));
    // A blank key is none, not a key that everybody knows.
    let by_blank = wrap(&encrypt(" ", event.as_bytes()));
    assert_eq!(Post::plain(by_blank).check_at(&webhook, None), Err(Refusal::Undecryptable));
}

#[test]
fn s03_memory_that_is_too_small_is_said_with_its_size() {
    let mut room = [0; 10];
    let error = Webhook::new(&rules(), Region::fixed(&mut room)).unwrap_err();
    let needed = KEY.len() + TOKEN.len();
    assert_eq!(error, ConfigError::Storage { name: "webhook texts", needed });
    assert!(Webhook::new(&rules(), Region::fixed(&mut vec![0; needed])).is_ok());
}

#[test]
fn s15_without_a_clock_nothing_signed_passes_unless_that_was_chosen() {
    let event = posted_message("e1", "om_1", "hi");
    let post = Post::sealed(&event);
    let unknown = post.check_at(&webhook(), None).unwrap_err();
    assert_eq!((unknown, unknown.reply().status), (Refusal::ClockUnknown, 503), "the platform sends it again");
    let lenient = Freshness::WithinOnceClockKnown { seconds: HOUR };
    let by_choice = webhook_with(&WebhookRules { freshness: lenient, ..rules() });
    assert!(post.check_at(&by_choice, None).is_ok());
    let far = Post::plain(event.as_str()).sign("86400", "n");
    assert!(far.check_at(&by_choice, None).is_ok(), "age is not looked at while no clock is known");
    assert_eq!(far.check_at(&by_choice, Some(UNIX * 1000)), Err(Refusal::Stale), "and is once one is");
    for odd in ["yesterday", "-1", "99999999999999999999999"] {
        let odd = Post::plain(event.as_str()).sign(odd, "n");
        assert_eq!(odd.check_at(&by_choice, None), Err(Refusal::Stale), "no number is no age at all");
    }
    // Only who holds the key learns that there is no clock.
    let forged = post.set(SIGNATURE, &"0".repeat(64));
    assert_eq!(forged.check_at(&webhook(), None), Err(Refusal::SignatureWrong));
}

#[test]
fn s32_another_method_or_content_type_is_refused_before_the_body_is_read() {
    let post = Post::sealed(&posted_message("e1", "om_1", "hi"));
    let len = Some(post.body.len() as u64);
    for method in ["GET", "PUT", "HEAD", "post", "POSTS", "", "CONNECT"] {
        let post = Post { method, ..post.clone() };
        assert_eq!(webhook().admit(&post.head(), len), Err(Refusal::Method), "{method}");
        assert_eq!(post.check(), Err(Refusal::Method));
    }
    for other in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application"] {
        let post = post.clone().set("Content-Type", other);
        assert_eq!(webhook().admit(&post.head(), len), Err(Refusal::ContentType), "{other}");
        assert_eq!(post.check(), Err(Refusal::ContentType));
    }
    let twice = post.clone().and("content-type", "application/json");
    assert_eq!(webhook().admit(&twice.head(), len), Err(Refusal::ContentType));
    assert_eq!((Refusal::Method.reply().status, Refusal::ContentType.reply().status), (405, 415));
    assert_eq!(webhook().admit(&post.head(), len), Ok(()));
    assert_eq!(webhook().admit(&post.head(), None), Ok(()), "a chunked body has no length yet");
}

#[test]
fn s32_whatever_is_refused_before_its_body_was_read_ends_the_connection() {
    // The rest of such a body would be taken for the next request.
    let before_the_body =
        [Refusal::ContentType, Refusal::Method, Refusal::Path, Refusal::Slow, Refusal::TooBig, Refusal::TooMany];
    for refusal in Refusal::ALL {
        assert_eq!(refusal.reply().close, before_the_body.contains(&refusal), "{refusal:?}");
    }
    // So nothing else may be refused there.
    let post = Post::sealed(&posted_message("e1", "om_1", "hi"));
    for odd in [post.clone().and(SIGNATURE, "x"), post.clone().without(NONCE), post.set(TIMESTAMP, "1")] {
        assert_eq!(webhook().admit(&odd.head(), Some(10)), Ok(()), "{odd:?}");
        assert_eq!(odd.check().unwrap_err().reply().status, 401);
    }
}

#[test]
fn s34_v06_a_table_full_of_strangers_denies_new_ones_and_serves_those_it_knows() {
    let at = Instant::from_millis;
    let mut quota = Quota::new(Slots::growable(64));
    let mut peers = (0..10_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let known: Vec<_> = peers.by_ref().filter(|peer| quota.take(at(0), *peer)).collect();
    assert!((32..=64).contains(&known.len()), "a table of 64 holds {}", known.len());
    for peer in &known {
        assert_eq!((0..100).filter(|_| quota.take(at(1), *peer)).count(), 19, "the rest of a burst of 20");
        assert!(quota.take(at(1002), *peer) && !quota.take(at(1002), *peer), "then one a second");
    }
    // All places are taken by peers that are limited: nobody new gets in, and asking takes nothing from the known ones.
    let strangers: Vec<_> = (0..50_000_u64).map(|n| n.wrapping_mul(0xd134_2543_de82_ef95) | 1).collect();
    let free = strangers.iter().filter(|peer| !known.contains(peer) && quota.take(at(2000), **peer)).count();
    assert!(known.len() + free <= 64, "{free} more got in");
    assert!(known.iter().all(|peer| quota.take(at(3000), *peer)));
    // The quiet are forgotten.
    assert!(quota.take(at(60_000), u64::MAX));
}
