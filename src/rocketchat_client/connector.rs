//! Connections to Rocket.Chat: TCP, and TLS verified with the certificate authorities of the system.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use hyper_util::client::legacy::connect::HttpConnector;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use tower_service::Service;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::url::RocketChatUrl;
use crate::catalogue::{ProbeFailure, Timestamp};

/// A connection, encrypted or not.
pub type Connection = Box<dyn Stream>;

/// What a connection is.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Why there is no connection.
#[derive(Debug)]
pub struct ConnectError {
    /// The kind of the failure.
    pub kind: ProbeFailure,
    /// The error with its causes.
    pub reason: String,
}

/// Connects to one server.
pub struct Connector {
    tcp: HttpConnector,
    /// `None` without encryption.
    tls: Option<Tls>,
}

struct Tls {
    connector: TlsConnector,
    verifier: Arc<RecordingVerifier>,
}

impl Connector {
    /// A connector for a URL. The certificate authorities of the system are read each time, so that new ones are effective at
    /// once.
    ///
    /// # Errors
    /// When the certificate authorities cannot be read.
    pub async fn new(url: &RocketChatUrl) -> Result<Self, ConnectError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let tls = if url.is_encrypted() {
            // Reads files.
            let made = spawn_blocking(Tls::new).await;
            let made = made.unwrap_or_else(|error| Err(error.to_string()));
            Some(made.map_err(|reason| ConnectError {
                kind: ProbeFailure::Tls,
                reason: format!("cannot read the certificate authorities of the system: {reason}"),
            })?)
        } else {
            None
        };
        Ok(Self { tcp, tls })
    }

    /// Connects, and verifies the server's certificate.
    ///
    /// # Errors
    /// When there is no server, or it is not to be trusted.
    pub async fn connect(&self, url: &RocketChatUrl) -> Result<Connection, ConnectError> {
        let stream = self.tcp.clone().call(url.uri().clone()).await;
        let stream = stream.map_err(|error| ConnectError {
            kind: ProbeFailure::Unreachable,
            reason: with_causes(&error),
        })?;
        let stream: TcpStream = stream.into_inner();
        let Some(tls) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let name = ServerName::try_from(url.host().to_owned());
        let name = name.map_err(|error| ConnectError {
            kind: ProbeFailure::Certificate,
            reason: error.to_string(),
        })?;
        let stream = tls.connector.connect(name, stream).await;
        let stream = stream.map_err(|error| ConnectError {
            kind: kind_of(&error),
            reason: with_causes(&error),
        })?;
        Ok(Box::new(stream))
    }

    /// When the first of the certificates expires that the server sent, whether they were accepted or not; `None` without
    /// encryption, or where none was sent.
    pub fn certificate_expiry(&self) -> Option<Timestamp> {
        let verifier = &self.tls.as_ref()?.verifier;
        *verifier
            .expiry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tls {
    fn new() -> Result<Self, String> {
        let loaded = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(loaded.certs);
        if added == 0 {
            let errors = loaded.errors.iter().map(ToString::to_string);
            let errors: Vec<_> = errors.collect();
            return Err(if errors.is_empty() {
                "there are none".to_owned()
            } else {
                errors.join(", ")
            });
        }
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = Arc::new(RecordingVerifier {
            verifier: verifier.build().map_err(|error| error.to_string())?,
            expiry: Mutex::default(),
        });
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::<RecordingVerifier>::clone(&verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A resumed session has no certificate.
        config.resumption = Resumption::disabled();
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            verifier,
        })
    }
}

/// Verifies certificates as rustls does, and keeps when the first of them expires: of an expired one too, because a refused
/// connection does not tell.
#[derive(Debug)]
struct RecordingVerifier {
    verifier: Arc<WebPkiServerVerifier>,
    expiry: Mutex<Option<Timestamp>>,
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let sent = [end_entity].into_iter().chain(intermediates);
        *self.expiry.lock().unwrap_or_else(PoisonError::into_inner) = sent.filter_map(expiry).min();
        self.verifier
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// When a certificate expires.
fn expiry(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let not_after = certificate.tbs_certificate().validity().not_after;
    Some(Timestamp::from(UNIX_EPOCH + not_after.to_unix_duration()))
}

/// The kind of a failed TLS handshake.
fn kind_of(error: &io::Error) -> ProbeFailure {
    let tls = error.get_ref().and_then(|error| error.downcast_ref());
    match tls {
        Some(TlsError::InvalidCertificate(_) | TlsError::NoCertificatesPresented) => {
            ProbeFailure::Certificate
        }
        Some(_) => ProbeFailure::Tls,
        None => ProbeFailure::Unreachable,
    }
}

/// An error with its causes.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        // An error of `io` that wraps another has its message.
        if !text.ends_with(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    text
}
