//! Which format and encoding a scrape gets, by its `Accept` and `Accept-Encoding`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};

use crate::exposition::Format;

/// The format of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// Which text.
    pub format: Format,
    /// How it is called.
    pub content_type: HeaderValue,
}

/// What the last scrape wanted: scrapers ask in the same words each time.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Option<Last>>);

#[derive(Debug)]
struct Last {
    asked: [Option<HeaderValue>; 2],
    wanted: (Negotiated, bool),
}

impl Memory {
    /// The format that a request wants, and whether it takes gzip.
    pub fn wanted(&self, headers: &HeaderMap) -> (Negotiated, bool) {
        let Some(asked) = asked(headers) else {
            return (format(headers), wants_gzip(headers));
        };
        if let Some(last) = &*self.last()
            && last.asked.each_ref().map(Option::as_ref) == asked
        {
            return last.wanted.clone();
        }
        let wanted = (format(headers), wants_gzip(headers));
        let last = Last {
            asked: asked.map(Option::<&_>::cloned),
            wanted: wanted.clone(),
        };
        *self.last() = Some(last);
        wanted
    }

    fn last(&self) -> MutexGuard<'_, Option<Last>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `Accept` and `Accept-Encoding`; `None` where one of them stands there several times.
fn asked(headers: &HeaderMap) -> Option<[Option<&HeaderValue>; 2]> {
    let mut values =
        [header::ACCEPT, header::ACCEPT_ENCODING].map(|name| headers.get_all(name).into_iter());
    let asked = values.each_mut().map(Iterator::next);
    let are_all = values.iter_mut().all(|it| it.next().is_none());
    are_all.then_some(asked)
}

/// One element of a header with preferences. It is taken apart where it stands, for every scrape comes by here.
#[derive(Clone, Copy)]
struct Choice<'a> {
    name: &'a [u8],
    /// What follows the name.
    rest: &'a [u8],
    /// How much it is wanted.
    quality: f32,
}

impl<'a> Choice<'a> {
    fn of(text: &'a [u8]) -> Option<Self> {
        let (name, rest) = split_once(text, b';').unwrap_or((text, &[]));
        let name = name.trim_ascii();
        let choice = Self {
            name,
            rest,
            quality: 1.0,
        };
        let quality = choice.parameter("q").map_or(1.0, |text| {
            // A weight that cannot be read is none at all.
            let number = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            number.unwrap_or(0.0_f32).clamp(0.0, 1.0)
        });
        (!name.is_empty()).then_some(Self { quality, ..choice })
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value of a parameter, without quotation marks.
    fn parameter(&self, name: &str) -> Option<&'a [u8]> {
        self.rest.split(|byte| *byte == b';').find_map(|part| {
            let (key, value) = split_once(part, b'=')?;
            let is_it = key.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
            is_it.then(|| without_quotation_marks(value.trim_ascii()))
        })
    }
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|byte| *byte == at)?;
    Some((&text[..place], &text[place + 1..]))
}

fn without_quotation_marks(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    text.strip_suffix(b"\"").unwrap_or(text)
}

fn choices<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = Choice<'a>> {
    let values = headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
    values
        .flat_map(|value| value.split(|byte| *byte == b','))
        .filter_map(Choice::of)
}

/// The format that the client wants most, of those that there are; text 0.0.4 when it wants nothing in particular.
pub fn format(headers: &HeaderMap) -> Negotiated {
    let choices = || choices(headers, &header::ACCEPT);
    let refused = |name: &str| choices().any(|choice| choice.is(name) && choice.quality == 0.0);
    let mut best = None;
    for choice in choices() {
        // Of equals the first one named wins.
        let least = best.as_ref().map_or(0.0, |(quality, _)| *quality);
        if choice.quality > least
            && let Some(offer) = offer(&choice, refused)
        {
            best = Some((choice.quality, offer));
        }
    }
    best.map_or_else(
        || Negotiated {
            format: Format::Classic,
            content_type: HeaderValue::from_static(CLASSIC),
        },
        |(_, negotiated)| negotiated,
    )
}

/// What there is that a choice accepts.
fn offer(choice: &Choice<'_>, refused: impl Fn(&str) -> bool) -> Option<Negotiated> {
    if choice.is(OPENMETRICS_TYPE) {
        return openmetrics(choice);
    }
    if choice.is(CLASSIC_TYPE) {
        return classic(choice);
    }
    let is_any = choice.is("*/*");
    if (is_any || choice.is("text/*")) && !refused(CLASSIC_TYPE) {
        return classic(choice);
    }
    if (is_any || choice.is("application/*")) && !refused(OPENMETRICS_TYPE) {
        return openmetrics(choice);
    }
    None
}

