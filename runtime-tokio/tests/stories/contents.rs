//! What people say besides plain text, and what a program reads of it.

use larkwire_conformance::platform::{Mention, Platform, Push};
use larkwire_tokio::core::content::ResourceKind;
use larkwire_tokio::{Client, Event, Events, Media};
use serde_json::{Value, json};

use crate::clock::eventually;
use crate::support::*;

/// A bot that knows itself.
async fn aware(platform: &Platform) -> (Client, Events) {
    let (client, events) = bot(platform).await;
    eventually("the bot knows itself", || client.own_open_id().is_some()).await;
    (client, events)
}

async fn heard(platform: &Platform, events: &mut Events, push: &Push) -> Event {
    platform.push(push).unwrap();
    next(events).await
}

fn media(kind: ResourceKind, key: &str) -> (ResourceKind, String) {
    (kind, key.to_owned())
}

fn keys(event: &Event) -> Vec<(ResourceKind, String)> {
    event.resources().into_iter().map(|Media { kind, key, .. }| (kind, key)).collect()
}

#[tokio::test]
async fn the_bots_own_mention_is_taken_out_and_everybody_elses_is_a_name() {
    let platform = platform().await;
    let (_client, mut events) = aware(&platform).await;
    let bob = || Mention::new("ou_bob", "Bob");
    let say = |words: &str| text(words).mention_bot();
    let stories = [
        (say("hello"), "hello", "@Bot hello"),
        (say("@_user_1 hello @_user_2").mention(bob()), "hello @Bob", "@Bot hello @Bob"),
        (say("what does @_user_1 say?"), "what does say?", "what does @Bot say?"),
        (say("@_user_1你好"), "你好", "@Bot你好"),
        (say("@_user_1\n  two\n  lines"), "two\n lines", "@Bot\n  two\n  lines"),
        (say(""), "", "@Bot"),
        (text("hi").mention(Mention::new("ou_namesake", "Bot")), "@Bot hi", "@Bot hi"),
        (text("hi").mention_all(), "@all hi", "@all hi"),
        (text("@_user_9 hi"), "@_user_9 hi", "@_user_9 hi"),
    ];
    for (push, body, full) in stories {
        let event = heard(&platform, &mut events, &push).await;
        assert_eq!((event.text().as_deref(), event.full_text().as_deref()), (Some(body), Some(full)));
        assert_eq!(keys(&event), []);
    }
    // In envelope v1 the platform has written the mention into the text.
    let event = heard(&platform, &mut events, &say("hello").v1()).await;
    assert_eq!(event.text().as_deref(), Some("hello"));
}

#[tokio::test]
async fn a_bot_that_was_told_its_id_reads_the_same() {
    let platform = platform().await;
    let (_client, mut events) = bot_with(&settings(&platform).own_open_id(BOT)).await;
    let event = heard(&platform, &mut events, &text("hello").mention_bot()).await;
    assert_eq!((event.text().unwrap(), event.full_text().unwrap()), ("hello".into(), "@Bot hello".into()));
}

#[tokio::test]
async fn a_post_is_read_as_text_with_its_links_mentions_and_pictures() {
    let platform = platform().await;
    let (_client, mut events) = aware(&platform).await;
    // Posts are flat when they come in, and their mentions are placeholders.
    let post = json!({
        "title": "Plan",
        "content": [
            [{ "tag": "at", "user_id": "@_user_1", "user_name": "Bot" }, { "tag": "text", "text": " look:" }],
            [{ "tag": "a", "text": "here", "href": "https://example.org" }, { "tag": "at", "user_id": "@_user_2" }],
            [{ "tag": "img", "image_key": "img_1" }],
            [{ "tag": "media", "file_key": "file_1", "image_key": "img_2" }],
            [{ "tag": "code_block", "language": "rust", "text": "let x = 1;" }],
        ],
    });
    let push = text("").mention_bot().mention(Mention::new("ou_bob", "Bob")).content("post", post);
    let event = heard(&platform, &mut events, &push).await;
    let text = event.text().unwrap();
    for part in ["# Plan", "look:", "[here](https://example.org)", "@Bob", "img_1", "```rust\nlet x = 1;\n```"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("@Bot") && !text.contains("@_user"), "{text}");
    assert!(event.full_text().unwrap().contains("@Bot look:"));
    assert_eq!(keys(&event), [media(ResourceKind::Image, "img_1"), media(ResourceKind::Video, "file_1")]);
    assert_eq!(event.resources()[1].cover_image_key.as_deref(), Some("img_2"));
}

