//! `/info`: the Info page without its script.

use std::fmt::Write;

use mongodb::bson::{DateTime, doc};
use regex_lite::Regex;
use serde_json::{Value, json};

use crate::support::license::{SECRETS, content, v3};
use crate::support::{
    Exporter, Filled, Response, Workspace, WorkspaceExporter, eventually, shared_exporter,
    shared_workspace, uri_of,
};

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

/// The fields of Rocket.Chat's own Info page from 6.5 on. Up to 8.3 it also has `oplogEnabled`.
const ROWS: [&str; 32] = [
    "version",
    "uniqueId",
    "apps.engineVersion",
    "process.nodeVersion",
    "migration.version",
    "mongoVersion",
    "mongoStorageEngine",
    "process.pid",
    "instanceCount",
    "totalUsers",
    "onlineUsers",
    "busyUsers",
    "awayUsers",
    "offlineUsers",
    "totalConnectedUsers",
    "activeUsers",
    "activeGuests",
    "nonActiveUsers",
    "appUsers",
    "uploadsTotal",
    "uploadsTotalSize",
    "totalChannels",
    "totalPrivateGroups",
    "totalDirect",
    "totalDiscussions",
    "totalLivechat",
    "totalRooms",
    "totalChannelMessages",
    "totalPrivateGroupMessages",
    "totalDirectMessages",
    "totalLivechatMessages",
    "totalMessages",
];

#[tokio::test(flavor = "multi_thread")]
async fn stored_process_is_shown_with_its_age_without_a_live_instance() {
    let filled = Filled::new().await;
    let statistics = filled.collection("rocketchat_statistics");
    let process = doc! { "nodeVersion": "v12.22.0", "pid": 77, "uptime": 4.5 };
    statistics
        .update_many(doc! {}, doc! { "$set": { "process": &process } })
        .await
        .expect("documents can be updated");
    let hours_ago = DateTime::from_millis(DateTime::now().timestamp_millis() - 5 * 3_600_000);
    let newest = statistics
        .find_one(doc! {})
        .sort(doc! { "createdAt": -1 })
        .await;
    let newest = newest
        .expect("documents can be read")
        .expect("there is a document");
    let id = doc! { "_id": newest.get("_id").expect("the document has an id") };
    statistics
        .delete_many(doc! { "_id": { "$ne": id.get("_id") } })
        .await
        .expect("documents can be deleted");
    statistics
        .update_one(id, doc! { "$set": { "createdAt": hours_ago } })
        .await
        .expect("the document can be updated");
    let uri = uri_of(&filled.database);
    let alive = Exporter::on(&uri, &[]);
    alive.wait_for_collectors().await;
    let page = alive.get("/info").text();
    assert!(
        !row(&page, "process.pid").contains("stored"),
        "{}",
        row(&page, "process.pid")
    );
    assert!(row(&page, "apps.engineVersion").contains("(stored 5 h ago)"));
    drop(alive);
    let instances = filled.collection("instances");
    instances
        .delete_many(doc! {})
        .await
        .expect("documents can be deleted");
    let workspace = filled.start(&[]).await;
    let page = workspace.exporter.get("/info").text();
    for (field, value) in [("process.pid", "77"), ("process.nodeVersion", "v12.22.0")] {
        let row = row(&page, field);
        assert!(
            row.contains(value) && row.contains("(stored 5 h ago)"),
            "{row}"
        );
    }
    let document = workspace.get("/api/v1/statistics?shape=flat").json();
    let expected = json!({ "nodeVersion": "v12.22.0", "pid": 77, "uptime": 4.5 });
    assert_eq!(document["process"], expected);
}

/// The row of a field, starting at its value.
fn row<'a>(page: &'a str, field: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("data-field=\"{field}\""))
        .expect("the page shows the field");
    rest.split("</dd>").next().unwrap_or_default()
}

