//! Whom to trust, and the verifier that believes nothing else.

use core::cell::Cell;
use core::fmt;
use core::time::Duration;

use embedded_tls::{CertificateEntryRef, CertificateRef, CertificateVerifyRef, TlsError, TlsVerifier};
use larkwire_core::UnixMillis;
use rustls_pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use sha2::{Digest as _, Sha256};
use webpki::{
    EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, RawPublicKeyEntity,
    anchor_from_trusted_cert,
};

use super::algorithms;
use super::fault::TlsFault;
use super::suite::Suite;

/// More certificates than this from one server are not looked at.
const MAX_CERTIFICATES: usize = 8;
/// Certificates that are looked at on the way to one root, counted again on every way. An honest chain takes 5 at most,
/// a tangle of 8 thousands: seconds of a board's time.
const MAX_STEPS: u8 = 16;
/// Bytes of a SubjectPublicKeyInfo: P-384 takes 120, RSA of 4096 bits 550.
const MAX_KEY: usize = if cfg!(feature = "tls-rsa") { 560 } else { 128 };

/// Whom a server must be vouched for by.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Trust<'d> {
    /// SHA-256 of the SubjectPublicKeyInfo (DER) of the server's own certificate, for private gateways: whoever has one
    /// of these keys is let in. **Nothing else of the certificate is looked at**: neither host, nor dates, nor issuer,
    /// nor usage; so no clock is needed, and a key stays good until the pin is taken out. Give two, so that the server's
    /// key can be changed.
    ///
    /// `openssl x509 -in cert.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum`
    Pins(&'d [[u8; 32]]),
    /// Certificates in DER: the server's must lead to one of them, be for the host and for servers, and valid today. A
    /// root's own dates are not looked at. An intermediate may be given in place of a root.
    Roots(&'d [&'d [u8]]),
}

impl fmt::Debug for Trust<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pins(pins) => write!(f, "Pins({})", pins.len()),
            Self::Roots(roots) => write!(f, "Roots({})", roots.len()),
        }
    }
}

impl Trust<'_> {
    /// Judges certificates as a connector does, without a connection: to try roots or pins before they are relied on.
    /// `chain` is what the server sends, its own certificate first. Whether the server has the key shows in a handshake
    /// only.
    ///
    /// # Errors
    /// What a connector would say.
    pub fn judge(&self, host: &str, unix: Option<UnixMillis>, chain: &[&[u8]]) -> Result<(), TlsFault> {
        let mut certificates = CertificateRef::with_context(&[]);
        for certificate in chain {
            let entry = CertificateEntryRef::X509(certificate);
            certificates.add(entry).map_err(|_| TlsFault::TooManyCertificates)?;
        }
        Verifier::new(*self, host, unix)?.judge(&certificates).map(drop)
    }
}

/// Judges one server, once. It has authenticated the server when a chain was good and then a signature with the key of
/// its first certificate, over the handshake up to it.
pub(super) struct Verifier<'a> {
    trust: Trust<'a>,
    name: ServerName<'a>,
    today: UnixTime,
    /// The key to be proved, and what was said until it was shown.
    shown: Option<(Key, Sha256)>,
    is_authenticated: bool,
    fault: Option<TlsFault>,
}

impl<'a> Verifier<'a> {
    /// # Errors
    /// [`TlsFault::InvalidHost`], and [`TlsFault::NoClock`] where roots are trusted.
    pub(super) fn new(trust: Trust<'a>, host: &'a str, unix: Option<UnixMillis>) -> Result<Self, TlsFault> {
        let name = ServerName::try_from(host).map_err(|_| TlsFault::InvalidHost)?;
        let unix = match (trust, unix) {
            (_, Some(UnixMillis(unix))) => unix,
            // A pin knows no dates.
            (Trust::Pins(_), None) => 0,
            (Trust::Roots(_), None) => return Err(TlsFault::NoClock),
        };
        let today = UnixTime::since_unix_epoch(Duration::from_millis(unix));
        Ok(Self { trust, name, today, shown: None, is_authenticated: false, fault: None })
    }

