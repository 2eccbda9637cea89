//! WebSocket codec against ws frames and upgrades that are wrong in one way each, each at every cut.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may panic"
)]

use larkwire_core::wire::http::{Authority, Head, HeadScan, HttpError, MAX_INTERIM, Method, write_request};
use larkwire_core::wire::websocket::{
    Opcode, Part, Sequence, UpgradeError, Utf8, Utf8At, WsError, WsHeader, accept_text, apply_mask, check_upgrade,
    key_text, parse_close, write_frame,
};
use larkwire_core::wire::writer::Writer;
use proptest::prelude::*;

/// The nonce of RFC 6455 section 1.3.
const NONCE: [u8; 16] = *b"the sample nonce";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const OPCODES: [Opcode; 6] =
    [Opcode::Continuation, Opcode::Text, Opcode::Binary, Opcode::Close, Opcode::Ping, Opcode::Pong];

/// Scans and checks an answer byte by byte, interim answers skipped; tells where the ws frames begin.
fn upgrade(bytes: &[u8]) -> Result<Result<usize, UpgradeError>, HttpError> {
    let (mut start, mut interim, mut scan) = (0, 0, HeadScan::default());
    for end in 0..=bytes.len() {
        if let Some(len) = scan.find(&bytes[start..end])? {
            let head = Head::parse(&bytes[start..start + len])?;
            (start, scan) = (start + len, HeadScan::default());
            if !head.is_interim() {
                return Ok(check_upgrade(&head, NONCE).map(|()| start));
            }
            interim += 1;
            if interim > MAX_INTERIM {
                return Err(HttpError::Interim);
            }
        }
    }
    Err(HttpError::Truncated)
}

fn with(status: &str, lines: &str) -> Result<(), UpgradeError> {
    let text = format!("{status}\r\n{lines}\r\n");
    let byte_by_byte = upgrade(text.as_bytes()).unwrap().map(|_| ());
    assert_eq!(check_upgrade(&Head::parse(text.as_bytes()).unwrap(), NONCE), byte_by_byte, "W9");
    byte_by_byte
}

const OK: &str = "HTTP/1.1 101 Switching Protocols";
const GOOD: &str =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

