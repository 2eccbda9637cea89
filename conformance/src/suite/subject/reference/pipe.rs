//! The stream under the WebSocket: counts what comes in, so that any sign of life counts.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::heads::Heads;

#[derive(Debug)]
pub(super) struct Pipe {
    stream: DuplexStream,
    /// Bytes that came in.
    pub(super) heard: u64,
    /// From the upgrade on.
    heads: Option<Heads>,
    broken: bool,
    /// Pongs of RFC 6455 are swallowed.
    mute: bool,
    /// Bytes of the present outgoing ws frame that have not been written.
    left: usize,
}

impl Pipe {
    pub(super) fn new(stream: DuplexStream, mute: bool) -> Self {
        Self { stream, heard: 0, heads: None, broken: false, mute, left: 0 }
    }

    /// What comes from now on are ws frames, these bytes the first of them.
    pub(super) fn upgraded(&mut self, read: &mut Vec<u8>) {
        let heads = self.heads.insert(Heads::default());
        let sound = heads.sound(read);
        self.broken = sound < read.len();
        read.truncate(sound);
    }
}

impl AsyncRead for Pipe {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let broken = || Poll::Ready(Err(io::Error::from(io::ErrorKind::InvalidData)));
        if self.broken {
            return broken();
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let new = buf.filled().get(before..).unwrap_or_default();
        let len = new.len();
        self.heard += len as u64;
        let sound = self.heads.as_mut().map_or(len, |heads| heads.sound(new));
        self.broken = sound < len;
        buf.set_filled(before + sound);
        if self.broken && sound == 0 { broken() } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.mute || !matches!(bytes.first(), Some(0x80..)) && self.left == 0 {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        if self.left == 0 {
            let len = whole(bytes).min(bytes.len());
            if bytes.first() == Some(&0x8a) {
                return Poll::Ready(Ok(len));
            }
            self.left = len;
        }
        let piece = bytes.get(..self.left.min(bytes.len())).unwrap_or(bytes);
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, piece))?;
        self.left -= written;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Length of the masked ws frame that begins here.
fn whole(bytes: &[u8]) -> usize {
    let big = |from: usize, to: usize| {
        bytes.get(from..to).unwrap_or_default().iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
    };
    match bytes.get(1).copied().unwrap_or_default() & 0x7f {
        126 => 8 + big(2, 4),
        127 => 14 + big(2, 10),
        len => 6 + usize::from(len),
    }
}
