//! Following changes: a change stream on each collection, full readings that are no older than where it begins, and
//! lookups of single documents that are no older than the change that asked for them.
//!
//! The streams are asked every so often and answer at once, so that they hold a connection no longer than any question:
//! one that awaits would take a connection of the budget for itself. A single stream on the whole database would be
//! asked once instead of five times, but its user would have to be allowed to read everything in it. Everything is read with read concern `majority`,
//! because a stream tells of nothing else: what is read and then rolled back would never be corrected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mongodb::Cursor;
use mongodb::bson::{Bson, Document, RawDocumentBuf, Timestamp, doc};
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::ResumeToken;
use mongodb::error::{Error, ErrorKind};
use thiserror::Error;
use tokio::time::Instant;

use super::fields::WatchedCollection;
pub use super::id_hasher::IdHasher;
use super::pipeline::{changes, filter, projection};
use super::position::position;
pub use super::state::{PendingLookups, Readings, State};
use crate::catalogue::{FailureKind, Replication};
use crate::collectors::LiveObstacle;
use crate::mongodb::{Hello, Member, Mongo, SourceError, bson, command, indexes, lost_member};

/// How long the server may wait for changes before it says that there are none.
const NO_WAIT: Duration = Duration::from_millis(1);

/// Changes of a collection that are taken up at once; when there are more the rest is for the next time.
const MOST_AT_ONCE: usize = 10_000;

/// Documents that are followed at the most, over all collections; at 16 bytes each, and twice that while a full reading
/// is compared.
const MOST_DOCUMENTS: usize = 5_000_000;

/// Documents in one reply of a full reading; their fields that count are some 100 bytes.
const PAGE: i32 = 20_000;

const COMMENT: &str = "rocketchat-exporter live";

