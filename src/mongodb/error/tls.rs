//! What is wrong with a server's certificate or with TLS, and what to do about it.

use std::error::Error as StdError;

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

/// The words for an error that rustls made; `None` for any other.
pub fn words(error: &(dyn StdError + Send + Sync + 'static)) -> Option<String> {
    let error = error.downcast_ref::<Error>()?;
    Some(match error {
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::AlertReceived(alert) => of_alert(*alert),
        Error::InvalidMessage(_) => {
            "it does not speak TLS; leave tls=true out of the connection string, or switch TLS on at the server"
                .to_owned()
        }
        Error::PeerIncompatible(_) => {
            "it has no version or cipher of TLS in common with this exporter, which speaks TLS 1.2 and 1.3 with ciphers that keep past traffic secret"
                .to_owned()
        }
        Error::UnsupportedNameType => {
            "it is addressed by a name that no certificate can have".to_owned()
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
            "its certificate is signed by an authority that is not trusted; name the authority's certificate with tlsCAFile, or the server's own if it signed itself".to_owned()
        }
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "its certificate, or that of an authority above it, expired at {}; renew it",
            date(*not_after)
        ),
        CertificateError::Expired => {
            "its certificate, or that of an authority above it, has expired; renew it".to_owned()
        }
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "its certificate, or that of an authority above it, is not valid before {}; see that the clock of this machine is right",
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
            format!("its certificate is not for the name that it is addressed by; {NAMES}")
        }
        CertificateError::BadSignature => {
            "its certificate is not signed by the authority that it names; tlsCAFile may hold an older certificate of the same name".to_owned()
        }
        CertificateError::Revoked => "its certificate is revoked; replace it".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not for servers; make one with extendedKeyUsage=serverAuth".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its certificate is signed in a way that is not supported; sign it with SHA-256 or better and an RSA key of 2048 bits at least, ECDSA or Ed25519".to_owned()
        }
        _ => "its certificate is not valid".to_owned(),
    }
}

/// What to do about a certificate for other names.
const NAMES: &str = "address the server by a name that the certificate has, or make one with that name in subjectAltName; the common name does not count (tlsAllowInvalidCertificates=true checks neither name nor authority)";

/// What the verifier says that rustls has no word for.
fn of_certificate_alone(error: &webpki::Error) -> String {
    match error {
        webpki::Error::CaUsedAsEndEntity => {
            "its certificate is its own authority (CA:TRUE), which this exporter does not take for a server's; make one with basicConstraints=CA:FALSE (openssl req -x509 -addext basicConstraints=critical,CA:FALSE), which tlsCAFile may name as before, or one that an authority signs (tlsAllowInvalidCertificates=true encrypts, and does not check who answers)".to_owned()
        }
        webpki::Error::UnsupportedCertVersion => {
            "its certificate, or that of an authority above it, is of X.509 version 1, which has no names that can be checked; make one of version 3 with the server's name in subjectAltName (tlsAllowInvalidCertificates=true does not help)".to_owned()
        }
        webpki::Error::PathLenConstraintViolated | webpki::Error::EndEntityUsedAsCa => {
            "its certificate is signed by one that is not an authority's; sign it with a certificate of basicConstraints=CA:TRUE".to_owned()
        }
        webpki::Error::NameConstraintViolation => {
            "its certificate has a name that its authority may not sign".to_owned()
        }
        _ => "its certificate cannot be read; make one of X.509 version 3 (tlsAllowInvalidCertificates=true encrypts, and does not check who answers)".to_owned(),
    }
}

/// What the server says of us.
fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            "it asks for a certificate of its client; name one with tlsCertificateKeyFile".to_owned()
        }
        AlertDescription::CertificateExpired => {
            "it refuses the certificate of tlsCertificateKeyFile, which has expired; renew it".to_owned()
        }
        AlertDescription::UnknownCA | AlertDescription::BadCertificate | AlertDescription::CertificateUnknown | AlertDescription::UnsupportedCertificate | AlertDescription::CertificateRevoked => {
            "it refuses the certificate of tlsCertificateKeyFile; see that its authority is one that the server trusts, and that it is for clients".to_owned()
        }
        AlertDescription::ProtocolVersion => {
            "it does not speak TLS 1.2 or 1.3".to_owned()
        }
        AlertDescription::HandshakeFailure => {
            "it refuses the TLS handshake; it may ask for a certificate of its client (tlsCertificateKeyFile), or have no cipher in common with this exporter".to_owned()
        }
        _ => "it refuses the TLS handshake; its log says why".to_owned(),
    }
}

fn date(time: UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|it| jiff::Timestamp::from_second(it).ok())
        .map_or_else(|| "an unknown time".to_owned(), |it| it.to_string())
}

/// The names that a certificate has; webpki writes them `DnsName("localhost")` and `IpAddress(127.0.0.1)`.
fn listed(names: &[String]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| {
            let name = name.split_once('(').map_or(name.as_str(), |(_, it)| it);
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
    fn a_certificate_out_of_its_time_is_told_with_the_date() {
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let expired = CertificateError::ExpiredContext {
            time: at(2_000_000_000),
            not_after: at(1_577_836_800),
        };
        let expired = words(&Error::InvalidCertificate(expired)).unwrap_or_default();
        assert!(
            expired.contains("expired at 2020-01-01T00:00:00Z"),
            "{expired}"
        );
        let early = CertificateError::NotValidYetContext {
            time: at(0),
            not_before: at(1_577_836_800),
        };
        let early = words(&Error::InvalidCertificate(early)).unwrap_or_default();
        assert!(
            early.contains("not valid before 2020-01-01T00:00:00Z"),
            "{early}"
        );
    }
}
