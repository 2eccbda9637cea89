//! The time of day by SNTP (RFC 4330, RFC 5905): asked once an hour, checked, told to the clock and the bot.

use core::cell::Cell;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use embassy_net::dns::DnsQueryType;
use embassy_net::udp::{PacketMetadata, RecvError, UdpSocket};
use embassy_net::{IpAddress, IpEndpoint, Stack};
use embassy_time::{Duration, Instant, Timer, with_timeout};
use larkwire_core::UnixMillis;
use sntpc::{Error, KissOfDeathCode, NtpContext, NtpResult, NtpTimestampGenerator, NtpUdpSocket};

use crate::client::Client;
use crate::clock::{Clock, Entropy};

/// Bytes of a packet without extensions.
const PACKET: usize = 48;
/// Where an answer repeats the question's stamp, and where that stands in the question.
const ORIGIN: core::ops::Range<usize> = 24..32;
const TRANSMIT: core::ops::Range<usize> = 40..48;
/// 2026-01-01, before which no such firmware was built.
const FIRST: u64 = 1_767_225_600_000;
/// 2076-01-01, by when no such firmware runs any more.
const LAST: u64 = 3_345_062_400_000;
/// Above this port nobody is at home for good.
const EPHEMERAL: u16 = 49_152;

/// How often it is looked whether there is a lease.
const LEASE: Duration = Duration::from_millis(250);

/// How often a server is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SntpPace {
    /// From one good answer to the next question: an hour by default, over which a board's crystal is some 0.2 s wrong. A
    /// server that asks for less often gets this, too.
    pub every: Duration,
    /// From the first question without an answer to the next one; doubled each time, up to `every`. 15 s by default, the
    /// least that RFC 4330 section 10 allows.
    pub retry: Duration,
    /// How long an answer may take: 2 s by default. Half of what it took is the largest error of the time.
    pub timeout: Duration,
}

impl Default for SntpPace {
    fn default() -> Self {
        Self { every: Duration::from_secs(3600), retry: Duration::from_secs(15), timeout: Duration::from_secs(2) }
    }
}

/// Asks one server for the time of day.
///
/// SNTP is not authenticated. An answer must come from the address that was asked and repeat 52 bits that only the
/// question had, so nobody elsewhere can forge one; but whoever sits between the board and its server can tell it any
/// time from 2026 to 2075. With TLS that means: who controls the network can have a certificate accepted that has
/// expired, or have every one refused; a forged certificate remains impossible. Where that is too much, set [`Clock`] from
/// a clock chip, or ask a server on the same desk.
///
/// It takes one UDP socket of the stack's resources while it is awaited, and DNS its own as ever.
pub struct Sntp<'s, E> {
    stack: Stack<'s>,
    server: &'s str,
    port: u16,
    pace: SntpPace,
    entropy: E,
}

impl<'s, E: Entropy> Sntp<'s, E> {
    /// A server by name, such as `pool.ntp.org`, or by IPv4 address. `entropy` makes questions that nobody can guess.
    pub fn new(stack: Stack<'s>, server: &'s str, entropy: E) -> Self {
        Self { stack, server, port: 123, pace: SntpPace::default(), entropy }
    }

    /// Another port than 123.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Another pace: for a server of one's own. Those of other people want the default.
    #[must_use]
    pub fn pace(mut self, pace: SntpPace) -> Self {
        self.pace = pace;
        self
    }

    /// Asks once.
    ///
    /// # Errors
    /// [`SntpFault`] says what to do.
    pub async fn ask(&mut self) -> Result<UnixMillis, SntpFault> {
        let (mut rx_meta, mut tx_meta) = ([PacketMetadata::EMPTY; 4], [PacketMetadata::EMPTY; 1]);
        let (mut rx, mut tx) = ([0; 4 * PACKET], [0; PACKET]);
        let mut socket = UdpSocket::new(self.stack, &mut rx_meta, &mut rx, &mut tx_meta, &mut tx);
        self.ask_through(&mut socket).await
    }

