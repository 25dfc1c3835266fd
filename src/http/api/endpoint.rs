//! Parses paths of Rocket.Chat's API. As in Rocket.Chat, repeated leading slashes, one trailing slash and percent-encoding
//! are ignored.

use percent_encoding::percent_decode_str;

/// An endpoint of Rocket.Chat that is served here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `/api/v1/statistics`: the statistics document.
    Statistics,
    /// `/api/v1/statistics.list`: the stored documents.
    StatisticsList,
    /// `/api/info`: the version.
    Version,
    /// `/api/v1/info`: the version, and build details for privileged users.
    Info,
}

impl Endpoint {
    /// Whether the endpoint requires a login.
    pub fn needs_login(self) -> bool {
        matches!(self, Self::Statistics | Self::StatisticsList)
    }
}

/// A parsed path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiPath {
    /// A served endpoint.
    Endpoint(Endpoint),
    /// A path below `/api` that is not served.
    Unknown,
    /// A path outside Rocket.Chat's API.
    NotApi,
    /// A percent sign without two hexadecimal digits.
    Malformed,
}

/// The paths of all endpoints.
const ENDPOINTS: [(&str, Endpoint); 4] = [
    ("/api/v1/statistics", Endpoint::Statistics),
    ("/api/v1/statistics.list", Endpoint::StatisticsList),
    ("/api/info", Endpoint::Version),
    ("/api/v1/info", Endpoint::Info),
];

/// The paths of all endpoints, for error messages.
pub fn paths() -> String {
    ENDPOINTS.map(|(path, _)| path).join(", ")
}

/// Parses a path.
pub fn parse(path: &str) -> ApiPath {
    if !is_well_formed(path) {
        return ApiPath::Malformed;
    }
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let path = decoded.trim_start_matches('/');
    let name = path.strip_suffix('/').unwrap_or(path);
    let endpoint = ENDPOINTS
        .iter()
        .find(|(path, _)| path.strip_prefix('/') == Some(name));
    match endpoint {
        Some((_, endpoint)) => ApiPath::Endpoint(*endpoint),
        None if path.starts_with("api/") => ApiPath::Unknown,
        None => ApiPath::NotApi,
    }
}

/// Whether a path is authorized as in Rocket.Chat: by the workspace's own login, or not at all.
pub fn has_own_login(path: &str) -> bool {
    let (_, path) = split_workspace(path);
    path == "/statistics.json" || matches!(parse(path), ApiPath::Endpoint(_) | ApiPath::Unknown)
}

/// Splits `/workspaces/NAME` from a path; the name is `None` for any other path.
pub fn split_workspace(path: &str) -> (Option<&str>, &str) {
    let named = path.strip_prefix("/workspaces/").and_then(|rest| {
        let end = rest.find('/')?;
        Some(rest.split_at(end))
    });
    match named {
        Some((name, path)) => (Some(name), path),
        None => (None, path),
    }
}

fn is_well_formed(path: &str) -> bool {
    path.split('%').skip(1).all(|after| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_path_parse_to_the_same_endpoint() {
        for path in [
            "/api/v1/statistics",
            "/api/v1/statistics/",
            "//api/v1/statistics",
            "///api/v1/statistics",
            "/api/v1/%73tatistic%73",
        ] {
            assert_eq!(
                parse(path),
                ApiPath::Endpoint(Endpoint::Statistics),
                "{path}"
            );
        }
        for path in [
            "/api/v1/Statistics",
            "/api/v1/statistics//",
            "/api/v1/statistics/x",
            "/api/",
            "/api/v1/%ff",
        ] {
            assert_eq!(parse(path), ApiPath::Unknown, "{path}");
        }
        for path in ["/", "/metrics", "//metrics", "/apis"] {
            assert_eq!(parse(path), ApiPath::NotApi, "{path}");
        }
        for path in ["/api/v1/statistics%", "/%4", "/%zz", "/a%%20"] {
            assert_eq!(parse(path), ApiPath::Malformed, "{path}");
        }
    }

    #[test]
    fn only_api_and_download_have_their_own_login() {
        for path in [
            "/statistics.json",
            "/api/v1/statistics",
            "//api/info",
            "/api/",
        ] {
            assert!(has_own_login(path), "{path}");
        }
        for path in [
            "/",
            "/metrics",
            "/-/healthy",
            "/apis",
            "/statistics.json/",
            "/api%",
        ] {
            assert!(!has_own_login(path), "{path}");
        }
    }

    #[test]
    fn path_names_one_of_several_workspaces() {
        for (path, name, rest) in [
            ("/workspaces/acme/api/info", Some("acme"), "/api/info"),
            ("/workspaces/acme/", Some("acme"), "/"),
            ("/workspaces/acme", None, "/workspaces/acme"),
            ("/api/info", None, "/api/info"),
        ] {
            assert_eq!(split_workspace(path), (name, rest), "{path}");
        }
        assert!(has_own_login("/workspaces/acme/api/v1/statistics"));
        assert!(!has_own_login("/workspaces/acme/metrics"));
    }
}
