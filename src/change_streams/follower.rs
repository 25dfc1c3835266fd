//! The change streams of one workspace, the documents that they keep current, and the full read that checks these.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mongodb::bson::{RawDocumentBuf, Timestamp};

use super::followed_collection::{FollowedCollection, FollowedCollections};
use super::id_hasher::IdHasher;
use super::live_error::LiveError;
use super::member_status::MemberStatus;
use super::shared_oplog::SharedOplogs;
use super::stream::{ChangeStreams, ResumePoint, StartPosition};
use super::tracked_documents::{TrackedDocuments, invalidates, subject};
use crate::collectors::{LiveCounts, LiveObstacle};
use crate::mongodb::{Mongo, SelectedMember};

/// Changes that are buffered while a full read runs.
const MAX_BUFFERED: usize = 50_000;

/// Before every time of a replica set.
const ZERO_TIME: Timestamp = Timestamp {
    time: 0,
    increment: 0,
};

/// Follows the changes of one workspace.
#[derive(Debug)]
pub struct Follower {
    mongo: Arc<Mongo>,
    /// The oplogs that workspaces of this process read together.
    oplogs: Arc<SharedOplogs>,
    collections: FollowedCollections,
    /// Collections that are views, which have no change streams.
    views: BTreeSet<&'static str>,
    hasher: IdHasher,
    streams: Option<ChangeStreams>,
    /// Where the last poll ended.
    resume_point: Option<ResumePoint>,
    documents: Option<TrackedDocuments>,
    /// Changes since the start of a full read that has not ended.
    buffered: Option<Vec<RawDocumentBuf>>,
    /// What a full read found, until it agrees with the documents.
    full_read: Option<TrackedDocuments>,
    /// The time of the newest change.
    newest: Timestamp,
    /// The time of the replica set up to which every change was applied.
    position: Timestamp,
    /// Collections of which only changes are watched, and that have changed.
    changed: BTreeSet<&'static str>,
    counts: LiveCounts,
}

/// The result of a poll.
#[derive(Debug, Clone, Copy, Default)]
pub struct CatchUp {
    /// Changes, and documents that were looked up for them.
    pub changes: u64,
    /// Whether there may be more.
    pub more: bool,
    /// Whether the server was queried.
    pub has_queried: bool,
}

/// A full read that can run while changes are followed.
#[derive(Debug)]
pub struct FullRead {
    mongo: Arc<Mongo>,
    member: Arc<SelectedMember>,
    collections: FollowedCollections,
    hasher: IdHasher,
    after: Timestamp,
    /// Whether nothing is followed yet.
    is_first: bool,
}

impl FullRead {
    /// Reads every document.
    ///
    /// # Errors
    /// When the server does not answer, or there are too many documents.
    pub async fn run(self) -> Result<TrackedDocuments, LiveError> {
        self.mongo
            .read_collections(
                &self.member,
                &self.collections,
                &self.hasher,
                self.after,
                self.is_first,
            )
            .await
    }
}

impl Follower {
    /// A follower that has not started.
    pub fn new(
        mongo: Arc<Mongo>,
        oplogs: Arc<SharedOplogs>,
        collections: FollowedCollections,
    ) -> Self {
        Self {
            mongo,
            oplogs,
            collections,
            views: BTreeSet::new(),
            hasher: IdHasher::default(),
            streams: None,
            resume_point: None,
            documents: None,
            buffered: None,
            full_read: None,
            newest: ZERO_TIME,
            position: ZERO_TIME,
            changed: BTreeSet::new(),
            counts: LiveCounts::default(),
        }
    }

    /// Opens streams that start now, and forgets all documents; a full read has to come next.
    ///
    /// # Errors
    /// When changes cannot be followed.
    pub async fn start(&mut self) -> Result<(), LiveError> {
        self.close();
        self.forget();
        let member = self.mongo.live_member().await?;
        let now = self.mongo.member_status(&member).await?.time;
        // The full read sees what was written at this very time. As a change it may do harm: the drop of a collection
        // would make everything start again.
        let start = StartPosition::Time(Timestamp {
            increment: now.increment.saturating_add(1),
            ..now
        });
        let streams = self
            .mongo
            .open_change_streams(&self.oplogs, member, &self.collections, &start)
            .await?;
        let streamed = streams.collections();
        let names = self.collections.keys().copied();
        self.views = names.filter(|name| !streamed.contains(name)).collect();
        if !self
            .streamed()
            .values()
            .any(FollowedCollection::keeps_documents)
        {
            return Err(LiveError::Impossible(
                LiveObstacle::View,
                format!("views have no change streams: {}", names_of(&self.views)),
            ));
        }
        self.streams = Some(streams);
        (self.newest, self.position) = (now, now);
        Ok(())
    }

