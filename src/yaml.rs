//! YAML, read so that a mistake is told with its place and without the lines around it, which may hold secrets.

use serde::de::DeserializeOwned;
use serde_saphyr::options;

/// What a text says; nothing but spaces and comments says nothing.
///
/// # Errors
/// When it is not UTF-8, no YAML, or not what is expected; the message names line and column.
pub fn parse<T: Default + DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    if is_empty(text) {
        return Ok(T::default());
    }
    let text = std::str::from_utf8(text).map_err(|_| "is not UTF-8".to_owned())?;
    let options = options! { with_snippet: false };
    serde_saphyr::from_str_with_options::<Option<T>>(text, options)
        .map(Option::unwrap_or_default)
        .map_err(|error| format!("is not as it should be: {}", error.without_snippet()))
}

/// Whether a text has anything in it but spaces and comments.
pub fn is_empty(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').all(|line| {
        let line = line.trim_ascii();
        line.is_empty() || line.starts_with(b"#")
    })
}
