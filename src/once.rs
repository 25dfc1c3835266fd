//! Reading a workspace a single time, for the command line.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use thiserror::Error;
use tokio::time::Duration;

use crate::cli::Format;
use crate::config::{Config, WorkspaceConfig, Workspaces};
use crate::render::document::{self, Asked};
use crate::render::{Exposition, Format as Text, Part};
use crate::run::Running;
use crate::statistics::Own;

/// Why nothing is printed.
#[derive(Debug, Error)]
pub enum OnceError {
    /// There are several workspaces, and it was not said which is meant.
    #[error("the configuration file has several workspaces; choose one with --workspace: {names}")]
    Several {
        /// Their names.
        names: String,
    },
    /// There is no such workspace.
    #[error("--workspace: the configuration has no workspace `{name}`; it has {names}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        names: String,
    },
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
    let workspace = choose(config.workspaces, name)?;
    let running = Running::start(None, workspace, clock, Duration::ZERO);
    let snapshot = running.sampler.first(&running.config.collectors).await;
    let config = running.config.clone();
    running.stop().await;
    let snapshot = snapshot.map_err(|_| OnceError::Unreadable)?;
    if snapshot.up != Some(true) {
        return Err(OnceError::Unreadable);
    }
    let document = |shape| document::render(&snapshot, shape, Asked::ForRefresh, &config.timezone);
    Ok(match format {
        Format::Openmetrics => {
            let part = Part {
                workspace: None,
                snapshot: snapshot.clone(),
                names: config.names,
            };
            Exposition::of(&[part]).body(Text::OpenMetrics, false, &Own::default())
        }
        Format::Json => {
            let mut text = document(config.shape);
            text.push(b'\n');
            text
        }
        Format::Table => table(&document(document::Shape::Flat)),
    })
}

fn choose(workspaces: Workspaces, name: Option<&str>) -> Result<WorkspaceConfig, OnceError> {
    let mut all = match (workspaces, name) {
        (Workspaces::One(workspace), None) => return Ok(*workspace),
        (Workspaces::One(_), Some(_)) => BTreeMap::new(),
        (Workspaces::Named { workspaces, .. }, _) => workspaces,
    };
    let names = all.keys().cloned().collect::<Vec<_>>().join(", ");
    match name {
        None => Err(OnceError::Several { names }),
        Some(name) => all.remove(name).ok_or_else(|| OnceError::Unknown {
            name: name.to_owned(),
            names,
        }),
    }
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
