//! Everything known at one moment: the newest reading of each section, and how each reading went.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::collector::Collector;
use super::live_state::Live;
use crate::catalogue::{
    Availability, Outcome, PoolState, Replication, STALE_AFTER, Timestamp, Version, running_version,
};

macro_rules! snapshot {
    ($($module:ident::$section:ident,)*) => {
        /// What one collector brought back; each variant is named after its section.
        #[derive(Debug)]
        pub enum Reading {$(
            $section(super::$module::$section),
        )*}

        /// The newest reading of every section; a section is `None` while its newest reading failed or none was made.
        #[derive(Debug, Clone, Default)]
        pub struct Snapshot {
            $(
                pub $module: Option<Arc<super::$module::$section>>,
            )*
            /// How the newest reading of each collector went.
            pub outcomes: BTreeMap<Collector, Outcome>,
            /// How much of the database is read; `None` where none is asked, as of the host alone.
            pub availability: Option<Availability>,
            /// Connections to the database, after the newest reading.
            pub pool: Option<PoolState>,
            /// Whether changes are followed; `None` where nothing could be.
            pub live: Option<Arc<Live>>,
            /// When the newest reading of the database succeeded.
            pub read_at: Option<Timestamp>,
            /// The moment that the data describe which it read.
            pub data_at: Option<Timestamp>,
            /// Where the member of the replica set stood that answered it; `None` where the database is none.
            pub replication: Option<Replication>,
            /// The version set by the operator, which overrides the one the workspace tells.
            pub configured_version: Option<Version>,
        }

        impl Snapshot {
            /// Puts a reading in its place.
            pub fn put(&mut self, reading: Reading) {
                match reading {$(
                    Reading::$section(section) => self.$module = Some(Arc::new(section)),
                )*}
            }

            /// Takes a section out: what failed is absent, never old and never zero.
            pub fn clear(&mut self, collector: Collector) {
                match collector {$(
                    Collector::$section => self.$module = None,
                )*}
            }
        }
    };
}

every_collector!(snapshot);

impl Snapshot {
    /// The workspace's version as text, with whatever suffix it has; see [`running_version`].
    pub fn version_name(&self) -> Option<String> {
        let stored = self.stored_document.as_ref().and_then(|it| it.version());
        let migration = self.workspace.as_ref().and_then(|it| it.migration.as_ref());
        running_version(
            self.configured_version,
            stored,
            migration.and_then(|it| it.version),
        )
    }

    /// The workspace's version, when it is known.
    pub fn version(&self) -> Option<Version> {
        self.version_name()?.parse().ok()
    }

    /// The same without what other collectors read.
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

    /// How far the data were behind that the newest reading of the database found, where that is more than it may be.
    pub fn stale_by(&self) -> Option<Duration> {
        let behind = self.read_at?.since(self.data_at?)?;
        (behind > STALE_AFTER).then_some(behind)
    }

    /// The share of the time in which the database answers, by the newest reading of each collector; `None` before the
    /// first.
    pub fn cost(&self) -> Option<f64> {
        let of_database = self.outcomes.iter().filter(|(it, _)| it.asks_database());
        let shares: Vec<f64> = of_database.map(|(_, outcome)| outcome.share()).collect();
        (!shares.is_empty()).then(|| shares.iter().sum())
    }

    /// Collectors whose newest reading failed, or that were not read yet.
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
