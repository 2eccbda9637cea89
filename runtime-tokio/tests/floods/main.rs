//! The webhook's port is open to everybody: nobody takes the platform's place, and nothing grows.

//! A program of its own, since one of them weighs the process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "tests may panic, and figures are what floods are for"
)]

#[path = "../support/clock.rs"]
mod clock;
#[path = "../support/hook.rs"]
mod hook;
#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::time::Duration;

use larkwire_conformance::platform::WebhookRequest;
use larkwire_tokio::core::webhook::{MAX_BODY, Refusal};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use crate::clock::{Clock, eventually, seconds};
use crate::hook::*;
use crate::support::*;

/// Held by all, and by the one that weighs the process alone.
static HOUSE: RwLock<()> = RwLock::const_new(());

/// Kilobytes of memory that this process holds.
#[cfg(target_os = "linux")]
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[cfg(not(target_os = "linux"))]
fn resident_kib() -> u64 {
    0
}

/// A connection that has sent a signed head and the first byte of a long body.
async fn slow(at: SocketAddr, n: u64) -> TcpStream {
    let mut stream = connect(at).await;
    stream.write_all(&open_head(&sealed(n, &message(n, "slow")), 100_000)).await.unwrap();
    stream.write_all(b"{").await.unwrap();
    stream
}

