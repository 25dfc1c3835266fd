//! Application instances, from their heartbeats in `instances`.

pub mod live;
pub mod query;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::catalogue::FieldOrigin::{Either, Fresh, FreshElseStored};
use crate::catalogue::{
    CollectorDefinition, Field, FieldValue, Metric, OTHER, Privilege, Quantity, Read, Sample,
    SectionDefinition, Tier, Timestamp, Value, Versions, count, count_field,
};

/// Maximum age of a live instance's heartbeat: instances write one every 10 s, and MongoDB removes records after 60 s.
pub const LIVE_FOR: Duration = Duration::from_mins(1);

/// A document of `instances`.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Random id of each process start.
    pub id: String,
    /// Process id in the instance's namespace.
    pub pid: Option<u64>,
    /// Registration time.
    pub created_at: Option<Timestamp>,
    /// Time of the newest heartbeat.
    pub heartbeat: Option<Timestamp>,
    /// `extraInformation.host` and `.port`.
    pub address: String,
    /// `extraInformation.nodeVersion` (3.10 and later).
    pub node_version: Option<String>,
    /// `extraInformation.conns`: open sessions, with or without a user (6.0 and later).
    pub connections: Option<u64>,
}

/// All records, and the time of the database's clock.
#[derive(Debug, Clone)]
pub struct Instances {
    /// Time of the reading by the database's clock.
    pub now: Timestamp,
    /// The same time by this machine's clock.
    pub here: Timestamp,
    /// Records, live or not; the 1,000 with the newest heartbeats.
    pub records: Vec<Instance>,
    /// The sums of all other records.
    pub others: OtherInstances,
}

/// Sums of the records that are not shown individually.
#[derive(Debug, Clone, Copy, Default)]
pub struct OtherInstances {
    /// Documents of `rocketchat_uploads`.
    pub records: u64,
    /// Live records.
    pub live: u64,
    /// Records whose heartbeat is too far ahead.
    pub in_future: u64,
    /// Open sessions.
    pub connections: u64,
    /// Open sessions of live records.
    pub live_connections: u64,
}

impl Instances {
    /// Converts a time of the database's clock to this machine's.
    pub fn by_own_clock(&self, at: Timestamp) -> Timestamp {
        let ahead = self.here.0.saturating_sub(self.now.0);
        Timestamp(at.0.saturating_add(ahead))
    }

    /// The number of live instances, including those not shown individually.
    pub fn live_count(&self) -> u64 {
        self.live().count() as u64 + self.others.live
    }

    /// Records whose heartbeat is at most [`LIVE_FOR`] before or after the database's clock.
    pub fn live(&self) -> impl Iterator<Item = &Instance> {
        self.records
            .iter()
            .filter(|instance| self.is_live(instance))
    }

    /// Whether a record's heartbeat is that close.
    pub fn is_live(&self, instance: &Instance) -> bool {
        let away = instance.heartbeat.and_then(|heartbeat| {
            self.now
                .since(heartbeat)
                .or_else(|| heartbeat.since(self.now))
        });
        away.is_some_and(|away| away <= LIVE_FOR)
    }

    /// Records whose heartbeat is more than [`LIVE_FOR`] ahead of the database's clock.
    pub fn in_future(&self) -> u64 {
        let is_ahead = |instance: &&Instance| {
            let ahead = instance
                .heartbeat
                .and_then(|heartbeat| heartbeat.since(self.now));
            ahead.is_some_and(|ahead| ahead > LIVE_FOR)
        };
        self.records.iter().filter(is_ahead).count() as u64 + self.others.in_future
    }

    /// Distinct Node.js versions of live instances; `None` if none has one.
    pub fn node_versions(&self) -> Option<u64> {
        let versions: BTreeSet<_> = self
            .live()
            .filter_map(|instance| instance.node_version.as_ref())
            .collect();
        (!versions.is_empty()).then_some(versions.len() as u64)
    }

    /// Sessions of all live instances; `None` if none has a number.
    pub fn connections(&self) -> Option<u64> {
        let counts: Vec<u64> = self
            .live()
            .filter_map(|instance| instance.connections)
            .collect();
        let others = self.others.live_connections;
        let sum = counts
            .iter()
            .fold(others, |sum, count| sum.saturating_add(*count));
        (!counts.is_empty()).then_some(sum)
    }

    /// A field about the process of the document: that of the live instance that registered first, or, while none is
    /// live, of the process that stored the newest document.
    fn of_first(&self, read: impl Fn(&Instance) -> Option<Value>) -> FieldValue {
        match self.first() {
            Some(first) => FieldValue::Fresh(read(first)),
            None => FieldValue::Stored,
        }
    }

    /// The live instance that registered first.
    fn first(&self) -> Option<&Instance> {
        self.live()
            .min_by_key(|instance| (instance.created_at, &instance.id))
    }
}

