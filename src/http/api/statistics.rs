//! Rocket.Chat's own endpoints, above all the statistics document, for the workspace's own users.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Request;
use hyper::body::Incoming;

use super::auth::{self, NotChecked};
use super::endpoint::Endpoint;
use super::login_attempts::Refusal;
use super::rate_limit::Standing;
use super::{document, errors, info, statistics_list};
use crate::collectors::RefreshScope;
use crate::document::{Asked, Shape};
use crate::http::query_string::Parameters;
use crate::http::response::Response;
use crate::http::{Login, Unavailable, Workspace, caller, content_negotiation};

/// The answer of an endpoint to a caller.
pub async fn answer(
    workspace: &Arc<Workspace>,
    request: &Request<Incoming>,
    endpoint: Endpoint,
    caller: IpAddr,
) -> Response {
    let answer = answer_or_fail(workspace, request, endpoint, caller).await;
    answer.unwrap_or_else(|Unavailable| errors::unavailable())
}

async fn answer_or_fail(
    workspace: &Arc<Workspace>,
    request: &Request<Incoming>,
    endpoint: Endpoint,
    caller: IpAddr,
) -> Result<Response, Unavailable> {
    let parameters = Parameters::of(request);
    let login = match auth::find(workspace, request, &parameters, caller).await {
        Err(NotChecked::Unavailable) if endpoint.needs_login() => return Err(Unavailable),
        Err(NotChecked::Refused(refusal)) if endpoint.needs_login() => {
            return Ok(match refusal {
                Refusal::TooManyFailures(wait) => errors::too_many_requests(wait),
                Refusal::TooManyUnderWay => errors::busy("logins", Duration::from_secs(1)),
            });
        }
        Ok(None) if endpoint.needs_login() => {
            auth::delay().await;
            return Ok(errors::not_logged_in(workspace.version()));
        }
        login => login.ok().flatten(),
    };
    let _admitted = login.and_then(|_| caller::admit(request));
    let standing = standing(workspace, endpoint, caller, login).await;
    let snapshot = workspace.snapshots.borrow().clone();
    let mut response = match standing.filter(|standing| !standing.is_answered) {
        Some(standing) => errors::too_many_requests(standing.reset_in),
        None => match (endpoint, login) {
            (Endpoint::Statistics, Some(login)) => {
                statistics(workspace, request, &parameters, login).await?
            }
            (Endpoint::StatisticsList, Some(login)) => {
                let gzip = content_negotiation::wants_gzip(request.headers());
                let list = statistics_list::answer(Arc::clone(workspace), parameters, gzip, login);
                // Begun to its end even where the client goes away: a query that is given up costs its connection.
                tokio::spawn(list).await.unwrap_or(Err(Unavailable))?
            }
            (Endpoint::Version, login) => info::version(&snapshot, login)?,
            (Endpoint::Info, login) => info::details(&snapshot, login)?,
            (_, None) => errors::not_logged_in(workspace.version()),
        },
    };
    if let Some(standing) = standing {
        standing.note(&mut response);
    }
    Ok(response)
}

/// Where the caller stands, when the rate of their calls is limited.
async fn standing(
    workspace: &Workspace,
    endpoint: Endpoint,
    caller: IpAddr,
    login: Option<Login>,
) -> Option<Standing> {
    if login.is_some_and(|login| login.bypasses_rate_limit) {
        return None;
    }
    // Without the database there is nothing to protect.
    let limit = workspace.backend.limits().await.ok()?.rate?;
    Some(
        workspace
            .rates
            .count(caller, endpoint, limit, Instant::now()),
    )
}

async fn statistics(
    workspace: &Workspace,
    request: &Request<Incoming>,
    parameters: &Parameters,
    login: Login,
) -> Result<Response, Unavailable> {
    if !login.may_view_statistics {
        return Ok(errors::not_allowed(workspace.version()));
    }
    let shape = match shape(parameters, workspace.shape) {
        Ok(shape) => shape,
        Err(text) => return Ok(errors::invalid_shape(text)),
    };
    // Only the exact word counts, and only once.
    let (asked, snapshot) = if parameters.once("refresh") == Some("true") {
        (
            Asked::ForRefresh,
            workspace.backend.refresh(RefreshScope::Document).await?,
        )
    } else {
        (Asked::ForStored, workspace.snapshots.borrow().clone())
    };
    if snapshot.up() != Some(true) {
        return Err(Unavailable);
    }
    Ok(document::response(
        workspace, request, &snapshot, shape, asked,
    ))
}

fn shape(parameters: &Parameters, default: Shape) -> Result<Shape, &str> {
    match parameters.first("shape") {
        None => Ok(default),
        Some("nested") => Ok(Shape::Nested),
        Some("flat") => Ok(Shape::Flat),
        Some("version") => Ok(Shape::Version),
        Some(other) => Err(other),
    }
}
