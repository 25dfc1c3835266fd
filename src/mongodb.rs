//! Reading MongoDB: the client, the context of a query, and the kinds of queries that collectors share. Collectors are
//! not known here.
//!
//! Everything here only reads. Each query has a server-side time limit, and the client waits a little longer.

pub mod bounded_groups;
pub mod bson;
pub mod client;
pub mod command;
pub mod command_log;
pub mod compressed_document;
pub mod connection_string;
pub mod database_choice;
pub mod document_counts;
pub mod driver;
pub mod error;
pub mod explain;
pub mod hello;
pub mod index_writes;
pub mod indexes;
pub mod members;
pub mod pool_events;
pub mod privileges;
pub mod query;
pub mod reading_turns;
pub mod server_clock;
pub mod server_states;
pub mod settings;
pub mod shared_clients;
pub mod workspace_client;

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

pub use bounded_groups::{BoundedGroups, GroupFields};
use client::{ClientHandle, ClientLease, ClientManager};
pub use command_log::{CommandLog, SentCommand};
pub use compressed_document::CompressedDocument;
pub use database_choice::CORE_COLLECTIONS;
use document_counts::CountComparisons;
use driver::{GRACE, reply_within};
pub use error::{FailureScope, SourceError};
pub use explain::QueryPlan;
pub use hello::Hello;
pub use index_writes::IndexWrites;
use index_writes::IndexWritesCache;
use indexes::IndexCache;
pub use indexes::{Access, MAX_SCANNED_DOCUMENTS};
pub use members::SelectedMember;
pub use privileges::UserPrivileges;
pub use query::QueryContext;
pub use reading_turns::Turn;
use reading_turns::TurnTaker;
use server_clock::DatabaseClock;
pub use settings::{ConfiguredText, MongoSettings, TextOrFile, UriError, UriSource, read_file};
pub use shared_clients::SharedClients;

use crate::catalogue::{FailureKind, PoolState, Timestamp};
use crate::clock::Clock;

/// A Rocket.Chat workspace's database.
#[derive(Debug)]
pub struct Mongo {
    pub clients: ClientManager,
    /// The part in the turns of the cluster; `None` if there is only one workspace.
    pub turns: Option<TurnTaker>,
    pub indexes: IndexCache,
    pub count_comparisons: CountComparisons,
    pub index_writes: IndexWritesCache,
    pub query_timeout: Duration,
    /// The memory that live mode may take; `None` for no limit.
    pub live_max_bytes: Option<u64>,
    pub clock: DatabaseClock,
    pub timezone: TimeZone,
}

impl Mongo {
    /// A database to which the first query connects. `command_log` records every command.
    pub fn new(
        settings: MongoSettings,
        clock: Clock,
        timezone: TimeZone,
        command_log: Option<Arc<CommandLog>>,
    ) -> Self {
        Self {
            query_timeout: settings.query_timeout,
            live_max_bytes: settings.live_max_bytes,
            turns: None,
            clients: ClientManager::new(settings, None, command_log),
            indexes: IndexCache::default(),
            count_comparisons: CountComparisons::default(),
            index_writes: IndexWritesCache::default(),
            clock: DatabaseClock::new(clock),
            timezone,
        }
    }

    /// One of several workspaces: it shares clients with those on the same servers, and takes turns with them.
    pub fn of_several(
        settings: MongoSettings,
        clock: Clock,
        timezone: TimeZone,
        shared: Arc<SharedClients>,
    ) -> Self {
        let turns = TurnTaker::new(shared.turns(&settings.hosts()));
        Self {
            turns: Some(turns),
            clients: ClientManager::new(settings.clone(), Some(shared), None),
            ..Self::new(settings, clock, timezone, None)
        }
    }

    /// Waits for the turn of a reading, as long as the servers answer readings; `on_wait` is called while it waits.
    pub async fn turn(&self, on_wait: impl Fn()) -> Result<Turn, SourceError> {
        match &self.turns {
            Some(turns) => {
                let limit = self.query_timeout + GRACE;
                turns.wait(limit, on_wait).await
            }
            None => Ok(Turn::default()),
        }
    }

    /// The time limit of one reading: connecting, and a few queries at their limits.
    pub fn limit(&self) -> Duration {
        (self.query_timeout + GRACE) * 4
    }

    /// The state of the connection pool for queries.
    pub fn pool(&self) -> PoolState {
        self.clients.pool()
    }

    /// The database's time as of the last reply; by this machine's clock before the first one.
    pub fn now(&self) -> Timestamp {
        self.clock.last_known()
    }

    /// A context whose queries each go to a server that the read preference selects. `purpose` is in their comments.
    pub async fn query(&self, purpose: &'static str) -> Result<QueryContext<'_>, SourceError> {
        let handle = self.clients.database().await?;
        let (client, name) = (handle.database.client(), handle.database.name());
        let database = command::directed(client, name, Some(handle.members.preference()));
        Ok(QueryContext::new(self, handle.lease, database, purpose))
    }

    /// A context whose queries all go to one member.
    pub async fn member_query(
        &self,
        purpose: &'static str,
    ) -> Result<(QueryContext<'_>, Arc<SelectedMember>), SourceError> {
        let handle = self.clients.database().await?;
        let member = self.member(&handle).await?;
        let database = member.database.clone();
        let mut query = QueryContext::new(self, handle.lease, database, purpose);
        query.data_at = member.data_at(query.data_at);
        query.replication = member.replication();
        query.process = member.process;
        Ok((query, member))
    }

    /// Discards the client after an error that it would repeat.
    pub async fn discard_client_after(&self, error: &SourceError, lease: &ClientLease) {
        // Only a new connection logs in. And a handshake has no time limit: where a server hangs, each keeps a slot of
        // the driver's pool forever.
        if error.kind == FailureKind::Unauthenticated || error.scope == FailureScope::NoAnswer {
            self.clients.discard(lease).await;
        }
    }

    /// The member that is read now.
    pub async fn member(&self, handle: &ClientHandle) -> Result<Arc<SelectedMember>, SourceError> {
        let member = handle
            .members
            .select(&handle.database, self.query_timeout, self.clock.own());
        let member = self.within(member).await;
        if let Err(error) = &member {
            self.discard_client_after(error, &handle.lease).await;
        }
        member
    }

    /// Checks the client's files for changes before the next query.
    pub fn recheck_files(&self) {
        self.clients.recheck_files();
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.clients.close().await;
    }

    /// Waits for a reply, at most a little longer than the query's own time limit.
    pub async fn within<T>(
        &self,
        reply: impl Future<Output = Result<T, mongodb::error::Error>>,
    ) -> Result<T, SourceError> {
        let reply = reply_within(self.query_timeout, self.clients.permits(), reply).await?;
        reply.map_err(|error| self.clients.report(&error))
    }
}

pub fn lost_member() -> SourceError {
    SourceError::new(
        FailureKind::Unreachable,
        "the connection to the member of the replica set that was being read broke",
    )
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that map_err takes"
)]
pub fn out_of_range(error: jiff::Error) -> SourceError {
    SourceError::new(
        FailureKind::Other,
        format!("the clock of this machine is wrong: {error}"),
    )
}
