//! The signal to stop: Ctrl-C, SIGTERM, or the end of `--seconds`.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Set once, for all clones.
#[derive(Clone, Debug)]
pub(super) struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    pub(super) fn new(limit: Option<Duration>) -> Result<Self> {
        let (sender, receiver) = watch::channel(false);
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        tokio::spawn(async move {
            let end = async {
                match limit {
                    Some(limit) => tokio::time::sleep(limit).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = end => {}
            }
            // The receiver is gone if the demo has failed.
            sender.send_replace(true);
        });
        Ok(Self(receiver))
    }

    pub(super) async fn wait(mut self) {
        // An error means that the task above has ended, which ends the demo too.
        drop(self.0.wait_for(|&stopped| stopped).await);
    }

    /// Waits for work; `None` if the signal comes first.
    pub(super) async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            () = self.clone().wait() => None,
            done = work => Some(done),
        }
    }
}
