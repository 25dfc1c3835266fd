//! The settings of Rocket.Chat's REST API, which apply here, too.

use std::time::Duration;

use mongodb::bson::{Bson, doc};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::mongodb::{QueryContext, SourceError, bson};

/// How long settings are cached.
const CACHE_TTL: Duration = Duration::from_mins(1);

/// How long a failure is cached.
const FAILURE_TTL: Duration = Duration::from_secs(2);

const DEFAULT_COUNT: &str = "API_Default_Count";
const MAX_COUNT: &str = "API_Upper_Count_Limit";
const INFINITE_COUNT: &str = "API_Allow_Infinite_Count";
const RATE_LIMITER: &str = "API_Enable_Rate_Limiter";
const RATE_CALLS: &str = "API_Enable_Rate_Limiter_Limit_Calls_Default";
const RATE_TIME: &str = "API_Enable_Rate_Limiter_Limit_Time_Default";

/// The settings, with Rocket.Chat's defaults for missing and invalid ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestApiSettings {
    /// Entries of a list without the parameter `count`.
    pub default_count: u64,
    /// Maximum of the parameter `count`.
    pub max_count: u64,
    /// Whether `count=0` returns the whole list.
    pub allows_infinite_count: bool,
    /// Calls allowed in a period; `None` without a rate limit.
    pub rate_limit: Option<(u64, Duration)>,
}

/// The settings, or the error of the last attempt to read them.
#[derive(Debug, Default)]
pub struct ApiSettingsCache(
    // Locked during a read, so that one of many requests reads them.
    Mutex<Option<(Instant, Result<RestApiSettings, SourceError>)>>,
);

impl ApiSettingsCache {
    /// The cached settings, or new ones when those are too old.
    pub async fn get_or_refresh(
        &self,
        read: impl Future<Output = Result<RestApiSettings, SourceError>>,
    ) -> Result<RestApiSettings, SourceError> {
        let mut known = self.0.lock().await;
        if let Some((read_at, settings)) = &*known {
            let ttl = if settings.is_ok() {
                CACHE_TTL
            } else {
                FAILURE_TTL
            };
            if read_at.elapsed() < ttl {
                return settings.clone();
            }
        }
        let settings = read.await;
        *known = Some((Instant::now(), settings.clone()));
        settings
    }
}

pub async fn read(query: &QueryContext<'_>) -> Result<RestApiSettings, SourceError> {
    let ids = [
        DEFAULT_COUNT,
        MAX_COUNT,
        INFINITE_COUNT,
        RATE_LIMITER,
        RATE_CALLS,
        RATE_TIME,
    ];
    let filter = doc! { "_id": { "$in": ids } };
    let documents = query
        .find("rocketchat_settings", filter, doc! { "value": 1 })
        .await?;
    let value = |id: &str| {
        let is_named = |name: &str| name == id;
        documents
            .iter()
            .find(|document| document.get_str("_id").is_ok_and(is_named))?
            .get("value")
    };
    let positive = |id: &str, default: u64| {
        bson::count(value(id))
            .filter(|number| *number > 0)
            .unwrap_or(default)
    };
    let calls = positive(RATE_CALLS, 10);
    let time = Duration::from_millis(positive(RATE_TIME, 60_000));
    Ok(RestApiSettings {
        default_count: positive(DEFAULT_COUNT, 50),
        max_count: positive(MAX_COUNT, 100),
        allows_infinite_count: value(INFINITE_COUNT) != Some(&Bson::Boolean(false)),
        // Versions without this setting have no limiter.
        rate_limit: (value(RATE_LIMITER) == Some(&Bson::Boolean(true))).then_some((calls, time)),
    })
}
