//! The sub-command `check`: reads a workspace once, as the daemon would, and reports what works, what fails and why.

mod diagnostics;
mod findings;
mod privileges;
mod report;
mod target;
mod topology;

use serde::Serialize;

use diagnostics::{Connected, ExaminedIndex, ExaminedQuery};
use findings::{advice, newer_version, reason};
use privileges::{LoginState, Privileges};
use target::ConnectionTarget;
use topology::Topology;

use crate::catalogue::{FailureKind, TokenStatus};
use crate::cli::CheckFormat;
use crate::collectors::probe::Probe;
use crate::collectors::{Collector, DatabaseSource, Snapshot, Sources};
use crate::config::{ChoiceError, Config, WorkspaceConfig};
use crate::mongodb::SourceError;

/// What `check` prints, as text or as JSON.
#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    connection: ConnectionReport,
    privileges: Privileges,
    indexes: Vec<IndexRow>,
    collectors: Vec<CollectorRow>,
    problems: Vec<Finding>,
    warnings: Vec<Finding>,
    #[serde(skip)]
    is_rocket_chat: Option<bool>,
}

/// The server, the login and the workspace.
#[derive(Debug, Default, Serialize)]
struct ConnectionReport {
    #[serde(flatten)]
    target: ConnectionTarget,
    error: Option<String>,
    mongodb_version: Option<String>,
    topology: Option<Topology>,
    round_trip_seconds: Option<f64>,
    user: Option<String>,
    database: Option<String>,
    rocketchat_version: Option<String>,
    migration: Option<u64>,
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
    /// Of a missing index: whether its queries scan the collection, because it is small, or are not sent.
    scanned_instead: bool,
    statement: String,
}

/// A collector, and the queries that it sent.
#[derive(Debug, Serialize)]
struct CollectorRow {
    name: &'static str,
    ok: bool,
    error: Option<String>,
    duration_seconds: f64,
    queries: Vec<ExaminedQuery>,
}

/// A problem or warning, and what to do about it.
#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    remedy: String,
}

/// Checks a workspace. Returns the report, and whether everything that is enabled works.
///
/// # Errors
/// When several workspaces are configured and none is named, or the named one is not configured.
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
            connection: ConnectionReport {
                target: workspace.mongo.target(),
                ..ConnectionReport::default()
            },
            privileges: Privileges::default(),
            indexes: Vec::new(),
            collectors: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            is_rocket_chat: None,
        };
        let reads_database = workspace
            .collectors
            .iter()
            .any(|collector| collector.reads_database());
        let connected = if reads_database {
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
        report.connection.rocketchat_version = known.version().map(|version| version.to_string());
        report
            .warnings
            .extend(known.running_version().as_ref().and_then(newer_version));
        report.connection.migration = known
            .workspace
            .as_ref()
            .and_then(|workspace| workspace.migration.as_ref()?.version);
        report.judge();
        for row in report.indexes.iter().filter(|row| !row.present) {
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
        connection.round_trip_seconds = connected.round_trip.map(|time| time.as_secs_f64());
        connection.database = Some(connected.database.clone());
        let user = connected.login.user.as_ref();
        connection.user = user.map(|user| format!("{}@{}", user.name, user.database));
        self.privileges = Privileges::of(workspace, connected);
        self.is_rocket_chat = connected.is_rocket_chat;
    }

    /// Reads every enabled collector, and returns the snapshot.
    async fn read(
        &mut self,
        workspace: &WorkspaceConfig,
        database: &DatabaseSource,
        mut is_connected: bool,
    ) -> Snapshot {
        let mut known = Snapshot {
            configured_version: workspace.version.clone(),
            ..Snapshot::default()
        };
        let enabled = Collector::ALL
            .into_iter()
            .filter(|collector| workspace.collectors.contains(collector));
        for collector in enabled {
            let mut row = CollectorRow {
                name: collector.name(),
                ok: true,
                error: None,
                duration_seconds: 0.0,
                queries: Vec::new(),
            };
            let result = if !collector.reads_database() {
                let begun = std::time::Instant::now();
                let sources = Sources::new(None, workspace.probe.clone());
                let read = sources.read(collector, &known).await;
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
                Ok(reading) => {
                    known.put(reading);
                    if collector == Collector::Probe {
                        known.note_reported_version();
                        self.note_probe(&mut row, known.probe.as_deref());
                    }
                }
                Err(error) => {
                    row.ok = false;
                    // Once the database is down, the other collectors would only wait for the same timeout.
                    is_connected &= !error.kind.is_database_down();
                    let reason = reason(&error, &row.queries);
                    let is_reported_as_missing = match error.kind {
                        FailureKind::Unauthorized => self.privileges.lacks(row.name),
                        FailureKind::Unauthenticated => {
                            self.privileges.access == LoginState::LoggedOut
                        }
                        _ => false,
                    };
                    if !is_reported_as_missing {
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

    /// Notes which checks of the probe failed, and what is wrong with its token.
    fn note_probe(&mut self, row: &mut CollectorRow, probe: Option<&Probe>) {
        let Some(probe) = probe else { return };
        for (name, check) in probe.checks() {
            if let Some(failure) = &check.failure {
                row.ok = false;
                row.error = Some(failure.message.to_string());
                self.problems.push(Finding {
                    what: format!("the check {name} of Rocket.Chat failed: {}", failure.message),
                    remedy: "check --rocketchat.url, and what stands between this machine and Rocket.Chat; docs/probe.md explains each reason".to_owned(),
                });
            }
        }
        let (what, remedy) = match &probe.token {
            Some(TokenStatus::Refused) => (
                "Rocket.Chat does not show its build to the user of --rocketchat.token-file"
                    .to_owned(),
                "check the token, and that the user has the permission view-statistics",
            ),
            Some(TokenStatus::Unreadable(reason)) => (
                reason.to_string(),
                "write the user ID and the personal access token into the file",
            ),
            Some(TokenStatus::Accepted | TokenStatus::Untried) | None => return,
        };
        let remedy = remedy.to_owned();
        self.warnings.push(Finding { what, remedy });
    }

    fn note_index(&mut self, collector: Collector, index: ExaminedIndex) {
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
        // Strings and numbers always serialize.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}
