//! The list of hostile requests.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde_json::json;

use super::forge::{CHALLENGE, Forge, ODD_CHALLENGE};
use super::hostile::Expected::{Accepted, Answered, Either, Refused, Status, Swallowed};
use super::hostile::{Expected, Hostile};
use super::seal::{NONCE, SIGNATURE, Stamp, TIMESTAMP, WebhookRequest, card_signature, encrypt_blocks, signature};

pub(super) const VARIANTS: [&[Hostile]; 8] = [SIGNATURES, TIMES, REPEATED, TOKENS, CALLBACKS, CIPHERS, BODIES, HTTP];

const fn case(
    name: &'static str,
    expected: Expected,
    doc: &'static str,
    make: fn(&Forge) -> WebhookRequest,
) -> Hostile {
    Hostile { name, expected, doc, make }
}

/// Changes the last character of a text.
fn flip_last(text: &str) -> String {
    let mut text = text.to_owned();
    let last = text.pop();
    text.push(if last == Some('0') { '1' } else { '0' });
    text
}

const SIGNATURES: &[Hostile] = &[
    case("valid", Accepted, "an ordinary event", Forge::valid),
    case("wrong-signature", Refused, "signed with another key", |f| {
        f.valid().change(SIGNATURE, |_| signature(&f.stamp.timestamp, &f.stamp.nonce, "another key", &f.valid().body))
    }),
    case("zero-signature", Refused, "64 zeros", |f| f.valid().set(SIGNATURE, &["0".repeat(64).as_str()])),
    case("flipped-signature", Refused, "another last digit", |f| f.valid().change(SIGNATURE, flip_last)),
    case("flipped-body-bit", Refused, "one bit of the body", |f| {
        let mut request = f.valid();
        let middle = request.body.len() / 2;
        request.body[middle] ^= 1;
        request
    }),
    case("flipped-timestamp", Refused, "another second than was signed", |f| f.valid().change(TIMESTAMP, flip_last)),
    case("flipped-nonce", Refused, "another nonce than was signed", |f| f.valid().change(NONCE, flip_last)),
    case("upper-case-signature", Refused, "the right one in capitals", |f| {
        f.valid().change(SIGNATURE, str::to_ascii_uppercase)
    }),
    case("short-signature", Refused, "without its last digit", |f| {
        f.valid().change(SIGNATURE, |right| right[..right.len() - 1].to_owned())
    }),
    case("half-signature", Refused, "the first half", |f| f.valid().change(SIGNATURE, |right| right[..32].to_owned())),
    case("long-signature", Refused, "with one digit more", |f| {
        f.valid().change(SIGNATURE, |right| format!("{right}0"))
    }),
    case("empty-signature", Refused, "the header without value", |f| f.valid().set(SIGNATURE, &[""])),
    case("blank-signature", Refused, "nothing but blanks", |f| f.valid().set(SIGNATURE, &["   "])),
    case("repeated-signature", Refused, "the right one twice", |f| {
        let right = f.valid().value(SIGNATURE).unwrap_or_default().to_owned();
        f.valid().set(SIGNATURE, &[&right, &right])
    }),
    case("wrong-then-right-signature", Refused, "two headers", |f| {
        let right = f.valid().value(SIGNATURE).unwrap_or_default().to_owned();
        f.valid().set(SIGNATURE, &[&flip_last(&right), &right])
    }),
    case("right-then-wrong-signature", Refused, "two headers", |f| {
        let right = f.valid().value(SIGNATURE).unwrap_or_default().to_owned();
        f.valid().set(SIGNATURE, &[&right, &flip_last(&right)])
    }),
    case("signature-without-body", Refused, "over everything but the body", |f| {
        f.valid().change(SIGNATURE, |_| signature(&f.stamp.timestamp, &f.stamp.nonce, &f.key, b""))
    }),
    case("signature-of-plain-text", Refused, "over the text that is encrypted", |f| {
        let plain = f.envelope().to_string();
        f.valid().change(SIGNATURE, |_| signature(&f.stamp.timestamp, &f.stamp.nonce, &f.key, plain.as_bytes()))
    }),
    case("sha1-signature", Refused, "that of an old card, on an event", |f| {
        let request = f.valid();
        let right = card_signature(&f.stamp.timestamp, &f.stamp.nonce, &f.token, &request.body);
        request.set(SIGNATURE, &[&right])
    }),
    case("missing-timestamp", Refused, "no such header", |f| f.valid().set(TIMESTAMP, &[])),
    case("missing-nonce", Refused, "no such header", |f| f.valid().set(NONCE, &[])),
    case("missing-signature", Refused, "no such header", |f| f.valid().set(SIGNATURE, &[])),
    case("unsigned-event", Refused, "none of the three headers", |f| f.valid().without_stamp()),
    case("empty-timestamp", Refused, "the header without value", |f| f.valid().set(TIMESTAMP, &[""])),
    case("empty-nonce", Refused, "the header without value", |f| f.valid().set(NONCE, &[""])),
    case("all-blank", Refused, "all three headers, with blanks", |f| {
        f.valid().set(TIMESTAMP, &[" "]).set(NONCE, &[" "]).set(SIGNATURE, &[" "])
    }),
];

