//! Rocket.Chat's own way to its statistics: the queries of one `refresh=true`, one after the other, through the driver that
//! the exporter uses.
//!
//! It errs in favor of Rocket.Chat: Node's handling of the results costs more, and what Rocket.Chat writes is left out.

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
    /// Those of 3.4.0, as the profiler recorded them.
    pub(crate) fn v3_4(now: DateTime) -> Self {
        Self {
            operations: v3_4::operations(now),
        }
    }

    /// Those of 6.2, with the indexes that 6.2 had.
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

/// The message counters of all rooms of each kind, which Rocket.Chat adds up itself.
fn message_counters() -> impl Iterator<Item = Operation> {
    ["c", "p", "d", "l"]
        .map(|kind| find("rocketchat_room", doc! { "t": kind }, doc! { "msgs": 1 }))
        .into_iter()
}

/// The rows of the month that ends yesterday.
pub(crate) fn last_month(now: DateTime) -> Document {
    periods::Period::LastMonth.filter(now)
}
