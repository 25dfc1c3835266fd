//! Serving: connections in `serve`, what every request has to pass in `gate`, what is answered in `routes`.
//!
//! Knows the renderers, and the database only through [`Backend`].

pub mod api;
pub mod body;
pub mod body_pieces;
pub mod caller;
pub mod connection;
pub mod connections;
pub mod content_negotiation;
pub mod form;
pub mod handlers;
pub mod host_header;
pub mod idle_tracking;
pub mod listener;
pub mod middleware;
pub mod query_string;
pub mod request_metrics;
pub mod response;
pub mod router;
pub mod server;
pub mod unsent_body;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;
use tokio::sync::watch;

pub use content_negotiation::{format, wants_gzip};
pub use request_metrics::Counters;
pub use router::is_served;
pub use server::serve;

use crate::catalogue::{Availability, GrowthPoint, Timestamp, Value, Version};
use crate::collectors::license::HeldLicense;
use crate::collectors::{Collector, RefreshScope, Snapshot};
use crate::document::Shape;
use crate::exposition::{ExporterProcess, Exposition, MetricNames, Reload};
pub use crate::http::api::auth::attempts as login_attempts;
pub use crate::http::api::login_attempts::Attempts;
pub use crate::http::api::rate_limit::{RateLimit, RateLimiter};
pub use crate::http::api::statistics_list::turns::Turns;
pub use crate::http::handlers::metrics::Metrics;
pub use crate::http::handlers::reload::Reloads;
use crate::info_page::history::History;
pub use crate::info_page::state::InfoPageState;
use crate::rocketchat_client::RocketChat;

/// A future whose type is not named.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send + 'a>>;

/// What the web needs of the database: who somebody is, and fresh numbers.
pub trait Backend: Send + Sync {
    /// The account that credentials belong to.
    fn log_in<'a>(&'a self, credentials: Credentials<'a>) -> Answer<'a, Option<Login>>;
    /// The workspace's settings for its API.
    fn limits(&self) -> Answer<'_, Limits>;
    /// The number of stored documents that match a query.
    fn count_history<'a>(
        &'a self,
        query: &'a serde_json::Value,
    ) -> Answer<'a, Result<u64, Refused>>;
    /// A part of the stored documents, without what is never shown.
    fn list_history(&self, part: Part) -> Answer<'_, Result<Box<dyn Documents>, Refused>>;
    /// How the workspace grew, by some of the stored documents, oldest first.
    fn growth(&self) -> Answer<'_, Result<Vec<GrowthPoint>, Refused>>;
    /// A license that somebody has at hand, judged as if it were in the settings; `None` when the text is empty.
    fn judge_license<'a>(&'a self, text: &'a str) -> Answer<'a, Option<HeldLicense>>;
    /// The time that readings are dated with.
    fn now(&self) -> Timestamp;
    /// The time at the database, which dates in it are judged by.
    fn database_now(&self) -> Timestamp;
    /// Everything of an extent, read once more.
    fn refresh(&self, extent: RefreshScope) -> Answer<'_, Arc<Snapshot>>;
}

/// Stored documents that come one after the other.
pub trait Documents: Send {
    /// The next one; `None` after the last.
    fn next(&mut self) -> Answer<'_, Option<Value>>;
}

/// What somebody proves who they are with.
#[derive(Clone, Copy)]
pub enum Credentials<'a> {
    /// A user id, and one of the user's login tokens.
    Login {
        /// Whose token it is.
        user_id: &'a str,
        /// The token.
        token: &'a str,
    },
    /// An access token that Rocket.Chat granted as an OAuth server.
    Grant {
        /// The token.
        access_token: &'a str,
    },
}

/// Somebody who is logged in.
#[derive(Debug, Clone, Copy)]
pub struct Login {
    /// Whether they have a user name.
    pub has_username: bool,
    /// Whether they have the permission `view-statistics`.
    pub may_view_statistics: bool,
    /// Whether they have the permission `api-bypass-rate-limit`.
    pub bypasses_rate_limit: bool,
}

/// Settings of the workspace's API.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries of a list that does not say how many it wants.
    pub default_count: u64,
    /// The most entries that a list may ask for.
    pub most_count: u64,
    /// Whether a list may be had whole.
    pub allows_infinite_count: bool,
    /// How many calls are answered in how long; `None` when their rate is not limited.
    pub rate: Option<RateLimit>,
}

/// A part of the list of stored documents.
#[derive(Debug, Clone)]
pub struct Part {
    /// Which documents, in MongoDB's words; whoever asks the database checks them.
    pub query: serde_json::Value,
    /// Fields to sort by, and whether they descend.
    pub sort: Vec<(String, bool)>,
    /// Fields to leave out.
    pub exclude: Vec<String>,
    /// Documents to pass over.
    pub offset: u64,
    /// Documents to answer; `None` means all.
    pub count: Option<u64>,
}

