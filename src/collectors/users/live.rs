//! Accounts in live mode: kind, state, guests, federation.

use std::collections::BTreeMap;

use mongodb::bson::RawBsonRef;

use super::{AccountTrait, AccountTraits, Accounts, Users};
use crate::change_streams::{
    Bits, Extract, FollowedField, PackedRow, TrackedCollection, Tracking, finds, is_text,
};
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

const KIND: Bits = presence::live::LAST.next(2);
const STATE: Bits = KIND.next(2);
const ROLES: Bits = STATE.next(2);
const REMOTE: Bits = ROLES.next(1);
const FEDERATED: Bits = REMOTE.next(1);

/// The bits of a user's row go on after these in `user_features/live.rs`.
pub const LAST: Bits = FEDERATED;

const BOT: PackedRow = 1;
const APP: PackedRow = 2;

const ACTIVATED: PackedRow = 1;
const DEACTIVATED: PackedRow = 2;

const GUEST: PackedRow = 1;
const ONLY_GUEST: PackedRow = 2;

/// The bits of each property.
const TRAITS: [(AccountTrait, Bits, PackedRow); 8] = [
    (AccountTrait::Bot, KIND, BOT),
    (AccountTrait::App, KIND, APP),
    (AccountTrait::Activated, STATE, ACTIVATED),
    (AccountTrait::Deactivated, STATE, DEACTIVATED),
    (AccountTrait::Guest, ROLES, GUEST),
    (AccountTrait::OnlyGuest, ROLES, ONLY_GUEST),
    (AccountTrait::Remote, REMOTE, 1),
    (AccountTrait::Federated, FEDERATED, 1),
];

pub const FIELDS: &[FollowedField] = &[
    FollowedField::new("type", KIND, Extract::With(kind)),
    FollowedField::new("active", STATE, Extract::With(state)),
    FollowedField::new("roles", ROLES, Extract::With(guest)),
    FollowedField::new("isRemote", REMOTE, Extract::IsTrue),
    FollowedField::new("federated", FEDERATED, Extract::IsTrue),
];

/// Whether a row is that of a person: neither a bot nor an app.
pub const fn is_person(row: PackedRow) -> bool {
    !KIND.is_set(row)
}

/// Whether a row is that of an activated account that may log in by a service: neither an app nor a guest.
pub const fn may_log_in(row: PackedRow) -> bool {
    is_activated(row) && KIND.get(row) & APP == 0 && ROLES.get(row) & GUEST == 0
}

/// Whether a row is that of an activated account.
pub const fn is_activated(row: PackedRow) -> bool {
    STATE.get(row) & ACTIVATED != 0
}

fn kind(value: Option<RawBsonRef<'_>>) -> PackedRow {
    let is = |kind| finds(value, |value| is_text(value, kind));
    flag(is("bot"), BOT) | flag(is("app"), APP)
}

fn state(value: Option<RawBsonRef<'_>>) -> PackedRow {
    let is = |state| finds(value, |value| value == RawBsonRef::Boolean(state));
    flag(is(true), ACTIVATED) | flag(is(false), DEACTIVATED)
}

fn guest(roles: Option<RawBsonRef<'_>>) -> PackedRow {
    let only_guest = roles.is_some_and(is_guest_alone);
    flag(finds(roles, is_guest_alone), GUEST) | flag(only_guest, ONLY_GUEST)
}

/// Whether a list has one item, the text `guest`.
fn is_guest_alone(roles: RawBsonRef<'_>) -> bool {
    let RawBsonRef::Array(roles) = roles else {
        return false;
    };
    let mut roles = roles.into_iter();
    let first = roles.next();
    matches!(first, Some(Ok(role)) if is_text(role, "guest")) && roles.next().is_none()
}

fn flag(holds: bool, flag: PackedRow) -> PackedRow {
    if holds { flag } else { 0 }
}

fn accounts(users: &TrackedCollection) -> Users {
    let mut counts: BTreeMap<AccountTraits, u64> = BTreeMap::new();
    for (row, number) in users.classes() {
        let traits = TRAITS.into_iter();
        let traits = traits.filter(|(_, bits, flag)| bits.get(row) & flag != 0);
        let traits = AccountTraits::of(traits.map(|(one, ..)| one));
        *counts.entry(traits).or_default() += number;
    }
    let accounts = counts.into_iter();
    Users {
        accounts: accounts
            .map(|(traits, count)| Accounts { traits, count })
            .collect(),
    }
}
