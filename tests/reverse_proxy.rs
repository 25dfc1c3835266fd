//! Real reverse proxies with the shipped configurations, in front of an exporter and a stub of Rocket.Chat.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use testbed::tools;

use crate::support::tls::Authority;
use crate::support::{Exporter, WorkspaceExporter, eventually, shared_exporter, shared_workspace};
use crate::web_config::{Setup, encrypted};

/// The beginning of the stub's responses, which echo the request.
const STUB_RESPONSE: &str = "Request to Rocket.Chat:";

/// Paths that are routed to Rocket.Chat.
const ROCKETCHAT: [&str; 6] = [
    "/",
    "/api/v1/users.list",
    "/api/v1/statistics.telemetry",
    "/api/v1/statistics/more",
    "/api/v1/statisticsx",
    "/x/api/v1/statistics",
];

/// Paths that are routed to the exporter.
const STATISTICS: [&str; 5] = [
    "/api/v1/statistics",
    "/api/v1/statistics?shape=flat",
    "/api/v1/statistics/",
    "//api/v1/statistics",
    "/api/v1/statistics.list",
];

/// A proxy that listens on a Unix socket.
struct Proxy {
    process: Child,
    socket: PathBuf,
    _folder: TempDir,
}

impl Proxy {
    /// Starts a proxy that listens on `socket` in its directory.
    async fn start(mut program: Command, folder: TempDir) -> Self {
        let process = program
            .env("HOME", folder.path())
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("the proxy starts");
        let socket = folder.path().join("socket");
        let this = Self {
            process,
            socket,
            _folder: folder,
        };
        eventually("the proxy serves", || {
            UnixStream::connect(&this.socket).ok()
        })
        .await;
        this
    }

    /// The status and the body of a response.
    fn get(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let mut stream = UnixStream::connect(&self.socket).expect("the proxy serves");
        let headers: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        // With HTTP/1.0 the response ends with the connection.
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: chat.example.com\r\n{}\r\n",
            headers.concat()
        )
        .expect("the request can be sent");
        let mut response = String::new();
        stream
            .read_to_string(&mut response)
            .expect("the proxy responds");
        let (head, body) = response.split_once("\r\n\r\n").expect("the head ends");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        (status.expect("the response has a status"), body.to_owned())
    }

    /// Asserts that the statistics are routed to the exporter, and everything else to Rocket.Chat.
    fn assert_routes(&self, workspace: &WorkspaceExporter) {
        let admin = &workspace.credentials.admin;
        let login = [
            ("X-User-Id", admin.user_id.as_str()),
            ("X-Auth-Token", admin.token.as_str()),
        ];
        for path in STATISTICS {
            let (status, body) = self.get(path, &login);
            assert_eq!(status, 200, "{path}: {body}");
            assert!(body.contains(r#""success":true"#), "{path}: {body}");
        }
        self.assert_routes_to_rocketchat();
    }

    fn assert_routes_to_rocketchat(&self) {
        for path in ROCKETCHAT {
            let (status, body) = self.get(path, &[("X-Forwarded-For", "203.0.113.9")]);
            assert_eq!(status, 200, "{path}: {body}");
            assert!(body.starts_with(STUB_RESPONSE), "{path}: {body}");
            assert!(body.contains(&format!("GET {path} ")), "{path}: {body}");
            let lower = body.to_lowercase();
            assert!(lower.contains("host: chat.example.com\n"), "{body}");
            // The client's own X-Forwarded-For is not passed on.
            assert!(!body.contains("203.0.113.9"), "{body}");
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Starts a server that echoes requests, and returns its address.
fn echo_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("a listener has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            let body = format!("{STUB_RESPONSE}\n{}\n", head.join("\n"));
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}");
            write!(&stream, "{head}\r\n\r\n{body}").ok();
        }
    });
    address.to_string()
}

fn shipped(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(path).expect("the file can be read")
}

/// Replaces parts of a text, each of which must occur.
fn replaced(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "`{from}` is missing from:\n{text}");
        text.replace(from, to)
    })
}

