//! All memory of the application, and every size it has. It lies in statics: nothing is found out at run time.

use core::fmt;

use embassy_net::Stack;
#[cfg(feature = "tls")]
use larkwire_embassy::TlsBuffers;
use larkwire_embassy::core::config::ConfigError;
use larkwire_embassy::core::{Bot, Config, Seed, Storage, Tables};
use larkwire_embassy::{Buffers, Channel, ChannelInbox, Client, Events, Resources, Runner, TcpConnect};
use static_cell::{ConstStaticCell, StaticCell};

/// The longest message, in bytes of JSON.
pub(crate) const MESSAGE: usize = 2048;
/// Acks and the upgrade request.
const OUT: usize = 1024;
/// The longest HTTP answer, the longest request, one call.
const HTTP: usize = 2048;
/// The tenant token. The platform may give out 4 KB; a product that is to take those has 4096 here and 6144 for `HTTP`.
const TOKEN: usize = 1024;
/// Remembered ids, two a message.
const SEEN: usize = 256;
/// Messages that wait for the echo.
pub(crate) const EVENTS: usize = 4;
/// Received bytes of one TCP stream that nobody has read yet: its window.
pub const STREAM_IN: usize = 1024;
/// Bytes of one TCP stream that the peer has not taken yet.
pub const STREAM_OUT: usize = 1024;
/// Sockets of the network stack: DHCP, DNS, the long connection, HTTP.
pub const SOCKETS: usize = 4;

/// What the engine keeps.
pub type Memory = Buffers<MESSAGE, OUT, HTTP, TOKEN, SEEN>;
type Inbox = Channel<MESSAGE, EVENTS>;

/// All that one bot needs beside its future and its streams: one static, made once. What is large in it is all zero at
/// the start: it takes no flash, and never passes over the stack.
pub struct Room {
    memory: ConstStaticCell<Memory>,
    tables: StaticCell<Tables<'static>>,
    resources: StaticCell<Resources<'static, 1>>,
    inbox: ConstStaticCell<Inbox>,
    echo: ConstStaticCell<EchoRoom>,
}

/// Working room for one answer.
#[derive(Debug)]
pub(crate) struct EchoRoom {
    /// What was said; twice a message is enough, whatever its form.
    pub(crate) said: [u8; 2 * MESSAGE],
    /// What is answered.
    pub(crate) answer: [u8; MESSAGE],
}

/// A bot that is set up: what [`run`](crate::run) takes.
#[derive(Debug)]
pub struct Engine {
    pub(crate) client: Client<'static>,
    pub(crate) runner: Runner<'static, 1>,
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
            echo: ConstStaticCell::new(EchoRoom { said: [0; 2 * MESSAGE], answer: [0; MESSAGE] }),
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
    place: &'static StaticCell<Resources<'static, 1>>,
    config: Config<'_>,
    storage: Storage<'static>,
    seed: Seed,
) -> Result<&'static mut Resources<'static, 1>, ConfigError> {
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

/// The buffers of plain TCP: the long connection and HTTP.
#[derive(Debug)]
pub struct TcpRoom {
    rx: [[u8; STREAM_IN]; 2],
    tx: [[u8; STREAM_OUT]; 2],
}

impl TcpRoom {
    /// Empty buffers, for a static.
    pub const fn new() -> Self {
        Self { rx: [[0; STREAM_IN]; 2], tx: [[0; STREAM_OUT]; 2] }
    }

    /// Connectors over them: the long connection's, and that of HTTP.
    pub fn connectors<'a>(&'a mut self, stack: Stack<'a>) -> [TcpConnect<'a>; 2] {
        let ([rx0, rx1], [tx0, tx1]) = (&mut self.rx, &mut self.tx);
        [TcpConnect::new(stack, rx0, tx0), TcpConnect::new(stack, rx1, tx1)]
    }
}

impl Default for TcpRoom {
    fn default() -> Self {
        Self::new()
    }
}

/// The buffers of TLS: those of TCP, and a record each way.
#[cfg(feature = "tls")]
#[derive(Debug)]
pub struct TlsRoom {
    tcp: TcpRoom,
    rx: [[u8; TlsBuffers::RECORD_RX]; 2],
    tx: [[u8; TlsBuffers::RECORD_TX]; 2],
}

#[cfg(feature = "tls")]
impl TlsRoom {
    /// Empty buffers, for a static.
    pub const fn new() -> Self {
        Self { tcp: TcpRoom::new(), rx: [[0; TlsBuffers::RECORD_RX]; 2], tx: [[0; TlsBuffers::RECORD_TX]; 2] }
    }

    /// The long connection's, and those of HTTP.
    pub fn buffers(&mut self) -> [TlsBuffers<'_>; 2] {
        let Self { tcp: TcpRoom { rx: [tcp_rx0, tcp_rx1], tx: [tcp_tx0, tcp_tx1] }, rx: [rx0, rx1], tx: [tx0, tx1] } =
            self;
        [
            TlsBuffers { tcp_rx: tcp_rx0, tcp_tx: tcp_tx0, record_rx: rx0, record_tx: tx0 },
            TlsBuffers { tcp_rx: tcp_rx1, tcp_tx: tcp_tx1, record_rx: rx1, record_tx: tx1 },
        ]
    }
}

#[cfg(feature = "tls")]
impl Default for TlsRoom {
    fn default() -> Self {
        Self::new()
    }
}
