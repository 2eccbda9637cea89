//! Codecs: pure functions over slices, without state of the connection, clock or I/O.
//!
//! - [`frame`]: the platform's protobuf frames (pbbp2)
//! - [`http`]: HTTP/1.1 requests and responses
//! - [`json`]: a strict pull reader and a string writer
//! - [`url`]: the few URLs of the protocol
//! - [`websocket`]: RFC 6455 ws frames and the upgrade
//! - [`writer`]: where all of them write to

pub mod frame;
pub mod http;
pub mod json;
pub(crate) mod scan;
pub mod url;
pub mod websocket;
pub mod writer;
