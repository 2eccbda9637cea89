//! The streams of the plain image: TCP.

use embassy_net::Stack;
use larkwire_board_app::{STREAMS, TcpRoom};
use larkwire_embassy::TcpConnect;
use static_cell::ConstStaticCell;

use crate::host::Arguments;

/// The connectors, and what may say more of a lost link.
pub(crate) fn streams(stack: Stack<'static>, _: &Arguments) -> Option<([TcpConnect<'static>; STREAMS], impl FnMut())> {
    static ROOM: ConstStaticCell<TcpRoom> = ConstStaticCell::new(TcpRoom::new());
    Some((ROOM.take().connectors(stack), || {}))
}
