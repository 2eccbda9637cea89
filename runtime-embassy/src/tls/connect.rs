//! [`TlsConnect`], the streams it opens, and their halves.

use core::cell::Cell;
use core::fmt;

use embassy_net::Stack;
use embedded_io_async::{Error, ErrorKind, ErrorType, Read, Write};
use embedded_tls::TlsError;
use larkwire_core::Closed;

use super::fault::TlsFault;
use super::open::{Random, Refusal, Verified, open_verified};
use super::suite::Suite;
use super::verify::{Trust, Verifier};
use super::wire::{MAX_RECORD, Wire};
use crate::clock::{Entropy, WallClock};
use crate::connect::{Connect, Destination, Stream, dial, socket};

/// The memory of one connector. 23 KB are a good measure: 2 KB, 2 KB, 16 640 bytes, 2 KB.
pub struct TlsBuffers<'d> {
    /// Received bytes that TCP holds: 512 or more. It bounds how much the server sends at once.
    pub tcp_rx: &'d mut [u8],
    /// Bytes that TCP holds until the server has acknowledged them: 512 or more.
    pub tcp_tx: &'d mut [u8],
    /// A received record: [`RECORD_RX`](Self::RECORD_RX) or more, whatever the server may send.
    pub record_rx: &'d mut [u8],
    /// A record to send: [`RECORD_TX`](Self::RECORD_TX) or more. 128 bytes of it are overhead.
    pub record_tx: &'d mut [u8],
}

impl TlsBuffers<'_> {
    /// Bytes of the longest record a server may send (RFC 8446 section 5.2).
    pub const RECORD_RX: usize = MAX_RECORD as usize;
    /// Bytes that every hello fits.
    pub const RECORD_TX: usize = 2048;
    /// Bytes of TCP's own buffers, each.
    const TCP: usize = 512;

    fn check(&self) -> Result<(), TlsFault> {
        for (buffer, needed) in [
            (&*self.tcp_rx, Self::TCP),
            (&*self.tcp_tx, Self::TCP),
            (&*self.record_rx, Self::RECORD_RX),
            (&*self.record_tx, Self::RECORD_TX),
        ] {
            if buffer.len() < needed {
                return Err(TlsFault::BufferTooSmall { needed });
            }
        }
        Ok(())
    }
}

impl fmt::Debug for TlsBuffers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = [&self.tcp_rx, &self.tcp_tx, &self.record_rx, &self.record_tx].map(|buffer| buffer.len());
        write!(f, "TlsBuffers({sizes:?})")
    }
}

/// TLS 1.3 over TCP with TCP_NODELAY over an embassy-net stack, to servers that have proved who they are. Targets without
/// TLS are refused with [`Closed::Tls`].
pub struct TlsConnect<'d, W, E> {
    stack: Stack<'d>,
    wire: Wire<'d>,
    record_rx: &'d mut [u8],
    record_tx: &'d mut [u8],
    trust: Trust<'d>,
    clock: W,
    entropy: E,
    faults: &'d Cell<Option<TlsFault>>,
}

impl<'d, W: WallClock, E: Entropy> TlsConnect<'d, W, E> {
    /// It takes one socket of the stack's resources; DNS takes another one for all connectors. Connectors of one bot share
    /// the clock as `&Clock`, the entropy as `&RefCell<E>`, and `faults`: why the last refusal was, whoever refused. It is
    /// set before the bot hears of it, so a hook for notices may `take()` it.
    ///
    /// # Errors
    /// [`TlsFault::BufferTooSmall`].
    pub fn new(
        stack: Stack<'d>,
        buffers: TlsBuffers<'d>,
        trust: Trust<'d>,
        clock: W,
        entropy: E,
        faults: &'d Cell<Option<TlsFault>>,
    ) -> Result<Self, TlsFault> {
        buffers.check()?;
        let TlsBuffers { tcp_rx, tcp_tx, record_rx, record_tx } = buffers;
        let wire = Wire::new(socket(stack, tcp_rx, tcp_tx));
        Ok(Self { stack, wire, record_rx, record_tx, trust, clock, entropy, faults })
    }

    async fn open(&mut self, to: &Destination) -> Result<TlsStream<'_, 'd>, Refusal> {
        if !to.tls {
            return Err(TlsFault::PlaintextAsked.into());
        }
        let host = to.host.as_str();
        // Before anything is sent: without the day or a key nothing comes of it.
        Verifier::new(self.trust, host, self.clock.unix())?;
        let random = Random::new(&mut self.entropy)?;
        self.wire.renew();
        let dialled = dial(self.stack, self.wire.socket.get_mut(), to).await.map_err(Refusal::Wire)?;
        // The stream made next hangs up in its place.
        core::mem::forget(dialled);
        let mut stream = TlsStream { tls: None, wire: &self.wire, faults: self.faults };
        // A dial may wait for a cable for hours.
        let verifier = Verifier::new(self.trust, host, self.clock.unix())?;
        let opened = open_verified(&self.wire, self.record_rx, self.record_tx, host, verifier, random);
        stream.tls = Some(opened.await?);
        Ok(stream)
    }
}

impl<W, E> fmt::Debug for TlsConnect<'_, W, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("TlsConnect");
        f.field("trust", &self.trust).field("fault", &self.faults.get()).finish_non_exhaustive()
    }
}

impl<'d, W: WallClock, E: Entropy> Connect for TlsConnect<'d, W, E> {
    type Stream<'a>
        = TlsStream<'a, 'd>
    where
        Self: 'a;

