//! The settings of TLS, from `tls_server_config`.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::client_auth::{CertificateVerifier, ClientAuthType, ClientCertRequirement};
use super::file_tracker::FileTracker;
use super::go_names::{self, Cipher, TlsVersion};
use super::tls_section::TlsSection;
use crate::small_file;

/// The cipher suites of which HTTP/2 over TLS 1.2 needs one.
const HTTP2_CIPHERS: [&str; 2] = [
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
];

/// A value, unless it is empty, which means the same as missing.
fn non_empty(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// An error message about a key of this section.
fn error_of(key: &str, problem: impl std::fmt::Display) -> String {
    format!("tls_server_config.{key}: {problem}")
}

impl TlsSection {
    /// Whether a key about certificates is set: the others alone do not enable TLS.
    fn is_enabled(&self) -> bool {
        [
            &self.cert_file,
            &self.cert,
            &self.key_file,
            &self.key,
            &self.client_ca_file,
            &self.client_ca,
            &self.client_auth_type,
        ]
        .into_iter()
        .any(|text| non_empty(text.as_ref()).is_some())
    }
}

/// Builds the settings of TLS, and the certificate that clients must present; `None` if TLS is not enabled.
pub fn build(
    tls: &TlsSection,
    http2: bool,
    folder: &Path,
    tracker: &mut FileTracker,
) -> Result<Option<(Arc<ServerConfig>, ClientCertRequirement)>, String> {
    let (versions, provider) = (versions(tls)?, Arc::new(provider(tls)?));
    if !tls.is_enabled() {
        return Ok(None);
    }
    let mut pem = |file: Option<&String>, key: &str, inline: Option<&String>| {
        // If both are set the file counts.
        if let Some(path) = non_empty(file) {
            let read = tracker.read(&folder.join(path)).map(Some);
            return read.map_err(|reason| error_of(key, format!("cannot read `{path}`: {reason}")));
        }
        Ok(non_empty(inline).map(|text| text.as_bytes().to_vec()))
    };
    let certificates = pem(tls.cert_file.as_ref(), "cert_file", tls.cert.as_ref())?
        .ok_or_else(|| error_of("cert_file", "missing one of cert or cert_file"))?;
    let key = pem(tls.key_file.as_ref(), "key_file", tls.key.as_ref())?
        .ok_or_else(|| error_of("key_file", "missing one of key or key_file"))?;
    let authorities = pem(
        tls.client_ca_file.as_ref(),
        "client_ca_file",
        tls.client_ca.as_ref(),
    )?;
    if http2 {
        check_http2(tls, &versions)?;
    }

    let certificates =
        certificates_of(&certificates).map_err(|error| error_of("cert_file", error))?;
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|_| error_of("key_file", "no readable private key in PEM"))?;
    let verifier = verifier(tls, authorities.as_deref(), &provider)?;
    let requirement = verifier
        .as_ref()
        .map(CertificateVerifier::requirement)
        .unwrap_or_default();
    let supported: Vec<_> = versions.iter().map(|version| version.supported()).collect();
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&supported)
        .map_err(|error| error_of("cipher_suites", error))?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(Arc::new(verifier)),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|error| error_of("cert_file", error))?;
    config.ignore_client_order = tls.prefer_server_cipher_suites.unwrap_or(true);
    config.alpn_protocols = if http2 {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    } else {
        vec![b"http/1.1".to_vec()]
    };
    Ok(Some((Arc::new(config), requirement)))
}

/// The versions from `min_version` to `max_version`.
fn versions(tls: &TlsSection) -> Result<Vec<TlsVersion>, String> {
    let version = |text: Option<&String>, key, default| match non_empty(text) {
        Some(name) => go_names::parse_version(name).map_err(|error| error_of(key, error)),
        None => Ok(default),
    };
    let min = version(tls.min_version.as_ref(), "min_version", TlsVersion::Tls12)?;
    let max = version(tls.max_version.as_ref(), "max_version", TlsVersion::Tls13)?;
    if min > max {
        return Err(error_of("max_version", "is lower than min_version"));
    }
    let all = TlsVersion::ALL.into_iter();
    Ok(all
        .filter(|version| (min..=max).contains(version))
        .collect())
}

