//! The context of the generator: database, clock, random numbers and size.

use anyhow::{Context, Result};
use mongodb::Database;
use mongodb::bson::{DateTime, Document};

use super::Size;
use super::random::Random;
use super::time::Clock;

/// An arbitrary but fixed seed, so that the workspace is reproducible.
const SEED: u64 = 7_071;

pub(super) struct Builder<'a> {
    pub(super) database: &'a Database,
    pub(super) size: &'a Size,
    pub(super) clock: Clock,
    pub(super) random: Random,
}

impl<'a> Builder<'a> {
    pub(super) fn new(database: &'a Database, size: &'a Size, now: DateTime) -> Self {
        Self {
            database,
            size,
            clock: Clock::new(now),
            random: Random::new(SEED),
        }
    }

    pub(super) async fn insert(&self, collection: &str, documents: Vec<Document>) -> Result<()> {
        if documents.is_empty() {
            return Ok(());
        }
        let inserted = self
            .database
            .collection::<Document>(collection)
            .insert_many(documents)
            .await;
        inserted.with_context(|| format!("cannot insert into `{collection}`"))?;
        Ok(())
    }

    /// A random time within the last seconds.
    pub(super) fn within(&mut self, seconds: i64) -> DateTime {
        self.clock.ago(self.random.between(0, seconds))
    }
}

/// A length as a BSON Int32.
pub(super) fn int(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
