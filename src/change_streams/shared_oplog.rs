//! One reader of the oplog for all workspaces that share a client. However many they are, the server looks at each entry once, and
//! each workspace takes its own changes.
//!
//! There is no task that reads: a workspace that polls reads for all, unless another one has just done so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use mongodb::bson::{RawDocumentBuf, Timestamp};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::time::{Instant, timeout};

use super::change_batch::{ChangeBatch, MAX_CHANGES};
use super::followed_collection::FollowedCollections;
use super::live_error::LiveError;
use super::oplog::OplogReader;
use crate::catalogue::FailureKind;
use crate::mongodb::driver::GRACE;
use crate::mongodb::{FailureScope, Mongo, SelectedMember, SourceError};

/// What was read so recently for one workspace is new enough for another.
const RECENT: Duration = Duration::from_millis(900);

/// Changes that wait for a workspace. One that takes them later reads the oplog again.
const MAX_WAITING: usize = 5 * MAX_CHANGES;

/// The readers of one process.
#[derive(Debug, Default)]
pub struct SharedOplogs(Mutex<Vec<Weak<SharedOplog>>>);

/// The oplog of a replica set, as one client reads it.
#[derive(Debug)]
struct SharedOplog {
    /// A member of the client whose workspaces share it.
    member: Arc<SelectedMember>,
    collections: Arc<FollowedCollections>,
    reader: AsyncMutex<OplogReader>,
    // A std mutex: nothing is awaited while it is held.
    distribution: Mutex<Distribution>,
}

/// What was read, until the workspaces take it.
#[derive(Debug)]
struct Distribution {
    /// The number of reads.
    reads: u64,
    newest_read: Option<Instant>,
    /// The entry up to which everything was read.
    position: Timestamp,
    /// The last entry of the read that has begun: changes before it are only passed on to workspaces that had subscribed before.
    begun_to: Timestamp,
    /// Whether that read has not ended.
    more: bool,
    /// Why nothing more can be read, if that is so.
    lost: Option<String>,
    subscribers: BTreeMap<u64, Subscriber>,
    last_id: u64,
}

/// A workspace that takes the changes of its database.
#[derive(Debug)]
struct Subscriber {
    database: String,
    waiting: Vec<RawDocumentBuf>,
    /// Whether changes were dropped because too many waited.
    has_overflowed: bool,
}

/// The part of one workspace in a shared reader.
#[derive(Debug)]
pub struct OplogSubscription {
    oplog: Arc<SharedOplog>,
    id: u64,
    /// Reads what the shared reader had read before.
    catch_up: Option<OplogReader>,
    /// The entry that `catch_up` has to reach.
    joined_at: Timestamp,
    /// The entry up to which everything was taken.
    position: Timestamp,
    /// The number of reads of which everything was taken.
    reads: u64,
    more: bool,
}

impl SharedOplogs {
    /// Subscribes to the changes of a member's database that come after this entry. `permits` are those of the workspace.
    pub fn subscribe(
        &self,
        member: &Arc<SelectedMember>,
        permits: &Arc<Semaphore>,
        collections: &FollowedCollections,
        position: Timestamp,
    ) -> OplogSubscription {
        let mut oplogs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        oplogs.retain(|oplog| oplog.strong_count() > 0);
        let known = oplogs.iter().filter_map(Weak::upgrade).find(|oplog| {
            oplog.member.has_same_client(member)
                && *oplog.collections == *collections
                && oplog.distribution().lost.is_none()
        });
        let oplog = known.unwrap_or_else(|| {
            let new = SharedOplog::new(Arc::clone(member), collections.clone(), position);
            let new = Arc::new(new);
            oplogs.push(Arc::downgrade(&new));
            new
        });
        drop(oplogs);
        OplogSubscription::new(oplog, member.database.name(), permits, position)
    }
}

impl SharedOplog {
    fn new(
        member: Arc<SelectedMember>,
        collections: FollowedCollections,
        position: Timestamp,
    ) -> Self {
        let collections = Arc::new(collections);
        Self {
            member,
            reader: AsyncMutex::new(OplogReader::new(
                Arc::clone(&collections),
                // It is locked by the workspace that reads, which holds a permit of its own.
                Arc::new(Semaphore::new(1)),
                position,
            )),
            collections,
            distribution: Mutex::new(Distribution::new(position)),
        }
    }

