//! The probe of Rocket.Chat, of servers that misbehave in every way. One exporter probes all of them, each as a workspace whose
//! MongoDB is down.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::IntoRawFd;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rcgen::date_time_ymd;
use rustix::fs::{MemfdFlags, memfd_create};
use serde_json::{Value, json};
use testbed::rocketchat::{
    InfoBehavior, RocketChat, RocketChatServer, Settings, WebsocketBehavior,
};
use testbed::workspace::Account;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tokio_rustls::TlsAcceptor;

use crate::support::tls::{Authority, Identity};
use crate::support::{Exporter, eventually};

/// Runs the servers for all tests of the process: that of a test ends with it.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new().expect("the runtime can be started"));

/// A workspace whose database is never there.
const NO_DATABASE: &str = "mongodb://127.0.0.1:9";

/// The user that the servers show their build to.
const ADMIN: (&str, &str) = ("theAdminsId", "theTokenOfTheAdmin");

/// All servers, and the exporter that probes them.
struct Fleet {
    exporter: Exporter,
    servers: Vec<(&'static str, RocketChat)>,
    /// What a redirect leads to.
    elsewhere: RocketChat,
}

impl Fleet {
    /// The fleet of this process. Every server was probed at least once.
    async fn shared() -> &'static Self {
        static FLEET: OnceCell<Fleet> = OnceCell::const_new();
        let start = || async {
            let fleet = RUNTIME.spawn(Self::start()).await;
            let fleet = fleet.expect("the fleet starts");
            let rows = fleet.servers.len() + 1;
            eventually("every server is probed", || {
                let metrics = fleet.exporter.metrics();
                let of_each = metrics.matches("\nrocketchat_probe_success{").count();
                (of_each == 2 * rows).then_some(())
            })
            .await;
            fleet
        };
        FLEET.get_or_init(start).await
    }

    async fn start() -> Self {
        let elsewhere = started(Settings::default()).await;
        let target = elsewhere.url();
        let authority = Authority::new();
        let mut workspaces = serde_json::Map::new();
        let mut servers = Vec::new();
        let token = |token: &str| memory_file(&format!("{}\n{token}\n", ADMIN.0));
        let tokens = [
            ("admin", token(ADMIN.1)),
            ("echo", token(ADMIN.1)),
            ("info-redirects", token(ADMIN.1)),
            ("stranger", token("aTokenOfNobody")),
            ("strict", token("aTokenOfNobody")),
        ];
        for (name, settings) in behaviors(&target) {
            let server = started(settings).await;
            workspaces.insert(name.to_owned(), workspace(&server.url()));
            servers.push((name, server.rocketchat.clone()));
            std::mem::forget(server);
        }
        for (name, host, identity) in identities(&authority) {
            let rocketchat = RocketChat::new(Settings::default());
            let address = serve_encrypted(&rocketchat, &identity).await;
            let url = format!("https://{host}:{}", address.port());
            workspaces.insert(name.to_owned(), workspace(&url));
            servers.push((name, rocketchat));
        }
        // Nothing listens on it.
        workspaces.insert("refused".to_owned(), workspace("http://127.0.0.1:9"));
        for (name, path) in tokens {
            workspaces[name]["rocketchat"]["token-file"] = json!(path);
        }
        let configuration = json!({ "workspaces": workspaces }).to_string();
        let file = memory_file(&configuration);
        let trusted = memory_file(&authority.pem());
        let mut command = Exporter::guarded_command();
        command
            .env("SSL_CERT_FILE", &trusted)
            .env("ROCKETCHAT_EXPORTER_ROCKETCHAT_TIMEZONE", "UTC")
            .args([
                &format!("--config.file={}", file.display()),
                "--collection.fast-interval=500ms",
                "--collection.normal-interval=500ms",
                "--mongodb.connect-timeout=500ms",
                "--log.level=debug",
            ]);
        let fleet = Self {
            exporter: Exporter::spawn(&mut command),
            servers,
            elsewhere: elsewhere.rocketchat.clone(),
        };
        std::mem::forget(elsewhere);
        fleet
    }

    fn value(&self, metric: &str, workspace: &str, labels: &str) -> Option<f64> {
        let series = format!("{metric}{{workspace=\"{workspace}\"{labels}}}");
        self.exporter.value(&series)
    }

    fn server(&self, name: &str) -> &RocketChat {
        let mut servers = self.servers.iter();
        let server = servers.find(|(known, _)| *known == name);
        &server.expect("there is such a server").1
    }
}

