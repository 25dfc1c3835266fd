//! The past for a new Prometheus: what Rocket.Chat stored about itself, as OpenMetrics with timestamps.
//!
//! Documents come in the order of their dates, OpenMetrics wants series after series. So the documents are read once,
//! each series into a file of its own, and the files are put together at the end.

pub mod assemble;
mod files;
pub mod journal;
pub mod pages;
mod progress;
mod report;
pub mod rule;
pub mod samples;
pub mod series;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use assemble::join;
use journal::{FOUND, Parts, PartsError, Settings};
use pages::{Stretch, date_of};
use progress::Progress;
use rule::Extracted;
use samples::Target;
use series::rules_for;

use crate::catalogue::{Timestamp, Value, Version};
use crate::cli::BackfillOptions;
use crate::collectors::SECTIONS;
use crate::config::{ChoiceError, Config, Workspaces};
use crate::mongodb::{Mongo, SourceError};
use crate::signals::Signals;

/// Documents of one question.
const PAGE: u32 = 500;

/// Characters that are told of what stands in the place of a version.
const LONGEST_FOUND: usize = 40;

/// How much work an interruption may cost.
const SAVED_EVERY: Duration = Duration::from_secs(10);

/// Why there is no file.
#[derive(Debug, Error)]
pub enum BackfillError {
    /// It is not clear which workspace is meant.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// The file is there already.
    #[error("`{}` exists, and is complete; remove it, or choose another --output", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The path names no file.
    #[error("--output: `{}` is not the name of a file", path.display())]
    NoFile {
        /// What was given.
        path: PathBuf,
    },
    /// A label that every series has once scraped is not given.
    #[error(
        "--label {name}=... is missing: Prometheus gives it to everything that it scrapes; its page of targets shows the value"
    )]
    MissingLabel {
        /// The label.
        name: &'static str,
    },
    /// A label cannot be put on every series.
    #[error("--label {name}=...: {reason}")]
    Label {
        /// The label.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// There is nothing to be written.
    #[error(
        "there are no stored statistics documents from {from} to {until}{}",
        but_undated(*undated)
    )]
    Nothing {
        /// The beginning.
        from: String,
        /// The end.
        until: String,
        /// Documents whose `createdAt` is no date.
        undated: u64,
    },
    /// No document says how its numbers are meant.
    #[error(
        "none of the {read} stored statistics documents from {from} to {until} has a version that can be read{found}; without one it is not known how their numbers are meant, so nothing is written"
    )]
    NoVersion {
        /// Documents that were read.
        read: u64,
        /// The beginning.
        from: String,
        /// The end.
        until: String,
        /// What stands in its place, in words.
        found: String,
    },
    /// The database could not be read.
    #[error("{0}; run the same command again to go on")]
    Source(#[from] SourceError),
    /// What was read cannot be kept.
    #[error(transparent)]
    Parts(#[from] PartsError),
    /// The file cannot be written.
    #[error("cannot write `{}`: {reason}; run the same command again to go on", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// A signal came.
    #[error("interrupted; run the same command again to go on")]
    Interrupted,
}

/// Writes the file, and answers what to do with it.
///
/// # Errors
/// When a setting is of no use, the database cannot be read, a file cannot be written, or a signal came; in the last
/// three cases the next run goes on where this one was.
pub async fn backfill(
    config: Config,
    options: &BackfillOptions,
    signals: Signals,
) -> Result<String, BackfillError> {
    let is_one_of_several = matches!(config.workspaces, Workspaces::Named { .. });
    let now = config.clock.now();
    let clock = config.clock;
    let workspace = config.workspaces.choose(options.workspace.as_deref())?;
    let name = options.workspace.as_deref();
    let target = Target {
        workspace: name.filter(|_| is_one_of_several).map(Arc::from),
        labels: labels(options, is_one_of_several)?,
    };
    let output = &options.output;
    // A link that leads nowhere is something, too.
    if output.symlink_metadata().is_ok() {
        return Err(BackfillError::Exists {
            path: output.clone(),
        });
    }
    let settings = Settings {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        server: workspace.mongo.uri.secret().to_string(),
        database: workspace.mongo.database.clone(),
        workspace: options.workspace.clone(),
        labels: target.labels.clone(),
        from: options.from.map(|it| it.0),
        until: options.until.map(|it| it.0),
        step: options.step.map(|it| it.as_secs()),
        fill: options.fill.map(|it| it.as_secs()),
    };
    let parts = Parts::open(&folder(output)?, settings, options.until.unwrap_or(now))?;
    let mongo = Mongo::new(workspace.mongo, clock, workspace.timezone, None);
    let work = Work {
        options,
        target,
        mongo: &mongo,
        end: Box::pin(signals.split().0),
    };
    let result = work.run(parts).await;
    mongo.close().await;
    result
}

fn but_undated(documents: u64) -> String {
    match documents {
        0 => String::new(),
        documents => format!("; of {documents} the createdAt is no date"),
    }
}

/// The directory beside the file that holds what was read.
fn folder(output: &Path) -> Result<PathBuf, BackfillError> {
    let Some(name) = output.file_name() else {
        return Err(BackfillError::NoFile {
            path: output.to_path_buf(),
        });
    };
    let mut name = name.to_os_string();
    name.push(".parts");
    Ok(output.with_file_name(name))
}

/// The labels that Prometheus adds, when they are what it would add.
fn labels(
    options: &BackfillOptions,
    is_one_of_several: bool,
) -> Result<Vec<(String, String)>, BackfillError> {
    let mut names = BTreeSet::new();
    let own: BTreeSet<&str> = SECTIONS
        .iter()
        .flat_map(|section| section.metrics())
        .flat_map(|metric| metric.labels)
        .copied()
        .chain(is_one_of_several.then_some("workspace"))
        .collect();
    for (name, _) in &options.labels {
        let reason = if !names.insert(name.as_str()) {
            "it is given twice"
        } else if own.contains(name.as_str()) {
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

/// What one run does.
struct Work<'a, End> {
    options: &'a BackfillOptions,
    target: Target,
    mongo: &'a Mongo,
    end: End,
}

/// What a document says, before it is decided whether it is kept.
enum Document {
    /// Nothing says how its numbers are meant; what stands in the version's place, where there is something.
    WithoutVersion(Option<String>),
    Of(Vec<(usize, Extracted)>),
}

impl<End: Future<Output = ()> + Unpin> Work<'_, End> {
    async fn run(mut self, mut parts: Parts) -> Result<String, BackfillError> {
        let state = &parts.state;
        let (from, until) = (self.options.from.unwrap_or(Timestamp(0)), state.until);
        let look = self.mongo.stored_between(from, Timestamp(until));
        let stretch = tokio::select! {
            stretch = look => stretch.map_err(BackfillError::from),
            () = &mut self.end => Err(BackfillError::Interrupted),
        };
        let stretch = match stretch {
            Ok(stretch) => stretch,
            Err(error) => {
                if state.read == 0 {
                    parts.remove();
                }
                return Err(error);
            }
        };
        if state.read > 0 {
            tracing::info!(
                documents = state.read,
                of = stretch.documents,
                reached = progress::day(Timestamp(state.next)),
                until = progress::day(Timestamp(until)),
                "going on with what an earlier run read"
            );
        }
        let bound = report::bound(stretch, until, self.options, &self.target);
        tracing::info!(
            documents = stretch.documents,
            samples_at_most = bound.samples,
            file_at_most = report::size(bound.bytes),
            parts_at_most = report::size(bound.parts),
            "reading stored statistics"
        );
        if !parts.state.is_read {
            self.read(&mut parts, stretch).await?;
        }
        if parts.state.documents == 0 {
            let (from, until) = (progress::day(from), progress::day(Timestamp(until)));
            let error = match parts.state.read {
                0 => BackfillError::Nothing {
                    from,
                    until,
                    undated: stretch.undated,
                },
                read => BackfillError::NoVersion {
                    read,
                    from,
                    until,
                    found: report::found_versions(&parts.state)
                        .map_or_else(String::new, |found| format!(" ({found})")),
                },
            };
            parts.remove();
            return Err(error);
        }
        self.write(parts, stretch).await
    }

    /// Reads all documents that are still to be read.
    async fn read(&mut self, parts: &mut Parts, stretch: Stretch) -> Result<(), BackfillError> {
        let mut progress = Progress::new();
        let mut saved = Instant::now();
        let mut limit = PAGE;
        while !parts.state.is_read {
            let left = (Timestamp(parts.state.next), Timestamp(parts.state.until));
            let page = tokio::select! {
                page = self.mongo.stored_page(left, limit, what_it_says) => page,
                () = &mut self.end => {
                    progress.end();
                    parts.save()?;
                    return Err(BackfillError::Interrupted);
                }
            };
            let page = match page {
                Ok(page) => page,
                Err(error) => {
                    progress.end();
                    parts.save()?;
                    return Err(error.into());
                }
            };
            limit = page.limit;
            for (at, document) in page.documents {
                self.keep(parts, at, document);
            }
            parts.state.is_read = page.is_last;
            parts.flush()?;
            let reached = Timestamp(parts.state.next);
            progress.tell(parts.state.read, stretch.documents, reached);
            if saved.elapsed() > SAVED_EVERY || parts.state.is_read {
                parts.save()?;
                saved = Instant::now();
            }
        }
        progress.end();
        Ok(())
    }

    /// Takes a document, unless it is one too many.
    fn keep(&self, parts: &mut Parts, at: Timestamp, document: Document) {
        let state = &mut parts.state;
        state.read += 1;
        state.next = at.0.saturating_add(1);
        let said = match document {
            Document::Of(said) => said,
            Document::WithoutVersion(found) => {
                state.without_version += 1;
                if let Some(found) = found
                    && (state.found_versions.len() < FOUND
                        || state.found_versions.contains_key(&found))
                {
                    *state.found_versions.entry(found).or_default() += 1;
                }
                return;
            }
        };
        if state.kept.is_some_and(|(_, last)| last == at.0) {
            state.repeated += 1;
            return;
        }
        let step = self.options.step.map(|it| it.as_millis());
        let stretch = |at: i64| step.map(|step| i128::from(at).div_euclid(step.cast_signed()));
        let is_thinned = state
            .kept
            .is_some_and(|(_, last)| step.is_some() && stretch(last) == stretch(at.0));
        if is_thinned {
            state.thinned += 1;
            return;
        }
        state.documents += 1;
        state.kept = Some((state.kept.map_or(at.0, |(first, _)| first), at.0));
        let said = said.into_iter();
        let odd: BTreeSet<_> = said
            .filter_map(|(row, said)| parts.take(row, said, at))
            .collect();
        for path in odd {
            *parts.state.odd.entry(path.to_owned()).or_default() += 1;
        }
    }

    /// Puts everything together.
    async fn write(self, parts: Parts, stretch: Stretch) -> Result<String, BackfillError> {
        let stop = Arc::new(AtomicBool::new(false));
        let output = self.options.output.clone();
        let fill = self.options.fill;
        let target = self.target;
        let stopped = Arc::clone(&stop);
        tracing::info!(series = parts.state.series(), "writing");
        let mut joining = tokio::task::spawn_blocking(move || {
            let written = join(&parts, &output, &target, fill, &stopped);
            (parts, written)
        });
        let mut end = self.end;
        let joined = tokio::select! {
            joined = &mut joining => joined,
            () = &mut end => {
                stop.store(true, Ordering::Relaxed);
                joining.await
            }
        };
        let unwritable = |reason| BackfillError::Unwritable {
            path: self.options.output.clone(),
            reason,
        };
        let (parts, written) = joined.map_err(|error| unwritable(error.into()))?;
        let Some(written) = written.map_err(unwritable)? else {
            return Err(BackfillError::Interrupted);
        };
        let report = report::text(&parts.state, stretch, written, self.options);
        parts.remove();
        Ok(report)
    }
}

fn what_it_says(document: &Value) -> Document {
    let found = match document.get("version") {
        None | Some(Value::Null | Value::Undefined) => return Document::WithoutVersion(None),
        Some(Value::Text(text)) => text,
        Some(_) => return Document::WithoutVersion(Some("no text".to_owned())),
    };
    let Ok(version) = found.parse::<Version>() else {
        let beginning: String = found.chars().take(LONGEST_FOUND).collect();
        return Document::WithoutVersion(Some(format!("`{}`", beginning.escape_debug())));
    };
    let said = rules_for(version).map(|(row, told)| (row, told.read(document, date_of)));
    Document::Of(
        said.filter(|(_, said)| *said != Extracted::Nothing)
            .collect(),
    )
}
