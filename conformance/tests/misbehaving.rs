//! A platform that is told to misbehave.
#![cfg(feature = "platform")]
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a test ends where it fails")]

mod common;

use std::time::Duration;

use common::{APP, Client, SECRET, discover, discover_as, hello, parameter, platform, request, wait};
use futures_util::StreamExt as _;
use larkwire_conformance::platform::{
    Answer, DiscoveryFault, HttpFault, Inject, Kind, Platform, Pong, Switch, UpgradeFault, UrlFault,
};
use serde_json::json;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};

fn fail_discovery(platform: &Platform, fault: impl Into<DiscoveryFault>) {
    platform.faults(|faults| faults.discovery = Some(Switch::times(fault.into(), 1)));
}

async fn failed_discovery(platform: &Platform) -> hyper::Result<common::Answer> {
    let body = json!({ "AppID": APP, "AppSecret": SECRET }).to_string();
    request(platform, "POST", "/callback/ws/endpoint", &[("content-type", "application/json")], &body).await
}

async fn failed_upgrade(platform: &Platform, fault: UpgradeFault) -> Error {
    platform.faults(|faults| faults.upgrade = Some(Switch::times(fault, 1)));
    connect_async(discover(platform).await).await.map(|_| "connected").unwrap_err()
}

#[tokio::test]
async fn discovery_answers_any_code_as_often_as_wanted() {
    let platform = platform().await;
    platform.faults(|faults| faults.discovery = Some(Switch::times(Answer::code(1, "system busy").into(), 2)));
    for code in [1, 1, 0] {
        assert_eq!(discover_as(&platform, APP, SECRET).await.body["code"], code);
    }
}

#[tokio::test]
async fn a_fault_for_one_app_spares_the_others() {
    let platform = platform().await;
    let switch = Switch::always(Answer::code(1, "system busy").into()).for_app("cli_other");
    platform.faults(|faults| faults.discovery = Some(switch));
    assert_eq!(discover_as(&platform, APP, SECRET).await.body["code"], 0);
    assert_eq!(discover_as(&platform, "cli_other", SECRET).await.body["code"], 1);
}

#[tokio::test]
async fn discovery_answers_any_status_header_and_body() {
    let platform = platform().await;
    fail_discovery(&platform, Answer::status(429).header("retry-after", "7").body("<html>"));
    let answer = failed_discovery(&platform).await.unwrap();
    assert_eq!((answer.status, answer.headers["retry-after"].to_str().unwrap()), (429, "7"));
    fail_discovery(&platform, Answer::redirect("/elsewhere"));
    assert_eq!(failed_discovery(&platform).await.unwrap().status, 302);
}

#[tokio::test]
async fn discovery_hangs_drops_and_writes_garbage() {
    let platform = platform().await;
    fail_discovery(&platform, DiscoveryFault::Http(HttpFault::Hang));
    assert!(tokio::time::timeout(Duration::from_millis(50), failed_discovery(&platform)).await.is_err());
    fail_discovery(&platform, DiscoveryFault::Http(HttpFault::Drop));
    assert!(failed_discovery(&platform).await.is_err_and(|error| error.is_incomplete_message()));
    fail_discovery(&platform, DiscoveryFault::Http(HttpFault::Bytes("HTTP/9.9 nonsense\r\n\r\n".into())));
    assert!(failed_discovery(&platform).await.is_err_and(|error| error.is_parse()));
}

#[tokio::test]
async fn discovery_gives_odd_data_and_configs() {
    let platform = platform().await;
    fail_discovery(&platform, DiscoveryFault::Data(json!(null)));
    assert!(failed_discovery(&platform).await.unwrap().body["data"].is_null());
    fail_discovery(&platform, DiscoveryFault::ClientConfig(json!({ "PingInterval": "x" })));
    assert_eq!(failed_discovery(&platform).await.unwrap().body["data"]["ClientConfig"], json!({ "PingInterval": "x" }));
}

