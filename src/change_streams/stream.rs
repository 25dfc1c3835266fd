//! The database's side of live mode: one change stream on the database or one on each collection, full reads that are no older
//! than the start of the streams, and lookups of documents that are no older than the change that made them necessary.
//!
//! The streams are polled and answer at once, so that they hold a connection no longer than any query: a stream that waits
//! would take a connection of the budget for itself. A single stream on the database passes over the changes of other
//! collections in a quarter of the time, but its user has to be allowed to read everything in it; otherwise there is a stream
//! on each collection. All reads have read concern `majority`, because streams contain nothing else: what is read and then
//! rolled back would never be corrected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mongodb::Cursor;
use mongodb::bson::{Bson, Document, RawDocumentBuf, Timestamp, doc};
use mongodb::error::{Error, ErrorKind};
use thiserror::Error;
use tokio::time::Instant;

use super::event_stream::{EventStream, StreamStart};
use super::followed_collection::{FollowedCollection, FollowedCollections};
use super::id_hasher::IdHasher;
use super::packed_table::IdHash;
use super::pipeline::{changes, changes_of_all, filter, projection};
use super::tracked_documents::{CollectionScan, PendingLookups, TrackedDocuments};
use crate::catalogue::{FailureKind, Replication};
use crate::collectors::LiveObstacle;
use crate::mongodb::{
    Hello, Mongo, SelectedMember, SourceError, bson, command, error, lost_member,
};

/// Changes of a collection that one poll takes; the next poll takes the rest.
const MAX_CHANGES: u32 = 10_000;

/// The only stream, if it is on the database, in the place of a collection's name.
const DATABASE: &str = "the database";

/// The wire protocol of MongoDB 6.0, from which on the server applies the first stage after `$changeStream` to its oplog.
/// Before, a stream on the database makes an event of every change first.
const WIRE_VERSION_6_0: i32 = 17;

/// Documents of all collections that are followed: at 24 bytes each, and twice that while a full read is compared.
const MAX_DOCUMENTS: usize = 5_000_000;

/// The memory that a document takes: its row, and the same once more while a full read is compared.
const BYTES_OF_DOCUMENT: usize = 48;

/// Documents in one reply of a full read; the fields that are kept are some 100 bytes.
const BATCH_SIZE: i32 = 20_000;

const MEBIBYTE: u64 = 1 << 20;

const COMMENT: &str = "rocketchat-exporter live";

/// Codes of the server's errors after which a stream cannot be resumed.
/// <https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml>
const NOT_RESUMABLE: [i32; 6] = [
    136,   // CappedPositionLost
    222,   // CloseChangeStream
    260,   // InvalidResumeToken
    280,   // ChangeStreamFatalError
    286,   // ChangeStreamHistoryLost
    10334, // BSONObjectTooLarge
];

/// Why changes cannot be followed.
#[derive(Debug, Clone, Error)]
pub enum LiveError {
    /// Something stands in the way.
    #[error("{1}")]
    Impossible(LiveObstacle, String),
    /// The stream cannot be resumed: only a full read helps.
    #[error("{0}")]
    Lost(String),
    /// A query failed; it may succeed later.
    #[error(transparent)]
    Failed(#[from] SourceError),
}

impl LiveError {
    /// The error of a server; `describe` makes any other error of it.
    fn from_server(error: &Error, describe: impl FnOnce(&Error) -> SourceError) -> Self {
        if let ErrorKind::Command(command) = &*error.kind
            && NOT_RESUMABLE.contains(&command.code)
        {
            return Self::Lost(format!("{} ({})", command.message, command.code_name));
        }
        let error = describe(error);
        match error.kind {
            FailureKind::Unauthorized => {
                Self::Impossible(LiveObstacle::Privileges, error.to_string())
            }
            _ => Self::Failed(error),
        }
    }
}

/// Where streams start.
#[derive(Debug, Clone)]
pub enum StartPosition {
    /// At the first change at or after a time of the server.
    Time(Timestamp),
    /// Where earlier streams ended.
    Tokens(ResumeTokens),
}

/// Where streams ended, by collection.
pub type ResumeTokens = BTreeMap<&'static str, RawDocumentBuf>;

/// Open change streams.
#[derive(Debug)]
pub struct ChangeStreams {
    /// The member that they are on; lookups go there too.
    pub member: Arc<SelectedMember>,
    /// The collections that are followed.
    collections: BTreeSet<&'static str>,
    streams: BTreeMap<&'static str, EventStream>,
}

/// The state of the member that the streams are on.
#[derive(Debug)]
pub struct MemberStatus {
    hello: Hello,
    /// Its part in the replica set.
    pub replication: Replication,
    /// Its time.
    pub time: Timestamp,
    read_at: Instant,
}

impl MemberStatus {
    /// How far a stream at `position` is behind the newest time that the member knew. Without a primary nothing is newer
    /// than the stream, and it ages as a whole.
    pub fn behind(&self, position: Timestamp) -> Duration {
        if self.replication.has_primary {
            self.hello.behind(position)
        } else {
            self.age(position)
        }
    }

