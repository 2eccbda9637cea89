//! The signatures a certificate or a proof of its key may carry.

use core::fmt;

use embedded_tls::SignatureScheme;
use p256::ecdsa::signature::Verifier as _;
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};

#[cfg(feature = "tls-rsa")]
use super::rsa;

/// What webpki looks an algorithm up by, and how it is checked: public key, message, signature.
pub(super) struct Algorithm {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    check: fn(&[u8], &[u8], &[u8]) -> bool,
}

impl fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Algorithm").field("signature", &self.signature).finish_non_exhaustive()
    }
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }

    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        if (self.check)(key, message, signature) { Ok(()) } else { Err(InvalidSignature) }
    }
}

static P256_SHA256: Algorithm =
    Algorithm { key: alg_id::ECDSA_P256, signature: alg_id::ECDSA_SHA256, check: p256_sha256 };

fn p256_sha256(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    use p256::ecdsa::{Signature, VerifyingKey};
    let (Ok(key), Ok(signature)) = (VerifyingKey::from_sec1_bytes(key), Signature::from_der(signature)) else {
        return false;
    };
    key.verify(message, &signature).is_ok()
}

#[cfg(feature = "tls-p384")]
static P384_SHA384: Algorithm =
    Algorithm { key: alg_id::ECDSA_P384, signature: alg_id::ECDSA_SHA384, check: p384_sha384 };

#[cfg(feature = "tls-p384")]
fn p384_sha384(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    use p384::ecdsa::signature::hazmat::PrehashVerifier as _;
    use p384::ecdsa::{Signature, VerifyingKey};
    use sha2::Digest as _;
    let (Ok(key), Ok(signature)) = (VerifyingKey::from_sec1_bytes(key), Signature::from_der(signature)) else {
        return false;
    };
    // Hashed here: the hash that comes with p384 is of another generation, and would be linked a second time.
    key.verify_prehash(&sha2::Sha384::digest(message), &signature).is_ok()
}

#[cfg(feature = "tls-rsa")]
macro_rules! rsa {
    ($name:ident, $signature:ident, $check:ident, $hash:ident) => {
        static $name: Algorithm =
            Algorithm { key: alg_id::RSA_ENCRYPTION, signature: alg_id::$signature, check: rsa::$check::<sha2::$hash> };
    };
}
#[cfg(feature = "tls-rsa")]
rsa!(PKCS1_SHA256, RSA_PKCS1_SHA256, is_pkcs1, Sha256);
#[cfg(feature = "tls-rsa")]
rsa!(PKCS1_SHA384, RSA_PKCS1_SHA384, is_pkcs1, Sha384);
#[cfg(feature = "tls-rsa")]
rsa!(PKCS1_SHA512, RSA_PKCS1_SHA512, is_pkcs1, Sha512);
#[cfg(feature = "tls-rsa")]
rsa!(PSS_SHA256, RSA_PSS_SHA256, is_pss, Sha256);
#[cfg(feature = "tls-rsa")]
rsa!(PSS_SHA384, RSA_PSS_SHA384, is_pss, Sha384);
#[cfg(feature = "tls-rsa")]
rsa!(PSS_SHA512, RSA_PSS_SHA512, is_pss, Sha512);

/// What may sign certificates.
pub(super) static IN_CERTIFICATES: &[&dyn SignatureVerificationAlgorithm] = &[
    &P256_SHA256,
    #[cfg(feature = "tls-p384")]
    &P384_SHA384,
    #[cfg(feature = "tls-rsa")]
    &PKCS1_SHA256,
    #[cfg(feature = "tls-rsa")]
    &PKCS1_SHA384,
    #[cfg(feature = "tls-rsa")]
    &PKCS1_SHA512,
    #[cfg(feature = "tls-rsa")]
    &PSS_SHA256,
    #[cfg(feature = "tls-rsa")]
    &PSS_SHA384,
    #[cfg(feature = "tls-rsa")]
    &PSS_SHA512,
];

/// What may sign a handshake: each scheme names the curve or the padding, and the hash (RFC 8446 section 4.2.3).
pub(super) fn in_handshake(scheme: SignatureScheme) -> Option<&'static dyn SignatureVerificationAlgorithm> {
    match scheme {
        SignatureScheme::EcdsaSecp256r1Sha256 => Some(&P256_SHA256),
        #[cfg(feature = "tls-p384")]
        SignatureScheme::EcdsaSecp384r1Sha384 => Some(&P384_SHA384),
        #[cfg(feature = "tls-rsa")]
        SignatureScheme::RsaPssRsaeSha256 => Some(&PSS_SHA256),
        #[cfg(feature = "tls-rsa")]
        SignatureScheme::RsaPssRsaeSha384 => Some(&PSS_SHA384),
        #[cfg(feature = "tls-rsa")]
        SignatureScheme::RsaPssRsaeSha512 => Some(&PSS_SHA512),
        _ => None,
    }
}
