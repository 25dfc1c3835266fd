//! What the service manager is told: ready, reloading, stopping, a line of status, and signs of life. Without systemd
//! nothing happens here.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

use super::supervisor::Supervisor;

/// How often the status is told.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// The exporter serves.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is read again; [`ready`] says when that is done.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => report(&error),
    }
}

/// The exporter ends.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

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

fn tell(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        report(&error);
    }
}

fn report(error: &io::Error) {
    tracing::warn!(reason = %error, "the service manager cannot be told how the exporter is");
}
