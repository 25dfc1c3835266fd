//! Rocket.Chat's own statistics: the queries of one `refresh=true`, in sequence, through the exporter's driver.
//!
//! This favors Rocket.Chat: handling the results in Node.js costs more, and Rocket.Chat's writes are omitted.

mod periods;
mod v3_4;
mod v6_2;

use anyhow::Result;
use mongodb::Database;
use mongodb::bson::{DateTime, Document, doc};

use crate::operation::{Operation, find};

/// The queries of one refresh.
pub(crate) struct Workload {
    pub(crate) operations: Vec<Operation>,
}

impl Workload {
    /// The queries of 3.4.0, as the profiler recorded them.
    pub(crate) fn v3_4(now: DateTime) -> Self {
        Self {
            operations: v3_4::operations(now),
        }
    }

    /// The queries of 6.2, with the indexes of 6.2.
    pub(crate) fn v6_2(now: DateTime) -> Self {
        Self {
            operations: v6_2::operations(now),
        }
    }

    pub(crate) async fn run(&self, database: &Database) -> Result<()> {
        for operation in &self.operations {
            operation.run(database).await?;
        }
        Ok(())
    }
}

/// The message counters of all rooms of each kind, which Rocket.Chat sums up itself.
fn message_counters() -> impl Iterator<Item = Operation> {
    ["c", "p", "d", "l"]
        .map(|kind| find("rocketchat_room", doc! { "t": kind }, doc! { "msgs": 1 }))
        .into_iter()
}

/// A filter of the sessions of the month that ends yesterday.
pub(crate) fn last_month(now: DateTime) -> Document {
    periods::Period::LastMonth.filter(now)
}
