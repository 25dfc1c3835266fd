//! Certificates for tests, and an HTTPS client.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion, version,
};

use super::Response;

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Identity {
    /// The configuration of a server with this certificate.
    pub fn server_config(&self) -> ServerConfig {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes());
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("there is a cipher for each version")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.expect("the certificate is valid")],
                key.expect("the key is valid"),
            )
            .expect("the key belongs to the certificate")
    }

    /// Writes both into a folder, as `NAME.crt` and `NAME.key`.
    pub fn write(&self, folder: &Path, name: &str) {
        for (ending, text) in [("crt", &self.certificate), ("key", &self.key)] {
            fs::write(folder.join(format!("{name}.{ending}")), text)
                .expect("the file can be written");
        }
    }
}

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("a certificate may have no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // It differs from the names that it signs: OpenSSL takes a certificate with its issuer's name for self-signed.
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "Authority");
        let key = KeyPair::generate().expect("a key can be made");
        Self(CertifiedIssuer::self_signed(params, key).expect("the certificate can be signed"))
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server's certificate for `localhost`.
    pub fn server(&self) -> Identity {
        self.sign(
            &[SanType::DnsName(
                "localhost".try_into().expect("the name is valid"),
            )],
            ExtendedKeyUsagePurpose::ServerAuth,
        )
    }

    /// A server's certificate with changed parameters.
    pub fn server_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params =
            CertificateParams::new(["localhost".to_owned()]).expect("the name is valid");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params
            .signed_by(&key, &self.0)
            .expect("the certificate can be signed");
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// A client's certificate with these subject alternative names.
    pub fn client(&self, names: &[SanType]) -> Identity {
        self.sign(names, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, names: &[SanType], purpose: ExtendedKeyUsagePurpose) -> Identity {
        let mut params = CertificateParams::new([]).expect("a certificate may have no names");
        params.subject_alt_names = names.to_vec();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params
            .signed_by(&key, &self.0)
            .expect("the certificate can be signed");
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

/// A self-signed certificate that is also a certificate authority, as `openssl req -x509` creates it.
pub fn self_signed(name: &str) -> Identity {
    self_signed_with(name, IsCa::Ca(BasicConstraints::Unconstrained))
}

/// A self-signed certificate that is not a certificate authority.
pub fn self_signed_leaf(name: &str) -> Identity {
    self_signed_with(name, IsCa::ExplicitNoCa)
}

fn self_signed_with(name: &str, is_ca: IsCa) -> Identity {
    let mut params = CertificateParams::new([name.to_owned()]).expect("the name is valid");
    params.is_ca = is_ca;
    let key = KeyPair::generate().expect("a key can be made");
    Identity {
        certificate: params
            .self_signed(&key)
            .expect("the certificate can be signed")
            .pem(),
        key: key.serialize_pem(),
    }
}

/// An HTTPS client: its trust, its certificate, and the versions, ciphers and protocols that it supports.
pub struct Client {
    pub authority: String,
    pub identity: Option<Identity>,
    pub versions: Vec<&'static SupportedProtocolVersion>,
    pub provider: CryptoProvider,
    pub protocols: Vec<&'static str>,
}

/// A response, and the parameters of its TLS session.
pub struct TlsResponse {
    pub response: Response,
    pub version: String,
    pub cipher: String,
    pub protocol: String,
    /// The certificate of the server.
    pub certificate: CertificateDer<'static>,
}

impl Client {
    /// A client that supports everything and trusts an authority.
    pub fn new(authority: &Authority) -> Self {
        Self {
            authority: authority.pem(),
            identity: None,
            versions: vec![&version::TLS12, &version::TLS13],
            provider: ring::default_provider(),
            protocols: vec!["h2", "http/1.1"],
        }
    }

    /// `GET path`, on a new connection.
    pub async fn get(&self, address: &str, path: &str) -> io::Result<TlsResponse> {
        self.request("GET", address, path).await
    }

    /// A request on a new connection.
    pub async fn request(
        &self,
        method: &str,
        address: &str,
        path: &str,
    ) -> io::Result<TlsResponse> {
        let stream = TcpStream::connect(address).await?;
        let connector = TlsConnector::from(Arc::new(self.config()));
        let name = ServerName::try_from("localhost").expect("the name is valid");
        let stream = connector.connect(name, stream).await?;
        let (_, session) = stream.get_ref();
        let protocol = session.alpn_protocol().unwrap_or_default().to_vec();
        let (version, cipher) = (
            format!(
                "{:?}",
                session
                    .protocol_version()
                    .expect("the handshake is complete")
            ),
            format!(
                "{:?}",
                session
                    .negotiated_cipher_suite()
                    .expect("the handshake is complete")
                    .suite()
            ),
        );
        let certificate = session
            .peer_certificates()
            .expect("the server sent a certificate")[0]
            .clone()
            .into_owned();
        let request = hyper::Request::builder()
            .method(method)
            .uri(format!("https://localhost{path}"))
            .header("Host", "localhost")
            .body(Empty::<Bytes>::new())
            .expect("the request is valid");
        let stream = TokioIo::new(stream);
        let response = if protocol == b"h2" {
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
                    .await
                    .map_err(io::Error::other)?;
            tokio::spawn(connection);
            sender.send_request(request).await
        } else {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
                .await
                .map_err(io::Error::other)?;
            tokio::spawn(connection);
            sender.send_request(request).await
        };
        let (head, body) = response.map_err(io::Error::other)?.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?;
        Ok(TlsResponse {
            response: Response {
                status: head.status.as_u16(),
                headers: head.headers,
                body: body.to_bytes().to_vec(),
            },
            version,
            cipher,
            protocol: String::from_utf8(protocol).expect("the name is valid"),
            certificate,
        })
    }

    fn config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.authority.as_bytes()) {
            roots
                .add(certificate.expect("the certificate is valid"))
                .expect("the authority can be added");
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(self.provider.clone()))
            .with_protocol_versions(&self.versions)
            .expect("there is a cipher for each version")
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes());
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes());
                builder
                    .with_client_auth_cert(
                        vec![certificate.expect("the certificate is valid")],
                        key.expect("the key is valid"),
                    )
                    .expect("the key belongs to the certificate")
            }
        };
        config.alpn_protocols = self
            .protocols
            .iter()
            .map(|protocol| protocol.as_bytes().to_vec())
            .collect();
        config
    }
}
