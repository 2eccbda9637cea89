//! Getting a long connection, and being refused one.
#![cfg(feature = "platform")]
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a test ends where it fails")]

mod common;

use std::time::Duration;

use common::{APP, Client, SECRET, discover, discover_as, parameter, platform, platform_with, request, wait};
use larkwire_conformance::platform::{AppSpec, ClientConfig, Kind, Platform, PlatformConfig};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;

async fn upgrade_error(url: &str) -> Error {
    connect_async(url).await.map(|_| "connected").unwrap_err()
}

#[tokio::test]
async fn the_right_secret_gets_a_url_with_a_numeric_service_id() {
    let platform = platform().await;
    let answer = discover_as(&platform, APP, SECRET).await;
    assert_eq!((answer.status, &answer.body["code"]), (200, &0.into()));
    let url = answer.body["data"]["URL"].as_str().unwrap();
    assert!(url.starts_with(&platform.base_url().replace("http", "ws")));
    for name in ["fpid", "aid", "device_id", "access_key", "ticket"] {
        assert!(parameter(url, name).is_some_and(|value| !value.is_empty()), "{name} in {url}");
    }
    assert!(parameter(url, "service_id").unwrap().parse::<i32>().unwrap() > 0);
    assert_eq!(answer.body["data"]["ClientConfig"]["PingInterval"], 120);
    assert!(answer.headers.contains_key("x-tt-logid"));
}

#[tokio::test]
async fn a_wrong_secret_an_unknown_app_and_a_wrong_region_are_told_apart() {
    let platform = platform().await;
    platform.add_app(AppSpec { other_region: true, ..AppSpec::new("cli_elsewhere", "s") });
    for (app_id, secret, code) in
        [(APP, "wrong", 514), ("cli_nobody", "s", 10003), ("cli_elsewhere", "s", 1_000_040_351_i64)]
    {
        let answer = discover_as(&platform, app_id, secret).await;
        assert_eq!((answer.status, &answer.body["code"]), (200, &code.into()));
    }
}

#[tokio::test]
async fn lower_case_keys_are_a_bad_request() {
    let platform = platform().await;
    let body = format!(r#"{{"appid":"{APP}","appsecret":"{SECRET}"}}"#);
    let json = [("content-type", "application/json")];
    let answer = request(&platform, "POST", "/callback/ws/endpoint", &json, &body).await.unwrap();
    assert_eq!((answer.status, &answer.body["code"]), (400, &9499.into()));
}

#[tokio::test]
async fn a_url_works_once() {
    let platform = platform().await;
    let url = discover(&platform).await;
    let (_socket, _) = connect_async(&url).await.unwrap();
    let Error::Http(response) = upgrade_error(&url).await else { panic!("not an HTTP answer") };
    assert_eq!(response.headers()["handshake-status"], "514");
}

#[tokio::test]
async fn a_url_expires() {
    let platform = platform_with(PlatformConfig { url_lifetime: Duration::ZERO, ..PlatformConfig::default() }).await;
    let url = discover(&platform).await;
    assert!(matches!(upgrade_error(&url).await, Error::Http(_)));
}

#[tokio::test]
async fn a_changed_url_is_refused_and_held_against_the_client() {
    let platform = platform().await;
    let url = discover(&platform).await.replace("aid=552564", "aid=1");
    assert!(matches!(upgrade_error(&url).await, Error::Http(_)));
    wait(&platform, |kind| matches!(kind, Kind::ClientFault { what, .. } if what.contains("URL"))).await;
}

#[tokio::test]
async fn the_connection_after_the_last_is_refused() {
    let platform = platform_with(PlatformConfig { max_connections: 2, ..PlatformConfig::default() }).await;
    let spare = discover(&platform).await;
    let _open = (Client::connect(&platform).await, Client::connect(&platform).await);
    assert_eq!(platform.connections(APP), 2);
    let answer = discover_as(&platform, APP, SECRET).await;
    assert_eq!(answer.body["code"], 1_000_040_350);
    let Error::Http(response) = upgrade_error(&spare).await else { panic!("not an HTTP answer") };
    assert_eq!(response.headers()["handshake-autherrcode"], "1000040350");
}

#[tokio::test]
async fn each_ping_is_answered_with_the_client_config() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    let config: ClientConfig = serde_json::from_slice(&client.pong().await.payload.unwrap()).unwrap();
    assert_eq!(config, ClientConfig::default());
    platform.set_client_config(ClientConfig { ping_interval: Some(7), ..ClientConfig::default() });
    client.ping().await;
    let config: ClientConfig = serde_json::from_slice(&client.pong().await.payload.unwrap()).unwrap();
    assert_eq!(config.ping_interval, Some(7));
    wait(&platform, |kind| matches!(kind, Kind::Pinged { first: false, .. })).await;
    assert_eq!(common::count(&platform, |kind| matches!(kind, Kind::ClientFault { .. })), 0);
}

#[tokio::test]
async fn a_client_that_does_not_ping_at_once_is_at_fault() {
    let soon = Duration::from_millis(20);
    let platform = platform_with(PlatformConfig { first_ping_within: soon, ..PlatformConfig::default() }).await;
    let _client = Client::upgrade(&platform).await;
    wait(&platform, |kind| matches!(kind, Kind::ClientFault { what, .. } if what.contains("no ping"))).await;
}

#[tokio::test]
async fn a_ping_for_another_service_is_a_fault() {
    let platform = platform().await;
    let mut client = Client::upgrade(&platform).await;
    client.service_id = 0;
    client.ping().await;
    wait(&platform, |kind| matches!(kind, Kind::ClientFault { what, .. } if what.contains("service 0"))).await;
}

#[tokio::test]
async fn only_loopback_addresses_are_listened_on() {
    let listen = "0.0.0.0:0".parse().unwrap();
    let refused = Platform::start(PlatformConfig { listen, ..PlatformConfig::default() }).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_stopped_platform_ends_every_subscription() {
    let platform = platform().await;
    let mut records = platform.subscribe();
    let _client = Client::connect(&platform).await;
    platform.stop().await;
    let mut last = None;
    while let Some(record) = records.next().await {
        last = Some(record);
    }
    assert!(matches!(last.unwrap().kind, Kind::ConnectionClosed { .. }));
    assert_eq!(platform.connections(APP), 0);
}
