//! How the bot's streams are opened: in plain TCP, or with feature `tls` in TLS.

use embassy_net::Stack;
use larkwire_board_app::STREAMS;
use larkwire_embassy::Clock;
use static_cell::ConstStaticCell;

#[cfg(feature = "tls")]
use {
    crate::entropy::Oscillator,
    crate::machine::say,
    core::cell::{Cell, RefCell},
    larkwire_board_app::TlsRoom,
    larkwire_embassy::{TlsConnect, TlsFault, Trust},
    static_cell::StaticCell,
};
#[cfg(not(feature = "tls"))]
use {larkwire_board_app::TcpRoom, larkwire_embassy::TcpConnect};

/// The connectors, once, and what may say more of a lost link.
#[cfg(not(feature = "tls"))]
pub(crate) fn connectors(
    stack: Stack<'static>,
    _: &'static Clock,
) -> Option<([TcpConnect<'static>; STREAMS], impl FnMut())> {
    static TCP: ConstStaticCell<TcpRoom> = ConstStaticCell::new(TcpRoom::new());
    Some((TCP.take().connectors(stack), || {}))
}

#[cfg(feature = "tls")]
type Tls = TlsConnect<'static, &'static Clock, &'static RefCell<Oscillator>>;

/// The connectors, once, and what says why a server was refused; `None` when the buffers are too short.
#[cfg(feature = "tls")]
pub(crate) fn connectors(stack: Stack<'static>, clock: &'static Clock) -> Option<([Tls; STREAMS], impl FnMut())> {
    static ROOM: ConstStaticCell<TlsRoom> = ConstStaticCell::new(TlsRoom::new());
    static CHANCE: StaticCell<RefCell<Oscillator>> = StaticCell::new();
    static FAULT: StaticCell<Cell<Option<TlsFault>>> = StaticCell::new();
    static ROOTS: [&[u8]; 1] = [include_bytes!(concat!(env!("OUT_DIR"), "/root.der"))];
    let chance: &'static RefCell<Oscillator> = CHANCE.init(RefCell::new(Oscillator));
    let fault: &'static Cell<Option<TlsFault>> = FAULT.init(Cell::new(None));
    let remark = || {
        if let Some(fault) = fault.take() {
            say(format_args!("tls {fault}"));
        }
    };
    let connect = |buffers| TlsConnect::new(stack, buffers, Trust::Roots(&ROOTS), clock, chance, fault);
    Some((ROOM.take().connectors(connect).ok()?, remark))
}
