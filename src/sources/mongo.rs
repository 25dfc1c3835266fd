//! Reading MongoDB: the connection, its limits, and the few kinds of question that the sections ask.
//!
//! Everything here reads. Each question carries a server-side time limit, waits on the client's side hardly longer,
//! and goes to a secondary where there is one. The sections' own questions stand in the files below this one.

mod accounts;
mod activity;
mod administration;
mod api_settings;
mod apps;
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
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

pub use accounts::Account;
pub use api_settings::ApiSettings;
use api_settings::KnownApiSettings;
use backfill::Page;
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

use super::{LicenseSource, Read, Scope, SourceError};
use crate::clock::Clock;
use crate::statistics::{
    Collector, FailureKind, Grown, PoolState, Reading, Snapshot, Timestamp, Value,
};

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

    /// Reads one section.
    pub async fn read(&self, collector: Collector, known: &Snapshot) -> Result<Read, SourceError> {
        let begun = Instant::now();
        let (question, mut result) = match self.read_from_member(collector, known).await? {
            (question, Some(result)) => (question, result),
            // All of it from another one, once.
            (lost, None) => match self.read_from_member(collector, known).await? {
                (question, Some(result)) => (question, result),
                (_, None) => (lost, Err(lost_member())),
            },
        };
        if result.is_ok() {
            let confirmed = self.connection.confirm(&question.lease, begun).await;
            result = confirmed.and(result);
        }
        if let Err(error) = &result {
            self.indexes.forget();
            self.forget_after(error, &question.lease).await;
        }
        Ok(Read {
            reading: result?,
            indexes: question.checks,
            refusals: question.refusals,
            left_out: question
                .left_out
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
            skipped: question.skipped,
            data_at: Some(question.data_at),
            replication: question.replication,
        })
    }

    /// Ends a client that would fail again.
    async fn forget_after(&self, error: &SourceError, lease: &Lease) {
        // Only a new connection logs in. After a silence the driver may wait for ever for connections that it was
        // making: their handshakes have no time limit, and each takes a place in its pool.
        if error.kind == FailureKind::Unauthenticated || error.scope == Scope::Silence {
            self.connection.forget(lease).await;
        }
    }

    /// Reads one section from one member, unless that is lost meanwhile.
    async fn read_from_member(
        &self,
        collector: Collector,
        known: &Snapshot,
    ) -> Result<(Question<'_>, Option<Result<Reading, SourceError>>), SourceError> {
        let (mut question, member) = self.bound_question(collector).await?;
        let result = member.unless_lost(self.ask(&mut question, known)).await;
        Ok((question, result))
    }

    async fn ask(
        &self,
        question: &mut Question<'_>,
        known: &Snapshot,
    ) -> Result<Reading, SourceError> {
        let collector = question.collector;
        if license::matters_to(collector) {
            question.grants = license::grants(question, known).await?;
        }
        Ok(match collector {
            Collector::Instances => Reading::Instances(instances::read(question).await?),
            Collector::Presence => Reading::Presence(presence::read(question).await?),
            Collector::Workspace => Reading::Workspace(workspace::read(question, known).await?),
            Collector::License => Reading::License(license::read(question, known).await?),
            Collector::Settings => Reading::Settings(settings::read(question).await?),
            Collector::Server => Reading::Server(server::read(question).await?),
            Collector::Stored => Reading::Stored(stored::read(question).await?),
            Collector::Activity => Reading::Activity(activity::read(question).await?),
            Collector::Marks => Reading::Marks(marks::read(question).await?),
            Collector::Connections => Reading::Connections(connections::read(question).await?),
            Collector::Contacts => Reading::Contacts(contacts::read(question).await?),
            Collector::Messages => Reading::Messages(messages::read(question).await?),
            Collector::Omnichannel => {
                Reading::Omnichannel(omnichannel::read(question, known).await?)
            }
            Collector::Federation => Reading::Federation(federation::read(question, known).await?),
            Collector::Administration => {
                Reading::Administration(administration::read(question).await?)
            }
            Collector::Calls => Reading::Calls(calls::read(question).await?),
            Collector::Integrations => Reading::Integrations(integrations::read(question).await?),
            Collector::Apps => Reading::Apps(apps::read(question).await?),
            Collector::Push => Reading::Push(push::read(question, known).await?),
            Collector::Uploads => Reading::Uploads(uploads::read(question).await?),
            Collector::Users => Reading::Users(users::read(question).await?),
            Collector::RoomFeatures => Reading::RoomFeatures(room_features::read(question).await?),
            Collector::UserFeatures => {
                Reading::UserFeatures(user_features::read(question, known).await?)
            }
            Collector::Rooms => Reading::Rooms(rooms::read(question).await?),
            Collector::Sessions => Reading::Sessions(sessions::read(question, known).await?),
            Collector::Jobs => Reading::Jobs(jobs::read(question).await?),
            Collector::Hygiene => Reading::Hygiene(hygiene::read(question).await?),
            Collector::Collections => Reading::Collections(collections::read(question).await?),
            Collector::Host => {
                return Err(SourceError::new(
                    FailureKind::Other,
                    "the host is not read from MongoDB",
                ));
            }
        })
    }

    /// The account that a user id and a login token belong to; `None` when there is none or it is deactivated.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn account_of_login(
        &self,
        user_id: &str,
        token: &str,
    ) -> Result<Option<Account>, SourceError> {
        let _turn = self.caller_turn().await?;
        let question = self.question(Collector::Users).await?;
        accounts::by_login_token(&question, user_id, token).await
    }

    /// The account that an OAuth access token belongs to; `None` also when the token has expired.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn account_of_grant(
        &self,
        access_token: &str,
    ) -> Result<Option<Account>, SourceError> {
        let _turn = self.caller_turn().await?;
        let mut question = self.question(Collector::Users).await?;
        accounts::by_access_token(&mut question, access_token).await
    }

    /// The time at the database, by what it last told; by this machine's clock before that.
    pub fn now(&self) -> Timestamp {
        self.clock.last_known()
    }

    /// The settings of the REST API, at most a minute old.
    ///
    /// # Errors
    /// When they are not known and the database does not answer.
    pub async fn api_settings(&self) -> Result<ApiSettings, SourceError> {
        let read = async {
            let _turn = self.caller_turn().await?;
            let question = self.question(Collector::Settings).await?;
            api_settings::read(&question).await
        };
        self.api_settings.get_or_read(read).await
    }

    /// The number of stored statistics documents that match a query, or what is wrong with the query.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_history(
        &self,
        query: &serde_json::Value,
    ) -> Result<Result<u64, String>, SourceError> {
        let _turn = self.caller_turn().await?;
        let question = self.question(Collector::Stored).await?;
        history::count(&question, query).await
    }

    /// A part of the stored statistics documents, or what is wrong with the question.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_history(
        self: &Arc<Self>,
        part: &Part,
    ) -> Result<Result<Documents, String>, SourceError> {
        history::list(self, part).await
    }

    /// How the workspace grew, by some of the stored statistics documents.
    ///
    /// # Errors
    /// When the database does not answer, or the index is missing that chooses them.
    pub async fn growth(&self) -> Result<Vec<Grown>, SourceError> {
        let _turn = self.caller_turn().await?;
        let mut question = self.question(Collector::Stored).await?;
        growth::read(&mut question).await
    }

    /// How many stored statistics documents there are from an instant on, and before another one.
    ///
    /// # Errors
    /// When the database does not answer, or the index is missing that orders them.
    pub async fn stored_between(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Stretch, SourceError> {
        let mut question = self.question(Collector::Stored).await?;
        backfill::look(&mut question, from, until).await
    }

    /// What `read` makes of the next stored statistics documents, at most `most`.
    ///
    /// # Errors
    /// When the database does not answer, or the index is missing that orders them.
    pub async fn stored_page<T>(
        &self,
        between: (Timestamp, Timestamp),
        most: u32,
        read: impl FnMut(&Value) -> T,
    ) -> Result<Page<T>, SourceError> {
        let mut question = self.question(Collector::Stored).await?;
        backfill::page(&mut question, between, most, read).await
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
