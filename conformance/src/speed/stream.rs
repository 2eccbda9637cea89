//! The socket of a client, plain or with TLS. Nothing waits here but who says so.

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};
use rustls::ServerConnection;

/// Read from the socket at once.
const CHUNK: usize = 256 * 1024;

/// A connection from a client.
pub(super) enum Stream {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS over it.
    Tls(Box<Sealed>),
}

pub(super) struct Sealed {
    tcp: TcpStream,
    tls: ServerConnection,
    raw: Vec<u8>,
}

impl Stream {
    pub(super) fn plain(tcp: TcpStream) -> Self {
        Self::Plain(tcp)
    }

    pub(super) fn tls(tcp: TcpStream, mut tls: ServerConnection) -> Self {
        // What is given to it at once is bounded by who writes.
        tls.set_buffer_limit(None);
        Self::Tls(Box::new(Sealed { tcp, tls, raw: vec![0; CHUNK] }))
    }

    /// Writes what goes without waiting; how much of `bytes` is taken care of.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => nothing_if_blocked(Now(tcp).write(bytes)),
            Self::Tls(sealed) => {
                // What is sealed already comes first.
                if !sealed.flush()? {
                    return Ok(0);
                }
                sealed.tls.writer().write_all(bytes)?;
                sealed.flush()?;
                Ok(bytes.len())
            }
        }
    }

    /// Whether something that was taken care of has not left yet.
    pub(super) fn is_behind(&self) -> bool {
        matches!(self, Self::Tls(sealed) if sealed.tls.wants_write())
    }

    /// Sends what is left behind, if that goes without waiting.
    pub(super) fn catch_up(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(sealed) => sealed.flush().map(drop),
        }
    }

    /// Reads; 0 if there is nothing. With `wait`, until something comes or the socket's read timeout is over.
    pub(super) fn take(&mut self, into: &mut [u8], wait: bool) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => {
                let n = if wait { tcp.read(into) } else { Now(tcp).read(into) };
                nothing_if_blocked(n.and_then(or_gone))
            }
            Self::Tls(sealed) => sealed.take(into, wait),
        }
    }

    /// Waits until something comes, or, if `to_write`, can be written, or the time is over.
    pub(super) fn wait(&self, to_write: bool, at_most: Duration) -> io::Result<()> {
        let tcp = self.tcp();
        let flags = if to_write { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let at_most = Timespec {
            tv_sec: i64::try_from(at_most.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(at_most.subsec_nanos()),
        };
        poll(&mut [PollFd::new(tcp, flags)], Some(&at_most))?;
        Ok(())
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(sealed) => &sealed.tcp,
        }
    }
}

impl Sealed {
    /// Whether everything has left.
    fn flush(&mut self) -> io::Result<bool> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Now(&self.tcp)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn take(&mut self, into: &mut [u8], wait: bool) -> io::Result<usize> {
        // What one read brought, opened, is never more than what it brought.
        let room = into.len().min(self.raw.len());
        let raw = &mut self.raw[..room];
        let n = if wait { (&self.tcp).read(raw) } else { Now(&self.tcp).read(raw) };
        let mut records = &self.raw[..nothing_if_blocked(n.and_then(or_gone))?];
        let mut taken = 0;
        while !records.is_empty() {
            if self.tls.read_tls(&mut records)? == 0 {
                // It has said that it goes.
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.tls.process_new_packets().map_err(io::Error::other)?;
            loop {
                match self.tls.reader().read(&mut into[taken..]) {
                    Ok(0) => break,
                    Ok(n) => taken += n,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        self.flush()?;
        Ok(taken)
    }
}

/// A socket that waits for nothing.
struct Now<'a>(&'a TcpStream);

impl Read for Now<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(recv(self.0, into, RecvFlags::DONTWAIT)?.0)
    }
}

impl Write for Now<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(self.0, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        Ok(sendmsg(self.0, slices, &mut SendAncillaryBuffer::default(), flags)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn or_gone(n: usize) -> io::Result<usize> {
    if n == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(n) }
}

fn nothing_if_blocked(n: io::Result<usize>) -> io::Result<usize> {
    match n {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
        other => other,
    }
}