/// A file in memory, which exists as long as the process: nothing is left of it.
fn memory_file(content: &str) -> PathBuf {
    let descriptor = memfd_create("probe", MemfdFlags::CLOEXEC).expect("a file can be created");
    let mut file = File::from(descriptor);
    file.write_all(content.as_bytes())
        .expect("the file can be written");
    let descriptor = file.into_raw_fd();
    PathBuf::from(format!("/proc/{}/fd/{descriptor}", std::process::id()))
}

/// A server that is never stopped.
async fn started(settings: Settings) -> RocketChatServer {
    let server = RocketChatServer::start(settings).await;
    server.expect("the server starts")
}

fn workspace(url: &str) -> Value {
    json!({ "mongodb": { "uri": NO_DATABASE }, "rocketchat": { "url": url } })
}

fn behaviors(elsewhere: &str) -> Vec<(&'static str, Settings)> {
    let normal = || Settings {
        admin: Some(Account {
            user_id: ADMIN.0.to_owned(),
            token: ADMIN.1.to_owned(),
        }),
        ..Settings::default()
    };
    let info = |info| Settings { info, ..normal() };
    let websocket = |websocket| Settings {
        websocket,
        ..normal()
    };
    let root = "/chat/of/people".to_owned();
    vec![
        ("well", normal()),
        ("below-a-path", Settings { root, ..normal() }),
        ("admin", normal()),
        ("stranger", normal()),
        ("strict", info(InfoBehavior::RefusesUnknownLogins)),
        ("echo", info(InfoBehavior::EchoesToken)),
        ("info-silent", info(InfoBehavior::Silent)),
        (
            "info-redirects",
            info(InfoBehavior::Redirects(format!("{elsewhere}/api/info"))),
        ),
        ("info-502", info(InfoBehavior::Status(502))),
        ("info-garbage", info(InfoBehavior::Garbage)),
        ("info-endless", info(InfoBehavior::Endless)),
        ("websocket-silent", websocket(WebsocketBehavior::Silent)),
        ("websocket-closes", websocket(WebsocketBehavior::Closes)),
        ("websocket-cut", websocket(WebsocketBehavior::Cut)),
        ("websocket-page", websocket(WebsocketBehavior::Page)),
        (
            "websocket-redirects",
            websocket(WebsocketBehavior::Redirects(format!(
                "{elsewhere}/websocket"
            ))),
        ),
        ("websocket-large", websocket(WebsocketBehavior::Large)),
        ("websocket-garbage", websocket(WebsocketBehavior::Garbage)),
        ("websocket-fails", websocket(WebsocketBehavior::Fails)),
    ]
}

