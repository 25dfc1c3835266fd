//! Applies a license in Rocket.Chat: it is pasted, reviewed, validated by Rocket.Chat from 8.7 on, and sent with the login of
//! an administrator, which is used for one request. Each step is a page, and only the license is passed from one to the next.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::{Request, StatusCode, header};

use super::growth::GrowthStatus;
use super::page::apply_license::{
    ApplyStep, PastedLicense, ReviewResult, TOO_OLD_TO_VALIDATE, page as apply_page,
};
use super::{csrf, with_page};
use crate::http::api::login_limiter::LoginRefusal;
use crate::http::response::{self, Response};
use crate::http::{App, ServedWorkspace, Unavailable};
use crate::rocketchat_client::{
    AdminLogin, InvalidLogin, LicenseRequest, LicenseRequestError, LicenseVerdict, RocketChatClient,
};

/// The path below the Info page where a license is pasted and reviewed.
pub const PAGE: &str = "license";

/// The path where Rocket.Chat validates it.
pub const VALIDATE: &str = "license/validate";

/// The path where it is applied.
pub const APPLY: &str = "license/apply";

/// The form to paste a license.
pub fn form(app: &App, workspace: &ServedWorkspace, name: Option<&str>) -> Response {
    if let Err(reason) = client(workspace) {
        return reason.respond();
    }
    draw(
        app,
        workspace,
        name,
        StatusCode::OK,
        &ApplyStep::Paste(None),
    )
}

/// Shows the content of a pasted license before it is sent anywhere.
pub async fn review(
    app: &App,
    request: &Request<Incoming>,
    workspace: &ServedWorkspace,
    name: Option<&str>,
) -> Response {
    if let Err(reason) = client(workspace) {
        return reason.respond();
    }
    if let Some(rejection) = csrf::rejection(request, &workspace.info_page.token) {
        return rejection;
    }
    match pasted(request, workspace).await {
        Ok(pasted) => {
            let step = ApplyStep::Review(&pasted, ReviewResult::Unsent);
            draw(app, workspace, name, StatusCode::OK, &step)
        }
        Err(complaint) => complain(app, workspace, name, complaint),
    }
}