    fn distribution(&self) -> MutexGuard<'_, Distribution> {
        let distribution = self.distribution.lock();
        distribution.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Distribution {
    fn new(position: Timestamp) -> Self {
        Self {
            reads: 0,
            newest_read: None,
            position,
            begun_to: position,
            more: false,
            lost: None,
            subscribers: BTreeMap::new(),
            last_id: 0,
        }
    }

    fn subscribe(&mut self, database: String) -> u64 {
        self.last_id += 1;
        let subscriber = Subscriber {
            database,
            waiting: Vec::new(),
            has_overflowed: false,
        };
        self.subscribers.insert(self.last_id, subscriber);
        self.last_id
    }

    /// A read of the entries up to a time begins; returns the databases that are followed.
    fn begin(&mut self, newest: Timestamp) -> BTreeSet<String> {
        self.begun_to = self.begun_to.max(newest);
        let databases = self.subscribers.values();
        databases
            .map(|subscriber| subscriber.database.clone())
            .collect()
    }

    /// Passes on what was read up to `position`.
    fn pass_on(&mut self, batch: ChangeBatch, position: Timestamp) {
        self.reads += 1;
        self.newest_read = Some(Instant::now());
        self.position = self.position.max(position);
        self.more = batch.more;
        let mut by_database: BTreeMap<String, Vec<&mut Subscriber>> = BTreeMap::new();
        for subscriber in self.subscribers.values_mut() {
            let name = subscriber.database.clone();
            by_database.entry(name).or_default().push(subscriber);
        }
        for event in batch.events {
            // Transactions may concern other databases too.
            let subscribers = database_of(&event).and_then(|name| by_database.get_mut(name));
            for subscriber in subscribers.into_iter().flatten() {
                subscriber.add(event.clone());
            }
        }
    }
}

fn database_of(event: &RawDocumentBuf) -> Option<&str> {
    event.get_document("ns").ok()?.get_str("db").ok()
}

impl Subscriber {
    fn add(&mut self, event: RawDocumentBuf) {
        self.has_overflowed |= self.waiting.len() >= MAX_WAITING;
        if self.has_overflowed {
            self.waiting = Vec::new();
        } else {
            self.waiting.push(event);
        }
    }
}

impl OplogSubscription {
    fn new(
        oplog: Arc<SharedOplog>,
        database: &str,
        permits: &Arc<Semaphore>,
        position: Timestamp,
    ) -> Self {
        let mut distribution = oplog.distribution();
        let id = distribution.subscribe(database.to_owned());
        let joined_at = distribution.begun_to;
        let reads = distribution.reads;
        drop(distribution);
        let catch_up = (position < joined_at).then(|| {
            let collections = Arc::clone(&oplog.collections);
            OplogReader::new(collections, Arc::clone(permits), position)
        });
        Self {
            oplog,
            id,
            catch_up,
            joined_at,
            position,
            reads,
            more: false,
        }
    }

    /// The entry up to which everything was taken.
    pub fn position(&self) -> Timestamp {
        self.position
    }

    /// Whether a poll has left something for the next one.
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// How many workspaces share the reader.
    pub fn sharing(&self) -> usize {
        self.oplog.distribution().subscribers.len()
    }

    /// Whether there is nothing to read: another workspace has just read what this one has not taken yet, or nothing more can
    /// be read.
    fn is_read(&self) -> bool {
        let distribution = self.oplog.distribution();
        let newest_read = distribution.newest_read;
        let is_recent = newest_read.is_some_and(|instant| instant.elapsed() < RECENT);
        distribution.lost.is_some() || distribution.reads > self.reads && is_recent
    }

