//! The file itself: family by family and series by series, as OpenMetrics demands it, from what was read.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::files;
use super::journal::Parts;
use super::samples::{END, Series, Target};
use crate::catalogue::Timestamp;
use crate::collectors::SECTIONS;

/// A value is repeated for so long at most: documents are stored daily, and something more passes while one is made.
pub const FILLED_FOR: Duration = Duration::from_hours(26);

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Written {
    /// Different series.
    pub series: u64,
    /// Lines with a value.
    pub samples: u64,
    /// Bytes of the whole file.
    pub bytes: u64,
}

/// Writes the file where nobody looks, and gives it its name when it is complete. `None` when `stop` was set.
pub fn join(
    parts: &Parts,
    output: &Path,
    target: &Target,
    fill: Option<Duration>,
    stop: &AtomicBool,
) -> io::Result<Option<Written>> {
    let unfinished = parts.beside("unfinished");
    let mut written = Written::default();
    let mut writer = BufWriter::with_capacity(256 * 1024, files::create(&unfinished)?);
    for row in SECTIONS.iter().flat_map(|section| section.metrics()) {
        let mut is_first = true;
        for (labels, samples) in parts.of(row.name) {
            let series = Series::new(row, labels, target);
            if std::mem::take(&mut is_first) {
                writer.write_all(series.head.as_bytes())?;
            }
            written.series += 1;
            let mut samples = samples?.peekable();
            while let Some(sample) = samples.next() {
                if stop.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                let (at, value) = sample?;
                series.write(&mut writer, value, at)?;
                written.samples += 1;
                if let Some(fill) = fill {
                    let next = match samples.peek() {
                        Some(Ok((next, _))) => next.0,
                        // A broken file is told when its turn comes.
                        _ => parts.state.until,
                    };
                    for at in between(at, next, fill) {
                        series.write(&mut writer, value, at)?;
                        written.samples += 1;
                    }
                }
            }
        }
    }
    writer.write_all(END.as_bytes())?;
    let finished = writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    finished.sync_all()?;
    written.bytes = finished.metadata()?.len();
    fs::rename(unfinished, output)?;
    Ok(Some(written))
}

/// The instants at which a value is repeated before the next one is known.
fn between(at: Timestamp, next: i64, fill: Duration) -> impl Iterator<Item = Timestamp> {
    let milliseconds = |it: Duration| i64::try_from(it.as_millis()).unwrap_or(i64::MAX);
    let step = milliseconds(fill);
    let end = next.min(at.0.saturating_add(milliseconds(FILLED_FOR)));
    let further = std::iter::successors(Some(at.0), move |at| at.checked_add(step));
    further
        .skip(1)
        .take_while(move |at| *at < end)
        .map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_repeated_until_the_next_one_and_not_for_days() {
        let at = |next, fill| {
            let instants = between(Timestamp(1_000), next, Duration::from_secs(fill));
            instants.map(|it| it.0).collect::<Vec<_>>()
        };
        assert_eq!(at(10_000, 3), [4_000, 7_000]);
        assert_eq!(at(2_000, 3), [] as [i64; 0]);
        assert_eq!(at(i64::MAX, 3600).len(), 25);
    }
}
