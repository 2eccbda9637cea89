//! Requests as plain HTTP/1.1, wrong in one way each, each at every cut.
#![cfg(feature = "webhook")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "tests may panic")]

use larkwire_core::webhook::http::Request;
use larkwire_core::webhook::{Freshness, Refusal, Reply, Webhook, WebhookRules};
use larkwire_core::wire::http::{HeadScan, HttpError, MAX_HEAD, MAX_HEADERS, MAX_NAME};
use larkwire_core::wire::writer::Writer;
use larkwire_core::{Region, Secret, UnixMillis};

/// What stands in every head that is right.
const USUAL: &str = "POST /lark HTTP/1.1\r\nHost: bot.example\r\nContent-Type: application/json\r\n";

/// What a head says.
#[derive(Debug, Eq, PartialEq)]
struct Seen {
    path: String,
    content_length: u64,
    keep_alive: bool,
    expects_continue: bool,
    /// Bytes behind the head.
    left: usize,
}

/// Reads a head whose bytes come in two pieces; `None` where it never ends.
fn read_in_two(bytes: &[u8], cut: usize) -> Result<Option<Seen>, HttpError> {
    let mut scan = HeadScan::default();
    for end in [cut, bytes.len()] {
        let Some(len) = scan.find(&bytes[..end])? else { continue };
        let request = Request::parse(&bytes[..len])?;
        assert_eq!(format!("{request:?}"), format!("{:?}", Request::parse(&bytes[..end])?), "what follows is not read");
        return Ok(Some(Seen {
            path: request.path.to_owned(),
            content_length: request.content_length,
            keep_alive: request.keep_alive,
            expects_continue: request.expects_continue,
            left: bytes.len() - len,
        }));
    }
    Ok(None)
}

/// Reads it at every cut, and byte by byte.
fn read(bytes: &[u8]) -> Result<Option<Seen>, HttpError> {
    let whole = read_in_two(bytes, bytes.len());
    for cut in 0..=bytes.len() {
        assert_eq!(read_in_two(bytes, cut), whole, "cut at {cut}");
    }
    let mut scan = HeadScan::default();
    let steps = (0..=bytes.len()).map(|end| scan.find(&bytes[..end]));
    let found = steps.collect::<Vec<_>>().into_iter().find(|step| !matches!(step, Ok(None)));
    match found {
        Some(Ok(Some(len))) => assert_eq!(
            whole,
            read_in_two(&bytes[..len], 0).map(|seen| seen.map(|seen| Seen { left: bytes.len() - len, ..seen }))
        ),
        Some(Err(fault)) => assert_eq!(whole, Err(fault)),
        _ => assert_eq!(whole, Ok(None)),
    }
    whole
}

fn with(lines: &str) -> Result<Seen, HttpError> {
    read(format!("{USUAL}{lines}\r\n{{}}").as_bytes()).map(Option::unwrap)
}

#[test]
fn a_request_says_where_it_goes_and_how_long_its_body_is_however_it_is_cut() {
    let seen = Seen { path: "/lark".into(), content_length: 2, keep_alive: true, expects_continue: false, left: 2 };
    assert_eq!(with("Content-Length: 2\r\n"), Ok(seen));
    assert_eq!(with("content-length:\t0002 \r\n").unwrap().content_length, 2);
    assert_eq!(with("").unwrap().content_length, 0, "RFC 9112 section 6.3: no length, no body");
    let query = read(b"GET /a/b?c=d?e HTTP/1.0\r\n\r\n").unwrap().unwrap();
    assert_eq!((query.path.as_str(), query.keep_alive), ("/a/b", false));
    assert_eq!(read(USUAL.as_bytes()), Ok(None));
}

