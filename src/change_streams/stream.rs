//! The database's side of live mode: where changes come from, which is the oplog or a change stream on each collection.
//!
//! Reading the oplog takes the server a fraction of the time, because it looks at each entry once and only at its namespace; so
//! it is read where the user may. All of them are polled and answer at once, so that they hold a connection no longer than any
//! query: a stream that waits would take a connection of the budget for itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mongodb::bson::{RawDocumentBuf, Timestamp, doc};

use super::change_batch::{ChangeBatch, MAX_CHANGES};
use super::event_stream::{EventStream, StreamStart};
use super::followed_collection::FollowedCollections;
use super::live_error::LiveError;
use super::member_status::COMMENT;
use super::pipeline::changes;
use super::shared_oplog::{OplogSubscription, SharedOplogs};
use crate::mongodb::{Mongo, SelectedMember, bson, command, error};

/// The wire protocol of MongoDB 6.0, the oldest version of which the entries of the oplog are known here.
const WIRE_VERSION_6_0: i32 = 17;

/// Where to begin.
#[derive(Debug, Clone)]
pub enum StartPosition {
    /// At the first change at or after a time of the server.
    Time(Timestamp),
    /// Where earlier polls ended.
    After(ResumePoint),
}

/// Where polls ended.
#[derive(Debug, Clone)]
pub enum ResumePoint {
    /// The newest entry of the oplog that was seen.
    Oplog(Timestamp),
    /// The tokens of change streams, by collection.
    Tokens(BTreeMap<&'static str, RawDocumentBuf>),
}

/// Changes that can be polled.
#[derive(Debug)]
pub struct ChangeStreams {
    /// The member that they come from; lookups go there too.
    pub member: Arc<SelectedMember>,
    /// The collections that are followed.
    collections: BTreeSet<&'static str>,
    source: ChangeSource,
}

/// Where changes come from.
#[derive(Debug)]
enum ChangeSource {
    Oplog(Box<OplogSubscription>),
    Streams(BTreeMap<&'static str, EventStream>),
}

impl Mongo {
    /// Opens the oplog where that is possible, else a change stream on each of these collections; a view has none.
    ///
    /// # Errors
    /// When the server refuses that, or does not answer.
    pub async fn open_change_streams(
        &self,
        oplogs: &SharedOplogs,
        member: Arc<SelectedMember>,
        collections: &FollowedCollections,
        start: &StartPosition,
    ) -> Result<ChangeStreams, LiveError> {
        let position = match start {
            StartPosition::Time(_) => self.start_of_oplog(&member, collections).await?,
            StartPosition::After(ResumePoint::Oplog(position)) => Some(*position),
            StartPosition::After(ResumePoint::Tokens(_)) => None,
        };
        if let Some(position) = position {
            let subscription =
                oplogs.subscribe(&member, self.clients.permits(), collections, position);
            return Ok(ChangeStreams {
                member,
                collections: collections.keys().copied().collect(),
                source: ChangeSource::Oplog(Box::new(subscription)),
            });
        }
        let mut streams = BTreeMap::new();
        for (name, followed) in collections {
            let start = start.of(name)?;
            let open = async {
                let stages = changes(followed);
                let open = EventStream::open(&member.database, name, start, stages, COMMENT);
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
            source: ChangeSource::Streams(streams),
        })
    }

    /// The newest entry of the oplog; `None` where the oplog cannot be read, or has not all the changes because a collection is a
    /// view.
    async fn start_of_oplog(
        &self,
        member: &SelectedMember,
        collections: &FollowedCollections,
    ) -> Result<Option<Timestamp>, LiveError> {
        let hello = member.hello.as_ref();
        if !hello.is_some_and(|hello| hello.has_wire_version(WIRE_VERSION_6_0)) {
            return Ok(None);
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
        let has_view = async { list.await?.advance().await };
        let start = async {
            if self.live_query(member, has_view).await? {
                return Ok(None);
            }
            self.newest_in_oplog(member, self.clients.permits()).await
        };
        match start.await {
            Err(LiveError::Impossible(..)) => Ok(None),
            start => start,
        }
    }

    /// The changes since the last poll. `at_once` asks for those up to now, also where other workspaces poll too.
    ///
    /// # Errors
    /// When the oplog or a stream can no longer be read; all of them have to be opened again.
    pub async fn poll_changes(
        &self,
        changes: &mut ChangeStreams,
        at_once: bool,
    ) -> Result<ChangeBatch, LiveError> {
        let mut batch = ChangeBatch::default();
        match &mut changes.source {
            ChangeSource::Oplog(subscription) => {
                let member = &changes.member;
                self.poll_subscription(member, subscription, at_once, &mut batch)
                    .await?;
            }
            ChangeSource::Streams(streams) => {
                batch.has_queried = true;
                for (name, stream) in streams {
                    let poll = Box::pin(stream.poll(MAX_CHANGES));
                    let polled = self.live_query(&changes.member, poll).await?;
                    if polled.has_ended {
                        return Err(LiveError::Lost(format!(
                            "the change stream on {name} ended"
                        )));
                    }
                    batch.events.extend(polled.events);
                    batch.more |= polled.more;
                }
            }
        }
        Ok(batch)
    }
}

impl StartPosition {
    /// Where the stream on a collection starts.
    fn of(&self, name: &'static str) -> Result<StreamStart<'_>, LiveError> {
        let token = match self {
            Self::Time(time) => return Ok(StreamStart::Time(*time)),
            Self::After(ResumePoint::Tokens(tokens)) => tokens.get(name),
            Self::After(ResumePoint::Oplog(_)) => None,
        };
        token.map(StreamStart::Token).ok_or_else(|| {
            LiveError::Lost(format!("the change stream on {name} has no resume token"))
        })
    }
}

impl ChangeStreams {
    /// The time of the replica set up to which all changes were polled; `None` where that is not known.
    pub fn position(&self) -> Option<Timestamp> {
        let streams = match &self.source {
            ChangeSource::Oplog(subscription) => {
                return (!subscription.has_more()).then(|| subscription.position());
            }
            ChangeSource::Streams(streams) => streams,
        };
        let positions = streams.values().map(EventStream::position);
        // `None` is less than any time.
        positions.min_by_key(|time| time.map(|time| (time.time, time.increment)))?
    }

    /// The collections that are followed.
    pub fn collections(&self) -> &BTreeSet<&'static str> {
        &self.collections
    }

    /// Where changes come from, for the log.
    pub fn source(&self) -> String {
        match &self.source {
            ChangeSource::Oplog(_) => "the oplog".to_owned(),
            ChangeSource::Streams(streams) => format!("{} change streams", streams.len()),
        }
    }

    /// How many workspaces share its polls.
    pub fn sharing(&self) -> usize {
        match &self.source {
            ChangeSource::Oplog(subscription) => subscription.sharing(),
            ChangeSource::Streams(_) => 1,
        }
    }

    /// Where polls ended.
    pub fn resume_point(&self) -> ResumePoint {
        match &self.source {
            ChangeSource::Oplog(subscription) => ResumePoint::Oplog(subscription.position()),
            ChangeSource::Streams(streams) => {
                let tokens = streams.iter();
                let tokens = tokens.map(|(name, stream)| (*name, stream.token().clone()));
                ResumePoint::Tokens(tokens.collect())
            }
        }
    }
}
