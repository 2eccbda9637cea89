//! A peer behind tungstenite, the WebSocket of agent projects: from a socket's bytes to the text and the masked ack.

use std::io::{self, ErrorKind, Read, Write};

use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

use super::Reads;

/// What the socket would bring and take, in memory.
#[derive(Default)]
struct Ends {
    received: Vec<u8>,
    at: usize,
    sent: Vec<u8>,
}

impl Read for Ends {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let rest = &self.received[self.at..];
        let n = rest.len().min(room.len());
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        room[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}

impl Write for Ends {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sent.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An open connection.
pub struct Socket {
    socket: WebSocket<Ends>,
    peer: Box<dyn Reads>,
}

impl Socket {
    /// A connection whose messages this peer deals with.
    pub fn new(peer: Box<dyn Reads>) -> Self {
        Self { socket: WebSocket::from_raw_socket(Ends::default(), Role::Client, None), peer }
    }

    /// Received bytes in, every message read and acked; how many bytes of text and of acks.
    #[inline(never)]
    pub fn receive(&mut self, bytes: &[u8]) -> (usize, usize) {
        let ends = self.socket.get_mut();
        ends.received.clear();
        ends.received.extend_from_slice(bytes);
        ends.at = 0;
        ends.sent.clear();
        let mut read = 0;
        while let Ok(message) = self.socket.read() {
            let Message::Binary(frame) = message else { continue };
            let Some((text, ack)) = self.peer.message(&frame) else { continue };
            read += text.len();
            let ack = ack.to_vec();
            self.socket.send(Message::Binary(ack.into())).expect("it is in memory");
        }
        (read, self.socket.get_ref().sent.len())
    }
}
