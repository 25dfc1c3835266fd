//! Rooms by kind, from `rocketchat_room`, and the message counters stored in them.

pub mod live;
pub mod query;

use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Value, Versions, count, count_field,
};

/// The kind of a room, by its field `t`. A list is of the kind of each of its items, as for a filter of MongoDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoomKind {
    /// `c`: a channel.
    Channel,
    /// `p`: a private group.
    PrivateGroup,
    /// `d`: a direct room, of any number of people.
    Direct,
    /// `l`: an omnichannel conversation.
    Livechat,
    /// `v`: an omnichannel call (4.6 to 7.x).
    Voip,
    /// Anything else.
    Other,
}

/// The kinds of a room; none is [`RoomKind::Other`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoomKinds(u8);

impl RoomKinds {
    /// These kinds.
    pub fn of(kinds: impl Iterator<Item = RoomKind>) -> Self {
        let kinds = kinds.filter(|kind| *kind != RoomKind::Other);
        Self(kinds.fold(0, |bits, kind| bits | 1 << kind as u8))
    }

    /// Whether one of them is this.
    pub fn has(self, kind: RoomKind) -> bool {
        match kind {
            RoomKind::Other => self == Self::default(),
            kind => self.0 & (1 << kind as u8) != 0,
        }
    }
}

/// Rooms by kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Rooms {
    /// All rooms; one entry for each existing combination of kinds.
    pub groups: Vec<RoomGroup>,
    /// Those of them whose `prid` is truthy.
    pub discussion_groups: Vec<RoomGroup>,
    /// Rooms with the field `prid`.
    pub discussions: u64,
}

/// Rooms of the same kinds.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomGroup {
    /// By `t`.
    pub kinds: RoomKinds,
    /// Their number.
    pub rooms: u64,
    /// Sum of their finite `msgs`.
    pub messages: f64,
}

impl Rooms {
    fn rooms(&self, kind: RoomKind) -> u64 {
        let groups = self.groups.iter().filter(|group| group.kinds.has(kind));
        groups.map(|group| group.rooms).sum()
    }

    fn messages_in(&self, kind: RoomKind) -> f64 {
        messages_in(&self.groups, kind)
    }

    fn messages_in_discussions(&self, kind: RoomKind) -> f64 {
        messages_in(&self.discussion_groups, kind)
    }
}

fn messages_in(groups: &[RoomGroup], kind: RoomKind) -> f64 {
    let groups = groups.iter().filter(|group| group.kinds.has(kind));
    groups.map(|group| group.messages).sum()
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

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "rooms",
    tier: Tier::Normal,
    rank: 15,
    privileges: &[Privilege::find("rocketchat_room")],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Rooms> = SectionDefinition {
    title: "Rooms",
    metrics: &[
        Metric {
            name: "rocketchat_rooms",
            help: "Rooms by kind; discussions and the main rooms of teams are included in channels and private groups.",
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
            help: "Discussions; they are also counted as channels or private groups.",
            source: "rocketchat_room with prid",
            quantity: Quantity::Count,
            read: Read::One(|rooms| count(rooms.discussions)),
        },
        Metric {
            name: "rocketchat_room_messages",
            help: "Messages by kind of room, from the counters stored in the rooms. Rocket.Chat does not decrement them for every deletion, so they drift above rocketchat_messages.",
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
            meaning: "channels, including discussions",
            origin: Fresh(|rooms| rooms_of(rooms, RoomKind::Channel)),
        },
        Field {
            path: "totalPrivateGroups",
            versions: Versions::since(0, 8, 0),
            meaning: "private groups, including discussions",
            origin: Fresh(|rooms| rooms_of(rooms, RoomKind::PrivateGroup)),
        },
        Field {
            path: "totalDirect",
            versions: Versions::since(0, 8, 0),
            meaning: "direct rooms",
            origin: Fresh(|rooms| rooms_of(rooms, RoomKind::Direct)),
        },
        Field {
            path: "totlalLivechat",
            versions: Versions::since(0, 51, 0).until(0, 66, 0),
            meaning: "omnichannel rooms, under the misspelled name",
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
            origin: Fresh(|rooms| count_field(rooms.discussions)),
        },
        Field {
            path: "totalMessages",
            versions: Versions::since(3, 1, 0),
            meaning: "sum of the message counters of channels, private groups, direct and omnichannel rooms",
            origin: Fresh(|rooms| {
                let kinds = [
                    RoomKind::Channel,
                    RoomKind::PrivateGroup,
                    RoomKind::Direct,
                    RoomKind::Livechat,
                ];
                messages(kinds.into_iter().map(|kind| rooms.messages_in(kind)).sum())
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
                let kind = RoomKind::Channel;
                messages(rooms.messages_in(kind) - rooms.messages_in_discussions(kind))
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
                let kind = RoomKind::PrivateGroup;
                messages(rooms.messages_in(kind) - rooms.messages_in_discussions(kind))
            }),
        },
        Field {
            path: "totalDiscussionsMessages",
            versions: Versions::since(6, 5, 0),
            meaning: "sum of the message counters of discussions that are channels or private groups",
            origin: Fresh(|rooms| {
                let kinds = [RoomKind::Channel, RoomKind::PrivateGroup].into_iter();
                messages(kinds.map(|kind| rooms.messages_in_discussions(kind)).sum())
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
