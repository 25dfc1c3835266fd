//! `statistics`: reads a workspace once and prints the result.

use std::sync::Arc;

use serde_json::Value as Json;
use thiserror::Error;

use crate::cli::StatisticsFormat;
use crate::collectors::LiveMode;
use crate::config::{ChoiceError, Config};
use crate::document::{self, StatisticsSource};
use crate::exposition::{self, ExporterState, MetricsFormat, WorkspaceSnapshot};
use crate::scheduler::Pacing;
use crate::serve::workspace::RunningWorkspace;

/// Why nothing is printed.
#[derive(Debug, Error)]
pub enum StatisticsError {
    /// The workspace is ambiguous or unknown.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// Nothing could be read; the reason is logged.
    #[error("the workspace's database cannot be read")]
    Unreadable,
}

/// Reads a workspace once, and renders everything.
///
/// # Errors
/// When the workspace is unknown or its database cannot be read.
pub async fn statistics(
    config: Config,
    format: StatisticsFormat,
    name: Option<&str>,
) -> Result<Vec<u8>, StatisticsError> {
    let clock = config.clock;
    let mut workspace = config.workspaces.choose(name)?;
    // Change streams need more than one reading.
    workspace.live = LiveMode::Off;
    let workspace = Arc::new(workspace);
    let running = RunningWorkspace::start(None, workspace, clock, Pacing::default(), None);
    let snapshot = running.scheduler.first(&running.config.collectors).await;
    let config = Arc::clone(&running.config);
    running.stop().await;
    let snapshot = snapshot.map_err(|_| StatisticsError::Unreadable)?;
    if snapshot.up() != Some(true) {
        return Err(StatisticsError::Unreadable);
    }
    let document = |shape| {
        document::render(
            &snapshot,
            shape,
            StatisticsSource::Refresh,
            &config.timezone,
        )
    };
    Ok(match format {
        StatisticsFormat::Openmetrics => {
            let part = WorkspaceSnapshot {
                workspace: None,
                snapshot: snapshot.clone(),
                names: config.names,
                exposed: config.exposed.clone(),
            };
            exposition::body(
                &[part],
                MetricsFormat::OpenMetrics,
                false,
                &ExporterState::default(),
            )
            .concat()
        }
        StatisticsFormat::Json => {
            let mut text = document(config.shape);
            text.push(b'\n');
            text
        }
        StatisticsFormat::Table => render_table(&document(document::DocumentShape::Flat)),
    })
}

/// One line for each leaf of a document: its path and its value as JSON.
fn render_table(document: &[u8]) -> Vec<u8> {
    let document: Json = serde_json::from_slice(document).unwrap_or_default();
    let mut rows = Vec::new();
    leaves("", &document, &mut rows);
    let width = rows.iter().map(|(path, _)| path.len()).max().unwrap_or(0);
    let lines = rows
        .iter()
        .map(|(path, value)| format!("{path:width$}  {value}\n"));
    lines.collect::<String>().into_bytes()
}

fn leaves(path: &str, value: &Json, rows: &mut Vec<(String, String)>) {
    match value {
        Json::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                leaves(&path, value, rows);
            }
        }
        value => rows.push((path.to_owned(), value.to_string())),
    }
}
