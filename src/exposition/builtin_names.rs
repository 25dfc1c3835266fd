//! The metric names of Rocket.Chat's built-in exporter, for dashboards and alerts that were made for it.
//!
//! Most of them are fields of the statistics document, so a row names the field, whose definition is that of the
//! workspace's version; only fresh values are exposed. Some names end in `_total` or `_count` although the numbers also
//! fall, so they have no type. `rocketchat_info` is not here: the catalogue has the same name with the same labels.

use std::collections::BTreeMap;

use crate::catalogue::{FieldValue, MetricRow, Quantity, Read, Sample, Value, Version, count};
use crate::collectors::{SECTIONS, Snapshot};

/// A metric of the built-in exporter.
pub struct CompatMetric {
    /// Its name.
    pub name: &'static str,
    /// The HELP text.
    pub help: &'static str,
    /// Where its value comes from.
    source: CompatSource,
}

/// Where the value of a metric comes from.
enum CompatSource {
    /// A field of the statistics document that is read fresh.
    Document(&'static str),
    /// The snapshot: the source for the reference, and how to read it.
    Snapshot(&'static str, Read<Snapshot>),
}

/// Every metric that can be read from the database, in the order of the built-in exporter.
pub const COMPAT: &[CompatMetric] = &[
    CompatMetric {
        name: "rocketchat_version",
        help: "Version of Rocket.Chat.",
        source: CompatSource::Snapshot(
            "rocketchat_statistics version",
            Read::By(&["version"], |snapshot| {
                let workspace = snapshot.workspace.as_ref();
                let version = workspace.and_then(|workspace| workspace.version.as_ref());
                version
                    .map(|version| Sample::of(version.name.clone(), 1.0))
                    .into_iter()
                    .collect()
            }),
        ),
    },
    CompatMetric {
        name: "rocketchat_migration",
        help: "Number of the database schema.",
        source: CompatSource::Snapshot(
            "migrations control, version",
            Read::One(|snapshot| {
                let migration = snapshot.workspace.as_ref()?.migration.as_ref()?;
                migration.version.and_then(count)
            }),
        ),
    },
    CompatMetric {
        name: "rocketchat_instance_count",
        help: "Live application instances.",
        source: CompatSource::Document("instanceCount"),
    },
    CompatMetric {
        name: "rocketchat_oplog_enabled",
        help: "Whether Rocket.Chat reads the oplog, as its newest stored statistics say.",
        source: CompatSource::Snapshot(
            "rocketchat_statistics oplogEnabled",
            Read::By(&["enabled"], |snapshot| {
                let document = snapshot
                    .stored_document
                    .as_ref()
                    .and_then(|stored| stored.document.as_ref());
                match document.and_then(|document| document.get(&["oplogEnabled"])) {
                    Some(Value::Bool(enabled)) => vec![Sample::of(enabled.to_string(), 1.0)],
                    _ => Vec::new(),
                }
            }),
        ),
    },
    CompatMetric {
        name: "rocketchat_push_queue",
        help: "Notifications in the queue.",
        source: CompatSource::Document("pushQueue"),
    },
    CompatMetric {
        name: "rocketchat_users_total",
        help: "Accounts of every kind.",
        source: CompatSource::Document("totalUsers"),
    },
    CompatMetric {
        name: "rocketchat_users_active",
        help: "Activated accounts.",
        source: CompatSource::Document("activeUsers"),
    },
    CompatMetric {
        name: "rocketchat_users_non_active",
        help: "Deactivated accounts.",
        source: CompatSource::Document("nonActiveUsers"),
    },
    CompatMetric {
        name: "rocketchat_users_online",
        help: "Accounts that are online.",
        source: CompatSource::Document("onlineUsers"),
    },
    CompatMetric {
        name: "rocketchat_users_away",
        help: "Accounts that are away.",
        source: CompatSource::Document("awayUsers"),
    },
    CompatMetric {
        name: "rocketchat_users_offline",
        help: "Accounts that are offline.",
        source: CompatSource::Document("offlineUsers"),
    },
    CompatMetric {
        name: "rocketchat_rooms_total",
        help: "Rooms of every kind.",
        source: CompatSource::Document("totalRooms"),
    },
    CompatMetric {
        name: "rocketchat_channels_total",
        help: "Channels.",
        source: CompatSource::Document("totalChannels"),
    },
    CompatMetric {
        name: "rocketchat_private_groups_total",
        help: "Private groups.",
        source: CompatSource::Document("totalPrivateGroups"),
    },
    CompatMetric {
        name: "rocketchat_direct_total",
        help: "Rooms of direct messages.",
        source: CompatSource::Document("totalDirect"),
    },
    CompatMetric {
        name: "rocketchat_livechat_total",
        help: "Omnichannel rooms.",
        source: CompatSource::Document("totalLivechat"),
    },
    CompatMetric {
        name: "rocketchat_messages_total",
        help: "Messages; since 3.1 by the counters that rooms carry.",
        source: CompatSource::Document("totalMessages"),
    },
    CompatMetric {
        name: "rocketchat_channel_messages_total",
        help: "Messages in channels, by the counters that rooms carry.",
        source: CompatSource::Document("totalChannelMessages"),
    },
    CompatMetric {
        name: "rocketchat_private_group_messages_total",
        help: "Messages in private groups, by the counters that rooms carry.",
        source: CompatSource::Document("totalPrivateGroupMessages"),
    },
    CompatMetric {
        name: "rocketchat_direct_messages_total",
        help: "Direct messages, by the counters that rooms carry.",
        source: CompatSource::Document("totalDirectMessages"),
    },
    CompatMetric {
        name: "rocketchat_livechat_messages_total",
        help: "Messages in omnichannel rooms, by the counters that rooms carry.",
        source: CompatSource::Document("totalLivechatMessages"),
    },
    CompatMetric {
        name: "rocketchat_visitors_total",
        help: "Omnichannel visitors.",
        source: CompatSource::Document("totalLivechatVisitors"),
    },
    CompatMetric {
        name: "rocketchat_agents_total",
        help: "Omnichannel agents.",
        source: CompatSource::Document("totalLivechatAgents"),
    },
    CompatMetric {
        name: "rocketchat_apps_installed",
        help: "Recorded apps.",
        source: CompatSource::Document("apps.totalInstalled"),
    },
    CompatMetric {
        name: "rocketchat_apps_enabled",
        help: "Recorded apps that are enabled.",
        source: CompatSource::Document("apps.totalActive"),
    },
    CompatMetric {
        name: "rocketchat_apps_failed",
        help: "Recorded apps that failed, as the workspace's version counts them.",
        source: CompatSource::Document("apps.totalFailed"),
    },
    CompatMetric {
        name: "rocketchat_ddp_sessions_count",
        help: "Open client sessions of all live instances together, with or without a user (6.0 and later).",
        source: CompatSource::Snapshot(
            "instances: sum of extraInformation.conns",
            Read::One(|snapshot| {
                let instances = snapshot.instances.as_ref()?;
                instances.live().next()?;
                let sum: Option<u64> = instances.live().map(|instance| instance.connections).sum();
                sum.and_then(|sum| count(sum.saturating_add(instances.others.live_connections)))
            }),
        ),
    },
    CompatMetric {
        name: "rocketchat_ddp_sessions_auth",
        help: "Connections of logged-in accounts to all live instances together.",
        source: CompatSource::Snapshot(
            "usersSessions: connections to live instances",
            Read::One(|snapshot| count(snapshot.connections.as_ref()?.connections)),
        ),
    },
    CompatMetric {
        name: "rocketchat_ddp_connected_users",
        help: "Accounts with a live connection to any instance.",
        source: CompatSource::Snapshot(
            "users: statusConnection online, away or busy",
            Read::One(|snapshot| {
                let connected = snapshot.presence.as_ref()?.connected;
                count(connected.online + connected.away + connected.busy)
            }),
        ),
    },
];

impl CompatMetric {
    /// The row for the renderers.
    pub fn row(&self) -> MetricRow {
        let (source, labels) = match self.source {
            CompatSource::Document(path) => (path, &[][..]),
            CompatSource::Snapshot(source, Read::One(_)) => (source, &[][..]),
            CompatSource::Snapshot(source, Read::By(labels, _)) => (source, labels),
        };
        MetricRow {
            name: self.name,
            help: self.help,
            source,
            quantity: Quantity::Untyped,
            labels,
        }
    }

    /// The field of the statistics document that it is, if any.
    pub fn field(&self) -> Option<&'static str> {
        match self.source {
            CompatSource::Document(path) => Some(path),
            CompatSource::Snapshot(..) => None,
        }
    }
}

/// Calls `visit` with each metric that has a value.
pub fn visit_compat_samples(snapshot: &Snapshot, visit: &mut dyn FnMut(MetricRow, Vec<Sample>)) {
    let numbers = fresh_numbers(snapshot);
    for metric in COMPAT {
        let samples = match &metric.source {
            CompatSource::Document(path) => {
                numbers.get(path).copied().map(plain).into_iter().collect()
            }
            CompatSource::Snapshot(_, Read::One(read)) => {
                read(snapshot).map(plain).into_iter().collect()
            }
            CompatSource::Snapshot(_, Read::By(_, read)) => read(snapshot),
        };
        if !samples.is_empty() {
            visit(metric.row(), samples);
        }
    }
}

/// A series without labels.
fn plain(value: f64) -> Sample {
    Sample {
        labels: Vec::new(),
        value,
    }
}

/// The fresh numbers of the document by the workspace's version.
fn fresh_numbers(snapshot: &Snapshot) -> BTreeMap<&'static str, f64> {
    let version = snapshot.version().unwrap_or(Version::NEWEST);
    let mut numbers = BTreeMap::new();
    for section in SECTIONS {
        section.visit_fields(snapshot, version, &mut |row, answer| {
            let number = match answer {
                FieldValue::Fresh(Some(Value::Integer(number))) => number as f64,
                FieldValue::Fresh(Some(Value::Number(number))) if number.is_finite() => number,
                _ => return,
            };
            numbers.insert(row.path, number);
        });
    }
    numbers
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::catalogue::Metric;
    use crate::catalogue::Timestamp;
    use crate::collectors::LIVE;
    use crate::collectors::READINGS;
    use crate::collectors::instances::{Instance, Instances};
    use crate::collectors::presence::{Presence, Presences};
    use crate::collectors::stored_document::StoredDocument;
    use crate::exposition::exporter_metrics::EXPORTER_METRICS;

