//! A headless Chromium: its console, its requests, and the findings of axe-core.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::tools;
use tokio::sync::Mutex;
use url::Url;

use super::Exporter;
use super::webdriver::{Driver, Session};

/// Held by the running browser: each one takes a core and some hundred megabytes.
static RUNNING: Mutex<()> = Mutex::const_new(());

/// Time limit of waiting for a page.
const TIMEOUT: Duration = Duration::from_mins(1);

/// How many times an element is looked up that the page has replaced in the meantime.
const ATTEMPTS: usize = 5;

/// The Tab key in WebDriver's encoding.
const TAB: &str = "\u{e004}";

/// The Enter key.
const ENTER: &str = "\u{e007}";

/// A browser that visits an exporter.
pub struct Browser {
    session: Session,
    origin: String,
    downloads: TempDir,
}

/// Runs a test in a browser, then asserts that the browser's console is empty and that all requests went to the exporter.
/// The browser is closed even if the test panics.
pub async fn browse<F>(exporter: &Exporter, test: impl FnOnce(Browser) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let _running = RUNNING.lock().await;
    let (_driver, session) = start().await;
    let downloads = tempfile::tempdir().expect("a directory can be created");
    let origin = format!("http://{}", exporter.address());
    let browser = Browser {
        session: session.clone(),
        origin: origin.clone(),
        downloads,
    };
    let folder = browser.downloads.path().display().to_string();
    browser
        .devtools(
            "Browser.setDownloadBehavior",
            json!({ "behavior": "allow", "downloadPath": folder }),
        )
        .await;
    let result = tokio::spawn(test(browser)).await;
    let console = log(&session, "browser").await;
    let requests = log(&session, "performance").await;
    session.close().await.expect("the browser can be closed");
    if let Err(error) = result {
        std::panic::resume_unwind(error.into_panic());
    }
    let console = console.expect("the console can be read");
    assert!(console.is_empty(), "{console:?}");
    let requests = requests.expect("the requests can be read");
    let addresses: Vec<String> = requests.iter().filter_map(address).collect();
    assert!(!addresses.is_empty(), "no request was logged");
    for address in addresses {
        assert!(address.starts_with(&origin), "{address}");
    }
}

/// The URL of a request, if a log entry is about one.
fn address(entry: &Value) -> Option<String> {
    let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
    let message = &message["message"];
    let is_request = message["method"] == "Network.requestWillBeSent";
    let address = message["params"]["request"]["url"].as_str()?;
    // Inline data and Chromium's own empty page send no request.
    let leaves = !["data:", "about:", "chrome:"]
        .iter()
        .any(|scheme| address.starts_with(scheme));
    (is_request && leaves).then(|| address.to_owned())
}

async fn log(session: &Session, kind: &str) -> Result<Vec<Value>, String> {
    let entries = session.post("/se/log", &json!({ "type": kind })).await?;
    Ok(entries.as_array().cloned().unwrap_or_default())
}

async fn start() -> (Driver, Session) {
    let chromium = tools::CHROMIUM.find().expect("Chromium is installed");
    Session::start(json!({
        "goog:chromeOptions": {
            "binary": chromium.path(),
            // Chromium refuses its sandbox when run as root; it visits the exporter only.
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-extensions", "--disable-sync", "--lang=en-US",
            ],
        },
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        "timeouts": { "script": 60_000, "pageLoad": 60_000 },
    }))
    .await
}

impl Browser {
    /// Opens a path of the exporter.
    pub async fn open(&self, path: &str) {
        let address = json!({ "url": format!("{}{path}", self.origin) });
        let opened = self.session.post("/url", &address).await;
        opened.expect("the page opens");
    }

    /// The path of the current page.
    pub async fn path(&self) -> String {
        let address = self.session.get("/url").await.expect("the page has a URL");
        let address = address.as_str().map(Url::parse);
        let address = address.expect("a URL is text").expect("the URL is valid");
        address.path().to_owned()
    }

