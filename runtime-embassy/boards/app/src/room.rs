//! All memory of the application, and every size it has. It lies in statics: nothing is found out at run time.

use embassy_net::Stack;
use larkwire_embassy::{Buffers, Channel, TcpConnect};

/// The longest message, in bytes of JSON.
const MESSAGE: usize = 2048;
/// Acks and the upgrade request.
const OUT: usize = 1024;
/// The longest HTTP answer, the longest request, one call.
const HTTP: usize = 2048;
/// The tenant token; the live ones are shorter than this in all that was seen, 4096 is what they may have.
const TOKEN: usize = 1024;
/// Remembered ids, two a message.
const SEEN: usize = 256;
/// Messages that wait for the echo.
const EVENTS: usize = 4;
/// Received bytes of one TCP stream that nobody has read yet: its window.
pub const STREAM_IN: usize = 1024;
/// Bytes of one TCP stream that the peer has not taken yet.
pub const STREAM_OUT: usize = 1024;
/// Sockets of the network stack: DHCP, DNS, the long connection, HTTP.
pub const SOCKETS: usize = 4;

/// What the engine keeps.
pub type Memory = Buffers<MESSAGE, OUT, HTTP, TOKEN, SEEN>;
pub(crate) type Events<'a> = larkwire_embassy::Events<'a, MESSAGE, EVENTS>;

/// What one bot needs beside its future.
#[derive(Debug)]
pub struct Room {
    pub(crate) memory: Memory,
    pub(crate) inbox: Channel<MESSAGE, EVENTS>,
    pub(crate) echo: EchoRoom,
}

/// Working room for one answer.
#[derive(Debug)]
pub(crate) struct EchoRoom {
    /// What was said; twice a message is enough, whatever its form.
    pub(crate) said: [u8; 2 * MESSAGE],
    /// What is answered.
    pub(crate) answer: [u8; MESSAGE],
}

impl Room {
    /// Empty room, for a static.
    pub const fn new() -> Self {
        let echo = EchoRoom { said: [0; 2 * MESSAGE], answer: [0; MESSAGE] };
        Self { memory: Memory::new(), inbox: Channel::new(), echo }
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
