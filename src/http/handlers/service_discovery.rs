//! `/sd`: the workspaces as targets, in the format of Prometheus' HTTP service discovery.

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::http::response::{self, Response};
use crate::http::{App, ServedWorkspaces, host_header};

/// A target for each workspace: `/probe` at the host that the request was sent to.
pub fn handle(app: &App, request: &Request<Incoming>) -> Response {
    let Some(host) = host_header::of(request) else {
        return response::bad_request(
            "The request does not say under which address the exporter is reached: it has no Host\n".to_owned(),
        );
    };
    let groups: Vec<Value> = match &app.targets().workspaces {
        ServedWorkspaces::Single(..) => vec![json!({
            "targets": [host],
            "labels": { "__metrics_path__": app.telemetry_path },
        })],
        ServedWorkspaces::Named(workspaces) => workspaces
            .keys()
            .map(|name| {
                json!({
                    "targets": [host],
                    "labels": {
                        "__metrics_path__": "/probe",
                        "__param_target": name.as_ref(),
                        "workspace": name.as_ref(),
                    },
                })
            })
            .collect(),
    };
    response::json(StatusCode::OK, Value::from(groups).to_string())
}
