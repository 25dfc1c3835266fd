//! Rocket.Chat's own endpoints, above all the statistics document, for the workspace's own users.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, StatusCode};

use super::auth::{self, NotChecked};
use super::endpoint::Endpoint;
use super::login_attempts::Refusal;
use super::rate_limit::Standing;
use super::{errors, info, statistics_list};
use crate::collectors::{Collector, Extent, SECTIONS, Snapshot};
use crate::document::{self, Asked, Shape};
use crate::exposition;
use crate::http::query_string::Parameters;
use crate::http::response::{self, Response};
use crate::http::{Login, Unavailable, Workspace, content_negotiation, middleware};

/// Names the collectors whose fields are missing in the document, because their newest reading failed.
const MISSING: HeaderName = HeaderName::from_static("x-rocketchat-exporter-missing");

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
    let _admitted = login.and_then(|_| middleware::admit(request));
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
            workspace.backend.refresh(Extent::Document).await?,
        )
    } else {
        (Asked::ForStored, workspace.snapshots.borrow().clone())
    };
    if snapshot.up() != Some(true) {
        return Err(Unavailable);
    }
    Ok(document(workspace, request, &snapshot, shape, asked))
}

/// The document; a header names what is missing in it.
pub fn document(
    workspace: &Workspace,
    request: &Request<Incoming>,
    snapshot: &Snapshot,
    shape: Shape,
    asked: Asked,
) -> Response {
    let body = document::render(snapshot, shape, asked, &workspace.timezone);
    let mut response = compressed(request, body);
    // A collector without fields leaves nothing out of the document.
    let has_fields = |collector: Collector| {
        SECTIONS
            .iter()
            .any(|it| it.collector() == collector && !it.fields().is_empty())
    };
    let missing: Vec<_> = snapshot
        .missing()
        .into_iter()
        .filter(|it| has_fields(*it))
        .map(Collector::name)
        .collect();
    if let (false, Ok(names)) = (
        missing.is_empty(),
        HeaderValue::from_str(&missing.join(", ")),
    ) {
        response.headers_mut().insert(MISSING, names);
    }
    response
}

/// A success, in the encoding that the client takes.
pub fn compressed(request: &Request<Incoming>, body: Vec<u8>) -> Response {
    compressed_as(request, body, |body| response::json(StatusCode::OK, body))
}

/// The same of another type.
pub fn compressed_as(
    request: &Request<Incoming>,
    body: Vec<u8>,
    respond: impl Fn(Vec<u8>) -> Response,
) -> Response {
    let gzip = content_negotiation::wants_gzip(request.headers());
    let body = if gzip { exposition::gzip(&body) } else { body };
    let mut response = respond(body);
    response::note_encoding(&mut response, gzip);
    response
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
