//! What versions of TLS, ciphers and curves are called in the file, which has the names of Go's constants.

use tokio_rustls::rustls::crypto::SupportedKxGroup;
use tokio_rustls::rustls::crypto::ring::{cipher_suite, kx_group};
use tokio_rustls::rustls::{SupportedCipherSuite, SupportedProtocolVersion, version};

/// A name that is taken, or only known.
enum Known<T> {
    Usable(T),
    /// Go has it; the TLS library of this program leaves it out as too weak or for want of need.
    Unusable,
}

/// Versions of TLS that connections may have.
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

    /// The library's own description.
    pub fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &version::TLS12,
            Self::Tls13 => &version::TLS13,
        }
    }
}

/// A cipher suite: of TLS 1.2, where there is a choice, or of TLS 1.3, where there is none.
#[derive(Debug, Clone, Copy)]
pub enum Cipher {
    /// One that can be left out.
    Tls12(SupportedCipherSuite),
    /// One that TLS 1.3 always has.
    Tls13,
}

/// The version that a name means.
pub fn version(name: &str) -> Result<TlsVersion, String> {
    let known = match name {
        "TLS13" => Known::Usable(TlsVersion::Tls13),
        "TLS12" => Known::Usable(TlsVersion::Tls12),
        "TLS11" | "TLS10" => Known::Unusable,
        _ => return Err(format!("unknown TLS version `{name}`")),
    };
    match known {
        Known::Usable(version) => Ok(version),
        Known::Unusable => Err(format!(
            "`{name}` is not supported by this program's TLS library, rustls; it has TLS12 and TLS13"
        )),
    }
}

/// The cipher suite that a name means; `None` when the library has none of this name.
pub fn cipher(name: &str) -> Result<Option<Cipher>, String> {
    let known = match name {
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" => {
            Known::Usable(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
        }
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384" => {
            Known::Usable(cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)
        }
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" => {
            Known::Usable(cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)
        }
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" => {
            Known::Usable(cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
        }
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" => {
            Known::Usable(cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)
        }
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256" => {
            Known::Usable(cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)
        }
        "TLS_AES_128_GCM_SHA256" | "TLS_AES_256_GCM_SHA384" | "TLS_CHACHA20_POLY1305_SHA256" => {
            return Ok(Some(Cipher::Tls13));
        }
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
        | "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"
        | "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
        | "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA" => Known::Unusable,
        _ => return Err(format!("unknown cipher `{name}`")),
    };
    Ok(match known {
        Known::Usable(suite) => Some(Cipher::Tls12(suite)),
        Known::Unusable => None,
    })
}

/// The curve that a name means; `None` when the library has none of this name.
pub fn curve(name: &str) -> Result<Option<&'static dyn SupportedKxGroup>, String> {
    let known = match name {
        "X25519" => Known::Usable(kx_group::X25519),
        "CurveP256" => Known::Usable(kx_group::SECP256R1),
        "CurveP384" => Known::Usable(kx_group::SECP384R1),
        "CurveP521" => Known::Unusable,
        _ => return Err(format!("unknown curve `{name}`")),
    };
    Ok(match known {
        Known::Usable(curve) => Some(curve),
        Known::Unusable => None,
    })
}
