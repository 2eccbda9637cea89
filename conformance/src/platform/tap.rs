//! The last frames of the long connections, as they went over the wire: evidence for people.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Mutex;

use serde::Serialize;

use super::frame::Received;
use super::lock;
use super::record::ConnectionId;

/// Messages that are kept.
const KEPT: usize = 64;
/// Bytes of each that are kept.
const BYTES: usize = 2048;

/// A WebSocket message of the long connection, or bytes past the codec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tapped {
    /// Milliseconds since the platform started.
    pub at_ms: u64,
    /// Where.
    pub connection: ConnectionId,
    /// It came from the client.
    pub from_client: bool,
    /// The frame in words; what cannot be decoded is named.
    pub text: String,
    /// The bytes, at most 2 KiB of them.
    pub hex: String,
}

#[derive(Debug, Default)]
pub(super) struct Tap(Mutex<VecDeque<Tapped>>);

impl Tap {
    pub(super) fn add(&self, at_ms: u64, connection: ConnectionId, from_client: bool, what: What<'_>) {
        let bytes = what.bytes();
        let mut hex = String::with_capacity(2 * bytes.len().min(BYTES));
        for byte in bytes.iter().take(BYTES) {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        let mut kept = lock(&self.0);
        kept.push_back(Tapped { at_ms, connection, from_client, text: what.words(), hex });
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }

    pub(super) fn all(&self) -> Vec<Tapped> {
        lock(&self.0).iter().cloned().collect()
    }
}

/// What passed.
pub(super) enum What<'a> {
    Binary(&'a [u8]),
    Bytes(&'a [u8]),
    Text(&'a str),
}

impl What<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Binary(bytes) | Self::Bytes(bytes) => bytes,
            Self::Text(text) => text.as_bytes(),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Bytes(bytes) => format!("{} bytes past the codec", bytes.len()),
            Self::Text(text) => format!("text message of {} bytes", text.len()),
            Self::Binary(bytes) => match Received::parse(bytes) {
                Ok(received) => received.words(),
                Err(error) => format!("{} bytes that are no frame: {error}", bytes.len()),
            },
        }
    }
}

impl Received {
    /// `data SeqID=1 LogID=2 service=3 type=event sum=1 … payload[12]={"code":200}`
    fn words(&self) -> String {
        let frame = &self.frame;
        let method = match frame.method {
            super::CONTROL => "control".to_owned(),
            super::DATA => "data".to_owned(),
            other => format!("method {other}"),
        };
        let mut text = format!("{method} SeqID={} LogID={} service={}", frame.seq_id, frame.log_id, frame.service);
        for header in &frame.headers {
            // Writing to a String cannot fail, here and below.
            let _ = write!(text, " {}={}", header.key, header.value);
        }
        let others = [
            ("payload_encoding", &frame.payload_encoding),
            ("payload_type", &frame.payload_type),
            ("LogIDNew", &frame.log_id_new),
        ];
        for (name, value) in others {
            if let Some(value) = value {
                let _ = write!(text, " {name}={value:?}");
            }
        }
        if let Some(payload) = &frame.payload {
            let shown: String = String::from_utf8_lossy(payload).chars().take(200).collect();
            let _ = write!(text, " payload[{}]={shown}", payload.len());
        }
        if !self.missing.is_empty() {
            let _ = write!(text, " (not written: {})", self.missing.join(", "));
        }
        if !self.unknown.is_empty() {
            let _ = write!(text, " (and {} bytes of unknown fields)", self.unknown.len());
        }
        text
    }
}
