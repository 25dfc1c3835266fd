//! Which workspaces are read: those of the configuration, and after each reading of it those of the new one. What did
//! not change goes on as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::systemd;
use super::workspace::{RunningWorkspace, SharedByWorkspaces};
use crate::catalogue::ReadState;
use crate::cli::Cli;
use crate::clock::Clock;
use crate::collectors::{Collector, LiveMode, Sources};
use crate::config::{ConfigError, ConfigSources, WorkspaceConfigs, WorkspaceFolder};
use crate::exposition::{ReloadStatus, WorkspaceFileStats};
use crate::http::{self, Control, Targets};
use crate::scheduler::{Intervals, Pacing, Scheduler, SchedulerConfig};

/// Time limit for reading the configuration: less than that of requests when the exporter stops.
const LOAD_TIMEOUT: Duration = Duration::from_secs(5);

/// The name of a workspace; `None` if it is the only one.
type WorkspaceName = Option<Arc<str>>;

/// Starts and stops workspaces, and reloads the configuration.
pub struct Supervisor {
    cli: Cli,
    clock: Clock,
    /// The sources of the configuration in use. Held during a reload, so that only one runs at a time.
    config_sources: AsyncMutex<ConfigSources>,
    /// Held by the thread that reads the files of the configuration, even if it hangs.
    files: Arc<AsyncMutex<()>>,
    /// Held while a configuration is applied.
    running: AsyncMutex<RunningWorkspaces>,
    publish: watch::Sender<Arc<Targets>>,
    last_reload: Mutex<ReloadStatus>,
    workspace_files: Mutex<Option<Arc<WorkspaceFileStats>>>,
}

/// All workspaces, and the host.
#[derive(Default)]
struct RunningWorkspaces {
    /// What workspaces of the same servers share.
    shared: SharedByWorkspaces,
    workspaces: BTreeMap<WorkspaceName, RunningWorkspace>,
    host: Option<RunningHost>,
}

/// The host, if it is not read by the only workspace.
struct RunningHost {
    intervals: Intervals,
    scheduler: Scheduler,
    tasks: JoinSet<()>,
}

impl Supervisor {
    /// Starts the workspaces of a configuration. `cli` is used to reload it.
    pub fn start(
        cli: Cli,
        clock: Clock,
        workspaces: WorkspaceConfigs,
        sources: ConfigSources,
    ) -> Self {
        let mut running = RunningWorkspaces::default();
        let targets = running.start(clock, workspaces);
        let workspace_files = stats(&sources);
        Self {
            cli,
            clock,
            config_sources: AsyncMutex::new(sources),
            files: Arc::default(),
            running: AsyncMutex::new(running),
            publish: watch::Sender::new(Arc::new(targets)),
            last_reload: Mutex::new(ReloadStatus {
                succeeded: true,
                last_success: clock.now(),
            }),
            workspace_files: Mutex::new(workspace_files),
        }
    }

    /// The workspaces that the HTTP server shows.
    pub fn targets(&self) -> watch::Receiver<Arc<Targets>> {
        self.publish.subscribe()
    }