/// A question that is not asked or not answered because something is wrong with it, which is told.
#[derive(Debug, Clone)]
pub struct Refused(pub String);

/// The database could not be asked. The reason is in the log: it may name hosts, and whoever asks is not known yet.
#[derive(Debug, Clone, Copy)]
pub struct Unavailable;

/// Everything a request may need.
pub struct App {
    /// What is served at the moment.
    pub served: watch::Receiver<Arc<Served>>,
    /// The exporter's own process, as it was last looked at.
    pub process: watch::Receiver<ExporterProcess>,
    /// Who can read the configuration again.
    pub control: Arc<dyn Control>,
    /// The readings of the configuration that were asked for over HTTP.
    pub reloads: Reloads,
    /// Where the metrics are.
    pub telemetry_path: String,
    /// How many lines of the log were lost.
    pub lost_lines: Box<dyn Fn() -> u64 + Send + Sync>,
    /// What was answered.
    pub counters: Counters,
    /// The newest bodies of the metrics.
    pub metrics: Metrics,
}

/// What the web may ask of whoever runs it.
pub trait Control: Send + Sync {
    /// Reads the configuration again; when it cannot be used, says why, and nothing changes.
    fn reload(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>>;
    /// How the configuration was last read.
    fn last_reload(&self) -> Reload;
    /// Whether everything that should read does so, or waits for its time.
    fn is_alive(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>>;
}

/// What is served under one configuration.
pub struct Served {
    /// The workspaces.
    pub workspaces: Workspaces,
    /// The host, where it is not read with the only workspace.
    pub host: Option<watch::Receiver<Arc<Snapshot>>>,
    /// What is read, of any workspace or of the host.
    pub collectors: BTreeSet<Collector>,
}

/// The workspaces that are served.
pub enum Workspaces {
    /// The only one, and its metrics as they were rendered when it was last read.
    One(Arc<Workspace>, watch::Receiver<Arc<Exposition>>),
    /// Those of the configuration file, by their names.
    Named(BTreeMap<Arc<str>, Arc<Workspace>>),
}

/// A workspace that is served.
pub struct Workspace {
    /// What was last read.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// The database.
    pub backend: Box<dyn Backend>,
    /// Which names the metrics have.
    pub names: MetricNames,
    /// How the statistics document is wrapped unless the request says otherwise.
    pub shape: Shape,
    /// Whether lists take `query` and `fields` from versions that ignore them unless told otherwise.
    pub takes_unsafe_parameters: bool,
    /// The workspace's time zone.
    pub timezone: TimeZone,
    /// Who called what how often.
    pub rates: RateLimiter,
    /// Who failed to log in to the API.
    pub logins: Arc<Attempts>,
    /// Whose turn it is to list the stored documents.
    pub lists: Turns,
    /// What is read of it.
    pub collectors: BTreeSet<Collector>,
    /// What moved of late. A std mutex: nothing is awaited while it is held.
    pub history: Arc<Mutex<History>>,
    /// Rocket.Chat itself, where licenses are handed over.
    pub rocketchat: Option<RocketChat>,
    /// What the page for people started.
    pub desk: InfoPageState,
}

impl App {
    /// What is served at the moment.
    pub fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served.borrow())
    }
}

impl Served {
    /// The only workspace; `None` where there are several.
    fn only(&self) -> Option<&Arc<Workspace>> {
        match &self.workspaces {
            Workspaces::One(workspace, _) => Some(workspace),
            Workspaces::Named(_) => None,
        }
    }

    /// One of several workspaces.
    fn named(&self, name: &str) -> Option<&Arc<Workspace>> {
        match &self.workspaces {
            Workspaces::One(..) => None,
            Workspaces::Named(workspaces) => workspaces.get(name),
        }
    }

    /// What was rendered beforehand, where there is a single workspace.
    fn exposition(&self) -> Option<Arc<Exposition>> {
        match &self.workspaces {
            Workspaces::One(_, rendered) => Some(Arc::clone(&rendered.borrow())),
            Workspaces::Named(_) => None,
        }
    }
}

impl Workspace {
    /// Whether something of its database is read.
    pub fn is_up(&self) -> bool {
        self.snapshots.borrow().up() == Some(true)
    }

    /// How much of its database is read; `None` where none is asked.
    pub fn availability(&self) -> Option<Availability> {
        self.snapshots.borrow().availability
    }

    /// The version whose answers are imitated.
    fn version(&self) -> Version {
        self.snapshots.borrow().version().unwrap_or(Version::NEWEST)
    }
}
