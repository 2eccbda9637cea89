//! Each event type of protocol section 11.3, with all its fields.

use larkwire_core::content::Form;
use larkwire_core::wire::writer::TooSmall;
use serde_json::{Value, json};

use super::{asked, told, v2, with_event};

fn ids(n: u8) -> Value {
    json!({"open_id": format!("ou_{n}"), "union_id": format!("on_{n}"), "user_id": format!("u{n}")})
}

fn names() -> Value {
    json!({"zh_cn": "群", "en_us": "Group", "ja_jp": "グループ"})
}

fn chat_event() -> Value {
    json!({"chat_id": "oc_1", "operator_id": ids(1), "external": false, "operator_tenant_key": "tk", "name": "Group",
        "i18n_names": names(), "users": [{"name": "Ann", "tenant_key": "tk2", "user_id": ids(2)}, {"user_id": ids(3)}]})
}

const CHAT_EVENT: &str = "chat_id=oc_1 operator_id=ou_1,on_1,u1 external=false operator_tenant_key=tk name=Group \
    i18n_names[ zh_cn=群 en_us=Group ja_jp=グループ ] \
    users[ name=Ann tenant_key=tk2 user_id=ou_2,on_2,u2 ] users[ user_id=ou_3,on_3,u3 ]";

pub(super) fn comment() -> Value {
    json!({"notice_meta": {"file_type": "docx", "file_token": "doc", "from_user_id": ids(1), "to_user_id": ids(2),
            "notice_type": "add_reply", "timestamp": "1700000000000"},
        "comment_id": "c", "reply_id": "r", "is_mentioned": true})
}

