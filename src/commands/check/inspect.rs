//! Looking at the database and at the exporter's own questions, for whoever wants to know why a number is missing or
//! what it costs. The daemon uses none of this.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::{HostInfo, ReadPreference, Tls};
use serde::Serialize;
use tokio::time::timeout;

use crate::catalogue::{FailureKind, IndexCheck};
use crate::clock::Clock;
use crate::collectors::context::CollectorContext;
use crate::collectors::dispatch::read_section;
use crate::collectors::license::{Grants, query};
use crate::collectors::{Collector, DatabaseSource, Reading, Snapshot};
use crate::config::WorkspaceConfig;
use crate::mongodb::{
    CORE_COLLECTIONS, CommandLog, Hello, Mongo, MongoSettings, QueryContext, QueryPlan,
    SentCommand, SourceError, UserPrivileges, bson, command, explain, indexes, server_states,
};

/// Questions for the time that an answer takes; the shortest counts.
const ROUND_TRIPS: usize = 5;

/// What the connection string says, without its user and password.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Target {
    /// Hosts and ports, or the name whose records list them.
    pub address: String,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Which members of a replica set are asked.
    pub read_preference: &'static str,
    /// Tags that a member must have, the first set before the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read_preference_tags: Vec<BTreeMap<String, String>>,
    /// How far a member may lag, as the driver estimates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_staleness_seconds: Option<u64>,
}

/// A server that answers.
#[derive(Debug)]
pub struct Connected {
    /// MongoDB's version.
    pub version: Option<String>,
    /// How its servers belong together.
    pub topology: Topology,
    /// The workspace's database.
    pub database: String,
    /// Whether it looks like Rocket.Chat's; `None` when that cannot be seen.
    pub is_rocket_chat: Option<bool>,
    /// The shortest time that an answer took.
    pub round_trip: Option<Duration>,
    /// Who is logged in, and what that allows.
    pub login: UserPrivileges,
    /// Whether the server lets everybody do everything.
    pub is_open: bool,
    /// The modules that the license grants.
    pub grants: Grants,
}

/// How servers belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Topology {
    /// A server alone.
    Standalone,
    /// Servers with copies of the same data.
    ReplicaSet {
        /// The set's name.
        name: String,
        /// Its members.
        members: Vec<Member>,
    },
    /// Data on several servers behind a router.
    Sharded,
}

/// A member of a replica set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Host and port.
    pub address: String,
    /// What it does; `None` when this user may not see it.
    pub state: Option<String>,
}

/// How reading one section went.
#[derive(Debug)]
pub struct Examined {
    /// The section.
    pub result: Result<Reading, SourceError>,
    /// How long it took.
    pub duration: Duration,
    /// Indexes that were looked for.
    pub indexes: Vec<Index>,
    /// Questions that were sent.
    pub queries: Vec<Query>,
}

/// An index that a query relies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// What was looked for, and whether it is there.
    pub check: IndexCheck,
    /// Its name.
    pub name: Option<String>,
    /// Documents of the collection, where it is missing.
    pub documents: Option<u64>,
}

/// A question that was sent to the database.
#[derive(Debug, Clone, Serialize)]
pub struct Query {
    /// The collection; `None` for questions to the server.
    pub collection: Option<String>,
    /// The command's name.
    pub command: String,
    /// How long the answer took.
    #[serde(rename = "duration_seconds", serialize_with = "seconds")]
    pub duration: Option<Duration>,
    /// Whether the answer was a failure.
    pub failed: bool,
    /// Whether it is answered without looking at documents or at entries of an index.
    pub metadata: bool,
    /// How it is run; `None` where there is nothing to explain.
    pub plan: Option<QueryPlan>,
    /// Why there is no plan where there should be one.
    pub unexplained: Option<String>,
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn seconds<S: serde::Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.map(|it| it.as_secs_f64()).serialize(serializer)
}

