//! Routes requests to their handlers:
//!
//! | path | response |
//! |---|---|
//! | `/` | the start page |
//! | `/info` | the Info page: the workspace, or a table of several |
//! | `/info/statistics.json`, `POST /info/refresh` | its buttons: download and refresh |
//! | `/info/license`, `POST /info/license/validate`, `POST /info/license/apply` | forms that validate and apply a license, where that is enabled |
//! | `/info/NAME`, and all paths above below it | the same for one of several workspaces |
//! | `/info.css`, `/info.js`, `/info.svg` | its static files |
//! | `/metrics` (or `--web.telemetry-path`) | the metrics, in the negotiated format |
//! | `/probe?target=NAME` | the metrics of one of several workspaces |
//! | `/sd` | the workspaces, as Prometheus' HTTP service discovery |
//! | `/api/v1/statistics` | the statistics document, for users with the permission `view-statistics` |
//! | `/api/v1/statistics.list` | the documents that Rocket.Chat stored, for the same users |
//! | `/api/info`, `/api/v1/info` | the workspace's version |
//! | `/statistics.json` | the statistics document as a download |
//! | `/workspaces/NAME/...` | the same for one of several workspaces |
//! | `/-/healthy` | whether all background tasks run |
//! | `/-/ready` | whether a database can be read |
//! | `POST /-/reload` | reloads the configuration |

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use tokio::time::timeout;

use super::App;
use super::api::endpoint::{self, ApiPath, Endpoint};
use super::api::{errors, statistics};
use super::handlers::{metrics, readiness, reload, service_discovery};
use super::request_metrics::Handler;
use super::response::{self, Response};
use crate::info_page;
use crate::info_page::page::{ICON, SCRIPT, STYLE, start};

/// The allowed methods of most paths.
const READ_METHODS: &str = "GET, HEAD";

/// Time limit of the health check, which waits for a reload in progress.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(4);

/// A handler that only reads memory.
type SyncHandler = fn(&App, &Request<Incoming>) -> Response;

/// A path and its handler.
struct Route {
    pattern: PathPattern,
    action: Action,
}

