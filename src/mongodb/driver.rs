//! One client of the driver: its options, its time limits and its error messages.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use mongodb::Client;
use mongodb::error::{Error, ErrorKind};
use mongodb::event::EventHandler;
use mongodb::options::{ClientOptions, SelectionCriteria, ServerMonitoringMode};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::command_log::CommandLog;
use super::connection_string::ConnectionString;
use super::error::{FailureScope, SourceError};
use super::members::MemberSelector;
use super::pool_events::PoolCounters;
use super::server_states::{RequestedTopology, ServerStates};
use super::settings::MongoSettings;
use crate::catalogue::FailureKind;

/// How much longer than the server's time limit the client waits for a reply before it gives up the connection.
pub const GRACE: Duration = Duration::from_secs(5);

/// A client, and what its queries need.
#[derive(Debug)]
pub struct MongoClient {
    /// The client.
    pub client: Client,
    /// Selects the servers that are queried.
    pub members: Arc<MemberSelector>,
    /// The server-side time limit of every query.
    pub query_timeout: Duration,
    /// A permit for each connection that queries may use.
    pub permits: Arc<Semaphore>,
    /// Turns errors into messages.
    pub errors: Arc<ErrorReporter>,
}

/// Turns errors of one client into messages that say what to do.
#[derive(Debug)]
pub struct ErrorReporter {
    uri: ConnectionString,
    requested: RequestedTopology,
    servers: ServerStates,
}

impl MongoClient {
    /// Makes a client. It connects with its first query; only the name of `mongodb+srv://` is resolved at once.
    ///
    /// # Errors
    /// When the driver cannot use the connection string.
    pub async fn new(
        uri: ConnectionString,
        settings: &MongoSettings,
        pool: Arc<PoolCounters>,
        permits: Arc<Semaphore>,
        command_log: Option<Arc<CommandLog>>,
    ) -> Result<Self, SourceError> {
        let redact = |error: Error| redacted(&SourceError::from(error), &uri);
        let mut options = ClientOptions::parse(uri.secret().reveal())
            .await
            .map_err(redact)?;
        options.app_name = Some("rocketchat-exporter".to_owned());
        // One more than there are permits. If all connections hang in their handshakes, the client otherwise never gets
        // one to end its sessions with, and goes on monitoring its servers.
        let max_connections = settings.max_connections.saturating_add(1);
        options.max_pool_size = Some(max_connections);
        options.max_connecting = Some(max_connections);
        options.min_pool_size = Some(0);
        options.connect_timeout = Some(settings.connect_timeout);
        options.server_selection_timeout = Some(settings.connect_timeout);
        // The other modes keep a second connection to each server only to measure its latency.
        options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
        let members = Arc::new(MemberSelector::new(match options.selection_criteria {
            Some(SelectionCriteria::ReadPreference(preference)) => Some(preference),
            _ => None,
        }));
        options.selection_criteria = Some(members.preference());
        options.cmap_event_handler = Some(EventHandler::callback(move |event| pool.record(&event)));
        if let Some(command_log) = command_log {
            let record = move |event| command_log.record(event);
            options.command_event_handler = Some(EventHandler::callback(record));
        }
        let errors = Arc::new(ErrorReporter {
            uri: uri.clone(),
            requested: RequestedTopology::of(&options),
            servers: ServerStates::default(),
        });
        let (reporter, selector) = (Arc::clone(&errors), Arc::clone(&members));
        let record = move |event| {
            reporter.servers.record(&event);
            selector.record(&event);
        };
        options.sdam_event_handler = Some(EventHandler::callback(record));
        let client = Client::with_options(options).map_err(redact)?;
        Ok(Self {
            client,
            members,
            query_timeout: settings.query_timeout,
            permits,
            errors,
        })
    }

    /// Waits for a reply, as [`reply_within`] does.
    ///
    /// # Errors
    /// When there is no reply in time, or it is an error.
    pub async fn within<T>(
        &self,
        reply: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, SourceError> {
        let reply = reply_within(self.query_timeout, &self.permits, reply).await?;
        reply.map_err(|error| self.errors.report(&error))
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
