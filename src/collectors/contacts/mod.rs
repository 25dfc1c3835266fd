//! Omnichannel contacts, from `rocketchat_room` with `t` `l` (by source) and `rocketchat_livechat_contact` (by state).

pub mod query;

use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Value, Versions, count, count_field,
};

/// Conversations and contacts by source and period.
#[derive(Debug, Clone, Default)]
pub struct Contacts {
    /// Rooms by the whole object `source`; entries that look equal differ in members that are not shown.
    pub sources: Vec<Source>,
    /// Of the current month (UTC), by `v.activity`.
    pub this_month: Vec<SourceContacts>,
    /// Of rooms opened within the last 24 hours, by `ts`.
    pub last_day: Vec<SourceContacts>,
    /// Of rooms opened within the last 7 times 24 hours.
    pub last_week: Vec<SourceContacts>,
    /// Of rooms opened within the last 30 times 24 hours.
    pub last_month: Vec<SourceContacts>,
    /// Contacts by state (7.2 and later).
    pub verification: Verification,
}

/// A source of conversations.
#[derive(Debug, Clone)]
pub struct Source {
    /// `source.id`.
    pub id: Option<Value>,
    /// `source.alias`.
    pub alias: Option<Value>,
    /// `source.type`.
    pub kind: Option<Value>,
    /// Rooms.
    pub rooms: u64,
}

/// Conversations of one source in one period.
#[derive(Debug, Clone)]
pub struct SourceContacts {
    /// The alias, else the type, else null.
    pub source: Value,
    /// Distinct visitors.
    pub contacts: u64,
    /// Rooms.
    pub conversations: u64,
}

/// Counts of `rocketchat_livechat_contact`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Verification {
    /// All contacts.
    pub contacts: u64,
    /// With `unknown` true.
    pub unknown: u64,
    /// Sum of the lengths of `conflictingFields`.
    pub conflicts: u64,
    /// With a blocked channel.
    pub blocked: u64,
    /// With blocked channels only.
    pub fully_blocked: u64,
    /// With a verified channel.
    pub verified: u64,
    /// Sum of the lengths of `channels`.
    pub channels: u64,
    /// With empty `channels`.
    pub without_channels: u64,
}

fn period(sources: &[SourceContacts]) -> Option<Value> {
    let list = sources
        .iter()
        .map(|source| {
            Value::object([
                ("source", Some(source.source.clone())),
                ("contactsCount", count_field(source.contacts)),
                ("conversationsCount", count_field(source.conversations)),
            ])
        })
        .collect();
    let sum = |read: fn(&SourceContacts) -> u64| count_field(sources.iter().map(read).sum());
    Some(Value::object([
        ("sources", Some(Value::List(list))),
        ("contactsCount", sum(|source| source.contacts)),
        ("conversationsCount", sum(|source| source.conversations)),
    ]))
}

fn source(source: &Source) -> Value {
    let or_undefined = |value: &Option<Value>| Some(value.clone().unwrap_or(Value::Undefined));
    Value::object([
        ("id", or_undefined(&source.id)),
        ("alias", or_undefined(&source.alias)),
        ("type", or_undefined(&source.kind)),
        ("count", count_field(source.rooms)),
    ])
}

