//! Presence in live mode: both states of each user.

use mongodb::bson::RawBsonRef;

use super::{Presence, Presences};
use crate::change_streams::{
    Bits, Extract, FollowedField, PackedRow, TrackedCollection, Tracking, finds, is_text,
};
use crate::collectors::live_definition::{LiveDefinition, LiveSection};
use crate::collectors::{Collector, Reading};

pub const LIVE: LiveDefinition = LiveDefinition {
    collector: Collector::Presence,
    follows: &[("users", Tracking::Fields(FIELDS))],
    needs: None,
    section: LiveSection::Followed(|documents, _| {
        let users = documents.collection("users")?;
        Some(Ok(Reading::Presence(presence(users))))
    }),
};

const STATUS: Bits = Bits::first(3);
const CONNECTION: Bits = STATUS.next(3);

/// The bits of a user's row go on after these in `users/live.rs`.
pub const LAST: Bits = CONNECTION;

const ONLINE: PackedRow = 1;
const AWAY: PackedRow = 2;
const BUSY: PackedRow = 4;

const FIELDS: &[FollowedField] = &[
    FollowedField::new("status", STATUS, Extract::With(state)),
    FollowedField::new("statusConnection", CONNECTION, Extract::With(state)),
];

fn state(value: Option<RawBsonRef<'_>>) -> PackedRow {
    let states = [("online", ONLINE), ("away", AWAY), ("busy", BUSY)];
    let found = states
        .into_iter()
        .filter(|(name, _)| finds(value, |value| is_text(value, name)));
    found.fold(0, |states, (_, state)| states | state)
}

fn presence(users: &TrackedCollection) -> Presence {
    let by = |bits: Bits| {
        let count = |state| users.count(|row| bits.get(row) & state != 0);
        Presences {
            online: count(ONLINE),
            away: count(AWAY),
            busy: count(BUSY),
        }
    };
    Presence {
        accounts: users.len() as u64,
        shown: by(STATUS),
        connected: by(CONNECTION),
    }
}
