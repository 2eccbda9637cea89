//! Authorities and certificates, made for one test.

use std::sync::OnceLock;

use larkwire_core::UnixMillis;
use larkwire_embassy::{TlsFault, Trust};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// 2026-11-22.
pub(crate) const NOW: UnixMillis = UnixMillis(1_795_305_600_000);
pub(crate) const HOST: &str = "platform.test";

/// A certificate and its key.
pub(crate) struct Signed {
    params: CertificateParams,
    pub(crate) key: KeyPair,
    pub(crate) der: Vec<u8>,
}

/// An authority that signs itself.
pub(crate) fn root(name: &str) -> Signed {
    root_of(name, KeyPair::generate().unwrap())
}

pub(crate) fn root_of(name: &str, key: KeyPair) -> Signed {
    let params = authority(name);
    let der = params.self_signed(&key).unwrap().der().to_vec();
    Signed { params, key, der }
}

pub(crate) fn authority(name: &str) -> CertificateParams {
    let mut params = server(&[]);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// What a server's certificate says, without a common name.
pub(crate) fn server(hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    params
}

impl Signed {
    pub(crate) fn sign(&self, params: CertificateParams) -> Signed {
        self.sign_for(params, KeyPair::generate().unwrap())
    }

    pub(crate) fn sign_for(&self, params: CertificateParams, key: KeyPair) -> Signed {
        let issuer = Issuer::from_params(&self.params, &self.key);
        let der = params.signed_by(&key, &issuer).unwrap().der().to_vec();
        Signed { params, key, der }
    }

    /// An intermediate.
    pub(crate) fn authority(&self, name: &str) -> Signed {
        self.sign(authority(name))
    }

    /// An intermediate with something peculiar.
    pub(crate) fn authority_with(&self, name: &str, tweak: impl FnOnce(&mut CertificateParams)) -> Signed {
        let mut params = authority(name);
        tweak(&mut params);
        self.sign(params)
    }

    /// A server's certificate for [`HOST`].
    pub(crate) fn server(&self) -> Signed {
        self.sign(server(&[HOST]))
    }

    /// A server's certificate for [`HOST`] with something peculiar.
    pub(crate) fn server_with(&self, tweak: impl FnOnce(&mut CertificateParams)) -> Signed {
        let mut params = server(&[HOST]);
        tweak(&mut params);
        self.sign(params)
    }

    /// With one bit of the signature turned.
    pub(crate) fn damaged(mut self) -> Signed {
        *self.der.last_mut().unwrap() ^= 1;
        self
    }
}

/// What a board that trusts `root` says to this chain for [`HOST`], today.
pub(crate) fn judge(root: &Signed, chain: &[&Signed]) -> Result<(), TlsFault> {
    judge_as(root, HOST, chain)
}

pub(crate) fn judge_as(root: &Signed, host: &str, chain: &[&Signed]) -> Result<(), TlsFault> {
    let chain: Vec<&[u8]> = chain.iter().map(|certificate| &certificate.der[..]).collect();
    Trust::Roots(&[&root.der]).judge(host, Some(NOW), &chain)
}

/// A root that all tests share which need nothing peculiar of it.
pub(crate) fn common_root() -> &'static Signed {
    static ROOT: OnceLock<Signed> = OnceLock::new();
    ROOT.get_or_init(|| root("Root"))
}

/// A key of RSA from the test data.
#[cfg(feature = "tls-rsa")]
pub(crate) fn rsa_key(bits: u32, algorithm: &'static rcgen::SignatureAlgorithm) -> KeyPair {
    let path = format!("{}/tests/tls/data/rsa-{bits}.der", env!("CARGO_MANIFEST_DIR"));
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(std::fs::read(path).unwrap());
    KeyPair::from_pkcs8_der_and_sign_algo(&key, algorithm).unwrap()
}
