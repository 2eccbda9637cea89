//! HTTP/1.1 codec against answers that are wrong in one way each, each at every cut.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may panic"
)]

use larkwire_core::wire::http::{
    Authority, Body, Framing, Head, HeadScan, HttpError, MAX_CHUNK_LINE, MAX_HEAD, MAX_HEADERS, MAX_INTERIM, MAX_NAME,
    MAX_TRAILERS, Method, percent_encode, write_request,
};
use larkwire_core::wire::writer::Writer;
use proptest::prelude::*;

/// What one exchange looked like from outside.
#[derive(Debug, Eq, PartialEq)]
struct Seen {
    status: u16,
    body: Vec<u8>,
    complete: bool,
    /// Bytes that the answer did not take.
    left: usize,
}

/// Reads one answer whose bytes arrive in the given pieces, the way a lane would, interim answers skipped.
fn read_answer<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Seen, HttpError> {
    let mut buffer = Vec::new();
    let mut scan = HeadScan::default();
    let mut open: Option<(u16, Body)> = None;
    let mut interim = 0;
    let mut seen = Seen { status: 0, body: Vec::new(), complete: false, left: 0 };
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let Some((status, body)) = &mut open else {
                let Some(end) = scan.find(&buffer)? else { break };
                let head = Head::parse(&buffer[..end])?;
                scan = HeadScan::default();
                if head.is_interim() {
                    interim += 1;
                    if interim > MAX_INTERIM {
                        return Err(HttpError::Interim);
                    }
                } else {
                    open = Some((head.status, Body::new(head.framing(false)?)));
                }
                buffer.drain(..end);
                continue;
            };
            seen.status = *status;
            let step = body.step(&buffer)?;
            seen.body.extend_from_slice(&buffer[step.skip..step.skip + step.data]);
            buffer.drain(..step.skip + step.data);
            if step.skip + step.data == 0 || body.is_complete() {
                break;
            }
        }
    }
    seen.complete = open.is_some_and(|(_, body)| body.is_complete());
    seen.left = buffer.len();
    Ok(seen)
}

/// The same answer in one piece, at every cut in two, and in pieces of 1, 2, 3 and 7 bytes: one outcome.
fn at_every_chop(answer: &[u8]) -> Result<Seen, HttpError> {
    let whole = read_answer([answer]);
    for cut in 0..=answer.len() {
        let (a, b) = answer.split_at(cut);
        assert_eq!(read_answer([a, b]), whole, "cut at {cut}");
    }
    for size in [1, 2, 3, 7] {
        assert_eq!(read_answer(answer.chunks(size)), whole, "pieces of {size}");
    }
    whole
}

fn answer(lines: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{lines}\r\n{body}").into_bytes()
}

fn framing(lines: &str) -> Result<Framing, HttpError> {
    Head::parse(&answer(lines, ""))?.framing(false)
}

fn chunked(body: &str) -> Result<Seen, HttpError> {
    at_every_chop(&answer("Transfer-Encoding: chunked\r\n", body))
}

#[test]
fn an_exact_length_is_complete_and_what_follows_is_left_alone() {
    let seen = at_every_chop(&answer("Content-Length: 5\r\n", "helloHTTP/1.1 200 OK\r\n")).unwrap();
    assert_eq!((seen.body.as_slice(), seen.complete, seen.left), (&b"hello"[..], true, 17), "H1, H18, H28, H29");
    let seen = chunked("5\r\nhello\r\n0\r\n\r\nnext").unwrap();
    assert_eq!((seen.body.as_slice(), seen.complete, seen.left), (&b"hello"[..], true, 4));
}

#[test]
fn two_lengths_are_refused_even_if_equal() {
    for second in ["5", "6", "05"] {
        let lines = format!("Content-Length: 5\r\ncontent-length: {second}\r\n");
        assert_eq!(framing(&lines), Err(HttpError::ContentLength), "H2, H3");
    }
}

