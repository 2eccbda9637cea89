//! Every command once, as the platform sees it, and its result line.

use larkwire_conformance::platform::{Endpoint, Kind, Push};
use serde_json::{Value, json};

use crate::child::{Larkwire, Running};
use crate::support::*;

/// Says a command and gives its result line.
async fn ask(bot: &mut Running, id: &str, command: Value) -> Value {
    let mut line = json!({"id": id});
    line.as_object_mut().unwrap().extend(command.as_object().unwrap().clone());
    bot.say(line.to_string()).await;
    let result = bot.result(id).await;
    assert_eq!(result["cmd"], command["cmd"], "{result}");
    result
}

/// The id of the message that a command has sent.
async fn sent(bot: &mut Running, id: &str, command: Value) -> String {
    let result = ask(bot, id, command).await;
    assert_eq!((&result["ok"], &result["error"]), (&json!(true), &Value::Null), "{result}");
    assert_eq!(result["data"]["message_id"], result["message_id"], "{result}");
    assert!(result["log_id"].as_str().is_some_and(|id| !id.is_empty()), "{result}");
    result["message_id"].as_str().unwrap().to_owned()
}

fn card(words: &str) -> Value {
    json!({"schema": "2.0", "body": {"elements": [{"tag": "markdown", "content": words}]}})
}

fn post(words: &str) -> Value {
    json!({"zh_cn": {"title": "标题", "content": [[{"tag": "text", "text": words}]]}})
}

#[tokio::test]
async fn a_message_can_be_a_text_a_card_or_a_post() {
    let platform = platform().await;
    let mut bot = Larkwire::run(&platform).piped().start();
    platform.push(&text("question").message_id("om_1")).unwrap();
    bot.event("question").await;
    let bodies = [
        ("text", json!("hi"), "text", json!({"text": "hi"})),
        ("card", card("**hi**"), "interactive", card("**hi**")),
        ("post", post("hi"), "post", post("hi")),
    ];
    for (name, body, wanted_type, wanted) in bodies {
        let mut send = json!({"cmd": "send", "chat_id": "oc_1"});
        send[name] = body.clone();
        let id = sent(&mut bot, &format!("send {name}"), send).await;
        let found = wait(&platform, |kind| matches!(kind, Kind::Sent { message_id, .. } if *message_id == id)).await;
        let Kind::Sent { msg_type, content, receive_id, receive_id_type, .. } = found.kind else { unreachable!() };
        assert_eq!((receive_id_type.as_str(), receive_id.as_str()), ("chat_id", "oc_1"));
        assert_eq!(
            (msg_type.as_str(), serde_json::from_str::<Value>(&content).unwrap()),
            (wanted_type, wanted.clone())
        );

        let mut reply = json!({"cmd": "reply", "message_id": "om_1"});
        reply[name] = body;
        let id = sent(&mut bot, &format!("reply {name}"), reply).await;
        let found = wait(&platform, |kind| matches!(kind, Kind::Replied { message_id, .. } if *message_id == id)).await;
        let Kind::Replied { msg_type, content, parent_id, in_thread, .. } = found.kind else { unreachable!() };
        assert_eq!((parent_id.as_str(), in_thread), ("om_1", false));
        assert_eq!((msg_type.as_str(), serde_json::from_str::<Value>(&content).unwrap()), (wanted_type, wanted));
    }
    assert_faultless(&platform);
}

