//! Asking an exporter that runs whether it answers, for container engines: their images hold no program that could ask.
//!
//! It asks where the same settings would serve. Each address must answer `/-/healthy`; a refusal by the web configuration
//! (users, a limit of requests, client certificates) is an answer too, so that no check needs a password.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};

use crate::cli::Cli;
use crate::http::listen_address::ListenAddress;
use crate::web_config::WebConfigError;
use crate::web_config::reload::ReloadableWebConfig;

/// How long an address may take. Container engines have a limit of their own, and 30 seconds unless told otherwise.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the exporter does not count as healthy.
#[derive(Debug, Error)]
pub enum HealthError {
    /// The web configuration cannot be used, so it is not known how to ask.
    #[error(transparent)]
    Web(#[from] WebConfigError),
    /// Where to ask is known to systemd only.
    #[error(
        "--web.systemd-socket: the addresses of systemd's sockets are not known here; ask systemd how the service is"
    )]
    Systemd,
    /// Nothing came back.
    #[error("`{address}` does not answer: {reason}")]
    Silent {
        /// Where it was asked.
        address: ListenAddress,
        /// What the system, TLS or HTTP says.
        reason: io::Error,
    },
    /// Somebody else serves there.
    #[error("`{address}` answers {status}, as no exporter that is well does")]
    Unwell {
        /// Where it was asked.
        address: ListenAddress,
        /// The status of the answer.
        status: StatusCode,
    },
}

/// Asks every address on which the same settings would serve.
///
/// # Errors
/// When one of them does not answer, or not as an exporter does.
pub async fn health(cli: &Cli) -> Result<(), HealthError> {
    if cli.systemd_socket {
        return Err(HealthError::Systemd);
    }
    let web_config = cli
        .web_config_file
        .clone()
        .map(ReloadableWebConfig::open)
        .transpose()?;
    let is_encrypted = web_config.is_some_and(|it| it.is_encrypted());
    for address in &cli.listen_addresses {
        let status = within_patience(ask(address, is_encrypted)).await;
        let status = status.map_err(|reason| HealthError::Silent {
            address: address.clone(),
            reason,
        })?;
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS];
        if status != StatusCode::OK && !refused.contains(&status) {
            let address = address.clone();
            return Err(HealthError::Unwell { address, status });
        }
    }
    Ok(())
}

async fn within_patience<T>(answer: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("waited {PATIENCE:?}"));
    timeout(PATIENCE, answer).await.map_err(late)?
}

/// The status of the answer.
async fn ask(address: &ListenAddress, is_encrypted: bool) -> io::Result<StatusCode> {
    let stream = address.connect().await?;
    if !is_encrypted {
        return status(stream).await;
    }
    let connector = TlsConnector::from(Arc::new(tls()?));
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    // An exporter that wants a certificate says so during the handshake in TLS 1.2, and in 1.3 after it. It then closes
    // the connection, which may be noticed before what it said.
    match connector.connect(name, stream).await {
        Ok(stream) => match status(stream).await {
            Err(error) if is_alert(&error) || is_closed(&error) => Ok(StatusCode::UNAUTHORIZED),
            answer => answer,
        },
        Err(error) if is_alert(&error) => Ok(StatusCode::UNAUTHORIZED),
        Err(error) => Err(error),
    }
}

async fn status(stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<StatusCode> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(cause)?;
    let request = Request::get("/-/healthy")
        .header(header::HOST, "localhost")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    let answer = async move { sender.send_request(request).await.map(|it| it.status()) };
    match tokio::join!(answer, connection) {
        (Ok(status), _) => Ok(status),
        // What ended the connection says more than that there was no answer.
        (Err(_), Err(error)) | (Err(error), Ok(())) => Err(cause(error)),
    }
}

/// The error of the connection below HTTP where there is one: it says more.
fn cause(error: hyper::Error) -> io::Error {
    let mut below = std::error::Error::source(&error);
    while let Some(reason) = below {
        if let Some(reason) = reason.downcast_ref::<io::Error>() {
            let tls = reason
                .get_ref()
                .and_then(|it| it.downcast_ref::<TlsError>());
            return match tls {
                Some(tls) => io::Error::other(tls.clone()),
                None => io::Error::new(reason.kind(), error),
            };
        }
        below = reason.source();
    }
    io::Error::other(error)
}

fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    [BrokenPipe, ConnectionReset].contains(&error.kind())
}

fn is_alert(error: &io::Error) -> bool {
    let tls = error.get_ref().and_then(|it| it.downcast_ref::<TlsError>());
    matches!(tls, Some(TlsError::AlertReceived(_)))
}

fn tls() -> io::Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(AnyCertificate(Arc::clone(&provider)));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

/// Whoever owns the key of the certificate it shows is believed. Its name is rarely that of a loopback address, no
/// secret is sent, and an exporter whose certificate has expired answers all the same.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
