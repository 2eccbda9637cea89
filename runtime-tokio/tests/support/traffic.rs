//! A transport that looks on: how often it is read and written, and what.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use larkwire_tokio::connect::{BoxReader, BoxWriter, Connect, ConnectError, Destination, NetConnect};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One stream that was opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    pub(crate) reads: usize,
    pub(crate) writes: usize,
    pub(crate) read: Vec<u8>,
    pub(crate) written: Vec<u8>,
}

impl Stream {
    /// It carries the long connection.
    pub(crate) fn is_socket(&self) -> bool {
        self.written.starts_with(b"GET /ws")
    }
}

/// The usual transport, watched.
#[derive(Clone)]
pub(crate) struct Watched {
    inner: Arc<NetConnect>,
    streams: Arc<Mutex<Vec<Stream>>>,
}

impl Watched {
    pub(crate) fn new() -> Self {
        Self { inner: Arc::new(NetConnect::new(&[]).unwrap()), streams: Arc::default() }
    }

    pub(crate) fn streams(&self) -> Vec<Stream> {
        self.streams.lock().unwrap().clone()
    }

    /// The newest stream that carries a long connection.
    pub(crate) fn socket(&self) -> Stream {
        self.streams().into_iter().rfind(Stream::is_socket).expect("no long connection yet")
    }
}

impl Connect for Watched {
    type Reader = Half<BoxReader>;
    type Writer = Half<BoxWriter>;

    async fn connect(&self, to: &Destination) -> Result<(Self::Reader, Self::Writer), ConnectError> {
        let (reader, writer) = self.inner.connect(to).await?;
        let index = {
            let mut streams = self.streams.lock().unwrap();
            streams.push(Stream::default());
            streams.len() - 1
        };
        let streams = || Arc::clone(&self.streams);
        Ok((Half { inner: reader, index, streams: streams() }, Half { inner: writer, index, streams: streams() }))
    }
}

pub(crate) struct Half<T> {
    inner: T,
    index: usize,
    streams: Arc<Mutex<Vec<Stream>>>,
}

impl<T> Half<T> {
    fn note(&self, note: impl FnOnce(&mut Stream)) {
        note(&mut self.streams.lock().unwrap()[self.index]);
    }
}

impl AsyncRead for Half<BoxReader> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let new = buf.filled()[before..].to_vec();
        self.note(|stream| {
            stream.reads += 1;
            stream.read.extend(new);
        });
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Half<BoxWriter> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        self.note(|stream| {
            stream.writes += 1;
            stream.written.extend_from_slice(&bytes[..n]);
        });
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
