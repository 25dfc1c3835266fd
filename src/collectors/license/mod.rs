//! The workspace's license, from `rocketchat_settings`: validity, modules, limits and their usage.
//!
//! It holds neither the licensee, nor the license's id, nor its text.

pub mod query;
pub mod reader;

use crate::catalogue::FieldOrigin::FreshElseStored;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Timestamp, Value, Versions, instant, state,
};

/// The module of omnichannel's and voice calls' licensed features.
pub const LIVECHAT_ENTERPRISE: &str = "livechat-enterprise";

/// The module of attribute-based access control.
pub const ABAC: &str = "abac";

/// The module of custom OAuth services, which need it from 9.0 on.
pub const OAUTH_ENTERPRISE: &str = "oauth-enterprise";

/// Rocket.Chat's own modules in the order of its bundles; those of apps have a dot in their name.
pub const LICENSE_MODULES: [&str; 26] = [
    "auditing",
    "canned-responses",
    "ldap-enterprise",
    LIVECHAT_ENTERPRISE,
    "voip-enterprise",
    "omnichannel-mobile-enterprise",
    "engagement-dashboard",
    "push-privacy",
    "scalability",
    "teams-mention",
    "saml-enterprise",
    OAUTH_ENTERPRISE,
    "device-management",
    "federation",
    "videoconference-enterprise",
    "message-read-receipt",
    "outlook-calendar",
    "hide-watermark",
    "custom-roles",
    "accessibility-certification",
    "unlimited-presence",
    "contact-id-verification",
    "teams-voip",
    "outbound-messaging",
    ABAC,
    // Since 8.7.
    "fips",
];

/// The modules that count as licensed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Grants {
    /// None, because there is no valid license.
    #[default]
    None,
    /// Those of a valid license.
    Modules(Vec<String>),
    /// Every module.
    Everything,
}

impl Grants {
    /// Whether a module is granted.
    pub fn grants(&self, module: &str) -> bool {
        match self {
            Self::None => false,
            Self::Modules(modules) => modules.iter().any(|granted| granted == module),
            Self::Everything => true,
        }
    }
}

/// How many of [`LICENSE_MODULES`] a license for everything has in 6.14 to 8.3.
const KNOWN_MODULES: usize = 25;

/// How many it has in 5.3.
const EARLY_MODULES: usize = 20;

/// The license in the settings, and the modules that count.
#[derive(Debug, Clone, Default)]
pub struct License {
    /// The configured modules, else those of a valid license.
    pub grants: Grants,
    /// Whether they are configured.
    pub configured: bool,
    /// The license in the settings; `None` when there is none.
    pub held: Option<HeldLicense>,
}

/// A license, valid or not.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldLicense {
    /// Its format; `None` for none of both.
    pub format: Option<LicenseFormat>,
    /// What confirms that it is genuine.
    pub voucher: LicenseVoucher,
    /// Why it is not valid; `None` when it is.
    pub flaw: Option<LicenseFlaw>,
    /// The content; `None` when it cannot be parsed, or the signature is wrong.
    pub content: Option<LicenseContent>,
}

/// The format of a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LicenseFormat {
    /// Encrypted; since 3.1.
    V2,
    /// Signed; since 6.5.
    V3,
}

/// What confirms that a license is genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LicenseVoucher {
    /// Its signature, verified with the configured public key.
    Signature,
    /// Rocket.Chat, in the setting `Enterprise_License_Status`.
    Status,
    /// Nothing.
    Nobody,
}

/// Why a license is not valid: the first reason of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LicenseFlaw {
    /// The text is longer than any license.
    TooLong,
    /// The text is in neither format.
    NotALicense,
    /// The signature algorithm is not the one that Rocket.Chat accepts.
    Algorithm,
    /// The configured key did not sign it.
    Signature,
    /// The content is not JSON, or not that of a license.
    Malformed,
    /// A period of validity has not begun.
    NotYetValid,
    /// A period of validity is over.
    Expired,
    /// It is for another `Site_Url`.
    Address,
    /// A limit is exceeded that invalidates the license.
    Limit,
    /// Rocket.Chat considers it invalid.
    Status,
    /// Rocket.Chat does not confirm it, and no key is configured to verify its signature.
    Unconfirmed,
}

/// The content of a license.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LicenseContent {
    /// Plans, as Rocket.Chat shows them.
    pub tags: Vec<LicenseTag>,
    /// Whether it is a trial.
    pub trial: bool,
    /// Whether the workspace may be disconnected from Rocket.Chat's cloud.
    pub offline: bool,
    /// Granted modules, without those that a period or a limit disables.
    pub modules: Vec<String>,
    /// Every kind of limit.
    pub limits: Vec<LicenseLimit>,
    /// When it stops being valid; `None` when it never expires.
    pub expires: Option<Timestamp>,
    /// The expiry that Rocket.Chat shows.
    pub shown_expiry: Option<Timestamp>,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseTag {
    /// Its name.
    pub name: String,
    /// The color of its label, such as `#5154ec`.
    pub color: Option<String>,
}