/// Answers on a connection that is kept, one after the other.
async fn kept(stream: &mut TcpStream, request: &WebhookRequest) -> u16 {
    let text = String::from_utf8(request.to_bytes("x", "/lark")).unwrap().replacen("Connection: close\r\n", "", 1);
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 1024];
        let n = soon(stream.read(&mut chunk)).await.unwrap();
        assert!(n > 0, "hung up after {}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&chunk[..n]);
        if bytes.ends_with(b"}") {
            return Answer::parse(&bytes).status;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_forged_requests_take_nothing_from_the_platforms_five_hundred() {
    let _house = HOUSE.write().await;
    const FORGED: u64 = 10_000;
    const REAL: u64 = 500;
    const LANES: u64 = 20;
    let platform = platform().await;
    let (client, mut events, serving) = hooked(&platform).await;
    let at = serving.local_addr();
    // What the first requests need stays.
    for n in 0..200 {
        assert_eq!(post(at, &forged(n, &message(n, "warm"))).await.status, 401);
    }
    let before = resident_kib();
    let mut forging = JoinSet::new();
    for lane in 0..LANES {
        forging.spawn(async move {
            let mut stream = connect(at).await;
            for n in 0..FORGED / LANES {
                let n = 1_000_000 + lane * FORGED + n;
                assert_eq!(kept(&mut stream, &forged(n, &message(n, "forged"))).await, 401);
            }
        });
    }
    let taking = tokio::spawn(async move {
        let mut texts = Vec::new();
        for _ in 0..REAL {
            texts.push(next(&mut events).await.text().unwrap());
        }
        (texts, events)
    });
    for n in 0..REAL {
        assert_eq!(post(at, &sealed(n, &message(n, &format!("real {n}")))).await.status, 200);
    }
    let (texts, mut events) = soon(taking).await.unwrap();
    assert_eq!(texts, (0..REAL).map(|n| format!("real {n}")).collect::<Vec<_>>());
    while let Some(done) = soon(forging.join_next()).await {
        done.unwrap();
    }
    let grown = resident_kib().saturating_sub(before);
    println!("{FORGED} forged and {REAL} real requests: memory grew by {grown} KiB from {before} KiB");
    assert!(grown < 16 * 1024, "memory grew by {grown} KiB");
    assert_eq!(client.stats().refused(Refusal::SignatureWrong), FORGED + 200);
    assert!(rest(&client, &mut events).await.is_empty());
}

/// And the reason for it.
#[tokio::test]
async fn s31_of_two_hundred_slow_bodies_64_are_waited_for_and_the_platform_is_not_kept_out() {
    let _house = HOUSE.read().await;
    let platform = platform().await;
    let (client, mut events, serving) = hooked(&platform).await;
    let at = serving.local_addr();
    let mut open = Vec::new();
    for n in 0..200 {
        open.push(slow(at, n).await);
    }
    eventually("those above the limit are refused", || client.stats().refused(Refusal::TooMany) == 136).await;
    // The platform's body comes with its head.
    assert_eq!(post(at, &sealed(1000, &message(1000, "through"))).await.status, 200);
    assert_eq!(next(&mut events).await.text().as_deref(), Some("through"));
    let answer = answer(open.pop().unwrap()).await;
    assert_eq!((answer.status, answer.closes(), answer.body.as_str()), (429, true, r#"{"msg":"refused"}"#));
    drop(open);
    // A long body needs such a place.
    let long = sealed(1001, &message(1001, &"x".repeat(100_000)));
    while post(at, &long).await.status != 200 {}
    assert_eq!(client.stats().refused(Refusal::Slow), 0, "who hangs up was not slow");
}

#[tokio::test]
async fn s30_a_body_has_five_seconds() {
    let _house = HOUSE.read().await;
    let platform = platform().await;
    let (client, _events, serving) = hooked(&platform).await;
    let clock = Clock::stop();
    let mut stream = slow(serving.local_addr(), 1).await;
    // Its place is taken once it has not come at once.
    for _ in 0..49 {
        clock.advance(Duration::from_millis(100)).await;
        stream.write_all(b"x").await.unwrap();
        assert_eq!(client.stats().refused(Refusal::Slow), 0);
    }
    clock.advance(Duration::from_millis(200)).await;
    let answer = answer(stream).await;
    assert_eq!((answer.status, answer.closes()), (408, true));
    assert_eq!(client.stats().refused(Refusal::Slow), 1);
}

#[tokio::test]
async fn a_head_has_five_seconds_and_sixteen_kilobytes() {
    let _house = HOUSE.read().await;
    let platform = platform().await;
    let (_client, _events, serving) = hooked(&platform).await;
    let long = format!("POST /lark HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(exchange(serving.local_addr(), long.as_bytes()).await.status, 431);
    let clock = Clock::stop();
    let mut stream = connect(serving.local_addr()).await;
    stream.write_all(b"POST /lark HTTP/1.1\r\n").await.unwrap();
    for _ in 0..10 {
        clock.advance(seconds(1)).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    let mut bytes = Vec::new();
    let _ = soon(stream.read_to_end(&mut bytes)).await;
    assert!(!String::from_utf8_lossy(&bytes).contains("200 OK"));
}

#[tokio::test]
async fn s29_a_body_of_the_limit_passes_and_one_byte_more_is_not_read() {
    let _house = HOUSE.read().await;
    let platform = platform().await;
    let (client, mut events, serving) = hooked(&platform).await;
    let at = serving.local_addr();
    let padded = |length: usize| {
        let mut body = sealed(1, &message(1, "as long as may be")).body;
        // White space behind the JSON is signed like everything else.
        body.resize(length, b' ');
        WebhookRequest::signed(body, KEY, &stamp(1, 0))
    };
    let answer = post(at, &padded(MAX_BODY + 1)).await;
    assert_eq!((answer.status, answer.closes(), answer.body.as_str()), (413, true, r#"{"msg":"refused"}"#));
    // Without a length it is counted.
    let request = padded(MAX_BODY + 1);
    let mut head = String::from_utf8(request.head("x", "/lark")).unwrap();
    head = head.replacen(&format!("Content-Length: {}", MAX_BODY + 1), "Transfer-Encoding: chunked", 1);
    let mut chunked = head.into_bytes();
    for chunk in request.body.chunks(50_000) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(exchange(at, &chunked).await.status, 413);
    assert_eq!(client.stats().refused(Refusal::TooBig), 2);
    assert_eq!(post(at, &padded(MAX_BODY)).await.status, 200);
    assert_eq!(next(&mut events).await.text().as_deref(), Some("as long as may be"));
    // The platform's longest text: 150 KB, all of it escaped.
    assert_eq!(post(at, &sealed(2, &message(2, &"\u{1}".repeat(25_000)))).await.status, 200);
    assert_eq!(next(&mut events).await.text().unwrap().len(), 25_000);
}

#[tokio::test]
async fn s32_s33_a_thousand_strangers_at_other_doors_take_no_place_of_the_platform() {
    let _house = HOUSE.read().await;
    let platform = platform().await;
    let (client, mut events, serving) = hooked(&platform).await;
    let at = serving.local_addr();
    let request = sealed(1, &message(1, "in time"));
    for n in 0..1000 {
        let answer = match n % 3 {
            0 => exchange(at, &request.to_bytes("x", "/elsewhere")).await,
            1 => exchange(at, b"GET /lark HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await,
            _ => {
                let mut other = request.clone();
                other.headers[0].1 = "text/plain".into();
                post(at, &other).await
            }
        };
        assert_eq!((answer.status, answer.body.as_str()), ([404, 405, 415][n % 3], r#"{"msg":"refused"}"#));
    }
    assert_eq!(post(at, &request).await.status, 200);
    assert_eq!(next(&mut events).await.text().as_deref(), Some("in time"));
    assert_eq!(client.stats().refused(Refusal::Path), 334);
    assert_eq!(client.stats().refused(Refusal::TooMany), 0);
}

/// Who floods the one request that needs no signature keeps nobody out but himself.
#[tokio::test]
async fn v07_unsigned_requests_are_rationed_and_signed_ones_are_not() {
    let _house = HOUSE.read().await;
    let platform = platform().await;
    let (client, mut events, serving) = hooked(&platform).await;
    let at = serving.local_addr();
    let guess = |n: u64| {
        let plain = format!(r#"{{"type":"url_verification","token":"guess {n}","challenge":"c"}}"#);
        WebhookRequest::verification(plain.as_bytes(), Some(KEY), &stamp(n, 0))
    };
    let mut statuses = Vec::new();
    for n in 0..200 {
        statuses.push(post(at, &guess(n)).await.status);
    }
    assert!(statuses[..20].iter().all(|status| *status == 401), "{statuses:?}");
    assert!(statuses.iter().filter(|status| **status == 429).count() > 150, "{statuses:?}");
    assert_eq!(post(at, &sealed(1, &message(1, "signed"))).await.status, 200);
    assert_eq!(next(&mut events).await.text().as_deref(), Some("signed"));
    assert_eq!(client.stats().challenges, 0);
}

#[tokio::test]
async fn two_thousand_silent_connections_keep_nobody_out() {
    let _house = HOUSE.read().await;
    let platform = platform().await;
    let (_client, mut events, serving) = hooked(&platform).await;
    let at = serving.local_addr();
    let mut proven = connect(at).await;
    assert_eq!(kept(&mut proven, &sealed(1, &message(1, "before"))).await, 200);
    let mut silent = Vec::new();
    for _ in 0..2000 {
        // Where this machine allows no more of them, those that are there must do.
        match TcpStream::connect(at).await {
            Ok(stream) => silent.push(stream),
            Err(_) => break,
        }
    }
    assert_eq!(post(at, &sealed(2, &message(2, "meanwhile"))).await.status, 200);
    assert_eq!(kept(&mut proven, &sealed(3, &message(3, "still"))).await, 200);
    for text in ["before", "meanwhile", "still"] {
        assert_eq!(next(&mut events).await.text().as_deref(), Some(text));
    }
    println!("{} silent connections", silent.len());
}
