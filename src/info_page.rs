//! `/info`: the page for people, and what its buttons do.
//!
//! It shows the workspace's numbers, so whoever may see the metrics may see it: the users of the web configuration.
//! Nothing is read to show it but, every few minutes, how the workspace grew. A license goes to Rocket.Chat where that is
//! switched on.

pub mod csrf;
pub mod growth;
pub mod history;
pub mod license;
pub mod page;
pub mod refresh;
pub mod state;

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};

use growth::Reading;
use page::{Growth, Page, page};

use crate::document::Asked;
use crate::http::api::document;
use crate::http::request_metrics::Handler;
use crate::http::response::{self, Response};
use crate::http::{App, Workspace, Workspaces};
use crate::info_page::page::overview::{Listed, Overview};

/// What is asked for of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Page,
    Download,
    Refresh,
    License,
    Apply,
}

/// The answer to a request below `/info`.
pub async fn answer(app: &App, request: &Request<Incoming>, caller: IpAddr) -> (Handler, Response) {
    let served = app.served();
    let below = request.uri().path().strip_prefix("/info");
    let below = below.unwrap_or_default().trim_start_matches('/');
    match &served.workspaces {
        Workspaces::One(workspace, _) => of_one(app, request, caller, workspace, None, below).await,
        Workspaces::Named(_) if below.is_empty() => {
            let answer = match *request.method() {
                Method::GET | Method::HEAD => overview(app, request),
                _ => response::wrong_method("GET, HEAD"),
            };
            (Handler::Page, answer)
        }
        Workspaces::Named(workspaces) => {
            let (name, below) = below.split_once('/').unwrap_or((below, ""));
            match workspaces.get(name) {
                Some(workspace) => of_one(app, request, caller, workspace, Some(name), below).await,
                None => (Handler::Page, not_found()),
            }
        }
    }
}

async fn of_one(
    app: &App,
    request: &Request<Incoming>,
    caller: IpAddr,
    workspace: &Arc<Workspace>,
    name: Option<&str>,
    below: &str,
) -> (Handler, Response) {
    let wanted = match below {
        "" => Wanted::Page,
        "statistics.json" => Wanted::Download,
        "refresh" => Wanted::Refresh,
        license::PAGE => Wanted::License,
        license::APPLY => Wanted::Apply,
        _ => return (Handler::Page, not_found()),
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match wanted {
        Wanted::Refresh | Wanted::Apply if request.method() != Method::POST => {
            (Handler::Page, response::wrong_method("POST"))
        }
        Wanted::License if request.method() == Method::POST => {
            let answer = license::review(app, request, workspace, name).await;
            (Handler::Page, answer)
        }
        Wanted::Apply => {
            let answer = license::apply(app, request, caller, workspace, name).await;
            (Handler::Page, answer)
        }
        Wanted::License if !reads => (Handler::Page, response::wrong_method("GET, HEAD, POST")),
        Wanted::License => (Handler::Page, license::form(app, workspace, name)),
        Wanted::Refresh => {
            let answer = refresh::answer(workspace, request, &path_of(name)).await;
            (Handler::Page, answer)
        }
        _ if !reads => (Handler::Page, response::wrong_method("GET, HEAD")),
        Wanted::Page => {
            let reading = growth::look(workspace).await;
            let body = show(app, workspace, name, &reading, page);
            let answer = response::compressed_as(request, body.into_bytes(), response::rich_html);
            (Handler::Page, answer)
        }
        Wanted::Download => (Handler::Download, download(request, workspace)),
    }
}

/// Whether what is sent to a path is a license, where licenses are handed over; what is sent elsewhere is short.
pub fn takes_license(app: &App, path: &str) -> bool {
    let served = app.served();
    let below = path.strip_prefix("/info/").unwrap_or_default();
    let (workspace, below) = match &served.workspaces {
        Workspaces::One(workspace, _) => (Some(workspace), below),
        Workspaces::Named(workspaces) => match below.split_once('/') {
            Some((name, below)) => (workspaces.get(name), below),
            None => (None, below),
        },
    };
    [license::PAGE, license::APPLY].contains(&below)
        && workspace.is_some_and(|it| it.rocketchat.is_some())
}

/// The statistics document as the API answers it, for whoever may see the page.
fn download(request: &Request<Incoming>, workspace: &Workspace) -> Response {
    let snapshot = workspace.snapshots.borrow().clone();
    if snapshot.up() != Some(true) {
        return response::text(
            StatusCode::SERVICE_UNAVAILABLE,
            "Nothing of the workspace's database is read.\n",
        );
    }
    let document = document::response(
        workspace,
        request,
        &snapshot,
        workspace.shape,
        Asked::ForStored,
    );
    response::as_download(document, "statistics.json")
}

/// Several workspaces.
fn overview(app: &App, request: &Request<Incoming>) -> Response {
    let served = app.served();
    let Workspaces::Named(workspaces) = &served.workspaces else {
        return not_found();
    };
    let listed = workspaces.iter().map(|(name, workspace)| {
        show(app, workspace, Some(name), &Reading::NotNeeded, |page| {
            Listed::of(page)
        })
    });
    let host = served.host.as_ref().map(|it| it.borrow().clone());
    let overview = Overview {
        workspaces: listed.collect(),
        host: host.as_deref(),
    };
    response::compressed_as(request, overview.page().into_bytes(), response::rich_html)
}

/// Collects what a workspace's page shows.
fn show<T>(
    app: &App,
    workspace: &Workspace,
    name: Option<&str>,
    reading: &Reading,
    draw: impl Fn(&Page<'_>) -> T,
) -> T {
    let snapshot = workspace.snapshots.borrow().clone();
    let process = app.process.borrow().clone();
    // Of its own, so that nothing is drawn while it is locked.
    let history = workspace
        .history
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    draw(&Page {
        name,
        path: &path_of(name),
        snapshot: &snapshot,
        history: &history,
        growth: match reading {
            Reading::NotNeeded => Growth::Known(&[]),
            Reading::UnderWay => Growth::Read,
            Reading::Done(Ok(grown)) => Growth::Known(grown),
            Reading::Done(Err(why)) => Growth::Unknown(why),
        },
        refreshed: refresh::shown(&workspace.desk.refreshing.borrow(), &snapshot),
        collectors: workspace.collectors.len(),
        rocketchat: workspace
            .rocketchat
            .as_ref()
            .map(|it| it.address().to_string()),
        process: &process,
        token: workspace.desk.token.as_str(),
        now: workspace.backend.now(),
        database_now: workspace.backend.database_now(),
        timezone: &workspace.timezone,
    })
}

/// Where the page of a workspace is. Names have no letters that an address could not hold.
fn path_of(name: Option<&str>) -> String {
    match name {
        Some(name) => format!("/info/{name}"),
        None => "/info".to_owned(),
    }
}

fn not_found() -> Response {
    response::text(StatusCode::NOT_FOUND, "Not found.\n")
}
