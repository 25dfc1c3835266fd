//! `/sd`: the workspaces in the form of Prometheus' HTTP service discovery, so that each becomes a target of its own.

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::{Value, json};

use crate::http::response::{self, Response};
use crate::http::{App, Workspaces, host_header};

/// One target for each workspace: this exporter's `/probe`, at the address under which the list was asked for.
pub fn answer(app: &App, request: &Request<Incoming>) -> Response {
    let Some(host) = host_header::of(request) else {
        return response::bad_request(
            "The request does not say under which address the exporter is reached: it has no Host\n".to_owned(),
        );
    };
    let groups: Vec<Value> = match &app.served().workspaces {
        Workspaces::One(..) => vec![json!({
            "targets": [host],
            "labels": { "__metrics_path__": app.telemetry_path },
        })],
        Workspaces::Named(workspaces) => workspaces
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
