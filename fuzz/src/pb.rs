//! Frames by `prost`. Strings are bytes here, because a frame whose text is not UTF-8 is a frame for us, too.

use prost::Message as _;

/// A member of [`Frame::headers`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct Header {
    /// Field 1.
    #[prost(bytes = "vec", required, tag = "1")]
    pub key: Vec<u8>,
    /// Field 2.
    #[prost(bytes = "vec", required, tag = "2")]
    pub value: Vec<u8>,
}

/// The frame of protocol section 4.1.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Frame {
    /// Field 1.
    #[prost(uint64, required, tag = "1")]
    pub seq_id: u64,
    /// Field 2.
    #[prost(uint64, required, tag = "2")]
    pub log_id: u64,
    /// Field 3.
    #[prost(int32, required, tag = "3")]
    pub service: i32,
    /// Field 4.
    #[prost(int32, required, tag = "4")]
    pub method: i32,
    /// Field 5.
    #[prost(message, repeated, tag = "5")]
    pub headers: Vec<Header>,
    /// Field 6.
    #[prost(bytes = "vec", optional, tag = "6")]
    pub payload_encoding: Option<Vec<u8>>,
    /// Field 7.
    #[prost(bytes = "vec", optional, tag = "7")]
    pub payload_type: Option<Vec<u8>>,
    /// Field 8.
    #[prost(bytes = "vec", optional, tag = "8")]
    pub payload: Option<Vec<u8>>,
    /// Field 9.
    #[prost(bytes = "vec", optional, tag = "9")]
    pub log_id_new: Option<Vec<u8>>,
}

/// A frame of the platform, as bytes.
pub fn frame(method: i32, headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let headers =
        headers.iter().map(|(key, value)| Header { key: key.as_bytes().into(), value: value.as_bytes().into() });
    let frame = Frame {
        seq_id: 11,
        log_id: 22,
        service: 1,
        method,
        headers: headers.collect(),
        payload: Some(payload.to_vec()),
        ..Frame::default()
    };
    frame.encode_to_vec()
}
