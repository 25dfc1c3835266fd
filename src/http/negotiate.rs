//! Which format and encoding a scrape gets, by its `Accept` and `Accept-Encoding`.

use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};

use crate::render::Format;

/// The format of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// Which text.
    pub format: Format,
    /// How it is called.
    pub content_type: HeaderValue,
}

/// One element of a header with preferences: its name, its parameters, and how much it is wanted.
struct Choice {
    name: String,
    parameters: Vec<(String, String)>,
    quality: f32,
}

impl Choice {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }
}

/// The format that the client wants most, of those that there are; text 0.0.4 when it wants nothing in particular.
pub fn format(headers: &HeaderMap) -> Negotiated {
    let mut choices = choices(headers, &header::ACCEPT);
    // A stable sort: of equals the first one named wins.
    choices.sort_by(|one, other| other.quality.total_cmp(&one.quality));
    let refused = |name: &str| {
        choices
            .iter()
            .any(|choice| choice.name == name && choice.quality == 0.0)
    };
    choices
        .iter()
        .filter(|choice| choice.quality > 0.0)
        .find_map(|choice| match choice.name.as_str() {
            "application/openmetrics-text" => openmetrics(choice),
            "text/plain" => classic(choice),
            "text/*" | "*/*" if !refused("text/plain") => classic(choice),
            "application/*" | "*/*" if !refused("application/openmetrics-text") => {
                openmetrics(choice)
            }
            _ => None,
        })
        .unwrap_or_else(|| Negotiated {
            format: Format::Classic,
            content_type: HeaderValue::from_static(CLASSIC),
        })
}

const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

fn openmetrics(choice: &Choice) -> Option<Negotiated> {
    let content_type = match (choice.parameter("version"), choice.parameter("escaping")) {
        (Some("0.0.1"), _) => "application/openmetrics-text; version=0.0.1; charset=utf-8",
        (None | Some("1.0.0"), None) => {
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
        (None | Some("1.0.0"), Some("allow-utf-8")) => {
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
        }
        // No name here needs escaping, so it is true of every scheme but those that also rewrite legal names.
        (None | Some("1.0.0"), Some(_)) => {
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
        }
        (Some(_), _) => return None,
    };
    Some(Negotiated {
        format: Format::OpenMetrics,
        content_type: HeaderValue::from_static(content_type),
    })
}

fn classic(choice: &Choice) -> Option<Negotiated> {
    let content_type = match (choice.parameter("version"), choice.parameter("escaping")) {
        (None | Some("0.0.4"), _) => CLASSIC,
        (Some("1.0.0"), Some("allow-utf-8")) => {
            "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
        }
        (Some("1.0.0"), _) => "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
        (Some(_), _) => return None,
    };
    Some(Negotiated {
        format: Format::Classic,
        content_type: HeaderValue::from_static(content_type),
    })
}

/// Whether the client takes gzip, and does not prefer the text as it is.
pub fn wants_gzip(headers: &HeaderMap) -> bool {
    let choices = choices(headers, &header::ACCEPT_ENCODING);
    let quality = |name: &str| {
        choices
            .iter()
            .find(|choice| choice.name == name)
            .map(|choice| choice.quality)
    };
    let gzip = quality("gzip").or_else(|| quality("*")).unwrap_or(0.0);
    gzip > 0.0 && gzip >= quality("identity").unwrap_or(0.0)
}

fn choices(headers: &HeaderMap, name: &HeaderName) -> Vec<Choice> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(choice)
        .collect()
}

fn choice(text: &str) -> Option<Choice> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let mut choice = Choice {
        name: name.to_ascii_lowercase(),
        parameters: Vec::new(),
        quality: 1.0,
    };
    for part in parts {
        let Some((key, value)) = part.split_once('=') else {
            continue;
        };
        let key = key.trim().to_ascii_lowercase();
        let value = value.trim().trim_matches('"');
        if key == "q" {
            // A weight that cannot be read is none at all.
            choice.quality = value.parse().unwrap_or(0.0_f32).clamp(0.0, 1.0);
        } else {
            choice.parameters.push((key, value.to_ascii_lowercase()));
        }
    }
    Some(choice)
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
