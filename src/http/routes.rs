//! Every path that is answered:
//!
//! | path | answer |
//! |---|---|
//! | `/` | the landing page |
//! | `/metrics` (or `--web.telemetry-path`) | the metrics, in the format that is asked for |
//! | `/api/v1/statistics` | the statistics document, for users with the permission `view-statistics` |
//! | `/api/v1/statistics.list` | the documents that Rocket.Chat stored, for the same users |
//! | `/api/info`, `/api/v1/info` | the workspace's version |
//! | `/statistics.json` | the statistics document as a download |
//! | `/-/healthy` | the process answers |
//! | `/-/ready` | the database was read at least once |

use std::net::IpAddr;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};

use super::paths::{self, Endpoint, Place};
use super::respond::{self, Response};
use super::{App, api, negotiate, refusals};
use crate::render;

/// Answers one request.
pub async fn answer(app: &App, request: &Request<Incoming>, caller: IpAddr) -> Response {
    let path = request.uri().path();
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    match paths::place(path) {
        Place::Endpoint(endpoint) if reads => {
            return api::answer(app, request, endpoint, caller).await;
        }
        Place::Endpoint(_) if request.method() == Method::OPTIONS => {
            return refusals::options(request.headers());
        }
        Place::Endpoint(_) => return refusals::wrong_method(),
        Place::NoEndpoint => return refusals::not_found(&paths::served()),
        Place::Malformed => return refusals::malformed_path(),
        Place::Elsewhere => {}
    }
    match path {
        "/statistics.json" if reads => {
            let document = api::answer(app, request, Endpoint::Statistics, caller).await;
            respond::as_download(document, "statistics.json")
        }
        _ if path == app.telemetry_path && reads => metrics(app, request),
        "/" if reads => respond::html(render::page::landing(&app.telemetry_path)),
        "/-/healthy" if reads => respond::text(StatusCode::OK, "Healthy.\n"),
        "/-/ready" if reads => ready(app),
        "/" | "/-/healthy" | "/-/ready" | "/statistics.json" => respond::wrong_method(),
        _ if path == app.telemetry_path => respond::wrong_method(),
        _ => respond::text(StatusCode::NOT_FOUND, "Not found.\n"),
    }
}

fn metrics(app: &App, request: &Request<Incoming>) -> Response {
    let format = negotiate::format(request.headers());
    let exposition = app.expositions.borrow().clone();
    let body = match format.family {
        negotiate::Family::OpenMetrics => &exposition.openmetrics,
        negotiate::Family::Classic => &exposition.classic,
    };
    respond::negotiated(
        body,
        &format.content_type,
        negotiate::wants_gzip(request.headers()),
    )
}

fn ready(app: &App) -> Response {
    if app.snapshots.borrow().read_at.is_some() {
        respond::text(StatusCode::OK, "Ready.\n")
    } else {
        respond::text(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not ready: the workspace's database was not read yet.\n",
        )
    }
}
