//! Account security, from `users`: second factors, unused and deactivated accounts, login tokens, and accounts that depend
//! on a custom OAuth service. Numbers only, no names.

pub mod query;

use crate::catalogue::{
    CollectorDefinition, Metric, Privilege, Quantity, Read, SectionDefinition, Tier, count,
};

/// Counts over all documents of `users`.
#[derive(Debug, Clone, Default)]
pub struct AccountSecurity {
    /// Activated people of this server without `lastLogin`.
    pub never_logged_in: u64,
    /// Accounts with `active` false and a `statusConnection` that is not offline.
    pub deactivated_connected: u64,
    /// Sum of the lengths of `services.resume.loginTokens`.
    pub login_tokens: u64,
    /// Greatest length of `services.resume.loginTokens`.
    pub max_login_tokens: u64,
    /// Activated administrators without a second factor; `None` when the index on `roles` is missing.
    pub unprotected_administrators: Option<u64>,
    /// Activated accounts that can log in by a custom OAuth service only: they have a field below `services` that is in
    /// neither of [`OWN_SERVICES`] and [`BUILT_IN_LOGINS`], and none of [`BUILT_IN_LOGINS`].
    pub custom_oauth_only: u64,
}

/// Fields below `services` that are logins without a custom OAuth service, in all versions: the password, directories and
/// built-in providers, including those that 9.0 removed.
pub const BUILT_IN_LOGINS: [&str; 21] = [
    "apple",
    "blockstack",
    "cas",
    "crowd",
    "dolphin",
    "drupal",
    "facebook",
    "github",
    "github_enterprise",
    "gitlab",
    "google",
    "iframe",
    "ldap",
    "linkedin",
    "meteor",
    "nextcloud",
    "password",
    "saml",
    "tokenpass",
    "twitter",
    "wordpress",
];

/// Fields below `services` that Rocket.Chat uses for something else. It considers every other one a custom OAuth login.
pub const OWN_SERVICES: [&str; 8] = [
    "cloud",
    "email",
    "email2fa",
    "emailCode",
    "loginToken",
    "passwordHistory",
    "resume",
    "totp",
];

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "hygiene",
    tier: Tier::Slow,
    rank: 7,
    privileges: &[Privilege::find("users"), Privilege::list_indexes("users")],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<AccountSecurity> = SectionDefinition {
    title: "Account security",
    metrics: &[
        Metric {
            name: "rocketchat_administrators_without_second_factor",
            help: "Activated administrators without a second factor, neither an authenticator app nor e-mail; bots and apps are not counted.",
            source: "users: index on roles; active, type, services.totp.enabled, services.email2fa.enabled",
            quantity: Quantity::Count,
            read: Read::One(|accounts| accounts.unprotected_administrators.and_then(count)),
        },
        Metric {
            name: "rocketchat_users_never_logged_in",
            help: "Activated people who have never logged in; bots, apps and remote users are not counted.",
            source: "users: active, type, isRemote, federated, lastLogin",
            quantity: Quantity::Count,
            read: Read::One(|accounts| count(accounts.never_logged_in)),
        },
        Metric {
            name: "rocketchat_users_deactivated_connected",
            help: "Deactivated accounts with an open connection.",
            source: "users: active false, statusConnection online, away or busy",
            quantity: Quantity::Count,
            read: Read::One(|accounts| count(accounts.deactivated_connected)),
        },
        Metric {
            name: "rocketchat_login_tokens",
            help: "Login tokens of all accounts, including personal access tokens.",
            source: "users: length of services.resume.loginTokens",
            quantity: Quantity::Count,
            read: Read::One(|accounts| count(accounts.login_tokens)),
        },
        Metric {
            name: "rocketchat_login_tokens_of_one_account_max",
            help: "Highest number of login tokens of a single account. Thousands mean that a program logs in anew for each request, which slows down every login.",
            source: "users: greatest length of services.resume.loginTokens",
            quantity: Quantity::Count,
            read: Read::One(|accounts| count(accounts.max_login_tokens)),
        },
        Metric {
            name: "rocketchat_users_custom_oauth_only",
            help: "Activated accounts with a custom OAuth login and neither a password nor LDAP, SAML, CAS or any other built-in login. Rocket.Chat 9.0 and later refuses them unless the license has the module oauth-enterprise.",
            source: "users: active; fields below services that Rocket.Chat does not define, without password and built-in logins",
            quantity: Quantity::Count,
            read: Read::One(|accounts| count(accounts.custom_oauth_only)),
        },
    ],
    fields: &[],
};