#[test]
fn a_length_that_can_be_read_in_two_ways_is_refused() {
    for wrong in ["+2", "-2", "2,2", "2, 2", "0x2", "2 2", "", "2.0", "18446744073709551616", "²"] {
        assert_eq!(with(&format!("Content-Length: {wrong}\r\n")), Err(HttpError::ContentLength), "{wrong}");
    }
    assert_eq!(with("Content-Length: 18446744073709551615\r\n").unwrap().content_length, u64::MAX);
    for second in ["2", "3"] {
        let twice = format!("Content-Length: 2\r\nCONTENT-LENGTH: {second}\r\n");
        assert_eq!(with(&twice), Err(HttpError::ContentLength));
    }
    for coding in ["chunked", "identity", "gzip, chunked", ""] {
        let line = format!("Transfer-Encoding: {coding}\r\n");
        assert_eq!(with(&line), Err(HttpError::TransferEncoding), "{coding}");
        assert_eq!(with(&format!("{line}Content-Length: 2\r\n")), Err(HttpError::LengthConflict));
    }
}

#[test]
fn a_head_that_is_no_http_1_request_is_refused() {
    for (wrong, fault) in [
        ("\r\nPOST / HTTP/1.1\r\nHost: h\r\n\r\n", HttpError::Head),
        ("POST / HTTP/1.1\r\n\r\n", HttpError::Head),
        ("POST / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n", HttpError::Head),
        ("POST / HTTP/1.1\r\nHost : h\r\n\r\n", HttpError::Head),
        ("POST / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", HttpError::Head),
        ("POST / HTTP/1.1\nHost: h\n\n", HttpError::BareLf),
        ("POST / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", HttpError::BareCr),
        ("POST / HTTP/1.1\r\nHost: h\0\r\n\r\n", HttpError::Control),
        ("POST / HTTP/2.0\r\nHost: h\r\n\r\n", HttpError::Version),
        ("POST / \r\nHost: h\r\n\r\n", HttpError::Version),
        ("POST /\r\nHost: h\r\n\r\n", HttpError::Head),
        ("post / HTTP/1.1\r\nHost: h\r\n\r\n", HttpError::Head),
        ("\x16\x03\x01hello\r\n\r\n", HttpError::Control),
    ] {
        assert_eq!(read(wrong.as_bytes()), Err(fault), "{wrong:?}");
    }
}

#[test]
fn h36_a_target_is_a_path_of_this_host_and_nothing_else() {
    for wrong in [
        "http://bot.example/lark",
        "HTTPS://bot.example/lark",
        "//evil.example/lark",
        "//",
        "bot.example:443",
        "*",
        "lark",
        "?a=b",
        "\\lark",
        "%2Flark",
    ] {
        for method in ["POST", "GET", "OPTIONS", "CONNECT"] {
            let text = format!("{method} {wrong} HTTP/1.1\r\nHost: bot.example\r\n\r\n");
            assert_eq!(read(text.as_bytes()), Err(HttpError::Head), "{method} {wrong}");
        }
    }
    assert_eq!(Reply::to_malformed(HttpError::Head).status, 400);
    for (target, path) in [("/", "/"), ("/lark?//x", "/lark"), ("/a//b", "/a//b"), ("/lark/../x", "/lark/../x")] {
        let text = format!("POST {target} HTTP/1.1\r\nHost: bot.example\r\n\r\n");
        assert_eq!(read(text.as_bytes()).unwrap().unwrap().path, path);
    }
}

#[test]
fn a_head_is_as_long_as_an_answers_may_be() {
    let line = |name: usize, value: usize| format!("{}: {}\r\n", "n".repeat(name), "v".repeat(value));
    assert!(with(&line(MAX_NAME, 1)).is_ok());
    assert_eq!(with(&line(MAX_NAME + 1, 1)), Err(HttpError::HeadTooLong));
    let lines = |count: usize| line(1, 1).repeat(count);
    assert!(with(&lines(MAX_HEADERS - 2)).is_ok());
    assert_eq!(with(&lines(MAX_HEADERS - 1)), Err(HttpError::TooManyHeaders));
    let rest = MAX_HEAD - USUAL.len() - "n: \r\n\r\n".len();
    let whole = |value: usize| read_in_two(format!("{USUAL}{}\r\n", line(1, value)).as_bytes(), 0);
    assert!(whole(rest).unwrap().is_some());
    assert_eq!(whole(rest + 1), Err(HttpError::HeadTooLong));
}

