//! What fuzzing and simulation found, as stories: each once failed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may panic"
)]

#[cfg(feature = "alloc")]
mod support;

use larkwire_core::wire::frame::Frame;
use larkwire_core::wire::writer::Writer;

/// Fields 1 to 4 and the header `type: event`.
const HEAD: &[u8] = b"\x08\x0b\x10\x16\x18\x01\x20\x01\x2a\x0d\x0a\x04type\x12\x05event";

/// Found by `pb_frame`: the bytes before the cut were forgotten with it, and the ack carried `biz_rt` and nothing else.
#[test]
fn a_message_cut_inside_a_long_tag_after_its_payload_is_acked_with_all_its_fields() {
    // Field 100 has a tag of two bytes; the second did not fit.
    let cut = [HEAD, b"\x42\x02{}", b"\xa2"].concat();
    let head = Frame::decode_head(&cut).unwrap().unwrap();
    assert_eq!(head.headers().count(), head.header_count());
    let mut ack = [0; 128];
    let mut w = Writer::new(&mut ack);
    head.write_ack(&mut w, 0, b"{}");
    let len = w.finish().unwrap();
    assert_eq!(&ack[..len], [HEAD, b"\x2a\x0b\x0a\x06biz_rt\x12\x010", b"\x42\x02{}"].concat());
}

/// Found by `pb_frame`: one header without its value made all others be written anew, with the shortest length.
#[test]
fn a_whole_header_beside_an_incomplete_one_is_echoed_byte_for_byte() {
    // The length 13 in two bytes.
    let whole = b"\x2a\x8d\x00\x0a\x04type\x12\x05event".as_slice();
    let message = [b"\x08\x01\x10\x02\x18\x03\x20\x01", whole, b"\x2a\x00"].concat();
    let mut ack = [0; 128];
    let mut w = Writer::new(&mut ack);
    Frame::decode(&message).unwrap().write_ack(&mut w, 0, b"{}");
    let len = w.finish().unwrap();
    assert!(ack[..len].windows(whole.len()).any(|window| window == whole));
}

/// Found by the simulation: what was given for a burst of acks stayed with an idle bot for the rest of its life.
#[cfg(feature = "alloc")]
#[test]
fn memory_for_a_burst_of_acks_is_given_back_when_the_burst_is_over() {
    let mut w = support::World::new().open();
    w.script.write = 0;
    for n in 0..1000 {
        let json = support::message_json(&format!("e{n}"), &format!("om_{n}"), "hi");
        w.event(&format!("m{n}"), &json);
    }
    w.script.write = usize::MAX;
    w.run();
    assert_eq!(w.acks.len(), 1000);
    // What the world itself keeps of it shall not be counted.
    w.sent.iter_mut().for_each(|(_, _, bytes)| *bytes = Vec::new());
    w.acks = Vec::new();
    let info = allocation_counter::measure(|| w.advance(240_000));
    assert!(info.bytes_current < -100_000, "{info:?}");
}

/// Found by the simulation: a lane kept the memory of the longest request it ever sent.
#[cfg(feature = "alloc")]
#[test]
fn memory_for_a_long_request_is_given_back_with_its_connection() {
    let mut w = support::World::new().open();
    w.script.calls.push_back(support::Reply::Hang);
    w.reply("om_1", &"x".repeat(140_000));
    let support::Reply::Raw(answer) = w.script.call.clone() else { panic!("the usual answer") };
    let info = allocation_counter::measure(|| {
        w.http_raw(0, &answer);
        w.advance(10_000);
    });
    assert!(w.completed[0].result.is_ok(), "{:?}", w.completed);
    // The lane's, and the place's in the outbox.
    assert!(info.bytes_current < -500_000, "{info:?}");
}
