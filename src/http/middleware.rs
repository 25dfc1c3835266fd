//! What stands before every answer: the limit of requests, the users of the web configuration, its headers, and the
//! number of scrapes that are under way at once.

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

/// The longest body of a request, and the longest form.
const LONGEST_BODY: usize = 64 * 1024;

/// The longest form that is kept, unless it may hold a license: that of a button, which has one field.
const LONGEST_FORM: usize = 256;

/// How long a request's body may take.
const BODY: Duration = Duration::from_secs(10);

/// Lets requests through, or not.
#[derive(Debug)]
pub struct Gate {
    web_config: Option<ReloadableWebConfig>,
    /// Places of scrapes; `None` when any number may be under way.
    scrapes: Option<Semaphore>,
}

impl Gate {
    /// A gate that lets so many scrapes through at once, or all where it is 0.
    pub fn new(web_config: Option<ReloadableWebConfig>, most_scrapes: usize) -> Self {
        Self {
            web_config,
            scrapes: (most_scrapes > 0).then(|| Semaphore::new(most_scrapes)),
        }
    }

    /// The web configuration.
    pub fn web_config(&self) -> Option<&ReloadableWebConfig> {
        self.web_config.as_ref()
    }

    /// The answer to a request, which is counted.
    pub async fn answer(
        &self,
        app: &App,
        request: &mut Request<Incoming>,
        caller: &Caller,
    ) -> Response {
        let begun = Instant::now();
        let (handler, mut response) = match host_header::check(request) {
            Ok(()) => self.look_at(app, request, caller).await,
            Err(problem) => {
                let refusal = response::text(StatusCode::BAD_REQUEST, problem);
                (Handler::Refused, refusal)
            }
        };
        app.counters.count(handler, &mut response, begun.elapsed());
        response
    }

    async fn look_at(
        &self,
        app: &App,
        request: &mut Request<Incoming>,
        caller: &Caller,
    ) -> (Handler, Response) {
        let Some(live) = &self.web_config else {
            return self.let_through(app, request, caller).await;
        };
        let config = live.current().await;
        if let Some(bucket) = &config.bucket
            && !bucket.take(Instant::now())
        {
            let refusal = response::text(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests\n");
            return (Handler::Refused, refusal);
        }
        let (handler, mut response) = if may_pass(live, &config, request, caller).await {
            self.let_through(app, request, caller).await
        } else {
            (Handler::Refused, unauthorized())
        };
        for (name, value) in &config.headers {
            response.headers_mut().insert(name, value.clone());
        }
        (handler, response)
    }

    async fn let_through(
        &self,
        app: &App,
        request: &mut Request<Incoming>,
        caller: &Caller,
    ) -> (Handler, Response) {
        if !request.body().is_end_stream() {
            let longest = if router::takes_license(app, request.uri().path()) {
                LONGEST_BODY
            } else {
                LONGEST_FORM
            };
            match read_body(request.body_mut(), longest).await {
                Ok(form) => request.extensions_mut().insert(form),
                Err((status, text)) => return (Handler::Refused, response::text(status, text)),
            };
        }
        let is_scrape = is_scrape(app, request);
        // A scrape is under way until its body is made. How fast a client takes it is the connection's business.
        let _scrape = match self.scrapes.as_ref().filter(|_| is_scrape) {
            None => None,
            Some(scrapes) => {
                let Ok(scrape) = scrapes.try_acquire() else {
                    let refusal = response::text(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "Limit of concurrent requests reached, try again later.\n",
                    );
                    return (Handler::Refused, refusal);
                };
                Some(scrape)
            }
        };
        let _admitted = if endpoint::has_own_login(request.uri().path()) {
            // Who sent it is found out on the way.
            request.extensions_mut().insert(caller.clone());
            None
        } else {
            Some(caller.connection.admit())
        };
        router::answer(app, request, caller.address).await
    }
}

fn is_scrape(app: &App, request: &Request<Incoming>) -> bool {
    let path = request.uri().path();
    path == app.telemetry_path || path == "/probe"
}

/// Whether the web configuration lets somebody pass. What asks for the workspace's own login is not its business.
async fn may_pass(
    live: &ReloadableWebConfig,
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
            live.admits(config, &name, &password, network).await
        }
        None => false,
    }
}

/// Name and password of HTTP's basic authentication.
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

/// Why a body is not taken: the status and the text of the answer.
type Refusal = (StatusCode, &'static str);

/// Reads a body whole, and keeps it where it is a form of at most so many bytes. It is refused where it is long, takes long,
/// or is not whole: nothing is done then.
async fn read_body(body: &mut Incoming, longest_form: usize) -> Result<Form, Refusal> {
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
            if length > LONGEST_BODY {
                let text = "The body of the request is too long.\n";
                return Err((StatusCode::PAYLOAD_TOO_LARGE, text));
            }
            if length <= longest_form {
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
    timeout(BODY, reading).await.map_err(late)?
}
