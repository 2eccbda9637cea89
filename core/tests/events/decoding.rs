//! Events, contents and answers in types of the application's own.

use std::collections::BTreeMap;

use larkwire_core::decode::{DecodeError, DecodeErrorKind, from_str};
use larkwire_core::wire::json::ErrorKind;
use proptest::prelude::*;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::random::document;
use super::{v2, with_event};

fn read<T: DeserializeOwned>(text: &str) -> Result<T, DecodeError> {
    read_with(text, text.len())
}

fn read_with<T: DeserializeOwned>(text: &str, scratch: usize) -> Result<T, DecodeError> {
    // Neither the text nor the scratch outlives this, and nothing of them may.
    struct Owned<T>(T);
    impl<'de, T: DeserializeOwned> Deserialize<'de> for Owned<T> {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            T::deserialize(deserializer).map(Owned)
        }
    }
    let mut room = vec![0xff; scratch];
    from_str::<Owned<T>>(text, &mut room).map(|owned| owned.0)
}

fn kind<T: DeserializeOwned>(text: &str) -> DecodeErrorKind {
    read::<T>(text).map(|_| ()).unwrap_err().kind
}

#[derive(Debug, Deserialize, PartialEq)]
struct Ticket<'a> {
    ticket_id: &'a str,
    #[serde(borrow)]
    guest: Guest<'a>,
    stage: Option<u8>,
    closed: bool,
    score: f64,
    #[serde(default)]
    tags: [&'a str; 2],
    #[serde(rename = "chat-type")]
    chat: Chat<'a>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Guest<'a> {
    name: &'a str,
    note: Option<&'a str>,
}

#[derive(Debug, Deserialize, PartialEq)]
enum Chat<'a> {
    #[serde(rename = "p2p")]
    P2p,
    #[serde(rename = "group")]
    Group {
        #[serde(borrow)]
        name: &'a str,
    },
    Size(u32),
    Range(u8, u8),
}

#[test]
fn an_event_is_read_into_a_struct_of_ones_own() {
    let event = json!({"ticket_id": "t1", "guest": {"name": "A\"n\"n 😀\n", "note": null, "x": [{"y": 1}]},
        "stage": "2", "closed": "true", "score": 1, "tags": ["plain", "es\\caped"], "chat-type": {"group": {"name": "g"}},
        "unknown": {"deep": [[[]]]}});
    let payload = v2("helpdesk.ticket.created_v1", event);
    with_event(&payload, |event| {
        let mut scratch = [0; 64];
        let info = allocation_counter::measure(|| {
            let ticket: Ticket<'_> = event.decode(&mut scratch).unwrap();
            let expected = Ticket {
                ticket_id: "t1",
                guest: Guest { name: "A\"n\"n 😀\n", note: None },
                stage: Some(2),
                closed: true,
                score: 1.0,
                tags: ["plain", "es\\caped"],
                chat: Chat::Group { name: "g" },
            };
            assert!(ticket == expected);
            let in_text = event.body().as_bytes().as_ptr_range();
            assert!(in_text.contains(&ticket.ticket_id.as_ptr()), "borrowed, not copied");
        });
        assert_eq!(info.count_total, 0);
    });
}

#[test]
fn an_event_without_a_body_decodes_as_an_empty_one() {
    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Anything {
        n: u8,
    }
    let payload = json!({"schema": "2.0", "header": {"event_type": "x"}});
    with_event(&payload, |event| assert_eq!(event.decode::<Anything>(&mut []), Ok(Anything { n: 0 })));
}

