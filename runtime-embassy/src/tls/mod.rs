//! TLS 1.3 for boards, without an allocator: [`TlsConnect`], to servers that have proved who they are and to no others.
//!
//! | here | is |
//! |---|---|
//! | `algorithms`, `rsa` | the signatures that are known: P-256; with `tls-p384` P-384; with `tls-rsa` RSA |
//! | `connect` | [`TlsConnect`], its streams and their halves |
//! | `fault` | [`TlsFault`]: why a server was refused, and what to do |
//! | `messages`, `suite`, `wire` | what may come over the socket at all, before anything acts on it |
//! | `open` | `open_verified`, the one way to a connection |
//! | `verify` | [`Trust`], and the verifier: one for each connection |
//!
//! # What is checked
//!
//! With [`Trust::Roots`]: signatures up to a trusted root over issuers that may issue (basic constraints, path length),
//! extended key usage `serverAuth` or none, name constraints, critical extensions, dates against the board's clock, and
//! the host among the alternative names (DNS names, with a wildcard for one label, and IP addresses; never the common
//! name). With [`Trust::Pins`]: the key, and nothing else. With both: that the server has the key, by its signature over
//! this very handshake. Not a byte of the application is written before.
//!
//! **Not checked**: whether a certificate was revoked, the key usage of issuers (`keyCertSign`), the dates of a root. There
//! is no TLS 1.2, no client certificate, no resumption; a server that changes its keys in the middle of a stream
//! (KeyUpdate) ends it, and the bot connects again.
//!
//! Which chain and which versions of TLS the platform serves is not known here. P-256 alone suits private roots; most
//! public ones are P-384 or RSA, and an intermediate may be trusted in place of its root. Try it with [`Trust::judge`] and
//! what the server sends before a board relies on it.
//!
//! # The clock
//!
//! Without the time of day nothing is opened ([`TlsFault::NoClock`]): set [`Clock`](crate::Clock) from a clock chip or by
//! NTP before [`Runner::run`](crate::Runner::run), or let the bot try until it is set. The platform's own clock comes too
//! late: it is told over TLS. Only pins need none.
//!
//! # Memory
//!
//! | for each connector | bytes |
//! |---|---|
//! | received record | 16 640, the longest a server may send |
//! | record to send | 2048 or more |
//! | TCP, in each direction | 512 or more; 2048 is a good measure |
//!
//! The task that opens TLS wants 36 KB of stack, measured on a Cortex-M4 with P-256; keep 45 KB until it was measured on
//! the board at hand: the handshake and the chain are judged on it, synchronously. At 168 MHz each signature of a chain takes a few tenths of a second in which nothing else of
//! its executor runs. Flash, over plain TCP (thumbv7em, `opt-level = "z"`, fat LTO): 71 KB for P-256, 19 KB more for
//! P-384, 8 KB more for RSA. `opt-level = 3` for the RustCrypto crates buys time with it.
//!
//! # Use
//!
//! ```no_run
//! use core::cell::{Cell, RefCell};
//! use larkwire_embassy::{Clock, Entropy, TlsBuffers, TlsConnect, TlsFault, Trust};
//!
//! fn connectors<'d, E: Entropy>(
//!     stack: embassy_net::Stack<'d>,
//!     [socket, http]: [TlsBuffers<'d>; 2],
//!     root: &'d [&'d [u8]],
//!     clock: &'d Clock,
//!     entropy: &'d RefCell<E>,
//!     fault: &'d Cell<Option<TlsFault>>,
//! ) -> Result<[TlsConnect<'d, &'d Clock, &'d RefCell<E>>; 2], TlsFault> {
//!     let connect = |buffers| TlsConnect::new(stack, buffers, Trust::Roots(root), clock, entropy, fault);
//!     Ok([connect(socket)?, connect(http)?])
//! }
//!
//! // The bot says that a link was lost; `fault` says why the last one was refused.
//! # fn hook(fault: &Cell<Option<TlsFault>>) {
//! if let Some(fault) = fault.take() {
//!     // Log it: fault's Display says the next step.
//! #   let _ = fault;
//! }
//! # }
//! ```

mod algorithms;
mod connect;
mod fault;
mod messages;
mod open;
#[cfg(feature = "tls-rsa")]
mod rsa;
mod suite;
mod verify;
mod wire;

pub use connect::{TlsBroken, TlsBuffers, TlsConnect, TlsReader, TlsStream, TlsWriter};
pub use fault::TlsFault;
pub use verify::Trust;
