//! Who may speak to the bot, and when it listens.

use std::time::Duration;

use larkwire_conformance::platform::{Endpoint, Kind, Mention, Platform, Push, Record};
use serde_json::{Value, json};

use crate::child::{Larkwire, Running};
use crate::directory::Directory;
use crate::support::*;

/// `larkwire run` that was told nothing about who may speak.
fn closed(platform: &Platform) -> Larkwire {
    Larkwire::named("run", platform.base_url())
}

fn says(ids: [Option<&str>; 3], words: &str) -> Push {
    text(words).sender_ids(ids[0], ids[1], ids[2])
}

fn in_group(words: &str) -> Push {
    Push::message("oc_group", "group", "ou_ann", words)
}

/// Pushes all, waits until the platform has an answer to each, and ends the bot: the texts it has let through, in their
/// order.
async fn heard(platform: &Platform, bot: Running, pushes: &[Push]) -> Vec<String> {
    for (done, push) in pushes.iter().enumerate() {
        platform.push(push).unwrap();
        wait_for_many(platform, done + 1, settled).await;
    }
    bot.signal("INT");
    let (code, out, err) = bot.end().await;
    assert_eq!(code, 0, "{err}");
    assert_faultless(platform);
    let lines = out.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    lines.filter(|line| line["kind"] == "event").map(|line| line["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn nobody_may_speak_until_somebody_is_allowed_and_the_log_says_whom_to_allow() {
    let platform = platform().await;
    let bot = closed(&platform).start();
    let warning = bot.notice("nobody may speak to this bot").await;
    assert!(warning.contains("WARN") && warning.contains("allowed_users"), "{warning}");
    platform.push(&says([Some("ou_stranger"), None, None], "may I?")).unwrap();
    let line = bot.notice("event not delivered").await;
    assert!(line.contains("allow") && line.contains("ou_stranger"), "{line}");
    assert!(!line.contains("may I?"), "what people write is not for logs: {line}");
    assert_eq!(heard(&platform, bot, &[]).await, [""; 0]);
}

#[tokio::test]
async fn a_denied_message_is_acknowledged_once_and_for_all() {
    let platform = platform().await;
    let bot = closed(&platform).args(["--allow", "ou_ann"]).start();
    let pushes = [says([Some("ou_eve"), None, None], "no").event_id("e-1"), says([Some("ou_ann"), None, None], "yes")];
    assert_eq!(heard(&platform, bot, &pushes).await, ["yes"]);
    assert_eq!(count(&platform, settled), 2);
}

#[tokio::test]
async fn each_kind_of_id_opens_the_gate_and_no_other() {
    let platform = platform().await;
    let bot = closed(&platform).args(["--allow", "ou_ann", "--allow", "on_bo", "--allow", "chen"]).start();
    let pushes = [
        says([Some("ou_ann"), Some("on_x"), Some("x")], "open_id"),
        says([Some("ou_x"), Some("on_bo"), Some("x")], "union_id"),
        says([Some("ou_x"), Some("on_x"), Some("chen")], "user_id"),
        says([Some("ou_x"), Some("on_x"), Some("x")], "nobody"),
        says([Some("ou_anna"), None, None], "longer"),
        says([Some("OU_ANN"), None, None], "louder"),
        // An id counts in its own place only.
        says([Some("chen"), Some("ou_ann"), Some("on_bo")], "misplaced"),
        says([None, None, None], "nameless"),
        says([Some("*"), Some("*"), Some("*")], "a star is no id"),
    ];
    assert_eq!(heard(&platform, bot, &pushes).await, ["open_id", "union_id", "user_id"]);
}

#[tokio::test]
async fn a_file_says_who_may_speak_and_flags_take_its_place() {
    let platform = platform().await;
    let directory = Directory::new();
    let file = directory.file("bot.toml", "[lark]\napp_id = \"cli_0123456789abcdef\"\nallowed_users = [\"ou_ann\"]\n");
    let run = || Larkwire::new(["run", "--domain"]).arg(platform.base_url()).env("LARKWIRE_APP_SECRET", SECRET);
    let pushes = [says([Some("ou_ann"), None, None], "ann"), says([Some("ou_bo"), None, None], "bo")];
    let bot = run().arg("--config").arg(&file).start();
    assert_eq!(heard(&platform, bot, &pushes).await, ["ann"]);

    let platform = crate::support::platform().await;
    let bot = Larkwire::new(["run", "--domain", &platform.base_url(), "--allow", "ou_bo", "--config"])
        .arg(&file)
        .env("LARKWIRE_APP_SECRET", SECRET)
        .start();
    assert_eq!(heard(&platform, bot, &pushes).await, ["bo"]);

    let platform = crate::support::platform().await;
    let silent = directory.file("silent.toml", "[lark]\napp_id = \"cli_0123456789abcdef\"\n");
    let run = || {
        let run = Larkwire::new(["run", "--domain", &platform.base_url(), "--config"]).arg(&silent);
        run.env("LARKWIRE_APP_SECRET", SECRET)
    };
    run().start().notice("nobody may speak to this bot").await;
    let bot = run().args(["--allow", "ou_ann"]).start();
    bot.notice("INFO connected").await;
    assert!(!bot.err.all().concat().contains("nobody may speak"), "{:?}", bot.err.all());
}

#[tokio::test]
async fn a_blank_id_opens_no_gate() {
    let platform = platform().await;
    for blank in ["", " ", " * ", "ou_ann "] {
        let (code, out, err) = closed(&platform).args(["--allow", blank]).end().await;
        assert_eq!((code, out.as_str()), (3, ""), "{blank:?}: {err}");
        assert!(err.contains("allowed_users"), "{err}");
    }
}

/// A group hears the bot only when it calls it; a direct message is always meant for it.
fn calls() -> [Push; 6] {
    [
        in_group("among us"),
        in_group("hello").mention_bot(),
        in_group("hello").mention(Mention::new("ou_bo", "Bot")),
        in_group("hello").mention_all(),
        Push::message("oc_topics", "topic_group", "ou_ann", "among us, too"),
        Push::message("oc_direct", "p2p", "ou_ann", "just us"),
    ]
}

#[tokio::test]
async fn a_group_is_heard_when_it_mentions_the_bot() {
    let asked = platform().await;
    let bot = Larkwire::run(&asked).arg("--mention-only").start();
    assert_eq!(heard(&asked, bot, &calls()).await, ["hello", "just us"]);

    let silent = platform().await;
    let directory = Directory::new();
    let file = directory.file(
        "bot.toml",
        &format!("app_id = \"{APP}\"\napp_secret = \"{SECRET}\"\nallowed_users = [\"*\"]\nmention_only = true\n"),
    );
    let bot = Larkwire::new(["run", "--domain", &silent.base_url(), "--config"]).arg(file).start();
    assert_eq!(heard(&silent, bot, &calls()).await, ["hello", "just us"]);
}

#[tokio::test]
async fn without_mention_only_every_message_of_a_group_is_heard() {
    let platform = platform().await;
    let bot = Larkwire::run(&platform).start();
    // The bot's identity is looked up beside the connection: before, nothing can be told to mention it.
    let known = |record: &Record| matches!(record.kind, Kind::Read { call: Endpoint::BotInfo, .. });
    assert!(platform.wait_for(known, Duration::from_secs(10)).await.is_some());
    let mut mentions = Vec::new();
    for (done, push) in calls().iter().enumerate() {
        platform.push(&push.clone().event_id(format!("e-{done}"))).unwrap();
        mentions.push(bot.line(|line| line["event_id"] == format!("e-{done}")).await["mentions_bot"].clone());
    }
    let [yes, no] = [true, false].map(|mentioned| json!(mentioned));
    assert_eq!(mentions, [no.clone(), yes, no.clone(), no.clone(), no.clone(), no]);
}