    /// Names that a family claims in OpenMetrics: its own and those of its samples.
    fn claimed(row: &MetricRow) -> Vec<String> {
        let name = row.name;
        match row.quantity {
            Quantity::CountTotal | Quantity::SecondsTotal => {
                let family = name.trim_end_matches("_total");
                vec![family.into(), name.into(), format!("{family}_created")]
            }
            Quantity::Info => vec![name.trim_end_matches("_info").into(), name.into()],
            _ => vec![name.into()],
        }
    }

    #[test]
    fn no_two_families_claim_the_same_name() {
        let own = READINGS
            .iter()
            .chain(LIVE)
            .map(Metric::row)
            .chain(EXPORTER_METRICS.iter().map(Metric::row));
        let sections = SECTIONS.iter().flat_map(|section| section.metrics());
        let compat = COMPAT.iter().map(CompatMetric::row);
        let mut seen = BTreeSet::new();
        for row in own.chain(sections).chain(compat) {
            for name in claimed(&row) {
                assert!(seen.insert(name.clone()), "{}: {name}", row.name);
            }
        }
    }

    #[test]
    fn every_row_has_a_plain_name_and_sentence_and_a_field_that_is_a_row_of_the_catalogue() {
        let mut fields = BTreeSet::new();
        for section in SECTIONS {
            fields.extend(section.fields().iter().map(|field| field.path));
        }
        for metric in COMPAT {
            let name = metric.name;
            assert!(name.starts_with("rocketchat_"), "{name}");
            assert!(metric.help.ends_with('.'), "{name}");
            assert!(!metric.help.contains(['\n', '\\', '"']), "{name}");
            if let Some(path) = metric.field() {
                assert!(fields.contains(path), "{name}: {path}");
            }
        }
    }

