//! Rocket.Chat's own way to its statistics: the questions of one `refresh=true`, one after the other and through the
//! same driver as the exporter's.
//!
//! What Rocket.Chat does with the answers in Node costs it more than it costs here, and what it writes is left out, so
//! this is the kindest way to tell its cost.

mod periods;
mod v3_4;
mod v6_2;

use anyhow::Result;
use mongodb::Database;
use mongodb::bson::{DateTime, Document, doc};

use crate::operation::{Operation, find};

/// The questions of one refresh.
pub(super) struct Way {
    pub(super) operations: Vec<Operation>,
}

impl Way {
    /// As a real 3.4.0 was seen to ask them.
    pub(super) fn of_3_4(now: DateTime) -> Self {
        Self {
            operations: v3_4::operations(now),
        }
    }

    /// As 6.2 asks them, with the indexes that 6.2 had.
    pub(super) fn of_6_2(now: DateTime) -> Self {
        Self {
            operations: v6_2::operations(now),
        }
    }

    pub(super) async fn run(&self, database: &Database) -> Result<()> {
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
pub(super) fn last_month(now: DateTime) -> Document {
    periods::Period::LastMonth.filter(now)
}
