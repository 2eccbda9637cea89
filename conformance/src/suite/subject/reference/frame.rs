//! Frames as they came, and acknowledgements made of them: protocol sections 4 and 8.1.

use std::ops::Range;

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_varint, skip_field};

use super::Client;
use super::defects::Defect;
use crate::platform::{Frame, Header};

/// Groups inside of groups.
const DEEPEST: usize = 16;

/// A frame and the bytes it was read from.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    bytes: Vec<u8>,
    fields: Vec<Field>,
    pub(super) method: i32,
    pub(super) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) encoding: Vec<u8>,
    pub(super) payload: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Field {
    number: u32,
    whole: Range<usize>,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Number(u64),
    Bytes(Range<usize>),
    Other,
}

/// The fields of a message, in their order.
fn walk(bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let start = bytes.len() - rest.len();
        let (number, wire_type) = decode_key(&mut rest).ok()?;
        let mut inside = rest;
        let number_value = if wire_type == WireType::Varint { Some(varint(&mut rest)?) } else { None };
        if number_value.is_none() {
            skip(wire_type, number, &mut rest, 0)?;
        }
        let end = bytes.len() - rest.len();
        let value = match wire_type {
            WireType::Varint => Value::Number(number_value.unwrap_or_default()),
            WireType::LengthDelimited => {
                let len = usize::try_from(decode_varint(&mut inside).ok()?).ok()?;
                Value::Bytes(end - len..end)
            }
            _ => Value::Other,
        };
        fields.push(Field { number, whole: start..end, value });
    }
    Some(fields)
}

/// A number; bits for which there is no room are dropped.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in 0..10 {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << (7 * shift);
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Groups may be inside of each other, but not without end.
fn skip(wire_type: WireType, number: u32, rest: &mut &[u8], depth: usize) -> Option<()> {
    if wire_type == WireType::Varint {
        return varint(rest).map(drop);
    }
    if wire_type != WireType::StartGroup {
        return skip_field(wire_type, number, rest, DecodeContext::default()).ok();
    }
    loop {
        let (inner, wire_type) = decode_key(rest).ok()?;
        match wire_type {
            WireType::EndGroup => return (inner == number).then_some(()),
            wire_type if depth + 1 < DEEPEST || wire_type != WireType::StartGroup => {
                skip(wire_type, inner, rest, depth + 1)?;
            }
            _ => return None,
        }
    }
}

impl Incoming {
    /// `None` if it is no frame.
    pub(super) fn read(bytes: Vec<u8>) -> Option<Self> {
        let fields = walk(&bytes)?;
        let mut frame = Self {
            bytes: Vec::new(),
            fields: Vec::new(),
            method: 0,
            headers: Vec::new(),
            encoding: Vec::new(),
            payload: Vec::new(),
        };
        for field in &fields {
            match (field.number, &field.value) {
                // The upper bits are dropped, as protobuf libraries do.
                (4, Value::Number(value)) => frame.method = *value as i32,
                (5, Value::Bytes(range)) => frame.headers.push(header(bytes.get(range.clone())?)?),
                (6, Value::Bytes(range)) => frame.encoding = bytes.get(range.clone())?.to_vec(),
                (8, Value::Bytes(range)) => frame.payload = bytes.get(range.clone())?.to_vec(),
                _ => {}
            }
        }
        Some(Self { bytes, fields, ..frame })
    }

