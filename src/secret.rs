//! Texts that must never be seen: a connection string with its password.

use std::fmt;

use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// A connection string; shown without its user name and password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A message without any part of the secret that it may quote.
    pub fn redact(&self, message: &str) -> String {
        let mut message = message.replace(&self.0, &self.to_string());
        let Some(user_info) = self.user_info() else {
            return message;
        };
        message = message.replace(user_info, "...");
        if let Some((_, password)) = user_info.split_once(':') {
            let decoded = percent_decode_str(password).decode_utf8_lossy();
            for password in [password, &decoded] {
                if !password.is_empty() {
                    message = message.replace(password, "...");
                }
            }
        }
        message
    }

    /// What stands between `://` and the last `@` before the path.
    fn user_info(&self) -> Option<&str> {
        let (_, rest) = self.0.split_once("://")?;
        // An unencoded slash in a password ends the authority too early, so the last `@` of all is taken.
        let (user_info, _) = rest.rsplit_once('@')?;
        Some(user_info)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.user_info() {
            Some(user_info) => formatter.write_str(&self.0.replacen(user_info, "...", 1)),
            None => formatter.write_str(&self.0),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_without_user_name_and_password() {
        let secret = Secret::new("mongodb://me:p%40ss@db.example:27017/rocketchat");
        assert_eq!(
            secret.to_string(),
            "mongodb://...@db.example:27017/rocketchat"
        );
        assert_eq!(
            format!("{secret:?}"),
            "mongodb://...@db.example:27017/rocketchat"
        );
    }

    #[test]
    fn a_message_that_quotes_the_password_loses_it() {
        let secret = Secret::new("mongodb://me:p%40ss@db.example/");
        for message in ["bad p%40ss", "bad p@ss", "bad me:p%40ss"] {
            assert_eq!(secret.redact(message), "bad ...");
        }
    }
}
