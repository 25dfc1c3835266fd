//! The HTTP server: `server` serves connections, `middleware` limits and authorizes requests, `router` dispatches them.
//!
//! The database is reached only through [`Backend`].

pub mod api;
pub mod body;
pub mod caller;
pub mod chunked_bytes;
pub mod connection;
pub mod connection_limiter;
pub mod content_negotiation;
pub mod deadline;
pub mod form;
pub mod handlers;
pub mod host_header;
pub mod listen_address;
pub mod listener;
pub mod middleware;
pub mod query_string;
pub mod request_metrics;
pub mod response;
pub mod router;
pub mod server;
pub mod tracked_body;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;
use tokio::sync::watch;

pub use content_negotiation::{format, wants_gzip};
pub use request_metrics::RequestCounters;
pub use router::is_served;
pub use server::serve;

use crate::catalogue::{Availability, GrowthPoint, Timestamp, Value, Version};
use crate::collectors::license::HeldLicense;
use crate::collectors::{Collector, ExposedMetrics, RefreshScope, Snapshot};
use crate::document::DocumentShape;
use crate::exposition::{MetricNames, ProcessStats, ReloadStatus, WorkspaceFileStats};
pub use crate::http::api::auth::login_limiter;
pub use crate::http::api::login_limiter::LoginLimiter;
pub use crate::http::api::rate_limit::{RateLimit, RateLimiter};
pub use crate::http::api::statistics_list::queue::ListQueue;
pub use crate::http::handlers::metrics::MetricsCache;
pub use crate::http::handlers::reload::ReloadQueue;
use crate::info_page::history::History;
pub use crate::info_page::state::InfoPageState;
use crate::rocketchat_client::RocketChatClient;
use crate::shard::Shard;

/// The future of a [`Backend`] method.
pub type BackendFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send + 'a>>;

/// What HTTP handlers need of a workspace's database.
pub trait Backend: Send + Sync {
    /// The account that credentials belong to; `None` where they are wrong.
    fn authenticate<'a>(
        &'a self,
        credentials: Credentials<'a>,
    ) -> BackendFuture<'a, Option<AuthenticatedUser>>;
    /// The workspace's settings for its REST API.
    fn api_settings(&self) -> BackendFuture<'_, ApiSettings>;
    /// Counts the stored statistics documents that match a query.
    fn count_stored_statistics<'a>(
        &'a self,
        query: &'a serde_json::Value,
    ) -> BackendFuture<'a, Result<u64, QueryRejected>>;
    /// Queries the stored statistics documents; fields that Rocket.Chat hides are left out.
    fn list_stored_statistics(
        &self,
        part: ListQuery,
    ) -> BackendFuture<'_, Result<Box<dyn DocumentStream>, QueryRejected>>;
    /// The workspace's growth, sampled from the stored documents, oldest first.
    fn growth(&self) -> BackendFuture<'_, Result<Vec<GrowthPoint>, QueryRejected>>;
    /// Evaluates a license as if it were in the settings; `None` when the text is empty.
    fn evaluate_license<'a>(&'a self, text: &'a str) -> BackendFuture<'a, Option<HeldLicense>>;
    /// The exporter's time, which snapshots are dated with.
    fn now(&self) -> Timestamp;
    /// The database server's time, which dates in the database are compared with.
    fn database_now(&self) -> Timestamp;
    /// Runs the collectors of a scope at once, and returns the new snapshot.
    fn refresh(&self, scope: RefreshScope) -> BackendFuture<'_, Arc<Snapshot>>;
}

/// A cursor over stored statistics documents.
pub trait DocumentStream: Send {
    /// The next document; `None` after the last one.
    fn next(&mut self) -> BackendFuture<'_, Option<Value>>;
}

/// Credentials of a Rocket.Chat user.
#[derive(Clone, Copy)]
pub enum Credentials<'a> {
    /// A user ID and one of the user's login or personal access tokens.
    LoginToken {
        /// The user's ID.
        user_id: &'a str,
        /// The token.
        token: &'a str,
    },
    /// An access token that Rocket.Chat's OAuth server issued.
    OAuthToken {
        /// The token.
        access_token: &'a str,
    },
}

/// The Rocket.Chat user that a request was authenticated as.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuthenticatedUser {
    /// Whether the account has a user name.
    pub has_username: bool,
    /// The permission `view-statistics`.
    pub may_view_statistics: bool,
    /// The permission `api-bypass-rate-limit`.
    pub bypasses_rate_limit: bool,
}

/// The workspace's settings for its REST API.
#[derive(Debug, Clone, Copy)]
pub struct ApiSettings {
    /// `API_Default_Count`: entries of a page where the request has no `count`.
    pub default_count: u64,
    /// `API_Upper_Count_Limit`: the most entries of a page.
    pub max_count: u64,
    /// `API_Allow_Infinite_Count`: whether `count=0` returns all entries.
    pub allows_infinite_count: bool,
    /// The rate limit; `None` where it is switched off.
    pub rate: Option<RateLimit>,
}

/// A query of the stored statistics documents.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// The filter, as MongoDB's extended JSON; the backend validates it.
    pub query: serde_json::Value,
    /// Fields to sort by, and whether in descending order.
    pub sort: Vec<(String, bool)>,
    /// Fields to leave out.
    pub exclude: Vec<String>,
    /// Fields of whose lists only some items are shown, and MongoDB's operator that selects them; the backend validates it.
    pub of_lists: Vec<(String, serde_json::Value)>,
    /// Documents to skip.
    pub offset: u64,
    /// Documents to return; `None` means all.
    pub count: Option<u64>,
}

