//! Licenses that were read: each is read once, off the threads that answer requests, and one after the other.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::catalogue::{FailureKind, Timestamp, Version};
use crate::license::{Circumstances, LicenseSettings, Opened, PublicKey, converts, open};
use crate::mongodb::error::SourceError;

/// Licenses that are remembered: that of the settings, seen by the version and without it.
const MOST: usize = 2;

/// How long the licenses before may take.
const WAIT: Duration = Duration::from_secs(5);

type Key = [u8; 32];

/// The licenses that were read last.
#[derive(Debug, Default)]
pub struct KnownLicenses(
    // Held while one is read.
    Mutex<VecDeque<(Key, Option<Arc<Opened>>)>>,
);

impl KnownLicenses {
    /// What a license says; `None` when there is none.
    pub async fn open(
        &self,
        public_key: Option<&PublicKey>,
        timezone: &TimeZone,
        settings: &LicenseSettings,
        version: Option<Version>,
    ) -> Result<Option<Arc<Opened>>, SourceError> {
        let key = key(settings, version);
        let Ok(mut known) = timeout(WAIT, self.0.lock()).await else {
            return Err(failed("other licenses take long to be read"));
        };
        if let Some((_, opened)) = known.iter().find(|(known_key, _)| *known_key == key) {
            return Ok(opened.clone());
        }
        let (settings, timezone) = (settings.clone(), timezone.clone());
        let public_key = public_key.cloned();
        let reading = tokio::task::spawn_blocking(move || {
            let circumstances = Circumstances {
                key: public_key.as_ref(),
                now: Timestamp(0),
                version,
                timezone: &timezone,
                used: &|_| None,
            };
            open(&settings, &circumstances).map(Arc::new)
        });
        let opened = reading
            .await
            .map_err(|_| failed("the license cannot be read by a defect of the exporter, which is told above; please report it"))?;
        known.truncate(MOST - 1);
        known.push_front((key, opened.clone()));
        Ok(opened)
    }
}

fn failed(message: &str) -> SourceError {
    SourceError::new(FailureKind::Other, message)
}

/// All that what a license says depends on and that may change. Nothing of the license itself is kept in it.
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
    async fn a_license_is_read_once_and_another_one_or_another_address_anew() {
        let known = KnownLicenses::default();
        let open = async |text, site_url, version| {
            let settings = license(text, site_url);
            let opened = known.open(None, &TimeZone::UTC, &settings, version).await;
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
