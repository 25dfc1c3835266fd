//! Rooms by kind, and the message counters that rooms carry.

use std::collections::BTreeMap;

use super::{
    Collector, Field, Grants, Metric,
    Origin::{Fresh, Keyed},
    Quantity, Read, Sample, Snapshot, Table, Value, Versions, count,
};

/// The field `t` of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomKind {
    /// `c`: a channel.
    Channel,
    /// `p`: a private group.
    PrivateGroup,
    /// `d`: direct messages, of two or more people or of one with themselves.
    Direct,
    /// `l`: an omnichannel conversation.
    Livechat,
    /// `v`: an omnichannel call (4.6 to 7.x).
    Voip,
    /// Anything else.
    Other,
}

/// Rooms of one kind; discussions apart from the others.
#[derive(Debug, Clone)]
pub struct Rooms {
    /// One entry for each combination that exists.
    pub groups: Vec<RoomGroup>,
    /// Rooms with a field `prid`, whatever its value.
    pub discussions: u64,
    /// Rooms whose `msgs` is no finite number; they add nothing to the sums.
    pub without_counter: u64,
    /// Rooms that have each of [`ROOM_FEATURES`].
    pub features: BTreeMap<&'static str, u64>,
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

/// Rooms that are alike in everything the definitions look at.
#[derive(Debug, Clone)]
pub struct RoomGroup {
    /// By `t`.
    pub kind: RoomKind,
    /// Whether `prid` names a parent room.
    pub discussion: bool,
    /// How many there are.
    pub rooms: u64,
    /// Sum of their `msgs`, of those that are finite numbers.
    pub messages: f64,
}

impl Rooms {
    fn rooms(&self, kind: RoomKind) -> u64 {
        self.groups
            .iter()
            .filter(|group| group.kind == kind)
            .map(|group| group.rooms)
            .sum()
    }

    fn messages(&self, matches: impl Fn(&RoomGroup) -> bool) -> f64 {
        self.groups
            .iter()
            .filter(|group| matches(group))
            .map(|group| group.messages)
            .sum()
    }

