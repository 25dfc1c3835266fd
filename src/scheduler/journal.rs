//! What the log says of the readings: a line when the state of the database changes, and one when collectors begin or
//! cease to fail. Nothing is logged while a lock is held, for whoever reads the log may be slow.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::catalogue::{FailureKind, Outcome, ReadState, Refusal, Skipped};
use crate::collectors::{Collector, Snapshot};
use crate::mongodb::SourceError;

/// What was said so far.
#[derive(Debug)]
pub struct Journal {
    workspace: Option<Arc<str>>,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    /// Whether the database is up; `None` before anything was said.
    is_up: Option<bool>,
    /// Collectors that fail while others do not, and why.
    failing: BTreeMap<Collector, FailureKind>,
}

/// A collector that was asked, and why it failed.
pub type Asked = (Collector, Option<SourceError>);

impl Journal {
    /// A journal without an entry.
    pub fn new(workspace: Option<Arc<str>>) -> Self {
        Self {
            workspace,
            said: Mutex::default(),
        }
    }

    /// Says that the database went down, and why, or that it is read again. What holds is looked up here, so that of two
    /// tasks that come with different news the slower one does not have the last word.
    pub fn note_state(&self, snapshots: &watch::Sender<Arc<Snapshot>>, why: Option<&SourceError>) {
        let workspace = self.workspace.as_deref();
        let mut said = self.said();
        let state = snapshots.borrow().availability.map(|it| it.state);
        let is_up = match state {
            None | Some(ReadState::Untried) => return,
            Some(ReadState::Down) => false,
            Some(ReadState::Partly | ReadState::Up) => true,
        };
        if said.is_up.replace(is_up) == Some(is_up) {
            return;
        }
        drop(said);
        if is_up {
            tracing::info!(workspace, "the database is read");
        } else {
            let reason = why.map_or("every collector fails", |error| &*error.message);
            tracing::error!(
                workspace,
                reason,
                "no database of a workspace can be read; trying again"
            );
        }
    }

    /// Says which collectors of a round began to fail, and which succeed again. While the database is down that is not
    /// worth a line.
    pub fn note_round(&self, state: Option<ReadState>, asked: &[Asked]) {
        let workspace = self.workspace.as_deref();
        for (collector, error) in asked {
            if let Some(error) = error {
                tracing::debug!(workspace, collector = collector.name(), reason = %error, "reading failed");
            }
        }
        if matches!(state, Some(ReadState::Untried | ReadState::Down)) {
            return;
        }
        let (mut failing, mut succeeding) = (Vec::new(), Vec::new());
        let mut said = self.said();
        for (collector, error) in asked {
            match error {
                Some(error) => {
                    if said.failing.insert(*collector, error.kind) != Some(error.kind) {
                        failing.push((collector.name(), &*error.message));
                    }
                }
                None => {
                    if said.failing.remove(collector).is_some() {
                        succeeding.push(collector.name());
                    }
                }
            }
        }
        drop(said);
        if !failing.is_empty() {
            tracing::warn!(
                workspace,
                collector = names(&failing),
                reason = reasons(&failing),
                "reading failed; trying again"
            );
        }
        if !succeeding.is_empty() {
            tracing::info!(
                workspace,
                collector = succeeding.join(", "),
                "reading succeeds again"
            );
        }
    }

    /// Says once which indexes and privileges a collector misses that it can do without, and which collections it has less
    /// to tell of.
    pub fn note_gaps(&self, collector: Collector, before: Option<&Outcome>, now: &Outcome) {
        self.note_refusals(collector, before, &now.refusals);
        self.note_skipped(collector, before, &now.skipped);
        let workspace = self.workspace.as_deref();
        let known = before.map_or(&[][..], |it| &it.indexes);
        for index in &now.indexes {
            if !index.present && !known.contains(index) {
                tracing::warn!(
                    workspace,
                    collector = collector.name(),
                    "an index is missing, so what needs it is left out where the collection is large; create it with db.{}.createIndex({{\"{}\": 1}})",
                    index.collection,
                    index.key
                );
            }
        }
    }

    fn note_refusals(&self, collector: Collector, before: Option<&Outcome>, refusals: &[Refusal]) {
        let known = before.map_or(&[][..], |it| &it.refusals);
        let new: Vec<String> = refusals
            .iter()
            .filter(|it| !known.contains(it))
            .map(|it| format!("{} on {}", it.action, it.collection))
            .collect();
        if !new.is_empty() {
            tracing::warn!(
                workspace = self.workspace.as_deref(),
                collector = collector.name(),
                "privileges are missing, so what needs them is left out; rocketchat-exporter check prints the statement that grants them: {}",
                new.join(", ")
            );
        }
    }

    fn note_skipped(&self, collector: Collector, before: Option<&Outcome>, now: &[Skipped]) {
        let known = before.map_or(&[][..], |it| &it.skipped);
        let is_new = |it: &&Skipped| !known.iter().any(|known| known.is_same(it));
        for skipped in now.iter().filter(is_new) {
            tracing::warn!(
                workspace = self.workspace.as_deref(),
                collector = collector.name(),
                collection = skipped.collection,
                reason = %skipped.message,
                "a collection is left out, and the others are read"
            );
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn names(failing: &[(&str, &str)]) -> String {
    let names: Vec<_> = failing.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// Each reason once; of several, with the collectors that fail for it.
fn reasons(failing: &[(&str, &str)]) -> String {
    let mut reasons: Vec<(&str, Vec<(&str, &str)>)> = Vec::new();
    for (name, reason) in failing {
        match reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, those)) => those.push((name, reason)),
            None => reasons.push((reason, vec![(name, reason)])),
        }
    }
    match reasons.as_slice() {
        [(reason, _)] => (*reason).to_owned(),
        several => {
            let each = several
                .iter()
                .map(|(reason, those)| format!("{}: {reason}", names(those)));
            each.collect::<Vec<_>>().join("; ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_several_collectors_share_is_told_once() {
        let same = [("apps", "no"), ("rooms", "no")];
        assert_eq!(
            (names(&same), reasons(&same)),
            ("apps, rooms".into(), "no".into())
        );
        let different = [("apps", "no"), ("rooms", "slow"), ("users", "no")];
        assert_eq!(reasons(&different), "apps, users: no; rooms: slow");
    }
}
