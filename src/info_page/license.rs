//! A license on its way to Rocket.Chat: pasted, looked at, and handed over with the login of an administrator, which
//! is used for that one request. Each step is a page of its own, and only the license goes from one to the next.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::{Request, StatusCode, header};

use super::growth::Reading;
use super::page::apply_license::{Pasted, Step, page as apply_page};
use super::{csrf, show};
use crate::http::api::login_attempts::Refusal;
use crate::http::response::{self, Response};
use crate::http::{App, Unavailable, Workspace};
use crate::rocketchat_client::{Login, NotTaken, RocketChat};

/// Where a license is pasted and looked at, below the workspace's page.
pub const PAGE: &str = "license";

/// Where it is handed over.
pub const APPLY: &str = "license/apply";

/// The page to paste it.
pub fn form(app: &App, workspace: &Workspace, name: Option<&str>) -> Response {
    if let Err(refusal) = offered(workspace) {
        return refusal.answer();
    }
    draw(app, workspace, name, StatusCode::OK, &Step::Paste(None))
}

/// What a pasted license says, before it goes anywhere.
pub async fn review(
    app: &App,
    request: &Request<Incoming>,
    workspace: &Workspace,
    name: Option<&str>,
) -> Response {
    if let Err(refusal) = offered(workspace) {
        return refusal.answer();
    }
    if let Some(refusal) = csrf::refusal(request, &workspace.desk.token) {
        return refusal;
    }
    match pasted(request, workspace).await {
        Ok(pasted) => {
            let step = Step::Review(&pasted, None);
            draw(app, workspace, name, StatusCode::OK, &step)
        }
        Err(complaint) => complain(app, workspace, name, complaint),
    }
}

/// Hands it over.
pub async fn apply(
    app: &App,
    request: &Request<Incoming>,
    caller: IpAddr,
    workspace: &Arc<Workspace>,
    name: Option<&str>,
) -> Response {
    let rocketchat = match offered(workspace) {
        Ok(rocketchat) => rocketchat,
        Err(refusal) => return refusal.answer(),
    };
    if let Some(refusal) = csrf::refusal(request, &workspace.desk.token) {
        return refusal;
    }
    let pasted = match pasted(request, workspace).await {
        Ok(pasted) => pasted,
        Err(complaint) => return complain(app, workspace, name, complaint),
    };
    let login = ["user_id", "auth_token"].map(|it| csrf::field(request, it).unwrap_or_default());
    let [user_id, token] = &login;
    let outcome = match Login::new(user_id, token) {
        Ok(login) => hand_over(rocketchat, workspace, caller, &login, &pasted.license).await,
        Err(why) => Err(why),
    };
    note(name, rocketchat, &outcome);
    match outcome {
        Ok(()) => draw(app, workspace, name, StatusCode::OK, &Step::Taken),
        Err(why) => {
            let status = match why {
                NotTaken::Login => StatusCode::BAD_REQUEST,
                NotTaken::Busy | NotTaken::TooManyFailures { .. } => StatusCode::TOO_MANY_REQUESTS,
                NotTaken::Silent => StatusCode::GATEWAY_TIMEOUT,
                _ => StatusCode::BAD_GATEWAY,
            };
            let text = why.to_string();
            let step = Step::Review(&pasted, Some(&text));
            let mut response = draw(app, workspace, name, status, &step);
            if let NotTaken::TooManyFailures { seconds } = why {
                let headers = response.headers_mut();
                headers.insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
    }
}

/// Hands it over, unless too many logins were refused before: nobody is to guess tokens behind the exporter's address.
async fn hand_over(
    rocketchat: &RocketChat,
    workspace: &Workspace,
    caller: IpAddr,
    login: &Login<'_>,
    license: &str,
) -> Result<(), NotTaken> {
    let credentials = [login.user_id(), login.token()];
    let attempt = workspace
        .desk
        .logins
        .begin(caller, &credentials, Instant::now())
        .map_err(|refusal| match refusal {
            Refusal::TooManyFailures(wait) => NotTaken::TooManyFailures {
                seconds: wait.as_secs() + 1,
            },
            Refusal::TooManyUnderWay => NotTaken::Busy,
        })?;
    let outcome = rocketchat.add_license(login, license).await;
    match &outcome {
        Ok(()) => attempt.succeeded(Instant::now()),
        Err(why) if why.may_be_for_the_login() => attempt.failed(),
        Err(_) => attempt.was_not_checked(),
    }
    outcome
}

/// Who did it is in Rocket.Chat's own records.
fn note(name: Option<&str>, rocketchat: &RocketChat, outcome: &Result<(), NotTaken>) {
    let address = rocketchat.address();
    match outcome {
        Ok(()) => tracing::info!(workspace = name, %address, "Rocket.Chat took a license"),
        Err(reason) => {
            tracing::warn!(workspace = name, %address, %reason, "Rocket.Chat did not take a license");
        }
    }
}

/// Why no license is handed over.
enum NotOffered {
    SwitchedOff,
    NotRead,
}

impl NotOffered {
    fn answer(&self) -> Response {
        match self {
            Self::SwitchedOff => response::text(
                StatusCode::NOT_FOUND,
                "No license is applied from here; --web.enable-admin-api and --rocketchat.url switch it on.\n",
            ),
            Self::NotRead => response::text(
                StatusCode::SERVICE_UNAVAILABLE,
                "Nothing of the workspace's database is read, and a license is compared with it.\n",
            ),
        }
    }
}

/// Rocket.Chat, where licenses are handed over and the workspace is known.
fn offered(workspace: &Workspace) -> Result<&RocketChat, NotOffered> {
    let rocketchat = workspace.rocketchat.as_ref();
    let rocketchat = rocketchat.ok_or(NotOffered::SwitchedOff)?;
    let is_up = workspace.is_up();
    is_up.then_some(rocketchat).ok_or(NotOffered::NotRead)
}

/// The license that a request carries, in one line: mail programs break it into several.
async fn pasted(
    request: &Request<Incoming>,
    workspace: &Workspace,
) -> Result<Pasted, (StatusCode, &'static str)> {
    let license = csrf::field(request, "license").unwrap_or_default();
    let license: String = license.split_whitespace().collect();
    let held = workspace.backend.judge_license(&license).await;
    let held = held.map_err(|Unavailable| {
        let busy = "Other licenses are being read at this moment; try again.";
        (StatusCode::SERVICE_UNAVAILABLE, busy)
    })?;
    held.ok_or("There is no license in it: paste its whole text.")
        .and_then(|held| Pasted::of(license, held))
        .map_err(|complaint| (StatusCode::BAD_REQUEST, complaint))
}

fn complain(
    app: &App,
    workspace: &Workspace,
    name: Option<&str>,
    (status, complaint): (StatusCode, &'static str),
) -> Response {
    let step = Step::Paste(Some(complaint));
    draw(app, workspace, name, status, &step)
}

fn draw(
    app: &App,
    workspace: &Workspace,
    name: Option<&str>,
    status: StatusCode,
    step: &Step<'_>,
) -> Response {
    let body = show(app, workspace, name, &Reading::NotNeeded, |page| {
        apply_page(page, step)
    });
    // Not compressed: its length would tell how like the license is to what somebody else sent along.
    let mut response = response::rich_html(body.into_bytes());
    *response.status_mut() = status;
    response
}