    /// How long ago the time of the replica set was `position`, by its clocks.
    pub fn age(&self, position: Timestamp) -> Duration {
        self.hello.since(position) + self.read_at.elapsed()
    }

    /// How old this is.
    pub fn elapsed(&self) -> Duration {
        self.read_at.elapsed()
    }
}

/// The changes of one poll.
#[derive(Debug, Default)]
pub struct ChangeBatch {
    /// Events, in order within each collection.
    pub events: Vec<RawDocumentBuf>,
    /// Whether there may be more.
    pub more: bool,
}

impl Mongo {
    /// The member that the read preference chooses.
    ///
    /// # Errors
    /// When no server answers.
    pub async fn live_member(&self) -> Result<Arc<SelectedMember>, LiveError> {
        let access = self.clients.database().await?;
        Ok(self.member(&access).await?)
    }

    /// The status of a member. A read after its time sees everything that was written before.
    ///
    /// # Errors
    /// When it does not answer, or has no change streams.
    pub async fn member_status(&self, member: &SelectedMember) -> Result<MemberStatus, LiveError> {
        let hello = Hello::send(&member.database, self.query_timeout, COMMENT);
        let hello = self.live_query(member, hello).await?;
        if hello.is_router() {
            return Err(LiveError::Impossible(
                LiveObstacle::Topology,
                "MongoDB is a sharded cluster, where changes are not followed".to_owned(),
            ));
        }
        let Some(replication) = hello.replication() else {
            return Err(LiveError::Impossible(
                LiveObstacle::Topology,
                "MongoDB is no replica set, so it has no change streams".to_owned(),
            ));
        };
        let Some(time) = hello.operation_time() else {
            return Err(LiveError::Failed(SourceError::new(
                FailureKind::Other,
                "MongoDB's reply has no operation time",
            )));
        };
        Ok(MemberStatus {
            hello,
            replication,
            time,
            read_at: Instant::now(),
        })
    }

