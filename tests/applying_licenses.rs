//! Applying a license from the Info page: it is pasted, reviewed, and accepted or refused by Rocket.Chat.

use std::fmt::Write;
use std::path::Path;

use serde_json::json;
use tokio::sync::OnceCell;

use crate::support::license::{PUBLIC_KEY, SECRETS, content, content_v2, v2, v3, with};
use crate::support::rocketchat::{ADMINISTRATOR, Behavior, REGULAR_USER, RocketChat};
use crate::support::tls::Authority;
use crate::support::{
    Exporter, Filled, Response, SharedWorkspace, WorkspaceExporter, eventually, shared_workspace,
};

const HOSTILE: &str = "</ul><script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

/// A time at which the license is valid.
const NOW: &str = "--debug.now=2026-11-21T12:00:00Z";

/// A workspace with the site URL of the license, whose exporter applies licenses to `rocketchat`.
pub async fn workspace(rocketchat: &RocketChat, arguments: &[&str]) -> WorkspaceExporter {
    static SHARED: OnceCell<SharedWorkspace> = OnceCell::const_new();
    let fill = || async {
        let filled = Filled::new().await;
        filled.set("Site_Url", "https://chat.example.com").await;
        SharedWorkspace::new(filled).await
    };
    let shared = SHARED.get_or_init(fill).await;
    let [url, flag] = rocketchat.flags();
    let mut all = vec![url.as_str(), flag.as_str(), NOW];
    all.extend(arguments);
    shared.start(&all).await
}

/// Posts a form with the page's token.
pub fn post(exporter: &Exporter, path: &str, fields: &[(&str, &str)]) -> Response {
    let token = token(exporter);
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("token", &token)
        .extend_pairs(fields)
        .finish();
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    exporter.send("POST", path, &[kind], &form)
}

fn token(exporter: &Exporter) -> String {
    token_of(&exporter.get("/info").text())
}

fn token_of(page: &str) -> String {
    let (_, rest) = page
        .split_once("name=\"token\" value=\"")
        .expect("the page has a token");
    rest.split('"').next().unwrap_or_default().to_owned()
}

pub fn review(exporter: &Exporter, license: &str) -> Response {
    post(exporter, "/info/license", &[("license", license)])
}

fn apply(exporter: &Exporter, license: &str, (user_id, token): (&str, &str)) -> Response {
    let fields = [
        ("license", license),
        ("user_id", user_id),
        ("auth_token", token),
    ];
    post(exporter, "/info/license/apply", &fields)
}

/// Applies a license on the page of one of several workspaces, once the workspace has been read.
async fn apply_to(exporter: &Exporter, page: &str) -> Response {
    let form = eventually("the workspace is read", || {
        let form = exporter.get(&format!("{page}/license"));
        (form.status == 200).then(|| form.text())
    })
    .await;
    assert!(
        form.contains(&format!("action=\"{page}/license\"")),
        "{form}"
    );
    let (user_id, auth_token) = ADMINISTRATOR;
    let fields = [
        ("token", token_of(&form)),
        ("license", v3(&content())),
        ("user_id", user_id.to_owned()),
        ("auth_token", auth_token.to_owned()),
    ];
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    exporter.send("POST", &format!("{page}/license/apply"), &[], &form)
}

