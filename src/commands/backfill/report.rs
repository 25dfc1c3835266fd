//! The estimate of the size before the read, and the report after it: what was written and left out, and the next steps.

use std::fmt::Write;
use std::path::Path;

use super::documents::DocumentRange;
use super::progress::day;
use super::rules::BACKFILL_RULES;
use super::sample_store::{CollectedDocuments, MAX_SAMPLES, TIMED_VALUE_SIZE};
use super::series_text::{SeriesText, TargetLabels};
use super::write::{MAX_FILL, WrittenCounts};
use crate::catalogue::Timestamp;
use crate::cli::BackfillOptions;
use crate::collectors::SECTIONS;

/// The maximum size of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeLimit {
    /// Lines with a value.
    pub samples: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of memory for the samples.
    pub memory: u64,
}

/// The size of a file if every document had a value for every series.
pub fn size_limit(
    range: DocumentRange,
    until: Timestamp,
    options: &BackfillOptions,
    target: &TargetLabels,
) -> SizeLimit {
    let span = range
        .first
        .map_or(0, |first| until.0.saturating_sub(first.0));
    let seconds = u64::try_from(span / 1000).unwrap_or(0);
    let documents = match options.step {
        Some(step) => range.documents.min(seconds / step.as_secs().max(1) + 2),
        None => range.documents,
    };
    let repetitions = options.fill.map_or(0, |fill| {
        let fill = fill.as_secs().max(1);
        let per_document = MAX_FILL.as_secs() / fill;
        documents
            .saturating_mul(per_document)
            .min(seconds / fill + 1)
    });
    let per_series = documents.saturating_add(repetitions);
    let mut series: Vec<_> = BACKFILL_RULES
        .iter()
        .map(|rule| (rule.metric, rule.labels))
        .collect();
    series.sort_unstable();
    series.dedup();
    let metrics: Vec<_> = SECTIONS
        .iter()
        .flat_map(|section| section.metrics())
        .collect();
    let line_length = |(name, labels): &(&'static str, &'static [&'static str])| {
        let row = metrics.iter().find(|row| row.name == *name);
        row.map_or(0, |row| {
            let labels = labels.iter().map(|label| (*label).into()).collect();
            SeriesText::new(*row, labels, target).max_line_length()
        })
    };
    let bytes: u64 = series.iter().map(line_length).sum();
    let count = series.len() as u64;
    let in_memory = documents.saturating_mul(count).min(MAX_SAMPLES as u64);
    SizeLimit {
        samples: per_series.saturating_mul(count),
        bytes: per_series.saturating_mul(bytes),
        memory: in_memory.saturating_mul(TIMED_VALUE_SIZE as u64),
    }
}

/// A number of bytes with a unit.
pub fn format_bytes(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} bytes"),
    }
}

/// The report: what was written and left out, and the next steps.
pub fn final_report(
    collected: &CollectedDocuments,
    range: DocumentRange,
    written: WrittenCounts,
    bytes: u64,
    options: &BackfillOptions,
) -> String {
    let mut text = String::new();
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    let (first, last) = collected.kept_range.unwrap_or((Timestamp(0), Timestamp(0)));
    line(format!(
        "{}: {} series with {} samples from {} documents, {} to {}, {}.",
        options.output.display(),
        written.series,
        written.samples,
        collected.kept,
        day(first),
        day(last),
        format_bytes(bytes)
    ));
    let left_out = [
        (collected.left_out_by_step, "by --step"),
        (collected.same_date, "of the same date as another one"),
        (collected.without_version, "without a readable version"),
        (range.undated, "whose createdAt is not a date"),
    ];
    for (count, which) in left_out.iter().filter(|(count, _)| *count > 0) {
        line(format!("Left out: documents {which}: {count}."));
    }
    if let Some(found) = describe_unreadable_versions(collected) {
        line(format!("Instead of a version they have: {found}."));
    }
    for (path, count) in &collected.invalid_values {
        line(format!(
            "Left out: invalid values of {path}, in documents: {count}."
        ));
    }
    line(next_steps(&options.output));
    text
}

/// What documents have instead of a readable version, and how many; `None` if all have nothing.
pub fn describe_unreadable_versions(collected: &CollectedDocuments) -> Option<String> {
    let listed: u64 = collected.unreadable_versions.values().sum();
    let others = collected.without_version.saturating_sub(listed);
    let mut found: Vec<String> = collected
        .unreadable_versions
        .iter()
        .map(|(found, count)| format!("{found} in {count}"))
        .collect();
    if found.is_empty() {
        return None;
    }
    if others > 0 {
        found.push(format!("nothing, or something else, in {others}"));
    }
    Some(found.join(", "))
}

/// How to bring the file into Prometheus.
fn next_steps(output: &Path) -> String {
    let mut text = String::new();
    let file = shell_quoted(output);
    let written = write!(
        text,
        "\n\
         Turn it into blocks, in a new directory:\n\
         \n    promtool tsdb create-blocks-from openmetrics --max-block-duration=486h {file} blocks\n\
         \n\
         and move them into the directory of Prometheus' --storage.tsdb.path, as the user that Prometheus runs as:\n\
         \n    mv blocks/* /var/lib/prometheus/metrics2/\n\
         \n\
         A running Prometheus finds them within minutes. First make sure that its --storage.tsdb.retention.time (15 days by\n\
         default) reaches back far enough: it deletes older blocks at once. Prometheus before 2.39 also needs\n\
         --storage.tsdb.allow-overlapping-blocks, unless --until was before its own first sample."
    );
    debug_assert!(written.is_ok(), "writing into a string cannot fail");
    text
}

/// A path, quoted for a shell where needed.
fn shell_quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-+,:@%".contains(char);
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