#[test]
fn the_key_and_its_answer_are_those_of_the_rfc() {
    assert_eq!(key_text(NONCE), *b"dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(accept_text(NONCE), *ACCEPT.as_bytes());
}

#[test]
fn only_101_opens_and_any_other_status_is_told() {
    assert_eq!(with(OK, GOOD), Ok(()), "W1");
    for status in [200, 301, 401, 403, 500] {
        assert_eq!(with(&format!("HTTP/1.1 {status} No"), GOOD), Err(UpgradeError::Status(status)));
        assert_eq!(with(&format!("HTTP/1.0 {status} No"), ""), Err(UpgradeError::Status(status)));
    }
    assert_eq!(with("HTTP/1.0 101 Switching Protocols", GOOD), Err(UpgradeError::Version));
    assert_eq!(UpgradeError::Status(403).to_string(), "upgrade refused with HTTP status 403");
}

#[test]
fn a_refusal_keeps_its_handshake_headers() {
    let text = "HTTP/1.1 403 No\r\nhandshake-STATUS: 514\r\nHandshake-Msg: too many\r\nHandshake-Autherrcode: 1000040350\r\n\r\n";
    let head = Head::parse(text.as_bytes()).unwrap();
    assert_eq!(head.header_i64("Handshake-Status"), Some(514), "W13");
    assert_eq!(head.header("Handshake-Msg"), Some(&b"too many"[..]));
    assert_eq!(head.header_i64("Handshake-Autherrcode"), Some(1_000_040_350));
}

#[test]
fn upgrade_and_connection_must_say_so_in_any_case() {
    for (from, to) in [
        ("Upgrade: websocket", "UPGRADE:WebSocket "),
        ("Connection: Upgrade", "connection: keep-alive, UPGRADE"),
        ("Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade"),
        ("Sec-WebSocket-Accept: ", "SEC-websocket-ACCEPT:\t"),
    ] {
        assert_eq!(with(OK, &GOOD.replace(from, to)), Ok(()), "W2, W3 {to:?}");
    }
    for to in [
        "X: websocket",
        "Upgrade: h2c",
        "Upgrade: websocket, h2c",
        "Upgrade: websocket\r\nUpgrade: websocket",
        "Upgrade:",
    ] {
        assert_eq!(with(OK, &GOOD.replace("Upgrade: websocket", to)), Err(UpgradeError::Upgrade), "W2 {to:?}");
    }
    for to in ["X: Upgrade", "Connection: keep-alive", "Connection: xupgrade", "Connection: close"] {
        assert_eq!(with(OK, &GOOD.replace("Connection: Upgrade", to)), Err(UpgradeError::Connection), "W3 {to:?}");
    }
}

#[test]
fn the_accept_value_must_stand_there_once_and_exactly() {
    let line = format!("Sec-WebSocket-Accept: {ACCEPT}\r\n");
    for (to, result) in [
        (String::new(), Err(UpgradeError::AcceptMissing)),
        (line.repeat(2), Err(UpgradeError::AcceptRepeated)),
        (format!("Sec-WebSocket-Accept: \t{ACCEPT} \t\r\n"), Ok(())),
        (line.replace("s3p", "S3p"), Err(UpgradeError::AcceptMismatch)),
        (line.replace("Oo=", "Oo"), Err(UpgradeError::AcceptMismatch)),
        (line.replace("Oo=", "Oo=="), Err(UpgradeError::AcceptMismatch)),
        ("Sec-WebSocket-Accept:\r\n".into(), Err(UpgradeError::AcceptMismatch)),
    ] {
        assert_eq!(with(OK, &GOOD.replace(&line, &to)), result, "W4 {to:?}");
    }
    let text = format!("{OK}\r\n{GOOD}\r\n");
    let head = Head::parse(text.as_bytes()).unwrap();
    assert_eq!(check_upgrade(&head, [0; 16]), Err(UpgradeError::AcceptMismatch), "another key");
}

#[test]
fn nothing_may_be_agreed_on_that_was_not_offered() {
    for value in ["permessage-deflate", ""] {
        let lines = format!("{GOOD}Sec-WebSocket-Extensions: {value}\r\n");
        assert_eq!(with(OK, &lines), Err(UpgradeError::Extension), "W5");
        let lines = format!("{GOOD}Sec-WebSocket-Protocol: {value}\r\n");
        assert_eq!(with(OK, &lines), Err(UpgradeError::Subprotocol));
    }
}

#[test]
fn the_first_ws_frame_may_come_with_the_head() {
    let text = format!("{OK}\r\n{GOOD}\r\n\x02\x03abc");
    let at = upgrade(text.as_bytes()).unwrap().unwrap();
    assert_eq!(&text.as_bytes()[at..], b"\x02\x03abc", "W10");
    for cut in 0..at {
        assert_eq!(upgrade(&text.as_bytes()[..cut]), Err(HttpError::Truncated), "W11");
    }
}

#[test]
fn a_server_may_hesitate_but_not_for_ever() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    let text = |times| format!("{}{OK}\r\n{GOOD}\r\n", interim.repeat(times));
    assert!(upgrade(text(usize::from(MAX_INTERIM) / 2).as_bytes()).unwrap().is_ok(), "W12");
    assert_eq!(upgrade(text(usize::from(MAX_INTERIM)).as_bytes()), Err(HttpError::Interim));
}

#[test]
fn our_own_upgrade_request_can_be_written() {
    let mut out = [0; 256];
    let mut w = Writer::new(&mut out);
    let key = key_text(NONCE);
    let headers = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", core::str::from_utf8(&key).unwrap()),
    ];
    let host = Authority { host: "msg-frontier.feishu.cn", port: 443, tls: true };
    write_request(&mut w, Method::Get, &["/ws/v2?ticket=tk"], host, &headers, None).unwrap();
    let len = w.finish().unwrap();
    let wanted = "GET /ws/v2?ticket=tk HTTP/1.1\r\nHost: msg-frontier.feishu.cn\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    assert_eq!(core::str::from_utf8(&out[..len]), Ok(wanted));
}

