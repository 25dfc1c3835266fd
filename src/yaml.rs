//! Parses YAML. Errors name the position, but do not quote lines, which may have secrets. Time and memory are limited for any
//! input.

use serde::de::DeserializeOwned;
use serde_saphyr::{Error, alias_limits, budget, options};

/// Parses a text; one with only spaces and comments is the default.
///
/// # Errors
/// When it is not UTF-8, not YAML, not of this type, or exceeds the limits of nesting and aliases; the message names line and
/// column.
pub fn parse<T: Default + DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    if is_empty(text) {
        return Ok(T::default());
    }
    let text = std::str::from_utf8(text).map_err(|_| "is not UTF-8".to_owned())?;
    let options = options! {
        with_snippet: false,
        // A text has at most 1 MiB, so only aliases and nesting reach these limits.
        budget: budget! {
            max_depth: 16,
            max_documents: 1,
            max_events: 200_000,
            max_nodes: 100_000,
            max_recorded_anchor_bytes: 1024 * 1024,
            max_total_scalar_bytes: 4 * 1024 * 1024,
            // A thousand workspaces may share settings by an alias.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: alias_limits! {
            max_total_replayed_events: 20_000,
            max_replay_stack_depth: 8,
        },
    };
    serde_saphyr::from_str_with_options::<Option<T>>(text, options)
        .map(Option::unwrap_or_default)
        .map_err(|error| format!("is invalid: {}", describe(&error)))
}

/// The error with its position. For an exceeded limit the library only names its own type.
fn describe(error: &Error) -> String {
    let error = error.without_snippet();
    if !matches!(error, Error::Budget { .. }) {
        return error.to_string();
    }
    let position = error.location().map_or_else(String::new, |location| {
        format!(" at line {}, column {}", location.line(), location.column())
    });
    format!(
        "it has more than one document, or is nested or repeated by aliases beyond what a configuration needs{position}"
    )
}

/// Whether a text has nothing in it but spaces and comments.
fn is_empty(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').all(|line| {
        let line = line.trim_ascii();
        line.is_empty() || line.starts_with(b"#")
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::Value;

    use super::*;

    /// Bytes of the longest text; larger files are not read.
    const MAX_LENGTH: usize = 1024 * 1024;

    /// Parses to a type that accepts everything.
    fn parse_value(text: &str) -> Result<Value, String> {
        parse(text.as_bytes())
    }

    /// A list whose lines each name the one before ten times.
    fn laughs() -> String {
        let lines = (0..10).map(|number| {
            let before = match number {
                0 => "lol, ".to_owned(),
                _ => format!("*a{}, ", number - 1),
            };
            format!("a{number}: &a{number} [{}]", before.repeat(10))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn no_text_takes_long() {
        let repeated = |part: &str| part.repeat(MAX_LENGTH / part.len());
        let aliases = "*a, ".repeat(50_000);
        let keys = |name: fn(usize) -> String| (0..20_000).map(name).collect::<String>();
        for (name, text) in [
            ("aliases of aliases", laughs()),
            (
                "aliases of a long scalar",
                format!("a: &a {}\nb: [{aliases}]\n", "x".repeat(500_000)),
            ),
            ("aliases of nothing", format!("a: &a\nb: [{aliases}]\n")),
            ("an alias of itself", "a: &a [*a]\n".to_owned()),
            (
                "merged keys",
                format!("a: &a {{b: c}}\nd: {{<<: [{aliases}]}}\n"),
            ),
            ("lists in lists", repeated("[")),
            ("maps in maps", repeated("{a: ")),
            ("lists in lists by dashes", repeated("- ")),
            ("keys in keys", repeated("? ")),
            ("a long scalar", repeated("x")),
            ("a long key", format!("{}: x\n", repeated("x"))),
            ("a long quoted scalar", format!("\"{}", repeated("\\n"))),
            ("a long block", format!("a: |\n{}", repeated(" x\n"))),
            ("a long list", format!("[{}]", "a, ".repeat(150_000))),
            ("many keys", keys(|number| format!("k{number}: v\n"))),
            ("the same key", keys(|_| "k: v\n".to_owned())),
            ("many documents", repeated("--- a\n")),
            ("many anchors", keys(|number| format!("- &a{number} b\n"))),
            ("many tags", keys(|number| format!("- !t{number} b\n"))),
            ("many directives", repeated("%TAG ! x\n")),
            ("many colons", repeated(":")),
            ("many question marks", repeated("?\n")),
            ("many comments", repeated("#\n")),
            ("many quotes", repeated("'")),
        ] {
            let begun = Instant::now();
            let length = parse_value(&text)
                .map_or_else(|error| error.len(), |value| value.to_string().len());
            let took = begun.elapsed();
            // Without limits some of these take hours; the clock of a busy machine is no fine measure.
            assert!(took < Duration::from_secs(30), "{name}: {took:?}");
            assert!(length < 8 * MAX_LENGTH, "{name}: {length}");
        }
    }

    #[test]
    fn deep_nesting_many_aliases_and_duplicates_are_refused() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse_value(&nested(10)).is_ok());
        for text in [
            &*nested(17),
            &laughs(),
            "a: 1\na: 2\n",
            "a: &a [*a]\n",
            "a: 1\n---\nb: 2\n",
        ] {
            assert!(parse_value(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_thousand_aliases_of_one_anchor_are_accepted() {
        let parts = (0..1000).map(|number| format!("p{number}: *all"));
        let parts = parts.collect::<Vec<_>>().join(", ");
        let read = parse_value(&format!("all: &all {{a: 1, b: 2}}\nparts: {{{parts}}}\n"));
        assert!(read.is_ok(), "{read:?}");
    }
}
