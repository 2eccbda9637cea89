//! The one way to a stream with TLS.

use embedded_io_async::ErrorKind;
use embedded_tls::{CryptoProvider, CryptoRngCore, TlsConfig, TlsConnection, TlsContext, TlsError, TlsVerifier};
use hmac::{Hmac, Mac as _};
use larkwire_core::Closed;
use rand_core::{CryptoRng, RngCore};
use sha2::Sha256;

use super::fault::TlsFault;
use super::suite::Suite;
use super::verify::Verifier;
use super::wire::Wire;
use crate::clock::Entropy;

/// A connection whose server has proved who it is.
pub(super) type Verified<'a, 'd> = TlsConnection<'a, &'a Wire<'d>, Suite>;

/// Why a stream was not opened.
pub(super) enum Refusal {
    /// By TLS.
    Fault(TlsFault),
    /// The stream of bytes ended, or there was none.
    Wire(Closed),
}

impl From<TlsFault> for Refusal {
    fn from(fault: TlsFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<TlsError> for Refusal {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::HandshakeAborted(_, alert) => Self::Fault(TlsFault::ServerAlert(alert as u8)),
            TlsError::InvalidCertificate | TlsError::InvalidCertificateEntry => Self::Fault(TlsFault::ChainTooLong),
            TlsError::IoError => Self::Wire(Closed::Eof),
            TlsError::Io(kind) if kind != ErrorKind::InvalidData => Self::Wire(Closed::Reset),
            _ => Self::Fault(TlsFault::Handshake),
        }
    }
}

/// Shakes hands, and gives the connection away only when `verifier` has seen a trusted chain **and** a proof of its key.
/// Until then nothing of the application is written. A verifier is used up by one handshake.
pub(super) async fn open_verified<'a, 'd>(
    wire: &'a Wire<'d>,
    rx: &'a mut [u8],
    tx: &'a mut [u8],
    host: &str,
    verifier: Verifier<'_>,
    random: Random,
) -> Result<Verified<'a, 'd>, Refusal> {
    let mut config = TlsConfig::new();
    if cfg!(feature = "tls-rsa") {
        config = config.enable_rsa_signatures();
    }
    if let Some(name) = Verifier::server_name(host) {
        config = config.with_server_name(name);
    }
    let mut provider = Provider { random, verifier };
    let mut tls = TlsConnection::new(wire, rx, tx);
    let opened = tls.open(TlsContext::new(&config, &mut provider)).await;
    if let Some(fault) = provider.verifier.fault() {
        return Err(fault.into());
    }
    opened?;
    provider.verifier.verdict()?;
    wire.set_open();
    Ok(tls)
}

/// What the handshake is given: randomness and a judge. No certificate of one's own.
struct Provider<'a> {
    random: Random,
    verifier: Verifier<'a>,
}

impl CryptoProvider for Provider<'_> {
    type CipherSuite = Suite;
    type Signature = [u8; 0];

    fn rng(&mut self) -> impl CryptoRngCore {
        &mut self.random
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<Suite>, TlsError> {
        Ok(&mut self.verifier)
    }
}

/// The randomness of one handshake: HMAC-SHA-256 over a counter, keyed by 32 bytes of the board's entropy.
pub(super) struct Random {
    keyed: Hmac<Sha256>,
    counter: u64,
}

impl Random {
    pub(super) fn new(entropy: &mut impl Entropy) -> Result<Self, TlsFault> {
        let mut seed = [0; 32];
        entropy.fill(&mut seed).map_err(|_| TlsFault::NoEntropy)?;
        let keyed = Hmac::new_from_slice(&seed).map_err(|_| TlsFault::NoEntropy)?;
        Ok(Self { keyed, counter: 0 })
    }
}

impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        for block in out.chunks_mut(32) {
            let bytes = self.keyed.clone().chain_update(self.counter.to_be_bytes()).finalize().into_bytes();
            self.counter = self.counter.wrapping_add(1);
            for (to, from) in block.iter_mut().zip(bytes) {
                *to = from;
            }
        }
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for Random {}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]
mod tests {
    use super::*;
    use crate::clock::EntropyFailed;

    struct Source(Option<u8>);

    impl Entropy for Source {
        fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyFailed> {
            out.fill(self.0.ok_or(EntropyFailed)?);
            Ok(())
        }
    }

    #[test]
    fn randomness_never_repeats_and_follows_from_the_entropy_alone() {
        let draw = |source| {
            let (mut random, mut out) = (Random::new(&mut Source(Some(source))).ok().unwrap(), [0; 200]);
            random.fill_bytes(&mut out[..50]);
            random.fill_bytes(&mut out[50..]);
            out
        };
        let (one, two) = (draw(1), draw(2));
        assert_eq!(one, draw(1));
        for out in [one, two] {
            let mut blocks: std::vec::Vec<_> = out[..32].chunks(8).chain(out[50..].chunks_exact(8)).collect();
            let all = blocks.len();
            blocks.sort_unstable();
            blocks.dedup();
            assert_eq!(blocks.len(), all);
        }
        assert!(one.iter().zip(two).filter(|(a, b)| **a == *b).count() < 20);
        assert!(matches!(Random::new(&mut Source(None)), Err(TlsFault::NoEntropy)));
    }
}