/// The cipher suites and curves of the library, restricted to the configured ones.
fn provider(tls: &TlsSection) -> Result<CryptoProvider, String> {
    let mut provider = ring::default_provider();
    if let Some(wanted) = tls.cipher_suites.as_ref().filter(|names| !names.is_empty()) {
        let others = "those with GCM or CHACHA20";
        // The key does not apply to TLS 1.3.
        provider
            .cipher_suites
            .retain(|suite| suite.tls13().is_some());
        for cipher in supported("cipher_suites", wanted, go_names::parse_cipher, others)? {
            match cipher {
                Cipher::Tls12(suite) => provider.cipher_suites.push(suite),
                Cipher::Tls13 => {}
            }
        }
    }
    if let Some(wanted) = tls
        .curve_preferences
        .as_ref()
        .filter(|names| !names.is_empty())
    {
        let others = "X25519, CurveP256 and CurveP384";
        provider.kx_groups = supported("curve_preferences", wanted, go_names::parse_curve, others)?;
    }
    Ok(provider)
}

/// Parses names. Unsupported ones are skipped with a warning, but one must be supported.
fn supported<T>(
    key: &'static str,
    wanted: &[String],
    parse: impl Fn(&str) -> Result<Option<T>, String>,
    others: &str,
) -> Result<Vec<T>, String> {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for name in wanted {
        match parse(name).map_err(|error| error_of(key, error))? {
            Some(value) => found.push(value),
            None => missing.push(name.as_str()),
        }
    }
    let names = missing.join(", ");
    if found.is_empty() {
        let problem = format!(
            "`{names}` is not supported by this program's TLS library, rustls; it has {others}"
        );
        return Err(error_of(key, problem));
    }
    if !missing.is_empty() {
        tracing::warn!(
            key,
            passed_over = names,
            "the TLS library, rustls, does not support these; the others are used"
        );
    }
    Ok(found)
}

fn check_http2(tls: &TlsSection, versions: &[TlsVersion]) -> Result<(), String> {
    let ciphers = tls.cipher_suites.as_deref().unwrap_or_default();
    let has_one = ciphers.iter().any(|name| HTTP2_CIPHERS.contains(&&**name));
    if ciphers.is_empty() || has_one || !versions.contains(&TlsVersion::Tls12) {
        return Ok(());
    }
    let needed = HTTP2_CIPHERS.join(" or ");
    Err(error_of(
        "cipher_suites",
        format!("HTTP/2 needs {needed}; add it, or set http_server_config.http2 to false"),
    ))
}

fn verifier(
    tls: &TlsSection,
    authorities: Option<&[u8]>,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<CertificateVerifier>, String> {
    let name = non_empty(tls.client_auth_type.as_ref()).unwrap_or_default();
    let auth_type =
        ClientAuthType::parse(name).map_err(|error| error_of("client_auth_type", error))?;
    if auth_type == ClientAuthType::None {
        if authorities.is_some() {
            let problem = "client_ca_file or client_ca is set, but client_auth_type is not";
            return Err(error_of("client_ca_file", problem));
        }
        if tls.client_allowed_sans.is_some() {
            let problem = "it is set, but client_auth_type is not";
            return Err(error_of("client_allowed_sans", problem));
        }
        return Ok(None);
    }
    let authorities = match authorities {
        Some(pem) => certificates_of(pem).map_err(|error| error_of("client_ca_file", error))?,
        None if auth_type.verifies() => system_authorities()?,
        None => Vec::new(),
    };
    CertificateVerifier::new(
        auth_type,
        authorities,
        tls.client_allowed_sans.clone(),
        provider,
    )
    .map(Some)
    .map_err(|error| error_of("client_ca_file", error))
}

/// The authorities of the system, which are used if none is configured. Those that the library rejects are left out.
fn system_authorities() -> Result<Vec<CertificateDer<'static>>, String> {
    // The library would read any file.
    if let Some(path) = std::env::var_os("SSL_CERT_FILE") {
        let problem = |reason| {
            let path = path.display();
            error_of(
                "client_auth_type",
                format!("SSL_CERT_FILE: cannot read `{path}`: {reason}"),
            )
        };
        small_file::check(Path::new(&path)).map_err(problem)?;
    }
    let mut authorities = rustls_native_certs::load_native_certs().certs;
    authorities.retain(|authority| RootCertStore::empty().add(authority.clone()).is_ok());
    Ok(authorities)
}

fn certificates_of(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err("no readable certificate in PEM".to_owned()),
    }
}
