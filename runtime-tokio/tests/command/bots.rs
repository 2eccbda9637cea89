//! Several bots in one process, and the files they come from.

use larkwire_conformance::platform::{AppSpec, Kind, Platform};
use serde_json::{Value, json};

use crate::child::{Larkwire, Running};
use crate::directory::Directory;
use crate::support::*;

const SALES: &str = "cli_00000000000005a1";
const SALES_SECRET: &str = "s3cr3t-9uCanaryOfSales";

/// A platform with both apps, and a file with both bots.
async fn two() -> (Platform, Directory) {
    let platform = platform().await;
    platform.add_app(AppSpec { bot_open_id: "ou_sales".into(), ..AppSpec::new(SALES, SALES_SECRET) });
    let directory = Directory::new();
    let domain = platform.base_url();
    let text = format!(
        "[lark.support]\napp_id = \"{APP}\"\napp_secret = \"{SECRET}\"\nallowed_users = [\"*\"]\ndomain = \"{domain}\"\n\
         [lark.sales]\napp_id = \"{SALES}\"\napp_secret = \"{SALES_SECRET}\"\nallowed_users = [\"ou_ann\"]\n\
         domain = \"{domain}\"\nack_reactions = false\n"
    );
    directory.file("bots.toml", &text);
    (platform, directory)
}

fn run(directory: &Directory) -> Larkwire {
    Larkwire::new(["run", "--config"]).arg(directory.path("bots.toml"))
}

async fn asked(bot: &mut Running, line: &Value) -> Value {
    bot.say(line.to_string()).await;
    bot.result(line["id"].clone()).await
}

#[tokio::test]
async fn two_bots_of_one_file_do_not_mix() {
    let (platform, directory) = two().await;
    let mut bot = run(&directory).piped().start();
    let hello = bot.line(|line| line["kind"] == "hello").await;
    assert_eq!(hello["bots"], json!(["support", "sales"]));
    for (app, words, name) in [(APP, "help me", "support"), (SALES, "how much?", "sales")] {
        platform.push(&text(words).app(app).message_id(format!("om_{name}"))).unwrap();
        assert_eq!(bot.event(words).await["bot"], name);
    }
    // Each allow-list is its own bot's.
    for app in [APP, SALES] {
        platform.push(&text(app).sender_ids(Some("ou_eve"), None, None).app(app)).unwrap();
    }
    assert_eq!(bot.event(APP).await["bot"], "support");
    bot.notice("ou_eve").await;

    let send = |id: u64, bot: Value| json!({"cmd": "send", "id": id, "bot": bot, "chat_id": "oc_1", "text": "hi"});
    for (id, name, app) in [(1, "support", APP), (2, "sales", SALES)] {
        let result = asked(&mut bot, &send(id, json!(name))).await;
        let message_id = result["message_id"].as_str().expect("sent").to_owned();
        let found =
            wait(&platform, |kind| matches!(kind, Kind::Sent { message_id: id, .. } if *id == message_id)).await;
        assert_eq!(found.app_id.as_deref(), Some(app));
    }
    for (id, name, words) in [(3, json!(null), "name one of them"), (4, json!("marketing"), "no bot `marketing`")] {
        let result = asked(&mut bot, &send(id, name)).await;
        assert_eq!(
            (&result["ok"], &result["cmd"], &result["error"]["kind"]),
            (&json!(false), &json!("send"), &json!("usage"))
        );
        assert!(result["error"]["message"].as_str().unwrap().contains(words), "{result}");
    }
    bot.signal("INT");
    let (code, out, err) = bot.end().await;
    assert_eq!(code, 0, "{err}");
    assert!(!out.contains(&format!("\"text\":\"{SALES}\"")), "{out}");
    assert!(!err.contains("ended"), "an end that was asked for is no news: {err}");
    assert_eq!(count(&platform, said_goodbye), 2);
    assert_faultless(&platform);
}

#[tokio::test]
async fn one_bot_with_a_wrong_secret_ends_while_the_other_goes_on() {
    let (platform, directory) = two().await;
    let mut bot = run(&directory).env("LARKWIRE_SALES_APP_SECRET", "s3cr3t-WrongCanary").piped().start();
    let notice = bot.notice("bot sales: ").await;
    assert!(notice.contains("ERROR") && notice.contains("check app_id and app_secret"), "{notice}");
    for words in ["still", "there"] {
        platform.push(&text(words)).unwrap();
        assert_eq!(bot.event(words).await["bot"], "support");
    }
    let send = |name: &str| json!({"cmd": "send", "id": name, "bot": name, "chat_id": "oc_1", "text": "hi"});
    assert_eq!(asked(&mut bot, &send("support")).await["ok"], true);
    assert_eq!(asked(&mut bot, &send("sales")).await["ok"], false);
    bot.hang_up();
    let (code, out, err) = bot.end().await;
    assert_eq!(code, 4, "the end was asked for, and one had failed: {err}");
    assert!(err.lines().last().unwrap().starts_with("larkwire: bot sales: "), "{err}");
    assert_eq!(err.matches("bot sales: ").count(), 2, "said when it happened and at the end: {err}");
    for secret in [SECRET, SALES_SECRET, "WrongCanary"] {
        assert!(!format!("{out}{err}").contains(secret), "{err}");
    }
    wait(&platform, said_goodbye).await;
}