/// A limit and its use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LicenseLimit {
    /// What is limited.
    pub kind: LimitKind,
    /// The maximum; `None` when there is no limit.
    pub max: Option<u64>,
    /// What is used, if known.
    pub used: Option<u64>,
}

/// What a license may limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// Seats.
    ActiveUsers,
    /// Guests.
    GuestUsers,
    /// Rooms of each guest.
    RoomsPerGuest,
    /// Enabled private apps.
    PrivateApps,
    /// Enabled apps from the marketplace.
    MarketplaceApps,
    /// Omnichannel contacts of the calendar month.
    MonthlyActiveContacts,
}

impl LicenseFormat {
    /// The value of the label `format`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V2 => "2",
            Self::V3 => "3",
        }
    }
}

impl LicenseVoucher {
    /// The value of the label `voucher`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Status => "status",
            Self::Nobody => "nobody",
        }
    }
}

impl LicenseFlaw {
    /// The value of the label `reason`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NotALicense => "not_a_license",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::Malformed => "malformed",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::Address => "address",
            Self::Limit => "limit",
            Self::Status => "status",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

impl LicenseFlaw {
    /// Why the license is invalid, in words.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::TooLong => "it is longer than any license",
            Self::NotALicense => "it is in no known format",
            Self::Algorithm => "it is signed in a way that is not accepted",
            Self::Signature => "its signature is wrong",
            Self::Malformed => "it cannot be read",
            Self::NotYetValid => "its time has not begun",
            Self::Expired => "it has expired",
            Self::Address => "it is for another address",
            Self::Limit => "more is used than it allows",
            Self::Status => "Rocket.Chat says so",
            Self::Unconfirmed => "it is not confirmed to be genuine",
        }
    }
}

impl LimitKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::ActiveUsers,
        Self::GuestUsers,
        Self::RoomsPerGuest,
        Self::PrivateApps,
        Self::MarketplaceApps,
        Self::MonthlyActiveContacts,
    ];

    /// The value of the label `limit`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ActiveUsers => "active_users",
            Self::GuestUsers => "guest_users",
            Self::RoomsPerGuest => "rooms_per_guest",
            Self::PrivateApps => "private_apps",
            Self::MarketplaceApps => "marketplace_apps",
            Self::MonthlyActiveContacts => "monthly_active_contacts",
        }
    }
}

impl HeldLicense {
    /// Whether it is valid.
    pub fn is_valid(&self) -> bool {
        self.flaw.is_none()
    }
}

impl License {
    /// Whether the settings hold a valid license.
    pub fn is_valid(&self) -> bool {
        self.held.as_ref().is_some_and(HeldLicense::is_valid)
    }

    fn content(&self) -> Option<&LicenseContent> {
        self.held.as_ref()?.content.as_ref()
    }

    fn info(&self) -> Option<Sample> {
        let held = self.held.as_ref()?;
        let content = held.content.as_ref();
        let yes_or_no = |flag: fn(&LicenseContent) -> bool| match content.map(flag) {
            Some(true) => "true",
            Some(false) => "false",
            None => "",
        };
        let plan: Vec<&str> = content.map_or_else(Vec::new, |content| {
            content.tags.iter().map(|tag| tag.name.as_str()).collect()
        });
        Some(Sample {
            labels: vec![
                held.format.map_or("", LicenseFormat::name).into(),
                plan.join(", ").into(),
                yes_or_no(|content| content.trial).into(),
                yes_or_no(|content| content.offline).into(),
                held.voucher.name().into(),
                held.flaw.map_or("", LicenseFlaw::name).into(),
            ],
            value: 1.0,
        })
    }

    /// The state of each module; empty without a license or configured modules.
    fn modules(&self) -> Vec<Sample> {
        if self.held.is_none() && !self.configured {
            return Vec::new();
        }
        LICENSE_MODULES
            .iter()
            .map(|module| Sample::of(*module, state(self.grants.grants(module))))
            .collect()
    }

    fn other_modules(&self) -> Option<f64> {
        let Grants::Modules(modules) = &self.grants else {
            return None;
        };
        let others = modules
            .iter()
            .filter(|module| !LICENSE_MODULES.contains(&module.as_str()));
        Some(others.count() as f64)
    }

    fn limits(&self, number: fn(&LicenseLimit) -> Option<u64>) -> Vec<Sample> {
        let limits = self.content().map_or(&[][..], |content| &content.limits);
        limits
            .iter()
            .filter_map(|limit| Some(Sample::of(limit.kind.name(), number(limit)? as f64)))
            .collect()
    }

    /// The names of the modules, if known.
    fn shown_modules(&self) -> Option<Value> {
        self.shown_modules_of(&LICENSE_MODULES[..KNOWN_MODULES])
    }

    fn shown_early_modules(&self) -> Option<Value> {
        self.shown_modules_of(&LICENSE_MODULES[..EARLY_MODULES])
    }

