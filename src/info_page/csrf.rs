//! Who pressed a button: only the page itself may, as it is now, and no page of anybody else.

use std::borrow::Cow;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use ring::rand::SystemRandom;
use subtle::ConstantTimeEq;

use crate::http::form::Form;
use crate::http::host_header::is_same_origin;
use crate::http::response::{self, Response};

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
        field(request, "token").is_some_and(|sent| self.is(&sent))
    }

    /// Whether a text is the token. The time that this takes does not tell where the two begin to differ.
    fn is(&self, text: &str) -> bool {
        let token = self.0.as_deref();
        token.is_some_and(|token| token.as_bytes().ct_eq(text.as_bytes()).into())
    }
}

/// The answer to a request that the page itself did not send; `None` when it did.
pub fn refusal(request: &Request<Incoming>, token: &Token) -> Option<Response> {
    if is_same_origin(request) && token.is_sent_by(request) {
        return None;
    }
    Some(response::text(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        let token = Token::default();
        let text = token.as_str().to_owned();
        assert_eq!(text.len(), 32);
        assert!(token.is(&text));
        for other in [
            String::new(),
            text[..31].to_owned(),
            format!("{text}0"),
            text.to_uppercase() + "x",
            "0".repeat(32),
        ] {
            assert!(!token.is(&other), "{other}");
        }
        assert!(!Token(None).is(""), "without random numbers nothing passes");
    }
}
