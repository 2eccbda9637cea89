//! Who may speak to the bot.

use larkwire_conformance::platform::{Kind, Push};
use larkwire_tokio::Client;
use larkwire_tokio::core::AckReactions;
use larkwire_tokio::core::fault::DropReason;
use serde_json::json;

use crate::log::Log;
use crate::support::*;

/// What each of these says; the second has the ids of the first in the wrong places, the third shows one only.
fn senders() -> [Push; 5] {
    [
        whisper("ann").sender_ids(Some("ou_ann"), Some("on_ann"), Some("ann")),
        whisper("crossed").sender_ids(Some("ann"), Some("ou_ann"), Some("on_ann")),
        whisper("union only").sender_ids(None, Some("on_ann"), None),
        whisper("bob").sender_ids(Some("ou_bob"), Some("on_bob"), Some("bob")),
        whisper("nobody").sender_ids(None, None, None),
    ]
}

#[tokio::test]
async fn each_entry_lets_in_whom_its_kind_of_id_names_and_nobody_else() {
    let everybody = &["ann", "crossed", "union only", "bob", "nobody"][..];
    let lists: [(&[&str], &[&str]); 9] = [
        (&["ou_ann"], &["ann"]),
        (&["on_ann"], &["ann", "union only"]),
        (&["ann"], &["ann"]),
        (&["ou_bob", "on_ann"], &["ann", "union only", "bob"]),
        (&["*"], everybody),
        (&["ou_zoe", "*"], everybody),
        (&["OU_ANN", "ou_an", "ou_ann1", "Ann"], &[]),
        (&["ou_", "on_"], &[]),
        (&[], &[]),
    ];
    for (list, heard) in lists {
        let platform = platform().await;
        let settings = list.iter().fold(strict(&platform), |settings, id| settings.allow(*id));
        let (client, mut events) = bot_with(&settings).await;
        for push in senders() {
            tell(&platform, &push).await;
        }
        let texts: Vec<_> = rest(&client, &mut events).await.iter().map(|event| event.text().unwrap()).collect();
        assert_eq!(texts, heard, "{list:?}");
        let stats = client.stats();
        let counted = (stats.accepted, stats.dropped(DropReason::SenderNotAllowed));
        assert_eq!(counted, (heard.len() as u64, 5 - heard.len() as u64), "{list:?}");
        assert_faultless(&platform);
    }
}

#[tokio::test]
async fn a_bot_that_nobody_may_speak_to_says_so_when_it_starts() {
    let platform = platform().await;
    let log = Log::start();
    let (client, _events) = bot_with(&strict(&platform)).await;
    let warned = log.wait("nobody may speak to this bot").await;
    assert!(warned.starts_with("WARN") && warned.contains("allowed_users"), "{warned}");
    platform.push(&whisper("hello?")).unwrap();
    let dropped = log.wait("not delivered: the sender is not on the allow-list").await;
    assert!(dropped.contains("actor=ou_ann") && dropped.contains("trace_id="), "whom, and where to look: {dropped}");
    client.shut_down().await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_an_id_is_refused_at_the_start() {
    let platform = platform().await;
    for entry in ["", " ", "ou_ann ", "ou_ann\n"] {
        let error = Client::start(&strict(&platform).allow("ou_bob").allow(entry)).map(drop).unwrap_err().to_string();
        assert!(error.contains("allowed_users"), "{entry:?}: {error}");
    }
}

/// No reply, no reaction, no toast: a stranger learns nothing.
#[tokio::test]
async fn whatever_a_stranger_does_is_acknowledged_and_that_is_all() {
    let platform = platform().await;
    let settings = strict(&platform).allow("ou_ann").ack_reactions(AckReactions::Auto);
    let (client, mut events) = bot_with(&settings).await;
    let strange = [
        text("hi").sender_ids(Some("ou_eve"), None, None).mention_bot(),
        whisper("hi").sender_ids(Some("ou_eve"), None, None),
        whisper("hi").sender_ids(Some("ou_eve"), None, None).v1(),
        Push::card_action("c-1", "om_card", "oc_room", "ou_eve", json!({ "tag": "button" })),
        Push::url_preview("https://example.org", "om_link", "oc_room", "ou_eve"),
        Push::reaction("om_1", "SMILE", "ou_eve"),
        Push::bot_menu("help", "ou_eve"),
        Push::drive_comment("doc", "1", None, "ou_eve"),
    ];
    for push in &strange {
        tell(&platform, push).await;
    }
    // What nobody in particular does concerns everybody.
    tell(&platform, &Push::event("im.chat.updated_v1", json!({ "chat_id": "oc_room" }))).await;
    tell(&platform, &whisper("it is me")).await;
    let types: Vec<_> = rest(&client, &mut events).await.iter().map(|event| event.event_type()).collect();
    assert_eq!(types, ["im.chat.updated_v1", "im.message.receive_v1"]);
    assert_eq!(client.stats().dropped(DropReason::SenderNotAllowed), strange.len() as u64);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Reacted { .. })), 1, "to the one who may speak");
    let answers = picked(&platform, |kind| if let Kind::CallbackAnswered { data, .. } = kind { data } else { None });
    assert_eq!(answers, [json!({}), json!({})]);
    assert_faultless(&platform);
}

#[tokio::test]
async fn other_bots_are_heard_only_where_that_is_wanted_and_never_without_end() {
    let robot = |text: &str| self::text(text).sender_type("app").sender_ids(Some("ou_robot"), None, None);
    for allowed in [false, true] {
        let platform = platform().await;
        let (client, mut events) = bot_with(&settings(&platform).allow_bots(allowed).own_open_id(BOT)).await;
        for n in 1..=6 {
            tell(&platform, &robot(&format!("robot {n}"))).await;
        }
        tell(&platform, &text("enough of that")).await;
        tell(&platform, &robot("robot 7")).await;
        tell(&platform, &robot("myself").sender_ids(Some(BOT), None, None)).await;
        let texts: Vec<_> = rest(&client, &mut events).await.iter().map(|event| event.text().unwrap()).collect();
        let stats = client.stats();
        let dropped = [DropReason::BotSender, DropReason::BotLoop, DropReason::SelfSent].map(|why| stats.dropped(why));
        if allowed {
            assert_eq!(texts, ["robot 1", "robot 2", "robot 3", "robot 4", "enough of that", "robot 7"]);
            assert_eq!(dropped, [0, 2, 1]);
        } else {
            assert_eq!(texts, ["enough of that"]);
            assert_eq!(dropped, [7, 0, 1]);
        }
        assert_faultless(&platform);
    }
}

#[tokio::test]
async fn messages_older_than_the_limit_are_left_alone_and_clicks_are_not() {
    let platform = platform().await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let (client, mut events) = bot_with(&settings(&platform).stale_after_ms(60_000)).await;
    tell(&platform, &whisper("ten minutes ago").created_ms(now - 600_000)).await;
    tell(&platform, &whisper("just now").created_ms(now - 5000)).await;
    tell(&platform, &Push::bot_menu("help", "ou_ann")).await;
    let events = rest(&client, &mut events).await;
    assert_eq!(events.iter().map(|event| event.text()).collect::<Vec<_>>(), [Some("just now".into()), None]);
    assert_eq!(client.stats().dropped(DropReason::Stale), 1);
}