#[test]
fn a_length_is_decimal_digits_and_nothing_else() {
    for bad in [
        "5, 5",
        "+5",
        "-1",
        "0x5",
        "5 5",
        "",
        "5;",
        "\u{a0}5",
        "5.0",
        "1e3",
        "18446744073709551616",
        "99999999999999999999999",
    ] {
        assert_eq!(framing(&format!("Content-Length: {bad}\r\n")), Err(HttpError::ContentLength), "H4 {bad:?}");
    }
    for control in ["\u{b}5", "5\u{c}"] {
        assert_eq!(framing(&format!("Content-Length: {control}\r\n")), Err(HttpError::Control));
    }
    for (good, value) in [
        ("5", 5),
        ("0005", 5),
        (" \t 5\t ", 5),
        ("0", 0),
        ("18446744073709551615", u64::MAX),
        ("00000000000000000000001", 1),
    ] {
        assert_eq!(framing(&format!("Content-Length:{good}\r\n")), Ok(Framing::Length(value)), "{good:?}");
    }
}

#[test]
fn a_length_beside_a_transfer_coding_is_refused() {
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: \r\nContent-Length: 0\r\n",
    ] {
        assert_eq!(framing(lines), Err(HttpError::LengthConflict), "H5");
    }
}

#[test]
fn only_one_plain_chunked_is_understood() {
    for bad in [
        "chunked, gzip",
        "gzip, chunked",
        "xchunked",
        "chunked, chunked",
        "identity",
        "",
        "\"chunked\"",
        "chunked;q=1",
        ",chunked",
    ] {
        assert_eq!(framing(&format!("Transfer-Encoding: {bad}\r\n")), Err(HttpError::TransferEncoding), "H6 {bad:?}");
    }
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(framing(twice), Err(HttpError::TransferEncoding));
    assert_eq!(framing("transfer-ENCODING: \tChunked \r\n"), Ok(Framing::Chunked));
    let old = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(Head::parse(old).unwrap().framing(false), Err(HttpError::TransferEncoding), "H7");
}

#[test]
fn without_a_length_the_body_ends_with_the_connection() {
    let seen = at_every_chop(&answer("", "all of it")).unwrap();
    assert_eq!((seen.body.as_slice(), seen.complete, seen.left), (&b"all of it"[..], false, 0), "H8");
    let mut body = Body::new(Framing::UntilClose);
    assert_eq!(body.at_close(), Ok(()));
    body.step(b"xyz").unwrap();
    assert!(!body.is_complete());
    assert_eq!(body.at_close(), Ok(()));
}

#[test]
fn some_answers_have_no_body_whatever_they_say() {
    for status in [100, 102, 103, 199, 204, 304] {
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\nContent-Encoding: gzip\r\n\r\n");
        assert_eq!(Head::parse(head.as_bytes()).unwrap().framing(false), Ok(Framing::Empty), "H9 {status}");
    }
    let to_head = answer("Content-Length: 5\r\n", "");
    assert_eq!(Head::parse(&to_head).unwrap().framing(true), Ok(Framing::Empty));
    let body = Body::new(Framing::Empty);
    assert!(body.is_complete() && body.at_close().is_ok());
}

#[test]
fn interim_answers_are_skipped_a_fixed_number_of_times() {
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for status in [100, 102, 103] {
        let one = format!("HTTP/1.1 {status} Wait\r\nLink: x\r\n\r\n");
        let most = one.repeat(MAX_INTERIM.into()) + last;
        assert_eq!(at_every_chop(most.as_bytes()).unwrap().body, b"ok", "H10, W12");
        let too_many = one.repeat(usize::from(MAX_INTERIM) + 1) + last;
        assert_eq!(at_every_chop(too_many.as_bytes()), Err(HttpError::Interim));
    }
}

#[test]
fn an_upgrade_nobody_asked_for_is_an_error() {
    let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(at_every_chop(head), Err(HttpError::SwitchingProtocols), "H11");
    assert_eq!(Head::parse(head).unwrap().framing(true), Err(HttpError::SwitchingProtocols));
}

