//! Who pressed a button: only the page itself may, as it is now, and no page of anybody else.

use std::borrow::Cow;

use hyper::body::Incoming;
use hyper::{Request, StatusCode, header};
use ring::rand::SystemRandom;

use crate::http::gate::Form;
use crate::http::respond::{self, Response};

/// What the page must send along, so that no other page can press its button.
#[derive(Debug)]
pub struct Token(Option<String>);

impl Default for Token {
    fn default() -> Self {
        let random: Result<ring::rand::Random<[u8; 16]>, _> =
            ring::rand::generate(&SystemRandom::new());
        // Without random numbers nobody can press it.
        Self(random.ok().map(|it| hex::encode(it.expose())))
    }
}

impl Token {
    /// As it stands in the page.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    fn is_sent_by(&self, request: &Request<Incoming>) -> bool {
        let sent = field(request, "token");
        sent.is_some_and(|sent| self.0.as_deref() == Some(&*sent))
    }
}

/// The answer to a request that the page itself did not send; `None` when it did.
pub fn refusal(request: &Request<Incoming>, token: &Token) -> Option<Response> {
    if is_same_origin(request) && token.is_sent_by(request) {
        return None;
    }
    Some(respond::text(
        StatusCode::FORBIDDEN,
        "The request does not come from the page as it is now; load the page again.\n",
    ))
}

/// A field of the form that a request carries.
pub fn field<'a>(request: &'a Request<Incoming>, name: &str) -> Option<Cow<'a, str>> {
    let form = request.extensions().get::<Form>()?;
    let mut fields = form_urlencoded::parse(&form.0);
    fields.find_map(|(it, value)| (it == name).then_some(value))
}

/// Whether a browser says that a page of this server sent the request; what is no browser says nothing.
fn is_same_origin(request: &Request<Incoming>) -> bool {
    let text = |name: &str| request.headers().get(name).map(|it| it.to_str());
    match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some(site), _) => site.is_ok_and(|it| it == "same-origin"),
        (None, Some(origin)) => {
            let host = text(header::HOST.as_str()).and_then(Result::ok);
            let host = host.or_else(|| Some(request.uri().authority()?.as_str()));
            let origin = origin.ok().and_then(|it| it.split_once("://"));
            origin.is_some_and(|(_, it)| Some(it) == host)
        }
        (None, None) => true,
    }
}