/// An event type, its `event` object with all fields, what its view tells, and who acted where.
pub(super) fn all() -> Vec<(&'static str, Value, String, &'static str)> {
    let reaction = json!({"message_id": "om_1", "reaction_type": {"emoji_type": "THUMBSUP"}, "operator_type": "user",
        "user_id": ids(1), "app_id": "cli_2", "action_time": "1700000000001"});
    let reacted = "message_id=om_1 emoji_type=THUMBSUP operator_type=user user_id=ou_1,on_1,u1 app_id=cli_2 action_time=1700000000001";
    let chat = json!({"avatar": "a", "name": "n", "description": "d", "i18n_names": names(),
        "add_member_permission": "p1", "share_card_permission": "p2", "at_all_permission": "p3",
        "edit_permission": "p4", "membership_approval": "p5", "join_message_visibility": "p6",
        "leave_message_visibility": "p7", "moderation_permission": "p8", "owner_id": ids(4), "labels": ["l1", "l2"],
        "restricted_mode_setting": {"status": true, "screenshot_has_permission_setting": "all_members",
            "download_has_permission_setting": "not_anyone", "message_has_permission_setting": "later"},
        "group_message_type": "chat"});
    let mut all = vec![
        (
            "im.message.receive_v1",
            json!({"sender": {"sender_id": ids(1), "sender_type": "user", "tenant_key": "tk"},
                "message": {"message_id": "om_2", "root_id": "om_0", "parent_id": "om_1",
                    "create_time": "1700000000000", "update_time": "1700000000001", "chat_id": "oc_1",
                    "thread_id": "omt_1", "chat_type": "topic_group", "message_type": "text",
                    "content": "{\"text\":\"hi\"}", "mentions": [{"key": "@_user_1"}], "user_agent": "ua",
                    "lark_agent_context": {"active_chat_id": "oc_2"}}}),
            "Message open_id=ou_1 union_id=on_1 user_id=u1 sender_type=user tenant_key=tk message_id=om_2 root_id=om_0 \
                parent_id=om_1 create_time=1700000000000 update_time=1700000000001 chat_id=oc_1 thread_id=omt_1 \
                chat_type=topic_group message_type=text content={\"text\":\"hi\"} user_agent=ua active_chat_id=oc_2 \
                mentions=[{\"key\":\"@_user_1\"}]"
                .to_owned(),
            "user ids=ou_1,on_1,u1 chat=oc_1 message=om_2",
        ),
        (
            "im.message.message_read_v1",
            json!({"reader": {"reader_id": ids(1), "read_time": "1700000000000", "tenant_key": "tk"},
                "message_id_list": ["om_1", "om_2"]}),
            "MessageRead reader_id=ou_1,on_1,u1 read_time=1700000000000 tenant_key=tk message_id_list=om_1 \
                message_id_list=om_2"
                .to_owned(),
            "nobody",
        ),
        (
            "im.message.recalled_v1",
            json!({"message_id": "om_1", "chat_id": "oc_1", "recall_time": "1700000000000",
                "recall_type": "group_owner"}),
            "MessageRecalled message_id=om_1 chat_id=oc_1 recall_time=1700000000000 recall_type=group_owner".to_owned(),
            "nobody chat=oc_1 message=om_1",
        ),
        (
            "im.message.reaction.created_v1",
            reaction.clone(),
            format!("ReactionCreated {reacted}"),
            "user ids=ou_1,on_1,u1 app_id=cli_2 message=om_1",
        ),
        (
            "im.message.reaction.deleted_v1",
            reaction,
            format!("ReactionDeleted {reacted}"),
            "user ids=ou_1,on_1,u1 app_id=cli_2 message=om_1",
        ),
        (
            "im.chat.access_event.bot_p2p_chat_entered_v1",
            json!({"chat_id": "oc_1", "operator_id": ids(1), "last_message_id": "om_1",
                "last_message_create_time": "1700000000000"}),
            "P2pChatEntered chat_id=oc_1 operator_id=ou_1,on_1,u1 last_message_id=om_1 \
                last_message_create_time=1700000000000"
                .to_owned(),
            "user ids=ou_1,on_1,u1 chat=oc_1",
        ),
        (
            "im.chat.updated_v1",
            json!({"chat_id": "oc_1", "operator_id": ids(1), "external": true, "operator_tenant_key": "tk",
                "after_change": chat, "before_change": {"name": "old"},
                "moderator_list": {"added_member_list": [{"tenant_key": "tk", "user_id": ids(2)}],
                    "removed_member_list": [{"user_id": ids(3)}]}}),
            "ChatUpdated chat_id=oc_1 operator_id=ou_1,on_1,u1 external=true operator_tenant_key=tk after_change[ \
                avatar=a name=n description=d i18n_names[ zh_cn=群 en_us=Group ja_jp=グループ ] \
                add_member_permission=p1 share_card_permission=p2 at_all_permission=p3 edit_permission=p4 \
                membership_approval=p5 join_message_visibility=p6 leave_message_visibility=p7 \
                moderation_permission=p8 owner_id=ou_4,on_4,u4 restricted_mode_setting[ status=true \
                screenshot_has_permission_setting=all_members download_has_permission_setting=not_anyone \
                message_has_permission_setting=later ] group_message_type=chat labels=l1 labels=l2 ] \
                before_change[ name=old ] added_member_list[ tenant_key=tk user_id=ou_2,on_2,u2 ] \
                removed_member_list[ user_id=ou_3,on_3,u3 ]"
                .to_owned(),
            "nobody chat=oc_1",
        ),
        (
            "application.bot.menu_v6",
            json!({"operator": {"operator_name": "Ann", "operator_id": ids(1)}, "event_key": "k",
                "timestamp": 1_700_000_000}),
            "BotMenu operator_name=Ann operator_id=ou_1,on_1,u1 event_key=k timestamp=1700000000000".to_owned(),
            "user ids=ou_1,on_1,u1",
        ),
        (
            "card.action.trigger",
            json!({"operator": {"tenant_key": "tk", "open_id": "ou_1", "union_id": "on_1", "user_id": "u1"},
                "token": "c-1",
                "action": {"value": {"k": "v"}, "tag": "button", "option": "o", "timezone": "Asia/Shanghai",
                    "name": "n", "form_value": {"f": "1"}, "input_value": "i", "options": ["a", "b"],
                    "checked": true},
                "host": "im_message", "delivery_type": "x",
                "context": {"url": "https://e", "preview_token": "p", "open_message_id": "om_1",
                    "open_chat_id": "oc_1"}}),
            "CardAction operator=ou_1,on_1,u1 tenant_key=tk token=c-1 tag=button value={\"k\":\"v\"} option=o \
                timezone=Asia/Shanghai name=n form_value={\"f\":\"1\"} input_value=i checked=true options=a options=b \
                host=im_message delivery_type=x url=https://e preview_token=p open_message_id=om_1 open_chat_id=oc_1"
                .to_owned(),
            "user ids=ou_1,on_1,u1 chat=oc_1 message=om_1",
        ),
        (
            "url.preview.get",
            json!({"operator": {"tenant_key": "tk", "open_id": "ou_1"}, "host": "im_message",
                "context": {"url": "https://e", "preview_token": "p", "open_message_id": "om_1",
                    "open_chat_id": "oc_1"}}),
            "UrlPreview operator=ou_1 tenant_key=tk host=im_message url=https://e preview_token=p \
                open_message_id=om_1 open_chat_id=oc_1"
                .to_owned(),
            "user ids=ou_1 chat=oc_1 message=om_1",
        ),
        (
            "drive.notice.comment_add_v1",
            comment(),
            "DriveComment file_type=docx file_token=doc from_user_id=ou_1,on_1,u1 to_user_id=ou_2,on_2,u2 \
                notice_type=add_reply timestamp=1700000000000 comment_id=c reply_id=r is_mentioned=true complete=yes"
                .to_owned(),
            "user ids=ou_1,on_1,u1",
        ),
    ];
    for (event_type, name) in [
        ("im.chat.disbanded_v1", "ChatDisbanded"),
        ("im.chat.member.bot.added_v1", "BotAdded"),
        ("im.chat.member.bot.deleted_v1", "BotDeleted"),
        ("im.chat.member.user.added_v1", "UserAdded"),
        ("im.chat.member.user.deleted_v1", "UserDeleted"),
        ("im.chat.member.user.withdrawn_v1", "UserWithdrawn"),
    ] {
        all.push((event_type, chat_event(), format!("{name} {CHAT_EVENT}"), "nobody chat=oc_1"));
    }
    all
}