impl MongoSettings {
    /// What the connection string says.
    pub fn target(&self) -> Target {
        let Some(parsed) = self.uri.parsed() else {
            return Target::default();
        };
        let options = match &parsed.read_preference {
            Some(
                ReadPreference::Secondary { options }
                | ReadPreference::PrimaryPreferred { options }
                | ReadPreference::SecondaryPreferred { options }
                | ReadPreference::Nearest { options },
            ) => options.as_ref(),
            _ => None,
        };
        let is_record = matches!(parsed.host_info, HostInfo::DnsRecord(_));
        Target {
            address: match &parsed.host_info {
                HostInfo::DnsRecord(name) => name.clone(),
                HostInfo::HostIdentifiers(hosts) => {
                    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
                    hosts.join(", ")
                }
                _ => String::new(),
            },
            tls: match parsed.tls {
                Some(Tls::Enabled(_)) => true,
                Some(_) => false,
                None => is_record,
            },
            read_preference_tags: options
                .and_then(|it| it.tag_sets.as_ref())
                .into_iter()
                .flatten()
                .map(|tags| tags.clone().into_iter().collect())
                .collect(),
            max_staleness_seconds: options
                .and_then(|it| it.max_staleness)
                .map(|it| it.as_secs()),
            read_preference: parsed
                .read_preference
                .as_ref()
                .map_or("secondaryPreferred", server_states::read_preference_name),
        }
    }
}

impl Target {
    /// Which members of a replica set are asked, in words.
    pub fn preference(&self) -> String {
        let mut words = vec![self.read_preference.to_owned()];
        let tags = self.read_preference_tags.iter().map(|tags| {
            let tags: Vec<String> = tags
                .iter()
                .map(|(name, value)| format!("{name}:{value}"))
                .collect();
            if tags.is_empty() {
                "any".to_owned()
            } else {
                tags.join(",")
            }
        });
        let tags: Vec<String> = tags.collect();
        if !tags.is_empty() {
            words.push(format!("tags {}", tags.join(" else ")));
        }
        if let Some(seconds) = self.max_staleness_seconds {
            words.push(format!("at most {seconds} s behind"));
        }
        words.join(", ")
    }
}

impl Index {
    /// Whether its queries scan the collection instead, because that is small.
    pub fn is_scanned_instead(&self) -> bool {
        self.check.collection != indexes::NEVER_SCANNED
            && self
                .documents
                .is_some_and(|number| number <= indexes::MAX_SCANNED_DOCUMENTS)
    }
}

impl DatabaseSource {
    /// A workspace's database whose commands are recorded.
    pub fn watched(workspace: &WorkspaceConfig, clock: Clock) -> Self {
        let (settings, timezone) = (workspace.mongo.clone(), workspace.timezone.clone());
        let mongo = Mongo::new(settings, clock, timezone, Some(Arc::default()));
        Self::new(mongo, workspace.license.clone())
    }

    /// Connects, and says with what.
    ///
    /// # Errors
    /// When there is no server, no login, or no database.
    pub async fn connected(&self) -> Result<Connected, SourceError> {
        let (question, _) = self.mongo.member_query(Collector::Server.name()).await?;
        let hello = question.hello().await?;
        let status = doc! { "connectionStatus": 1, "showPrivileges": true };
        let login = UserPrivileges::from_status(&question.ask_server(status).await?);
        let is_open = login.user.is_none() && question.may_list_databases().await;
        let database = question.database.name().to_owned();
        let sees_all = is_open
            || CORE_COLLECTIONS
                .iter()
                .all(|it| login.allows(&database, Some(it), "find"));
        let topology = question.topology(&hello).await;
        let round_trip = question.round_trip().await;
        Ok(Connected {
            version: question
                .ask_server(doc! { "buildInfo": 1 })
                .await
                .ok()
                .and_then(|build| bson::text(build.get("version"))),
            topology,
            database,
            is_rocket_chat: if sees_all {
                question.is_rocket_chat().await
            } else {
                None
            },
            round_trip,
            is_open,
            login,
            // What cannot be read grants nothing; whether it can be read is told elsewhere.
            grants: query::grants(&question, &self.licenses, &Snapshot::default())
                .await
                .unwrap_or_default(),
        })
    }

