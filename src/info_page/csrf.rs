//! CSRF protection: a form must be same-origin and carry the token of this process.

use std::borrow::Cow;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use ring::rand::SystemRandom;
use subtle::ConstantTimeEq;

use crate::http::form::Form;
use crate::http::host_header::is_same_origin;
use crate::http::response::{self, Response};

/// The token that each form carries.
#[derive(Debug)]
pub struct CsrfToken(Option<String>);

impl Default for CsrfToken {
    fn default() -> Self {
        let random: Result<ring::rand::Random<[u8; 16]>, _> =
            ring::rand::generate(&SystemRandom::new());
        // Without random numbers no form is accepted.
        Self(random.ok().map(|bytes| hex::encode(bytes.expose())))
    }
}

impl CsrfToken {
    /// The token's text; empty without random numbers.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    fn is_in(&self, request: &Request<Incoming>) -> bool {
        field(request, "token").is_some_and(|sent| self.matches(&sent))
    }

    /// Whether a text is the token, compared in constant time.
    fn matches(&self, text: &str) -> bool {
        let token = self.0.as_deref();
        token.is_some_and(|token| token.as_bytes().ct_eq(text.as_bytes()).into())
    }
}

/// The response to a request that the page itself did not send; `None` when it did.
pub fn rejection(request: &Request<Incoming>, token: &CsrfToken) -> Option<Response> {
    if is_same_origin(request) && token.is_in(request) {
        return None;
    }
    Some(response::text(
        StatusCode::FORBIDDEN,
        "The request does not come from the page as it is now; load the page again.\n",
    ))
}

/// A field of the form in a request.
pub fn field<'a>(request: &'a Request<Incoming>, name: &str) -> Option<Cow<'a, str>> {
    let form = request.extensions().get::<Form>()?;
    let mut fields = form_urlencoded::parse(&form.0);
    fields.find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_complete_token_matches() {
        let token = CsrfToken::default();
        let text = token.as_str().to_owned();
        assert_eq!(text.len(), 32);
        assert!(token.matches(&text));
        for other in [
            String::new(),
            text[..31].to_owned(),
            format!("{text}0"),
            text.to_uppercase() + "x",
            "0".repeat(32),
        ] {
            assert!(!token.matches(&other), "{other}");
        }
        assert!(
            !CsrfToken(None).matches(""),
            "without random numbers nothing matches"
        );
    }
}
