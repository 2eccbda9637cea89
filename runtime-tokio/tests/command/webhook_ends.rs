//! How webhooks begin and end: ports, health, Ctrl-C, and what is under way then.

use std::net::TcpListener;
use std::time::Duration;

use larkwire_conformance::platform::{
    AppSpec, Endpoint, HttpFault, Kind, Push, RestFault, Switch, WebhookFailure, WebhookSpec,
};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::child::Larkwire;
use crate::directory::Directory;
use crate::support::*;
use crate::webhooks::{Hook, KEY, OTHER, TOKEN, free_port, get, hostile, stopped, table, webhook};

#[tokio::test]
async fn a_bot_that_ends_is_seen_by_the_load_balancer() {
    let platform = platform().await;
    platform.add_app(AppSpec::new(OTHER, SECRET));
    let (port, directory) = (free_port(), Directory::new());
    let broken = table(&platform, "lark.broken", APP).replace(SECRET, "wrong") + &webhook(port);
    let text = broken + &table(&platform, "lark.wire", OTHER);
    let bot = Larkwire::new(["run", "--config"]).arg(directory.file("bots.toml", &text)).start();
    bot.notice("ERROR bot broken: ").await;
    assert_eq!(get(port, "/health").await, ("503".into(), r#"{"status":"ended"}"#.into()));
    // Its events are left to the platform.
    let url = format!("http://127.0.0.1:{port}/lark");
    platform.subscribe_webhook(WebhookSpec::new(APP, url, TOKEN).encrypt_key(KEY)).unwrap();
    platform.push(&crate::support::text("is anybody there?")).unwrap();
    wait(&platform, |kind| matches!(kind, Kind::WebhookAnswered { attempt: 0, status: 503, .. })).await;
    bot.signal("INT");
    assert_eq!(bot.end().await.0, 4, "the first bad end is the command's");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_before_anything_starts() {
    let platform = platform().await;
    let hook = Hook::new(&platform);
    let holder = TcpListener::bind(("0.0.0.0", hook.port)).unwrap();
    let (code, out, err) = hook.command().end().await;
    assert_eq!((code, out.as_str()), (3, ""), "{err}");
    for words in [format!("port {} is in use", hook.port), "another port".into(), "this bot".into()] {
        assert!(err.contains(&words), "{words} in {err}");
    }
    drop(holder);
    let (code, _, err) = Hook::new(&platform).with("webhook_host = \"203.0.113.7\"\n").command().end().await;
    assert_eq!(code, 3);
    assert!(err.contains("no address 203.0.113.7") && err.contains("webhook_host"), "{err}");
    assert_eq!(platform.token_requests(APP), 0, "no bot ran");
}

#[tokio::test]
async fn ctrl_c_answers_what_waits() {
    let platform = platform().await;
    let hook = Hook::new(&platform);
    let bot = hook.start(&platform).await;
    let action = json!({"tag": "button", "value": {}});
    platform.push(&Push::card_action("c-token", "om_card", "oc_room", "ou_ann", action).event_id("e-1")).unwrap();
    bot.line(|line| line["event_id"] == "e-1").await;
    stopped(bot).await;
    let found = wait(&platform, |kind| matches!(kind, Kind::CallbackAnswered { .. })).await.kind;
    let Kind::CallbackAnswered { data, in_time, .. } = found else { unreachable!() };
    assert_eq!((data, in_time), (Some(json!({})), true));
    // What comes afterwards finds nobody, and is sent again to the next run.
    platform.push(&text("later")).unwrap();
    let refused = |kind: &Kind| matches!(kind, Kind::WebhookFailed { cause: WebhookFailure::Connect, .. });
    wait(&platform, refused).await;
    let bot = hook.command().start();
    bot.event("later").await;
    stopped(bot).await;
}

#[tokio::test]
async fn a_request_that_was_half_here_at_the_end_is_answered() {
    let platform = platform().await;
    let hook = Hook::new(&platform);
    let bot = hook.start(&platform).await;
    let request = platform.hostile_request(APP, "valid").unwrap().to_bytes("x", "/lark");
    let (begin, end) = request.split_at(request.len() - 100);
    let mut stream = TcpStream::connect(("127.0.0.1", hook.port)).await.unwrap();
    stream.write_all(begin).await.unwrap();
    // Its head was read once another request, which came later, was answered.
    hostile(&platform, "wrong-signature").await;
    bot.signal("INT");
    bot.notice("INFO stopped").await;
    stream.write_all(end).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    let (code, out, _) = bot.end().await;
    assert_eq!((code, out.lines().count()), (0, 1), "{out}");
}

#[tokio::test]
async fn while_a_call_keeps_the_bot_from_ending_posts_are_left_to_the_platform() {
    let platform = platform().await;
    let hang = RestFault { endpoint: Some(Endpoint::Send), fault: HttpFault::Hang };
    platform.faults(|faults| faults.rest = vec![Switch::always(hang)]);
    let mut bot = Hook::new(&platform).start(&platform).await;
    bot.say(r#"{"cmd":"send","chat_id":"oc_1","text":"never answered"}"#).await;
    wait(&platform, |kind| matches!(kind, Kind::TokenIssued { .. })).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    bot.signal("INT");
    bot.notice("Ctrl-C again").await;
    platform.push(&text("too late")).unwrap();
    let answered =
        wait(&platform, |kind| matches!(kind, Kind::WebhookAnswered { status: 503, .. } | Kind::WebhookFailed { .. }));
    answered.await;
    let (_, out, _) = bot.end().await;
    assert!(!out.contains("too late"), "{out}");
}
