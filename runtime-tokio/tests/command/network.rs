//! Networks that do not give what was hoped for.

use larkwire_conformance::platform::{Answer, DiscoveryFault, HttpFault, Switch};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::child::Larkwire;
use crate::support::*;

#[tokio::test]
async fn a_discovery_that_hangs_is_given_up_and_tried_again() {
    let platform = platform().await;
    let hang = DiscoveryFault::Http(HttpFault::Hang);
    platform.faults(|faults| faults.discovery = Some(Switch::always(hang)));
    let bot = Larkwire::run(&platform).start();
    let notice = bot.notice("next attempt in").await;
    assert!(notice.contains("discovery was not answered within 15 s"), "{notice}");
    bot.signal("INT");
    assert_eq!(bot.end().await.0, 0);
}

#[tokio::test]
async fn a_refused_upgrade_is_told_and_tried_again() {
    let platform = platform().await;
    platform.faults(|faults| faults.upgrade = Some(Switch::times(Answer::status(502).into(), 1)));
    let bot = Larkwire::run(&platform).start();
    let notice = bot.notice("next attempt in").await;
    assert!(notice.contains("upgrade") && notice.contains("502"), "{notice}");
    platform.push(&text("at last")).unwrap();
    bot.event("at last").await;
    assert_faultless(&platform);
}

#[tokio::test]
async fn nobody_there_is_told_and_tried_again() {
    let bot = Larkwire::run_at("http://127.0.0.1:1").start();
    let notice = bot.notice("next attempt in").await;
    assert!(notice.contains("refused"), "{notice}");
    bot.signal("INT");
    let (code, out, _) = bot.end().await;
    assert_eq!((code, out.lines().count()), (0, 1), "{out}");
}

/// A proxy that refuses, and tells what it was asked for.
async fn proxy(status: &'static str) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            tell.send(line.trim_end().to_owned()).unwrap();
            while line.trim_end() != "" {
                line.clear();
                stream.read_line(&mut line).await.unwrap();
            }
            stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await.unwrap();
        }
    });
    (address, asked)
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_asked_and_its_refusal_told() {
    for (status, words) in [("502 Bad Gateway", "502"), ("407 Proxy Authentication Required", "user name")] {
        let (address, mut asked) = proxy(status).await;
        let bot = Larkwire::run_at("https://something.invalid:443").env("HTTPS_PROXY", &address).arg("-v").start();
        assert_eq!(soon(asked.recv()).await.unwrap(), "CONNECT something.invalid:443 HTTP/1.1");
        bot.notice("the proxy refused or was not reached").await;
        bot.notice(words).await;
    }
}

#[tokio::test]
async fn no_proxy_is_honoured_and_this_machine_needs_none() {
    let (address, mut asked) = proxy("502 Bad Gateway").await;
    let bot = Larkwire::run_at("https://something.invalid")
        .env("HTTPS_PROXY", &address)
        .env("NO_PROXY", "localhost,.invalid")
        .start();
    // Without the proxy the name leads nowhere, which a resolver may take its time to find out.
    let notice = bot.notice("next attempt in").await;
    assert!(!notice.contains("proxy"), "{notice}");
    let platform = platform().await;
    let near = Larkwire::run(&platform).env("HTTP_PROXY", &address).env("ALL_PROXY", &address).start();
    platform.push(&text("near")).unwrap();
    near.event("near").await;
    assert!(asked.try_recv().is_err(), "nobody asked the proxy");
}