    /// The name for the server to choose its certificate by; an IP address is none (RFC 6066 section 3).
    pub(super) fn server_name(host: &str) -> Option<&str> {
        match ServerName::try_from(host) {
            Ok(ServerName::DnsName(_)) => Some(host.strip_suffix('.').unwrap_or(host)),
            _ => None,
        }
    }

    /// Whether the server may be spoken to: if not, why.
    pub(super) fn verdict(&self) -> Result<(), TlsFault> {
        match self.fault {
            Some(fault) => Err(fault),
            None if self.is_authenticated => Ok(()),
            None => Err(TlsFault::NotAuthenticated),
        }
    }

    /// What was refused, if something was.
    pub(super) fn fault(&self) -> Option<TlsFault> {
        self.fault
    }

    /// Judges the certificates, and keeps the key of the first one.
    fn judge(&self, certificates: &CertificateRef<'_>) -> Result<Key, TlsFault> {
        let mut chain = [const { CertificateDer::from_slice(&[]) }; MAX_CERTIFICATES];
        let entries = certificates.entries.as_slice();
        let chain = chain.get_mut(..entries.len()).ok_or(TlsFault::TooManyCertificates)?;
        for (to, entry) in chain.iter_mut().zip(entries) {
            let CertificateEntryRef::X509(der) = entry else { return Err(TlsFault::MalformedCertificate) };
            *to = CertificateDer::from_slice(der);
        }
        let (leaf, others) = chain.split_first().ok_or(TlsFault::NotAuthenticated)?;
        let key = Key::of(leaf)?;
        match self.trust {
            Trust::Pins(pins) => {
                let pin = Sha256::digest(key.der());
                if !pins.iter().any(|known| *known == pin[..]) {
                    return Err(TlsFault::NotPinned);
                }
            }
            Trust::Roots(roots) => {
                let leaf = EndEntityCert::try_from(leaf).map_err(fault)?;
                self.lead_to_a_root(&leaf, others, roots)?;
                leaf.verify_is_valid_for_subject_name(&self.name).map_err(fault)?;
            }
        }
        Ok(key)
    }

    fn lead_to_a_root(
        &self,
        leaf: &EndEntityCert<'_>,
        others: &[CertificateDer<'_>],
        roots: &[&[u8]],
    ) -> Result<(), TlsFault> {
        let mut why = TlsFault::UnknownIssuer;
        for root in roots {
            let root = CertificateDer::from_slice(root);
            let anchor = anchor_from_trusted_cert(&root).map_err(|_| TlsFault::UnusableRoot)?;
            let usage = ForServers { steps: Cell::new(0) };
            let anchors = core::slice::from_ref(&anchor);
            let algorithms = algorithms::IN_CERTIFICATES;
            match leaf.verify_for_usage(algorithms, anchors, others, self.today, usage, None, None) {
                Ok(_) => return Ok(()),
                Err(Error::UnknownIssuer) => {}
                // Another root may bear the same name; the first reason is kept.
                Err(error) if why == TlsFault::UnknownIssuer => why = fault(error),
                Err(_) => {}
            }
        }
        Err(why)
    }

    /// Whether the signature over the handshake is made with the key that was shown (RFC 8446 section 4.4.3).
    fn prove(&mut self, verify: &CertificateVerifyRef<'_>) -> Result<(), TlsFault> {
        const PURPOSE: &[u8; 34] = b"TLS 1.3, server CertificateVerify\0";
        let (key, transcript) = self.shown.take().ok_or(TlsFault::NotAuthenticated)?;
        let algorithm = algorithms::in_handshake(verify.signature_scheme).ok_or(TlsFault::UnsupportedAlgorithm)?;
        let mut signed = [b' '; 64 + PURPOSE.len() + 32];
        let content = PURPOSE.iter().copied().chain(transcript.finalize());
        for (to, from) in signed.iter_mut().skip(64).zip(content) {
            *to = from;
        }
        let der = SubjectPublicKeyInfoDer::from(key.der());
        let key = RawPublicKeyEntity::try_from(&der).map_err(fault)?;
        key.verify_signature(algorithm, &signed, verify.signature).map_err(fault)
    }

    fn keep(&mut self, result: Result<(), TlsFault>) -> Result<(), TlsError> {
        result.map_err(|fault| {
            self.fault.get_or_insert(fault);
            TlsError::InvalidCertificate
        })
    }
}

impl TlsVerifier<Suite> for Verifier<'_> {
    /// The name is known from the start.
    fn set_hostname_verification(&mut self, _: &str) -> Result<(), TlsError> {
        Ok(())
    }

