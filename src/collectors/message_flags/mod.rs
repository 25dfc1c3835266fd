//! Flags of messages, from `rocketchat_message`: starred, pinned, encrypted, and types of system messages.

pub mod query;

use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Value, Versions,
};

/// Counts by indexes of `rocketchat_message`; `None` where the index is missing, as that on `t` is before 6.4.
#[derive(Debug, Clone, Default)]
pub struct MessageFlags {
    /// Messages with a star of at least one user.
    pub starred: Option<FlaggedMessages>,
    /// Messages that are pinned to their room.
    pub pinned: Option<FlaggedMessages>,
    /// Messages that are encrypted from end to end.
    pub encrypted: Option<u64>,
    /// Rooms that were put on hold at some time.
    pub rooms_on_hold: Option<u64>,
    /// Voice calls that ended well.
    pub calls_wrapped_up: Option<u64>,
    /// Voice calls that broke off.
    pub calls_broken: Option<u64>,
    /// Rooms with voice calls that were put on hold.
    pub rooms_with_call_on_hold: Option<u64>,
}

/// Messages with a mark.
#[derive(Debug, Clone, Copy, Default)]
pub struct FlaggedMessages {
    /// Those that are not hidden.
    pub messages: u64,
    /// Rooms that have one, hidden or not.
    pub rooms: u64,
}

const VOIP: Versions = Versions::since(4, 6, 0).until(8, 0, 0);
const MARKS: Versions = Versions::since(4, 8, 0);

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "marks",
    tier: Tier::Slow,
    rank: 1,
    privileges: &[
        Privilege::find("rocketchat_message"),
        Privilege::list_indexes("rocketchat_message"),
    ],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<MessageFlags> = SectionDefinition {
    title: "Message flags",
    metrics: &[Metric {
        name: "rocketchat_messages_with_mark",
        help: "Starred, pinned and end-to-end encrypted messages; a message can have several marks.",
        source: "rocketchat_message: indexes on starred._id, pinned and t",
        quantity: Quantity::Count,
        read: Read::By(&["mark"], |flags| {
            let counts = [
                ("starred", flags.starred.map(|marked| marked.messages)),
                ("pinned", flags.pinned.map(|marked| marked.messages)),
                ("encrypted", flags.encrypted),
            ];
            counts
                .into_iter()
                .filter_map(|(name, count)| Some(Sample::of(name, count? as f64)))
                .collect()
        }),
    }],
    fields: &[
        Field {
            path: "totalStarred",
            versions: MARKS,
            meaning: "starred messages that are not hidden",
            origin: Fresh(|flags| flags.starred.map(|marked| Value::count(marked.messages))),
        },
        Field {
            path: "totalRoomsWithStarred",
            versions: MARKS,
            meaning: "rooms with starred messages",
            origin: Fresh(|flags| flags.starred.map(|marked| Value::count(marked.rooms))),
        },
        Field {
            path: "totalPinned",
            versions: MARKS,
            meaning: "pinned messages that are not hidden and not removed",
            origin: Fresh(|flags| flags.pinned.map(|marked| Value::count(marked.messages))),
        },
        Field {
            path: "totalRoomsWithPinned",
            versions: MARKS,
            meaning: "rooms with pinned messages",
            origin: Fresh(|flags| flags.pinned.map(|marked| Value::count(marked.rooms))),
        },
        Field {
            path: "totalEncryptedMessages",
            versions: MARKS,
            meaning: "messages with type e2e",
            origin: Fresh(|flags| flags.encrypted.map(Value::count)),
        },
        Field {
            path: "chatsOnHold",
            versions: Versions::since(4, 6, 0),
            meaning: "rooms with a message of type omnichannel_placed_chat_on_hold",
            origin: Fresh(|flags| flags.rooms_on_hold.map(Value::count)),
        },
        Field {
            path: "voipSuccessfulCalls",
            versions: VOIP,
            meaning: "messages with type voip-call-wrapup",
            origin: Fresh(|flags| flags.calls_wrapped_up.map(Value::count)),
        },
        Field {
            path: "voipErrorCalls",
            versions: VOIP,
            meaning: "messages with type voip-call-ended-unexpectedly",
            origin: Fresh(|flags| flags.calls_broken.map(Value::count)),
        },
        Field {
            path: "voipOnHoldCalls",
            versions: VOIP,
            meaning: "rooms with a message of type voip-call-on-hold",
            origin: Fresh(|flags| flags.rooms_with_call_on_hold.map(Value::count)),
        },
    ],
};
