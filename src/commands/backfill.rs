//! `backfill`: writes the stored statistics documents as OpenMetrics with timestamps, for a new Prometheus.
//!
//! Documents come in the order of their dates, but OpenMetrics wants one series after the other. So all samples are held
//! in memory, 16 bytes each, and the file is written when all documents are read.

pub mod documents;
pub mod output_file;
mod progress;
mod report;
pub mod rule;
pub mod rules;
pub mod sample_store;
pub mod series_text;
pub mod write;

use std::collections::BTreeSet;
use std::io::{self, BufWriter};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;

use documents::{DocumentRange, parse_date};
use output_file::{OutputFile, OutputFileError};
use progress::{Progress, day};
use report::{describe_unreadable_versions, final_report, format_bytes, size_limit};
use rule::Extracted;
use rules::rules_for;
use sample_store::{CollectedDocuments, DocumentContent, MAX_SAMPLES};
use series_text::TargetLabels;
use write::{FillOptions, WrittenCounts, write_samples};

use crate::catalogue::{Timestamp, Value, Version};
use crate::cli::BackfillOptions;
use crate::collectors::SECTIONS;
use crate::config::{ChoiceError, Config, WorkspaceConfigs};
use crate::mongodb::{Mongo, SourceError};
use crate::signals::Signals;

/// Documents of one query.
const PAGE_SIZE: u32 = 500;

/// Characters of an unreadable version that are reported.
const MAX_REPORTED_VERSION: usize = 40;

/// Bytes that are written at once.
const BUFFER_SIZE: usize = 256 * 1024;

/// Why there is no file.
#[derive(Debug, Error)]
pub enum BackfillError {
    /// The workspace is ambiguous or unknown.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// The output file cannot be created.
    #[error(transparent)]
    Output(#[from] OutputFileError),
    /// A label that every scraped series has is missing.
    #[error(
        "--label {name}=... is missing: Prometheus adds it to every target; its page of targets shows the value"
    )]
    MissingLabel {
        /// The label.
        name: &'static str,
    },
    /// A label cannot be added to every series.
    #[error("--label {name}=...: {reason}")]
    Label {
        /// The label.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// There is no document.
    #[error(
        "there are no stored statistics documents from {from} to {until}{}",
        undated_suffix(*undated)
    )]
    NoDocuments {
        /// The beginning.
        from: String,
        /// The end.
        until: String,
        /// Documents whose `createdAt` is not a date.
        undated: u64,
    },
    /// No document has a readable version.
    #[error(
        "none of the {read} stored statistics documents from {from} to {until} has a readable version{found}; without one the meaning of their numbers is unknown, so nothing is written"
    )]
    NoVersion {
        /// Documents that were read.
        read: u64,
        /// The beginning.
        from: String,
        /// The end.
        until: String,
        /// What the documents have instead.
        found: String,
    },
    /// The samples take too much memory.
    #[error(
        "the documents from {from} to {reached} alone have more than {MAX_SAMPLES} samples; write them in several files with --from and --until, or thin them with --step"
    )]
    TooManySamples {
        /// The beginning.
        from: String,
        /// The date of the last document that was read.
        reached: String,
    },
    /// The database could not be read.
    #[error("{0}; no file was written")]
    Source(#[from] SourceError),
    /// The file cannot be written.
    #[error("cannot write `{path}`: {reason}")]
    Unwritable {
        /// The file.
        path: String,
        /// The error of the system.
        reason: io::Error,
    },
    /// A signal stopped the program.
    #[error("interrupted; no file was written")]
    Interrupted,
}

/// Writes the file, and returns a report with the next steps.
///
/// # Errors
/// When an option is invalid, the database cannot be read, the file cannot be written, or a signal arrives. Then no file
/// is left behind.
pub async fn backfill(
    config: Config,
    options: &BackfillOptions,
    signals: Signals,
) -> Result<String, BackfillError> {
    let is_one_of_several = matches!(config.workspaces, WorkspaceConfigs::Named { .. });
    let clock = config.clock;
    let workspace_name = options.workspace.as_deref();
    let workspace = config.workspaces.choose(workspace_name)?;
    let target = TargetLabels {
        workspace: workspace_name.filter(|_| is_one_of_several).map(Arc::from),
        labels: target_labels(options, is_one_of_several)?,
    };
    let output = OutputFile::create(&options.output)?;
    let mongo = Mongo::new(workspace.mongo, clock, workspace.timezone, None);
    let run = BackfillRun {
        options,
        target,
        from: options.from.unwrap_or(Timestamp(0)),
        until: options.until.unwrap_or(clock.now()),
        mongo: &mongo,
        shutdown: Box::pin(signals.split().0),
    };
    let result = run.run(output).await;
    mongo.close().await;
    result
}

fn undated_suffix(documents: u64) -> String {
    match documents {
        0 => String::new(),
        documents => format!("; the createdAt of {documents} is not a date"),
    }
}

/// Checks the values of `--label`.
fn target_labels(
    options: &BackfillOptions,
    is_one_of_several: bool,
) -> Result<Vec<(String, String)>, BackfillError> {
    let mut names = BTreeSet::new();
    let metric_labels: BTreeSet<&str> = SECTIONS
        .iter()
        .flat_map(|section| section.metrics())
        .flat_map(|metric| metric.labels)
        .copied()
        .chain(is_one_of_several.then_some("workspace"))
        .collect();
    for (name, _) in &options.labels {
        let reason = if !names.insert(name.as_str()) {
            "it is given twice"
        } else if metric_labels.contains(name.as_str()) {
            "metrics have a label of this name"
        } else {
            continue;
        };
        return Err(BackfillError::Label {
            name: name.clone(),
            reason,
        });
    }
    for name in ["job", "instance"] {
        if !names.contains(name) {
            return Err(BackfillError::MissingLabel { name });
        }
    }
    Ok(options.labels.clone())
}

