//! Log messages about reads: one when the state of the database changes, and one when collectors begin or cease to fail.
//! Nothing is logged while a lock is held, because the reader of the log may be slow.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::catalogue::{
    FailureKind, Outcome, ReadState, Refusal, RunningVersion, Skipped, TokenStatus, Version,
};
use crate::collectors::probe::Probe;
use crate::collectors::{Collector, Snapshot};
use crate::mongodb::SourceError;

/// The log of a workspace's reads.
#[derive(Debug)]
pub struct ReadingLog {
    workspace: Option<Arc<str>>,
    logged: Mutex<LoggedState>,
}

/// What was logged last.
#[derive(Debug, Default)]
struct LoggedState {
    /// Whether the database is up; `None` before the first message.
    is_up: Option<bool>,
    /// Collectors that fail while others do not, and why.
    failing: BTreeMap<Collector, FailureKind>,
    /// The version, if the exporter does not know the release.
    newer_version: Option<RunningVersion>,
}

/// A collector that was read, and why that failed.
pub type ReadResult = (Collector, Option<SourceError>);

impl ReadingLog {
    /// Before the first message.
    pub fn new(workspace: Option<Arc<str>>) -> Self {
        Self {
            workspace,
            logged: Mutex::default(),
        }
    }

    /// Logs that the database went down, with an error of a collector that reads it, or that it is read again. Without an
    /// error a failure is not logged: the task that failed, or the next one, does that and knows the reason. The state is
    /// taken from the newest snapshot, so that a slow task does not log an old one.
    pub fn log_state(&self, snapshots: &watch::Sender<Arc<Snapshot>>, error: Option<&SourceError>) {
        let workspace = self.workspace.as_deref();
        let mut logged = self.lock();
        let state = snapshots
            .borrow()
            .availability
            .map(|availability| availability.state);
        let is_up = match state {
            None | Some(ReadState::Untried) => return,
            Some(ReadState::Down) => false,
            Some(ReadState::Partly | ReadState::Up) => true,
        };
        if logged.is_up == Some(is_up) || !is_up && error.is_none() {
            return;
        }
        logged.is_up = Some(is_up);
        drop(logged);
        match error {
            Some(error) if !is_up => tracing::error!(
                workspace,
                reason = &*error.message,
                "no database of a workspace can be read; trying again"
            ),
            _ => tracing::info!(workspace, "the database is read"),
        }
    }

    /// Logs once for each version that it is newer than those that the exporter knows.
    pub fn log_version(&self, snapshots: &watch::Sender<Arc<Snapshot>>) {
        let version = snapshots.borrow().running_version();
        let Some(version) = version.filter(|version| version.is_newer_than_known) else {
            return;
        };
        if self.lock().newer_version.replace(version.clone()).as_ref() == Some(&version) {
            return;
        }
        tracing::warn!(
            workspace = self.workspace.as_deref(),
            version = version.name,
            "the workspace runs a release of Rocket.Chat that is newer than those that this exporter knows, so it is read and imitated as {}; look for a newer exporter",
            Version::NEWEST
        );
    }

    /// Logs which checks of the probe began to fail or fail for another reason, which succeed again, and what is wrong with the
    /// token.
    pub fn log_probe(&self, before: Option<&Probe>, now: Option<&Probe>) {
        let Some(now) = now else { return };
        let workspace = self.workspace.as_deref();
        let failed = before.map(|probe| probe.checks().map(|(_, check)| check.failure.as_ref()));
        let failed = failed.unwrap_or_default();
        for ((name, check), before) in now.checks().into_iter().zip(failed) {
            match (before, &check.failure) {
                (before, Some(failure)) if before.map(|known| known.kind) != Some(failure.kind) => {
                    tracing::warn!(
                        workspace,
                        check = name,
                        reason = &*failure.message,
                        "the probe of Rocket.Chat failed; trying again"
                    );
                }
                (Some(_), None) => {
                    tracing::info!(
                        workspace,
                        check = name,
                        "the probe of Rocket.Chat succeeds again"
                    );
                }
                _ => {}
            }
        }
        let known = before.and_then(|probe| probe.token.as_ref());
        match &now.token {
            token if token.as_ref() == known => {}
            Some(TokenStatus::Refused) => tracing::warn!(
                workspace,
                "Rocket.Chat does not show its build to the user of --rocketchat.token-file; check the token, and that the user has the permission view-statistics"
            ),
            Some(TokenStatus::Unreadable(reason)) => tracing::warn!(
                workspace,
                reason = &**reason,
                "the probe of Rocket.Chat has no login, so its build is not read"
            ),
            Some(TokenStatus::Accepted | TokenStatus::Untried) | None => {}
        }
    }