    fn verify_certificate(&mut self, transcript: &Sha256, certificates: CertificateRef<'_>) -> Result<(), TlsError> {
        let result = match (&self.shown, self.is_authenticated) {
            (None, false) => self.judge(&certificates),
            // One chain is all a server shows.
            _ => Err(TlsFault::Handshake),
        };
        let result = result.map(|key| self.shown = Some((key, transcript.clone())));
        self.keep(result)
    }

    fn verify_signature(&mut self, verify: CertificateVerifyRef<'_>) -> Result<(), TlsError> {
        let result = self.prove(&verify);
        self.is_authenticated = result.is_ok() && self.fault.is_none();
        self.keep(result)
    }
}

/// The SubjectPublicKeyInfo of a certificate.
struct Key {
    der: [u8; MAX_KEY],
    len: usize,
}

impl Key {
    fn of(certificate: &CertificateDer<'_>) -> Result<Self, TlsFault> {
        let anchor = anchor_from_trusted_cert(certificate).map_err(fault)?;
        let content = anchor.subject_public_key_info.as_ref();
        // The header of the outermost SEQUENCE, in the shortest form as DER wants it.
        let [high, low] = u16::try_from(content.len()).map_err(|_| TlsFault::UnsupportedAlgorithm)?.to_be_bytes();
        let header: &[u8] = match (high, low) {
            (0, ..=0x7F) => &[0x30, low],
            (0, _) => &[0x30, 0x81, low],
            _ => &[0x30, 0x82, high, low],
        };
        let len = header.len().saturating_add(content.len());
        let mut der = [0; MAX_KEY];
        let place = der.get_mut(..len).ok_or(TlsFault::UnsupportedAlgorithm)?;
        for (to, from) in place.iter_mut().zip(header.iter().chain(content)) {
            *to = *from;
        }
        Ok(Self { der, len })
    }

    fn der(&self) -> &[u8] {
        self.der.get(..self.len).unwrap_or_default()
    }
}

/// Every certificate on the way to a root must be for servers, and the way must not be a maze.
struct ForServers {
    steps: Cell<u8>,
}

impl ExtendedKeyUsageValidator for ForServers {
    fn validate(&self, usages: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        self.steps.set(self.steps.get().saturating_add(1));
        if self.steps.get() > MAX_STEPS {
            return Err(Error::MaximumPathBuildCallsExceeded);
        }
        KeyUsage::server_auth().validate(usages)
    }
}

fn fault(error: Error) -> TlsFault {
    match error {
        Error::CaUsedAsEndEntity | Error::EmptyEkuExtension | Error::RequiredEkuNotFoundContext(_) => {
            TlsFault::NotForServers
        }
        Error::CertExpired { .. } => TlsFault::Expired,
        Error::CertNotValidForName(_) => TlsFault::NameMismatch,
        Error::CertNotValidYet { .. } => TlsFault::NotYetValid,
        Error::EndEntityUsedAsCa | Error::PathLenConstraintViolated => TlsFault::NotAnIssuer,
        Error::InvalidSignatureForPublicKey => TlsFault::BadSignature,
        Error::MaximumNameConstraintComparisonsExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded => TlsFault::ChainTooTangled,
        Error::NameConstraintViolation => TlsFault::NameNotPermitted,
        Error::UnknownIssuer => TlsFault::UnknownIssuer,
        Error::UnsupportedSignatureAlgorithmContext(_) | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            TlsFault::UnsupportedAlgorithm
        }
        _ => TlsFault::MalformedCertificate,
    }
}
