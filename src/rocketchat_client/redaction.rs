//! Removes secrets from the messages of a server that may repeat what it was sent.

use std::cmp::Reverse;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Removes secrets from a text, in any encoding.
pub fn redacted(mut text: String, secrets: [&str; 2]) -> String {
    for secret in secrets {
        for spelling in spellings(secret) {
            text = replaced(&text, &spelling);
        }
    }
    text
}

/// The encodings in which a response may repeat a secret, longer ones first.
fn spellings(secret: &str) -> Vec<String> {
    let json = escaped(secret);
    let html = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let mut spellings = vec![
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        utf8_percent_encode(secret, UNRESERVED).to_string(),
        form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        html.replace('"', "&quot;").replace('\'', "&#39;"),
        html,
        json.replace('/', "\\/"),
        escaped(&json),
        json,
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        secret.to_owned(),
    ];
    spellings.sort_by_key(|spelling| Reverse(spelling.len()));
    spellings.dedup();
    spellings
}

/// A text escaped as in JSON, without quotation marks.
fn escaped(text: &str) -> String {
    let json = Value::from(text).to_string();
    json[1..json.len() - 1].to_owned()
}

/// The characters that JavaScript's `encodeURIComponent` escapes.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Replaces a spelling, ignoring case: hexadecimal digits have both.
fn replaced(text: &str, spelling: &str) -> String {
    let (lower, spelling) = (text.to_ascii_lowercase(), spelling.to_ascii_lowercase());
    let mut left = String::new();
    let mut from = 0;
    for (at, found) in lower.match_indices(&spelling) {
        left.push_str(&text[from..at]);
        left.push('…');
        from = at + found.len();
    }
    left.push_str(&text[from..]);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_redacted_in_any_encoding() {
        let secrets = ["a\"to/ken+<&>\\%=!", "theUser+Id"];
        for spelling in [
            "a\"to/ken+<&>\\%=!",
            r#"a\"to/ken+<&>\\%=!"#,
            r#"a\"to\/ken+<&>\\%=!"#,
            r#"a\\\"to/ken+<&>\\\\%=!"#,
            "a%22to%2Fken%2B%3C%26%3E%5C%25%3D%21",
            "a%22to%2fken%2b%3c%26%3e%5c%25%3d!",
            "a&quot;to/ken+&lt;&amp;&gt;\\%=!",
            "YSJ0by9rZW4rPCY+XCU9IQ==",
            "theUser+Id",
            "theUser%2bId",
        ] {
            let text = format!("<{spelling}>, {spelling}.");
            assert_eq!(redacted(text, secrets), "<…>, ….", "{spelling}");
        }
        let other = "nothing of it".to_owned();
        assert_eq!(redacted(other.clone(), secrets), other);
    }
}
