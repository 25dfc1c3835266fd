//! Looking at a workspace once, in the daemon's way, and telling what works, what does not, and what to do about it.

mod findings;
pub mod inspect;
mod report;

use serde::Serialize;

use findings::{advice, reason};
use inspect::{Connected, Index, Query, Target, Topology};

use crate::catalogue::{FailureKind, Privilege};
use crate::cli::CheckFormat;
use crate::collectors::required_privileges::{PrivilegeUse, required_privileges};
use crate::collectors::{Collector, DatabaseSource, LiveMode, Snapshot, Sources};
use crate::config::{ChoiceError, Config, WorkspaceConfig};
use crate::mongodb::SourceError;

/// Everything that was found out.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    connection: Connection,
    privileges: Privileges,
    indexes: Vec<IndexRow>,
    collectors: Vec<CollectorRow>,
    problems: Vec<Finding>,
    warnings: Vec<Finding>,
    #[serde(skip)]
    is_rocket_chat: Option<bool>,
}

/// The server, and what the workspace tells about itself.
#[derive(Debug, Default, Serialize)]
struct Connection {
    #[serde(flatten)]
    target: Target,
    error: Option<String>,
    mongodb_version: Option<String>,
    topology: Option<Topology>,
    round_trip_seconds: Option<f64>,
    user: Option<String>,
    database: Option<String>,
    rocketchat_version: Option<String>,
    migration: Option<u64>,
}

/// What the user may do of what the collectors need.
#[derive(Debug, Default, Serialize)]
struct Privileges {
    access: Access,
    needed: Vec<PrivilegeRow>,
    /// What allows everything that is missing.
    statement: Option<String>,
}

/// Whether privileges matter.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Access {
    /// Nothing could be asked.
    #[default]
    Unknown,
    /// The server lets everybody do everything.
    Open,
    /// Somebody is logged in.
    LoggedIn,
    /// Nobody is logged in, but somebody should be.
    LoggedOut,
}

/// A privilege that something needs.
#[derive(Debug, Serialize)]
struct PrivilegeRow {
    collection: Option<String>,
    action: &'static str,
    needed_by: Vec<&'static str>,
    /// Whether a collector fails without it.
    vital: bool,
    granted: bool,
    #[serde(skip)]
    privilege: Privilege,
}

/// An index that queries rely on.
#[derive(Debug, Serialize)]
struct IndexRow {
    collection: &'static str,
    key: &'static str,
    name: Option<String>,
    present: bool,
    needed_by: Vec<&'static str>,
    documents: Option<u64>,
    /// Where it is missing: whether its queries scan the collection, because that is small, or are not sent.
    scanned_instead: bool,
    statement: String,
}

/// A collector, and what it asked.
#[derive(Debug, Serialize)]
struct CollectorRow {
    name: &'static str,
    ok: bool,
    error: Option<String>,
    duration_seconds: f64,
    queries: Vec<Query>,
}

/// Something that is not as it should be.
#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    remedy: String,
}

/// Looks at a workspace. Answers the report, and whether everything that is switched on works.
///
/// # Errors
/// When it is not clear which workspace is meant.
pub async fn check(
    config: Config,
    format: CheckFormat,
    name: Option<&str>,
) -> Result<(Vec<u8>, bool), ChoiceError> {
    let clock = config.clock;
    let workspace = config.workspaces.choose(name)?;
    let database = DatabaseSource::watched(&workspace, clock);
    let report = Report::make(&workspace, &database).await;
    database.mongo.close().await;
    let text = match format {
        CheckFormat::Text => report.text(),
        CheckFormat::Json => report.json(),
    };
    Ok((text.into_bytes(), report.ok))
}

impl Report {
    async fn make(workspace: &WorkspaceConfig, database: &DatabaseSource) -> Self {
        let mut report = Self {
            ok: false,
            connection: Connection {
                target: workspace.mongo.target(),
                ..Connection::default()
            },
            privileges: Privileges::default(),
            indexes: Vec::new(),
            collectors: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            is_rocket_chat: None,
        };
        let asks_database = workspace.collectors.iter().any(|it| it.asks_database());
        let connected = if asks_database {
            Some(database.connected().await)
        } else {
            None
        };
        match &connected {
            Some(Ok(connected)) => report.note_connection(workspace, connected),
            Some(Err(error)) => report.note_failure(error),
            None => {}
        }
        let known = report
            .read(workspace, database, matches!(connected, Some(Ok(_))))
            .await;
        report.connection.rocketchat_version = known.version().map(|it| it.to_string());
        report.connection.migration = known
            .workspace
            .as_ref()
            .and_then(|it| it.migration.as_ref()?.version);
        report.judge();
        for row in report.indexes.iter().filter(|it| !it.present) {
            report.warnings.push(row.warning());
        }
        report.ok = report.problems.is_empty();
        report
    }

    fn note_failure(&mut self, error: &SourceError) {
        self.connection.error = Some(error.to_string());
        self.problems.push(Finding {
            what: format!("the database cannot be used: {error}"),
            remedy: advice(error.kind, None),
        });
    }

    fn note_connection(&mut self, workspace: &WorkspaceConfig, connected: &Connected) {
        let connection = &mut self.connection;
        connection.mongodb_version.clone_from(&connected.version);
        connection.topology = Some(connected.topology.clone());
        connection.round_trip_seconds = connected.round_trip.map(|it| it.as_secs_f64());
        connection.database = Some(connected.database.clone());
        let user = connected.login.user.as_ref();
        connection.user = user.map(|user| format!("{}@{}", user.name, user.database));
        self.privileges = Privileges::of(workspace, connected);
        self.is_rocket_chat = connected.is_rocket_chat;
    }