const OPENMETRICS_TYPE: &str = "application/openmetrics-text";
const CLASSIC_TYPE: &str = "text/plain";
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

fn openmetrics(choice: &Choice<'_>) -> Option<Negotiated> {
    let escaping = choice.parameter("escaping");
    let content_type = match choice.parameter("version") {
        Some(b"0.0.1") => "application/openmetrics-text; version=0.0.1; charset=utf-8",
        None | Some(b"1.0.0") => match escaping {
            None => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Some(escaping) if allows_utf_8(escaping) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
            // No name here needs escaping, so it is true of every scheme but those that also rewrite legal names.
            Some(_) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            }
        },
        Some(_) => return None,
    };
    Some(Negotiated {
        format: Format::OpenMetrics,
        content_type: HeaderValue::from_static(content_type),
    })
}

fn classic(choice: &Choice<'_>) -> Option<Negotiated> {
    let escaping = choice.parameter("escaping");
    let content_type = match choice.parameter("version") {
        None | Some(b"0.0.4") => CLASSIC,
        Some(b"1.0.0") if escaping.is_some_and(allows_utf_8) => {
            "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
        }
        Some(b"1.0.0") => "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
        Some(_) => return None,
    };
    Some(Negotiated {
        format: Format::Classic,
        content_type: HeaderValue::from_static(content_type),
    })
}

fn allows_utf_8(escaping: &[u8]) -> bool {
    escaping.eq_ignore_ascii_case(b"allow-utf-8")
}

/// Whether the client takes gzip, and does not prefer the text as it is.
pub fn wants_gzip(headers: &HeaderMap) -> bool {
    let quality = |name: &str| {
        let mut choices = choices(headers, &header::ACCEPT_ENCODING);
        let choice = choices.find(|choice| choice.is(name));
        choice.map(|choice| choice.quality)
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
        let is_openmetrics = format.format == Format::OpenMetrics;
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
    fn who_wants_nothing_in_particular_gets_the_classic_format() {
        for accept in ["", "*/*", "text/html,*/*;q=0.8", "application/json", "q=1"] {
            assert_eq!(content_type(accept), CLASSIC, "{accept}");
        }
        assert_eq!(format(&HeaderMap::new()).content_type, CLASSIC);
    }

    #[test]
    fn what_is_remembered_is_what_the_same_words_mean() {
        let memory = Memory::default();
        let ask = |accept: &[&'static str], encoding: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            for accept in accept {
                headers.append(header::ACCEPT, HeaderValue::from_static(accept));
            }
            if let Some(encoding) = encoding {
                headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
            }
            let (negotiated, gzip) = memory.wanted(&headers);
            (negotiated.format, gzip)
        };
        let openmetrics = &["application/openmetrics-text"];
        for _ in 0..2 {
            assert_eq!(ask(&[], None), (Format::Classic, false));
            assert_eq!(ask(openmetrics, None), (Format::OpenMetrics, false));
            assert_eq!(ask(openmetrics, Some("gzip")), (Format::OpenMetrics, true));
            assert_eq!(ask(&["*/*"], Some("gzip")), (Format::Classic, true));
            let twice = &["*/*;q=0.1", "application/openmetrics-text"];
            assert_eq!(ask(twice, Some("gzip")), (Format::OpenMetrics, true));
        }
    }

    #[test]
    fn weights_decide_and_a_weight_of_zero_refuses() {
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
    fn a_version_that_there_is_not_is_passed_over() {
        assert_eq!(
            content_type("application/openmetrics-text;version=2.0.0,text/plain;q=0.1"),
            CLASSIC
        );
        assert_eq!(content_type("application/openmetrics-text"), OPENMETRICS);
    }

    #[test]
    fn gzip_is_used_when_it_is_taken_and_not_less_wanted_than_none() {
        assert!(gzip("gzip"));
        assert!(gzip("gzip, deflate, br"));
        assert!(gzip("*"));
        assert!(!gzip("gzip;q=0"));
        assert!(!gzip("gzip;q=0.5, identity;q=1"));
        assert!(!gzip("zstd"));
        assert!(!gzip("identity"));
    }
}
