//! Accounts by what they are and whether they are activated, and the head counts derived from that.

pub mod live;
pub mod query;

use crate::catalogue::Origin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Sample, Table, Tier, Value, Versions, count,
};

/// The field `type` of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// A person, or an account without a known type: very old and some remote ones.
    User,
    /// A bot.
    Bot,
    /// The account of an app.
    App,
}

/// The field `active` of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// `active` is true: not deactivated. It says nothing about when the account was last used.
    Activated,
    /// `active` is false.
    Deactivated,
    /// `active` is missing or something else: neither activated nor deactivated for Rocket.Chat.
    Unset,
}

/// Accounts that are alike in everything the definitions look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Accounts {
    /// By `type`.
    pub kind: AccountKind,
    /// By `active`.
    pub state: AccountState,
    /// Whether `roles` is exactly `["guest"]`.
    pub guest: bool,
    /// Whether `isRemote` is true: federated by the old federation (1.3 to 7.x).
    pub remote: bool,
    /// Whether `federated` is true: federated by Matrix (4.7 and later).
    pub federated: bool,
    /// How many there are.
    pub count: u64,
}

impl Accounts {
    fn label(&self) -> &'static str {
        match self.kind {
            AccountKind::App => "app",
            AccountKind::Bot => "bot",
            AccountKind::User if self.remote || self.federated => "remote",
            AccountKind::User if self.guest => "guest",
            AccountKind::User => "user",
        }
    }

    fn is_active(&self) -> bool {
        self.state == AccountState::Activated
    }
}

/// All accounts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Users {
    /// One entry for each combination that exists.
    pub accounts: Vec<Accounts>,
}

impl Users {
    fn sum(&self, matches: impl Fn(&Accounts) -> bool) -> u64 {
        self.accounts
            .iter()
            .filter(|accounts| matches(accounts))
            .map(|accounts| accounts.count)
            .sum()
    }

    /// Activated accounts that count against the license: no guests, apps, bots or remote users.
    pub fn seats(&self) -> u64 {
        self.sum(|it| {
            it.is_active()
                && !(it.guest || it.kind != AccountKind::User || it.remote || it.federated)
        })
    }

    /// Activated accounts whose only role is guest, without apps and remote ones.
    pub fn guests(&self) -> u64 {
        self.sum(|it| it.is_active() && it.guest && it.kind != AccountKind::App && !it.remote)
    }

    fn active_without(&self, excluded: impl Fn(&Accounts) -> bool) -> u64 {
        self.sum(|it| it.is_active() && !excluded(it))
    }
}

fn number(value: u64) -> Option<Value> {
    Some(Value::count(value))
}

/// A difference as Rocket.Chat computes it, which may be negative.
fn difference(minuend: u64, subtrahend: u64) -> Option<Value> {
    let minuend = i64::try_from(minuend).ok()?;
    Some(Value::Integer(
        minuend.checked_sub_unsigned(subtrahend).unwrap_or(i64::MIN),
    ))
}

const KINDS: [&str; 5] = ["user", "guest", "bot", "app", "remote"];
const STATES: [(&str, AccountState); 3] = [
    ("activated", AccountState::Activated),
    ("deactivated", AccountState::Deactivated),
    ("unset", AccountState::Unset),
];

