//! The WebSocket upgrade and what a refused one means (protocol section 3).

use larkwire_core::End;
use larkwire_core::fault::{FatalReason, LinkFault};
use larkwire_core::wire::http::HttpError;
use larkwire_core::wire::websocket::UpgradeError;
use larkwire_core::{Closed, Lane, Notice, State, Why};

use crate::support::*;

/// What the first upgrade's answer leads to.
fn answered(upgrade: Upgrade) -> World {
    let mut w = World::new();
    w.script.upgrades.push_back(upgrade);
    w.start();
    w
}

fn retried(upgrade: Upgrade) -> (LinkFault, u64) {
    let mut w = answered(upgrade);
    assert!(matches!(w.bot.state(), State::Waiting { failures: 1, .. }), "{:?}", w.bot.state());
    let seen = (w.faults()[0], w.waits()[0]);
    w.until_open(700_000);
    assert_eq!(w.discoveries().len(), 2, "the URL of a refused attempt is never used again");
    seen
}

#[test]
fn the_upgrade_is_plain_and_carries_a_fresh_key() {
    let mut w = World::new();
    w.script.upgrades.push_back(Upgrade::refused(500, &[]));
    w.start();
    w.until_open(31_000);
    let upgrades = w.upgrades();
    let keys: Vec<_> = upgrades.iter().map(|request| request.header("Sec-WebSocket-Key").unwrap()).collect();
    assert_ne!(keys[0], keys[1]);
    assert!(keys.iter().all(|key| key.len() == 24 && key.ends_with("==")));
    for request in upgrades {
        assert_eq!(request.method, "GET");
        assert_eq!(request.header("Upgrade"), Some("websocket"));
        assert_eq!(request.header("Connection"), Some("Upgrade"));
        assert_eq!(request.header("Sec-WebSocket-Version"), Some("13"));
        assert_eq!(request.header("Host"), Some("msg-frontier.feishu.cn"));
        assert_eq!(request.header("Sec-WebSocket-Extensions"), None);
        assert_eq!(request.header("Sec-WebSocket-Protocol"), None);
        assert_eq!(request.header("Authorization"), None);
    }
}

#[test]
fn refusal_headers_decide_between_a_person_a_pause_and_another_try() {
    let refused = |headers: &[(&str, &str)]| Upgrade::refused(200, headers);
    let msg = ("Handshake-Msg", "words");
    for (headers, reason, code) in [
        (&[("Handshake-Status", "403"), msg][..], FatalReason::Forbidden, 403),
        (
            &[("handshake-status", "514"), msg, ("HANDSHAKE-AUTHERRCODE", "1000040351")],
            FatalReason::WrongRegion,
            1_000_040_351,
        ),
    ] {
        let w = answered(refused(headers));
        let End::Fatal(fatal) = w.end() else { panic!("{headers:?}") };
        assert_eq!((fatal.reason, fatal.code, fatal.message.as_str()), (reason, code, "words"));
    }
    for (headers, status, auth) in [
        (&[("Handshake-Status", "514"), msg, ("Handshake-Autherrcode", "7")][..], 514, 7),
        (&[("Handshake-Status", "514"), msg], 514, 0),
        (&[("Handshake-Status", "514"), msg, ("Handshake-Autherrcode", "x")], 514, 0),
        (&[("Handshake-Status", "500"), msg], 500, 0),
        (&[("Handshake-Status", "1000040350"), msg], 1_000_040_350, 0),
        (&[("Handshake-Status", "x"), msg], 0, 0),
        (&[("Handshake-Status", "0"), msg], 0, 0),
        (&[msg], 0, 0),
        (&[("Handshake-Status", "403")], 0, 0),
        (&[], 0, 0),
    ] {
        let (fault, wait) = retried(refused(headers));
        assert_eq!(fault, LinkFault::Refused { http: 200, status, auth }, "{headers:?}");
        assert!(wait <= 30_000);
    }
    let (_, wait) = retried(refused(&[("Handshake-Status", "514"), msg, ("Handshake-Autherrcode", "1000040350")]));
    assert!((30_000..=60_000).contains(&wait), "slow: {wait}");
}

#[test]
fn without_refusal_headers_the_http_status_decides() {
    let w = answered(Upgrade::refused(403, &[]));
    assert!(matches!(w.end(), End::Fatal(fatal) if fatal.reason == FatalReason::Forbidden));
    let w = answered(Upgrade::refused(514, &[("Handshake-Autherrcode", "1000040351")]));
    assert!(matches!(w.end(), End::Fatal(fatal) if fatal.reason == FatalReason::WrongRegion));
    for status in [200, 301, 401, 404, 500] {
        let (fault, _) = retried(Upgrade::refused(status, &[("Location", "wss://evil.example/")]));
        assert_eq!(fault, LinkFault::Refused { http: status, status: 0, auth: 0 });
    }
    let (_, wait) = retried(Upgrade::refused(429, &[("Retry-After", "90")]));
    assert_eq!(wait, 90_000);
    let (_, wait) = retried(Upgrade::refused(503, &[("x-ogw-ratelimit-reset", "9999")]));
    assert_eq!(wait, 600_000);
}

#[test]
fn three_refused_authentications_in_a_row_are_told_to_a_person() {
    let mut w = World::new();
    w.script.upgrade = Upgrade::refused(200, &[("Handshake-Status", "514"), ("Handshake-Msg", "no")]);
    w.start();
    for n in 1..=3 {
        w.until(400_000, "another refusal", |w| w.faults().len() == n);
        assert_eq!(w.bot.is_auth_rejected(), n == 3);
    }
    let told = w.notices.iter().filter(|(_, notice)| *notice == Notice::AuthRejected).count();
    assert_eq!(told, 1);
    w.script.upgrade = Upgrade::Accept;
    w.until_open(130_000);
    assert!(!w.bot.is_auth_rejected(), "one good connection is enough");
}

