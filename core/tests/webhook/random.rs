//! Requests at random: changed ones, nonsense, and honest ones written in every way that JSON allows.

use larkwire_core::webhook::{Refusal, RequestHead};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::support::*;

/// What one can do to bytes on their way.
#[derive(Clone, Debug)]
enum Edit {
    Flip(Index, u8),
    Cut(Index, Index),
    Insert(Index, Vec<u8>),
    Repeat(Index, Index),
    Swap(Index, Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Edit::Cut(from, to)),
        (any::<Index>(), proptest::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, new)| Edit::Insert(at, new)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Edit::Repeat(from, to)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Edit::Swap(from, to)),
    ]
}

fn change(bytes: &mut Vec<u8>, edit: &Edit) {
    if bytes.is_empty() {
        return;
    }
    let range = |from: &Index, to: &Index| {
        let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
        from.min(to)..from.max(to) + 1
    };
    match edit {
        Edit::Flip(at, bit) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Edit::Cut(from, to) => drop(bytes.drain(range(from, to))),
        Edit::Insert(at, new) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, new.iter().copied());
        }
        Edit::Repeat(from, to) => {
            let range = range(from, to);
            let piece = bytes[range.clone()].to_vec();
            bytes.splice(range.end..range.end, piece);
        }
        Edit::Swap(from, to) => {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            bytes.swap(from, to);
        }
    }
}

/// What is signed, in the order in which it is; blanks around a header's value are none of it.
fn signed(post: &Post) -> [Vec<u8>; 4] {
    let header = |name: &str| {
        let value = post.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim_ascii().to_vec());
        value.unwrap_or_default()
    };
    [header(TIMESTAMP), header(NONCE), header(SIGNATURE), post.body.clone()]
}

/// A kind of request that passes.
fn valid(kind: u8) -> Post {
    let event = posted_message("e1", "om_1", "hi");
    match kind % 4 {
        0 => Post::sealed(&event),
        1 => Post::signed(event),
        2 => Post::sealed(&click_json("c1", "c-1".into()).to_string()),
        _ => Post::signed(wrap(&encrypt(KEY, posted_message("e\"2", "om_2", &"长文 ".repeat(300)).as_bytes()))),
    }
}

/// Members in any order, some of them repeated, written as wildly as JSON allows.
fn write(value: &Value, dice: &mut dyn FnMut(usize) -> usize, out: &mut String) {
    let blank = |dice: &mut dyn FnMut(usize) -> usize, out: &mut String| {
        for _ in 0..dice(3) {
            out.push([' ', '\n', '\t', '\r'][dice(4)]);
        }
    };
    blank(dice, out);
    match value {
        Value::Object(members) => {
            out.push('{');
            let mut members: Vec<_> = members.iter().collect();
            for at in (1..members.len()).rev() {
                members.swap(at, dice(at + 1));
            }
            for (at, (key, value)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                // Of two the last counts.
                if dice(5) == 0 {
                    text(key, dice, out);
                    let other = [json!(null), json!("other"), json!({"token": "other", "event_type": "x"}), json!([1])];
                    out.push(':');
                    write(&other[dice(4)], dice, out);
                    out.push(',');
                }
                blank(dice, out);
                text(key, dice, out);
                blank(dice, out);
                out.push(':');
                write(value, dice, out);
            }
            out.push('}');
        }
        Value::String(string) => text(string, dice, out),
        other => out.push_str(&other.to_string()),
    }
    blank(dice, out);
}