/// What the header parser makes of bytes that come one at a time, and after how many of them.
fn header(bytes: &[u8]) -> (usize, Result<Option<(WsHeader, usize)>, WsError>) {
    for end in 0..bytes.len() {
        match WsHeader::parse(&bytes[..end]) {
            Ok(None) => {}
            told => return (end, told),
        }
    }
    (bytes.len(), WsHeader::parse(bytes))
}

#[test]
fn a_fault_is_told_at_the_first_byte_that_shows_it() {
    let cases: [(&[u8], usize, WsError); 18] = [
        (&[0xC2], 1, WsError::Reserved),
        (&[0xA2], 1, WsError::Reserved),
        (&[0x92], 1, WsError::Reserved),
        (&[0x83], 1, WsError::Opcode),
        (&[0x8F], 1, WsError::Opcode),
        (&[0x09], 1, WsError::ControlFragmented),
        (&[0x82, 0x80], 2, WsError::Masked),
        (&[0x82, 0xFF], 2, WsError::Masked),
        (&[0x89, 126], 2, WsError::ControlTooLong),
        (&[0x88, 127], 2, WsError::ControlTooLong),
        (&[0x88, 1], 2, WsError::ClosePayload),
        (&[0x82, 126, 0, 5], 4, WsError::LengthNotMinimal),
        (&[0x82, 126, 0, 125], 4, WsError::LengthNotMinimal),
        (&[0x82, 127, 0, 0, 0, 0, 0, 0], 8, WsError::LengthNotMinimal),
        (&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], 8, WsError::LengthNotMinimal),
        (&[0x82, 127, 0x80], 3, WsError::LengthTopBit),
        (&[0x82, 127, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], 3, WsError::LengthTopBit),
        (&[0x02, 0x85], 2, WsError::Masked),
    ];
    for (bytes, at, error) in cases {
        assert_eq!(header(bytes), (at, Err(error)), "W14–W16, W36 {bytes:02X?}");
        assert_eq!(WsHeader::parse(bytes), Err(error), "in one piece");
        assert_eq!(error.close_code(), 1002);
    }
    assert_eq!(WsError::Utf8.close_code(), 1007);
}

#[test]
fn lengths_are_read_in_all_three_forms() {
    let cases: [(&[u8], u64); 8] = [
        (&[0x82, 0], 0),
        (&[0x82, 125], 125),
        (&[0x82, 126, 0, 126], 126),
        (&[0x82, 126, 0xFF, 0xFF], 65_535),
        (&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0], 65_536),
        (&[0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0], 1 << 32),
        (&[0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], u64::MAX >> 1),
        (&[0x82, 127, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF], u64::from(u32::MAX)),
    ];
    for (bytes, len) in cases {
        let wanted = WsHeader { fin: true, opcode: Opcode::Binary, len };
        assert_eq!(header(bytes), (bytes.len(), Ok(Some((wanted, bytes.len())))), "W16 {bytes:02X?}");
        let more = [bytes, &[0xFF; 8]].concat();
        assert_eq!(WsHeader::parse(&more), Ok(Some((wanted, bytes.len()))), "the payload is not looked at");
    }
}

/// A second, slower reading of RFC 6455 sections 5.2, 5.4 and 5.5 to hold the codec against.
fn model(first: u8, second: u8, open: Option<bool>) -> Result<(), WsError> {
    let (fin, opcode, len) = (first >= 0x80, first % 16, second % 128);
    if first & 0b0111_0000 != 0 {
        return Err(WsError::Reserved);
    }
    if !matches!(opcode, 0 | 1 | 2 | 8 | 9 | 10) {
        return Err(WsError::Opcode);
    }
    if opcode >= 8 && !fin {
        return Err(WsError::ControlFragmented);
    }
    if second >= 0x80 {
        return Err(WsError::Masked);
    }
    if opcode >= 8 && len > 125 {
        return Err(WsError::ControlTooLong);
    }
    if opcode == 8 && len == 1 {
        return Err(WsError::ClosePayload);
    }
    match (opcode, open) {
        (0, None) => Err(WsError::ContinuationUnexpected),
        (1 | 2, Some(_)) => Err(WsError::ContinuationExpected),
        _ => Ok(()),
    }
}