fn of_each(instances: &Instances, read: impl Fn(&Instance) -> Option<f64>) -> Vec<Sample> {
    instances
        .records
        .iter()
        .filter_map(|instance| Some(Sample::of(instance.id.clone(), read(instance)?)))
        .collect()
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "instances",
    tier: Tier::Fast,
    rank: 0,
    privileges: &[Privilege::find("instances")],
    minimal_metrics: &["rocketchat_instances", "rocketchat_connections"],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Instances> = SectionDefinition {
    title: "Instances",
    metrics: &[
        Metric {
            name: "rocketchat_instances",
            help: "Live instances: their heartbeat is at most 60 seconds away from the database's clock.",
            source: "instances: _updatedAt",
            quantity: Quantity::Count,
            read: Read::One(|instances| count(instances.live_count())),
        },
        Metric {
            name: "rocketchat_instances_in_future",
            help: "Recorded instances whose heartbeat is more than 60 seconds ahead of the database's clock; they do not count as live.",
            source: "instances: _updatedAt",
            quantity: Quantity::Count,
            read: Read::One(|instances| count(instances.in_future())),
        },
        Metric {
            name: "rocketchat_instance_node_versions",
            help: "Distinct Node.js versions of live instances; more than one means that the instances run different builds (3.10 and later).",
            source: "instances: extraInformation.nodeVersion",
            quantity: Quantity::Count,
            read: Read::One(|instances| instances.node_versions().and_then(count)),
        },
        Metric {
            name: "rocketchat_connections",
            help: "Open client sessions of all live instances, with or without a user: the active sessions that Rocket.Chat compares with its limit (6.0 and later).",
            source: "instances: extraInformation.conns of live ones",
            quantity: Quantity::Count,
            read: Read::One(|instances| instances.connections().and_then(count)),
        },
        Metric {
            name: "rocketchat_instance_info",
            help: "Address, process ID and Node.js version of a recorded instance (3.10 and later).",
            source: "instances: extraInformation, pid",
            quantity: Quantity::Info,
            read: Read::By(
                &["instance_id", "address", "pid", "node_version"],
                |instances| {
                    instances
                        .records
                        .iter()
                        .map(|instance| Sample {
                            labels: vec![
                                instance.id.clone().into(),
                                instance.address.clone().into(),
                                instance
                                    .pid
                                    .map(|pid| pid.to_string())
                                    .unwrap_or_default()
                                    .into(),
                                instance.node_version.clone().unwrap_or_default().into(),
                            ],
                            value: 1.0,
                        })
                        .collect()
                },
            ),
        },
        Metric {
            name: "rocketchat_instance_heartbeat_timestamp_seconds",
            help: "Time of the newest heartbeat of a recorded instance; the 1,000 newest are shown.",
            source: "instances: _updatedAt",
            quantity: Quantity::Instant,
            read: Read::By(&["instance_id"], |instances| {
                of_each(instances, |instance| {
                    instance.heartbeat.map(Timestamp::seconds)
                })
            }),
        },
        Metric {
            name: "rocketchat_instance_start_timestamp_seconds",
            help: "Time when a recorded instance registered.",
            source: "instances: _createdAt",
            quantity: Quantity::Instant,
            read: Read::By(&["instance_id"], |instances| {
                of_each(instances, |instance| {
                    instance.created_at.map(Timestamp::seconds)
                })
            }),
        },
        Metric {
            name: "rocketchat_instance_connections",
            help: "Open client sessions of a recorded instance, with or without a user; those beyond the 1,000 newest are added up as other (6.0 and later).",
            source: "instances: extraInformation.conns",
            quantity: Quantity::Count,
            read: Read::By(&["instance_id"], |instances| {
                let mut samples =
                    of_each(instances, |instance| instance.connections.and_then(count));
                if instances.others.records > 0 {
                    samples.push(Sample::of(OTHER, instances.others.connections as f64));
                }
                samples
            }),
        },
    ],
    fields: &[
        Field {
            path: "instanceCount",
            versions: Versions::since(0, 16, 0),
            meaning: "instances with a heartbeat within the last 60 seconds",
            origin: Fresh(|instances| count_field(instances.live_count())),
        },
        Field {
            path: "process.nodeVersion",
            versions: Versions::since(0, 51, 0),
            meaning: "Node.js version of the live instance that registered first; the stored one while none is live",
            origin: FreshElseStored(|instances| {
                Some(Value::text(instances.first()?.node_version.as_ref()?))
            }),
        },
        Field {
            path: "process.pid",
            versions: Versions::since(0, 51, 0),
            meaning: "process ID of the live instance that registered first; the stored one while none is live",
            origin: Either(|instances| instances.of_first(|first| first.pid.map(Value::count))),
        },
        Field {
            path: "process.uptime",
            versions: Versions::since(0, 51, 0),
            meaning: "seconds since the first live instance registered; the stored number while none is live",
            origin: Either(|instances| {
                instances.of_first(|first| {
                    let uptime = instances.now.since(first.created_at?)?;
                    Some(Value::Number(uptime.as_secs_f64()))
                })
            }),
        },
    ],
};
