//! A real Chromium without a window, and what it says of a page: its console, its requests, and what axe-core finds.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use fantoccini::error::CmdError;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::tools;
use tokio::sync::Mutex;
use url::{ParseError, Url};

use super::Exporter;

/// One browser at a time: each takes a core and some hundred megabytes.
static TURN: Mutex<()> = Mutex::const_new(());

/// How long a page may take for anything.
const PATIENCE: Duration = Duration::from_mins(1);

/// The key Tab, as WebDriver writes it.
const TAB: &str = "\u{e004}";

/// The key Enter.
const ENTER: &str = "\u{e007}";

/// A browser on an exporter.
pub struct Browser {
    client: Client,
    origin: String,
    downloads: TempDir,
}

/// chromedriver; it is killed when dropped.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A command that only Chromium has.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// Looks at an exporter with a browser; afterwards nothing may stand in the browser's console, and no request may have
/// gone to another place. The browser ends whatever happens.
pub async fn browse<F>(exporter: &Exporter, look: impl FnOnce(Browser) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let _turn = TURN.lock().await;
    let (_driver, client) = start().await;
    let downloads = tempfile::tempdir().expect("a folder can be made");
    let origin = format!("http://{}", exporter.address());
    let browser = Browser {
        client: client.clone(),
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
    let looked = tokio::spawn(look(browser)).await;
    let console = log(&client, "browser").await;
    let requests = log(&client, "performance").await;
    client.close().await.expect("the browser ends");
    if let Err(failed) = looked {
        std::panic::resume_unwind(failed.into_panic());
    }
    let console = console.expect("the console can be read");
    assert!(console.is_empty(), "{console:?}");
    let requests = requests.expect("the requests can be read");
    let addresses: Vec<String> = requests.iter().filter_map(address).collect();
    assert!(!addresses.is_empty(), "requests are noted");
    for address in addresses {
        assert!(address.starts_with(&origin), "{address}");
    }
}

/// Where a request of a page went, when an entry of the log is about one.
fn address(entry: &Value) -> Option<String> {
    let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
    let message = &message["message"];
    let is_request = message["method"] == "Network.requestWillBeSent";
    let address = message["params"]["request"]["url"].as_str()?;
    // What a page has in itself, and Chromium's own empty page.
    let leaves = !["data:", "about:", "chrome:"]
        .iter()
        .any(|it| address.starts_with(it));
    (is_request && leaves).then(|| address.to_owned())
}

async fn log(client: &Client, kind: &str) -> Result<Vec<Value>, CmdError> {
    let body = json!({ "type": kind });
    let entries = client
        .issue_cmd(Own {
            path: "se/log",
            body,
        })
        .await?;
    Ok(entries.as_array().cloned().unwrap_or_default())
}

async fn start() -> (Driver, Client) {
    let chromium = tools::CHROMIUM.find().expect("Chromium is here");
    let mut child = tools::CHROMEDRIVER
        .find()
        .expect("chromedriver is here")
        .command()
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver starts");
    let output = child.stdout.take().expect("standard output is a pipe");
    let driver = Driver(child);
    let port = tokio::task::spawn_blocking(move || {
        BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            })
    });
    let port = port.await.expect("no thread panicked");
    let port = port.expect("chromedriver says where it listens");
    let wanted = json!({
        "goog:chromeOptions": {
            "binary": chromium.path(),
            // Without the sandbox, because root cannot have it; it sees nothing but the exporter.
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-extensions", "--disable-sync", "--lang=en-US",
            ],
        },
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        "timeouts": { "script": 60_000, "pageLoad": 60_000 },
    });
    let wanted: Capabilities = match wanted {
        Value::Object(wanted) => wanted,
        _ => Capabilities::new(),
    };
    let client = ClientBuilder::new(HttpConnector::new())
        .capabilities(wanted)
        .connect(&format!("http://127.0.0.1:{port}"))
        .await
        .expect("Chromium starts");
    (driver, client)
}

impl Browser {
    /// Opens a path of the exporter.
    pub async fn open(&self, path: &str) {
        let address = format!("{}{path}", self.origin);
        self.client.goto(&address).await.expect("the page opens");
    }

    /// The path that is shown.
    pub async fn path(&self) -> String {
        let address = self.client.current_url().await.expect("it has an address");
        address.path().to_owned()
    }

    /// What an expression of JavaScript gives.
    pub async fn value(&self, expression: &str) -> Value {
        let script = format!("return {expression};");
        let value = self.client.execute(&script, Vec::new()).await;
        value.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Waits until an expression of JavaScript gives something that holds.
    pub async fn wait_until(&self, expression: &str) {
        let begun = std::time::Instant::now();
        // While a page is exchanged for another there is none to ask.
        while !self
            .client
            .execute(&format!("return Boolean({expression});"), Vec::new())
            .await
            .is_ok_and(|it| it == true)
        {
            assert!(begun.elapsed() < PATIENCE, "never happened: {expression}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Clicks what a selector of CSS finds.
    pub async fn click(&self, selector: &str) {
        let element = self.client.find(Locator::Css(selector)).await;
        let element = element.unwrap_or_else(|error| panic!("{selector}: {error}"));
        element.click().await.expect("it can be clicked");
    }

    /// Types into what has the focus.
    pub async fn type_in(&self, keys: &str) {
        let focused = self.client.active_element().await;
        let focused = focused.expect("something has the focus");
        focused.send_keys(keys).await.expect("keys can be pressed");
    }

    /// Presses Tab until something matches a selector of CSS, and gives the texts of everything on the way.
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

    /// Whether pages may run their scripts from now on.
    pub async fn run_scripts(&self, run: bool) {
        let parameters = json!({ "value": !run });
        self.devtools("Emulation.setScriptExecutionDisabled", parameters)
            .await;
    }

    /// Shows pages as wide as so many pixels, light or dark.
    pub async fn look(&self, width: u32, scheme: &str) {
        let size =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", scheme).await;
    }

    /// The content of a downloaded file, when it is complete.
    pub async fn downloaded(&self, name: &str) -> String {
        let path = self.downloads.path().join(name);
        super::eventually("the file is there", || std::fs::read_to_string(&path).ok()).await
    }

    /// Puts axe-core into the page that is shown.
    pub async fn load_axe(&self) {
        let script = tools::AXE.find().expect("axe-core is here");
        let script = std::fs::read_to_string(script.path()).expect("it can be read");
        let loaded = self.client.execute(&script, Vec::new()).await;
        loaded.expect("axe-core can be loaded");
    }

    /// What axe-core calls serious or critical in the page that is shown: rule, and where.
    pub async fn serious(&self) -> Vec<String> {
        let script = "
            const done = arguments[arguments.length - 1];
            axe.run(document, { resultTypes: ['violations'] }).then(
                (found) => done(found.violations
                    .filter((it) => ['serious', 'critical'].includes(it.impact))
                    .map((it) => it.id + ': ' + it.nodes.map((node) => node.html).join(' | '))),
                (error) => done(['axe-core failed: ' + error]));";
        let found = self.client.execute_async(script, Vec::new()).await;
        let found = found.expect("axe-core answers");
        let found = found.as_array().expect("it is a list").iter();
        found.map(ToString::to_string).collect()
    }

    /// A command of Chromium's developer tools.
    async fn devtools(&self, command: &str, parameters: Value) {
        let body = json!({ "cmd": command, "params": parameters });
        let path = "goog/cdp/execute";
        let done = self.client.issue_cmd(Own { path, body }).await;
        done.unwrap_or_else(|error| panic!("{command}: {error}"));
    }
}
