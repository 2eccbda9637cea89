//! The verification of the request URL, which comes unsigned (S18 to S21).

use larkwire_core::webhook::Refusal;
use serde_json::{Value, json};

use crate::support::*;

/// The verification as it may come: plain or encrypted, unsigned or signed.
fn ways(json: &str) -> [Post; 4] {
    let sealed = wrap(&encrypt(KEY, json.as_bytes()));
    [Post::plain(json), Post::plain(sealed.clone()), Post::signed(json), Post::signed(sealed)]
}

#[test]
fn s18_the_request_url_is_verified_plain_and_encrypted() {
    for post in ways(&verification(TOKEN.into(), "ajls384kdjx98XX".into())) {
        assert_eq!(post.check(), Ok(Verified::Challenge(r#"{"challenge":"ajls384kdjx98XX"}"#.to_owned())));
        // It needs no clock: nothing is known of the bot's machine when it is set up.
        let unclocked = Post::plain(post.body).check_at(&webhook(), None);
        assert!(matches!(unclocked, Ok(Verified::Challenge(_))), "{unclocked:?}");
    }
}

#[test]
fn s18_a_signature_that_is_there_must_be_right_all_the_same() {
    let post = Post::signed(verification(TOKEN.into(), "c".into()));
    assert_eq!(post.clone().set(SIGNATURE, &"0".repeat(64)).check(), Err(Refusal::SignatureWrong));
    assert_eq!(post.sign("1600000000", "n").check(), Err(Refusal::Stale));
}

#[test]
fn s19_without_the_right_token_no_challenge_is_answered() {
    let tokens = [json!("v-token-7Xp"), json!(format!("{TOKEN} ")), json!("V-TOKEN-7XQ"), json!(format!("{TOKEN}\0"))];
    let odd = [json!(null), json!(5), json!(""), json!(" "), json!(true), json!([TOKEN]), json!({"token": TOKEN})];
    for token in tokens.into_iter().chain(odd) {
        for post in ways(&verification(token.clone(), "c".into())) {
            assert_eq!(post.check(), Err(Refusal::TokenWrong), "{token}");
        }
    }
    let missing = json!({"type": "url_verification", "challenge": "c"}).to_string();
    let elsewhere = json!({"type": "url_verification", "challenge": "c", "x": {"token": TOKEN}}).to_string();
    for post in ways(&missing).into_iter().chain(ways(&elsewhere)) {
        assert_eq!(post.check(), Err(Refusal::TokenMissing));
    }
    // Of two tokens the last counts, as it does for every reader of JSON here.
    let twice = |first: &str, last: &str| {
        format!(r#"{{"token":"{first}","type":"url_verification","challenge":"c","token":"{last}"}}"#)
    };
    assert_eq!(Post::plain(twice(TOKEN, "x")).check(), Err(Refusal::TokenWrong));
    assert!(Post::plain(twice("x", TOKEN)).check().is_ok());
    // The token may be written with escapes.
    let escaped = verification(TOKEN.into(), "c".into()).replace("v-token", "\\u0076-tok\\u0065n");
    assert!(matches!(Post::plain(escaped).check(), Ok(Verified::Challenge(_))));
}

#[test]
fn s20_a_challenge_is_given_back_exactly_and_as_json() {
    let all: String = (0..0x300_u32).filter_map(char::from_u32).collect();
    for text in ["a\"b\\c", "\u{0}\u{1f}\n\r\t", "</script>", "\u{2028}é中🎉", &all, "", "\"}{\"x\":\""] {
        for post in ways(&verification(TOKEN.into(), text.into())) {
            let Ok(Verified::Challenge(reply)) = post.check() else { panic!("{text:?}") };
            assert_eq!(serde_json::from_str::<Value>(&reply).unwrap(), json!({ "challenge": text }));
        }
    }
    let odd = r#"{"type":"url_verification","token":"v-token-7Xq","challenge":"\ud800x\u0022"}"#;
    if let Ok(Verified::Challenge(reply)) = Post::plain(odd).check() {
        assert!(serde_json::from_str::<Value>(&reply).is_ok(), "half a character does not break the answer: {reply}");
    }
}

#[test]
fn s20_a_challenge_of_64_kib_is_refused_unsigned_and_given_back_signed() {
    let long = verification(TOKEN.into(), "\"".repeat(64 * 1024).into());
    let [plain, sealed, signed, both] = ways(&long);
    assert_eq!((plain.check(), sealed.check()), (Err(Refusal::SignatureMissing), Err(Refusal::SignatureMissing)));
    for post in [signed, both] {
        let Ok(Verified::Challenge(reply)) = post.check() else { panic!() };
        assert_eq!(serde_json::from_str::<Value>(&reply).unwrap()["challenge"].as_str().unwrap().len(), 64 * 1024);
    }
}

#[test]
fn s20_a_challenge_that_is_no_text_is_refused() {
    for challenge in [json!(null), json!(5), json!({}), json!(["c"])] {
        for post in ways(&verification(TOKEN.into(), challenge.clone())) {
            assert_eq!(post.check(), Err(Refusal::NotJson), "{challenge}");
        }
    }
}

#[test]
fn s21_an_event_is_never_taken_for_a_challenge() {
    let event: Value = serde_json::from_str(&posted_message("e1", "om_1", "hi")).unwrap();
    let mut disguised = event.clone();
    (disguised["type"], disguised["challenge"], disguised["token"]) =
        ("url_verification".into(), "c".into(), TOKEN.into());
    let mut inside = event.clone();
    inside["event"]["type"] = "url_verification".into();
    inside["event"]["challenge"] = "c".into();
    let mut in_header = event.clone();
    in_header["header"]["type"] = "url_verification".into();
    in_header["header"]["challenge"] = "c".into();
    let old = json!({"uuid": "u", "type": "url_verification", "challenge": "c", "token": TOKEN, "event": {"type": "message"}});
    for json in [disguised, inside, in_header, old] {
        let [plain, sealed, signed, both] = ways(&json.to_string());
        for unsigned in [plain, sealed] {
            assert_eq!(unsigned.check(), Err(Refusal::SignatureMissing), "{json}");
        }
        for post in [signed, both] {
            assert_eq!(post.check(), Ok(Verified::Event(json.to_string(), true)));
        }
    }
    // Nor is what is nested in something else.
    let nested = json!({"x": {"type": "url_verification", "challenge": "c", "token": TOKEN}, "token": TOKEN});
    let listed = json!([{"type": "url_verification", "challenge": "c", "token": TOKEN}]);
    for json in [nested, listed] {
        assert_eq!(Post::plain(json.to_string()).check().unwrap_err().reply().status, 401);
    }
    // Half an event beside the challenge makes it neither.
    for more in [json!({"event": null}), json!({"header": {}}), json!({"schema": "2.0"}), json!({"uuid": "u"})] {
        let mut json = json!({"type": "url_verification", "challenge": "c", "token": TOKEN});
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(Post::plain(json.to_string()).check(), Err(Refusal::SignatureMissing), "{json}");
    }
}
