//! Between TLS and its socket: takes all that the socket has in one read. rustls asks for 4 KiB at a time, and a read
//! costs nearly the same whatever it brings.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::scratch;

#[derive(Debug)]
pub(super) struct Gather<S> {
    stream: S,
    /// What was read and not asked for yet; no memory once it was.
    held: Vec<u8>,
    given: usize,
}

impl<S> Gather<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, held: Vec::new(), given: 0 }
    }

    fn give(&mut self, buf: &mut ReadBuf<'_>) {
        let rest = self.held.get(self.given..).unwrap_or_default();
        let n = rest.len().min(buf.remaining());
        buf.put_slice(rest.get(..n).unwrap_or_default());
        self.given = self.given.saturating_add(n);
        if self.given >= self.held.len() {
            (self.held, self.given) = (Vec::new(), 0);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gather<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.held.is_empty() {
            this.give(buf);
            return Poll::Ready(Ok(()));
        }
        scratch::with(|scratch| {
            let mut bytes = ReadBuf::new(scratch);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut bytes))?;
            let (now, later) = bytes.filled().split_at(bytes.filled().len().min(buf.remaining()));
            buf.put_slice(now);
            if !later.is_empty() {
                this.held = later.to_vec();
            }
            Poll::Ready(Ok(()))
        })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gather<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    #[tokio::test]
    async fn small_reads_get_everything_in_order_and_nothing_is_held_after_that() {
        let (mut near, far) = duplex(64 * 1024);
        let mut far = Gather::new(far);
        let bytes: Vec<u8> = (0..10_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        near.write_all(&bytes).await.unwrap();
        let mut got = vec![0; 4096];
        far.read_exact(&mut got).await.unwrap();
        assert_eq!(far.held.len(), 10_000 - 4096, "one read took all that was there");
        near.write_all(b"more").await.unwrap();
        got.resize(10_004, 0);
        far.read_exact(&mut got[4096..]).await.unwrap();
        assert_eq!(got, [bytes.as_slice(), b"more"].concat());
        assert_eq!(far.held.capacity(), 0);
        drop(near);
        assert_eq!(far.read(&mut [0; 8]).await.unwrap(), 0);
    }
}
