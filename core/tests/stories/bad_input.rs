//! A hostile peer: nothing panics, memory stays what it was, and the bot goes on.

use larkwire_core::fault::{DropReason, LinkFault};
use larkwire_core::wire::websocket::WsError;
use larkwire_core::{Lane, State};

use crate::support::*;

#[test]
fn a_broken_ws_protocol_is_answered_with_the_right_close_code_however_it_is_cut() {
    for (bytes, error, code) in [
        (&b"\x82\x81\x01\x02\x03\x04\x05"[..], WsError::Masked, 1002),
        (b"\x82\x7e\x00\x05hello", WsError::LengthNotMinimal, 1002),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", WsError::LengthNotMinimal, 1002),
        (b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x01", WsError::LengthTopBit, 1002),
        (b"\x80\x01x", WsError::ContinuationUnexpected, 1002),
        (b"\x02\x01x\x82\x01y", WsError::ContinuationExpected, 1002),
        (b"\xc2\x00", WsError::Reserved, 1002),
        (b"\x92\x00", WsError::Reserved, 1002),
        (b"\x83\x00", WsError::Opcode, 1002),
        (b"\x8b\x00", WsError::Opcode, 1002),
        (b"\x09\x00", WsError::ControlFragmented, 1002),
        (b"\x89\x7e\x00\x7e", WsError::ControlTooLong, 1002),
        (b"\x88\x01x", WsError::ClosePayload, 1002),
        (b"\x88\x02\x03\xed", WsError::CloseCode, 1002),
        (b"\x88\x02\x03\xe7", WsError::CloseCode, 1002),
        (b"\x88\x03\x03\xe8\xff", WsError::Utf8, 1007),
        (b"\x81\x02\xc3\x28", WsError::Utf8, 1007),
        (b"\x81\x01\xc3", WsError::Utf8, 1007),
        (b"\x01\x01\xed\x80\x01\xa0", WsError::Utf8, 1007),
    ] {
        for chop in CHOPS {
            let mut w = World::new().open();
            w.chop = chop;
            w.raw(&[bytes, b"and more of it, and more"].concat());
            assert_eq!(w.faults(), [LinkFault::WebSocket(error)], "{bytes:?} by {chop}");
            assert_eq!(w.codes(), [code], "{bytes:?} by {chop}");
            w.until_open(31_000);
        }
    }
}

#[test]
fn every_first_pair_of_bytes_is_survived() {
    for first in 0..=255_u8 {
        let mut w = World::small();
        w.script.pong = Pong::None;
        for second in (0..=255_u8).step_by(if first < 0x90 { 7 } else { 51 }) {
            w.start();
            w.until_open(700_000);
            w.raw(&[first, second, 3, 0xe8, 0, 0, 0, 0, 0, 1]);
            assert!(w.bot.ended().is_none());
            w.cut(Lane::Socket, larkwire_core::Closed::Reset);
        }
    }
}

#[test]
fn a_length_that_nobody_means_ends_the_connection_and_reserves_nothing() {
    for len in [(64 << 20) + 1, (1 << 32) + 5, 1_u64 << 62, (1 << 63) - 1] {
        let mut w = World::small().open();
        let mut bytes = vec![0x82, 127];
        bytes.extend(len.to_be_bytes());
        bytes.extend(b"{}");
        w.raw(&bytes);
        assert_eq!(w.codes(), [1009], "{len}");
        w.until_open(60_000);
        w.event("m1", &message_json("e1", "om_1", "x"));
        assert_eq!(w.ids(), ["e1"]);
    }
}

#[test]
fn a_length_of_megabytes_reserves_nothing_and_is_counted_off() {
    let mut w = World::small().open();
    let frame = event_frame("m1", &message_json("e1", "om_1", "x"));
    let mut bytes = vec![0x82, 127];
    bytes.extend((64_u64 << 20).to_be_bytes());
    bytes.extend(&frame);
    w.raw(&bytes);
    w.raw(&[b'x'; 50_000]);
    assert_eq!((w.bot.state(), w.delivered.len(), w.acks.len()), (State::Open, 0, 0));
    assert!(w.bot.poll_receive(Lane::Socket) > 0);
}

#[test]
fn a_split_of_two_billion_parts_is_one_remark() {
    for mut w in [World::new(), World::small()] {
        w = w.open();
        w.part("m1", "2000000000", "0", b"{}");
        assert_eq!((w.dropped(DropReason::TooBig), w.acks.len(), w.bot.state()), (1, 1, State::Open));
    }
}

#[test]
fn five_messages_that_are_no_frames_in_a_row_end_the_connection_and_four_do_not() {
    let mut w = World::new().open();
    for round in 1..4 {
        for _ in 0..4 {
            w.frame(b"\xff\xff\xff");
        }
        w.frame(&pong_frame(None));
        assert_eq!((w.bot.stats().undecodable, w.faults()), (4 * round, vec![]));
    }
    for _ in 0..5 {
        w.frame(b"{\"json\":1}");
    }
    assert_eq!(w.faults(), [LinkFault::Undecodable]);
    assert!(w.closes.is_empty());
    w.until_open(31_000);
    for _ in 0..4 {
        w.frame(b"\xff");
    }
    assert_eq!(w.faults().len(), 1, "the count starts again with the connection");
}

#[test]
fn a_message_in_many_ws_frames_with_pings_between_is_one_message() {
    for chop in CHOPS {
        let mut w = World::small();
        w.chop = chop;
        let mut w = w.open();
        let frame = event_frame("m1", &message_json("e1", "om_1", "x"));
        let mut bytes = ws_raw(0x02, b"");
        for (n, piece) in frame.chunks(10).enumerate() {
            bytes.extend(ws_raw(0x00, piece));
            bytes.extend(ws(9, &[n as u8]));
            bytes.extend(ws_raw(0x00, b""));
        }
        bytes.extend(ws_raw(0x80, b""));
        w.raw(&bytes);
        assert_eq!((w.ids(), w.acks.len()), (vec!["e1"], 1));
        let pongs: Vec<_> = w.ws_pongs.iter().map(|(_, payload)| payload[0] as usize).collect();
        assert_eq!(pongs, (0..frame.len().div_ceil(10)).collect::<Vec<_>>(), "in order");
    }
}

#[test]
fn small_fragments_that_are_too_long_together_are_too_big() {
    let mut w = World::small().open();
    let frame = event_frame("m1", &message_json("e1", "om_1", &"x".repeat(4000)));
    let mut bytes = ws_raw(0x02, b"");
    for piece in frame.chunks(100) {
        bytes.extend(ws_raw(0x00, piece));
    }
    bytes.extend(ws_raw(0x80, b""));
    w.raw(&bytes);
    assert_eq!((w.dropped(DropReason::TooBig), w.acks.len(), w.faults()), (1, 1, vec![]));
    w.event("m2", &message_json("e2", "om_2", "x"));
    assert_eq!(w.ids(), ["e2"]);
}

#[test]
fn endless_empty_fragments_cost_nothing_and_block_nothing() {
    let mut w = World::small().open();
    w.raw(&ws_raw(0x02, b""));
    let many: Vec<u8> = (0..100_000).flat_map(|_| [0x00, 0x00]).collect();
    w.raw(&many);
    w.raw(&ws(9, b"still there?"));
    assert_eq!((w.ws_pongs.len(), w.bot.state()), (1, State::Open));
}

#[test]
fn a_flood_of_pings_with_a_stuck_writer_owes_only_the_newest_pong() {
    let mut w = World::small().open();
    w.script.write = 0;
    for n in 0..10_000_u32 {
        w.raw(&ws(9, &n.to_be_bytes()));
    }
    assert!(w.bot.poll_transmit(Lane::Socket).len() <= 1024);
    w.script.write = usize::MAX;
    w.run();
    assert_eq!(w.ws_pongs.last().unwrap().1, 9_999_u32.to_be_bytes());
    assert!(w.ws_pongs.len() < 110);
}

#[test]
fn more_bytes_than_were_asked_for_end_the_attempt_as_a_fault() {
    let mut w = World::small().open();
    let attempt = w.attempt(Lane::Socket).unwrap();
    w.fact(|bot, now| bot.handle_received(now, Lane::Socket, attempt, &[0x82; 5000]));
    assert_eq!(w.faults(), [], "notices are taken by the loop");
    w.run();
    assert_eq!(w.faults(), [LinkFault::Overrun]);
    w.until_open(31_000);
}

#[test]
fn an_answer_that_does_not_fit_or_breaks_http_is_a_retry() {
    use larkwire_core::wire::http::HttpError;
    for (reply, fault) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n".to_owned() + &" ".repeat(5000), LinkFault::DiscoveryAnswer),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n{} ".to_owned(),
            LinkFault::DiscoveryHttp(HttpError::ContentLength),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            LinkFault::DiscoveryHttp(HttpError::LengthConflict),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n".to_owned(),
            LinkFault::DiscoveryHttp(HttpError::Chunk),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx".to_owned(),
            LinkFault::DiscoveryHttp(HttpError::ContentEncoding),
        ),
        ("HTTP/1.1 101 X\r\n\r\n".to_owned(), LinkFault::DiscoveryHttp(HttpError::SwitchingProtocols)),
        ("HTTP/1.1 200 OK\r\nX: ".to_owned() + &"y".repeat(9000), LinkFault::DiscoveryHttp(HttpError::HeadTooLong)),
        ("\0".to_owned(), LinkFault::DiscoveryHttp(HttpError::Control)),
    ] {
        for chop in [1, 7, usize::MAX] {
            let mut w = World::small();
            w.chop = chop;
            w.script.discoveries.push_back(Reply::Raw(reply.clone().into_bytes()));
            w.start();
            assert_eq!(w.faults(), [fault], "{reply:.60}");
            w.until_open(31_000);
        }
    }
}

#[test]
fn a_hundred_kilobytes_of_brackets_are_malformed_in_linear_time() {
    let mut w = World::new().open();
    for open in ["[", "{\"a\":", "{\"header\":"] {
        w.part("m1", "1", "0", open.repeat(100_000).as_bytes());
    }
    assert_eq!((w.dropped(DropReason::Malformed), w.acks.len()), (3, 3));
}
