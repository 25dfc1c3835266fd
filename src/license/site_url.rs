//! The address of a workspace as Rocket.Chat compares and shows it, and its match with those of a license.

use regex_lite::RegexBuilder;
use sha2::{Digest, Sha256};

/// The maximum size of a compiled pattern in bytes, which limits the time of a match.
const MAX_PATTERN_BYTES: usize = 32 * 1024;

/// The maximum length of a workspace's address in bytes; longer ones match nothing.
const MAX_SITE_BYTES: usize = 512;

/// An address in a license.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LicenseAddress {
    /// Literal text, in which `*` matches anything.
    Plain(String),
    /// A regular expression in which `*` matches anything and `.` is literal.
    Pattern(String),
    /// Its SHA-256 in hexadecimal.
    Hash(String),
}

/// Whether the address of a workspace matches every address of a license.
pub fn matches_all(addresses: &[LicenseAddress], site_url: &str) -> bool {
    workspace_url(site_url)
        .filter(|address| address.len() <= MAX_SITE_BYTES)
        .is_some_and(|address| addresses.iter().all(|known| known.matches(address)))
}

/// Host, port and path of the setting `Site_Url`: without its scheme, and without a slash at its end. `None` if nothing is
/// left.
pub fn workspace_url(site_url: &str) -> Option<&str> {
    let address = site_url.strip_suffix('/').unwrap_or(site_url);
    let stripped = address
        .strip_prefix("https://")
        .or_else(|| address.strip_prefix("http://"));
    Some(stripped.unwrap_or(address)).filter(|address| !address.is_empty())
}

/// The SHA-256 of a [`workspace_url`] in hexadecimal, by which an offline license names a workspace.
pub fn hashed_workspace_url(workspace_url: &str) -> String {
    hex::encode(Sha256::digest(workspace_url))
}

impl LicenseAddress {
    /// The text in the license.
    pub fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Pattern(text) | Self::Hash(text) => text,
        }
    }

    fn matches(&self, address: &str) -> bool {
        match self {
            Self::Plain(plain) if plain.contains('*') => matches_pattern(plain, address),
            Self::Plain(plain) => plain.to_lowercase() == address.to_lowercase(),
            Self::Pattern(pattern) => matches_pattern(pattern, address),
            Self::Hash(hash) => *hash == hashed_workspace_url(address),
        }
    }
}

/// An invalid pattern matches nothing.
fn matches_pattern(pattern: &str, address: &str) -> bool {
    let pattern = pattern.replace('.', "\\.").replace('*', ".*");
    RegexBuilder::new(&format!("^{pattern}$"))
        .case_insensitive(true)
        .size_limit(MAX_PATTERN_BYTES)
        .build()
        .is_ok_and(|pattern| pattern.is_match(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(address: LicenseAddress, site_url: &str) -> bool {
        matches_all(&[address], site_url)
    }

    #[test]
    fn plain_address_ignores_scheme_trailing_slash_and_case() {
        let plain = |text: &str| LicenseAddress::Plain(text.to_owned());
        for site_url in ["https://chat.example.com/", "http://Chat.Example.com"] {
            assert!(one(plain("chat.EXAMPLE.com"), site_url), "{site_url}");
        }
        assert!(!one(plain("chat.example.com"), "https://chatXexample.com"));
        assert!(!one(
            plain("chat.example.com"),
            "https://chat.example.com/path"
        ));
        assert!(!one(plain("chat.example.com"), ""));
    }

    #[test]
    fn star_matches_anything() {
        for star in [LicenseAddress::Plain, LicenseAddress::Pattern] {
            let star = star("*.example.com".to_owned());
            assert!(one(star.clone(), "https://chat.example.com"));
            assert!(one(star.clone(), "https://a.b.example.com"));
            assert!(!one(star, "https://example.org"));
        }
    }

    #[test]
    fn pattern_is_a_regex_and_an_invalid_one_matches_nothing() {
        let pattern = |text: &str| LicenseAddress::Pattern(text.to_owned());
        let address = "https://chat.example.com";
        assert!(one(pattern("(chat|talk).example.com"), address));
        assert!(one(pattern("CHAT.example.(com|org)(:[0-9]+)?"), address));
        assert!(!one(pattern("talk.example.com"), address));
        let huge = "(a{1000}){1000}".repeat(9);
        for odd in ["(", "(?=chat).*", "[z-a]", huge.as_str()] {
            assert!(!one(pattern(odd), address), "{odd}");
        }
    }

    #[test]
    fn hash_is_of_the_bare_address() {
        let hash = hex::encode(Sha256::digest("chat.example.com"));
        assert_eq!(hash.len(), 64);
        assert!(one(
            LicenseAddress::Hash(hash.clone()),
            "https://chat.example.com/"
        ));
        assert!(!one(LicenseAddress::Hash(hash), "https://talk.example.com"));
        assert!(!one(
            LicenseAddress::Hash("00".to_owned()),
            "https://chat.example.com"
        ));
    }

    #[test]
    fn workspace_url_has_no_scheme_and_no_slash_at_its_end() {
        for (site_url, expected) in [
            ("https://chat.example.com/", Some("chat.example.com")),
            (
                "http://example.com:3000/chat",
                Some("example.com:3000/chat"),
            ),
            ("HTTPS://chat.example.com", Some("HTTPS://chat.example.com")),
            ("chat.example.com//", Some("chat.example.com/")),
            ("", None),
        ] {
            assert_eq!(workspace_url(site_url), expected);
        }
    }

    #[test]
    fn every_address_has_to_match() {
        let both = ["chat.*", "*.org"].map(|pattern| LicenseAddress::Pattern(pattern.to_owned()));
        assert!(matches_all(&both, "https://chat.example.org"));
        assert!(!matches_all(&both, "https://chat.example.com"));
        assert!(matches_all(&[], "https://chat.example.com"));
    }
}