/// Sends a license to Rocket.Chat, which validates it for the review or applies it.
pub async fn send(
    app: &App,
    request: &Request<Incoming>,
    caller: IpAddr,
    workspace: &Arc<ServedWorkspace>,
    name: Option<&str>,
    purpose: LicenseRequest,
) -> Response {
    let rocketchat = match client(workspace) {
        Ok(rocketchat) => rocketchat,
        Err(reason) => return reason.respond(),
    };
    if let Some(rejection) = csrf::rejection(request, &workspace.info_page.token) {
        return rejection;
    }
    let pasted = match pasted(request, workspace).await {
        Ok(pasted) => pasted,
        Err(complaint) => return complain(app, workspace, name, complaint),
    };
    if !purpose.exists_in(workspace.version()) {
        let step = ApplyStep::Review(&pasted, ReviewResult::Failed(TOO_OLD_TO_VALIDATE));
        return draw(app, workspace, name, StatusCode::NOT_FOUND, &step);
    }
    let login =
        ["user_id", "auth_token"].map(|name| csrf::field(request, name).unwrap_or_default());
    let [user_id, token] = &login;
    let outcome = match AdminLogin::new(user_id, token) {
        Ok(login) => {
            send_as(
                &login,
                rocketchat,
                workspace,
                caller,
                purpose,
                &pasted.license,
            )
            .await
        }
        Err(InvalidLogin) => Err(LicenseRequestError::InvalidLogin),
    };
    log(name, rocketchat, purpose, &outcome);
    match outcome {
        Ok(None) => draw(app, workspace, name, StatusCode::OK, &ApplyStep::Accepted),
        Ok(Some(verdict)) => {
            let step = ApplyStep::Review(&pasted, ReviewResult::Verdict(&verdict));
            draw(app, workspace, name, StatusCode::OK, &step)
        }
        Err(error) => {
            let status = match error {
                LicenseRequestError::InvalidLogin => StatusCode::BAD_REQUEST,
                LicenseRequestError::Busy | LicenseRequestError::TooManyFailures { .. } => {
                    StatusCode::TOO_MANY_REQUESTS
                }
                LicenseRequestError::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
                _ => StatusCode::BAD_GATEWAY,
            };
            let text = error.to_string();
            let step = ApplyStep::Review(&pasted, ReviewResult::Failed(&text));
            let mut response = draw(app, workspace, name, status, &step);
            if let LicenseRequestError::TooManyFailures { seconds } = error {
                let headers = response.headers_mut();
                headers.insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
    }
}

/// Sends a license with a login unless too many logins failed: the exporter must not help to guess tokens. Returns the
/// verdict on a license to validate, and `None` for one that was applied.
async fn send_as(
    login: &AdminLogin,
    rocketchat: &RocketChatClient,
    workspace: &ServedWorkspace,
    caller: IpAddr,
    purpose: LicenseRequest,
    license: &str,
) -> Result<Option<LicenseVerdict>, LicenseRequestError> {
    let credentials = [login.user_id(), login.token()];
    let attempt = workspace
        .info_page
        .login_limiter
        .begin(caller, &credentials, Instant::now())
        .map_err(|refusal| match refusal {
            LoginRefusal::TooManyFailures(wait) => LicenseRequestError::TooManyFailures {
                seconds: wait.as_secs() + 1,
            },
            LoginRefusal::TooManyConcurrent => LicenseRequestError::Busy,
        })?;
    let outcome = match purpose {
        LicenseRequest::Apply => rocketchat.add_license(login, license).await.map(|()| None),
        LicenseRequest::Validate => rocketchat.validate_license(login, license).await.map(Some),
    };
    match &outcome {
        Ok(_) => attempt.succeeded(Instant::now()),
        Err(error) if error.may_be_login() => attempt.failed(),
        Err(_) => attempt.unchecked(),
    }
    outcome
}

/// Logs the outcome. Rocket.Chat records the user.
fn log(
    name: Option<&str>,
    rocketchat: &RocketChatClient,
    purpose: LicenseRequest,
    outcome: &Result<Option<LicenseVerdict>, LicenseRequestError>,
) {
    let address = rocketchat.url();
    match (outcome, purpose) {
        (Ok(None), _) => {
            tracing::info!(workspace = name, %address, "Rocket.Chat accepted a license");
        }
        (Ok(Some(verdict)), _) => {
            let valid = *verdict == LicenseVerdict::Valid;
            tracing::info!(workspace = name, %address, valid, "Rocket.Chat validated a license");
        }
        (Err(reason), LicenseRequest::Apply) => {
            tracing::warn!(workspace = name, %address, %reason, "Rocket.Chat did not accept a license");
        }
        (Err(reason), LicenseRequest::Validate) => {
            tracing::warn!(workspace = name, %address, %reason, "Rocket.Chat did not validate a license");
        }
    }
}

/// Why no license can be applied.
enum NotOffered {
    SwitchedOff,
    NotRead,
}

impl NotOffered {
    fn respond(&self) -> Response {
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

/// The client of Rocket.Chat's API, where applying licenses is enabled and the database can be read.
fn client(workspace: &ServedWorkspace) -> Result<&RocketChatClient, NotOffered> {
    let rocketchat = workspace.rocketchat.as_ref();
    let rocketchat = rocketchat.ok_or(NotOffered::SwitchedOff)?;
    let is_up = workspace.is_up();
    is_up.then_some(rocketchat).ok_or(NotOffered::NotRead)
}

/// The license in a form, on one line: mail programs break it into several.
async fn pasted(
    request: &Request<Incoming>,
    workspace: &ServedWorkspace,
) -> Result<PastedLicense, (StatusCode, &'static str)> {
    let license = csrf::field(request, "license").unwrap_or_default();
    let license: String = license.split_whitespace().collect();
    let held = workspace.backend.evaluate_license(&license).await;
    let held = held.map_err(|Unavailable| {
        let busy = "Other licenses are being read at this moment; try again.";
        (StatusCode::SERVICE_UNAVAILABLE, busy)
    })?;
    held.ok_or("There is no license in it: paste its whole text.")
        .and_then(|held| PastedLicense::new(license, held))
        .map_err(|complaint| (StatusCode::BAD_REQUEST, complaint))
}

fn complain(
    app: &App,
    workspace: &ServedWorkspace,
    name: Option<&str>,
    (status, complaint): (StatusCode, &'static str),
) -> Response {
    let step = ApplyStep::Paste(Some(complaint));
    draw(app, workspace, name, status, &step)
}

fn draw(
    app: &App,
    workspace: &ServedWorkspace,
    name: Option<&str>,
    status: StatusCode,
    step: &ApplyStep<'_>,
) -> Response {
    let body = with_page(app, workspace, name, &GrowthStatus::NotNeeded, |page| {
        apply_page(page, step)
    });
    // Not compressed: the length would leak similarities of the license with text that an attacker adds (BREACH).
    let mut response = response::rich_html(body.into_bytes());
    *response.status_mut() = status;
    response
}
