//! One workspace that is followed: its stream, its state, and the full reading that checks it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mongodb::bson::{RawDocumentBuf, Timestamp};
use mongodb::change_stream::event::ResumeToken;

use super::fields::WatchedCollection;
pub use super::id_hasher::IdHasher;
pub use super::state::{State, invalidates, subject};
use super::stream::{Beginning, Changes, LiveError, Standing};
use crate::collectors::{LiveCounts, LiveObstacle};
use crate::mongodb::{Member, Mongo};

/// Changes that are kept at the most while a full reading runs.
const MOST_KEPT: usize = 50_000;

/// Before every time of a set.
const BEGINNING: Timestamp = Timestamp {
    time: 0,
    increment: 0,
};

/// What follows the changes of one workspace.
#[derive(Debug)]
pub struct Follower {
    mongo: Arc<Mongo>,
    wanted: BTreeSet<WatchedCollection>,
    /// Those of them whose changes are told; views tell none.
    collections: BTreeSet<WatchedCollection>,
    keys: IdHasher,
    streams: Option<Changes>,
    tokens: BTreeMap<WatchedCollection, ResumeToken>,
    state: Option<State>,
    /// Changes since a full reading began that is not there yet.
    kept: Option<Vec<RawDocumentBuf>>,
    /// What a full reading found, until it agrees with the state.
    fresh: Option<State>,
    /// The time of the newest change.
    newest: Timestamp,
    /// The time of the set up to which everything was taken up.
    position: Timestamp,
    /// Whether an instance came, went or changed.
    instances_changed: bool,
    counts: LiveCounts,
}

/// How far changes were taken up.
#[derive(Debug, Clone, Copy, Default)]
pub struct CatchUp {
    /// Changes that were told, and documents that were looked up for them.
    pub told: u64,
    /// Whether there may be more.
    pub more: bool,
}

/// A full reading that can run while changes are followed.
#[derive(Debug)]
pub struct FullReading {
    mongo: Arc<Mongo>,
    member: Arc<Member>,
    collections: BTreeSet<WatchedCollection>,
    keys: IdHasher,
    after: Timestamp,
}

impl FullReading {
    /// Reads.
    ///
    /// # Errors
    /// When the server does not answer, or there are too many documents.
    pub async fn read(self) -> Result<State, LiveError> {
        self.mongo
            .live_reading(&self.member, &self.collections, &self.keys, self.after)
            .await
    }
}

impl Follower {
    /// Nothing is asked or followed yet.
    pub fn new(mongo: Arc<Mongo>, wanted: BTreeSet<WatchedCollection>) -> Self {
        Self {
            mongo,
            wanted,
            collections: BTreeSet::new(),
            keys: IdHasher::default(),
            streams: None,
            tokens: BTreeMap::new(),
            state: None,
            kept: None,
            fresh: None,
            newest: BEGINNING,
            position: BEGINNING,
            instances_changed: false,
            counts: LiveCounts::default(),
        }
    }

    /// Follows what happens from now on, and forgets everything from before; a full reading has to follow.
    ///
    /// # Errors
    /// When changes cannot be followed.
    pub async fn begin(&mut self) -> Result<(), LiveError> {
        self.leave();
        self.forget();
        let member = self.mongo.live_member().await?;
        let now = self.mongo.live_standing(&member).await?.time;
        // What was written at this very time the full reading sees. Told as a change it may do harm: it may be the drop of
        // a collection, after which everything is begun anew.
        let beginning = Beginning::Time(Timestamp {
            increment: now.increment.saturating_add(1),
            ..now
        });
        let streams = self
            .mongo
            .live_changes(member, &self.wanted, &beginning)
            .await?;
        self.collections = streams.collections();
        let has_documents = |it: &WatchedCollection| *it != WatchedCollection::Instances;
        if !self.collections.iter().any(has_documents) {
            return Err(LiveError::Impossible(
                LiveObstacle::View,
                format!("views tell no changes: {}", names(&self.views()).join(", ")),
            ));
        }
        self.streams = Some(streams);
        (self.newest, self.position) = (now, now);
        Ok(())
    }

