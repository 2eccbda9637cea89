//! What a message says, and what it carries.

use larkwire_conformance::platform::{Mention, Push};
use serde_json::{Value, json};

use crate::child::{Larkwire, Running};
use crate::support::*;

/// The line of a message that comes in now.
async fn line(platform: &larkwire_conformance::platform::Platform, bot: &Running, push: Push) -> Value {
    let id = format!("e-{}", platform.records().len());
    platform.push(&push.event_id(&id)).unwrap();
    bot.line(|line| line["event_id"] == id).await
}

#[tokio::test]
async fn who_is_mentioned_shows_and_the_bots_own_mention_is_not_in_what_it_is_told() {
    let platform = platform().await;
    let bot = Larkwire::run(&platform).start();
    // A message that comes before the bot knows itself still has its mention in it.
    crate::support::wait(&platform, |kind| matches!(kind, larkwire_conformance::platform::Kind::Read { .. })).await;
    let post = json!({
        "title": "Plan",
        "content": [[
            {"tag": "text", "text": "please "},
            {"tag": "at", "user_id": "@_user_1", "user_name": "Bot"},
            {"tag": "text", "text": " see this"},
        ]],
    });
    let stories = [
        (text("hi"), "hi", "hi", false),
        (text("hi").mention_bot(), "hi", "@Bot hi", true),
        (
            text("@_user_1 hi @_user_2").mention_bot().mention(Mention::new("ou_bo", "Bo")),
            "hi @Bo",
            "@Bot hi @Bo",
            true,
        ),
        (text("hi").mention(Mention::new("ou_bo", "Bot")), "@Bot hi", "@Bot hi", false),
        (text("hi").mention_all(), "@all hi", "@all hi", false),
        (text("").mention_bot(), "", "@Bot", true),
        (
            text("").mention_bot().content("post", post),
            "# Plan\n\nplease see this",
            "# Plan\n\nplease @Bot see this",
            true,
        ),
    ];
    for (push, text, full_text, mentions_bot) in stories {
        let line = line(&platform, &bot, push).await;
        let found = (&line["text"], &line["full_text"], &line["mentions_bot"]);
        assert_eq!(found, (&json!(text), &json!(full_text), &json!(mentions_bot)), "{line}");
    }
    assert_faultless(&platform);
}

#[tokio::test]
async fn every_kind_of_message_has_a_text_and_shows_what_it_carries() {
    let platform = platform().await;
    let bot = Larkwire::run(&platform).start();
    let post = json!({"title": "", "content": [
        [{"tag": "text", "text": "see "}, {"tag": "a", "href": "https://example.org/", "text": "this"}],
        [{"tag": "img", "image_key": "img_7"}, {"tag": "media", "file_key": "file_7", "image_key": "img_8"}],
    ]});
    let medium = |kind: &str, key: &str, more: Value| {
        let mut medium =
            json!({"type": kind, "key": key, "file_name": null, "duration_ms": null, "cover_image_key": null});
        medium.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        medium
    };
    let stories = [
        (
            "post",
            post,
            "see [this](https://example.org/)",
            vec![medium("image", "img_7", json!({})), medium("video", "file_7", json!({"cover_image_key": "img_8"}))],
        ),
        ("image", json!({"image_key": "img_1"}), "img_1", vec![medium("image", "img_1", json!({}))]),
        (
            "file",
            json!({"file_key": "file_2", "file_name": "报告.pdf"}),
            "报告.pdf",
            vec![medium("file", "file_2", json!({"file_name": "报告.pdf"}))],
        ),
        (
            "audio",
            json!({"file_key": "file_3", "duration": 2000}),
            "audio",
            vec![medium("audio", "file_3", json!({"duration_ms": 2000}))],
        ),
        (
            "media",
            json!({"file_key": "file_4", "file_name": "v.mp4", "image_key": "img_4", "duration": 3000}),
            "v.mp4",
            vec![medium(
                "video",
                "file_4",
                json!({"file_name": "v.mp4", "duration_ms": 3000, "cover_image_key": "img_4"}),
            )],
        ),
        ("sticker", json!({"file_key": "file_5"}), "file_5", vec![medium("sticker", "file_5", json!({}))]),
        ("location", json!({"name": "天安门", "longitude": "1", "latitude": "2"}), "天安门", vec![]),
        ("hologram", json!({"depth": 3}), "[unsupported message]", vec![]),
    ];
    for (kind, content, words, resources) in stories {
        let line = line(&platform, &bot, text("").content(kind, content)).await;
        assert_eq!(line["message_type"], kind);
        let said = line["text"].as_str().unwrap();
        assert!(!said.is_empty() && said.contains(words), "{line}");
        assert_eq!(line["resources"], json!(resources), "{line}");
        assert!(line["content"].is_string(), "the content itself is there, too: {line}");
    }
    assert_faultless(&platform);
}

#[tokio::test]
async fn what_is_no_message_has_no_text() {
    let platform = platform().await;
    let bot = Larkwire::run(&platform).start();
    platform.push(&Push::bot_menu("help", "ou_ann").event_id("e-1")).unwrap();
    let line = bot.line(|line| line["event_id"] == "e-1").await;
    for name in ["bot", "text", "full_text", "mentions_bot", "resources", "response_id"] {
        assert_eq!(line.get(name), Some(&Value::Null), "null, not absent: {name}");
    }
    assert_eq!(line["event"]["event_key"], "help");
}