#[test]
fn all_first_two_bytes_in_all_states_are_judged_by_the_rfc() {
    let start = |opcode| WsHeader { fin: false, opcode, len: 0 };
    for open in [None, Some(true), Some(false)] {
        let mut sequence = Sequence::default();
        match open {
            None => {}
            Some(true) => drop(sequence.accept(&start(Opcode::Text)).unwrap()),
            Some(false) => drop(sequence.accept(&start(Opcode::Binary)).unwrap()),
        }
        for (first, second) in (0..=255_u8).flat_map(|first| (0..=255_u8).map(move |second| (first, second))) {
            // A long, minimal, legal length, wherever a length follows.
            let bytes = [first, second, 1, 0, 0, 0, 0, 0, 0, 0];
            let got = WsHeader::parse(&bytes)
                .and_then(|header| sequence.clone().accept(&header.expect("ten bytes are enough").0))
                .map(|_| ());
            assert_eq!(got, model(first, second, open), "W35, W36 {first:#04x} {second:#04x} {open:?}");
            let early = WsHeader::parse(&bytes[..2]);
            assert_eq!(early.err(), WsHeader::parse(&bytes).err(), "two bytes show all of this");
        }
    }
}

#[test]
fn messages_keep_their_order_and_control_frames_pass_between() {
    let frame = |opcode, fin| WsHeader { fin, opcode, len: 1 };
    let mut sequence = Sequence::default();
    let story = [
        (Opcode::Continuation, true, Err(WsError::ContinuationUnexpected)),
        (Opcode::Continuation, false, Err(WsError::ContinuationUnexpected)),
        (Opcode::Binary, true, Ok(Part::First { text: false, last: true })),
        (Opcode::Text, false, Ok(Part::First { text: true, last: false })),
        (Opcode::Ping, true, Ok(Part::Control)),
        (Opcode::Binary, true, Err(WsError::ContinuationExpected)),
        (Opcode::Text, false, Err(WsError::ContinuationExpected)),
        (Opcode::Continuation, false, Ok(Part::Middle { text: true, last: false })),
        (Opcode::Pong, true, Ok(Part::Control)),
        (Opcode::Close, true, Ok(Part::Control)),
        (Opcode::Continuation, true, Ok(Part::Middle { text: true, last: true })),
        (Opcode::Continuation, true, Err(WsError::ContinuationUnexpected)),
        (Opcode::Binary, false, Ok(Part::First { text: false, last: false })),
        (Opcode::Continuation, true, Ok(Part::Middle { text: false, last: true })),
        (Opcode::Text, true, Ok(Part::First { text: true, last: true })),
    ];
    for (at, (opcode, fin, part)) in story.into_iter().enumerate() {
        assert_eq!(sequence.accept(&frame(opcode, fin)), part, "W20, W21 step {at}");
    }
}

#[test]
fn close_payloads_are_checked_to_the_letter() {
    assert_eq!(parse_close(&[]), Ok(None), "W25");
    assert_eq!(parse_close(&[3]), Err(WsError::ClosePayload));
    assert_eq!(parse_close(&[3; 126]), Err(WsError::ControlTooLong));
    for code in 0..=u16::MAX {
        let valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let wanted = if valid { Ok(Some((code, ""))) } else { Err(WsError::CloseCode) };
        assert_eq!(parse_close(&code.to_be_bytes()), wanted);
    }
    let mut longest = [b'x'; 125];
    longest[..2].copy_from_slice(&1000_u16.to_be_bytes());
    assert_eq!(parse_close(&longest).unwrap().unwrap().1.len(), 123);
    assert_eq!(parse_close(b"\x03\xE8bye \xC3\xA4"), Ok(Some((1000, "bye \u{e4}"))));
    for bad in [&b"\x03\xE8\xFF"[..], b"\x03\xE8\xC3", b"\x03\xE8\xED\xA0\x80"] {
        assert_eq!(parse_close(bad), Err(WsError::Utf8));
    }
}

fn slow_mask(bytes: &mut [u8], key: [u8; 4], offset: usize) {
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte ^= key[(at + offset) % 4];
    }
}

