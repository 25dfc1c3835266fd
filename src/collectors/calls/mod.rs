//! Video conferences, from `rocketchat_video_conference`, and voice calls of 7.3 to 7.x, from `rocketchat_freeswitch_calls`.

pub mod query;

use std::collections::BTreeMap;

use super::license::LIVECHAT_ENTERPRISE;
use crate::catalogue::FieldOrigin::{Fresh, Keyed};
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Value, Versions,
};

/// Calls by kind and state.
#[derive(Debug, Clone, Default)]
pub struct Calls {
    /// Video conferences by [`CONFERENCES`].
    pub conferences: BTreeMap<&'static str, u64>,
    /// Voice calls of all time, of the last 30 days, 7 days and one day; `None` unless the license grants
    /// [`LIVECHAT_ENTERPRISE`].
    pub voice: Option<[VoiceCalls; 4]>,
}

/// Counted combinations of kind and state: the name, the field `type` and the field `status`.
pub const CONFERENCES: [(&str, &str, i32); 7] = [
    ("direct.calling", "direct", 0),
    ("direct.ended", "direct", 3),
    ("direct.started", "direct", 1),
    ("livechat.ended", "livechat", 3),
    ("livechat.started", "livechat", 1),
    ("videoConference.ended", "videoconference", 3),
    ("videoConference.started", "videoconference", 1),
];

/// Voice calls of one period.
#[derive(Debug, Clone, Copy, Default)]
pub struct VoiceCalls {
    /// Between users.
    pub internal: u64,
    /// Incoming from outside.
    pub inbound: u64,
    /// Outgoing.
    pub outbound: u64,
    /// Of at least five seconds.
    pub successful: u64,
    /// All others.
    pub failed: u64,
    /// Total duration in seconds.
    pub seconds: f64,
}

impl VoiceCalls {
    fn value(&self) -> Value {
        let number = |value| Some(Value::count(value));
        Value::object([
            ("internalCalls", number(self.internal)),
            ("externalInboundCalls", number(self.inbound)),
            ("externalOutboundCalls", number(self.outbound)),
            ("callsDuration", Some(Value::Number(self.seconds))),
            ("successfulCalls", number(self.successful)),
            ("failedCalls", number(self.failed)),
            ("externalCalls", number(self.inbound + self.outbound)),
            ("calls", number(self.successful + self.failed)),
        ])
    }
}

/// The number of conferences of a kind in a state.
const fn conferences(path: &'static str, key: &'static str) -> Field<Calls> {
    Field {
        path,
        versions: Versions::since(5, 0, 0),
        meaning: "video conferences",
        origin: Keyed(
            |calls, key| calls.conferences.get(key).copied().map(Value::count),
            key,
        ),
    }
}

const VOICE: Versions = Versions::since(7, 3, 0).until(8, 0, 0);

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "calls",
    tier: Tier::Slow,
    rank: 0,
    depends_on_license: true,
    privileges: &[
        Privilege::find("rocketchat_freeswitch_calls").licensed(LIVECHAT_ENTERPRISE),
        Privilege::find("rocketchat_video_conference"),
        Privilege::list_indexes("rocketchat_video_conference"),
    ],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Calls> = SectionDefinition {
    title: "Calls",
    metrics: &[Metric {
        name: "rocketchat_video_conferences",
        help: "Video conferences by kind and state (5.0 and later).",
        source: "rocketchat_video_conference by type and status",
        quantity: Quantity::Count,
        read: Read::By(&["kind", "state"], |calls| {
            CONFERENCES
                .iter()
                .filter_map(|(name, kind, _)| {
                    let (_, state) = name.split_once('.')?;
                    Some(Sample {
                        labels: vec![(*kind).into(), state.into()],
                        value: *calls.conferences.get(name)? as f64,
                    })
                })
                .collect()
        }),
    }],
    fields: &[
        conferences(
            "videoConf.videoConference.started",
            "videoConference.started",
        ),
        conferences("videoConf.videoConference.ended", "videoConference.ended"),
        conferences("videoConf.direct.calling", "direct.calling"),
        conferences("videoConf.direct.started", "direct.started"),
        conferences("videoConf.direct.ended", "direct.ended"),
        conferences("videoConf.livechat.started", "livechat.started"),
        conferences("videoConf.livechat.ended", "livechat.ended"),
        Field {
            path: "enterprise.voip.total",
            versions: VOICE,
            meaning: "voice calls of all time, if the license grants livechat-enterprise",
            origin: Fresh(|calls| calls.voice.map(|periods| periods[0].value())),
        },
        Field {
            path: "enterprise.voip.lastMonth",
            versions: VOICE,
            meaning: "voice calls of the last 30 days, if the license grants livechat-enterprise",
            origin: Fresh(|calls| calls.voice.map(|periods| periods[1].value())),
        },
        Field {
            path: "enterprise.voip.lastWeek",
            versions: VOICE,
            meaning: "voice calls of the last 7 days, if the license grants livechat-enterprise",
            origin: Fresh(|calls| calls.voice.map(|periods| periods[2].value())),
        },
        Field {
            path: "enterprise.voip.lastDay",
            versions: VOICE,
            meaning: "voice calls of the last day, if the license grants livechat-enterprise",
            origin: Fresh(|calls| calls.voice.map(|periods| periods[3].value())),
        },
    ],
};