    fn shown(snapshot: &Snapshot) -> BTreeMap<&'static str, Vec<Sample>> {
        let mut shown = BTreeMap::new();
        visit_compat_samples(snapshot, &mut |row, samples| {
            shown.insert(row.name, samples);
        });
        shown
    }

    #[test]
    fn nothing_is_shown_of_what_was_not_read() {
        assert!(shown(&Snapshot::default()).is_empty());
    }

    #[test]
    fn a_definition_is_that_of_the_workspace_version_and_a_stored_number_is_never_shown() {
        let stored = |version: &str| Snapshot {
            presence: Some(Arc::new(Presence {
                accounts: 9,
                shown: Presences {
                    online: 3,
                    away: 1,
                    busy: 1,
                },
                connected: Presences {
                    online: 4,
                    away: 1,
                    busy: 0,
                },
            })),
            stored_document: Some(Arc::new(StoredDocument {
                version: Some(version.to_owned()),
                document: Some(Arc::new(Value::Object(vec![
                    ("oplogEnabled".into(), Value::Bool(true)),
                    ("totalRooms".into(), Value::Integer(5)),
                ]))),
                ..StoredDocument::default()
            })),
            ..Snapshot::default()
        };
        for (version, online) in [("3.4.0", 4.0), ("7.7.1", 3.0)] {
            let shown = shown(&stored(version));
            assert_eq!(shown["rocketchat_users_online"], [plain(online)]);
            assert_eq!(shown["rocketchat_ddp_connected_users"], [plain(5.0)]);
            assert_eq!(shown["rocketchat_oplog_enabled"], [Sample::of("true", 1.0)]);
            assert!(!shown.contains_key("rocketchat_rooms_total"));
        }
    }

    #[test]
    fn sessions_are_the_sum_of_the_live_instances_if_all_of_them_tell() {
        let instance = |heartbeat, connections| Instance {
            id: "i".to_owned(),
            pid: None,
            created_at: None,
            heartbeat: Some(Timestamp(heartbeat)),
            address: String::new(),
            node_version: None,
            connections,
        };
        let sessions = |records| {
            let snapshot = Snapshot {
                instances: Some(Arc::new(Instances {
                    now: Timestamp(1_000_000),
                    here: Timestamp(1_000_000),
                    records,
                    others: crate::collectors::instances::OtherInstances::default(),
                })),
                ..Snapshot::default()
            };
            let samples = shown(&snapshot).remove("rocketchat_ddp_sessions_count")?;
            Some(samples[0].value)
        };
        let (live, dead) = (1_000_000, 0);
        let three = instance(live, Some(3));
        let of_dead = instance(dead, Some(100));
        let silent = instance(live, None);
        assert_eq!(
            sessions(vec![
                three.clone(),
                instance(live, Some(4)),
                of_dead.clone()
            ]),
            Some(7.0)
        );
        assert_eq!(sessions(vec![three, silent]), None);
        assert_eq!(sessions(vec![of_dead]), None);
    }
}
