//! `larkwire send` and `larkwire react`: one call, for scripts.

use std::net::TcpListener;

use larkwire_conformance::platform::{Answer, Endpoint, HttpFault, Kind, Platform, RestFault, Switch};
use serde_json::{Value, json};

use crate::child::Larkwire;
use crate::directory::Directory;
use crate::support::*;

fn send<const N: usize>(platform: &Platform, args: [&str; N]) -> Larkwire {
    Larkwire::named("send", platform.base_url()).args(args)
}

fn react<const N: usize>(platform: &Platform, args: [&str; N]) -> Larkwire {
    Larkwire::named("react", platform.base_url()).args(args)
}

/// It works: what it says on stdout.
async fn works(command: Larkwire) -> String {
    let (code, out, err) = command.end().await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    out
}

/// It fails with this code, says these words on stderr in one line, and nothing on stdout.
async fn fails(command: Larkwire, wanted: i32, words: &[&str]) {
    let (code, out, err) = command.end().await;
    assert_eq!((code, out.as_str()), (wanted, ""), "{err}");
    for word in words {
        assert!(err.lines().last().unwrap_or_default().contains(word), "{word} in {err}");
    }
    assert!(!err.contains(SECRET) && !err.contains("panicked"), "{err}");
}

/// No event was taken from a bot that runs elsewhere.
fn assert_no_link(platform: &Platform) {
    let link = |kind: &Kind| matches!(kind, Kind::Discovered { .. } | Kind::Upgraded { .. });
    assert_eq!(count(platform, link), 0, "{:?}", platform.records());
}

#[tokio::test]
async fn a_text_is_sent_and_its_id_told() {
    let platform = platform().await;
    let out = works(send(&platform, ["oc_1", "the build is green 🎉"])).await;
    let found = wait(&platform, |kind| matches!(kind, Kind::Sent { .. })).await;
    let Kind::Sent { message_id, receive_id, receive_id_type, content, .. } = found.kind else { unreachable!() };
    assert_eq!(out, message_id, "the id alone, for the next command of the script");
    assert_eq!((receive_id_type.as_str(), receive_id.as_str()), ("chat_id", "oc_1"));
    assert_eq!(content, r#"{"text":"the build is green 🎉"}"#);
    // Nobody asks who the bot is, and nothing else either.
    let calls = |kind: &Kind| matches!(kind, Kind::Read { .. } | Kind::Reacted { .. });
    assert_eq!((count(&platform, calls), platform.token_requests(APP)), (0, 1));
    assert_no_link(&platform);
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_running_bot_loses_no_event_to_a_script() {
    let platform = platform().await;
    let bot = Larkwire::run(&platform).start();
    bot.notice("INFO connected").await;
    for n in 0..3 {
        works(send(&platform, ["oc_1", "hi"])).await;
        platform.push(&text(&format!("event {n}"))).unwrap();
        bot.event(&format!("event {n}")).await;
    }
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Upgraded { .. })), 1);
}

#[tokio::test]
async fn people_and_addresses_are_told_by_their_form_or_by_a_flag() {
    let platform = platform().await;
    let receivers: [(&[&str], &str); 5] = [
        (&["ou_ann"], "open_id"),
        (&["on_bo"], "union_id"),
        (&["ann@example.org"], "email"),
        (&["chen"], "user_id"),
        (&["oc_2", "--receive-id-type", "chat_id"], "chat_id"),
    ];
    for (args, wanted) in receivers {
        works(send(&platform, [args[0], "hi"]).args(&args[1..])).await;
        wait(&platform, |kind| matches!(kind, Kind::Sent { receive_id_type, .. } if receive_id_type == wanted)).await;
    }
}