    /// Evaluates a JavaScript expression.
    pub async fn value(&self, expression: &str) -> Value {
        let value = self.run(&format!("return {expression};")).await;
        value.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Waits until a JavaScript expression is truthy.
    pub async fn wait_until(&self, expression: &str) {
        let begun = std::time::Instant::now();
        // Scripts fail while the browser navigates to another page.
        while !self
            .run(&format!("return Boolean({expression});"))
            .await
            .is_ok_and(|value| value == true)
        {
            assert!(begun.elapsed() < TIMEOUT, "timed out: {expression}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Clicks the first element that matches a CSS selector.
    pub async fn click(&self, selector: &str) {
        let query = json!({ "using": "css selector", "value": selector });
        for _ in 0..ATTEMPTS {
            let element = self.session.post("/element", &query).await;
            let element = element.unwrap_or_else(|error| panic!("{selector}: {error}"));
            let clicked = self.session.post_to(&element, "click", &json!({})).await;
            if !is_stale(&clicked) {
                clicked.expect("the element can be clicked");
                return;
            }
        }
        panic!("the page replaces {selector} again and again");
    }

    /// Types into the focused element.
    pub async fn type_in(&self, keys: &str) {
        let keys = json!({ "text": keys });
        for _ in 0..ATTEMPTS {
            let focused = self.session.get("/element/active").await;
            let focused = focused.expect("an element has the focus");
            let pressed = self.session.post_to(&focused, "value", &keys).await;
            if !is_stale(&pressed) {
                pressed.expect("keys can be pressed");
                return;
            }
        }
        panic!("the page replaces the focused element again and again");
    }

    /// Presses Tab until the focused element matches a CSS selector, and returns the texts of the elements on the way.
    pub async fn tab_to(&self, selector: &str) -> Vec<String> {
        let mut passed = Vec::new();
        for _ in 0..100 {
            self.type_in(TAB).await;
            let focused = format!(
                "[document.activeElement.matches({selector:?}), (document.activeElement.textContent || document.activeElement.name || '').trim()]"
            );
            let focused = self.value(&focused).await;
            passed.push(focused[1].as_str().unwrap_or_default().to_owned());
            if focused[0] == true {
                return passed;
            }
        }
        panic!("no Tab reaches {selector}: {passed:?}");
    }

    /// Presses Enter.
    pub async fn press_enter(&self) {
        self.type_in(ENTER).await;
    }

    /// Turns scripts on or off.
    pub async fn run_scripts(&self, run: bool) {
        let parameters = json!({ "value": !run });
        self.devtools("Emulation.setScriptExecutionDisabled", parameters)
            .await;
    }

    /// Sets the width in pixels and the color scheme (`light` or `dark`).
    pub async fn emulate(&self, width: u32, scheme: &str) {
        let size =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", scheme).await;
    }

    /// Waits for a download and returns its content.
    pub async fn downloaded(&self, name: &str) -> String {
        let path = self.downloads.path().join(name);
        super::eventually("the download is complete", || {
            std::fs::read_to_string(&path).ok()
        })
        .await
    }

    /// Injects axe-core into the current page.
    pub async fn load_axe(&self) {
        let script = tools::AXE.find().expect("axe-core is installed");
        let script = std::fs::read_to_string(script.path()).expect("axe-core can be read");
        let loaded = self.run(&script).await;
        loaded.expect("axe-core can be loaded");
    }

    /// The serious and critical violations that axe-core finds in the current page: rule and elements.
    pub async fn serious_violations(&self) -> Vec<String> {
        let script = "
            const done = arguments[arguments.length - 1];
            axe.run(document, { resultTypes: ['violations'] }).then(
                (found) => done(found.violations
                    .filter((violation) => ['serious', 'critical'].includes(violation.impact))
                    .map((violation) => violation.id + ': ' + violation.nodes.map((node) => node.html).join(' | '))),
                (error) => done(['axe-core failed: ' + error]));";
        let script = json!({ "script": script, "args": [] });
        let found = self.session.post("/execute/async", &script).await;
        let found = found.expect("axe-core answers");
        let found = found.as_array().expect("the violations are a list").iter();
        found.map(ToString::to_string).collect()
    }

    /// Sends a command of the Chrome DevTools Protocol.
    async fn devtools(&self, command: &str, parameters: Value) {
        let body = json!({ "cmd": command, "params": parameters });
        let result = self.session.post("/goog/cdp/execute", &body).await;
        result.unwrap_or_else(|error| panic!("{command}: {error}"));
    }

    /// Runs a script in the page and returns its result.
    async fn run(&self, script: &str) -> Result<Value, String> {
        let script = json!({ "script": script, "args": [] });
        self.session.post("/execute/sync", &script).await
    }
}

/// Whether the page replaced the element of a command after it was looked up, so that it is to be looked up again.
fn is_stale(result: &Result<Value, String>) -> bool {
    let error = result.as_ref().err();
    error.is_some_and(|error| error.contains("stale element reference"))
}
