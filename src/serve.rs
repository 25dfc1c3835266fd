//! Puts the parts together: workspaces, web and signals, and takes them apart in order at the end.

pub mod own_process;
pub mod supervisor;
pub mod systemd;
pub mod watchdog;
pub mod workspace;

use std::panic;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};

use own_process::ExporterProcessSource;
use supervisor::{Supervisor, variable};

use crate::cli::Cli;
use crate::config::{Config, ConfigError};
use crate::exposition::ProcessStats;
use crate::http::connection::ConnectionTimeouts;
use crate::http::handlers::metrics::MetricsCache;
use crate::http::handlers::reload::ReloadQueue;
use crate::http::listener::Listener;
use crate::http::middleware::Middleware;
use crate::http::request_metrics::RequestCounters;
use crate::http::{self, App};
use crate::logging::LostLines;
use crate::signals::Signals;
use crate::supervision::keep_running;

/// How often the exporter looks at its own process.
const OWN_INTERVAL: Duration = Duration::from_secs(5);

/// Checks all settings.
///
/// # Errors
/// When one of them cannot be used; the message names it.
pub fn configure(cli: &Cli) -> Result<Config, ConfigError> {
    Config::load(cli, variable)
}

/// Runs the exporter on its listeners until a signal asks for its end.
pub async fn run(
    cli: Cli,
    config: Config,
    listeners: Vec<Listener>,
    signals: Signals,
    lost_lines: LostLines,
) {
    let supervisor = Supervisor::start(cli, config.clock, config.workspaces, config.basis);
    let supervisor = Arc::new(supervisor);
    let mut tasks = JoinSet::new();
    let app = Arc::new(App {
        targets: supervisor.targets(),
        process: watch_own_process(&mut tasks),
        control: Arc::<Supervisor>::clone(&supervisor),
        reloads: ReloadQueue::default(),
        telemetry_path: config.web.telemetry_path,
        lost_log_lines: Box::new(move || lost_lines.count()),
        counters: RequestCounters::default(),
        metrics: MetricsCache::default(),
    });
    let (shutdown, mut hang_ups) = signals.split();
    let reloading = Arc::clone(&supervisor);
    tasks.spawn(async move {
        while hang_ups.recv().await.is_some() {
            let reload = || async {
                // What is wrong is in the log, and in the metrics.
                reloading.reload_configuration().await.ok();
            };
            keep_running("reload", reload).await;
        }
    });
    let informing = Arc::clone(&supervisor);
    tasks.spawn(keep_running("service_manager", move || {
        watchdog::keep_informed(Arc::clone(&informing))
    }));
    systemd::ready();
    let shutdown = async {
        shutdown.await;
        systemd::stopping();
    };
    let middleware = Middleware::new(config.web.config, config.web.max_requests);
    let limits = ConnectionTimeouts {
        head: config.web.header_timeout,
        idle: config.web.idle_timeout,
    };
    http::serve(listeners, app, middleware, limits, shutdown).await;
    tasks.shutdown().await;
    supervisor.stop().await;
    tracing::info!("stopped");
}

/// Looks at the exporter's own process from time to time.
fn watch_own_process(tasks: &mut JoinSet<()>) -> watch::Receiver<ProcessStats> {
    let (publish, process) = watch::channel(ExporterProcessSource::new().read());
    tasks.spawn(keep_running("own_process", move || {
        look_at_own_process(publish.clone())
    }));
    process
}

async fn look_at_own_process(publish: watch::Sender<ProcessStats>) {
    let mut source = ExporterProcessSource::new();
    let mut ticks = interval(OWN_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let looked = spawn_blocking(move || {
            let process = source.read();
            (source, process)
        });
        match looked.await {
            Ok((again, process)) => {
                source = again;
                publish.send_replace(process);
            }
            // Told where the task is started again.
            Err(error) => panic::resume_unwind(error.into_panic()),
        }
    }
}
