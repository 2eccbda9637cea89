//! The edge vectors beside four other decoders, and what an ack makes of each.
//!
//! `cargo test -p larkwire-core --test wire_frame -- --nocapture edge` prints the table.
#![allow(clippy::print_stdout, reason = "it prints figures")]

use std::collections::BTreeMap;

use larkwire_core::wire::frame::Frame;
use prost::Message as _;
use serde_json::Value;

use super::pb::Pb as PbFrame;
use super::random::varint;
use super::{echo, hex, text, vectors};

const DECODERS: [&str; 4] = ["upb", "python", "protobufjs", "prost"];

fn each() -> Vec<(String, Vec<u8>, Value)> {
    let vectors = vectors("protobuf-edge.json");
    let vectors = vectors["vectors"].as_array().unwrap();
    vectors
        .iter()
        .map(|vector| (vector["id"].as_str().unwrap().to_owned(), hex(vector["hex"].as_str().unwrap()), vector.clone()))
        .collect()
}

/// How our verdict stands to those of another decoder; who finds a required field missing has not accepted.
#[derive(Debug, Default, Eq, PartialEq)]
struct Beside {
    both_accept: u32,
    both_reject: u32,
    only_we: u32,
    only_they: u32,
}

#[test]
fn edge_vectors_are_judged_as_often_like_the_other_decoders_as_protocol_section_4_3_says() {
    let mut table: BTreeMap<&str, Beside> = BTreeMap::new();
    let (mut accepted, mut rejected, mut differing) = (0, 0, vec![]);
    for (id, bytes, vector) in each() {
        let ours = Frame::decode(&bytes).is_ok();
        *(if ours { &mut accepted } else { &mut rejected }) += 1;
        let verdicts = DECODERS.map(|decoder| vector["decoders"][decoder] == "accept");
        assert_eq!(vector["agree"], verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{id}");
        for (decoder, theirs) in DECODERS.into_iter().zip(verdicts) {
            let beside = table.entry(decoder).or_default();
            match (ours, theirs) {
                (true, true) => beside.both_accept += 1,
                (false, false) => beside.both_reject += 1,
                (true, false) => beside.only_we += 1,
                (false, true) => beside.only_they += 1,
            }
        }
        if verdicts.iter().any(|theirs| *theirs != ours) {
            differing.push(id);
        }
    }
    println!("{} edge vectors: {accepted} accepted, {rejected} rejected", accepted + rejected);
    println!("{:<12}{:>14}{:>14}{:>12}{:>12}", "beside", "both accept", "both reject", "only we", "only they");
    for (decoder, Beside { both_accept, both_reject, only_we, only_they }) in &table {
        println!("{decoder:<12}{both_accept:>14}{both_reject:>14}{only_we:>12}{only_they:>12}");
    }
    println!("{} differ from at least one of the four: {}", differing.len(), differing.join(" "));
    assert_eq!((accepted, rejected, differing.len()), (60, 55, 29));
    let row = |both_accept, both_reject, only_we, only_they| Beside { both_accept, both_reject, only_we, only_they };
    assert_eq!(table["upb"], row(47, 53, 13, 2));
    assert_eq!(table["python"], row(43, 50, 17, 5));
    assert_eq!(table["protobufjs"], row(47, 52, 13, 3));
    assert_eq!(table["prost"], row(49, 52, 11, 3));
}

#[test]
fn edge_verdicts_recorded_for_prost_are_those_it_gives_today() {
    for (id, bytes, vector) in each() {
        let today = if PbFrame::decode(&bytes[..]).is_ok() { "accept" } else { "reject" };
        assert_eq!(vector["decoders"]["prost"], today, "{id}");
    }
}

/// The message without its payload, field 8, wherever that stands.
fn without_payload(bytes: &[u8]) -> Vec<u8> {
    let (mut at, mut open, mut out) = (0, 0, vec![]);
    while at < bytes.len() {
        let (tag, next) = varint(bytes, at).unwrap();
        let end = match tag & 7 {
            0 => varint(bytes, next).unwrap().1,
            1 => next + 8,
            2 => varint(bytes, next).map(|(len, start)| start + len as usize).unwrap(),
            5 => next + 4,
            3 => (open += 1, next).1,
            _ => (open -= 1, next).1,
        };
        if open > 0 || tag != 8 << 3 | 2 {
            out.extend_from_slice(&bytes[at..end]);
        }
        at = end;
    }
    out
}

#[test]
fn edge_vectors_that_lack_nothing_come_back_in_the_ack_byte_for_byte() {
    let (mut whole, mut lacking) = (0, 0);
    for (id, bytes, vector) in each() {
        if vector["expect"] == "reject" {
            continue;
        }
        let frame = Frame::decode(&bytes).unwrap();
        let back = echo(&bytes);
        if frame.missing.count() == 0 {
            assert_eq!(back, without_payload(&bytes), "{id}");
            whole += 1;
            continue;
        }
        // What was absent is written out, so that nobody else finds it missing.
        let again = Frame::decode(&back).unwrap();
        assert_eq!((again.missing.count(), again.seq_id, again.log_id), (0, frame.seq_id, frame.log_id), "{id}");
        assert_eq!((again.service, again.method), (frame.service, frame.method), "{id}");
        let pairs = |frame: &Frame<'_>| frame.headers().map(|h| (h.key.to_vec(), h.value.to_vec())).collect::<Vec<_>>();
        assert_eq!(pairs(&again), pairs(&frame), "{id}");
        lacking += 1;
    }
    assert_eq!((whole, lacking), (47, 13));
}

/// The vector's frame, and as what it is read.
fn read<T>(id: &str, what: impl FnOnce(&Frame<'_>) -> T) -> T {
    let (_, bytes, _) = each().into_iter().find(|(name, ..)| name == id).unwrap();
    what(&Frame::decode(&bytes).unwrap())
}

#[test]
fn edge_vectors_that_only_lack_or_repeat_a_member_say_so() {
    let lacking = |frame: &Frame<'_>| (frame.missing.count(), frame.missing.header_members);
    assert_eq!(read("empty_message", lacking), (4, 0));
    assert_eq!(read("missing_required_1", lacking), (1, 0));
    assert_eq!(read("header_missing_value", lacking), (1, 1));
    assert_eq!(read("header_missing_key", lacking), (1, 1));
    assert_eq!(read("header_empty_submsg", lacking), (2, 2));
    assert_eq!(read("header_empty_strings", lacking), (0, 0));
    assert_eq!(read("packed_seqid", |frame| (frame.seq_id, frame.missing.seq_id)), (0, true));
    let first =
        |frame: &Frame<'_>| (frame.header("type").map(|value| text(value).to_owned()), frame.header_repeats("type"));
    assert_eq!(read("two_headers_same_key", first), (Some("event".to_owned()), 1));
    assert_eq!(read("1000_headers", first), (Some("event".to_owned()), 999));
    let kept = |frame: &Frame<'_>| frame.headers().next().map(|header| header.value.to_vec());
    assert_eq!(read("invalid_utf8_header_value", kept).unwrap(), [0xa0, 0xb0]);
    assert_eq!(read("surrogate_utf8_header", kept).unwrap(), [0xed, 0xa0, 0x80]);
    assert_eq!(read("overlong_utf8_header", kept).unwrap(), [0xc0, 0x80]);
    assert_eq!(read("nul_in_header_value", kept).unwrap(), b"a\0b");
    assert_eq!(
        read("invalid_utf8_payload_type", |frame| frame.payload_type.map(<[u8]>::to_vec)).unwrap(),
        [0xa0, 0xb0]
    );
    assert_eq!(read("payload_empty", |frame| frame.payload.map(<[u8]>::len)), Some(0));
    assert_eq!(read("min_required_only", |frame| frame.payload.map(<[u8]>::len)), None);
}
