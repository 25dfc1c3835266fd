//! Handles the endpoints of Rocket.Chat's API: login, rate limit, and the statistics document.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Request;
use hyper::body::Incoming;

use super::auth::{self, AuthError};
use super::endpoint::Endpoint;
use super::login_limiter::LoginRefusal;
use super::rate_limit::RateLimitStatus;
use super::statistics_list::{self, ListParameters};
use super::{document, errors, info};
use crate::collectors::RefreshScope;
use crate::document::{DocumentShape, StatisticsSource};
use crate::http::query_string::Parameters;
use crate::http::response::Response;
use crate::http::{AuthenticatedUser, ServedWorkspace, Unavailable, caller, content_negotiation};

/// Handles a request to an endpoint.
pub async fn handle(
    workspace: &Arc<ServedWorkspace>,
    request: &Request<Incoming>,
    endpoint: Endpoint,
    caller: IpAddr,
) -> Response {
    let response = try_handle(workspace, request, endpoint, caller).await;
    response.unwrap_or_else(|Unavailable| errors::unavailable())
}

async fn try_handle(
    workspace: &Arc<ServedWorkspace>,
    request: &Request<Incoming>,
    endpoint: Endpoint,
    caller: IpAddr,
) -> Result<Response, Unavailable> {
    let parameters = Parameters::of(request);
    let user = match auth::authenticate(workspace, request, &parameters, caller).await {
        Err(AuthError::Unavailable) if endpoint.needs_login() => return Err(Unavailable),
        Err(AuthError::Refused(refusal)) if endpoint.needs_login() => {
            return Ok(match refusal {
                LoginRefusal::TooManyFailures(wait) => errors::too_many_requests(wait),
                LoginRefusal::TooManyConcurrent => errors::busy("logins", Duration::from_secs(1)),
            });
        }
        Ok(None) if endpoint.needs_login() => {
            auth::delay().await;
            return Ok(errors::not_logged_in(workspace.version()));
        }
        user => user.ok().flatten(),
    };
    let _work = user.and_then(|_| caller::begin_work(request));
    let rate_limit = count_call(workspace, endpoint, caller, user).await;
    let snapshot = workspace.snapshots.borrow().clone();
    let mut response = match rate_limit.filter(|status| !status.is_allowed) {
        Some(status) => errors::too_many_requests(status.reset_in),
        None => match (endpoint, user) {
            (Endpoint::Statistics, Some(user)) => {
                statistics(workspace, request, &parameters, user).await?
            }
            (Endpoint::StatisticsList, Some(user)) => {
                let gzip = content_negotiation::wants_gzip(request.headers());
                let parameters = ListParameters::of(request.uri().query().unwrap_or_default());
                let list = statistics_list::handle(Arc::clone(workspace), parameters, gzip, user);
                // Completes even when the client disconnects: a cancelled query costs its connection to the database.
                tokio::spawn(list).await.unwrap_or(Err(Unavailable))?
            }
            (Endpoint::Version, user) => info::version(&snapshot, user)?,
            (Endpoint::Info, user) => info::details(&snapshot, user)?,
            (_, None) => errors::not_logged_in(workspace.version()),
        },
    };
    if let Some(status) = rate_limit {
        status.set_headers(&mut response);
    }
    Ok(response)
}

/// Counts a call; `None` where the caller's rate is not limited.
async fn count_call(
    workspace: &ServedWorkspace,
    endpoint: Endpoint,
    caller: IpAddr,
    user: Option<AuthenticatedUser>,
) -> Option<RateLimitStatus> {
    if user.is_some_and(|user| user.bypasses_rate_limit) {
        return None;
    }
    // Without a database there is nothing to protect.
    let limit = workspace.backend.api_settings().await.ok()?.rate?;
    Some(
        workspace
            .rate_limiter
            .count(caller, endpoint, limit, Instant::now()),
    )
}

async fn statistics(
    workspace: &ServedWorkspace,
    request: &Request<Incoming>,
    parameters: &Parameters,
    user: AuthenticatedUser,
) -> Result<Response, Unavailable> {
    if !user.may_view_statistics {
        return Ok(errors::not_allowed(workspace.version()));
    }
    let shape = match shape(parameters, workspace.shape) {
        Ok(shape) => shape,
        Err(text) => return Ok(errors::invalid_shape(text)),
    };
    // As in Rocket.Chat: the exact word, once.
    let (source, snapshot) = if parameters.once("refresh") == Some("true") {
        (
            StatisticsSource::Refresh,
            workspace.backend.refresh(RefreshScope::Document).await?,
        )
    } else {
        (
            StatisticsSource::Stored,
            workspace.snapshots.borrow().clone(),
        )
    };
    if snapshot.up() != Some(true) {
        return Err(Unavailable);
    }
    Ok(document::response(
        workspace, request, &snapshot, shape, source,
    ))
}

fn shape(parameters: &Parameters, default: DocumentShape) -> Result<DocumentShape, &str> {
    match parameters.first("shape") {
        None => Ok(default),
        Some("nested") => Ok(DocumentShape::Nested),
        Some("flat") => Ok(DocumentShape::Flat),
        Some("version") => Ok(DocumentShape::Version),
        Some(other) => Err(other),
    }
}
