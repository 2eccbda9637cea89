//! Broken, huge and random content: defined results, in bounded time.

use std::time::Instant;

use super::*;
use larkwire_core::wire::json::MAX_DEPTH;
use proptest::prelude::*;

const TYPES: [&str; 22] = [
    "audio",
    "calendar",
    "file",
    "folder",
    "hongbao",
    "image",
    "interactive",
    "location",
    "media",
    "merge_forward",
    "new",
    "post",
    "share_calendar_event",
    "share_chat",
    "share_user",
    "sticker",
    "system",
    "text",
    "todo",
    "video",
    "video_chat",
    "vote",
];

#[test]
fn content_that_does_not_parse_has_no_text_but_is_still_there() {
    for json in ["", "hello", "{", "{\"text\":\"x\"", "{\"text\":\"x\"}}", "{\"text\":\"\u{1}\"}", "{'text':'x'}"] {
        for message_type in TYPES {
            let content = Content::new(message_type, json);
            assert!(!content.is_json() && content.json() == json);
            assert_eq!(read(content, Reading::default()), "", "{message_type} {json}");
            assert!(content.field("text").is_none() && content.resources().next().is_none() && !content.mentions_all());
        }
    }
}

#[test]
fn json_of_another_type_reads_as_an_empty_object() {
    for message_type in TYPES {
        let empty = full(message_type, &json!({}));
        for json in [json!([]), json!([{"text": "x"}]), json!(5), json!("text"), json!(null), json!(true)] {
            assert!(Content::new(message_type, &json.to_string()).is_json());
            assert_eq!(full(message_type, &json), empty, "{message_type} {json}");
            assert!(resources(message_type, &json).is_empty());
        }
    }
}