#[track_caller]
pub fn assert_page(response: &Response, status: u16, words: &[&str]) {
    let page = response.text();
    assert_eq!(response.status, status, "{page}");
    for words in words {
        assert!(page.contains(words), "{words} in {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn license_is_pasted_reviewed_and_applied() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let workspace = workspace(&rocketchat, &["--log.level=debug"]).await;
    let exporter = &workspace.exporter;
    let card = exporter.get("/info").text();
    let link = "<a class=\"button\" href=\"/info/license\">Apply Offline License</a>";
    assert!(card.contains(link), "{card}");
    let form = exporter.get("/info/license");
    assert_page(&form, 200, &["<textarea id=\"license\" name=\"license\""]);
    assert!(!form.text().contains("<script"), "the form loads a script");
    // Mail programs wrap long lines.
    let license = v3(&content());
    let (start, end) = license.split_at(70);
    let broken = format!("  {start}\r\n{end}\n");
    let words = [
        "<dt>Format</dt><dd>3</dd>",
        "valid here and now if it is genuine, which Rocket.Chat checks",
        "Enterprise",
        "2026-12-01 00:00:00 UTC",
        "(in 9 days 12 h)",
        "<li>livechat-enterprise</li>",
        " of 500<meter ",
        &format!("http://127.0.0.1:{}", rocketchat.port()),
        &format!("name=\"license\" value=\"{license}\""),
    ];
    let reviewed = review(exporter, &broken);
    assert_page(&reviewed, 200, &words);
    assert!(
        rocketchat.requests().is_empty(),
        "a request was sent before the confirmation"
    );
    for secret in SECRETS {
        assert!(!reviewed.text().contains(secret), "{secret}");
    }
    let applied = apply(exporter, &license, ADMINISTRATOR);
    assert_page(&applied, 200, &["Rocket.Chat accepted the license."]);
    assert_eq!(rocketchat.accepted(), [license]);
    assert_eq!(rocketchat.requests(), ["POST /api/v1/licenses.add"]);
    let log = exporter.logged("Rocket.Chat accepted a license").await;
    for secret in [ADMINISTRATOR.0, ADMINISTRATOR.1, "RCV3_"] {
        assert!(!log.contains(secret), "{secret} in {log}");
        let page = applied.text();
        assert!(!page.contains(secret), "{secret} in {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn existing_license_is_changed() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let filled = Filled::new().await;
    filled.set("Enterprise_License", v3(&content())).await;
    let [url, flag] = rocketchat.flags();
    let workspace = filled.start(&[&url, &flag]).await;
    for path in ["/info", "/info/license"] {
        let page = workspace.exporter.get(path).text();
        assert!(page.contains("Change Offline License"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rejection_shows_the_message_of_rocket_chat() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let workspace = workspace(&rocketchat, &["--log.level=debug"]).await;
    let exporter = &workspace.exporter;
    let (new, old) = (v3(&content()), v2(&content_v2()));
    let wrong = (ADMINISTRATOR.0, "an-unknown-token");
    for (license, login, words) in [
        (&new, wrong, "status 401: You must be logged in to do this."),
        (
            &new,
            REGULAR_USER,
            "status 403: User does not have the permissions required for this action",
        ),
        (&old, ADMINISTRATOR, "status 400: Invalid license"),
    ] {
        let response = apply(exporter, license, login);
        assert_page(&response, 502, &[words, "role=\"alert\"", license]);
        // The form keeps the license, but not the login.
        let shown = [response.text(), exporter.log()].concat();
        assert!(!shown.contains(login.0) && !shown.contains(login.1));
    }
    assert!(rocketchat.accepted().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_login_is_not_sent() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let workspace = workspace(&rocketchat, &[]).await;
    let license = v3(&content());
    for login in [
        ("", "token"),
        ("id", ""),
        ("id", "to\nken"),
        ("í\u{1}", "token"),
    ] {
        let response = apply(&workspace.exporter, &license, login);
        assert_page(&response, 400, &["The user ID or the token is empty"]);
    }
    assert!(rocketchat.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn login_is_trimmed_and_redacted() {
    let repeating = RocketChat::start(Behavior::EchoesToken).await;
    let workspace = workspace(&repeating, &["--log.level=debug"]).await;
    let (user_id, token) = ADMINISTRATOR;
    let typed = (&*format!("\t{user_id} "), &*format!(" {token}\r\n"));
    let response = apply(&workspace.exporter, &v3(&content()), typed);
    assert_page(&response, 502, &["unknown token …"]);
    let shown = [response.text(), workspace.exporter.log()].concat();
    assert!(!shown.contains(token), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessed_logins_are_limited_and_known_ones_exempt() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let workspace = workspace(&rocketchat, &[]).await;
    let license = v3(&content());
    let apply = |token: &str| {
        let login = (ADMINISTRATOR.0, token);
        apply(&workspace.exporter, &license, login)
    };
    assert_page(&apply(ADMINISTRATOR.1), 200, &[]);
    for number in 0..30 {
        let guess = format!("guess-{number}");
        let response = apply(&guess);
        if number < 5 {
            assert_page(&response, 502, &["status 401"]);
        }
        if number >= 10 {
            assert_page(&response, 429, &["Too many logins failed recently"]);
            let seconds: u64 = response
                .header("retry-after")
                .parse()
                .expect("the header is a number");
            assert!((1..=61).contains(&seconds), "{seconds}");
        }
    }
    assert!(rocketchat.requests().len() <= 11);
    assert_page(
        &apply(ADMINISTRATOR.1),
        200,
        &["Rocket.Chat accepted the license."],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_license_text_is_not_sent() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let workspace = workspace(&rocketchat, &[]).await;
    let exporter = &workspace.exporter;
    let license = v3(&content());
    for (text, words) in [
        (" \n ", "There is no license in it"),
        ("hello", "This is not a license"),
        (&license[..license.len() / 2], "This is not a license"),
        (HOSTILE, "This is not a license"),
        (&v3(&json!({})), "its content cannot be read"),
    ] {
        for response in [review(exporter, text), apply(exporter, text, ADMINISTRATOR)] {
            assert_page(&response, 400, &[words, "role=\"alert\"", "<textarea"]);
            assert!(!response.text().contains("<script") && !response.text().contains("<img"));
        }
    }
    let pattern = json!({ "type": "regex", "value": "[a-z]*chat[a-z]*" });
    let patterns = with("/validation/serverUrls", json!(vec![pattern; 850]));
    assert_page(&review(exporter, &v3(&patterns)), 400, &["longer than any"]);
    let long = format!("RCV3_{}", "a".repeat(70_000));
    assert_eq!(review(exporter, &long).status, 413);
    assert!(rocketchat.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn review_shows_why_a_license_is_invalid_here() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("license.pem");
    std::fs::write(&file, PUBLIC_KEY).expect("the file can be written");
    let key = format!("--rocketchat.license-public-key-file={}", file.display());
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let workspace = workspace(&rocketchat, &[&key]).await;
    let genuine = v3(&content());
    let forged = format!("{}AAAA", &genuine[..genuine.len() - 4]);
    let until = |end: &str| v3(&with("/validation/validPeriods/0/validUntil", json!(end)));
    let other_address = with("/validation/serverUrls/0/value", json!("elsewhere.example"));
    for (license, words) in [
        (&genuine, "valid here and now, by its signature"),
        (&forged, "not valid here and now: its signature is wrong"),
        (
            &until("2026-11-20T00:00:00.000Z"),
            "not valid here and now: it has expired",
        ),
        (
            &v3(&other_address),
            "not valid here and now: it is for another address",
        ),
        (&v2(&content_v2()), "2, from before 6.5"),
    ] {
        assert_page(&review(&workspace.exporter, license), 200, &[words]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn license_content_is_escaped() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let workspace = workspace(&rocketchat, &[]).await;
    let mut content = content();
    content["information"]["tags"] = json!([{ "name": HOSTILE, "color": "red\" onload=\"x" }]);
    content["grantedModules"] = json!([{ "module": HOSTILE }]);
    let response = review(&workspace.exporter, &v3(&content));
    assert_page(&response, 200, &["&lt;script&gt;alert(1)"]);
    let page = response.text();
    for absent in ["<script", "<img", "onload=\""] {
        assert!(!page.contains(absent), "{absent} in {page}");
    }
    let policy = response.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"));
    assert_eq!(response.header("cache-control"), "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_form_is_rejected() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let workspace = workspace(&rocketchat, &[]).await;
    let exporter = &workspace.exporter;
    let token = token(exporter);
    let license = v3(&content());
    let form = |token: &str| {
        let (user_id, auth_token) = ADMINISTRATOR;
        format!("token={token}&license={license}&user_id={user_id}&auth_token={auth_token}")
    };
    for path in [
        "/info/license",
        "/info/license/validate",
        "/info/license/apply",
    ] {
        for (token, header) in [
            ("0123", ("Accept", "text/html")),
            (&token, ("Sec-Fetch-Site", "cross-site")),
            (&token, ("Sec-Fetch-Site", "same-site")),
            (&token, ("Origin", "https://evil.example")),
            (&token, ("Origin", "null")),
        ] {
            let response = exporter.send("POST", path, &[header], &form(token));
            assert_eq!(response.status, 403, "{path} {header:?}");
        }
    }
    for path in ["/info/license/validate", "/info/license/apply"] {
        assert_eq!(exporter.get(path).status, 405, "{path}");
    }
    assert_eq!(exporter.request("PUT", "/info/license", &[]).status, 405);
    assert!(rocketchat.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_other_than_rocket_chat_are_recognized() {
    let cases = [
        (Behavior::Redirects, 502, "redirects are not followed"),
        (
            Behavior::BadGateway,
            502,
            "responded with status 502, but not as",
        ),
        (Behavior::Endless, 502, "but not as Rocket.Chat's API does"),
        (Behavior::Silent, 504, "did not answer within 10 s"),
        (
            Behavior::EchoesToken,
            502,
            "&lt;b&gt;unknown token …&lt;/b&gt;",
        ),
    ];
    let shared = shared_workspace().await;
    let mut text = format!(
        "mongodb: {{uri: '{}'}}\nweb: {{enable-admin-api: true}}\nworkspaces:\n",
        shared.uri
    );
    let mut servers = Vec::new();
    for (behavior, ..) in cases {
        let server = RocketChat::start(behavior).await;
        let port = server.port();
        writeln!(
            text,
            "  {behavior:?}: {{rocketchat: {{url: 'http://127.0.0.1:{port}'}}}}"
        )
        .expect("a string can be written to");
        servers.push(server);
    }
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("exporter.yml");
    std::fs::write(&file, text).expect("the file can be written");
    let exporter = Exporter::start(&[&format!("--config.file={}", file.display())]);
    for ((behavior, status, words), server) in cases.into_iter().zip(servers) {
        let response = apply_to(&exporter, &format!("/info/{behavior:?}")).await;
        assert_page(&response, status, &[words]);
        let shown = [response.text(), exporter.log()].concat();
        assert!(!shown.contains(ADMINISTRATOR.1), "{shown}");
        // The login is sent to the configured URL, once.
        assert_eq!(server.requests().len(), 1, "{behavior:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_rocket_chat_is_named() {
    let flags = [
        "--rocketchat.url=http://127.0.0.1:9/chat/",
        "--web.enable-admin-api",
    ];
    let workspace = shared_workspace().await.start(&flags).await;
    let response = apply(&workspace.exporter, &v3(&content()), ADMINISTRATOR);
    let words = "Rocket.Chat cannot be reached at http://127.0.0.1:9/chat: ";
    assert_page(&response, 502, &[words, "onnection refused"]);
}

/// Applies a license through `https://localhost`, with this file as the system's trusted authorities.
async fn apply_encrypted(rocketchat: &RocketChat, trusted: &Path) -> Response {
    let shared = shared_workspace().await;
    let mut command = Exporter::command();
    command
        .env("ROCKETCHAT_EXPORTER_MONGODB_URI", &shared.uri)
        .env("SSL_CERT_FILE", trusted)
        .arg(format!(
            "--rocketchat.url=https://localhost:{}",
            rocketchat.port()
        ))
        .arg("--web.enable-admin-api");
    let exporter = Exporter::spawn(&mut command);
    exporter.wait_for_collectors().await;
    apply(&exporter, &v3(&content()), ADMINISTRATOR)
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_of_rocket_chat_is_verified() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let (ours, theirs) = (Authority::new(), Authority::new());
    let path = |name: &str, authority: &Authority| {
        let path = folder.path().join(name);
        std::fs::write(&path, authority.pem()).expect("the file can be written");
        path
    };
    let (trusted, other) = (path("ours", &ours), path("theirs", &theirs));
    let rocketchat = RocketChat::encrypted(&ours.server()).await;
    let refused = apply_encrypted(&rocketchat, &other).await;
    assert_page(&refused, 502, &["certificate"]);
    assert!(
        rocketchat.requests().is_empty(),
        "the login was sent to an untrusted server"
    );
    let accepted = apply_encrypted(&rocketchat, &trusted).await;
    assert_page(&accepted, 200, &["Rocket.Chat accepted the license."]);
}

#[tokio::test(flavor = "multi_thread")]
async fn card_links_to_rocket_chat_without_the_flags() {
    let filled = Filled::new().await;
    filled
        .set("Site_Url", "https://chat.example.com/sub/")
        .await;
    let workspace = filled.start(&["--rocketchat.url=http://127.0.0.1:9"]).await;
    let exporter = &workspace.exporter;
    let page = exporter.get("/info").text();
    let link = "<a href=\"https://chat.example.com/sub/admin/settings/Enterprise\" rel=\"noopener\">Enterprise</a>";
    assert!(page.contains(link), "{page}");
    assert!(!page.contains("/info/license"));
    assert_eq!(exporter.get("/info/license").status, 404);
    assert_eq!(review(exporter, "x").status, 404);
    assert_eq!(apply(exporter, "x", ADMINISTRATOR).status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn version_without_the_endpoint_shows_a_note() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let workspace = workspace(&rocketchat, &["--rocketchat.version=3.9.9"]).await;
    let words = "Rocket.Chat has an API to apply a license from version 3.10 on";
    for path in ["/info", "/info/license"] {
        let page = workspace.exporter.get(path);
        assert_page(&page, 200, &[words]);
        assert!(!page.text().contains("<textarea"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_workspace_has_its_own_rocket_chat() {
    let shared = shared_workspace().await;
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("exporter.yml");
    let text = format!(
        "workspaces:\n  one:\n    mongodb: {{uri: '{}'}}\n    rocketchat: {{url: 'http://127.0.0.1:{}'}}\n    web: {{enable-admin-api: true}}\n  other:\n    mongodb: {{uri: '{}'}}\n",
        shared.uri,
        rocketchat.port(),
        shared.uri,
    );
    std::fs::write(&file, text).expect("the file can be written");
    let exporter = Exporter::start(&[
        &format!("--config.file={}", file.display()),
        "--rocketchat.timezone=UTC",
    ]);
    let response = apply_to(&exporter, "/info/one").await;
    assert_page(&response, 200, &["Rocket.Chat accepted the license."]);
    assert_eq!(rocketchat.accepted(), [v3(&content())]);
    assert_eq!(exporter.get("/info/other/license").status, 404);
    let unconfigured = exporter.send("POST", "/info/other/license/apply", &[], "license=x");
    assert_eq!(unconfigured.status, 404);
}

#[test]
fn invalid_url_is_rejected_at_start() {
    for (flags, words) in [
        (
            &["--rocketchat.url=ftp://chat.example.com"][..],
            "with http or https",
        ),
        (&["--rocketchat.url=chat.example.com"], "`chat.example.com`"),
        (
            &["--rocketchat.url=https://me:topsecret@chat.example.com"],
            "must not contain a user name or password",
        ),
        (&["--web.enable-admin-api"], "set --rocketchat.url"),
    ] {
        let output = Exporter::command()
            .args(flags)
            .output()
            .expect("the exporter runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains(words) && !stderr.contains("topsecret"),
            "{stderr}"
        );
    }
}
