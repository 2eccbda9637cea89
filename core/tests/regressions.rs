//! What fuzzing found, as stories: each once failed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

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