/// The paths of a route.
enum PathPattern {
    /// This path.
    Exact(&'static str),
    /// All paths that begin with this.
    Prefix(&'static str),
}

/// How a request is handled.
#[derive(Clone, Copy)]
enum Action {
    Read(Handler, SyncHandler),
    Metrics,
    Probe,
    InfoPage,
    Healthy,
    Reload,
    Workspace,
    NotFound(Handler),
}

/// All routes but that of the metrics, which is configurable, and those of Rocket.Chat's API, which `api::endpoint` parses.
/// The first match wins.
const ROUTES: [Route; 14] = [
    Route::new(PathPattern::Exact("/probe"), Action::Probe),
    Route::read("/", Handler::Page, |app, _| {
        response::rich_html(start::page(&app.telemetry_path).into_bytes())
    }),
    Route::read("/info.css", Handler::Page, |_, _| {
        response::file("text/css; charset=utf-8", STYLE)
    }),
    Route::read("/info.js", Handler::Page, |_, _| {
        response::file("text/javascript; charset=utf-8", SCRIPT)
    }),
    Route::read("/info.svg", Handler::Page, |_, _| {
        response::file("image/svg+xml", ICON)
    }),
    Route::new(PathPattern::Exact("/info"), Action::InfoPage),
    Route::new(PathPattern::Prefix("/info/"), Action::InfoPage),
    Route::read("/sd", Handler::Discovery, service_discovery::handle),
    Route::new(PathPattern::Exact("/-/healthy"), Action::Healthy),
    Route::read("/-/ready", Handler::Management, |app, _| {
        readiness::handle(&app.targets())
    }),
    Route::new(PathPattern::Exact("/-/reload"), Action::Reload),
    // Reserved for management endpoints.
    Route::new(
        PathPattern::Prefix("/-/"),
        Action::NotFound(Handler::Unknown),
    ),
    Route::new(PathPattern::Exact("/statistics.json"), Action::Workspace),
    Route::new(PathPattern::Prefix("/workspaces/"), Action::Workspace),
];

impl Route {
    const fn new(pattern: PathPattern, action: Action) -> Self {
        Self { pattern, action }
    }

    const fn read(path: &'static str, label: Handler, handler: SyncHandler) -> Self {
        Self::new(PathPattern::Exact(path), Action::Read(label, handler))
    }

    fn matches(&self, path: &str) -> bool {
        match self.pattern {
            PathPattern::Exact(exact) => path == exact,
            PathPattern::Prefix(prefix) => path.starts_with(prefix),
        }
    }
}

/// Whether a form that is posted to a path may contain a license.
pub fn accepts_license(app: &App, path: &str) -> bool {
    info_page::accepts_license(app, path)
}

/// The action of a path other than that of the metrics; `None` where the path is not served.
fn find(path: &str) -> Option<Action> {
    let route = ROUTES.iter().find(|route| route.matches(path));
    match route {
        Some(route) => Some(route.action),
        None if endpoint::parse(path) == ApiPath::NotApi => None,
        None => Some(Action::Workspace),
    }
}

/// Whether a path is taken, so that the metrics cannot be served there.
#[must_use]
pub fn is_served(path: &str) -> bool {
    find(path).is_some()
}

/// Handles a request; returns the label of its handler too. Rare handlers are boxed, which keeps the future of a scrape
/// small.
pub async fn route(
    app: &App,
    request: &Request<Incoming>,
    caller: IpAddr,
    begun: Instant,
) -> (Handler, Response) {
    let path = request.uri().path();
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    let action = if path == app.telemetry_path {
        Action::Metrics
    } else {
        find(path).unwrap_or(Action::NotFound(Handler::Unknown))
    };
    match action {
        Action::Read(label, handler) if reads => (label, handler(app, request)),
        Action::Metrics if reads => (
            Handler::Metrics,
            metrics::metrics(app, request, begun).await,
        ),
        Action::Metrics => (Handler::Metrics, response::wrong_method(READ_METHODS)),
        Action::Probe if reads => {
            let response = Box::pin(metrics::probe(app, request)).await;
            (Handler::Probe, response)
        }
        Action::Probe => (Handler::Probe, response::wrong_method(READ_METHODS)),
        Action::Read(label, _) => (label, response::wrong_method(READ_METHODS)),
        Action::InfoPage => Box::pin(info_page::handle(app, request, caller)).await,
        Action::Healthy if reads => (Handler::Management, healthy(app).await),
        Action::Healthy => (Handler::Management, response::wrong_method(READ_METHODS)),
        Action::Reload => {
            let response = Box::pin(reload::handle(app, request)).await;
            (Handler::Management, response)
        }
        Action::Workspace => Box::pin(handle_workspace(app, request, caller, reads)).await,
        Action::NotFound(label) => (label, not_found()),
    }
}

/// Whether all background tasks run; 503 when one does not, or when the check itself times out.
async fn healthy(app: &App) -> Response {
    match timeout(HEALTH_TIMEOUT, app.control.is_alive()).await {
        Ok(true) => response::text(StatusCode::OK, "Healthy.\n"),
        _ => response::text(
            StatusCode::SERVICE_UNAVAILABLE,
            "Not healthy: a task that reads hangs or has ended; the log may say why, and a restart helps.\n",
        ),
    }
}

/// Handles the paths of a workspace: those of the only one are at the root, those of several below `/workspaces/NAME`.
async fn handle_workspace(
    app: &App,
    request: &Request<Incoming>,
    caller: IpAddr,
    reads: bool,
) -> (Handler, Response) {
    let path = request.uri().path();
    let targets = app.targets();
    let (name, path) = endpoint::split_workspace(path);
    let workspace = match name {
        Some(name) => targets.named(name),
        None => targets.only(),
    };
    if path == "/statistics.json" {
        let response = match workspace {
            None => unknown_workspace(),
            Some(_) if !reads => response::wrong_method(READ_METHODS),
            Some(workspace) => {
                let document =
                    statistics::handle(workspace, request, Endpoint::Statistics, caller).await;
                response::as_download(document, "statistics.json")
            }
        };
        return (
            Handler::Download,
            response::encoded(request, response).await,
        );
    }
    let response = match endpoint::parse(path) {
        ApiPath::Endpoint(endpoint) if reads => match workspace {
            Some(workspace) => statistics::handle(workspace, request, endpoint, caller).await,
            None => unknown_workspace(),
        },
        ApiPath::Endpoint(_) if request.method() == Method::OPTIONS => {
            errors::options(request.headers())
        }
        ApiPath::Endpoint(_) => errors::wrong_method(),
        ApiPath::Unknown => errors::not_found(&endpoint::paths()),
        ApiPath::Malformed => errors::malformed_path(),
        ApiPath::NotApi => return (Handler::Unknown, not_found()),
    };
    (Handler::Api, response::encoded(request, response).await)
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
    fn path_is_served_or_free_for_the_metrics() {
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
