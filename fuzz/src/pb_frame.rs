//! `wire::frame` against prost, and against a slow reader that knows where prost and protocol section 4.3 differ.

use larkwire_core::wire::frame::{Frame, MAX_GROUP_DEPTH, NewFrame};
use larkwire_core::wire::writer::{TooSmall, Writer};
use prost::Message as _;

use crate::pb;

/// Decodes, compares, echoes, and cuts.
pub fn run(data: &[u8]) {
    let mut notes = Notes::default();
    let (slow, stop) = walk(data, Schema::Frame, &mut notes);
    let good = stop == data.len();
    let theirs = pb::Frame::decode(data);
    if notes.depth < 90 {
        let due = good && !notes.wrong_type && !notes.tenth_byte;
        assert_eq!(theirs.is_ok(), due, "the slow reader and prost disagree: {theirs:?}");
    }

    let ours = Frame::decode(data);
    let due = good && !notes.long_tag && notes.depth <= MAX_GROUP_DEPTH;
    assert_eq!(ours.is_ok(), due, "{ours:?}");
    cuts(data, ours.is_ok());
    let frame = match ours {
        Ok(frame) => frame,
        Err(error) => return assert!(error.at <= data.len()),
    };

    let plain = Plain::of(&slow);
    values(&frame, &plain, data);
    if let Ok(theirs) = theirs {
        assert_eq!(theirs, plain.to_prost());
        written(&theirs);
    }
    assert_eq!(frame.is_ascending(), slow.is_sorted_by_key(|field| field.number));
    echo(&frame, &slow, frame.is_ascending());
}

// ---- the slow reader ----

/// Where prost and section 4.3 part.
#[derive(Default)]
struct Notes {
    /// Levels of groups.
    depth: usize,
    /// A tag of more than 5 bytes: prost takes it.
    long_tag: bool,
    /// Bits beyond 64 in a tenth byte: prost refuses them.
    tenth_byte: bool,
    /// A known field of another wire type: prost refuses it.
    wrong_type: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Schema {
    Frame,
    Header,
}

/// One field, tag included, as it lies in the message.
struct Raw<'a> {
    number: u64,
    wire: u64,
    all: &'a [u8],
    content: &'a [u8],
    varint: u64,
    /// The fields of a header.
    inner: Vec<Raw<'a>>,
}

fn varint(bytes: &[u8], at: &mut usize, notes: &mut Notes) -> Option<u64> {
    let mut value = 0_u128;
    for i in 0..10 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u128::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            notes.tenth_byte |= value > u128::from(u64::MAX);
            return Some(value as u64);
        }
    }
    None
}

fn tag(bytes: &[u8], at: &mut usize, notes: &mut Notes) -> Option<(u64, u64)> {
    let start = *at;
    let tag = varint(bytes, at, notes)?;
    notes.long_tag |= *at - start > 5;
    (tag <= u64::from(u32::MAX) && tag >> 3 > 0).then_some((tag >> 3, tag & 7))
}

/// The whole fields, and where the first one starts that is cut or wrong.
fn walk<'a>(bytes: &'a [u8], schema: Schema, notes: &mut Notes) -> (Vec<Raw<'a>>, usize) {
    let (mut fields, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let start = at;
        match field(bytes, &mut at, schema, notes) {
            Some(field) => fields.push(field),
            None => return (fields, start),
        }
    }
    (fields, at)
}

fn field<'a>(bytes: &'a [u8], at: &mut usize, schema: Schema, notes: &mut Notes) -> Option<Raw<'a>> {
    let start = *at;
    let (number, wire) = tag(bytes, at, notes)?;
    let due = match (schema, number) {
        (Schema::Frame, 1..=4) => 0,
        (Schema::Frame, 5..=9) | (Schema::Header, 1..=2) => 2,
        _ => wire,
    };
    notes.wrong_type |= wire != due;
    let (content, varint) = value(bytes, at, number, wire, 1, notes)?;
    let mut field = Raw { number, wire, all: &bytes[start..*at], content, varint, inner: Vec::new() };
    if schema == Schema::Frame && (number, wire) == (5, 2) {
        let (inner, stop) = walk(content, Schema::Header, notes);
        if stop < content.len() {
            return None;
        }
        field.inner = inner;
    }
    Some(field)
}

