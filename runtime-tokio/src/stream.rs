//! One lane of the bot and its stream: dialled, read, written and dropped as the bot wishes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use larkwire_core::{Attempt, Bot, Closed, Lane, Wish};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use zeroize::Zeroize as _;

use crate::connect::{Connect, ConnectError, Destination, closed_by};
use crate::monitor::Monitor;
use crate::scratch;

type Halves<C> = (<C as Connect>::Reader, <C as Connect>::Writer);
type Dial<C> = Pin<Box<dyn Future<Output = Result<Halves<C>, ConnectError>> + Send>>;

/// Both halves go at once: a read is never abandoned on a stream that lives on.
enum Stream<C: Connect> {
    Down,
    /// On the heap, since it is large and soon over.
    Dialing(Attempt, Dial<C>),
    Open(Open<C>),
}

struct Open<C: Connect> {
    attempt: Attempt,
    reader: C::Reader,
    writer: C::Writer,
    /// Bytes that the writer took and may still hold.
    unflushed: usize,
}

/// What the bot wants of the lane, as last seen.
#[derive(Clone, Copy)]
struct Wanted {
    attempt: Attempt,
    room: usize,
}

pub(crate) struct LaneStream<C: Connect> {
    lane: Lane,
    stream: Stream<C>,
    wanted: Option<Wanted>,
    /// Where to dial next.
    to: Option<Destination>,
}

impl<C: Connect> LaneStream<C> {
    pub(crate) fn new(lane: Lane) -> Self {
        Self { lane, stream: Stream::Down, wanted: None, to: None }
    }

    pub(crate) fn is_down(&self) -> bool {
        matches!(self.stream, Stream::Down)
    }

    fn attempt(&self) -> Option<Attempt> {
        match &self.stream {
            Stream::Down => None,
            Stream::Dialing(attempt, _) => Some(*attempt),
            Stream::Open(open) => Some(open.attempt),
        }
    }

    /// Looks at what the bot wants.
    pub(crate) fn look(&mut self, bot: &Bot<'_>) {
        self.wanted = match bot.poll_lane(self.lane) {
            Wish::Down => None,
            Wish::Up(target) => {
                if self.attempt() != Some(target.attempt) {
                    self.to = Some(Destination::from(target));
                }
                Some(Wanted { attempt: target.attempt, room: bot.poll_receive(self.lane) })
            }
        };
    }

    /// Hangs up, dials and reads, as far as that goes without waiting.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, monitor: &Monitor, connect: &Arc<C>) {
        if self.attempt() != self.wanted.map(|wanted| wanted.attempt) {
            self.stream = match (self.wanted, self.to.take()) {
                (Some(wanted), Some(to)) => Stream::Dialing(wanted.attempt, dial(Arc::clone(connect), to)),
                _ => Stream::Down,
            };
        }
        match &mut self.stream {
            Stream::Down => {}
            Stream::Dialing(attempt, dial) => {
                let (lane, attempt) = (self.lane, *attempt);
                let Poll::Ready(dialled) = dial.as_mut().poll(cx) else { return };
                match dialled {
                    Ok((reader, writer)) => {
                        self.stream = Stream::Open(Open { attempt, reader, writer, unflushed: 0 });
                        monitor.step(|bot, now| bot.handle_opened(now, lane, attempt));
                    }
                    Err(error) => {
                        self.stream = Stream::Down;
                        monitor.step(|bot, now| bot.handle_closed(now, lane, attempt, error.closed));
                    }
                }
            }
            Stream::Open(open) => {
                let room = self.wanted.map_or(0, |wanted| wanted.room);
                if room > 0
                    && let Some(why) = open.read(cx, monitor, self.lane, room)
                {
                    self.hang_up(monitor, why);
                }
            }
        }
    }

    /// Writes what waits, all of it in one write where the stream takes it.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, monitor: &Monitor) {
        if let Stream::Open(open) = &mut self.stream
            && let Err(error) = open.write(cx, monitor, self.lane)
        {
            self.hang_up(monitor, closed_by(&error));
        }
    }

    fn hang_up(&mut self, monitor: &Monitor, why: Closed) {
        if let Some(attempt) = self.attempt() {
            self.stream = Stream::Down;
            monitor.step(|bot, now| bot.handle_closed(now, self.lane, attempt, why));
        }
    }
}

fn dial<C: Connect>(connect: Arc<C>, to: Destination) -> Dial<C> {
    Box::pin(async move {
        let dialled = connect.connect(&to).await;
        if let Err(error) = &dialled {
            tracing::debug!(host = %to.host, port = to.port, error = %error, "dial failed");
        }
        dialled
    })
}

impl<C: Connect> Open<C> {
    /// Reads all that is there and tells it at once; why the stream has ended, if it has.
    fn read(&mut self, cx: &mut Context<'_>, monitor: &Monitor, lane: Lane, room: usize) -> Option<Closed> {
        scratch::with(|scratch| {
            let most = room.min(scratch.len());
            let mut bytes = ReadBuf::new(scratch.get_mut(..most).unwrap_or_default());
            let mut ended = None;
            // TLS gives a record at a time.
            while bytes.remaining() > 0 {
                let before = bytes.filled().len();
                match Pin::new(&mut self.reader).poll_read(cx, &mut bytes) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(())) if bytes.filled().len() > before => {}
                    Poll::Ready(Ok(())) => {
                        ended = Some(Closed::Eof);
                        break;
                    }
                    Poll::Ready(Err(error)) => {
                        ended = Some(closed_by(&error));
                        break;
                    }
                }
            }
            let bytes = bytes.filled_mut();
            if !bytes.is_empty() {
                monitor.step(|bot, now| bot.handle_received(now, lane, self.attempt, bytes));
            }
            // It may have been a token. The memory is lent again, so that no compiler may leave this out.
            bytes.fill(0);
            ended
        })
    }

    fn write(&mut self, cx: &mut Context<'_>, monitor: &Monitor, lane: Lane) -> io::Result<()> {
        if self.unflushed == 0 {
            scratch::with(|scratch| {
                let len = monitor.read(|bot| self.copy_output(bot, lane, scratch));
                let bytes = scratch.get_mut(..len).unwrap_or_default();
                let written = self.write_all(cx, bytes);
                // It may have been the app's secret.
                bytes.zeroize();
                written
            })?;
        }
        if self.unflushed == 0 {
            return Ok(());
        }
        // What TLS still holds has not left: after a last word the stream is dropped as soon as the bot hears of it.
        match Pin::new(&mut self.writer).poll_flush(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(flushed) => {
                flushed?;
                let n = std::mem::take(&mut self.unflushed);
                monitor.step(|bot, now| bot.handle_transmitted(now, lane, self.attempt, n));
                Ok(())
            }
        }
    }

    fn copy_output(&self, bot: &Bot<'_>, lane: Lane, scratch: &mut [u8]) -> usize {
        // Another attempt's bytes are not for this stream.
        if !matches!(bot.poll_lane(lane), Wish::Up(target) if target.attempt == self.attempt) {
            return 0;
        }
        let bytes = bot.poll_transmit(lane);
        let len = bytes.len().min(scratch.len());
        if let (Some(room), Some(bytes)) = (scratch.get_mut(..len), bytes.get(..len)) {
            room.copy_from_slice(bytes);
        }
        len
    }

    fn write_all(&mut self, cx: &mut Context<'_>, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match Pin::new(&mut self.writer).poll_write(cx, bytes) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => {
                    self.unflushed = self.unflushed.saturating_add(n);
                    bytes = bytes.get(n..).unwrap_or_default();
                }
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        Ok(())
    }
}