#[test]
fn a_doubtful_switch_of_protocols_is_no_connection() {
    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n";
    for (from, to, error) in [
        ("Upgrade: websocket\r\n", "", UpgradeError::Upgrade),
        ("Upgrade: websocket", "Upgrade: h2c", UpgradeError::Upgrade),
        ("Connection: Upgrade\r\n", "", UpgradeError::Connection),
        ("Connection: Upgrade", "Connection: keep-alive", UpgradeError::Connection),
        ("Sec-WebSocket-Accept: {accept}\r\n", "", UpgradeError::AcceptMissing),
        ("{accept}", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", UpgradeError::AcceptMismatch),
        ("{accept}", "{accept}\r\nSec-WebSocket-Accept: {accept}", UpgradeError::AcceptRepeated),
        ("{accept}", "{accept}\r\nSec-WebSocket-Extensions: permessage-deflate", UpgradeError::Extension),
        ("{accept}", "{accept}\r\nSec-WebSocket-Protocol: chat", UpgradeError::Subprotocol),
        ("HTTP/1.1", "HTTP/1.0", UpgradeError::Version),
    ] {
        for chop in [1, usize::MAX] {
            let mut w = World::new();
            w.chop = chop;
            w.script.upgrades.push_back(Upgrade::Template(GOOD.replace(from, to)));
            w.start();
            assert_eq!(w.faults(), [LinkFault::Upgrade(error)], "{to}");
            assert_eq!(w.upgrades().len(), 1);
            w.until_open(31_000);
        }
    }
    for (from, to) in [
        ("websocket", "WebSocket"),
        ("Connection: Upgrade", "connection: keep-alive, upgrade"),
        ("{accept}", "  {accept} \t"),
        ("101 Switching Protocols", "101 "),
    ] {
        assert_eq!(answered(Upgrade::Template(GOOD.replace(from, to))).bot.state(), State::Open, "{to}");
    }
}

#[test]
fn the_first_frame_may_come_in_the_segment_of_the_upgrade() {
    for chop in CHOPS {
        let mut w = World::new();
        w.chop = chop;
        let event = event_frame("m1", &message_json("e1", "om_1", "早上好"));
        w.script.upgrades.push_back(Upgrade::AcceptWith(ws(2, &event)));
        w.start();
        assert_eq!(w.ids(), ["e1"]);
        assert_eq!((w.acks.len(), w.pings.len()), (1, 1));
    }
}

#[test]
fn interim_answers_are_skipped_but_not_for_ever() {
    let with = |n: usize| {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(n);
        answered(Upgrade::Template(format!("{interim}{ACCEPT}")))
    };
    assert_eq!(with(1).bot.state(), State::Open);
    assert_eq!(with(4).bot.state(), State::Open);
    assert_eq!(with(5).faults(), [LinkFault::UpgradeHttp(HttpError::Interim)]);
}

#[test]
fn a_head_without_end_or_with_too_many_lines_is_refused() {
    for chop in [1, 7, usize::MAX] {
        for (text, error) in [
            ("HTTP/1.1 101 X\r\n".to_owned() + &"a".repeat(10_000), HttpError::HeadTooLong),
            ("HTTP/1.1 101 X\r\n".to_owned() + &"A: b\r\n".repeat(65) + "\r\n", HttpError::TooManyHeaders),
            ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), HttpError::Head),
            ("HTTP/1.1 101 X\n\n".to_owned(), HttpError::BareLf),
            ("HTTP/2 101 X\r\n\r\n".to_owned(), HttpError::Version),
            ("\x16\x03\x01".to_owned(), HttpError::Control),
        ] {
            let mut w = World::new();
            w.chop = chop;
            w.script.upgrades.push_back(Upgrade::Raw(text.clone().into_bytes()));
            w.start();
            assert_eq!(w.faults(), [LinkFault::UpgradeHttp(error)], "{text:.40}");
        }
    }
    let mut w = World::small();
    w.script.upgrades.push_back(Upgrade::Raw(b"HTTP/1.1 101 X\r\n".iter().copied().chain([b'a'; 4000]).collect()));
    w.start();
    assert_eq!(w.faults(), [LinkFault::UpgradeHttp(HttpError::HeadTooLong)], "smaller storage, same end");
}

#[test]
fn a_stream_that_ends_inside_the_upgrade_is_tried_again() {
    let (fault, _) = retried(Upgrade::HangUp(Closed::Eof));
    assert_eq!(fault, LinkFault::Dial(Closed::Eof));
    let mut w = World::new();
    w.script.upgrades.push_back(Upgrade::Raw(b"HTTP/1.1 101 Swi".to_vec()));
    w.start();
    w.cut(Lane::Socket, Closed::Reset);
    assert_eq!(w.faults(), [LinkFault::Dial(Closed::Reset)]);
}

#[test]
fn a_silent_socket_host_is_given_up_after_fifteen_seconds_over_dial_and_upgrade() {
    let mut w = World::new();
    w.script.socket_dials.push_back(Dial::Hang);
    w.start();
    w.advance(14_999);
    assert_eq!(w.bot.state(), State::Connecting);
    w.advance(1);
    assert_eq!(w.faults(), [LinkFault::TimedOut(Why::Connect)]);

    let mut w = answered(Upgrade::Hang);
    w.advance(14_999);
    assert_eq!(w.bot.state(), State::Connecting);
    w.advance(1);
    assert_eq!(w.faults(), [LinkFault::TimedOut(Why::Upgrade)]);
    w.until_open(31_000);
}
