//! The settings of Rocket.Chat's REST API, which apply here, too.

use std::time::Duration;

use mongodb::bson::{Bson, doc};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::http::ApiSettings;
use crate::http::api::rate_limit::RateLimit;
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

/// The settings, or the error of the last attempt to read them.
#[derive(Debug, Default)]
pub struct ApiSettingsCache(
    // Locked during a read, so that one of many requests reads them.
    Mutex<Option<(Instant, Result<ApiSettings, SourceError>)>>,
);

impl ApiSettingsCache {
    /// The cached settings, or new ones when those are too old.
    pub async fn get_or_refresh(
        &self,
        read: impl Future<Output = Result<ApiSettings, SourceError>>,
    ) -> Result<ApiSettings, SourceError> {
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

/// Reads the settings. Missing and invalid ones have Rocket.Chat's defaults.
pub async fn read(query: &QueryContext<'_>) -> Result<ApiSettings, SourceError> {
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
    let limit = RateLimit {
        calls: positive(RATE_CALLS, 10),
        window: Duration::from_millis(positive(RATE_TIME, 60_000)),
    };
    Ok(ApiSettings {
        default_count: positive(DEFAULT_COUNT, 50),
        max_count: positive(MAX_COUNT, 100),
        allows_infinite_count: value(INFINITE_COUNT) != Some(&Bson::Boolean(false)),
        // Versions without this setting have no limiter.
        rate: (value(RATE_LIMITER) == Some(&Bson::Boolean(true))).then_some(limit),
    })
}