/// Servers with TLS: the host of their URL, and their certificate.
fn identities(authority: &Authority) -> [(&'static str, &'static str, Identity); 4] {
    let expired = authority.server_with(|params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let valid = authority.server_with(|params| params.not_after = date_time_ymd(2090, 1, 1));
    [
        ("tls", "localhost", valid),
        ("tls-expired", "localhost", expired),
        ("tls-untrusted", "localhost", Authority::new().server()),
        // The certificate is for the name.
        ("tls-other-name", "127.0.0.1", authority.server()),
    ]
}

/// Accepts connections with TLS for as long as the process runs.
async fn serve_encrypted(rocketchat: &RocketChat, identity: &Identity) -> SocketAddr {
    let acceptor = TlsAcceptor::from(Arc::new(identity.server_config()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a port is free");
    let address = listener.local_addr().expect("a listener has an address");
    let rocketchat = rocketchat.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, rocketchat) = (acceptor.clone(), rocketchat.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    rocketchat.serve_connection(stream).await;
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_has_its_reason_and_status() {
    let fleet = Fleet::shared().await;
    for (workspace, check, reason, status) in [
        ("refused", "info", "unreachable", None),
        ("refused", "websocket", "unreachable", None),
        ("info-silent", "info", "timed_out", None),
        ("info-redirects", "info", "redirected", Some(302.0)),
        ("info-502", "info", "http_status", Some(502.0)),
        ("info-garbage", "info", "invalid_response", Some(200.0)),
        ("info-endless", "info", "too_large", Some(200.0)),
        ("websocket-silent", "websocket", "timed_out", Some(101.0)),
        ("websocket-closes", "websocket", "closed", Some(101.0)),
        ("websocket-cut", "websocket", "closed", Some(101.0)),
        ("websocket-page", "websocket", "http_status", Some(200.0)),
        (
            "websocket-redirects",
            "websocket",
            "redirected",
            Some(302.0),
        ),
        ("websocket-large", "websocket", "too_large", Some(101.0)),
        (
            "websocket-garbage",
            "websocket",
            "invalid_response",
            Some(101.0),
        ),
        (
            "websocket-fails",
            "websocket",
            "invalid_response",
            Some(101.0),
        ),
        ("tls-expired", "info", "certificate", None),
        ("tls-expired", "websocket", "certificate", None),
        ("tls-untrusted", "info", "certificate", None),
        ("tls-other-name", "websocket", "certificate", None),
    ] {
        let context = format!("{workspace}, {check}: {}", fleet.exporter.metrics());
        let labels = format!(",check=\"{check}\"");
        let value = |metric, labels| fleet.value(metric, workspace, labels);
        assert_eq!(
            value("rocketchat_probe_success", &labels),
            Some(0.0),
            "{context}"
        );
        let reason = format!("{labels},reason=\"{reason}\"");
        assert_eq!(
            value("rocketchat_probe_failing", &reason),
            Some(1.0),
            "{context}"
        );
        assert_eq!(
            value("rocketchat_probe_http_status_code", &labels),
            status,
            "{context}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_of_one_check_leaves_the_other() {
    let fleet = Fleet::shared().await;
    for (workspace, check, status) in [
        ("info-silent", "websocket", 101.0),
        ("info-redirects", "websocket", 101.0),
        ("info-garbage", "websocket", 101.0),
        ("websocket-silent", "info", 200.0),
        ("websocket-page", "info", 200.0),
    ] {
        let labels = format!(",check=\"{check}\"");
        let value = |metric| fleet.value(metric, workspace, &labels);
        assert_eq!(value("rocketchat_probe_success"), Some(1.0), "{workspace}");
        assert_eq!(value("rocketchat_probe_http_status_code"), Some(status));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn probe_succeeds_while_the_database_is_down() {
    let fleet = Fleet::shared().await;
    eventually("the database is down", || {
        let up = fleet.value("rocketchat_up", "well", "");
        up.filter(|up| *up == 0.0)
    })
    .await;
    for (check, status) in [("info", 200.0), ("websocket", 101.0)] {
        let labels = format!(",check=\"{check}\"");
        let value = |metric| fleet.value(metric, "well", &labels);
        assert_eq!(value("rocketchat_probe_success"), Some(1.0));
        assert_eq!(value("rocketchat_probe_http_status_code"), Some(status));
        let duration = value("rocketchat_probe_duration_seconds");
        assert!(
            duration.is_some_and(|duration| duration < 5.0),
            "{duration:?}"
        );
    }
    let collector = fleet.value(
        "rocketchat_exporter_collector_success",
        "refused",
        ",collector=\"probe\"",
    );
    assert_eq!(
        collector,
        Some(1.0),
        "a failed probe is a successful reading"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn server_below_a_path_is_probed_there() {
    let fleet = Fleet::shared().await;
    let requests = fleet.server("below-a-path").requests();
    let mut paths: Vec<&str> = requests.iter().map(|request| &*request.path).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(
        paths,
        ["/chat/of/people/api/info", "/chat/of/people/websocket"]
    );
    for check in ["info", "websocket"] {
        let labels = format!(",check=\"{check}\"");
        let success = fleet.value("rocketchat_probe_success", "below-a-path", &labels);
        assert_eq!(success, Some(1.0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_shows_its_expiry_also_when_it_is_refused() {
    let fleet = Fleet::shared().await;
    let expiry = |workspace| {
        let metric = "rocketchat_probe_certificate_expiry_timestamp_seconds";
        fleet.value(metric, workspace, "")
    };
    assert_eq!(expiry("tls"), Some(3_786_912_000.0));
    assert_eq!(expiry("tls-expired"), Some(1_609_459_200.0));
    assert_eq!(expiry("well"), None, "there is no certificate");
    let success = |check: &str| {
        let labels = format!(",check=\"{check}\"");
        fleet.value("rocketchat_probe_success", "tls", &labels)
    };
    assert_eq!(["info", "websocket"].map(success), [Some(1.0); 2]);
    for workspace in ["tls-expired", "tls-untrusted", "tls-other-name"] {
        let requests = fleet.server(workspace).requests();
        assert_eq!(requests, [], "{workspace}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let fleet = Fleet::shared().await;
    assert_eq!(fleet.elsewhere.requests(), []);
    let hint = "redirects are not followed; set --rocketchat.url to the URL where they end";
    fleet.exporter.logged_times(hint, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_is_logged_once_and_not_at_each_interval() {
    let fleet = Fleet::shared().await;
    let of_probe = ",collector=\"probe\"";
    eventually("a server is probed several times", || {
        let metric = "rocketchat_exporter_collector_readings_total";
        let readings = fleet.value(metric, "info-502", of_probe)?;
        (readings > 4.0).then_some(())
    })
    .await;
    let log = fleet.exporter.log();
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("workspace=info-502 ") && line.contains("the probe"))
        .collect();
    let [line] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert!(
        line.contains("level=warn") && line.contains("check=info"),
        "{line}"
    );
    assert!(line.contains("status 502; expected 200"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn build_is_shown_to_the_token_of_an_administrator() {
    let fleet = Fleet::shared().await;
    let accepted = |workspace| fleet.value("rocketchat_probe_token_accepted", workspace, "");
    assert_eq!(accepted("admin"), Some(1.0));
    assert_eq!(accepted("stranger"), Some(0.0));
    assert_eq!(accepted("strict"), Some(0.0));
    assert_eq!(accepted("info-redirects"), None, "it was not tried");
    assert_eq!(accepted("well"), None, "there is no token");
    let labels = concat!(
        ",version=\"9.0.0\",commit=\"5f3a0c1de7b94826a1c4d2e09b7f6853c1a2d4e8\"",
        ",commit_date=\"Tue Nov 10 11:02:17 2026 -0300\",tag=\"9.0.0\",branch=\"HEAD\"",
        ",build_date=\"2026-11-10T14:31:52.000Z\""
    );
    assert_eq!(
        fleet.value("rocketchat_build_info", "admin", labels),
        Some(1.0)
    );
    let metrics = fleet.exporter.metrics();
    for workspace in ["stranger", "strict", "well"] {
        let series = format!("rocketchat_build_info{{workspace=\"{workspace}\"");
        assert!(!metrics.contains(&series), "{workspace}");
    }
    // A refused token is no failed probe.
    let success = fleet.value("rocketchat_probe_success", "strict", ",check=\"info\"");
    assert_eq!(success, Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn token_goes_to_its_own_server_alone_and_is_never_shown() {
    let fleet = Fleet::shared().await;
    for (name, server) in &fleet.servers {
        let logins = server.requests().into_iter().filter(|request| {
            let is_info = request.path.ends_with("/api/info");
            assert!(is_info || request.login.is_none(), "{name}: {request:?}");
            request.login.is_some()
        });
        let has_token = ["admin", "echo", "info-redirects", "stranger", "strict"].contains(name);
        assert_eq!(logins.count() > 0, has_token, "{name}");
    }
    let mut shown = [fleet.exporter.log(), fleet.exporter.metrics()].concat();
    for path in ["/info", "/info/echo", "/info/admin", "/info/stranger"] {
        shown.push_str(&fleet.exporter.get(path).text());
    }
    assert!(
        shown.contains("commit=\"…\""),
        "the server repeats the token"
    );
    for secret in [ADMIN.0, ADMIN.1, "aTokenOfNobody"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_shows_each_check_while_the_database_is_down() {
    let fleet = Fleet::shared().await;
    let page = |workspace| {
        let page = fleet.exporter.get(&format!("/info/{workspace}"));
        assert_eq!(page.status, 200);
        page.text()
    };
    let well = page("well");
    for check in ["API</span> in ", "websocket</span> in "] {
        assert!(well.contains(check), "{check}: {well}");
    }
    let failed = page("info-502");
    assert!(failed.contains("with status 502; expected 200"), "{failed}");
}

/// No server makes the exporter wait for longer than the limit of a check.
#[tokio::test(flavor = "multi_thread")]
async fn silent_server_is_given_up_at_the_limit() {
    let fleet = Fleet::shared().await;
    let limit = Duration::from_secs(5).as_secs_f64();
    let labels = ",check=\"info\"";
    let duration = fleet.value("rocketchat_probe_duration_seconds", "info-silent", labels);
    let duration = duration.expect("it was probed");
    assert!((limit..limit + 2.0).contains(&duration), "{duration}");
}
