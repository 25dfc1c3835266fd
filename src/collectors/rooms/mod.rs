//! Rooms by kind, and the message counters that rooms carry.

pub mod live;
pub mod query;

use crate::catalogue::Origin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Sample, Table, Tier, Value, Versions, count,
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
#[derive(Debug, Clone, PartialEq)]
pub struct Rooms {
    /// One entry for each combination that exists.
    pub groups: Vec<RoomGroup>,
    /// Rooms with a field `prid`, whatever its value.
    pub discussions: u64,
}

/// Rooms that are alike in everything the definitions look at.
#[derive(Debug, Clone, PartialEq)]
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

/// Rooms and their message counters.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "rooms",
    tier: Tier::Normal,
    rank: 15,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Rooms> = Table {
    title: "Rooms",
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
    ],
};