#[tokio::test]
async fn a_card_is_read_as_its_words() {
    let platform = platform().await;
    let (_client, mut events) = aware(&platform).await;
    let card = json!({
        "title": "Release",
        "elements": [
            [{ "tag": "text", "text": "Version 2 " }, { "tag": "a", "text": "notes", "href": "https://example.org" }],
            [{ "tag": "button", "text": "Approve" }],
        ],
    });
    let event = heard(&platform, &mut events, &whisper("").content("interactive", card)).await;
    let text = event.text().unwrap();
    for word in ["Release", "Version 2", "notes"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    assert!(!text.contains('{'), "{text}");
    let event = heard(&platform, &mut events, &whisper("").content("interactive", json!({}))).await;
    assert_eq!(event.text().as_deref(), Some("[interactive]"));
}

#[tokio::test]
async fn media_are_named_with_what_it_takes_to_fetch_them() {
    let platform = platform().await;
    let (_client, mut events) = bot(&platform).await;
    let say = |kind: &str, content: Value| whisper("").content(kind, content);
    let image = heard(&platform, &mut events, &say("image", json!({ "image_key": "img_v3_1" }))).await;
    assert_eq!(keys(&image), [media(ResourceKind::Image, "img_v3_1")]);
    assert_eq!(image.text().as_deref(), Some("![image](img_v3_1)"));
    let file = json!({ "file_key": "file_1", "file_name": "报告 \"1\".pdf" });
    let file = heard(&platform, &mut events, &say("file", file)).await;
    assert_eq!(keys(&file), [media(ResourceKind::File, "file_1")]);
    assert_eq!(file.resources()[0].file_name.as_deref(), Some("报告 \"1\".pdf"));
    let audio = heard(&platform, &mut events, &say("audio", json!({ "file_key": "file_2", "duration": 1500 }))).await;
    assert_eq!(keys(&audio), [media(ResourceKind::Audio, "file_2")]);
    assert_eq!(audio.resources()[0].duration_ms, Some(1500));
    let video = json!({ "file_key": "file_3", "image_key": "img_3", "file_name": "a.mp4", "duration": 20_000 });
    let video = heard(&platform, &mut events, &say("media", video)).await;
    assert_eq!(keys(&video), [media(ResourceKind::Video, "file_3")]);
    let Media { file_name, duration_ms, cover_image_key, .. } = &video.resources()[0];
    assert_eq!((file_name.as_deref(), *duration_ms), (Some("a.mp4"), Some(20_000)));
    assert_eq!(cover_image_key.as_deref(), Some("img_3"));
    let sticker = heard(&platform, &mut events, &say("sticker", json!({ "file_key": "file_4" }))).await;
    assert_eq!(keys(&sticker), [media(ResourceKind::Sticker, "file_4")]);
}

#[tokio::test]
async fn what_nobody_knows_or_nobody_can_read_is_still_an_event() {
    let platform = platform().await;
    let (_client, mut events) = bot(&platform).await;
    let tomorrow = whisper("").content("hologram", json!({ "depth": 3 }));
    let event = heard(&platform, &mut events, &tomorrow).await;
    assert_eq!(event.text().as_deref(), Some("[unsupported message]"));
    for broken in ["", "no JSON", "{\"text\":", "[1]", "\u{0}"] {
        let event = heard(&platform, &mut events, &whisper("").content("text", broken)).await;
        assert_eq!(event.text().as_deref(), Some(""), "{broken:?}");
        assert_eq!(event.content().unwrap_or_default(), broken);
        assert_eq!(event.resources(), []);
    }
    let event = heard(&platform, &mut events, &Push::bot_menu("help", "ou_ann")).await;
    assert_eq!((event.text(), event.full_text(), event.resources().len()), (None, None, 0));
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_very_long_text_is_read_whole() {
    let platform = platform().await;
    let (_client, mut events) = bot(&platform).await;
    let long = "好\n\"\\".repeat(60_000);
    platform.push(&whisper(&long).parts(3)).unwrap();
    let event = next(&mut events).await;
    assert_eq!(event.full_text().unwrap(), long);
}
