//! Connecting once, and reading each section with its commands recorded and explained. Only `check` uses this.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mongodb::bson::doc;
use serde::Serialize;
use tokio::time::timeout;

use super::topology::Topology;
use crate::catalogue::{FailureKind, IndexCheck};
use crate::clock::Clock;
use crate::collectors::context::CollectorContext;
use crate::collectors::dispatch::read_section;
use crate::collectors::license::{Grants, query};
use crate::collectors::{Collector, DatabaseSource, Reading, Snapshot};
use crate::config::WorkspaceConfig;
use crate::mongodb::{
    CORE_COLLECTIONS, CommandLog, Hello, Mongo, QueryContext, QueryPlan, SentCommand, SourceError,
    UserPrivileges, bson, command, explain, indexes,
};

/// How many pings measure the round trip; the shortest counts.
const ROUND_TRIPS: usize = 5;

/// A server that the exporter is connected to.
#[derive(Debug)]
pub struct Connected {
    /// The version of MongoDB.
    pub version: Option<String>,
    /// The kind of deployment, and its members.
    pub topology: Topology,
    /// The workspace's database.
    pub database: String,
    /// Whether the database has Rocket.Chat's collections; `None` when the user may not list them.
    pub is_rocket_chat: Option<bool>,
    /// The shortest round trip of a ping.
    pub round_trip: Option<Duration>,
    /// The logged-in user and its privileges.
    pub login: UserPrivileges,
    /// Whether the server has no access control.
    pub is_open: bool,
    /// The modules that the license grants.
    pub grants: Grants,
}

/// The result of reading one section, and what it took.
#[derive(Debug)]
pub struct Examined {
    /// The section, or why it could not be read.
    pub result: Result<Reading, SourceError>,
    /// How long the reading took.
    pub duration: Duration,
    /// The indexes that its queries rely on.
    pub indexes: Vec<ExaminedIndex>,
    /// The commands that were sent.
    pub queries: Vec<ExaminedQuery>,
}

/// An index that a query relies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExaminedIndex {
    /// The key, and whether an index begins with it.
    pub check: IndexCheck,
    /// The index's name, if there is one.
    pub name: Option<String>,
    /// Documents of the collection, if the index is missing.
    pub documents: Option<u64>,
}

/// A command that was sent to the database.
#[derive(Debug, Clone, Serialize)]
pub struct ExaminedQuery {
    /// The collection; `None` for commands to the server.
    pub collection: Option<String>,
    /// The command's name.
    pub command: String,
    /// How long the reply took.
    #[serde(rename = "duration_seconds", serialize_with = "seconds")]
    pub duration: Option<Duration>,
    /// Whether the server answered with an error.
    pub failed: bool,
    /// Whether the server answers from metadata, without reading documents or index keys.
    pub metadata: bool,
    /// The query plan; `None` for commands that cannot be explained.
    pub plan: Option<QueryPlan>,
    /// Why `explain` failed.
    pub unexplained: Option<String>,
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn seconds<S: serde::Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration
        .map(|duration| duration.as_secs_f64())
        .serialize(serializer)
}

impl ExaminedIndex {
    /// Whether its queries scan the collection instead, because the collection is small.
    pub fn is_scanned_instead(&self) -> bool {
        self.check.collection != indexes::NEVER_SCANNED
            && self
                .documents
                .is_some_and(|number| number <= indexes::MAX_SCANNED_DOCUMENTS)
    }
}

impl DatabaseSource {
    /// A workspace's database with a log of the commands sent to it.
    pub fn watched(workspace: &WorkspaceConfig, clock: Clock) -> Self {
        let (settings, timezone) = (workspace.mongo.clone(), workspace.timezone.clone());
        let mongo = Mongo::new(settings, clock, timezone, Some(Arc::default()));
        Self::new(mongo, workspace.license.clone())
    }

    /// Connects, and describes the server, the login and the database.
    ///
    /// # Errors
    /// When the server is unreachable, the login fails, or no database can be chosen.
    pub async fn connected(&self) -> Result<Connected, SourceError> {
        let (query, _) = self.mongo.member_query(Collector::Server.name()).await?;
        let hello = query.hello().await?;
        let status = doc! { "connectionStatus": 1, "showPrivileges": true };
        let login = UserPrivileges::from_status(&query.run_on_admin(status).await?);
        let is_open = login.user.is_none() && query.may_list_databases().await;
        let database = query.database.name().to_owned();
        let sees_all = is_open
            || CORE_COLLECTIONS
                .iter()
                .all(|name| login.allows(&database, Some(name), "find"));
        let topology = query.topology(&hello).await;
        let round_trip = query.round_trip().await;
        Ok(Connected {
            version: query
                .run_on_admin(doc! { "buildInfo": 1 })
                .await
                .ok()
                .and_then(|build| bson::text(build.get("version"))),
            topology,
            database,
            is_rocket_chat: if sees_all {
                query.is_rocket_chat().await
            } else {
                None
            },
            round_trip,
            is_open,
            login,
            // An unreadable license grants nothing; the collector `license` reports why.
            grants: query::grants(&query, &self.licenses, &Snapshot::default())
                .await
                .unwrap_or_default(),
        })
    }

