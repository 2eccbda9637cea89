//! The socket below TLS, shared by both halves of a stream, and what may come over it at all.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::poll_fn;
use core::pin::pin;

use embassy_net::tcp::TcpSocket;
use embedded_io_async::{Error, ErrorKind, ErrorType, Read, Write};

use crate::connect::hang_up;

/// The longest record (RFC 8446 section 5.2).
pub(super) const MAX_RECORD: u16 = 16_384 + 256;
/// Stands for the second byte of the version in the headers of records that come once the stream is open. Their version
/// means nothing (RFC 8446 section 5.1), and it is the one thing of a header that reaches the cipher untouched.
pub(super) const OPEN: u8 = 0xFF;

/// A socket that both halves of a stream read and write through `&Wire`. Every record passes its header here first: in
/// the clear come the server's hello, or an alert in place of it, and nothing else but the empty gesture for middleboxes.
pub(super) struct Wire<'d> {
    pub(super) socket: RefCell<TcpSocket<'d>>,
    records: Cell<Records>,
    /// A read was begun and did not come to its end, or came to a bad one: nobody knows where the next record begins.
    pub(super) is_cut: Cell<bool>,
    /// A write was begun and did not come to its end: the rest of its record is missing on the wire.
    pub(super) is_torn: Cell<bool>,
}

impl<'d> Wire<'d> {
    pub(super) fn new(socket: TcpSocket<'d>) -> Self {
        let (is_cut, is_torn) = (Cell::new(false), Cell::new(false));
        Self { socket: RefCell::new(socket), records: Cell::new(Records::NEW), is_cut, is_torn }
    }

    /// Begins with another connection.
    pub(super) fn renew(&mut self) {
        self.records.set(Records::NEW);
        self.is_cut.set(false);
        self.is_torn.set(false);
    }

    /// The handshake is over: from now on records are sealed.
    pub(super) fn set_open(&self) {
        self.records.set(Records { phase: Phase::Open, ..self.records.get() });
    }

    pub(super) fn hang_up(&self) {
        hang_up(&mut self.socket.borrow_mut());
    }

    /// Ends the stream of bytes in order.
    pub(super) async fn close(&self) {
        self.socket.borrow_mut().close();
        // Only polled while the socket is borrowed: the other half may hold a read.
        poll_fn(|cx| pin!(self.socket.borrow_mut().flush()).poll(cx).map(drop)).await;
    }
}

impl ErrorType for &Wire<'_> {
    type Error = WireError;
}

impl Read for &Wire<'_> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, WireError> {
        let read = poll_fn(|cx| pin!(self.socket.borrow_mut().read(out)).poll(cx));
        let n = read.await.map_err(|error| WireError(error.kind()))?;
        let mut records = self.records.get();
        records.pass(out.get_mut(..n).unwrap_or_default())?;
        self.records.set(records);
        Ok(n)
    }
}

impl Write for &Wire<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        let written = poll_fn(|cx| pin!(self.socket.borrow_mut().write(bytes)).poll(cx));
        written.await.map_err(|error| WireError(error.kind()))
    }

    /// Nothing to do: the stack sends by itself.
    async fn flush(&mut self) -> Result<(), WireError> {
        Ok(())
    }
}

/// The socket failed, or a record came that must not.
#[derive(Debug)]
pub(super) struct WireError(ErrorKind);

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl core::error::Error for WireError {}

impl Error for WireError {
    fn kind(&self) -> ErrorKind {
        self.0
    }
}

#[derive(Clone, Copy)]
enum Phase {
    /// The server's hello is waited for.
    Hello,
    /// There are keys; the handshake goes on.
    Keys,
    /// The handshake is over.
    Open,
}

/// Where in a record the stream of bytes is.
#[derive(Clone, Copy)]
struct Records {
    phase: Phase,
    header: [u8; 5],
    /// Bytes of the header that have come; all 5 while the content comes.
    at: u8,
    /// Bytes of the content that have not come.
    left: u16,
}

impl Records {
    const NEW: Self = Self { phase: Phase::Hello, header: [0; 5], at: 0, left: 0 };

