//! Texts that must never be seen: a connection string with its password.

use std::fmt;
use std::ops::Range;

use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// Options of a connection string whose values are secrets, in lowercase.
const SECRET_OPTIONS: [&str; 4] = [
    "authmechanismproperties",
    "proxypassword",
    "sslpass",
    "tlscertificatekeyfilepassword",
];

/// A connection string; shown without its user name, its password and other secrets.
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

    /// A message without any secret that it may quote. The user name alone is none, and often a word that the message
    /// has for other reasons: only a quoted connection string loses it.
    pub fn redact(&self, message: &str) -> String {
        let mut message = message.replace(&self.0, &self.to_string());
        let user_info = self.user_info();
        let user_info = &self.0[user_info];
        let mut secrets: Vec<&str> = self.option_values().map(|it| &self.0[it]).collect();
        if let Some((_, password)) = user_info.split_once(':') {
            message = message.replace(user_info, "...");
            secrets.push(password);
        } else if !user_info.is_empty() {
            message = message.replace(&format!("://{user_info}@"), "://...@");
        }
        for secret in secrets {
            let decoded = percent_decode_str(secret).decode_utf8_lossy();
            for secret in [secret, &decoded] {
                if !secret.is_empty() {
                    message = message.replace(secret, "...");
                }
            }
        }
        message
    }

    /// Where user name and password stand; empty where there are none.
    fn user_info(&self) -> Range<usize> {
        let Some(start) = self.0.find("://").map(|it| it + "://".len()) else {
            return 0..0;
        };
        let rest = &self.0[start..];
        let before_options = &rest[..options_in(rest).unwrap_or(rest.len())];
        // An unencoded slash in a password ends the authority too early, so the last `@` of all is taken.
        let end = before_options.rfind('@').or_else(|| rest.rfind('@'));
        start..start + end.unwrap_or(0)
    }

    /// Where the values of [`SECRET_OPTIONS`] stand.
    fn option_values(&self) -> impl Iterator<Item = Range<usize>> {
        let from = self.user_info().end;
        let options = options_in(&self.0[from..]).map_or(self.0.len(), |it| from + it + 1);
        let mut start = options;
        self.0[options..].split('&').filter_map(move |pair| {
            let range = start..start + pair.len();
            start = range.end + 1;
            let (name, value) = pair.split_once('=')?;
            let is_secret = SECRET_OPTIONS.contains(&name.to_lowercase().as_str());
            is_secret.then(|| range.end - value.len()..range.end)
        })
    }
}

/// Where the options begin: at a question mark that a name follows, for a password may have one, too.
fn options_in(text: &str) -> Option<usize> {
    text.match_indices('?').map(|(place, _)| place).find(|it| {
        let (name, _) = text[it + 1..].split_once('=').unwrap_or_default();
        !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric())
    })
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = 0;
        for hidden in std::iter::once(self.user_info()).chain(self.option_values()) {
            if !hidden.is_empty() {
                write!(formatter, "{}...", &self.0[shown..hidden.start])?;
                shown = hidden.end;
            }
        }
        formatter.write_str(&self.0[shown..])
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
        for (secret, shown) in [
            (
                "mongodb://me:p%40ss@db.example:27017/rocketchat",
                "mongodb://...@db.example:27017/rocketchat",
            ),
            // A user without a password, whose name stands elsewhere, too.
            (
                "mongodb://mongodb@db.mongodb/mongodb",
                "mongodb://...@db.mongodb/mongodb",
            ),
            ("mongodb://:@db/", "mongodb://...@db/"),
            (
                "mongodb://db.example/?appName=a",
                "mongodb://db.example/?appName=a",
            ),
            // Not encoded, as it should be.
            ("mongodb://me:p/w@x@db/rc", "mongodb://...@db/rc"),
            (
                "mongodb://me:p?w@db/rc?tls=true",
                "mongodb://...@db/rc?tls=true",
            ),
        ] {
            let secret = Secret::new(secret);
            assert_eq!(secret.to_string(), shown);
            assert_eq!(format!("{secret:?}"), shown);
        }
    }

    #[test]
    fn options_that_hold_secrets_are_shown_without_their_values() {
        let secret = Secret::new(
            "mongodb://me:pw@db/?tls=true&tlsCertificateKeyFilePassword=a@b&proxyPassword=c%40d&w=1",
        );
        assert_eq!(
            secret.to_string(),
            "mongodb://...@db/?tls=true&tlsCertificateKeyFilePassword=...&proxyPassword=...&w=1"
        );
        for message in ["bad a@b", "bad c%40d", "bad c@d"] {
            assert_eq!(secret.redact(message), "bad ...");
        }
    }

    #[test]
    fn a_message_that_quotes_the_password_loses_it() {
        let secret = Secret::new("mongodb://me:p%40ss@db.example/");
        for message in ["bad p%40ss", "bad p@ss", "bad me:p%40ss"] {
            assert_eq!(secret.redact(message), "bad ...");
        }
    }

    #[test]
    fn a_message_keeps_the_words_that_are_a_user_s_name() {
        let secret = Secret::new("mongodb://rocketchat@db.example/rocketchat");
        let message = "the database `rocketchat` of rocketchat@admin";
        assert_eq!(secret.redact(message), message);
        assert_eq!(
            secret.redact("cannot use mongodb://rocketchat@db.example/x"),
            "cannot use mongodb://...@db.example/x"
        );
    }
}
