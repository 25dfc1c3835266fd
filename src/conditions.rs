//! The conditions of a workspace that need attention: one table for the Info page and for the alerting rules.
//!
//! A condition is judged by the values of the metrics that the alert's expression names, so that page and alert agree. The
//! tests compare names, severities, waits and thresholds with the shipped rules, and the occurrences with what Prometheus
//! evaluates.

pub mod condition;
pub mod facts;
pub mod table;
pub mod times;

pub use condition::{Condition, Occurrence, Severity};
pub use facts::Facts;
pub use table::CONDITIONS;
pub use times::ConditionTimes;

use crate::catalogue::Timestamp;
use crate::collectors::Snapshot;

/// A moment by two clocks, which need not agree.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The exporter's clock, which dates readings.
    pub own: Timestamp,
    /// The database's clock, which decides about the dates that Rocket.Chat and the database wrote.
    pub database: Timestamp,
}

impl Moment {
    /// A moment at which both clocks agree.
    pub fn agreed(time: Timestamp) -> Self {
        Self {
            own: time,
            database: time,
        }
    }
}

/// The conditions that hold, the most severe first.
pub fn occurrences(snapshot: &Snapshot, now: Moment) -> Vec<(&'static Condition, Occurrence)> {
    let facts = Facts { snapshot, now };
    let mut all: Vec<_> = CONDITIONS
        .iter()
        .flat_map(|condition| {
            let occurrences = (condition.find)(&facts).into_iter();
            occurrences.map(move |occurrence| (condition, occurrence))
        })
        .collect();
    all.sort_by_key(|(condition, _)| condition.severity);
    all
}

/// Whether Rocket.Chat serves its users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceState {
    /// It does, as far as is known.
    Up,
    /// It does not.
    Down,
    /// Nothing is known.
    Unknown,
}

/// Whether Rocket.Chat is up, by the heartbeats of its instances, or by people who have just read a room.
pub fn rocketchat_state(snapshot: &Snapshot, now: Moment) -> ServiceState {
    let facts = Facts { snapshot, now };
    if snapshot.up() != Some(true) || facts.value("rocketchat_instances").is_none() {
        ServiceState::Unknown
    } else if table::rocketchat_is_down(&facts) {
        ServiceState::Down
    } else {
        ServiceState::Up
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalogue::Metric;
    use crate::collectors::{READINGS, REPLICATION, SECTIONS};

    #[test]
    fn alerts_are_distinct() {
        let names: BTreeSet<_> = CONDITIONS.iter().map(|row| row.alert).collect();
        assert_eq!(names.len(), CONDITIONS.len());
    }

    #[test]
    fn every_metric_that_a_condition_names_exists() {
        let known: BTreeSet<&str> = SECTIONS
            .iter()
            .flat_map(|section| section.metrics())
            .chain(READINGS.iter().chain(REPLICATION).map(Metric::row))
            .map(|row| row.name)
            .collect();
        let table = include_str!("conditions/table.rs");
        let names: BTreeSet<&str> = table
            .split('"')
            .filter(|text| text.starts_with("rocketchat_"))
            .filter(|text| !["rocketchat_statistics", "rocketchat_sessions"].contains(text))
            .collect();
        assert!(names.len() > 40, "{names:?}");
        for name in names {
            assert!(known.contains(name), "{name}");
        }
    }

    #[test]
    fn nothing_is_found_before_the_first_reading() {
        let now = Moment::agreed(Timestamp(0));
        let found = occurrences(&Snapshot::default(), now);
        assert!(found.is_empty());
        let state = rocketchat_state(&Snapshot::default(), now);
        assert_eq!(state, ServiceState::Unknown);
    }
}
