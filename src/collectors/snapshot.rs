//! The newest reading of each section, and the outcome of each collector.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::collector::Collector;
use super::live_state::LiveStatus;
use super::presence::Presences;
use crate::catalogue::{
    Availability, NamedVersion, Outcome, PoolState, Replication, ReportedVersion, RunningVersion,
    STALE_AFTER, Timestamp, Version, running_version,
};
use crate::license::site_url::workspace_url;

macro_rules! snapshot {
    ($($module:ident::$section:ident,)*) => {
        /// What one collector read.
        #[derive(Debug)]
        pub enum Reading {$(
            $section(super::$module::$section),
        )*}

        /// The newest reading of every section; a section is `None` if its newest reading failed or none was made.
        #[derive(Debug, Clone, Default)]
        pub struct Snapshot {
            $(
                pub $module: Option<Arc<super::$module::$section>>,
            )*
            /// The outcome of each collector.
            pub outcomes: BTreeMap<Collector, Arc<Outcome>>,
            /// The number of series of each metric with a label value that is shown changed, by collector.
            pub changed_labels: BTreeMap<Collector, Vec<(&'static str, usize)>>,
            /// Whether the database can be read; `None` if only the host is read.
            pub availability: Option<Availability>,
            /// The connection pools, after the newest reading.
            pub pool: Option<PoolState>,
            /// The state of live mode; `None` where it is impossible.
            pub live: Option<Arc<LiveStatus>>,
            /// Time of the newest successful reading of the database.
            pub read_at: Option<Timestamp>,
            /// The time that the data of that reading describe.
            pub data_at: Option<Timestamp>,
            /// The replication state of the member that answered it; `None` without a replica set.
            pub replication: Option<Replication>,
            /// The configured version, which takes precedence.
            pub configured_version: Option<NamedVersion>,
            /// The version that Rocket.Chat reported last.
            pub reported_version: Option<ReportedVersion>,
        }

        impl Snapshot {
            /// Stores a reading.
            pub fn put(&mut self, reading: Reading) {
                match reading {$(
                    Reading::$section(section) => self.$module = Some(Arc::new(section)),
                )*}
            }

            /// Removes a section: after a failure it is absent, never old and never zero.
            pub fn clear(&mut self, collector: Collector) {
                self.changed_labels.remove(&collector);
                match collector {$(
                    Collector::$section => self.$module = None,
                )*}
            }
        }
    };
}

every_collector!(snapshot);

impl Snapshot {
    /// The outcome of a collector that was read, to be changed.
    pub fn outcome_mut(&mut self, collector: Collector) -> Option<&mut Outcome> {
        self.outcomes.get_mut(&collector).map(Arc::make_mut)
    }

    /// The workspace's version; see [`running_version`].
    pub fn running_version(&self) -> Option<RunningVersion> {
        let workspace = self.workspace.as_ref();
        let migration = workspace.and_then(|workspace| workspace.migration.as_ref()?.version);
        self.version_with_migration(migration)
    }

    /// The workspace's version with this migration number of the database.
    pub fn version_with_migration(&self, migration: Option<u64>) -> Option<RunningVersion> {
        let stored = self.stored_document.as_ref();
        let stored = stored.and_then(|stored| stored.version.as_deref());
        running_version(
            self.configured_version.as_ref(),
            self.reported_version.as_ref(),
            stored,
            migration,
        )
    }

    /// Keeps the version that the newest probe reported. Where it reported none, the last one stays.
    pub fn note_reported_version(&mut self) {
        let reported = self.probe.as_ref().and_then(|probe| probe.version.clone());
        match (reported, &mut self.reported_version) {
            (Some(name), known) => {
                *known = Some(ReportedVersion {
                    name,
                    is_current: true,
                });
            }
            (None, Some(known)) => known.is_current = false,
            (None, None) => {}
        }
    }

    /// The name of the workspace's version, with a suffix.
    pub fn version_name(&self) -> Option<String> {
        Some(self.running_version()?.name)
    }

    /// The workspace's version, when it is known.
    pub fn version(&self) -> Option<Version> {
        self.version_name()?.parse().ok()
    }

    /// The address by which licenses know the workspace; `None` when the setting `Site_Url` is empty or was not read.
    pub fn workspace_url(&self) -> Option<&str> {
        let setting = self.workspace.as_ref()?.site_url.as_ref()?;
        workspace_url(setting.as_text()?)
    }

    /// The presence that the statistics document of the workspace's version shows: the visible status, and before 3.12 the
    /// state of the connections.
    pub fn shown_presence(&self) -> Option<Presences> {
        let presence = self.presence.as_ref()?;
        Some(if self.shows_connections() {
            presence.connected
        } else {
            presence.shown
        })
    }

    /// Whether the workspace's version counts presence by the state of the connections.
    pub fn shows_connections(&self) -> bool {
        let version = self.version();
        version.is_some_and(|version| version < Version::new(3, 12, 0))
    }

    /// The message of a reading that failed as most of them do, while nothing of the database can be read.
    pub fn outage_message(&self) -> Option<Arc<str>> {
        let reason = self.availability?.reason?;
        let outcomes = self
            .outcomes
            .iter()
            .filter(|(collector, _)| collector.reads_database());
        let mut failed = outcomes.filter(|(_, outcome)| outcome.failure == Some(reason));
        failed.find_map(|(_, outcome)| outcome.failure_message.clone())
    }

    /// The snapshot of the chosen collectors only.
    #[must_use]
    pub fn only(&self, chosen: &BTreeSet<Collector>) -> Self {
        let mut part = self.clone();
        for collector in Collector::ALL {
            if !chosen.contains(&collector) {
                part.clear(collector);
                part.outcomes.remove(&collector);
            }
        }
        part
    }

    /// How far the data of the newest reading lag behind, if that is more than [`STALE_AFTER`].
    pub fn stale_by(&self) -> Option<Duration> {
        let behind = self.read_at?.since(self.data_at?)?;
        (behind > STALE_AFTER).then_some(behind)
    }

    /// The fraction of time that the database spends on all collectors; `None` before the first reading.
    pub fn cost(&self) -> Option<f64> {
        let of_database = self
            .outcomes
            .iter()
            .filter(|(collector, _)| collector.reads_database());
        let shares: Vec<f64> = of_database.map(|(_, outcome)| outcome.share()).collect();
        (!shares.is_empty()).then(|| shares.iter().sum())
    }

    /// Whether all of these collectors were tried.
    pub fn has_tried(&self, collectors: &BTreeSet<Collector>) -> bool {
        let mut collectors = collectors.iter();
        collectors.all(|collector| self.outcomes.contains_key(collector))
    }

    /// Collectors that were not read yet, or whose newest reading failed.
    pub fn missing(&self) -> Vec<Collector> {
        Collector::ALL
            .into_iter()
            .filter(|collector| {
                self.outcomes
                    .get(collector)
                    .is_none_or(|outcome| outcome.failure.is_some())
            })
            .collect()
    }
}