    /// A query of live mode: [`Mongo::within`] for errors that are distinguished by their codes.
    async fn live_query<T>(
        &self,
        member: &SelectedMember,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, LiveError> {
        let answer = self.within(async { Ok(member.unless_lost(answer).await) });
        match answer.await? {
            Some(answer) => answer.map_err(|error| {
                LiveError::from_server(&error, |error| self.clients.report(error))
            }),
            None => Err(lost_member().into()),
        }
    }

    /// Opens a change stream on the database where that is possible, else one on each of these collections; a view has none.
    ///
    /// # Errors
    /// When the server refuses that, or does not answer.
    pub async fn open_change_streams(
        &self,
        member: Arc<SelectedMember>,
        collections: &FollowedCollections,
        start: &StartPosition,
    ) -> Result<ChangeStreams, LiveError> {
        let is_on_database = match start {
            StartPosition::Time(_) => self.may_follow_database(&member, collections).await?,
            StartPosition::Tokens(tokens) => tokens.contains_key(DATABASE),
        };
        if is_on_database {
            let stages = changes_of_all(member.database.name(), collections);
            let open = EventStream::open(
                &member.database,
                None,
                start.of(DATABASE)?,
                stages,
                MAX_CHANGES,
                COMMENT,
            );
            match self.live_query(&member, open).await {
                Ok(stream) => {
                    return Ok(ChangeStreams {
                        member,
                        collections: collections.keys().copied().collect(),
                        streams: BTreeMap::from([(DATABASE, stream)]),
                    });
                }
                // Its user may still follow each collection.
                Err(LiveError::Impossible(LiveObstacle::Privileges, _))
                    if matches!(start, StartPosition::Time(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let mut streams = BTreeMap::new();
        for (name, followed) in collections {
            let start = start.of(name)?;
            let open = async {
                let stages = changes(followed);
                let database = &member.database;
                let open =
                    EventStream::open(database, Some(name), start, stages, MAX_CHANGES, COMMENT);
                match open.await {
                    Err(error) if error::is_view(&error) => Ok(None),
                    stream => stream.map(Some),
                }
            };
            if let Some(stream) = self.live_query(&member, open).await? {
                streams.insert(*name, stream);
            }
        }
        Ok(ChangeStreams {
            member,
            collections: streams.keys().copied().collect(),
            streams,
        })
    }

    /// Whether a stream on the database is worth trying: the server makes it cheap, and no collection is a view, whose changes
    /// it would not have.
    async fn may_follow_database(
        &self,
        member: &SelectedMember,
        collections: &FollowedCollections,
    ) -> Result<bool, LiveError> {
        let hello = member.hello.as_ref();
        if !hello.is_some_and(|hello| hello.has_wire_version(WIRE_VERSION_6_0)) {
            return Ok(false);
        }
        let names: Vec<_> = collections.keys().copied().collect();
        let list = doc! {
            "listCollections": 1,
            "nameOnly": true,
            "authorizedCollections": true,
            "filter": { "type": "view", "name": { "$in": names } },
            "maxTimeMS": bson::milliseconds(self.query_timeout),
            "comment": COMMENT,
        };
        let list = command::run_cursor(&member.database, list, 1);
        let views = async {
            let mut views = list.await?;
            views.advance().await
        };
        match self.live_query(member, views).await {
            Ok(has_view) => Ok(!has_view),
            Err(LiveError::Impossible(..)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The changes since the last poll.
    ///
    /// # Errors
    /// When a stream broke; all of them have to be opened again.
    pub async fn poll_changes(
        &self,
        changes: &mut ChangeStreams,
    ) -> Result<ChangeBatch, LiveError> {
        let mut batch = ChangeBatch::default();
        for (name, stream) in &mut changes.streams {
            let poll = Box::pin(stream.poll(MAX_CHANGES as usize));
            let polled = self.live_query(&changes.member, poll).await?;
            if polled.has_ended {
                return Err(LiveError::Lost(format!(
                    "the change stream on {name} ended"
                )));
            }
            batch.events.extend(polled.events);
            batch.more |= polled.more;
        }
        Ok(batch)
    }

    /// Reads every document of these collections, as it was at this time or later.
    ///
    /// # Errors
    /// When the server does not answer, or there are too many documents.
    pub async fn read_collections(
        &self,
        member: &SelectedMember,
        collections: &FollowedCollections,
        hasher: &IdHasher,
        after: Timestamp,
        is_first: bool,
    ) -> Result<TrackedDocuments, LiveError> {
        let begun = Instant::now();
        let lease = self.clients.database().await?.lease;
        let mut scans = Vec::with_capacity(collections.len());
        let kept = collections
            .values()
            .filter(|collection| collection.keeps_documents());
        let mut expected = Vec::new();
        for collection in kept {
            let documents = self.expected_documents(member, collection).await?;
            expected.push((collection, documents));
        }
        let documents = expected.iter().map(|(_, documents)| documents).sum();
        let bytes = self.ensure_fits(documents)?;
        if is_first {
            let mebibytes = bytes.div_ceil(MEBIBYTE);
            tracing::info!(
                database = member.database.name(),
                documents,
                mebibytes,
                "live mode begins; it takes about this much memory"
            );
        }
        let mut left = MAX_DOCUMENTS;
        for (collection, expected) in expected {
            let scan = self
                .scan_collection(member, collection, hasher, after, expected, left)
                .await?;
            left -= scan.len();
            scans.push(scan);
        }
        self.clients.confirm(&lease, begun).await?;
        Ok(TrackedDocuments::new(hasher.clone(), scans))
    }

    /// The number of documents of a collection that will be kept.
    async fn expected_documents(
        &self,
        member: &SelectedMember,
        collection: &FollowedCollection,
    ) -> Result<usize, LiveError> {
        if collection.owners.is_some() {
            // Few sessions have connections.
            return Ok(0);
        }
        let count = doc! {
            "count": collection.name,
            "maxTimeMS": bson::milliseconds(self.query_timeout),
            "comment": COMMENT,
        };
        let count = command::run(&member.database, count);
        let count = self.live_query(member, count).await?;
        let documents = usize::try_from(bson::counted(&count, "n"));
        Ok(documents.unwrap_or(MAX_DOCUMENTS + 1))
    }

    /// The memory that so many documents will take.
    ///
    /// # Errors
    /// When it is more than it may be.
    fn ensure_fits(&self, documents: usize) -> Result<u64, LiveError> {
        if documents > MAX_DOCUMENTS {
            return Err(too_many());
        }
        let bytes = (documents * BYTES_OF_DOCUMENT) as u64;
        match self.live_max_bytes {
            Some(max) if bytes > max => Err(LiveError::Impossible(
                LiveObstacle::Memory,
                format!(
                    "live mode would take {} MiB of memory for {documents} documents, and may take {} MiB; raise --mongodb.live-max-memory, or the memory limit of the container or service, of which it is half by default",
                    bytes.div_ceil(MEBIBYTE),
                    max / MEBIBYTE
                ),
            )),
            _ => Ok(bytes),
        }
    }

    async fn scan_collection(
        &self,
        member: &SelectedMember,
        collection: &FollowedCollection,
        hasher: &IdHasher,
        after: Timestamp,
        expected: usize,
        max: usize,
    ) -> Result<CollectionScan, LiveError> {
        let mut scan = CollectionScan::new(hasher.clone(), collection.clone(), expected);
        let mut cursor = self
            .find_after(member, collection, filter(collection), after)
            .await?;
        while self.live_query(member, cursor.advance()).await? {
            scan.add(cursor.current());
            if scan.len() > max {
                return Err(too_many());
            }
        }
        Ok(scan)
    }

    /// Looks up documents, as they were at this time or later, and passes them on by collection.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn look_up(
        &self,
        member: &SelectedMember,
        collections: &FollowedCollections,
        pending: &PendingLookups,
        after: Timestamp,
        mut apply: impl FnMut(&'static str, BTreeSet<IdHash>, &[RawDocumentBuf]),
    ) -> Result<(), LiveError> {
        let mut by_collection: BTreeMap<&'static str, (BTreeSet<IdHash>, Vec<Bson>)> =
            BTreeMap::new();
        for ((name, hash), id) in pending {
            let (hashes, ids) = by_collection.entry(*name).or_default();
            hashes.insert(*hash);
            let id = Bson::try_from(id.clone());
            ids.push(id.map_err(|error| SourceError::from(Error::from(error)))?);
        }
        for (name, (hashes, ids)) in by_collection {
            let Some(collection) = collections.get(name) else {
                continue;
            };
            let filter = doc! { "_id": { "$in": ids } };
            let mut cursor = self.find_after(member, collection, filter, after).await?;
            let mut found = Vec::new();
            while self.live_query(member, cursor.advance()).await? {
                found.push(cursor.current().to_owned());
            }
            apply(name, hashes, &found);
        }
        Ok(())
    }

    /// Documents that match, as the majority of the set has them at this time or later.
    async fn find_after(
        &self,
        member: &SelectedMember,
        collection: &FollowedCollection,
        filter: Document,
        after: Timestamp,
    ) -> Result<Cursor<Document>, LiveError> {
        let command = doc! {
            "find": collection.name,
            "filter": filter,
            "projection": projection(collection),
            "batchSize": BATCH_SIZE,
            "maxTimeMS": bson::milliseconds(self.query_timeout),
            "comment": COMMENT,
            "readConcern": { "level": "majority", "afterClusterTime": after },
        };
        let find = command::run_cursor(&member.database, command, BATCH_SIZE.cast_unsigned());
        self.live_query(member, find).await
    }
}

fn too_many() -> LiveError {
    LiveError::Impossible(
        LiveObstacle::Size,
        format!("the collections that would be followed hold more than {MAX_DOCUMENTS} documents"),
    )
}

impl StartPosition {
    /// Where the stream on a collection starts.
    fn of(&self, name: &'static str) -> Result<StreamStart<'_>, LiveError> {
        match self {
            Self::Time(time) => Ok(StreamStart::Time(*time)),
            Self::Tokens(tokens) => match tokens.get(name) {
                Some(token) => Ok(StreamStart::Token(token)),
                None => Err(LiveError::Lost(format!(
                    "the change stream on {name} has no resume token"
                ))),
            },
        }
    }
}

impl ChangeStreams {
    /// The time of the replica set up to which all streams are complete; `None` where a resume token does not contain one.
    pub fn position(&self) -> Option<Timestamp> {
        let positions = self.streams.values().map(EventStream::position);
        // `None` is less than any time.
        positions.min_by_key(|time| time.map(|time| (time.time, time.increment)))?
    }

    /// The collections that are followed.
    pub fn collections(&self) -> &BTreeSet<&'static str> {
        &self.collections
    }

    /// The number of streams.
    pub fn count(&self) -> usize {
        self.streams.len()
    }

    /// Where the streams are.
    pub fn tokens(&self) -> ResumeTokens {
        let streams = self.streams.iter();
        streams
            .map(|(name, stream)| (*name, stream.token().clone()))
            .collect()
    }
}