    /// The collections that are not followed because they are views, once it was begun.
    pub fn views(&self) -> BTreeSet<WatchedCollection> {
        self.wanted.difference(&self.collections).copied().collect()
    }

    /// Goes on where the stream ended that broke; false when there is nothing to go on from.
    ///
    /// # Errors
    /// When changes cannot be followed, or not from there.
    pub async fn resume(&mut self) -> Result<bool, LiveError> {
        self.leave();
        if self.state.is_none() {
            return Ok(false);
        }
        let beginning = Beginning::Tokens(self.tokens.clone());
        let member = self.mongo.live_member().await?;
        let streams = self
            .mongo
            .live_changes(member, &self.collections, &beginning)
            .await?;
        self.streams = Some(streams);
        self.counts.resumes += 1;
        Ok(true)
    }

    /// Ends the stream, and a full reading with it.
    pub fn leave(&mut self) {
        (self.streams, self.kept, self.fresh) = (None, None, None);
    }

    /// Forgets everything that was followed; there is nothing to go on from.
    pub fn forget(&mut self) {
        self.state = None;
        self.tokens.clear();
    }

    /// Keeps no changes any more for a full reading that failed.
    pub fn abandon_reading(&mut self) {
        self.kept = None;
    }

    /// A full reading; from here on changes are kept for it.
    ///
    /// # Errors
    /// When the server does not tell its time.
    pub async fn full_reading(&mut self) -> Result<FullReading, LiveError> {
        let member = match &self.streams {
            Some(changes) => Arc::clone(&changes.member),
            None => self.mongo.live_member().await?,
        };
        let now = self.mongo.live_standing(&member).await?.time;
        self.kept = Some(Vec::new());
        Ok(FullReading {
            member,
            mongo: Arc::clone(&self.mongo),
            collections: self.collections.clone(),
            keys: self.keys.clone(),
            // Both: the stream may go on at a member that is behind the one where it began.
            after: now.max(self.newest),
        })
    }

    /// Takes what a full reading found, and applies what has changed since it began.
    pub fn take(&mut self, mut fresh: State) {
        self.counts.readings += 1;
        for event in self.kept.take().unwrap_or_default() {
            fresh.apply(&event);
        }
        match &mut self.state {
            Some(_) => self.fresh = Some(fresh),
            state @ None => *state = Some(fresh),
        }
    }

    /// Whether a full reading waits to be compared.
    pub fn compares(&self) -> bool {
        self.fresh.is_some()
    }

    /// Compares the full reading with what was followed. Both have seen the same changes, but the reading may be ahead
    /// of the stream, so they agree for sure only once the stream has come to where the reading ended; `give_up` says
    /// that there was time enough for that. True when there is nothing left to compare.
    pub fn compare(&mut self, give_up: bool) -> bool {
        let (Some(state), Some(fresh)) = (&self.state, &self.fresh) else {
            return true;
        };
        let differences = state.differences(fresh);
        let agree = differences.values().all(|number| *number == 0);
        if agree || give_up {
            self.counts.drift = named(&differences);
            self.state = self.fresh.take();
        }
        agree || give_up
    }

    /// Applies what happened since the last time, or as much of it as is taken up at once.
    ///
    /// # Errors
    /// When the stream broke, or told that a collection is no longer what it was.
    pub async fn catch_up(&mut self) -> Result<CatchUp, LiveError> {
        // They are of no use any more after an error.
        let Some(mut streams) = self.streams.take() else {
            return Ok(CatchUp::default());
        };
        let before = self.counts.events + self.counts.lookups;
        let batch = self.mongo.live_batch(&mut streams).await?;
        for event in batch.events {
            self.note(event)?;
        }
        // Only now: what came before the tokens has been applied.
        self.tokens = streams.tokens();
        // A token that does not tell leaves what the changes told.
        self.position = streams.position().unwrap_or(self.newest).max(self.position);
        self.look_up(&streams.member).await?;
        self.streams = Some(streams);
        Ok(CatchUp {
            told: self.counts.events + self.counts.lookups - before,
            more: batch.more,
        })
    }

