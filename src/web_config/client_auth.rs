//! Client certificates: whether one is requested, required and verified, and which names it must have.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::db::rfc5280::{ANY_EXTENDED_KEY_USAGE, ID_KP_CLIENT_AUTH};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectAltName};

/// `client_auth_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthType {
    /// No certificate is requested.
    None,
    /// A certificate is requested, but not required or verified.
    Request,
    /// A certificate is required, but not verified.
    RequireAny,
    /// A certificate is requested, and verified if there is one.
    VerifyIfGiven,
    /// A certificate is required and verified.
    RequireAndVerify,
}

impl ClientAuthType {
    /// Parses the value of the key.
    pub fn parse(name: &str) -> Result<Self, String> {
        Ok(match name {
            "" | "NoClientCert" => Self::None,
            "RequestClientCert" => Self::Request,
            // The second one is an older name.
            "RequireAnyClientCert" | "RequireClientCert" => Self::RequireAny,
            "VerifyClientCertIfGiven" => Self::VerifyIfGiven,
            "RequireAndVerifyClientCert" => Self::RequireAndVerify,
            _ => return Err(format!("invalid client authentication `{name}`")),
        })
    }

    /// Whether certificates are verified.
    pub fn verifies(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::RequireAndVerify)
    }

    fn requires(self) -> bool {
        matches!(self, Self::RequireAny | Self::RequireAndVerify)
    }
}

/// The certificate that clients must present, from the weakest to the strictest requirement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientCertRequirement {
    /// None.
    #[default]
    None,
    /// Any certificate.
    Any,
    /// A certificate of a trusted authority.
    Verified,
    /// A certificate of a trusted authority with an allowed name.
    Named,
}

/// Verifies client certificates.
#[derive(Debug)]
pub struct CertificateVerifier {
    is_mandatory: bool,
    /// Verifies the chain; `None` accepts any certificate.
    chain: Option<Arc<dyn ClientCertVerifier>>,
    /// The certificates of the authorities: a client may present one of them.
    authorities: Vec<CertificateDer<'static>>,
    /// The allowed names, of which a certificate needs one; `None` accepts any.
    names: Option<Vec<String>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl CertificateVerifier {
    /// A verifier for a type other than [`ClientAuthType::None`].
    pub fn new(
        auth_type: ClientAuthType,
        authorities: Vec<CertificateDer<'static>>,
        names: Option<Vec<String>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for authority in &authorities {
            roots
                .add(authority.clone())
                .map_err(|error| format!("an authority's certificate cannot be used: {error}"))?;
        }
        let chain = if auth_type.verifies() {
            let builder =
                WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
            let chain = builder
                .build()
                .map_err(|error| format!("clients cannot be verified: {error}"))?;
            Some(chain)
        } else {
            None
        };
        Ok(Self {
            // Without a certificate there is no name.
            is_mandatory: auth_type.requires() || names.is_some(),
            chain,
            authorities,
            names,
            algorithms: provider.signature_verification_algorithms,
        })
    }

    /// The certificate that it requires.
    pub fn requirement(&self) -> ClientCertRequirement {
        match (self.is_mandatory, &self.chain, &self.names) {
            (false, ..) => ClientCertRequirement::None,
            (true, None, _) => ClientCertRequirement::Any,
            (true, Some(_), None) => ClientCertRequirement::Verified,
            (true, Some(_), Some(_)) => ClientCertRequirement::Named,
        }
    }

    fn verify_names(&self, certificate: &Certificate) -> Result<(), Error> {
        let Some(allowed) = &self.names else {
            return Ok(());
        };
        if names_of(certificate).any(|name| allowed.contains(&name)) {
            return Ok(());
        }
        Err(refused(NoAllowedName))
    }

    /// Whether the client presents the certificate of an authority itself, such as a self-signed one. The library does not
    /// accept such certificates, so their validity and purpose are checked here.
    fn is_authority(
        &self,
        end_entity: &CertificateDer<'_>,
        certificate: &Certificate,
        now: UnixTime,
    ) -> bool {
        let certificate_body = certificate.tbs_certificate();
        let validity = certificate_body.validity();
        let valid = validity.not_before.to_unix_duration().as_secs()
            ..=validity.not_after.to_unix_duration().as_secs();
        let serves_clients = match certificate_body.get_extension::<ExtendedKeyUsage>() {
            Ok(None) => true,
            Ok(Some((_, ExtendedKeyUsage(purposes)))) => purposes
                .iter()
                .any(|purpose| [ID_KP_CLIENT_AUTH, ANY_EXTENDED_KEY_USAGE].contains(purpose)),
            Err(_) => false,
        };
        self.authorities
            .iter()
            .any(|authority| authority == end_entity)
            && valid.contains(&now.as_secs())
            && serves_clients
    }
}

impl ClientCertVerifier for CertificateVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain
            .as_ref()
            .map_or(&[], |chain| chain.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let certificate = Certificate::from_der(end_entity)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        if let Some(chain) = &self.chain
            && !self.is_authority(end_entity, &certificate, now)
        {
            chain.verify_client_cert(end_entity, intermediates, now)?;
        }
        self.verify_names(&certificate)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The certificate has no allowed name.
#[derive(Debug)]
struct NoAllowedName;

impl fmt::Display for NoAllowedName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("none of its names is in client_allowed_sans")
    }
}

impl std::error::Error for NoAllowedName {}

fn refused(reason: impl std::error::Error + Send + Sync + 'static) -> Error {
    use tokio_rustls::rustls::OtherError;
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(reason))))
}

/// The subject alternative names of a certificate as strings.
fn names_of(certificate: &Certificate) -> impl Iterator<Item = String> {
    let names = certificate
        .tbs_certificate()
        .get_extension::<SubjectAltName>();
    let names = names.ok().flatten().map(|(_, SubjectAltName(names))| names);
    names.into_iter().flatten().filter_map(|name| match name {
        GeneralName::DnsName(name)
        | GeneralName::Rfc822Name(name)
        | GeneralName::UniformResourceIdentifier(name) => Some(name.to_string()),
        GeneralName::IpAddress(octets) => {
            let octets = octets.as_bytes();
            let address = <[u8; 4]>::try_from(octets).map(IpAddr::from);
            let address = address.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from));
            Some(address.ok()?.to_canonical().to_string())
        }
        _ => None,
    })
}
