#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;

use super::acks::{self, Said};
use super::event::{self, Shape, ShapeError, Template};
use super::flight::{Counts, Flight};
use super::histogram::Histogram;
use super::ring::Ring;
use super::subject::SpeedSubject;
use crate::platform::Frame;

mod client;
mod driven;
mod figures;

const SIZES: [usize; 6] = [400, 799, 800, 1440, 16 * 1024, 128 * 1024];

/// Frames of ws frames that a server wrote, by another decoder than ours.
fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let [0x82, length, rest @ ..] = bytes {
        let (length, rest) = match length {
            126 => (usize::from(u16::from_be_bytes(*rest.first_chunk().unwrap())), &rest[2..]),
            127 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk().unwrap())).unwrap(), &rest[8..]),
            length => (usize::from(*length), rest),
        };
        frames.push(prost::Message::decode(&rest[..length]).unwrap());
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty(), "something that is no ws frame: {bytes:?}");
    frames
}

#[test]
fn every_event_is_a_message_of_its_own_and_of_the_size_that_was_asked_for() {
    for size in SIZES {
        for parts in [1, 2, 3, 7, 22] {
            let template = Template::new(Shape { size, parts }).unwrap();
            let mut ids = HashSet::new();
            for number in [0, 1, 15, 16, 255, 4096, 1_000_000_007] {
                let mut bytes = template.bytes.clone();
                template.patch(&mut bytes, number);
                let frames = frames(&bytes);
                assert_eq!(frames.len(), parts);
                let payload: Vec<u8> = frames.iter().flat_map(|frame| frame.payload.clone().unwrap()).collect();
                assert_eq!(payload.len(), size);
                let json: Value = serde_json::from_slice(&payload).unwrap();
                let text = |pointer: &str| json.pointer(pointer).unwrap().as_str().unwrap().to_owned();
                assert_eq!(text("/header/event_type"), "im.message.receive_v1");
                let content: Value = serde_json::from_str(&text("/event/message/content")).unwrap();
                assert!(!content["text"].as_str().unwrap().is_empty());
                assert!(ids.insert(text("/header/event_id")) && ids.insert(text("/event/message/message_id")));
                for (part, frame) in frames.iter().enumerate() {
                    assert_eq!(frame.header("sum"), Some(parts.to_string().as_str()));
                    assert_eq!(frame.header("seq"), Some(part.to_string().as_str()));
                    assert_eq!(frame.header("message_id"), frames[0].header("message_id"));
                    assert_eq!(frame.seq_id, frames[0].seq_id + u64::try_from(part).unwrap());
                    assert!(!frame.payload.as_ref().unwrap().is_empty(), "part {part} of {parts}");
                    // Only the part that completes an event is acked.
                    let acked = template.number_of(frame.seq_id);
                    assert_eq!(acked, (part == parts - 1).then_some(number));
                }
                assert!(ids.insert(frames[0].header("message_id").unwrap().to_owned()));
                assert!(frames[0].header("message_id").unwrap().as_bytes().ends_with(&event::digits(number)));
            }
        }
    }
}

#[test]
fn an_impossible_shape_is_refused() {
    let Err(ShapeError::TooSmall(least)) = Template::new(Shape { size: 1, parts: 1 }) else { panic!("too small") };
    assert!(least <= 400, "{least}");
    assert!(Template::new(Shape { size: least, parts: 1 }).is_ok());
    assert!(Template::new(Shape { size: least - 1, parts: 1 }).is_err());
    for (size, parts) in [(1440, 0), (1440, 65), (400, 32)] {
        assert_eq!(Template::new(Shape { size, parts }).unwrap_err(), ShapeError::Parts);
    }
}

#[test]
fn a_ring_writes_events_in_their_order_however_little_is_taken() {
    let mut ring = Ring::new(Shape { size: 1440, parts: 3 }, 64).unwrap();
    let (mut written, mut next) = (Vec::new(), 0);
    for most in [1, 64, 1000, 7] {
        let filled = ring.fill(next, most);
        assert_eq!(filled, most.min(64));
        next += u64::try_from(filled).unwrap();
        while !ring.waiting().is_empty() {
            let bytes = ring.waiting();
            let n = bytes.len().min(1000);
            written.extend_from_slice(&bytes[..n]);
            ring.taken(n);
        }
    }
    let seq_ids: Vec<_> = frames(&written).iter().map(|frame| frame.seq_id).collect();
    assert!(seq_ids.is_sorted() && seq_ids.len() == 3 * usize::try_from(next).unwrap());
    assert_eq!(ring.number_of(seq_ids[seq_ids.len() - 1]), Some(next - 1));
}

#[test]
fn large_events_leave_one_by_one() {
    let ring = Ring::new(Shape { size: 128 * 1024, parts: 1 }, 64).unwrap();
    assert_eq!(ring.places(), 1);
    assert_eq!(Ring::new(Shape { size: 1440, parts: 1 }, 1).unwrap().places(), 1);
}

