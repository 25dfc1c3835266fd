//! Signals: a first SIGINT or SIGTERM asks for the end, a second one forces it, and SIGHUP asks to read the
//! configuration again.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that are listened to.
#[derive(Debug)]
pub struct Signals {
    hang_up: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// A future that waits for the first signal that asks for the end, and the signal that asks to read the
    /// configuration again.
    pub fn split(self) -> (impl Future<Output = ()>, Signal) {
        let end = End {
            interrupt: self.interrupt,
            terminate: self.terminate,
        };
        (end.first(), self.hang_up)
    }
}

/// The signals that ask for the end.
struct End {
    interrupt: Signal,
    terminate: Signal,
}

impl End {
    /// Waits for the first signal; from then on a second one ends the process at once.
    async fn first(mut self) {
        let name = self.next().await;
        tracing::info!(signal = name, "stopping; a second signal stops at once");
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(1);
        });
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