#[test]
fn chunk_sizes_are_one_to_sixteen_hex_digits() {
    for bad in [
        "\r\n",
        "g\r\n",
        "5g\r\n",
        "+5\r\n",
        "-5\r\n",
        " 5\r\n",
        "0x5\r\n",
        "5 \r\n",
        "5 5\r\n",
        ";a\r\n",
        "FFFFFFFFFFFFFFFF\r\n",
        "8000000000000000\r\n",
        "00000000000000005\r\n",
        "\n",
    ] {
        assert_eq!(chunked(bad), Err(HttpError::Chunk), "H12 {bad:?}");
    }
    for good in ["5", "005", "0000000000000005", "5;a=b", "5 \t;a=\"b;c\";d"] {
        assert_eq!(chunked(&format!("{good}\r\nhello\r\n0\r\n\r\n")).unwrap().body, b"hello", "{good:?}");
    }
    assert_eq!(chunked(&format!("A\r\n{0}\r\na\r\n{0}\r\n000\r\n\r\n", "0123456789")).unwrap().body.len(), 20);
    let mut body = Body::new(Framing::Chunked);
    assert_eq!(body.step(b"7FFFFFFFFFFFFFFF\r\nx").unwrap().data, 1, "the largest size is only a promise");
    assert_eq!(body.at_close(), Err(HttpError::Truncated));
}

#[test]
fn chunk_extensions_are_ignored_until_the_line_is_too_long() {
    let line = |len: u16| format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(usize::from(len) - 4));
    assert_eq!(chunked(&line(MAX_CHUNK_LINE)).unwrap().body, b"x", "H13");
    assert_eq!(chunked(&line(MAX_CHUNK_LINE + 1)), Err(HttpError::ChunkLine));
    assert_eq!(chunked(&format!("1{}\r\n", ";a=b".repeat(1000))), Err(HttpError::ChunkLine));
    assert_eq!(chunked(&format!("1{}", " ".repeat(1000))), Err(HttpError::ChunkLine));
    assert_eq!(chunked("1;a=\0\r\n"), Err(HttpError::Control));
}

#[test]
fn bare_line_ends_in_chunk_lines_are_refused() {
    for bad in ["5\nhello\r\n0\r\n\r\n", "5;a\nhello", "5 \n", "0\r\n\n", "0\r\nA: b\n\r\n"] {
        assert_eq!(chunked(bad), Err(HttpError::BareLf), "H14 {bad:?}");
    }
    for bad in ["5\rhello", "5;a\rb\r\n", "5\r\r\n", "0\r\n\rx", "0\r\nA: b\rc", "5\r\nhello\rX"] {
        assert_eq!(chunked(bad), Err(HttpError::BareCr), "H14 {bad:?}");
    }
}

#[test]
fn chunk_data_must_end_where_its_size_says() {
    for bad in ["5\r\nhelloX\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello0\r\n\r\n"] {
        assert_eq!(chunked(bad), Err(HttpError::Chunk), "H15 {bad:?}");
    }
}

#[test]
fn trailers_are_ignored_and_bounded() {
    let seen = chunked("2\r\nok\r\n0\r\nContent-Length: 9\r\n\tX: \u{e4}\r\n\r\nrest").unwrap();
    assert_eq!((seen.body.as_slice(), seen.complete, seen.left), (&b"ok"[..], true, 4), "H16");
    let trailers = |len: u16| format!("0\r\n{}\r\n\r\n", "t".repeat(usize::from(len) - 4));
    assert!(chunked(&trailers(MAX_TRAILERS)).unwrap().complete);
    assert_eq!(chunked(&trailers(MAX_TRAILERS + 1)), Err(HttpError::Trailers));
    assert_eq!(chunked(&format!("0\r\n{}", "A: b\r\n".repeat(1000))), Err(HttpError::Trailers));
    assert_eq!(chunked("0\r\nA: \0\r\n\r\n"), Err(HttpError::Control));
}

#[test]
fn a_cut_answer_is_never_complete() {
    for whole in [
        answer("Content-Length: 5\r\n", "hello"),
        answer("Transfer-Encoding: chunked\r\n", "5;x\r\nhello\r\n3\r\nabc\r\n0\r\nT: u\r\n\r\n"),
    ] {
        assert!(at_every_chop(&whole).unwrap().complete);
        let head_end = HeadScan::default().find(&whole).unwrap().unwrap();
        for cut in 0..whole.len() {
            assert!(!read_answer([&whole[..cut]]).unwrap().complete, "H17 {cut}");
            let parsed = Head::parse(&whole[..cut]);
            let Ok(head) = parsed else {
                assert!(cut < head_end);
                assert_eq!(parsed.unwrap_err(), HttpError::Truncated, "W11");
                continue;
            };
            let mut body = Body::new(head.framing(false).unwrap());
            let mut at = head_end;
            while let step = body.step(&whole[at..cut]).unwrap()
                && step.skip + step.data > 0
            {
                at += step.skip + step.data;
            }
            assert_eq!((at, body.at_close()), (cut, Err(HttpError::Truncated)));
        }
    }
}

