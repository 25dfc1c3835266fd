//! Which workspaces are read: those of the configuration, and after each reading of it those of the new one. What did
//! not change goes on as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::systemd;
use super::workspace::Running;
use crate::catalogue::ReadState;
use crate::cli::Cli;
use crate::clock::Clock;
use crate::collectors::{Collector, LiveMode, Sources};
use crate::config::{Basis, ConfigError, Workspaces};
use crate::exposition::ReloadStatus;
use crate::http::{self, Control, Targets};
use crate::scheduler::{Intervals, Scheduler, SchedulerConfig};

/// How long it may take to read the configuration: less than requests may take when the exporter ends.
const LOADING: Duration = Duration::from_secs(5);

/// The name of a workspace; `None` is the only one.
type Name = Option<Arc<str>>;

/// Starts, keeps and stops workspaces.
pub struct Supervisor {
    cli: Cli,
    clock: Clock,
    /// Held while the configuration is read and applied, so that this happens once at a time.
    reloading: AsyncMutex<Basis>,
    /// Held by the thread that reads the configuration's files, also when it hangs.
    files: Arc<AsyncMutex<()>>,
    /// Held while the configuration is applied.
    running: AsyncMutex<Everything>,
    publish: watch::Sender<Arc<Targets>>,
    last_reload: Mutex<ReloadStatus>,
}

/// Everything that is read.
#[derive(Default)]
struct Everything {
    workspaces: BTreeMap<Name, Running>,
    host: Option<Host>,
}

/// The host, where it is not read with the only workspace.
struct Host {
    intervals: Intervals,
    scheduler: Scheduler,
    tasks: JoinSet<()>,
}

impl Supervisor {
    /// Starts to read what a configuration says. `cli` is what the configuration is read by again.
    pub fn start(cli: Cli, clock: Clock, workspaces: Workspaces, basis: Basis) -> Self {
        let mut running = Everything::default();
        let targets = running.start(clock, workspaces);
        Self {
            cli,
            clock,
            reloading: AsyncMutex::new(basis),
            files: Arc::default(),
            running: AsyncMutex::new(running),
            publish: watch::Sender::new(Arc::new(targets)),
            last_reload: Mutex::new(ReloadStatus {
                succeeded: true,
                last_success: clock.now(),
            }),
        }
    }

    /// What is served at any time.
    pub fn targets(&self) -> watch::Receiver<Arc<Targets>> {
        self.publish.subscribe()
    }

    /// Reads the configuration again, and does what it says; when it cannot be used nothing changes.
    pub async fn reload_configuration(&self) -> Result<(), String> {
        let mut basis = self.reloading.lock().await;
        systemd::reloading();
        let loaded = self.load(*basis).await;
        let mut last = *self
            .last_reload
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        last.succeeded = loaded.is_ok();
        let result = match loaded {
            Ok((workspaces, new)) => {
                *basis = new;
                last.last_success = self.clock.now();
                let mut running = self.running.lock().await;
                running.stop_other_than(&workspaces).await;
                for kept in running.workspaces.values() {
                    kept.recheck_files().await;
                }
                let targets = running.start(self.clock, workspaces);
                self.publish.send_replace(Arc::new(targets));
                tracing::info!(
                    workspaces = running.workspaces.len(),
                    "the configuration was read again"
                );
                Ok(())
            }
            Err(error) => {
                tracing::error!(
                    reason = error,
                    "the configuration cannot be used, so the one before stays"
                );
                Err(error)
            }
        };
        *self
            .last_reload
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = last;
        systemd::ready();
        result
    }

    /// Reads the configuration on a thread of its own. Its files may lie where the system waits for them for ever; then the
    /// thread stays behind, also at the end of the process.
    async fn load(&self, basis: Basis) -> Result<(Workspaces, Basis), String> {
        let cli = self.cli.clone();
        let turn = Arc::clone(&self.files).try_lock_owned();
        let turn = turn.map_err(|_| "an earlier reload still waits for its files".to_owned())?;
        let load = move || {
            let _turn = turn;
            Workspaces::reload(&cli, variable, basis)
        };
        let loaded = within(LOADING, load).await?;
        loaded.map_err(|error: ConfigError| error.to_string())
    }

    /// Whether everything that should read does so, or waits for its time.
    pub async fn is_alive(&self) -> bool {
        let running = self.running.lock().await;
        let host = running.host.iter().map(|it| &it.scheduler);
        let workspaces = running.workspaces.values().map(|it| &it.scheduler);
        host.chain(workspaces).all(Scheduler::is_alive)
    }

    /// How it goes, in a line.
    pub fn status(&self) -> String {
        let targets = Arc::clone(&self.publish.borrow());
        match &targets.workspaces {
            http::ServedWorkspaces::Single(workspace, _) => {
                match workspace.availability().map(|it| it.state) {
                    None => "The host is read",
                    Some(ReadState::Untried) => "No database has been read yet",
                    Some(ReadState::Down) => "No database can be read",
                    Some(ReadState::Partly) => "The database is read in part: some collectors fail",
                    Some(ReadState::Up) => "The database is read",
                }
                .to_owned()
            }
            http::ServedWorkspaces::Named(workspaces) => {
                let up = workspaces.values().filter(|it| it.is_up()).count();
                format!("{up} of {} databases are read", workspaces.len())
            }
        }
    }

