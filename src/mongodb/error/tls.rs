//! Messages for TLS errors: what is wrong, and what to do.

use std::error::Error as StdError;

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

/// The message for an error of rustls; `None` for any other.
pub fn message(error: &(dyn StdError + Send + Sync + 'static)) -> Option<String> {
    let error = error.downcast_ref::<Error>()?;
    Some(match error {
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::InvalidMessage(_) => {
            "it does not speak TLS; remove tls=true from the connection string, or enable TLS on the server"
                .to_owned()
        }
        Error::PeerIncompatible(_) => {
            "it has no TLS version or cipher suite in common with this exporter, which supports TLS 1.2 and 1.3 with forward secrecy"
                .to_owned()
        }
        Error::UnsupportedNameType => {
            "its name in the connection string is not one that a certificate can have".to_owned()
        }
        _ => "the TLS handshake failed".to_owned(),
    })
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::Other(other) => {
            let other = other.0.downcast_ref::<webpki::Error>();
            other.map_or_else(
                || "its certificate is not valid".to_owned(),
                of_certificate_alone,
            )
        }
        CertificateError::UnknownIssuer => {
            "its certificate is signed by an authority that is not trusted; set tlsCAFile to the authority's certificate, or to the server's own if it is self-signed".to_owned()
        }
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "its certificate, or that of an authority above it, expired at {}; renew it",
            date(*not_after)
        ),
        CertificateError::Expired => {
            "its certificate, or that of an authority above it, has expired; renew it".to_owned()
        }
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "its certificate, or that of an authority above it, is not valid before {}; check the clock of this machine",
            date(*not_before)
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => format!(
            "its certificate is not for `{}`, only for {}; {NAMES}",
            expected.to_str(),
            listed(presented)
        ),
        CertificateError::NotValidForName => {
            format!("its certificate is not for its name in the connection string; {NAMES}")
        }
        CertificateError::BadSignature => {
            "its certificate is not signed by the authority that it names; tlsCAFile may contain an older certificate of the same name".to_owned()
        }
        CertificateError::Revoked => "its certificate is revoked; replace it".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not for servers; issue one with extendedKeyUsage=serverAuth".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its certificate has an unsupported signature; sign it with SHA-256 or better and an RSA key of at least 2048 bits, ECDSA or Ed25519".to_owned()
        }
        _ => "its certificate is not valid".to_owned(),
    }
}

/// What to do about a certificate for other names.
const NAMES: &str = "use a name that the certificate has, or issue one with that name in subjectAltName; the common name does not count (tlsAllowInvalidCertificates=true checks neither name nor authority)";

/// Errors of the verifier that rustls has no kind for.
fn of_certificate_alone(error: &webpki::Error) -> String {
    match error {
        webpki::Error::CaUsedAsEndEntity => {
            "its certificate is a certificate authority (CA:TRUE), which is not accepted for a server; issue one with basicConstraints=CA:FALSE (openssl req -x509 -addext basicConstraints=critical,CA:FALSE) and keep it in tlsCAFile, or have one signed by an authority (tlsAllowInvalidCertificates=true encrypts without checking the server)".to_owned()
        }
        webpki::Error::UnsupportedCertVersion => {
            "its certificate, or that of an authority above it, is of X.509 version 1, which has no names that can be checked; issue one of version 3 with the server's name in subjectAltName (tlsAllowInvalidCertificates=true does not help)".to_owned()
        }
        webpki::Error::PathLenConstraintViolated | webpki::Error::EndEntityUsedAsCa => {
            "its certificate is signed by one that is not an authority; sign it with a certificate that has basicConstraints=CA:TRUE".to_owned()
        }
        webpki::Error::NameConstraintViolation => {
            "its certificate has a name that its authority may not sign".to_owned()
        }
        _ => "its certificate cannot be parsed; issue one of X.509 version 3 (tlsAllowInvalidCertificates=true encrypts without checking the server)".to_owned(),
    }
}

/// Alerts that the server sent.
fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            "it requires a client certificate; set tlsCertificateKeyFile".to_owned()
        }
        AlertDescription::CertificateExpired => {
            "it refuses the certificate of tlsCertificateKeyFile, which has expired; renew it".to_owned()
        }
        AlertDescription::UnknownCA | AlertDescription::BadCertificate | AlertDescription::CertificateUnknown | AlertDescription::UnsupportedCertificate | AlertDescription::CertificateRevoked => {
            "it refuses the certificate of tlsCertificateKeyFile; check that the server trusts its authority, and that it is for clients".to_owned()
        }
        AlertDescription::ProtocolVersion => {
            "it does not speak TLS 1.2 or 1.3".to_owned()
        }
        AlertDescription::HandshakeFailure => {
            "it refuses the TLS handshake; it may require a client certificate (tlsCertificateKeyFile), or have no cipher suite in common with this exporter".to_owned()
        }
        _ => "it refuses the TLS handshake; the server's log has the reason".to_owned(),
    }
}

fn date(time: UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(|| "an unknown time".to_owned(), |time| time.to_string())
}

/// The names of a certificate; webpki formats them `DnsName("localhost")` and `IpAddress(127.0.0.1)`.
fn listed(names: &[String]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| {
            let name = name.split_once('(').map_or(name.as_str(), |(_, rest)| rest);
            format!("`{}`", name.trim_end_matches(')').trim_matches('"'))
        })
        .collect();
    if names.is_empty() {
        "no name at all".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    // MongoDB itself refuses to start with such certificates.
    #[test]
    fn expired_and_early_certificates_have_their_date() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let expired = CertificateError::ExpiredContext {
            time: at(2_000_000_000),
            not_after: at(1_577_836_800),
        };
        let expired = message(&Error::InvalidCertificate(expired)).unwrap_or_default();
        assert!(
            expired.contains("expired at 2020-01-01T00:00:00Z"),
            "{expired}"
        );
        let early = CertificateError::NotValidYetContext {
            time: at(0),
            not_before: at(1_577_836_800),
        };
        let early = message(&Error::InvalidCertificate(early)).unwrap_or_default();
        assert!(
            early.contains("not valid before 2020-01-01T00:00:00Z"),
            "{early}"
        );
    }
}
