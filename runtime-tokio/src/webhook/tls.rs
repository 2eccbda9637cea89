//! TLS for the server, where no proxy ends it.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::settings::SettingsError;

/// An acceptor from PEM texts: the certificate with its chain, and its key.
pub(super) fn acceptor(certificates: &[u8], key: &[u8]) -> Result<TlsAcceptor, SettingsError> {
    let wrong = |what: &'static str| move |error| SettingsError::new(what, format_args!("{error}; PEM is expected"));
    let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(wrong("certificate"))?;
    if chain.is_empty() {
        return Err(SettingsError::new("certificate", "none found, PEM is expected: -----BEGIN CERTIFICATE-----"));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(wrong("private key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SettingsError::new("tls", error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| SettingsError::new("certificate", error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
