//! Notifications for the service manager (`sd_notify`): ready, reloading, stopping, status and watchdog. Without systemd
//! they do nothing.

use std::io;

use sd_notify::NotifyState;

/// The exporter serves.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// The configuration is being reloaded; [`ready`] follows.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => report(&error),
    }
}

/// The exporter stops.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Sends a notification. An error is logged.
pub fn notify(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        report(&error);
    }
}

fn report(error: &io::Error) {
    tracing::warn!(reason = %error, "cannot notify the service manager");
}
