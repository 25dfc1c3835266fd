//! Every path that is answered:
//!
//! | path | answer |
//! |---|---|
//! | `/` | the landing page |
//! | `/info` | the page for people: the workspace, or a table of several |
//! | `/info/statistics.json`, `POST /info/refresh` | what its buttons do |
//! | `/info/license`, `POST /info/license/apply` | a license on its way to Rocket.Chat, where that is switched on |
//! | `/info/NAME`, and all that is below `/info` | the same of one of several workspaces |
//! | `/info.css`, `/info.js`, `/info.svg` | its files |
//! | `/metrics` (or `--web.telemetry-path`) | the metrics, in the format that is asked for |
//! | `/probe?target=NAME` | the metrics of one of several workspaces |
//! | `/sd` | the workspaces, for Prometheus' HTTP service discovery |
//! | `/api/v1/statistics` | the statistics document, for users with the permission `view-statistics` |
//! | `/api/v1/statistics.list` | the documents that Rocket.Chat stored, for the same users |
//! | `/api/info`, `/api/v1/info` | the workspace's version |
//! | `/statistics.json` | the statistics document as a download |
//! | `/workspaces/NAME/...` | the three above of one of several workspaces |
//! | `/-/healthy` | the process answers |
//! | `/-/ready` | something of the database is read |
//! | `POST /-/reload` | the configuration is read again |

use std::net::IpAddr;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};

use super::counters::Handler;
use super::paths::{self, Endpoint, Place};
use super::respond::{self, Response};
use super::{App, api, discovery, info_page, metrics, ready, refusals};
use crate::render;
use crate::render::info::{ICON, SCRIPT, STYLE};

/// What the methods of most paths are.
const READING: &str = "GET, HEAD";

/// Answers from what is in memory.
type Reader = fn(&App, &Request<Incoming>) -> Response;

/// Answers one request, and says what it was for. What is asked for seldom is apart, so that scrapes need not make room
/// for it.
pub async fn answer(app: &App, request: &Request<Incoming>, caller: IpAddr) -> (Handler, Response) {
    let path = request.uri().path();
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    let (handler, answer): (Handler, Reader) = match path {
        _ if path == app.telemetry_path => (Handler::Metrics, metrics::all),
        "/probe" => (Handler::Probe, metrics::one),
        "/" => (Handler::Page, |app, _| {
            respond::html(render::page::landing(&app.telemetry_path))
        }),
        "/info.css" => (Handler::Page, |_, _| {
            respond::file("text/css; charset=utf-8", STYLE)
        }),
        "/info.js" => (Handler::Page, |_, _| {
            respond::file("text/javascript; charset=utf-8", SCRIPT)
        }),
        "/info.svg" => (Handler::Page, |_, _| respond::file("image/svg+xml", ICON)),
        _ if path == "/info" || path.starts_with("/info/") => {
            return Box::pin(info_page::answer(app, request)).await;
        }
        "/sd" => (Handler::Discovery, discovery::answer),
        "/-/healthy" => (Handler::Management, |_, _| {
            respond::text(StatusCode::OK, "Healthy.\n")
        }),
        "/-/ready" => (Handler::Management, |app, _| ready::answer(&app.served())),
        "/-/reload" => return (Handler::Management, reload(app, request.method()).await),
        _ => return Box::pin(of_workspace(app, request, caller, reads)).await,
    };
    if reads {
        (handler, answer(app, request))
    } else {
        (handler, respond::wrong_method(READING))
    }
}

/// Answers what is served of each workspace: of the only one at the root, of several below their names.
async fn of_workspace(
    app: &App,
    request: &Request<Incoming>,
    caller: IpAddr,
    reads: bool,
) -> (Handler, Response) {
    let path = request.uri().path();
    let served = app.served();
    let (name, path) = paths::of_workspace(path);
    let workspace = match name {
        Some(name) => served.named(name),
        None => served.only(),
    };
    if path == "/statistics.json" {
        let answer = match workspace {
            None => unknown_workspace(),
            Some(_) if !reads => respond::wrong_method(READING),
            Some(workspace) => {
                let document = api::answer(workspace, request, Endpoint::Statistics, caller).await;
                respond::as_download(document, "statistics.json")
            }
        };
        return (Handler::Download, answer);
    }
    let answer = match paths::place(path) {
        Place::Endpoint(endpoint) if reads => match workspace {
            Some(workspace) => api::answer(workspace, request, endpoint, caller).await,
            None => unknown_workspace(),
        },
        Place::Endpoint(_) if request.method() == Method::OPTIONS => {
            refusals::options(request.headers())
        }
        Place::Endpoint(_) => refusals::wrong_method(),
        Place::NoEndpoint => refusals::not_found(&paths::served()),
        Place::Malformed => refusals::malformed_path(),
        Place::Elsewhere => {
            return (
                Handler::Unknown,
                respond::text(StatusCode::NOT_FOUND, "Not found.\n"),
            );
        }
    };
    (Handler::Api, answer)
}

fn unknown_workspace() -> Response {
    respond::text(
        StatusCode::NOT_FOUND,
        "No workspace of this name is served here; where there are several, their paths begin with /workspaces/NAME.\n",
    )
}

async fn reload(app: &App, method: &Method) -> Response {
    if !matches!(*method, Method::POST | Method::PUT) {
        return respond::wrong_method("POST, PUT");
    }
    match app.control.reload().await {
        Ok(()) => respond::text(StatusCode::OK, "The configuration was read again.\n"),
        Err(reason) => respond::failed(format!(
            "The configuration cannot be used, so the one before stays: {reason}\n"
        )),
    }
}
