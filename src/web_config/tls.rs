//! How connections are encrypted, from `tls_server_config`.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::client_auth::{Demand, Policy, Verifier};
use super::go_names::{self, Cipher, TlsVersion};
use super::read_files::Reader;
use super::tls_section::TlsSection;
use crate::small_file;

/// Ciphers of which HTTP/2 needs one, where TLS 1.2 is possible.
const HTTP2_CIPHERS: [&str; 2] = [
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
];

/// A text, unless it is missing or empty, which is the same in this file.
fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// A message about a key of this part of the file.
fn about(key: &str, problem: impl std::fmt::Display) -> String {
    format!("tls_server_config.{key}: {problem}")
}

impl TlsSection {
    /// Whether a key is there that is about certificates: the others alone do not encrypt anything.
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
        .any(|text| given(text.as_ref()).is_some())
    }
}

/// The settings for encrypted connections, and what they demand of clients; `None` when they are not to be encrypted.
pub fn build(
    tls: &TlsSection,
    http2: bool,
    folder: &Path,
    reader: &mut Reader,
) -> Result<Option<(Arc<ServerConfig>, Demand)>, String> {
    let (versions, provider) = (versions(tls)?, Arc::new(provider(tls)?));
    if !tls.is_enabled() {
        return Ok(None);
    }
    let mut pem = |file: Option<&String>, key: &str, inline: Option<&String>| {
        // Where both are given the file counts.
        if let Some(path) = given(file) {
            let read = reader.read(&folder.join(path)).map(Some);
            return read.map_err(|reason| about(key, format!("cannot read `{path}`: {reason}")));
        }
        Ok(given(inline).map(|text| text.as_bytes().to_vec()))
    };
    let certificates = pem(tls.cert_file.as_ref(), "cert_file", tls.cert.as_ref())?
        .ok_or_else(|| about("cert_file", "missing one of cert or cert_file"))?;
    let key = pem(tls.key_file.as_ref(), "key_file", tls.key.as_ref())?
        .ok_or_else(|| about("key_file", "missing one of key or key_file"))?;
    let authorities = pem(
        tls.client_ca_file.as_ref(),
        "client_ca_file",
        tls.client_ca.as_ref(),
    )?;
    if http2 {
        check_http2(tls, &versions)?;
    }

    let certificates = certificates_of(&certificates).map_err(|it| about("cert_file", it))?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| {
        about(
            "key_file",
            "there is no private key in PEM that can be read",
        )
    })?;
    let verifier = verifier(tls, authorities.as_deref(), &provider)?;
    let demand = verifier.as_ref().map(Verifier::demand).unwrap_or_default();
    let supported: Vec<_> = versions.iter().map(|it| it.supported()).collect();
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&supported)
        .map_err(|error| about("cipher_suites", error))?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(Arc::new(verifier)),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|error| about("cert_file", error))?;
    config.ignore_client_order = tls.prefer_server_cipher_suites.unwrap_or(true);
    config.alpn_protocols = if http2 {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    } else {
        vec![b"http/1.1".to_vec()]
    };
    Ok(Some((Arc::new(config), demand)))
}

/// The versions between the lowest and the highest one.
fn versions(tls: &TlsSection) -> Result<Vec<TlsVersion>, String> {
    let version = |text: Option<&String>, key, default| match given(text) {
        Some(name) => go_names::version(name).map_err(|it| about(key, it)),
        None => Ok(default),
    };
    let lowest = version(tls.min_version.as_ref(), "min_version", TlsVersion::Tls12)?;
    let highest = version(tls.max_version.as_ref(), "max_version", TlsVersion::Tls13)?;
    if lowest > highest {
        return Err(about("max_version", "is lower than min_version"));
    }
    let all = TlsVersion::ALL.into_iter();
    Ok(all.filter(|it| (lowest..=highest).contains(it)).collect())
}