    /// Reloads the configuration. If it is invalid, the current one stays in use.
    pub async fn reload_configuration(&self) -> Result<(), String> {
        let mut sources = self.config_sources.lock().await;
        systemd::reloading();
        let loaded = self.load(sources.clone()).await;
        let mut last = *self
            .last_reload
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        last.succeeded = loaded.is_ok();
        let result = match loaded {
            Ok((workspaces, new)) => {
                *sources = new;
                self.publish_stats(&sources);
                last.last_success = self.clock.now();
                let mut running = self.running.lock().await;
                running.stop_changed(&workspaces).await;
                for unchanged in running.workspaces.values() {
                    unchanged.recheck_files();
                }
                let targets = running.start(self.clock, workspaces);
                self.publish.send_replace(Arc::new(targets));
                tracing::info!(
                    workspaces = running.workspaces.len(),
                    "the configuration was reloaded"
                );
                Ok(())
            }
            Err(error) => {
                tracing::error!(
                    reason = error,
                    "the configuration is invalid, so the current one stays in use"
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

    /// The directory with a file for each workspace.
    pub async fn folder(&self) -> Option<PathBuf> {
        let sources = self.config_sources.lock().await;
        let folder = sources.folder.as_ref();
        folder.map(|folder| folder.path().to_owned())
    }

    /// Reads the files of the directory that have changed, and starts, restarts and stops their workspaces.
    pub async fn refresh_folder(&self) {
        let mut sources = self.config_sources.lock().await;
        let Some(current) = sources.folder.clone() else {
            return;
        };
        let known = current.clone();
        let refreshed = self.read_files(move || {
            let new = known.refresh(variable);
            WorkspaceConfigs::forget_time_zones();
            new
        });
        let new = match refreshed.await {
            Ok(new) => new,
            Err(reason) => {
                tracing::error!(reason, "the files of --config.dir cannot be read");
                return;
            }
        };
        new.log_problems(Some(&current));
        if new.differs_from(&current) {
            self.apply_folder(&new).await;
        }
        sources.folder = Some(new);
        self.publish_stats(&sources);
    }

    async fn apply_folder(&self, folder: &WorkspaceFolder) {
        let workspaces = WorkspaceConfigs::of_folder(folder);
        let mut running = self.running.lock().await;
        running.stop_changed(&workspaces).await;
        let targets = running.start(self.clock, workspaces);
        self.publish.send_replace(Arc::new(targets));
        tracing::info!(
            workspaces = running.workspaces.len(),
            "workspaces of --config.dir were changed"
        );
    }

    fn publish_stats(&self, sources: &ConfigSources) {
        *self
            .workspace_files
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = stats(sources);
    }

    /// Reads the configuration on its own thread. If the file system hangs, the thread is left behind, even when the process
    /// ends.
    async fn load(
        &self,
        current: ConfigSources,
    ) -> Result<(WorkspaceConfigs, ConfigSources), String> {
        let cli = self.cli.clone();
        let load = move || WorkspaceConfigs::reload(&cli, variable, &current);
        let loaded = self.read_files(load).await?;
        loaded.map_err(|error: ConfigError| error.to_string())
    }

    /// Runs a function that reads files of the configuration on its own thread, one at a time.
    async fn read_files<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let lock = Arc::clone(&self.files).try_lock_owned();
        let lock = lock.map_err(|_| "an earlier reload still waits for its files".to_owned())?;
        let read = move || {
            let _lock = lock;
            read()
        };
        run_on_thread(LOAD_TIMEOUT, read).await
    }

    /// Whether no scheduler hangs.
    pub async fn is_alive(&self) -> bool {
        let running = self.running.lock().await;
        let host = running.host.iter().map(|host| &host.scheduler);
        let workspaces = running
            .workspaces
            .values()
            .map(|workspace| &workspace.scheduler);
        host.chain(workspaces).all(Scheduler::is_alive)
    }

    /// A line of status for the service manager.
    pub fn status(&self) -> String {
        let targets = Arc::clone(&self.publish.borrow());
        match &targets.workspaces {
            http::ServedWorkspaces::Single(workspace) => match workspace
                .availability()
                .map(|availability| availability.state)
            {
                None => "The host is read",
                Some(ReadState::Untried) => "No database has been read yet",
                Some(ReadState::Down) => "No database can be read",
                Some(ReadState::Partly) => "Some collectors of the database fail",
                Some(ReadState::Up) => "The database is read",
            }
            .to_owned(),
            http::ServedWorkspaces::Named(workspaces) => {
                let up = workspaces.values().filter(|workspace| workspace.is_up());
                format!("{} of {} databases are read", up.count(), workspaces.len())
            }
        }
    }

    /// Stops all workspaces and the host.
    pub async fn stop(&self) {
        let mut running = self.running.lock().await;
        running.stop_workspaces(|_, _| true).await;
        if let Some(mut host) = running.host.take() {
            host.tasks.shutdown().await;
        }
    }
}

/// Runs `work` on its own thread, and returns its result if it finishes within the limit.
async fn run_on_thread<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (done, answer) = oneshot::channel();
    let thread = std::thread::Builder::new().name("reload".to_owned());
    thread
        // The receiver may be gone.
        .spawn(move || drop(done.send(work())))
        .map_err(|error| format!("cannot start a thread to read the files: {error}"))?;
    match timeout(limit, answer).await {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(_)) => Err("reading the files failed because of a bug in the exporter".to_owned()),
        Err(_) => Err(format!(
            "the files cannot be read within {} s; check their file systems",
            limit.as_secs()
        )),
    }
}

fn stats(sources: &ConfigSources) -> Option<Arc<WorkspaceFileStats>> {
    let folder = sources.folder.as_ref();
    folder.map(|folder| Arc::new(folder.stats()))
}

/// An environment variable.
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