    fn shown_modules_of(&self, all: &[&str]) -> Option<Value> {
        match &self.grants {
            Grants::Everything => Some(Value::List(all.iter().copied().map(Value::text).collect())),
            Grants::None => Some(Value::List(Vec::new())),
            Grants::Modules(_) if !self.configured && self.content().is_none() => None,
            Grants::Modules(modules) => {
                Some(Value::List(modules.iter().map(Value::text).collect()))
            }
        }
    }

    /// The names of the tags, if known.
    fn shown_tags(&self) -> Option<Value> {
        let tags = match &self.held {
            Some(held) if held.is_valid() => &held.content.as_ref()?.tags[..],
            _ if self.configured => return None,
            _ => &[],
        };
        let names = tags.iter().map(|tag| Value::text(tag.name.as_str()));
        Some(Value::List(names.collect()))
    }
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "license",
    tier: Tier::Normal,
    // After the collectors that count what a license limits.
    rank: 16,
    privileges: &[Privilege::find("rocketchat_settings")],
    minimal_metrics: &["rocketchat_license_valid"],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<License> = SectionDefinition {
    title: "License",
    metrics: &[
        Metric {
            name: "rocketchat_license_info",
            help: "The license in the settings, valid or not: format (2 or 3), plan, trial, offline use, how its authenticity is established (signature, status or nobody) and why it is invalid.",
            source: "rocketchat_settings Enterprise_License, else Cloud_Workspace_License",
            quantity: Quantity::Info,
            read: Read::By(
                &["format", "plan", "trial", "offline", "voucher", "reason"],
                |license| license.info().into_iter().collect(),
            ),
        },
        Metric {
            name: "rocketchat_license_valid",
            help: "Whether the settings hold a valid license: authentic by its signature if a public key is configured, else by Rocket.Chat's own status; not marked invalid by Rocket.Chat; and within its periods, address and limits. 0 without a license.",
            source: "rocketchat_settings Enterprise_License, Enterprise_License_Status and Site_Url",
            quantity: Quantity::State,
            read: Read::One(|license| Some(state(license.is_valid()))),
        },
        Metric {
            name: "rocketchat_license_module_granted",
            help: "Whether a module is licensed, by a valid license or by --rocketchat.license-modules; absent without either.",
            source: "rocketchat_settings Enterprise_License",
            quantity: Quantity::State,
            read: Read::By(&["module"], License::modules),
        },
        Metric {
            name: "rocketchat_license_other_modules",
            help: "Licensed modules that are not Rocket.Chat's own, such as those of apps.",
            source: "rocketchat_settings Enterprise_License",
            quantity: Quantity::Count,
            read: Read::One(License::other_modules),
        },
        Metric {
            name: "rocketchat_license_limit",
            help: "Maximum that the license allows; absent where there is no limit.",
            source: "rocketchat_settings Enterprise_License: least max of limits",
            quantity: Quantity::Count,
            read: Read::By(&["limit"], |license| license.limits(|limit| limit.max)),
        },
        Metric {
            name: "rocketchat_license_used",
            help: "Usage that counts against a license limit: seats, guests, enabled apps and contacts of the month, as Rocket.Chat counts them.",
            source: "as in rocketchat_seats_used, rocketchat_livechat_active_contacts and the fields activeGuests and apps",
            quantity: Quantity::Count,
            read: Read::By(&["limit"], |license| license.limits(|limit| limit.used)),
        },
        Metric {
            name: "rocketchat_license_expiry_timestamp_seconds",
            help: "Time when the license becomes invalid, also when it is in the past.",
            source: "rocketchat_settings Enterprise_License: earliest validUntil with invalidate_license",
            quantity: Quantity::Instant,
            read: Read::One(|license| instant(license.content()?.expires)),
        },
        Metric {
            name: "rocketchat_license_shown_expiry_timestamp_seconds",
            help: "Expiry time that Rocket.Chat shows to administrators, for example the end of a trial.",
            source: "rocketchat_settings Enterprise_License: visualExpiration",
            quantity: Quantity::Instant,
            read: Read::One(|license| instant(license.content()?.shown_expiry)),
        },
        Metric {
            name: "rocketchat_license_trial",
            help: "Whether the license is a trial license.",
            source: "rocketchat_settings Enterprise_License: trial",
            quantity: Quantity::State,
            read: Read::One(|license| Some(state(license.content()?.trial))),
        },
    ],
    fields: &[
        Field {
            path: "enterprise.modules",
            versions: Versions::since(3, 8, 0).until(6, 0, 0),
            meaning: "modules of a valid license; those of the newest stored document if the license is not readable",
            origin: FreshElseStored(License::shown_early_modules),
        },
        Field {
            path: "enterprise.modules",
            versions: Versions::since(6, 0, 0),
            meaning: "modules of a valid license; those of the newest stored document if the license is not readable",
            origin: FreshElseStored(License::shown_modules),
        },
        Field {
            path: "enterprise.tags",
            versions: Versions::since(3, 8, 0),
            meaning: "tags of a valid license; those of the newest stored document if the license is not readable",
            origin: FreshElseStored(License::shown_tags),
        },
    ],
};