#[test]
fn a_fault_in_a_body_stays() {
    let mut body = Body::new(Framing::Chunked);
    assert_eq!(body.step(b"x"), Err(HttpError::Chunk));
    assert_eq!(body.step(b"0\r\n\r\n"), Err(HttpError::Chunk));
    assert_eq!(body.step(b""), Err(HttpError::Chunk));
    assert_eq!((body.is_complete(), body.at_close()), (false, Err(HttpError::Chunk)));
}

#[test]
fn lines_that_two_readers_could_read_differently_are_refused() {
    for (lines, why) in [
        ("A: b\r\n folded\r\n", HttpError::Head),
        ("A: b\r\n\tfolded\r\n", HttpError::Head),
        (" A: b\r\n", HttpError::Head),
        ("A : b\r\n", HttpError::Head),
        ("A\t: b\r\n", HttpError::Head),
        (": b\r\n", HttpError::Head),
        ("A b\r\n", HttpError::Head),
        ("A\r\n", HttpError::Head),
        ("\u{e4}: b\r\n", HttpError::Head),
        ("A(: b\r\n", HttpError::Head),
        ("A\0: b\r\n", HttpError::Control),
        ("A: b\0\r\n", HttpError::Control),
        ("A: \x1b[m\r\n", HttpError::Control),
        ("A: b\x7f\r\n", HttpError::Control),
        ("A: b\nC: d\r\n", HttpError::BareLf),
        ("A: b\rC: d\r\n", HttpError::BareCr),
        ("A: b\r\r\n", HttpError::BareCr),
    ] {
        assert_eq!(at_every_chop(&answer(lines, "")), Err(why), "H19–H21 {lines:?}");
    }
}

#[test]
fn a_head_must_keep_to_its_limits() {
    let name = |len| answer(&format!("{}: x\r\nContent-Length: 0\r\n", "n".repeat(len)), "");
    assert!(at_every_chop(&name(MAX_NAME)).unwrap().complete);
    assert_eq!(at_every_chop(&name(MAX_NAME + 1)), Err(HttpError::HeadTooLong), "H22");

    let lines = |count| answer(&"A: b\r\n".repeat(count), "");
    assert!(Head::parse(&lines(MAX_HEADERS)).is_ok());
    for count in [MAX_HEADERS + 1, 100, 101, 1000] {
        assert_eq!(Head::parse(&lines(count)).unwrap_err(), HttpError::TooManyHeaders, "W8 {count}");
    }
    let value = format!("A: {}\r\n", "v".repeat(MAX_HEAD));
    assert_eq!(Head::parse(&answer(&value, "")).unwrap_err(), HttpError::HeadTooLong);
    let reason = format!("HTTP/1.1 200 {}\r\n\r\n", "r".repeat(MAX_HEAD));
    assert_eq!(Head::parse(reason.as_bytes()).unwrap_err(), HttpError::HeadTooLong);
}

#[test]
fn a_head_that_never_ends_is_told_at_the_same_byte_however_it_is_cut() {
    let fits = answer(&format!("A: {}\r\n", "v".repeat(MAX_HEAD - 24)), "");
    assert_eq!(fits.len(), MAX_HEAD);
    assert_eq!(HeadScan::default().find(&fits), Ok(Some(MAX_HEAD)));
    let endless = [b'x'; 2 * MAX_HEAD];
    for size in [1, 7, 1000, MAX_HEAD, 2 * MAX_HEAD] {
        let mut scan = HeadScan::default();
        let mut told = None;
        for end in (0..=endless.len()).step_by(size) {
            match scan.find(&endless[..end]) {
                Ok(found) => assert_eq!(found, None),
                Err(error) => {
                    assert_eq!((error, scan.find(&endless[..end])), (HttpError::HeadTooLong, Err(error)));
                    told = told.or(Some(end));
                }
            }
        }
        assert_eq!(told, Some(MAX_HEAD.next_multiple_of(size)), "W7");
    }
}

