//! The terms of a license, the same for both versions.

use jiff::civil;
use jiff::tz::TimeZone;

use super::LicenseContext;
use super::json::{LicenseV2Json, LicenseV3Json, LimitJson, LimitsJson, ServerUrlJson, TagJson};
use super::site_url::LicenseAddress;
use crate::catalogue::{Timestamp, Version};
use crate::collectors::license::{LICENSE_MODULES, LicenseTag, LimitKind};

/// How many tags are shown, and the length of each in characters; real licenses have one short tag.
const MAX_TAGS: usize = 8;
const MAX_TAG_CHARS: usize = 64;

/// How many of [`LICENSE_MODULES`] the bundle `enterprise` of version 2 grants: those that existed then.
const ENTERPRISE_BUNDLE: usize = 20;

/// Modules that Rocket.Chat adds when it converts a license of version 2 to version 3.
const ADDED_TO_V2: [&str; 3] = ["teams-voip", "contact-id-verification", "hide-watermark"];

/// The first version that converts licenses; when each module was added is not known.
const CONVERTS: Version = Version::new(6, 5, 0);

/// A license of either version.
#[derive(Debug, Clone, PartialEq)]
pub struct LicenseTerms {
    pub tags: Vec<LicenseTag>,
    pub trial: bool,
    pub offline: bool,
    pub shown_expiry: Option<Timestamp>,
    pub addresses: Vec<LicenseAddress>,
    pub periods: Vec<ValidityPeriod>,
    pub modules: Vec<String>,
    pub limits: Vec<TermsLimit>,
}

/// The consequence of a violated period or limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViolationBehavior {
    InvalidateLicense,
    DisableModules,
    /// Any other, which affects neither validity nor modules.
    Other,
}

/// A period of validity, possibly open-ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidityPeriod {
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub behavior: ViolationBehavior,
    pub modules: Vec<String>,
}

/// One limit; a kind may have several.
#[derive(Debug, Clone, PartialEq)]
pub struct TermsLimit {
    pub kind: LimitKind,
    pub max: f64,
    pub behavior: ViolationBehavior,
    pub modules: Vec<String>,
}

impl ValidityPeriod {
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| now > until)
    }

    pub fn is_to_come(&self, now: Timestamp) -> bool {
        self.from.is_some_and(|from| now < from)
    }
}

impl TermsLimit {
    /// Whether the limit is known to be exceeded.
    pub fn is_exceeded(&self, context: &LicenseContext<'_>) -> bool {
        let used = (context.used)(self.kind);
        self.max >= 0.0 && used.is_some_and(|used| used as f64 > self.max)
    }
}

/// Parses version 3; `None` when it is malformed.
pub fn v3(json: &[u8], timezone: &TimeZone) -> Option<LicenseTerms> {
    let license: LicenseV3Json = serde_json::from_slice(json).ok()?;
    let instant = |text: Option<String>| text.and_then(|text| instant(&text, timezone));
    let periods = license.validation.valid_periods.unwrap_or_default();
    let limits = license.limits.unwrap_or_default();
    Some(LicenseTerms {
        tags: shown_tags(license.information.tags.unwrap_or_default()),
        trial: license.information.trial.unwrap_or_default(),
        offline: license.information.offline.unwrap_or_default(),
        shown_expiry: instant(license.information.visual_expiration),
        addresses: license
            .validation
            .server_urls
            .into_iter()
            .filter_map(address)
            .collect(),
        periods: periods
            .into_iter()
            .map(|period| ValidityPeriod {
                from: instant(period.valid_from),
                until: instant(period.valid_until),
                behavior: behavior(&period.invalid_behavior),
                modules: period.modules.unwrap_or_default(),
            })
            .collect(),
        modules: license
            .granted_modules
            .into_iter()
            .map(|granted| granted.module)
            .collect(),
        limits: all_limits(limits),
    })
}

/// Parses version 2 as Rocket.Chat converts it to version 3; `None` when it is malformed.
pub fn v2(json: &[u8], context: &LicenseContext<'_>) -> Option<LicenseTerms> {
    let timezone = context.timezone;
    let license: LicenseV2Json = serde_json::from_slice(json).ok()?;
    let meta = license.meta.unwrap_or_default();
    let apps = license.apps.unwrap_or_default();
    // Rocket.Chat cannot convert a license without a date.
    let expiry = instant(&license.expiry, timezone)?;
    let tags = match license.tag {
        Some(tag) => vec![tag],
        // Before there were tags, bundle names took their place.
        None => license
            .modules
            .iter()
            .filter_map(|module| bundle_tag(module))
            .collect(),
    };
    let limit = |kind, max: Option<f64>| {
        let max = max.filter(|max| *max != 0.0)?;
        Some(TermsLimit {
            kind,
            max,
            behavior: ViolationBehavior::Other,
            modules: Vec::new(),
        })
    };
    let limits = [
        limit(LimitKind::ActiveUsers, license.max_active_users),
        limit(LimitKind::GuestUsers, license.max_guest_users),
        limit(LimitKind::RoomsPerGuest, license.max_rooms_per_guest),
        limit(LimitKind::PrivateApps, apps.max_private_apps),
        limit(LimitKind::MarketplaceApps, apps.max_marketplace_apps),
    ];
    let added = if converts(context.version) {
        &ADDED_TO_V2[..]
    } else {
        &[]
    };
    Some(LicenseTerms {
        tags: shown_tags(tags),
        trial: meta.trial.unwrap_or_default(),
        offline: false,
        shown_expiry: meta
            .trial_end
            .and_then(|end| instant(&end, timezone))
            .or(Some(expiry)),
        addresses: vec![LicenseAddress::Pattern(license.url)],
        periods: vec![ValidityPeriod {
            from: None,
            until: Some(expiry),
            behavior: ViolationBehavior::InvalidateLicense,
            modules: Vec::new(),
        }],
        modules: added
            .iter()
            .map(|module| (*module).to_owned())
            .chain(license.modules.iter().flat_map(|module| unbundled(module)))
            .collect(),
        limits: limits.into_iter().flatten().collect(),
    })
}

