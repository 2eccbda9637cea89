//! Random frames: against the ack rule made from pieces, and against prost.

use larkwire_core::wire::frame::{Frame, MAX_GROUP_DEPTH, NewFrame};
use proptest::prelude::*;
use prost::Message;

use super::pb::{Pb as PbFrame, PbHeader};
use super::{ack, hex, new_frame, text, vectors};

fn as_prost(frame: &Frame<'_>) -> PbFrame {
    let string = |bytes: &[u8]| text(bytes).to_owned();
    PbFrame {
        seq_id: frame.seq_id,
        log_id: frame.log_id,
        service: frame.service,
        method: frame.method,
        headers: frame.headers().map(|h| PbHeader { key: string(h.key), value: string(h.value) }).collect(),
        payload_encoding: frame.payload_encoding.map(string),
        payload_type: frame.payload_type.map(string),
        payload: frame.payload.map(<[u8]>::to_vec),
        log_id_new: frame.log_id_new.map(string),
    }
}

/// The test's own varint: its value, cut to 64 bits, and where it ends.
pub(crate) fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u128;
    for i in 0..10 {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u128::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Some((value as u64, at));
        }
    }
    None
}

pub(crate) fn nested_groups(depth: usize) -> Vec<u8> {
    [[0xc3, 0x3e].repeat(depth), [0xc4, 0x3e].repeat(depth)].concat()
}

pub(crate) fn header_field(inner: &[u8]) -> Vec<u8> {
    [&[0x2a, inner.len() as u8], inner].concat()
}

#[derive(Clone, Copy, PartialEq)]
enum Schema {
    Frame,
    Header,
    Unknown,
}

/// Whether prost may differ from section 4.3 on these bytes: a known field of another wire type, text that is not
/// UTF-8, bits beyond 64 in a tenth byte, a tag of more than 5 bytes, groups deeper than 16.
fn may_differ(bytes: &[u8], schema: Schema) -> bool {
    let (mut at, mut open) = (0, 0);
    while at < bytes.len() {
        let Some((tag, next)) = varint(bytes, at) else { return false };
        let (number, wire) = (tag >> 3, tag & 7);
        let strings = if schema == Schema::Header { 1..=2 } else { 6..=9 };
        let known = if schema == Schema::Header { 2 } else { 9 };
        if next - at > 5 {
            return true;
        }
        let in_message = open == 0 && schema != Schema::Unknown;
        let right = if schema == Schema::Frame && number <= 4 { 0 } else { 2 };
        if in_message && (1..=known).contains(&number) && wire != right {
            return true;
        }
        at = match wire {
            0 => match varint(bytes, next) {
                Some((_, end)) if end - next == 10 && bytes[end - 1] > 1 => return true,
                Some((_, end)) => end,
                None => return false,
            },
            1 => next + 8,
            2 => match varint(bytes, next) {
                Some((_, start)) if start - next == 10 && bytes[start - 1] > 1 => return true,
                Some((len, start)) if len <= (bytes.len() - start) as u64 => {
                    let (end, content) = (start + len as usize, &bytes[start..start + len as usize]);
                    let is_text = in_message && strings.contains(&number) && (schema == Schema::Header || number != 8);
                    if is_text && std::str::from_utf8(content).is_err() {
                        return true;
                    }
                    if in_message && schema == Schema::Frame && number == 5 && may_differ(content, Schema::Header) {
                        return true;
                    }
                    end
                }
                _ => return false,
            },
            3 if open == MAX_GROUP_DEPTH => return true,
            3 => (open += 1, next).1,
            4 if open == 0 => return false,
            4 => (open -= 1, next).1,
            5 => next + 4,
            _ => return false,
        };
    }
    false
}

/// One field of a random frame: its number, its bytes, what the ack must bring back of it, and whether it is one of
/// fields 1 to 4 in its right type.
#[derive(Clone, Debug)]
struct Piece {
    number: u32,
    bytes: Vec<u8>,
    echo: Vec<u8>,
    scalar: bool,
}

fn put_varint(out: &mut Vec<u8>, mut value: u64, overlong: usize) {
    let start = out.len();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    for _ in 0..overlong.min(10 - (out.len() - start)) {
        *out.last_mut().unwrap() |= 0x80;
        out.push(0);
    }
}

fn field(number: u32, wire: u32, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![];
    put_varint(&mut out, u64::from(number << 3 | wire), 0);
    write(&mut out);
    out
}