#[test]
fn a_number_for_a_text_stands_as_it_is_and_anything_else_is_absent() {
    assert_eq!(full("text", &json!({"text": 12.50})), "12.5");
    for absent in [json!(null), json!(true), json!([1]), json!({"text": "x"}), json!("")] {
        assert_eq!(full("text", &json!({"text": absent})), "");
    }
    assert_eq!(read(Content::new("text", r#"{"text":"a","text":"b"}"#), Reading::default()), "b");
}

#[test]
fn every_member_may_be_of_any_type() {
    const MEMBERS: [&str; 30] = [
        "body",
        "chat_id",
        "content",
        "content_v2",
        "divider_text",
        "due_time",
        "duration",
        "elements",
        "end_time",
        "file_key",
        "file_name",
        "files",
        "from_user",
        "header",
        "image_key",
        "latitude",
        "longitude",
        "name",
        "options",
        "post",
        "start_time",
        "summary",
        "tag",
        "template",
        "text",
        "title",
        "to_chatters",
        "topic",
        "user_id",
        "zh_cn",
    ];
    let deep = json!({"tag": "md", "content": [[{"text": [[]]}]], "text": {"content": "x"}, "elements": [[[[{}]]]]});
    for value in [json!(null), json!(-1), json!("{x"), json!(true), json!([[[]]]), json!({}), deep] {
        let all: Value =
            MEMBERS.iter().map(|name| ((*name).to_owned(), value.clone())).collect::<serde_json::Map<_, _>>().into();
        for message_type in TYPES {
            for content in [&all, &json!({"content": [[all]]}), &json!({"elements": [all, [all]]})] {
                both(message_type, content, &json!([all]));
                resources(message_type, content);
            }
        }
    }
}

#[test]
fn lone_surrogates_and_invisible_characters_come_through() {
    let words = r#"{"text":"\ud800a\udc00\u200b@\u005fuser_2\u202e\u0000 \ud83d\ude00"}"#;
    let mentions = bot_and_bob().to_string();
    let reading = Reading { mentions: Mentions::new(&mentions), ..Reading::default() };
    assert_eq!(read(Content::new("text", words), reading), "\u{fffd}a\u{fffd}\u{200b}@Bob\u{202e}\0 😀");
    let zero = text("@_user_2\u{200b}@\u{200b}_user_2").to_string();
    assert_eq!(read(Content::new("text", &zero), reading), "@Bob\u{200b}@\u{200b}_user_2");
}

#[test]
fn cards_as_deep_as_json_may_be_are_read_and_deeper_ones_are_no_content() {
    let card = |depth: usize| {
        let (open, close) = ("{\"elements\":[".repeat(depth), "]}".repeat(depth));
        format!("{open}{{\"tag\":\"text\",\"text\":\"deep\"}}{close}")
    };
    let depth = MAX_DEPTH as usize / 2;
    assert_eq!(read(Content::new("interactive", &card(depth - 1)), Reading::default()), "deep");
    assert!(!Content::new("interactive", &card(depth)).is_json());
    let arrays = |n: usize| format!("{{\"elements\":{}\"deep\"{}}}", "[".repeat(n), "]".repeat(n));
    assert_eq!(read(Content::new("interactive", &arrays(MAX_DEPTH as usize - 1)), Reading::default()), "deep");
    // Big at every level: a walk that looked into each element anew would take its time.
    let mut big = String::from("{}");
    for _ in 0..30 {
        big = format!("{{\"x\":\"{}\",\"elements\":[{big}]}}", "y".repeat(5000));
    }
    assert_eq!(read(Content::new("interactive", &big), Reading::default()), "[interactive]");
}

/// Far above what it takes, far below what it would take were it quadratic.
fn soon<R>(work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = work();
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    result
}

/// As [`both`], made only once each.
fn big(message_type: &str, content: &Value, mentions: &Value) -> (String, String) {
    let (content, mentions) = (content.to_string(), mentions.to_string());
    let content = Content::new(message_type, &content);
    let full = Reading { mentions: Mentions::new(&mentions), ..Reading::default() };
    let body = Reading { form: Form::Body, own_open_id: Some("ou_bot"), ..full };
    let mut out = vec![0; 4 << 20];
    let full = content.text(full, &mut out).unwrap().to_owned();
    (full, content.text(body, &mut out).unwrap().to_owned())
}

fn crowd(n: usize) -> Value {
    (1..=n).map(|n| mention(&format!("@_user_{n}"), &format!("ou_{n}"), &format!("N{n}"))).collect::<Vec<_>>().into()
}

#[test]
fn ten_thousand_mentions_in_order_are_all_replaced() {
    let (keys, names): (String, String) = (1..=10_000).map(|n| (format!("@_user_{n} "), format!("@N{n} "))).unzip();
    let (full, body) = soon(|| big("text", &text(&keys), &crowd(10_000)));
    assert_eq!(full, names);
    assert_eq!(body, names.trim());
    // In a post as well.
    let nodes: Vec<_> = (1..=10_000).map(|n| json!({"tag": "at", "user_id": format!("@_user_{n}")})).collect();
    let (full, _) = soon(|| big("post", &json!({"content": [nodes]}), &crowd(10_000)));
    assert_eq!(full, names.replace(' ', ""));
}

#[test]
fn one_who_is_mentioned_again_and_again_is_always_found() {
    let (full, _) = soon(|| big("text", &text(&"@_user_9999".repeat(10_000)), &crowd(10_000)));
    assert_eq!(full, "@N9999".repeat(10_000));
    // Two in turn cost a walk around each: fifty people in any order are no trouble.
    let backwards: String = (1..=50).rev().map(|n| format!("@_user_{n}")).collect();
    let names: String = (1..=50).rev().map(|n| format!("@N{n}")).collect();
    assert_eq!(both("text", &text(&backwards), &crowd(50)).0, names);
}

#[test]
fn mentions_that_would_take_forever_stay_placeholders_from_some_point_on() {
    // Nobody is found, ten thousand times over.
    let nobody: String = (0..10_000).map(|n| format!("@_user_{} ", n + 20_000)).collect();
    assert_eq!(soon(|| big("text", &text(&nobody), &crowd(10_000))).0, nobody);
    // Backwards through all of them: the first are found.
    let backwards: String = (1..=10_000).rev().map(|n| format!("@_user_{n} ")).collect();
    let (full, _) = soon(|| big("text", &text(&backwards), &crowd(10_000)));
    assert!(full.starts_with("@N10000 @N9999 @N9998 ") && full.ends_with(" @_user_2 @_user_1 "));
    // Entries that are none.
    let nothing = Value::from(vec![1; 200_000]);
    assert_eq!(soon(|| big("text", &text(&nobody), &nothing)).0, nobody);
    // One long name, very often.
    let long = json!([mention("@_user_1", "ou_1", &"n".repeat(50_000))]);
    let (full, _) = soon(|| big("text", &text(&"@_user_1".repeat(10_000)), &long));
    assert!(full.len() < 3_000_000 && full.starts_with("@nnn") && full.ends_with("@_user_1"), "{}", full.len());
}

#[test]
fn a_hundred_and_fifty_kilobytes_of_anything_take_no_time() {
    const SIZE: usize = 150_000;
    for piece in [
        "a",
        "@",
        "@_user_",
        "@_all_",
        "1",
        "<at ",
        "<at user_id=\"",
        "<",
        "![",
        "![a](",
        "\\",
        "\"",
        " ",
        "é😀",
        "&",
        "&lt",
        "`",
        "{",
        "{a}",
        "\n",
        "@_user_1",
        "@_user_11111111111111111111",
        "<at id=a>",
    ] {
        let words = piece.repeat(SIZE / piece.len());
        for (message_type, content) in [
            ("text", text(&words)),
            (
                "post",
                json!({"content": [[{"tag": "md", "text": words}, {"tag": "text", "un_escape": true, "text": words}]]}),
            ),
            ("post", json!({"content": [[{"tag": "code_block", "text": words}]], "title": words})),
            ("interactive", json!({"elements": [{"tag": "markdown", "content": words}]})),
            ("system", json!({"template": words})),
        ] {
            let (full, _) = soon(|| big(message_type, &content, &bot_and_bob()));
            assert!(full.len() < 8 * SIZE);
            if message_type == "text" && !piece.contains("user_1") {
                assert_eq!(full, words);
            }
            soon(|| resources(message_type, &content));
        }
    }
    let digits = format!("@_user_{}", "1".repeat(SIZE));
    let crowd = Value::from(vec![mention(&digits[..50_000], "ou_1", "N"); 3]);
    assert_eq!(soon(|| big("text", &text(&digits), &crowd)).0, digits);
}

#[test]
fn a_system_template_cannot_blow_up_what_it_is_filled_with() {
    let content = json!({"template": "{a}".repeat(20_000), "a": "x".repeat(50_000)});
    assert_eq!(soon(|| full("system", &content)).len(), 32 * 50_000 + 3 * (20_000 - 32));
}

/// Words, tokens and separators, with what they become in the full text and in the body of `ou_bot`.
fn piece() -> impl Strategy<Value = (String, String, Option<String>)> {
    let same = |text: String| (text.clone(), text.clone(), Some(text));
    prop_oneof![
        "[a-z \\n😀é\"\\\\<>&'-]{0,6}".prop_map(same),
        prop::sample::select(vec!["@", "@_ ", "@_user_", "@_user_x", "@_user_3.", "@_user_22 ", "@_all_ ", "@_allx"])
            .prop_map(move |text| same(text.to_owned())),
        Just(("@_user_2".to_owned(), "@Bob".to_owned(), Some("@Bob".to_owned()))),
        Just(("@_user_1".to_owned(), "@Bot".to_owned(), None)),
        Just(("@_all.".to_owned(), "@all.".to_owned(), Some("@all.".to_owned()))),
    ]
}

fn collapse(text: &str) -> String {
    let mut out = String::new();
    for c in text.trim().chars() {
        if !(c == ' ' && out.ends_with(' ')) {
            out.push(c);
        }
    }
    out
}

/// Documents made of the words the readers know.
fn document() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "",
        "x",
        "@_user_1",
        "@_user_2 ",
        "@_all",
        "all",
        "ou_bot",
        "bold",
        "1700000000000",
        "{from_user}",
        "  ",
        "<at user_id=\"ou_bot\">B</at>",
        "![i](img_1)",
        "at",
        "text",
        "md",
        "img",
        "media",
        "code_block",
        "hr",
        "\u{0}\n",
    ]);
    let leaf = prop_oneof![
        words.prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(null)),
        Just(json!(true))
    ];
    let key = prop::sample::select(vec![
        "tag",
        "text",
        "content",
        "content_v2",
        "title",
        "elements",
        "header",
        "body",
        "user_id",
        "user_name",
        "style",
        "zh_cn",
        "post",
        "files",
        "file_key",
        "image_key",
        "key",
        "id",
        "open_id",
        "name",
        "summary",
        "options",
        "template",
        "from_user",
        "duration",
        "start_time",
    ]);
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..6).prop_map(|members| {
                members
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn text_without_placeholders_is_unchanged(words in "[^@]{0,40}") {
        let (full, body) = both("text", &text(&words), &bot_and_bob());
        prop_assert_eq!(&full, &words);
        prop_assert_eq!(body, words.trim());
    }

    #[test]
    fn tokens_are_replaced_and_nothing_else_is(pieces in proptest::collection::vec(piece(), 0..12)) {
        let words: String = pieces.iter().map(|(words, ..)| words.as_str()).collect();
        let expected: String = pieces.iter().map(|(_, full, _)| full.as_str()).collect();
        let left: String = pieces.iter().filter_map(|(.., body)| body.as_deref()).collect();
        let called = pieces.iter().any(|(.., body)| body.is_none());
        let (full, body) = both("text", &text(&words), &bot_and_bob());
        prop_assert_eq!(full, expected, "{}", words);
        prop_assert_eq!(body, if called { collapse(&left) } else { left.trim().to_owned() }, "{}", words);
    }

    #[test]
    fn random_documents_never_panic(content in document(), mentions in document(), which in 0..TYPES.len()) {
        let _ = both(TYPES[which], &content, &mentions);
        let _ = both(TYPES[which], &json!({"content": [[content]], "elements": [content]}), &json!([mentions]));
        let _ = resources(TYPES[which], &content);
    }

    #[test]
    fn damaged_documents_never_panic(content in document(), at: prop::sample::Index, byte: u8, which in 0..TYPES.len()) {
        let mut bytes = content.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let damaged = String::from_utf8_lossy(&bytes);
        let reading = Reading { mentions: Mentions::new(&damaged), own_open_id: Some("ou_bot"), form: Form::Body, escape_html: true };
        let content = Content::new(TYPES[which], &damaged);
        read(content, reading);
        read(Content::plain(&damaged), reading);
        let _ = (content.resources().count(), content.mentions_all());
    }
}
