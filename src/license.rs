//! Parses and judges licenses as Rocket.Chat does, offline.
//!
//! The input is untrusted until its signature is verified: the text may have any length, shape or content, and must cause
//! nothing worse than a flaw.

pub mod format;
pub mod json;
pub mod public_key;
pub mod site_url;
pub mod terms;

use jiff::tz::TimeZone;

pub use public_key::{InvalidPublicKey, PublicKey};
pub use terms::converts;
use terms::{LicenseTerms, ViolationBehavior};

use crate::catalogue::{Timestamp, Version};
use crate::collectors::license::{
    Grants, HeldLicense, LicenseContent, LicenseFlaw, LicenseLimit, LicenseVoucher, LimitKind,
};

/// The maximum length of a license in bytes; real ones have one or two thousand.
pub const MAX_LICENSE_BYTES: usize = 16 * 1024;

/// How many addresses a license may have, and the length of each in bytes; real ones have one or two.
const MAX_ADDRESSES: usize = 16;
const MAX_ADDRESS_BYTES: usize = 256;

/// The configuration of licensing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LicenseConfig {
    /// The modules that count as licensed; `None` for those of a valid license.
    pub configured: Option<Grants>,
    /// The key that verifies signatures.
    pub key: Option<PublicKey>,
}

/// The license and related settings of a workspace.
#[derive(Debug, Clone)]
pub struct LicenseSettings {
    /// The license; `Err` when it is longer than [`MAX_LICENSE_BYTES`].
    pub text: Result<String, TooLong>,
    /// `Enterprise_License_Status`.
    pub status: String,
    /// `Site_Url`.
    pub site_url: String,
}

/// The text was too long to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// What a license is judged by.
pub struct LicenseContext<'a> {
    /// The key that verifies its signature.
    pub key: Option<&'a PublicKey>,
    /// The time.
    pub now: Timestamp,
    /// The workspace's version, if known.
    pub version: Option<Version>,
    /// The time zone of dates without one.
    pub timezone: &'a TimeZone,
    /// How much is used of a limit, if known.
    pub used: &'a dyn Fn(LimitKind) -> Option<u64>,
}

/// Parses and judges a license, for fuzzing.
pub fn parse(text: &str) {
    let settings = LicenseSettings {
        text: Ok(text.to_owned()),
        status: "Valid".to_owned(),
        site_url: "https://chat.example.com".to_owned(),
    };
    let context = LicenseContext {
        key: None,
        now: Timestamp(0),
        version: None,
        timezone: &TimeZone::UTC,
        used: &|_| None,
    };
    drop(judge(&settings, &context));
}

/// A parsed license, and whether it is for the workspace's address: what is slow to compute and rarely changes.
#[derive(Debug, Clone)]
pub struct OpenedLicense {
    terms: Result<Option<LicenseTerms>, LicenseFlaw>,
    matches_address: bool,
}

/// Parses and judges a license; `None` when there is none.
pub fn judge(settings: &LicenseSettings, context: &LicenseContext<'_>) -> Option<HeldLicense> {
    let opened = open(settings, context)?;
    Some(opened.judge(settings, context))
}

/// Parses a license; `None` when there is none. Depends on the key, the version and the time zone of the context only.
pub fn open(settings: &LicenseSettings, context: &LicenseContext<'_>) -> Option<OpenedLicense> {
    let terms = match &settings.text {
        Ok(text) if text.trim().is_empty() => return None,
        Ok(text) => format::open(text.trim(), context).and_then(|terms| match terms {
            Some(terms) if exceeds_address_limits(&terms) => Err(LicenseFlaw::TooLong),
            terms => Ok(terms),
        }),
        Err(TooLong) => Err(LicenseFlaw::TooLong),
    };
    let named = terms.as_ref().ok().and_then(Option::as_ref);
    let matches_address =
        named.is_some_and(|terms| site_url::matches_all(&terms.addresses, &settings.site_url));
    Some(OpenedLicense {
        terms,
        matches_address,
    })
}

fn exceeds_address_limits(terms: &LicenseTerms) -> bool {
    let is_long = |address: &site_url::LicenseAddress| address.text().len() > MAX_ADDRESS_BYTES;
    terms.addresses.len() > MAX_ADDRESSES || terms.addresses.iter().any(is_long)
}

