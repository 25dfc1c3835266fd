//! The Info page in a real browser: with and without its script, by keyboard, in narrow, wide, light and dark layouts.
//! Each test also fails on messages in the browser's console and on requests to other origins.

use serde_json::{Value, json};

use crate::support::browser::{Browser, browse};
use crate::support::license::{content, v3};
use crate::support::rocketchat::{ADMINISTRATOR, Behavior, RocketChat};
use crate::support::{Exporter, Filled, eventually, shared_workspace, uri_of};

const HOSTILE: &str =
    "</title></script><script>window.hit = 1</script>\"'><img src=//evil.example/x onerror=hit=2>";

/// A script that returns the document's fields on the page, with their exact values.
const FIELDS: &str = "[...document.querySelectorAll('data[data-field]')].map((data) => [data.dataset.field, data.value])";

/// A script that returns when the workspace was read.
const READ_AT: &str = "document.querySelector('.sub time').dateTime";

/// A script that is truthy while the outcome of a refresh is shown.
const REFRESHED: &str = "document.getElementById('refreshed')";

async fn assert_rows_equal(browser: &Browser, document: &Value) {
    let fields = browser.value(FIELDS).await;
    let fields = fields.as_array().expect("the fields are a list");
    assert!(fields.len() > 30, "{fields:?}");
    for field in fields {
        let path = field[0].as_str().expect("the field has a path");
        let value = document.pointer(&format!("/{}", path.replace('.', "/")));
        let value = match value {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => panic!("the document has no {path}"),
        };
        assert_eq!(field[1], value, "{path}");
    }
}

fn document(exporter: &Exporter) -> Value {
    exporter.get("/info/statistics.json").json()["statistics"].clone()
}