    /// Reads everything that is switched on, and answers what was read.
    async fn read(
        &mut self,
        workspace: &WorkspaceConfig,
        database: &DatabaseSource,
        mut is_connected: bool,
    ) -> Snapshot {
        let mut known = Snapshot {
            configured_version: workspace.version,
            ..Snapshot::default()
        };
        let enabled = Collector::ALL
            .into_iter()
            .filter(|it| workspace.collectors.contains(it));
        for collector in enabled {
            let mut row = CollectorRow {
                name: collector.name(),
                ok: true,
                error: None,
                duration_seconds: 0.0,
                queries: Vec::new(),
            };
            let result = if collector == Collector::Host {
                let begun = std::time::Instant::now();
                let read = Sources::new(None).read(collector, &known).await;
                row.duration_seconds = begun.elapsed().as_secs_f64();
                read.map(|read| read.reading)
            } else if is_connected {
                let examined = database.examine(collector, &known).await;
                row.duration_seconds = examined.duration.as_secs_f64();
                row.queries = examined.queries;
                for index in examined.indexes {
                    self.note_index(collector, index);
                }
                examined.result
            } else {
                row.ok = false;
                row.error = Some("not read, because the database cannot be used".to_owned());
                self.collectors.push(row);
                continue;
            };
            match result {
                Ok(reading) => known.put(reading),
                Err(error) => {
                    row.ok = false;
                    // Waiting for a database that is down once is enough.
                    is_connected &= !error.kind.is_database_down();
                    let reason = reason(&error, &row.queries);
                    let is_told_as_missing = match error.kind {
                        FailureKind::Unauthorized => self.privileges.lacks(row.name),
                        FailureKind::Unauthenticated => self.privileges.access == Access::LoggedOut,
                        _ => false,
                    };
                    if !is_told_as_missing {
                        self.problems.push(Finding {
                            what: format!("the collector {} failed: {reason}", row.name),
                            remedy: advice(error.kind, self.privileges.statement.as_deref()),
                        });
                    }
                    row.error = Some(reason);
                }
            }
            self.collectors.push(row);
        }
        known
    }

    fn note_index(&mut self, collector: Collector, index: Index) {
        let check = index.check;
        let known = self
            .indexes
            .iter_mut()
            .find(|row| row.collection == check.collection && row.key == check.key);
        if let Some(row) = known {
            row.needed_by.push(collector.name());
            return;
        }
        self.indexes.push(IndexRow {
            collection: check.collection,
            key: check.key,
            present: check.present,
            needed_by: vec![collector.name()],
            scanned_instead: !check.present && index.is_scanned_instead(),
            documents: index.documents,
            statement: format!(
                "db.getSiblingDB({}).getCollection(\"{}\").createIndex({{\"{}\": 1}})",
                serde_json::Value::from(self.connection.database.as_deref().unwrap_or_default()),
                check.collection,
                check.key
            ),
            name: index.name,
        });
    }

    fn json(&self) -> String {
        // A structure of texts and numbers can always be written.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

impl Privileges {
    fn of(workspace: &WorkspaceConfig, connected: &Connected) -> Self {
        let access = match (&connected.login.user, connected.is_open) {
            (Some(_), _) => Access::LoggedIn,
            (None, true) => Access::Open,
            (None, false) => Access::LoggedOut,
        };
        let is_granted = |privilege: &Privilege| {
            access == Access::Open
                || connected.login.allows(
                    privilege.database.unwrap_or(&connected.database),
                    privilege.collection,
                    privilege.action,
                )
        };
        let is_enabled = |collector| workspace.collectors.contains(&collector);
        let is_licensed = |module: &str| connected.grants.grants(module);
        // Elsewhere there are no changes to be told.
        let is_live = workspace.live != LiveMode::Off
            && matches!(connected.topology, Topology::ReplicaSet { .. });
        let needed: Vec<PrivilegeRow> = required_privileges()
            .into_iter()
            .filter_map(|required| {
                let privilege = required.privilege;
                let uses = required.used_by(is_enabled, is_licensed, is_live);
                (!uses.is_empty()).then(|| PrivilegeRow {
                    collection: required.resource(),
                    action: privilege.action,
                    vital: uses.iter().any(|used_by| used_by.is_vital()),
                    needed_by: uses.into_iter().map(PrivilegeUse::name).collect(),
                    granted: is_granted(&privilege),
                    privilege,
                })
            })
            .collect();
        let missing: Vec<&Privilege> = needed
            .iter()
            .filter(|row| !row.granted)
            .map(|row| &row.privilege)
            .collect();
        Self {
            access,
            statement: (!missing.is_empty()).then(|| {
                connected
                    .login
                    .grant_statement(&connected.database, &missing)
            }),
            needed,
        }
    }

    fn missing(&self) -> impl Iterator<Item = &PrivilegeRow> {
        self.needed.iter().filter(|row| !row.granted)
    }

    /// Whether a privilege that a collector needs is known to be missing, which is a problem of its own.
    fn lacks(&self, collector: &str) -> bool {
        self.missing()
            .any(|row| row.vital && row.needed_by.contains(&collector))
    }
}

impl PrivilegeRow {
    /// Action, resource and who needs it, in words.
    fn name(&self) -> String {
        format!(
            "{} on {} ({})",
            self.action,
            self.collection.as_deref().unwrap_or("the server"),
            self.needed_by.join(", ")
        )
    }
}