const TIMES: &[Hostile] = &[
    case("stale", Refused, "rightly signed 2 h ago", |f| f.at(f.now - 7200)),
    case("future", Refused, "rightly signed for in 2 h", |f| f.at(f.now + 7200)),
    case("nearly-stale", Accepted, "signed 59 min ago", |f| f.at(f.now - 59 * 60)),
    case("nearly-future", Accepted, "signed for in 59 min", |f| f.at(f.now + 59 * 60)),
    case("timestamp-one", Refused, "rightly signed in 1970", |f| f.at(1)),
    case("timestamp-ms", Either, "the right time, in milliseconds", |f| f.at(f.now * 1000)),
    case("timestamp-text", Refused, "rightly signed, but not a number", |f| f.at("yesterday")),
    case("timestamp-negative", Refused, "rightly signed, with a minus", |f| f.at(format!("-{}", f.now))),
    case("timestamp-20-digits", Refused, "rightly signed, beyond 64 bits", |f| f.at("99999999999999999999")),
    case("timestamp-hex", Refused, "rightly signed, in hexadecimal", |f| f.at(format!("{:#x}", f.now))),
    case("shifted-timestamp", Refused, "its last digit moved to the nonce, which the signature does not show", |f| {
        let (timestamp, digit) = f.stamp.timestamp.split_at(f.stamp.timestamp.len() - 1);
        f.valid().set(TIMESTAMP, &[timestamp]).change(NONCE, |nonce| format!("{digit}{nonce}"))
    }),
];

const REPEATED: &[Hostile] = &[
    case("replay", Swallowed, "the bytes of the last accepted request", Forge::last),
    case("replay-other-id", Swallowed, "the same with another X-Request-Id", |f| {
        f.last().set(super::seal::REQUEST_ID, &["another"])
    }),
    case("sealed-again", Swallowed, "the last accepted event, encrypted and signed anew", |f| {
        f.sealed(&f.last_plain())
    }),
];

