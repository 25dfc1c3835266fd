//! `docs/troubleshooting.md` has every error message of the exporter. The tests find the messages in the source, so that a
//! new one cannot be left out: the texts of error types, of warnings and errors in the log, of responses to requests, and the
//! reasons that become part of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::iter::Peekable;
use std::path::Path;

use proc_macro2::token_stream::IntoIter;
use proc_macro2::{Delimiter, Literal, TokenStream, TokenTree};
use regex_lite::Regex;
use syn::Lit;

use crate::support::{assert_golden, files_below};

const PAGE: &str = "docs/troubleshooting.md";

/// The generated lists of the page, and the source files whose messages they have; the first match counts.
const AREAS: [(&str, &[&str]); 13] = [
    ("live", &["change_streams/", "scheduler/live"]),
    (
        "tls",
        &[
            "mongodb/error/tls.rs",
            "mongodb/connection_string/tls_files.rs",
        ],
    ),
    (
        "connection-string",
        &["mongodb/connection_string", "mongodb/settings.rs"],
    ),
    (
        "database",
        &[
            "mongodb/database_choice.rs",
            "mongodb/privileges.rs",
            "mongodb/indexes.rs",
            "commands/check",
        ],
    ),
    ("connection", &["mongodb"]),
    (
        "probe",
        &[
            "rocketchat_client/connector.rs",
            "rocketchat_client/probe.rs",
            "rocketchat_client/token_file.rs",
        ],
    ),
    ("reading", &["scheduler", "collectors"]),
    ("web-config", &["web_config"]),
    (
        "license",
        &["rocketchat_client", "license", "info_page/license.rs"],
    ),
    ("commands", &["commands/"]),
    (
        "listening",
        &[
            "http/listener.rs",
            "http/listen_address.rs",
            "http/server.rs",
        ],
    ),
    (
        "requests",
        &["http", "backend", "serve/workspace.rs", "info_page"],
    ),
    ("configuration", &[""]),
];

/// Files whose texts are help, tables and pages rather than messages; their error types and logs count nevertheless.
const TEXTS: [&str; 11] = [
    "conditions",
    "catalogue/",
    "cli.rs",
    "commands/backfill/report.rs",
    "commands/check/report.rs",
    "commands/print_statistics.rs",
    "commands/role.rs",
    "config/options/collectors.rs",
    "document",
    "exposition",
    "info_page",
];

/// Calls whose texts appear only when the exporter has a defect, or in the log at a level below a warning.
const SKIPPED_CALLS: [&str; 10] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "debug",
    "debug_assert",
    "expect",
    "info",
    "panic",
    "trace",
    "unreachable",
];

/// Parts of texts that are sent, parsed or printed as they are: content types, policies, statements, PEM, names.
const NOT_MESSAGES: [&str; 9] = [
    "; charset=",
    "default-src 'none'",
    ".createRole(",
    "-----BEGIN ",
    "RSA PUBLIC KEY",
    "%b %d %Y",
    "CurveP256 and CurveP384",
    "failed with: Kind:",
    "failed to lookup address information",
];

/// A reason has at least this many words; shorter texts are keys, names and values.
const MIN_WORDS: usize = 3;

/// The messages of one source file.
struct Messages {
    /// Whether texts outside of error types and the log count.
    has_reasons: bool,
    found: BTreeSet<String>,
}

impl Messages {
    fn of(path: &str, source: &str) -> BTreeSet<String> {
        let is_table = path.starts_with("collectors/")
            && ["/mod.rs", "_metrics.rs", "/fields.rs"]
                .iter()
                .any(|end| path.ends_with(end));
        let has_texts = TEXTS.iter().any(|texts| path.starts_with(texts));
        let tokens: TokenStream = source
            .parse()
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut messages = Self {
            has_reasons: !is_table && !has_texts,
            found: BTreeSet::new(),
        };
        messages.visit(tokens);
        messages.found
    }

