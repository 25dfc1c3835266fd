//! `--web.config.file`: valid and invalid files, users, headers, and the rate limit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use crate::support::Exporter;
use crate::support::tls::Authority;

const UNREACHABLE_MONGODB: &str = "--mongodb.uri=mongodb://127.0.0.1:9";

/// The bcrypt hash of `password` with the minimum cost.
pub const HASH: &str = "$2b$04$R0E8cZkhBcd7UyOMWUdJg.Yj.jU.NqnaroEi0XW/KgcJZZpwD/sfy";

/// A directory with a certificate `server`, an authority `ca.crt` and a web configuration.
pub struct Setup {
    pub authority: Authority,
    folder: TempDir,
}

impl Setup {
    pub fn new(config: &str) -> Self {
        let authority = Authority::new();
        let folder = tempfile::tempdir().expect("a directory can be created");
        let setup = Self { authority, folder };
        setup.authority.server().write(setup.path(), "server");
        fs::write(setup.path().join("ca.crt"), setup.authority.pem())
            .expect("the file can be written");
        setup.configure(config);
        setup
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn configure(&self, config: &str) {
        fs::write(self.file(), config).expect("the file can be written");
    }

    pub fn start(&self) -> Exporter {
        Exporter::spawn(&mut self.command())
    }

    pub fn command(&self) -> Command {
        let mut command = Exporter::command();
        command.args([UNREACHABLE_MONGODB, &self.argument()]);
        command
    }

    pub fn file(&self) -> PathBuf {
        self.path().join("web.yml")
    }

    pub fn argument(&self) -> String {
        format!("--web.config.file={}", self.file().display())
    }
}

/// A configuration with TLS, and further lines of `tls_server_config`.
pub fn encrypted(lines: &[&str]) -> String {
    let mut config =
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n".to_owned();
    for line in lines {
        config.push_str("  ");
        config.push_str(line);
        config.push('\n');
    }
    config
}

/// The value of the `Authorization` header for a user and a password.
pub fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// Invalid files, and a part of the error message.
const INVALID: [(&str, &str); 34] = [
    ("some junk\nmore junk", "line 1"),
    ("no_such_key: 1", "`no_such_key`"),
    (
        "tls_server_config: {cert_filse: server.crt}",
        "`cert_filse`",
    ),
    ("rate_limit: {burst: many}", "line 1, column 21"),
    ("rate_limit: {interval: soon}", "interval"),
    ("basic_auth_users: {a: b, a: c}", "duplicate"),
    ("basic_auth_users: {john: doe}", "basic_auth_users.john"),
    (
        "basic_auth_users: {john: $2b$17$R0E8cZkhBcd7UyOMWUdJg.Yj.jU.NqnaroEi0XW/KgcJZZpwD/sfy}",
        "its cost is 17; expected a cost from 4 to 16",
    ),
    (
        "basic_auth_users: {john: $2b$04$R0E8cZkhBcd7UyOMWUdJg}",
        "basic_auth_users.john",
    ),
    (
        "basic_auth_users: {john: $2b$04$R0E8cZkhBcd7UyOMWUdJg.Yj.jU.NqnaroEi0XW/KgcJZZpwD/sfyy}",
        "basic_auth_users.john",
    ),
    (
        "rate_limit: {interval: -1s, burst: 1}",
        "invalid value `-1s`: expected a duration from 0s to 8784h",
    ),
    ("rate_limit: {interval: 8785h}", "invalid value `8785h`"),
    (
        "rate_limit: {interval: 9000000000000000000s}",
        "invalid value `9000000000000000000s`",
    ),
    (
        "rate_limit: {interval: 18446744073709551615}",
        "invalid value `18446744073709551615`",
    ),
    ("rate_limit: {interval: .inf}", "invalid value `.inf`"),
    (
        "rate_limit: {interval: 1s, burst: -1}",
        "invalid value `-1`: expected a number from 0 to 1000000",
    ),
    (
        "rate_limit: {interval: 1s, burst: 1.5}",
        "invalid value `1.5`",
    ),
    (
        "rate_limit: {interval: 1s, burst: 4294967296}",
        "invalid value `4294967296`",
    ),
    ("{}\n---\n{}\n", "is invalid"),
    (
        "tls_server_config: {cert_file: weak.pem, key_file: weak.pem}",
        "tls_server_config.cert_file",
    ),
    (
        "http_server_config: {headers: {Content-Type: foo}}",
        "`Content-Type`",
    ),
    (
        "http_server_config: {headers: {x-frame-options: deny}}",
        "`x-frame-options`",
    ),
    (
        "http_server_config: {headers: {X-Frame-Options: foo}}",
        "headers.X-Frame-Options",
    ),
    (
        "http_server_config: {headers: {X-Content-Type-Options: sniff}}",
        "headers.X-Content-Type-Options",
    ),
    (
        "http_server_config: {headers: {X-XSS-Protection: \"a\\nb\"}}",
        "headers.X-XSS-Protection",
    ),
    (
        "tls_server_config: {cert_file: '', key_file: server.key}",
        "missing one of cert or cert_file",
    ),
    (
        "tls_server_config: {cert: '', key_file: server.key}",
        "missing one of cert or cert_file",
    ),
    (
        "tls_server_config: {client_auth_type: x}",
        "missing one of cert or cert_file",
    ),
    (
        "tls_server_config: {cert_file: server.crt}",
        "missing one of key or key_file",
    ),
    (
        "tls_server_config: {cert_file: server.crt, key: ''}",
        "missing one of key or key_file",
    ),
    (
        "tls_server_config: {cert_file: server.key, key_file: server.key}",
        "cert_file: no readable certificate",
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: server.crt}",
        "key_file: no readable private key",
    ),
    (
        "tls_server_config: {cert_file: server.crt, key_file: other.key}",
        "tls_server_config.cert_file",
    ),
    (
        "tls_server_config: {cert_file: nowhere, key_file: server.key}",
        "cert_file: cannot read `nowhere`",
    ),
];