/// Accounts by kind and state.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "users",
    tier: Tier::Normal,
    rank: 14,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Users> = Table {
    title: "Users",
    metrics: &[
        Metric {
            name: "rocketchat_accounts",
            help: "Accounts by kind (app, bot, remote, guest with that role alone, else user; the first that fits) and state; unset has no field active.",
            source: "users: type, isRemote, federated, roles, active",
            quantity: Quantity::Count,
            read: Read::By(&["kind", "state"], |users| {
                let mut samples = Vec::with_capacity(KINDS.len() * STATES.len());
                for kind in KINDS {
                    for (name, state) in STATES {
                        let number = users.sum(|it| it.label() == kind && it.state == state);
                        samples.push(Sample {
                            labels: vec![kind.into(), name.into()],
                            value: number as f64,
                        });
                    }
                }
                samples
            }),
        },
        Metric {
            name: "rocketchat_seats_used",
            help: "Activated accounts that count against the license: without guests, bots, apps and remote users (Rocket.Chat's activeUsers since 6.4).",
            source: "users: active true and none of roles [guest], type app or bot, federated, isRemote",
            quantity: Quantity::Count,
            read: Read::One(|users| count(users.seats())),
        },
    ],
    fields: &[
        Field {
            path: "activeUsers",
            versions: Versions::since(0, 8, 0).until(3, 0, 0),
            meaning: "activated accounts of every kind",
            origin: Fresh(|users| number(users.sum(Accounts::is_active))),
        },
        Field {
            path: "activeUsers",
            versions: Versions::since(3, 0, 0).until(3, 2, 0),
            meaning: "activated accounts without apps, minus activated remote accounts",
            origin: Fresh(|users| {
                difference(
                    users.active_without(|it| it.kind == AccountKind::App),
                    users.sum(|it| it.is_active() && it.remote),
                )
            }),
        },
        Field {
            path: "activeUsers",
            versions: Versions::since(3, 2, 0).until(5, 1, 0),
            meaning: "activated accounts without apps and guests, minus activated remote accounts that are no guests",
            origin: Fresh(|users| {
                difference(
                    users.active_without(|it| it.kind == AccountKind::App || it.guest),
                    users.sum(|it| it.is_active() && it.remote && !it.guest),
                )
            }),
        },
        Field {
            path: "activeUsers",
            versions: Versions::since(5, 1, 0).until(6, 2, 9),
            meaning: "as in 3.2, and minus activated federated accounts (one that is also remote is subtracted twice)",
            origin: Fresh(|users| {
                difference(
                    users.active_without(|it| it.kind == AccountKind::App || it.guest),
                    users.sum(|it| it.is_active() && it.remote && !it.guest)
                        + users.sum(|it| it.is_active() && it.federated),
                )
            }),
        },
        Field {
            path: "activeUsers",
            versions: Versions::since(6, 2, 9).until(6, 4, 0),
            meaning: "activated accounts without guests, apps and remote or federated ones",
            origin: Fresh(|users| {
                number(users.active_without(|it| {
                    it.guest || it.kind == AccountKind::App || it.remote || it.federated
                }))
            }),
        },
        Field {
            path: "activeUsers",
            versions: Versions::since(6, 4, 0),
            meaning: "activated accounts without guests, apps, bots and remote or federated ones",
            origin: Fresh(|users| number(users.seats())),
        },
        Field {
            path: "activeGuests",
            versions: Versions::since(3, 2, 0),
            meaning: "activated accounts whose only role is guest, without apps and remote ones",
            origin: Fresh(|users| number(users.guests())),
        },
        Field {
            path: "nonActiveUsers",
            versions: Versions::since(0, 8, 0).until(3, 0, 0),
            meaning: "all accounts that are not activated",
            origin: Fresh(|users| number(users.sum(|it| !it.is_active()))),
        },
        Field {
            path: "nonActiveUsers",
            versions: Versions::since(3, 0, 0),
            meaning: "deactivated accounts; those without the field active are in neither number",
            origin: Fresh(|users| number(users.sum(|it| it.state == AccountState::Deactivated))),
        },
        Field {
            path: "appUsers",
            versions: Versions::since(3, 0, 0),
            meaning: "accounts of apps, activated or not",
            origin: Fresh(|users| number(users.sum(|it| it.kind == AccountKind::App))),
        },
        Field {
            path: "federatedUsers",
            versions: Versions::since(1, 3, 0).until(8, 0, 0),
            meaning: "accounts of the old federation: isRemote true",
            origin: Fresh(|users| number(users.sum(|it| it.remote))),
        },
        Field {
            path: "matrixFederation.amountOfExternalUsers",
            versions: Versions::since(6, 3, 0),
            meaning: "accounts federated by Matrix",
            origin: Fresh(|users| number(users.sum(|it| it.federated))),
        },
    ],
};
