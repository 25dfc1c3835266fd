//! `rocketchat_statistics`: the documents that Rocket.Chat stores once a day. The newest is 20 hours old, so its numbers
//! are yesterday's, as for most of the day in a real workspace.

mod counts;
mod document;
mod visits;

use anyhow::Result;
use futures_util::TryStreamExt;
use mongodb::bson::{DateTime, Document, doc};

use super::builder::Builder;
use super::time::{DAY, HOUR};

pub(super) use counts::Counts;

/// The age of the newest document in seconds.
const AGE: i64 = 20 * HOUR;

/// Daily growth in thousandths.
const GROWTH: i64 = 2;

pub(super) async fn fill(builder: &mut Builder<'_>) -> Result<()> {
    let today = Counts::read(builder.database).await?;
    let messages = message_times(builder).await?;
    let days = i64::try_from(builder.size.statistics).unwrap_or_default();
    let mut documents = Vec::new();
    // Oldest first, in the order in which they were stored.
    for days_ago in (0..days).rev() {
        let age = AGE + days_ago * DAY;
        let share = (1000 - (days_ago + 1) * GROWTH).max(100);
        let stored = builder.clock.ago(age);
        let counts = today.scaled(share, share_before(&messages, stored), &mut builder.random);
        documents.push(document::document(builder, &counts, age));
    }
    builder.insert("rocketchat_statistics", documents).await
}

/// The times of all messages, earliest first.
async fn message_times(builder: &Builder<'_>) -> Result<Vec<DateTime>> {
    let cursor = builder
        .database
        .collection::<Document>("rocketchat_message")
        .find(doc! {})
        .projection(doc! { "_id": 0, "ts": 1 })
        .await?;
    let messages: Vec<Document> = cursor.try_collect().await?;
    let mut times = messages
        .iter()
        .map(|message| message.get_datetime("ts").copied())
        .collect::<Result<Vec<_>, _>>()?;
    times.sort_unstable();
    Ok(times)
}

/// The share of the times before a time, in thousandths.
fn share_before(times: &[DateTime], time: DateTime) -> i64 {
    let before = times.partition_point(|&other| other < time);
    i64::try_from(before * 1000 / times.len().max(1)).unwrap_or_default()
}
