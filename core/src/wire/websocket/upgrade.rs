//! The opening handshake (RFC 6455 section 4.1, protocol section 3).

use core::fmt;

use base64ct::{Base64, Encoding};
use sha1::{Digest, Sha1};

use crate::wire::http::Head;

/// RFC 6455 section 1.3.
const GUID: &[u8; 36] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why an answer does not open the connection.
///
/// Next step: read the `Handshake-*` headers of a [`Status`](UpgradeError::Status) (protocol section 3); every other
/// variant is a peer that is no WebSocket server, or a proxy in between: drop the connection and start at discovery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UpgradeError {
    /// `Sec-WebSocket-Accept` does not answer our key: something in between plays back an old answer.
    AcceptMismatch,
    /// No `Sec-WebSocket-Accept`.
    AcceptMissing,
    /// More than one `Sec-WebSocket-Accept`.
    AcceptRepeated,
    /// No `upgrade` in `Connection`.
    Connection,
    /// An extension, and we offered none.
    Extension,
    /// Any status but 101.
    Status(u16),
    /// A subprotocol, and we offered none.
    Subprotocol,
    /// `Upgrade` is not exactly one `websocket`.
    Upgrade,
    /// 101 in HTTP/1.0, which knows no upgrade.
    Version,
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AcceptMismatch => "Sec-WebSocket-Accept does not match our key",
            Self::AcceptMissing => "Sec-WebSocket-Accept is missing",
            Self::AcceptRepeated => "Sec-WebSocket-Accept is repeated",
            Self::Connection => "Connection does not say upgrade",
            Self::Extension => "extension that was not offered",
            Self::Status(status) => return write!(f, "upgrade refused with HTTP status {status}"),
            Self::Subprotocol => "subprotocol that was not offered",
            Self::Upgrade => "Upgrade does not say websocket",
            Self::Version => "upgrade in HTTP/1.0",
        })
    }
}

impl core::error::Error for UpgradeError {}

/// The value of `Sec-WebSocket-Key` for a nonce, which must be fresh and random for each attempt.
pub fn key_text(nonce: [u8; 16]) -> [u8; 24] {
    let mut text = [0; 24];
    // Cannot fail: 16 bytes are 24 characters. Should it, the server refuses the key.
    let _ = Base64::encode(&nonce, &mut text);
    text
}

/// The value of `Sec-WebSocket-Accept` that answers that nonce.
pub fn accept_text(nonce: [u8; 16]) -> [u8; 28] {
    let hash = Sha1::new().chain_update(key_text(nonce)).chain_update(GUID).finalize();
    let mut text = [0; 28];
    // Cannot fail: 20 bytes are 28 characters. Should it, no header value equals 28 NULs.
    let _ = Base64::encode(&hash, &mut text);
    text
}

/// Whether `head` opens the connection that was asked for with [`key_text`] of `nonce`.
///
/// The bytes after the head are the first ws frames. An empty extension or subprotocol header is refused as well, as
/// browsers do.
///
/// # Errors
/// [`UpgradeError`], the status first.
pub fn check_upgrade(head: &Head<'_>, nonce: [u8; 16]) -> Result<(), UpgradeError> {
    if head.status != 101 {
        return Err(UpgradeError::Status(head.status));
    }
    if head.minor_version != 1 {
        return Err(UpgradeError::Version);
    }
    let mut upgrade = head.headers_named("upgrade");
    if !upgrade.next().is_some_and(|value| value.eq_ignore_ascii_case(b"websocket")) || upgrade.next().is_some() {
        return Err(UpgradeError::Upgrade);
    }
    if !head.has_token("connection", "upgrade") {
        return Err(UpgradeError::Connection);
    }
    let mut accept = head.headers_named("sec-websocket-accept");
    let value = accept.next().ok_or(UpgradeError::AcceptMissing)?;
    if accept.next().is_some() {
        return Err(UpgradeError::AcceptRepeated);
    }
    if value != accept_text(nonce) {
        return Err(UpgradeError::AcceptMismatch);
    }
    if head.header("sec-websocket-extensions").is_some() {
        return Err(UpgradeError::Extension);
    }
    if head.header("sec-websocket-protocol").is_some() {
        return Err(UpgradeError::Subprotocol);
    }
    Ok(())
}
