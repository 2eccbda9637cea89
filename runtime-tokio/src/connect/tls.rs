//! TLS 1.2 and 1.3 with verified certificates.

use std::sync::Arc;

use larkwire_core::Closed;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ConnectError;
use crate::settings::SettingsError;

pub(super) struct Tls(TlsConnector);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    pub(super) fn new(extra_roots: &[u8]) -> Result<Self, SettingsError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let usual = roots.len();
        for certificate in CertificateDer::pem_slice_iter(extra_roots) {
            let certificate = certificate.map_err(|error| SettingsError::new("root certificate", error))?;
            roots.add(certificate).map_err(|error| SettingsError::new("root certificate", error))?;
        }
        if roots.len() == usual && !extra_roots.is_empty() {
            return Err(SettingsError::new(
                "root certificate",
                "none found, PEM is expected: -----BEGIN CERTIFICATE-----",
            ));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| SettingsError::new("tls", error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    pub(super) async fn open(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, ConnectError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| ConnectError::new(Closed::Tls, error))?;
        self.0.connect(name, stream).await.map_err(|error| {
            // rustls reports what it refuses as invalid data; anything else is the network.
            let closed = match error.kind() {
                std::io::ErrorKind::InvalidData => Closed::Tls,
                _ => super::closed_by(&error),
            };
            ConnectError::new(closed, error)
        })
    }
}