    /// Logs which collectors of a round began to fail, and which succeed again; not while the database is down.
    pub fn log_round(&self, state: Option<ReadState>, results: &[ReadResult]) {
        let workspace = self.workspace.as_deref();
        for (collector, error) in results {
            if let Some(error) = error {
                tracing::debug!(workspace, collector = collector.name(), reason = %error, "reading failed");
            }
        }
        if matches!(state, Some(ReadState::Untried | ReadState::Down)) {
            return;
        }
        let (mut failing, mut succeeding) = (Vec::new(), Vec::new());
        let mut logged = self.lock();
        for (collector, error) in results {
            match error {
                Some(error) => {
                    if logged.failing.insert(*collector, error.kind) != Some(error.kind) {
                        failing.push((collector.name(), &*error.message));
                    }
                }
                None => {
                    if logged.failing.remove(collector).is_some() {
                        succeeding.push(collector.name());
                    }
                }
            }
        }
        drop(logged);
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

    /// Logs once which indexes, privileges and collections a collector lacks that it can do without.
    pub fn log_gaps(&self, collector: Collector, before: Option<&Outcome>, now: &Outcome) {
        self.log_refusals(collector, before, &now.refusals);
        self.log_skipped(collector, before, &now.skipped);
        let workspace = self.workspace.as_deref();
        let known = before.map_or(&[][..], |outcome| &outcome.indexes);
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

    fn log_refusals(&self, collector: Collector, before: Option<&Outcome>, refusals: &[Refusal]) {
        let known = before.map_or(&[][..], |outcome| &outcome.refusals);
        let new: Vec<String> = refusals
            .iter()
            .filter(|refusal| !known.contains(refusal))
            .map(|refusal| format!("{} on {}", refusal.action, refusal.collection))
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

    fn log_skipped(&self, collector: Collector, before: Option<&Outcome>, now: &[Skipped]) {
        let known = before.map_or(&[][..], |outcome| &outcome.skipped);
        let is_new = |skipped: &&Skipped| !known.iter().any(|known| known.is_same(skipped));
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

    fn lock(&self) -> MutexGuard<'_, LoggedState> {
        self.logged.lock().unwrap_or_else(PoisonError::into_inner)
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
    use crate::catalogue::{Availability, Timestamp};

    #[test]
    fn failed_database_is_logged_by_a_task_that_knows_the_reason() {
        let availability = Availability {
            state: ReadState::Down,
            ..Availability::untried(Timestamp(0))
        };
        let snapshot = Snapshot {
            availability: Some(availability),
            ..Snapshot::default()
        };
        let (snapshots, _) = watch::channel(Arc::new(snapshot));
        let log = ReadingLog::new(None);
        log.log_state(&snapshots, None);
        assert_eq!(log.lock().is_up, None);
        let error = SourceError::new(FailureKind::Misconfigured, "a single host");
        log.log_state(&snapshots, Some(&error));
        assert_eq!(log.lock().is_up, Some(false));
    }

    #[test]
    fn shared_reason_is_logged_once() {
        let same = [("apps", "no"), ("rooms", "no")];
        assert_eq!(
            (names(&same), reasons(&same)),
            ("apps, rooms".into(), "no".into())
        );
        let different = [("apps", "no"), ("rooms", "slow"), ("users", "no")];
        assert_eq!(reasons(&different), "apps, users: no; rooms: slow");
    }
}
