//! Reading MongoDB: the connection, its limits, and the few kinds of question that the sections ask.
//!
//! Everything here reads. Each question carries a server-side time limit, waits on the client's side hardly longer,
//! and goes to a secondary where there is one. The sections' own questions stand in the files below this one.

mod accounts;
mod activity;
mod administration;
mod api_settings;
mod apps;
mod backend;
mod backfill;
mod calls;
mod choice;
mod clock;
mod collections;
mod command;
mod connection;
mod connection_string;
mod connections;
mod contacts;
mod convert;
mod dispatch;
mod driver;
mod explain;
mod federation;
mod filter;
mod groups;
mod growth;
mod hello;
mod history;
mod hygiene;
mod indexes;
mod inspect;
mod instances;
mod integrations;
mod jobs;
mod known_license;
mod license;
mod live;
mod marks;
mod members;
mod messages;
mod omnichannel;
mod pool;
mod position;
mod presence;
mod privileges;
mod push;
mod question;
mod recorder;
mod room_features;
mod rooms;
mod server;
mod servers;
mod sessions;
mod settings;
mod stored;
mod uploads;
mod uri_source;
mod user_features;
mod users;
mod workspace;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use api_settings::KnownApiSettings;
pub use backfill::{Stretch, date_of};
use clock::DatabaseClock;
pub use connection::MongoSettings;
use connection::{Access, Connection, Lease};
use driver::{GRACE, at_a_place};
pub use explain::Plan;
pub use filter::from_json as parse_query;
pub use history::{Documents, Part};
use indexes::KnownIndexes;
pub use inspect::{Connected, Index, Query, Target, Topology};
use known_license::KnownLicenses;
pub use live::{Beginning, Changes, LiveError, Standing};
pub use members::Member;
pub use privileges::{NEEDS, Need, Purpose, role_reference};
use question::Question;
use recorder::Recorder;
pub use uri_source::{Given, Place, UriError, UriSource, read_file};

use super::{LicenseSource, Scope, SourceError};
use crate::clock::Clock;
use crate::statistics::{Collector, FailureKind, PoolState, Timestamp};

/// A Rocket.Chat workspace's database.
#[derive(Debug)]
pub struct Mongo {
    connection: Connection,
    indexes: KnownIndexes,
    api_settings: KnownApiSettings,
    /// What callers ask for takes turns, so that all of it together takes one connection of the pool.
    callers: Semaphore,
    query_timeout: Duration,
    clock: DatabaseClock,
    timezone: TimeZone,
    license: LicenseSource,
    license_in_settings: KnownLicenses,
    pasted_license: KnownLicenses,
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

    fn with(
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
            api_settings: KnownApiSettings::default(),
            clock: DatabaseClock::new(clock),
            callers: Semaphore::new(1),
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

    /// Waits until nothing else is asked for a caller of the web.
    async fn caller_turn(&self) -> Result<SemaphorePermit<'_>, SourceError> {
        let limit = self.query_timeout + GRACE;
        // Fails only when it is closed, which it never is.
        match timeout(limit, self.callers.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(SourceError::new(
                FailureKind::TimedOut,
                format!(
                    "requests are answered from the database one after the other, and none of those before ended within {} s",
                    limit.as_secs()
                ),
            )),
        }
    }

    /// A question each part of which is asked of a server that the read preference chooses.
    async fn question(&self, collector: Collector) -> Result<Question<'_>, SourceError> {
        let access = self.connection.database().await?;
        let (client, name) = (access.database.client(), access.database.name());
        let database = command::directed(client, name, Some(access.members.preference()));
        Ok(Question::new(self, access.lease, database, collector))
    }

    /// A question all of which is asked of one member.
    async fn bound_question(
        &self,
        collector: Collector,
    ) -> Result<(Question<'_>, Arc<Member>), SourceError> {
        let access = self.connection.database().await?;
        let member = self.member(&access).await?;
        let database = member.database.clone();
        let mut question = Question::new(self, access.lease, database, collector);
        question.data_at = member.data_at(question.data_at);
        question.replication = member.replication();
        Ok((question, member))
    }

    /// Ends a client that would fail again.
    async fn forget_after(&self, error: &SourceError, lease: &Lease) {
        // Only a new connection logs in. After a silence the driver may wait for ever for connections that it was
        // making: their handshakes have no time limit, and each takes a place in its pool.
        if error.kind == FailureKind::Unauthenticated || error.scope == Scope::Silence {
            self.connection.forget(lease).await;
        }
    }

    /// The member that is asked now.
    async fn member(&self, access: &Access) -> Result<Arc<Member>, SourceError> {
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
    async fn within<T>(
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

fn lost_member() -> SourceError {
    SourceError::new(
        FailureKind::Unreachable,
        "the connection to the member of the replica set broke that was asked",
    )
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that map_err takes"
)]
fn out_of_range(error: jiff::Error) -> SourceError {
    SourceError::new(
        FailureKind::Other,
        format!("the clock of this machine is off: {error}"),
    )
}
