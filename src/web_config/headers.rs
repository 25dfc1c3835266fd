//! `http_server_config.headers`: the headers of every response. The format allows five.

use std::collections::BTreeMap;

use hyper::header::{HeaderName, HeaderValue};

/// The allowed headers in their exact spelling, and the values that some of them must have.
const ALLOWED: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

/// Parses the headers; those without a value are left out.
pub fn parse(headers: &BTreeMap<String, String>) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let mut parsed = Vec::new();
    for (name, value) in headers {
        let Some((_, values)) = ALLOWED.iter().find(|(allowed, _)| allowed == name) else {
            let allowed = ALLOWED.map(|(name, _)| name).join(", ");
            return Err(format!(
                "http_server_config.headers: the header `{name}` cannot be configured; allowed are {allowed}"
            ));
        };
        if !values.is_empty() && !values.contains(&value.as_str()) {
            return Err(format!(
                "http_server_config.headers.{name}: invalid value `{value}`; expected one of {}",
                values.join(", ")
            ));
        }
        if value.is_empty() {
            continue;
        }
        let problem =
            |_| format!("http_server_config.headers.{name}: the value is not valid in a header");
        let value = HeaderValue::from_str(value).map_err(problem)?;
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            parsed.push((name, value));
        }
    }
    Ok(parsed)
}