    fn visit(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    self.visit_attribute(&mut tokens);
                }
                TokenTree::Ident(name) => self.visit_name(&name.to_string(), &mut tokens),
                TokenTree::Group(group) => self.visit(group.stream()),
                TokenTree::Literal(literal) if self.has_reasons => self.add(&literal, MIN_WORDS),
                _ => {}
            }
        }
    }

    /// The text of `#[error("...")]`; what is compiled for tests only is skipped, and so are other attributes.
    fn visit_attribute(&mut self, tokens: &mut Peekable<IntoIter>) {
        tokens.next_if(|token| matches!(token, TokenTree::Punct(inner) if inner.as_char() == '!'));
        let Some(TokenTree::Group(attribute)) = tokens.next() else {
            return;
        };
        let mut parts = attribute.stream().into_iter();
        let name = parts.next().map(|name| name.to_string());
        let Some(TokenTree::Group(arguments)) = parts.next() else {
            return;
        };
        match name.as_deref() {
            Some("error") => {
                if let Some(TokenTree::Literal(text)) = arguments.stream().into_iter().next() {
                    self.add(&text, 1);
                }
            }
            Some("cfg") if arguments.stream().to_string() == "test" => skip_item(tokens),
            _ => {}
        }
    }

    /// The text of `warn!` and `error!`; the arguments of calls without messages are skipped.
    fn visit_name(&mut self, name: &str, tokens: &mut Peekable<IntoIter>) {
        let is_macro = tokens
            .next_if(|token| matches!(token, TokenTree::Punct(mark) if mark.as_char() == '!'))
            .is_some();
        let is_skipped = SKIPPED_CALLS.contains(&name);
        let is_logged = is_macro && ["warn", "error"].contains(&name);
        if !is_skipped && !is_logged {
            return;
        }
        let is_call = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis);
        if let Some(TokenTree::Group(arguments)) = tokens.next_if(is_call)
            && is_logged
        {
            for argument in arguments.stream() {
                if let TokenTree::Literal(text) = argument {
                    self.add(&text, 2);
                }
            }
        }
    }

    fn add(&mut self, literal: &Literal, min_words: usize) {
        let text = match syn::parse_str::<Lit>(&literal.to_string()) {
            Ok(Lit::Str(text)) => text.value(),
            Ok(Lit::ByteStr(bytes)) => String::from_utf8_lossy(&bytes.value()).into_owned(),
            _ => return,
        };
        let message = with_ellipses(&text);
        if NOT_MESSAGES.iter().any(|part| message.contains(part)) {
            return;
        }
        let is_word = |word: &&str| word.chars().any(char::is_alphabetic);
        if message.split_whitespace().filter(is_word).count() >= min_words {
            self.found.insert(message);
        }
    }
}

/// Skips the item that an attribute belongs to.
fn skip_item(tokens: &mut Peekable<IntoIter>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
            TokenTree::Punct(end) if end.as_char() == ';' => return,
            _ => {}
        }
    }
}

/// A format string on one line, with `…` in place of values.
fn with_ellipses(format: &str) -> String {
    let value = Regex::new(r"\{[^{} ]*\}").expect("the pattern is valid");
    let escaped = format.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let text = value.replace_all(&escaped, "…");
    let text = text.replace('\u{1}', "{").replace('\u{2}', "}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The messages of the exporter by area.
fn messages() -> BTreeMap<&'static str, BTreeSet<String>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for file in files_below(&source) {
        let path = file.strip_prefix(&source).expect("the file is below src");
        let path = path.to_str().expect("the path is UTF-8");
        let is_source = file.extension().is_some_and(|extension| extension == "rs");
        if !is_source || path.contains("tests") || path.starts_with("fuzzing") {
            continue;
        }
        let text = fs::read_to_string(&file).expect("the file can be read");
        let is_in = |starts: &&[&str]| starts.iter().any(|start| path.starts_with(start));
        let (area, _) = AREAS
            .iter()
            .find(|(_, starts)| is_in(starts))
            .expect("the last area takes every file");
        all.entry(area)
            .or_default()
            .extend(Messages::of(path, &text));
    }
    all
}

/// A text as code in Markdown, also if it has backticks.
fn as_code(text: &str) -> String {
    if text.contains('`') {
        format!("`` {text} ``")
    } else {
        format!("`{text}`")
    }
}

#[test]
fn troubleshooting_lists_every_message() {
    for (area, messages) in messages() {
        assert!(!messages.is_empty(), "{area}");
        let lines: Vec<String> = messages
            .iter()
            .map(|message| format!("- {}\n", as_code(message)))
            .collect();
        let begin = format!("<!-- messages of {area}: begin -->");
        let end = format!("<!-- messages of {area}: end -->");
        assert_golden(PAGE, Some((&begin, &end)), &format!("\n{}", lines.concat()));
    }
}

/// Each row of the page's tables begins with a message, or with the part of one that a user sees.
#[test]
fn explained_messages_exist() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE));
    let page = page.expect("the page can be read");
    let messages: BTreeSet<String> = messages().into_values().flatten().collect();
    let row = Regex::new(r"(?m)^\| (?:`` (.+?) ``|`([^`]+)`) \|").expect("the pattern is valid");
    let quoted: Vec<&str> = row
        .captures_iter(&page)
        .filter_map(|found| found.get(1).or_else(|| found.get(2)))
        .map(|part| part.as_str())
        .collect();
    let is_unknown = |part: &&&str| !messages.iter().any(|message| message.contains(**part));
    let unknown: Vec<_> = quoted.iter().filter(is_unknown).collect();
    assert!(unknown.is_empty(), "no message contains {unknown:#?}");
    assert!(quoted.len() > 30, "{quoted:?}");
}