#[test]
fn every_event_of_the_table_tells_all_its_fields() {
    assert_eq!(all().len(), 17);
    for (event_type, event, expected, _) in all() {
        assert_eq!(told(&v2(event_type, event)), expected, "{event_type}");
    }
}

#[test]
fn a_gate_learns_who_acted_in_which_chat_on_which_message() {
    for (event_type, event, _, expected) in all() {
        assert_eq!(asked(&v2(event_type, event)), expected, "{event_type}");
    }
}

#[test]
fn an_event_no_view_is_made_for_is_still_readable_field_by_field() {
    let meeting = v2("vc.meeting.meeting_started_v1", json!({"meeting": {"topic": "早", "n": [1]}, "chat_id": "oc_1"}));
    assert_eq!((told(&meeting).as_str(), asked(&meeting).as_str()), ("Other", "nobody"));
    with_event(&meeting, |event| {
        assert_eq!(event.field(&["meeting", "topic"]).unwrap().as_str().unwrap().to_string(), "早");
        assert!(event.field(&["meeting", "n", "0"]).is_none(), "only objects have members");
        assert!(event.field(&["meeting", "topic", "x"]).is_none());
        assert!(event.field(&["nothing"]).is_none());
        assert!(
            matches!(event.field(&[]), Some(larkwire_core::wire::json::Value::Object(text)) if text == event.body())
        );
    });
}

#[test]
fn a_type_of_the_new_envelope_is_no_type_of_the_old_one() {
    let (_, message, ..) = &all()[0];
    for (payload, what) in [
        (json!({"schema": "2.0", "header": {"event_type": "message"}, "event": message}), "v2 `message`"),
        (json!({"uuid": "u", "event": {"type": "im.message.receive_v1", "message": {"chat_id": "oc_1"}}}), "v1"),
        (json!({"schema": "2.0", "header": {}, "event": message}), "no type"),
        (json!({"schema": "2.0"}), "nothing at all"),
    ] {
        assert_eq!(told(&payload), "Other", "{what}");
        with_event(&payload, |event| assert!(event.message().is_none() && !event.is_callback(), "{what}"));
    }
}

#[test]
fn a_name_with_escapes_is_the_same_name() {
    let text = r#"{"schema":"2.0","header":{"event_type":"im.message.rec\u0061lled_v1"},"event":{"m\u0065ssage_id":"om_\u0031"}}"#;
    let seen = super::Platform::new().event(text, |event| {
        assert_eq!(format!("{:?}", event.typed()), "MessageRecalled(MessageRecalled(31 bytes))");
        super::tell(&event)
    });
    assert_eq!(seen.unwrap(), "MessageRecalled message_id=om_1");
}

#[test]
fn a_view_takes_no_room_and_debugging_it_tells_no_secret() {
    assert_eq!(size_of::<larkwire_core::typed::CardAction<'_>>(), size_of::<&str>());
    assert!(size_of::<larkwire_core::Layout>() <= 260);
    let (event_type, event, ..) = &all()[8];
    with_event(&v2(event_type, event.clone()), |event| {
        let shown = format!("{:?} {:?}", event.typed(), event.actor());
        assert!(!shown.contains("c-1") && !shown.contains("Shanghai"), "{shown}");
    });
}

#[test]
fn a_board_that_reads_nothing_but_plain_text_reads_it_as_everybody_does() {
    let said = |message_type: &str, content: &str| {
        let mentions = json!([{"key": "@_user_1", "id": {"open_id": "ou_bot"}, "name": "Bot"},
            {"key": "@_user_2", "id": {"open_id": "ou_b"}, "name": "小\"B"}]);
        v2(
            "im.message.receive_v1",
            json!({"sender": {"sender_id": {"open_id": "ou_1"}}, "message": {
            "message_id": "om_1", "chat_id": "oc_1", "chat_type": "group", "message_type": message_type,
            "content": content, "mentions": mentions}}),
        )
    };
    for words in ["hi", "", "@_user_1 哈囉 @_user_2\n\"x\"", "@_user_12 @_all  a", "\\u4e2d \t"] {
        let content = json!({ "text": words }).to_string();
        with_event(&said("text", &content), |event| {
            let event = event.with_own_open_id("ou_bot");
            let message = event.message().unwrap();
            for form in [Form::Body, Form::Full] {
                let (mut room, mut other) = ([0; 256], [0; 256]);
                let text = message.text(form, &mut room).unwrap();
                assert_eq!(message.plain_text(form, &mut other), Ok(Some(text)), "{words}");
                // At most one guess, then what is needed.
                let (mut len, mut tries) = (text.len().saturating_sub(1), 0);
                while let Err(TooSmall { needed }) = message.plain_text(form, &mut other[..len]) {
                    assert!(needed > len, "{words}: {needed} {len}");
                    (len, tries) = (needed, tries + 1);
                }
                assert!(tries <= 2, "{words}");
            }
        });
    }
    with_event(&said("post", r#"{"title":"no"}"#), |event| {
        assert_eq!(event.message().unwrap().plain_text(Form::Body, &mut [0; 64]), Ok(None));
    });
}
