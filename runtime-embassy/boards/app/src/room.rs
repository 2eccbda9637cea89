//! All memory of the application. It lies in statics: nothing is found out at run time.

use core::fmt;

use embassy_net::Stack;
#[cfg(feature = "tls")]
use larkwire_embassy::TlsBuffers;
use larkwire_embassy::core::config::ConfigError;
use larkwire_embassy::core::{Bot, Config, Seed, Storage, Tables};
use larkwire_embassy::{Channel, ChannelInbox, Client, Events, Resources, Runner, TcpConnect};
use static_cell::{ConstStaticCell, StaticCell};

use crate::profile::{EVENTS, HTTP_LANES, MESSAGE, Memory, SAID, STREAM_IN, STREAM_OUT, STREAMS};

type Inbox = Channel<MESSAGE, EVENTS>;

/// All that one bot needs beside its future and its streams: one static, made once. What is large in it is all zero at
/// the start: it takes no flash, and never passes over the stack.
pub struct Room {
    memory: ConstStaticCell<Memory>,
    tables: StaticCell<Tables<'static>>,
    resources: StaticCell<Resources<'static, HTTP_LANES>>,
    inbox: ConstStaticCell<Inbox>,
    echo: ConstStaticCell<EchoRoom>,
}

/// Working room for one answer: what is said stands behind the words that go before it, and is the answer.
#[derive(Debug)]
pub(crate) struct EchoRoom(pub(crate) [u8; SAID]);

/// A bot that is set up: what [`run`](crate::run) takes.
#[derive(Debug)]
pub struct Engine {
    pub(crate) client: Client<'static>,
    pub(crate) runner: Runner<'static, HTTP_LANES>,
    pub(crate) inbox: ChannelInbox<'static, MESSAGE, EVENTS>,
}

/// Its program: what [`echo`](crate::echo) takes.
#[derive(Debug)]
pub struct Program {
    pub(crate) client: Client<'static>,
    pub(crate) events: Events<'static, MESSAGE, EVENTS>,
    pub(crate) room: &'static mut EchoRoom,
}

impl Room {
    /// Room for one bot, for a static.
    pub const fn new() -> Self {
        Self {
            memory: ConstStaticCell::new(Memory::new()),
            tables: StaticCell::new(),
            resources: StaticCell::new(),
            inbox: ConstStaticCell::new(Inbox::new()),
            echo: ConstStaticCell::new(EchoRoom([0; SAID])),
        }
    }

    /// Makes the bot, once. It panics when it is called again.
    ///
    /// # Errors
    /// [`ConfigError`]: nothing was started.
    pub(crate) fn set_up(&'static self, config: Config<'_>, seed: Seed) -> Result<(Engine, Program), ConfigError> {
        let storage = self.tables.init(self.memory.take().tables()).storage();
        let (client, runner) = resources(&self.resources, config, storage, seed)?.split();
        let (inbox, events) = self.inbox.take().split();
        Ok((Engine { client, runner, inbox }, Program { client, events, room: self.echo.take() }))
    }
}

// On its own: a function has room on its stack for all that passes through it, as long as it runs.

#[inline(never)]
fn resources(
    place: &'static StaticCell<Resources<'static, HTTP_LANES>>,
    config: Config<'_>,
    storage: Storage<'static>,
    seed: Seed,
) -> Result<&'static mut Resources<'static, HTTP_LANES>, ConfigError> {
    let bot = Bot::new(config, storage, seed)?;
    let lanes = ConfigError::Storage { name: "http", needed: 1 };
    Ok(place.init(Resources::new(bot).map_err(|_| lanes)?.text_room(Memory::TEXT_ROOM)))
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room({} bytes)", size_of::<Self>())
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new()
    }
}

/// The buffers of one plain TCP stream.
#[derive(Debug)]
struct Tcp {
    rx: [u8; STREAM_IN],
    tx: [u8; STREAM_OUT],
}

impl Tcp {
    const EMPTY: Self = Self { rx: [0; STREAM_IN], tx: [0; STREAM_OUT] };
}

/// The buffers of plain TCP: for the long connection and for HTTP, or one for both.
#[derive(Debug)]
pub struct TcpRoom([Tcp; STREAMS]);

impl TcpRoom {
    /// Empty buffers, for a static.
    pub const fn new() -> Self {
        Self([Tcp::EMPTY; STREAMS])
    }

    /// Connectors over them, the long connection's first.
    pub fn connectors<'a>(&'a mut self, stack: Stack<'a>) -> [TcpConnect<'a>; STREAMS] {
        self.0.each_mut().map(|Tcp { rx, tx }| TcpConnect::new(stack, rx, tx))
    }
}

impl Default for TcpRoom {
    fn default() -> Self {
        Self::new()
    }
}

/// The buffers of one TLS stream: those of TCP, and a record each way.
#[cfg(feature = "tls")]
#[derive(Debug)]
struct Tls {
    tcp: Tcp,
    rx: [u8; TlsBuffers::RECORD_RX],
    tx: [u8; TlsBuffers::RECORD_TX],
}

/// The buffers of TLS: for the long connection and for HTTP, or one for both.
#[cfg(feature = "tls")]
#[derive(Debug)]
pub struct TlsRoom([Tls; STREAMS]);

#[cfg(feature = "tls")]
impl TlsRoom {
    /// Empty buffers, for a static.
    pub const fn new() -> Self {
        Self(
            [const { Tls { tcp: Tcp::EMPTY, rx: [0; TlsBuffers::RECORD_RX], tx: [0; TlsBuffers::RECORD_TX] } };
                STREAMS],
        )
    }

    /// Makes a connector over the buffers of each stream, the long connection's first.
    ///
    /// # Errors
    /// That of `connect`.
    pub fn connectors<'a, C, E>(
        &'a mut self,
        mut connect: impl FnMut(TlsBuffers<'a>) -> Result<C, E>,
    ) -> Result<[C; STREAMS], E> {
        let mut connect = |Tls { tcp: Tcp { rx: tcp_rx, tx: tcp_tx }, rx, tx }: &'a mut Tls| {
            connect(TlsBuffers { tcp_rx, tcp_tx, record_rx: rx, record_tx: tx })
        };
        #[cfg(feature = "small")]
        {
            let [stream] = &mut self.0;
            Ok([connect(stream)?])
        }
        #[cfg(not(feature = "small"))]
        {
            let [socket, http] = &mut self.0;
            Ok([connect(socket)?, connect(http)?])
        }
    }
}

#[cfg(feature = "tls")]
impl Default for TlsRoom {
    fn default() -> Self {
        Self::new()
    }
}