/// The document's fields on the page, with their exact values.
fn rows(page: &str) -> Vec<(String, String)> {
    let row = Regex::new(r#"<data data-field="([^"]*)" value="([^"]*)">"#);
    let row = row.expect("the expression is valid");
    row.captures_iter(page)
        .map(|found| (found[1].to_owned(), unescape(&found[2])))
        .collect()
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

/// A value of a document at a dotted path.
fn at(document: &Value, path: &str) -> String {
    match document.pointer(&format!("/{}", path.replace('.', "/"))) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => panic!("the document has no {path}: {document}"),
    }
}

fn token(page: &str) -> &str {
    let (_, rest) = page
        .split_once("name=\"token\" value=\"")
        .expect("the page has a token");
    rest.split('"').next().unwrap_or_default()
}

/// Presses the Refresh button, as a browser does.
fn press(exporter: &Exporter, path: &str, token: &str, headers: &[(&str, &str)]) -> Response {
    let mut all = vec![("Content-Type", "application/x-www-form-urlencoded")];
    all.extend(headers);
    exporter.send("POST", path, &all, &format!("token={token}"))
}

async fn page_with_growth(workspace: &WorkspaceExporter) -> String {
    eventually("the page is complete", || {
        let page = workspace.exporter.get("/info").text();
        page.contains("users-growth").then_some(page)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_have_the_values_of_the_document() {
    for (arguments, words) in [
        (&[][..], &["Hashed Site URL", "Connections"][..]),
        (
            &["--rocketchat.version=8.3.0"],
            &["(oplog ", "Federation Healthy", "Populated"],
        ),
    ] {
        let workspace = shared_exporter(arguments).await;
        let page = page_with_growth(&workspace).await;
        let document = workspace.get("/api/v1/statistics?shape=flat").json();
        let rows = rows(&page);
        for (field, value) in &rows {
            assert_eq!(*value, at(&document, field), "{field}");
        }
        for field in ROWS {
            assert!(
                rows.iter().any(|(name, _)| name == field),
                "{field} is missing with {arguments:?}"
            );
        }
        let of_all_versions = [
            "Deployment ID",
            "Database Migration",
            "Direct Message Rooms",
            "In private groups",
            "Canned Responses",
            "Seats used",
            "The last 24 hours",
            "messages-growth",
        ];
        for words in of_all_versions.iter().chain(words) {
            assert!(page.contains(words), "{words} with {arguments:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn older_version_has_its_own_labels() {
    let workspace = shared_workspace()
        .await
        .start(&["--rocketchat.version=3.17.0"])
        .await;
    let page = workspace.exporter.get("/info").text();
    let document = workspace.get("/api/v1/statistics?shape=flat").json();
    for (field, value) in rows(&page) {
        assert_eq!(value, at(&document, &field), "{field}");
    }
    for words in [
        "Types and Distribution",
        "Total Rooms",
        "Threads",
        "Messages in Private Groups",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("In discussions"));
}

#[tokio::test(flavor = "multi_thread")]
async fn page_is_small_and_loads_nothing_external() {
    let workspace = shared_exporter(&[]).await;
    page_with_growth(&workspace).await;
    let page = workspace.exporter.get("/info");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("cache-control"), "no-store");
    let text = page.text();
    for absent in [" style=", " onclick=", "<style", "http://", "src=\"//"] {
        assert!(!text.contains(absent), "{absent}");
    }
    let mut size = text.len();
    for (path, kind) in [
        ("/info.css", "text/css; charset=utf-8"),
        ("/info.js", "text/javascript; charset=utf-8"),
        ("/info.svg", "image/svg+xml"),
    ] {
        let file = workspace.exporter.get(path);
        assert_eq!((file.status, file.header("content-type")), (200, kind));
        size += file.body.len();
    }
    assert!(size < 120_000, "{size} bytes");
    let landing = workspace.exporter.get("/").text();
    assert!(landing.contains("href=\"/info\"") && landing.len() < 2000);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_the_landing_page_open_without_a_login() {
    let workspace = shared_exporter(&[]).await;
    let landing = workspace.exporter.get("/").text();
    let links = landing.split("href=\"").skip(1);
    let paths: Vec<&str> = links.filter_map(|rest| rest.split('"').next()).collect();
    assert!(paths.contains(&"/info"), "{landing}");
    for path in paths {
        assert_eq!(workspace.exporter.get(path).status, 200, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn download_is_the_document_without_a_login() {
    let workspace = shared_exporter(&[]).await;
    let file = workspace.exporter.get("/info/statistics.json");
    assert_eq!(file.status, 200);
    assert_eq!(
        file.header("content-disposition"),
        "attachment; filename=\"statistics.json\""
    );
    assert_eq!(file.json(), workspace.get("/statistics.json").json());
    assert!(!file.text().contains("statsToken"));
    // The other path still requires a login.
    assert_eq!(workspace.exporter.get("/statistics.json").status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_button_runs_all_collectors_once() {
    let workspace = Workspace::start(&[]).await;
    let exporter = &workspace.exporter;
    let readings =
        || exporter.value("rocketchat_exporter_collector_readings_total{collector=\"users\"}");
    let page = exporter.get("/info").text();
    assert!(!page.contains("id=\"refreshed\""));
    let before = readings();
    let room = doc! { "_id": "new", "t": "c", "msgs": 1 };
    let rooms = workspace.collection("rocketchat_room");
    rooms
        .insert_one(room)
        .await
        .expect("a room can be inserted");
    // Simultaneous presses cause one read.
    let pressed: Vec<Response> = std::thread::scope(|scope| {
        let press = || press(exporter, "/info/refresh", token(&page), &[]);
        let pressing: Vec<_> = (0..4).map(|_| scope.spawn(press)).collect();
        let pressed = pressing
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join);
        pressed
            .map(|response| response.expect("no thread panicked"))
            .collect()
    });
    let redirects =
        |response: &&Response| (response.status, response.header("location")) == (303, "/info");
    assert!(pressed.iter().filter(redirects).count() >= 1);
    assert!(
        pressed
            .iter()
            .all(|response| [303, 429].contains(&response.status))
    );
    let after = eventually("the refresh is done", || {
        let page = exporter.get("/info").text();
        page.contains("id=\"refreshed\"").then_some(page)
    })
    .await;
    assert_eq!(readings(), before.map(|count| count + 1.0));
    let total = |page: &str| {
        let rows = rows(page);
        let row = rows.into_iter().find(|(field, _)| field == "totalRooms");
        row.and_then(|(_, value)| value.parse::<u64>().ok())
    };
    assert_eq!(total(&after), total(&page).map(|users| users + 1));
    let soon = press(exporter, "/info/refresh", token(&page), &[]);
    assert_eq!(soon.status, 429);
    assert!(!soon.header("retry-after").is_empty());
    assert_eq!(readings(), before.map(|count| count + 1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_refresh_is_rejected() {
    let workspace = shared_workspace().await.start(&[]).await;
    let exporter = &workspace.exporter;
    let page = exporter.get("/info").text();
    let token = token(&page);
    let own = format!("http://{}", exporter.address());
    for headers in [
        &[("Sec-Fetch-Site", "cross-site")][..],
        &[("Sec-Fetch-Site", "same-site"), ("Origin", &own)],
        &[("Origin", "https://evil.example")],
        &[("Origin", "null")],
    ] {
        let response = press(exporter, "/info/refresh", token, headers);
        assert_eq!(response.status, 403, "{headers:?}");
    }
    assert_eq!(press(exporter, "/info/refresh", "0123", &[]).status, 403);
    assert_eq!(exporter.request("POST", "/info/refresh", &[]).status, 403);
    let read = exporter.get("/info/refresh");
    assert_eq!((read.status, read.header("allow")), (405, "POST"));
    assert_eq!(exporter.request("POST", "/info", &[]).status, 405);
    assert_eq!(exporter.get("/info/elsewhere").status, 404);
    let response = press(exporter, "/info/refresh", token, &[("Origin", &own)]);
    assert_eq!(response.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn workspace_texts_are_escaped() {
    let filled = Filled::new().await;
    filled.set("Site_Name", HOSTILE).await;
    filled.set("Site_Url", HOSTILE).await;
    filled.set("FEDERATION_Domain", HOSTILE).await;
    filled.set("uniqueID", HOSTILE).await;
    let instance = doc! {
        "_id": HOSTILE,
        "pid": 7,
        "_createdAt": DateTime::now(),
        "_updatedAt": DateTime::now(),
        "extraInformation": { "host": HOSTILE, "port": HOSTILE, "nodeVersion": HOSTILE },
    };
    filled
        .collection("instances")
        .insert_one(instance)
        .await
        .expect("an instance can be inserted");
    let workspace = filled.start(&[]).await;
    let page = page_with_growth(&workspace).await;
    assert!(page.contains("&lt;script&gt;alert(1)"));
    assert!(
        !page.contains("<script>alert") && !page.contains("<img"),
        "{page}"
    );
    assert!(!page.contains("\"'><"));
    let document = workspace.get("/api/v1/statistics?shape=flat").json();
    for (field, value) in rows(&page) {
        assert_eq!(value, at(&document, &field), "{field}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_are_shown() {
    let filled = Filled::new().await;
    filled.set("Presence_broadcast_disabled", true).await;
    filled
        .set("Cloud_Workspace_AirGapped_Restrictions_Remaining_Days", 4)
        .await;
    filled.lock_migration(DateTime::from_millis(0)).await;
    filled
        .collection("rocketchat_statistics")
        .delete_many(doc! { "createdAt": { "$gte": DateTime::from_millis(DateTime::now().timestamp_millis() - 200_000_000) } })
        .await
        .expect("statistics can be deleted");
    let workspace = filled.start(&[]).await;
    let page = workspace.exporter.get("/info").text();
    for words in [
        "becomes read-only in 4 days",
        "data-alert=\"ReadOnlySoon\"",
        "migration has held its lock",
        "Presence is disabled",
        "has not stored its own statistics",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[tokio::test]
async fn unreachable_database_is_explained() {
    let exporter = Exporter::start(&[
        "--mongodb.uri=mongodb://127.0.0.1:9",
        "--mongodb.connect-timeout=500ms",
    ]);
    let page = exporter.get("/info");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Rocket.Chat workspace"));
    assert_eq!(exporter.get("/info/statistics.json").status, 503);
    let page = eventually("the page shows the error", || {
        let page = exporter.get("/info").text();
        page.contains("the database does not answer")
            .then_some(page)
    })
    .await;
    for words in [
        "The database has been down for ",
        "<dt>Down since</dt><dd><time",
        "<dt>Address</dt><dd><span class=\"address\">127.0.0.1:9</span>",
        "<dt>Cause</dt><dd>The database does not answer.",
        "Connection refused",
        "Check that MongoDB runs at this address",
        "data-alert=\"DatabaseUnreachable\"",
        "none: it waits for the database",
    ] {
        assert!(page.contains(words), "{words}");
    }
    let cards = page.split("id=\"exporter-section-title\"").next();
    assert!(
        !cards
            .unwrap_or_default()
            .contains("<span class=\"unknown\"")
    );
    assert!(!page.contains("id=\"users\""), "a card has no numbers");
}

#[tokio::test(flavor = "multi_thread")]
async fn federation_that_is_off_is_folded() {
    let folded = "<details id=\"federation-rows\"><summary>Off</summary>";
    let filled = Filled::new().await;
    filled.set("Federation_Service_Enabled", false).await;
    let off = filled.exporter(&[]).await.exporter.get("/info").text();
    assert!(off.contains(folded));
    filled.set("Federation_Service_Enabled", true).await;
    let on = filled.exporter(&[]).await.exporter.get("/info").text();
    assert!(!on.contains(folded) && on.contains("<dt>Federation Enabled</dt>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn site_address_is_a_link_only_where_it_is_a_plain_one() {
    let filled = Filled::new().await;
    filled.set("Site_Url", "https://chat.example.com").await;
    let page = filled.exporter(&[]).await.exporter.get("/info").text();
    assert!(page.contains("<a class=\"address\" href=\"https://chat.example.com\""));
    filled.set("Site_Url", "javascript:alert(1)").await;
    let page = filled.exporter(&[]).await.exporter.get("/info").text();
    assert!(page.contains("<span class=\"address\">javascript:alert(1)</span>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_workspaces_are_shown_in_a_table() {
    let (one, other) = (shared_workspace().await, Filled::new().await);
    other.set("Site_Name", HOSTILE).await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("exporter.yml");
    let mut text = "workspaces:\n".to_owned();
    for (name, uri) in [
        ("one", one.uri.clone()),
        ("other", uri_of(&other.database)),
        ("down", "mongodb://127.0.0.1:9".to_owned()),
    ] {
        write!(
            text,
            "  {name}:\n    mongodb:\n      uri: {uri}\n      connect-timeout: 500ms\n"
        )
        .expect("a string can be written to");
    }
    std::fs::write(&file, text).expect("the file can be written");
    let exporter = Exporter::start(&[
        &format!("--config.file={}", file.display()),
        "--rocketchat.timezone=UTC",
    ]);
    let page = eventually("all are tried", || {
        let page = exporter.get("/info").text();
        (page.matches(" Up</span>").count() == 2 && page.contains("Database down")).then_some(page)
    })
    .await;
    for name in ["one", "other", "down"] {
        assert!(page.contains(&format!("href=\"/info/{name}\"")), "{name}");
    }
    assert!(page.contains("CPU since boot"), "the host is shown");
    let one = exporter.get("/info/one").text();
    assert!(one.contains("action=\"/info/one/refresh\"") && one.contains("href=\"/info\""));
    let response = press(&exporter, "/info/one/refresh", token(&one), &[]);
    assert_eq!(
        (response.status, response.header("location")),
        (303, "/info/one")
    );
    let other = exporter.get("/info/other").text();
    assert!(other.contains("&lt;script&gt;") && !other.contains("<img"));
    // A token is valid for its own page only.
    let wrong = press(&exporter, "/info/other/refresh", token(&one), &[]);
    assert_eq!(wrong.status, 403);
    let file = exporter.get("/info/other/statistics.json");
    assert_eq!(
        (file.status, file.json()["success"].clone()),
        (200, true.into())
    );
    assert_eq!(exporter.get("/info/unknown").status, 404);
    assert_eq!(exporter.get("/info/statistics.json").status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn web_configuration_authorizes_the_page() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("web.yml");
    let hash = bcrypt::hash("secret", 4).expect("the password can be hashed");
    let text = format!("basic_auth_users:\n  operator: {hash}\n");
    std::fs::write(&file, text).expect("the file can be written");
    let argument = format!("--web.config.file={}", file.display());
    let exporter = Exporter::start(&[
        "--mongodb.uri=mongodb://127.0.0.1:9",
        "--mongodb.connect-timeout=500ms",
        &argument,
    ]);
    let login = ("Authorization", "Basic b3BlcmF0b3I6c2VjcmV0");
    for path in ["/info", "/info/statistics.json", "/info.css", "/info.js"] {
        assert_eq!(exporter.get(path).status, 401, "{path}");
        assert_ne!(
            exporter.request("GET", path, &[login]).status,
            401,
            "{path}"
        );
    }
    let page = exporter.request("GET", "/info", &[login]).text();
    let refused = press(&exporter, "/info/refresh", token(&page), &[]);
    assert_eq!(refused.status, 401);
    let pressed = press(&exporter, "/info/refresh", token(&page), &[login]);
    assert_eq!(pressed.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn license_card_shows_plan_limits_and_expiry_but_no_licensee() {
    let mut content = content();
    content["information"]["tags"] = json!([
        { "name": "Enterprise", "color": "#5154ec" },
        { "name": HOSTILE, "color": "red\" onload=\"alert(3)" },
    ]);
    content["grantedModules"] = json!([{ "module": "auditing" }, { "module": HOSTILE }]);
    let text = v3(&content);
    let filled = Filled::new().await;
    filled.set("Site_Url", "https://chat.example.com").await;
    filled.set("Enterprise_License", text.as_str()).await;
    filled.set("Enterprise_License_Status", "Valid").await;
    let workspace = filled.start(&["--debug.now=2026-11-21T12:00:00Z"]).await;
    let page = workspace.exporter.get("/info").text();
    for words in [
        "fill=\"#5154ec\"",
        "valid, as Rocket.Chat says",
        "<dt>Kind</dt><dd>offline</dd>",
        "2026-12-01 00:00:00 UTC",
        "(in 9 days 12 h)",
        "until <time datetime=",
        "<dt>Auditing</dt><dd><span class=\"yes\">",
        "<dt>Omnichannel</dt><dd><span class=\"off\">",
        " of 500<meter ",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    assert!(!page.contains("onload=\"") && !page.contains("<script>alert"));
    for secret in SECRETS.into_iter().chain([text.as_str()]) {
        assert!(!page.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn growth_chart_samples_many_documents() {
    let filled = Filled::new().await;
    let now = DateTime::now().timestamp_millis();
    let documents = (30..2000).map(|hours: i64| {
        let at = DateTime::from_millis(now - hours * 3_600_000);
        doc! { "createdAt": at, "version": "4.8.7", "totalUsers": 2000 - hours }
    });
    filled
        .collection("rocketchat_statistics")
        .insert_many(documents)
        .await
        .expect("documents can be inserted");
    let workspace = filled.start(&[]).await;
    let page = page_with_growth(&workspace).await;
    let (_, rest) = page
        .split_once("From ")
        .expect("the page shows the number of documents");
    let number: u64 = rest
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .expect("the text is a number");
    assert!((50..=201).contains(&number), "{number}");
}
