//! Authenticates requests by the credentials of a Rocket.Chat user.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{self, HeaderName};

use super::login_limiter::{Allowance, LoginAttempt, LoginLimiter, LoginLimits, LoginRefusal};
use crate::catalogue::Version;
use crate::http::query_string::Parameters;
use crate::http::{AuthenticatedUser, Credentials, ServedWorkspace, Unavailable};

const USER_ID: HeaderName = HeaderName::from_static("x-user-id");
const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// From this version on accounts without a user name are rejected.
const NEEDS_USERNAME: Version = Version::new(8, 0, 0);

/// Limits of failed logins. Tokens have 43 random characters and cannot be guessed; the limits protect the database, which
/// each login queries.
const LIMITS: LoginLimits = LoginLimits {
    per_network: Allowance {
        burst: 20,
        interval: Duration::from_secs(3),
    },
    total: Allowance {
        burst: 100,
        interval: Duration::from_millis(500),
    },
    // Logins share one connection to the database, so this limits how long the last one waits.
    max_concurrent: 32,
};

/// A limiter of logins to the API of one workspace.
pub fn login_limiter() -> Arc<LoginLimiter> {
    LoginLimiter::new("the API", LIMITS)
}

/// Why credentials were not checked.
#[derive(Debug, Clone, Copy)]
pub enum AuthError {
    /// The database cannot be queried.
    Unavailable,
    /// The login limiter refused the attempt.
    Refused(LoginRefusal),
}

/// The credentials of a request.
struct RequestCredentials {
    access_token: Option<String>,
    user_id_and_token: Option<(String, String)>,
}

/// Authenticates a request; `None` where its credentials are missing or wrong.
///
/// The login is checked to its end even when the client disconnects: a cancelled query costs its connection to the
/// database.
pub async fn authenticate(
    workspace: &Arc<ServedWorkspace>,
    request: &Request<Incoming>,
    parameters: &Parameters,
    caller: IpAddr,
) -> Result<Option<AuthenticatedUser>, AuthError> {
    let Some(credentials) = RequestCredentials::of(request, parameters) else {
        return Ok(None);
    };
    let attempt = workspace
        .login_limiter
        .begin(caller, &credentials.parts(), Instant::now())
        .map_err(AuthError::Refused)?;
    let checking = tokio::spawn(check(Arc::clone(workspace), credentials, attempt));
    // The task ends early only when it panics or the exporter stops.
    let user = checking.await.unwrap_or(Err(Unavailable));
    user.map_err(|Unavailable| AuthError::Unavailable)
}

async fn check(
    workspace: Arc<ServedWorkspace>,
    credentials: RequestCredentials,
    attempt: LoginAttempt,
) -> Result<Option<AuthenticatedUser>, Unavailable> {
    let user = credentials.find_user(&workspace).await?;
    let user = user.filter(|user| user.has_username || workspace.version() < NEEDS_USERNAME);
    if user.is_some() {
        attempt.succeeded(Instant::now());
    } else {
        attempt.failed();
    }
    Ok(user)
}

impl RequestCredentials {
    /// `None` when there are no credentials at all.
    fn of(request: &Request<Incoming>, parameters: &Parameters) -> Option<Self> {
        let access_token = bearer(request).or_else(|| parameters.once("access_token"));
        let user_id_and_token = once(request, &USER_ID).zip(once(request, &TOKEN));
        let credentials = Self {
            access_token: access_token.map(str::to_owned),
            user_id_and_token: user_id_and_token
                .map(|(id, token)| (id.to_owned(), token.to_owned())),
        };
        let is_any = credentials.access_token.is_some() || credentials.user_id_and_token.is_some();
        is_any.then_some(credentials)
    }

    /// The parts that identify the credentials.
    fn parts(&self) -> [&str; 3] {
        let login = self.user_id_and_token.as_ref();
        let (user_id, token) = login.map_or(("", ""), |(user_id, token)| (user_id, token));
        [
            self.access_token.as_deref().unwrap_or_default(),
            user_id,
            token,
        ]
    }

    /// As in Rocket.Chat, an OAuth access token takes precedence over `X-User-Id` and `X-Auth-Token`, which are tried when
    /// it is invalid; and the token in `Authorization` over the one in the query string.
    async fn find_user(
        &self,
        workspace: &ServedWorkspace,
    ) -> Result<Option<AuthenticatedUser>, Unavailable> {
        if let Some(access_token) = &self.access_token {
            let credentials = Credentials::OAuthToken { access_token };
            let user = workspace.backend.authenticate(credentials).await?;
            if user.is_some() {
                return Ok(user);
            }
        }
        match &self.user_id_and_token {
            Some((user_id, token)) => {
                let credentials = Credentials::LoginToken { user_id, token };
                workspace.backend.authenticate(credentials).await
            }
            None => Ok(None),
        }
    }
}

/// Delays a rejection as Rocket.Chat does, which slows down guessing.
pub async fn delay() {
    tokio::time::sleep(Duration::from_millis(fastrand::u64(500..1000))).await;
}

fn bearer(request: &Request<Incoming>) -> Option<&str> {
    let (scheme, token) = once(request, &header::AUTHORIZATION)?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The text of a header that occurs once.
fn once<'a>(request: &'a Request<Incoming>, name: &HeaderName) -> Option<&'a str> {
    let mut values = request.headers().get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().filter(|text| !text.is_empty()),
        _ => None,
    }
}