    /// Takes the changes that were read.
    fn take(&mut self, batch: &mut ChangeBatch) -> Result<(), LiveError> {
        let mut distribution = self.oplog.distribution();
        if let Some(reason) = &distribution.lost {
            return Err(LiveError::Lost(reason.clone()));
        }
        self.reads = distribution.reads;
        let (position, more) = (distribution.position, distribution.more);
        let Some(subscriber) = distribution.subscribers.get_mut(&self.id) else {
            return Ok(());
        };
        if subscriber.has_overflowed {
            return Err(LiveError::Failed(SourceError::new(
                FailureKind::Other,
                format!("more than {MAX_WAITING} changes waited for the workspace"),
            )));
        }
        let waiting = std::mem::take(&mut subscriber.waiting);
        drop(distribution);
        // What was read before this workspace subscribed it has read by itself.
        let is_new = |event: &RawDocumentBuf| {
            let time = event.get_timestamp("clusterTime");
            time.map_or(true, |time| time > self.position)
        };
        batch.events.extend(waiting.into_iter().filter(is_new));
        batch.more |= more;
        self.position = self.position.max(position);
        Ok(())
    }
}

impl Drop for OplogSubscription {
    fn drop(&mut self) {
        self.oplog.distribution().subscribers.remove(&self.id);
    }
}

impl Mongo {
    /// Adds a workspace's changes since its last poll. `at_once` asks for those up to now, however recent the last read is.
    ///
    /// # Errors
    /// When the oplog cannot be read, or no longer has what comes next.
    pub async fn poll_subscription(
        &self,
        member: &Arc<SelectedMember>,
        subscription: &mut OplogSubscription,
        at_once: bool,
        batch: &mut ChangeBatch,
    ) -> Result<(), LiveError> {
        if let Some(reader) = &mut subscription.catch_up {
            batch.has_queried = true;
            let database = |_| BTreeSet::from([member.database.name().to_owned()]);
            self.poll_oplog(member, reader, database, batch).await?;
            subscription.position = reader.position();
            subscription.more = batch.more;
            // The member may lag.
            if batch.more || subscription.position < subscription.joined_at {
                return Ok(());
            }
            subscription.catch_up = None;
        }
        if at_once || !subscription.is_read() {
            batch.has_queried |= self.read_for_all(member, subscription, at_once).await?;
        }
        subscription.take(batch)?;
        subscription.more = batch.more;
        Ok(())
    }

    /// Reads the changes of all workspaces; false if another one has done so meanwhile.
    async fn read_for_all(
        &self,
        member: &Arc<SelectedMember>,
        subscription: &mut OplogSubscription,
        at_once: bool,
    ) -> Result<bool, LiveError> {
        let oplog = Arc::clone(&subscription.oplog);
        // The permit first: others do not wait for a workspace whose own queries take all of them.
        let lock = async {
            let permit = self.clients.permits().acquire().await;
            (permit, oplog.reader.lock().await)
        };
        let limit = self.query_timeout + GRACE;
        let Ok((_permit, mut reader)) = timeout(limit, lock).await else {
            let message = format!(
                "MongoDB did not answer the queries of its oplog within {} s",
                limit.as_secs()
            );
            let error = SourceError::new(FailureKind::Unreachable, message);
            return Err(error.of(FailureScope::NoAnswer).into());
        };
        if !at_once && subscription.is_read() {
            return Ok(false);
        }
        let mut batch = ChangeBatch::default();
        let databases = |newest| oplog.distribution().begin(newest);
        let polled = self
            .poll_oplog(member, &mut reader, databases, &mut batch)
            .await;
        if let Err(LiveError::Lost(reason)) = &polled {
            oplog.distribution().lost = Some(reason.clone());
        }
        polled?;
        oplog.distribution().pass_on(batch, reader.position());
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::rawdoc;

    use super::*;

    fn distribution() -> Distribution {
        Distribution::new(time(1))
    }

    fn time(increment: u32) -> Timestamp {
        Timestamp { time: 1, increment }
    }

    fn batch_of(changes: usize, database: &str) -> ChangeBatch {
        let event = rawdoc! { "ns": { "db": database, "coll": "users" } };
        ChangeBatch {
            events: vec![event; changes],
            ..ChangeBatch::default()
        }
    }

    #[test]
    fn changes_are_passed_on_to_every_workspace_of_their_database() {
        let mut distribution = distribution();
        for database in ["one", "one", "two"] {
            distribution.subscribe(database.to_owned());
        }
        assert_eq!(
            distribution.begin(time(9)),
            BTreeSet::from(["one", "two"].map(str::to_owned))
        );
        distribution.pass_on(batch_of(3, "one"), time(9));
        distribution.pass_on(batch_of(3, "three"), time(9));
        let waiting = distribution.subscribers.values();
        let waiting: Vec<_> = waiting.map(|of_each| of_each.waiting.len()).collect();
        assert_eq!(waiting, [3, 3, 0]);
    }

    #[test]
    fn changes_that_are_not_taken_are_dropped() {
        let mut distribution = distribution();
        let id = distribution.subscribe("one".to_owned());
        let batches = MAX_WAITING / MAX_CHANGES;
        for _ in 0..batches {
            distribution.pass_on(batch_of(MAX_CHANGES, "one"), time(9));
        }
        assert!(!distribution.subscribers[&id].has_overflowed);
        distribution.pass_on(batch_of(1, "one"), time(9));
        let subscriber = &distribution.subscribers[&id];
        assert!(subscriber.has_overflowed && subscriber.waiting.is_empty());
    }
}
