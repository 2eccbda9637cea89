//! How the bot's two streams are opened: in plain TCP, or with feature `tls` in TLS.

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
    core::cell::{Cell, RefCell},
    larkwire_board_app::{STREAM_IN, STREAM_OUT},
    larkwire_embassy::{TlsBuffers, TlsConnect, TlsFault, Trust},
    static_cell::StaticCell,
};

/// For the long connection and for HTTP, once.
#[cfg(not(feature = "tls"))]
pub(crate) fn connectors(stack: Stack<'static>, _: &'static Clock) -> Option<[TcpConnect<'static>; 2]> {
    static TCP: ConstStaticCell<TcpRoom> = ConstStaticCell::new(TcpRoom::new());
    Some(TCP.take().connectors(stack))
}

#[cfg(feature = "tls")]
type Tls = TlsConnect<'static, &'static Clock, &'static RefCell<Oscillator>>;

/// For the long connection and for HTTP, once; `None` when the buffers are too short.
#[cfg(feature = "tls")]
pub(crate) fn connectors(stack: Stack<'static>, clock: &'static Clock) -> Option<[Tls; 2]> {
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
    Some([connect(socket).ok()?, connect(http).ok()?])
}
