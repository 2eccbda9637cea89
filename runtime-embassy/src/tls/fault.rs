//! Why no verified stream was opened.

use core::fmt;

/// Why TLS was refused, or broke. The bot itself hears [`Closed::Tls`](larkwire_core::Closed::Tls) and tries again by
/// itself; this is for the people who must act. Each variant says the next step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TlsFault {
    /// A signature over a certificate, or over the handshake, is wrong. Next step: somebody stands in between, or the
    /// server's certificate and key do not belong together: look at the server from another network.
    BadSignature,
    /// A buffer is too small. Next step: give it `needed` bytes or more.
    BufferTooSmall {
        /// Bytes it must have.
        needed: usize,
    },
    /// The certificates do not fit one record of 16 KB, or cannot be read as a list of certificates. Next step: have the
    /// server send its certificate and the intermediates, nothing else.
    ChainTooLong,
    /// There are too many ways to put the server's certificates together. Next step: have the server send its
    /// certificate and the intermediates, each of them once.
    ChainTooTangled,
    /// The certificate, or an intermediate, is past its last day. Next step: have it renewed, or look at the board's
    /// clock.
    Expired,
    /// What was promised in the handshake was not kept, or something came that this client does not do, a change of keys
    /// in the middle of a stream for instance. Next step: none when it comes once, the bot connects again; otherwise look
    /// at what stands between the board and the server.
    Handshake,
    /// The host is neither a DNS name nor an IP address. Next step: correct it in the configuration.
    InvalidHost,
    /// A certificate is not what RFC 5280 asks for, or has a critical extension that is not known here. Next step: have
    /// the server's certificate made anew.
    MalformedCertificate,
    /// The certificate is for other hosts; only names in its list of alternative names count. Next step: correct the host
    /// in the configuration, or have the certificate made for it.
    NameMismatch,
    /// The certificate names a host that an issuer above it must not name (name constraints). Next step: as for
    /// [`NameMismatch`](Self::NameMismatch), or trust another root.
    NameNotPermitted,
    /// The time of day is not known, and without it no certificate can be judged. Next step: set the clock, from a clock
    /// chip or NTP.
    NoClock,
    /// The board's source of randomness gave none, so no key was made. Next step: look at the generator.
    NoEntropy,
    /// The server did not prove that it has the key of a trusted certificate. Next step: somebody stands in between, or
    /// the server is broken.
    NotAuthenticated,
    /// The certificate that signed another one is not that of an issuer, or may not have as many issuers below it. Next
    /// step: have the server's certificates issued by the root that is trusted; until then take it for an attack.
    NotAnIssuer,
    /// The certificate, or an issuer's, is not for servers. Next step: have one made with the usage `serverAuth`, or
    /// without extended key usage.
    NotForServers,
    /// The key of the certificate is none of the pinned ones. Next step: if the server got a new key, pin it; otherwise
    /// somebody stands in between.
    NotPinned,
    /// The first day of the certificate, or of an intermediate, has not come yet. Next step: look at the board's clock.
    NotYetValid,
    /// Something that can be had without TLS only was asked for. Next step: use an address that begins with `https`, or
    /// for tests [`TcpConnect`](crate::TcpConnect).
    PlaintextAsked,
    /// The server gave up the handshake with this alert of RFC 8446 section 6. Next step: 70 says that it does not speak
    /// TLS 1.3, 40 that it wants other ciphers or curves (AES-128-GCM with P-256 here), 112 that it does not know the
    /// host.
    ServerAlert(u8),
    /// The server sent more than 8 certificates. Next step: have it send its certificate and the intermediates, nothing
    /// else.
    TooManyCertificates,
    /// No certificate leads to a trusted root. Next step: have the server send its intermediates, or add the root that
    /// signs them; otherwise somebody stands in between.
    UnknownIssuer,
    /// A key or a signature is of a kind this build does not know. Next step: switch on `tls-p384` or `tls-rsa`; keys of
    /// RSA with 2048 to 4096 bits, P-256 with SHA-256 and P-384 with SHA-384 are all there is.
    UnsupportedAlgorithm,
    /// A root that is to be trusted cannot be read. Next step: give it as one certificate in DER.
    UnusableRoot,
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadSignature => "a signature of the server is wrong: look at it from another network",
            Self::BufferTooSmall { needed } => {
                return write!(f, "a buffer is too small: give it {needed} bytes or more");
            }
            Self::ChainTooLong => "the server's certificates do not fit 16 KB: have it send the needed ones only",
            Self::ChainTooTangled => "the server's certificates are a tangle: have it send each needed one once",
            Self::Expired => "a certificate of the server has expired: have it renewed, or look at the board's clock",
            Self::Handshake => "the server does not keep to TLS 1.3 as it is known here: the bot connects again",
            Self::InvalidHost => "the host is neither a DNS name nor an IP address: correct the configuration",
            Self::MalformedCertificate => "a certificate of the server is malformed: have it made anew",
            Self::NameMismatch => {
                "the certificate is for other hosts: correct the host, or have the certificate made for it"
            }
            Self::NameNotPermitted => "an issuer of the certificate must not name this host: have another one issue it",
            Self::NoClock => "the time of day is not known: set the board's clock",
            Self::NoEntropy => "the board's source of randomness gave none: look at it",
            Self::NotAnIssuer => "a certificate is signed by one that may not: take it for an attack",
            Self::NotAuthenticated => "the server did not prove that it has the key of its certificate",
            Self::NotForServers => "the certificate is not for servers: have one made with the usage serverAuth",
            Self::NotPinned => "the server's key is none of the pinned ones: if it is a new one, pin it",
            Self::NotYetValid => "a certificate of the server is not valid yet: look at the board's clock",
            Self::PlaintextAsked => "a stream without TLS was asked for: use an address that begins with https",
            Self::ServerAlert(alert) => {
                return write!(f, "the server gave up with alert {alert} of RFC 8446 section 6");
            }
            Self::TooManyCertificates => "the server sent more than 8 certificates: have it send the needed ones only",
            Self::UnknownIssuer => "no certificate leads to a trusted root: add the root, or have intermediates sent",
            Self::UnsupportedAlgorithm => "a key or signature of an unknown kind: switch on tls-p384 or tls-rsa",
            Self::UnusableRoot => "a root that is to be trusted cannot be read: give it as one certificate in DER",
        })
    }
}

impl core::error::Error for TlsFault {}
