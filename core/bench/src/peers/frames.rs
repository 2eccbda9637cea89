//! The frame as prost has it (protocol section 4.1): with members of its own, and with members that borrow.

use bytes::Bytes;
use prost::Message;

use super::RECEIVED;

/// As generated code looks by default: every member is a copy.
#[derive(Clone, PartialEq, Message)]
#[allow(missing_docs)]
pub struct OwnedFrame {
    #[prost(uint64, required, tag = "1")]
    pub seq_id: u64,
    #[prost(uint64, required, tag = "2")]
    pub log_id: u64,
    #[prost(int32, required, tag = "3")]
    pub service: i32,
    #[prost(int32, required, tag = "4")]
    pub method: i32,
    #[prost(message, repeated, tag = "5")]
    pub headers: Vec<OwnedHeader>,
    #[prost(string, optional, tag = "6")]
    pub payload_encoding: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub payload_type: Option<String>,
    #[prost(bytes = "vec", optional, tag = "8")]
    pub payload: Option<Vec<u8>>,
    #[prost(string, optional, tag = "9")]
    pub log_id_new: Option<String>,
}

/// One header.
#[derive(Clone, PartialEq, Message)]
#[allow(missing_docs)]
pub struct OwnedHeader {
    #[prost(string, required, tag = "1")]
    pub key: String,
    #[prost(string, required, tag = "2")]
    pub value: String,
}

/// Every member shares the message's bytes.
#[derive(Clone, PartialEq, Message)]
#[allow(missing_docs)]
pub struct SharedFrame {
    #[prost(uint64, required, tag = "1")]
    pub seq_id: u64,
    #[prost(uint64, required, tag = "2")]
    pub log_id: u64,
    #[prost(int32, required, tag = "3")]
    pub service: i32,
    #[prost(int32, required, tag = "4")]
    pub method: i32,
    #[prost(message, repeated, tag = "5")]
    pub headers: Vec<SharedHeader>,
    #[prost(bytes = "bytes", optional, tag = "6")]
    pub payload_encoding: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "7")]
    pub payload_type: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "8")]
    pub payload: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "9")]
    pub log_id_new: Option<Bytes>,
}

/// One header.
#[derive(Clone, PartialEq, Message)]
#[allow(missing_docs)]
pub struct SharedHeader {
    #[prost(bytes = "bytes", required, tag = "1")]
    pub key: Bytes,
    #[prost(bytes = "bytes", required, tag = "2")]
    pub value: Bytes,
}

impl OwnedFrame {
    /// The ack as agent projects make it: a copy, changed and encoded into new bytes.
    pub fn ack(&self, biz_rt_ms: u64) -> Vec<u8> {
        let mut ack = self.clone();
        ack.headers.push(OwnedHeader { key: "biz_rt".to_string(), value: biz_rt_ms.to_string() });
        ack.payload = Some(RECEIVED.to_vec());
        ack.encode_to_vec()
    }
}

impl SharedFrame {
    /// The value of a header, empty when there is none.
    pub fn header(&self, key: &str) -> Bytes {
        let found = self.headers.iter().find(|header| header.key == key.as_bytes());
        found.map(|header| header.value.clone()).unwrap_or_default()
    }

    /// Makes an ack of the frame and encodes it into room that is used again.
    pub fn into_ack(mut self, out: &mut Vec<u8>) {
        self.headers.push(SharedHeader { key: Bytes::from_static(b"biz_rt"), value: Bytes::from_static(b"0") });
        self.payload = Some(Bytes::from_static(RECEIVED));
        out.clear();
        self.encode(out).expect("a Vec grows");
    }
}