    /// Follows the stream, and marks headers with the phase.
    fn pass(&mut self, mut bytes: &mut [u8]) -> Result<(), WireError> {
        while !bytes.is_empty() {
            let content = bytes.len().min(usize::from(self.left));
            let Some((content, rest)) = bytes.split_at_mut_checked(content) else { break };
            self.left = self.left.saturating_sub(u16::try_from(content.len()).unwrap_or(u16::MAX));
            let Some((byte, rest)) = rest.split_first_mut() else { break };
            bytes = rest;
            self.header.rotate_left(1);
            self.header[4] = *byte;
            self.at = self.at.saturating_add(1);
            match (self.at, self.phase) {
                (3, Phase::Open) => *byte = OPEN,
                // The mark is ours alone.
                (3, _) if *byte == OPEN => return Err(WireError(ErrorKind::InvalidData)),
                (5, _) => {
                    self.at = 0;
                    self.begin()?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), WireError> {
        const CHANGE_CIPHER_SPEC: u8 = 20;
        const ALERT: u8 = 21;
        const HANDSHAKE: u8 = 22;
        const SEALED: u8 = 23;
        let [kind, _, _, high, low] = self.header;
        self.left = u16::from_be_bytes([high, low]);
        self.phase = match (self.phase, kind) {
            (Phase::Hello, HANDSHAKE) => Phase::Keys,
            (Phase::Hello, ALERT) | (Phase::Keys | Phase::Open, SEALED) => self.phase,
            (Phase::Keys, CHANGE_CIPHER_SPEC) if self.left == 1 => self.phase,
            _ => return Err(WireError(ErrorKind::InvalidData)),
        };
        if self.left == 0 || self.left > MAX_RECORD { Err(WireError(ErrorKind::InvalidData)) } else { Ok(()) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn record(kind: u8, len: u16) -> Vec<u8> {
        let [high, low] = len.to_be_bytes();
        let mut record = std::vec![kind, 3, 3, high, low];
        record.resize(5 + usize::from(len), 0xAA);
        record
    }

    /// Passes records in pieces of `piece` bytes; how it ended, and what came through.
    fn pass(records: &mut Records, sent: &[Vec<u8>], piece: usize) -> (bool, Vec<u8>) {
        let mut bytes = sent.concat();
        let passed = bytes.chunks_mut(piece).all(|piece| records.pass(piece).is_ok());
        (passed, bytes)
    }

    #[test]
    fn a_hello_and_sealed_records_pass_in_pieces_of_any_size() {
        let sent = [record(22, 90), record(20, 1), record(23, 700), record(23, MAX_RECORD)];
        for piece in [1, 2, 5, 7, 1000, 20_000] {
            let (passed, bytes) = pass(&mut Records::NEW.clone(), &sent, piece);
            assert!(passed, "{piece}");
            assert_eq!(bytes, sent.concat());
        }
    }

    #[test]
    fn nothing_but_the_hello_is_taken_in_the_clear() {
        for (sent, passes) in [
            (std::vec![record(21, 2)], true),
            (std::vec![record(23, 40)], false),
            (std::vec![record(20, 1)], false),
            (std::vec![record(22, 90), record(22, 90)], false),
            (std::vec![record(22, 90), record(21, 2)], false),
            (std::vec![record(22, 90), record(20, 2)], false),
            (std::vec![record(22, 90), record(24, 40)], false),
            (std::vec![record(22, 90), record(23, 0)], false),
            (std::vec![record(22, 90), record(23, MAX_RECORD + 1)], false),
            (std::vec![record(22, 0)], false),
        ] {
            assert_eq!(pass(&mut Records::NEW.clone(), &sent, 3).0, passes, "{sent:02x?}");
        }
    }

    #[test]
    fn an_open_stream_takes_sealed_records_only_and_marks_them() {
        let mut records = Records::NEW;
        assert!(pass(&mut records, &[record(22, 90)], 9).0);
        records.phase = Phase::Open;
        let (passed, bytes) = pass(&mut records, &[record(23, 30), record(23, 30)], 4);
        assert!(passed);
        assert_eq!((bytes[2], bytes[35 + 2]), (OPEN, OPEN));
        assert_eq!(bytes.iter().filter(|byte| **byte == OPEN).count(), 2);
        for kind in [20, 21, 22] {
            assert!(!pass(&mut records.clone(), &[record(kind, 1)], 8).0, "{kind}");
        }
    }
}