const TOKENS: &[Hostile] = &[
    case("wrong-token", Refused, "rightly signed", |f| f.with_token(Some(json!("another token")))),
    case("missing-token", Refused, "no header.token", |f| f.with_token(None)),
    case("null-token", Refused, "header.token is null", |f| f.with_token(Some(json!(null)))),
    case("number-token", Refused, "header.token is a number", |f| f.with_token(Some(json!(12345)))),
    case("empty-token", Refused, "header.token is empty", |f| f.with_token(Some(json!("")))),
    case("short-token", Refused, "without its last character", |f| {
        let mut token = f.token.clone();
        token.pop();
        f.with_token(Some(json!(token)))
    }),
    case("long-token", Refused, "with one character more", |f| f.with_token(Some(json!(format!("{}x", f.token))))),
    case("misplaced-token", Refused, "version 2 with the token at the top level", |f| {
        let mut envelope = f.envelope();
        envelope["token"] = json!(f.token);
        envelope["header"]["token"] = json!("");
        f.sealed(envelope.to_string().as_bytes())
    }),
    case("v1", Accepted, "an ordinary event of version 1", |f| f.sealed(f.envelope_v1().to_string().as_bytes())),
    case("v1-wrong-token", Refused, "rightly signed", |f| {
        let mut envelope = f.envelope_v1();
        envelope["token"] = json!("another token");
        f.sealed(envelope.to_string().as_bytes())
    }),
    case("wrong-app", Swallowed, "the event of another app", |f| {
        let mut envelope = f.envelope();
        envelope["header"]["app_id"] = json!("cli_another");
        f.sealed(envelope.to_string().as_bytes())
    }),
    case("challenge", Answered, "an ordinary url_verification", |f| f.question(CHALLENGE, &f.token)),
    case("challenge-signed", Answered, "the same, rightly signed", |f| f.signed(f.encrypted_question())),
    case("challenge-odd-text", Answered, "a challenge with quotes and control characters", |f| {
        f.question(ODD_CHALLENGE, &f.token)
    }),
    case("challenge-wrong-token", Refused, "it has to be right there, too", |f| f.question(CHALLENGE, "another token")),
    case("challenge-missing-token", Refused, "no token", |f| {
        let plain = json!({ "challenge": CHALLENGE, "type": "url_verification" }).to_string();
        f.sealed(plain.as_bytes()).without_stamp()
    }),
    case("challenge-wrong-signature", Refused, "signatures may be missing, but not wrong", |f| {
        f.signed(f.encrypted_question()).change(SIGNATURE, flip_last)
    }),
    case("challenge-plain", Answered, "neither encrypted nor signed, though a key is set", |f| {
        WebhookRequest::verification(&super::deliver::verification(CHALLENGE, &f.token), None, &f.stamp)
    }),
];

const CALLBACKS: &[Hostile] = &[
    case("click-unsigned", Refused, "a click on a card without the three headers", |f| {
        f.sealed(f.click().to_string().as_bytes()).without_stamp()
    }),
    case("click-wrong-token", Refused, "a click on a card, rightly signed", |f| {
        let mut click = f.click();
        click["header"]["token"] = json!("another token");
        f.sealed(click.to_string().as_bytes())
    }),
    case("old-card-wrong-signature", Refused, "an old card callback, SHA-1 with another token", |f| {
        WebhookRequest::old_card(f.old_card().as_bytes(), "another token", &f.stamp)
    }),
    case("old-card-encrypt-key", Refused, "the same, SHA-1 with the Encrypt Key", |f| {
        WebhookRequest::old_card(f.old_card().as_bytes(), &f.key, &f.stamp)
    }),
    case("old-card-unsigned", Refused, "the same without the three headers", |f| {
        WebhookRequest::old_card(f.old_card().as_bytes(), &f.token, &f.stamp).without_stamp()
    }),
    case("old-card-stale", Refused, "the same, rightly signed 2 h ago", |f| {
        let timestamp = (f.now - 7200).to_string();
        WebhookRequest::old_card(f.old_card().as_bytes(), &f.token, &Stamp { timestamp, ..f.stamp.clone() })
    }),
];

