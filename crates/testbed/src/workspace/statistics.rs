//! `rocketchat_statistics`: what Rocket.Chat itself wrote down, once a day. The newest document is twenty hours old, as
//! it is for most of the day in a real workspace, so its numbers are yesterday's.

mod counts;
mod document;
mod visits;

use anyhow::Result;

use super::builder::Builder;
use super::time::{DAY, HOUR};

pub(super) use counts::Counts;

/// The age of the newest document.
const AGE: i64 = 20 * HOUR;

/// Of a thousand things there are today, so many were not there a day earlier.
const GROWTH: i64 = 2;

pub(super) async fn fill(builder: &mut Builder<'_>) -> Result<()> {
    let today = Counts::read(builder.database).await?;
    let days = i64::try_from(builder.size.statistics).unwrap_or_default();
    let mut documents = Vec::new();
    // Oldest first, in the order they were written.
    for days_ago in (0..days).rev() {
        let age = AGE + days_ago * DAY;
        let share = (1000 - (days_ago + 1) * GROWTH).max(100);
        let counts = today.scaled(share, &mut builder.random);
        documents.push(document::document(builder, &counts, age));
    }
    builder.insert("rocketchat_statistics", documents).await
}
