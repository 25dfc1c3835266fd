//! A real Alertmanager, and somebody who is notified by it.

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use testbed::child_process::{ChildProcess, Output};
use testbed::port;
use testbed::tools;
use tokio::net::TcpListener;

/// A running Alertmanager; it ends when dropped, and its data are gone.
pub struct Alertmanager {
    // Before its folder, because fields are dropped in this order.
    process: ChildProcess,
    _folder: TempDir,
    address: String,
}

const ATTEMPTS: u32 = 20;
const START_LIMIT: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(20);

impl Alertmanager {
    /// Starts it with a configuration, on a port of its own, and waits until it listens.
    pub async fn start(configuration: &str) -> Self {
        for _ in 0..ATTEMPTS {
            if let Some(alertmanager) = Self::start_on(port::random(), configuration).await {
                return alertmanager;
            }
        }
        panic!("Alertmanager found {ATTEMPTS} ports taken, one after another");
    }

    /// Nothing when the port is taken.
    async fn start_on(port: u16, configuration: &str) -> Option<Self> {
        let program = tools::ALERTMANAGER.find().expect("Alertmanager is there");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let file = folder.path().join("alertmanager.yml");
        fs::write(&file, configuration).expect("the configuration can be written");
        let address = format!("127.0.0.1:{port}");
        let mut command = program.command();
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}/data", folder.path().display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=");
        let log = folder.path().join("log");
        let process = ChildProcess::start(&mut command, Some(folder.path()), Output::File(&log))
            .expect("Alertmanager starts");
        let mut alertmanager = Self {
            process,
            _folder: folder,
            address,
        };
        let begun = Instant::now();
        loop {
            let said = read(&log);
            if let Some(status) = alertmanager
                .process
                .exit_status()
                .expect("it can be waited for")
            {
                if said.contains("address already in use") {
                    return None;
                }
                panic!("Alertmanager ended with {status} while starting:\n{said}");
            }
            // Another program may answer on this port until Alertmanager notices that it is taken: only its log tells.
            if said.contains("msg=\"Listening on\"") {
                return Some(alertmanager);
            }
            assert!(
                begun.elapsed() < START_LIMIT,
                "Alertmanager never listened:\n{said}"
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Where it listens: host and port.
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn read(log: &Path) -> String {
    fs::read(log)
        .map(|log| String::from_utf8_lossy(&log).into_owned())
        .unwrap_or_default()
}

/// Takes notifications as a webhook and keeps them.
pub struct Receiver {
    address: String,
    notifications: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    /// Listens on a free port until the runtime ends.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let notifications = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&notifications);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                let answer = service_fn(move |request| keep(request, Arc::clone(&kept)));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer);
                tokio::spawn(connection);
            }
        });
        Self {
            address: address.to_string(),
            notifications,
        }
    }

    /// Where it listens: host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// An alert that it was told of, as it was told.
    pub fn alert(&self, receiver: &str, status: &str, name: &str) -> Option<Value> {
        let notifications = self.notifications.lock().expect("no thread panicked");
        notifications
            .iter()
            .filter(|it| it["receiver"] == receiver)
            .flat_map(|it| it["alerts"].as_array().into_iter().flatten())
            .find(|it| it["status"] == status && it["labels"]["alertname"] == name)
            .cloned()
    }

    /// The names of all alerts that it was told of, for a failing test.
    pub fn told(&self) -> Vec<String> {
        let notifications = self.notifications.lock().expect("no thread panicked");
        let alerts = notifications
            .iter()
            .flat_map(|it| it["alerts"].as_array().into_iter().flatten());
        alerts
            .map(|it| format!("{} {}", it["labels"]["alertname"], it["status"]))
            .collect()
    }
}

async fn keep(
    request: Request<Incoming>,
    kept: Arc<Mutex<Vec<Value>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await;
    let body = body.expect("the body is whole").to_bytes();
    let notification = serde_json::from_slice(&body).expect("a notification is JSON");
    kept.lock().expect("no thread panicked").push(notification);
    Ok(Response::new(Full::default()))
}