async fn wait_until_complete(exporter: &Exporter) {
    eventually("the page is complete", || {
        let page = exporter.get("/info").text();
        page.contains("users-growth").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn page_with_script_refreshes_in_place_and_downloads() {
    let filled = Filled::new().await;
    let workspace = filled.exporter(&[]).await;
    wait_until_complete(&workspace.exporter).await;
    let before = document(&workspace.exporter);
    let room = mongodb::bson::doc! { "_id": "new", "t": "c", "msgs": 1 };
    let rooms = filled.collection("rocketchat_room");
    rooms
        .insert_one(room)
        .await
        .expect("a room can be inserted");
    let exporter = std::sync::Arc::new(workspace.exporter);
    let reader = std::sync::Arc::clone(&exporter);
    browse(&exporter, |browser| async move {
        browser.open("/info").await;
        assert_rows_equal(&browser, &before).await;
        let read_at = browser.value(READ_AT).await;
        browser.value("window.same = true").await;
        browser.click("#top button").await;
        browser.wait_until(REFRESHED).await;
        assert_ne!(browser.value(READ_AT).await, read_at);
        assert_eq!(
            browser.value("window.same").await,
            true,
            "the page was loaded again"
        );
        let times = "document.body.innerText.match(/Refreshed \\d\\d:\\d\\d:\\d\\d \\S+ in [\\d.]+ m?s/g).length";
        assert_eq!(browser.value(times).await, 1, "the outcome is shown once");
        let after = document(&reader);
        assert_ne!(after["totalRooms"], before["totalRooms"]);
        assert_rows_equal(&browser, &after).await;
        browser.click("a[download]").await;
        let file = browser.downloaded("statistics.json").await;
        let file: Value = serde_json::from_str(&file).expect("the download is JSON");
        assert_eq!(file["statistics"], after);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_refresh_is_shown_when_it_ends() {
    // Rocket.Chat accepts no connection, so a refresh takes as long as the probe may take.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let address = silent.local_addr().expect("a listener has an address");
    let url = format!("--rocketchat.url=http://{address}");
    let workspace = shared_workspace().await.start(&[&url]).await;
    browse(&workspace.exporter, |browser| async move {
        browser.open("/info").await;
        browser.click("#top button").await;
        let text = "document.getElementById('live').textContent";
        browser
            .wait_until(&format!("{text} == 'Still refreshing.'"))
            .await;
        browser.wait_until(REFRESHED).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn page_without_script_shows_the_document_and_refreshes() {
    let workspace = shared_workspace().await.start(&[]).await;
    wait_until_complete(&workspace.exporter).await;
    let exporter = std::sync::Arc::new(workspace.exporter);
    let reader = std::sync::Arc::clone(&exporter);
    browse(&exporter, |browser| async move {
        browser.run_scripts(false).await;
        browser.open("/info").await;
        assert_rows_equal(&browser, &document(&reader)).await;
        let read_at = browser.value(READ_AT).await;
        browser.value("document.documentElement.id = 'same'").await;
        browser.click("#top button").await;
        browser.wait_until(REFRESHED).await;
        assert_ne!(browser.value(READ_AT).await, read_at);
        assert_eq!(browser.value("document.documentElement.id").await, "");
        assert_eq!(browser.path().await, "/info");
        assert_rows_equal(&browser, &document(&reader)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keyboard_can_refresh_and_apply_a_license() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let [url, flag] = rocketchat.flags();
    let arguments = [&*url, &flag, "--rocketchat.version=9.0.0"];
    let workspace = shared_workspace().await.start(&arguments).await;
    wait_until_complete(&workspace.exporter).await;
    let license = v3(&content());
    let pasted = license.clone();
    browse(&workspace.exporter, |browser| async move {
        browser.open("/info").await;
        let stops = browser.tab_to("#top button").await;
        let site = "https://chat.example.com";
        assert_eq!(stops, ["Skip to the content", site, "Refresh"]);
        browser.press_enter().await;
        browser.wait_until(REFRESHED).await;
        let stops = browser.tab_to("a[download]").await;
        assert_eq!(stops, ["Download Info"], "the focus has moved");
        let stops = browser.tab_to("#license .button").await;
        assert_eq!(
            stops.last().map(String::as_str),
            Some("Apply Offline License")
        );
        browser.press_enter().await;
        browser
            .wait_until("location.pathname === '/info/license'")
            .await;
        browser.tab_to("textarea").await;
        browser.type_in(&pasted).await;
        let stops = browser.tab_to("button").await;
        assert_eq!(stops, ["Check license"]);
        browser.press_enter().await;
        browser
            .wait_until("document.getElementById('user_id')")
            .await;
        let (user_id, token) = ADMINISTRATOR;
        browser.tab_to("#user_id").await;
        browser.type_in(user_id).await;
        let stops = browser.tab_to("#auth_token").await;
        assert_eq!(stops.len(), 1);
        browser.type_in(token).await;
        let stops = browser.tab_to("button").await;
        assert_eq!(stops, ["Validate in Rocket.Chat"]);
        browser.press_enter().await;
        browser
            .wait_until("document.querySelector('.yes[role=status]')")
            .await;
        browser.tab_to("#user_id").await;
        browser.type_in(user_id).await;
        browser.tab_to("#auth_token").await;
        browser.type_in(token).await;
        let stops = browser.tab_to("button:not([formaction])").await;
        assert_eq!(stops, ["Validate in Rocket.Chat", "Apply license"]);
        browser.press_enter().await;
        browser
            .wait_until("document.querySelector('[role=status] .yes')")
            .await;
    })
    .await;
    assert_eq!(rocketchat.accepted(), [license]);
}

/// The Right key in WebDriver's encoding.
const RIGHT: &str = "\u{e014}";

/// A script that returns the text beside the focused point of a chart while it is visible.
const POINT: &str = "(() => { const text = document.activeElement.nextElementSibling; \
    return text && getComputedStyle(text).opacity === '1' ? text.textContent : ''; })()";

#[tokio::test(flavor = "multi_thread")]
async fn arrow_keys_show_time_and_values_of_the_points_of_a_chart() {
    let workspace = shared_workspace().await.start(&[]).await;
    wait_until_complete(&workspace.exporter).await;
    browse(&workspace.exporter, |browser| async move {
        browser.run_scripts(false).await;
        browser.open("/info").await;
        browser.tab_to("#users-growth input").await;
        let first = browser.value(POINT).await;
        browser.type_in(RIGHT).await;
        let next = browser.value(POINT).await;
        for point in [&first, &next] {
            let point = point.as_str().unwrap_or_default();
            let values = point.contains(" total · ") && point.ends_with(" activated");
            assert!(point.starts_with("20") && values, "{point:?}");
        }
        assert_ne!(first, next);
        let stops = browser.tab_to("#rooms-growth input").await;
        assert_eq!(
            stops.len(),
            2,
            "a chart is one stop besides its numbers: {stops:?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_a_list_moves_no_card_to_another_column_and_cuts_nothing() {
    let workspace = shared_workspace().await.start(&[]).await;
    wait_until_complete(&workspace.exporter).await;
    browse(&workspace.exporter, |browser| async move {
        browser.open("/info").await;
        // One script, because the page replaces its parts between two.
        let open_lists = "(() => {
            const columns = () => [...document.querySelectorAll('.card')].map((card) => card.id + card.getBoundingClientRect().left);
            const closed = columns();
            document.querySelectorAll('details').forEach((list) => { list.open = true; });
            const cut = [...document.querySelectorAll('.wide')].filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.ariaLabel);
            const wrapped = [...document.querySelectorAll('time')].filter((time) => time.getClientRects().length > 1).map((time) => time.outerHTML);
            return { closed, open: columns(), cut, wrapped };
        })()";
        for width in [1440, 390] {
            browser.emulate(width, "light").await;
            browser.open("/info").await;
            browser.wait_until("document.getElementById('deployment') && document.readyState === 'complete'").await;
            let page = browser.value(open_lists).await;
            assert_eq!(page["open"], page["closed"]);
            assert_eq!(page["cut"], json!([]), "{width}");
            if width == 1440 {
                assert_eq!(page["wrapped"], json!([]));
            }
        }
    })
    .await;
}

/// Checks the current page in both widths and color schemes.
async fn assert_accessible(browser: &Browser, page: &str) {
    browser.load_axe().await;
    for width in [1440, 390] {
        for scheme in ["light", "dark"] {
            browser.emulate(width, scheme).await;
            let violations = browser.serious_violations().await;
            assert!(
                violations.is_empty(),
                "{page}, {width}, {scheme}: {violations:#?}"
            );
            let overflow = "[...document.querySelectorAll('main *')]
                .filter((part) => !part.parentElement.closest('.wide, .hidden') && part.getBoundingClientRect().right > document.documentElement.clientWidth)
                .map((part) => part.outerHTML.slice(0, 200))";
            assert_eq!(browser.value(overflow).await, json!([]), "{page}, {width}");
            let size = "innerWidth + ' ' + (document.documentElement.scrollWidth - document.documentElement.clientWidth)";
            let expected = format!("{width} 0");
            assert_eq!(browser.value(size).await, expected, "{page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_accessible_and_fit_a_phone() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let filled = Filled::new().await;
    filled.set("Enterprise_License", v3(&content())).await;
    filled.set("Enterprise_License_Status", "Valid").await;
    filled.set("Site_Url", "https://chat.example.com").await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("exporter.yml");
    let text = format!(
        "mongodb: {{uri: '{}', connect-timeout: 500ms}}\nworkspaces: {{one: {{}}, other: {{}}, down: {{mongodb: {{uri: 'mongodb://127.0.0.1:9'}}}}}}\n",
        uri_of(&filled.database)
    );
    std::fs::write(&file, text).expect("the file can be written");
    let [url, flag] = rocketchat.flags();
    let exporter = Exporter::start(&[
        &format!("--config.file={}", file.display()),
        "--rocketchat.timezone=UTC",
        &url,
        &flag,
    ]);
    eventually("both are read", || {
        let page = exporter.get("/info").text();
        let one = exporter.get("/info/one").text();
        let is_read = page.matches(" Up</span>").count() == 2 && page.contains("Database down");
        (is_read && one.contains("users-growth")).then_some(())
    })
    .await;
    browse(&exporter, |browser| async move {
        browser.open("/info").await;
        assert_accessible(&browser, "overview").await;
        browser.open("/info/one").await;
        assert_accessible(&browser, "page").await;
        browser.open("/info/down").await;
        assert_accessible(&browser, "outage").await;
        browser.open("/").await;
        assert_accessible(&browser, "start").await;
        browser.open("/info/one/license").await;
        assert_accessible(&browser, "license").await;
        browser.tab_to("textarea").await;
        browser.type_in(&v3(&content())).await;
        browser.click("button").await;
        browser
            .wait_until("document.getElementById('user_id')")
            .await;
        assert_accessible(&browser, "review").await;
        let (user_id, token) = ADMINISTRATOR;
        for (button, response, name) in [
            ("button[formaction]", ".yes[role=status]", "verdict"),
            ("button:not([formaction])", "[role=status] .yes", "result"),
        ] {
            browser.tab_to("#user_id").await;
            browser.type_in(user_id).await;
            browser.tab_to("#auth_token").await;
            browser.type_in(token).await;
            browser.click(button).await;
            browser
                .wait_until(&format!("document.querySelector('{response}')"))
                .await;
            assert_accessible(&browser, name).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_texts_neither_run_nor_load_anything() {
    let mut content = content();
    content["information"]["tags"] = json!([{ "name": HOSTILE, "color": HOSTILE }]);
    content["grantedModules"] = json!([{ "module": HOSTILE }]);
    let license = v3(&content);
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let filled = Filled::new().await;
    for setting in ["Site_Name", "FEDERATION_Domain", "uniqueID"] {
        filled.set(setting, HOSTILE).await;
    }
    filled
        .set("Site_Url", "javascript://evil.example/%0ahit=3")
        .await;
    filled.set("Enterprise_License", license.as_str()).await;
    let [url, flag] = rocketchat.flags();
    let workspace = filled.start(&[&url, &flag]).await;
    wait_until_complete(&workspace.exporter).await;
    browse(&workspace.exporter, |browser| async move {
        let is_clean =
            "!window.hit && !document.querySelector('img, [onerror], [href^=javascript]')";
        browser.open("/info").await;
        let names = "document.querySelector('h1').textContent.includes('<img')";
        assert_eq!(browser.value(names).await, true);
        assert_eq!(browser.value(is_clean).await, true);
        browser.open("/info/license").await;
        browser.tab_to("textarea").await;
        browser.type_in(&license).await;
        browser.click("button").await;
        browser
            .wait_until("document.getElementById('user_id')")
            .await;
        let names = "document.querySelector('.tags').textContent.includes('<img')";
        assert_eq!(browser.value(names).await, true);
        assert_eq!(browser.value(is_clean).await, true);
    })
    .await;
}
