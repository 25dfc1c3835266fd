//! The report of a check as text: aligned columns, faults in capitals, and what to do about them at the end.

use super::diagnostics::ExaminedQuery;
use super::privileges::{LoginState, PrivilegeRow, Privileges};
use super::topology::Topology;
use super::{ConnectionReport, Finding, IndexRow, Report};
use crate::mongodb::QueryPlan;

impl Report {
    pub fn text(&self) -> String {
        let mut text = String::new();
        section(&mut text, "Connection", &self.connection.rows());
        section(&mut text, "Privileges", &self.privileges.rows());
        if !self.indexes.is_empty() {
            let rows: Vec<_> = self.indexes.iter().map(IndexRow::row).collect();
            section(&mut text, "Indexes", &rows);
        }
        section(&mut text, "Collectors", &self.collector_rows());
        findings(&mut text, "Warnings", &self.warnings);
        findings(&mut text, "Problems", &self.problems);
        text.push_str(if self.ok {
            "\nEverything that is enabled works.\n"
        } else {
            "\nNot everything works; see the problems above.\n"
        });
        text
    }

    fn collector_rows(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for collector in &self.collectors {
            let outcome = match &collector.error {
                None => "ok".to_owned(),
                Some(error) => format!("FAILED: {error}"),
            };
            let duration = milliseconds(collector.duration_seconds);
            rows.push(vec![collector.name.to_owned(), duration, outcome]);
            rows.extend(collector.queries.iter().map(query_row));
        }
        rows
    }
}

impl ConnectionReport {
    fn rows(&self) -> Vec<Vec<String>> {
        let tls = if self.target.tls { "with" } else { "without" };
        let mut rows = vec![
            row("address", format!("{}, {tls} TLS", self.target.address)),
            row("read preference", self.target.preference()),
        ];
        if let Some(error) = &self.error {
            rows.push(row("FAILED", error));
            return rows;
        }
        let unknown = || "unknown".to_owned();
        let Some(topology) = &self.topology else {
            return rows;
        };
        let version = self.mongodb_version.clone().unwrap_or_else(unknown);
        rows.push(row("MongoDB", version));
        match topology {
            Topology::Standalone => rows.push(row("topology", "a server alone")),
            Topology::Sharded => rows.push(row("topology", "sharded")),
            Topology::ReplicaSet { name, members } => {
                rows.push(row("topology", format!("replica set {name}")));
                for member in members {
                    let state = member.state.as_deref().unwrap_or("state not permitted");
                    rows.push(row("", format!("{} {state}", member.address)));
                }
            }
        }
        if let Some(seconds) = self.round_trip_seconds {
            rows.push(row("round trip", milliseconds(seconds)));
        }
        rows.push(row("user", self.user.as_deref().unwrap_or("none")));
        if let Some(database) = &self.database {
            rows.push(row("database", database));
        }
        let version = self.rocketchat_version.clone().unwrap_or_else(unknown);
        let migration = self
            .migration
            .map_or_else(unknown, |migration| migration.to_string());
        rows.push(row(
            "Rocket.Chat",
            format!("{version}, migration {migration}"),
        ));
        rows
    }
}

impl Privileges {
    fn rows(&self) -> Vec<Vec<String>> {
        let missing: Vec<_> = self.missing().collect();
        let summary = match self.access {
            LoginState::Unknown => "unknown".to_owned(),
            LoginState::Open => "the server has no access control".to_owned(),
            LoginState::LoggedOut => "MISSING: no user is logged in".to_owned(),
            LoginState::LoggedIn => format!(
                "{} of {} that are needed",
                self.needed.len() - missing.len(),
                self.needed.len()
            ),
        };
        let mut rows = vec![vec![summary]];
        if self.access == LoginState::LoggedIn {
            rows.extend(missing.into_iter().map(PrivilegeRow::row));
        }
        if let Some(statement) = &self.statement {
            rows.push(vec![statement.clone()]);
        }
        if let Some(source) = self.live_mode {
            rows.push(vec![format!("live mode follows {source}")]);
        }
        rows
    }
}

impl PrivilegeRow {
    fn row(&self) -> Vec<String> {
        let word = if self.vital { "MISSING" } else { "missing" };
        vec![format!("{word}: {}", self.name())]
    }
}

impl IndexRow {
    fn row(&self) -> Vec<String> {
        let documents = self
            .documents
            .map_or_else(String::new, |number| format!("{number} documents, "));
        let state = match &self.name {
            Some(name) => format!("present: {name}"),
            None if self.scanned_instead => format!(
                "missing: {documents}small enough to be scanned; {}",
                self.statement
            ),
            None => format!("MISSING: {documents}not scanned; {}", self.statement),
        };
        vec![format!("{}.{}", self.collection, self.key), state]
    }
}

fn query_row(query: &ExaminedQuery) -> Vec<String> {
    let subject = match &query.collection {
        Some(collection) => format!("  {} {collection}", query.command),
        None => format!("  {}", query.command),
    };
    let duration = query
        .duration
        .map_or_else(String::new, |duration| milliseconds(duration.as_secs_f64()));
    let how = match query {
        ExaminedQuery { failed: true, .. } => "FAILED".to_owned(),
        ExaminedQuery { metadata: true, .. } => "metadata".to_owned(),
        ExaminedQuery {
            plan: Some(plan), ..
        } => plan_text(plan),
        query => format!(
            "not explained: {}",
            query.unexplained.as_deref().unwrap_or_default()
        ),
    };
    vec![subject, duration, how]
}

fn plan_text(plan: &QueryPlan) -> String {
    let mark = if plan.scans_large_collection {
        "; SCANS A LARGE COLLECTION"
    } else {
        ""
    };
    format!(
        "{}; examined {} keys, {} documents; returned {}{mark}",
        plan.stages.join(" > "),
        plan.keys_examined,
        plan.documents_examined,
        plan.documents_returned
    )
}

fn row(name: &str, value: impl Into<String>) -> Vec<String> {
    vec![name.to_owned(), value.into()]
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1000.0)
}

/// Appends a title and rows with aligned columns; the last column of a row has no fixed width.
fn section(text: &mut String, title: &str, rows: &[Vec<String>]) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(title);
    text.push('\n');
    let mut widths = Vec::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate().take(row.len() - 1) {
            let width = cell.chars().count();
            match widths.get_mut(column) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    for row in rows {
        let cells = row.iter().zip(widths.iter().copied().chain([0]));
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str("  ");
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
}

fn findings(text: &mut String, title: &str, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    let lines = findings
        .iter()
        .zip(1..)
        .map(|(finding, number)| format!("  {number}. {}: {}\n", finding.what, finding.remedy));
    text.push('\n');
    text.push_str(title);
    text.push('\n');
    text.extend(lines);
}
