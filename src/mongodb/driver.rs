//! One client of the driver: how it is made, what its servers said, and the words for its failures.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use mongodb::Client;
use mongodb::error::{Error, ErrorKind};
use mongodb::event::EventHandler;
use mongodb::options::{ClientOptions, SelectionCriteria, ServerMonitoringMode};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::command_log::Recorder;
use super::connection_string::ConnectionString;
use super::error::{Scope, SourceError};
use super::members::Members;
use super::pool_events::Pool;
use super::server_states::{Asked, Servers};
use super::settings::MongoSettings;
use crate::catalogue::FailureKind;

/// How much longer than the server's limit the client waits for an answer before it gives up the connection.
pub const GRACE: Duration = Duration::from_secs(5);

/// A client, and what is needed to ask by it.
#[derive(Debug)]
pub struct Driver {
    /// The client.
    pub client: Client,
    /// Which servers are asked.
    pub members: Arc<Members>,
    /// The server-side limit of every query.
    pub query_timeout: Duration,
    /// As many places as there may be connections for queries.
    pub places: Arc<Semaphore>,
    /// The words for what fails.
    pub words: Arc<Words>,
}

/// What is known of the servers of one client, so that failures are told in words that lead out.
#[derive(Debug)]
pub struct Words {
    uri: ConnectionString,
    asked: Asked,
    servers: Servers,
}

impl Driver {
    /// Makes a client; nothing is connected yet, but that the name of `mongodb+srv://` is resolved.
    ///
    /// # Errors
    /// When the driver cannot use the connection string.
    pub async fn make(
        uri: ConnectionString,
        settings: &MongoSettings,
        pool: Arc<Pool>,
        places: Arc<Semaphore>,
        recorder: Option<Arc<Recorder>>,
    ) -> Result<Self, SourceError> {
        let in_words =
            |error: &Error| redacted(&SourceError::from(error), std::slice::from_ref(&uri));
        let mut options = ClientOptions::parse(uri.secret().reveal())
            .await
            .map_err(|error| in_words(&error))?;
        options.app_name = Some("rocketchat-exporter".to_owned());
        // One more than queries have places for, and than may hang while they are made: by it the client says goodbye, which
        // it would else wait for ever to do, and go on watching its servers.
        let most = settings.max_connections.saturating_add(1);
        options.max_pool_size = Some(most);
        options.max_connecting = Some(most);
        options.min_pool_size = Some(0);
        options.connect_timeout = Some(settings.connect_timeout);
        options.server_selection_timeout = Some(settings.connect_timeout);
        // The other modes keep a second connection to each server, only to measure its latency.
        options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
        let members = Arc::new(Members::new(match options.selection_criteria {
            Some(SelectionCriteria::ReadPreference(preference)) => Some(preference),
            _ => None,
        }));
        options.selection_criteria = Some(members.preference());
        options.cmap_event_handler = Some(EventHandler::callback(move |event| pool.note(&event)));
        if let Some(recorder) = recorder {
            let note = move |event| recorder.note(event);
            options.command_event_handler = Some(EventHandler::callback(note));
        }
        let words = Arc::new(Words {
            uri: uri.clone(),
            asked: Asked::of(&options),
            servers: Servers::default(),
        });
        let (noting, seeing) = (Arc::clone(&words), Arc::clone(&members));
        let note = move |event| {
            noting.servers.note(&event);
            seeing.note(&event);
        };
        options.sdam_event_handler = Some(EventHandler::callback(note));
        let client = Client::with_options(options).map_err(|error| in_words(&error))?;
        Ok(Self {
            client,
            members,
            query_timeout: settings.query_timeout,
            places,
            words,
        })
    }

    /// Waits for an answer: the server stops at its own limit, this one is for servers that no longer speak.
    ///
    /// # Errors
    /// When there is none, or it is a failure.
    pub async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, SourceError> {
        let limit = self.query_timeout + GRACE;
        match timeout(limit, at_a_place(&self.places, pin!(answer))).await {
            Ok(answer) => answer.map_err(|error| self.words.of(&error)),
            Err(_) => Err(SourceError::new(
                FailureKind::Unreachable,
                format!("MongoDB did not answer within {} s", limit.as_secs()),
            )
            .of(Scope::Silence)),
        }
    }
}

impl Words {
    /// What failed, and what to do about it, without secrets.
    pub fn of(&self, error: &Error) -> SourceError {
        let own = SourceError::from(error);
        let told = match &*error.kind {
            ErrorKind::ServerSelection { .. } if own.kind != FailureKind::TooOld => {
                self.servers.none_suits(&self.asked).of(Scope::Everything)
            }
            // Another command failed on the same server, and tells more.
            ErrorKind::ConnectionPoolCleared { .. } if own.kind == FailureKind::Unreachable => {
                self.servers.cause().unwrap_or(own)
            }
            _ => own,
        };
        redacted(&told, std::slice::from_ref(&self.uri))
    }

    /// The connection string.
    pub fn uri(&self) -> &ConnectionString {
        &self.uri
    }
}

/// Waits for a place, and then for an answer. The driver has no limit for the former by itself: what waits for it is given
/// up with the query.
pub async fn at_a_place<T>(places: &Semaphore, answer: impl Future<Output = T>) -> T {
    // Never closed, so there is always a place some day.
    let _place = places.acquire().await;
    answer.await
}

/// A failure whose message quotes no secret of connection strings.
pub fn redacted(error: &SourceError, uris: &[ConnectionString]) -> SourceError {
    let mut message = error.message.to_string();
    for uri in uris {
        message = uri.secret().redact(&message);
    }
    SourceError {
        message: message.into(),
        ..error.clone()
    }
}
