//! A real Alertmanager, and a webhook that receives its notifications.

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use testbed::tools;

use super::listen;
use super::server_process::ServerProcess;

/// A running Alertmanager. Dropping it ends the process and removes its data.
pub struct Alertmanager(ServerProcess);

impl Alertmanager {
    /// Starts an Alertmanager with a configuration, and waits until it listens.
    pub async fn start(configuration: &str) -> Self {
        let arguments = |directory: &Path| {
            vec![
                format!("--storage.path={}/data", directory.display()),
                // Without other members, which would take a second port.
                "--cluster.listen-address=".to_owned(),
            ]
        };
        let ready = "msg=\"Listening on\"";
        Self(ServerProcess::start(tools::ALERTMANAGER, configuration, ready, arguments).await)
    }

    /// Where it listens: host and port.
    pub fn address(&self) -> &str {
        self.0.address()
    }
}

/// A webhook that keeps the notifications it receives.
pub struct Receiver {
    address: String,
    notifications: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    /// Listens on a free port until the runtime ends.
    pub async fn start() -> Self {
        let (listener, address) = listen().await;
        let notifications = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&notifications);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                let service = service_fn(move |request| receive(request, Arc::clone(&kept)));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
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

    /// A received alert, as in the notification.
    pub fn alert(&self, receiver: &str, status: &str, name: &str) -> Option<Value> {
        let notifications = self.notifications.lock().expect("no thread panicked");
        notifications
            .iter()
            .filter(|notification| notification["receiver"] == receiver)
            .flat_map(|notification| notification["alerts"].as_array().into_iter().flatten())
            .find(|alert| alert["status"] == status && alert["labels"]["alertname"] == name)
            .cloned()
    }

    /// Name and status of all received alerts, for failure messages.
    pub fn received(&self) -> Vec<String> {
        let notifications = self.notifications.lock().expect("no thread panicked");
        let alerts = notifications
            .iter()
            .flat_map(|notification| notification["alerts"].as_array().into_iter().flatten());
        alerts
            .map(|alert| format!("{} {}", alert["labels"]["alertname"], alert["status"]))
            .collect()
    }
}

async fn receive(
    request: Request<Incoming>,
    kept: Arc<Mutex<Vec<Value>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await;
    let body = body.expect("the body is complete").to_bytes();
    let notification = serde_json::from_slice(&body).expect("a notification is JSON");
    kept.lock().expect("no thread panicked").push(notification);
    Ok(Response::new(Full::default()))
}
