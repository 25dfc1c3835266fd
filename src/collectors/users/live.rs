//! Accounts in live mode: kind, state, guests, federation.

use std::collections::BTreeMap;

use mongodb::bson::RawBsonRef;

use super::{AccountKind, AccountState, Accounts, Users};
use crate::change_streams::{Bits, Extract, FollowedField, PackedRow, TrackedCollection, Tracking};
use crate::collectors::live_definition::{LiveDefinition, LiveSection};
use crate::collectors::{Collector, Reading, presence};

pub const LIVE: LiveDefinition = LiveDefinition {
    collector: Collector::Users,
    follows: &[("users", Tracking::Fields(FIELDS))],
    needs: None,
    section: LiveSection::Followed(|documents, _| {
        let users = documents.collection("users")?;
        Some(Ok(Reading::Users(accounts(users))))
    }),
};

pub const KIND: Bits = presence::live::LAST.next(2);
pub const STATE: Bits = KIND.next(2);
/// The role of a guest, and no other.
pub const GUEST: Bits = STATE.next(1);
const REMOTE: Bits = GUEST.next(1);
const FEDERATED: Bits = REMOTE.next(1);

/// The bits of a user's row go on after these in `user_features/live.rs`.
pub const LAST: Bits = FEDERATED;

const BOT: PackedRow = 1;
pub const APP: PackedRow = 2;

pub const ACTIVATED: PackedRow = 1;
const DEACTIVATED: PackedRow = 2;

pub const FIELDS: &[FollowedField] = &[
    FollowedField::new("type", KIND, Extract::With(kind)),
    FollowedField::new("active", STATE, Extract::With(state)),
    FollowedField::new(
        "roles",
        GUEST,
        Extract::With(|roles| is_guest_only(roles).into()),
    ),
    FollowedField::new("isRemote", REMOTE, Extract::IsTrue),
    FollowedField::new("federated", FEDERATED, Extract::IsTrue),
];

/// Whether a row is that of a person: neither a bot nor an app.
pub const fn is_person(row: PackedRow) -> bool {
    !KIND.is_set(row)
}

fn kind(value: Option<RawBsonRef<'_>>) -> PackedRow {
    match value {
        Some(RawBsonRef::String("bot")) => BOT,
        Some(RawBsonRef::String("app")) => APP,
        _ => 0,
    }
}

fn state(value: Option<RawBsonRef<'_>>) -> PackedRow {
    match value {
        Some(RawBsonRef::Boolean(true)) => ACTIVATED,
        Some(RawBsonRef::Boolean(false)) => DEACTIVATED,
        _ => 0,
    }
}

fn is_guest_only(roles: Option<RawBsonRef<'_>>) -> bool {
    let Some(RawBsonRef::Array(roles)) = roles else {
        return false;
    };
    let mut roles = roles.into_iter();
    let first = roles.next();
    matches!(first, Some(Ok(RawBsonRef::String("guest")))) && roles.next().is_none()
}

fn accounts(users: &TrackedCollection) -> Users {
    let all = [KIND, STATE, GUEST, REMOTE, FEDERATED];
    let mask = all.iter().fold(0, |mask, bits| mask | bits.mask());
    let mut counts: BTreeMap<PackedRow, u64> = BTreeMap::new();
    for (row, number) in users.classes() {
        *counts.entry(row & mask).or_default() += number;
    }
    let accounts = counts.into_iter().map(|(row, count)| Accounts {
        kind: match KIND.get(row) {
            BOT => AccountKind::Bot,
            APP => AccountKind::App,
            _ => AccountKind::User,
        },
        state: match STATE.get(row) {
            ACTIVATED => AccountState::Activated,
            DEACTIVATED => AccountState::Deactivated,
            _ => AccountState::Unset,
        },
        guest: GUEST.is_set(row),
        remote: REMOTE.is_set(row),
        federated: FEDERATED.is_set(row),
        count,
    });
    Users {
        accounts: accounts.collect(),
    }
}