    fn note(&mut self, event: RawDocumentBuf) -> Result<(), LiveError> {
        self.counts.events += 1;
        if let Ok(time) = event.get_timestamp("clusterTime") {
            self.newest = self.newest.max(time);
        }
        if invalidates(&event) {
            let operation = event.get_str("operationType").unwrap_or_default();
            return Err(LiveError::Lost(format!(
                "the stream told of `{operation}`, which changes more than single documents"
            )));
        }
        if subject(&event).is_some_and(|(it, _)| it == WatchedCollection::Instances) {
            self.instances_changed = true;
            return Ok(());
        }
        for state in self.state.iter_mut().chain(&mut self.fresh) {
            state.apply(&event);
        }
        if let Some(kept) = &mut self.kept {
            if kept.len() >= MOST_KEPT {
                return Err(LiveError::Lost(format!(
                    "more than {MOST_KEPT} changes came while everything was read"
                )));
            }
            kept.push(event);
        }
        Ok(())
    }

    /// Whether an instance came, went or changed since this was last asked.
    pub fn take_instances_changed(&mut self) -> bool {
        std::mem::take(&mut self.instances_changed)
    }

    /// Asks for documents of which the changes told too little.
    async fn look_up(&mut self, member: &Member) -> Result<(), LiveError> {
        let mut unclear = BTreeMap::new();
        for state in self.state.iter_mut().chain(&mut self.fresh) {
            unclear.extend(state.take_unclear());
        }
        if unclear.is_empty() {
            return Ok(());
        }
        self.counts.lookups += unclear.len() as u64;
        let (mut state, mut fresh) = (self.state.as_mut(), self.fresh.as_mut());
        let looked_up = self
            .mongo
            .live_lookup(member, &unclear, self.newest, |followed, keys, found| {
                for state in state.iter_mut().chain(&mut fresh) {
                    state.clear_up(followed, keys.clone(), found);
                }
            })
            .await;
        if looked_up.is_err() {
            // They stay unclear, for the stream that goes on.
            for state in self.state.iter_mut().chain(&mut self.fresh) {
                state.ask_again(&unclear);
            }
        }
        looked_up
    }

    /// The time of the set up to which everything was taken up.
    pub fn position(&self) -> Timestamp {
        self.position
    }

    /// How things stand at the member that tells the changes.
    ///
    /// # Errors
    /// When it does not answer, or none tells changes.
    pub async fn standing(&mut self) -> Result<Standing, LiveError> {
        let member = match &self.streams {
            Some(changes) => Arc::clone(&changes.member),
            None => self.mongo.live_member().await?,
        };
        self.mongo.live_standing(&member).await
    }

    /// Whether the read preference chooses another member by now than the one that tells the changes.
    ///
    /// # Errors
    /// When no member answers.
    pub async fn has_better_member(&mut self) -> Result<bool, LiveError> {
        let asked = self.streams.as_ref().map(|it| Arc::clone(&it.member));
        let Some(asked) = asked else {
            return Ok(false);
        };
        let member = self.mongo.live_member().await?;
        let is_better = member.replication().is_some_and(|it| !it.is_stale());
        Ok(is_better && !member.is_same(&asked))
    }

    /// What is known, once there was a full reading.
    pub fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// How it goes.
    pub fn counts(&self) -> LiveCounts {
        let mut counts = self.counts.clone();
        if let Some(state) = &self.state {
            for (followed, documents) in state.documents() {
                counts.documents.insert(followed.name(), documents as u64);
            }
            counts.bytes = state.bytes() as u64;
        }
        if let Some(fresh) = &self.fresh {
            counts.bytes += fresh.bytes() as u64;
        }
        counts
    }
}

/// The names of collections.
pub fn names(collections: &BTreeSet<WatchedCollection>) -> Vec<&'static str> {
    collections.iter().map(|it| it.name()).collect()
}

fn named(differences: &BTreeMap<WatchedCollection, u64>) -> BTreeMap<&'static str, u64> {
    let differences = differences.iter();
    differences
        .map(|(followed, number)| (followed.name(), *number))
        .collect()
}