#[test]
fn whether_the_connection_goes_on_is_told_in_any_case_and_among_other_words() {
    assert!(!with("Connection: Upgrade, CLOSE\r\n").unwrap().keep_alive);
    assert!(!with("Connection: keep-alive\r\nConnection: close\r\n").unwrap().keep_alive);
    let old = |line: &str| read(format!("POST / HTTP/1.0\r\n{line}\r\n").as_bytes()).unwrap().unwrap().keep_alive;
    assert!(old("Connection: Keep-Alive\r\n") && !old(""));
    assert!(with("Expect: 100-Continue\r\nContent-Length: 2\r\n").unwrap().expects_continue);
    assert!(!with("Expect: 100-continue\r\n").unwrap().expects_continue, "nothing follows");
}

#[test]
fn what_the_head_says_is_what_the_webhook_judges() {
    let mut room = [0; 32];
    let rules = WebhookRules::new(Secret::new("ekey"), Secret::new("token"), Freshness::Within { seconds: 60 });
    let webhook = Webhook::new(&rules, Region::fixed(&mut room)).unwrap();
    let signed = format!(
        "{USUAL}X-Lark-Request-Timestamp: 1700000000\r\nx-lark-request-nonce: n1\r\n\
         X-LARK-SIGNATURE: 6bd31c828c45e3a65f25d6a7eeb8185222c55b424858683a4d972e5239d0922d\r\n\
         Content-Length: 15\r\nX-Request-Id: r-1\r\n\r\n"
    );
    let request = Request::parse(signed.as_bytes()).unwrap();
    assert!(request.head.is_signed());
    assert_eq!((request.head.request_id(), request.content_length), (b"r-1".as_slice(), 15));
    assert_eq!(webhook.admit(&request.head, Some(request.content_length)), Ok(()));
    // Right by its signature: it goes as far as the text, which is no base64.
    let mut body = *br#"{"encrypt":"x"}"#;
    let now = Some(UnixMillis(1_700_000_000_000));
    assert_eq!(webhook.check(&request.head, &mut body, now).err(), Some(Refusal::Undecryptable));
    let mut body = *br#"{"encrypt":"y"}"#;
    assert_eq!(webhook.check(&request.head, &mut body, now).err(), Some(Refusal::SignatureWrong));
}

#[test]
fn an_answer_says_its_length_and_whether_the_connection_ends() {
    let written = |reply: Reply<'_>, keep_alive: bool| {
        let mut out = [0; 160];
        let mut w = Writer::new(&mut out);
        let goes_on = reply.write_head(&mut w, keep_alive);
        let len = w.finish().unwrap();
        let text = String::from_utf8(out[..len].to_vec()).unwrap();
        assert_eq!(goes_on, !text.contains("Connection: close"));
        text
    };
    let ok = Reply { status: 200, body: b"{}", close: false };
    let usual = "HTTP/1.1 200 \r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n";
    assert_eq!(written(ok, true), format!("{usual}\r\n"));
    assert_eq!(written(ok, false), format!("{usual}Connection: close\r\n\r\n"));
    // RFC 9110 section 15.5.6: the methods that would do.
    assert!(written(Refusal::Method.reply(), true).contains("\r\nAllow: POST\r\nConnection: close\r\n\r\n"));
    for (fault, status) in [
        (HttpError::ContentLength, 400),
        (HttpError::LengthConflict, 400),
        (HttpError::TransferEncoding, 411),
        (HttpError::TooManyHeaders, 431),
        (HttpError::Version, 505),
    ] {
        let reply = Reply::to_malformed(fault);
        assert_eq!((reply.status, reply.close, reply.body), (status, true, Refusal::Path.reply().body));
    }
    for refusal in Refusal::ALL {
        assert!(written(refusal.reply(), true).starts_with(&format!("HTTP/1.1 {} \r\n", refusal.reply().status)));
    }
}
