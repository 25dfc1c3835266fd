//! Accounts by kind and state, from `users`, and the counts derived from them.

pub mod live;
pub mod query;

use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Versions, WatchedIndexes, count, count_field, difference_field,
};

use crate::collectors::users::AccountTrait::{
    Activated, App, Bot, Deactivated, Federated, Guest, OnlyGuest, Remote,
};

/// A property of accounts. An account has those that a filter of MongoDB finds, so a list has the property of each of its
/// items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountTrait {
    /// `type` is `bot`.
    Bot,
    /// `type` is `app`.
    App,
    /// `active` is true: not deactivated, whenever it was last used.
    Activated,
    /// `active` is false.
    Deactivated,
    /// `roles` equals `["guest"]`.
    Guest,
    /// `roles` has one item, the text `guest`.
    OnlyGuest,
    /// `isRemote` is true: the old federation (1.3 to 7.x).
    Remote,
    /// `federated` is true: Matrix (4.7 and later).
    Federated,
}

/// The properties of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountTraits(u8);

impl AccountTraits {
    /// These properties.
    pub fn of(traits: impl Iterator<Item = AccountTrait>) -> Self {
        Self(traits.fold(0, |bits, one| bits | 1 << one as u8))
    }

    /// Whether one of them is this.
    pub fn has(self, one: AccountTrait) -> bool {
        self.0 & (1 << one as u8) != 0
    }
}

/// Accounts with equal properties.
#[derive(Debug, Clone, PartialEq)]
pub struct Accounts {
    /// Their properties.
    pub traits: AccountTraits,
    /// Their number.
    pub count: u64,
}

impl Accounts {
    fn has(&self, one: AccountTrait) -> bool {
        self.traits.has(one)
    }

    fn label(&self) -> &'static str {
        if self.has(App) {
            "app"
        } else if self.has(Bot) {
            "bot"
        } else if self.has(Remote) || self.has(Federated) {
            "remote"
        } else if self.has(Guest) {
            "guest"
        } else {
            "user"
        }
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
        self.activated_without(&[Guest, App, Bot, Remote, Federated])
    }

    /// Activated accounts whose only role is guest, without apps and remote ones.
    pub fn guests(&self) -> u64 {
        let without = self.activated_without(&[App, Remote]);
        without - self.activated_without(&[App, Remote, OnlyGuest])
    }

    fn activated_without(&self, excluded: &[AccountTrait]) -> u64 {
        self.sum(|accounts| {
            accounts.has(Activated) && !excluded.iter().any(|one| accounts.has(*one))
        })
    }

    fn with(&self, one: AccountTrait) -> u64 {
        self.sum(|accounts| accounts.has(one))
    }
}

/// Activated remote accounts that are not guests.
fn remote(users: &Users) -> u64 {
    users.sum(|accounts| accounts.has(Activated) && accounts.has(Remote) && !accounts.has(Guest))
}

const KINDS: [&str; 5] = ["user", "guest", "bot", "app", "remote"];
/// The states, and the property that each stands for; `None` for accounts whose `active` is missing or no boolean.
const STATES: [(&str, Option<AccountTrait>); 3] = [
    ("activated", Some(Activated)),
    ("deactivated", Some(Deactivated)),
    ("unset", None),
];

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "users",
    tier: Tier::Normal,
    rank: 14,
    privileges: &[Privilege::find("users"), Privilege::list_indexes("users")],
    watched: Some(WatchedIndexes {
        collection: "users",
        keys: &["_id", "active", "type", "roles", "isRemote", "federated"],
    }),
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
                        let is_in_state = |accounts: &Accounts| match state {
                            Some(state) => accounts.has(state),
                            None => !accounts.has(Activated) && !accounts.has(Deactivated),
                        };
                        let number =
                            users.sum(|accounts| accounts.label() == kind && is_in_state(accounts));
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
            origin: Fresh(|users| count_field(users.with(Activated))),
        },
        Field {
            path: "activeUsers",
            versions: Versions::since(3, 0, 0).until(3, 2, 0),
            meaning: "activated accounts without apps, minus activated remote accounts",
            origin: Fresh(|users| {
                difference_field(
                    users.activated_without(&[App]),
                    users.sum(|accounts| accounts.has(Activated) && accounts.has(Remote)),
                )
            }),
        },
        Field {
            path: "activeUsers",
            versions: Versions::since(3, 2, 0).until(5, 1, 0),
            meaning: "activated accounts without apps and guests, minus activated remote accounts that are not guests",
            origin: Fresh(|users| {
                difference_field(users.activated_without(&[App, Guest]), remote(users))
            }),
        },
        Field {
            path: "activeUsers",
            versions: Versions::since(5, 1, 0).until(6, 2, 9),
            meaning: "as since 3.2, also minus activated federated accounts (subtracted twice if they are remote, too)",
            origin: Fresh(|users| {
                let federated =
                    users.sum(|accounts| accounts.has(Activated) && accounts.has(Federated));
                difference_field(
                    users.activated_without(&[App, Guest]),
                    remote(users) + federated,
                )
            }),
        },
        Field {
            path: "activeUsers",
            versions: Versions::since(6, 2, 9).until(6, 4, 0),
            meaning: "activated accounts without guests, apps, remote and federated ones",
            origin: Fresh(|users| {
                count_field(users.activated_without(&[Guest, App, Remote, Federated]))
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
            origin: Fresh(|users| count_field(users.sum(|accounts| !accounts.has(Activated)))),
        },
        Field {
            path: "nonActiveUsers",
            versions: Versions::since(3, 0, 0),
            meaning: "deactivated accounts; those without the field active count as neither",
            origin: Fresh(|users| count_field(users.with(Deactivated))),
        },
        Field {
            path: "appUsers",
            versions: Versions::since(3, 0, 0),
            meaning: "accounts of apps, activated or not",
            origin: Fresh(|users| count_field(users.with(App))),
        },
        Field {
            path: "federatedUsers",
            versions: Versions::since(1, 3, 0).until(8, 0, 0),
            meaning: "accounts with isRemote true (old federation)",
            origin: Fresh(|users| count_field(users.with(Remote))),
        },
        Field {
            path: "matrixFederation.amountOfExternalUsers",
            versions: Versions::since(6, 3, 0),
            meaning: "accounts with federated true (Matrix)",
            origin: Fresh(|users| count_field(users.with(Federated))),
        },
    ],
};