/// The same for further lines of `tls_server_config`.
const INVALID_WITH_TLS: [(&[&str], &str); 18] = [
    (
        &["client_auth_type: Sometimes"],
        "client_auth_type: invalid client authentication `Sometimes`",
    ),
    (
        &["client_ca_file: ca.crt"],
        "client_ca_file: client_ca_file or client_ca is set",
    ),
    (
        &["client_ca: x"],
        "client_ca_file: client_ca_file or client_ca is set",
    ),
    (&["client_allowed_sans: [x]"], "client_allowed_sans"),
    (
        &[
            "client_auth_type: RequireAndVerifyClientCert",
            "client_ca_file: nowhere",
        ],
        "client_ca_file: cannot read",
    ),
    (
        &[
            "client_auth_type: RequireAndVerifyClientCert",
            "client_ca_file: /dev/null",
        ],
        "client_ca_file: no readable certificate",
    ),
    (
        &["min_version: TLS111"],
        "min_version: unknown TLS version `TLS111`",
    ),
    (
        &["min_version: TLS10"],
        "min_version: `TLS10` is not supported",
    ),
    (
        &["max_version: TLS11"],
        "max_version: `TLS11` is not supported",
    ),
    (
        &["min_version: TLS13", "max_version: TLS12"],
        "max_version: is lower",
    ),
    (
        &["cipher_suites: [TLS_INVENTED]"],
        "cipher_suites: unknown cipher `TLS_INVENTED`",
    ),
    (
        &["cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]"],
        "cipher_suites: `TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA` is not supported",
    ),
    (
        &["cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]"],
        "cipher_suites: HTTP/2 needs",
    ),
    (
        &["cipher_suites: [TLS_AES_128_GCM_SHA256]"],
        "cipher_suites: HTTP/2 needs",
    ),
    (
        &["curve_preferences: [CurveP257]"],
        "curve_preferences: unknown curve `CurveP257`",
    ),
    (
        &["curve_preferences: [CurveP521]"],
        "curve_preferences: `CurveP521` is not supported",
    ),
    (&["cert_file: server.crt"], "duplicate"),
    (&["prefer_server_cipher_suites: perhaps"], "line 4"),
];

#[test]
fn invalid_file_is_named_with_status_2() {
    let setup = Setup::new("");
    Authority::new().server().write(setup.path(), "other");
    // An RSA key of 1024 bits, and its certificate.
    let weak = include_str!("web_config/weak.pem");
    fs::write(setup.path().join("weak.pem"), weak).expect("the file can be written");
    let assert_fails = |config: &str, named: &str| {
        let output = Exporter::command()
            .args([UNREACHABLE_MONGODB, &setup.argument()])
            .output()
            .expect("the exporter runs");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{config}: {message}");
        for named in [named, "--web.config.file", "web.yml"] {
            assert!(message.contains(named), "{config}: {message}");
        }
        assert!(
            !message.contains("doe") && !message.contains("BEGIN"),
            "{message}"
        );
    };
    for (config, named) in INVALID {
        setup.configure(config);
        assert_fails(config, named);
    }
    for (lines, named) in INVALID_WITH_TLS {
        let config = encrypted(lines);
        setup.configure(&config);
        assert_fails(&config, named);
    }
    fs::remove_file(setup.file()).expect("the file can be removed");
    assert_fails("nothing", "No such file");
}

#[test]
fn unsupported_ciphers_and_curves_are_skipped_beside_others() {
    let setup = Setup::new("");
    Authority::new().server().write(setup.path(), "server");
    for (line, missing) in [
        (
            "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]",
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        ),
        ("curve_preferences: [CurveP521, CurveP256]", "CurveP521"),
    ] {
        setup.configure(&encrypted(&[line]));
        let output = Exporter::command()
            .args([UNREACHABLE_MONGODB, &setup.argument(), "--config.check"])
            .output()
            .expect("the exporter runs");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{line}: {message}");
        assert!(
            message.contains("level=warn") && message.contains(missing),
            "{message}"
        );
    }
}