    /// Keeps `clock` and the bot, where there is one already, on time: asks, and asks again after the time that
    /// [`SntpPace`] says, until the server forbids it. `told` hears of each answer and each fault; it is the place to log
    /// them. A bot that comes later is told by [`Client::set_wall_clock`].
    ///
    /// Returns [`SntpFault::Forbidden`] only.
    pub async fn keep(
        &mut self,
        clock: &Clock,
        bot: Option<Client<'_>>,
        mut told: impl FnMut(Result<UnixMillis, SntpFault>),
    ) -> SntpFault {
        let (mut rx_meta, mut tx_meta) = ([PacketMetadata::EMPTY; 4], [PacketMetadata::EMPTY; 1]);
        let (mut rx, mut tx) = ([0; 4 * PACKET], [0; PACKET]);
        let mut socket = UdpSocket::new(self.stack, &mut rx_meta, &mut rx, &mut tx_meta, &mut tx);
        let SntpPace { every, retry, .. } = self.pace;
        let mut wait = retry;
        loop {
            let answer = self.ask_through(&mut socket).await;
            if let Ok(unix) = answer {
                clock.set(unix);
                if let Some(bot) = bot {
                    bot.set_wall_clock(unix);
                }
            }
            told(answer);
            let pause = match answer {
                Err(fault @ SntpFault::Forbidden) => return fault,
                Ok(_) => {
                    wait = retry;
                    every
                }
                Err(SntpFault::TooOften) => every,
                Err(_) => {
                    let pause = wait.min(every);
                    wait = wait.checked_mul(2).unwrap_or(every).min(every);
                    pause
                }
            };
            // A pace of nothing must not keep the board from everything else.
            Timer::after(pause.max(Duration::from_millis(1))).await;
        }
    }

    async fn ask_through(&mut self, socket: &mut UdpSocket<'_>) -> Result<UnixMillis, SntpFault> {
        // The stack keeps one waker for all who wait for a lease: the bot's task and this one would wake each other without
        // end.
        while !self.stack.is_config_up() {
            Timer::after(LEASE).await;
        }
        let addresses = self.stack.dns_query(self.server, DnsQueryType::A).await.map_err(|_| SntpFault::Dns)?;
        let mut fault = SntpFault::Dns;
        for address in addresses {
            match self.ask_at(socket, address).await {
                Ok(unix) => return Ok(unix),
                Err(why) => fault = why,
            }
        }
        Err(fault)
    }

    async fn ask_at(&mut self, socket: &mut UdpSocket<'_>, address: IpAddress) -> Result<UnixMillis, SntpFault> {
        let mut chance = [0; 10];
        self.entropy.fill(&mut chance).map_err(|_| SntpFault::Entropy)?;
        let [port @ .., a, b, c, d, e, f, g, h] = chance;
        let question = Stamp { sec: u32::from_be_bytes([a, b, c, d]).into(), micros: u32::from_be_bytes([e, f, g, h]) };
        // An answer that comes too late finds nobody at its port.
        socket.close();
        let port = EPHEMERAL | u16::from_be_bytes(port);
        socket.bind(port).map_err(|_| SntpFault::Network)?;
        let question = Stamp { micros: question.micros % 1_000_000, ..question };
        let wire = Wire {
            socket,
            to: IpEndpoint::new(address, self.port),
            question: Cell::new([0; 8]),
            ignored: Cell::new(0),
        };
        let exchange = async {
            let sent = sntpc::sntp_send_request(SOMEBODY, &wire, NtpContext::new(question)).await?;
            let asked = Instant::now();
            let answer = sntpc::sntp_process_response(SOMEBODY, &wire, NtpContext::new(PIVOT), sent).await?;
            Ok::<_, Error>((answer, asked.elapsed()))
        };
        match with_timeout(self.pace.timeout, exchange).await {
            Err(_) => Err(SntpFault::Silent { ignored: wire.ignored.get() }),
            Ok(Err(error)) => Err(SntpFault::from(error)),
            Ok(Ok((answer, took))) => judge(&answer, took),
        }
    }
}

impl<E> fmt::Debug for Sntp<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, port, pace, .. } = self;
        f.debug_struct("Sntp").field("server", server).field("port", port).field("pace", pace).finish_non_exhaustive()
    }
}

/// The answer was half of `took` on its way.
fn judge(answer: &NtpResult, took: Duration) -> Result<UnixMillis, SntpFault> {
    let sent = answer.seconds.saturating_mul(1000);
    let sent = sent.saturating_add(u64::from(sntpc::fraction_to_milliseconds(answer.seconds_fraction)));
    let unix = UnixMillis(sent.saturating_add(took.as_millis() / 2));
    if (FIRST..LAST).contains(&unix.0) { Ok(unix) } else { Err(SntpFault::Implausible(unix)) }
}

