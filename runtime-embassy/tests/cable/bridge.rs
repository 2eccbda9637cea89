//! The far board's doors: each connection to it goes on over a socket of this machine.

use std::cell::Cell;

use embassy_futures::join::join_array;
use embassy_futures::select::{Either, select};
use embassy_net::Stack;
use embassy_net::tcp::TcpSocket;
use embassy_time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::listener;

/// Connections at a time.
const DOORS: usize = 6;
/// A board that does not take what it is sent has gone.
const GONE: Duration = Duration::from_secs(10);

pub(crate) struct Bridge {
    /// Of both ends.
    port: u16,
    open: Cell<usize>,
    most: Cell<usize>,
    all: Cell<usize>,
}

impl Bridge {
    pub(crate) fn to(port: u16) -> Self {
        Self { port, open: Cell::new(0), most: Cell::new(0), all: Cell::new(0) }
    }

    /// How many streams the board had open at once. Until it has ended its side, one counts as open.
    pub(crate) fn most_open(&self) -> usize {
        self.most.get()
    }

    /// How many streams the board has opened.
    pub(crate) fn opened(&self) -> usize {
        self.all.get()
    }

    pub(crate) async fn run(&self, stack: Stack<'static>) {
        join_array([(); DOORS].map(|()| self.door(stack))).await;
    }

    async fn door(&self, stack: Stack<'static>) {
        let mut near = listener(stack);
        near.set_timeout(Some(GONE));
        loop {
            // A dial may be given up on its way.
            if near.accept(self.port).await.is_ok() && self.pass(&mut near).await == Ok(()) {
                near.close();
                let _ = near.flush().await;
            }
            near.abort();
            let _ = near.flush().await;
        }
    }

    /// Ends with both sides, or as soon as one of them breaks.
    async fn pass(&self, near: &mut TcpSocket<'static>) -> Result<(), Broken> {
        let open = Open::new(self);
        let mut far = TcpStream::connect(("127.0.0.1", self.port)).await.map_err(|_| Broken)?;
        far.set_nodelay(true).map_err(|_| Broken)?;
        let (mut there, mut back) = (Flow::default(), Flow::default());
        let first = {
            let (mut near_in, mut near_out) = near.split();
            let (mut far_in, mut far_out) = far.split();
            let there = there.carry(async |b| known(near_in.read(b).await), async |b| known(far_out.write(b).await));
            let back = back.carry(async |b| known(far_in.read(b).await), async |b| known(near_out.write(b).await));
            select(there, back).await
        };
        let ended = match first {
            Either::First(Ok(())) => {
                drop(open);
                far.shutdown().await.map_err(|_| Broken)?;
                back.carry(async |b| known(far.read(b).await), async |b| known(near.write(b).await)).await
            }
            Either::Second(Ok(())) => {
                near.close();
                there.carry(async |b| known(near.read(b).await), async |b| known(far.write(b).await)).await
            }
            Either::First(broken) | Either::Second(broken) => broken,
        };
        if ended.is_err() {
            // Without it the end is an ordinary one.
            let _ = far.set_zero_linger();
        }
        ended
    }
}

/// One side has reset the connection, or cannot be reached.
#[derive(Debug, Eq, PartialEq)]
struct Broken;

fn known<E>(moved: Result<usize, E>) -> Result<usize, Broken> {
    moved.map_err(|_| Broken)
}

/// Counts as open while it lives.
struct Open<'b>(&'b Bridge);

impl<'b> Open<'b> {
    fn new(bridge: &'b Bridge) -> Self {
        bridge.all.set(bridge.all.get() + 1);
        bridge.open.set(bridge.open.get() + 1);
        bridge.most.set(bridge.most.get().max(bridge.open.get()));
        Self(bridge)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
    }
}

/// One direction. What was read and not yet written outlives the future that carries it.
struct Flow {
    bytes: [u8; 2048],
    from: usize,
    to: usize,
}

impl Default for Flow {
    fn default() -> Self {
        Self { bytes: [0; 2048], from: 0, to: 0 }
    }
}

impl Flow {
    /// Carries bytes to the end of the stream.
    async fn carry(
        &mut self,
        mut read: impl AsyncFnMut(&mut [u8]) -> Result<usize, Broken>,
        mut write: impl AsyncFnMut(&[u8]) -> Result<usize, Broken>,
    ) -> Result<(), Broken> {
        loop {
            while self.from < self.to {
                self.from += write(&self.bytes[self.from..self.to]).await?;
            }
            self.from = 0;
            self.to = 0;
            self.to = read(&mut self.bytes).await?;
            if self.to == 0 {
                return Ok(());
            }
        }
    }
}
