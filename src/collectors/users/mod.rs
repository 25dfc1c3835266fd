//! Accounts by kind and state, from `users`, and the counts derived from them.

pub mod live;
pub mod query;

use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Value, Versions, count, count_field,
};

/// The kind of an account, by its field `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// A person, or an unknown type, as of very old and some remote accounts.
    User,
    /// A bot.
    Bot,
    /// An app.
    App,
}

/// The state of an account, by its field `active`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// `active` is true: not deactivated, whenever it was last used.
    Activated,
    /// `active` is false.
    Deactivated,
    /// `active` is missing or not a boolean: neither activated nor deactivated.
    Unset,
}

/// Accounts with equal properties.
#[derive(Debug, Clone, PartialEq)]
pub struct Accounts {
    /// By `type`.
    pub kind: AccountKind,
    /// By `active`.
    pub state: AccountState,
    /// Whether `roles` is exactly `["guest"]`.
    pub guest: bool,
    /// Whether `isRemote` is true: the old federation (1.3 to 7.x).
    pub remote: bool,
    /// Whether `federated` is true: Matrix (4.7 and later).
    pub federated: bool,
    /// Their number.
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
    /// One entry for each existing combination.
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
        self.sum(|accounts| {
            accounts.is_active()
                && !(accounts.guest
                    || accounts.kind != AccountKind::User
                    || accounts.remote
                    || accounts.federated)
        })
    }

    /// Activated accounts whose only role is guest, without apps and remote ones.
    pub fn guests(&self) -> u64 {
        self.sum(|accounts| {
            accounts.is_active()
                && accounts.guest
                && accounts.kind != AccountKind::App
                && !accounts.remote
        })
    }

    fn active_without(&self, excluded: impl Fn(&Accounts) -> bool) -> u64 {
        self.sum(|accounts| accounts.is_active() && !excluded(accounts))
    }
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

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "users",
    tier: Tier::Normal,
    rank: 14,
    privileges: &[Privilege::find("users"), Privilege::list_indexes("users")],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Users> = SectionDefinition {
    title: "Users",
    metrics: &[
        Metric {
            name: "rocketchat_accounts",
            help: "Accounts by kind (the first that applies of app, bot, remote, guest and user) and state; guest means that it is the only role, unset that the field active is missing.",
            source: "users: type, isRemote, federated, roles, active",
            quantity: Quantity::Count,
            read: Read::By(&["kind", "state"], |users| {
                let mut samples = Vec::with_capacity(KINDS.len() * STATES.len());
                for kind in KINDS {
                    for (name, state) in STATES {
                        let number = users
                            .sum(|accounts| accounts.label() == kind && accounts.state == state);
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
            help: "Activated accounts that count against the license: no guests, bots, apps or remote users (Rocket.Chat's activeUsers since 6.4).",
            source: "users: active true, without roles [guest], type app or bot, federated, isRemote",
            quantity: Quantity::Count,
            read: Read::One(|users| count(users.seats())),
        },
    ],
    fields: &[
        Field {
            path: "activeUsers",
            versions: Versions::since(0, 8, 0).until(3, 0, 0),
            meaning: "activated accounts of every kind",
            origin: Fresh(|users| count_field(users.sum(Accounts::is_active))),
        },
        Field {
            path: "activeUsers",
            versions: Versions::since(3, 0, 0).until(3, 2, 0),
            meaning: "activated accounts without apps, minus activated remote accounts",
            origin: Fresh(|users| {
                difference(
                    users.active_without(|accounts| accounts.kind == AccountKind::App),
                    users.sum(|accounts| accounts.is_active() && accounts.remote),
                )
            }),
        },
        Field {
            path: "activeUsers",
            versions: Versions::since(3, 2, 0).until(5, 1, 0),
            meaning: "activated accounts without apps and guests, minus activated remote accounts that are not guests",
            origin: Fresh(|users| {
                difference(
                    users.active_without(|accounts| {
                        accounts.kind == AccountKind::App || accounts.guest
                    }),
                    users
                        .sum(|accounts| accounts.is_active() && accounts.remote && !accounts.guest),
                )
            }),
        },
        Field {
            path: "activeUsers",
            versions: Versions::since(5, 1, 0).until(6, 2, 9),
            meaning: "as since 3.2, also minus activated federated accounts (subtracted twice if they are remote, too)",
            origin: Fresh(|users| {
                difference(
                    users.active_without(|accounts| {
                        accounts.kind == AccountKind::App || accounts.guest
                    }),
                    users
                        .sum(|accounts| accounts.is_active() && accounts.remote && !accounts.guest)
                        + users.sum(|accounts| accounts.is_active() && accounts.federated),
                )
            }),
        },
        Field {
            path: "activeUsers",
            versions: Versions::since(6, 2, 9).until(6, 4, 0),
            meaning: "activated accounts without guests, apps, remote and federated ones",
            origin: Fresh(|users| {
                count_field(users.active_without(|accounts| {
                    accounts.guest
                        || accounts.kind == AccountKind::App
                        || accounts.remote
                        || accounts.federated
                }))
            }),
        },
        Field {
            path: "activeUsers",
            versions: Versions::since(6, 4, 0),
            meaning: "activated accounts without guests, apps, bots, remote and federated ones",
            origin: Fresh(|users| count_field(users.seats())),
        },
        Field {
            path: "activeGuests",
            versions: Versions::since(3, 2, 0),
            meaning: "activated accounts whose only role is guest, without apps and remote ones",
            origin: Fresh(|users| count_field(users.guests())),
        },
        Field {
            path: "nonActiveUsers",
            versions: Versions::since(0, 8, 0).until(3, 0, 0),
            meaning: "accounts that are not activated",
            origin: Fresh(|users| count_field(users.sum(|accounts| !accounts.is_active()))),
        },
        Field {
            path: "nonActiveUsers",
            versions: Versions::since(3, 0, 0),
            meaning: "deactivated accounts; those without the field active count as neither",
            origin: Fresh(|users| {
                count_field(users.sum(|accounts| accounts.state == AccountState::Deactivated))
            }),
        },
        Field {
            path: "appUsers",
            versions: Versions::since(3, 0, 0),
            meaning: "accounts of apps, activated or not",
            origin: Fresh(|users| {
                count_field(users.sum(|accounts| accounts.kind == AccountKind::App))
            }),
        },
        Field {
            path: "federatedUsers",
            versions: Versions::since(1, 3, 0).until(8, 0, 0),
            meaning: "accounts with isRemote true (old federation)",
            origin: Fresh(|users| count_field(users.sum(|accounts| accounts.remote))),
        },
        Field {
            path: "matrixFederation.amountOfExternalUsers",
            versions: Versions::since(6, 3, 0),
            meaning: "accounts with federated true (Matrix)",
            origin: Fresh(|users| count_field(users.sum(|accounts| accounts.federated))),
        },
    ],
};