#[tokio::test]
async fn stdin_is_a_text_without_its_last_line_break() {
    let platform = platform().await;
    let mut command = send(&platform, ["oc_1", "-"]).piped().start();
    for line in ["first", "第二", ""] {
        command.say(line).await;
    }
    command.hang_up();
    assert_eq!(command.end().await.0, 0);
    let found = wait(&platform, |kind| matches!(kind, Kind::Sent { .. })).await;
    let Kind::Sent { content, .. } = found.kind else { unreachable!() };
    assert_eq!(content, r#"{"text":"first\n第二\n"}"#);
}

#[tokio::test]
async fn a_card_and_a_post_come_from_files() {
    let platform = platform().await;
    let directory = Directory::new();
    let card = json!({"schema": "2.0", "body": {"elements": [{"tag": "markdown", "content": "**done**"}]}});
    let post = json!({"en_us": {"title": "Done", "content": [[{"tag": "text", "text": "all of it"}]]}});
    let card_file = directory.file("card.json", &serde_json::to_string_pretty(&card).unwrap());
    let post_file = directory.file("post.json", &post.to_string());
    works(send(&platform, ["oc_1", "--card"]).arg(card_file)).await;
    works(send(&platform, ["ou_ann", "--post"]).arg(post_file)).await;
    let mut piped = send(&platform, ["oc_1", "--card", "-"]).piped().start();
    piped.say(card.to_string()).await;
    piped.hang_up();
    assert_eq!(piped.end().await.0, 0);
    let sent: Vec<_> = platform
        .records()
        .into_iter()
        .filter_map(|record| match record.kind {
            Kind::Sent { msg_type, content, .. } => Some((msg_type, serde_json::from_str::<Value>(&content).unwrap())),
            _ => None,
        })
        .collect();
    let wanted = [("interactive", card.clone()), ("post", post), ("interactive", card)];
    assert_eq!(sent, wanted.map(|(kind, content)| (kind.to_owned(), content)));
}

#[tokio::test]
async fn a_reply_goes_to_its_message_and_a_topic_where_asked_for() {
    let platform = platform().await;
    let question = works(send(&platform, ["oc_1", "question"])).await;
    works(send(&platform, ["--reply-to", &question, "answer"])).await;
    works(send(&platform, ["--reply-to", &question, "--in-thread", "--uuid", "u-1", "aside"])).await;
    let replies: Vec<_> = platform
        .records()
        .into_iter()
        .filter_map(|record| match record.kind {
            Kind::Replied { parent_id, content, in_thread, uuid, .. } => {
                Some((parent_id, content, in_thread, uuid.as_deref() == Some("u-1")))
            }
            _ => None,
        })
        .collect();
    let reply =
        |text: &str, in_thread, named| (question.clone(), json!({ "text": text }).to_string(), in_thread, named);
    assert_eq!(replies, [reply("answer", false, false), reply("aside", true, true)]);
}

#[tokio::test]
async fn a_script_that_runs_twice_sends_once() {
    let platform = platform().await;
    let run = || works(send(&platform, ["oc_1", "once", "--uuid", "build-7"]));
    assert_eq!(run().await, run().await);
    wait(&platform, |kind| matches!(kind, Kind::Sent { repeated: true, .. })).await;
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_long_text_is_several_messages() {
    let platform = platform().await;
    let long = "0123456789 words\n".repeat(500);
    works(send(&platform, ["oc_1", &long])).await;
    assert!(count(&platform, |kind| matches!(kind, Kind::Sent { .. })) >= 3);
}

#[tokio::test]
async fn json_tells_the_whole_result() {
    let platform = platform().await;
    let line: Value = serde_json::from_str(&works(send(&platform, ["oc_1", "hi", "--json"])).await).unwrap();
    assert_eq!((&line["kind"], &line["cmd"], &line["ok"]), (&json!("result"), &json!("send"), &json!(true)), "{line}");
    assert_eq!((&line["id"], &line["data"]["chat_id"]), (&Value::Null, &json!("oc_1")), "{line}");
    let message_id = line["message_id"].as_str().unwrap();
    let line: Value = serde_json::from_str(&works(react(&platform, [message_id, "OK", "--json"])).await).unwrap();
    assert_eq!((&line["cmd"], &line["ok"]), (&json!("react"), &json!(true)), "{line}");
    assert!(line["reaction_id"].is_string(), "{line}");

    let (code, out, err) = send(&platform, ["--reply-to", "om_nothing", "hi", "--json"]).end().await;
    let line: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &line["ok"], &line["error"]["code"]), (8, &json!(false), &json!(230_002)), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}

#[tokio::test]
async fn what_goes_wrong_has_a_code_of_its_own() {
    let platform = platform().await;
    let directory = Directory::new();
    let hi = || send(&platform, ["oc_1", "hi"]);
    fails(hi().env("LARKWIRE_APP_SECRET", "not-the-secret"), 4, &["credentials", "check app_id and app_secret"]).await;
    fails(send(&platform, ["--reply-to", "om_nothing", "hi"]), 8, &["230002"]).await;
    let refuse = |answer| {
        let refusal = RestFault::new(Endpoint::Send, answer);
        platform.faults(|faults| faults.rest = vec![Switch::times(refusal, 1)]);
    };
    refuse(Answer::code(230_002, "Bot/User can NOT be out of the chat."));
    fails(hi(), 8, &["230002", "out of the chat"]).await;
    refuse(Answer::missing_scope(&["im:message"]));
    fails(hi(), 6, &["im:message", "in the console"]).await;

    // Wrong before anything was asked of the platform.
    let before = platform.records().len();
    let file = |name: &str, text: &str| directory.file(name, text);
    fails(send(&platform, ["oc_1", "--card"]).arg(file("no.json", "no card")), 2, &["card"]).await;
    fails(send(&platform, ["oc_1", "--card"]).arg(file("list.json", "[]")), 2, &["card"]).await;
    fails(send(&platform, ["oc_1", "--post"]).arg(file("string.json", "\"post\"")), 2, &["post"]).await;
    fails(send(&platform, ["oc_1", "--card"]).arg(directory.path("missing.json")), 2, &["missing.json"]).await;
    fails(send(&platform, ["oc_1", ""]), 2, &["text"]).await;
    fails(send(&platform, ["oc_1"]), 2, &["a text, --card or --post"]).await;
    fails(send(&platform, ["oc_1", "hi", "--reply-to", "om_1"]), 2, &["--reply-to", "no TO"]).await;
    fails(react(&platform, ["", "OK"]), 2, &["message_id"]).await;
    let (code, ..) = send(&platform, ["oc_1", "hi", "--card", "x"]).end().await;
    assert_eq!((code, platform.records().len()), (2, before));
    let (code, ..) = send(&platform, []).end().await;
    assert_eq!(code, 2);
    let (code, ..) = react(&platform, ["om_1"]).end().await;
    assert_eq!(code, 2);
    assert_no_link(&platform);
}

#[tokio::test]
async fn nothing_listening_is_given_up_within_a_scripts_patience() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (code, out, err) = Larkwire::named("send", nowhere).args(["oc_1", "hi"]).end().await;
    assert_eq!((code, out.as_str()), (7, ""), "{err}");
    assert!(err.lines().last().unwrap().contains("check the network"), "{err}");
}

