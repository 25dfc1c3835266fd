//! Writes collected samples as OpenMetrics: family by family, and series by series within a family.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::sample_store::{SampleStore, TimedValue};
use super::series_text::{END, SeriesText, TargetLabels};
use crate::catalogue::Timestamp;
use crate::collectors::SECTIONS;

/// `--fill` repeats a value for so long at most: documents are stored daily, and storing one takes a while.
pub const MAX_FILL: Duration = Duration::from_hours(26);

/// What `--fill` does.
#[derive(Debug, Clone, Copy)]
pub struct FillOptions {
    /// The interval between two repetitions; `None` repeats nothing.
    pub interval: Option<Duration>,
    /// The end of the time that is filled.
    pub until: Timestamp,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
pub struct WrittenCounts {
    /// Different series.
    pub series: u64,
    /// Lines with a value.
    pub samples: u64,
}

/// Writes all samples. Returns `None` as soon as `stop` is set.
///
/// # Errors
/// When `to` fails.
pub fn write_samples(
    store: &SampleStore,
    target: &TargetLabels,
    fill: FillOptions,
    to: &mut impl Write,
    stop: &AtomicBool,
) -> io::Result<Option<WrittenCounts>> {
    let mut written = WrittenCounts::default();
    for row in SECTIONS.iter().flat_map(|section| section.metrics()) {
        let mut is_first = true;
        for series in store.of_metric(row.name) {
            let text = SeriesText::new(row, series.labels.clone(), target);
            if std::mem::take(&mut is_first) {
                to.write_all(text.family_header.as_bytes())?;
            }
            written.series += 1;
            for (at, value) in filled(&series.samples, fill) {
                if stop.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                text.write_sample(to, value, at)?;
                written.samples += 1;
            }
        }
    }
    to.write_all(END.as_bytes())?;
    Ok(Some(written))
}

/// The samples, each with its repetitions behind it.
fn filled(samples: &[TimedValue], fill: FillOptions) -> impl Iterator<Item = TimedValue> {
    let next = samples.iter().skip(1).map(|(at, _)| *at);
    let ends = next.chain([fill.until]);
    samples
        .iter()
        .zip(ends)
        .flat_map(move |((at, value), end)| {
            let repeated = fill
                .interval
                .map(|interval| repetitions(*at, end, interval));
            std::iter::once(*at)
                .chain(repeated.into_iter().flatten())
                .map(|at| (at, *value))
        })
}

/// The instants between a sample and the next one at which its value is repeated.
fn repetitions(
    at: Timestamp,
    next: Timestamp,
    interval: Duration,
) -> impl Iterator<Item = Timestamp> {
    let milliseconds = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let interval = milliseconds(interval);
    let end = next.0.min(at.0.saturating_add(milliseconds(MAX_FILL)));
    let instants = std::iter::successors(Some(at.0), move |at| at.checked_add(interval));
    instants
        .skip(1)
        .take_while(move |at| *at < end)
        .map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::backfill::rule::Extracted;

    #[test]
    fn value_is_repeated_until_the_next_one_and_not_for_days() {
        let instants = |next, seconds| {
            let fill = FillOptions {
                interval: Some(Duration::from_secs(seconds)),
                until: Timestamp(next),
            };
            filled(&[(Timestamp(1_000), 7.0)], fill)
                .map(|(at, _)| at.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(instants(10_000, 3), [1_000, 4_000, 7_000]);
        assert_eq!(instants(2_000, 3), [1_000]);
        assert_eq!(instants(i64::MAX, 3600).len(), 26);
    }

    #[test]
    fn stopped_writing_writes_no_end() {
        let fill = FillOptions {
            interval: None,
            until: Timestamp(0),
        };
        let target = TargetLabels {
            workspace: None,
            labels: Vec::new(),
        };
        let mut store = SampleStore::default();
        store.add(0, Extracted::Number(1.0), Timestamp(0));
        let write = |stop| {
            let mut text = Vec::new();
            let stop = AtomicBool::new(stop);
            let written = write_samples(&store, &target, fill, &mut text, &stop);
            let written = written.expect("a vector takes everything");
            let text = String::from_utf8(text).expect("it is UTF-8");
            (written.map(|written| written.samples), text.ends_with(END))
        };
        assert_eq!(write(false), (Some(1), true));
        assert_eq!(write(true), (None, false));
    }
}
