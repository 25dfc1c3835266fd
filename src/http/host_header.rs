//! The server that a request addresses by `Host` or `:authority`, and whether a browser sent it from another origin.

use std::net::Ipv6Addr;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Request, Version};

/// Checks that a request names one server: by exactly one `Host` in HTTP/1.1, by `:authority` or `Host` in HTTP/2.
/// HTTP/1.0 need not name one.
///
/// # Errors
/// The text of the response 400.
pub fn check<B>(request: &Request<B>) -> Result<(), &'static str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err("The request has more than one Host header.\n");
    }
    let authority = request.uri().authority().map(Authority::as_str);
    let host = host.map(HeaderValue::as_bytes);
    let names_none = host.is_none() && (authority.is_none() || request.version() < Version::HTTP_2);
    if names_none && request.version() >= Version::HTTP_11 {
        return Err("The request has no Host header.\n");
    }
    let named = [host, authority.map(str::as_bytes)];
    if !named.into_iter().flatten().all(is_host) {
        return Err("The request's Host is not a host name or address with an optional port.\n");
    }
    let differ =
        |(host, authority): (&[u8], &str)| !authority.as_bytes().eq_ignore_ascii_case(host);
    if request.version() >= Version::HTTP_2 && host.zip(authority).is_some_and(differ) {
        return Err("The request's Host and :authority differ.\n");
    }
    Ok(())
}

/// The host of a checked request, with its port if any. The authority of the request target takes precedence over `Host`.
pub fn of<B>(request: &Request<B>) -> Option<&str> {
    let host = || request.headers().get(header::HOST)?.to_str().ok();
    request
        .uri()
        .authority()
        .map(Authority::as_str)
        .or_else(host)
}

/// Whether a request is same-origin, by `Sec-Fetch-Site` or `Origin`. A request without them, which no browser sends, is.
pub fn is_same_origin(request: &Request<Incoming>) -> bool {
    let mut sites = request.headers().get_all("sec-fetch-site").iter();
    let mut origins = request.headers().get_all(header::ORIGIN).iter();
    match sites.next() {
        Some(site) => site == "same-origin" && sites.all(|site| site == "same-origin"),
        None => origins.all(|origin| {
            let parts = origin.to_str().ok().and_then(|text| text.split_once("://"));
            parts
                .zip(of(request))
                .is_some_and(|((_, origin), host)| origin.eq_ignore_ascii_case(host))
        }),
    }
}

/// Whether a text is a host name, an IPv4 address or an IPv6 address in brackets, with an optional port.
fn is_host(text: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(text) else {
        return false;
    };
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => ("ipv6", port),
            _ => return false,
        },
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let is_name = |name: &str| {
        let is_plain = |char: char| char.is_ascii_alphanumeric() || "-._~".contains(char);
        !name.is_empty() && name.chars().all(is_plain)
    };
    let is_port = |port: &str| {
        let digits = port.strip_prefix(':').unwrap_or_default();
        port.is_empty()
            || digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
    };
    is_name(host) && is_port(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_a_name_or_an_address_with_an_optional_port() {
        for host in [
            "x",
            "localhost:9459",
            "127.0.0.1",
            "a-b.example.com.:1",
            "my_service:80",
            "[::1]",
            "[2001:db8::1]:9459",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            "",
            ":80",
            "x:",
            "x:y",
            "x:70000",
            "x:+1",
            "x:1:2",
            "a b",
            "a,b",
            "a/b",
            "u@x",
            "<x>",
            "[::1",
            "::1",
            "[x]",
            "[::1]x",
            "h\u{f6}st",
            "x?",
            "x#",
            "%78",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn http_2_host_must_equal_its_authority() {
        let check = |uri: &str, hosts: &[&str], version| {
            let mut request = Request::builder().uri(uri).version(version);
            for host in hosts {
                request = request.header(header::HOST, *host);
            }
            check(&request.body(()).expect("the request is valid")).is_ok()
        };
        assert!(check("https://x:1/", &[], Version::HTTP_2));
        assert!(check("https://x:1/", &["X:1"], Version::HTTP_2));
        assert!(check("/", &["x:1"], Version::HTTP_2));
        assert!(!check("/", &[], Version::HTTP_2));
        assert!(!check("https://x:1/", &["y:1"], Version::HTTP_2));
        assert!(!check("https://u@x/", &[], Version::HTTP_2));
        // The absolute form of a target does not replace `Host` in HTTP/1.1.
        assert!(check("http://y/", &["x"], Version::HTTP_11));
        assert!(!check("http://y/", &[], Version::HTTP_11));
        assert!(check("/", &[], Version::HTTP_10));
    }
}
