//! Files that hold what the exporter is expected to print.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Set to write what is printed now instead of comparing it.
const UPDATE: &str = "UPDATE_GOLDEN";

/// Compares a text with the part of a file between two marks, or with the whole file when there are none.
pub fn assert_golden(file: &str, marks: Option<(&str, &str)>, actual: &str) {
    // Parts of one file are updated by several tests.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let (before, expected, after) = match marks {
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
        "{file} is not what the exporter prints; when that is right, run\n    {UPDATE}=1 cargo test --test exporter\nfirst difference:\n{}",
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
        None => "one is longer than the other".to_owned(),
    }
}