/// The library's ciphers and curves, without those that are not wanted.
fn provider(tls: &TlsSection) -> Result<CryptoProvider, String> {
    let mut provider = ring::default_provider();
    if let Some(wanted) = tls.cipher_suites.as_ref().filter(|it| !it.is_empty()) {
        let others = "those with GCM or CHACHA20";
        // Those of TLS 1.3 stay: the key is about TLS 1.2 alone.
        provider.cipher_suites.retain(|it| it.tls13().is_some());
        for cipher in supported("cipher_suites", wanted, go_names::cipher, others)? {
            match cipher {
                Cipher::Tls12(suite) => provider.cipher_suites.push(suite),
                Cipher::Tls13 => {}
            }
        }
    }
    if let Some(wanted) = tls.curve_preferences.as_ref().filter(|it| !it.is_empty()) {
        let others = "X25519, CurveP256 and CurveP384";
        provider.kx_groups = supported("curve_preferences", wanted, go_names::curve, others)?;
    }
    Ok(provider)
}

/// What names mean. Those that the library does not have are passed over, and told, as long as another one remains.
fn supported<T>(
    key: &'static str,
    wanted: &[String],
    meaning: impl Fn(&str) -> Result<Option<T>, String>,
    others: &str,
) -> Result<Vec<T>, String> {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for name in wanted {
        match meaning(name).map_err(|it| about(key, it))? {
            Some(value) => found.push(value),
            None => missing.push(name.as_str()),
        }
    }
    let names = missing.join(", ");
    if found.is_empty() {
        let problem = format!(
            "`{names}` is not supported by this program's TLS library, rustls; it has {others}"
        );
        return Err(about(key, problem));
    }
    if !missing.is_empty() {
        tracing::warn!(
            key,
            passed_over = names,
            "the TLS library, rustls, does not have these; the others are used"
        );
    }
    Ok(found)
}

fn check_http2(tls: &TlsSection, versions: &[TlsVersion]) -> Result<(), String> {
    let ciphers = tls.cipher_suites.as_deref().unwrap_or_default();
    let has_one = ciphers.iter().any(|it| HTTP2_CIPHERS.contains(&&**it));
    if ciphers.is_empty() || has_one || !versions.contains(&TlsVersion::Tls12) {
        return Ok(());
    }
    let needed = HTTP2_CIPHERS.join(" or ");
    Err(about(
        "cipher_suites",
        format!("HTTP/2 needs {needed}; add it, or set http_server_config.http2 to false"),
    ))
}

fn verifier(
    tls: &TlsSection,
    authorities: Option<&[u8]>,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Verifier>, String> {
    let name = given(tls.client_auth_type.as_ref()).unwrap_or_default();
    let policy = Policy::parse(name).map_err(|it| about("client_auth_type", it))?;
    if policy == Policy::None {
        if authorities.is_some() {
            let problem = "an authority for clients is configured, but client_auth_type is not";
            return Err(about("client_ca_file", problem));
        }
        if tls.client_allowed_sans.is_some() {
            let problem = "names of clients are configured, but client_auth_type is not";
            return Err(about("client_allowed_sans", problem));
        }
        return Ok(None);
    }
    let authorities = match authorities {
        Some(pem) => certificates_of(pem).map_err(|it| about("client_ca_file", it))?,
        None if policy.verifies() => known_authorities()?,
        None => Vec::new(),
    };
    Verifier::new(
        policy,
        authorities,
        tls.client_allowed_sans.clone(),
        provider,
    )
    .map(Some)
    .map_err(|it| about("client_ca_file", it))
}

/// The authorities that the machine knows, which count where none is configured. Some may be too old for the library.
fn known_authorities() -> Result<Vec<CertificateDer<'static>>, String> {
    // The library reads this file by itself.
    if let Some(path) = std::env::var_os("SSL_CERT_FILE") {
        let problem = |reason| {
            let path = path.display();
            about(
                "client_auth_type",
                format!("SSL_CERT_FILE: cannot read `{path}`: {reason}"),
            )
        };
        small_file::check(Path::new(&path)).map_err(problem)?;
    }
    let mut authorities = rustls_native_certs::load_native_certs().certs;
    authorities.retain(|it| RootCertStore::empty().add(it.clone()).is_ok());
    Ok(authorities)
}

fn certificates_of(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err("there is no certificate in PEM that can be read".to_owned()),
    }
}
