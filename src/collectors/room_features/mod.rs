//! What rooms have. Apart from the rooms themselves, because some of it has no index and takes a pass over all of them.

pub mod query;

use std::collections::BTreeMap;

use super::license::Grants;
use crate::catalogue::Origin::{Fresh, Keyed};
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Sample, Table, Tier, Value, Versions, count,
};

/// What is counted of all rooms.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomFeatures {
    /// Rooms that have each of [`ROOM_FEATURES`].
    pub features: BTreeMap<&'static str, u64>,
    /// Rooms whose `msgs` is no finite number; they add nothing to the sums of messages.
    pub without_counter: u64,
    /// Rooms without members that are neither direct nor omnichannel conversations.
    pub orphaned: u64,
    /// The modules that count as licensed: some features count only with them.
    pub grants: Grants,
}

/// What a room may have that some field counts.
#[derive(Debug, Clone, Copy)]
pub enum RoomFeature {
    /// A field that is true.
    True(&'static str),
    /// A field that is there, whatever it holds.
    Exists(&'static str),
    /// A field that is there while another one is not.
    ExistsWithout(&'static str, &'static str),
    /// The same, and a third one that is true.
    ExistsWithoutAndTrue(&'static str, &'static str, &'static str),
    /// A field that is there while another one is not true.
    ExistsUnless(&'static str, &'static str),
    /// A field that has a value.
    Is(&'static str, &'static str),
}

/// Names of the features, and what each of them is.
pub const ROOM_FEATURES: [(&str, RoomFeature); 15] = [
    (
        "abac",
        RoomFeature::ExistsUnless("abacAttributes", "archived"),
    ),
    ("broadcast", RoomFeature::True("broadcast")),
    ("call", RoomFeature::Exists("callStatus")),
    ("department", RoomFeature::Exists("departmentId")),
    ("encrypted", RoomFeature::True("encrypted")),
    ("federated", RoomFeature::True("federated")),
    (
        "livestream",
        RoomFeature::Is("streamingOptions.type", "livestream"),
    ),
    ("off_the_record", RoomFeature::True("createdOTR")),
    ("pdf_transcript", RoomFeature::Exists("pdfTranscriptFileId")),
    (
        "pdf_transcript_requested",
        RoomFeature::True("pdfTranscriptRequested"),
    ),
    ("priority", RoomFeature::Exists("priorityId")),
    ("service_level", RoomFeature::Exists("slaId")),
    ("team", RoomFeature::ExistsWithout("teamId", "teamMain")),
    (
        "team_default",
        RoomFeature::ExistsWithoutAndTrue("teamId", "teamMain", "teamDefault"),
    ),
    ("team_main", RoomFeature::True("teamMain")),
];

/// The number of rooms with a feature.
const fn having(path: &'static str, versions: Versions, key: &'static str) -> Field<RoomFeatures> {
    Field {
        path,
        versions,
        meaning: "rooms with the feature",
        origin: Keyed(
            |rooms, key| rooms.features.get(key).copied().map(Value::count),
            key,
        ),
    }
}

/// The same, where the license grants livechat-enterprise.
const fn licensed(
    path: &'static str,
    versions: Versions,
    key: &'static str,
) -> Field<RoomFeatures> {
    Field {
        path,
        versions,
        meaning: "where the license grants livechat-enterprise, rooms with the feature",
        origin: Keyed(
            |rooms, key| {
                let granted = rooms.grants.grants("livechat-enterprise");
                let count = granted.then(|| rooms.features.get(key))?;
                count.copied().map(Value::count)
            },
            key,
        ),
    }
}

/// Features that some rooms have.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "room_features",
    tier: Tier::Slow,
    rank: 5,
    needs_grants: true,
    tells_version: false,
};

pub const SECTION: Table<RoomFeatures> = Table {
    title: "What rooms have",
    metrics: &[
        Metric {
            name: "rocketchat_rooms_with_feature",
            help: "Rooms by what they have; a room may have several.",
            source: "rocketchat_room: broadcast, encrypted, federated, teamId ... by name",
            quantity: Quantity::Count,
            read: Read::By(&["feature"], |rooms| {
                rooms
                    .features
                    .iter()
                    .map(|(name, count)| Sample::of(*name, *count as f64))
                    .collect()
            }),
        },
        Metric {
            name: "rocketchat_rooms_without_msgs",
            help: "Rooms whose message counter is missing or no number; one of them makes Rocket.Chat's own sums null, here they add nothing.",
            source: "rocketchat_room: msgs not a finite number",
            quantity: Quantity::Count,
            read: Read::One(|rooms| count(rooms.without_counter)),
        },
        Metric {
            name: "rocketchat_rooms_orphaned",
            help: "Rooms that nobody is a member of, by the count that rooms carry (seen from 3.4 on; a room without it does not count); direct and omnichannel rooms, which may be left by all, do not count.",
            source: "rocketchat_room: usersCount 0, t none of d, l and v",
            quantity: Quantity::Count,
            read: Read::One(|rooms| count(rooms.orphaned)),
        },
    ],
    fields: &[
        having("totalBroadcastRooms", Versions::since(5, 0, 0), "broadcast"),
        having("totalE2ERooms", Versions::since(4, 8, 0), "encrypted"),
        having(
            "totalOTRRooms",
            Versions::since(4, 6, 0).until(8, 0, 0),
            "off_the_record",
        ),
        having(
            "totalRoomsWithActiveLivestream",
            Versions::since(5, 0, 0).until(6, 12, 0),
            "livestream",
        ),
        having(
            "teams.totalRoomsInsideTeams",
            Versions::since(4, 8, 0),
            "team",
        ),
        having(
            "teams.totalDefaultRoomsInsideTeams",
            Versions::since(4, 8, 0),
            "team_default",
        ),
        having(
            "totalLivechatRoomsWithDepartment",
            Versions::since(7, 0, 0),
            "department",
        ),
        having(
            "omnichannelWebRTCCalls",
            Versions::since(6, 0, 0).until(8, 0, 0),
            "call",
        ),
        having(
            "matrixFederation.amountOfFederatedRooms",
            Versions::since(6, 3, 0),
            "federated",
        ),
        licensed(
            "enterprise.omnichannelRoomsWithPriorities",
            Versions::since(6, 0, 0),
            "priority",
        ),
        licensed(
            "enterprise.omnichannelRoomsWithSlas",
            Versions::since(6, 0, 0),
            "service_level",
        ),
        licensed(
            "enterprise.omnichannelPdfTranscriptSucceeded",
            Versions::since(6, 0, 0),
            "pdf_transcript",
        ),
        licensed(
            "enterprise.omnichannelPdfTranscriptRequested",
            Versions::since(6, 0, 0).until(7, 0, 0),
            "pdf_transcript_requested",
        ),
        Field {
            path: "enterprise.omnichannelPdfTranscriptRequested",
            versions: Versions::since(7, 0, 0).until(8, 0, 0),
            meaning: "always 0, where the license grants livechat-enterprise",
            origin: Fresh(|rooms| {
                let granted = rooms.grants.grants("livechat-enterprise");
                granted.then_some(Value::Integer(0))
            }),
        },
        Field {
            path: "abacRoomsEnrolled",
            versions: Versions::since(8, 0, 0),
            meaning: "rooms with attributes that are not archived, where the license grants abac",
            origin: Fresh(|rooms| {
                let granted = rooms.grants.grants("abac");
                granted.then(|| rooms.features.get("abac").copied().map(Value::count))?
            }),
        },
    ],
};
