//! Fuzz targets as plain functions: a fuzzer calls them with bytes of its own, `cargo test` with the committed corpora.
//!
//! | target | what must hold |
//! |---|---|
//! | [`bot_facts`] | the contract of `Bot`, whatever facts come in whatever order |
//! | [`envelope_gate`] | nothing passes the gate that serde_json does not see as allowed; what passes reads without end or panic |
//! | [`event_content`] | text in both forms: the size needed is exact, bodies are trimmed, HTML is escaped; resources are finite |
//! | [`http_response`] | one reading of an answer however it is cut, the same as a slow reader's |
//! | [`json`] | the verdicts and values of serde_json but for the listed exceptions |
//! | [`pb_frame`] | the verdicts and values of prost but for the listed differences; the ack echoes byte for byte |
//! | [`ws_frames`] | the same observations for every way of cutting what a socket brings |
//! | [`webhook_request`] | nothing passes that an independent check of signature, age, encryption and token does not let pass |
//!
//! A target panics when something does not hold.
#![forbid(unsafe_code)]

pub mod bot_facts;
pub mod envelope_gate;
pub mod event_content;
pub mod http_response;
pub mod json;
pub mod pb;
pub mod pb_frame;
pub mod platform;
pub mod webhook_request;
pub mod ws_frames;

/// What is called with the bytes of a fuzzer or of a corpus.
pub type Target = fn(&[u8]);

/// Every target by name, for the replay of corpora.
pub const TARGETS: [(&str, Target); 8] = [
    ("bot_facts", bot_facts::run),
    ("envelope_gate", envelope_gate::run),
    ("event_content", event_content::run),
    ("http_response", http_response::run),
    ("json", json::run),
    ("pb_frame", pb_frame::run),
    ("webhook_request", webhook_request::run),
    ("ws_frames", ws_frames::run),
];