fn value<'a>(
    bytes: &'a [u8],
    at: &mut usize,
    number: u64,
    wire: u64,
    depth: usize,
    notes: &mut Notes,
) -> Option<(&'a [u8], u64)> {
    let fixed = match wire {
        0 => return Some((&[], varint(bytes, at, notes)?)),
        1 => 8,
        2 => usize::try_from(varint(bytes, at, notes)?).ok()?,
        3 => {
            notes.depth = notes.depth.max(depth);
            loop {
                match tag(bytes, at, notes)? {
                    (end, 4) => return (end == number).then_some((&[], 0)),
                    // Beyond this nobody follows; a fuzzer's input must not end the stack of the slow reader.
                    _ if depth > 1000 => return None,
                    (inner, wire) => value(bytes, at, inner, wire, depth + 1, notes)?,
                };
            }
        }
        5 => 4,
        _ => return None,
    };
    let content = bytes.get(*at..at.checked_add(fixed)?)?;
    *at += fixed;
    Some((content, 0))
}

/// Key and value of a header, as far as they are there.
type Members<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// The values of the slow reader's fields: the last one wins.
#[derive(Default)]
struct Plain<'a> {
    varints: [Option<u64>; 5],
    headers: Vec<Members<'a>>,
    bytes: [Option<&'a [u8]>; 10],
}

impl<'a> Plain<'a> {
    fn of(fields: &[Raw<'a>]) -> Self {
        let mut plain = Self::default();
        for field in fields {
            match (field.number, field.wire) {
                (number @ 1..=4, 0) => plain.varints[number as usize] = Some(field.varint),
                (5, 2) => plain.headers.push((last(&field.inner, 1), last(&field.inner, 2))),
                (number @ 6..=9, 2) => plain.bytes[number as usize] = Some(field.content),
                _ => {}
            }
        }
        plain
    }

    fn to_prost(&self) -> pb::Frame {
        let vec = |bytes: &[u8]| bytes.to_vec();
        let number = |i: usize| self.varints[i].unwrap_or_default();
        let header = |(key, value): &Members<'_>| pb::Header {
            key: vec(key.unwrap_or_default()),
            value: vec(value.unwrap_or_default()),
        };
        pb::Frame {
            seq_id: number(1),
            log_id: number(2),
            service: number(3) as i32,
            method: number(4) as i32,
            headers: self.headers.iter().map(header).collect(),
            payload_encoding: self.bytes[6].map(vec),
            payload_type: self.bytes[7].map(vec),
            payload: self.bytes[8].map(vec),
            log_id_new: self.bytes[9].map(vec),
        }
    }
}

fn last<'a>(fields: &[Raw<'a>], number: u64) -> Option<&'a [u8]> {
    fields.iter().rfind(|field| (field.number, field.wire) == (number, 2)).map(|field| field.content)
}

// ---- what must hold ----

fn values(frame: &Frame<'_>, plain: &Plain<'_>, data: &[u8]) {
    let due = plain.to_prost();
    assert_eq!((frame.seq_id, frame.log_id), (due.seq_id, due.log_id));
    assert_eq!((frame.service, frame.method), (due.service, due.method));
    let bytes = [frame.payload_encoding, frame.payload_type, frame.payload, frame.log_id_new];
    assert_eq!(bytes, plain.bytes[6..]);
    let headers: Vec<_> = frame.headers().collect();
    assert_eq!((headers.len(), frame.header_count()), (due.headers.len(), due.headers.len()));
    for (ours, due) in headers.iter().zip(&due.headers) {
        assert_eq!((ours.key, ours.value), (&due.key[..], &due.value[..]));
    }
    let missing_members = plain.headers.iter().map(|(key, value)| [key, value].iter().filter(|x| x.is_none()).count());
    let missing_fields = plain.varints[1..].iter().filter(|value| value.is_none()).count();
    assert_eq!(frame.missing.count(), missing_fields + missing_members.sum::<usize>());
    assert_eq!(frame.payload_range().map(|range| &data[range]), frame.payload);
    for key in ["type", "sum", ""] {
        let mut found = headers.iter().filter(|header| header.key == key.as_bytes());
        assert_eq!(frame.header(key), found.next().map(|header| header.value));
        assert_eq!(frame.header_repeats(key), found.count());
    }
}