const CIPHERS: &[Hostile] = &[
    case("base64-url-safe", Refused, "with - and _", |f| {
        let bytes = STANDARD.decode(f.base64()).unwrap_or_default();
        f.encrypt_member(&URL_SAFE.encode(bytes))
    }),
    case("base64-unpadded", Refused, "without =", |f| {
        let bytes = STANDARD.decode(f.base64()).unwrap_or_default();
        f.encrypt_member(&STANDARD_NO_PAD.encode(bytes))
    }),
    case("base64-blanks", Refused, "with a line break in it", |f| {
        let text = f.base64();
        f.encrypt_member(&format!("{}\n{}", &text[..64], &text[64..]))
    }),
    case("base64-trailing-blank", Refused, "with a blank behind it", |f| f.encrypt_member(&format!("{} ", f.base64()))),
    case("base64-trailing", Refused, "with more behind its =", |f| f.encrypt_member(&format!("{}AAAA", f.base64()))),
    case("cipher-0", Refused, "nothing, rightly signed", |f| f.cipher(b"")),
    case("cipher-1", Refused, "1 byte, rightly signed", |f| f.cipher(&[7; 1])),
    case("cipher-15", Refused, "15 bytes, rightly signed", |f| f.cipher(&[7; 15])),
    case("cipher-16", Refused, "an IV and nothing behind it, rightly signed", |f| f.cipher(&[7; 16])),
    case("cipher-17", Refused, "17 bytes, rightly signed", |f| f.cipher(&[7; 17])),
    case("cipher-31", Refused, "31 bytes, rightly signed", |f| f.cipher(&[7; 31])),
    case("pad-0", Refused, "padding 0x00, rightly signed", |f| f.padded(&[0])),
    case("pad-17", Refused, "padding 0x11, rightly signed", |f| f.padded(&[17; 17])),
    case("pad-255", Refused, "padding 0xff, rightly signed", |f| f.padded(&[255])),
    case("pad-unequal", Refused, "padding 05 04 04 04, rightly signed", |f| f.padded(&[5, 4, 4, 4])),
    case("pad-none", Refused, "the last block is text, rightly signed", |f| f.padded(b"}")),
    case("pad-16", Accepted, "a whole block of padding, as there has to be behind full blocks", |f| {
        f.padded(&[16; 16])
    }),
    case("pad-only", Either, "an empty text, rightly signed", |f| {
        f.cipher(&encrypt_blocks(&f.key, f.stamp.iv, &[16; 16]))
    }),
    case("unsigned-cipher-0", Refused, "nothing, as a challenge might come", |f| f.cipher(b"").without_stamp()),
    case("unsigned-cipher-17", Refused, "17 bytes, not signed", |f| f.cipher(&[7; 17]).without_stamp()),
    case("unsigned-cipher-32", Refused, "2 random blocks, not signed", |f| f.cipher(&[7; 32]).without_stamp()),
    case("unsigned-pad-0", Refused, "padding 0x00, not signed", |f| f.padded(&[0]).without_stamp()),
    case("unsigned-pad-unequal", Refused, "padding 05 04 04 04, not signed", |f| {
        f.padded(&[5, 4, 4, 4]).without_stamp()
    }),
    case("unsigned-pad-only", Refused, "an empty text, not signed", |f| f.sealed(b"").without_stamp()),
    case("unsigned-not-json", Refused, "text that is no JSON, not signed", |f| f.sealed(b"hello").without_stamp()),
    case("wrong-key", Refused, "encrypted with another key, rightly signed", |f| {
        let plain = f.envelope().to_string();
        f.encrypt_member(&super::seal::encrypt("another key", f.stamp.iv, plain.as_bytes()))
    }),
];

