//! What the page of one workspace started, and what it knows.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::csrf::Token;
use crate::catalogue::{GrowthPoint, Timestamp};
use crate::http::api::login_attempts::{Allowance, AttemptLimits, Attempts};

/// What is kept for the page of a workspace.
#[derive(Debug)]
pub struct InfoPageState {
    /// What the page's forms have to send along.
    pub token: Token,
    /// The reading that was asked for.
    pub refreshing: watch::Sender<RefreshState>,
    /// How the workspace grew.
    pub growth: watch::Sender<GrowthState>,
    /// Who failed to log in to Rocket.Chat from here.
    pub logins: Arc<Attempts>,
}

/// The reading that was asked for, and how the one before went.
#[derive(Debug, Clone, Copy, Default)]
pub struct RefreshState {
    /// While one is under way: how many readings there were when it began.
    pub running: Option<u64>,
    /// When the newest one ended, how long it took and whether it succeeded.
    pub last: Option<(Instant, Timestamp, Duration, bool)>,
}

/// How a workspace grew, as it was last read.
#[derive(Debug, Clone, Default)]
pub struct GrowthState {
    /// The newest reading.
    pub known: Known,
    /// Whether another one is under way.
    pub is_reading: bool,
}

/// The newest reading.
type Known = Option<(Instant, Result<Arc<[GrowthPoint]>, String>)>;

/// How many logins may be refused: somebody who types one in is wrong a few times, and not often.
const LIMITS: AttemptLimits = AttemptLimits {
    by_address: Allowance {
        burst: 10,
        interval: Duration::from_mins(1),
    },
    in_all: Allowance {
        burst: 20,
        interval: Duration::from_secs(20),
    },
    under_way: 1,
};

impl Default for InfoPageState {
    fn default() -> Self {
        Self {
            token: Token::default(),
            refreshing: watch::Sender::default(),
            growth: watch::Sender::default(),
            logins: Attempts::new("administrators", LIMITS),
        }
    }
}
