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

use larkwire_core::fault::DropReason;
use larkwire_core::link::{Answer, FinishedId, PartSet, Reaction, Session, SessionRules, SessionStorage};
use larkwire_core::outgoing::split_markdown;
use larkwire_core::wire::frame::{Frame, NewFrame};
use larkwire_core::wire::json::Str;
use larkwire_core::wire::url::Url;
use larkwire_core::wire::writer::Writer;
use larkwire_core::{GateRules, Instant, Notice, Region, Report, Seed, SeenEntry, Slots};

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

/// Found by `parts`: the first part of a message that no memory could hold pushed another one out, whose rest then came to
/// nothing.
#[test]
fn a_message_too_big_for_all_storage_costs_no_other_its_place() {
    let (mut blocks, mut assembled, mut allowed) = ([0; 512], [0; 400], [0; 8]);
    let (mut sets, mut finished) = ([PartSet::EMPTY; 1], [FinishedId::EMPTY; 2]);
    let (mut seen, mut notices) = ([SeenEntry::EMPTY; 4], [Notice::Connected; 2]);
    let storage = SessionStorage {
        parts: Region::fixed(&mut blocks),
        assembled: Region::fixed(&mut assembled),
        part_sets: Slots::fixed(&mut sets),
        finished: Slots::fixed(&mut finished),
        seen: Slots::fixed(&mut seen),
        allowed: Region::fixed(&mut allowed),
        callbacks: Slots::fixed(&mut []),
    };
    let gate = GateRules { allowed_users: &["*"], ..GateRules::default() };
    let rules = SessionRules { app_id: "cli_0", dedup_window_ms: 1000, gate, pong_timeout_ms: 0 };
    let mut session = Session::new(rules, storage, &Seed([1; 32]));
    let mut report = Report::new(Slots::fixed(&mut notices));
    let mut part = |ms, id, seq, payload: &[u8]| {
        let headers = [("type", "event"), ("message_id", id), ("sum", "2"), ("seq", seq)];
        let frame = NewFrame { method: 1, headers: &headers, payload: Some(payload), ..NewFrame::default() };
        let mut bytes = vec![0; frame.len()];
        frame.write(&mut Writer::new(&mut bytes));
        session.handle_message(Instant::from_millis(ms), &bytes, &mut report)
    };
    let (left, right) = br#"{"schema":"2.0","header":{"event_id":"e","event_type":"x"}}"#.split_at(20);
    assert_eq!(part(1, "small", "0", left), Reaction::Nothing);
    assert_eq!(part(2, "huge", "0", &[b'x'; 600]), Reaction::Ack(Answer::Received), "too big for the blocks");
    assert_eq!(part(3, "large", "0", &[b'x'; 401]), Reaction::Ack(Answer::Received), "too big for one message");
    assert_eq!(part(4, "small", "1", right), Reaction::Offer);
    let dropped = [DropReason::TooBig, DropReason::Incomplete].map(|reason| report.stats.dropped(reason));
    assert_eq!(dropped, [2, 0]);
}

/// Found by `redaction`: `Str` and `Url` hide what they hold, and what they gave out did not.
#[test]
fn what_iterates_over_a_hidden_text_hides_it_too() {
    let url = Url::parse("wss://h/ws?ticket=secret").unwrap();
    assert_eq!(format!("{:?}", url.query_value("ticket").unwrap()), "Decoded(6 bytes)");
    assert_eq!(format!("{:?}", Str::from_raw("secret", true).chars()), "Unescaped(6 bytes)");
    let mut pieces = split_markdown("secret", 3);
    assert_eq!(format!("{pieces:?}"), "Chunks(6 bytes)");
    assert_eq!(format!("{:?}", pieces.next().unwrap()), "Chunk(3 bytes)");
}
