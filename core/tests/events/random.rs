//! Nothing panics, nothing takes memory, whatever an event holds.

use larkwire_core::Typed;
use larkwire_core::content::Form;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tell::{Counted, tell_to, who_to};
use super::types::all;
use super::{Platform, v1, v2};

const KEYS: [&str; 34] = [
    "action",
    "after_change",
    "app_id2",
    "avatar",
    "chat_id",
    "chat_type",
    "checked",
    "comment_id",
    "content",
    "context",
    "create_time",
    "external",
    "file_token",
    "form_value",
    "i18n_names",
    "is_mention",
    "labels",
    "mentions",
    "message",
    "message_id",
    "message_id_list",
    "moderator_list",
    "notice_meta",
    "open_chat_id",
    "open_id",
    "operator",
    "operator_id",
    "options",
    "reader",
    "sender",
    "sender_id",
    "text",
    "user_id",
    "users",
];

/// Documents of any shape whose members have the names that views look for.
pub(super) fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |n| serde_json::Number::from_f64(n).map(Value::from)),
        ".{0,8}".prop_map(Value::from),
        "[\"\\\\/\u{8}\n\u{1}😀a]{0,4}".prop_map(Value::from),
        Just(json!("1700000000000")),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let key = prop_oneof![4 => prop::sample::select(&KEYS[..]).prop_map(str::to_owned), 1 => ".{0,4}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Asks for everything and counts the allocations.
fn ask(event: &larkwire_core::Event<'_>, path: &[&str]) -> usize {
    let mut count = Counted(0);
    let info = allocation_counter::measure(|| {
        tell_to(event, &mut count);
        who_to(event, &mut count);
        let _ = (event.field(path), event.field(&[]), matches!(event.typed(), Typed::Other));
        if let Some(message) = event.message() {
            let _ = (message.text(Form::Full, &mut [0; 16]), message.text(Form::Body, &mut [0; 1024]));
        }
    });
    assert_eq!(info.count_total, 0, "a view took memory");
    count.0
}

#[test]
fn reading_every_field_of_every_event_takes_no_memory() {
    let mut platform = Platform::new();
    for (event_type, event, told, _) in all() {
        let payload = v2(event_type, event).to_string();
        let length = platform.event(&payload, |event| ask(&event, &["message", "chat_id"]));
        assert!(length.unwrap() > told.len(), "{event_type}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_event_body_upsets_a_view(body in document()) {
        let mut platform = Platform::new();
        for (event_type, ..) in all() {
            platform.event(&v2(event_type, body.clone()).to_string(), |event| ask(&event, &["message", "users"]));
        }
        let mut legacy = body;
        for event_type in ["message", "drive.notice.comment_add_v1", "add_bot"] {
            if let Some(members) = legacy.as_object_mut() {
                members.insert("type".into(), json!(event_type));
            }
            platform.event(&v1(legacy.clone()).to_string(), |event| ask(&event, &["text"]));
        }
        if let Some(members) = legacy.as_object_mut() {
            members.insert("open_message_id".into(), json!("om_card"));
            members.insert("action".into(), json!({"value": 1}));
            prop_assert!(platform.event(&legacy.to_string(), |event| ask(&event, &["action"])).is_some());
        }
    }

    #[test]
    fn a_layout_of_another_text_upsets_no_view(body in document(), other in ".{0,300}", n in 0_usize..17) {
        let (event_type, ..) = all().swap_remove(n);
        Platform::new().event(&v2(event_type, body).to_string(), |event| {
            ask(&larkwire_core::Event::view(event.id(), &other, event.layout(), ""), &["message"])
        });
    }
}