const PERIODS: Versions = Versions::since(6, 5, 0);
const VERIFICATION: Versions = Versions::since(7, 2, 0);

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "contacts",
    tier: Tier::Slow,
    rank: 3,
    privileges: &[
        Privilege::find("rocketchat_livechat_contact"),
        Privilege::find("rocketchat_room"),
    ],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Contacts> = SectionDefinition {
    title: "Contacts",
    metrics: &[
        Metric {
            name: "rocketchat_contacts",
            help: "Omnichannel contacts (7.2 and later).",
            source: "rocketchat_livechat_contact",
            quantity: Quantity::Count,
            read: Read::One(|contacts| count(contacts.verification.contacts)),
        },
        Metric {
            name: "rocketchat_contacts_with_state",
            help: "Omnichannel contacts that are unknown, verified, partly blocked or fully blocked; a contact can have several states (7.2 and later).",
            source: "rocketchat_livechat_contact: unknown, channels.verified, channels.blocked",
            quantity: Quantity::Count,
            read: Read::By(&["state"], |contacts| {
                let verification = contacts.verification;
                let partly = verification
                    .blocked
                    .saturating_sub(verification.fully_blocked);
                vec![
                    Sample::of("unknown", verification.unknown as f64),
                    Sample::of("verified", verification.verified as f64),
                    Sample::of("partly_blocked", partly as f64),
                    Sample::of("fully_blocked", verification.fully_blocked as f64),
                ]
            }),
        },
        Metric {
            name: "rocketchat_monthly_active_contacts",
            help: "Omnichannel visitors active in the current month (UTC), counted once for each source (6.5 and later).",
            source: "rocketchat_room: t l, v.activity",
            quantity: Quantity::Count,
            read: Read::One(|contacts| {
                count(
                    contacts
                        .this_month
                        .iter()
                        .map(|source| source.contacts)
                        .sum(),
                )
            }),
        },
    ],
    fields: &[
        Field {
            path: "omnichannelSources",
            versions: Versions::since(4, 2, 0),
            meaning: "omnichannel rooms by source: id, alias, type, count",
            origin: Fresh(|contacts| {
                Some(Value::List(contacts.sources.iter().map(source).collect()))
            }),
        },
        Field {
            path: "omnichannelContactsBySource",
            versions: PERIODS,
            meaning: "visitors and conversations of the current month (UTC), by source",
            origin: Fresh(|contacts| period(&contacts.this_month)),
        },
        Field {
            path: "uniqueContactsOfYesterday",
            versions: PERIODS,
            meaning: "visitors and conversations opened within the last 24 hours, by source",
            origin: Fresh(|contacts| period(&contacts.last_day)),
        },
        Field {
            path: "uniqueContactsOfLastWeek",
            versions: PERIODS,
            meaning: "visitors and conversations opened within the last 7 times 24 hours, by source",
            origin: Fresh(|contacts| period(&contacts.last_week)),
        },
        Field {
            path: "uniqueContactsOfLastMonth",
            versions: PERIODS,
            meaning: "visitors and conversations opened within the last 30 times 24 hours, by source",
            origin: Fresh(|contacts| period(&contacts.last_month)),
        },
        Field {
            path: "contactVerification.totalContacts",
            versions: VERIFICATION,
            meaning: "contacts",
            origin: Fresh(|contacts| count_field(contacts.verification.contacts)),
        },
        Field {
            path: "contactVerification.totalUnknownContacts",
            versions: VERIFICATION,
            meaning: "contacts with unknown true",
            origin: Fresh(|contacts| count_field(contacts.verification.unknown)),
        },
        Field {
            path: "contactVerification.totalConflicts",
            versions: VERIFICATION,
            meaning: "conflicting fields of all contacts",
            origin: Fresh(|contacts| count_field(contacts.verification.conflicts)),
        },
        Field {
            path: "contactVerification.totalBlockedContacts",
            versions: VERIFICATION,
            meaning: "contacts with a blocked channel",
            origin: Fresh(|contacts| count_field(contacts.verification.blocked)),
        },
        Field {
            path: "contactVerification.totalPartiallyBlockedContacts",
            versions: VERIFICATION,
            meaning: "contacts with a blocked channel and others",
            origin: Fresh(|contacts| {
                let verification = contacts.verification;
                count_field(
                    verification
                        .blocked
                        .saturating_sub(verification.fully_blocked),
                )
            }),
        },
        Field {
            path: "contactVerification.totalFullyBlockedContacts",
            versions: VERIFICATION,
            meaning: "contacts with blocked channels only",
            origin: Fresh(|contacts| count_field(contacts.verification.fully_blocked)),
        },
        Field {
            path: "contactVerification.totalVerifiedContacts",
            versions: VERIFICATION,
            meaning: "contacts with a verified channel",
            origin: Fresh(|contacts| count_field(contacts.verification.verified)),
        },
        Field {
            path: "contactVerification.avgChannelsPerContact",
            versions: VERIFICATION,
            meaning: "average number of channels of a contact; 0 without contacts",
            origin: Fresh(|contacts| {
                let verification = contacts.verification;
                let contacts = verification.contacts.max(1) as f64;
                Some(Value::Number(verification.channels as f64 / contacts))
            }),
        },
        Field {
            path: "contactVerification.totalContactsWithoutChannels",
            versions: VERIFICATION,
            meaning: "contacts with an empty list of channels",
            origin: Fresh(|contacts| count_field(contacts.verification.without_channels)),
        },
    ],
};
