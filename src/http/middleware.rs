//! What every request passes before it is routed: the web configuration's rate limit, users and headers, the limits of
//! request bodies, and the limit of concurrent scrapes.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::{Request, StatusCode, header};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::api::endpoint;
pub use super::caller::Caller;
use super::form::Form;
use super::request_metrics::Handler;
use super::response::{self, Response};
use super::{App, host_header, router};
use crate::network;
use crate::web_config::WebConfig;
use crate::web_config::reload::ReloadableWebConfig;

/// The longest request body, and the longest form that may hold a license.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The longest form elsewhere: that of a button, which has one field. A longer one is read and ignored.
const MAX_FORM_BYTES: usize = 256;

/// Time limit of reading a request body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Authorizes and limits requests, and passes them to the router.
#[derive(Debug)]
pub struct Middleware {
    web_config: Option<ReloadableWebConfig>,
    /// Permits of concurrent scrapes; `None` where they are not limited.
    scrapes: Option<Semaphore>,
}

impl Middleware {
    /// A middleware that allows so many concurrent scrapes; 0 means any number.
    pub fn new(web_config: Option<ReloadableWebConfig>, max_scrapes: usize) -> Self {
        Self {
            web_config,
            scrapes: (max_scrapes > 0).then(|| Semaphore::new(max_scrapes)),
        }
    }

    /// The web configuration.
    pub fn web_config(&self) -> Option<&ReloadableWebConfig> {
        self.web_config.as_ref()
    }

    /// Responds to a request whose head was complete at `begun`, and counts it.
    pub async fn handle(
        &self,
        app: &App,
        request: &mut Request<Incoming>,
        caller: &Caller,
        begun: Instant,
    ) -> Response {
        let (handler, mut response) = match host_header::check(request) {
            Ok(()) => self.authorize(app, request, caller, begun).await,
            Err(problem) => {
                let rejection = response::text(StatusCode::BAD_REQUEST, problem);
                (Handler::Refused, rejection)
            }
        };
        app.counters.count(handler, &mut response, begun.elapsed());
        response
    }

    async fn authorize(
        &self,
        app: &App,
        request: &mut Request<Incoming>,
        caller: &Caller,
        begun: Instant,
    ) -> (Handler, Response) {
        let Some(web_config) = &self.web_config else {
            return self.dispatch(app, request, caller, begun).await;
        };
        let config = web_config.current().await;
        if let Some(bucket) = &config.bucket
            && !bucket.try_take(begun)
        {
            let rejection = response::text(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests\n");
            return (Handler::Refused, rejection);
        }
        let (handler, mut response) = if is_authorized(web_config, &config, request, caller).await {
            self.dispatch(app, request, caller, begun).await
        } else {
            (Handler::Refused, unauthorized())
        };
        for (name, value) in &config.headers {
            response.headers_mut().insert(name, value.clone());
        }
        (handler, response)
    }

    async fn dispatch(
        &self,
        app: &App,
        request: &mut Request<Incoming>,
        caller: &Caller,
        begun: Instant,
    ) -> (Handler, Response) {
        if !request.body().is_end_stream() {
            let max_form = if router::accepts_license(app, request.uri().path()) {
                MAX_BODY_BYTES
            } else {
                MAX_FORM_BYTES
            };
            match read_body(request.body_mut(), max_form).await {
                Ok(form) => request.extensions_mut().insert(form),
                Err((status, text)) => return (Handler::Refused, response::text(status, text)),
            };
        }
        let is_scrape = is_scrape(app, request);
        // A scrape ends when its body is rendered; slow clients are limited by their connection.
        let _scrape = match self.scrapes.as_ref().filter(|_| is_scrape) {
            None => None,
            Some(scrapes) => {
                let Ok(scrape) = scrapes.try_acquire() else {
                    let rejection = response::text(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "Limit of concurrent requests reached, try again later.\n",
                    );
                    return (Handler::Refused, rejection);
                };
                Some(scrape)
            }
        };
        let _work = if endpoint::has_own_login(request.uri().path()) {
            // The endpoint authenticates the request, and begins the work then.
            request.extensions_mut().insert(caller.clone());
            None
        } else {
            Some(caller.connection.begin_work())
        };
        router::route(app, request, caller.address, begun).await
    }
}

fn is_scrape(app: &App, request: &Request<Incoming>) -> bool {
    let path = request.uri().path();
    path == app.telemetry_path || path == "/probe"
}

/// Whether the web configuration authorizes a request. Endpoints with Rocket.Chat's own login are exempt.
async fn is_authorized(
    web_config: &ReloadableWebConfig,
    config: &WebConfig,
    request: &Request<Incoming>,
    caller: &Caller,
) -> bool {
    if config.users.is_empty() || endpoint::has_own_login(request.uri().path()) {
        return true;
    }
    match credentials(request) {
        Some((name, password)) => {
            let network = network::of(caller.address);
            web_config
                .verify_user(config, &name, &password, network)
                .await
        }
        None => false,
    }
}

/// The user name and password of HTTP basic authentication.
fn credentials(request: &Request<Incoming>) -> Option<(String, String)> {
    let header = request
        .headers()
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

fn unauthorized() -> Response {
    let mut response = response::text(StatusCode::UNAUTHORIZED, "Unauthorized\n");
    response::set(&mut response, header::WWW_AUTHENTICATE, "Basic");
    response
}

/// Why a body is rejected: the status and the text of the response.
type BodyError = (StatusCode, &'static str);

/// Reads a body to its end. The form is empty when it is longer than `max_form`; a body that is too long, too slow or
/// truncated is rejected.
async fn read_body(body: &mut Incoming, max_form: usize) -> Result<Form, BodyError> {
    let reading = async {
        let mut form = Vec::new();
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| {
                let text = "The body of the request is malformed or ends too early.\n";
                (StatusCode::BAD_REQUEST, text)
            })?;
            let data = frame.data_ref().map_or(&[][..], |data| data);
            length += data.len();
            if length > MAX_BODY_BYTES {
                let text = "The body of the request is too long.\n";
                return Err((StatusCode::PAYLOAD_TOO_LARGE, text));
            }
            if length <= max_form {
                form.extend_from_slice(data);
            } else {
                form.clear();
            }
        }
        Ok(Form(form))
    };
    let late = |_| {
        let text = "The body of the request took too long.\n";
        (StatusCode::REQUEST_TIMEOUT, text)
    };
    timeout(BODY_TIMEOUT, reading).await.map_err(late)?
}
