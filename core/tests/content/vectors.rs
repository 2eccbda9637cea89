//! What the channel SDK makes of messages, recorded in `conformance/vectors/channel.json`.

use super::*;

/// Where we differ from the recorded text, what we say instead, and why. Each must still differ.
const DEVIATIONS: [(&str, &str, &str); 3] = [
    (
        "calendar",
        "<calendar_invite>\n📅 s\n🕙 2023-11-14 22:13:20 UTC ~ 2023-11-14 23:13:20 UTC\n</calendar_invite>",
        "the SDK prints the time zone of its machine; a board has none",
    ),
    ("todo", "<todo>\nt\nb\nDue: 2023-11-14 22:13:20 UTC\n</todo>", "the same"),
    ("video_chat", "<meeting>\n📹 t\n🕙 2023-11-14 22:13:20 UTC\n</meeting>", "the same"),
];

pub(crate) fn cases(group: &str) -> Vec<Value> {
    let path = format!("{}/../conformance/vectors/channel.json", env!("CARGO_MANIFEST_DIR"));
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all[group].as_array().unwrap().clone()
}

#[test]
fn every_kind_reads_as_in_the_channel_sdk_or_a_reason_says_why_not() {
    let mut deviated = Vec::new();
    let cases = cases("normalize_content");
    assert_eq!(cases.len(), 19);
    for case in cases {
        let message_type = case["message_type"].as_str().unwrap();
        let content = Content::new(message_type, case["content"].as_str().unwrap());
        let (ours, theirs) = (read(content, Reading::default()), case["content_text"].as_str().unwrap());
        if ours != theirs {
            let deviation = DEVIATIONS.iter().find(|(name, ..)| *name == message_type);
            assert_eq!(Some(ours.as_str()), deviation.map(|(_, ours, _)| *ours), "{case}");
            deviated.push(message_type.to_owned());
        }
        let kind = case["kind"].as_str().unwrap();
        assert_eq!(content.kind(), Kind::from(kind), "{case}");
        let json = serde_json::from_str(case["content"].as_str().unwrap()).unwrap();
        assert_eq!(Value::from(resources(message_type, &json)), case["resources"], "{case}");
    }
    deviated.sort();
    assert_eq!(deviated, DEVIATIONS.map(|(name, ..)| name), "a deviation that is none any more");
}

#[test]
fn mentions_and_both_texts_are_those_of_the_channel_sdk() {
    let cases = cases("inbound_pipeline");
    assert_eq!(cases.len(), 11);
    for case in cases {
        let (message, result) = (&case["message"], &case["result"]);
        let json = message.get("mentions").map(Value::to_string).unwrap_or_default();
        let mentions = Mentions::new(&json);
        let content = Content::new(message["message_type"].as_str().unwrap(), message["content"].as_str().unwrap());
        let own = case["bot_open_id"].as_str().unwrap();
        let escape_html = case["strict_content_text"].as_bool().unwrap();
        let full = Reading { mentions, escape_html, ..Reading::default() };
        let body = Reading { form: Form::Body, own_open_id: Some(own), ..full };
        assert_eq!(read(content, full), result["content_text"], "{case}");
        assert_eq!(read(content, full), result["safe_content_text"], "{case}");
        assert_eq!(read(content, body), result["body_text"], "{case}");
        assert_eq!(content.mentions_all() || mentions.is_all(), result["mentioned_all"], "{case}");
        assert_eq!(mentions.of(own), result["mentioned_bot"], "{case}");
        let text = |text: Option<larkwire_core::wire::json::Str<'_>>| text.map(|text| text.to_string());
        // The SDK lists people only.
        let people = mentions.iter().filter(|mention| !mention.is_all());
        let people: Vec<_> =
            people.map(|one| json!([text(one.key), text(one.open_id), text(one.user_id), text(one.name)])).collect();
        assert_eq!(Value::from(people), result["mentions"], "{case}");
    }
}
