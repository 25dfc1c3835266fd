//! Chooses the format and encoding of metrics by `Accept` and `Accept-Encoding`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};

use crate::exposition::MetricsFormat;

/// The negotiated format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// The text format.
    pub format: MetricsFormat,
    /// The value of `Content-Type`.
    pub content_type: HeaderValue,
}

/// Caches the last negotiation: a scraper sends the same headers each time.
#[derive(Debug, Default)]
pub struct NegotiationCache(Mutex<Option<CacheEntry>>);

#[derive(Debug)]
struct CacheEntry {
    headers: [Option<HeaderValue>; 2],
    negotiated: (Negotiated, bool),
}

impl NegotiationCache {
    /// The format for a request, and whether to compress it by gzip.
    pub fn negotiate(&self, headers: &HeaderMap) -> (Negotiated, bool) {
        let Some(values) = single_values(headers) else {
            return (format(headers), wants_gzip(headers));
        };
        if let Some(entry) = &*self.entry()
            && entry.headers.each_ref().map(Option::as_ref) == values
        {
            return entry.negotiated.clone();
        }
        let negotiated = (format(headers), wants_gzip(headers));
        *self.entry() = Some(CacheEntry {
            headers: values.map(Option::<&_>::cloned),
            negotiated: negotiated.clone(),
        });
        negotiated
    }

    fn entry(&self) -> MutexGuard<'_, Option<CacheEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `Accept` and `Accept-Encoding`; `None` where one of them is repeated.
fn single_values(headers: &HeaderMap) -> Option<[Option<&HeaderValue>; 2]> {
    let mut values =
        [header::ACCEPT, header::ACCEPT_ENCODING].map(|name| headers.get_all(name).into_iter());
    let first = values.each_mut().map(Iterator::next);
    let are_single = values.iter_mut().all(|rest| rest.next().is_none());
    are_single.then_some(first)
}

/// An element of a header with weighted preferences, parsed without allocating.
#[derive(Clone, Copy)]
struct Preference<'a> {
    name: &'a [u8],
    /// The parameters after the name.
    rest: &'a [u8],
    /// The weight.
    quality: f32,
}

impl<'a> Preference<'a> {
    fn of(text: &'a [u8]) -> Option<Self> {
        let (name, rest) = split_once(text, b';').unwrap_or((text, &[]));
        let name = name.trim_ascii();
        let preference = Self {
            name,
            rest,
            quality: 1.0,
        };
        let quality = preference.parameter("q").map_or(1.0, |text| {
            // An invalid weight counts as 0.
            let number = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            number.unwrap_or(0.0_f32).clamp(0.0, 1.0)
        });
        (!name.is_empty()).then_some(Self {
            quality,
            ..preference
        })
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value of a parameter, unquoted.
    fn parameter(&self, name: &str) -> Option<&'a [u8]> {
        self.rest.split(|byte| *byte == b';').find_map(|part| {
            let (key, value) = split_once(part, b'=')?;
            let is_named = key.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
            is_named.then(|| unquoted(value.trim_ascii()))
        })
    }
}

fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let index = text.iter().position(|byte| *byte == separator)?;
    Some((&text[..index], &text[index + 1..]))
}

fn unquoted(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    text.strip_suffix(b"\"").unwrap_or(text)
}

fn preferences<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = Preference<'a>> {
    let values = headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    values
        .flat_map(|value| value.split(|byte| *byte == b','))
        .filter_map(Preference::of)
}

/// The supported format with the highest weight; text 0.0.4 where the client states no preference.
pub fn format(headers: &HeaderMap) -> Negotiated {
    let preferences = || preferences(headers, &header::ACCEPT);
    let refused = |name: &str| {
        preferences().any(|preference| preference.is(name) && preference.quality == 0.0)
    };
    let mut best = None;
    for preference in preferences() {
        // The first of equal weights wins.
        let best_quality = best.as_ref().map_or(0.0, |(quality, _)| *quality);
        if preference.quality > best_quality
            && let Some(offer) = offer(&preference, refused)
        {
            best = Some((preference.quality, offer));
        }
    }
    best.map_or_else(
        || Negotiated {
            format: MetricsFormat::Classic,
            content_type: HeaderValue::from_static(CLASSIC),
        },
        |(_, negotiated)| negotiated,
    )
}

/// The supported format that a preference accepts.
fn offer(preference: &Preference<'_>, refused: impl Fn(&str) -> bool) -> Option<Negotiated> {
    if preference.is(OPENMETRICS_TYPE) {
        return openmetrics(preference);
    }
    if preference.is(CLASSIC_TYPE) {
        return classic(preference);
    }
    let is_any = preference.is("*/*");
    if (is_any || preference.is("text/*")) && !refused(CLASSIC_TYPE) {
        return classic(preference);
    }
    if (is_any || preference.is("application/*")) && !refused(OPENMETRICS_TYPE) {
        return openmetrics(preference);
    }
    None
}

const OPENMETRICS_TYPE: &str = "application/openmetrics-text";
const CLASSIC_TYPE: &str = "text/plain";
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