#[tokio::test]
async fn urls_come_in_every_wrong_form() {
    let platform = platform().await;
    let mut urls = Vec::new();
    for variant in [
        UrlFault::HttpScheme,
        UrlFault::Userinfo,
        UrlFault::Fragment,
        UrlFault::NoServiceId,
        UrlFault::BlankServiceId,
        UrlFault::TextServiceId,
        UrlFault::ServiceIdFirst,
        UrlFault::NoDeviceId,
        UrlFault::Other("ws://127.0.0.1:9/".into()),
    ] {
        platform.faults(|faults| faults.url = Some(Switch::times(variant, 1)));
        urls.push(discover(&platform).await);
    }
    let service_id = |url: &str| parameter(url, "service_id");
    assert!(urls[0].starts_with("http://"));
    assert!(urls[1].starts_with("ws://user:password@"));
    assert!(urls[2].ends_with("#fragment"));
    assert_eq!(service_id(&urls[3]), None);
    assert_eq!(service_id(&urls[4]).as_deref(), Some(""));
    assert_eq!(service_id(&urls[5]).as_deref(), Some("abc"));
    assert!(urls[6].contains("?service_id="));
    assert_eq!(parameter(&urls[7], "device_id"), None);
    assert_eq!(urls[8], "ws://127.0.0.1:9/");
    connect_async(&urls[6]).await.unwrap();
}

#[tokio::test]
async fn an_upgrade_is_refused_with_the_wanted_headers() {
    let platform = platform().await;
    let refusal = Answer::handshake(403, "514", "go away", Some("1000040351"));
    let Error::Http(response) = failed_upgrade(&platform, refusal.into()).await else { panic!("not an HTTP answer") };
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()["handshake-status"], "514");
    assert_eq!(response.headers()["handshake-msg"], "go away");
    assert_eq!(response.headers()["handshake-autherrcode"], "1000040351");
    wait(&platform, |kind| matches!(kind, Kind::Refused { what, code: Some(514), .. } if what == "upgrade")).await;
}

#[tokio::test]
async fn an_upgrade_is_accepted_wrongly() {
    let platform = platform().await;
    let error = failed_upgrade(&platform, UpgradeFault::WrongAccept).await;
    assert!(matches!(error, Error::Protocol(ProtocolError::SecWebSocketAcceptKeyMismatch)), "{error}");
    platform.faults(|faults| faults.upgrade = Some(Switch::times(UpgradeFault::Extension("x-odd".into()), 1)));
    let (_, response) = connect_async(discover(&platform).await).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-extensions"], "x-odd");
}

#[tokio::test]
async fn an_upgrade_meets_silence() {
    let platform = platform().await;
    platform.faults(|faults| faults.upgrade = Some(Switch::times(UpgradeFault::Http(HttpFault::Hang), 1)));
    let url = discover(&platform).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), connect_async(url)).await.is_err());
}

#[tokio::test]
async fn a_connection_is_accepted_and_dropped() {
    let platform = platform().await;
    platform.faults(|faults| faults.upgrade = Some(Switch::times(UpgradeFault::AcceptThenDrop, 1)));
    let mut client = Client::upgrade(&platform).await;
    assert!(client.socket.next().await.unwrap().is_err());
    wait(&platform, |kind| matches!(kind, Kind::ConnectionClosed { .. })).await;
    Client::connect(&platform).await.pong().await;
}

#[tokio::test]
async fn pongs_come_in_every_form() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    assert!(client.pong().await.payload.is_some());
    platform.faults(|faults| faults.pong = Pong::Empty);
    client.ping().await;
    assert_eq!(client.pong().await.payload, None);
    platform.faults(|faults| faults.pong = Pong::Payload("{]".into()));
    client.ping().await;
    assert_eq!(client.pong().await.payload.unwrap(), b"{]");
    platform.faults(|faults| faults.pong = Pong::Silent);
    client.ping().await;
    platform.inject(APP, &Inject::Text("after the ping".into()));
    assert!(client.socket.next().await.unwrap().unwrap().is_text());
}

#[tokio::test]
async fn acknowledgements_can_be_ignored() {
    let platform = platform().await;
    platform.faults(|faults| faults.ignore_acks = true);
    let mut client = Client::connect(&platform).await;
    platform.push(&hello()).unwrap();
    let frame = client.data().await;
    client.ack(&frame).await;
    let acked = wait(&platform, |kind| matches!(kind, Kind::Acked { .. })).await;
    assert!(matches!(acked.kind, Kind::Acked { settled: false, code: Some(200), .. }));
}

#[tokio::test]
async fn the_platform_pings_on_the_websocket_level_too() {
    let platform = platform().await;
    platform.faults(|faults| faults.ws_ping_ms = Some(5));
    let mut client = Client::connect(&platform).await;
    loop {
        if let Message::Ping(_) = client.socket.next().await.unwrap().unwrap() {
            break;
        }
    }
}
