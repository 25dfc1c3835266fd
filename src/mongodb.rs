//! Reading MongoDB: the connection, its limits, and the few kinds of question that the sections ask.
//!
//! Everything here reads. Each question carries a server-side time limit, waits on the client's side hardly longer,
//! and goes to a secondary where there is one. The sections' own questions stand in the files below this one.

pub mod bounded_groups;
pub mod bson;
pub mod client;
pub mod command;
pub mod command_log;
pub mod connection_string;
pub mod database_choice;
pub mod driver;
pub mod error;
pub mod explain;
pub mod hello;
pub mod index_lookup;
pub mod indexes;
pub mod members;
pub mod pool_events;
pub mod privileges;
pub mod query;
pub mod server_clock;
pub mod server_states;
pub mod settings;
pub mod uri_source;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::time::timeout;

pub use bounded_groups::{Groups, Members};
use client::{ClientHandle, Connection, Lease};
pub use command_log::{Recorder, Sent};
pub use database_choice::TELLING_COLLECTIONS;
use driver::{GRACE, at_a_place};
pub use error::{Scope, SourceError};
pub use explain::Plan;
pub use hello::Hello;
use indexes::KnownIndexes;
pub use indexes::{Access, SMALL};
pub use members::Member;
pub use privileges::UserPrivileges;
pub use query::QueryContext;
use server_clock::DatabaseClock;
pub use settings::MongoSettings;
pub use uri_source::{Given, Place, UriError, UriSource, read_file};

use crate::catalogue::{FailureKind, PoolState, Timestamp};
use crate::clock::Clock;
use crate::collectors::Collector;
use crate::collectors::license::known::KnownLicenses;
use crate::license::LicenseSource;

/// A Rocket.Chat workspace's database.
#[derive(Debug)]
pub struct Mongo {
    pub connection: Connection,
    pub indexes: KnownIndexes,
    pub query_timeout: Duration,
    pub clock: DatabaseClock,
    pub timezone: TimeZone,
    pub license: LicenseSource,
    pub license_in_settings: KnownLicenses,
    pub pasted_license: KnownLicenses,
}

impl Mongo {
    /// A database that is not connected yet: the first question does that.
    pub fn new(
        settings: MongoSettings,
        clock: Clock,
        timezone: TimeZone,
        license: LicenseSource,
    ) -> Self {
        Self::with(settings, clock, timezone, license, None)
    }

    pub fn with(
        settings: MongoSettings,
        clock: Clock,
        timezone: TimeZone,
        license: LicenseSource,
        recorder: Option<Arc<Recorder>>,
    ) -> Self {
        Self {
            query_timeout: settings.query_timeout,
            connection: Connection::new(settings, recorder),
            indexes: KnownIndexes::default(),
            clock: DatabaseClock::new(clock),
            timezone,
            license,
            license_in_settings: KnownLicenses::default(),
            pasted_license: KnownLicenses::default(),
        }
    }

    /// The longest time that one reading may take: connecting, and a handful of questions at their limit.
    pub fn limit(&self) -> Duration {
        (self.query_timeout + GRACE) * 4
    }

    /// Connections for queries.
    pub fn pool(&self) -> PoolState {
        self.connection.pool()
    }

    /// The time at the database, by what it last told; by this machine's clock before that.
    pub fn now(&self) -> Timestamp {
        self.clock.last_known()
    }

    /// A question each part of which is asked of a server that the read preference chooses.
    pub async fn question(&self, collector: Collector) -> Result<QueryContext<'_>, SourceError> {
        let access = self.connection.database().await?;
        let (client, name) = (access.database.client(), access.database.name());
        let database = command::directed(client, name, Some(access.members.preference()));
        Ok(QueryContext::new(self, access.lease, database, collector))
    }

    /// A question all of which is asked of one member.
    pub async fn bound_question(
        &self,
        collector: Collector,
    ) -> Result<(QueryContext<'_>, Arc<Member>), SourceError> {
        let access = self.connection.database().await?;
        let member = self.member(&access).await?;
        let database = member.database.clone();
        let mut question = QueryContext::new(self, access.lease, database, collector);
        question.data_at = member.data_at(question.data_at);
        question.replication = member.replication();
        Ok((question, member))
    }

    /// Ends a client that would fail again.
    pub async fn forget_after(&self, error: &SourceError, lease: &Lease) {
        // Only a new connection logs in. After a silence the driver may wait for ever for connections that it was
        // making: their handshakes have no time limit, and each takes a place in its pool.
        if error.kind == FailureKind::Unauthenticated || error.scope == Scope::Silence {
            self.connection.forget(lease).await;
        }
    }

    /// The member that is asked now.
    pub async fn member(&self, access: &ClientHandle) -> Result<Arc<Member>, SourceError> {
        let member = access
            .members
            .choose(&access.database, self.query_timeout, self.clock.own());
        let member = self.within(member).await;
        if let Err(error) = &member {
            self.forget_after(error, &access.lease).await;
        }
        member
    }

    /// Looks at the files that the connection was made of before the next query.
    pub async fn look_at_files(&self) {
        self.connection.look_at_files().await;
    }

    /// Ends the connections.
    pub async fn close(&self) {
        self.connection.close().await;
    }

    /// Waits for an answer: the server stops at its own limit, this one is for servers that no longer speak.
    pub async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, mongodb::error::Error>>,
    ) -> Result<T, SourceError> {
        let limit = self.query_timeout + GRACE;
        match timeout(limit, at_a_place(self.connection.places(), pin!(answer))).await {
            Ok(answer) => answer.map_err(|error| self.connection.failure(&error)),
            Err(_) => Err(SourceError::new(
                FailureKind::Unreachable,
                format!("MongoDB did not answer within {} s", limit.as_secs()),
            )
            .of(Scope::Silence)),
        }
    }
}

pub fn lost_member() -> SourceError {
    SourceError::new(
        FailureKind::Unreachable,
        "the connection to the member of the replica set broke that was asked",
    )
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that map_err takes"
)]
pub fn out_of_range(error: jiff::Error) -> SourceError {
    SourceError::new(
        FailureKind::Other,
        format!("the clock of this machine is off: {error}"),
    )
}
