//! Illnesses of a webhook.

use std::net::TcpListener;

use super::*;
use crate::webhooks::{KEY, TOKEN, free_port, webhook};

fn config(platform: &Platform, port: u16) -> String {
    table(platform) + &webhook(port)
}

/// What is found, which shows no key.
async fn found(directory: &Directory, config: &str) -> Report {
    let report = examine(doctor_of(&directory.config(config))).await;
    assert!(!format!("{report:?}").contains(KEY) && !format!("{report:?}").contains(TOKEN), "{report:#?}");
    report
}

#[tokio::test]
async fn a_webhook_needs_its_keys_and_its_port() {
    let platform = platform().await;
    let report = found(&Directory::new(), &(table(&platform) + "receive_mode = \"webhook\"\n")).await;
    assert_eq!(report.code, 3);
    for key in ["encrypt_key", "port", "verification_token"] {
        report.finds("config", "failed", &[key, "webhook"]);
    }
}

#[tokio::test]
async fn a_healthy_webhook_answers_itself_and_is_told_what_the_console_needs() {
    let platform = platform().await;
    let (directory, port) = (Directory::new(), free_port());
    let report = found(&directory, &config(&platform, port)).await;
    report.failed(&[]).skips(&["discovery", "connection"]).finds("clock", "ok", &[]);
    let url = format!("http://PUBLIC-ADDRESS:{port}/lark");
    report.finds("webhook", "ok", &[&format!("0.0.0.0:{port} is free"), &url, "public IPv4", "Request URL"]);
    // The platform itself is asked no more than of another bot.
    assert_eq!(kinds(&platform), ["token_issued", "read"]);

    let behind = config(&platform, port) + "webhook_host = \"127.0.0.1\"\nwebhook_path = \"/bots/a\"\n";
    found(&directory, &behind).await.failed(&[]).finds("webhook", "ok", &["proxy", "/bots/a", "public IPv4"]);
}

#[tokio::test]
async fn two_bots_behind_one_port_do_not_stand_in_each_others_way() {
    let platform = platform().await;
    platform.add_app(AppSpec::new("cli_00000000000000b2", SECRET));
    let port = free_port();
    let bot = |name: &str, id: &str| {
        let path = format!("webhook_path = \"/{name}\"\n");
        config(&platform, port).replace("[lark]", &format!("[lark.{name}]")).replace(APP, id) + &path
    };
    let text = bot("a", APP) + &bot("b", "cli_00000000000000b2");
    let report = found(&Directory::new(), &text).await;
    report.failed(&[]).finds("webhook", "ok", &["/a"]).finds("webhook", "ok", &["/b"]);
}

#[tokio::test]
async fn a_bot_that_runs_is_told_from_a_stranger_at_its_port() {
    let platform = platform().await;
    let (directory, port) = (Directory::new(), free_port());
    let text = config(&platform, port);
    let bot = Larkwire::new(["run", "--config"]).arg(directory.config(&text)).start();
    bot.notice("listening on").await;
    bot.line(|line| line["kind"] == "hello").await;
    found(&directory, &text).await.failed(&[]).finds("webhook", "ok", &["this bot runs", "answers"]);
    // It runs with other keys than the file has by now.
    let report = found(&directory, &text.replace(KEY, "another key")).await;
    report.failed(&["webhook"]).finds("webhook", "failed", &["in use", "not this bot", "401"]);
    bot.signal("INT");
    assert_eq!(bot.end().await.0, 0);

    let holder = TcpListener::bind(("0.0.0.0", port)).unwrap();
    let report = found(&directory, &text).await;
    report.failed(&["webhook"]).finds("webhook", "failed", &["in use", "another port"]);
    drop(holder);
}

#[tokio::test]
async fn an_address_of_another_machine_is_found() {
    let platform = platform().await;
    let text = config(&platform, free_port()) + "webhook_host = \"203.0.113.7\"\n";
    let report = found(&Directory::new(), &text).await;
    report.failed(&["webhook"]).finds("webhook", "failed", &["no address 203.0.113.7", "webhook_host"]);
}

#[tokio::test]
async fn certificates_that_cannot_serve_are_found() {
    let platform = platform().await;
    let directory = Directory::new();
    let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (one, other) = (made(), made());
    let tls = "webhook_tls_cert_file = \"cert.pem\"\nwebhook_tls_key_file = \"key.pem\"\n";
    let text = config(&platform, free_port()) + tls;
    let file = |name: &str, mode: u32, content: &str| {
        let path = directory.0.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let report = found(&directory, &text).await;
    report.failed(&["webhook"]).finds("webhook", "failed", &["webhook_tls_cert_file", "cert.pem", "No such file"]);
    file("cert.pem", 0o644, &one.cert.pem());
    file("key.pem", 0o600, &other.signing_key.serialize_pem());
    found(&directory, &text).await.failed(&["webhook"]).finds("webhook", "failed", &["key.pem", "certificate"]);
    file("key.pem", 0o600, "-----BEGIN NOTHING-----\n");
    found(&directory, &text).await.failed(&["webhook"]).finds("webhook", "failed", &["key.pem", "PEM"]);
    file("key.pem", 0o600, &one.signing_key.serialize_pem());
    let report = found(&directory, &text).await;
    report.failed(&[]).finds("webhook", "ok", &["https://PUBLIC-ADDRESS"]);
    file("key.pem", 0o644, &one.signing_key.serialize_pem());
    let report = found(&directory, &text).await;
    report.failed(&[]).finds("webhook", "warning", &["webhook_tls_key_file", "everybody", "chmod 600"]);
}

#[tokio::test]
async fn a_clock_that_is_off_costs_a_webhook_its_events() {
    let platform = platform().await;
    let (directory, text) = (Directory::new(), config(&platform, free_port()));
    platform.options(|options| options.date_offset_s = 1200);
    found(&directory, &text).await.failed(&["clock"]).finds("clock", "failed", &["20 min"]);
    platform.options(|options| options.date_offset_s = 300);
    found(&directory, &text).await.failed(&[]).finds("clock", "warning", &["5 min"]);
    let strict = text + "webhook_max_age_secs = 300\n";
    found(&directory, &strict).await.failed(&["clock"]).finds("clock", "failed", &["5 min"]);
}
