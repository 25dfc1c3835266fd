//! Which endpoint of Rocket.Chat a path names. As there, slashes too many at its beginning, one at its end, and letters
//! in percent-encoding make no difference.

use percent_encoding::percent_decode_str;

/// An endpoint of Rocket.Chat that is answered here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The statistics document.
    Statistics,
    /// The documents that Rocket.Chat stored.
    StatisticsList,
    /// The version alone.
    Version,
    /// The version, and for some more than that.
    Info,
}

impl Endpoint {
    /// Whether only users of the workspace are answered.
    pub fn needs_login(self) -> bool {
        matches!(self, Self::Statistics | Self::StatisticsList)
    }
}

/// What a path is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// An endpoint.
    Endpoint(Endpoint),
    /// Something below `/api` that is not served.
    NoEndpoint,
    /// Nothing of Rocket.Chat's.
    Elsewhere,
    /// A percent sign without the two digits that belong to it.
    Malformed,
}

/// Every path of an endpoint.
const ENDPOINTS: [(&str, Endpoint); 4] = [
    ("/api/v1/statistics", Endpoint::Statistics),
    ("/api/v1/statistics.list", Endpoint::StatisticsList),
    ("/api/info", Endpoint::Version),
    ("/api/v1/info", Endpoint::Info),
];

/// Paths of all endpoints, for whoever asked for another one.
pub fn served() -> String {
    ENDPOINTS.map(|(path, _)| path).join(", ")
}

/// What a path is about.
pub fn place(path: &str) -> Place {
    if !is_well_formed(path) {
        return Place::Malformed;
    }
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let whole = format!("/{}", decoded.trim_start_matches('/'));
    let name = whole.strip_suffix('/').unwrap_or(&whole);
    match ENDPOINTS.iter().find(|(path, _)| *path == name) {
        Some((_, endpoint)) => Place::Endpoint(*endpoint),
        None if whole.starts_with("/api/") => Place::NoEndpoint,
        None => Place::Elsewhere,
    }
}

/// Whether what a path names asks for the workspace's own login, or is as open as in Rocket.Chat.
pub fn has_own_login(path: &str) -> bool {
    let (_, path) = of_workspace(path);
    path == "/statistics.json" || matches!(place(path), Place::Endpoint(_) | Place::NoEndpoint)
}

/// The workspace that a path names, where it names one, and what it says of that workspace.
pub fn of_workspace(path: &str) -> (Option<&str>, &str) {
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
    fn spellings_of_a_path_reach_the_same_endpoint() {
        for path in [
            "/api/v1/statistics",
            "/api/v1/statistics/",
            "//api/v1/statistics",
            "///api/v1/statistics",
            "/api/v1/%73tatistic%73",
        ] {
            assert_eq!(place(path), Place::Endpoint(Endpoint::Statistics), "{path}");
        }
        for path in [
            "/api/v1/Statistics",
            "/api/v1/statistics//",
            "/api/v1/statistics/x",
            "/api/",
            "/api/v1/%ff",
        ] {
            assert_eq!(place(path), Place::NoEndpoint, "{path}");
        }
        for path in ["/", "/metrics", "//metrics", "/apis"] {
            assert_eq!(place(path), Place::Elsewhere, "{path}");
        }
        for path in ["/api/v1/statistics%", "/%4", "/%zz", "/a%%20"] {
            assert_eq!(place(path), Place::Malformed, "{path}");
        }
    }
    #[test]
    fn only_the_api_and_the_download_ask_for_the_workspaces_login() {
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
    fn a_path_may_name_one_of_several_workspaces() {
        for (path, name, rest) in [
            ("/workspaces/acme/api/info", Some("acme"), "/api/info"),
            ("/workspaces/acme/", Some("acme"), "/"),
            ("/workspaces/acme", None, "/workspaces/acme"),
            ("/api/info", None, "/api/info"),
        ] {
            assert_eq!(of_workspace(path), (name, rest), "{path}");
        }
        assert!(has_own_login("/workspaces/acme/api/v1/statistics"));
        assert!(!has_own_login("/workspaces/acme/metrics"));
    }
}
