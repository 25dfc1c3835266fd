//! Connection strings and URLs, whose passwords must never be shown.

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

/// A connection string. `Display` and `Debug` hide user name, password and other secrets.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Secret(String);

impl Secret {
    /// Wraps a connection string.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The connection string with its secrets.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Removes the secrets from a message that may quote them. The user name is often a common word, so it is removed only
    /// from a quoted connection string.
    pub fn redact(&self, message: &str) -> String {
        let mut message = message.replace(&self.0, &self.to_string());
        let user_info = self.user_info();
        let user_info = &self.0[user_info];
        let mut secrets: Vec<&str> = self.option_values().map(|range| &self.0[range]).collect();
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

    /// The range of user name and password; empty if there are none.
    fn user_info(&self) -> Range<usize> {
        let Some(start) = self.0.find("://").map(|index| index + "://".len()) else {
            return 0..0;
        };
        let rest = &self.0[start..];
        let before_options = &rest[..find_options(rest).unwrap_or(rest.len())];
        // A password may have an unencoded slash, so the last `@` counts.
        let end = before_options.rfind('@').or_else(|| rest.rfind('@'));
        start..start + end.unwrap_or(0)
    }

    /// The ranges of the values of [`SECRET_OPTIONS`].
    fn option_values(&self) -> impl Iterator<Item = Range<usize>> {
        let from = self.user_info().end;
        let options = find_options(&self.0[from..]).map_or(self.0.len(), |index| from + index + 1);
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

/// The index of the question mark before the options. A password may have one too, but no `name=` follows it.
fn find_options(text: &str) -> Option<usize> {
    text.match_indices('?')
        .map(|(index, _)| index)
        .find(|index| {
            let (name, _) = text[index + 1..].split_once('=').unwrap_or_default();
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
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
    fn user_name_and_password_are_hidden() {
        for (secret, shown) in [
            (
                "mongodb://me:p%40ss@db.example:27017/rocketchat",
                "mongodb://...@db.example:27017/rocketchat",
            ),
            // The user name occurs elsewhere too.
            (
                "mongodb://mongodb@db.mongodb/mongodb",
                "mongodb://...@db.mongodb/mongodb",
            ),
            ("mongodb://:@db/", "mongodb://...@db/"),
            (
                "mongodb://db.example/?appName=a",
                "mongodb://db.example/?appName=a",
            ),
            // Unencoded, which is invalid.
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
    fn values_of_secret_options_are_hidden() {
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
    fn password_is_removed_from_messages() {
        let secret = Secret::new("mongodb://me:p%40ss@db.example/");
        for message in ["bad p%40ss", "bad p@ss", "bad me:p%40ss"] {
            assert_eq!(secret.redact(message), "bad ...");
        }
    }

    #[test]
    fn user_name_alone_stays_in_messages() {
        let secret = Secret::new("mongodb://rocketchat@db.example/rocketchat");
        let message = "the database `rocketchat` of rocketchat@admin";
        assert_eq!(secret.redact(message), message);
        assert_eq!(
            secret.redact("cannot use mongodb://rocketchat@db.example/x"),
            "cannot use mongodb://...@db.example/x"
        );
    }
}
