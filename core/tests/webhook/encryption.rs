//! What a body says once it is decrypted, and what is said when it cannot be (S22 to S29).

use larkwire_core::webhook::{MAX_BODY, Refusal, WebhookRules};
use serde_json::json;

use crate::support::*;

const IV: [u8; 16] = [7; 16];

fn event() -> String {
    posted_message("e1", "om_1", "hi")
}

/// Signed and unsigned, what becomes of a body whose `encrypt` is this.
fn opened(base64: &str) -> [Result<Verified, Refusal>; 2] {
    [Post::signed(wrap(base64)).check(), Post::plain(wrap(base64)).check()]
}

fn blocks(bytes: &[u8]) -> String {
    base64(&encrypt_blocks(KEY, IV, bytes))
}

#[test]
fn s22_v22_what_stands_beside_the_encrypted_text_is_not_looked_at() {
    let encrypted = encrypt(KEY, event().as_bytes());
    let forged = json!({"schema": "2.0", "type": "url_verification", "challenge": "c", "token": TOKEN, "uuid": "u2",
        "header": {"event_id": "e2", "event_type": "x.y", "token": TOKEN}, "event": {"message": {"message_id": "om_2"}},
        "action": {}, "open_message_id": "om_2", "encrypt": encrypted});
    assert_eq!(Post::signed(forged.to_string()).check(), Ok(Verified::Event(event(), true)));
    assert_eq!(Post::plain(forged.to_string()).check(), Err(Refusal::SignatureMissing));
    // Nor does a sibling lend its token, or make an event of a challenge.
    let url = encrypt(KEY, verification("wrong".into(), "c".into()).as_bytes());
    let forged = json!({"encrypt": url, "token": TOKEN, "challenge": "other", "header": {"token": TOKEN}});
    assert_eq!(Post::plain(forged.to_string()).check(), Err(Refusal::TokenWrong));
    let url = encrypt(KEY, verification(TOKEN.into(), "right".into()).as_bytes());
    let forged = json!({"encrypt": url, "challenge": "other", "header": {}, "event": {}, "schema": "2.0"});
    assert_eq!(Post::plain(forged.to_string()).check(), Ok(Verified::Challenge(r#"{"challenge":"right"}"#.to_owned())));
}

#[test]
fn s23_a_plain_body_needs_its_signature_where_there_is_a_key() {
    assert_eq!(Post::plain(event()).check(), Err(Refusal::SignatureMissing));
    assert_eq!(Post::signed(event()).check(), Ok(Verified::Event(event(), true)));
}

#[test]
fn s24_only_base64_of_the_standard_alphabet_with_its_padding_is_read() {
    // A text where both alphabets differ, and of a length that needs padding.
    let long = |n: usize| {
        let json = verification(TOKEN.into(), "c".repeat(n).into());
        let pad = 16 - json.len() % 16;
        base64(&encrypt_blocks(KEY, [0xfb; 16], &[json.as_bytes(), &vec![pad as u8; pad]].concat()))
    };
    let text = (0..99).map(long).find(|text| text.ends_with("==")).unwrap();
    assert!(text.contains('+') && text.contains('/') && opened(&text).iter().all(Result::is_ok), "{text}");
    let with = |at: usize, what: &str| format!("{}{what}{}", &text[..at], &text[at..]);
    let wrong = [
        text.replace('+', "-").replace('/', "_"),
        text.trim_end_matches('=').to_owned(),
        text[..text.len() - 1].to_owned(),
        format!("{text}="),
        format!("{text}===="),
        format!("{text}AAAA"),
        with(0, " "),
        with(4, "\\n"),
        with(4, "\\r\\n"),
        with(4, "    "),
        with(8, "===="),
        with(8, "\\u00e9"),
        with(8, "\\\\/"),
        with(8, "%2B"),
        with(8, "\\u0000"),
        "*".repeat(64),
        "AAAA".repeat(3),
        "A".to_owned(),
        "=".to_owned(),
        "====".to_owned(),
    ];
    for base64 in wrong {
        assert_eq!(opened(&base64), [Err(Refusal::Undecryptable), Err(Refusal::Undecryptable)], "{base64}");
    }
    for body in [r#"{"encrypt":5}"#, r#"{"encrypt":null}"#, r#"{"encrypt":["AAAA"]}"#, r#"{"encrypt":{}}"#] {
        assert_eq!(Post::signed(body).check(), Err(Refusal::Undecryptable), "{body}");
        assert_eq!(Post::plain(body).check(), Err(Refusal::Undecryptable), "{body}");
    }
}

#[test]
fn s25_cipher_text_of_no_whole_blocks_is_refused() {
    for len in (0..32).chain([33, 40, 47, 49, 63, 65]) {
        let base64 = base64(&vec![0x41; len]);
        assert_eq!(opened(&base64), [Err(Refusal::Undecryptable), Err(Refusal::Undecryptable)], "{len} bytes");
    }
}

#[test]
fn s26_padding_is_one_to_sixteen_equal_bytes() {
    let text = event();
    let pad = 16 - text.len() % 16;
    let good = [text.as_bytes(), &vec![pad as u8; pad]].concat();
    assert_eq!(opened(&blocks(&good))[0], Ok(Verified::Event(text.clone(), true)));
    // Every other last byte, and every byte of the padding changed.
    for last in (0..=255_u8).filter(|last| usize::from(*last) != pad) {
        let mut bytes = good.clone();
        *bytes.last_mut().unwrap() = last;
        // One byte of padding leaves the others in the text, where they are no JSON.
        assert_eq!(opened(&blocks(&bytes)).map(|opened| opened.is_err()), [true, true], "{last}");
    }
    for odd in good.len() - pad..good.len() {
        let mut bytes = good.clone();
        bytes[odd] ^= 0x80;
        assert_eq!(opened(&blocks(&bytes)), [Err(Refusal::Undecryptable), Err(Refusal::Undecryptable)], "{odd}");
    }
    // A whole block of padding behind a text of whole blocks.
    let whole = format!("{text}{}", " ".repeat(pad));
    assert_eq!(opened(&encrypt(KEY, whole.as_bytes()))[0], Ok(Verified::Event(whole, true)));
    // White space behind the text is JSON; so is a text that ends with the bytes of a padding, inside a string.
    // Nothing but padding is an empty text, which is no JSON and says so in the same words.
    for refused in opened(&blocks(&[16; 16])) {
        assert_eq!(refused.unwrap_err().reply(), Refusal::Undecryptable.reply());
    }
    for bytes in [[0; 16], [17; 16], [255; 16], [15; 16]] {
        assert_eq!(opened(&blocks(&bytes)).map(|refused| refused.unwrap_err().reply().status), [401, 401]);
    }
}

#[test]
fn s27_whatever_fails_behind_the_door_is_answered_in_the_same_words() {
    let url = |token: &str| verification(token.into(), "c".into());
    let attacks = [
        wrap("%"),
        wrap(&base64(&[0; 40])),
        wrap(&blocks(&[0; 32])),
        wrap(&blocks(&[16; 16])),
        wrap(&encrypt("another key", url(TOKEN).as_bytes())),
        wrap(&encrypt(KEY, b"not json")),
        wrap(&encrypt(KEY, b"[1]")),
        wrap(&encrypt(KEY, b"\xff\xfe")),
        wrap(&encrypt(KEY, url("wrong").as_bytes())),
        wrap(&encrypt(KEY, event().as_bytes())),
        wrap(&encrypt(KEY, br#"{"type":"url_verification","challenge":"c"}"#)),
        wrap(&encrypt(KEY, br#"{"type":"url_verification","token":"v-token-7Xq"}"#)),
        b"{".to_vec(),
        b"".to_vec(),
        b"\xff".to_vec(),
        event().into_bytes(),
        vec![b' '; 5000],
    ];
    let one = Refusal::Undecryptable.reply();
    assert_eq!((one.status, one.body, one.close), (401, br#"{"msg":"refused"}"#.as_slice(), false));
    for body in attacks {
        let plain = Post::plain(body.clone());
        let forged = plain.clone().set(TIMESTAMP, "1700000000").set(NONCE, "n").set(SIGNATURE, &"0".repeat(64));
        let stale = plain.clone().sign("1600000000", "n");
        for post in [plain, forged, stale] {
            assert_eq!(post.check().map_err(Refusal::reply), Err(one), "{:?}", String::from_utf8_lossy(&body));
        }
    }
}

#[test]
fn s29_a_body_of_the_limit_passes_and_one_byte_more_does_not() {
    let post = Post::signed(event());
    let padded = |len: usize| {
        let mut body = post.body.clone();
        body.resize(len, b' ');
        Post::signed(body)
    };
    assert_eq!(MAX_BODY, 512 * 1024);
    assert!(padded(MAX_BODY).is_accepted());
    let big = padded(MAX_BODY + 1);
    assert_eq!((big.check(), Refusal::TooBig.reply().status), (Err(Refusal::TooBig), 413));
    // Said before anything is hashed: by its length alone.
    let head = big.head();
    assert_eq!(webhook().admit(&head, Some(MAX_BODY as u64)), Ok(()));
    for len in [MAX_BODY as u64 + 1, u64::from(u32::MAX) + 5, u64::MAX] {
        assert_eq!(webhook().admit(&head, Some(len)), Err(Refusal::TooBig), "{len}");
    }
    let forged = Post { body: vec![b'{'; MAX_BODY + 1], ..post.clone() };
    assert_eq!(forged.check(), Err(Refusal::TooBig));
    let small = webhook_with(&WebhookRules { max_body: post.body.len() - 1, ..rules() });
    assert_eq!(post.check_at(&small, Some(UNIX * 1000)), Err(Refusal::TooBig));
    assert_eq!(small.max_body(), post.body.len() - 1);
}

#[test]
fn s29_the_longest_text_that_can_be_sent_fits_encrypted() {
    // 150 KB, each character of which takes two in the content and three or more around it.
    let event = posted_message("e1", "om_1", &"\"".repeat(150 * 1024 / 2));
    let post = Post::sealed(&event);
    assert!(post.body.len() > 300 * 1024 && post.body.len() <= MAX_BODY, "{}", post.body.len());
    assert!(post.is_accepted());
}

#[test]
fn the_token_of_an_event_is_checked_where_its_envelope_has_it() {
    let v2 = |token: serde_json::Value, top: serde_json::Value| json!({"schema": "2.0", "token": top, "header": {"event_id": "e", "event_type": "x.y", "token": token}, "event": {}});
    let v1 = |token: serde_json::Value, inner: serde_json::Value| json!({"uuid": "u", "type": "event_callback", "token": token, "header": {"token": inner}, "event": {"type": "x"}});
    let right = json!(TOKEN);
    for wrong in [json!("x"), json!(null), json!(""), json!(7)] {
        for event in [v2(wrong.clone(), right.clone()), v1(wrong.clone(), right.clone())] {
            assert_eq!(Post::sealed(&event.to_string()).check(), Err(Refusal::TokenWrong), "{event}");
        }
        for event in [v2(right.clone(), wrong.clone()), v1(right.clone(), wrong.clone())] {
            assert!(Post::sealed(&event.to_string()).is_accepted(), "{event}");
        }
    }
    let missing = json!({"schema": "2.0", "token": TOKEN, "header": {"event_type": "x.y"}, "event": {"token": TOKEN}});
    assert_eq!(Post::sealed(&missing.to_string()).check(), Err(Refusal::TokenMissing));
    // By option, and only for what is rightly signed.
    let lenient = webhook_with(&WebhookRules { allow_missing_token: true, ..rules() });
    let now = Some(UNIX * 1000);
    assert!(Post::sealed(&missing.to_string()).check_at(&lenient, now).is_ok());
    assert!(Post::plain(missing.to_string()).check_at(&lenient, now).is_err());
    let wrong = v2("x".into(), right).to_string();
    assert_eq!(Post::sealed(&wrong).check_at(&lenient, now), Err(Refusal::TokenWrong));
    let url = json!({"type": "url_verification", "challenge": "c"}).to_string();
    assert_eq!(Post::plain(url).check_at(&lenient, now), Err(Refusal::TokenMissing));
    // A second header takes the place of the first, token and all.
    let twice =
        format!(r#"{{"header":{{"event_type":"x","token":"{TOKEN}"}},"header":{{"event_type":"x"}},"event":{{}}}}"#);
    assert_eq!(Post::sealed(&twice).check(), Err(Refusal::TokenMissing));
}
