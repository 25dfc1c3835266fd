//! Profiles: which collectors are enabled, and which of their metrics are exposed.

use std::collections::BTreeSet;

use super::collector::Collector;

/// How much of a workspace is read and exposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CollectorProfile {
    /// What the fleet dashboard and the critical alerts need.
    Minimal,
    /// The collectors that are on without a flag: all of them.
    #[default]
    Default,
    /// Every collector, also one that a later version turns off by default.
    Full,
}

/// Metrics of the profile `minimal` that no collector reads.
pub const MINIMAL_METRICS: [&str; 5] = [
    "rocketchat_up",
    "rocketchat_exporter_collector_success",
    "rocketchat_exporter_collector_failing",
    "rocketchat_mongodb_replica_set_has_primary",
    "rocketchat_mongodb_majority_lag_seconds",
];

/// Which metrics of a workspace are exposed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ExposedMetrics {
    /// All of them.
    #[default]
    All,
    /// Those of the profile `minimal`.
    Minimal {
        /// Collectors that are enabled by their own switch: all their metrics are exposed.
        except: BTreeSet<Collector>,
    },
}

impl CollectorProfile {
    /// Whether the profile enables a collector.
    pub fn contains(self, collector: Collector) -> bool {
        match self {
            Self::Minimal => !collector.minimal_metrics().is_empty(),
            Self::Default | Self::Full => true,
        }
    }
}

impl ExposedMetrics {
    /// Whether a metric is exposed; `collector` is `None` for one about collectors, the replica set or live mode.
    pub fn contains(&self, collector: Option<Collector>, metric: &str) -> bool {
        match (self, collector) {
            (Self::All, _) => true,
            (Self::Minimal { .. }, None) => MINIMAL_METRICS.contains(&metric),
            (Self::Minimal { except }, Some(collector)) => {
                except.contains(&collector) || collector.minimal_metrics().contains(&metric)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::{READINGS, REPLICATION, SECTIONS};

    #[test]
    fn every_metric_of_the_minimal_profile_exists() {
        for section in SECTIONS {
            let names: Vec<_> = section.metrics().iter().map(|row| row.name).collect();
            for metric in section.collector().minimal_metrics() {
                assert!(names.contains(metric), "{metric}");
            }
        }
        let others: Vec<_> = READINGS.iter().chain(REPLICATION).collect();
        for name in MINIMAL_METRICS {
            assert!(others.iter().any(|metric| metric.name == name), "{name}");
        }
    }
}