#[tokio::test]
async fn what_was_sent_can_be_changed_and_taken_back() {
    let platform = platform().await;
    let mut bot = Larkwire::run(&platform).piped().start();
    let id = sent(&mut bot, "send", json!({"cmd": "send", "chat_id": "oc_1", "text": "tpyo"})).await;
    for (name, body, wanted) in [("text", json!("typo"), json!({"text": "typo"})), ("post", post("rich"), post("rich"))]
    {
        let mut edit = json!({"cmd": "edit", "message_id": id});
        edit[name] = body;
        assert_eq!(ask(&mut bot, name, edit).await["ok"], true);
        let found = wait(&platform, |kind| matches!(kind, Kind::Edited { msg_type, .. } if msg_type == name)).await;
        let Kind::Edited { message_id, content, .. } = found.kind else { unreachable!() };
        assert_eq!((message_id, serde_json::from_str::<Value>(&content).unwrap()), (id.clone(), wanted));
    }
    let card_id = sent(&mut bot, "card", json!({"cmd": "send", "chat_id": "oc_1", "card": card("before")})).await;
    let patch = json!({"cmd": "patch_card", "message_id": card_id, "card": card("after")});
    assert_eq!(ask(&mut bot, "patch", patch).await["ok"], true);
    let found = wait(&platform, |kind| matches!(kind, Kind::CardPatched { .. })).await;
    let Kind::CardPatched { message_id, content } = found.kind else { unreachable!() };
    assert_eq!((message_id, serde_json::from_str::<Value>(&content).unwrap()), (card_id, card("after")));

    let recalled = ask(&mut bot, "recall", json!({"cmd": "recall", "message_id": id})).await;
    assert_eq!((&recalled["ok"], &recalled["message_id"]), (&json!(true), &Value::Null), "{recalled}");
    wait(&platform, |kind| matches!(kind, Kind::Recalled { message_id } if *message_id == id)).await;
    let gone = ask(&mut bot, "late", json!({"cmd": "edit", "message_id": id, "text": "too late"})).await;
    assert_eq!((&gone["ok"], &gone["error"]["code"]), (&json!(false), &json!(230_011)), "{gone}");
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_reaction_has_an_id_by_which_it_goes_again() {
    let platform = platform().await;
    let mut bot = Larkwire::run(&platform).args(["--reactions", "off"]).piped().start();
    platform.push(&text("nice").message_id("om_1")).unwrap();
    bot.event("nice").await;
    let react = json!({"cmd": "react", "message_id": "om_1", "emoji_type": "THUMBSUP"});
    let result = ask(&mut bot, "react", react).await;
    let reacted = wait(&platform, |kind| matches!(kind, Kind::Reacted { .. })).await;
    let Kind::Reacted { message_id, reaction_id, emoji_type } = reacted.kind else { unreachable!() };
    assert_eq!((message_id.as_str(), emoji_type.as_str()), ("om_1", "THUMBSUP"));
    assert_eq!((&result["ok"], &result["reaction_id"]), (&json!(true), &json!(reaction_id)), "{result}");

    let unreact = json!({"cmd": "unreact", "message_id": "om_1", "reaction_id": reaction_id});
    assert_eq!(ask(&mut bot, "unreact", unreact).await["ok"], true);
    wait(&platform, |kind| matches!(kind, Kind::Unreacted { reaction_id: id, .. } if *id == reaction_id)).await;
    let unknown = ask(&mut bot, "unknown", json!({"cmd": "react", "message_id": "om_1", "emoji_type": "好"})).await;
    assert_eq!((&unknown["ok"], &unknown["error"]["code"]), (&json!(false), &json!(231_001)), "{unknown}");
}

#[tokio::test]
async fn a_chat_can_be_looked_up() {
    let platform = platform().await;
    platform.describe_chat(APP, "oc_tea", &json!({"name": "茶", "chat_mode": "group"})).unwrap();
    let mut bot = Larkwire::run(&platform).piped().start();
    let known = ask(&mut bot, "known", json!({"cmd": "chat_info", "chat_id": "oc_tea"})).await;
    assert_eq!((&known["ok"], &known["data"]["name"]), (&json!(true), &json!("茶")), "{known}");
    wait(&platform, |kind| matches!(kind, Kind::Read { call: Endpoint::ChatInfo, id: Some(id) } if id == "oc_tea"))
        .await;
    let unknown = ask(&mut bot, "unknown", json!({"cmd": "chat_info", "chat_id": "oc_nowhere"})).await;
    assert_eq!((&unknown["ok"], &unknown["error"]["code"]), (&json!(false), &json!(232_006)), "{unknown}");
}

#[tokio::test]
async fn a_message_goes_to_a_topic_or_to_a_person_and_once_only() {
    let platform = platform().await;
    let mut bot = Larkwire::run(&platform).piped().start();
    platform.push(&text("question").message_id("om_1")).unwrap();
    bot.event("question").await;
    let reply = json!({"cmd": "reply", "message_id": "om_1", "text": "here", "in_thread": true});
    let result = ask(&mut bot, "topic", reply).await;
    let found = wait(&platform, |kind| matches!(kind, Kind::Replied { .. })).await;
    let Kind::Replied { in_thread: true, thread_id: Some(thread_id), .. } = found.kind else { panic!("{found:?}") };
    assert_eq!(result["data"]["thread_id"], json!(thread_id), "{result}");

    let receivers = [
        (json!({"chat_id": "ou_ann"}), "open_id"),
        (json!({"receive_id": "on_bo"}), "union_id"),
        (json!({"receive_id": "ann@example.org"}), "email"),
        (json!({"receive_id": "chen", "receive_id_type": "user_id"}), "user_id"),
    ];
    for (receiver, wanted) in receivers {
        let mut send = json!({"cmd": "send", "text": "hi"});
        send.as_object_mut().unwrap().extend(receiver.as_object().unwrap().clone());
        sent(&mut bot, wanted, send).await;
        wait(&platform, |kind| matches!(kind, Kind::Sent { receive_id_type, .. } if receive_id_type == wanted)).await;
    }
    let send = json!({"cmd": "send", "chat_id": "oc_1", "text": "once", "uuid": "build-7"});
    let first = sent(&mut bot, "first", send.clone()).await;
    assert_eq!(sent(&mut bot, "second", send).await, first);
    wait(&platform, |kind| matches!(kind, Kind::Sent { uuid: Some(uuid), repeated: true, .. } if uuid == "build-7"))
        .await;
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_long_text_arrives_whole_in_several_messages() {
    let platform = platform().await;
    let mut bot = Larkwire::run(&platform).piped().start();
    platform.push(&text("tell me").message_id("om_1")).unwrap();
    bot.event("tell me").await;
    let long: String = (1..=400).map(|n| format!("{n}. 第{n}行 🎉 and some words\n")).collect();
    assert!(long.chars().count() > 2 * 3500);
    let replied = sent(&mut bot, "reply", json!({"cmd": "reply", "message_id": "om_1", "text": long})).await;
    let said = sent(&mut bot, "send", json!({"cmd": "send", "chat_id": "oc_1", "text": long})).await;
    let mut replies = Vec::new();
    let mut messages = Vec::new();
    for record in platform.records() {
        match record.kind {
            Kind::Replied { message_id, content, .. } => replies.push((message_id, content)),
            Kind::Sent { message_id, content, .. } => messages.push((message_id, content)),
            _ => {}
        }
    }
    for (first, pieces) in [(replied, replies), (said, messages)] {
        assert!(pieces.len() >= 3, "{} pieces", pieces.len());
        assert_eq!(pieces[0].0, first, "the result is the first one's");
        let texts: Vec<_> = pieces
            .iter()
            .map(|(_, content)| serde_json::from_str::<Value>(content).unwrap()["text"].as_str().unwrap().to_owned())
            .collect();
        assert!(texts.iter().all(|text| text.chars().count() <= 3500));
        assert_eq!(texts.concat().replace('\n', ""), long.replace('\n', ""), "nothing is lost or doubled");
    }
}

#[tokio::test]
async fn a_command_that_cannot_be_meant_is_refused_and_reaches_nobody() {
    let platform = platform().await;
    let mut bot = Larkwire::run(&platform).args(["--reactions", "off"]).piped().start();
    platform.push(&Push::text("oc_1", "ou_ann", "hi").message_id("om_1")).unwrap();
    bot.event("hi").await;
    let calls = |kind: &Kind| matches!(kind, Kind::Sent { .. } | Kind::Replied { .. } | Kind::Edited { .. });
    let wrong = [
        (json!({"cmd": "reply", "message_id": "om_1", "text": "a", "colour": "red"}), "unknown member `colour`"),
        (json!({"cmd": "edit", "message_id": "om_1", "card": {}}), "unknown member `card`"),
        (json!({"cmd": "recall", "message_id": "om_1", "text": "a"}), "unknown member `text`"),
        (json!({"cmd": "reply", "message_id": "om_1", "text": "a", "card": {}}), "exactly one of text, card and post"),
        (json!({"cmd": "send", "chat_id": "oc_1", "card": {}, "post": {}}), "exactly one of text, card and post"),
        (json!({"cmd": "send", "chat_id": "oc_1"}), "exactly one of text, card and post"),
        (json!({"cmd": "send", "chat_id": "oc_1", "card": "{}"}), "card"),
        (json!({"cmd": "send", "chat_id": "oc_1", "text": ""}), "text"),
        (json!({"cmd": "send", "chat_id": "x", "receive_id_type": "phone", "text": "a"}), "receive_id_type is `phone`"),
        (json!({"cmd": "send", "chat_id": "oc_1", "text": "a", "uuid": "x".repeat(51)}), "uuid"),
        (json!({"cmd": "react", "message_id": "", "emoji_type": "OK"}), "message_id"),
        (json!({"cmd": "send", "bot": "sales", "chat_id": "oc_1", "text": "a"}), "no bot `sales`"),
    ];
    for (number, (command, words)) in wrong.into_iter().enumerate() {
        let result = ask(&mut bot, &number.to_string(), command).await;
        assert_eq!((&result["ok"], &result["error"]["kind"]), (&json!(false), &json!("usage")), "{result}");
        assert!(result["error"]["message"].as_str().unwrap().contains(words), "{words}: {result}");
    }
    assert_eq!(count(&platform, calls), 0);
    assert_faultless(&platform);
}
