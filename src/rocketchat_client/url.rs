//! The URL of a Rocket.Chat server.

use std::fmt;
use std::sync::Arc;

use hyper::Uri;
use thiserror::Error;

/// The URL of Rocket.Chat: `http` or `https`, a host, and a path where Rocket.Chat is not at the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RocketChatUrl(Arc<ParsedUrl>);

#[derive(Debug, PartialEq, Eq)]
struct ParsedUrl {
    /// The URL without the trailing slash that it may have.
    text: String,
    uri: Uri,
}

/// Why a text is not such a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidRocketChatUrl {
    /// It is not an absolute URL with the scheme `http` or `https`.
    #[error("expected an address such as https://chat.example.com, with http or https")]
    NotHttp,
    /// It contains a user name. The message does not repeat it: there may be a password.
    #[error(
        "it must not contain a user name or password; they are entered when a license is applied, or stand in --rocketchat.token-file"
    )]
    HasCredentials,
    /// It has a query or a fragment.
    #[error("it must end with the host or the path, without `?` and `#`")]
    Tail,
}

impl RocketChatUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// When no request can be sent to it.
    pub fn parse(text: &str) -> Result<Self, InvalidRocketChatUrl> {
        let text = text.trim();
        let uri: Uri = text.parse().map_err(|_| InvalidRocketChatUrl::NotHttp)?;
        let authority = uri
            .authority()
            .ok_or(InvalidRocketChatUrl::NotHttp)?
            .as_str();
        if !matches!(uri.scheme_str(), Some("http" | "https")) || authority.is_empty() {
            return Err(InvalidRocketChatUrl::NotHttp);
        }
        if authority.contains('@') {
            return Err(InvalidRocketChatUrl::HasCredentials);
        }
        if text.contains(['?', '#']) {
            return Err(InvalidRocketChatUrl::Tail);
        }
        let text = text.trim_end_matches('/').to_owned();
        Ok(Self(Arc::new(ParsedUrl { text, uri })))
    }

    /// Whether the scheme is `https`.
    pub fn is_encrypted(&self) -> bool {
        self.0.uri.scheme_str() == Some("https")
    }

    /// The parsed URL.
    pub fn uri(&self) -> &Uri {
        &self.0.uri
    }

    /// The host, and the port where it is not the scheme's: the header `Host`.
    pub fn authority(&self) -> &str {
        self.0
            .uri
            .authority()
            .map_or("", |authority| authority.as_str())
    }

    /// The host's name or address, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        self.0
            .uri
            .host()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
    }

    /// The path of an endpoint of this server, which may not be at the root.
    pub fn path_of(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.0.uri.path().trim_end_matches('/'))
    }
}

impl fmt::Display for RocketChatUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_http_without_credentials_query_and_fragment() {
        for (text, expected) in [
            ("https://chat.example.com", "https://chat.example.com"),
            ("http://[::1]:3000/", "http://[::1]:3000"),
            (" https://example.com/chat/ ", "https://example.com/chat"),
        ] {
            assert_eq!(
                RocketChatUrl::parse(text).map(|url| url.to_string()),
                Ok(expected.to_owned())
            );
        }
        for (text, path) in [
            ("https://chat.example.com", "/api/info"),
            ("HTTPS://chat.example.com:8443/", "/api/info"),
            ("https://example.com/chat/", "/chat/api/info"),
        ] {
            let url = RocketChatUrl::parse(text).expect("the URL is valid");
            assert_eq!(url.path_of("/api/info"), path);
            assert!(url.is_encrypted(), "{text}");
        }
        for (text, error) in [
            ("", InvalidRocketChatUrl::NotHttp),
            ("chat.example.com", InvalidRocketChatUrl::NotHttp),
            ("/chat", InvalidRocketChatUrl::NotHttp),
            ("ftp://chat.example.com", InvalidRocketChatUrl::NotHttp),
            ("file:///etc/passwd", InvalidRocketChatUrl::NotHttp),
            ("javascript:alert(1)", InvalidRocketChatUrl::NotHttp),
            ("https://", InvalidRocketChatUrl::NotHttp),
            (
                "https://me:secret@chat.example.com",
                InvalidRocketChatUrl::HasCredentials,
            ),
            ("https://chat.example.com/?x=1", InvalidRocketChatUrl::Tail),
            ("https://chat.example.com/#x", InvalidRocketChatUrl::Tail),
        ] {
            assert_eq!(RocketChatUrl::parse(text), Err(error), "{text}");
        }
    }
}
