//! Whether a license was made for a workspace's address.

use regex_lite::RegexBuilder;
use sha2::{Digest, Sha256};

/// The most memory that a pattern may take, in bytes: to compare it with an address takes a time that grows with both.
const MAX_PATTERN_BYTES: usize = 32 * 1024;

/// The longest address of a workspace that suits anything, in bytes.
const MAX_SITE_BYTES: usize = 512;

/// An address that a license names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LicenseAddress {
    /// Itself; a star stands for anything.
    Plain(String),
    /// A pattern: a star stands for anything and a point for itself, everything else means what it means to JavaScript.
    Pattern(String),
    /// The SHA-256 of it, as hexadecimal digits.
    Hash(String),
}

/// Whether the address of a workspace suits all those that a license names.
pub fn suits(addresses: &[LicenseAddress], site_url: &str) -> bool {
    let address = without_scheme(site_url);
    (1..=MAX_SITE_BYTES).contains(&address.len())
        && addresses.iter().all(|known| known.suits(address))
}

/// Host, port and path, as licenses name them.
fn without_scheme(site_url: &str) -> &str {
    let address = site_url.strip_suffix('/').unwrap_or(site_url);
    let stripped = address
        .strip_prefix("https://")
        .or_else(|| address.strip_prefix("http://"));
    stripped.unwrap_or(address)
}

impl LicenseAddress {
    /// As it stands in the license.
    pub fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Pattern(text) | Self::Hash(text) => text,
        }
    }

    fn suits(&self, address: &str) -> bool {
        match self {
            Self::Plain(plain) if plain.contains('*') => matches_pattern(plain, address),
            Self::Plain(plain) => plain.to_lowercase() == address.to_lowercase(),
            Self::Pattern(pattern) => matches_pattern(pattern, address),
            Self::Hash(hash) => *hash == hex::encode(Sha256::digest(address)),
        }
    }
}

/// A pattern that cannot be read suits nothing.
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
        suits(&[address], site_url)
    }

    #[test]
    fn a_plain_address_is_compared_without_scheme_last_slash_and_case() {
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
    fn a_star_stands_for_anything() {
        for star in [LicenseAddress::Plain, LicenseAddress::Pattern] {
            let star = star("*.example.com".to_owned());
            assert!(one(star.clone(), "https://chat.example.com"));
            assert!(one(star.clone(), "https://a.b.example.com"));
            assert!(!one(star, "https://example.org"));
        }
    }

    #[test]
    fn a_pattern_may_be_more_than_a_star_and_an_odd_one_suits_nothing() {
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
    fn a_hash_is_that_of_the_bare_address() {
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
    fn every_named_address_has_to_suit() {
        let both = ["chat.*", "*.org"].map(|pattern| LicenseAddress::Pattern(pattern.to_owned()));
        assert!(suits(&both, "https://chat.example.org"));
        assert!(!suits(&both, "https://chat.example.com"));
        assert!(suits(&[], "https://chat.example.com"));
    }
}
