//! HTTPS: versions, ciphers, curves, HTTP/2, and client certificates.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use rcgen::SanType;
use tokio_rustls::rustls::crypto::ring::{cipher_suite, kx_group};
use tokio_rustls::rustls::version;

use crate::support::Exporter;
use crate::support::tls::{Authority, Client, Identity, self_signed};
use crate::web_config::{Setup, encrypted};

/// Restricts what a client supports.
type Adjust<'a> = &'a dyn Fn(&mut Client);

#[tokio::test]
async fn tls_uses_the_newest_version_and_http2() {
    let setup = Setup::new(&encrypted(&[]));
    let exporter = setup.start();
    let client = Client::new(&setup.authority);
    for (method, path, status) in [
        ("GET", "/metrics", 200),
        ("HEAD", "/metrics", 200),
        ("GET", "/nowhere", 404),
        ("POST", "/metrics", 405),
    ] {
        let response = client.request(method, exporter.address(), path).await;
        let response = response.expect("the request succeeds");
        assert_eq!(response.response.status, status, "{method} {path}");
        assert_eq!((&*response.version, &*response.protocol), ("TLSv1_3", "h2"));
        let is_empty = response.response.body.is_empty();
        assert_eq!(is_empty, method == "HEAD", "{method} {path}");
    }
    let distrustful = Client::new(&Authority::new());
    assert!(distrustful.get(exporter.address(), "/").await.is_err());
    exporter.logged("tls=true").await;
}

#[tokio::test]
async fn http1_is_used_on_request_or_if_http2_is_disabled() {
    let mut config = encrypted(&[]);
    for _ in 0..2 {
        let setup = Setup::new(&config);
        let exporter = setup.start();
        let mut client = Client::new(&setup.authority);
        if !config.contains("http2") {
            client.protocols = vec!["http/1.1"];
        }
        let response = client.get(exporter.address(), "/metrics").await;
        assert_eq!(response.expect("the request succeeds").protocol, "http/1.1");
        client.protocols = Vec::new();
        let response = client.get(exporter.address(), "/metrics").await;
        assert_eq!(response.expect("the request succeeds").response.status, 200);
        config.push_str("http_server_config: {http2: false}\n");
    }
}