    fn messages_in(&self, kind: RoomKind) -> f64 {
        self.messages(|group| group.kind == kind)
    }
}

/// The number of rooms with a feature.
const fn having(path: &'static str, versions: Versions, key: &'static str) -> Field<Rooms> {
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
const fn licensed(path: &'static str, versions: Versions, key: &'static str) -> Field<Rooms> {
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

const KINDS: [(&str, RoomKind); 6] = [
    ("channel", RoomKind::Channel),
    ("private_group", RoomKind::PrivateGroup),
    ("direct", RoomKind::Direct),
    ("livechat", RoomKind::Livechat),
    ("voip", RoomKind::Voip),
    ("other", RoomKind::Other),
];

fn rooms_of(rooms: &Rooms, kind: RoomKind) -> Option<Value> {
    Some(Value::count(rooms.rooms(kind)))
}

fn messages(sum: f64) -> Option<Value> {
    Some(Value::Number(sum))
}

pub(super) const SECTION: Table<Rooms> = Table {
    collector: Collector::Rooms,
    title: "Rooms",
    find: |snapshot: &Snapshot| snapshot.rooms.as_deref(),
    metrics: &[
        Metric {
            name: "rocketchat_rooms",
            help: "Rooms by kind; discussions and the main rooms of teams are among the channels and private groups.",
            source: "rocketchat_room by t",
            quantity: Quantity::Count,
            read: Read::By(&["kind"], |rooms| {
                KINDS
                    .iter()
                    .map(|(name, kind)| Sample::of(*name, rooms.rooms(*kind) as f64))
                    .collect()
            }),
        },
        Metric {
            name: "rocketchat_discussions",
            help: "Rooms that are discussions; they are also counted as channels or private groups.",
            source: "rocketchat_room with prid",
            quantity: Quantity::Count,
            read: Read::One(|rooms| count(rooms.discussions)),
        },
        Metric {
            name: "rocketchat_room_messages",
            help: "Messages by kind of room, by the counters that rooms carry; Rocket.Chat does not lower them for every deletion, so they drift above rocketchat_messages.",
            source: "rocketchat_room: sum of msgs by t",
            quantity: Quantity::Count,
            read: Read::By(&["kind"], |rooms| {
                KINDS
                    .iter()
                    .map(|(name, kind)| Sample::of(*name, rooms.messages_in(*kind)))
                    .collect()
            }),
        },
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
    ],
    fields: &[
        Field {
            path: "totalRooms",
            versions: Versions::since(0, 8, 0),
            meaning: "rooms of every kind",
            origin: Fresh(|rooms| {
                Some(Value::count(
                    rooms.groups.iter().map(|group| group.rooms).sum(),
                ))
            }),
        },
        Field {
            path: "totalChannels",
            versions: Versions::since(0, 8, 0),
            meaning: "channels, discussions among them",
            origin: Fresh(|rooms| rooms_of(rooms, RoomKind::Channel)),
        },
        Field {
            path: "totalPrivateGroups",
            versions: Versions::since(0, 8, 0),
            meaning: "private groups, discussions among them",
            origin: Fresh(|rooms| rooms_of(rooms, RoomKind::PrivateGroup)),
        },
        Field {
            path: "totalDirect",
            versions: Versions::since(0, 8, 0),
            meaning: "rooms of direct messages",
            origin: Fresh(|rooms| rooms_of(rooms, RoomKind::Direct)),
        },
        Field {
            path: "totlalLivechat",
            versions: Versions::since(0, 51, 0).until(0, 66, 0),
            meaning: "omnichannel rooms, under the name with the misspelling",
            origin: Fresh(|rooms| rooms_of(rooms, RoomKind::Livechat)),
        },
        Field {
            path: "totalLivechat",
            versions: Versions::since(0, 66, 0),
            meaning: "omnichannel rooms",
            origin: Fresh(|rooms| rooms_of(rooms, RoomKind::Livechat)),
        },
        Field {
            path: "totalDiscussions",
            versions: Versions::since(1, 0, 0),
            meaning: "rooms with the field prid",
            origin: Fresh(|rooms| Some(Value::count(rooms.discussions))),
        },
        Field {
            path: "totalMessages",
            versions: Versions::since(3, 1, 0),
            meaning: "sum of the message counters of channels, private groups, direct and omnichannel rooms",
            origin: Fresh(|rooms| {
                messages(rooms.messages(|it| !matches!(it.kind, RoomKind::Voip | RoomKind::Other)))
            }),
        },
        Field {
            path: "totalChannelMessages",
            versions: Versions::since(0, 51, 0).until(6, 5, 0),
            meaning: "sum of the message counters of channels",
            origin: Fresh(|rooms| messages(rooms.messages_in(RoomKind::Channel))),
        },
        Field {
            path: "totalChannelMessages",
            versions: Versions::since(6, 5, 0),
            meaning: "sum of the message counters of channels, without discussions",
            origin: Fresh(|rooms| {
                messages(rooms.messages(|it| it.kind == RoomKind::Channel && !it.discussion))
            }),
        },
        Field {
            path: "totalPrivateGroupMessages",
            versions: Versions::since(0, 51, 0).until(6, 5, 0),
            meaning: "sum of the message counters of private groups",
            origin: Fresh(|rooms| messages(rooms.messages_in(RoomKind::PrivateGroup))),
        },
        Field {
            path: "totalPrivateGroupMessages",
            versions: Versions::since(6, 5, 0),
            meaning: "sum of the message counters of private groups, without discussions",
            origin: Fresh(|rooms| {
                messages(rooms.messages(|it| it.kind == RoomKind::PrivateGroup && !it.discussion))
            }),
        },
        Field {
            path: "totalDiscussionsMessages",
            versions: Versions::since(6, 5, 0),
            meaning: "sum of the message counters of discussions among channels and private groups",
            origin: Fresh(|rooms| {
                messages(rooms.messages(|it| {
                    it.discussion && matches!(it.kind, RoomKind::Channel | RoomKind::PrivateGroup)
                }))
            }),
        },
        Field {
            path: "totalDirectMessages",
            versions: Versions::since(0, 51, 0),
            meaning: "sum of the message counters of direct rooms",
            origin: Fresh(|rooms| messages(rooms.messages_in(RoomKind::Direct))),
        },
        Field {
            path: "totalLivechatMessages",
            versions: Versions::since(0, 51, 0),
            meaning: "sum of the message counters of omnichannel rooms",
            origin: Fresh(|rooms| messages(rooms.messages_in(RoomKind::Livechat))),
        },
        Field {
            path: "voipCalls",
            versions: Versions::since(4, 6, 0).until(8, 0, 0),
            meaning: "omnichannel calls",
            origin: Fresh(|rooms| rooms_of(rooms, RoomKind::Voip)),
        },
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
