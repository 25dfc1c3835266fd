//! What the service manager is told: ready, reloading, stopping, a line of status, and signs of life. Without systemd
//! nothing happens here.

use std::io;

use sd_notify::NotifyState;
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

pub fn tell(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        report(&error);
    }
}

fn report(error: &io::Error) {
    tracing::warn!(reason = %error, "the service manager cannot be told how the exporter is");
}
