//! How streams are opened: the trait a runtime asks of its user, and plain TCP for tests and gateways.

use core::fmt;

use embassy_net::dns::DnsQueryType;
use embassy_net::tcp::{ConnectError, Error, State, TcpReader, TcpSocket};
use embassy_net::{IpAddress, Stack};
use embassy_time::{Duration, Timer, with_timeout};
use embedded_io_async::{ErrorType, Read, Write};
use larkwire_core::wire::url::is_loopback;
use larkwire_core::{Closed, Short, Target};

/// How often a stack without an address is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// A resolver may take so long, which is less than the bot waits for a connection: so the fault has its name.
const RESOLVER: Duration = Duration::from_secs(10);

/// Where a stream leads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Destination {
    /// A host name, or an IP address without brackets. It is also the name the certificate must carry.
    pub host: Short<253>,
    /// The TCP port.
    pub port: u16,
    /// Whether TLS with a verified certificate for `host` is required.
    pub tls: bool,
}

impl From<Target<'_>> for Destination {
    fn from(target: Target<'_>) -> Self {
        Self { host: Short::new(target.host), port: target.port, tls: target.tls }
    }
}

/// Opens the streams of one lane, one after the other. Each lane has a connector of its own, which owns or borrows the
/// buffers of its streams; the stream before is dropped when the next one is asked for.
pub trait Connect {
    /// What it opens.
    type Stream<'a>: Stream
    where
        Self: 'a;

    /// Opens a stream, with TLS and a verified certificate if the destination asks for it. It may take as long as it
    /// likes: when the bot stops waiting, the future is dropped.
    ///
    /// # Errors
    /// The closest [`Closed`]; [`Closed::Tls`] when TLS is asked for and this connector has none.
    fn connect(&mut self, to: &Destination) -> impl Future<Output = Result<Self::Stream<'_>, Closed>>;
}

/// An open stream that splits, so that a read that waits never blocks a write.
///
/// The bot keeps one read waiting and cancels it only when it is done with the stream. It flushes after every write; a
/// flush must hand the bytes on, not wait until the peer has them.
pub trait Stream {
    /// The half that is read.
    type Reader<'a>: Read
    where
        Self: 'a;
    /// The half that is written.
    type Writer<'a>: Write
    where
        Self: 'a;

    /// Both halves.
    fn split(&mut self) -> (Self::Reader<'_>, Self::Writer<'_>);

    /// Says goodbye to the peer before the stream is dropped. The bot waits 1 s at most.
    fn close(&mut self) -> impl Future<Output = ()> {
        async {}
    }
}

/// Plain TCP with TCP_NODELAY over an embassy-net stack. `localhost` and loopback addresses are [`Closed::Unreachable`]: a
/// board has no other program on it, and a resolver would name a stranger. Targets with TLS are refused with [`Closed::Tls`]: this is for
/// tests, and for gateways whose configuration says `dangerously_allow_plaintext`.
pub struct TcpConnect<'d> {
    stack: Stack<'d>,
    socket: TcpSocket<'d>,
}

impl<'d> TcpConnect<'d> {
    /// With buffers for received bytes and bytes to send, 512 bytes or more each. It takes one socket of the stack's
    /// resources; DNS takes another one for all connectors.
    pub fn new(stack: Stack<'d>, rx: &'d mut [u8], tx: &'d mut [u8]) -> Self {
        Self { stack, socket: socket(stack, rx, tx) }
    }
}

impl fmt::Debug for TcpConnect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpConnect({})", self.socket.state())
    }
}

impl<'d> Connect for TcpConnect<'d> {
    type Stream<'a>
        = TcpStream<'a, 'd>
    where
        Self: 'a;

    async fn connect(&mut self, to: &Destination) -> Result<TcpStream<'_, 'd>, Closed> {
        if to.tls {
            return Err(Closed::Tls);
        }
        if is_loopback(to.host.as_str()) {
            return Err(Closed::Unreachable);
        }
        dial(self.stack, &mut self.socket, to).await
    }
}

