//! What a bot can do with messages: send, reply, edit, replace a card, recall, react.
#![cfg(feature = "platform")]
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a test ends where it fails")]

mod common;

use std::time::Duration;

use common::calls::{SEND, call, get, message, path_of, post, sent, text, token};
use common::{APP, Client, count, envelope, platform, wait};
use larkwire_conformance::platform::{Kind, Platform, Push};
use serde_json::{Value, json};

async fn code(platform: &Platform, method: &str, path: &str, token: &str, body: &Value) -> Value {
    call(platform, method, path, token, &body.to_string()).await.body["code"].clone()
}

fn card(text: &str) -> Value {
    json!({ "schema": "2.0", "body": { "elements": [{ "tag": "markdown", "content": text }] } })
}

#[tokio::test]
async fn every_kind_of_receiver_is_reached_by_its_own_kind_of_id() {
    let platform = platform().await;
    let token = token(&platform).await;
    let receivers = [
        ("open_id", "ou_ann"),
        ("union_id", "on_ann"),
        ("user_id", "ann"),
        ("email", "ann@example.org"),
        ("chat_id", "oc_room"),
    ];
    for (kind, _) in receivers {
        for (id_kind, id) in receivers {
            let path = format!("/open-apis/im/v1/messages?receive_id_type={kind}");
            let body = json!({ "receive_id": id, "msg_type": "text", "content": r#"{"text":"hi"}"# });
            let answer = post(&platform, &path, &token, body).await.body;
            if kind == id_kind {
                assert_eq!(answer["code"], 0);
                let fits = |record: &Kind| matches!(record, Kind::Sent { receive_id_type, receive_id, .. } if receive_id_type == kind && receive_id == id);
                wait(&platform, fits).await;
            } else {
                assert_eq!(answer["code"], 230_001);
                assert!(answer["msg"].as_str().unwrap().contains("ext=invalid receive_id"), "{answer}");
            }
        }
    }
    let empty = post(&platform, SEND, &token, json!({ "receive_id": "", "msg_type": "text", "content": "{}" })).await;
    assert_eq!((empty.status, &empty.body["code"]), (400, &99_992_402.into()));
    assert_eq!(empty.body["error"]["field_violations"][0]["field"], "receive_id");
    let unknown = post(&platform, "/open-apis/im/v1/messages?receive_id_type=phone", &token, text("hi")).await;
    assert_eq!(unknown.body["code"], 99_992_402);
}

#[tokio::test]
async fn the_content_must_be_that_of_its_type() {
    let platform = platform().await;
    let token = token(&platform).await;
    let post_of = |node: Value| json!({ "zh_cn": { "title": "T", "content": [[node]] } });
    let big = "x".repeat(31 * 1024);
    for (msg_type, content, code) in [
        ("text", json!({ "text": "x".repeat(100 * 1024) }), 0),
        ("text", json!({ "text": "x".repeat(151 * 1024) }), 230_025),
        ("text", json!({ "text": 1 }), 230_001),
        ("text", json!(["hi"]), 230_001),
        ("post", post_of(json!({ "tag": "md", "text": "**hi**" })), 0),
        ("post", post_of(json!({ "tag": "at", "user_id": "ou_1" })), 0),
        ("post", post_of(json!({ "tag": "at" })), 230_001),
        ("post", post_of(json!({ "tag": "blink", "text": "hi" })), 230_001),
        ("post", post_of(json!({ "tag": "text", "text": big })), 230_025),
        ("post", json!({ "title": "T", "content": [[{ "tag": "text", "text": "hi" }]] }), 230_001),
        ("post", json!({}), 230_001),
        ("interactive", card("hi"), 0),
        ("interactive", json!({ "type": "template", "data": { "template_id": "AAq" } }), 0),
        ("interactive", json!({ "type": "card", "data": { "card_id": "7" } }), 0),
        ("interactive", json!({ "type": "template", "data": {} }), 230_099),
        ("interactive", json!({ "schema": "2.0", "elements": [] }), 230_099),
        ("interactive", card(&big), 230_025),
        ("image", json!({ "image_key": "img_1" }), 0),
        ("image", json!({ "file_key": "file_1" }), 230_001),
        ("file", json!({ "file_key": "file_1" }), 0),
        ("audio", json!({ "file_key": "file_1" }), 0),
        ("media", json!({ "file_key": "file_1", "image_key": "img_1" }), 0),
        ("sticker", json!({ "file_key": "file_1" }), 0),
        ("share_chat", json!({ "chat_id": "oc_1" }), 0),
        ("share_user", json!({ "user_id": "ou_1" }), 0),
        ("system", json!({ "type": "divider" }), 0),
        ("poem", json!({ "text": "hi" }), 230_001),
    ] {
        let answer = post(&platform, SEND, &token, message(msg_type, &content)).await.body;
        assert_eq!(answer["code"], code, "{msg_type} {answer}");
    }
}

#[tokio::test]
async fn a_uuid_is_one_message_for_an_hour() {
    let platform = platform().await;
    let token = token(&platform).await;
    let with_uuid = |words: &str| {
        let mut body = text(words);
        body["uuid"] = json!("u1");
        body
    };
    let first = sent(&platform, &token, with_uuid("hi")).await;
    assert_eq!(sent(&platform, &token, with_uuid("hi")).await, first);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::ClientFault { .. })), 0);
    assert_eq!(sent(&platform, &token, with_uuid("something else")).await, first, "nothing new is sent");
    wait(&platform, |kind| matches!(kind, Kind::ClientFault { what, .. } if what.contains("another message"))).await;
    platform.advance(Duration::from_secs(60 * 60));
    assert_ne!(sent(&platform, &token, with_uuid("hi")).await, first);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Sent { repeated: true, .. })), 2);
    assert_eq!(
        post(
            &platform,
            SEND,
            &token,
            json!({ "uuid": "x".repeat(51), "receive_id": "oc_1", "msg_type": "text", "content": r#"{"text":"hi"}"# })
        )
        .await
        .body["code"],
        99_992_402
    );
}

#[tokio::test]
async fn replies_keep_to_their_topic() {
    let platform = platform().await;
    let token = token(&platform).await;
    platform.push(&Push::text("oc_room", "ou_ann", "hi").chat_type("group").message_id("om_1")).unwrap();
    let in_topic = Push::text("oc_room", "ou_ann", "hi").chat_type("topic_group").in_thread("omt_1");
    platform.push(&in_topic.reply_to("om_1", "om_1").message_id("om_2")).unwrap();
    let reply = async |parent: &str, in_thread: bool| {
        let body = json!({ "msg_type": "text", "content": r#"{"text":"yes"}"#, "reply_in_thread": in_thread });
        post(&platform, &format!("{}/reply", path_of(parent)), &token, body).await.body["data"].clone()
    };
    let plain = reply("om_1", false).await;
    assert_eq!((&plain["root_id"], plain.get("thread_id")), (&"om_1".into(), None));
    let opened = reply("om_1", true).await;
    assert!(opened["thread_id"].as_str().unwrap().starts_with("omt_"));
    assert_eq!(reply("om_1", true).await["thread_id"], opened["thread_id"]);
    let stays = reply("om_2", false).await;
    assert_eq!(
        (&stays["thread_id"], &stays["root_id"], &stays["parent_id"]),
        (&"omt_1".into(), &"om_1".into(), &"om_2".into())
    );
    let recorded =
        |kind: &Kind| matches!(kind, Kind::Replied { in_thread: false, thread_id: Some(id), .. } if id == "omt_1");
    wait(&platform, recorded).await;
}

#[tokio::test]
async fn a_text_is_edited_twenty_times() {
    let platform = platform().await;
    let token = token(&platform).await;
    let path = path_of(&sent(&platform, &token, text("0")).await);
    let edit =
        |words: usize| json!({ "msg_type": "text", "content": json!({ "text": words.to_string() }).to_string() });
    for words in 1..=20 {
        let answer = call(&platform, "PUT", &path, &token, &edit(words).to_string()).await.body;
        assert_eq!((&answer["code"], &answer["data"]["updated"]), (&0.into(), &true.into()));
    }
    assert_eq!(code(&platform, "PUT", &path, &token, &edit(21)).await, 230_072);
    wait(&platform, |kind| matches!(kind, Kind::Edited { edits: 20, .. })).await;
    let now = get(&platform, &path, &token).await.body["data"]["items"][0]["body"]["content"].clone();
    assert_eq!(now, r#"{"text":"20"}"#);
}

#[tokio::test]
async fn only_the_bots_own_texts_and_posts_are_edited() {
    let platform = platform().await;
    let token = token(&platform).await;
    platform.push(&Push::text("oc_room", "ou_ann", "hi").message_id("om_1")).unwrap();
    let words = json!({ "msg_type": "text", "content": r#"{"text":"hi"}"# });
    assert_eq!(code(&platform, "PUT", &path_of("om_1"), &token, &words).await, 230_071);
    let picture = sent(&platform, &token, message("image", &json!({ "image_key": "img_1" }))).await;
    assert_eq!(code(&platform, "PUT", &path_of(&picture), &token, &words).await, 230_054);
    let own = path_of(&sent(&platform, &token, text("hi")).await);
    let as_card = json!({ "msg_type": "interactive", "content": card("hi").to_string() });
    assert_eq!(code(&platform, "PUT", &own, &token, &as_card).await, 230_001);
    let as_post = json!({ "msg_type": "post", "content": r#"{"zh_cn":{"content":[[{"tag":"hr"}]]}}"# });
    assert_eq!(code(&platform, "PUT", &own, &token, &as_post).await, 0);
    assert_eq!(code(&platform, "PUT", &path_of("om_nothing"), &token, &words).await, 230_002);
    assert_eq!(code(&platform, "PUT", &path_of("omt_1"), &token, &words).await, 99_992_354);
}

#[tokio::test]
async fn a_card_is_replaced_for_fourteen_days() {
    let platform = platform().await;
    let first_token = token(&platform).await;
    let id = sent(&platform, &first_token, message("interactive", &card("one"))).await;
    let patch = |card: &Value| json!({ "content": card.to_string() });
    assert_eq!(code(&platform, "PATCH", &path_of(&id), &first_token, &patch(&card("two"))).await, 0);
    let two = card("two").to_string();
    wait(&platform, |kind| matches!(kind, Kind::CardPatched { content, .. } if *content == two)).await;
    let seen = async |query: &str| {
        let answer = get(&platform, &format!("{}{query}", path_of(&id)), &first_token).await.body;
        answer["data"]["items"][0]["body"]["content"].clone()
    };
    assert_eq!(seen("?card_msg_content_type=user_card_content").await, two);
    assert!(seen("").await.as_str().unwrap().contains("upgrade"), "a card is not read back without asking for it");
    let private = json!({ "config": { "update_multi": false }, "elements": [] });
    assert_eq!(code(&platform, "PATCH", &path_of(&id), &first_token, &patch(&private)).await, 230_001);
    let words = sent(&platform, &first_token, text("hi")).await;
    assert_eq!(code(&platform, "PATCH", &path_of(&words), &first_token, &patch(&card("two"))).await, 230_001);
    platform.push(&Push::text("oc_room", "ou_ann", "hi").message_id("om_1")).unwrap();
    assert_eq!(code(&platform, "PATCH", &path_of("om_1"), &first_token, &patch(&card("two"))).await, 230_012);
    platform.advance(Duration::from_secs(14 * 24 * 60 * 60 + 1));
    let later = token(&platform).await;
    assert_eq!(code(&platform, "PATCH", &path_of(&id), &later, &patch(&card("three"))).await, 230_031);
}

#[tokio::test]
async fn nothing_can_be_done_with_a_message_that_was_recalled() {
    let platform = platform().await;
    let token = token(&platform).await;
    platform.push(&Push::text("oc_room", "ou_ann", "hi").message_id("om_1")).unwrap();
    assert_eq!(code(&platform, "DELETE", &path_of("om_1"), &token, &json!({})).await, 230_026);
    platform.push(&Push::recalled("om_1", "oc_room")).unwrap();
    let own = sent(&platform, &token, text("hi")).await;
    assert_eq!(code(&platform, "DELETE", &path_of(&own), &token, &json!({})).await, 0);
    wait(&platform, |kind| matches!(kind, Kind::Recalled { message_id } if *message_id == own)).await;
    let words = json!({ "msg_type": "text", "content": r#"{"text":"hi"}"# });
    let smile = json!({ "reaction_type": { "emoji_type": "SMILE" } });
    for id in ["om_1", own.as_str()] {
        let path = path_of(id);
        assert_eq!(code(&platform, "POST", &format!("{path}/reply"), &token, &words).await, 230_011);
        assert_eq!(code(&platform, "POST", &format!("{path}/reactions"), &token, &smile).await, 231_003);
        assert_eq!(code(&platform, "DELETE", &path, &token, &json!({})).await, 230_011);
        assert_eq!(get(&platform, &path, &token).await.body["data"]["items"][0]["deleted"], true);
    }
    assert_eq!(code(&platform, "PUT", &path_of(&own), &token, &words).await, 230_011);
}

#[tokio::test]
async fn only_ones_own_reactions_are_taken_back() {
    let platform = platform().await;
    let token = token(&platform).await;
    for id in ["om_1", "om_2"] {
        platform.push(&Push::text("oc_room", "ou_ann", "hi").message_id(id)).unwrap();
    }
    platform.push(&Push::reaction("om_1", "SMILE", "ou_ann")).unwrap();
    let path = format!("{}/reactions", path_of("om_1"));
    let listed = get(&platform, &path, &token).await.body["data"]["items"].clone();
    assert_eq!(listed[0]["operator"], json!({ "operator_id": "ou_ann", "operator_type": "user" }));
    let of = |message: &str, id: &Value| format!("{}/reactions/{}", path_of(message), id.as_str().unwrap());
    let hers = &listed[0]["reaction_id"];
    assert_eq!(code(&platform, "DELETE", &of("om_1", hers), &token, &json!({})).await, 231_007);
    assert_eq!(code(&platform, "DELETE", &of("om_2", hers), &token, &json!({})).await, 231_010);
    platform.push(&Push::reaction_removed("om_1", "SMILE", "ou_ann")).unwrap();
    assert_eq!(code(&platform, "DELETE", &of("om_1", hers), &token, &json!({})).await, 231_011);
    let smile = json!({ "reaction_type": { "emoji_type": "SMILE" } });
    assert_eq!(code(&platform, "POST", &format!("{}/reactions", path_of("om_3")), &token, &smile).await, 231_003);
}

#[tokio::test]
async fn the_bots_own_reactions_come_back_as_events_if_wanted() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    let token = token(&platform).await;
    let own = sent(&platform, &token, text("hi")).await;
    let path = format!("{}/reactions", path_of(&own));
    let smile = json!({ "reaction_type": { "emoji_type": "SMILE" } });
    post(&platform, &path, &token, smile.clone()).await;
    platform.options(|options| options.echo_reactions = true);
    let reaction = post(&platform, &path, &token, smile).await.body["data"]["reaction_id"].clone();
    let created = envelope(&[client.data().await]);
    assert_eq!(created["header"]["event_type"], "im.message.reaction.created_v1");
    assert_eq!((&created["event"]["operator_type"], &created["event"]["app_id"]), (&"app".into(), &APP.into()));
    assert_eq!(created["event"]["message_id"], own);
    call(&platform, "DELETE", &format!("{path}/{}", reaction.as_str().unwrap()), &token, "").await;
    let deleted = envelope(&[client.data().await]);
    assert_eq!(deleted["header"]["event_type"], "im.message.reaction.deleted_v1");
}

#[tokio::test]
async fn chats_can_be_looked_up() {
    let platform = platform().await;
    let token = token(&platform).await;
    for (chat_id, chat_type) in [("oc_dm", "p2p"), ("oc_group", "group"), ("oc_topics", "topic_group")] {
        platform.push(&Push::text(chat_id, "ou_ann", "hi").chat_type(chat_type)).unwrap();
    }
    let info = async |chat_id: &str| get(&platform, &format!("/open-apis/im/v1/chats/{chat_id}"), &token).await.body;
    for (chat_id, chat_mode) in [("oc_dm", "p2p"), ("oc_group", "group"), ("oc_topics", "topic")] {
        let data = info(chat_id).await["data"].clone();
        assert_eq!((&data["chat_mode"], &data["chat_type"]), (&chat_mode.into(), &"private".into()));
    }
    assert_eq!(info("oc_nowhere").await["code"], 232_006);
    platform.describe_chat(APP, "oc_group", &json!({ "name": "Tea", "group_message_type": "thread" })).unwrap();
    let data = info("oc_group").await["data"].clone();
    assert_eq!(
        (&data["name"], &data["group_message_type"], &data["chat_mode"]),
        (&"Tea".into(), &"thread".into(), &"group".into())
    );
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Read { id: Some(id), .. } if id == "oc_group")), 2);
}
