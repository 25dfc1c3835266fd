//! What is told before and after: how large it can become, what was left out, and what to do next.

use std::fmt::Write;
use std::path::Path;

use super::assemble::{FILLED_FOR, Written};
use super::journal::State;
use super::pages::Stretch;
use super::progress::day;
use super::samples::{Series, Target};
use super::series::BACKFILL_SERIES;
use crate::catalogue::Timestamp;
use crate::cli::BackfillOptions;
use crate::collectors::SECTIONS;

/// Bytes of a sample while it is kept beside the file.
const SAMPLE: u64 = 16;

/// What cannot be exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Lines with a value.
    pub samples: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of what is kept beside it meanwhile.
    pub parts: u64,
}

/// The largest that a file can become: as if every document told every series.
pub fn bound(stretch: Stretch, until: i64, options: &BackfillOptions, target: &Target) -> Bound {
    let span = stretch
        .first
        .map_or(0, |first| until.saturating_sub(first.0));
    let seconds = u64::try_from(span / 1000).unwrap_or(0);
    let documents = match options.step {
        Some(step) => stretch.documents.min(seconds / step.as_secs().max(1) + 2),
        None => stretch.documents,
    };
    let repeated = options.fill.map_or(0, |fill| {
        let fill = fill.as_secs().max(1);
        let of_each = FILLED_FOR.as_secs() / fill;
        documents.saturating_mul(of_each).min(seconds / fill + 1)
    });
    let of_each = documents.saturating_add(repeated);
    let mut series: Vec<_> = BACKFILL_SERIES
        .iter()
        .map(|row| (row.metric, row.labels))
        .collect();
    series.sort_unstable();
    series.dedup();
    let metrics: Vec<_> = SECTIONS.iter().flat_map(|it| it.metrics()).collect();
    let line = |(name, labels): &(&'static str, &'static [&'static str])| {
        let row = metrics.iter().find(|row| row.name == *name);
        row.map_or(0, |row| {
            let labels = labels.iter().map(|label| (*label).into()).collect();
            Series::new(*row, labels, target).line_length()
        })
    };
    let bytes: u64 = series.iter().map(line).sum();
    let count = series.len() as u64;
    Bound {
        samples: of_each.saturating_mul(count),
        bytes: of_each.saturating_mul(bytes),
        parts: documents.saturating_mul(count).saturating_mul(SAMPLE),
    }
}

/// A number of bytes for people.
pub fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} bytes"),
    }
}

/// What was done, and what is to be done.
pub fn text(
    state: &State,
    stretch: Stretch,
    written: Written,
    options: &BackfillOptions,
) -> String {
    let mut text = String::new();
    let mut line = |said: String| {
        text.push_str(&said);
        text.push('\n');
    };
    let (first, last) = state.kept.unwrap_or_default();
    line(format!(
        "{}: {} series with {} samples from {} documents, {} to {}, {}.",
        options.output.display(),
        written.series,
        written.samples,
        state.documents,
        day(Timestamp(first)),
        day(Timestamp(last)),
        size(written.bytes)
    ));
    let left_out = [
        (state.thinned, "by --step"),
        (state.repeated, "of the same date as another one"),
        (state.without_version, "without a version that can be read"),
        (stretch.undated, "whose createdAt is no date"),
    ];
    for (count, why) in left_out.iter().filter(|(count, _)| *count > 0) {
        line(format!("Left out: documents {why}: {count}."));
    }
    if let Some(found) = found_versions(state) {
        line(format!("In the place of a version they have: {found}."));
    }
    for (path, count) in &state.odd {
        line(format!(
            "Left out: values of {path} that cannot be, in documents: {count}."
        ));
    }
    line(next_steps(&options.output));
    text
}

/// What stands in the place of versions that cannot be read, and in how many documents; `None` where nothing does.
pub fn found_versions(state: &State) -> Option<String> {
    let told: u64 = state.found_versions.values().sum();
    let nothing = state.without_version.saturating_sub(told);
    let mut found: Vec<String> = state
        .found_versions
        .iter()
        .map(|(found, count)| format!("{found} in {count}"))
        .collect();
    if found.is_empty() {
        return None;
    }
    if nothing > 0 {
        found.push(format!("nothing, or something else, in {nothing}"));
    }
    Some(found.join(", "))
}

/// How Prometheus gets it.
fn next_steps(output: &Path) -> String {
    let mut text = String::new();
    let file = quoted(output);
    let written = write!(
        text,
        "\n\
         Make blocks of it, in a new directory:\n\
         \n    promtool tsdb create-blocks-from openmetrics --max-block-duration=486h {file} blocks\n\
         \n\
         and move them into the directory of Prometheus' --storage.tsdb.path, as the user that Prometheus runs as:\n\
         \n    mv blocks/* /var/lib/prometheus/metrics2/\n\
         \n\
         A running Prometheus finds them within minutes. Before that, see that its --storage.tsdb.retention.time (15 days\n\
         unless it is set) reaches back far enough: it deletes older blocks at once. Before Prometheus 2.39 start it with\n\
         --storage.tsdb.allow-overlapping-blocks, unless --until was a time before its own first sample."
    );
    debug_assert!(written.is_ok(), "writing into a text cannot fail");
    text
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "/._-+,:@%".contains(it);
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
