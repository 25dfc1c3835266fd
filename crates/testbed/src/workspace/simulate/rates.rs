//! How often things happened in the workspace's last week.

use anyhow::Result;
use mongodb::Database;
use mongodb::bson::{DateTime, Document, doc};

use crate::workspace::time::DAY;

const DAYS: i64 = 7;

/// Events a day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) messages: f64,
    pub(super) logins: f64,
    pub(super) uploads: f64,
    /// New conversations with visitors.
    pub(super) conversations: f64,
}

impl Rates {
    pub(super) async fn of_last_week(database: &Database, now: DateTime) -> Result<Self> {
        let begin = DateTime::from_millis(now.timestamp_millis() - DAYS * DAY * 1000);
        let since = doc! { "$gte": begin, "$lt": now };
        let daily = async |collection: &str, filter: Document| -> Result<f64> {
            let documents = database.collection::<Document>(collection);
            let number = documents.count_documents(filter).await?;
            Ok(number as f64 / DAYS as f64)
        };
        Ok(Self {
            messages: daily("rocketchat_message", doc! { "ts": &since }).await?,
            // A summary for each user and day.
            logins: daily(
                "rocketchat_sessions",
                doc! { "type": "user_daily", "_computedAt": &since },
            )
            .await?,
            uploads: daily("rocketchat_uploads", doc! { "uploadedAt": &since }).await?,
            conversations: daily("rocketchat_room", doc! { "t": "l", "ts": &since }).await?,
        })
    }
}
