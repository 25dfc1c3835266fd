//! Accounts that an administrator should look at: numbers only, never names.

pub mod query;

use crate::catalogue::{CollectorDefinition, Metric, Quantity, Read, Table, Tier, count};

/// Counts over all accounts.
#[derive(Debug, Clone, Default)]
pub struct Hygiene {
    /// Activated people of this server who have never logged in.
    pub never_logged_in: u64,
    /// Deactivated accounts with a connection.
    pub deactivated_connected: u64,
    /// Login tokens of all accounts.
    pub login_tokens: u64,
    /// Login tokens of the account that has the most.
    pub most_login_tokens: u64,
    /// Activated administrators without a second factor; `None` when the index on `roles` is missing.
    pub unprotected_administrators: Option<u64>,
}

/// Accounts that should be looked at.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "hygiene",
    tier: Tier::Slow,
    rank: 7,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Hygiene> = Table {
    title: "Hygiene of accounts",
    metrics: &[
        Metric {
            name: "rocketchat_administrators_without_second_factor",
            help: "Activated administrators, no bots or apps, who have switched on neither a second factor from an app nor one by e-mail.",
            source: "users: index on roles; active, type, services.totp.enabled, services.email2fa.enabled",
            quantity: Quantity::Count,
            read: Read::One(|hygiene| hygiene.unprotected_administrators.and_then(count)),
        },
        Metric {
            name: "rocketchat_users_never_logged_in",
            help: "Activated people who have never logged in; remote ones, who cannot, do not count.",
            source: "users: active, type, isRemote, federated, lastLogin",
            quantity: Quantity::Count,
            read: Read::One(|hygiene| count(hygiene.never_logged_in)),
        },
        Metric {
            name: "rocketchat_users_deactivated_connected",
            help: "Deactivated accounts that still have a connection.",
            source: "users: active false, statusConnection online, away or busy",
            quantity: Quantity::Count,
            read: Read::One(|hygiene| count(hygiene.deactivated_connected)),
        },
        Metric {
            name: "rocketchat_login_tokens",
            help: "Login tokens of all accounts, personal access tokens included.",
            source: "users: length of services.resume.loginTokens",
            quantity: Quantity::Count,
            read: Read::One(|hygiene| count(hygiene.login_tokens)),
        },
        Metric {
            name: "rocketchat_login_tokens_of_one_account_max",
            help: "Login tokens of the account that has the most; thousands mean that a program logs in anew each time, which slows every login down.",
            source: "users: greatest length of services.resume.loginTokens",
            quantity: Quantity::Count,
            read: Read::One(|hygiene| count(hygiene.most_login_tokens)),
        },
    ],
    fields: &[],
};
