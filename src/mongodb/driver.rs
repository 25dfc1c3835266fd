//! Clients of the driver: their options, time limits and error messages.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use mongodb::Client;
use mongodb::error::{Error, ErrorKind};
use mongodb::event::EventHandler;
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria, ServerMonitoringMode};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::command_log::CommandLog;
use super::connection_string::ConnectionString;
use super::error::{FailureScope, SourceError};
use super::members::{KnownServers, MemberSelector};
use super::pool_events::PoolCounters;
use super::server_states::{RequestedTopology, ServerStates};
use super::settings::MongoSettings;
use crate::catalogue::FailureKind;

/// How much longer than the server's time limit the client waits for a reply before it gives up the connection.
pub const GRACE: Duration = Duration::from_secs(5);

/// Connections of a client that several workspaces share. Each of them uses no more than its budget.
const SHARED_CONNECTIONS: u32 = 64;

/// How long a connection of a shared client may be idle.
const MAX_IDLE_TIME: Duration = Duration::from_mins(1);

/// A client of the driver, which several workspaces may share.
#[derive(Debug)]
pub struct DriverClient {
    /// The client.
    pub client: Client,
    /// The servers that it knows.
    pub servers: watch::Receiver<KnownServers>,
    /// Turns errors into messages.
    pub errors: Arc<ErrorReporter>,
    /// Counters of its connections.
    pub pool: Arc<PoolCounters>,
}

/// Turns errors of one client into messages that say what to do.
#[derive(Debug)]
pub struct ErrorReporter {
    uri: ConnectionString,
    requested: RequestedTopology,
    servers: ServerStates,
}

/// The driver's options for a connection string. Only the name of `mongodb+srv://` is resolved.
///
/// # Errors
/// When the driver cannot use the connection string.
pub async fn options(
    uri: &ConnectionString,
    settings: &MongoSettings,
    is_shared: bool,
) -> Result<ClientOptions, SourceError> {
    let mut options = ClientOptions::parse(uri.secret().reveal())
        .await
        .map_err(|error| redacted(&SourceError::from(error), uri))?;
    options.app_name = Some("rocketchat-exporter".to_owned());
    // One more than there are permits. If all connections hang in their handshakes, the client otherwise never gets
    // one to end its sessions with, and goes on monitoring its servers.
    let max_connections = if is_shared {
        options.max_idle_time = Some(MAX_IDLE_TIME);
        SHARED_CONNECTIONS
    } else {
        settings.max_connections.saturating_add(1)
    };
    options.max_pool_size = Some(max_connections);
    options.max_connecting = Some(max_connections);
    options.min_pool_size = Some(0);
    options.connect_timeout = Some(settings.connect_timeout);
    options.server_selection_timeout = Some(settings.connect_timeout);
    // The other modes keep a second connection to each server only to measure its latency.
    options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
    Ok(options)
}

/// The read preference of the connection string.
pub fn read_preference(options: &ClientOptions) -> Option<ReadPreference> {
    match &options.selection_criteria {
        Some(SelectionCriteria::ReadPreference(preference)) => Some(preference.clone()),
        _ => None,
    }
}

impl DriverClient {
    /// Makes a client. It connects with its first query.
    ///
    /// # Errors
    /// When the driver cannot use the options.
    pub fn new(
        uri: &ConnectionString,
        mut options: ClientOptions,
        pool: Arc<PoolCounters>,
        command_log: Option<Arc<CommandLog>>,
    ) -> Result<Self, SourceError> {
        let (known, servers) = watch::channel(KnownServers::Unknown);
        let members = MemberSelector::new(read_preference(&options), servers.clone());
        options.selection_criteria = Some(members.preference());
        let counters = Arc::clone(&pool);
        let count = move |event| counters.record(&event);
        options.cmap_event_handler = Some(EventHandler::callback(count));
        if let Some(command_log) = command_log {
            let record = move |event| command_log.record(event);
            options.command_event_handler = Some(EventHandler::callback(record));
        }
        let errors = Arc::new(ErrorReporter {
            uri: uri.clone(),
            requested: RequestedTopology::of(&options),
            servers: ServerStates::default(),
        });
        let reporter = Arc::clone(&errors);
        let record = move |event| {
            reporter.servers.record(&event);
            KnownServers::record(&known, &event);
        };
        options.sdam_event_handler = Some(EventHandler::callback(record));
        let client = Client::with_options(options);
        Ok(Self {
            client: client.map_err(|error| redacted(&SourceError::from(error), uri))?,
            servers,
            errors,
            pool,
        })
    }

    /// Closes the connections. A client that is merely dropped goes on monitoring its servers for a while.
    pub async fn shut_down(&self) {
        self.client.clone().shutdown().immediate(true).await;
    }
}

impl ErrorReporter {
    /// What failed and what to do about it, without secrets.
    pub fn report(&self, error: &Error) -> SourceError {
        let own = SourceError::from(error);
        let reported = match &*error.kind {
            ErrorKind::ServerSelection { .. } if own.kind != FailureKind::TooOld => {
                let failure = self.servers.selection_failure(&self.requested);
                failure.of(FailureScope::Database)
            }
            // The error because of which the driver cleared the pool says more.
            ErrorKind::ConnectionPoolCleared { .. } if own.kind == FailureKind::Unreachable => {
                self.servers.failure().unwrap_or(own)
            }
            _ => own,
        };
        redacted(&reported, &self.uri)
    }

    /// The connection string.
    pub fn uri(&self) -> &ConnectionString {
        &self.uri
    }
}

/// Waits for a permit, and then for a reply. The server stops at the query's own time limit; this one is for servers that
/// hang, and for connections: the driver itself waits for one without a limit.
///
/// # Errors
/// When there is no reply in time.
pub async fn reply_within<T>(
    query_timeout: Duration,
    permits: &Semaphore,
    reply: impl Future<Output = T>,
) -> Result<T, SourceError> {
    let limit = query_timeout + GRACE;
    let mut reply = pin!(reply);
    let reply = async {
        // Fails only when the semaphore is closed, which it never is.
        let _permit = permits.acquire().await;
        reply.as_mut().await
    };
    timeout(limit, reply).await.map_err(|_| {
        let message = format!("MongoDB did not answer within {} s", limit.as_secs());
        SourceError::new(FailureKind::Unreachable, message).of(FailureScope::NoAnswer)
    })
}

/// The error without the secrets of the connection string.
pub fn redacted(error: &SourceError, uri: &ConnectionString) -> SourceError {
    SourceError {
        message: uri.secret().redact(&error.message).into(),
        ..error.clone()
    }
}