    /// The first header of this name.
    pub(super) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(key, _)| key == name.as_bytes()).map(|(_, value)| value.as_slice())
    }

    /// The header as a number; `Some(None)` if it is there and no number.
    pub(super) fn number(&self, name: &str) -> Option<Option<i128>> {
        let text = str::from_utf8(self.header(name)?).ok().map(str::trim);
        Some(text.and_then(|text| {
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let sound = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            sound.then(|| text.parse().unwrap_or(i128::MAX))
        }))
    }

    /// The same frame with another payload and how long it took.
    pub(super) fn ack(&self, client: &Client, biz_rt: u128, payload: &str) -> Vec<u8> {
        let mut pieces: Vec<(u32, Vec<u8>)> = Vec::new();
        for field in &self.fields {
            let piece = self.bytes.get(field.whole.clone()).unwrap_or_default().to_vec();
            match (field.number, &field.value) {
                (8, Value::Bytes(_)) => {}
                (5, Value::Bytes(range)) => pieces.extend(self.header_piece(client, range, piece)),
                (1..=4, Value::Number(0)) if client.has(Defect::OmitsZeros) => {}
                (6 | 7, _) if client.has(Defect::DropsPayloadType) => {}
                (9, _) if client.has(Defect::DropsLogIdNew) => {}
                (10.., _) if client.has(Defect::DropsUnknownFields) => {}
                (number, _) => pieces.push((number, piece)),
            }
        }
        let ascending = pieces.is_sorted_by_key(|(number, _)| *number);
        for number in 1..=4 {
            let there = |field: &Field| field.number == number && matches!(field.value, Value::Number(_));
            if !self.fields.iter().any(there) && !client.has(Defect::OmitsZeros) {
                pieces.push((number, vec![u8::try_from(number << 3).unwrap_or_default(), 0]));
            }
        }
        if client.has(Defect::ReordersHeaders) {
            let first = pieces.iter().position(|(number, _)| *number == 5).unwrap_or_default();
            let count = pieces.iter().filter(|(number, _)| *number == 5).count();
            if let Some(headers) = pieces.get_mut(first..first + count) {
                headers.reverse();
            }
        }
        let biz_rt = if client.has(Defect::NegativeBizRt) { "-3".to_owned() } else { biz_rt.to_string() };
        if !client.has(Defect::NoBizRt) {
            pieces.push((5, length_delimited(5, &header_bytes(b"biz_rt", biz_rt.as_bytes(), &[]))));
        }
        pieces.push((8, length_delimited(8, payload.as_bytes())));
        if ascending {
            pieces.sort_by_key(|(number, _)| *number);
        }
        pieces.concat_bytes()
    }

    /// A header as it came, but with both members.
    fn header_piece(&self, client: &Client, range: &Range<usize>, piece: Vec<u8>) -> Option<(u32, Vec<u8>)> {
        let body = self.bytes.get(range.clone()).unwrap_or_default();
        let (key, value) = header(body).unwrap_or_default();
        let known: [&[u8]; 5] = [b"type", b"message_id", b"sum", b"seq", b"trace_id"];
        if client.has(Defect::DropsUnknownHeaders) && !known.contains(&key.as_slice())
            || client.has(Defect::DropsMessageIdHeader) && key == b"message_id"
        {
            return None;
        }
        let members = walk(body).unwrap_or_default();
        let has = |number: u32| {
            members.iter().any(|member| member.number == number && matches!(member.value, Value::Bytes(_)))
        };
        if has(1) && has(2) {
            return Some((5, piece));
        }
        let rest: Vec<u8> = members
            .iter()
            .filter(|member| !(matches!(member.number, 1 | 2) && matches!(member.value, Value::Bytes(_))))
            .flat_map(|member| body.get(member.whole.clone()).unwrap_or_default().to_vec())
            .collect();
        Some((5, length_delimited(5, &header_bytes(&key, &value, &rest))))
    }
}

/// Joins what was kept.
trait Pieces {
    fn concat_bytes(self) -> Vec<u8>;
}

impl Pieces for Vec<(u32, Vec<u8>)> {
    fn concat_bytes(self) -> Vec<u8> {
        self.into_iter().flat_map(|(_, piece)| piece).collect()
    }
}

/// Key and value; the last of each wins.
fn header(bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut pair = (Vec::new(), Vec::new());
    for member in walk(bytes)? {
        match (member.number, member.value) {
            (1, Value::Bytes(range)) => pair.0 = bytes.get(range)?.to_vec(),
            (2, Value::Bytes(range)) => pair.1 = bytes.get(range)?.to_vec(),
            _ => {}
        }
    }
    Some(pair)
}

fn header_bytes(key: &[u8], value: &[u8], rest: &[u8]) -> Vec<u8> {
    [length_delimited(1, key), length_delimited(2, value), rest.to_vec()].concat()
}

fn length_delimited(number: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    encode_varint(body.len() as u64, &mut bytes);
    bytes.extend_from_slice(body);
    bytes
}

/// A ping for this service.
pub(super) fn ping(client: &Client, service: i32) -> Vec<u8> {
    let service = if client.has(Defect::WrongPingService) { service.wrapping_add(1) } else { service };
    let frame = Frame { service, headers: vec![Header::new("type", "ping")], ..Frame::default() };
    let bytes = prost::Message::encode_to_vec(&frame);
    if !client.has(Defect::OmitsZeros) {
        return bytes;
    }
    let fields = walk(&bytes).unwrap_or_default();
    let kept = fields.into_iter().filter(|field| !matches!(field.value, Value::Number(0)));
    kept.flat_map(|field| bytes.get(field.whole).unwrap_or_default().to_vec()).collect()
}
