//! Compares the version that Rocket.Chat reports with that of its database.

use std::sync::Arc;

use crate::catalogue::{Timestamp, Version, is_older_than_migration};
use crate::collectors::snapshot::Snapshot;

impl Snapshot {
    /// Compares the version of the newest probe with the newest readings of the database.
    pub fn compare_reported_version(&mut self) {
        let Some(probe) = &self.probe else { return };
        let reported = probe.version.as_ref();
        let reported = reported.and_then(|version| version.parse().ok());
        let differs = reported.and_then(|version| differs(version, self));
        if probe.version_differs != differs {
            let mut probe = probe.as_ref().clone();
            probe.version_differs = differs;
            self.probe = Some(Arc::new(probe));
        }
    }
}

/// Whether a reported version differs from the database's; `None` if that is not known.
fn differs(reported: Version, known: &Snapshot) -> Option<bool> {
    let workspace = known.workspace.as_ref();
    let migration = workspace.and_then(|workspace| workspace.migration.as_ref()?.version);
    let is_older = migration.map(|migration| is_older_than_migration(reported, migration));
    let stored = stored_by_running_instance(known).map(|stored| stored.line() != reported.line());
    match (is_older, stored) {
        (None, None) => None,
        (is_older, stored) => Some(is_older == Some(true) || stored == Some(true)),
    }
}

/// The version of the newest stored document, if it was stored after all live instances had started: an earlier one may be
/// that of a version that runs no more.
fn stored_by_running_instance(known: &Snapshot) -> Option<Version> {
    let instances = known.instances.as_ref()?;
    let starts: Option<Vec<Timestamp>> = instances
        .live()
        .map(|instance| instance.created_at)
        .collect();
    let started = starts?.into_iter().max()?;
    let stored = known.stored_document.as_ref()?;
    let version = stored.version.as_ref()?.parse().ok()?;
    (stored.created_at? > started).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Value;
    use crate::collectors::instances::{Instance, Instances, OtherInstances};
    use crate::collectors::stored_document::StoredDocument;
    use crate::collectors::workspace::{Migration, Workspace};

    fn stored(version: &str, created_at: i64) -> StoredDocument {
        StoredDocument {
            version: Some(version.to_owned()),
            created_at: Some(Timestamp(created_at)),
            ..StoredDocument::default()
        }
    }

    fn with_migration(version: u64) -> Snapshot {
        let migration = Migration {
            version: Some(version),
            locked: false,
            locked_at: None,
            document: Value::Null,
        };
        let workspace = Workspace {
            migration: Some(migration),
            ..Workspace::default()
        };
        Snapshot {
            workspace: Some(Arc::new(workspace)),
            ..Snapshot::default()
        }
    }

    #[test]
    fn version_of_an_earlier_line_than_the_migrations_differs() {
        let reported = Version::new(8, 6, 0);
        assert_eq!(differs(reported, &Snapshot::default()), None);
        assert_eq!(differs(reported, &with_migration(335)), Some(false));
        assert_eq!(differs(reported, &with_migration(352)), Some(true));
    }

    #[test]
    fn start_of_the_newest_instance_is_that_of_live_ones() {
        let instance = |created_at, heartbeat| Instance {
            id: "x".to_owned(),
            pid: None,
            created_at: Some(Timestamp(created_at)),
            heartbeat: Some(Timestamp(heartbeat)),
            address: String::new(),
            node_version: None,
            connections: None,
        };
        let now = 1_000_000;
        let instances = Instances {
            now: Timestamp(now),
            here: Timestamp(now),
            records: vec![instance(10, now), instance(20, now), instance(30, 0)],
            others: OtherInstances::default(),
        };
        let known = |stored_at| Snapshot {
            instances: Some(Arc::new(instances.clone())),
            stored_document: Some(Arc::new(stored("8.4.2", stored_at))),
            ..Snapshot::default()
        };
        let reported = Version::new(8, 6, 0);
        assert_eq!(differs(reported, &known(20)), None, "it may be an old one");
        assert_eq!(differs(reported, &known(21)), Some(true));
        assert_eq!(differs(Version::new(8, 4, 0), &known(21)), Some(false));
    }
}
