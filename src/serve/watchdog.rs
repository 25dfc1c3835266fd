//! Status and watchdog notifications for the service manager.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

use super::supervisor::Supervisor;
use super::systemd::notify;

/// The interval of status notifications.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// Sends the status at intervals, and a watchdog notification as long as no task hangs.
pub async fn notify_service_manager(supervisor: Arc<Supervisor>) {
    let watchdog = sd_notify::watchdog_enabled();
    // Twice within the time limit of the watchdog.
    let period = watchdog.map_or(STATUS_INTERVAL, |limit| (limit / 2).min(STATUS_INTERVAL));
    let mut ticks = interval(period.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        notify(&[NotifyState::Status(&supervisor.status())]);
        if watchdog.is_some() {
            if supervisor.is_alive().await {
                notify(&[NotifyState::Watchdog]);
            } else {
                tracing::error!(
                    "a collector hangs beyond its time limit; the watchdog of the service manager is not notified"
                );
            }
        }
    }
}