/// A masked ws frame.
fn masked(opcode: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut out = vec![0x80 | opcode];
    match payload.len() {
        short @ 0..=125 => out.push(0x80 | u8::try_from(short).unwrap()),
        long => {
            out.push(0x80 | 126);
            out.extend_from_slice(&u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

fn ack_of(number: u64, payload: &str) -> Vec<u8> {
    let template = Template::new(Shape { size: 1440, parts: 1 }).unwrap();
    let mut bytes = template.bytes.clone();
    template.patch(&mut bytes, number);
    let mut frame = frames(&bytes).remove(0);
    frame.headers.push(crate::platform::Header::new("biz_rt", "0"));
    frame.payload = Some(payload.as_bytes().to_vec());
    prost::Message::encode_to_vec(&frame)
}

#[test]
fn acks_of_every_style_are_matched() {
    for (payload, well) in [
        (r#"{"code":200}"#, true),
        (r#"{"code": 200}"#, true),
        (r#"{"code":200,"headers":null,"data":null}"#, true),
        (r#"{ "code" : 200 , "data": "bm8gNTAw"}"#, true),
        (r#"{"headers":{},"code":200}"#, true),
        (r#"{"code":500}"#, false),
        (r#"{"code":2000}"#, false),
        (r#"{"code":20}"#, false),
        (r#"{"data":"200"}"#, false),
        ("", false),
    ] {
        for mask in [[0, 0, 0, 0], [0x37, 0xfa, 0x21, 0x3d]] {
            let whole = masked(2, &ack_of(77, payload), mask);
            for cut in 0..whole.len() {
                assert_eq!(acks::next(&mut whole[..cut].to_vec()), Ok(None), "cut at {cut}");
            }
            let mut more = [whole.as_slice(), b"\x82"].concat();
            let Ok(Some((Said::Ack { seq_id, message_id, well: said }, length))) = acks::next(&mut more) else {
                panic!("{payload} is no ack");
            };
            assert_eq!((said, length, message_id), (well, whole.len(), event::digits(77)), "{payload}");
            let template = Template::new(Shape { size: 1440, parts: 1 }).unwrap();
            assert_eq!(template.number_of(seq_id), Some(77));
        }
    }
}

#[test]
fn what_is_no_ack_is_told_apart() {
    const PING: &[u8] = b"\x08\x00\x10\x00\x18\x01\x20\x00\x2a\x0c\x0a\x04type\x12\x04ping";
    let said =
        |opcode, payload: &[u8]| acks::next(&mut masked(opcode, payload, [1, 2, 3, 4])).map(|said| said.unwrap().0);
    assert_eq!(said(2, PING), Ok(Said::Ping));
    assert_eq!(said(9, b"hello"), Ok(Said::WsPing(6..11)));
    assert_eq!(said(8, &[3, 232]), Ok(Said::Close));
    assert_eq!(said(10, b""), Ok(Said::Other));
    assert_eq!(said(1, b"text"), Ok(Said::Other));
    for (what, bytes) in [
        ("no mask", vec![0x82, 1, 8]),
        ("a continuation", masked(0, PING, [0; 4])),
        ("a compressed message", vec![0xc2, 0x80, 0, 0, 0, 0]),
        ("a first part", vec![0x02, 0x80, 0, 0, 0, 0]),
        ("cut short", masked(2, &PING[..PING.len() - 1], [0; 4])),
        ("an ack without ids", masked(2, b"\x20\x01", [0; 4])),
        ("no frame", masked(2, b"\x0f", [0; 4])),
        ("an endless number", masked(2, &[0xff; 12], [0; 4])),
    ] {
        assert!(acks::next(&mut bytes.clone()).is_err(), "{what}");
    }
}

#[test]
fn a_pong_is_what_the_protocol_says() {
    let pong = frames(&event::pong()).remove(0);
    assert_eq!(pong, Frame::pong(33_554_678, None));
}

#[test]
fn each_event_is_acked_once() {
    let mut flight = Flight::new(4);
    flight.send(3, 100);
    assert_eq!(flight.ack(1, true), Some(100));
    assert_eq!(flight.ack(1, true), None, "again");
    assert_eq!(flight.ack(3, true), None, "not sent yet");
    assert_eq!(flight.ack(u64::MAX, true), None);
    assert_eq!(flight.ack(0, false), None, "refused");
    flight.stray();
    assert_eq!((flight.open(), flight.next()), (1, 3));
    assert_eq!(flight.counts, Counts { acked: 1, refused: 1, strange: 4, lost: 0 });
    // Event 2 is never acked; its place is needed at last.
    for number in 3..3 + 4096 {
        flight.send(1, number);
        assert_eq!(flight.ack(number, true), Some(number));
    }
    assert_eq!((flight.open(), flight.counts.lost), (0, 1));
    assert_eq!(flight.ack(2, true), None);
}

#[test]
fn a_histogram_tells_quantiles_to_two_per_cent() {
    let mut histogram = Histogram::new();
    assert_eq!((histogram.quantile(500), histogram.most()), (0, 0));
    let values: Vec<u64> = (1..=100_000).map(|n| n * n).collect();
    for value in values.iter().rev() {
        histogram.add(*value);
    }
    for per_mille in [1, 10, 500, 990, 999, 1000] {
        let exact = values[values.len() * usize::try_from(per_mille).unwrap() / 1000 - 1];
        let told = histogram.quantile(per_mille);
        assert!(told.abs_diff(exact) * 50 <= exact, "{per_mille}: {told} is not near {exact}");
    }
    assert_eq!(histogram.most(), 10_000_000_000);
    let mut edges = Histogram::new();
    for value in [0, 1, 63, 64, u64::MAX] {
        edges.add(value);
    }
    assert_eq!(
        [200, 400, 600, 800, 1000].map(|rank| edges.quantile(rank)).map(|value| value.min(1 << 62)),
        [0, 1, 63, 64, 1 << 62]
    );
}

#[test]
fn every_description_can_be_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let names: Vec<_> = SpeedSubject::all(&root).unwrap().into_iter().map(|subject| subject.name).collect();
    let ours = ["larkwire", "larkwire-content", "larkwire-events"];
    let others = ["bare-event", "bare-read", "feishu-sdk", "node-sdk", "python-sdk"];
    assert_eq!(names, [&ours[..], &others[..]].concat());
}
