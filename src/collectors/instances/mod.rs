//! Application instances, by the heartbeats that they write.

pub mod query;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::catalogue::Origin::{Either, Fresh, FreshElseStored};
use crate::catalogue::{
    Answer, CollectorDefinition, Field, Metric, OTHER, Quantity, Read, Sample, Table, Tier,
    Timestamp, Value, Versions, count,
};

/// How young a heartbeat must be: instances write one every 10 s, and MongoDB removes records after 60 s.
pub const LIVE_FOR: Duration = Duration::from_mins(1);

/// One record of the collection `instances`.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Random for each start of a process.
    pub id: String,
    /// Process id, in the instance's own name space.
    pub pid: Option<u64>,
    /// When the instance registered.
    pub created_at: Option<Timestamp>,
    /// Its newest heartbeat.
    pub heartbeat: Option<Timestamp>,
    /// `extraInformation.host` and `.port`.
    pub address: String,
    /// `extraInformation.nodeVersion` (3.10 and later).
    pub node_version: Option<String>,
    /// `extraInformation.conns`: open sessions, with a user or without (6.0 and later).
    pub connections: Option<u64>,
}

/// All records, and the server's clock to judge them by.
#[derive(Debug, Clone)]
pub struct Instances {
    /// The time at the database when they were read.
    pub now: Timestamp,
    /// The same moment by this machine's clock.
    pub here: Timestamp,
    /// Records, live or not; the 1,000 with the newest heartbeats.
    pub records: Vec<Instance>,
    /// The sums of all other records.
    pub others: OtherInstances,
}

/// Records that are too many to be told one by one.
#[derive(Debug, Clone, Copy, Default)]
pub struct OtherInstances {
    /// All of them.
    pub records: u64,
    /// Those that are live.
    pub live: u64,
    /// Those whose heartbeat lies too far ahead.
    pub in_future: u64,
    /// Open sessions of all of them.
    pub connections: u64,
    /// Open sessions of those that are live.
    pub live_connections: u64,
}

impl Instances {
    /// An instant that the database dated, by this machine's clock.
    pub fn by_own_clock(&self, at: Timestamp) -> Timestamp {
        let ahead = self.here.0.saturating_sub(self.now.0);
        Timestamp(at.0.saturating_add(ahead))
    }

    /// How many instances are live, whether they are told one by one or not.
    pub fn live_count(&self) -> u64 {
        self.live().count() as u64 + self.others.live
    }

    /// Records that are told one by one and whose heartbeat is at most [`LIVE_FOR`] away from the server's clock, to either side.
    pub fn live(&self) -> impl Iterator<Item = &Instance> {
        self.records
            .iter()
            .filter(|instance| self.is_live(instance))
    }

    /// Whether a record's heartbeat is that near.
    pub fn is_live(&self, instance: &Instance) -> bool {
        let away = instance.heartbeat.and_then(|heartbeat| {
            self.now
                .since(heartbeat)
                .or_else(|| heartbeat.since(self.now))
        });
        away.is_some_and(|away| away <= LIVE_FOR)
    }

    /// Records whose heartbeat lies further ahead of the server's clock than a live one may.
    pub fn in_future(&self) -> u64 {
        let is_ahead = |instance: &&Instance| {
            let ahead = instance.heartbeat.and_then(|it| it.since(self.now));
            ahead.is_some_and(|ahead| ahead > LIVE_FOR)
        };
        self.records.iter().filter(is_ahead).count() as u64 + self.others.in_future
    }

    /// Different versions of Node among live instances; `None` when none tells its version.
    pub fn node_versions(&self) -> Option<u64> {
        let versions: BTreeSet<_> = self
            .live()
            .filter_map(|instance| instance.node_version.as_ref())
            .collect();
        (!versions.is_empty()).then_some(versions.len() as u64)
    }

    /// Sessions of all live instances; `None` when none tells its own.
    pub fn connections(&self) -> Option<u64> {
        let told: Vec<u64> = self.live().filter_map(|it| it.connections).collect();
        let others = self.others.live_connections;
        let sum = told.iter().fold(others, |sum, it| sum.saturating_add(*it));
        (!told.is_empty()).then_some(sum)
    }

