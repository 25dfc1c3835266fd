//! Who sends a request: the credentials that it carries, and the account that they belong to.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::HeaderName;
use hyper::{Request, header};

use super::parameters::Parameters;
use super::{Credentials, Login, Unavailable, Workspace};
use crate::statistics::Version;

const USER_ID: HeaderName = HeaderName::from_static("x-user-id");
const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// From this version on an account without a user name is as good as none.
const NEEDS_USERNAME: Version = Version::new(8, 0, 0);

/// The account that the request's credentials belong to.
///
/// As in Rocket.Chat an OAuth access token goes before the two headers, which count where it is not valid; and the one
/// in the header goes before the one in the address.
pub async fn find(
    workspace: &Workspace,
    request: &Request<Incoming>,
    parameters: &Parameters,
) -> Result<Option<Login>, Unavailable> {
    let login = by_credentials(workspace, request, parameters).await?;
    Ok(login.filter(|login| login.has_username || workspace.version() < NEEDS_USERNAME))
}

async fn by_credentials(
    workspace: &Workspace,
    request: &Request<Incoming>,
    parameters: &Parameters,
) -> Result<Option<Login>, Unavailable> {
    let access_token = bearer(request).or_else(|| parameters.once("access_token"));
    if let Some(access_token) = access_token {
        let credentials = Credentials::Grant { access_token };
        let login = workspace.backend.log_in(credentials).await?;
        if login.is_some() {
            return Ok(login);
        }
    }
    match (once(request, &USER_ID), once(request, &TOKEN)) {
        (Some(user_id), Some(token)) => {
            workspace
                .backend
                .log_in(Credentials::Login { user_id, token })
                .await
        }
        _ => Ok(None),
    }
}

/// As Rocket.Chat does where somebody is refused, so that trying many tokens takes long.
pub async fn delay() {
    tokio::time::sleep(Duration::from_millis(fastrand::u64(500..1000))).await;
}

fn bearer(request: &Request<Incoming>) -> Option<&str> {
    let (scheme, token) = once(request, &header::AUTHORIZATION)?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// A header, when it is there once and is text.
fn once<'a>(request: &'a Request<Incoming>, name: &HeaderName) -> Option<&'a str> {
    let mut values = request.headers().get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().filter(|text| !text.is_empty()),
        _ => None,
    }
}