/// Whether a Rocket.Chat version converts licenses of version 2; the terms depend on nothing else of the version.
pub fn converts(version: Option<Version>) -> bool {
    version.is_none_or(|version| version >= CONVERTS)
}

/// The modules of a module or bundle name of version 2.
fn unbundled(name: &str) -> Vec<String> {
    match name {
        "*" | "enterprise:*" => LICENSE_MODULES[..ENTERPRISE_BUNDLE]
            .iter()
            .map(|module| (*module).to_owned())
            .collect(),
        bundle if bundle.ends_with(":*") => Vec::new(),
        module => vec![module.to_owned()],
    }
}

fn bundle_tag(name: &str) -> Option<TagJson> {
    let name = name.strip_suffix(":*").filter(|name| !name.is_empty())?;
    let color = match name {
        "bronze" => "#BD5A0B",
        "silver" => "#9EA2A8",
        "gold" => "#F3BE08",
        _ => "#4411DD",
    };
    Some(TagJson {
        name: name.to_owned(),
        color: Some(color.to_owned()),
    })
}

/// Distinct tags, few and short enough for labels.
fn shown_tags(tags: Vec<TagJson>) -> Vec<LicenseTag> {
    let short = |text: &str| text.chars().take(MAX_TAG_CHARS).collect::<String>();
    let mut shown: Vec<LicenseTag> = Vec::new();
    for tag in tags {
        let name = short(&tag.name);
        let is_new = !shown
            .iter()
            .any(|known| known.name.to_lowercase() == name.to_lowercase());
        if is_new && shown.len() < MAX_TAGS {
            let color = tag.color.filter(|color| is_color(color));
            shown.push(LicenseTag { name, color });
        }
    }
    shown
}

/// Whether a text is a color such as `#fff` and nothing else, because pages insert it into styles.
fn is_color(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|digits| {
        matches!(digits.len(), 3 | 6) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

fn behavior(name: &str) -> ViolationBehavior {
    match name {
        "invalidate_license" => ViolationBehavior::InvalidateLicense,
        "disable_modules" => ViolationBehavior::DisableModules,
        _ => ViolationBehavior::Other,
    }
}

/// An address; Rocket.Chat ignores unknown kinds.
fn address(url: ServerUrlJson) -> Option<LicenseAddress> {
    match url.kind.as_str() {
        "url" => Some(LicenseAddress::Plain(url.value)),
        "regex" => Some(LicenseAddress::Pattern(url.value)),
        "hash" => Some(LicenseAddress::Hash(url.value)),
        _ => None,
    }
}

/// The limits of every kind.
fn all_limits(limits: LimitsJson) -> Vec<TermsLimit> {
    let by_kind = [
        (LimitKind::ActiveUsers, limits.active_users),
        (LimitKind::GuestUsers, limits.guest_users),
        (LimitKind::RoomsPerGuest, limits.rooms_per_guest),
        (LimitKind::PrivateApps, limits.private_apps),
        (LimitKind::MarketplaceApps, limits.marketplace_apps),
        (
            LimitKind::MonthlyActiveContacts,
            limits.monthly_active_contacts,
        ),
    ];
    let limit = |kind, limit: LimitJson| TermsLimit {
        kind,
        max: limit.max,
        behavior: behavior(&limit.behavior),
        modules: limit.modules.unwrap_or_default(),
    };
    by_kind
        .into_iter()
        .flat_map(|(kind, limits)| {
            limits
                .into_iter()
                .flatten()
                .map(move |max| limit(kind, max))
        })
        .collect()
}

/// Parses ISO 8601 as JavaScript does: a date alone is in UTC, a time without a zone is local.
fn instant(text: &str, timezone: &TimeZone) -> Option<Timestamp> {
    let instant = if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        instant
    } else if text.contains(['T', ' ']) {
        let local: civil::DateTime = text.parse().ok()?;
        local.to_zoned(timezone.clone()).ok()?.timestamp()
    } else {
        let day: civil::Date = text.parse().ok()?;
        day.to_zoned(TimeZone::UTC).ok()?.timestamp()
    };
    Some(Timestamp(instant.as_millisecond()))
}
