//! Walks over the catalogue: names, helps, units, versions and order.

use std::collections::BTreeMap;

use super::exporter_metrics::EXPORTER_METRICS;
use crate::catalogue::{
    FieldRow, FieldValue, HIDDEN_FIELDS, Metric, MetricRow, Quantity, Version, Versions,
};
use crate::collectors::{Collector, LIVE, READINGS, SECTIONS, Snapshot};
use crate::document::field_order::TOP_LEVEL_ORDER;

fn metrics() -> Vec<MetricRow> {
    let own = READINGS
        .iter()
        .chain(LIVE)
        .map(Metric::row)
        .chain(EXPORTER_METRICS.iter().map(Metric::row));
    let sections = SECTIONS.iter().flat_map(|section| section.metrics());
    own.chain(sections).collect()
}

fn overlap(one: Versions, other: Versions) -> bool {
    one.contains(other.first) || other.contains(one.first)
}

fn fields() -> Vec<FieldRow> {
    SECTIONS
        .iter()
        .flat_map(|section| section.fields())
        .collect()
}

#[test]
fn a_name_is_snake_case_with_the_prefix_of_its_kind() {
    for metric in metrics() {
        let plain = metric.name.chars().all(|character| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
        });
        let prefixed =
            metric.name.starts_with("rocketchat_") || metric.name.starts_with("process_");
        assert!(plain && prefixed, "{}", metric.name);
    }
}

#[test]
fn a_name_exists_once_even_with_the_suffixes_of_its_samples() {
    let mut seen = BTreeMap::new();
    for metric in metrics() {
        let family = metric
            .name
            .trim_end_matches("_total")
            .trim_end_matches("_info");
        assert_eq!(seen.insert(family, metric.name), None, "{}", metric.name);
    }
}

#[test]
fn the_ending_of_a_name_agrees_with_the_quantity() {
    for metric in metrics() {
        let name = metric.name;
        let agrees = match metric.quantity {
            Quantity::CountTotal => {
                name.ends_with("_total")
                    && !name.ends_with("_seconds_total")
                    && !name.ends_with("_bytes_total")
            }
            Quantity::BytesTotal => name.ends_with("_bytes_total"),
            Quantity::SecondsTotal => name.ends_with("_seconds_total"),
            Quantity::Bytes => name.ends_with("_bytes"),
            Quantity::Info => name.ends_with("_info"),
            Quantity::Instant => {
                // The one name that Prometheus itself has fixed otherwise.
                name.ends_with("_timestamp_seconds") || name == "process_start_time_seconds"
            }
            Quantity::Seconds => {
                name.ends_with("_seconds") && !name.ends_with("_timestamp_seconds")
            }
            Quantity::Count | Quantity::Number | Quantity::State => [
                "_total", "_seconds", "_bytes", "_ratio", "_info", "_count", "_sum", "_bucket",
            ]
            .iter()
            .all(|suffix| !name.ends_with(suffix)),
            Quantity::Untyped => false,
        };
        assert!(agrees, "{name} is a {:?}", metric.quantity);
    }
}

#[test]
fn a_help_is_one_plain_sentence() {
    for metric in metrics() {
        assert!(
            metric.help.ends_with('.'),
            "{}: {}",
            metric.name,
            metric.help
        );
        // prometheus-client writes helps verbatim, so nothing in them may need escaping.
        assert!(!metric.help.contains(['\n', '\\', '"']), "{}", metric.name);
        assert!(!metric.source.is_empty(), "{}", metric.name);
    }
}

#[test]
fn no_label_clashes_with_those_that_prometheus_or_its_users_set() {
    let reserved = [
        "instance", "job", "cluster", "env", "region", "service", "type", "le", "quantile",
    ];
    for metric in metrics() {
        for label in metric.labels {
            assert!(!reserved.contains(label), "{}: {label}", metric.name);
            assert!(!label.starts_with('_'), "{}: {label}", metric.name);
        }
    }
}

#[test]
fn rows_of_one_path_never_have_a_version_in_common() {
    let fields = fields();
    for (index, field) in fields.iter().enumerate() {
        for other in &fields[index + 1..] {
            let clash = field.path == other.path && overlap(field.versions, other.versions);
            assert!(
                !clash,
                "{}: {} and {}",
                field.path, field.versions, other.versions
            );
        }
    }
}

#[test]
fn every_field_has_a_place_in_the_document() {
    for field in fields() {
        let top = field.path.split('.').next().unwrap_or(field.path);
        assert!(TOP_LEVEL_ORDER.contains(&top), "{}", field.path);
    }
}