#[test]
fn the_mask_is_right_at_every_alignment_and_length() {
    let key = [0x11, 0x22, 0x44, 0x88];
    for start in 0..9 {
        for len in 0..40 {
            for offset in 0..9 {
                let mut fast: Vec<u8> = (0..64).collect();
                let mut slow = fast.clone();
                apply_mask(&mut fast[start..start + len], key, offset);
                slow_mask(&mut slow[start..start + len], key, offset);
                assert_eq!(fast, slow, "{start} {len} {offset}");
            }
        }
    }
}

#[test]
fn own_frames_have_the_shortest_length_and_a_right_mask() {
    let mask = [0xDE, 0xAD, 0xBE, 0xEF];
    for (len, head) in [(0, 6), (1, 6), (63, 6), (64, 6), (65, 6), (125, 6), (126, 8), (65_535, 8), (65_536, 14)] {
        let payload: Vec<u8> = (0..len).map(|at| at as u8).collect();
        let mut out = vec![0; len + WsHeader::MAX_LEN];
        let mut w = Writer::new(&mut out);
        write_frame(&mut w, Opcode::Binary, &payload, mask);
        let total = w.finish().unwrap();
        assert_eq!(total, head + len, "W28 {len}");
        assert_eq!(WsHeader::written_len(len as u64), head);
        assert_eq!((out[0], out[1] & 0x80, &out[head - 4..head]), (0x82, 0x80, &mask[..]));
        let mut unmasked = out[head..total].to_vec();
        slow_mask(&mut unmasked, mask, 0);
        assert_eq!(unmasked, payload);

        out[1] &= 0x7F;
        let wanted = WsHeader { fin: true, opcode: Opcode::Binary, len: len as u64 };
        assert_eq!(WsHeader::parse(&out), Ok(Some((wanted, head - 4))), "without the mask bit it reads back");
    }
    let mut w = Writer::counting();
    write_frame(&mut w, Opcode::Ping, b"hi", mask);
    assert_eq!(w.finish().unwrap_err().needed, 8);
}

#[test]
fn every_header_reads_back_as_it_was_written() {
    let lens = [0, 5, 125, 126, 127, 255, 256, 65_535, 65_536, u64::from(u32::MAX) + 1, u64::MAX >> 1];
    for opcode in OPCODES {
        assert_eq!(Opcode::from_code(opcode.code()), Some(opcode));
        for (len, fin) in lens.into_iter().flat_map(|len| [(len, true), (len, false)]) {
            if opcode.is_control() && (len > 125 || !fin) {
                continue;
            }
            let mut out = [0; WsHeader::MAX_LEN];
            let mut w = Writer::new(&mut out);
            WsHeader::write(&mut w, fin, opcode, len, [1, 2, 3, 4]);
            let written = w.finish().unwrap();
            assert_eq!(written, WsHeader::written_len(len));
            assert_eq!(out[written - 4..written], [1, 2, 3, 4]);
            assert_eq!(WsHeader::parse(&out[..written]), Err(WsError::Masked));
            out[1] &= 0x7F;
            assert_eq!(WsHeader::parse(&out), Ok(Some((WsHeader { fin, opcode, len }, written - 4))));
        }
    }
}

/// The first byte after which no continuation is UTF-8, found the slow way; the length if there is none.
fn first_wrong(bytes: &[u8]) -> usize {
    (1..=bytes.len())
        .find(|&end| core::str::from_utf8(&bytes[..end]).is_err_and(|error| error.error_len().is_some()))
        .map_or(bytes.len(), |end| end - 1)
}

fn utf8_in_pieces(bytes: &[u8], cuts: &[usize]) -> (usize, bool) {
    let mut text = Utf8::default();
    let mut at = 0;
    for &cut in cuts.iter().chain([&bytes.len()]) {
        if let Err(Utf8At(wrong)) = text.push(&bytes[at..cut]) {
            return (at + wrong, false);
        }
        at = cut;
    }
    (at, text.finish())
}

