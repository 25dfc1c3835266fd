//! Versions of Rocket.Chat, and ranges of them.

use std::fmt;
use std::str::FromStr;

/// A version of Rocket.Chat; a suffix such as `-develop` or `-rc.1` counts as the release it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u16,
    minor: u16,
    patch: u16,
}

impl Version {
    /// The newest version in the catalogue: assumed when a workspace's version is unknown, and imitated when it is later.
    ///
    /// What 9.1 changes is known from its release candidates only.
    pub const NEWEST: Self = Self::new(9, 1, 0);

    /// A version from its numbers.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// Its major and minor number.
    pub const fn line(self) -> (u16, u16) {
        (self.major, self.minor)
    }

    /// Whether the version belongs to a later release line than [`Self::NEWEST`].
    pub fn is_newer_than_known(self) -> bool {
        self.line() > Self::NEWEST.line()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// An invalid version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAVersion;

impl fmt::Display for NotAVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("expected a version of Rocket.Chat such as `7.10.2`")
    }
}

impl std::error::Error for NotAVersion {}

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let release = text.split(['-', '+']).next().unwrap_or(text);
        let mut numbers = release.split('.').map(str::parse);
        match (
            numbers.next(),
            numbers.next(),
            numbers.next(),
            numbers.next(),
        ) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => {
                Ok(Self::new(major, minor, patch))
            }
            (Some(Ok(major)), Some(Ok(minor)), None, None) => Ok(Self::new(major, minor, 0)),
            _ => Err(NotAVersion),
        }
    }
}

/// A version by its full name, which may have a suffix such as `-rc.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedVersion {
    /// Its name.
    pub name: String,
    /// Its numbers.
    pub number: Version,
}

impl FromStr for NamedVersion {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let number: Version = text.parse()?;
        let suffix = text.find(['-', '+']).map_or("", |start| &text[start..]);
        let is_printable = |char: char| char.is_ascii_alphanumeric() || "-+.".contains(char);
        if !suffix.chars().all(is_printable) {
            return Err(NotAVersion);
        }
        let name = format!("{number}{suffix}");
        Ok(Self { name, number })
    }
}

/// A range of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// The first version.
    pub first: Version,
    /// The first version after the range; `None` for an open range.
    pub end: Option<Version>,
}

impl Versions {
    /// The range from a version on.
    pub const fn since(major: u16, minor: u16, patch: u16) -> Self {
        Self {
            first: Version::new(major, minor, patch),
            end: None,
        }
    }

    /// Ends the range before a version.
    pub const fn until(self, major: u16, minor: u16, patch: u16) -> Self {
        Self {
            first: self.first,
            end: Some(Version::new(major, minor, patch)),
        }
    }

    /// Whether a version lies in the range.
    pub fn contains(self, version: Version) -> bool {
        self.first <= version && self.end.is_none_or(|end| version < end)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            None => write!(formatter, "{} and later", self.first),
            Some(end) => write!(formatter, "{} to before {end}", self.first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_parses_with_and_without_suffix() {
        assert_eq!("7.10.2".parse(), Ok(Version::new(7, 10, 2)));
        assert_eq!("6.14.0-develop".parse(), Ok(Version::new(6, 14, 0)));
        assert_eq!("0.61".parse(), Ok(Version::new(0, 61, 0)));
        assert_eq!("seven".parse::<Version>(), Err(NotAVersion));
        assert_eq!("1.2.3.4".parse::<Version>(), Err(NotAVersion));
    }

    #[test]
    fn name_keeps_the_suffix() {
        let named = |text: &str| text.parse::<NamedVersion>().map(|version| version.name);
        assert_eq!(named("7.10.2"), Ok("7.10.2".to_owned()));
        assert_eq!(named("6.14"), Ok("6.14.0".to_owned()));
        assert_eq!(named("9.0.0-rc.1+5"), Ok("9.0.0-rc.1+5".to_owned()));
        assert_eq!(named("9.0.0-\n"), Err(NotAVersion));
    }

    #[test]
    fn later_line_is_newer_than_known() {
        for (text, is_newer) in [
            ("8.9.4", false),
            ("9.1.0", false),
            ("9.1.7", false),
            ("9.2.0-rc.0", true),
            ("10.0.0", true),
        ] {
            let version: Version = text.parse().expect("it is a version");
            assert_eq!(version.is_newer_than_known(), is_newer, "{text}");
        }
    }

    #[test]
    fn range_excludes_its_end() {
        let range = Versions::since(3, 0, 0).until(3, 12, 0);
        assert!(range.contains(Version::new(3, 11, 9)));
        assert!(!range.contains(Version::new(3, 12, 0)));
    }
}