#[tokio::test]
async fn when_all_bots_have_failed_the_command_ends() {
    let (_platform, directory) = two().await;
    let bot =
        run(&directory).env("LARKWIRE_SALES_APP_SECRET", "wrong").env("LARKWIRE_SUPPORT_APP_SECRET", "wrong").start();
    let (code, _, err) = bot.end().await;
    assert_eq!(code, 4, "{err}");
    for name in ["bot sales: ", "bot support: "] {
        assert!(err.contains(name), "{err}");
    }
}

#[tokio::test]
async fn one_bot_of_a_file_can_be_chosen() {
    let (platform, directory) = two().await;
    let mut bot = run(&directory).args(["--bot", "sales"]).piped().start();
    platform.push(&text("how much?").app(SALES)).unwrap();
    assert_eq!(bot.event("how much?").await["bot"], "sales");
    // It is the only one, so that commands need no name.
    let result = asked(&mut bot, &json!({"cmd": "send", "id": 1, "chat_id": "oc_1", "text": "hi"})).await;
    assert_eq!(result["ok"], true);
    bot.hang_up();
    assert_eq!(bot.end().await.0, 0);
    assert!(platform.records().iter().all(|record| record.app_id.as_deref() != Some(APP)), "the other stays away");
}

#[tokio::test]
async fn a_choice_that_cannot_be_made_is_refused() {
    let (_platform, directory) = two().await;
    let send = Larkwire::new(["send", "oc_1", "hi", "--config"]).arg(directory.path("bots.toml"));
    let stories = [
        (run(&directory).args(["--bot", "marketing"]), "[lark.marketing]"),
        (run(&directory).arg("--dedup-file").arg(directory.path("seen")), "--bot"),
        (send, "--bot (support, sales)"),
        (Larkwire::run_at("http://127.0.0.1:1").args(["--bot", "sales"]), "--config"),
    ];
    for (command, words) in stories {
        let (code, out, err) = command.end().await;
        assert_eq!((code, out.as_str()), (3, ""), "{err}");
        assert!(err.contains(words), "{words} in {err}");
        assert!(!err.contains(SECRET) && !err.contains(SALES_SECRET), "{err}");
    }
}

#[tokio::test]
async fn the_file_that_prx_documents_works_unchanged() {
    let platform = platform().await;
    let directory = Directory::new();
    let text = format!(
        r#"[channels_config.lark]
app_id = "{APP}"
app_secret = "{SECRET}"
verification_token = "token-CanaryOfTheWebhook"
encrypt_key = "key-CanaryOfTheWebhook"
allowed_users = ["ou_ann", "on_bo"]
mention_only = true
use_feishu = true
receive_mode = "websocket"
port = 8080
"#
    );
    let file = directory.file("config.toml", &text);
    // Not the file, only the place differs: the test has no Feishu.
    let bot = Larkwire::new(["run", "--domain", &platform.base_url(), "--config"])
        .arg(file)
        .env("LARKWIRE_LOG", "trace")
        .start();
    let hello = bot.line(|line| line["kind"] == "hello").await;
    assert_eq!(hello["bots"], json!([]));
    platform.push(&text_in_group("not for the bot")).unwrap();
    platform.push(&text_in_group("hello").mention_bot().message_id("om_1")).unwrap();
    let line = bot.line(|line| line["text"] == "hello").await;
    assert_eq!((&line["bot"], &line["mentions_bot"]), (&Value::Null, &json!(true)));
    wait(&platform, |kind| matches!(kind, Kind::Reacted { message_id, .. } if message_id == "om_1")).await;
    wait_for_many(&platform, 2, settled).await;
    bot.signal("INT");
    let (code, out, err) = bot.end().await;
    assert_eq!((code, out.lines().count()), (0, 2), "{out}{err}");
    assert!(err.contains("port") && err.contains("no effect"), "{err}");
    assert_eq!(err.matches("WARN").count(), 1, "{err}");
    for secret in [SECRET, "CanaryOfTheWebhook"] {
        assert!(!format!("{out}{err}").contains(secret), "{err}");
    }
    assert_faultless(&platform);
}

fn text_in_group(words: &str) -> larkwire_conformance::platform::Push {
    text(words).chat_type("group")
}
