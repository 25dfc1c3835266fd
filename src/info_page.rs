//! `/info`: the Info page, its downloads and its forms.
//!
//! The web configuration authorizes it like the metrics. It is rendered from the newest snapshot; only the growth is read
//! for it, at most every few minutes.

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

use growth::GrowthStatus;
use page::{Growth, Page, page};

use crate::catalogue::Timestamp;
use crate::document::StatisticsSource;
use crate::http::api::document;
use crate::http::request_metrics::Handler;
use crate::http::response::{self, Response};
use crate::http::{App, ServedWorkspace, ServedWorkspaces};
use crate::info_page::page::overview::{Overview, OverviewRow};
use crate::rocketchat_client::LicenseRequest;

/// The paths below a workspace's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PageRoute {
    Page,
    Download,
    Refresh,
    License,
    Validate,
    Apply,
}

/// Handles a request below `/info`.
pub async fn handle(app: &App, request: &Request<Incoming>, caller: IpAddr) -> (Handler, Response) {
    let targets = app.targets();
    let below = request.uri().path().strip_prefix("/info");
    let below = below.unwrap_or_default().trim_start_matches('/');
    match &targets.workspaces {
        ServedWorkspaces::Single(workspace) => {
            handle_workspace(app, request, caller, workspace, None, below).await
        }
        ServedWorkspaces::Named(_) if below.is_empty() => {
            let response = match *request.method() {
                Method::GET | Method::HEAD => overview(app, request),
                _ => response::wrong_method("GET, HEAD"),
            };
            (Handler::Page, response)
        }
        ServedWorkspaces::Named(workspaces) => {
            let (name, below) = below.split_once('/').unwrap_or((below, ""));
            match workspaces.get(name) {
                Some(workspace) => {
                    handle_workspace(app, request, caller, workspace, Some(name), below).await
                }
                None => (Handler::Page, not_found()),
            }
        }
    }
}

async fn handle_workspace(
    app: &App,
    request: &Request<Incoming>,
    caller: IpAddr,
    workspace: &Arc<ServedWorkspace>,
    name: Option<&str>,
    below: &str,
) -> (Handler, Response) {
    let route = match below {
        "" => PageRoute::Page,
        "statistics.json" => PageRoute::Download,
        "refresh" => PageRoute::Refresh,
        license::PAGE => PageRoute::License,
        license::VALIDATE => PageRoute::Validate,
        license::APPLY => PageRoute::Apply,
        _ => return (Handler::Page, not_found()),
    };
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    match route {
        PageRoute::Refresh | PageRoute::Validate | PageRoute::Apply
            if request.method() != Method::POST =>
        {
            (Handler::Page, response::wrong_method("POST"))
        }
        PageRoute::License if request.method() == Method::POST => {
            let response = license::review(app, request, workspace, name).await;
            (Handler::Page, response)
        }
        PageRoute::Validate | PageRoute::Apply => {
            let purpose = if route == PageRoute::Apply {
                LicenseRequest::Apply
            } else {
                LicenseRequest::Validate
            };
            let response = license::send(app, request, caller, workspace, name, purpose).await;
            (Handler::Page, response)
        }
        PageRoute::License if !is_read => {
            (Handler::Page, response::wrong_method("GET, HEAD, POST"))
        }
        PageRoute::License => (Handler::Page, license::form(app, workspace, name)),
        PageRoute::Refresh => {
            let response = refresh::handle(workspace, request, &path_of(name)).await;
            (Handler::Page, response)
        }
        _ if !is_read => (Handler::Page, response::wrong_method("GET, HEAD")),
        PageRoute::Page => {
            let growth = growth::status(workspace).await;
            let body = with_page(app, workspace, name, &growth, page);
            let response = response::compressed_as(request, body.into_bytes(), response::rich_html);
            (Handler::Page, response)
        }
        PageRoute::Download => (Handler::Download, download(request, workspace)),
    }
}

/// Whether a form that is posted to a path contains a license.
pub fn accepts_license(app: &App, path: &str) -> bool {
    let targets = app.targets();
    let below = path.strip_prefix("/info/").unwrap_or_default();
    let (workspace, below) = match &targets.workspaces {
        ServedWorkspaces::Single(workspace) => (Some(workspace), below),
        ServedWorkspaces::Named(workspaces) => match below.split_once('/') {
            Some((name, below)) => (workspaces.get(name), below),
            None => (None, below),
        },
    };
    [license::PAGE, license::VALIDATE, license::APPLY].contains(&below)
        && workspace.is_some_and(|workspace| workspace.rocketchat.is_some())
}

/// The statistics document, as the API returns it.
fn download(request: &Request<Incoming>, workspace: &ServedWorkspace) -> Response {
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
        StatisticsSource::Stored,
    );
    response::as_download(document, "statistics.json")
}

/// The table of several workspaces.
fn overview(app: &App, request: &Request<Incoming>) -> Response {
    let targets = app.targets();
    let ServedWorkspaces::Named(workspaces) = &targets.workspaces else {
        return not_found();
    };
    let rows = workspaces.iter().map(|(name, workspace)| {
        with_page(
            app,
            workspace,
            Some(name),
            &GrowthStatus::NotNeeded,
            OverviewRow::new,
        )
    });
    let host = targets
        .host
        .as_ref()
        .map(|snapshots| snapshots.borrow().clone());
    let overview = Overview {
        workspaces: rows.collect(),
        host: host.as_deref(),
        shard: app.shard,
        now: workspaces
            .values()
            .next()
            .map_or(Timestamp(0), |workspace| workspace.backend.now()),
    };
    response::compressed_as(request, overview.render().into_bytes(), response::rich_html)
}

/// Collects the data of a workspace's page, and renders it.
fn with_page<T>(
    app: &App,
    workspace: &ServedWorkspace,
    name: Option<&str>,
    growth: &GrowthStatus,
    render: impl Fn(&Page<'_>) -> T,
) -> T {
    let snapshot = workspace.snapshots.borrow().clone();
    let process = app.process.borrow().clone();
    // A copy, so that the lock is not held while rendering.
    let history = workspace
        .history
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    render(&Page {
        name,
        path: &path_of(name),
        snapshot: &snapshot,
        history: &history,
        growth: match growth {
            GrowthStatus::NotNeeded => Growth::Known(&[]),
            GrowthStatus::Loading => Growth::Loading,
            GrowthStatus::Done(Ok(points)) => Growth::Known(points),
            GrowthStatus::Done(Err(reason)) => Growth::Unavailable(reason),
        },
        refresh: refresh::status(&workspace.info_page.refreshing.borrow(), &snapshot),
        collectors: &workspace.collectors,
        database_address: &workspace.database_address,
        rocketchat: workspace
            .rocketchat
            .as_ref()
            .map(|client| client.url().to_string()),
        process: &process,
        token: workspace.info_page.token.as_str(),
        now: workspace.backend.now(),
        database_now: workspace.backend.database_now(),
        timezone: &workspace.timezone,
    })
}

/// The path of a workspace's page. Names need no percent-encoding.
fn path_of(name: Option<&str>) -> String {
    match name {
        Some(name) => format!("/info/{name}"),
        None => "/info".to_owned(),
    }
}

fn not_found() -> Response {
    response::text(StatusCode::NOT_FOUND, "Not found.\n")
}
