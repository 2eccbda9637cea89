//! Messages and events as people cause them.
#![cfg(feature = "platform")]
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a test ends where it fails")]

mod common;

use std::time::Duration;

use common::{APP, Client, count, envelope, platform, platform_with, settled, wait};
use larkwire_conformance::platform::{Kind, Mention, PlatformConfig, Push};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

/// What reaches a client.
async fn received(push: &Push) -> Value {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    platform.push(push).unwrap();
    envelope(&[client.data().await])
}

fn hi() -> Push {
    Push::text("oc_room", "ou_ann", "hi")
}

#[tokio::test]
async fn a_message_mentions_the_bot_and_others() {
    let push = hi().chat_type("group").mention(Mention::new("ou_bob", "Bob")).mention_bot();
    let message = received(&push).await["event"]["message"].clone();
    assert_eq!(message["content"], r#"{"text":"@_user_1 @_user_2 hi"}"#);
    let mentions = &message["mentions"];
    assert_eq!((&mentions[0]["key"], &mentions[0]["id"]["open_id"]), (&"@_user_1".into(), &"ou_bot".into()));
    assert_eq!((&mentions[0]["mentioned_type"], &mentions[0]["name"]), (&"bot".into(), &"Bot".into()));
    assert_eq!((&mentions[1]["key"], &mentions[1]["id"]["open_id"]), (&"@_user_2".into(), &"ou_bob".into()));
    assert_eq!(mentions[1].get("mentioned_type"), None);
    let all = received(&hi().chat_type("group").mention_all()).await["event"]["message"].clone();
    assert_eq!((&all["content"], all.get("mentions")), (&r#"{"text":"@_all hi"}"#.into(), None));
}

#[tokio::test]
async fn senders_and_chats_are_of_every_kind() {
    let event = received(&hi().sender_ids(None, Some("on_ann"), None)).await["event"].clone();
    assert_eq!(event["sender"]["sender_id"], json!({ "open_id": null, "union_id": "on_ann", "user_id": null }));
    assert_eq!((&event["sender"]["sender_type"], &event["message"]["chat_type"]), (&"user".into(), &"p2p".into()));
    let push = hi().sender_type("app").chat_type("planet").tenant("elsewhere").created_ms(1_700_000_000_000);
    let all = received(&push.in_thread("omt_1").reply_to("om_root", "om_parent")).await;
    assert_eq!(all["event"]["sender"]["sender_type"], "app");
    assert_eq!(all["event"]["sender"]["tenant_key"], "elsewhere");
    assert_eq!(all["header"]["create_time"], "1700000000000");
    let message = &all["event"]["message"];
    assert_eq!((&message["create_time"], &message["chat_type"]), (&"1700000000000".into(), &"planet".into()));
    assert_eq!(
        (&message["root_id"], &message["parent_id"], &message["thread_id"]),
        (&"om_root".into(), &"om_parent".into(), &"omt_1".into())
    );
}

#[tokio::test]
async fn content_is_of_every_type_and_need_not_be_json() {
    let content = async |push: Push| received(&push).await["event"]["message"]["content"].clone();
    assert_eq!(content(hi().content("image", json!({ "image_key": "img_1" }))).await, r#"{"image_key":"img_1"}"#);
    assert_eq!(content(hi().content("hologram", "{not json")).await, "{not json");
}

#[tokio::test]
async fn old_apps_get_their_messages_in_version_1() {
    let push =
        hi().v1().chat_type("group").mention_bot().event_id("u1").message_id("om_1").created_ms(1_500_000_000_250);
    let envelope = received(&push).await;
    assert_eq!(
        (&envelope["uuid"], &envelope["type"], &envelope["ts"]),
        (&"u1".into(), &"event_callback".into(), &"1500000000.2500000".into())
    );
    let event = &envelope["event"];
    assert_eq!(
        (&event["type"], &event["app_id"], &event["open_message_id"]),
        (&"message".into(), &APP.into(), &"om_1".into())
    );
    assert_eq!((&event["is_mention"], &event["chat_type"]), (&true.into(), &"group".into()));
    assert_eq!(event["text"], r#"<at open_id="ou_bot">@Bot</at> hi"#);
    assert_eq!(event["text_without_at_bot"], "hi");
}

#[tokio::test]
async fn other_events_come_with_what_belongs_to_them() {
    for (push, event_type, pointer, value) in [
        (Push::reaction("om_1", "OK", "ou_ann"), "im.message.reaction.created_v1", "/user_id/open_id", "ou_ann"),
        (Push::reaction_removed("om_1", "OK", "ou_ann"), "im.message.reaction.deleted_v1", "/operator_type", "user"),
        (Push::recalled("om_1", "oc_1"), "im.message.recalled_v1", "/message_id", "om_1"),
        (Push::bot_menu("help", "ou_ann"), "application.bot.menu_v6", "/event_key", "help"),
        (
            Push::url_preview("https://x.org", "om_1", "oc_1", "ou_ann"),
            "url.preview.get",
            "/context/url",
            "https://x.org",
        ),
        (
            Push::drive_comment("doc_1", "c_1", None, "ou_ann"),
            "drive.notice.comment_add_v1",
            "/notice_meta/notice_type",
            "add_comment",
        ),
        (Push::drive_comment("doc_1", "c_1", Some("r_1"), "ou_ann"), "drive.notice.comment_add_v1", "/reply_id", "r_1"),
    ] {
        let envelope = received(&push).await;
        assert_eq!(envelope["header"]["event_type"], event_type);
        assert_eq!(envelope["event"].pointer(pointer).unwrap(), value);
    }
}

#[tokio::test]
async fn an_acknowledged_event_comes_again_after_20_minutes_and_7_hours() {
    let platform = platform_with(PlatformConfig::default()).await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hi().again_after(20 * MINUTE).again_after(7 * 60 * MINUTE)).unwrap();
    let first = client.data().await;
    client.ack(&first).await;
    wait(&platform, settled).await;
    for ahead in [20 * MINUTE, 7 * 60 * MINUTE - 20 * MINUTE] {
        platform.advance(ahead);
        let again = client.data().await;
        assert_ne!(again.header("message_id"), first.header("message_id"));
        assert_eq!(again.payload, first.payload);
        client.ack(&again).await;
    }
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Pushed { .. })), 3);
    let at = |record: &larkwire_conformance::platform::Record| {
        matches!(record.kind, Kind::Pushed { .. }).then_some(record.at_ms / 60_000)
    };
    assert_eq!(platform.records().iter().filter_map(at).collect::<Vec<_>>(), [0, 20, 420]);
}

#[tokio::test(start_paused = true)]
async fn on_a_paused_clock_duplicates_take_no_time_either() {
    let platform = platform_with(PlatformConfig::default()).await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hi().again_after(20 * MINUTE)).unwrap();
    let first = client.data().await;
    client.ack(&first).await;
    wait(&platform, settled).await;
    tokio::time::advance(20 * MINUTE).await;
    assert_eq!(client.data().await.payload, first.payload);
}

#[tokio::test]
async fn redeliveries_follow_the_clock_that_is_put_forward() {
    let platform = platform_with(PlatformConfig::default()).await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hi()).unwrap();
    for minutes in [1, 5, 60, 360] {
        let frame = client.data().await;
        let before = platform.records().last().unwrap().number;
        client.send(&common::ack(&frame, r#"{"code":500}"#)).await;
        let refused =
            platform.wait_for_after(before, |record| matches!(record.kind, Kind::Acked { .. }), common::LONG).await;
        assert!(refused.is_some());
        platform.advance(minutes * MINUTE);
    }
    let frame = client.data().await;
    client.ack(&frame).await;
    wait(&platform, settled).await;
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Redelivered { .. })), 4);
}
