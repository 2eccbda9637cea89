//! Commands as lines on stdin, answered by lines on stdout.

use larkwire_conformance::platform::{Endpoint, HttpFault, Kind, RestFault, Switch};
use serde_json::{Value, json};

use crate::child::Larkwire;
use crate::support::*;

#[tokio::test]
async fn a_reply_and_a_message_reach_the_platform_and_are_answered_with_their_id() {
    let platform = platform().await;
    let mut bot = Larkwire::run(&platform).piped().start();
    platform.push(&text("question").message_id("om_1")).unwrap();
    bot.event("question").await;
    bot.say(json!({"cmd": "reply", "id": 7, "message_id": "om_1", "text": "答案 🎉\nmore"}).to_string()).await;
    let result = bot.result(7).await;
    let replied = wait(&platform, |kind| matches!(kind, Kind::Replied { .. })).await;
    let Kind::Replied { message_id, parent_id, content, .. } = replied.kind else { unreachable!() };
    assert_eq!((parent_id.as_str(), content.as_str()), ("om_1", r#"{"text":"答案 🎉\nmore"}"#));
    assert_eq!(result["ok"], true, "{result}");
    assert_eq!((&result["cmd"], &result["message_id"]), (&json!("reply"), &json!(message_id)));

    // Any JSON is an id, or none.
    bot.say(r#"{"text":"hi","id":{"my":["id",null]},"chat_id":"oc_2","cmd":"send"}"#).await;
    assert_eq!(bot.result(json!({"my": ["id", null]})).await["ok"], true);
    bot.say(r#"{"cmd":"send","chat_id":"oc_3","text":"hi"}"#).await;
    assert_eq!(bot.result(Value::Null).await["ok"], true);
    for chat in ["oc_2", "oc_3"] {
        wait(&platform, |kind| matches!(kind, Kind::Sent { receive_id, receive_id_type, .. } if receive_id == chat && receive_id_type == "chat_id")).await;
    }
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_line_that_is_no_command_is_answered_and_costs_nothing_else() {
    let platform = platform().await;
    let mut bot = Larkwire::run(&platform).piped().start();
    let bad = [
        (r#"{"id":1,"cmd":"dance"}"#, json!(1)),
        (r#"{"id":2,"cmd":"reply","text":"hi"}"#, json!(2)),
        (r#"{"id":3,"cmd":"send","chat_id":"oc_1","text":"hi","colour":"red"}"#, json!(3)),
        (r#"{"id":4,"cmd":"send","chat_id":"oc_1","text":5}"#, json!(4)),
        (r#"{"id":5}"#, json!(5)),
        (r#"{"id":6,"cmd":"send","chat_id":"","text":"hi"}"#, json!(6)),
    ];
    for (line, id) in bad {
        bot.say(line).await;
        let result = bot.result(id).await;
        assert_eq!((&result["ok"], &result["error"]["kind"]), (&json!(false), &json!("usage")), "{result}");
        assert!(result["error"]["message"].as_str().is_some_and(|message| message.len() > 10), "{result}");
    }
    let shapeless: [&[u8]; 4] = [b"hello", b"[1,2]", b"{\"cmd\":", b"\xff\xfe"];
    for line in shapeless {
        bot.say(line).await;
    }
    bot.say("").await;
    bot.say(r#"{"id":"last","cmd":"send","chat_id":"oc_1","text":"fine"}"#).await;
    assert_eq!(bot.result("last").await["ok"], true);
    let answers = bot.out.all().iter().filter(|line| line.contains(r#""ok":false"#)).count();
    assert_eq!(answers, 6 + shapeless.len(), "every line is answered: {:#?}", bot.out.all());
    bot.hang_up();
    assert_eq!(bot.end().await.0, 0);
}

#[tokio::test]
async fn a_call_that_fails_says_why() {
    let platform = platform().await;
    let mut bot = Larkwire::run(&platform).piped().start();
    bot.say(r#"{"id":1,"cmd":"reply","message_id":"om_nothing","text":"hi"}"#).await;
    let result = bot.result(1).await;
    assert_eq!((&result["ok"], &result["message_id"]), (&json!(false), &Value::Null));
    assert_eq!((&result["error"]["kind"], &result["error"]["code"]), (&json!("call"), &json!(230_002)), "{result}");
    assert!(result["log_id"].is_string());
}

#[tokio::test]
async fn the_end_of_a_pipe_ends_the_bot_once_its_commands_are_done() {
    let platform = platform().await;
    let mut bot = Larkwire::run(&platform).piped().start();
    for n in 0..40 {
        bot.say(json!({"cmd": "send", "id": n, "chat_id": "oc_1", "text": n.to_string()}).to_string()).await;
    }
    bot.hang_up();
    let (code, out, _) = bot.end().await;
    assert_eq!(code, 0);
    let done = out.lines().filter(|line| line.contains(r#""ok":true"#)).count();
    assert_eq!(done, 40, "{out}");
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Sent { repeated: false, .. })), 40);
}

#[tokio::test]
async fn more_commands_than_can_be_under_way_at_once_are_all_done_before_the_end() {
    const MANY: usize = 400;
    let platform = platform().await;
    let mut bot = Larkwire::run(&platform).piped().start();
    for n in 0..MANY {
        bot.say(json!({"cmd": "send", "id": n, "chat_id": "oc_1", "text": n.to_string()}).to_string()).await;
    }
    let long = "0123456789 words\n".repeat(1000);
    bot.say(json!({"cmd": "send", "id": "long", "chat_id": "oc_long", "text": long}).to_string()).await;
    bot.hang_up();
    let (code, out, err) = bot.end().await;
    assert_eq!(code, 0, "{err}");
    assert_eq!(out.lines().filter(|line| line.contains(r#""ok":true"#)).count(), MANY + 1, "{out}");
    let mut pieces = String::new();
    for record in platform.records() {
        if let Kind::Sent { receive_id, content, .. } = record.kind
            && receive_id == "oc_long"
        {
            pieces.push_str(serde_json::from_str::<Value>(&content).unwrap()["text"].as_str().unwrap());
        }
    }
    assert_eq!(pieces.matches("words").count(), 1000, "every piece of the long text");
}

#[tokio::test]
async fn a_stopped_bot_closes_its_connection_after_its_last_command() {
    let platform = platform().await;
    let mut bot = Larkwire::run(&platform).piped().start();
    wait(&platform, |kind| matches!(kind, Kind::Pinged { .. })).await;
    bot.say(r#"{"cmd":"send","chat_id":"oc_1","text":"last"}"#).await;
    bot.hang_up();
    assert_eq!(bot.end().await.0, 0);
    let goodbye = wait(&platform, said_goodbye).await.number;
    let sent = wait(&platform, |kind| matches!(kind, Kind::Sent { .. })).await.number;
    assert!(sent < goodbye);
    assert_faultless(&platform);
}

#[tokio::test]
async fn commands_of_a_bot_that_is_refused_are_answered_too() {
    let platform = platform().await;
    platform.faults(|faults| {
        let hang = RestFault { endpoint: Some(Endpoint::TenantToken), fault: HttpFault::Hang };
        faults.rest = vec![Switch::always(hang)];
    });
    let mut bot = Larkwire::run(&platform).env("LARKWIRE_APP_SECRET", "wrong").piped().start();
    bot.say(r#"{"id":1,"cmd":"send","chat_id":"oc_1","text":"hi"}"#).await;
    let (code, out, _) = bot.end().await;
    assert_eq!(code, 4);
    // It may have ended before the command was read.
    let answers = out.lines().filter(|line| line.contains(r#""kind":"result""#)).collect::<Vec<_>>();
    assert!(answers.iter().all(|line| line.contains(r#""ok":false"#)), "{out}");
}

#[tokio::test]
async fn without_commands_stdin_means_nothing() {
    let platform = platform().await;
    let mut deaf = Larkwire::run(&platform).arg("--no-commands").piped().start();
    deaf.say(r#"{"id":1,"cmd":"send","chat_id":"oc_1","text":"hi"}"#).await;
    deaf.hang_up();
    goes_on(&platform, deaf).await;
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Sent { .. })), 0);
}

#[tokio::test]
async fn the_end_of_dev_null_means_nothing() {
    let platform = platform().await;
    let bot = Larkwire::run(&platform).start();
    goes_on(&platform, bot).await;
}

/// Two events one after the other, then Ctrl-C.
async fn goes_on(platform: &larkwire_conformance::platform::Platform, bot: crate::child::Running) {
    for words in ["first", "second"] {
        platform.push(&text(words)).unwrap();
        bot.event(words).await;
    }
    bot.signal("INT");
    let (code, out, _) = bot.end().await;
    assert_eq!((code, out.lines().count()), (0, 3), "{out}");
    wait(platform, said_goodbye).await;
}