fn text(text: &str, dice: &mut dyn FnMut(usize) -> usize, out: &mut String) {
    out.push('"');
    for ch in text.chars() {
        match (ch, dice(6)) {
            ('/', 0) => out.push_str("\\/"),
            ('"', _) => out.push_str("\\\""),
            ('\\', _) => out.push_str("\\\\"),
            (_, 1) | ('\0'..' ', _) => {
                for unit in ch.encode_utf16(&mut [0; 2]) {
                    out.push_str(&if dice(2) == 0 { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") });
                }
            }
            _ => out.push(ch),
        }
    }
    out.push('"');
}

fn written(value: &Value, seed: u64) -> String {
    let mut state = seed | 1;
    let mut dice = |below: usize| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 33) as usize % below
    };
    let mut out = String::new();
    write(value, &mut dice, &mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_request_never_passes(
        kind in any::<u8>(),
        edits in proptest::collection::vec((0..6_usize, edit()), 1..4),
    ) {
        let right = valid(kind);
        prop_assert!(right.is_accepted());
        let mut post = right.clone();
        for (place, edit) in &edits {
            match place {
                0..=2 => {
                    let name = [TIMESTAMP, NONCE, SIGNATURE][*place];
                    let header = post.headers.iter_mut().find(|(known, _)| known == name).unwrap();
                    change(&mut header.1, edit);
                }
                _ => change(&mut post.body, edit),
            }
        }
        let result = post.check();
        // Digits may have moved between timestamp and nonce: the signature is the same, the age is not.
        let same = signed(&post) == signed(&right);
        prop_assert_eq!(result.is_ok(), same, "{:?} {:?}", edits, result);
        if let Err(refusal) = result {
            prop_assert_eq!(refusal.reply(), Refusal::SignatureWrong.reply());
        }
    }

    #[test]
    fn headers_that_come_twice_never_pass(kind in any::<u8>(), which in 0..3_usize, value in proptest::collection::vec(any::<u8>(), 0..70)) {
        let name = [TIMESTAMP, NONCE, SIGNATURE][which];
        for post in [valid(kind).and(name, value.clone()), {
            let mut post = valid(kind);
            post.headers.insert(0, (name.to_ascii_uppercase(), value.clone()));
            post
        }] {
            prop_assert_eq!(post.check(), Err(Refusal::SignatureRepeated));
        }
    }

    #[test]
    fn arbitrary_requests_never_panic_and_never_pass(
        method in prop_oneof![Just("POST"), Just("post"), Just("GET"), Just("")],
        headers in proptest::collection::vec(
            (prop_oneof![
                Just(TIMESTAMP.to_owned()), Just(NONCE.to_owned()), Just(SIGNATURE.to_owned()),
                Just("Content-Type".to_owned()), Just("X-Request-Id".to_owned()), ".{0,8}"
            ], proptest::collection::vec(any::<u8>(), 0..70)),
            0..8,
        ),
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "[{}\\[\\]\":,a-z0-9\\\\u ]{0,80}".prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..120).prop_map(|bytes| wrap(&base64(&bytes))),
        ],
        unix in proptest::option::of(any::<u64>()),
    ) {
        let post = Post { method, headers, body };
        let refusal = post.check_at(&webhook(), unix).unwrap_err();
        let head = post.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        let _ = (RequestHead::new(method, head).request_id(), refusal.to_string());
        if refusal.reply().status == 401 {
            prop_assert_eq!(refusal.reply(), Refusal::SignatureMissing.reply());
        }
    }

    #[test]
    fn what_decrypts_to_anything_never_panics(text in proptest::collection::vec(any::<u8>(), 0..200), blocks in any::<bool>()) {
        let sealed = if blocks {
            let len = text.len() / 16 * 16;
            base64(&encrypt_blocks(KEY, [1; 16], &text[..len]))
        } else {
            encrypt(KEY, &text)
        };
        for post in [Post::signed(wrap(&sealed)), Post::plain(wrap(&sealed))] {
            prop_assert_eq!(post.check().unwrap_err().reply(), Refusal::Undecryptable.reply());
        }
    }

    #[test]
    fn however_an_event_is_written_it_passes_as_it_was_sent(
        words in ".{0,30}", kind in 0..3_u8, seed in any::<u64>(), bom in any::<bool>(), sealed in any::<bool>(),
    ) {
        let event: Value = match kind {
            0 => serde_json::from_str(&posted_message("e1", "om_1", &words)).unwrap(),
            1 => click_json("c1", words.clone().into()),
            _ => json!({"uuid": "u1", "token": TOKEN, "type": "event_callback", "event": {"type": "message", "text": words}}),
        };
        let json = written(&event, seed);
        let mark = if bom { "\u{feff}" } else { "" };
        let body = if sealed {
            let inner = format!("{mark}{json}");
            format!("{mark}{}", written(&json!({"encrypt": encrypt(KEY, inner.as_bytes()), "x": words}), seed ^ 0x5555))
        } else {
            format!("{mark}{json}")
        };
        // A repeated `encrypt` that is no text comes first: the last one counts, also here.
        let post = Post::signed(body);
        prop_assert_eq!(post.check(), Ok(Verified::Event(json, true)));
        let forged = Post::plain(post.body).check();
        prop_assert_eq!(forged, Err(Refusal::SignatureMissing));
    }

    #[test]
    fn however_a_challenge_is_written_it_is_given_back(challenge in any::<String>(), seed in any::<u64>(), sealed in any::<bool>()) {
        let url: Value = serde_json::from_str(&verification(TOKEN.into(), challenge.clone().into())).unwrap();
        let json = written(&url, seed);
        let body = if sealed { wrap(&encrypt(KEY, json.as_bytes())) } else { json.into_bytes() };
        prop_assume!(body.len() <= 4096);
        let Ok(Verified::Challenge(reply)) = Post::plain(body).check() else { panic!() };
        prop_assert_eq!(serde_json::from_str::<Value>(&reply).unwrap(), json!({ "challenge": challenge }));
    }
}
