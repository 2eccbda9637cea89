//! The binary message of the long connection: one protobuf `Frame` (proto2 package `pbbp2`).

use prost::DecodeError;
use prost::Message as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// One message of the long connection.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Frame {
    /// Sequence number; 0 in pings and pongs.
    #[prost(uint64, required, tag = "1")]
    pub seq_id: u64,
    /// Log id, echoed and never interpreted.
    #[prost(uint64, required, tag = "2")]
    pub log_id: u64,
    /// The `service_id` of the connection's URL.
    #[prost(int32, required, tag = "3")]
    pub service: i32,
    /// [`CONTROL`] or [`DATA`].
    #[prost(int32, required, tag = "4")]
    pub method: i32,
    /// Headers in the order they were written.
    #[prost(message, repeated, tag = "5")]
    pub headers: Vec<Header>,
    /// Like the HTTP header `content-encoding`.
    #[prost(string, optional, tag = "6")]
    pub payload_encoding: Option<String>,
    /// Like the HTTP header `content-type`.
    #[prost(string, optional, tag = "7")]
    pub payload_type: Option<String>,
    /// JSON, or a part of it.
    #[prost(bytes = "vec", optional, tag = "8")]
    pub payload: Option<Vec<u8>>,
    /// Log id of the newer kind, echoed.
    #[prost(string, optional, tag = "9")]
    pub log_id_new: Option<String>,
}

/// A key and a value of a [`Frame`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct Header {
    /// Name, case-sensitive.
    #[prost(string, required, tag = "1")]
    pub key: String,
    /// Value; numbers are decimal text.
    #[prost(string, required, tag = "2")]
    pub value: String,
}

/// `Frame::method` of pings and pongs.
pub const CONTROL: i32 = 0;
/// `Frame::method` of events, callbacks and their acknowledgements.
pub const DATA: i32 = 1;

impl Header {
    /// A header.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

impl Frame {
    /// The answer to a ping.
    #[must_use]
    pub fn pong(service: i32, payload: Option<Vec<u8>>) -> Self {
        Self { service, method: CONTROL, headers: vec![Header::new("type", "pong")], payload, ..Self::default() }
    }

    /// The value of the first header with this key.
    #[must_use]
    pub fn header(&self, key: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.key == key).map(|header| header.value.as_str())
    }
}

/// A frame as a client wrote it: the decoded fields, and what decoding hides.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) frame: Frame,
    /// Names of required fields that are not on the wire. A decoder reads them as 0 or "".
    pub(super) missing: Vec<&'static str>,
    /// Fields outside the schema, byte for byte, in order.
    pub(super) unknown: Vec<u8>,
    /// As it came.
    pub(super) bytes: Vec<u8>,
}

impl Received {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let frame = Frame::decode(bytes)?;
        let fields = fields(bytes)?;
        let mut missing: Vec<_> = [(1, "SeqID"), (2, "LogID"), (3, "service"), (4, "method")]
            .into_iter()
            .filter(|(tag, _)| fields.iter().all(|field| field.tag != *tag))
            .map(|(_, name)| name)
            .collect();
        for header in fields.iter().filter(|field| field.tag == 5) {
            let members = self::fields(header.body)?;
            let absent = [(1, "Header.key"), (2, "Header.value")]
                .into_iter()
                .filter(|(tag, _)| members.iter().all(|m| m.tag != *tag));
            missing.extend(absent.map(|(_, name)| name));
        }
        let unknown = fields.iter().filter(|field| field.tag > 9).flat_map(|field| field.whole).copied().collect();
        Ok(Self { frame, missing, unknown, bytes: bytes.to_vec() })
    }
}

struct Field<'a> {
    tag: u32,
    /// Key, length and value.
    whole: &'a [u8],
    /// The content of a length-delimited field, else nothing.
    body: &'a [u8],
}

fn fields(mut bytes: &[u8]) -> Result<Vec<Field<'_>>, DecodeError> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let start = bytes;
        let (tag, wire_type) = decode_key(&mut bytes)?;
        let value = bytes;
        skip_field(wire_type, tag, &mut bytes, DecodeContext::default())?;
        let whole = &start[..start.len() - bytes.len()];
        let mut body = &value[..value.len() - bytes.len()];
        if wire_type == WireType::LengthDelimited {
            decode_varint(&mut body)?;
        } else {
            body = &[];
        }
        fields.push(Field { tag, whole, body });
    }
    Ok(fields)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends where it fails")]
mod tests {
    use super::*;

    #[test]
    fn a_ping_without_zero_fields_is_decoded_and_the_omission_is_named() {
        let bytes = [0x18, 0x01, 0x2a, 0x0c, 0x0a, 0x04, b't', b'y', b'p', b'e', 0x12, 0x04, b'p', b'i', b'n', b'g'];
        let received = Received::parse(&bytes).unwrap();
        assert_eq!(received.frame.header("type"), Some("ping"));
        assert_eq!(received.missing, ["SeqID", "LogID", "method"]);
    }

    #[test]
    fn unknown_fields_and_groups_are_kept_byte_for_byte() {
        let group = [0x08, 0x01, 0x10, 0x02, 0x18, 0x03, 0x20, 0x01, 0xb3, 0x01, 0x08, 0x05, 0xb4, 0x01];
        assert_eq!(Received::parse(&group).unwrap().unknown, group[8..]);
        let field = [0x08, 0x01, 0x10, 0x02, 0x18, 0x03, 0x20, 0x01, 0xa2, 0x06, 0x03, b'a', b'b', b'c'];
        let received = Received::parse(&field).unwrap();
        assert_eq!(received.unknown, field[8..]);
        assert!(received.missing.is_empty());
    }

    #[test]
    fn zeros_are_written() {
        assert_eq!(Frame::default().encode_to_vec(), [0x08, 0x00, 0x10, 0x00, 0x18, 0x00, 0x20, 0x00]);
    }
}