#[test]
fn bytes_already_scanned_are_not_read_again() {
    let mut head = answer("A: b\r\nContent-Length: 5\r\n", "");
    let mut scan = HeadScan::default();
    for end in 0..head.len() {
        assert_eq!(scan.find(&head[..end]), Ok(None));
        head[..end].fill(0);
    }
    assert_eq!(scan.find(&head), Ok(Some(head.len())));
    head.extend_from_slice(b"\0\n\r");
    assert_eq!(scan.find(&head), Ok(Some(head.len() - 3)), "the body is not the scan's");
}

#[test]
fn status_lines_must_be_exact() {
    for (line, why) in [
        ("HTTP/1.1 99 X", HttpError::Status),
        ("HTTP/1.1 099 X", HttpError::Status),
        ("HTTP/1.1 1000 X", HttpError::Status),
        ("HTTP/1.1 20 X", HttpError::Status),
        ("HTTP/1.1 2x0 X", HttpError::Status),
        ("HTTP/1.1 600 X", HttpError::Status),
        ("HTTP/1.1 +20 X", HttpError::Status),
        ("HTTP/1.1  200 X", HttpError::Status),
        ("HTTP/1.1 ", HttpError::Status),
        ("HTTP/1.2 200 OK", HttpError::Version),
        ("HTTP/2 200 OK", HttpError::Version),
        ("HTTP/0.9 200 OK", HttpError::Version),
        ("http/1.1 200 OK", HttpError::Head),
        ("HTTP/1.1", HttpError::Version),
        (" HTTP/1.1 200 OK", HttpError::Head),
        ("x\r\nHTTP/1.1 200 OK", HttpError::Head),
        ("\r\nHTTP/1.1 200 OK", HttpError::Head),
        ("<html>", HttpError::Head),
        ("", HttpError::Head),
    ] {
        let head = format!("{line}\r\n\r\n");
        let result = at_every_chop(head.as_bytes());
        if line == "HTTP/1.1" || line == "HTTP/1.1 " {
            assert!(result.is_err(), "{line:?}: {result:?}");
        } else {
            assert_eq!(result, Err(why), "H23, H24 {line:?}");
        }
    }
    for (line, status, minor) in [
        ("HTTP/1.1 200 OK", 200, 1),
        ("HTTP/1.0 599 ", 599, 0),
        ("HTTP/1.1 100 \t\u{e4}", 100, 1),
        ("HTTP/1.1 204", 204, 1),
    ] {
        let head = format!("{line}\r\n\r\n");
        let head = Head::parse(head.as_bytes()).unwrap();
        assert_eq!((head.status, head.minor_version), (status, minor), "{line:?}");
    }
}

#[test]
fn redirects_are_an_ordinary_answer_with_a_status() {
    for status in [301, 302, 307, 308] {
        let text = format!("HTTP/1.1 {status} Moved\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n");
        let seen = at_every_chop(text.as_bytes()).unwrap();
        assert_eq!((seen.status, seen.complete), (status, true), "H25");
    }
}

#[test]
fn only_plain_seconds_say_when_to_come_back() {
    for (lines, secs) in [
        ("", None),
        ("Retry-After: 30\r\n", Some(30)),
        ("retry-after: \t030 \r\n", Some(30)),
        ("Retry-After: 0\r\n", Some(0)),
        ("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", None),
        ("Retry-After: -1\r\nRetry-After: +1\r\nRetry-After: 1.5\r\nRetry-After: \r\nRetry-After: 1 s\r\n", None),
        ("Retry-After: 4294967295\r\n", Some(u32::MAX)),
        ("Retry-After: 4294967296\r\n", Some(u32::MAX)),
        ("Retry-After: 99999999999999999999999999\r\n", Some(u32::MAX)),
        ("X-Ogw-Ratelimit-Reset: 7\r\n", Some(7)),
        ("Retry-After: 3\r\nx-ogw-ratelimit-reset: 7\r\n", Some(7)),
        ("Retry-After: 9\r\nx-ogw-ratelimit-reset: 7\r\n", Some(9)),
        ("Retry-After: soon\r\nx-ogw-ratelimit-reset: 7\r\n", Some(7)),
        ("Retry-After: 2\r\nRetry-After: 5\r\n", Some(5)),
    ] {
        assert_eq!(Head::parse(&answer(lines, "")).unwrap().retry_after_secs(), secs, "H26 {lines:?}");
    }
}