    /// Reads one section, and looks at everything that it asked.
    pub async fn examine(&self, collector: Collector, known: &Snapshot) -> Examined {
        // What an earlier section looked up is looked up again, because this one relies on it as well.
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
        // From here on it is the section's own.
        self.sent();
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
        for sent in self.sent() {
            let query = context.explain(&sent).await;
            examined.queries.push(query);
        }
        for check in context.checks.clone() {
            examined.indexes.push(context.look_up(check).await);
        }
        examined
    }

    /// Commands that were sent since the last time.
    fn sent(&self) -> Vec<SentCommand> {
        self.mongo
            .clients
            .command_log()
            .map(CommandLog::take)
            .unwrap_or_default()
    }
}

impl QueryContext<'_> {
    async fn ask_server(&self, mut command: Document) -> Result<Document, SourceError> {
        command.insert("maxTimeMS", bson::milliseconds(self.mongo.query_timeout));
        command.insert("comment", self.comment());
        let admin = command::beside(&self.database, "admin");
        self.mongo.within(command::run(&admin, command)).await
    }

    async fn topology(&self, hello: &Hello) -> Topology {
        if hello.is_router() {
            return Topology::Sharded;
        }
        let hello = hello.document();
        let Some(name) = bson::text(hello.get("setName")) else {
            return Topology::Standalone;
        };
        let members = match self.ask_server(doc! { "replSetGetStatus": 1 }).await {
            Ok(status) => members_with_states(&status),
            Err(_) => members(hello),
        };
        Topology::ReplicaSet { name, members }
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
            self.ask_server(doc! { "ping": 1 }).await.ok()?;
            let duration = begun.elapsed();
            shortest = Some(shortest.map_or(duration, |it: Duration| it.min(duration)));
        }
        shortest
    }

    /// What a server that asks for a login refuses to somebody without one.
    async fn may_list_databases(&self) -> bool {
        let command = doc! { "listDatabases": 1, "nameOnly": true };
        self.ask_server(command).await.is_ok()
    }

    async fn explain(&self, sent: &SentCommand) -> Query {
        let command = explain::command(sent);
        let mut query = Query {
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
        let Some(mut command) = command.filter(|_| !sent.failed) else {
            return query;
        };
        command.insert("maxTimeMS", bson::milliseconds(self.mongo.query_timeout));
        command.insert("comment", self.comment());
        let database = command::beside(&self.database, &sent.database);
        match self.mongo.within(command::run(&database, command)).await {
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

    async fn look_up(&mut self, check: IndexCheck) -> Index {
        let name = self.index(check.collection, check.key).await;
        let documents = if check.present {
            None
        } else {
            self.estimated_count(check.collection).await.ok()
        };
        Index {
            check,
            name: name.ok().flatten(),
            documents,
        }
    }
}

fn members_with_states(status: &Document) -> Vec<Member> {
    let members = status.get_array("members").map_or(&[][..], Vec::as_slice);
    members
        .iter()
        .filter_map(Bson::as_document)
        .map(|member| Member {
            address: bson::text(member.get("name")).unwrap_or_default(),
            state: bson::text(member.get("stateStr")),
        })
        .collect()
}

/// The members as every member tells everybody: only the primary and arbiters are known for what they are.
fn members(hello: &Document) -> Vec<Member> {
    let primary = bson::text(hello.get("primary"));
    let mut members = Vec::new();
    for (key, state) in [
        ("hosts", None),
        ("passives", None),
        ("arbiters", Some("ARBITER")),
    ] {
        let addresses = hello.get_array(key).map_or(&[][..], Vec::as_slice);
        for address in addresses.iter().filter_map(|it| bson::text(Some(it))) {
            let is_primary = primary.as_ref() == Some(&address);
            let state = if is_primary { Some("PRIMARY") } else { state };
            members.push(Member {
                address,
                state: state.map(str::to_owned),
            });
        }
    }
    members
}
