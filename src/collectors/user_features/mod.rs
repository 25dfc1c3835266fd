//! Features of accounts, from `users`: login services, second factors, languages, phone extensions. A collector of its
//! own, because most have no index and need a full pass.

pub mod live;
pub mod query;

use std::collections::BTreeMap;

use crate::catalogue::FieldOrigin::{Fresh, Keyed};
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, REMOVED_PROVIDERS, Read, Sample,
    SectionDefinition, Tier, Value, Version, Versions, WatchedIndexes, count_field,
    difference_field,
};

/// Counts over all documents of `users`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserFeatures {
    /// Activated accounts, without apps and pure guests, with each of [`LOGIN_SERVICES`].
    pub by_login_service: BTreeMap<&'static str, u64>,
    /// Activated accounts with `services.totp.enabled`.
    pub with_totp: u64,
    /// Activated accounts with `services.email2fa.enabled`.
    pub with_email_2fa: u64,
    /// Custom OAuth services; only for versions that show them by name (3.17 to 4.0).
    pub custom_oauth: Vec<CustomOauth>,
    /// Accounts with the field `extension`.
    pub with_extension: u64,
    /// Accounts by `language`; `None` when the index on it is missing.
    pub by_language: Option<Vec<(String, u64)>>,
    /// All accounts.
    pub accounts: u64,
}

impl UserFeatures {
    /// Whether a version shows custom OAuth services by name: earlier ones show none, later ones show numbers.
    pub fn names_custom_oauth(version: Version) -> bool {
        (Version::new(3, 17, 0)..Version::new(4, 1, 0)).contains(&version)
    }
}

/// A custom OAuth service.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomOauth {
    /// Its name.
    pub name: String,
    /// Whether it is enabled.
    pub enabled: bool,
    /// Whether it merges roles.
    pub merges_roles: bool,
    /// Activated accounts with it, without apps and pure guests.
    pub users: Option<u64>,
}

/// Fields below `services` that are login services.
pub const LOGIN_SERVICES: [&str; 17] = [
    "apple",
    "cas",
    "dolphin",
    "drupal",
    "facebook",
    "github",
    "github_enterprise",
    "gitlab",
    "google",
    "ldap",
    "linkedin",
    "meteor",
    "nextcloud",
    "saml",
    "tokenpass",
    "twitter",
    "wordpress",
];

/// Accounts with a login service.
const fn logged_in_by(
    path: &'static str,
    versions: Versions,
    key: &'static str,
) -> Field<UserFeatures> {
    Field {
        path,
        versions,
        meaning: "activated accounts, without apps and guests, with the login service",
        origin: Keyed(
            |users, key| users.by_login_service.get(key).copied().map(Value::count),
            key,
        ),
    }
}