#[test]
fn file_without_tls_may_be_almost_empty() {
    for config in [
        "",
        "# nothing yet\n\n",
        "tls_server_config:\nhttp_server_config:\nrate_limit:\nbasic_auth_users:\n",
        "tls_server_config: {min_version: TLS13}",
        "tls_server_config: {cert_file: '', key_file: ''}",
        "http_server_config: {http2: yes}",
        "http_server_config: {http2: \"false\"}",
        "http_server_config: {headers: {X-XSS-Protection: 1, Content-Security-Policy: ''}}",
        "rate_limit: {interval: 0, burst: 0}",
        "rate_limit: {interval: 1h30m, burst: 5}",
        "rate_limit: {interval: 1000000, burst: 5}",
    ] {
        let response = Setup::new(config).start().get("/metrics");
        assert_eq!(response.status, 200, "{config}");
    }
}

#[test]
fn requests_need_a_user_except_the_api_with_its_own_login() {
    let setup = Setup::new(&format!("basic_auth_users: {{alice: {HASH}}}"));
    let exporter = setup.start();
    let right = basic("alice", "password");
    for path in ["/", "/metrics", "/-/healthy", "/nowhere"] {
        let wrong = [
            basic("alice", "wrong"),
            basic("mallory", "password"),
            basic("", ""),
            "Basic".to_owned(),
            "Basic %%%".to_owned(),
            right.replace("Basic", "Bearer"),
        ];
        let response = exporter.get(path);
        assert_eq!(response.status, 401, "{path}");
        assert_eq!(response.header("WWW-Authenticate"), "Basic");
        assert_eq!(response.text(), "Unauthorized\n");
        for credentials in wrong {
            let response = exporter.request("GET", path, &[("Authorization", &credentials)]);
            assert_eq!(response.status, 401, "{path}: {credentials}");
        }
        for credentials in [&right, &right.replace("Basic", "bAsIc")] {
            let response = exporter.request("GET", path, &[("Authorization", credentials)]);
            let expected = if path == "/nowhere" { 404 } else { 200 };
            assert_eq!(response.status, expected, "{path}");
        }
    }
    // The API has its own login, which does not need the database for requests without a token.
    for (path, status) in [
        ("/api/v1/nothing", 404),
        ("/api/v1/statistics", 401),
        ("/statistics.json", 401),
    ] {
        let response = exporter.get(path);
        assert_eq!(response.status, status, "{path}");
        assert_eq!(response.header("WWW-Authenticate"), "", "{path}");
    }
    assert!(!exporter.log().contains("password") && !exporter.log().contains(HASH));
}

#[test]
fn rate_limit_is_checked_before_the_user() {
    let setup = Setup::new(&format!(
        "rate_limit: {{interval: 1h, burst: 2}}\nbasic_auth_users: {{alice: {HASH}}}\nhttp_server_config: {{headers: {{X-Frame-Options: deny}}}}"
    ));
    let exporter = setup.start();
    assert_eq!(exporter.get("/metrics").status, 401);
    assert_eq!(exporter.get("/api/nothing").status, 404);
    let credentials = basic("alice", "password");
    for path in ["/metrics", "/api/nothing"] {
        let response = exporter.request("GET", path, &[("Authorization", &credentials)]);
        assert_eq!(response.status, 429, "{path}");
        assert_eq!(response.text(), "Too Many Requests\n");
    }
    let no_burst = Setup::new("rate_limit: {interval: 1s, burst: 0}").start();
    assert_eq!(no_burst.get("/metrics").status, 429);
}

#[test]
fn configured_headers_are_in_every_response_and_override_defaults() {
    let headers = [
        ("X-Frame-Options", "sameorigin"),
        (
            "Strict-Transport-Security",
            "max-age=31536000; includeSubDomains",
        ),
        ("X-Content-Type-Options", "nosniff"),
        ("X-XSS-Protection", "1"),
        ("Content-Security-Policy", "default-src 'self'"),
    ];
    let lines = headers.map(|(name, value)| format!("    {name}: {value}\n"));
    let config = format!(
        "basic_auth_users: {{alice: {HASH}}}\nhttp_server_config:\n  headers:\n{}",
        lines.concat()
    );
    let exporter = Setup::new(&config).start();
    let credentials = basic("alice", "password");
    for path in ["/", "/metrics", "/api/nothing", "/nowhere"] {
        for credentials in ["", &credentials] {
            let response = exporter.request("GET", path, &[("Authorization", credentials)]);
            for (name, value) in headers {
                assert_eq!(response.header(name), value, "{path}");
            }
        }
    }
}
