//! A running workspace: its connection, its scheduler, and its backend for requests.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::backend::ApiQueries;
use crate::backend::stored_statistics::StoredDocuments;
use crate::catalogue::{FailureKind, GrowthPoint, Timestamp, Value};
use crate::change_streams::SharedOplogs;
use crate::clock::Clock;
use crate::collectors::license::HeldLicense;
use crate::collectors::{DatabaseSource, RefreshScope, Snapshot, Sources};
use crate::conditions::Moment;
use crate::config::WorkspaceConfig;
use crate::http::api::rate_limit::RateLimiter;
use crate::http::api::statistics_list::LACKS_QUERY;
use crate::http::api::statistics_list::queue::ListQueue;
use crate::http::{
    self, ApiSettings, AuthenticatedUser, Backend, BackendFuture, Credentials, QueryRejected,
    Unavailable,
};
use crate::info_page::history::History;
use crate::info_page::state::InfoPageState;
use crate::mongodb::{Mongo, SharedClients, SourceError};
use crate::rocketchat_client::RocketChatClient;
use crate::scheduler::{Pacing, Scheduler, SchedulerConfig};
use crate::supervision::keep_running;

/// A workspace that is read until it is stopped.
pub struct RunningWorkspace {
    /// Its settings.
    pub config: Arc<WorkspaceConfig>,
    /// What the HTTP server sees of it.
    pub served: Arc<http::ServedWorkspace>,
    /// The scheduler that reads it.
    pub scheduler: Scheduler,
    mongo: Arc<Mongo>,
    tasks: JoinSet<()>,
}

/// What the workspaces of one process share where they are on the same servers.
#[derive(Debug, Clone, Default)]
pub struct SharedByWorkspaces {
    /// The clients of the driver.
    clients: Arc<SharedClients>,
    /// The readers of oplogs.
    oplogs: Arc<SharedOplogs>,
}

impl RunningWorkspace {
    /// Starts the workspace.
    ///
    /// `shared` is what it shares with others, if there may be several.
    pub fn start(
        name: Option<Arc<str>>,
        config: Arc<WorkspaceConfig>,
        clock: Clock,
        pacing: Pacing,
        shared: Option<SharedByWorkspaces>,
    ) -> Self {
        let (settings, timezone) = (config.mongo.clone(), config.timezone.clone());
        let license = config.license.clone();
        let database = match shared {
            Some(SharedByWorkspaces { clients, oplogs }) => {
                let mongo = Mongo::of_several(settings, clock, timezone, clients);
                DatabaseSource::new(mongo, license).with_oplogs(oplogs)
            }
            None => DatabaseSource::new(Mongo::new(settings, clock, timezone, None), license),
        };
        let mut tasks = JoinSet::new();
        let schedule = SchedulerConfig {
            workspace: name.clone(),
            collectors: config.collectors.clone(),
            intervals: config.intervals,
            live: config.live,
            configured_version: config.version.clone(),
            pacing,
        };
        let sources = Sources::new(Some(database.clone()), config.probe.clone());
        let scheduler = Scheduler::start(sources, schedule, clock, &mut tasks);
        let history = Arc::new(Mutex::new(History::of_one_of(pacing.workspaces)));
        let (snapshots, recorded) = (scheduler.snapshots(), Arc::clone(&history));
        let mongo = Arc::clone(&database.mongo);
        tasks.spawn(keep_running("history", move || {
            let (recorded, mongo) = (Arc::clone(&recorded), Arc::clone(&mongo));
            record_history(snapshots.clone(), recorded, clock, mongo)
        }));
        if config.takes_unsafe_parameters {
            let (snapshots, name) = (scheduler.snapshots(), name.clone());
            tasks.spawn(keep_running("ineffective flag", move || {
                log_ineffective_flag(snapshots.clone(), name.clone())
            }));
        }
        let served = Arc::new(http::ServedWorkspace {
            snapshots: scheduler.snapshots(),
            backend: Box::new(WorkspaceBackend {
                name,
                backend: Arc::new(ApiQueries::new(database.clone())),
                scheduler: scheduler.clone(),
                clock,
                last_logged: Mutex::default(),
            }),
            names: config.names,
            exposed: config.exposed.clone(),
            shape: config.shape,
            allows_unsafe_parameters: config.takes_unsafe_parameters,
            timezone: config.timezone.clone(),
            rate_limiter: RateLimiter::default(),
            login_limiter: http::login_limiter(),
            list_queue: ListQueue::default(),
            collectors: config.collectors.clone(),
            history,
            database_address: config.mongo.address(),
            rocketchat: config.rocketchat.clone().map(RocketChatClient::new),
            info_page: InfoPageState::default(),
        });
        Self {
            config,
            served,
            scheduler,
            mongo: database.mongo,
            tasks,
        }
    }

    /// Checks the files of the connection settings before the next query.
    pub fn recheck_files(&self) {
        self.mongo.recheck_files();
    }

    /// Stops the workspace and closes its connections.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        self.mongo.close().await;
    }
}

/// How often snapshots are added to the history: each collector makes one.
const HISTORY_INTERVAL: Duration = Duration::from_secs(1);

/// Adds the newest snapshot to the history whenever there is a new one.
async fn record_history(
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    history: Arc<Mutex<History>>,
    clock: Clock,
    mongo: Arc<Mongo>,
) {
    while snapshots.changed().await.is_ok() {
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        let now = Moment {
            own: clock.now(),
            database: mongo.now(),
        };
        history
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(&snapshot, now);
        sleep(HISTORY_INTERVAL).await;
    }
}

