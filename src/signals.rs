//! Signals: the first SIGINT or SIGTERM stops the program gracefully, the second one at once. SIGHUP reloads the
//! configuration.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that the program handles.
#[derive(Debug)]
pub struct Signals {
    hang_up: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Installs the handlers.
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

    /// A future that waits for the first SIGINT or SIGTERM, and the stream of SIGHUP.
    pub fn split(self) -> (impl Future<Output = ()>, Signal) {
        let shutdown = ShutdownSignals {
            interrupt: self.interrupt,
            terminate: self.terminate,
        };
        (shutdown.first(), self.hang_up)
    }
}

/// SIGINT and SIGTERM.
struct ShutdownSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl ShutdownSignals {
    /// Waits for the first signal. From then on a second one ends the process at once.
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
