//! Omnichannel contacts: who came from where, and how far they are verified.

pub mod query;

use crate::catalogue::Origin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Sample, Table, Tier, Value, Versions, count,
};

/// Conversations by source, and the contacts behind them.
#[derive(Debug, Clone, Default)]
pub struct Contacts {
    /// Rooms by the whole object that tells their source; equal looking ones may differ in what is not shown.
    pub sources: Vec<Source>,
    /// Of the current month in UTC, by the months in which the visitors were active.
    pub this_month: Vec<SourceContacts>,
    /// Of rooms that were opened within the last 24 hours.
    pub last_day: Vec<SourceContacts>,
    /// Within the last 7 times 24 hours.
    pub last_week: Vec<SourceContacts>,
    /// Within the last 30 times 24 hours.
    pub last_month: Vec<SourceContacts>,
    /// Contacts by how far they are verified (7.2 and later).
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
    /// The alias, else the type; null when there is neither.
    pub source: Value,
    /// Different visitors.
    pub contacts: u64,
    /// Rooms.
    pub conversations: u64,
}

/// Counts of `rocketchat_livechat_contact`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Verification {
    /// All contacts.
    pub contacts: u64,
    /// Whose `unknown` is true.
    pub unknown: u64,
    /// Conflicting fields of all of them.
    pub conflicts: u64,
    /// With a blocked channel.
    pub blocked: u64,
    /// With blocked channels only.
    pub fully_blocked: u64,
    /// With a verified channel.
    pub verified: u64,
    /// Channels of all of them.
    pub channels: u64,
    /// With a list of channels that is empty.
    pub without_channels: u64,
}

fn number(value: u64) -> Option<Value> {
    Some(Value::count(value))
}

fn period(sources: &[SourceContacts]) -> Option<Value> {
    let list = sources
        .iter()
        .map(|it| {
            Value::object([
                ("source", Some(it.source.clone())),
                ("contactsCount", number(it.contacts)),
                ("conversationsCount", number(it.conversations)),
            ])
        })
        .collect();
    let sum = |read: fn(&SourceContacts) -> u64| number(sources.iter().map(read).sum());
    Some(Value::object([
        ("sources", Some(Value::List(list))),
        ("contactsCount", sum(|it| it.contacts)),
        ("conversationsCount", sum(|it| it.conversations)),
    ]))
}

fn source(source: &Source) -> Value {
    let or_undefined = |value: &Option<Value>| Some(value.clone().unwrap_or(Value::Undefined));
    Value::object([
        ("id", or_undefined(&source.id)),
        ("alias", or_undefined(&source.alias)),
        ("type", or_undefined(&source.kind)),
        ("count", number(source.rooms)),
    ])
}

const PERIODS: Versions = Versions::since(6, 5, 0);
const VERIFICATION: Versions = Versions::since(7, 2, 0);

/// Omnichannel contacts.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "contacts",
    tier: Tier::Slow,
    rank: 3,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Contacts> = Table {
    title: "Contacts",
    metrics: &[
        Metric {
            name: "rocketchat_contacts",
            help: "Omnichannel contacts (7.2 and later).",
            source: "rocketchat_livechat_contact",
            quantity: Quantity::Count,
            read: Read::One(|it| count(it.verification.contacts)),
        },
        Metric {
            name: "rocketchat_contacts_with_state",
            help: "Omnichannel contacts that are unknown, verified, partly or fully blocked; a contact may be several of these.",
            source: "rocketchat_livechat_contact: unknown, channels.verified, channels.blocked",
            quantity: Quantity::Count,
            read: Read::By(&["state"], |it| {
                let verification = it.verification;
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
            help: "Visitors who were active in omnichannel during the current month in UTC, counted for each source (6.5 and later).",
            source: "rocketchat_room: t l, v.activity",
            quantity: Quantity::Count,
            read: Read::One(|it| count(it.this_month.iter().map(|it| it.contacts).sum())),
        },
    ],
    fields: &[
        Field {
            path: "omnichannelSources",
            versions: Versions::since(4, 2, 0),
            meaning: "omnichannel rooms by their source: id, alias, type, count",
            origin: Fresh(|it| Some(Value::List(it.sources.iter().map(source).collect()))),
        },
        Field {
            path: "omnichannelContactsBySource",
            versions: PERIODS,
            meaning: "visitors and conversations of the current month in UTC, by source",
            origin: Fresh(|it| period(&it.this_month)),
        },
        Field {
            path: "uniqueContactsOfYesterday",
            versions: PERIODS,
            meaning: "the same for rooms that were opened within the last 24 hours",
            origin: Fresh(|it| period(&it.last_day)),
        },
        Field {
            path: "uniqueContactsOfLastWeek",
            versions: PERIODS,
            meaning: "the same for the last 7 times 24 hours",
            origin: Fresh(|it| period(&it.last_week)),
        },
        Field {
            path: "uniqueContactsOfLastMonth",
            versions: PERIODS,
            meaning: "the same for the last 30 times 24 hours",
            origin: Fresh(|it| period(&it.last_month)),
        },
        Field {
            path: "contactVerification.totalContacts",
            versions: VERIFICATION,
            meaning: "contacts",
            origin: Fresh(|it| number(it.verification.contacts)),
        },
        Field {
            path: "contactVerification.totalUnknownContacts",
            versions: VERIFICATION,
            meaning: "contacts whose field unknown is true",
            origin: Fresh(|it| number(it.verification.unknown)),
        },
        Field {
            path: "contactVerification.totalConflicts",
            versions: VERIFICATION,
            meaning: "conflicting fields of all contacts",
            origin: Fresh(|it| number(it.verification.conflicts)),
        },
        Field {
            path: "contactVerification.totalBlockedContacts",
            versions: VERIFICATION,
            meaning: "contacts with a blocked channel",
            origin: Fresh(|it| number(it.verification.blocked)),
        },
        Field {
            path: "contactVerification.totalPartiallyBlockedContacts",
            versions: VERIFICATION,
            meaning: "those that have other channels too",
            origin: Fresh(|it| {
                let verification = it.verification;
                number(
                    verification
                        .blocked
                        .saturating_sub(verification.fully_blocked),
                )
            }),
        },
        Field {
            path: "contactVerification.totalFullyBlockedContacts",
            versions: VERIFICATION,
            meaning: "those that have no others",
            origin: Fresh(|it| number(it.verification.fully_blocked)),
        },
        Field {
            path: "contactVerification.totalVerifiedContacts",
            versions: VERIFICATION,
            meaning: "contacts with a verified channel",
            origin: Fresh(|it| number(it.verification.verified)),
        },
        Field {
            path: "contactVerification.avgChannelsPerContact",
            versions: VERIFICATION,
            meaning: "channels for each contact; 0 without contacts",
            origin: Fresh(|it| {
                let contacts = it.verification.contacts.max(1) as f64;
                Some(Value::Number(it.verification.channels as f64 / contacts))
            }),
        },
        Field {
            path: "contactVerification.totalContactsWithoutChannels",
            versions: VERIFICATION,
            meaning: "contacts whose list of channels is empty",
            origin: Fresh(|it| number(it.verification.without_channels)),
        },
    ],
};
