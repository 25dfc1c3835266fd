//! Features of rooms, from `rocketchat_room`. A collector of its own, because some have no index and need a full pass.

pub mod live;
pub mod query;

use std::collections::BTreeMap;

use super::license::{ABAC, Grants, LIVECHAT_ENTERPRISE};
use crate::catalogue::FieldOrigin::{Fresh, Keyed};
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Value, Versions, count,
};

/// Counts over all documents of `rocketchat_room`.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomFeatures {
    /// Rooms with each of [`ROOM_FEATURES`].
    pub features: BTreeMap<&'static str, u64>,
    /// Rooms whose `msgs` is not a finite number.
    pub without_counter: u64,
    /// Rooms with `usersCount` 0 that are neither direct nor omnichannel rooms.
    pub orphaned: u64,
    /// The licensed modules, which some fields depend on.
    pub grants: Grants,
}

/// The condition for a feature of a room.
#[derive(Debug, Clone, Copy)]
pub enum RoomFeature {
    /// A field is true.
    True(&'static str),
    /// A field exists.
    Exists(&'static str),
    /// A field exists, and another one does not.
    ExistsWithout(&'static str, &'static str),
    /// The same, and a third one is true.
    ExistsWithoutAndTrue(&'static str, &'static str, &'static str),
    /// A field exists, and another one is not true.
    ExistsUnless(&'static str, &'static str),
    /// A field has this value.
    Is(&'static str, &'static str),
}

/// The features: name and condition.
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

/// Rooms with a feature.
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

/// The same, if the license grants [`LIVECHAT_ENTERPRISE`].
const fn licensed(
    path: &'static str,
    versions: Versions,
    key: &'static str,
) -> Field<RoomFeatures> {
    Field {
        path,
        versions,
        meaning: "if the license grants livechat-enterprise, rooms with the feature",
        origin: Keyed(
            |rooms, key| {
                let granted = rooms.grants.grants(LIVECHAT_ENTERPRISE);
                let count = granted.then(|| rooms.features.get(key))?;
                count.copied().map(Value::count)
            },
            key,
        ),
    }
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "room_features",
    tier: Tier::Slow,
    rank: 5,
    depends_on_license: true,
    privileges: &[
        Privilege::find("rocketchat_room"),
        Privilege::list_indexes("rocketchat_room"),
    ],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<RoomFeatures> = SectionDefinition {
    title: "Room features",
    metrics: &[
        Metric {
            name: "rocketchat_rooms_with_feature",
            help: "Rooms by feature; a room can have several.",
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
            help: "Rooms whose message counter is missing or not a number. One of them turns Rocket.Chat's own sums into null; here they add nothing.",
            source: "rocketchat_room: msgs not a finite number",
            quantity: Quantity::Count,
            read: Read::One(|rooms| count(rooms.without_counter)),
        },
        Metric {
            name: "rocketchat_rooms_orphaned",
            help: "Rooms without members, by the member count stored in each room (seen from 3.4 on); direct and omnichannel rooms are not counted.",
            source: "rocketchat_room: usersCount 0, t not d, l or v",
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
            meaning: "always 0, if the license grants livechat-enterprise",
            origin: Fresh(|rooms| {
                let granted = rooms.grants.grants(LIVECHAT_ENTERPRISE);
                granted.then_some(Value::Integer(0))
            }),
        },
        Field {
            path: "abacRoomsEnrolled",
            versions: Versions::since(8, 0, 0),
            meaning: "rooms with attributes that are not archived, if the license grants abac",
            origin: Fresh(|rooms| {
                let granted = rooms.grants.grants(ABAC);
                granted.then(|| rooms.features.get("abac").copied().map(Value::count))?
            }),
        },
    ],
};