/// What we write from values is what prost writes.
fn written(theirs: &pb::Frame) {
    let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).ok();
    let pairs: Option<Vec<_>> =
        theirs.headers.iter().map(|header| Some((text(&header.key)?, text(&header.value)?))).collect();
    let Some(pairs) = pairs else { return };
    let headers: Vec<_> = pairs.iter().map(|(key, value)| (&key[..], &value[..])).collect();
    let ours = NewFrame {
        seq_id: theirs.seq_id,
        log_id: theirs.log_id,
        service: theirs.service,
        method: theirs.method,
        headers: &headers,
        payload_encoding: theirs.payload_encoding.as_deref(),
        payload_type: theirs.payload_type.as_deref(),
        payload: theirs.payload.as_deref(),
        log_id_new: theirs.log_id_new.as_deref(),
    };
    let mut out = vec![0; ours.len()];
    let mut w = Writer::new(&mut out);
    ours.write(&mut w);
    assert_eq!(w.finish(), Ok(out.len()));
    assert_eq!(out, theirs.encode_to_vec());
}

/// The ack is the frame field by field as received, without its payload, completed, and with the two new fields in
/// their places (protocol sections 4.2 and 8.1).
fn echo(frame: &Frame<'_>, slow: &[Raw<'_>], ascending: bool) {
    const PAYLOAD: &[u8] = br#"{"code":200}"#;
    let plain = Plain::of(slow);
    let mut due: Vec<(u64, Vec<u8>)> = Vec::new();
    for field in slow.iter().filter(|field| (field.number, field.wire) != (8, 2)) {
        let (key, value) = (last(&field.inner, 1), last(&field.inner, 2));
        let is_header = (field.number, field.wire) == (5, 2);
        if is_header && (key.is_none() || value.is_none()) {
            let before: &[u8] = if key.is_none() { b"\x0a\x00" } else { b"" };
            let after: &[u8] = if value.is_none() { b"\x12\x00" } else { b"" };
            due.push((5, delimited(0x2a, &[before, field.content, after].concat())));
        } else {
            due.push((field.number, field.all.to_vec()));
        }
    }
    for number in 1..=4_u8 {
        if plain.varints[usize::from(number)].is_none() {
            due.push((number.into(), vec![number << 3, 0]));
        }
    }
    due.push((5, b"\x2a\x0b\x0a\x06biz_rt\x12\x017".to_vec()));
    due.push((8, delimited(0x42, PAYLOAD)));
    if ascending {
        due.sort_by_key(|(number, _)| *number);
    }
    let due: Vec<u8> = due.into_iter().flat_map(|(_, bytes)| bytes).collect();

    let mut out = vec![0; frame.ack_len(7, PAYLOAD)];
    let mut w = Writer::new(&mut out);
    frame.write_ack(&mut w, 7, PAYLOAD);
    assert_eq!(w.finish(), Ok(out.len()));
    assert_eq!(out, due);
    let mut short = vec![0; out.len() / 2];
    let mut w = Writer::new(&mut short);
    frame.write_ack(&mut w, 7, PAYLOAD);
    assert_eq!(w.finish(), Err(TooSmall { needed: out.len() }));
    let again = Frame::decode(&out).expect("an ack is a frame");
    assert_eq!((again.missing.count(), again.payload), (0, Some(PAYLOAD)));
}

fn delimited(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    prost::encoding::encode_varint(content.len() as u64, &mut out);
    out.extend(content);
    out
}

/// A frame whose end was discarded is acked with everything that came before the cut, or not at all.
fn cuts(data: &[u8], good: bool) {
    let step = data.len() / 48 + 1;
    for end in (0..=data.len()).step_by(step).chain([data.len()]) {
        let cut = &data[..end];
        let head = match Frame::decode_head(cut) {
            Ok(head) => head,
            Err(error) => {
                assert!(!good && error.at <= end, "{error:?} in the first {end} bytes");
                continue;
            }
        };
        let (slow, mut at) = walk(cut, Schema::Frame, &mut Notes::default());
        let in_payload = at < end && tag(cut, &mut at, &mut Notes::default()) == Some((8, 2));
        let plain = Plain::of(&slow);
        let enough = plain.varints[1..].iter().all(Option::is_some) && !plain.headers.is_empty();
        assert_eq!(head.is_some(), enough && (in_payload || plain.bytes[8].is_some()), "the first {end} bytes");
        if let Some(head) = head {
            assert!(head.payload.is_none());
            assert_eq!((head.header_count(), head.headers().count()), (plain.headers.len(), plain.headers.len()));
            let last = slow.last().map_or(0, |field| field.number);
            let ascending = slow.is_sorted_by_key(|field| field.number) && (!in_payload || last <= 8);
            echo(&head, &slow, ascending);
        }
    }
}