#[test]
fn enums_are_read_as_serde_writes_them() {
    assert_eq!(read::<Owned>("\"P2p\""), Ok(Owned::P2p));
    assert_eq!(read::<Owned>(" {\"P2p\" : null } "), Ok(Owned::P2p));
    assert_eq!(read::<Owned>("{\"Size\":\"7\"}"), Ok(Owned::Size(7)));
    assert_eq!(read::<Owned>("{\"R\\u0061nge\":[1,2]}"), Ok(Owned::Range(1, 2)));
    assert_eq!(read::<Owned>("{\"Group\":{\"name\":\"\\n\"}}"), Ok(Owned::Group { name: "\n".into() }));
    assert_eq!(kind::<Owned>("\"Size\""), DecodeErrorKind::Type);
    assert_eq!(kind::<Owned>("\"later\""), DecodeErrorKind::UnknownVariant);
    assert_eq!(kind::<Owned>("{}"), DecodeErrorKind::Length);
    assert_eq!(kind::<Owned>("{\"Size\":7,\"P2p\":null}"), DecodeErrorKind::Length);
    assert_eq!(kind::<Owned>("0"), DecodeErrorKind::Type);
    assert_eq!(kind::<Owned>("[\"P2p\"]"), DecodeErrorKind::Type);
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
enum Owned {
    P2p,
    Group { name: String },
    Size(u32),
    Range(u8, u8),
}

#[test]
fn numbers_and_truth_values_may_be_strings() {
    assert_eq!(read::<u64>("\"18446744073709551615\""), Ok(u64::MAX));
    assert_eq!(read::<i64>("\"-9223372036854775808\""), Ok(i64::MIN));
    assert_eq!(read::<u8>("\"\\u0037\""), Ok(7));
    assert_eq!(read::<bool>("\"false\""), Ok(false));
    assert_eq!(read::<Option<u32>>("\"7\""), Ok(Some(7)));
    assert_eq!(read::<u128>("18446744073709551615"), Ok(u64::MAX.into()));
    for refused in ["\"\"", "\"+7\"", "\"07\"", "\" 7\"", "\"7.0\"", "7.0", "null", "[7]", "true", "\"0x7\""] {
        assert_eq!(kind::<u64>(refused), DecodeErrorKind::Type, "{refused}");
    }
    assert_eq!(kind::<u8>("256"), DecodeErrorKind::Value);
    assert_eq!(kind::<u64>("-1"), DecodeErrorKind::Value);
    assert_eq!(kind::<bool>("\"yes\""), DecodeErrorKind::Type);
    assert_eq!(kind::<String>("7"), DecodeErrorKind::Type, "a text is not made of a number");
    assert_eq!(read::<f64>("18446744073709551616"), Ok(18_446_744_073_709_551_616.0));
    assert_eq!(kind::<f64>("1e999"), DecodeErrorKind::Number);
}

#[test]
fn maps_may_have_numbers_for_keys() {
    assert_eq!(read::<BTreeMap<u8, char>>(r#"{"1":"a","2":"é"}"#), Ok(BTreeMap::from([(1, 'a'), (2, 'é')])));
    assert_eq!(read::<BTreeMap<bool, ()>>(r#"{"true":null}"#), Ok(BTreeMap::from([(true, ())])));
    assert_eq!(kind::<BTreeMap<u8, u8>>(r#"{"x":1}"#), DecodeErrorKind::Type);
}

#[test]
fn an_error_says_what_and_where() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its errors matter")]
    struct Point {
        x: u8,
        y: u8,
    }
    let at = |text: &str| read::<Point>(text).map(|_| ()).unwrap_err();
    assert_eq!(at(r#"{"x":1}"#), DecodeError { at: 7, kind: DecodeErrorKind::MissingField("y") });
    assert_eq!(at(r#"{"x":1,"x":2}"#).kind, DecodeErrorKind::DuplicateField("x"));
    assert_eq!(at(r#"{"x":1,"z":2}"#).kind, DecodeErrorKind::UnknownField);
    assert_eq!(at(r#"{"x":"a","y":2}"#), DecodeError { at: 8, kind: DecodeErrorKind::Type });
    assert_eq!(at("[1,2,3]").kind, DecodeErrorKind::Length);
    assert_eq!(at("[1]").kind, DecodeErrorKind::Length);
    assert_eq!(at(r#"{"x":1,"y":2}}"#).kind, DecodeErrorKind::Json(ErrorKind::Trailing));
    assert_eq!(at(r#"{"x":1,"y":tru}"#), DecodeError { at: 14, kind: DecodeErrorKind::Json(ErrorKind::Literal) });
    assert_eq!(at("").kind, DecodeErrorKind::Json(ErrorKind::End));
    assert_eq!(at("7").kind, DecodeErrorKind::Type);
    let shown = at(r#"{"x":1}"#).to_string();
    assert_eq!(shown, "not decoded: a member is missing: y before byte 7");
    assert_eq!(at("{").to_string(), "not JSON: the text ends too early at byte 1");
}

#[test]
fn a_scratch_buffer_that_is_too_small_is_said_so() {
    let text = r#"["\n", "plain", "\u597d"]"#;
    assert_eq!(read_with::<Vec<String>>(text, 4), Ok(vec!["\n".into(), "plain".into(), "好".into()]));
    assert_eq!(read_with::<Vec<String>>(text, 3).unwrap_err().kind, DecodeErrorKind::Scratch);
    assert_eq!(read_with::<Vec<IgnoredAny>>(text, 0).map(|all| all.len()), Ok(3));
}

#[test]
fn nesting_ends_where_the_reader_ends_it() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(read::<serde_json::Value>(&nested(64)).is_ok());
    assert_eq!(kind::<serde_json::Value>(&nested(65)), DecodeErrorKind::Json(ErrorKind::Depth));
    assert_eq!(kind::<IgnoredAny>(&nested(100_000)), DecodeErrorKind::Json(ErrorKind::Depth));
}

#[test]
fn a_type_that_stops_early_is_not_content() {
    struct First(u8);
    impl<'de> Deserialize<'de> for First {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = First;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("one")
                }
                fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<First, A::Error> {
                    Ok(First(seq.next_element()?.unwrap_or_default()))
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<First, A::Error> {
                    Ok(First(map.next_entry::<String, u8>()?.map(|(_, n)| n).unwrap_or_default()))
                }
            }
            deserializer.deserialize_any(Visitor)
        }
    }
    // Inside one another, so that an early end would be taken for the outer one.
    let all = read::<BTreeMap<String, Vec<First>>>(r#"{"a":[[1],{"k":2}],"b":[[],{}]}"#).unwrap();
    assert_eq!(all["a"].iter().chain(&all["b"]).map(|first| first.0).collect::<Vec<_>>(), [1, 2, 0, 0]);
    assert_eq!(kind::<First>("[1,2]"), DecodeErrorKind::Length);
    assert_eq!(kind::<First>(r#"{"a":1,"b":2}"#), DecodeErrorKind::Length);
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Sample {
    text: String,
    other: Option<Box<Sample>>,
    list: Vec<(i64, Option<f64>)>,
    map: BTreeMap<String, Owned>,
    keys: BTreeMap<i32, bool>,
    unit: (),
    letter: char,
}

fn sample() -> impl Strategy<Value = Sample> {
    let variant = prop_oneof![
        Just(Owned::P2p),
        ".{0,6}".prop_map(|name| Owned::Group { name }),
        any::<u32>().prop_map(Owned::Size),
        any::<(u8, u8)>().prop_map(|(a, b)| Owned::Range(a, b)),
    ];
    let finite = any::<f64>().prop_filter("finite", |n| n.is_finite());
    let fields = (
        "[\"\\\\\n\u{1}a-z😀]{0,12}",
        prop::collection::vec((any::<i64>(), prop::option::of(finite)), 0..4),
        prop::collection::btree_map(".{0,4}", variant, 0..4),
        prop::collection::btree_map(any::<i32>(), any::<bool>(), 0..4),
        any::<char>(),
    );
    let flat = fields.prop_map(|(text, list, map, keys, letter)| Sample {
        text,
        other: None,
        list,
        map,
        keys,
        unit: (),
        letter,
    });
    (flat.clone(), prop::option::of(flat)).prop_map(|(sample, other)| Sample { other: other.map(Box::new), ..sample })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_serde_json_writes_is_read_back(sample in sample()) {
        for text in [serde_json::to_string(&sample).unwrap(), serde_json::to_string_pretty(&sample).unwrap()] {
            prop_assert_eq!(read::<Sample>(&text), Ok(sample.clone()));
            prop_assert!(read::<IgnoredAny>(&text).is_ok());
        }
    }

    #[test]
    fn any_document_is_what_serde_json_says_it_is(document in document()) {
        prop_assert_eq!(read::<serde_json::Value>(&document.to_string()), Ok(document.clone()));
        // Of another shape than wanted: an error, or what serde_json makes of it.
        if let Ok(theirs) = serde_json::from_value::<Sample>(document.clone()) {
            prop_assert_eq!(read::<Sample>(&document.to_string()), Ok(theirs));
        }
    }

    #[test]
    fn a_damaged_document_is_refused_by_both_or_read_by_both(sample in sample(), at in any::<prop::sample::Index>(),
        byte in prop::sample::select(&b"\"{}[],:0-1.eE\\ ntf"[..])) {
        let mut bytes = serde_json::to_vec(&sample).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        let (ours, theirs) = (read::<serde_json::Value>(&text), serde_json::from_str::<serde_json::Value>(&text));
        prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}: {:?} {:?}", text, ours, theirs);
        let (ours, theirs) = (read::<Sample>(&text), serde_json::from_str::<Sample>(&text));
        // Numbers in strings are read by us only.
        prop_assert!(ours.is_ok() || theirs.is_err(), "{}: {:?} {:?}", text, ours, theirs);
    }
}