/// One run of the command.
struct BackfillRun<'a, Shutdown> {
    options: &'a BackfillOptions,
    target: TargetLabels,
    from: Timestamp,
    until: Timestamp,
    mongo: &'a Mongo,
    /// Completes when a signal arrives.
    shutdown: Shutdown,
}

impl<Shutdown: Future<Output = ()> + Unpin> BackfillRun<'_, Shutdown> {
    async fn run(mut self, output: OutputFile) -> Result<String, BackfillError> {
        let range = tokio::select! {
            range = self.mongo.stored_document_range(self.from, self.until) => range?,
            () = &mut self.shutdown => return Err(BackfillError::Interrupted),
        };
        let limit = size_limit(range, self.until, self.options, &self.target);
        tracing::info!(
            documents = range.documents,
            samples_at_most = limit.samples,
            file_at_most = format_bytes(limit.bytes),
            memory_at_most = format_bytes(limit.memory),
            "reading stored statistics"
        );
        let collected = self.read(range).await?;
        if collected.kept == 0 {
            return Err(self.nothing_to_write(&collected, range));
        }
        self.write(collected, range, output).await
    }

    /// Reads all documents.
    async fn read(&mut self, range: DocumentRange) -> Result<CollectedDocuments, BackfillError> {
        let mut progress = Progress::new();
        let result = self.read_pages(range, &mut progress).await;
        progress.finish();
        result
    }

    async fn read_pages(
        &mut self,
        range: DocumentRange,
        progress: &mut Progress,
    ) -> Result<CollectedDocuments, BackfillError> {
        let mut collected = CollectedDocuments::new(self.options.step);
        let mut next = self.from;
        let mut limit = PAGE_SIZE;
        loop {
            let remaining = (next, self.until);
            let page = tokio::select! {
                page = self.mongo.stored_document_page(remaining, limit, extract) => page?,
                () = &mut self.shutdown => return Err(BackfillError::Interrupted),
            };
            limit = page.limit;
            for (at, content) in page.documents {
                next = Timestamp(at.0.saturating_add(1));
                collected.add(at, content);
            }
            if collected.samples.len() > MAX_SAMPLES {
                return Err(BackfillError::TooManySamples {
                    from: day(self.from),
                    reached: day(next),
                });
            }
            if page.is_last {
                return Ok(collected);
            }
            progress.report(collected.read, range.documents, next);
        }
    }

    fn nothing_to_write(
        &self,
        collected: &CollectedDocuments,
        range: DocumentRange,
    ) -> BackfillError {
        let (from, until) = (day(self.from), day(self.until));
        match collected.read {
            0 => BackfillError::NoDocuments {
                from,
                until,
                undated: range.undated,
            },
            read => BackfillError::NoVersion {
                read,
                from,
                until,
                found: describe_unreadable_versions(collected)
                    .map_or_else(String::new, |found| format!(" ({found})")),
            },
        }
    }

    /// Writes the file on a blocking thread.
    async fn write(
        mut self,
        collected: CollectedDocuments,
        range: DocumentRange,
        output: OutputFile,
    ) -> Result<String, BackfillError> {
        tracing::info!(series = collected.samples.series_count(), "writing");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let target = self.target;
        let fill = FillOptions {
            interval: self.options.fill,
            until: self.until,
        };
        let mut writing = tokio::task::spawn_blocking(move || {
            let written = write_file(&collected, &target, fill, output, &stopped);
            (collected, written)
        });
        let result = tokio::select! {
            result = &mut writing => result,
            () = &mut self.shutdown => {
                stop.store(true, Ordering::Relaxed);
                writing.await
            }
        };
        let unwritable = |reason| BackfillError::Unwritable {
            path: self.options.output.display().to_string(),
            reason,
        };
        let (collected, written) = result.map_err(|error| unwritable(error.into()))?;
        let (counts, bytes) = written
            .map_err(unwritable)?
            .ok_or(BackfillError::Interrupted)?;
        Ok(final_report(&collected, range, counts, bytes, self.options))
    }
}

/// Writes the file and gives it its name. Returns what was written and the length in bytes; `None` if `stop` was set.
fn write_file(
    collected: &CollectedDocuments,
    target: &TargetLabels,
    fill: FillOptions,
    output: OutputFile,
    stop: &AtomicBool,
) -> io::Result<Option<(WrittenCounts, u64)>> {
    let mut writer = BufWriter::with_capacity(BUFFER_SIZE, output.file());
    let Some(written) = write_samples(&collected.samples, target, fill, &mut writer, stop)? else {
        return Ok(None);
    };
    writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    Ok(Some((written, output.commit()?)))
}

fn extract(document: &Value) -> DocumentContent {
    let found = match document.get("version") {
        None | Some(Value::Null | Value::Undefined) => {
            return DocumentContent::WithoutVersion(None);
        }
        Some(Value::Text(text)) => text,
        Some(_) => return DocumentContent::WithoutVersion(Some("not a string".to_owned())),
    };
    let Ok(version) = found.parse::<Version>() else {
        let beginning: String = found.chars().take(MAX_REPORTED_VERSION).collect();
        let found = format!("`{}`", beginning.escape_debug());
        return DocumentContent::WithoutVersion(Some(found));
    };
    let values = rules_for(version).map(|(rule, row)| (rule, row.extract(document, parse_date)));
    DocumentContent::Values(
        values
            .filter(|(_, value)| *value != Extracted::Nothing)
            .collect(),
    )
}
