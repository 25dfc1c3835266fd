//! Detects changes of the nightly summaries. Rocket.Chat writes them once, at 02:00. Reading them is expensive; checking
//! for changes only reads index entries.

use std::time::Duration;

use jiff::civil::Date;
use mongodb::options::Hint;

use super::SummariesVersion;
use super::daily::{COLLECTION, day, months};
use crate::mongodb::{QueryContext, SourceError};

/// Minimum age of the newest summary: before that, Rocket.Chat may still be writing, and members may differ.
const MIN_AGE: Duration = Duration::from_hours(1);

/// Identifies the summaries of some days; `None` if Rocket.Chat may still be writing them, or the index on `_computedAt`
/// or the privilege to list indexes is missing.
pub async fn of(
    query: &mut QueryContext<'_>,
    first: Date,
    last: Date,
) -> Result<Option<SummariesVersion>, SourceError> {
    let index = query.known_index(COLLECTION, "_computedAt").await;
    let index = query.detail(COLLECTION, "listIndexes", index)?;
    let Some(index) = index.flatten() else {
        return Ok(None);
    };
    let index = Some(Hint::Name(index));
    let newest = query.newest_date(COLLECTION, "_computedAt", index).await?;
    let now = query.now().await?;
    let Some(computed) =
        newest.filter(|computed| now.since(*computed).is_some_and(|age| age >= MIN_AGE))
    else {
        return Ok(None);
    };
    let mut rows = 0;
    // One count for each month: only then index entries alone are read.
    for days in months(first, last) {
        let count = query.count(COLLECTION, days, None).await?;
        rows += count.unwrap_or_default();
    }
    Ok(Some(SummariesVersion {
        days: (day(first), day(last)),
        rows,
        computed,
    }))
}
