//! TLS
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