#[test]
fn withheld_fields_are_the_hidden_ones() {
    for field in fields() {
        let is_hidden = HIDDEN_FIELDS.iter().any(|hidden| {
            let below = field.path.strip_prefix(hidden);
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        assert_eq!(field.withheld, is_hidden, "{}", field.path);
    }
}

#[test]
fn every_collector_has_one_section() {
    for collector in Collector::ALL {
        let sections = SECTIONS
            .iter()
            .filter(|section| section.collector() == collector);
        assert_eq!(sections.count(), 1, "{}", collector.name());
    }
}

#[test]
fn a_document_needs_what_its_version_has_fields_of() {
    let (old, new) = (Some(Version::new(3, 4, 0)), Some(Version::NEWEST));
    let [uploads, services, jobs] = [Collector::Uploads, Collector::UserFeatures, Collector::Jobs]
        .map(|collector| [old, new, None].map(|version| collector.is_for_document(version)));
    assert_eq!(uploads, [true, true, true]);
    assert_eq!(services, [false, true, true]);
    assert_eq!(jobs, [false, false, false]);
}

#[test]
fn an_absent_section_shows_nothing_and_leaves_its_fields_unknown() {
    let snapshot = Snapshot::default();
    for section in SECTIONS {
        section.visit_samples(&snapshot, &mut |row, _| panic!("{} is shown", row.name));
        section.visit_fields(&snapshot, Version::NEWEST, &mut |row, answer| {
            let expected = match (row.stored, row.withheld) {
                (true, _) => FieldValue::Stored,
                (_, true) => FieldValue::Fresh(None),
                _ => FieldValue::Unknown,
            };
            assert_eq!(answer, expected, "{}", row.path);
        });
    }
}

/// Whether a version's document has a field, on its own or within one that is taken whole.
fn has(version: Version, path: &str) -> bool {
    fields().iter().any(|field| {
        let whole = path
            .strip_prefix(field.path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        whole && field.versions.contains(version)
    })
}

/// Fields of the documented answer of 0.61.
const OF_0_61: &str = "_id uniqueId installedAt version totalUsers activeUsers nonActiveUsers \
    onlineUsers awayUsers offlineUsers totalRooms totalChannels totalPrivateGroups totalDirect \
    totlalLivechat totalMessages totalChannelMessages totalPrivateGroupMessages \
    totalDirectMessages totalLivechatMessages lastLogin lastMessageSentAt lastSeenSubscription \
    os.type os.platform os.arch os.release os.uptime os.loadavg os.totalmem os.freemem os.cpus \
    process.nodeVersion process.pid process.uptime deploy.method deploy.platform migration._id \
    migration.version migration.locked migration.lockedAt migration.buildAt instanceCount \
    createdAt _updatedAt";

/// Fields that 3.4.0 answers and 0.61 did not.
const NEW_IN_3_4: &str = "wizard.organizationType wizard.industry wizard.size wizard.country \
    wizard.language wizard.serverType wizard.registerServer activeGuests appUsers \
    totalConnectedUsers totalLivechat totalDiscussions totalThreads totalLivechatVisitors \
    totalLivechatAgents livechatEnabled federatedServers federatedUsers enterpriseReady \
    uploadsTotal uploadsTotalSize oplogEnabled mongoVersion mongoStorageEngine \
    uniqueUsersOfYesterday uniqueUsersOfLastMonth uniqueDevicesOfYesterday \
    uniqueDevicesOfLastMonth uniqueOSOfYesterday uniqueOSOfLastMonth apps.engineVersion \
    apps.enabled apps.totalInstalled apps.totalActive integrations.totalIntegrations \
    integrations.totalIncoming integrations.totalIncomingActive integrations.totalOutgoing \
    integrations.totalOutgoingActive integrations.totalWithScriptEnabled pushQueue";

#[test]
fn every_field_of_0_61_and_of_3_4_0_has_a_row() {
    for path in OF_0_61.split_whitespace() {
        assert!(has(Version::new(0, 61, 0), path), "{path} of 0.61");
    }
    let kept = OF_0_61
        .split_whitespace()
        .filter(|field| *field != "totlalLivechat");
    for path in kept.chain(NEW_IN_3_4.split_whitespace()) {
        assert!(has(Version::new(3, 4, 0), path), "{path} of 3.4.0");
    }
    for path in NEW_IN_3_4.split_whitespace() {
        let early = ["oplogEnabled"].contains(&path);
        assert!(
            early || !has(Version::new(0, 61, 0), path),
            "{path} in 0.61"
        );
    }
}
