//! The format of the file. Every key may be missing or null; an unknown key is an error.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer};

use super::basic_auth::BasicAuthUsers;
use super::file_tracker::FileTracker;
use super::tls_section::TlsSection;
use super::token_bucket::TokenBucket;
use super::{WebConfig, headers, tls};
use crate::yaml;

#[derive(Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawWebConfig {
    tls_server_config: Option<TlsSection>,
    http_server_config: Option<HttpSection>,
    rate_limit: Option<RateLimitSection>,
    basic_auth_users: Option<BTreeMap<String, String>>,
}

#[derive(Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HttpSection {
    http2: Option<bool>,
    headers: Option<BTreeMap<String, String>>,
}

#[derive(Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RateLimitSection {
    #[serde(deserialize_with = "interval")]
    interval: Duration,
    #[serde(deserialize_with = "burst")]
    burst: Option<u32>,
}

/// Reads the file at a path, and the files that it names.
pub fn load(path: &Path, tracker: &mut FileTracker) -> Result<WebConfig, String> {
    let text = tracker
        .read(path)
        .map_err(|reason| format!("cannot be read: {reason}"))?;
    let file: RawWebConfig = yaml::parse(&text)?;
    let has_settings = file != RawWebConfig::default();
    let http = file.http_server_config.unwrap_or_default();
    let headers = headers::parse(&http.headers.unwrap_or_default())?;
    let users = BasicAuthUsers::new(file.basic_auth_users.unwrap_or_default())?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let tls = match file.tls_server_config {
        Some(tls) => tls::build(&tls, http.http2.unwrap_or(true), folder, tracker)?,
        None => None,
    };
    let (tls, client_cert) = tls.unzip();
    Ok(WebConfig {
        tls,
        headers,
        users,
        bucket: bucket(&file.rate_limit.unwrap_or_default()),
        client_cert: client_cert.unwrap_or_default(),
        has_settings,
    })
}

/// Parses the text of the file, without the files that it names.
pub fn parse(text: &[u8]) -> Result<(), String> {
    let file: RawWebConfig = yaml::parse(text)?;
    let http = file.http_server_config.unwrap_or_default();
    headers::parse(&http.headers.unwrap_or_default())?;
    BasicAuthUsers::new(file.basic_auth_users.unwrap_or_default())?;
    Ok(())
}

fn bucket(limit: &RateLimitSection) -> Option<Arc<TokenBucket>> {
    if limit.interval.is_zero() {
        return None;
    }
    let burst = limit.burst.unwrap_or(0);
    if burst == 0 {
        tracing::warn!("rate_limit has an interval but no burst, so every request is refused");
    }
    Some(Arc::new(TokenBucket::new(
        limit.interval,
        burst,
        Instant::now(),
    )))
}

/// The maximum interval: a leap year.
const MAX_INTERVAL: Duration = Duration::from_hours(366 * 24);

/// The maximum burst.
const MAX_BURST: u32 = 1_000_000;

/// A duration such as `1s`, or a number of nanoseconds.
fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(Duration::ZERO);
    };
    let duration = if let Ok(nanoseconds) = text.parse() {
        Some(Duration::from_nanos(nanoseconds))
    } else {
        let duration = text.parse::<jiff::SignedDuration>().ok();
        duration.and_then(|duration| Duration::try_from(duration).ok())
    };
    duration
        .filter(|duration| *duration <= MAX_INTERVAL)
        .ok_or_else(|| {
            invalid_value(
                "interval",
                &text,
                "a duration from 0s to 8784h, such as `1s`",
            )
        })
}

fn burst<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let number = text.parse().ok().filter(|number| *number <= MAX_BURST);
    number
        .map(Some)
        .ok_or_else(|| invalid_value("burst", &text, "a number from 0 to 1000000"))
}

/// An error that quotes the beginning of the value.
fn invalid_value<E: serde::de::Error>(key: &str, text: &str, expected: &str) -> E {
    let text: String = text.chars().take(100).collect();
    E::custom(format!(
        "rate_limit.{key}: invalid value `{text}`: expected {expected}"
    ))
}
