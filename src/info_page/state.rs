//! The Info page's state of one workspace.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::csrf::CsrfToken;
use crate::catalogue::{GrowthPoint, Timestamp};
use crate::http::api::login_limiter::{Allowance, LoginLimiter, LoginLimits};

/// The state that requests to the Info page share.
#[derive(Debug)]
pub struct InfoPageState {
    /// The CSRF token of its forms.
    pub token: CsrfToken,
    /// The refresh that was requested by the button.
    pub refreshing: watch::Sender<RefreshState>,
    /// The workspace's growth.
    pub growth: watch::Sender<GrowthState>,
    /// Limits failed logins to Rocket.Chat by the form.
    pub login_limiter: Arc<LoginLimiter>,
}

/// The refresh in progress, and the outcome of the last one.
#[derive(Debug, Clone, Copy, Default)]
pub struct RefreshState {
    /// During a refresh, the number of collector runs when it began.
    pub running: Option<u64>,
    /// The end of the last one as instant and as time, how long it took, and whether it succeeded.
    pub last: Option<(Instant, Timestamp, Duration, bool)>,
}

/// The cached growth of a workspace.
#[derive(Debug, Clone, Default)]
pub struct GrowthState {
    /// The last reading.
    pub known: GrowthReading,
    /// Whether a reading is in progress.
    pub is_reading: bool,
}

/// When the growth was read, and the growth or why it is unknown.
type GrowthReading = Option<(Instant, Result<Arc<[GrowthPoint]>, String>)>;

/// Limits of failed logins: a person mistypes a few times, and not often.
const LIMITS: LoginLimits = LoginLimits {
    per_network: Allowance {
        burst: 10,
        interval: Duration::from_mins(1),
    },
    total: Allowance {
        burst: 20,
        interval: Duration::from_secs(20),
    },
    max_concurrent: 1,
};

impl Default for InfoPageState {
    fn default() -> Self {
        Self {
            token: CsrfToken::default(),
            refreshing: watch::Sender::default(),
            growth: watch::Sender::default(),
            login_limiter: LoginLimiter::new("administrators", LIMITS),
        }
    }
}