    /// Reads one section, then explains each of its queries and looks up its indexes.
    pub async fn examine(&self, collector: Collector, known: &Snapshot) -> Examined {
        // Index lookups are cached; without this, a section would not show those that an earlier one made.
        self.mongo.indexes.clear();
        let mut examined = Examined {
            result: Err(SourceError::new(
                FailureKind::TimedOut,
                format!(
                    "the reading took longer than {} s",
                    self.mongo.limit().as_secs()
                ),
            )),
            duration: Duration::ZERO,
            indexes: Vec::new(),
            queries: Vec::new(),
        };
        let mut context = match self.mongo.member_query(collector.name()).await {
            Ok((query, _)) => CollectorContext::new(query, &self.licenses),
            Err(error) => {
                examined.result = Err(error);
                return examined;
            }
        };
        // Drops the commands of connecting.
        self.take_sent_commands();
        let begun = Instant::now();
        if let Ok(result) = timeout(
            self.mongo.limit(),
            Box::pin(read_section(collector, &mut context, known)),
        )
        .await
        {
            examined.result = result;
        }
        examined.duration = begun.elapsed();
        for sent in self.take_sent_commands() {
            let query = context.explain(&sent).await;
            examined.queries.push(query);
        }
        for check in context.checks.clone() {
            examined.indexes.push(context.look_up(check).await);
        }
        examined
    }

    /// The commands sent since the last call.
    fn take_sent_commands(&self) -> Vec<SentCommand> {
        self.mongo
            .clients
            .command_log()
            .map(CommandLog::take)
            .unwrap_or_default()
    }
}

impl QueryContext<'_> {
    async fn topology(&self, hello: &Hello) -> Topology {
        let status = self.run_on_admin(doc! { "replSetGetStatus": 1 }).await;
        Topology::new(hello, status.as_ref().ok())
    }

    /// Whether the database has Rocket.Chat's collections.
    async fn is_rocket_chat(&self) -> Option<bool> {
        let (limit, comment) = (self.mongo.query_timeout, self.comment());
        let names =
            command::existing_collections(&self.database, &CORE_COLLECTIONS, limit, &comment);
        let names = self.mongo.within(names).await.ok()?;
        Some(names.len() == CORE_COLLECTIONS.len())
    }

    async fn round_trip(&self) -> Option<Duration> {
        let mut shortest = None;
        for _ in 0..ROUND_TRIPS {
            let begun = Instant::now();
            self.run_on_admin(doc! { "ping": 1 }).await.ok()?;
            let duration = begun.elapsed();
            shortest = Some(shortest.map_or(duration, |shortest: Duration| shortest.min(duration)));
        }
        shortest
    }

    /// Whether `listDatabases` is allowed. With access control the server refuses it without a login.
    async fn may_list_databases(&self) -> bool {
        let command = doc! { "listDatabases": 1, "nameOnly": true };
        self.run_on_admin(command).await.is_ok()
    }

    async fn explain(&self, sent: &SentCommand) -> ExaminedQuery {
        let command = explain::command(sent);
        let mut query = ExaminedQuery {
            collection: sent
                .collection()
                .map(|name| self.resource(&sent.database, name)),
            command: sent.kind().to_owned(),
            duration: sent.duration,
            failed: sent.failed,
            metadata: command.is_none(),
            plan: None,
            unexplained: None,
        };
        let Some(command) = command.filter(|_| !sent.failed) else {
            return query;
        };
        match self.run_on(&sent.database, command).await {
            Ok(answer) => query.plan = Some(explain::parse(&answer)),
            Err(error) => query.unexplained = Some(error.to_string()),
        }
        query
    }

    /// A collection's name, with its database where that is not the workspace's.
    fn resource(&self, database: &str, collection: &str) -> String {
        if database == self.database.name() {
            collection.to_owned()
        } else {
            format!("{database}.{collection}")
        }
    }

    async fn look_up(&mut self, check: IndexCheck) -> ExaminedIndex {
        let name = self.index(check.collection, check.key).await;
        let documents = if check.present {
            None
        } else {
            self.estimated_count(check.collection).await.ok()
        };
        ExaminedIndex {
            check,
            name: name.ok().flatten(),
            documents,
        }
    }
}
