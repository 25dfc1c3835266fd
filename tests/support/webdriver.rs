//! A client of chromedriver: W3C WebDriver is JSON over HTTP.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use testbed::tools;

/// The key of an element's id in WebDriver's responses.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A running browser. Dropping the last clone of it leaves the browser to its driver.
#[derive(Clone)]
pub struct Session {
    client: Client<HttpConnector, Full<Bytes>>,
    /// The URL that the paths of commands are appended to.
    url: String,
}

/// A running chromedriver. Dropping it kills it.
pub struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// chromedriver chooses a port that is free for IPv6, and exits when it is taken for IPv4.
const STARTS: u32 = 3;

/// Starts chromedriver, which prints its port.
fn start_driver() -> Option<(Driver, u16)> {
    let mut child = tools::CHROMEDRIVER
        .find()
        .expect("chromedriver is installed")
        .command()
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver starts");
    let output = child.stdout.take().expect("standard output is a pipe");
    let driver = Driver(child);
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let port = lines.find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    })?;
    Some((driver, port))
}

impl Session {
    /// Starts chromedriver, and a browser with these capabilities.
    pub async fn start(capabilities: Value) -> (Driver, Self) {
        let start = || (0..STARTS).find_map(|_| start_driver());
        let started = tokio::task::spawn_blocking(start).await;
        let started = started.expect("no thread panicked");
        let (driver, port) = started.expect("chromedriver prints its port");
        let mut session = Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            url: format!("http://127.0.0.1:{port}/session"),
        };
        let requested = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let started = session.post("", &requested).await;
        let started = started.expect("the browser starts");
        let id = started["sessionId"].as_str().expect("a session has an id");
        session.url = format!("{}/{id}", session.url);
        (driver, session)
    }

    /// Sends a command without parameters, and returns its value or the driver's error.
    pub async fn get(&self, path: &str) -> Result<Value, String> {
        self.send(Method::GET, path, String::new()).await
    }

    /// Sends a command with parameters, and returns its value or the driver's error.
    pub async fn post(&self, path: &str, parameters: &Value) -> Result<Value, String> {
        self.send(Method::POST, path, parameters.to_string()).await
    }

    /// Sends a command to an element.
    pub async fn post_to(
        &self,
        element: &Value,
        command: &str,
        parameters: &Value,
    ) -> Result<Value, String> {
        let id = element[ELEMENT].as_str().expect("an element has an id");
        let path = format!("/element/{id}/{command}");
        self.post(&path, parameters).await
    }

    /// Closes the browser.
    pub async fn close(&self) -> Result<(), String> {
        let closed = self.send(Method::DELETE, "", String::new()).await;
        closed.map(drop)
    }

    async fn send(&self, method: Method, path: &str, body: String) -> Result<Value, String> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .body(Full::from(body))
            .expect("the request is valid");
        let response = self.client.request(request).await;
        let response = response.map_err(|error| error.to_string())?;
        let succeeded = response.status().is_success();
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        let mut body: Value = serde_json::from_slice(&body).expect("chromedriver sends JSON");
        if succeeded {
            Ok(body["value"].take())
        } else {
            Err(body["value"].to_string())
        }
    }
}
