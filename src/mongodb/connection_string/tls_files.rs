//! Checks the certificates and the key that a connection string names; the driver's own messages are less clear, and it
//! accepts some unusable files.

use std::path::Path;
use std::sync::Arc;

use mongodb::options::TlsOptions;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, RootCertStore};

use crate::small_file;

/// The markers of encrypted keys in PEM: the OpenSSL format, and PKCS #8.
const OPENSSL_ENCRYPTED: &str = "Proc-Type: 4,ENCRYPTED";
const PKCS8_ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// What is wrong with the files; `None` when the driver can use them.
pub fn problem(options: &TlsOptions) -> Option<String> {
    let authority = options.ca_file_path.as_deref().and_then(ca_file_problem);
    authority.or_else(|| {
        let path = options.cert_key_file_path.as_deref()?;
        client_file_problem(path, options.tls_certificate_key_file_password.is_some())
    })
}

fn read(option: &str, path: &Path) -> Result<String, String> {
    let bytes = small_file::read(path)
        .map_err(|reason| format!("{option}: cannot read `{}`: {reason}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn ca_file_problem(path: &Path) -> Option<String> {
    let text = match read("tlsCAFile", path) {
        Ok(text) => text,
        Err(problem) => return Some(problem),
    };
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes()).flatten();
    let mut store = RootCertStore::empty();
    let (valid, _) = store.add_parsable_certificates(certificates);
    (valid == 0).then(|| {
        format!(
            "tlsCAFile: `{}` has no valid certificate; expected X.509 version 3 as PEM",
            path.display()
        )
    })
}

fn client_file_problem(path: &Path, has_password: bool) -> Option<String> {
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
    if text.contains(OPENSSL_ENCRYPTED) {
        return problem(
            "has a key that is encrypted in OpenSSL's old format; convert it with `openssl pkcs8 -topk8`",
        );
    }
    if text.contains(PKCS8_ENCRYPTED) {
        return if has_password {
            // The driver checks the password.
            None
        } else {
            problem(
                "has an encrypted key; set tlsCertificateKeyFilePassword to its password, or decrypt it",
            )
        };
    }
    if has_password {
        return problem("has no encrypted key; remove tlsCertificateKeyFilePassword");
    }
    let Ok(key) = PrivateKeyDer::from_pem_slice(text.as_bytes()) else {
        return problem("has no key; expected a certificate and its key as PEM");
    };
    match ring::sign::any_supported_type(&key) {
        Err(_) => problem("has a key of an unsupported type; expected RSA, ECDSA or Ed25519"),
        Ok(key) => match CertifiedKey::new(certificates, Arc::clone(&key)).keys_match() {
            Err(Error::InconsistentKeys(_)) => {
                problem("has a key that does not belong to its first certificate")
            }
            _ => None,
        },
    }
}