#[test]
fn plain_request_to_a_tls_port_gets_an_explanation() {
    let setup = Setup::new(&encrypted(&[]));
    let exporter = setup.start();
    let mut stream =
        TcpStream::connect(exporter.address()).expect("the exporter accepts connections");
    write!(stream, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("the request can be sent");
    let mut response = Vec::new();
    // Unread data may reset the connection early.
    stream.read_to_end(&mut response).ok();
    let response = String::from_utf8_lossy(&response);
    assert!(response.starts_with("HTTP/1.0 400 "), "{response}");
}

#[tokio::test]
async fn certificate_and_key_may_be_inline() {
    let setup = Setup::new("");
    let Identity { certificate, key } = setup.authority.server();
    let indented = |text: &str| text.replace('\n', "\n    ");
    setup.configure(&format!(
        "tls_server_config:\n  cert: |\n    {}\n  key: |\n    {}\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca: |\n    {}\n",
        indented(&certificate),
        indented(&key),
        indented(&setup.authority.pem()),
    ));
    let exporter = setup.start();
    let mut client = Client::new(&setup.authority);
    assert!(client.get(exporter.address(), "/metrics").await.is_err());
    client.identity = Some(setup.authority.client(&[]));
    assert!(client.get(exporter.address(), "/metrics").await.is_ok());
}

#[tokio::test]
async fn only_configured_versions_ciphers_and_curves_are_used() {
    // The server has an ECDSA key; RSA ciphers may be configured too.
    let two_ciphers = |first: &str, second: &str| {
        format!(
            "cipher_suites: [TLS_ECDHE_ECDSA_WITH_{first}, TLS_ECDHE_ECDSA_WITH_{second}, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]"
        )
    };
    let (small, large) = ("AES_128_GCM_SHA256", "AES_256_GCM_SHA384");
    let tls12 = |client: &mut Client| client.versions = vec![&version::TLS12];
    let tls13 = |client: &mut Client| client.versions = vec![&version::TLS13];
    let chacha = |client: &mut Client| {
        client.versions = vec![&version::TLS12];
        client.provider.cipher_suites =
            vec![cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256];
    };
    let curve = |client: &mut Client| client.provider.kx_groups = vec![kx_group::SECP384R1];
    let cases: [(Vec<String>, Adjust, Option<&str>); 13] = [
        (vec![], &tls12, Some("TLSv1_2")),
        (vec![], &tls13, Some("TLSv1_3")),
        (vec!["min_version: TLS13".into()], &tls12, None),
        (vec!["min_version: TLS13".into()], &tls13, Some("TLSv1_3")),
        (vec!["max_version: TLS12".into()], &tls13, None),
        (vec!["max_version: TLS12".into()], &|_| {}, Some("TLSv1_2")),
        (vec![two_ciphers(small, large)], &tls12, Some(small)),
        (vec![two_ciphers(large, small)], &tls12, Some(large)),
        // The client prefers the larger cipher.
        (
            vec![
                two_ciphers(small, large),
                "prefer_server_cipher_suites: false".into(),
            ],
            &tls12,
            Some(large),
        ),
        (vec![two_ciphers(small, large)], &chacha, None),
        // The ciphers of TLS 1.3 cannot be disabled.
        (vec![two_ciphers(small, large)], &tls13, Some("TLS13_")),
        (
            vec!["curve_preferences: [CurveP256, CurveP384, X25519]".into()],
            &curve,
            Some("TLSv1_3"),
        ),
        (vec!["curve_preferences: [X25519]".into()], &curve, None),
    ];
    for (lines, adjust, expected) in cases {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let setup = Setup::new(&encrypted(&lines));
        let exporter = setup.start();
        let mut client = Client::new(&setup.authority);
        adjust(&mut client);
        let response = client.get(exporter.address(), "/-/healthy").await;
        let message = response
            .ok()
            .map(|response| format!("{} {}", response.version, response.cipher));
        match expected {
            None => assert_eq!(message, None, "{lines:?}"),
            Some(part) => assert!(
                message
                    .as_ref()
                    .is_some_and(|message| message.contains(part)),
                "{lines:?}: {message:?}"
            ),
        }
    }
}

#[tokio::test]
async fn each_client_auth_type_accepts_the_right_certificates() {
    let none = "client_ca_file: null";
    let own = "client_ca_file: ca.crt";
    // Expected for no certificate, a self-signed one, and one of the authority.
    for (policy, authority, expected) in [
        ("NoClientCert", none, [true, true, true]),
        ("RequestClientCert", none, [true, true, true]),
        ("RequestClientCert", own, [true, true, true]),
        ("RequireAnyClientCert", none, [false, true, true]),
        ("RequireClientCert", own, [false, true, true]),
        ("VerifyClientCertIfGiven", own, [true, false, true]),
        ("RequireAndVerifyClientCert", own, [false, false, true]),
    ] {
        let policy = format!("client_auth_type: {policy}");
        let setup = Setup::new(&encrypted(&[&policy, authority]));
        let exporter = setup.start();
        let mut client = Client::new(&setup.authority);
        let identities = [
            None,
            Some(self_signed("unknown")),
            Some(setup.authority.client(&[])),
        ];
        for (identity, expected) in identities.into_iter().zip(expected) {
            client.identity = identity;
            for version in [&version::TLS12, &version::TLS13] {
                client.versions = vec![version];
                let response = client.get(exporter.address(), "/-/healthy").await;
                assert_eq!(
                    response.is_ok(),
                    expected,
                    "{policy} {authority} {version:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn self_signed_client_certificate_is_accepted_as_its_own_authority() {
    let setup = Setup::new(&encrypted(&[
        "client_auth_type: RequireAndVerifyClientCert",
        "client_ca_file: ca.crt",
    ]));
    let known = self_signed("known");
    fs::write(setup.path().join("ca.crt"), &known.certificate).expect("the file can be written");
    let exporter = setup.start();
    let mut client = Client::new(&setup.authority);
    client.identity = Some(known);
    assert!(client.get(exporter.address(), "/").await.is_ok());
    client.identity = Some(self_signed("known"));
    assert!(client.get(exporter.address(), "/").await.is_err());
}

#[tokio::test]
async fn authorities_of_the_system_are_the_default() {
    for (policy, without) in [
        ("VerifyClientCertIfGiven", true),
        ("RequireAndVerifyClientCert", false),
    ] {
        let policy = format!("client_auth_type: {policy}");
        let setup = Setup::new(&encrypted(&[&policy]));
        let mut command = setup.command();
        // This variable replaces the system's authorities.
        command.env("SSL_CERT_FILE", setup.path().join("ca.crt"));
        let exporter = Exporter::spawn(&mut command);
        let mut client = Client::new(&setup.authority);
        let response = client.get(exporter.address(), "/").await;
        assert_eq!(response.is_ok(), without, "{policy}");
        client.identity = Some(setup.authority.client(&[]));
        assert!(client.get(exporter.address(), "/").await.is_ok());
        client.identity = Some(Authority::new().client(&[]));
        assert!(client.get(exporter.address(), "/").await.is_err());
    }
}

#[tokio::test]
async fn client_certificate_needs_an_allowed_name() {
    let dns = |name: &str| SanType::DnsName(name.try_into().expect("the name is valid"));
    let names = [
        vec![],
        vec![dns("other.example")],
        vec![dns("other.example"), dns("prometheus.example")],
        vec![SanType::Rfc822Name(
            "ops@example.com".try_into().expect("the address is valid"),
        )],
        vec![SanType::URI(
            "spiffe://example/prometheus"
                .try_into()
                .expect("the address is valid"),
        )],
        vec![SanType::IpAddress([192, 0, 2, 7].into())],
        vec![SanType::IpAddress(
            "2001:db8::7".parse().expect("the address is valid"),
        )],
    ];
    let allowed = "client_allowed_sans: [prometheus.example, ops@example.com, 'spiffe://example/prometheus', 192.0.2.7, '2001:db8::7']";
    let all = [false, false, true, true, true, true, true];
    for (policy, allowed, expected) in [
        ("RequireAndVerifyClientCert", allowed, all),
        // A client without a certificate has no allowed name.
        ("VerifyClientCertIfGiven", allowed, all),
        ("RequestClientCert", allowed, all),
        (
            "RequireAndVerifyClientCert",
            "client_allowed_sans: []",
            [false; 7],
        ),
    ] {
        let policy = format!("client_auth_type: {policy}");
        let setup = Setup::new(&encrypted(&[&policy, "client_ca_file: ca.crt", allowed]));
        let exporter = setup.start();
        let mut client = Client::new(&setup.authority);
        assert!(
            client.get(exporter.address(), "/").await.is_err(),
            "{policy}"
        );
        for (names, expected) in names.iter().zip(expected) {
            client.identity = Some(setup.authority.client(names));
            let response = client.get(exporter.address(), "/").await;
            assert_eq!(response.is_ok(), expected, "{policy} {names:?}");
        }
    }
}