/// Accounts with one of the login services that 9.0 removed.
const fn logged_in_by_removed(path: &'static str, key: &'static str) -> Field<UserFeatures> {
    Field {
        meaning: "until the provider was removed (known from the development branch only): activated accounts, without apps and guests, with the login service",
        ..logged_in_by(path, REMOVED_PROVIDERS, key)
    }
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "user_features",
    tier: Tier::Slow,
    rank: 6,
    privileges: &[Privilege::find("users"), Privilege::list_indexes("users")],
    // Login services and phone extensions have no index: a change of them alone shows after `collectors::refreshes::MAX_AGE`.
    watched: Some(WatchedIndexes {
        collection: "users",
        keys: &[
            "_id",
            "active",
            "type",
            "roles",
            "language",
            "services.totp.enabled",
            "services.email2fa.enabled",
        ],
    }),
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<UserFeatures> = SectionDefinition {
    title: "User features",
    metrics: &[
        Metric {
            name: "rocketchat_users_by_login_service",
            help: "Activated accounts by login service, without apps and guests; an account can have several services.",
            source: "users: services.NAME exists",
            quantity: Quantity::Count,
            read: Read::By(&["login_service"], |users| {
                users
                    .by_login_service
                    .iter()
                    .map(|(name, count)| Sample::of(*name, *count as f64))
                    .collect()
            }),
        },
        Metric {
            name: "rocketchat_users_with_second_factor",
            help: "Activated accounts by enabled second factor; an account can have both.",
            source: "users: services.totp.enabled, services.email2fa.enabled",
            quantity: Quantity::Count,
            read: Read::By(&["method"], |users| {
                vec![
                    Sample::of("totp", users.with_totp as f64),
                    Sample::of("email", users.with_email_2fa as f64),
                ]
            }),
        },
    ],
    fields: &[
        Field {
            path: "userLanguages",
            versions: Versions::since(3, 12, 0),
            meaning: "accounts by interface language; none is all others",
            origin: Fresh(|users| {
                let languages = users.by_language.as_ref()?;
                let known: u64 = languages.iter().map(|(_, count)| count).sum();
                let none = difference_field(users.accounts, known)?;
                let mut entries = vec![("none".into(), none)];
                entries.extend(
                    languages
                        .iter()
                        .map(|(name, count)| (name.clone().into(), Value::count(*count))),
                );
                Some(Value::Object(entries))
            }),
        },
        Field {
            path: "services.oauth.custom",
            versions: Versions::since(3, 17, 0).until(4, 1, 0),
            meaning: "each custom OAuth service by name: enabled, mergeRoles, users",
            origin: Fresh(|users| {
                let services = users.custom_oauth.iter().map(|service| {
                    let value = Value::object([
                        ("enabled", Some(Value::Bool(service.enabled))),
                        ("mergeRoles", Some(Value::Bool(service.merges_roles))),
                        ("users", service.users.map(Value::count)),
                    ]);
                    (service.name.clone().into(), value)
                });
                Some(Value::Object(services.collect()))
            }),
        },
        Field {
            path: "totalUserTOTP",
            versions: Versions::since(4, 8, 0),
            meaning: "activated accounts with an authenticator app",
            origin: Fresh(|users| count_field(users.with_totp)),
        },
        Field {
            path: "totalUserEmail2fa",
            versions: Versions::since(4, 8, 0),
            meaning: "activated accounts with a second factor by e-mail",
            origin: Fresh(|users| count_field(users.with_email_2fa)),
        },
        Field {
            path: "voipExtensions",
            versions: Versions::since(4, 6, 0).until(8, 0, 0),
            meaning: "accounts with a phone extension",
            origin: Fresh(|users| count_field(users.with_extension)),
        },
        logged_in_by("services.ldap.users", Versions::since(3, 17, 0), "ldap"),
        logged_in_by("services.saml.users", Versions::since(3, 17, 0), "saml"),
        logged_in_by("services.cas.users", Versions::since(3, 17, 0), "cas"),
        logged_in_by(
            "services.oauth.apple.users",
            Versions::since(3, 17, 0),
            "apple",
        ),
        logged_in_by_removed("services.oauth.dolphin.users", "dolphin"),
        logged_in_by_removed("services.oauth.drupal.users", "drupal"),
        logged_in_by_removed("services.oauth.facebook.users", "facebook"),
        logged_in_by(
            "services.oauth.github.users",
            Versions::since(3, 17, 0),
            "github",
        ),
        logged_in_by_removed("services.oauth.githubEnterprise.users", "github_enterprise"),
        logged_in_by(
            "services.oauth.gitlab.users",
            Versions::since(3, 17, 0),
            "gitlab",
        ),
        logged_in_by(
            "services.oauth.google.users",
            Versions::since(3, 17, 0),
            "google",
        ),
        logged_in_by_removed("services.oauth.linkedin.users", "linkedin"),
        logged_in_by_removed("services.oauth.meteor.users", "meteor"),
        logged_in_by(
            "services.oauth.nextcloud.users",
            Versions::since(3, 17, 0),
            "nextcloud",
        ),
        logged_in_by(
            "services.oauth.tokenpass.users",
            Versions::since(3, 17, 0).until(8, 0, 0),
            "tokenpass",
        ),
        logged_in_by_removed("services.oauth.twitter.users", "twitter"),
        logged_in_by_removed("services.oauth.wordpress.users", "wordpress"),
    ],
};
