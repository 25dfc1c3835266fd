//! Who sends a request: the credentials that it carries, and the account that they belong to.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{self, HeaderName};

use super::login_attempts::{Allowance, Attempt, AttemptLimits, Attempts, Refusal};
use crate::catalogue::Version;
use crate::http::query_string::Parameters;
use crate::http::{Credentials, Login, Unavailable, Workspace};

const USER_ID: HeaderName = HeaderName::from_static("x-user-id");
const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// From this version on an account without a user name is as good as none.
const NEEDS_USERNAME: Version = Version::new(8, 0, 0);

/// How many logins may fail. Tokens have 43 random characters, so this is not about guessing one: each login is a few
/// queries.
const LIMITS: AttemptLimits = AttemptLimits {
    by_address: Allowance {
        burst: 20,
        interval: Duration::from_secs(3),
    },
    in_all: Allowance {
        burst: 100,
        interval: Duration::from_millis(500),
    },
    // They take turns on one connection to the database, so this bounds how long the last one waits.
    under_way: 32,
};

/// The attempts to log in to the API of one workspace.
pub fn attempts() -> Arc<Attempts> {
    Attempts::new("the API", LIMITS)
}

/// Why nobody is known to be logged in.
#[derive(Debug, Clone, Copy)]
pub enum NotChecked {
    /// The database could not be asked.
    Unavailable,
    /// The database was not asked.
    Refused(Refusal),
}

/// What a request carries.
struct Sent {
    access_token: Option<String>,
    user_id_and_token: Option<(String, String)>,
}

/// The account that the request's credentials belong to; `None` where it carries none, or wrong ones.
///
/// The login is checked to its end even where the client goes away: a query that is given up costs a connection to the
/// database.
pub async fn find(
    workspace: &Arc<Workspace>,
    request: &Request<Incoming>,
    parameters: &Parameters,
    caller: IpAddr,
) -> Result<Option<Login>, NotChecked> {
    let Some(sent) = Sent::of(request, parameters) else {
        return Ok(None);
    };
    let attempt = workspace
        .logins
        .begin(caller, &sent.parts(), Instant::now())
        .map_err(NotChecked::Refused)?;
    let checking = tokio::spawn(check(Arc::clone(workspace), sent, attempt));
    // The task ends early only when it panics or the exporter stops.
    let login = checking.await.unwrap_or(Err(Unavailable));
    login.map_err(|Unavailable| NotChecked::Unavailable)
}

async fn check(
    workspace: Arc<Workspace>,
    sent: Sent,
    attempt: Attempt,
) -> Result<Option<Login>, Unavailable> {
    let login = sent.find(&workspace).await?;
    let login = login.filter(|it| it.has_username || workspace.version() < NEEDS_USERNAME);
    if login.is_some() {
        attempt.succeeded(Instant::now());
    } else {
        attempt.failed();
    }
    Ok(login)
}

impl Sent {
    /// `None` when there are no credentials at all.
    fn of(request: &Request<Incoming>, parameters: &Parameters) -> Option<Self> {
        let access_token = bearer(request).or_else(|| parameters.once("access_token"));
        let user_id_and_token = once(request, &USER_ID).zip(once(request, &TOKEN));
        let sent = Self {
            access_token: access_token.map(str::to_owned),
            user_id_and_token: user_id_and_token
                .map(|(id, token)| (id.to_owned(), token.to_owned())),
        };
        (sent.access_token.is_some() || sent.user_id_and_token.is_some()).then_some(sent)
    }

    /// What tells these credentials from others.
    fn parts(&self) -> [&str; 3] {
        let login = self.user_id_and_token.as_ref();
        let (user_id, token) = login.map_or(("", ""), |(user_id, token)| (user_id, token));
        [
            self.access_token.as_deref().unwrap_or_default(),
            user_id,
            token,
        ]
    }

    /// As in Rocket.Chat an OAuth access token goes before the two headers, which count where it is not valid; and the
    /// one in the header goes before the one in the address.
    async fn find(&self, workspace: &Workspace) -> Result<Option<Login>, Unavailable> {
        if let Some(access_token) = &self.access_token {
            let credentials = Credentials::Grant { access_token };
            let login = workspace.backend.log_in(credentials).await?;
            if login.is_some() {
                return Ok(login);
            }
        }
        match &self.user_id_and_token {
            Some((user_id, token)) => {
                let credentials = Credentials::Login { user_id, token };
                workspace.backend.log_in(credentials).await
            }
            None => Ok(None),
        }
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