fn delimited(number: u32, content: &[u8]) -> Vec<u8> {
    field(number, 2, |out| {
        put_varint(out, content.len() as u64, 0);
        out.extend(content);
    })
}

fn unknown(lowest: u32) -> impl Strategy<Value = (u32, Vec<u8>)> {
    let number = prop_oneof![lowest..40, Just((1 << 29) - 1)];
    (number, 0..5_u32, any::<u64>(), 1..=MAX_GROUP_DEPTH).prop_map(|(number, wire, value, depth)| {
        let bytes = match wire {
            0 => field(number, 0, |out| put_varint(out, value, 0)),
            1 => field(number, 1, |out| out.extend(value.to_le_bytes())),
            2 => delimited(number, &value.to_le_bytes()[..depth % 9]),
            3 => {
                let inner = nested_groups(depth - 1);
                [field(number, 3, |out| out.extend(inner)), field(number, 4, |_| ())].concat()
            }
            _ => field(number, 5, |out| out.extend((value as u32).to_le_bytes())),
        };
        (number, bytes)
    })
}

fn piece() -> impl Strategy<Value = Piece> {
    let same = |number, bytes: Vec<u8>| Piece { number, echo: bytes.clone(), bytes, scalar: false };
    let scalar = (1..=4_u32, any::<u64>(), 0..64_u32, 0..3_usize).prop_map(move |(number, value, shift, overlong)| {
        Piece { scalar: true, ..same(number, field(number, 0, |out| put_varint(out, value >> shift, overlong))) }
    });
    let member = proptest::option::weighted(0.9, "[a-z名]{0,9}");
    let header =
        (member.clone(), member, proptest::option::weighted(0.1, unknown(3))).prop_map(|(key, value, extra)| {
            let part = |number, text: &Option<String>| text.as_ref().map(|text| delimited(number, text.as_bytes()));
            let extra = extra.map(|(_, bytes)| bytes).unwrap_or_default();
            let (key, value) = (part(1, &key), part(2, &value));
            let inner = [key.clone().unwrap_or_default(), value.clone().unwrap_or_default(), extra.clone()].concat();
            let echo = match value {
                Some(value) => [key.unwrap_or(vec![10, 0]), value, extra].concat(),
                None => [key.unwrap_or(vec![10, 0]), extra, vec![18, 0]].concat(),
            };
            Piece { number: 5, bytes: delimited(5, &inner), echo: delimited(5, &echo), scalar: false }
        });
    let string = (prop_oneof![Just(6_u32), Just(7), Just(9)], ".{0,12}")
        .prop_map(move |(number, text)| same(number, delimited(number, text.as_bytes())));
    let payload = proptest::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| Piece {
        number: 8,
        bytes: delimited(8, &bytes),
        echo: vec![],
        scalar: false,
    });
    let other = unknown(10).prop_map(move |(number, bytes)| same(number, bytes));
    prop_oneof![4 => scalar, 4 => header, 1 => string, 1 => payload, 1 => other]
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    (proptest::collection::vec(piece(), 0..14), any::<bool>()).prop_map(|(mut pieces, sorted)| {
        if sorted {
            pieces.sort_by_key(|piece| piece.number);
        }
        pieces
    })
}

fn joined(pieces: &[Piece]) -> Vec<u8> {
    pieces.iter().flat_map(|piece| piece.bytes.clone()).collect()
}

/// The ack as section 4.2 says it, made from the pieces instead of the bytes.
fn model_ack(pieces: &[Piece], biz_rt: &str, payload: &[u8]) -> Vec<u8> {
    let absent = (1..=4).filter(|n| !pieces.iter().any(|piece| piece.scalar && piece.number == *n));
    let mut added: Vec<(u32, Vec<u8>)> = absent.map(|n| (n, vec![(n << 3) as u8, 0])).collect();
    added.push((5, header_field(&[delimited(1, b"biz_rt"), delimited(2, biz_rt.as_bytes())].concat())));
    added.push((8, delimited(8, payload)));
    let ascending = pieces.is_sorted_by_key(|piece| piece.number);
    let mut all: Vec<(u32, Vec<u8>)> = pieces.iter().map(|piece| (piece.number, piece.echo.clone())).collect();
    all.extend(added);
    if ascending {
        all.sort_by_key(|field| field.0);
    }
    all.into_iter().flat_map(|field| field.1).collect()
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0..3);
    (pieces(), proptest::collection::vec(edit, 0..4)).prop_map(|(pieces, edits)| {
        let mut bytes = joined(&pieces);
        for (index, byte, what) in edits {
            let at = index.index(bytes.len() + 1);
            match what {
                0 if at < bytes.len() => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        bytes
    })
}

fn agrees_with_prost(bytes: &[u8]) -> bool {
    if may_differ(bytes, Schema::Frame) {
        return false;
    }
    let (ours, theirs) = (Frame::decode(bytes), PbFrame::decode(bytes));
    assert_eq!(ours.is_ok(), theirs.is_ok(), "{bytes:02x?}: {ours:?}, {theirs:?}");
    if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
        assert_eq!(as_prost(&ours), theirs);
    }
    true
}

