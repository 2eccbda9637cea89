//! What older platforms send: envelope v1, the old card callback, comments of both generations.

use larkwire_core::content::Form;
use larkwire_core::fault::DropReason;
use larkwire_core::{Envelope, Typed};
use serde_json::{Value, json};

use super::{Platform, asked, told, v1, v2, with_event};

fn message() -> Value {
    json!({"type": "message", "app_id": super::support::APP_ID, "tenant_key": "tk", "root_id": "om_0",
        "parent_id": "om_1", "open_chat_id": "oc_1", "chat_type": "private", "msg_type": "text", "open_id": "ou_1",
        "employee_id": "u1", "union_id": "on_1", "open_message_id": "om_2", "is_mention": "true",
        "text": "<at open_id=\"ou_b\">@bot</at> 早\n", "text_without_at_bot": " 早\n"})
}

#[test]
fn a_message_of_the_first_generation_is_a_message() {
    assert_eq!(
        told(&v1(message())),
        "Message open_id=ou_1 union_id=on_1 user_id=u1 message_id=om_2 root_id=om_0 parent_id=om_1 chat_id=oc_1 \
            chat_type=private message_type=text legacy_text=<at open_id=\"ou_b\">@bot</at> 早\n \
            legacy_text_without_at_bot= 早\n legacy_is_mention=true p2p=yes legacy=yes"
    );
    assert_eq!(asked(&v1(message())), "user ids=ou_1,on_1,u1 chat=oc_1 message=om_2");
    with_event(&v1(message()), |event| {
        let message = event.message().unwrap();
        assert!(message.content().is_none());
        assert_eq!(message.mentions(), "");
        let mut out = [0; 64];
        assert_eq!(message.text(Form::Full, &mut out), Ok("@bot 早\n"));
        assert_eq!(message.text(Form::Body, &mut out), Ok("早"), "without the bot's own mention");
        let needed = message.text(Form::Full, &mut out[..35]).unwrap_err().needed;
        assert!(message.text(Form::Full, &mut out[..needed]).is_ok());
        assert_eq!(event.create_time().unwrap().0, 1_502_199_207_717);
        assert_eq!((event.envelope(), event.is_callback()), (Envelope::V1, false));
    });
}

#[test]
fn a_legacy_message_without_fields_is_a_message_in_a_group_of_nobody() {
    let nulls: serde_json::Map<_, _> =
        message().as_object().unwrap().keys().map(|k| (k.clone(), Value::Null)).collect();
    let mut nulls = Value::from(nulls);
    nulls["type"] = json!("message");
    for event in [json!({"type": "message"}), nulls] {
        assert_eq!(told(&v1(event.clone())), "Message legacy=yes");
        assert_eq!(asked(&v1(event)), "user");
    }
    let group = json!({"type": "message", "chat_type": "group", "is_mention": false, "text": ""});
    assert_eq!(told(&v1(group)), "Message chat_type=group legacy_is_mention=false legacy=yes");
}

#[test]
fn a_member_called_message_does_not_hide_a_legacy_message() {
    let mut event = message();
    event["message"] = json!({"chat_id": "oc_x", "message_id": "om_x", "content": "x", "thread_id": "omt_x"});
    event["sender"] = json!({"sender_id": {"open_id": "ou_x"}, "sender_type": "app"});
    assert_eq!(told(&v1(event.clone())), told(&v1(message())));
    assert_eq!(asked(&v1(event)), asked(&v1(message())));
}

#[test]
fn what_a_newer_message_calls_text_is_not_legacy_text() {
    let event = json!({"message": {"message_type": "text"}, "text": "x", "is_mention": true, "open_chat_id": "oc_x"});
    assert_eq!(told(&v2("im.message.receive_v1", event)), "Message message_type=text");
}

#[test]
fn the_same_legacy_message_is_handed_over_once() {
    let mut platform = Platform::new();
    let mut payload = v1(message());
    assert!(platform.event(&payload.to_string(), |_| ()).is_some());
    payload["uuid"] = json!("u2");
    assert!(platform.event(&payload.to_string(), |_| ()).is_none());
    assert_eq!(platform.world.dropped(DropReason::Duplicate), 1);
}

