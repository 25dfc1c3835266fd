//! The certificates and the key that a connection string names: what is wrong with them, before the driver says so in
//! its own way or passes over it.

use std::path::Path;
use std::sync::Arc;

use mongodb::options::TlsOptions;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, RootCertStore};

use crate::small_file;

/// How PEM begins a key that is encrypted in the old way, and one that is encrypted in the way of today.
const OLD_ENCRYPTION: &str = "Proc-Type: 4,ENCRYPTED";
const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// What is wrong with the files; `None` when the driver can use them.
pub fn problem(options: &TlsOptions) -> Option<String> {
    let authority = options.ca_file_path.as_deref().and_then(of_authority);
    authority.or_else(|| {
        let path = options.cert_key_file_path.as_deref()?;
        of_client(path, options.tls_certificate_key_file_password.is_some())
    })
}

fn read(option: &str, path: &Path) -> Result<String, String> {
    let bytes = small_file::read(path)
        .map_err(|reason| format!("{option}: cannot read `{}`: {reason}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn of_authority(path: &Path) -> Option<String> {
    let text = match read("tlsCAFile", path) {
        Ok(text) => text,
        Err(problem) => return Some(problem),
    };
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes()).flatten();
    let mut store = RootCertStore::empty();
    let (valid, _) = store.add_parsable_certificates(certificates);
    (valid == 0).then(|| {
        format!(
            "tlsCAFile: `{}` has no certificate that can be used; expected PEM of X.509 version 3",
            path.display()
        )
    })
}

fn of_client(path: &Path, has_password: bool) -> Option<String> {
    let text = match read("tlsCertificateKeyFile", path) {
        Ok(text) => text,
        Err(problem) => return Some(problem),
    };
    let problem = |what: &str| {
        Some(format!(
            "tlsCertificateKeyFile: `{}` {what}",
            path.display()
        ))
    };
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes())
        .flatten()
        .collect();
    if certificates.is_empty() {
        return problem("has no certificate; expected a certificate and its key as PEM");
    }
    if text.contains(OLD_ENCRYPTION) {
        return problem(
            "has a key that is encrypted in an old way; write it anew with `openssl pkcs8 -topk8`",
        );
    }
    if text.contains(ENCRYPTED) {
        return if has_password {
            // Whether it is the right one the driver finds out.
            None
        } else {
            problem(
                "has a key that is encrypted; give its password with tlsCertificateKeyFilePassword, or decrypt it",
            )
        };
    }
    if has_password {
        return problem("has no encrypted key; leave tlsCertificateKeyFilePassword out");
    }
    let Ok(key) = PrivateKeyDer::from_pem_slice(text.as_bytes()) else {
        return problem("has no key; expected a certificate and its key as PEM");
    };
    match ring::sign::any_supported_type(&key) {
        Err(_) => {
            problem("has a key of a kind that is not supported; expected RSA, ECDSA or Ed25519")
        }
        Ok(key) => match CertifiedKey::new(certificates, Arc::clone(&key)).keys_match() {
            Err(Error::InconsistentKeys(_)) => {
                problem("has a key that does not belong to its first certificate")
            }
            _ => None,
        },
    }
}
