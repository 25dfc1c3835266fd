//! The names of TLS versions, cipher suites and curves in the file: those of Go's constants.

use tokio_rustls::rustls::crypto::SupportedKxGroup;
use tokio_rustls::rustls::crypto::ring::{cipher_suite, kx_group};
use tokio_rustls::rustls::{SupportedCipherSuite, SupportedProtocolVersion, version};

/// Whether the TLS library supports what Go has.
enum Support<T> {
    Supported(T),
    /// rustls leaves it out, as too weak or rarely needed.
    Unsupported,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2.
    Tls12,
    /// 1.3.
    Tls13,
}

impl TlsVersion {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Tls12, Self::Tls13];

    /// The version as rustls has it.
    pub fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &version::TLS12,
            Self::Tls13 => &version::TLS13,
        }
    }
}

/// A cipher suite.
#[derive(Debug, Clone, Copy)]
pub enum Cipher {
    /// A suite of TLS 1.2, which can be left out.
    Tls12(SupportedCipherSuite),
    /// A suite of TLS 1.3, which is always enabled.
    Tls13,
}

/// Parses a TLS version.
pub fn parse_version(name: &str) -> Result<TlsVersion, String> {
    let support = match name {
        "TLS13" => Support::Supported(TlsVersion::Tls13),
        "TLS12" => Support::Supported(TlsVersion::Tls12),
        "TLS11" | "TLS10" => Support::Unsupported,
        _ => return Err(format!("unknown TLS version `{name}`")),
    };
    match support {
        Support::Supported(version) => Ok(version),
        Support::Unsupported => Err(format!(
            "`{name}` is not supported by this program's TLS library, rustls; it has TLS12 and TLS13"
        )),
    }
}

/// Parses a cipher suite; `None` if the library does not support it.
pub fn parse_cipher(name: &str) -> Result<Option<Cipher>, String> {
    let support = match name {
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" => {
            Support::Supported(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
        }
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" => {
            Support::Supported(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)
        }
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" => {
            Support::Supported(cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)
        }
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" => {
            Support::Supported(cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
        }
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" => {
            Support::Supported(cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)
        }
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" => {
            Support::Supported(cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)
        }
        "TLS_AES_128_GCM_SHA256" | "TLS_AES_256_GCM_SHA384" | "TLS_CHACHA20_POLY1305_SHA256" => {
            return Ok(Some(Cipher::Tls13));
        }
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
        | "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"
        | "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
        | "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA" => Support::Unsupported,
        _ => return Err(format!("unknown cipher `{name}`")),
    };
    Ok(match support {
        Support::Supported(suite) => Some(Cipher::Tls12(suite)),
        Support::Unsupported => None,
    })
}

/// Parses a curve; `None` if the library does not support it.
pub fn parse_curve(name: &str) -> Result<Option<&'static dyn SupportedKxGroup>, String> {
    let support = match name {
        "X25519" => Support::Supported(kx_group::X25519),
        "CurveP256" => Support::Supported(kx_group::SECP256R1),
        "CurveP384" => Support::Supported(kx_group::SECP384R1),
        "CurveP521" => Support::Unsupported,
        _ => return Err(format!("unknown curve `{name}`")),
    };
    Ok(match support {
        Support::Supported(curve) => Some(curve),
        Support::Unsupported => None,
    })
}
