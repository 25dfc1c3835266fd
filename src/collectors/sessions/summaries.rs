//! Whether the nightly summaries of past days are still those that were read. Rocket.Chat writes them once, at two in the
//! morning; to read them is dear, and to see that none came, went or was computed anew takes two walks over index entries.

use std::time::Duration;

use jiff::civil::Date;
use mongodb::options::Hint;

use super::Summaries;
use super::daily::{COLLECTION, day, months};
use crate::mongodb::{QueryContext, SourceError};

/// When something was computed more lately than that the night's work may not be over, and members of a replica set may
/// still differ.
const QUIET: Duration = Duration::from_hours(1);

/// What tells the summaries of some days apart from any other ones; `None` when that cannot be told, because Rocket.Chat
/// may be writing them, the index of their times is missing, or the user may not look for it.
pub async fn of(
    question: &mut QueryContext<'_>,
    first: Date,
    last: Date,
) -> Result<Option<Summaries>, SourceError> {
    let index = question.known_index(COLLECTION, "_computedAt").await;
    let index = question.detail(COLLECTION, "listIndexes", index)?;
    let Some(index) = index.flatten() else {
        return Ok(None);
    };
    let index = Some(Hint::Name(index));
    let newest = question
        .newest_date(COLLECTION, "_computedAt", index)
        .await?;
    let now = question.now().await?;
    let Some(computed) = newest.filter(|it| now.since(*it).is_some_and(|age| age >= QUIET)) else {
        return Ok(None);
    };
    let mut rows = 0;
    // One after the other: only then each is a walk over entries of an index that fetches no row.
    for days in months(first, last) {
        let count = question.count(COLLECTION, days, None).await?;
        rows += count.unwrap_or_default();
    }
    Ok(Some(Summaries {
        days: (day(first), day(last)),
        rows,
        computed,
    }))
}
