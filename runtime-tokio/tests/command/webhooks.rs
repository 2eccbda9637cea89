//! Bots to which the platform posts.

use std::net::TcpListener;

use larkwire_conformance::platform::webhook::hostile_list;
use larkwire_conformance::platform::{AppSpec, Expected, HostileAnswer, Kind, Platform, Push, WebhookSpec};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::child::{Larkwire, Running};
use crate::directory::Directory;
use crate::support::*;

pub(crate) const KEY: &str = "k-Canary0fTheWebhook";
pub(crate) const TOKEN: &str = "t-Canary0fTheWebhook";
pub(crate) const OTHER: &str = "cli_00000000000000b2";

/// A port that nobody has now. It is not one of those that outgoing connections get.
pub(crate) fn free_port() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let spread = (std::process::id() % 500) as u16 * 20;
    loop {
        let port = 12_000 + spread + NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

/// What a webhook adds to a bot's table.
pub(crate) fn webhook(port: u16) -> String {
    format!("receive_mode = \"webhook\"\nport = {port}\nencrypt_key = \"{KEY}\"\nverification_token = \"{TOKEN}\"\n")
}

pub(crate) fn table(platform: &Platform, name: &str, app_id: &str) -> String {
    let domain = platform.base_url();
    format!(
        "[{name}]\napp_id = \"{app_id}\"\napp_secret = \"{SECRET}\"\ndomain = \"{domain}\"\nallowed_users = [\"*\"]\n"
    )
}

/// `larkwire run` with one webhook, and where it is.
pub(crate) struct Hook {
    pub(crate) directory: Directory,
    pub(crate) port: u16,
    text: String,
}

impl Hook {
    pub(crate) fn new(platform: &Platform) -> Self {
        let port = free_port();
        Self { directory: Directory::new(), port, text: table(platform, "lark", APP) + &webhook(port) }
    }

    pub(crate) fn with(mut self, line: &str) -> Self {
        self.text += line;
        self
    }

    pub(crate) fn command(&self) -> Larkwire {
        Larkwire::new(["run", "--config"]).arg(self.directory.file("bot.toml", &self.text))
    }

    /// It runs, the platform posts to it, and has verified its URL.
    pub(crate) async fn start(&self, platform: &Platform) -> Running {
        let bot = self.command().piped().start();
        listening(&bot, "listening on").await;
        // Before that, the platform is asked to come again.
        bot.notice("the bot knows itself").await;
        subscribe(platform, APP, self.port, "/lark").await;
        bot
    }
}

pub(crate) async fn listening(bot: &Running, words: &str) -> String {
    let notice = bot.notice(words).await;
    // The line is written just before the first connection is taken; the port is held since before.
    bot.line(|line| line["kind"] == "hello").await;
    notice
}

pub(crate) async fn subscribe(platform: &Platform, app_id: &str, port: u16, path: &str) {
    let url = format!("http://127.0.0.1:{port}{path}");
    platform.subscribe_webhook(WebhookSpec::new(app_id, url, TOKEN).encrypt_key(KEY)).unwrap();
    let verdict = platform.challenge(app_id).await.unwrap();
    assert!(verdict.passed(), "{verdict:?}");
}

pub(crate) async fn hostile(platform: &Platform, name: &str) -> HostileAnswer {
    platform.hostile(APP, name).await.unwrap()
}

/// Ctrl-C, and nothing that is secret was said.
pub(crate) async fn stopped(bot: Running) -> String {
    bot.signal("INT");
    let (code, out, err) = bot.end().await;
    assert_eq!(code, 0, "{err}");
    for secret in [SECRET, KEY, TOKEN] {
        assert!(!out.contains(secret) && !err.contains(secret), "{out}{err}");
    }
    out
}

/// One request by hand: the status, and the body.
pub(crate) async fn get(port: u16, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
}

fn accepted(kind: &Kind) -> bool {
    matches!(kind, Kind::WebhookAnswered { status: 200, settled: true, .. })
}

#[tokio::test]
async fn a_posted_event_is_a_line_and_is_answered_by_a_command() {
    let platform = platform().await;
    let hook = Hook::new(&platform);
    let mut bot = hook.command().piped().start();
    let notice = listening(&bot, "listening on").await;
    for words in [format!("http://0.0.0.0:{}/lark", hook.port), "Request URL".into(), "Events & Callbacks".into()] {
        assert!(notice.contains(&words), "{words} in {notice}");
    }
    subscribe(&platform, APP, hook.port, "/lark").await;
    bot.notice("has verified the request URL").await;
    bot.notice("the bot knows itself").await;
    platform.push(&text("posted 🎉").message_id("om_1")).unwrap();
    let line = bot.event("posted 🎉").await;
    assert_eq!((&line["message_id"], &line["event_type"]), (&json!("om_1"), &json!("im.message.receive_v1")));
    let answered = wait(&platform, accepted).await.kind;
    let Kind::WebhookAnswered { body, attempt: 0, .. } = answered else { panic!("{answered:?}") };
    assert_eq!(body, r#"{"msg":"success"}"#);
    bot.say(r#"{"cmd":"reply","id":1,"message_id":"om_1","text":"heard"}"#).await;
    assert_eq!(bot.result(1).await["ok"], true);
    wait(&platform, |kind| matches!(kind, Kind::Replied { parent_id, .. } if parent_id == "om_1")).await;
    // The reaction that says "seen", as over the long connection.
    wait(&platform, |kind| matches!(kind, Kind::Reacted { message_id, .. } if message_id == "om_1")).await;
    assert_eq!(get(hook.port, "/health").await, ("200".into(), r#"{"status":"ok"}"#.into()));
    stopped(bot).await;
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Discovered { .. } | Kind::Upgraded { .. })), 0);
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_click_is_answered_through_stdin_and_on_the_same_connection() {
    let platform = platform().await;
    let mut bot = Hook::new(&platform).start(&platform).await;
    let action = json!({"tag": "button", "value": {"choice": "yes"}});
    platform.push(&Push::card_action("c-token", "om_card", "oc_room", "ou_ann", action).event_id("e-1")).unwrap();
    let line = bot.line(|line| line["event_id"] == "e-1").await;
    assert_eq!((&line["is_callback"], &line["event"]["action"]["value"]["choice"]), (&json!(true), &json!("yes")));
    let body = json!({"toast": {"type": "success", "content": "saved"}});
    bot.say(json!({"cmd": "respond", "id": 1, "response_id": line["response_id"], "body": body}).to_string()).await;
    assert_eq!(bot.result(1).await["ok"], true);
    let found = wait(&platform, |kind| matches!(kind, Kind::CallbackAnswered { .. })).await.kind;
    let Kind::CallbackAnswered { data, in_time: true, .. } = found else { panic!("{found:?}") };
    assert_eq!(data, Some(body));
    stopped(bot).await;
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_redelivery_and_a_copy_are_answered_and_not_written_again() {
    let platform = platform().await;
    let bot = Hook::new(&platform).start(&platform).await;
    platform.faults(|faults| faults.ignore_acks = true);
    platform.push(&text("once")).unwrap();
    wait(&platform, |kind| matches!(kind, Kind::WebhookAnswered { attempt: 0, status: 200, .. })).await;
    platform.faults(|faults| faults.ignore_acks = false);
    wait(&platform, |kind| matches!(kind, Kind::WebhookAnswered { attempt: 1.., status: 200, settled: true, .. }))
        .await;
    let replay = hostile(&platform, "replay").await;
    assert_eq!(replay.status, Some(200), "{replay:?}");
    let out = stopped(bot).await;
    assert_eq!(out.lines().count(), 2, "{out}");
}

#[tokio::test]
async fn what_is_not_signed_with_the_key_is_refused_and_the_log_names_the_key_only() {
    let platform = platform().await;
    let hook = Hook::new(&platform);
    let bot = hook.start(&platform).await;
    let answer = hostile(&platform, "wrong-signature").await;
    assert_eq!((answer.status, answer.body.as_str()), (Some(401), r#"{"msg":"refused"}"#), "{answer:?}");
    let notice = bot.notice("requests to the webhook were refused").await;
    assert!(notice.contains("Encrypt Key") && notice.contains("WARN"), "{notice}");
    assert_eq!(get(hook.port, "/other").await.0, "404");
    platform.push(&text("still here")).unwrap();
    bot.event("still here").await;
    let out = stopped(bot).await;
    assert_eq!(out.lines().count(), 2, "{out}");
}

#[tokio::test]
async fn two_bots_share_a_port_each_at_its_path() {
    let platform = platform().await;
    platform.add_app(AppSpec::new(OTHER, SECRET));
    let (port, directory) = (free_port(), Directory::new());
    let text_of = |name: &str, app_id: &str| {
        table(&platform, &format!("lark.{name}"), app_id)
            + &webhook(port)
            + &format!("webhook_path = \"/hooks/{name}\"\n")
    };
    let text = text_of("support", APP) + &text_of("sales", OTHER);
    let bot = Larkwire::new(["run", "--config"]).arg(directory.file("bots.toml", &text)).start();
    for (name, app_id) in [("support", APP), ("sales", OTHER)] {
        listening(&bot, &format!("bot {name}: listening on http://0.0.0.0:{port}/hooks/{name}")).await;
        subscribe(&platform, app_id, port, &format!("/hooks/{name}")).await;
    }
    // Both know themselves by then.
    wait_for_many(&platform, 2, |kind| matches!(kind, Kind::Read { .. })).await;
    for (name, app_id) in [("support", APP), ("sales", OTHER)] {
        platform.push(&crate::support::text(name).app(app_id)).unwrap();
        assert_eq!(bot.event(name).await["bot"], name);
    }
    // The event of one at the door of the other is answered, and not taken.
    let astray = format!("http://127.0.0.1:{port}/hooks/sales");
    platform.subscribe_webhook(WebhookSpec::new(APP, astray, TOKEN).encrypt_key(KEY)).unwrap();
    platform.push(&crate::support::text("astray")).unwrap();
    wait_for_many(&platform, 3, accepted).await;
    assert!(!stopped(bot).await.contains("astray"));
}

#[tokio::test]
async fn a_webhook_and_a_long_connection_run_side_by_side() {
    let platform = platform().await;
    platform.add_app(AppSpec::new(OTHER, SECRET));
    let (port, directory) = (free_port(), Directory::new());
    let text = table(&platform, "lark.post", APP) + &webhook(port) + &table(&platform, "lark.wire", OTHER);
    let bot = Larkwire::new(["run", "--config"]).arg(directory.file("bots.toml", &text)).start();
    listening(&bot, "bot post: listening on").await;
    bot.notice("INFO connected").await;
    subscribe(&platform, APP, port, "/lark").await;
    for (name, app_id) in [("post", APP), ("wire", OTHER)] {
        platform.push(&crate::support::text(name).app(app_id)).unwrap();
        assert_eq!(bot.event(name).await["bot"], name);
    }
    stopped(bot).await;
    assert_faultless(&platform);
}

#[tokio::test]
async fn it_speaks_tls_with_the_certificate_of_its_files() {
    let platform = platform().await;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let hook = Hook::new(&platform);
    hook.directory.file("cert.pem", &made.cert.pem());
    hook.directory.file("key.pem", &made.signing_key.serialize_pem());
    let hook = hook.with("webhook_tls_cert_file = \"cert.pem\"\nwebhook_tls_key_file = \"key.pem\"\n");
    let bot = hook.command().start();
    listening(&bot, &format!("listening on https://0.0.0.0:{}/lark", hook.port)).await;
    let (status, body) = over_tls(hook.port, &made.cert.pem()).await;
    assert_eq!((status.as_str(), body.as_str()), ("200", r#"{"status":"ok"}"#));
    stopped(bot).await;

    // Another's key, and no key at all.
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    hook.directory.file("key.pem", &other.signing_key.serialize_pem());
    let (code, _, err) = hook.command().end().await;
    assert_eq!(code, 3);
    assert!(err.contains("webhook_tls_key_file") && !err.contains("PRIVATE"), "{err}");
    hook.directory.file("key.pem", "nothing");
    assert!(hook.command().end().await.2.contains("PEM"));
    std::fs::remove_file(hook.directory.path("key.pem")).unwrap();
    let (code, _, err) = hook.command().end().await;
    assert_eq!(code, 3);
    assert!(err.contains("webhook_tls_key_file") && err.contains("No such file"), "{err}");
}

/// `GET /health` with this certificate as the only one that is trusted.
async fn over_tls(port: u16, trusted: &str) -> (String, String) {
    use rustls::pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_script_sends_for_a_webhook_that_runs() {
    let platform = platform().await;
    let hook = Hook::new(&platform).with("dedup_file = \"seen\"\nmention_only = true\n");
    let bot = hook.start(&platform).await;
    let before = count(&platform, |kind| matches!(kind, Kind::Read { .. }));
    let file = hook.directory.path("bot.toml");
    let (code, out, err) = Larkwire::new(["send", "oc_1", "hi", "--config"]).arg(file).end().await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Read { .. })), before, "nobody asks who the bot is");
    stopped(bot).await;
}

#[tokio::test]
async fn keys_of_the_file_reach_the_webhook() {
    let platform = platform().await;
    let hook = Hook::new(&platform).with("webhook_max_age_secs = 60\nwebhook_max_body = 65536\n");
    let bot = hook.start(&platform).await;
    for (name, status) in [("nearly-stale", 401), ("large-event", 413), ("missing-token", 401)] {
        let answer = hostile(&platform, name).await;
        assert_eq!(answer.status, Some(status), "{answer:?}");
    }
    stopped(bot).await;

    let hook = Hook::new(&platform).with("webhook_max_age_secs = 3600\nwebhook_allow_missing_token = true\n");
    let bot = hook.start(&platform).await;
    for name in ["nearly-stale", "large-event", "missing-token"] {
        let answer = hostile(&platform, name).await;
        assert_eq!(answer.status, Some(200), "{answer:?}");
    }
    stopped(bot).await;
}

#[tokio::test]
async fn old_cards_are_taken_where_they_are_wanted() {
    for wanted in [false, true] {
        let platform = platform().await;
        let hook = Hook::new(&platform).with(&format!("webhook_old_cards = {wanted}\n"));
        let bot = hook.start(&platform).await;
        let url = format!("http://127.0.0.1:{}/lark", hook.port);
        platform.subscribe_webhook(WebhookSpec::new(APP, url, TOKEN).encrypt_key(KEY).old_cards()).unwrap();
        let action = json!({"tag": "button", "value": {"choice": "old"}});
        platform.push(&Push::card_action("c-token", "om_card", "oc_room", "ou_ann", action)).unwrap();
        let status = |kind: &Kind| match kind {
            Kind::WebhookAnswered { status, .. } => Some(*status),
            _ => None,
        };
        let found = wait(&platform, |kind| status(kind).is_some()).await.kind;
        assert_eq!(status(&found), Some(if wanted { 200 } else { 401 }), "{found:?}");
        if wanted {
            let line: Value = bot.line(|line| line["kind"] == "event").await;
            assert!(line.to_string().contains("old"), "{line}");
        }
        stopped(bot).await;
    }
}

#[tokio::test]
async fn whatever_strangers_send_only_what_is_right_becomes_a_line_and_once() {
    let platform = platform().await;
    let bot = Hook::new(&platform).start(&platform).await;
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    for case in hostile_list() {
        let answer = hostile(&platform, case.name).await;
        match case.expected {
            // Stricter than it need be: the platform always says that it sends JSON.
            _ if case.name == "wrong-content-type" => {}
            Expected::Accepted => {
                assert_eq!(answer.status, Some(200), "{answer:?}");
                right.push(answer.event_id);
            }
            Expected::Refused | Expected::Status(_) => wrong.push(answer.event_id),
            Expected::Answered | Expected::Either | Expected::Swallowed => {}
        }
    }
    assert!(right.len() > 10 && wrong.len() > 50, "{} and {}", right.len(), wrong.len());
    let out = stopped(bot).await;
    let lines = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let printed: Vec<_> = lines.filter_map(|line| line["event_id"].as_str().map(str::to_owned)).collect();
    for id in &right {
        assert_eq!(printed.iter().filter(|printed| *printed == id).count(), 1, "{id} in {out}");
    }
    let leaked: Vec<_> = wrong.iter().filter(|id| printed.contains(id)).collect();
    assert!(leaked.is_empty(), "{leaked:?} in {out}");
}