    /// What the document says of its process: that of the live instance which registered first. While none is live it is
    /// the process that stored the newest document, never a mixture of the two.
    fn of_first(&self, read: impl Fn(&Instance) -> Option<Value>) -> Answer {
        match self.first() {
            Some(first) => Answer::Fresh(read(first)),
            None => Answer::Stored,
        }
    }

    /// The live instance that registered first: the document describes one process.
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

/// Live application instances.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "instances",
    tier: Tier::Fast,
    rank: 0,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Instances> = Table {
    title: "Instances",
    metrics: &[
        Metric {
            name: "rocketchat_instances",
            help: "Application instances with a heartbeat within the last 60 seconds of the database's clock.",
            source: "instances: _updatedAt",
            quantity: Quantity::Count,
            read: Read::One(|instances| count(instances.live_count())),
        },
        Metric {
            name: "rocketchat_instances_in_future",
            help: "Recorded instances whose heartbeat lies more than 60 seconds ahead of the database's clock; they are not live.",
            source: "instances: _updatedAt",
            quantity: Quantity::Count,
            read: Read::One(|instances| count(instances.in_future())),
        },
        Metric {
            name: "rocketchat_instance_node_versions",
            help: "Different versions of Node among live instances; more than one means that they do not run the same build (3.10 and later).",
            source: "instances: extraInformation.nodeVersion",
            quantity: Quantity::Count,
            read: Read::One(|instances| instances.node_versions().and_then(count)),
        },
        Metric {
            name: "rocketchat_connections",
            help: "Open client sessions of all live instances, with or without a user: what Rocket.Chat calls active sessions and compares with its limit (6.0 and later).",
            source: "instances: extraInformation.conns of those that are live",
            quantity: Quantity::Count,
            read: Read::One(|instances| instances.connections().and_then(count)),
        },
        Metric {
            name: "rocketchat_instance_info",
            help: "Each recorded instance: its address, process id and Node version (3.10 and later).",
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
            help: "Newest heartbeat of each recorded instance, of the 1,000 newest at most.",
            source: "instances: _updatedAt",
            quantity: Quantity::Instant,
            read: Read::By(&["instance_id"], |instances| {
                of_each(instances, |it| it.heartbeat.map(Timestamp::seconds))
            }),
        },
        Metric {
            name: "rocketchat_instance_start_timestamp_seconds",
            help: "When each recorded instance registered.",
            source: "instances: _createdAt",
            quantity: Quantity::Instant,
            read: Read::By(&["instance_id"], |instances| {
                of_each(instances, |it| it.created_at.map(Timestamp::seconds))
            }),
        },
        Metric {
            name: "rocketchat_instance_connections",
            help: "Open client sessions of each recorded instance, with or without a user (6.0 and later); those beyond the 1,000 newest count as other.",
            source: "instances: extraInformation.conns",
            quantity: Quantity::Count,
            read: Read::By(&["instance_id"], |instances| {
                let mut samples = of_each(instances, |it| it.connections.and_then(count));
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
            origin: Fresh(|instances| Some(Value::count(instances.live_count()))),
        },
        Field {
            path: "process.nodeVersion",
            versions: Versions::since(0, 51, 0),
            meaning: "version of Node, as the first live instance registered it; the stored one while none is live",
            origin: FreshElseStored(|instances| {
                Some(Value::text(instances.first()?.node_version.as_ref()?))
            }),
        },
        Field {
            path: "process.pid",
            versions: Versions::since(0, 51, 0),
            meaning: "process id of the live instance that registered first; the stored one while none is live",
            origin: Either(|instances| instances.of_first(|it| it.pid.map(Value::count))),
        },
        Field {
            path: "process.uptime",
            versions: Versions::since(0, 51, 0),
            meaning: "seconds since that instance registered; the stored number while none is live",
            origin: Either(|instances| {
                instances.of_first(|it| {
                    let uptime = instances.now.since(it.created_at?)?;
                    Some(Value::Number(uptime.as_secs_f64()))
                })
            }),
        },
    ],
};