    fn workspace_files(&self) -> Option<Arc<WorkspaceFileStats>> {
        self.workspace_files
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn last_reload(&self) -> ReloadStatus {
        *self
            .last_reload
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunningWorkspaces {
    /// Starts the workspaces that do not run yet.
    fn start(&mut self, clock: Clock, workspaces: WorkspaceConfigs) -> Targets {
        match workspaces {
            WorkspaceConfigs::One(config) => {
                let collectors = config.collectors.clone();
                let running = self.workspaces.entry(None).or_insert_with(|| {
                    RunningWorkspace::start(None, config, clock, Pacing::default(), None)
                });
                Targets {
                    workspaces: http::ServedWorkspaces::Single(Arc::clone(&running.served)),
                    host: None,
                    collectors,
                }
            }
            WorkspaceConfigs::Named { host, workspaces } => {
                let host = host.map(|intervals| {
                    let host = self
                        .host
                        .get_or_insert_with(|| RunningHost::start(intervals, clock));
                    host.scheduler.snapshots()
                });
                let is_new = |name: &Arc<str>| !self.workspaces.contains_key(&Some(name.clone()));
                let new: Vec<(Arc<str>, _)> = workspaces
                    .into_iter()
                    .map(|(name, config)| (name.into(), config))
                    .filter(|(name, _)| is_new(name))
                    .collect();
                let (count, all) = (new.len(), self.workspaces.len() + new.len());
                for (index, (name, config)) in new.into_iter().enumerate() {
                    let pacing = Pacing::of_one_of(config.intervals.fast, index, count, all);
                    let shared = Some(self.shared.clone());
                    let of_name = Some(Arc::clone(&name));
                    let started = RunningWorkspace::start(of_name, config, clock, pacing, shared);
                    self.workspaces.insert(Some(name), started);
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

    /// Stops the workspaces, and the host, that a new configuration does not have or has with other settings.
    async fn stop_changed(&mut self, new: &WorkspaceConfigs) {
        let new_host = match new {
            WorkspaceConfigs::One(_) => None,
            WorkspaceConfigs::Named { host, .. } => *host,
        };
        if let Some(mut host) = self.host.take_if(|host| Some(host.intervals) != new_host) {
            host.tasks.shutdown().await;
        }
        self.stop_workspaces(|name, running| {
            let new_config = match (new, name) {
                (WorkspaceConfigs::One(config), None) => Some(config),
                (WorkspaceConfigs::Named { workspaces, .. }, Some(name)) => workspaces.get(&**name),
                _ => None,
            };
            new_config.is_none_or(|new_config| {
                !Arc::ptr_eq(new_config, &running.config) && *new_config != running.config
            })
        })
        .await;
    }

    async fn stop_workspaces(
        &mut self,
        is_stopped: impl Fn(&WorkspaceName, &RunningWorkspace) -> bool,
    ) {
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

impl RunningHost {
    fn start(intervals: Intervals, clock: Clock) -> Self {
        let mut tasks = JoinSet::new();
        let schedule = SchedulerConfig {
            workspace: None,
            collectors: [Collector::Host].into(),
            intervals,
            live: LiveMode::Off,
            configured_version: None,
            pacing: Pacing::default(),
        };
        Self {
            intervals,
            scheduler: Scheduler::start(Sources::new(None, None), schedule, clock, &mut tasks),
            tasks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hanging_file_system_is_not_waited_for() {
        let (_never, stuck) = std::sync::mpsc::channel::<()>();
        let limit = Duration::from_millis(50);
        let read = run_on_thread(limit, move || stuck.recv().is_ok()).await;
        assert!(read.is_err_and(|error| error.contains("cannot be read within")));
        assert_eq!(run_on_thread(LOAD_TIMEOUT, || 1).await, Ok(1));
    }
}