#[test]
fn headers_are_found_in_any_case_and_trimmed() {
    let text =
        answer("HANDSHAKE-status: \t514 \r\nA: 1\r\na:2\t\r\nE:\r\nList: x, Y ,\r\nLIST:z\r\nV: a\u{e4}\r\n", "");
    let head = Head::parse(&text).unwrap();
    assert_eq!(head.header("Handshake-Status"), Some(&b"514"[..]), "H27, W13");
    assert_eq!(head.header_i64("handshake-status"), Some(514));
    assert_eq!(head.header("A"), Some(&b"1"[..]));
    assert_eq!(head.headers_named("A").collect::<Vec<_>>(), [b"1", b"2"]);
    assert_eq!(head.header("e"), Some(&b""[..]));
    assert_eq!(head.header("none"), None);
    assert_eq!(head.header("V"), Some("a\u{e4}".as_bytes()));
    for (token, there) in [("x", true), ("y", true), ("Z", true), ("x, Y", false), ("q", false)] {
        assert_eq!(head.has_token("list", token), there, "{token}");
    }
    assert_eq!(format!("{head:?}"), "Head(HTTP/1.1 200, 7 headers)", "no value is printed");
}

#[test]
fn numbers_in_headers_are_plain_decimals() {
    for (value, number) in [
        ("0", Some(0)),
        ("1000040350", Some(1_000_040_350)),
        ("-1", Some(-1)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("+5", None),
        ("-", None),
        ("--5", None),
        ("", None),
        ("5 5", None),
        ("5.0", None),
        ("\u{e4}", None),
    ] {
        assert_eq!(Head::parse(&answer(&format!("N: {value}\r\n"), "")).unwrap().header_i64("n"), number, "{value:?}");
    }
}

#[test]
fn a_connection_is_kept_by_the_rules_of_its_version() {
    for (head, kept) in [
        ("HTTP/1.1 200 OK\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nConnection: x, Close\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n", true),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive, close\r\n\r\n", false),
    ] {
        assert_eq!(Head::parse(head.as_bytes()).unwrap().keep_alive(), kept, "{head:?}");
    }
}

#[test]
fn a_coded_body_is_refused() {
    for bad in ["gzip", "br", "x-gzip", "identity, gzip", "identity\r\nContent-Encoding: deflate"] {
        let lines = format!("Content-Encoding: {bad}\r\nContent-Length: 5\r\n");
        assert_eq!(framing(&lines), Err(HttpError::ContentEncoding), "H33 {bad:?}");
    }
    assert_eq!(framing("Content-Encoding: Identity\r\nContent-Length: 5\r\n"), Ok(Framing::Length(5)));
}

const HOST: Authority<'_> = Authority { host: "open.feishu.cn", port: 443, tls: true };

fn written(target: &[&str], authority: Authority<'_>, headers: &[(&str, &str)]) -> Result<String, HttpError> {
    let mut out = [0; 512];
    let mut w = Writer::new(&mut out);
    let result = write_request(&mut w, Method::Post, target, authority, headers, Some(12));
    if result.is_err() {
        assert!(w.is_empty(), "nothing is written before the check");
    }
    result?;
    let len = w.finish().unwrap();
    Ok(String::from_utf8(out[..len].to_vec()).unwrap())
}

#[test]
fn a_request_is_written_as_it_is_asked_for() {
    let text = written(&["/a", "/b%2F", "?c=", "d"], HOST, &[("Content-Type", "application/json"), ("X", "")]).unwrap();
    let wanted = "POST /a/b%2F?c=d HTTP/1.1\r\nHost: open.feishu.cn\r\nContent-Type: application/json\r\nX: \r\nContent-Length: 12\r\n\r\n";
    assert_eq!(text, wanted);
    for (method, name) in [
        (Method::Delete, "DELETE"),
        (Method::Get, "GET"),
        (Method::Patch, "PATCH"),
        (Method::Post, "POST"),
        (Method::Put, "PUT"),
    ] {
        let mut out = [0; 64];
        let mut w = Writer::new(&mut out);
        write_request(&mut w, method, &["/"], HOST, &[], None).unwrap();
        let len = w.finish().unwrap();
        assert_eq!(out[..len], *format!("{name} / HTTP/1.1\r\nHost: open.feishu.cn\r\n\r\n").as_bytes());
    }
    let mut w = Writer::counting();
    write_request(&mut w, Method::Get, &["/"], HOST, &[], Some(0)).unwrap();
    assert_eq!(w.finish().unwrap_err().needed, 16 + 22 + 19 + 2, "a head that does not fit tells its size");
}

#[test]
fn no_string_of_a_caller_breaks_out_of_its_place() {
    for byte in (0..0x20).chain([0x7F]) {
        let evil = format!("a{}b", char::from(byte));
        let target = format!("/{evil}");
        assert_eq!(written(&[&target], HOST, &[]), Err(HttpError::RequestTarget), "H30 {byte:#x}");
        assert_eq!(written(&["/", &evil], HOST, &[]), Err(HttpError::RequestTarget));
        let host = Authority { host: &evil, ..HOST };
        assert_eq!(written(&["/"], host, &[]), Err(HttpError::RequestHost));
        assert_eq!(written(&["/"], HOST, &[("A", "b"), (&evil, "x")]), Err(HttpError::RequestHeader));
        assert_eq!(written(&["/"], HOST, &[("A", &evil)]), Err(HttpError::RequestHeader));
    }
    assert_eq!(written(&["/a b"], HOST, &[]), Err(HttpError::RequestTarget));
    for name in ["", "a b", "a:", "a\u{e4}", "Host", "CONTENT-LENGTH", "transfer-encoding"] {
        assert_eq!(written(&["/"], HOST, &[(name, "x")]), Err(HttpError::RequestHeader), "{name:?}");
    }
}

#[test]
fn a_target_stays_below_the_path_it_was_meant_for() {
    for bad in [
        &[][..],
        &[""],
        &["a"],
        &["?a=b"],
        &["/a#b"],
        &["/.."],
        &["/../a"],
        &["/a/..", "/b"],
        &["/a/", "..", "/b"],
        &["/a/.", "."],
        &["/a/./b"],
        &["/..?x"],
    ] {
        assert_eq!(written(bad, HOST, &[]), Err(HttpError::RequestTarget), "H31 {bad:?}");
    }
    for good in ["/", "/a/...", "/.a", "/a..b/", "/..a", "/a?x=/../y", "/a//b", "/ws/v2?ticket=%2e%2E&a=b;c"] {
        assert!(written(&[good], HOST, &[]).unwrap().starts_with(&format!("POST {good} HTTP/1.1\r\n")), "{good:?}");
    }
}

#[test]
fn hosts_are_written_in_the_right_form() {
    for (host, port, tls, line) in [
        ("open.feishu.cn", 443, true, "open.feishu.cn"),
        ("open.feishu.cn", 80, true, "open.feishu.cn:80"),
        ("open.feishu.cn", 80, false, "open.feishu.cn"),
        ("open.feishu.cn", 443, false, "open.feishu.cn:443"),
        ("10.0.2.2", 8080, false, "10.0.2.2:8080"),
        ("::1", 443, true, "[::1]"),
        ("[::1]", 8443, true, "[::1]:8443"),
        ("2001:DB8::10.0.0.1", 1, true, "[2001:DB8::10.0.0.1]:1"),
    ] {
        let text = written(&["/"], Authority { host, port, tls }, &[]).unwrap();
        assert!(text.contains(&format!("\r\nHost: {line}\r\n")), "H32 {text}");
    }
    for host in [
        "",
        "a b",
        "a/b",
        "a?b",
        "user@host",
        "host:80",
        "dead:80",
        "[::1",
        "::1]",
        "[host]",
        "[]",
        "fe80::1%eth0",
        "\u{e4}.cn",
        "a#b",
        "a,b",
    ] {
        assert_eq!(written(&["/"], Authority { host, ..HOST }, &[]), Err(HttpError::RequestHost), "{host:?}");
    }
}

fn encoded(segment: &str) -> String {
    let mut out = [0; 1024];
    let mut w = Writer::new(&mut out);
    percent_encode(&mut w, segment);
    let len = w.finish().unwrap();
    String::from_utf8(out[..len].to_vec()).unwrap()
}

#[test]
fn ids_are_encoded_with_no_exceptions() {
    assert_eq!(encoded("a/b?c#d e"), "a%2Fb%3Fc%23d%20e", "protocol section 16.1");
    assert_eq!(encoded("../\u{e4}%&=+"), "..%2F%C3%A4%25%26%3D%2B");
    assert_eq!(encoded("\r\n\0\x7f"), "%0D%0A%00%7F");
    let kept = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    assert_eq!(encoded(kept), kept);
    for byte in 0..0x80 {
        let segment = char::from(byte).to_string();
        let wanted = if kept.contains(&segment) { segment.clone() } else { format!("%{byte:02X}") };
        assert_eq!(encoded(&segment), wanted);
    }
}

#[test]
fn faults_read_like_sentences() {
    assert_eq!(HttpError::Truncated.to_string(), "connection closed inside the answer");
}

/// Random text made of the pieces that matter, so that random inputs come far.
fn tokens() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        &b"HTTP/1.1 200 OK\r\n"[..],
        b"HTTP/1.1 100 C\r\n\r\n",
        b"HTTP/1.0 ",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"0",
        b"3",
        b"abc",
        b";",
        b" ",
        b": ",
        b"3\r\nabc\r\n",
        b"0\r\n\r\n",
        b"\0",
        b"\xFF",
    ]);
    prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn random_answers_never_panic_and_never_depend_on_the_cut(
        known in prop::sample::select(vec!["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]),
        random in prop_oneof![tokens(), prop::collection::vec(any::<u8>(), 0..64)],
    ) {
        let _ = at_every_chop(&[known.as_bytes(), &random].concat());
    }

    #[test]
    fn a_body_in_random_chunks_and_pieces_comes_back_whole(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..12),
        size in 1_usize..50,
        close in any::<bool>(),
    ) {
        let body = chunks.concat();
        let mut text = Vec::new();
        let framing = if close { Framing::UntilClose } else { Framing::Chunked };
        if close {
            text.extend_from_slice(&body);
        } else {
            for chunk in &chunks {
                text.extend_from_slice(format!("{:03X};e=\"{0}\"\r\n", chunk.len()).as_bytes());
                text.extend_from_slice(chunk);
                text.extend_from_slice(b"\r\n");
            }
            text.extend_from_slice(b"0\r\nT: v\r\n\r\n");
        }
        let mut decoder = Body::new(framing);
        let (mut got, mut steps) = (Vec::new(), 0);
        for mut piece in text.chunks(size) {
            while !piece.is_empty() {
                let step = decoder.step(piece).unwrap();
                prop_assert!(step.skip + step.data > 0, "an open body takes something of whatever there is");
                got.extend_from_slice(&piece[step.skip..step.skip + step.data]);
                piece = &piece[step.skip + step.data..];
                steps += 1;
            }
        }
        prop_assert_eq!(got, body);
        prop_assert!(steps <= text.len());
        prop_assert_eq!(decoder.is_complete(), !close);
        prop_assert_eq!(decoder.at_close(), Ok(()));
    }

    #[test]
    fn random_strings_write_one_request_or_nothing(
        target in "[/a.?#\r\n %\u{0}-\u{ff}]{0,8}", name in "[a:\r\n -]{0,4}", value in "[ a\t\r\n\u{0}-\u{ff}]{0,6}", host in "[a:\\[\\]1.@\r]{0,6}",
    ) {
        let authority = Authority { host: &host, ..HOST };
        if let Ok(text) = written(&[&target], authority, &[(&name, &value)]) {
            let head = text.strip_suffix("\r\n\r\n").unwrap();
            prop_assert_eq!(head.split("\r\n").count(), 4);
            prop_assert_eq!(head.bytes().filter(|byte| byte.is_ascii_control()).count(), 6);
            prop_assert_eq!(head.split("\r\n").next().unwrap().split(' ').count(), 3);
        }
    }
}
