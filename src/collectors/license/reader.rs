//! Reads licenses, and keeps what was read: opening one takes time, and neither its text nor its key changes often.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{Grants, HeldLicense, LimitKind};
use crate::catalogue::{FailureKind, Timestamp, Value, Version};
use crate::collectors::snapshot::Snapshot;
use crate::license::{
    LicenseConfig, LicenseContext, LicenseSettings, OpenedLicense, PublicKey, converts, open,
};
use crate::mongodb::SourceError;

/// Licenses that a cache keeps: the one in the settings, opened with and without a known version.
const MAX_ENTRIES: usize = 2;

/// How long to wait for another license to be opened.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Judges the licenses of one workspace.
#[derive(Debug)]
pub struct LicenseReader {
    source: LicenseConfig,
    timezone: TimeZone,
    in_settings: LicenseCache,
    /// Licenses that a user of the Info page pasted; apart, so that they do not evict the one in the settings.
    pasted: LicenseCache,
}

impl LicenseReader {
    /// Nothing is read yet. `timezone` is that of dates without one.
    pub fn new(source: LicenseConfig, timezone: TimeZone) -> Self {
        Self {
            source,
            timezone,
            in_settings: LicenseCache::default(),
            pasted: LicenseCache::default(),
        }
    }

    /// The modules that the operator configured, which count regardless of the license.
    pub fn configured(&self) -> Option<&Grants> {
        self.source.configured.as_ref()
    }

    /// Judges the license in the settings; `None` when there is none.
    ///
    /// # Errors
    /// When other licenses take too long to open.
    pub async fn judge(
        &self,
        settings: &LicenseSettings,
        known: &Snapshot,
        now: Timestamp,
    ) -> Result<Option<HeldLicense>, SourceError> {
        self.judge_by(&self.in_settings, settings, known, now).await
    }

    /// Judges a license as if it were in the settings, by the newest snapshot; `None` when the text is empty.
    ///
    /// # Errors
    /// When other licenses take too long to open.
    pub async fn judge_pasted(
        &self,
        text: &str,
        known: &Snapshot,
        now: Timestamp,
    ) -> Result<Option<HeldLicense>, SourceError> {
        let site_url = known
            .workspace
            .as_ref()
            .and_then(|workspace| workspace.site_url.as_ref());
        let site_url = site_url.and_then(Value::as_text).unwrap_or_default();
        let settings = LicenseSettings {
            text: Ok(text.to_owned()),
            status: String::new(),
            site_url: site_url.to_owned(),
        };
        self.judge_by(&self.pasted, &settings, known, now).await
    }

    async fn judge_by(
        &self,
        cache: &LicenseCache,
        settings: &LicenseSettings,
        known: &Snapshot,
        now: Timestamp,
    ) -> Result<Option<HeldLicense>, SourceError> {
        let (key, version) = (self.source.key.as_ref(), known.version());
        let opened = cache.open(key, &self.timezone, settings, version).await?;
        let context = LicenseContext {
            key,
            now,
            version,
            timezone: &self.timezone,
            used: &|kind| used(kind, known),
        };
        Ok(opened.map(|opened| opened.judge(settings, &context)))
    }
}

/// What is used of what a license may limit, by the last readings.
fn used(kind: LimitKind, known: &Snapshot) -> Option<u64> {
    let (users, apps) = (known.users.as_ref(), known.apps.as_ref());
    match kind {
        LimitKind::ActiveUsers => Some(users?.seats()),
        LimitKind::GuestUsers => Some(users?.guests()),
        LimitKind::PrivateApps => Some(apps?.private_enabled),
        LimitKind::MarketplaceApps => Some(apps?.enabled.saturating_sub(apps?.private_enabled)),
        LimitKind::MonthlyActiveContacts => known.omnichannel.as_ref()?.active_contacts,
        LimitKind::RoomsPerGuest => None,
    }
}

type Key = [u8; 32];

/// The licenses that were opened last.
#[derive(Debug, Default)]
struct LicenseCache(
    // Locked while a license is opened, so that licenses are opened one after the other.
    Mutex<VecDeque<(Key, Option<Arc<OpenedLicense>>)>>,
);

impl LicenseCache {
    /// Opens a license on a blocking thread, unless it is cached; `None` when there is none.
    async fn open(
        &self,
        public_key: Option<&PublicKey>,
        timezone: &TimeZone,
        settings: &LicenseSettings,
        version: Option<Version>,
    ) -> Result<Option<Arc<OpenedLicense>>, SourceError> {
        let key = key(settings, version);
        let Ok(mut entries) = timeout(LOCK_TIMEOUT, self.0.lock()).await else {
            return Err(failed("other licenses take too long to open"));
        };
        if let Some((_, opened)) = entries.iter().find(|(cached, _)| *cached == key) {
            return Ok(opened.clone());
        }
        let (settings, timezone) = (settings.clone(), timezone.clone());
        let public_key = public_key.cloned();
        let opening = tokio::task::spawn_blocking(move || {
            let context = LicenseContext {
                key: public_key.as_ref(),
                now: Timestamp(0),
                version,
                timezone: &timezone,
                used: &|_| None,
            };
            open(&settings, &context).map(Arc::new)
        });
        let opened = opening.await.map_err(|_| {
            failed("opening the license panicked; the log has the reason, please report it")
        })?;
        entries.truncate(MAX_ENTRIES - 1);
        entries.push_front((key, opened.clone()));
        Ok(opened)
    }
}

fn failed(message: &str) -> SourceError {
    SourceError::new(FailureKind::Other, message)
}

/// A digest of everything that decides how a license opens; nothing of the license can be recovered from it.
fn key(settings: &LicenseSettings, version: Option<Version>) -> Key {
    let mut digest = Sha256::new();
    let text = settings.text.as_ref().map_or("", String::as_str);
    for part in [text, &settings.site_url] {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    digest.update([
        u8::from(settings.text.is_err()),
        u8::from(converts(version)),
    ]);
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn license(text: &str, site_url: &str) -> LicenseSettings {
        LicenseSettings {
            text: Ok(text.to_owned()),
            status: String::new(),
            site_url: site_url.to_owned(),
        }
    }

    #[tokio::test]
    async fn a_license_is_opened_once_for_each_text_address_and_conversion() {
        let cache = LicenseCache::default();
        let open = async |text, site_url, version| {
            let settings = license(text, site_url);
            let opened = cache.open(None, &TimeZone::UTC, &settings, version).await;
            opened.expect("it can be read").expect("there is one")
        };
        let first = open("RCV3_a.b.c", "https://a.example", None).await;
        let again = open("RCV3_a.b.c", "https://a.example", Some(Version::NEWEST)).await;
        assert!(Arc::ptr_eq(&first, &again));
        for (text, site_url, version) in [
            ("RCV3_a.b.d", "https://a.example", None),
            ("RCV3_a.b.c", "https://b.example", None),
            (
                "RCV3_a.b.c",
                "https://a.example",
                Some(Version::new(5, 0, 0)),
            ),
        ] {
            let other = open(text, site_url, version).await;
            assert!(!Arc::ptr_eq(&first, &other), "{text} {site_url}");
        }
    }
}