/// Why there is no time, and what to do about it. But for [`Forbidden`](Self::Forbidden) the server is asked again by
/// [`Sntp::keep`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SntpFault {
    /// The server has no IPv4 address. Next step: look at its name, and at the DNS server that DHCP told.
    Dns,
    /// The board's source of randomness gave none. Next step: look at the board's generator.
    Entropy,
    /// The server denies its service to this board (DENY, RSTR) and must not be asked again. Next step: choose another.
    Forbidden,
    /// A time before 2026 or after 2075. Next step: look at the server's clock; choose another server.
    Implausible(UnixMillis),
    /// The question could not be sent. Next step: look at the address and the gateway that DHCP told.
    Network,
    /// No answer in time; so many packets came that were none: too short, from elsewhere, or to another question. Next
    /// step: look whether UDP port 123 is let out; another server.
    Silent {
        /// Packets that were no answer.
        ignored: u32,
    },
    /// The server is asked too often (RATE). Next step: none; a longer [`SntpPace::every`] when it repeats.
    TooOften,
    /// The server says that it does not know the time itself, or its answer contradicts itself. Next step: another server.
    Unusable,
}

impl From<Error> for SntpFault {
    fn from(error: Error) -> Self {
        match error {
            Error::KissOfDeath(KissOfDeathCode::Deny | KissOfDeathCode::Rstr) => Self::Forbidden,
            Error::KissOfDeath(KissOfDeathCode::Rate) => Self::TooOften,
            Error::Network => Self::Network,
            _ => Self::Unusable,
        }
    }
}

impl fmt::Display for SntpFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns => f.write_str("the time server has no IPv4 address: look at its name and at DNS"),
            Self::Entropy => f.write_str("the board's source of randomness gave none: look at its generator"),
            Self::Forbidden => f.write_str("the time server denies its service: choose another"),
            Self::Implausible(UnixMillis(unix)) => {
                write!(f, "the time server tells {unix} ms since 1970, not 2026 to 2075: look at its clock")
            }
            Self::Network => f.write_str("the time server cannot be reached: look at the address and the gateway"),
            Self::Silent { ignored } => {
                write!(f, "the time server is silent ({ignored} other packets came): look at the firewall, UDP 123")
            }
            Self::TooOften => f.write_str("the time server is asked too often: it is left alone for a while"),
            Self::Unusable => f.write_str("the time server does not know the time: choose another"),
        }
    }
}

impl core::error::Error for SntpFault {}

/// What the protocol's engine takes for the board's own time. In a question it is chance, which only an answer to it can
/// repeat; with an answer it is what tells the era of its 32 bits.
#[derive(Clone, Copy)]
struct Stamp {
    sec: u64,
    micros: u32,
}

const PIVOT: Stamp = Stamp { sec: FIRST / 1000, micros: 0 };

impl NtpTimestampGenerator for Stamp {
    fn init(&mut self) {}

    fn timestamp_sec(&self) -> u64 {
        self.sec
    }

    fn timestamp_subsec_micros(&self) -> u32 {
        self.micros
    }
}

/// The address that the protocol's engine knows: [`Wire`] alone deals with the real one, of whichever family.
const SOMEBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 123);

/// The socket of one question: what is no answer to it is passed over, so that a stray packet does no harm.
struct Wire<'a, 'd> {
    socket: &'a UdpSocket<'d>,
    to: IpEndpoint,
    question: Cell<[u8; 8]>,
    ignored: Cell<u32>,
}

impl NtpUdpSocket for Wire<'_, '_> {
    async fn send_to(&self, bytes: &[u8], _: SocketAddr) -> sntpc::Result<usize> {
        if let Some(Ok(stamp)) = bytes.get(TRANSMIT).map(<[u8; 8]>::try_from) {
            self.question.set(stamp);
        }
        self.socket.send_to(bytes, self.to).await.map_err(|_| Error::Network)?;
        Ok(bytes.len())
    }

    async fn recv_from(&self, out: &mut [u8]) -> sntpc::Result<(usize, SocketAddr)> {
        loop {
            // Longer than an answer with a signature.
            let mut packet = [0; 2 * PACKET];
            let received = match self.socket.recv_from(&mut packet).await {
                Ok((n, meta)) => packet.get(..n).filter(|_| meta.endpoint == self.to),
                Err(RecvError::Truncated) => None,
            };
            let answer = received.filter(|bytes| bytes.get(ORIGIN) == Some(&self.question.get()));
            if let Some(head) = answer.and_then(|bytes| bytes.get(..PACKET.min(out.len()))) {
                for (to, byte) in out.iter_mut().zip(head) {
                    *to = *byte;
                }
                return Ok((head.len(), SOMEBODY));
            }
            self.ignored.set(self.ignored.get().saturating_add(1));
        }
    }
}