    /// Where changes come from, for the log.
    pub fn source(&self) -> Option<String> {
        self.streams.as_ref().map(ChangeStreams::source)
    }

    /// How many workspaces share its polls, itself included.
    pub fn sharing(&self) -> usize {
        self.streams.as_ref().map_or(1, ChangeStreams::sharing)
    }

    /// The collections that are not followed because they are views, once it was started.
    pub fn views(&self) -> &BTreeSet<&'static str> {
        &self.views
    }

    /// The collections that have a stream.
    fn streamed(&self) -> FollowedCollections {
        let mut collections = self.collections.clone();
        collections.retain(|name, _| !self.views.contains(name));
        collections
    }

    /// Opens streams where the last ones ended; false when there is nothing to resume.
    ///
    /// # Errors
    /// When changes cannot be followed, or the streams cannot be resumed.
    pub async fn resume(&mut self) -> Result<bool, LiveError> {
        self.close();
        let Some(resume_point) = self
            .resume_point
            .clone()
            .filter(|_| self.documents.is_some())
        else {
            return Ok(false);
        };
        let start = StartPosition::After(resume_point);
        let member = self.mongo.live_member().await?;
        let streams = self
            .mongo
            .open_change_streams(&self.oplogs, member, &self.streamed(), &start)
            .await?;
        self.streams = Some(streams);
        self.counts.resumes += 1;
        Ok(true)
    }

    /// Closes the streams, and abandons a full read.
    pub fn close(&mut self) {
        (self.streams, self.buffered, self.full_read) = (None, None, None);
    }

    /// Forgets all documents; there is nothing to resume.
    pub fn forget(&mut self) {
        self.documents = None;
        self.resume_point = None;
    }

    /// Stops buffering changes, because the full read has failed.
    pub fn abandon_full_read(&mut self) {
        self.buffered = None;
    }

    /// A full read; from here on changes are buffered for it.
    ///
    /// # Errors
    /// When the member does not answer.
    pub async fn full_read(&mut self) -> Result<FullRead, LiveError> {
        let member = self.member().await?;
        let now = self.mongo.member_status(&member).await?.time;
        self.buffered = Some(Vec::new());
        Ok(FullRead {
            member,
            mongo: Arc::clone(&self.mongo),
            collections: self.streamed(),
            hasher: self.hasher.clone(),
            // Both: a stream may have been resumed on a member that is behind the one where it started.
            after: now.max(self.newest),
            is_first: self.documents.is_none(),
        })
    }

    /// The member that the streams are on, or would be opened on.
    async fn member(&mut self) -> Result<Arc<SelectedMember>, LiveError> {
        match &self.streams {
            Some(streams) => Ok(Arc::clone(&streams.member)),
            None => self.mongo.live_member().await,
        }
    }

    /// Takes what a full read found, and applies the changes since its start.
    pub fn finish_full_read(&mut self, mut found: TrackedDocuments) {
        self.counts.readings += 1;
        for event in self.buffered.take().unwrap_or_default() {
            found.apply(&event);
        }
        match &mut self.documents {
            Some(_) => self.full_read = Some(found),
            documents @ None => *documents = Some(found),
        }
    }

    /// Whether a full read waits to be compared.
    pub fn is_comparing(&self) -> bool {
        self.full_read.is_some()
    }

    /// Compares the full read with the tracked documents. Both have seen the same changes, but the full read may be ahead
    /// of the streams, so they agree for sure only once the streams have reached the end of the full read; `give_up` says
    /// that there was time enough for that. True when there is nothing left to compare.
    pub fn compare(&mut self, give_up: bool) -> bool {
        let (Some(documents), Some(full_read)) = (&self.documents, &self.full_read) else {
            return true;
        };
        let differences = documents.differences(full_read);
        let agree = differences.values().all(|number| *number == 0);
        if agree || give_up {
            self.counts.drift = differences;
            self.documents = self.full_read.take();
        }
        agree || give_up
    }

    /// Polls the streams and applies the changes. `at_once` asks for those up to now, also where other workspaces poll too.
    ///
    /// # Errors
    /// When a stream broke, or a collection was dropped or renamed.
    pub async fn catch_up(&mut self, at_once: bool) -> Result<CatchUp, LiveError> {
        // After an error they have to be opened again.
        let Some(mut streams) = self.streams.take() else {
            return Ok(CatchUp::default());
        };
        let before = self.counts.events + self.counts.lookups;
        let lookups = self.counts.lookups;
        let batch = self.mongo.poll_changes(&mut streams, at_once).await?;
        for event in batch.events {
            self.apply(event)?;
        }
        // Only now: everything before it has been applied.
        self.resume_point = Some(streams.resume_point());
        // Where it is not known, the changes have times.
        self.position = streams.position().unwrap_or(self.newest).max(self.position);
        self.look_up(&streams.member).await?;
        self.streams = Some(streams);
        Ok(CatchUp {
            changes: self.counts.events + self.counts.lookups - before,
            more: batch.more,
            has_queried: batch.has_queried || self.counts.lookups > lookups,
        })
    }

    fn apply(&mut self, event: RawDocumentBuf) -> Result<(), LiveError> {
        self.counts.events += 1;
        if let Ok(time) = event.get_timestamp("clusterTime") {
            self.newest = self.newest.max(time);
        }
        if invalidates(&event) {
            let operation = event.get_str("operationType").unwrap_or_default();
            return Err(LiveError::Lost(format!(
                "MongoDB reports `{operation}`, which changes more than single documents"
            )));
        }
        let collection = subject(&event).and_then(|(name, _)| self.collections.get(name));
        if let Some(collection) = collection.filter(|collection| !collection.keeps_documents()) {
            self.changed.insert(collection.name);
            return Ok(());
        }
        for documents in self.documents.iter_mut().chain(&mut self.full_read) {
            documents.apply(&event);
        }
        if let Some(buffered) = &mut self.buffered {
            if buffered.len() >= MAX_BUFFERED {
                return Err(LiveError::Lost(format!(
                    "more than {MAX_BUFFERED} changes came during a full read"
                )));
            }
            buffered.push(event);
        }
        Ok(())
    }

    /// The collections of which only changes are watched, and that have changed since the last call.
    pub fn take_changed(&mut self) -> BTreeSet<&'static str> {
        std::mem::take(&mut self.changed)
    }

    /// Looks up the documents of which the changes do not contain enough.
    async fn look_up(&mut self, member: &SelectedMember) -> Result<(), LiveError> {
        let mut pending = BTreeMap::new();
        for documents in self.documents.iter_mut().chain(&mut self.full_read) {
            pending.extend(documents.take_pending());
        }
        if pending.is_empty() {
            return Ok(());
        }
        self.counts.lookups += pending.len() as u64;
        let (mut documents, mut full_read) = (self.documents.as_mut(), self.full_read.as_mut());
        let result = self
            .mongo
            .look_up(
                member,
                &self.collections,
                &pending,
                self.newest,
                |collection, ids, found| {
                    for documents in documents.iter_mut().chain(&mut full_read) {
                        documents.apply_lookup(collection, ids.clone(), found);
                    }
                },
            )
            .await;
        if result.is_err() {
            // They stay pending, for the streams that are resumed.
            for documents in self.documents.iter_mut().chain(&mut self.full_read) {
                documents.put_back(&pending);
            }
        }
        result
    }

    /// The time of the replica set up to which every change was applied.
    pub fn position(&self) -> Timestamp {
        self.position
    }

    /// The status of the member that the streams are on.
    ///
    /// # Errors
    /// When it does not answer, or has no change streams.
    pub async fn member_status(&mut self) -> Result<MemberStatus, LiveError> {
        let member = self.member().await?;
        self.mongo.member_status(&member).await
    }

    /// Whether the read preference now chooses another member than the one that the streams are on, and one that is current.
    ///
    /// # Errors
    /// When no member answers.
    pub async fn has_better_member(&mut self) -> Result<bool, LiveError> {
        let Some(streams) = &self.streams else {
            return Ok(false);
        };
        let current = Arc::clone(&streams.member);
        let chosen = self.mongo.live_member().await?;
        let is_better = chosen
            .replication()
            .is_some_and(|replication| !replication.is_stale());
        Ok(is_better && !chosen.is_same(&current))
    }

    /// The tracked documents, once there was a full read.
    pub fn documents(&self) -> Option<&TrackedDocuments> {
        self.documents.as_ref()
    }

    /// Counters since the start.
    pub fn counts(&self) -> LiveCounts {
        let mut counts = self.counts.clone();
        if let Some(documents) = &self.documents {
            let tracked = documents.counts();
            counts.documents = tracked
                .map(|(name, number)| (name, number as u64))
                .collect();
        }
        let all = self.documents.iter().chain(&self.full_read);
        counts.bytes = all.map(|documents| documents.bytes() as u64).sum();
        counts
    }
}

/// The names of collections, for messages.
pub fn names_of(collections: &BTreeSet<&'static str>) -> String {
    let names: Vec<_> = collections.iter().copied().collect();
    names.join(", ")
}