/// Logs that `--rocketchat.allow-unsafe-query-and-fields-api-params` has no effect, as soon as the workspace has a version
/// without the parameters.
async fn log_ineffective_flag(
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    name: Option<Arc<str>>,
) {
    let lacks_query = |snapshot: &Arc<Snapshot>| {
        let version = snapshot.version();
        version.is_some_and(|version| version >= LACKS_QUERY)
    };
    let found = snapshots.wait_for(lacks_query).await.is_ok();
    if found {
        tracing::warn!(
            workspace = name.as_deref(),
            "--rocketchat.allow-unsafe-query-and-fields-api-params has no effect: Rocket.Chat 9.0 removed query and fields, and the workspace has that version or a later one"
        );
    }
}

/// Runs the queries of HTTP requests.
struct WorkspaceBackend {
    name: Option<Arc<str>>,
    backend: Arc<ApiQueries>,
    scheduler: Scheduler,
    clock: Clock,
    /// When each failure was last logged.
    last_logged: Mutex<BTreeMap<&'static str, Instant>>,
}

/// The same failure is logged once in this time, as every request may meet it.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

impl WorkspaceBackend {
    /// Replaces an error by [`Unavailable`]. The error is logged at intervals, and hidden from the client.
    fn log_error<T>(
        &self,
        result: Result<T, SourceError>,
        message: &'static str,
    ) -> Result<T, Unavailable> {
        result.map_err(|error| {
            let mut last_logged = self
                .last_logged
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let last_logged = last_logged.entry(message);
            let now = Instant::now();
            let is_due = match &last_logged {
                Entry::Vacant(_) => true,
                Entry::Occupied(at) => now.duration_since(*at.get()) >= LOG_INTERVAL,
            };
            if is_due {
                last_logged.insert_entry(now);
                tracing::warn!(workspace = self.name.as_deref(), reason = %error, "{message}");
            }
            Unavailable
        })
    }
}

impl Backend for WorkspaceBackend {
    fn authenticate<'a>(
        &'a self,
        credentials: Credentials<'a>,
    ) -> BackendFuture<'a, Option<AuthenticatedUser>> {
        Box::pin(async move {
            let account = match credentials {
                Credentials::LoginToken { user_id, token } => {
                    self.backend.account_of_login_token(user_id, token).await
                }
                Credentials::OAuthToken { access_token } => {
                    self.backend.account_of_access_token(access_token).await
                }
            };
            self.log_error(account, "a login cannot be checked")
        })
    }

    fn api_settings(&self) -> BackendFuture<'_, ApiSettings> {
        Box::pin(async move {
            // On its own task: dropping a query when the client disconnects would cost the connection.
            let backend = Arc::clone(&self.backend);
            let settings = tokio::spawn(async move { backend.api_settings().await });
            let settings = settings.await.map_err(|_| Unavailable)?;
            self.log_error(settings, "the settings of the API cannot be read")
        })
    }

    fn count_stored_statistics<'a>(
        &'a self,
        query: &'a serde_json::Value,
    ) -> BackendFuture<'a, Result<u64, QueryRejected>> {
        Box::pin(async move {
            let count = self.backend.count_history(query).await;
            let count = self.log_error(count, "the stored statistics cannot be counted")?;
            Ok(count.map_err(QueryRejected))
        })
    }

    fn list_stored_statistics(
        &self,
        part: http::ListQuery,
    ) -> BackendFuture<'_, Result<Box<dyn http::DocumentStream>, QueryRejected>> {
        Box::pin(async move {
            let documents = self.backend.list_history(&part).await;
            let documents = self.log_error(documents, "the stored statistics cannot be listed")?;
            let wrap = |documents| {
                let name = self.name.clone();
                Box::new(LoggedDocuments { name, documents }) as Box<dyn http::DocumentStream>
            };
            Ok(documents.map(wrap).map_err(QueryRejected))
        })
    }

    fn growth(&self) -> BackendFuture<'_, Result<Vec<GrowthPoint>, QueryRejected>> {
        Box::pin(async move {
            match self.backend.growth().await {
                Err(error) if error.kind == FailureKind::MissingIndex => {
                    Ok(Err(QueryRejected(error.to_string())))
                }
                growth => {
                    let growth = self.log_error(growth, "the stored statistics cannot be read");
                    growth.map(Ok)
                }
            }
        })
    }

    fn evaluate_license<'a>(&'a self, text: &'a str) -> BackendFuture<'a, Option<HeldLicense>> {
        Box::pin(async move {
            let known = self.scheduler.newest();
            let now = self.backend.mongo.now();
            let held = self.backend.licenses.judge_pasted(text, &known, now).await;
            self.log_error(held, "a pasted license cannot be read")
        })
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn database_now(&self) -> Timestamp {
        self.backend.mongo.now()
    }

    fn refresh(&self, scope: RefreshScope) -> BackendFuture<'_, Arc<Snapshot>> {
        Box::pin(async move { self.scheduler.refresh(scope).await.map_err(|_| Unavailable) })
    }
}

/// A cursor over stored documents that logs its errors.
struct LoggedDocuments {
    name: Option<Arc<str>>,
    documents: StoredDocuments,
}

impl http::DocumentStream for LoggedDocuments {
    fn next(&mut self) -> BackendFuture<'_, Option<Value>> {
        Box::pin(async move {
            self.documents.next().await.map_err(|error| {
                tracing::warn!(
                    workspace = self.name.as_deref(),
                    reason = %error,
                    "the list of stored statistics is incomplete"
                );
                Unavailable
            })
        })
    }
}