    async fn connect(&mut self, to: &Destination) -> Result<TlsStream<'_, 'd>, Closed> {
        let faults = self.faults;
        self.open(to).await.map_err(|refusal| match refusal {
            Refusal::Fault(fault) => {
                faults.set(Some(fault));
                Closed::Tls
            }
            Refusal::Wire(closed) => closed,
        })
    }
}

/// A stream of [`TlsConnect`].
pub struct TlsStream<'a, 'd> {
    /// There is one until it was closed.
    tls: Option<Verified<'a, 'd>>,
    wire: &'a Wire<'d>,
    faults: &'d Cell<Option<TlsFault>>,
}

impl fmt::Debug for TlsStream<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsStream")
    }
}

impl<'d> Stream for TlsStream<'_, 'd> {
    type Reader<'a>
        = TlsReader<'a, 'd>
    where
        Self: 'a;
    type Writer<'a>
        = TlsWriter<'a, 'd>
    where
        Self: 'a;

    fn split(&mut self) -> (TlsReader<'_, 'd>, TlsWriter<'_, 'd>) {
        let (reader, writer) = self.tls.as_mut().map(Verified::split).unzip();
        let report = Report { wire: self.wire, faults: self.faults };
        (TlsReader { reader, report }, TlsWriter { writer, report })
    }

    /// Says `close_notify`, then closes TCP.
    async fn close(&mut self) {
        // After half a record nothing can be said any more.
        let tls = self.tls.take().filter(|_| !self.wire.is_torn.get());
        let Some(mut tls) = tls else { return };
        // The peer's own goodbye ends the stream; what would follow could not be sealed.
        if tls.is_opened() && tls.close().await.is_err() {
            return;
        }
        self.wire.close().await;
    }
}

impl Drop for TlsStream<'_, '_> {
    fn drop(&mut self) {
        self.wire.hang_up();
    }
}

/// What both halves know of their stream.
#[derive(Clone, Copy)]
struct Report<'a, 'd> {
    wire: &'a Wire<'d>,
    faults: &'d Cell<Option<TlsFault>>,
}

impl Report<'_, '_> {
    fn broken(&self, error: TlsError) -> TlsBroken {
        match error {
            TlsError::Io(kind) if kind != ErrorKind::InvalidData => TlsBroken::Wire,
            // The last one: the server said goodbye to the other half.
            TlsError::IoError | TlsError::MissingHandshake => TlsBroken::Wire,
            _ => {
                self.faults.set(Some(TlsFault::Handshake));
                TlsBroken::Tls
            }
        }
    }
}

/// The reading half of a [`TlsStream`]. A read that was dropped before its end leaves the stream unreadable.
pub struct TlsReader<'a, 'd> {
    reader: Option<embedded_tls::TlsReader<'a, &'a Wire<'d>, Suite>>,
    report: Report<'a, 'd>,
}

impl fmt::Debug for TlsReader<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsReader")
    }
}

impl ErrorType for TlsReader<'_, '_> {
    type Error = TlsBroken;
}

impl Read for TlsReader<'_, '_> {
    /// 0 once the server has said `close_notify`; a stream that ends without it is broken.
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, TlsBroken> {
        let is_cut = &self.report.wire.is_cut;
        let Some(reader) = self.reader.as_mut().filter(|_| !is_cut.get()) else { return Err(TlsBroken::Wire) };
        is_cut.set(true);
        let n = match reader.read(out).await {
            Ok(n) => n,
            // The second one is said to whoever reads on.
            Err(TlsError::ConnectionClosed | TlsError::MissingHandshake) => 0,
            Err(error) => return Err(self.report.broken(error)),
        };
        is_cut.set(false);
        Ok(n)
    }
}

/// The writing half of a [`TlsStream`]. A flush hands the bytes to TCP; it does not wait for the server. A write or flush
/// that was dropped before its end leaves the stream unwritable.
pub struct TlsWriter<'a, 'd> {
    writer: Option<embedded_tls::TlsWriter<'a, &'a Wire<'d>, Suite>>,
    report: Report<'a, 'd>,
}

impl fmt::Debug for TlsWriter<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsWriter")
    }
}

impl ErrorType for TlsWriter<'_, '_> {
    type Error = TlsBroken;
}

impl Write for TlsWriter<'_, '_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TlsBroken> {
        let is_torn = &self.report.wire.is_torn;
        let Some(writer) = self.writer.as_mut().filter(|_| !is_torn.get()) else { return Err(TlsBroken::Wire) };
        is_torn.set(true);
        let n = writer.write(bytes).await.map_err(|error| self.report.broken(error))?;
        is_torn.set(false);
        Ok(n)
    }

    async fn flush(&mut self) -> Result<(), TlsBroken> {
        let is_torn = &self.report.wire.is_torn;
        let Some(writer) = self.writer.as_mut().filter(|_| !is_torn.get()) else { return Err(TlsBroken::Wire) };
        is_torn.set(true);
        writer.flush().await.map_err(|error| self.report.broken(error))?;
        is_torn.set(false);
        Ok(())
    }
}

/// A stream with TLS does not go on. Next step: none, the bot connects again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TlsBroken {
    /// The server broke the rules of TLS, or changed its keys; [`TlsFault`] was told.
    Tls,
    /// The stream of bytes broke, or ended without a goodbye.
    Wire,
}

impl fmt::Display for TlsBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "the server broke the rules of TLS",
            Self::Wire => "the stream broke",
        })
    }
}

impl core::error::Error for TlsBroken {}

impl Error for TlsBroken {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Tls => ErrorKind::InvalidData,
            Self::Wire => ErrorKind::ConnectionReset,
        }
    }
}