/// The client's query was rejected; carries the message for the client.
#[derive(Debug, Clone)]
pub struct QueryRejected(pub String);

/// The database cannot be queried. The reason is only logged: it may name hosts, and the client may be unauthenticated.
#[derive(Debug, Clone, Copy)]
pub struct Unavailable;

/// The state that all request handlers share.
pub struct App {
    /// The workspaces and the host under the current configuration.
    pub targets: watch::Receiver<Arc<Targets>>,
    /// The newest sample of the exporter's own process.
    pub process: watch::Receiver<ProcessStats>,
    /// Reloads the configuration and reports the health of the tasks.
    pub control: Arc<dyn Control>,
    /// Coalesces the reloads that are requested over HTTP.
    pub reloads: ReloadQueue,
    /// The path of the metrics: `--web.telemetry-path`.
    pub telemetry_path: String,
    /// Which of the configured workspaces are read; `None` for all.
    pub shard: Option<Shard>,
    /// The number of log lines that were lost.
    pub lost_log_lines: Box<dyn Fn() -> u64 + Send + Sync>,
    /// Counts requests for the exporter's own metrics.
    pub counters: RequestCounters,
    /// Caches response bodies of `/metrics`.
    pub metrics: MetricsCache,
}

/// Control over the running exporter.
pub trait Control: Send + Sync {
    /// Reloads the configuration. An invalid one changes nothing, and the error says why.
    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>>;
    /// The outcome of the last reload.
    fn last_reload(&self) -> ReloadStatus;
    /// The files of `--config.dir`; `None` without the flag.
    fn workspace_files(&self) -> Option<Arc<WorkspaceFileStats>>;
    /// Whether every background task runs or is waiting for its next interval.
    fn is_alive(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>>;
}

/// What is monitored under one configuration.
pub struct Targets {
    /// The workspaces.
    pub workspaces: ServedWorkspaces,
    /// The host's snapshots, where several workspaces share it.
    pub host: Option<watch::Receiver<Arc<Snapshot>>>,
    /// The collectors that are enabled for any workspace or the host.
    pub collectors: BTreeSet<Collector>,
}

/// One workspace, or several by name.
pub enum ServedWorkspaces {
    /// The only workspace.
    Single(Arc<ServedWorkspace>),
    /// The workspaces of the configuration file.
    Named(BTreeMap<Arc<str>, Arc<ServedWorkspace>>),
}

/// A workspace, as request handlers see it.
pub struct ServedWorkspace {
    /// The newest snapshot.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// The database.
    pub backend: Box<dyn Backend>,
    /// Which metric names are exposed.
    pub names: MetricNames,
    /// Which metrics are exposed.
    pub exposed: ExposedMetrics,
    /// The statistics document's default shape.
    pub shape: DocumentShape,
    /// Whether `statistics.list` accepts `query` and `fields` also for 7.0 to 8.x, as with
    /// `ALLOW_UNSAFE_QUERY_AND_FIELDS_API_PARAMS`.
    pub allows_unsafe_parameters: bool,
    /// The workspace's time zone.
    pub timezone: TimeZone,
    /// Rocket.Chat's rate limit.
    pub rate_limiter: RateLimiter,
    /// Limits failed logins to the REST API.
    pub login_limiter: Arc<LoginLimiter>,
    /// Serializes `statistics.list` requests.
    pub list_queue: ListQueue,
    /// The enabled collectors.
    pub collectors: BTreeSet<Collector>,
    /// The last day for the Info page's charts. A std mutex: nothing is awaited while it is held.
    pub history: Arc<Mutex<History>>,
    /// The database's hosts and ports.
    pub database_address: String,
    /// Rocket.Chat's API, where the Info page may apply licenses.
    pub rocketchat: Option<RocketChatClient>,
    /// The Info page's state.
    pub info_page: InfoPageState,
}

impl App {
    /// The current targets.
    pub fn targets(&self) -> Arc<Targets> {
        Arc::clone(&self.targets.borrow())
    }
}

impl Targets {
    /// The only workspace; `None` where there are several.
    fn only(&self) -> Option<&Arc<ServedWorkspace>> {
        match &self.workspaces {
            ServedWorkspaces::Single(workspace) => Some(workspace),
            ServedWorkspaces::Named(_) => None,
        }
    }

    /// One of several workspaces, by name.
    fn named(&self, name: &str) -> Option<&Arc<ServedWorkspace>> {
        match &self.workspaces {
            ServedWorkspaces::Single(_) => None,
            ServedWorkspaces::Named(workspaces) => workspaces.get(name),
        }
    }
}

impl ServedWorkspace {
    /// Whether at least one collector can read the database.
    pub fn is_up(&self) -> bool {
        self.snapshots.borrow().up() == Some(true)
    }

    /// The database's availability; `None` where no collector queries it.
    pub fn availability(&self) -> Option<Availability> {
        self.snapshots.borrow().availability
    }

    /// The Rocket.Chat version whose responses are imitated.
    pub fn version(&self) -> Version {
        self.snapshots.borrow().version().unwrap_or(Version::NEWEST)
    }
}