/// A socket as every stream wants it.
pub(crate) fn socket<'d>(stack: Stack<'d>, rx: &'d mut [u8], tx: &'d mut [u8]) -> TcpSocket<'d> {
    let mut socket = TcpSocket::new(stack, rx, tx);
    // Without it an ack waits for the one before: 40 ms stalls (Nagle meets delayed ack).
    socket.set_nagle_enabled(false);
    socket
}

/// Waits for an address of one's own, looks the host up and tries its addresses one after the other.
pub(crate) async fn dial<'a, 'd>(
    stack: Stack<'d>,
    socket: &'a mut TcpSocket<'d>,
    to: &Destination,
) -> Result<TcpStream<'a, 'd>, Closed> {
    // Not `wait_config_up`: the stack keeps one waker for all who wait for its state, and a task of the program that waits
    // for link or lease and this one would wake each other without end.
    while !stack.is_config_up() {
        Timer::after(LOOK).await;
    }
    let found = with_timeout(RESOLVER, stack.dns_query(to.host.as_str(), DnsQueryType::A)).await;
    let addresses = found.ok().and_then(Result::ok).ok_or(Closed::Dns)?;
    let mut why = Closed::Dns;
    // Made before the dial, so that a dial that is given up leaves no half-open socket.
    let stream = TcpStream { socket };
    for address in addresses {
        if !has_route(stack, address) {
            why = Closed::Unreachable;
            continue;
        }
        stream.socket.abort();
        match stream.socket.connect((address, to.port)).await {
            Ok(()) => return Ok(stream),
            Err(error) => why = closed_by(error),
        }
    }
    Err(why)
}

/// Leaves no peer waiting for a stream that nobody holds any more.
pub(crate) fn hang_up(socket: &mut TcpSocket<'_>) {
    if !matches!(socket.state(), State::Closed | State::FinWait2 | State::TimeWait) {
        socket.abort();
    }
}

/// A dial without a route would keep the stack busy until it is given up.
fn has_route(stack: Stack<'_>, to: IpAddress) -> bool {
    match (to, stack.config_v4()) {
        (IpAddress::Ipv4(to), Some(config)) => config.gateway.is_some() || config.address.contains_addr(&to),
        _ => true,
    }
}

fn closed_by(error: ConnectError) -> Closed {
    match error {
        ConnectError::ConnectionReset => Closed::Refused,
        ConnectError::InvalidState => Closed::Other,
        ConnectError::NoRoute => Closed::Unreachable,
        ConnectError::TimedOut => Closed::TimedOut,
    }
}

/// A stream of [`TcpConnect`].
pub struct TcpStream<'a, 'd> {
    socket: &'a mut TcpSocket<'d>,
}

impl fmt::Debug for TcpStream<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpStream({})", self.socket.state())
    }
}

impl<'d> Stream for TcpStream<'_, 'd> {
    type Reader<'a>
        = TcpReader<'a>
    where
        Self: 'a;
    type Writer<'a>
        = TcpWriter<'a>
    where
        Self: 'a;

    fn split(&mut self) -> (TcpReader<'_>, TcpWriter<'_>) {
        let (reader, writer) = self.socket.split();
        (reader, TcpWriter(writer))
    }

    async fn close(&mut self) {
        self.socket.close();
        // An error says that there is nobody left to say goodbye to.
        let _ = self.socket.flush().await;
    }
}

impl Drop for TcpStream<'_, '_> {
    fn drop(&mut self) {
        hang_up(self.socket);
    }
}

/// The writing half of a [`TcpStream`].
pub struct TcpWriter<'a>(embassy_net::tcp::TcpWriter<'a>);

impl fmt::Debug for TcpWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TcpWriter")
    }
}

impl ErrorType for TcpWriter<'_> {
    type Error = Error;
}

impl Write for TcpWriter<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.0.write(bytes).await
    }

    /// Nothing to do: the stack sends by itself. Its own flush waits for the peer's acknowledgement, a round trip a write.
    async fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