#[test]
fn other_events_of_the_first_generation_come_through_as_they_are() {
    for event_type in ["add_bot", "app_ticket", "message_read", "leave_approvalV2", "im.message.recalled_v1"] {
        let payload = v1(json!({"type": event_type, "open_chat_id": "oc_1", "app_ticket": "t"}));
        assert_eq!((told(&payload).as_str(), asked(&payload).as_str()), ("Other", "nobody"));
        with_event(&payload, |event| {
            assert_eq!(event.event_type().unwrap().to_string(), event_type);
            assert_eq!(event.field(&["app_ticket"]).unwrap().as_str().unwrap().to_string(), "t");
        });
    }
}

#[test]
fn an_old_card_callback_tells_the_same_as_a_new_one() {
    let callback = json!({"open_id": "ou_1", "user_id": "u1", "tenant_key": "tk", "open_message_id": "om_1",
        "open_chat_id": "oc_1", "token": "c-1", "action": {"value": {"k": "v"}, "tag": "button", "option": "o",
        "timezone": "tz", "name": "n", "form_value": {"f": 1}, "input_value": "i", "options": ["a"], "checked": "false"}});
    assert_eq!(
        told(&callback),
        "CardAction operator=ou_1,u1 tenant_key=tk token=c-1 tag=button value={\"k\":\"v\"} option=o timezone=tz \
            name=n form_value={\"f\":1} input_value=i checked=false options=a open_message_id=om_1 open_chat_id=oc_1"
    );
    assert_eq!(asked(&callback), "user ids=ou_1,u1 chat=oc_1 message=om_1");
    with_event(&callback, |event| {
        assert_eq!((event.envelope(), event.is_callback()), (Envelope::Card, true));
        assert_eq!(event.field(&["action", "tag"]).unwrap().as_str().unwrap().to_string(), "button");
    });
}

#[test]
fn comments_are_read_as_the_channel_sdk_reads_them() {
    let path = format!("{}/../conformance/vectors/channel.json", env!("CARGO_MANIFEST_DIR"));
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = all["comment"].as_array().unwrap();
    assert!(cases.len() >= 2);
    for case in cases {
        let ours = with_event(&v2("drive.notice.comment_add_v1", case["in"].clone()), |event| {
            let Typed::DriveComment(comment) = event.typed() else { panic!() };
            let text = |text: Option<larkwire_core::wire::json::Str<'_>>| text.map(|text| text.to_string());
            comment.is_complete().then(|| {
                json!({
                    "file_token": text(comment.file_token()),
                    "file_type": text(comment.file_type()),
                    "comment_id": text(comment.comment_id()),
                    "reply_id": text(comment.reply_id()),
                    "operator": text(event.actor().unwrap().ids.open_id),
                    "mentioned_bot": comment.is_mentioned().unwrap_or(false),
                    "timestamp": comment.timestamp().map(|time| time.0),
                })
            })
        });
        assert_eq!(ours.unwrap_or_default(), case["out"], "{}", case["in"]);
    }
}

#[test]
fn the_fields_of_comments_are_found_in_either_place() {
    let old = json!({"type": "drive.notice.comment_add_v1", "file_token": "t", "file_type": "doc", "comment_id": "c",
        "user_id": {"open_id": "ou_1"}, "is_mention": true, "action_time": "1700000000"});
    let expected = "DriveComment file_type=doc file_token=t from_user_id=ou_1 timestamp=1700000000000 comment_id=c \
        is_mentioned=true complete=yes";
    assert_eq!(told(&v1(old.clone())), expected);
    assert_eq!(told(&v2("drive.notice.comment_add_v1", old)), expected);
    for missing in ["file_token", "file_type", "from_user_id", "comment_id"] {
        let mut event = super::types::comment();
        event["notice_meta"].as_object_mut().unwrap().remove(missing);
        event.as_object_mut().unwrap().remove(missing);
        let told = told(&v2("drive.notice.comment_add_v1", event));
        assert!(!told.contains("complete"), "without {missing}: {told}");
    }
}
