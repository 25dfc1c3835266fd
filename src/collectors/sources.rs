//! The sources of all numbers: MongoDB, the host, and Rocket.Chat itself. A source reads one section at a time and returns it
//! or an error. The scheduler decides when, the renderers show the result.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::collector::Collector;
use super::dispatch::{CollectedReading, DatabaseSource};
use super::host::query::HostSource;
use super::probe::query::RocketChatSource;
use super::snapshot::{Reading, Snapshot};
use crate::catalogue::{FailureKind, PoolState};
use crate::change_streams::{FollowedCollections, Follower};
use crate::mongodb::{SourceError, Turn};

/// How long reading the host may take.
const HOST_LIMIT: Duration = Duration::from_secs(30);

/// The sources of one scheduler.
#[derive(Debug)]
pub struct Sources {
    database: Option<DatabaseSource>,
    host: HostSource,
    rocketchat: Option<RocketChatSource>,
}

impl Sources {
    /// The host, a workspace's database, and its Rocket.Chat. Nothing is connected or read yet.
    pub fn new(database: Option<DatabaseSource>, rocketchat: Option<RocketChatSource>) -> Self {
        Self {
            database,
            host: HostSource::new(),
            rocketchat,
        }
    }

    /// Reads one section. `known` is what was read before: the host looks for the processes of known instances, and
    /// some definitions depend on the workspace's version.
    ///
    /// # Errors
    /// When the source did not answer, refused, or took longer than the limit; see [`SourceError`].
    pub async fn read(
        &self,
        collector: Collector,
        known: &Snapshot,
    ) -> Result<CollectedReading, SourceError> {
        let missing = |message| Err(SourceError::new(FailureKind::Other, message));
        match (collector, &self.rocketchat, &self.database) {
            (Collector::Host, ..) => {
                let reading = self.host.read(known.instances.clone()).await?;
                Ok(without_database(reading))
            }
            (Collector::Probe, Some(rocketchat), _) => {
                let probe = rocketchat.read().await;
                Ok(without_database(Reading::Probe(probe)))
            }
            (Collector::Probe, None, _) => missing("there is no Rocket.Chat to be probed"),
            (_, _, Some(database)) => database.read(collector, known).await,
            (_, _, None) => missing("there is no database to be read"),
        }
    }

    /// Whether a refresh that was requested at `since` may leave a collector out, because what it would read is shown already.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn leaves_out(
        &self,
        collector: Collector,
        known: &Snapshot,
        since: Instant,
    ) -> Result<bool, SourceError> {
        match &self.database {
            Some(database) => database.leaves_out(collector, known, since).await,
            None => Ok(false),
        }
    }

    /// Waits for the turn of a reading of the database, which readings of other workspaces on its servers take too;
    /// `on_wait` is called while it waits.
    ///
    /// # Errors
    /// When the servers answer no readings.
    pub async fn turn(&self, on_wait: impl Fn()) -> Result<Turn, SourceError> {
        match &self.database {
            Some(database) => database.mongo.turn(on_wait).await,
            None => Ok(Turn::default()),
        }
    }

    /// A turn, unless all are taken.
    pub fn try_turn(&self) -> Option<Turn> {
        let database = self.database.as_ref();
        match database.and_then(|database| database.mongo.turns.as_ref()) {
            Some(turns) => turns.try_take(),
            None => Some(Turn::default()),
        }
    }

    /// Notes how a reading of the database ended.
    pub fn note_turn(&self, error: Option<&SourceError>) {
        let database = self.database.as_ref();
        if let Some(turns) = database.and_then(|database| database.mongo.turns.as_ref()) {
            turns.note(error);
        }
    }

    /// A follower of the database's changes; `None` without a database.
    pub fn follower(&self, collections: FollowedCollections) -> Option<Follower> {
        let database = self.database.as_ref()?;
        let (mongo, oplogs) = (Arc::clone(&database.mongo), Arc::clone(&database.oplogs));
        Some(Follower::new(mongo, oplogs, collections))
    }

    /// Connections to the database; `None` without a database.
    pub fn pool(&self) -> Option<PoolState> {
        self.database.as_ref().map(|database| database.mongo.pool())
    }

    /// Maximum time of one reading by a collector.
    pub fn limit(&self, collector: Collector) -> Duration {
        if collector == Collector::Probe {
            return RocketChatSource::LIMIT;
        }
        self.database_limit()
    }

    /// Maximum time of one reading of the database.
    pub fn database_limit(&self) -> Duration {
        self.database
            .as_ref()
            .map_or(HOST_LIMIT, |database| database.mongo.limit())
    }
}

/// A reading that no query of the database made.
fn without_database(reading: Reading) -> CollectedReading {
    CollectedReading {
        reading,
        indexes: Vec::new(),
        refusals: Vec::new(),
        left_out: BTreeMap::new(),
        skipped: Vec::new(),
        data_at: None,
        replication: None,
    }
}