fn utf8_at_every_cut(bytes: &[u8]) {
    let wanted = (first_wrong(bytes), core::str::from_utf8(bytes).is_ok());
    for a in 0..=bytes.len() {
        for b in a..=bytes.len() {
            assert_eq!(utf8_in_pieces(bytes, &[a, b]), wanted, "W24 {bytes:02X?} cut at {a}, {b}");
        }
    }
    let each: Vec<usize> = (0..bytes.len()).collect();
    assert_eq!(utf8_in_pieces(bytes, &each), wanted, "{bytes:02X?} byte by byte");
}

#[test]
fn wrong_text_fails_at_its_first_wrong_byte() {
    let cases: [(&[u8], usize); 14] = [
        (b"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4\x90\x80\x80", 12),
        (b"a\x80", 1),
        (b"\xC0\x80", 0),
        (b"\xC1\xBF", 0),
        (b"\xE0\x9F\xBF", 1),
        (b"\xED\xA0\x80", 1),
        (b"\xED\xBF\xBF", 1),
        (b"\xF0\x8F\xBF\xBF", 1),
        (b"\xF4\x90\x80\x80", 1),
        (b"\xF5\x80\x80\x80", 0),
        (b"\xFF", 0),
        (b"ok\xC3(", 3),
        (b"\xE2\x82(", 2),
        (b"\xF0\x9F\x98(", 3),
    ];
    for (bytes, wrong) in cases {
        assert_eq!(first_wrong(bytes), wrong, "the slow reader agrees");
        utf8_at_every_cut(bytes);
    }
    for good in ["", "plain", "\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}", "κόσμε 😀"]
    {
        utf8_at_every_cut(good.as_bytes());
        for cut in 0..good.len() {
            let mut text = Utf8::default();
            assert_eq!(text.push(&good.as_bytes()[..cut]), Ok(()));
            assert_eq!(text.finish(), good.is_char_boundary(cut));
        }
    }
}

#[test]
fn every_pair_of_bytes_and_every_edge_of_longer_ones_is_judged_like_core() {
    for pair in 0..=u16::MAX {
        utf8_at_every_cut(&pair.to_be_bytes());
    }
    const EDGES: [u8; 10] = [0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF];
    for first in 0xE0..=0xFF {
        for second in EDGES {
            for third in EDGES {
                for fourth in EDGES {
                    utf8_at_every_cut(&[first, second, third, fourth]);
                }
            }
        }
    }
}

/// Bytes that are UTF-8 more often than not.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => any::<char>().prop_map(|char| char.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..3),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn random_text_is_judged_like_core_at_every_cut(bytes in prop_oneof![texts(), prop::collection::vec(any::<u8>(), 0..20)]) {
        utf8_at_every_cut(&bytes);
    }

    #[test]
    fn random_headers_never_panic_and_a_longer_look_never_changes_the_answer(bytes in prop::collection::vec(any::<u8>(), 0..16)) {
        let (at, told) = header(&bytes);
        prop_assert_eq!(told, WsHeader::parse(&bytes));
        if let Ok(Some((header, len))) = told {
            prop_assert_eq!(len, at);
            prop_assert!(header.len >> 63 == 0);
            let _ = Sequence::default().accept(&header);
        }
        let _ = parse_close(&bytes);
    }

    #[test]
    fn masking_in_random_pieces_is_masking_at_once(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200), key in any::<[u8; 4]>(), cut in 0_usize..200,
    ) {
        let original = bytes.clone();
        let mut slow = bytes.clone();
        slow_mask(&mut slow, key, 0);
        let cut = cut.min(bytes.len());
        let (a, b) = bytes.split_at_mut(cut);
        apply_mask(a, key, 0);
        apply_mask(b, key, cut);
        prop_assert_eq!(&bytes, &slow);
        apply_mask(&mut bytes, key, 0);
        prop_assert_eq!(bytes, original);
    }

    #[test]
    fn random_answers_open_only_with_the_right_value(lines in "[a-zA-Z:, \r\n-]{0,40}", good in any::<bool>()) {
        let lines = if good { format!("{GOOD}{lines}\r\n") } else { lines };
        let text = format!("{OK}\r\n{lines}\r\n\r\n");
        if let Ok(Ok(_)) = upgrade(text.as_bytes()) {
            prop_assert!(text.contains(ACCEPT));
        }
    }
}
