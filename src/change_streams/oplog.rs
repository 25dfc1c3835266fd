//! Changes from the oplog of the replica set, one entry for each write to any of its collections.
//!
//! Each poll reads the entries since the last one, up to the newest that a majority of the set has. Those are never rolled back, and
//! every member has them at the same times, so that another member can go on.

use std::collections::BTreeSet;
use std::sync::Arc;

use mongodb::Cursor;
use mongodb::bson::{Document, Timestamp, doc};
use tokio::sync::Semaphore;

use super::change_batch::{ChangeBatch, MAX_CHANGES};
use super::followed_collection::FollowedCollections;
use super::live_error::LiveError;
use super::member_status::COMMENT;
use super::pipeline::{changes_in_oplog, namespaces_in_oplog};
use crate::mongodb::{Mongo, SelectedMember, bson, command};

/// The oplog, in the database `local`.
const OPLOG: &str = "oplog.rs";

/// Reads the oplog from poll to poll.
#[derive(Debug)]
pub struct OplogReader {
    collections: Arc<FollowedCollections>,
    /// The permits of its queries.
    permits: Arc<Semaphore>,
    position: Timestamp,
    unread: Option<UnreadEntries>,
}

/// Entries that a poll began to read.
#[derive(Debug)]
struct UnreadEntries {
    cursor: Cursor<Document>,
    /// The newest of them.
    newest: Timestamp,
    /// Where the cursor is.
    member: Arc<SelectedMember>,
}

impl OplogReader {
    /// Reads what comes after this entry.
    pub fn new(
        collections: Arc<FollowedCollections>,
        permits: Arc<Semaphore>,
        position: Timestamp,
    ) -> Self {
        Self {
            collections,
            permits,
            position,
            unread: None,
        }
    }

    /// The entry up to which everything was read.
    pub fn position(&self) -> Timestamp {
        self.position
    }
}

impl Mongo {
    /// The time of the newest entry of the oplog that a majority of the set has.
    ///
    /// # Errors
    /// When the oplog cannot be read.
    pub async fn newest_in_oplog(
        &self,
        member: &SelectedMember,
        permits: &Semaphore,
    ) -> Result<Option<Timestamp>, LiveError> {
        let newest_first = doc! { "$natural": -1 };
        let times = self
            .times_in_oplog(member, permits, doc! {}, newest_first, 1)
            .await?;
        Ok(times.first().copied())
    }

    /// The times of the first entries that match, of those that a majority of the set has.
    async fn times_in_oplog(
        &self,
        member: &SelectedMember,
        permits: &Semaphore,
        filter: Document,
        sort: Document,
        limit: u32,
    ) -> Result<Vec<Timestamp>, LiveError> {
        let find = doc! {
            "find": OPLOG,
            "filter": filter,
            "sort": sort,
            "projection": { "ts": 1 },
            "limit": limit,
            "singleBatch": true,
            "maxTimeMS": bson::milliseconds(self.query_timeout),
            "comment": COMMENT,
            "readConcern": { "level": "majority" },
        };
        let local = command::beside(&member.database, "local");
        let times = async {
            let mut found = command::run_cursor(&local, find, limit).await?;
            let mut times = Vec::new();
            while found.advance().await? {
                times.extend(found.current().get_timestamp("ts"));
            }
            Ok(times)
        };
        self.permitted_live_query(permits, member, times).await
    }

    /// Adds the changes since the last poll. `databases` returns those that are followed; it is called before their entries up to
    /// a time are read.
    ///
    /// # Errors
    /// When the oplog cannot be read, or no longer has what comes next.
    pub async fn poll_oplog(
        &self,
        member: &Arc<SelectedMember>,
        reader: &mut OplogReader,
        databases: impl FnOnce(Timestamp) -> BTreeSet<String>,
        batch: &mut ChangeBatch,
    ) -> Result<(), LiveError> {
        let permits = Arc::clone(&reader.permits);
        let permits = &*permits;
        let mut unread = if let Some(unread) = reader.unread.take() {
            unread
        } else {
            let newest = self.newest_in_oplog(member, permits).await?;
            // A member that lags may not have reached the position of another one.
            let Some(newest) = newest.filter(|newest| *newest > reader.position) else {
                return Ok(());
            };
            let collections = &reader.collections;
            let namespaces = namespaces_in_oplog(&databases(newest), collections);
            let first = self.first_change(member, permits, &namespaces, reader.position, newest);
            let Some(first) = first.await? else {
                reader.position = newest;
                return Ok(());
            };
            let changes = changes_in_oplog(namespaces, collections, first, newest);
            UnreadEntries {
                cursor: self.read_oplog(member, permits, changes).await?,
                newest,
                member: Arc::clone(member),
            }
        };
        while self
            .permitted_live_query(permits, &unread.member, unread.cursor.advance())
            .await?
        {
            batch.events.push(unread.cursor.current().to_owned());
            if batch.events.len() == MAX_CHANGES {
                batch.more = true;
                reader.unread = Some(unread);
                return Ok(());
            }
        }
        reader.position = unread.newest;
        Ok(())
    }

    /// The time of the first entry after `position` that may concern these namespaces. Most polls find none, and compiling the
    /// query of [`Self::read_oplog`] takes the server longer than this one.
    async fn first_change(
        &self,
        member: &SelectedMember,
        permits: &Semaphore,
        namespaces: &[String],
        position: Timestamp,
        newest: Timestamp,
    ) -> Result<Option<Timestamp>, LiveError> {
        let filter = doc! {
            "ts": { "$gte": position, "$lte": newest },
            "$or": [{ "ts": position }, { "ns": { "$in": namespaces } }],
        };
        let times = self
            .times_in_oplog(member, permits, filter, doc! {}, 2)
            .await?;
        // The entry that was seen last shows that no later one was dropped.
        if times.first() != Some(&position) {
            return Err(LiveError::Lost(
                "the oplog no longer has the changes that come next".to_owned(),
            ));
        }
        Ok(times.get(1).copied())
    }

    /// What [`changes_in_oplog`] passes on.
    async fn read_oplog(
        &self,
        member: &SelectedMember,
        permits: &Semaphore,
        pipeline: Vec<Document>,
    ) -> Result<Cursor<Document>, LiveError> {
        let batch_size = i32::try_from(MAX_CHANGES).unwrap_or(i32::MAX);
        let aggregate = doc! {
            "aggregate": OPLOG,
            "pipeline": pipeline,
            "cursor": { "batchSize": batch_size },
            "maxTimeMS": bson::milliseconds(self.query_timeout),
            "comment": COMMENT,
            "readConcern": { "level": "majority" },
        };
        let local = command::beside(&member.database, "local");
        let aggregate = command::run_cursor(&local, aggregate, batch_size.cast_unsigned());
        self.permitted_live_query(permits, member, aggregate).await
    }
}
