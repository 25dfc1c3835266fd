//! Reading a workspace a single time, for the command line.

use serde_json::Value as Json;
use thiserror::Error;
use tokio::time::Duration;

use crate::cli::Format;
use crate::collectors::LiveMode;
use crate::config::{ChoiceError, Config};
use crate::document::{self, StatisticsSource};
use crate::exposition::{self, ExporterState, MetricsFormat, WorkspaceSnapshot};
use crate::serve::workspace::Running;

/// Why nothing is printed.
#[derive(Debug, Error)]
pub enum OnceError {
    /// It is not clear which workspace is meant.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// Nothing could be read; why stands in the log.
    #[error("the workspace's database cannot be read")]
    Unreadable,
}

/// Everything about a workspace, read once and printed.
///
/// # Errors
/// When the workspace is not known or its database cannot be read.
pub async fn statistics(
    config: Config,
    format: Format,
    name: Option<&str>,
) -> Result<Vec<u8>, OnceError> {
    let clock = config.clock;
    let mut workspace = config.workspaces.choose(name)?;
    // A single reading follows nothing.
    workspace.live = LiveMode::Off;
    let running = Running::start(None, workspace, clock, Duration::ZERO);
    let snapshot = running.scheduler.first(&running.config.collectors).await;
    let config = running.config.clone();
    running.stop().await;
    let snapshot = snapshot.map_err(|_| OnceError::Unreadable)?;
    if snapshot.up() != Some(true) {
        return Err(OnceError::Unreadable);
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
        Format::Openmetrics => {
            let part = WorkspaceSnapshot {
                workspace: None,
                snapshot: snapshot.clone(),
                names: config.names,
            };
            exposition::body(
                &[part],
                MetricsFormat::OpenMetrics,
                false,
                &ExporterState::default(),
            )
            .concat()
        }
        Format::Json => {
            let mut text = document(config.shape);
            text.push(b'\n');
            text
        }
        Format::Table => table(&document(document::DocumentShape::Flat)),
    })
}

/// Each leaf of a document on a line of its own: its path, and its value as JSON.
fn table(document: &[u8]) -> Vec<u8> {
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
