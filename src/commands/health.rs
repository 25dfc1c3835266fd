//! `health`: checks that a running exporter responds, for container engines, as the image has no HTTP client.
//!
//! It requests `/-/healthy` from each address on which the same settings would listen. A rejection by the web configuration
//! (users, rate limit, client certificates) counts as healthy, so that the check needs no password.

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

/// Time limit of one address: less than that of container engines, by default 30 seconds.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why the exporter is not healthy.
#[derive(Debug, Error)]
pub enum HealthError {
    /// The web configuration is invalid.
    #[error(transparent)]
    Web(#[from] WebConfigError),
    /// Only systemd knows the addresses.
    #[error(
        "--web.systemd-socket: the addresses of systemd's sockets are unknown here; check the service with systemctl"
    )]
    Systemd,
    /// There was no response.
    #[error("`{address}` does not respond: {reason}")]
    NoResponse {
        /// The address.
        address: ListenAddress,
        /// The error of the system, TLS or HTTP.
        reason: io::Error,
    },
    /// The response is not that of a healthy exporter.
    #[error("`{address}` responds with status {status}, which is not that of a healthy exporter")]
    UnexpectedStatus {
        /// The address.
        address: ListenAddress,
        /// The status of the response.
        status: StatusCode,
    },
}

/// Checks every address on which the same settings would listen.
///
/// # Errors
/// When one of them does not respond, or with an unexpected status.
pub async fn health(cli: &Cli) -> Result<(), HealthError> {
    if cli.systemd_socket {
        return Err(HealthError::Systemd);
    }
    let web_config = cli
        .web_config_file
        .clone()
        .map(ReloadableWebConfig::open)
        .transpose()?;
    let is_encrypted = web_config.is_some_and(|config| config.is_encrypted());
    for address in &cli.listen_addresses {
        let status = with_timeout(request_status(address, is_encrypted)).await;
        let status = status.map_err(|reason| HealthError::NoResponse {
            address: address.clone(),
            reason,
        })?;
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS];
        if status != StatusCode::OK && !refused.contains(&status) {
            let address = address.clone();
            return Err(HealthError::UnexpectedStatus { address, status });
        }
    }
    Ok(())
}

async fn with_timeout<T>(response: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("waited {TIMEOUT:?}"));
    timeout(TIMEOUT, response).await.map_err(late)?
}

/// The status of the answer.
async fn request_status(address: &ListenAddress, is_encrypted: bool) -> io::Result<StatusCode> {
    let stream = address.connect().await?;
    if !is_encrypted {
        return send_request(stream).await;
    }
    let connector = TlsConnector::from(Arc::new(tls()?));
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    // An exporter that requires a client certificate sends an alert during the handshake of TLS 1.2, or after that of TLS
    // 1.3. It then closes the connection, which may be noticed before the alert.
    match connector.connect(name, stream).await {
        Ok(stream) => match send_request(stream).await {
            Err(error) if is_alert(&error) || is_closed(&error) => Ok(StatusCode::UNAUTHORIZED),
            result => result,
        },
        Err(error) if is_alert(&error) => Ok(StatusCode::UNAUTHORIZED),
        Err(error) => Err(error),
    }
}

async fn send_request(stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<StatusCode> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(cause)?;
    let request = Request::get("/-/healthy")
        .header(header::HOST, "localhost")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    let response = async move { sender.send_request(request).await };
    let status = async move { response.await.map(|response| response.status()) };
    match tokio::join!(status, connection) {
        (Ok(status), _) => Ok(status),
        // The error of the connection is more specific than that of the request.
        (Err(_), Err(error)) | (Err(error), Ok(())) => Err(cause(error)),
    }
}

/// The underlying I/O or TLS error if there is one, because it is more specific.
fn cause(error: hyper::Error) -> io::Error {
    let mut below = std::error::Error::source(&error);
    while let Some(reason) = below {
        if let Some(reason) = reason.downcast_ref::<io::Error>() {
            let tls = reason
                .get_ref()
                .and_then(|error| error.downcast_ref::<TlsError>());
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
    let tls = error
        .get_ref()
        .and_then(|error| error.downcast_ref::<TlsError>());
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

/// Accepts any certificate: its name is rarely that of a loopback address, no secret is sent, and an exporter with an
/// expired certificate still responds.
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