fn openmetrics(preference: &Preference<'_>) -> Option<Negotiated> {
    let escaping = preference.parameter("escaping");
    let content_type = match preference.parameter("version") {
        Some(b"0.0.1") => "application/openmetrics-text; version=0.0.1; charset=utf-8",
        None | Some(b"1.0.0") => match escaping {
            None => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Some(escaping) if allows_utf_8(escaping) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
            // No metric name here needs escaping, so every scheme that keeps legal names leaves them as they are.
            Some(_) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            }
        },
        Some(_) => return None,
    };
    Some(Negotiated {
        format: MetricsFormat::OpenMetrics,
        content_type: HeaderValue::from_static(content_type),
    })
}

fn classic(preference: &Preference<'_>) -> Option<Negotiated> {
    let escaping = preference.parameter("escaping");
    let content_type = match preference.parameter("version") {
        None | Some(b"0.0.4") => CLASSIC,
        Some(b"1.0.0") if escaping.is_some_and(allows_utf_8) => {
            "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
        }
        Some(b"1.0.0") => "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
        Some(_) => return None,
    };
    Some(Negotiated {
        format: MetricsFormat::Classic,
        content_type: HeaderValue::from_static(content_type),
    })
}

fn allows_utf_8(escaping: &[u8]) -> bool {
    escaping.eq_ignore_ascii_case(b"allow-utf-8")
}

/// Whether the client accepts gzip, and does not prefer an uncompressed response.
pub fn wants_gzip(headers: &HeaderMap) -> bool {
    let quality = |name: &str| {
        let mut preferences = preferences(headers, &header::ACCEPT_ENCODING);
        let preference = preferences.find(|preference| preference.is(name));
        preference.map(|preference| preference.quality)
    };
    let gzip = quality("gzip").or_else(|| quality("*")).unwrap_or(0.0);
    gzip > 0.0 && gzip >= quality("identity").unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content_type(accept: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        let format = format(&headers);
        let is_openmetrics = format.format == MetricsFormat::OpenMetrics;
        let text = format.content_type.to_str().expect("ASCII").to_owned();
        assert_eq!(is_openmetrics, text.starts_with("application/openmetrics"));
        text
    }

    fn gzip(accept: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accept));
        wants_gzip(&headers)
    }

    const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    #[test]
    fn prometheus_2_gets_openmetrics() {
        let accept = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(content_type(accept), OPENMETRICS);
    }

    #[test]
    fn prometheus_3_gets_openmetrics_with_its_escaping() {
        let accept = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(
            content_type(accept),
            format!("{OPENMETRICS}; escaping=allow-utf-8")
        );
    }

    #[test]
    fn client_without_preference_gets_the_classic_format() {
        for accept in ["", "*/*", "text/html,*/*;q=0.8", "application/json", "q=1"] {
            assert_eq!(content_type(accept), CLASSIC, "{accept}");
        }
        assert_eq!(format(&HeaderMap::new()).content_type, CLASSIC);
    }

    #[test]
    fn cached_negotiation_equals_a_fresh_one() {
        let cache = NegotiationCache::default();
        let negotiate = |accept: &[&'static str], encoding: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            for accept in accept {
                headers.append(header::ACCEPT, HeaderValue::from_static(accept));
            }
            if let Some(encoding) = encoding {
                headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
            }
            let (negotiated, gzip) = cache.negotiate(&headers);
            (negotiated.format, gzip)
        };
        let openmetrics = &["application/openmetrics-text"];
        for _ in 0..2 {
            assert_eq!(negotiate(&[], None), (MetricsFormat::Classic, false));
            assert_eq!(
                negotiate(openmetrics, None),
                (MetricsFormat::OpenMetrics, false)
            );
            assert_eq!(
                negotiate(openmetrics, Some("gzip")),
                (MetricsFormat::OpenMetrics, true)
            );
            assert_eq!(
                negotiate(&["*/*"], Some("gzip")),
                (MetricsFormat::Classic, true)
            );
            let twice = &["*/*;q=0.1", "application/openmetrics-text"];
            assert_eq!(
                negotiate(twice, Some("gzip")),
                (MetricsFormat::OpenMetrics, true)
            );
        }
    }

    #[test]
    fn highest_weight_wins_and_zero_refuses() {
        assert_eq!(
            content_type("application/openmetrics-text;q=0.2,text/plain;q=0.3"),
            CLASSIC
        );
        assert_eq!(
            content_type("application/openmetrics-text;q=0,*/*;q=0.1"),
            CLASSIC
        );
        assert_eq!(content_type("text/plain;q=0,*/*;q=0.1"), OPENMETRICS);
    }

    #[test]
    fn unsupported_version_is_skipped() {
        assert_eq!(
            content_type("application/openmetrics-text;version=2.0.0,text/plain;q=0.1"),
            CLASSIC
        );
        assert_eq!(content_type("application/openmetrics-text"), OPENMETRICS);
    }

    #[test]
    fn gzip_is_used_unless_identity_is_preferred() {
        assert!(gzip("gzip"));
        assert!(gzip("gzip, deflate, br"));
        assert!(gzip("*"));
        assert!(!gzip("gzip;q=0"));
        assert!(!gzip("gzip;q=0.5, identity;q=1"));
        assert!(!gzip("zstd"));
        assert!(!gzip("identity"));
    }
}
