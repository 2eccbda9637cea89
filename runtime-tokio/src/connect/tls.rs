//! TLS 1.2 and 1.3 with verified certificates.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use larkwire_core::Closed;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ConnectError;
use super::gather::Gather;
use crate::settings::SettingsError;

pub(super) struct Tls(TlsConnector);

/// What is in use, by its extra roots. The usual roots and the sessions to resume are tens of kilobytes, the same for
/// every bot of a process that trusts the same.
static SHARED: Mutex<Vec<InUse>> = Mutex::new(Vec::new());

/// The extra roots, and what was made of them.
type InUse = (Box<[u8]>, Weak<ClientConfig>);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    pub(super) fn new(extra_roots: &[u8]) -> Result<Self, SettingsError> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.retain(|(_, config)| config.strong_count() > 0);
        let known = shared.iter().find(|(roots, _)| **roots == *extra_roots).and_then(|(_, config)| config.upgrade());
        let config = match known {
            Some(config) => config,
            None => {
                let config = Arc::new(client_config(extra_roots)?);
                shared.push((extra_roots.into(), Arc::downgrade(&config)));
                config
            }
        };
        Ok(Self(TlsConnector::from(config)))
    }

    pub(super) async fn open(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<Gather<TcpStream>>, ConnectError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| ConnectError::new(Closed::Tls, error))?;
        self.0.connect(name, Gather::new(stream)).await.map_err(|error| {
            // rustls reports what it refuses as invalid data; anything else is the network.
            let closed = match error.kind() {
                std::io::ErrorKind::InvalidData => Closed::Tls,
                _ => super::closed_by(&error),
            };
            ConnectError::new(closed, error)
        })
    }
}

fn client_config(extra_roots: &[u8]) -> Result<ClientConfig, SettingsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let usual = roots.len();
    for certificate in CertificateDer::pem_slice_iter(extra_roots) {
        let certificate = certificate.map_err(|error| SettingsError::new("root certificate", error))?;
        roots.add(certificate).map_err(|error| SettingsError::new("root certificate", error))?;
    }
    if roots.len() == usual && !extra_roots.is_empty() {
        return Err(SettingsError::new("root certificate", "none found, PEM is expected: -----BEGIN CERTIFICATE-----"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SettingsError::new("tls", error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bots_that_trust_the_same_share_what_that_takes() {
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let extra = certified.cert.pem();
        let open = |roots: &str| Tls::new(roots.as_bytes()).unwrap();
        let (usual, also_usual, other) = (open(""), open(""), open(&extra));
        assert!(Arc::ptr_eq(usual.0.config(), also_usual.0.config()));
        assert!(!Arc::ptr_eq(usual.0.config(), other.0.config()));
        assert!(Arc::ptr_eq(other.0.config(), open(&extra).0.config()));
    }
}
