//! `rocketchat_statistics`: the documents that Rocket.Chat stores once a day. The newest is 20 hours old, so its numbers
//! are yesterday's, as for most of the day in a real workspace.

mod counts;
mod document;
mod visits;

use anyhow::Result;

use super::builder::Builder;
use super::time::{DAY, HOUR};

pub(super) use counts::Counts;

/// The age of the newest document in seconds.
const AGE: i64 = 20 * HOUR;

/// Daily growth in thousandths.
const GROWTH: i64 = 2;

pub(super) async fn fill(builder: &mut Builder<'_>) -> Result<()> {
    let today = Counts::read(builder.database).await?;
    let days = i64::try_from(builder.size.statistics).unwrap_or_default();
    let mut documents = Vec::new();
    // Oldest first, in the order in which they were stored.
    for days_ago in (0..days).rev() {
        let age = AGE + days_ago * DAY;
        let share = (1000 - (days_ago + 1) * GROWTH).max(100);
        let counts = today.scaled(share, &mut builder.random);
        documents.push(document::document(builder, &counts, age));
    }
    builder.insert("rocketchat_statistics", documents).await
}
