//! Events as lines on stdout.

use larkwire_conformance::platform::{Kind, Push};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, BufReader};

use crate::child::{Larkwire, Lines};
use crate::support::*;

#[tokio::test]
async fn the_first_line_names_the_schema_and_each_event_is_one_line() {
    let platform = platform().await;
    // Waiting before the bot is there: still not the first line.
    platform.push(&text("早上好 🎉\n\"second line\"").parts(3).times(2).event_id("e-1").message_id("om_1")).unwrap();
    let bot = Larkwire::run(&platform).start();
    let line = bot.event("早上好 🎉\n\"second line\"").await;
    let first: Value = serde_json::from_str(&bot.out.all()[0]).unwrap();
    assert_eq!((&first["kind"], &first["schema"]), (&json!("hello"), &json!(1)));
    let wanted = json!({
        "kind": "event", "event_type": "im.message.receive_v1", "event_id": "e-1", "message_id": "om_1",
        "chat_id": "oc_room", "chat_type": "group", "message_type": "text",
        "content": "{\"text\":\"早上好 🎉\\n\\\"second line\\\"\"}",
        "bot": null, "text": "早上好 🎉\n\"second line\"", "full_text": "早上好 🎉\n\"second line\"",
        "mentions_bot": false, "resources": [], "is_callback": false, "response_id": null,
    });
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&line[name], value, "{name}");
    }
    let sender = json!({
        "open_id": "ou_ann", "union_id": null, "user_id": null, "sender_type": "user", "tenant_key": "tenant",
    });
    assert_eq!(line["sender"], sender);
    wait_for_many(&platform, 2, settled).await;

    // What is unknown is null, not absent.
    platform.push(&Push::event("im.chat.updated_v1", json!({"chat_id": "oc_1"})).event_id("e-2")).unwrap();
    let other = bot.line(|line| line["event_id"] == "e-2").await;
    for name in ["bot", "message_id", "chat_type", "sender", "message_type", "content", "text", "response_id"] {
        assert_eq!(other.get(name), Some(&Value::Null), "{name}");
    }
    assert_eq!((&other["event_type"], &other["event"]), (&json!("im.chat.updated_v1"), &json!({"chat_id": "oc_1"})));
    assert_eq!(other["chat_id"], "oc_1", "the chat it is about");

    // Line breaks between the tokens of its JSON.
    let pretty = json!({
        "schema": "2.0", "header": {"event_id": "e-3", "event_type": "x.y_v1", "app_id": APP},
        "event": {"list": [1, 2], "text": "a\nb"},
    });
    let pretty = serde_json::to_string_pretty(&pretty).unwrap().replace('\n', "\r\n");
    platform.push(&Push::raw(pretty)).unwrap();
    let third = bot.line(|line| line["event_id"] == "e-3").await;
    assert_eq!(third["event"], json!({"list": [1, 2], "text": "a\nb"}));

    bot.signal("INT");
    let (code, out, _) = bot.end().await;
    assert_eq!(code, 0);
    assert_eq!(out.lines().count(), 4, "nothing came twice: {out}");
    assert!(out.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_reader_that_pauses_gets_everything_once() {
    const MANY: usize = 300;
    let platform = platform().await;
    let (bot, mut stdout) = Larkwire::run(&platform).start_unread();
    wait(&platform, |kind| matches!(kind, Kind::Pinged { .. })).await;
    let filler = "x".repeat(1000);
    for n in 0..MANY {
        platform.push(&text(&format!("{n} {filler}")).event_id(format!("e-{n}"))).unwrap();
    }
    // The pipe is full: what was not written is not acknowledged.
    wait(&platform, |kind| matches!(kind, Kind::Unacked { .. })).await;
    let acked = count(&platform, settled);
    assert!(acked < MANY, "{acked} acks for a pipe that holds 64 KiB");
    let mut first = [0; 1];
    soon(stdout.read_exact(&mut first)).await.unwrap();
    let out = Lines::of(BufReader::new(stdout));
    wait_for_many(&platform, MANY, settled).await;
    bot.signal("INT");
    assert_eq!(bot.end().await.0, 0);
    let rest = out.rest().await;
    let mut ids: Vec<_> = rest
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["event_id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    let mut wanted: Vec<_> = (0..MANY).map(|n| format!("e-{n}")).collect();
    wanted.sort();
    assert_eq!(ids, wanted);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Upgraded { .. })), 1, "the link stood");
}

#[tokio::test]
async fn the_connection_is_cut_and_the_pipe_goes_on() {
    let platform = platform().await;
    let bot = Larkwire::run(&platform).start();
    platform.push(&text("before")).unwrap();
    bot.event("before").await;
    platform.cut(APP);
    platform.push(&text("meanwhile")).unwrap();
    bot.notice("next attempt in").await;
    bot.event("meanwhile").await;
    bot.signal("TERM");
    let (code, out, _) = bot.end().await;
    assert_eq!((code, out.lines().count()), (0, 3));
}
