//! Certificates that are made for a test, and a client that speaks HTTP over TLS.

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
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};

use super::Answer;

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Identity {
    /// Writes both into a folder, as `NAME.crt` and `NAME.key`.
    pub fn write(&self, folder: &Path, name: &str) {
        for (ending, text) in [("crt", &self.certificate), ("key", &self.key)] {
            fs::write(folder.join(format!("{name}.{ending}")), text).expect("it can be written");
        }
    }
}

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("it has no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Another name than those it signs: OpenSSL takes one that is its issuer's for self-signed.
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "Authority");
        let key = KeyPair::generate().expect("a key can be made");
        Self(CertifiedIssuer::self_signed(params, key).expect("it can be signed"))
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server's certificate for `localhost`.
    pub fn server(&self) -> Identity {
        self.sign(
            &[SanType::DnsName(
                "localhost".try_into().expect("it is a name"),
            )],
            ExtendedKeyUsagePurpose::ServerAuth,
        )
    }

    /// The same, with something that is not as it should be.
    pub fn server_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("it is a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.0).expect("it can be signed");
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// A client's certificate with alternative names.
    pub fn client(&self, names: &[SanType]) -> Identity {
        self.sign(names, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, names: &[SanType], purpose: ExtendedKeyUsagePurpose) -> Identity {
        let mut params = CertificateParams::new([]).expect("it has no names");
        params.subject_alt_names = names.to_vec();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.0).expect("it can be signed");
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

/// A certificate that its owner has signed, and that is an authority's, as `openssl req -x509` makes it.
pub fn self_signed(name: &str) -> Identity {
    signed_by_itself(name, IsCa::Ca(BasicConstraints::Unconstrained))
}

/// A certificate that its owner has signed, and that is no authority's.
pub fn self_signed_leaf(name: &str) -> Identity {
    signed_by_itself(name, IsCa::ExplicitNoCa)
}

fn signed_by_itself(name: &str, is_ca: IsCa) -> Identity {
    let mut params = CertificateParams::new([name.to_owned()]).expect("it is a name");
    params.is_ca = is_ca;
    let key = KeyPair::generate().expect("a key can be made");
    Identity {
        certificate: params.self_signed(&key).expect("it can be signed").pem(),
        key: key.serialize_pem(),
    }
}

/// What a client can do.
pub struct Client {
    pub authority: String,
    pub identity: Option<Identity>,
    pub versions: Vec<&'static SupportedProtocolVersion>,
    pub provider: CryptoProvider,
    pub protocols: Vec<&'static str>,
}

/// An answer, and how it came.
pub struct Secured {
    pub answer: Answer,
    pub version: String,
    pub cipher: String,
    pub protocol: String,
    /// The certificate of the server.
    pub certificate: CertificateDer<'static>,
}

impl Client {
    /// One that can do everything and trusts an authority.
    pub fn new(authority: &Authority) -> Self {
        Self {
            authority: authority.pem(),
            identity: None,
            versions: vec![&version::TLS12, &version::TLS13],
            provider: ring::default_provider(),
            protocols: vec!["h2", "http/1.1"],
        }
    }

    /// `GET path`, on a connection of its own.
    pub async fn get(&self, address: &str, path: &str) -> io::Result<Secured> {
        self.request("GET", address, path).await
    }

    /// A request on a connection of its own.
    pub async fn request(&self, method: &str, address: &str, path: &str) -> io::Result<Secured> {
        let stream = TcpStream::connect(address).await?;
        let connector = TlsConnector::from(Arc::new(self.config()));
        let name = ServerName::try_from("localhost").expect("it is a name");
        let stream = connector.connect(name, stream).await?;
        let (_, session) = stream.get_ref();
        let protocol = session.alpn_protocol().unwrap_or_default().to_vec();
        let (version, cipher) = (
            format!("{:?}", session.protocol_version().expect("it is chosen")),
            format!(
                "{:?}",
                session
                    .negotiated_cipher_suite()
                    .expect("it is chosen")
                    .suite()
            ),
        );
        let certificate = session.peer_certificates().expect("the server has one")[0]
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
        Ok(Secured {
            answer: Answer {
                status: head.status.as_u16(),
                headers: head.headers,
                body: body.to_bytes().to_vec(),
            },
            version,
            cipher,
            protocol: String::from_utf8(protocol).expect("it is a name"),
            certificate,
        })
    }

    fn config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.authority.as_bytes()) {
            roots
                .add(certificate.expect("it is a certificate"))
                .expect("it can be trusted");
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
                        vec![certificate.expect("it is a certificate")],
                        key.expect("it is a key"),
                    )
                    .expect("they belong together")
            }
        };
        config.alpn_protocols = self
            .protocols
            .iter()
            .map(|it| it.as_bytes().to_vec())
            .collect();
        config
    }
}
