//! The login of a request to Rocket.Chat's API.

use hyper::header::HeaderValue;
use thiserror::Error;

/// The login cannot be sent as headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the user ID or the token is empty or has invalid characters")]
pub struct InvalidLogin;

/// The login of an administrator, without surrounding whitespace. It has no `Debug`, because it must never be shown.
pub struct AdminLogin {
    user_id: String,
    token: String,
}

impl AdminLogin {
    /// A user ID, and a personal access token or login token, as they were entered.
    ///
    /// # Errors
    /// When they cannot be sent as headers.
    pub fn new(user_id: &str, token: &str) -> Result<Self, InvalidLogin> {
        let login = Self {
            user_id: user_id.trim().to_owned(),
            token: token.trim().to_owned(),
        };
        let is_sendable = |text: &str| !text.is_empty() && HeaderValue::from_str(text).is_ok();
        let can_be_sent = is_sendable(&login.user_id) && is_sendable(&login.token);
        can_be_sent.then_some(login).ok_or(InvalidLogin)
    }

    /// The user ID.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The headers of a request, which are never shown.
    pub fn headers(&self) -> [(&'static str, HeaderValue); 2] {
        [("X-User-Id", &self.user_id), ("X-Auth-Token", &self.token)].map(|(name, text)| {
            // `new` has checked both.
            let mut value =
                HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
            value.set_sensitive(true);
            (name, value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_is_trimmed() {
        let login = AdminLogin::new(" id\n", "\ttoken \n");
        let login = login.expect("the login is valid");
        assert_eq!((login.user_id(), login.token()), ("id", "token"));
    }

    #[test]
    fn headers_of_a_login_are_not_shown() {
        let login = AdminLogin::new("theId", "theToken");
        let login = login.expect("the login is valid");
        let headers = login.headers();
        assert_eq!(headers[1].1, "theToken");
        assert!(!format!("{headers:?}").contains("the"), "{headers:?}");
    }
}
