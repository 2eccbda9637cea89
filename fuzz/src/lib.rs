//! Fuzz targets as plain functions: a fuzzer calls them with bytes of its own, `cargo test` with the committed corpora.
//!
//! | target | what must hold |
//! |---|---|
//! | [`bot_facts`] | the contract of `Bot`, whatever facts come in whatever order |
//! | [`config`] | whatever pace the platform asks for is kept inside the clamps, as a model keeps it, and neither ends nor floods |
//! | [`dedup`] | duplicate exactly when a queue says so, or the id was counted as evicted; a restart keeps what was written out |
//! | [`envelope_gate`] | nothing passes the gate that serde_json does not see as allowed; what passes reads without end or panic |
//! | [`event_content`] | text in both forms: the size needed is exact, bodies are trimmed, HTML is escaped; resources are finite |
//! | [`http_response`] | one reading of an answer however it is cut, the same as a slow reader's |
//! | [`json_strings`] | escapes, surrogates and JSON inside strings as a model of UTF-16 says; scratch is too small exactly where it is |
//! | [`json`] | the verdicts and values of serde_json but for the listed exceptions |
//! | [`parts`] | split messages as a map puts them together; evictions, time and too big ones are counted; all room comes back |
//! | [`pb_frame`] | the verdicts and values of prost but for the listed differences; the ack echoes byte for byte |
//! | [`redaction`] | no secret and nobody's words in anything that can be printed |
//! | [`webhook_request`] | nothing passes that an independent check of signature, age, encryption and token does not let pass |
//! | [`ws_frames`] | the same observations for every way of cutting what a socket brings |
//! | [`ws_handshake`] | the socket opens only for what a slow reader of RFC 6455 section 4.1 lets pass, however it is cut |
//!
//! A target panics when something does not hold.
#![forbid(unsafe_code)]

pub mod bot_facts;
pub mod config;
pub mod dedup;
pub mod envelope_gate;
pub mod event_content;
pub mod http_response;
pub mod json;
pub mod json_strings;
pub mod parts;
pub mod pb;
pub mod pb_frame;
pub mod platform;
pub mod redaction;
pub mod webhook_request;
pub mod ws_frames;
pub mod ws_handshake;

/// What is called with the bytes of a fuzzer or of a corpus.
pub type Target = fn(&[u8]);

/// Every target by name, for the replay of corpora.
pub const TARGETS: [(&str, Target); 14] = [
    ("bot_facts", bot_facts::run),
    ("config", config::run),
    ("dedup", dedup::run),
    ("envelope_gate", envelope_gate::run),
    ("event_content", event_content::run),
    ("http_response", http_response::run),
    ("json", json::run),
    ("json_strings", json_strings::run),
    ("parts", parts::run),
    ("pb_frame", pb_frame::run),
    ("redaction", redaction::run),
    ("webhook_request", webhook_request::run),
    ("ws_frames", ws_frames::run),
    ("ws_handshake", ws_handshake::run),
];