/// nginx with the shipped site, adapted to the test.
async fn nginx(snippet: &str, exporter: &str) -> Proxy {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let path = folder.path().display().to_string();
    Authority::new().server().write(folder.path(), "site");
    let site = replaced(
        &shipped("deploy/nginx/site.conf"),
        &[
            (
                "server 127.0.0.1:3000;",
                &format!("server {};", echo_server()),
            ),
            ("server 127.0.0.1:9459;", &format!("server {exporter};")),
            ("listen 443 ssl;", &format!("listen unix:{path}/socket;")),
            ("listen [::]:443 ssl;", ""),
            (
                "/etc/ssl/certs/chat.example.com.pem",
                &format!("{path}/site.crt"),
            ),
            (
                "/etc/ssl/private/chat.example.com.key",
                &format!("{path}/site.key"),
            ),
            ("/etc/nginx/snippets/", &format!("{path}/")),
        ],
    );
    let temporary: Vec<String> = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {path}/{kind};\n"))
        .collect();
    let temporary = temporary.concat();
    // In the foreground as a single root process, which may read directories of any owner.
    let configuration = format!(
        "user root;\ndaemon off;\nmaster_process off;\npid {path}/pid;\nerror_log stderr;\n\
         events {{}}\nhttp {{\naccess_log off;\n{temporary}{site}}}\n"
    );
    fs::write(folder.path().join("nginx.conf"), configuration).expect("the file can be written");
    fs::write(folder.path().join("rocketchat-exporter.conf"), snippet)
        .expect("the file can be written");
    let command = || {
        let nginx = tools::NGINX.find().expect("nginx is installed");
        let mut command = nginx.command();
        command.args(["-p", &path, "-e", "stderr", "-c", "nginx.conf"]);
        command
    };
    let output = command().arg("-t").output().expect("nginx runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    Proxy::start(command(), folder).await
}

/// Caddy with the shipped site, adapted to the test.
async fn caddy(changes: &[(&str, &str)]) -> Proxy {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let path = folder.path().display().to_string();
    let site = replaced(
        &shipped("deploy/caddy/Caddyfile"),
        &[
            ("127.0.0.1:3000", &echo_server()),
            (
                "\nchat.example.com {\n",
                &format!("\nhttp://chat.example.com {{\n\tbind unix/{path}/socket\n"),
            ),
        ],
    );
    let site = replaced(&site, changes);
    let global = "{\n\tadmin off\n\tauto_https off\n}\n";
    let file = folder.path().join("Caddyfile");
    fs::write(&file, format!("{global}{site}")).expect("the file can be written");
    let mut command = tools::CADDY.find().expect("caddy is installed").command();
    command
        .args(["run", "--adapter=caddyfile", "--config"])
        .arg(&file)
        .stderr(Stdio::null());
    Proxy::start(command, folder).await
}

fn socket_argument(folder: &TempDir) -> (String, String) {
    let path = folder.path().join("exporter.sock").display().to_string();
    let argument = format!("--web.listen-address=unix://{path}");
    (path, argument)
}

const PLAIN: &str = "deploy/nginx/rocketchat-exporter.conf";
const ENCRYPTED: &str = "deploy/nginx/rocketchat-exporter-tls.conf";

#[tokio::test(flavor = "multi_thread")]
async fn nginx_routes_statistics_to_the_exporter() {
    let workspace = shared_exporter(&[]).await;
    let proxy = nginx(&shipped(PLAIN), workspace.exporter.address()).await;
    proxy.assert_routes(&workspace);
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_reaches_the_exporter_through_a_unix_socket() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let (path, argument) = socket_argument(&folder);
    let workspace = shared_workspace()
        .await
        .start(&["--web.listen-address=127.0.0.1:0", &argument])
        .await;
    assert!(shipped("deploy/nginx/site.conf").contains("#server unix:/run/"));
    let proxy = nginx(&shipped(PLAIN), &format!("unix:{path}")).await;
    proxy.assert_routes(&workspace);
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_verifies_the_certificate_of_the_exporter() {
    let setup = Setup::new(&encrypted(&[]));
    let exporter = setup.start();
    for (authority, reached) in [
        (setup.authority.pem(), true),
        (Authority::new().pem(), false),
    ] {
        let authorities = setup.path().join("trusted.crt");
        fs::write(&authorities, authority).expect("the file can be written");
        let snippet = replaced(
            &shipped(ENCRYPTED),
            &[
                ("exporter.example.com", "localhost"),
                (
                    "/etc/ssl/certs/ca-certificates.crt",
                    &authorities.display().to_string(),
                ),
            ],
        );
        let proxy = nginx(&snippet, exporter.address()).await;
        assert_reached(&proxy, reached);
        proxy.assert_routes_to_rocketchat();
    }
}

/// Asserts that the exporter, which has no database here, responds, or else that the proxy responds with 502.
fn assert_reached(proxy: &Proxy, reached: bool) {
    let (status, body) = proxy.get("/api/v1/statistics", &[]);
    assert_eq!(status == 502, !reached, "{body}");
    assert_eq!(body.contains(r#""success":false"#), reached, "{body}");
}

#[test]
fn nginx_files_differ_in_encryption_only() {
    let without_encryption = |file: &str| {
        let text = shipped(file).replace("https://", "http://");
        let (_, directives) = text.split_once("\n\n").expect("a comment is first");
        directives
            .lines()
            .filter(|line| !line.contains("proxy_ssl_") && !line.contains("certificate"))
            .map(str::to_owned)
            .collect::<Vec<String>>()
    };
    assert_eq!(without_encryption(PLAIN), without_encryption(ENCRYPTED));
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_routes_statistics_to_the_exporter() {
    let workspace = shared_exporter(&[]).await;
    let proxy = caddy(&[("127.0.0.1:9459", workspace.exporter.address())]).await;
    proxy.assert_routes(&workspace);
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_reaches_the_exporter_through_a_unix_socket() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let (path, argument) = socket_argument(&folder);
    let workspace = shared_workspace()
        .await
        .start(&["--web.listen-address=127.0.0.1:0", &argument])
        .await;
    let proxy = caddy(&[
        ("import exporter\n", "import exporter-unix\n"),
        (
            "unix//run/rocketchat-exporter.sock",
            &format!("unix/{path}"),
        ),
    ])
    .await;
    proxy.assert_routes(&workspace);
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_verifies_the_certificate_of_the_exporter() {
    let setup = Setup::new(&encrypted(&[]));
    let exporter: Exporter = setup.start();
    let (_, port) = exporter
        .address()
        .rsplit_once(':')
        .expect("the address has a port");
    for (authority, reached) in [
        (setup.authority.pem(), true),
        (Authority::new().pem(), false),
    ] {
        let authorities = setup.path().join("trusted.crt");
        fs::write(&authorities, authority).expect("the file can be written");
        let proxy = caddy(&[
            ("import exporter\n", "import exporter-tls\n"),
            (
                "https://exporter.example.com:9459",
                &format!("https://localhost:{port}"),
            ),
            (
                "/etc/ssl/certs/ca-certificates.crt",
                &authorities.display().to_string(),
            ),
        ])
        .await;
        assert_reached(&proxy, reached);
        proxy.assert_routes_to_rocketchat();
    }
}

#[test]
fn caddy_accepts_the_shipped_file_as_formatted() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/caddy/Caddyfile");
    let caddy = |arguments: &[&str]| {
        let output = tools::CADDY
            .find()
            .expect("caddy is installed")
            .command()
            .args(arguments)
            .arg(&file)
            .env("HOME", folder.path())
            .current_dir(folder.path())
            .output()
            .expect("caddy runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        String::from_utf8(output.stdout).expect("the output is UTF-8")
    };
    caddy(&["validate", "--adapter=caddyfile", "--config"]);
    assert_eq!(caddy(&["fmt"]), shipped("deploy/caddy/Caddyfile"));
}
