//! Connections that end, and those that never begin.

use std::collections::BTreeSet;
use std::time::Duration;

use larkwire_conformance::platform::{
    Answer, ClientConfig, DiscoveryFault, HttpFault, Inject, Kind, Platform, PlatformConfig, Pong, Push, Switch,
    UpgradeFault, UrlFault,
};
use larkwire_tokio::{Client, Events, State};

use crate::log::Log;
use crate::support::*;

/// The bot comes back and hears what was said meanwhile.
async fn comes_back(platform: &Platform, client: &Client, events: &mut Events, upgrades: usize) {
    platform.push(&text("meanwhile").parts(2)).unwrap();
    wait_for_many(platform, upgrades, |kind| matches!(kind, Kind::Upgraded { .. })).await;
    platform.push(&text("after")).unwrap();
    let mut texts = [next(events).await.text().unwrap(), next(events).await.text().unwrap()];
    texts.sort();
    assert_eq!(texts, ["after", "meanwhile"]);
    until(client, |state| state == State::Open).await;
    assert_faultless(platform);
}

#[tokio::test]
async fn a_bot_comes_back_however_its_connection_ended() {
    let platform = platform().await;
    let log = Log::start();
    let (client, mut events) = bot(&platform).await;
    let gone = |platform: &Platform| assert_eq!(platform.connections(APP), 0);
    assert_eq!(platform.cut(APP), 1);
    gone(&platform);
    comes_back(&platform, &client, &mut events, 2).await;
    assert_eq!(platform.cut_rst(APP), 1);
    comes_back(&platform, &client, &mut events, 3).await;
    assert_eq!(platform.close(APP, 1012), 1);
    log.wait("close code 1012").await;
    comes_back(&platform, &client, &mut events, 4).await;
    // A frame with a reserved bit.
    assert_eq!(platform.inject(APP, &Inject::Bytes(vec![0xc2, 0x00])), 1);
    log.wait("broke the WebSocket protocol").await;
    wait_for_many(&platform, 5, |kind| matches!(kind, Kind::Upgraded { .. })).await;
    until(&client, |state| state == State::Open).await;
    platform.push(&text("after all")).unwrap();
    assert_eq!(next(&mut events).await.text().as_deref(), Some("after all"));
    assert_eq!(client.stats().link_faults, 4);
    let warned = log.lines().into_iter().find(|line| line.starts_with("ERROR") || line.starts_with("WARN"));
    assert_eq!(warned, None, "reconnects are ordinary");
}

#[tokio::test]
async fn a_connection_that_only_looks_alive_is_found_out() {
    let config = config();
    let client_config = ClientConfig { ping_interval: Some(5), ..config.client_config };
    // To a platform a dead connection is as good as any: what is sent there in vain must come round often enough.
    let redelivery = vec![Duration::from_secs(1); 50];
    let ack_timeout = Duration::from_millis(300);
    let platform = platform_with(PlatformConfig { client_config, redelivery, ack_timeout, ..config }).await;
    let log = Log::start();
    let (client, mut events) = bot_with(&settings(&platform).pong_timeout_ms(300)).await;
    wait(&platform, |kind| matches!(kind, Kind::Pinged { .. })).await;
    assert_eq!(platform.half_open(APP), 1);
    log.wait("nothing came in after a ping").await;
    wait_for_many(&platform, 2, |kind| matches!(kind, Kind::Upgraded { .. })).await;
    until(&client, |state| state == State::Open).await;
    let mut got = BTreeSet::new();
    for n in 0..4 {
        platform.push(&text(&format!("{n}"))).unwrap();
    }
    while got.len() < 4 {
        got.insert(next(&mut events).await.text().unwrap());
    }
    assert_eq!(client.stats().links, 2);
}

#[tokio::test]
async fn a_platform_that_answers_no_ping_is_left() {
    let platform = platform().await;
    platform.faults(|faults| faults.pong = Pong::Silent);
    let log = Log::start();
    let (client, mut events) = bot_with(&settings(&platform).pong_timeout_ms(200)).await;
    log.wait("nothing came in after a ping").await;
    platform.faults(|faults| faults.pong = Pong::Config);
    log.wait("connected").await;
    platform.push(&text("hello again")).unwrap();
    assert_eq!(next(&mut events).await.text().as_deref(), Some("hello again"));
    assert_eq!(client.stats().links, 1);
}

#[tokio::test]
async fn attempts_that_fail_are_told_and_tried_again() {
    let platform = platform().await;
    let log = Log::start();
    let discovery = |fault: DiscoveryFault| {
        platform.faults(|faults| faults.discovery = Some(Switch::times(fault, 1)));
    };
    // A first attempt that fails is tried again after up to half a minute: the platform has told no other time yet.
    let (client, mut events) = bot(&platform).await;
    let stories: [(&str, &dyn Fn()); 7] = [
        ("discovery failed: the peer closed", &|| {
            // Twice: a stream that was kept open may be gone, so the first time it is asked again at once.
            let drop = DiscoveryFault::Http(HttpFault::Drop);
            platform.faults(|faults| faults.discovery = Some(Switch::times(drop, 2)));
        }),
        ("HTTP status 500", &|| discovery(Answer::status(500).into())),
        ("code 1000040343", &|| discovery(Answer::code(1_000_040_343, "internal error").into())),
        ("a proxy or captive portal?", &|| discovery(Answer::status(200).body("<html>log in</html>").into())),
        ("no usable service_id", &|| {
            platform.faults(|faults| faults.url = Some(Switch::times(UrlFault::NoServiceId, 1)));
        }),
        ("Handshake-Status 514, Autherrcode 1234", &|| {
            let answer = Answer::handshake(403, "514", "no", Some("1234"));
            platform.faults(|faults| faults.upgrade = Some(Switch::times(answer.into(), 1)));
        }),
        ("the upgrade failed", &|| {
            platform.faults(|faults| faults.upgrade = Some(Switch::times(UpgradeFault::WrongAccept, 1)));
        }),
    ];
    for (words, fault) in stories {
        let links = client.stats().links;
        fault();
        platform.cut(APP);
        log.wait(words).await;
        platform.push(&text(words)).unwrap();
        assert_eq!(next(&mut events).await.text().as_deref(), Some(words));
        assert!(client.stats().links > links);
    }
    assert_faultless(&platform);
}

#[tokio::test]
async fn hostile_bytes_neither_end_the_bot_nor_grow_it() {
    // Large messages take the platform itself a while where nothing is optimised.
    let platform = platform_with(PlatformConfig { ack_timeout: LONG, ..config() }).await;
    let (client, mut events) = bot(&platform).await;
    platform.push(&text("two billion parts").header("sum", "2000000000")).unwrap();
    platform.push(&Push::raw("[".repeat(100_000))).unwrap();
    platform.push(&Push::raw(vec![0xff; 2 << 20])).unwrap();
    platform.inject(APP, &Inject::Text("no protobuf".into()));
    platform.inject(APP, &Inject::Binary(vec![0xff; 100]));
    platform.push(&text("fine")).unwrap();
    assert_eq!(next(&mut events).await.text().as_deref(), Some("fine"));
    wait_for_many(&platform, 4, settled).await;
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Upgraded { .. })), 1, "the link stood");
    assert_eq!(client.stats().accepted, 1);
    assert_faultless(&platform);
}
