//! Status and watchdog notifications for the service manager.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

use super::supervisor::Supervisor;
use super::systemd::notify;

/// How often the status is looked at.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);

/// Sends the status when it changes, and at intervals a watchdog notification as long as no task hangs. Without a service manager
/// it ends at once.
pub async fn notify_service_manager(supervisor: Arc<Supervisor>) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    let watchdog = sd_notify::watchdog_enabled();
    // Twice within the time limit of the watchdog.
    let period = watchdog.map_or(STATUS_INTERVAL, |limit| (limit / 2).min(STATUS_INTERVAL));
    let mut ticks = interval(period.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sent = String::new();
    loop {
        ticks.tick().await;
        let status = supervisor.status();
        if status != sent {
            notify(&[NotifyState::Status(&status)]);
            sent = status;
        }
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