const BODIES: &[Hostile] = &[
    case("siblings", Accepted, "members beside encrypt, rightly signed", |f| {
        f.signed(json!({ "challenge": "x", "encrypt": f.base64(), "type": "url_verification" }).to_string())
    }),
    case("unsigned-siblings", Refused, "a plain url_verification beside a broken encrypt, not signed", |f| {
        let body = json!({ "challenge": "x", "encrypt": "AAAA", "token": f.token, "type": "url_verification" });
        f.signed(body.to_string()).without_stamp()
    }),
    case("duplicate-encrypt", Either, "encrypt twice, rightly signed", |f| {
        f.signed(format!(r#"{{"encrypt":"{}","encrypt":"AAAA"}}"#, f.base64()))
    }),
    case("encrypt-null", Either, "encrypt is null, rightly signed", |f| f.signed(r#"{"encrypt":null}"#)),
    case("encrypt-number", Either, "encrypt is a number, rightly signed", |f| f.signed(r#"{"encrypt":5}"#)),
    case("plain-unsigned", Refused, "not encrypted, not signed, though a key is set", |f| {
        f.signed(f.envelope().to_string()).without_stamp()
    }),
    case("plain-wrong-signature", Refused, "not encrypted, wrongly signed", |f| {
        f.signed(f.envelope().to_string()).change(SIGNATURE, flip_last)
    }),
    case("plain-signed", Accepted, "not encrypted, but rightly signed", |f| f.signed(f.envelope().to_string())),
    case("empty-body", Either, "nothing, rightly signed", |f| f.signed("")),
    case("empty-object", Either, "{}, rightly signed", |f| f.signed("{}")),
    case("not-json", Either, "rightly signed", |f| f.signed("hello")),
    case("encrypted-not-json", Either, "encrypted and rightly signed", |f| f.sealed(b"hello")),
    case("encrypted-not-utf8", Either, "encrypted and rightly signed", |f| f.sealed(b"{\"schema\":\"\xff\"}")),
    case("deep", Either, "100,000 arrays in each other, rightly signed", |f| f.signed("[".repeat(100_000))),
    case("encrypted-deep", Either, "the same encrypted", |f| f.sealed("[".repeat(100_000).as_bytes())),
    case("encrypted-bom", Accepted, "a byte order mark before the event", |f| {
        f.sealed(format!("\u{feff}{}", f.envelope()).as_bytes())
    }),
    case("odd-whitespace", Accepted, "signed as it is sent", |f| {
        f.signed(format!("\r\n {{\t\"encrypt\" :\n \"{}\" }} \r\n", f.base64()))
    }),
    case("escaped-name", Accepted, r"\u0065ncrypt, signed as it is sent", |f| {
        f.signed(format!(r#"{{"\u0065ncrypt":"{}"}}"#, f.base64()))
    }),
    case("escaped-value", Accepted, r"\/ in base64, signed as it is sent", |f| {
        f.signed(format!(r#"{{"encrypt":"{}"}}"#, f.base64().replace('/', r"\/")))
    }),
];

/// Letters in turn small and large.
fn odd_case(name: &str) -> String {
    let letters = name.chars().enumerate();
    letters
        .map(|(index, letter)| if index % 2 == 0 { letter.to_ascii_lowercase() } else { letter.to_ascii_uppercase() })
        .collect()
}

const HTTP: &[Hostile] = &[
    case("get", Status(405), "a GET with the headers of an event", |f| WebhookRequest {
        method: "GET".to_owned(),
        ..f.signed("")
    }),
    case("put", Status(405), "an event by PUT", |f| WebhookRequest { method: "PUT".to_owned(), ..f.valid() }),
    case("wrong-content-type", Status(415), "text/plain", |f| f.valid().set("Content-Type", &["text/plain"])),
    case("no-content-type", Accepted, "the signature counts", |f| f.valid().set("Content-Type", &[])),
    case("upper-case-headers", Accepted, "X-LARK-SIGNATURE", |f| f.valid().rename(str::to_ascii_uppercase)),
    case("lower-case-headers", Accepted, "x-lark-signature", |f| f.valid().rename(str::to_ascii_lowercase)),
    case("odd-case-headers", Accepted, "x-lArK-SiGnAtUrE", |f| f.valid().rename(odd_case)),
    case("spaced-headers", Accepted, "blanks around the values, which do not count", |f| {
        let mut request = f.valid();
        request.headers.iter_mut().for_each(|(_, value)| *value = format!("  {value}\t "));
        request
    }),
    case("large-event", Accepted, "a text of 150 KB", |f| {
        let mut envelope = f.envelope();
        envelope["event"]["message"]["content"] = json!(json!({ "text": "x".repeat(150_000) }).to_string());
        f.sealed(envelope.to_string().as_bytes())
    }),
    case("too-large", Status(413), "600 KB, rightly signed", |f| {
        f.signed(json!({ "encrypt": "A".repeat(600 * 1024) }).to_string())
    }),
];
