//! How the bot's two streams are opened: in plain TCP, or with feature `tls` in TLS.

use core::convert::Infallible;

use embassy_net::Stack;
use larkwire_embassy::Clock;
use static_cell::ConstStaticCell;

#[cfg(not(feature = "tls"))]
use larkwire_board_app::TcpRoom;
#[cfg(not(feature = "tls"))]
use larkwire_embassy::TcpConnect;
#[cfg(feature = "tls")]
use {
    crate::entropy::Oscillator,
    crate::machine::say,
    core::cell::{Cell, RefCell},
    embassy_time::Timer,
    larkwire_board_app::{STREAM_IN, STREAM_OUT},
    larkwire_embassy::{TlsBuffers, TlsConnect, TlsFault, Trust},
    static_cell::StaticCell,
};

/// For the long connection and for HTTP, once; and where their faults stand.
#[cfg(not(feature = "tls"))]
pub(crate) fn connectors(stack: Stack<'static>, _: &'static Clock) -> Option<([TcpConnect<'static>; 2], Faults)> {
    static TCP: ConstStaticCell<TcpRoom> = ConstStaticCell::new(TcpRoom::new());
    Some((TCP.take().connectors(stack), Faults {}))
}

/// What plain TCP has to say is said by the bot.
#[cfg(not(feature = "tls"))]
pub(crate) struct Faults {}

#[cfg(not(feature = "tls"))]
impl Faults {
    pub(crate) async fn say(&self) -> Infallible {
        core::future::pending().await
    }
}

/// Why a server was refused.
#[cfg(feature = "tls")]
pub(crate) struct Faults(&'static Cell<Option<TlsFault>>);

#[cfg(feature = "tls")]
impl Faults {
    /// Says it within a second.
    pub(crate) async fn say(&self) -> Infallible {
        loop {
            if let Some(fault) = self.0.take() {
                say(format_args!("tls {fault}"));
            }
            Timer::after_secs(1).await;
        }
    }
}

#[cfg(feature = "tls")]
type Tls = TlsConnect<'static, &'static Clock, &'static RefCell<Oscillator>>;

/// For the long connection and for HTTP, once, and where their faults stand; `None` when the buffers are too short.
#[cfg(feature = "tls")]
pub(crate) fn connectors(stack: Stack<'static>, clock: &'static Clock) -> Option<([Tls; 2], Faults)> {
    /// One stream's memory.
    struct Stream {
        tcp_rx: [u8; STREAM_IN],
        tcp_tx: [u8; STREAM_OUT],
        record_rx: [u8; TlsBuffers::RECORD_RX],
        record_tx: [u8; TlsBuffers::RECORD_TX],
    }
    impl Stream {
        const EMPTY: Self = Self {
            tcp_rx: [0; STREAM_IN],
            tcp_tx: [0; STREAM_OUT],
            record_rx: [0; TlsBuffers::RECORD_RX],
            record_tx: [0; TlsBuffers::RECORD_TX],
        };
    }
    static STREAMS: ConstStaticCell<[Stream; 2]> = ConstStaticCell::new([Stream::EMPTY; 2]);
    static CHANCE: StaticCell<RefCell<Oscillator>> = StaticCell::new();
    static FAULT: StaticCell<Cell<Option<TlsFault>>> = StaticCell::new();
    static ROOTS: [&[u8]; 1] = [include_bytes!(concat!(env!("OUT_DIR"), "/root.der"))];
    let chance: &'static RefCell<Oscillator> = CHANCE.init(RefCell::new(Oscillator));
    let fault: &'static Cell<Option<TlsFault>> = FAULT.init(Cell::new(None));
    let [socket, http] = STREAMS.take();
    let connect = |Stream { tcp_rx, tcp_tx, record_rx, record_tx }: &'static mut Stream| {
        let buffers = TlsBuffers { tcp_rx, tcp_tx, record_rx, record_tx };
        TlsConnect::new(stack, buffers, Trust::Roots(&ROOTS), clock, chance, fault)
    };
    Some(([connect(socket).ok()?, connect(http).ok()?], Faults(fault)))
}
