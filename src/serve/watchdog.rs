//! Status and signs of life for the service manager.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

use super::supervisor::Supervisor;
use super::systemd::tell;

/// How often the status is told.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// Tells the status from time to time, and gives signs of life for as long as everything is read that should be.
pub async fn keep_informed(supervisor: Arc<Supervisor>) {
    let watchdog = sd_notify::watchdog_enabled();
    // Twice within the time after which the service manager loses patience.
    let period = watchdog.map_or(STATUS_INTERVAL, |limit| (limit / 2).min(STATUS_INTERVAL));
    let mut ticks = interval(period.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        tell(&[NotifyState::Status(&supervisor.status())]);
        if watchdog.is_some() {
            if supervisor.is_alive().await {
                tell(&[NotifyState::Watchdog]);
            } else {
                tracing::error!(
                    "a reading hangs for longer than it may take; the service manager is not told that all is well"
                );
            }
        }
    }
}