    /// Stops everything.
    pub async fn stop(&self) {
        let mut running = self.running.lock().await;
        running.stop_workspaces(|_, _| true).await;
        if let Some(mut host) = running.host.take() {
            host.tasks.shutdown().await;
        }
    }
}

/// What `work` answers on a thread of its own, when it does so in time.
async fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (done, answer) = oneshot::channel();
    let thread = std::thread::Builder::new().name("reload".to_owned());
    thread
        // Whoever waited may be gone.
        .spawn(move || drop(done.send(work())))
        .map_err(|error| format!("cannot start a thread that reads the files: {error}"))?;
    match timeout(limit, answer).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(_)) => Err("reading the files broke off by a defect of the exporter".to_owned()),
        Err(_) => Err(format!(
            "the files cannot be read within {} s; look at the file systems that they are on",
            limit.as_secs()
        )),
    }
}

/// A variable of the environment.
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

impl Control for Supervisor {
    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(self.reload_configuration())
    }

    fn is_alive(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(Self::is_alive(self))
    }

    fn last_reload(&self) -> ReloadStatus {
        *self
            .last_reload
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Everything {
    /// Starts what is not running yet.
    fn start(&mut self, clock: Clock, workspaces: Workspaces) -> Targets {
        match workspaces {
            Workspaces::One(config) => {
                let collectors = config.collectors.clone();
                let running = self
                    .workspaces
                    .entry(None)
                    .or_insert_with(|| Running::start(None, *config, clock, Duration::ZERO));
                Targets {
                    workspaces: http::ServedWorkspaces::Single(
                        Arc::clone(&running.served),
                        running.rendered(),
                    ),
                    host: None,
                    collectors,
                }
            }
            Workspaces::Named { host, workspaces } => {
                let host = host.map(|intervals| {
                    let host = self
                        .host
                        .get_or_insert_with(|| Host::start(intervals, clock));
                    host.scheduler.snapshots()
                });
                let number = workspaces.len();
                for (place, (name, config)) in workspaces.into_iter().enumerate() {
                    let name: Arc<str> = name.into();
                    let delay = part(config.intervals.fast, place, number);
                    self.workspaces
                        .entry(Some(Arc::clone(&name)))
                        .or_insert_with(|| Running::start(Some(name), config, clock, delay));
                }
                let mut collectors: BTreeSet<_> = host.iter().map(|_| Collector::Host).collect();
                let mut named = BTreeMap::new();
                for (name, running) in &self.workspaces {
                    collectors.extend(&running.config.collectors);
                    if let Some(name) = name {
                        named.insert(Arc::clone(name), Arc::clone(&running.served));
                    }
                }
                Targets {
                    workspaces: http::ServedWorkspaces::Named(named),
                    host,
                    collectors,
                }
            }
        }
    }

    /// Stops what another configuration does not have, or has otherwise.
    async fn stop_other_than(&mut self, wanted: &Workspaces) {
        let wanted_host = match wanted {
            Workspaces::One(_) => None,
            Workspaces::Named { host, .. } => *host,
        };
        if let Some(mut host) = self.host.take_if(|it| Some(it.intervals) != wanted_host) {
            host.tasks.shutdown().await;
        }
        self.stop_workspaces(|name, running| {
            let wanted = match (wanted, name) {
                (Workspaces::One(config), None) => Some(&**config),
                (Workspaces::Named { workspaces, .. }, Some(name)) => workspaces.get(&**name),
                _ => None,
            };
            wanted != Some(&running.config)
        })
        .await;
    }

    async fn stop_workspaces(&mut self, is_stopped: impl Fn(&Name, &Running) -> bool) {
        let stopped: Vec<_> = self
            .workspaces
            .extract_if(.., |name, running| is_stopped(name, running))
            .collect();
        let mut stopping = JoinSet::new();
        for (_, running) in stopped {
            stopping.spawn(running.stop());
        }
        stopping.join_all().await;
    }
}

impl Host {
    fn start(intervals: Intervals, clock: Clock) -> Self {
        let mut tasks = JoinSet::new();
        let schedule = SchedulerConfig {
            workspace: None,
            collectors: [Collector::Host].into(),
            intervals,
            live: LiveMode::Off,
            configured_version: None,
            delay: Duration::ZERO,
        };
        Self {
            intervals,
            scheduler: Scheduler::start(Sources::new(None), schedule, clock, &mut tasks),
            tasks,
        }
    }
}

/// The beginning of one of several equal parts of a time.
fn part(whole: Duration, place: usize, parts: usize) -> Duration {
    whole.mul_f64(place as f64 / parts.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_system_that_does_not_answer_is_not_waited_for() {
        let (_never, stuck) = std::sync::mpsc::channel::<()>();
        let limit = Duration::from_millis(50);
        let read = within(limit, move || stuck.recv().is_ok()).await;
        assert!(read.is_err_and(|it| it.contains("cannot be read within")));
        assert_eq!(within(LOADING, || 1).await, Ok(1));
    }
}