/// Codes of the server's errors after which a stream cannot go on where it ended.
/// <https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml>
const LOST: [i32; 6] = [
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
    /// Not at all, as things are.
    #[error("{1}")]
    Impossible(LiveObstacle, String),
    /// Not from where they were followed to: only a full reading helps.
    #[error("{0}")]
    Lost(String),
    /// Not now.
    #[error(transparent)]
    Failed(#[from] SourceError),
}

impl LiveError {
    /// `words` tells any other failure.
    fn of(error: &Error, words: impl FnOnce(&Error) -> SourceError) -> Self {
        if let ErrorKind::Command(command) = &*error.kind
            && LOST.contains(&command.code)
        {
            return Self::Lost(format!("{} ({})", command.message, command.code_name));
        }
        let error = words(error);
        match error.kind {
            FailureKind::Unauthorized => {
                Self::Impossible(LiveObstacle::Privileges, error.to_string())
            }
            _ => Self::Failed(error),
        }
    }
}

/// Where streams begin.
#[derive(Debug, Clone)]
pub enum Beginning {
    /// With the first change at or after a time of the server.
    Time(Timestamp),
    /// Where earlier ones ended.
    Tokens(BTreeMap<WatchedCollection, ResumeToken>),
}

/// Open change streams.
#[derive(Debug)]
pub struct Changes {
    /// The member that tells them, which is also asked for what they tell too little of.
    pub member: Arc<Member>,
    streams: BTreeMap<WatchedCollection, ChangeStream<RawDocumentBuf>>,
}

/// How things stood at a member that tells changes.
#[derive(Debug)]
pub struct Standing {
    hello: Hello,
    /// Where it stood itself.
    pub replication: Replication,
    /// Its time.
    pub time: Timestamp,
    asked: Instant,
}

impl Standing {
    /// How far a stream is behind that has come to `position`, by the newest time that the member knew of. Without a
    /// primary nothing is newer than what a stream has come to, and all of it ages.
    pub fn behind(&self, position: Timestamp) -> Duration {
        if self.replication.has_primary {
            self.hello.behind(position)
        } else {
            self.age(position)
        }
    }

    /// How long ago the set's time was `position`, by its clocks.
    pub fn age(&self, position: Timestamp) -> Duration {
        self.hello.since(position) + self.asked.elapsed()
    }

    /// How old this is.
    pub fn elapsed(&self) -> Duration {
        self.asked.elapsed()
    }
}

/// What streams told.
#[derive(Debug, Default)]
pub struct Batch {
    /// Changes, in the order of each collection.
    pub events: Vec<RawDocumentBuf>,
    /// Whether there may be more.
    pub more: bool,
}

impl Mongo {
    /// A member whose changes can be followed.
    ///
    /// # Errors
    /// When no server answers.
    pub async fn live_member(&self) -> Result<Arc<Member>, LiveError> {
        let access = self.connection.database().await?;
        Ok(self.member(&access).await?)
    }

    /// How things stand at a member. What is asked of it for from its time on sees everything that was written before.
    ///
    /// # Errors
    /// When it does not answer, or has no change streams.
    pub async fn live_standing(&self, member: &Member) -> Result<Standing, LiveError> {
        let hello = Hello::ask(&member.database, self.query_timeout, COMMENT);
        let hello = self.live_within(member, hello).await?;
        if hello.is_router() {
            return Err(LiveError::Impossible(
                LiveObstacle::Topology,
                "MongoDB is a sharded cluster, where changes are not followed".to_owned(),
            ));
        }
        let Some(replication) = hello.replication() else {
            return Err(LiveError::Impossible(
                LiveObstacle::Topology,
                "MongoDB is no replica set, so it tells no changes".to_owned(),
            ));
        };
        let Some(time) = hello.operation_time() else {
            return Err(LiveError::Failed(SourceError::new(
                FailureKind::Other,
                "MongoDB did not tell its time",
            )));
        };
        Ok(Standing {
            hello,
            replication,
            time,
            asked: Instant::now(),
        })
    }

    /// As [`Mongo::within`], for errors that are told apart by their codes.
    async fn live_within<T>(
        &self,
        member: &Member,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, LiveError> {
        let answer = self.within(async { Ok(member.unless_lost(answer).await) });
        match answer.await? {
            Some(answer) => answer
                .map_err(|error| LiveError::of(&error, |error| self.connection.failure(error))),
            None => Err(lost_member().into()),
        }
    }

    /// Opens streams of what happens to these collections, as a member tells it; a view among them has none.
    ///
    /// # Errors
    /// When the server refuses that, or does not answer.
    pub async fn live_changes(
        &self,
        member: Arc<Member>,
        collections: &BTreeSet<WatchedCollection>,
        from: &Beginning,
    ) -> Result<Changes, LiveError> {
        let mut streams = BTreeMap::new();
        for followed in collections {
            let collection = member.database.collection::<Document>(followed.name());
            let watch = collection
                .watch()
                .pipeline(changes(*followed))
                .max_await_time(NO_WAIT);
            let watch = match from {
                Beginning::Time(time) => watch.start_at_operation_time(*time),
                Beginning::Tokens(tokens) => match tokens.get(followed) {
                    Some(token) => watch.resume_after(token.clone()),
                    None => {
                        return Err(LiveError::Lost(format!(
                            "nobody knows how far {} was followed",
                            followed.name()
                        )));
                    }
                },
            };
            let open = async {
                match watch.await {
                    Err(error) if indexes::is_view(&error) => Ok(None),
                    stream => stream.map(Some),
                }
            };
            if let Some(stream) = self.live_within(&member, open).await? {
                streams.insert(*followed, stream.with_type());
            }
        }
        Ok(Changes { member, streams })
    }

    /// What happened since the last time.
    ///
    /// # Errors
    /// When a stream broke; none of them is of use any more.
    pub async fn live_batch(&self, changes: &mut Changes) -> Result<Batch, LiveError> {
        let mut batch = Batch::default();
        for (followed, stream) in &mut changes.streams {
            let most = batch.events.len() + MOST_AT_ONCE;
            loop {
                if batch.events.len() == most {
                    batch.more = true;
                    break;
                }
                let next = Box::pin(stream.next_if_any());
                let next = self.live_within(&changes.member, next).await?;
                match next {
                    Some(event) => batch.events.push(event),
                    None if stream.is_alive() => break,
                    None => {
                        return Err(LiveError::Lost(format!(
                            "the change stream on {} ended",
                            followed.name()
                        )));
                    }
                }
            }
        }
        Ok(batch)
    }

    /// Reads every document of these collections, as it was at this time or later.
    ///
    /// # Errors
    /// When the server does not answer, or there are too many.
    pub async fn live_reading(
        &self,
        member: &Member,
        collections: &BTreeSet<WatchedCollection>,
        keys: &IdHasher,
        after: Timestamp,
    ) -> Result<State, LiveError> {
        let begun = Instant::now();
        let lease = self.connection.database().await?.lease;
        let mut readings = Vec::with_capacity(collections.len());
        let mut left = MOST_DOCUMENTS;
        let kept = collections
            .iter()
            .filter(|it| **it != WatchedCollection::Instances);
        for followed in kept {
            let reading = self
                .read_collection(member, *followed, keys, after, left)
                .await?;
            left -= reading.len();
            readings.push(reading);
        }
        self.connection.confirm(&lease, begun).await?;
        Ok(State::of(keys.clone(), readings))
    }

    async fn read_collection(
        &self,
        member: &Member,
        followed: WatchedCollection,
        keys: &IdHasher,
        after: Timestamp,
        most: usize,
    ) -> Result<Readings, LiveError> {
        let name = followed.name();
        let too_many = || {
            LiveError::Impossible(
                LiveObstacle::Size,
                format!(
                    "the collections that would be followed hold more than {MOST_DOCUMENTS} documents"
                ),
            )
        };
        let count = doc! {
            "count": name,
            "maxTimeMS": bson::milliseconds(self.query_timeout),
            "comment": COMMENT,
        };
        let count = command::run(&member.database, count);
        let count = self.live_within(member, count).await?;
        let expected = bson::counted(&count, "n");
        let expected = match followed {
            // Few of them have connections.
            WatchedCollection::Sessions => 0,
            _ => usize::try_from(expected).unwrap_or(usize::MAX),
        };
        if expected > most {
            return Err(too_many());
        }
        let mut readings = Readings::new(keys.clone(), followed, expected);
        let mut cursor = self
            .find_after(member, followed, filter(followed), after)
            .await?;
        while self.live_within(member, cursor.advance()).await? {
            readings.add(cursor.current());
            if readings.len() > most {
                return Err(too_many());
            }
        }
        Ok(readings)
    }

    /// Looks up documents, as they were at this time or later, and notes what they are.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn live_lookup(
        &self,
        member: &Member,
        unclear: &PendingLookups,
        after: Timestamp,
        mut note: impl FnMut(WatchedCollection, BTreeSet<u64>, &[RawDocumentBuf]),
    ) -> Result<(), LiveError> {
        let mut by_collection: BTreeMap<WatchedCollection, (BTreeSet<u64>, Vec<Bson>)> =
            BTreeMap::new();
        for ((followed, key), id) in unclear {
            let (keys, ids) = by_collection.entry(*followed).or_default();
            keys.insert(*key);
            let id = Bson::try_from(id.clone());
            ids.push(id.map_err(|error| SourceError::from(Error::from(error)))?);
        }
        for (followed, (keys, ids)) in by_collection {
            let filter = doc! { "_id": { "$in": ids } };
            let mut cursor = self.find_after(member, followed, filter, after).await?;
            let mut found = Vec::new();
            while self.live_within(member, cursor.advance()).await? {
                found.push(cursor.current().to_owned());
            }
            note(followed, keys, &found);
        }
        Ok(())
    }

    /// Documents that match, as the majority of the set has them at this time or later.
    async fn find_after(
        &self,
        member: &Member,
        followed: WatchedCollection,
        filter: Document,
        after: Timestamp,
    ) -> Result<Cursor<Document>, LiveError> {
        let command = doc! {
            "find": followed.name(),
            "filter": filter,
            "projection": projection(followed),
            "batchSize": PAGE,
            "maxTimeMS": bson::milliseconds(self.query_timeout),
            "comment": COMMENT,
            "readConcern": { "level": "majority", "afterClusterTime": after },
        };
        let ask = command::run_cursor(&member.database, command, PAGE.cast_unsigned());
        self.live_within(member, ask).await
    }
}

impl Changes {
    /// The time of the set up to which all streams told everything; `None` where a token does not tell.
    pub fn position(&self) -> Option<Timestamp> {
        let positions = self
            .streams
            .values()
            .map(|stream| position(&stream.resume_token()?));
        // The least, and none where one is missing.
        positions.min_by_key(|it| it.map(|it| (it.time, it.increment)))?
    }

    /// The collections that have a stream.
    pub fn collections(&self) -> BTreeSet<WatchedCollection> {
        self.streams.keys().copied().collect()
    }

    /// Where the streams have come to.
    pub fn tokens(&self) -> BTreeMap<WatchedCollection, ResumeToken> {
        let streams = self.streams.iter();
        streams
            .filter_map(|(followed, stream)| Some((*followed, stream.resume_token()?)))
            .collect()
    }
}
