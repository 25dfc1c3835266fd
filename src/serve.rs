//! Serving: starts workspaces, HTTP server and signal handling, and stops them in order.

pub mod folder_watcher;
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

/// The interval at which the exporter's own process is read.
const OWN_PROCESS_INTERVAL: Duration = Duration::from_secs(5);

/// Checks all settings.
///
/// # Errors
/// When one of them is invalid; the message names it.
pub fn configure(cli: &Cli) -> Result<Config, ConfigError> {
    Config::load(cli, variable)
}

/// Serves on the listeners until a signal stops the exporter.
pub async fn run(
    cli: Cli,
    config: Config,
    listeners: Vec<Listener>,
    signals: Signals,
    lost_lines: LostLines,
) {
    let supervisor = Supervisor::start(cli, config.clock, config.workspaces, config.sources);
    let supervisor = Arc::new(supervisor);
    let mut tasks = JoinSet::new();
    let app = Arc::new(App {
        targets: supervisor.targets(),
        process: watch_own_process(&mut tasks),
        control: Arc::<Supervisor>::clone(&supervisor),
        reloads: ReloadQueue::default(),
        telemetry_path: config.web.telemetry_path,
        shard: config.shard,
        lost_log_lines: Box::new(move || lost_lines.count()),
        counters: RequestCounters::default(),
        metrics: MetricsCache::default(),
    });
    let (shutdown, mut hang_ups) = signals.split();
    let reloading = Arc::clone(&supervisor);
    tasks.spawn(async move {
        while hang_ups.recv().await.is_some() {
            let reload = || async {
                // An error is logged, and shown as a metric.
                reloading.reload_configuration().await.ok();
            };
            keep_running("reload", reload).await;
        }
    });
    let following = Arc::clone(&supervisor);
    tasks.spawn(keep_running("workspace_files", move || {
        folder_watcher::follow_folder(Arc::clone(&following))
    }));
    let notifying = Arc::clone(&supervisor);
    tasks.spawn(keep_running("service_manager", move || {
        watchdog::notify_service_manager(Arc::clone(&notifying))
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

/// Publishes the resource usage of the exporter's own process.
fn watch_own_process(tasks: &mut JoinSet<()>) -> watch::Receiver<ProcessStats> {
    let (publish, process) = watch::channel(ExporterProcessSource::new().read());
    tasks.spawn(keep_running("own_process", move || {
        read_own_process(publish.clone())
    }));
    process
}

async fn read_own_process(publish: watch::Sender<ProcessStats>) {
    let mut source = ExporterProcessSource::new();
    let mut ticks = interval(OWN_PROCESS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let reading = spawn_blocking(move || {
            let process = source.read();
            (source, process)
        });
        match reading.await {
            Ok((returned, process)) => {
                source = returned;
                publish.send_replace(process);
            }
            // Reported where the task is restarted.
            Err(error) => panic::resume_unwind(error.into_panic()),
        }
    }
}