impl OpenedLicense {
    /// Judges the license in a context.
    pub fn judge(&self, settings: &LicenseSettings, context: &LicenseContext<'_>) -> HeldLicense {
        let Ok(text) = &settings.text else {
            return HeldLicense {
                format: None,
                voucher: LicenseVoucher::Nobody,
                flaw: Some(LicenseFlaw::TooLong),
                content: None,
            };
        };
        let is_signed = context.key.is_some() && self.terms.is_ok();
        let voucher = match settings.status.as_str() {
            _ if is_signed => LicenseVoucher::Signature,
            "Valid" | "Invalid" => LicenseVoucher::Status,
            _ => LicenseVoucher::Nobody,
        };
        let (flaw, parsed) = match &self.terms {
            Err(flaw) => (Some(*flaw), None),
            Ok(None) => (None, None),
            Ok(Some(terms)) => {
                let flaw = self.flaw_of(terms, context);
                (flaw, Some(shown(terms.clone(), context)))
            }
        };
        let by_rocket_chat = match settings.status.as_str() {
            "Invalid" => Some(LicenseFlaw::Status),
            "Valid" => None,
            _ => (!is_signed).then_some(LicenseFlaw::Unconfirmed),
        };
        HeldLicense {
            format: format::format(text.trim(), flaw),
            voucher,
            flaw: flaw.or(by_rocket_chat),
            content: parsed,
        }
    }

    /// Why a license is not valid. Rules that only prevent installation do not apply: it is installed.
    fn flaw_of(&self, terms: &LicenseTerms, context: &LicenseContext<'_>) -> Option<LicenseFlaw> {
        let now = context.now;
        let invalidating = terms
            .periods
            .iter()
            .filter(|period| period.behavior == ViolationBehavior::InvalidateLicense);
        for period in invalidating {
            if period.is_over(now) {
                return Some(LicenseFlaw::Expired);
            }
            if period.is_to_come(now) {
                return Some(LicenseFlaw::NotYetValid);
            }
        }
        if !self.matches_address {
            return Some(LicenseFlaw::Address);
        }
        let exceeded = terms.limits.iter().any(|limit| {
            limit.behavior == ViolationBehavior::InvalidateLicense && limit.is_exceeded(context)
        });
        exceeded.then_some(LicenseFlaw::Limit)
    }
}

fn shown(terms: LicenseTerms, context: &LicenseContext<'_>) -> LicenseContent {
    let now = context.now;
    let by_periods = terms
        .periods
        .iter()
        .filter(|period| period.is_over(now) || period.is_to_come(now))
        .map(|period| (period.behavior, &period.modules));
    let by_limits = terms
        .limits
        .iter()
        .filter(|limit| limit.is_exceeded(context))
        .map(|limit| (limit.behavior, &limit.modules));
    let disabled: Vec<&String> = by_periods
        .chain(by_limits)
        .filter(|(behavior, _)| *behavior == ViolationBehavior::DisableModules)
        .flat_map(|(_, modules)| modules)
        .collect();
    let mut modules: Vec<String> = Vec::new();
    for module in &terms.modules {
        if !disabled.contains(&module) && !modules.contains(module) {
            modules.push(module.clone());
        }
    }
    let limits = LimitKind::ALL.map(|kind| {
        let of_kind = terms.limits.iter().filter(|limit| limit.kind == kind);
        LicenseLimit {
            kind,
            max: of_kind
                .map(|limit| limit.max)
                .reduce(f64::min)
                .and_then(count),
            used: (context.used)(kind),
        }
    });
    let expires = terms
        .periods
        .iter()
        .filter(|period| period.behavior == ViolationBehavior::InvalidateLicense)
        .filter_map(|period| period.until)
        .min();
    LicenseContent {
        modules,
        limits: limits.to_vec(),
        expires,
        tags: terms.tags,
        trial: terms.trial,
        offline: terms.offline,
        shown_expiry: terms.shown_expiry,
    }
}

/// A limit as a count; a negative limit is none.
fn count(max: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range; fractions are dropped"
    )]
    (0.0..9.0e15).contains(&max).then_some(max as u64)
}

#[cfg(test)]
mod tests;
