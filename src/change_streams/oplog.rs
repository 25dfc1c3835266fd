//! Changes from the oplog of the replica set, one entry for each write to any of its collections.
//!
//! Each poll reads the entries since the last one, up to the newest that a majority of the set has. Those are never rolled back, and
//! every member has them at the same times, so that another member can go on.

use mongodb::Cursor;
use mongodb::bson::{Document, Timestamp, doc};

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
    collections: FollowedCollections,
    position: Timestamp,
    /// The entries that a poll began to read, and the newest one of them.
    unread: Option<(Cursor<Document>, Timestamp)>,
}

impl OplogReader {
    /// Reads what comes after this entry.
    pub fn new(collections: FollowedCollections, position: Timestamp) -> Self {
        Self {
            collections,
            position,
            unread: None,
        }
    }

    /// The entry up to which everything was read.
    pub fn position(&self) -> Timestamp {
        self.position
    }

    /// Whether a poll has left something for the next one.
    pub fn has_unread(&self) -> bool {
        self.unread.is_some()
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
    ) -> Result<Option<Timestamp>, LiveError> {
        let newest_first = doc! { "$natural": -1 };
        let times = self
            .times_in_oplog(member, doc! {}, newest_first, 1)
            .await?;
        Ok(times.first().copied())
    }

    /// The times of the first entries that match, of those that a majority of the set has.
    async fn times_in_oplog(
        &self,
        member: &SelectedMember,
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
        self.live_query(member, times).await
    }

    /// Adds the changes since the last poll.
    ///
    /// # Errors
    /// When the oplog cannot be read, or no longer has what comes next.
    pub async fn poll_oplog(
        &self,
        member: &SelectedMember,
        reader: &mut OplogReader,
        batch: &mut ChangeBatch,
    ) -> Result<(), LiveError> {
        let (mut cursor, newest) = if let Some(unread) = reader.unread.take() {
            unread
        } else {
            let newest = self.newest_in_oplog(member).await?;
            // A member that lags may not have reached the position of another one.
            let Some(newest) = newest.filter(|newest| *newest > reader.position) else {
                return Ok(());
            };
            let (collections, position) = (&reader.collections, reader.position);
            let first = self.first_change(member, collections, position, newest);
            let Some(first) = first.await? else {
                reader.position = newest;
                return Ok(());
            };
            let changes = changes_in_oplog(member.database.name(), collections, first, newest);
            (self.read_oplog(member, changes).await?, newest)
        };
        while self.live_query(member, cursor.advance()).await? {
            batch.events.push(cursor.current().to_owned());
            if batch.events.len() == MAX_CHANGES {
                batch.more = true;
                reader.unread = Some((cursor, newest));
                return Ok(());
            }
        }
        reader.position = newest;
        Ok(())
    }

    /// The time of the first entry after `position` that may concern the collections. Most polls find none, and compiling the
    /// query of [`Self::read_oplog`] takes the server longer than this one.
    async fn first_change(
        &self,
        member: &SelectedMember,
        collections: &FollowedCollections,
        position: Timestamp,
        newest: Timestamp,
    ) -> Result<Option<Timestamp>, LiveError> {
        let namespaces = namespaces_in_oplog(member.database.name(), collections);
        let filter = doc! {
            "ts": { "$gte": position, "$lte": newest },
            "$or": [{ "ts": position }, { "ns": { "$in": namespaces } }],
        };
        let times = self.times_in_oplog(member, filter, doc! {}, 2).await?;
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
        self.live_query(member, aggregate).await
    }
}
