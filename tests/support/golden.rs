//! Golden files: the expected output of the exporter.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The variable that, if set, makes the tests write golden files instead of comparing them.
const UPDATE: &str = "UPDATE_GOLDEN";

/// Compares a text with a file, or with the part of a file between two markers.
pub fn assert_golden(file: &str, markers: Option<(&str, &str)>, actual: &str) {
    // Several tests update parts of the same file.
    static UPDATING: Mutex<()> = Mutex::new(());
    let _guard = UPDATING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let (before, expected, after) = match markers {
        None => ("", text.as_str(), ""),
        Some((begin, end)) => {
            let (before, rest) = text
                .split_once(begin)
                .unwrap_or_else(|| panic!("{file} has no `{begin}`"));
            let (expected, after) = rest
                .split_once(end)
                .unwrap_or_else(|| panic!("{file} has no `{end}`"));
            (
                &text[..before.len() + begin.len()],
                expected,
                &text[text.len() - after.len() - end.len()..],
            )
        }
    };
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, format!("{before}{actual}{after}")).expect("the file can be written");
        return;
    }
    assert!(
        expected == actual,
        "{file} differs from the output of the exporter; if the output is right, run\n    {UPDATE}=1 cargo test --test exporter\nFirst difference:\n{}",
        first_difference(expected, actual)
    );
}

fn first_difference(expected: &str, actual: &str) -> String {
    let difference = expected
        .lines()
        .zip(actual.lines())
        .find(|(expected, actual)| expected != actual);
    match difference {
        Some((expected, actual)) => format!("expected: {expected}\nprinted:  {actual}"),
        None => "one text is a prefix of the other".to_owned(),
    }
}
