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
//! | `/-/healthy` | the process answers, and no task hangs or has ended |
//! | `/-/ready` | something of the database is read |
//! | `POST /-/reload` | the configuration is read again |

use std::net::IpAddr;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use tokio::time::timeout;

use super::App;
use super::api::endpoint::{self, Endpoint, Place};
use super::api::{errors, statistics};
use super::handlers::{landing, metrics, readiness, reload, service_discovery};
use super::request_metrics::Handler;
use super::response::{self, Response};
use crate::info_page;
use crate::info_page::page::{ICON, SCRIPT, STYLE};

/// What the methods of most paths are.
const READING: &str = "GET, HEAD";

/// How long it may take to see whether the tasks work; reloads of the configuration are waited for meanwhile.
const HEALTH_LIMIT: Duration = Duration::from_secs(4);

/// Answers from what is in memory.
type Reader = fn(&App, &Request<Incoming>) -> Response;

/// What is served at a path.
struct Route {
    path: Path,
    answer: Answer,
}

/// The paths of a route.
enum Path {
    /// One path.
    Exact(&'static str),
    /// Everything that begins so.
    Below(&'static str),
}

/// Who answers.
#[derive(Clone, Copy)]
enum Answer {
    Read(Handler, Reader),
    Metrics,
    Probe,
    InfoPage,
    Healthy,
    Reload,
    OfWorkspace,
    NotFound(Handler),
}

/// Every path that is served but that of the metrics, which is a setting. The first one that fits counts. Endpoints of
/// Rocket.Chat have further spellings, which `paths` knows.
const ROUTES: [Route; 14] = [
    Route::new(Path::Exact("/probe"), Answer::Probe),
    Route::reads("/", Handler::Page, |app, _| {
        response::html(landing::landing(&app.telemetry_path))
    }),
    Route::reads("/info.css", Handler::Page, |_, _| {
        response::file("text/css; charset=utf-8", STYLE)
    }),
    Route::reads("/info.js", Handler::Page, |_, _| {
        response::file("text/javascript; charset=utf-8", SCRIPT)
    }),
    Route::reads("/info.svg", Handler::Page, |_, _| {
        response::file("image/svg+xml", ICON)
    }),
    Route::new(Path::Exact("/info"), Answer::InfoPage),
    Route::new(Path::Below("/info/"), Answer::InfoPage),
    Route::reads("/sd", Handler::Discovery, service_discovery::answer),
    Route::new(Path::Exact("/-/healthy"), Answer::Healthy),
    Route::reads("/-/ready", Handler::Management, |app, _| {
        readiness::answer(&app.served())
    }),
    Route::new(Path::Exact("/-/reload"), Answer::Reload),
    // Kept for what controls the exporter.
    Route::new(Path::Below("/-/"), Answer::NotFound(Handler::Unknown)),
    Route::new(Path::Exact("/statistics.json"), Answer::OfWorkspace),
    Route::new(Path::Below("/workspaces/"), Answer::OfWorkspace),
];

impl Route {
    const fn new(path: Path, answer: Answer) -> Self {
        Self { path, answer }
    }

    const fn reads(path: &'static str, handler: Handler, reader: Reader) -> Self {
        Self::new(Path::Exact(path), Answer::Read(handler, reader))
    }

    fn is_at(&self, path: &str) -> bool {
        match self.path {
            Path::Exact(own) => path == own,
            Path::Below(beginning) => path.starts_with(beginning),
        }
    }
}

/// Whether what is sent to a path may be a license; what is sent elsewhere is short.
pub fn takes_license(app: &App, path: &str) -> bool {
    info_page::takes_license(app, path)
}

/// What is served at a path other than that of the metrics; `None` where nothing is.
fn find(path: &str) -> Option<Answer> {
    let route = ROUTES.iter().find(|route| route.is_at(path));
    match route {
        Some(route) => Some(route.answer),
        None if endpoint::place(path) == Place::Elsewhere => None,
        None => Some(Answer::OfWorkspace),
    }
}

/// Whether something other than the metrics is served at a path, so that the metrics cannot be.
#[must_use]
pub fn is_served(path: &str) -> bool {
    find(path).is_some()
}

/// Answers one request, and says what it was for. What is asked for seldom is apart, so that scrapes need not make room
/// for it.
pub async fn answer(app: &App, request: &Request<Incoming>, caller: IpAddr) -> (Handler, Response) {
    let path = request.uri().path();
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    let answer = if path == app.telemetry_path {
        Answer::Metrics
    } else {
        find(path).unwrap_or(Answer::NotFound(Handler::Unknown))
    };
    match answer {
        Answer::Read(handler, read) if reads => (handler, read(app, request)),
        Answer::Metrics if reads => (Handler::Metrics, metrics::all(app, request).await),
        Answer::Metrics => (Handler::Metrics, response::wrong_method(READING)),
        Answer::Probe if reads => {
            let answer = Box::pin(metrics::one(app, request)).await;
            (Handler::Probe, answer)
        }
        Answer::Probe => (Handler::Probe, response::wrong_method(READING)),
        Answer::Read(handler, _) => (handler, response::wrong_method(READING)),
        Answer::InfoPage => Box::pin(info_page::answer(app, request, caller)).await,
        Answer::Healthy if reads => (Handler::Management, healthy(app).await),
        Answer::Healthy => (Handler::Management, response::wrong_method(READING)),
        Answer::Reload => {
            let answer = Box::pin(reload::answer(app, request)).await;
            (Handler::Management, answer)
        }
        Answer::OfWorkspace => Box::pin(of_workspace(app, request, caller, reads)).await,
        Answer::NotFound(handler) => (handler, not_found()),
    }
}

/// Whether every task works that the exporter lives by. One that cannot even be asked does not.
async fn healthy(app: &App) -> Response {
    match timeout(HEALTH_LIMIT, app.control.is_alive()).await {
        Ok(true) => response::text(StatusCode::OK, "Healthy.\n"),
        _ => response::text(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not healthy: a task that reads hangs or has ended; the log may say why, and a restart helps.\n",
        ),
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
    let (name, path) = endpoint::of_workspace(path);
    let workspace = match name {
        Some(name) => served.named(name),
        None => served.only(),
    };
    if path == "/statistics.json" {
        let answer = match workspace {
            None => unknown_workspace(),
            Some(_) if !reads => response::wrong_method(READING),
            Some(workspace) => {
                let document =
                    statistics::answer(workspace, request, Endpoint::Statistics, caller).await;
                response::as_download(document, "statistics.json")
            }
        };
        return (Handler::Download, answer);
    }
    let answer = match endpoint::place(path) {
        Place::Endpoint(endpoint) if reads => match workspace {
            Some(workspace) => statistics::answer(workspace, request, endpoint, caller).await,
            None => unknown_workspace(),
        },
        Place::Endpoint(_) if request.method() == Method::OPTIONS => {
            errors::options(request.headers())
        }
        Place::Endpoint(_) => errors::wrong_method(),
        Place::NoEndpoint => errors::not_found(&endpoint::served()),
        Place::Malformed => errors::malformed_path(),
        Place::Elsewhere => return (Handler::Unknown, not_found()),
    };
    (Handler::Api, answer)
}

fn unknown_workspace() -> Response {
    response::text(
        StatusCode::NOT_FOUND,
        "No workspace of this name is served here; where there are several, their paths begin with /workspaces/NAME.\n",
    )
}

fn not_found() -> Response {
    response::text(StatusCode::NOT_FOUND, "Not found.\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_served_or_free_for_the_metrics() {
        for path in [
            "/",
            "/probe",
            "/sd",
            "/info",
            "/info/",
            "/info/license/apply",
            "/info.css",
            "/info.js",
            "/info.svg",
            "/-/healthy",
            "/-/ready",
            "/-/reload",
            "/-/other",
            "/statistics.json",
            "/workspaces/acme/metrics",
            "/api/v1/statistics",
            "/api/info",
            "/api/other",
            "//api/v1/statistics.list/",
        ] {
            assert!(is_served(path), "{path}");
        }
        for path in [
            "/metrics",
            "/metrics/",
            "/information",
            "/probes",
            "/sd/",
            "/apis",
        ] {
            assert!(!is_served(path), "{path}");
        }
    }
}