#[tokio::test]
async fn ctrl_c_leaves_at_once() {
    let platform = platform().await;
    let hang = RestFault { endpoint: Some(Endpoint::Send), fault: HttpFault::Hang };
    platform.faults(|faults| faults.rest = vec![Switch::always(hang)]);
    let command = send(&platform, ["oc_1", "never answered"]).start();
    wait(&platform, |kind| matches!(kind, Kind::TokenIssued { .. })).await;
    command.signal("INT");
    let (code, out, err) = command.end().await;
    assert_eq!((code, out.as_str(), err.as_str()), (130, "", "larkwire: interrupted"));
}

#[tokio::test]
async fn a_reaction_is_added_and_taken_away() {
    let platform = platform().await;
    let message_id = works(send(&platform, ["oc_1", "nice"])).await;
    let reaction_id = works(react(&platform, [&message_id, "THUMBSUP"])).await;
    let found = wait(&platform, |kind| matches!(kind, Kind::Reacted { .. })).await;
    let Kind::Reacted { message_id: to, reaction_id: id, emoji_type } = found.kind else { unreachable!() };
    assert_eq!((to.as_str(), id.as_str(), emoji_type.as_str()), (&*message_id, &*reaction_id, "THUMBSUP"));
    works(react(&platform, [&message_id, "--remove", &reaction_id])).await;
    wait(&platform, |kind| matches!(kind, Kind::Unreacted { reaction_id: id, .. } if *id == reaction_id)).await;
    // What is gone already is as it should be.
    works(react(&platform, [&message_id, "--remove", &reaction_id])).await;
    fails(react(&platform, [&message_id, "NOT_AN_EMOJI"]), 8, &["231001"]).await;
    assert_no_link(&platform);
}

#[tokio::test]
async fn the_app_comes_from_a_file_too_and_its_secret_is_never_shown() {
    let platform = platform().await;
    let directory = Directory::new();
    let text = format!("[lark]\napp_id = \"{APP}\"\napp_secret = \"{SECRET}\"\ndomain = \"{}\"\n", platform.base_url());
    let file = directory.file("bot.toml", &text);
    let command = Larkwire::new(["send", "oc_1", "hi", "--config"]).arg(&file);
    assert!(works(command).await.starts_with("om_"), "a warning about who may speak says nothing here");
    let traced = Larkwire::new(["send", "oc_1", "hi", "--json", "--config"]).arg(&file).env("LARKWIRE_LOG", "trace");
    let (code, out, err) = traced.end().await;
    assert_eq!(code, 0);
    for secret in [SECRET, "Bearer"] {
        assert!(!out.contains(secret) && !err.contains(secret), "{secret}: {out}{err}");
    }
}