/// Edge vectors on which prost and section 4.3 give different verdicts, by rule.
const PROST_DIFFERS: [&str; 5] = [
    "varint_10th_byte_02_overflow varint_10th_byte_7f",
    "tag_overlong_9B",
    "group_depth_50 group_depth_99",
    "known_wrong_wt_seqid_len known_wrong_wt_method_fixed32 known_wrong_wt_payload_varint \
     known_wrong_wt_headers_varint packed_seqid",
    "invalid_utf8_header_value invalid_utf8_payload_type surrogate_utf8_header overlong_utf8_header",
];

#[test]
fn prost_differs_on_the_listed_edge_vectors_and_on_no_other() {
    let mut differing = vec![];
    for vector in vectors("protobuf-edge.json")["vectors"].as_array().unwrap() {
        let bytes = hex(vector["hex"].as_str().unwrap());
        let accepts = PbFrame::decode(&bytes[..]).is_ok();
        assert_eq!(accepts, vector["decoders"]["prost"] == "accept", "{}", vector["id"]);
        if !agrees_with_prost(&bytes) && Frame::decode(&bytes).is_ok() != accepts {
            differing.push(vector["id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(differing.join(" "), PROST_DIFFERS.join(" "));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 1000 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let frames = [Frame::decode(&bytes).ok(), Frame::decode_head(&bytes).ok().flatten()];
        for frame in frames.into_iter().flatten() {
            prop_assert_eq!(frame.headers().count(), frame.header_count());
            let acked = ack(&frame, 1, b"{}");
            prop_assert_eq!(Frame::decode(&acked).unwrap().missing.count(), 0);
        }
        agrees_with_prost(&bytes);
    }

    #[test]
    fn an_ack_is_what_the_rule_says_and_prost_reads_all_of_it(pieces in pieces(), biz_rt in any::<u64>()) {
        let bytes = joined(&pieces);
        let frame = Frame::decode(&bytes).unwrap();
        prop_assert_eq!(frame.is_ascending(), pieces.is_sorted_by_key(|piece| piece.number));
        let acked = ack(&frame, biz_rt, b"{\"code\":200}");
        prop_assert_eq!(&acked, &model_ack(&pieces, &biz_rt.to_string(), b"{\"code\":200}"));
        let mut expected = as_prost(&frame);
        expected.headers.push(PbHeader { key: "biz_rt".into(), value: biz_rt.to_string() });
        expected.payload = Some(b"{\"code\":200}".to_vec());
        prop_assert_eq!(PbFrame::decode(&acked[..]).unwrap(), expected);
        let again = Frame::decode(&acked).unwrap();
        prop_assert_eq!(again.missing.count(), 0);
        prop_assert!(again.is_ascending() || !frame.is_ascending());
    }

    #[test]
    fn prost_takes_and_refuses_the_same_damaged_frames(bytes in mutated()) {
        agrees_with_prost(&bytes);
    }

    #[test]
    fn a_new_frame_is_what_prost_writes(
        numbers in any::<(u64, u64, i32, i32)>(),
        headers in proptest::collection::vec((".{0,9}", ".{0,200}"), 0..4),
        texts in any::<[Option<bool>; 4]>(),
    ) {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let [payload_encoding, payload_type, payload, log_id_new] =
            texts.map(|text| text.map(|full| if full { &b"full"[..] } else { b"" }));
        let (seq_id, log_id, service, method) = numbers;
        let frame = NewFrame {
            seq_id, log_id, service, method, headers: &headers, payload_encoding, payload_type, payload, log_id_new,
        };
        let bytes = new_frame(&frame);
        prop_assert_eq!(&as_prost(&Frame::decode(&bytes).unwrap()).encode_to_vec(), &bytes);
    }
}
