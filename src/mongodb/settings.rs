//! How the workspace's database is reached.

use std::time::Duration;

use super::connection_string::ConnectionString;
use super::uri_source::UriSource;

/// How to reach the workspace's database.
#[derive(Debug, Clone, PartialEq)]
pub struct MongoSettings {
    /// Where the connection string comes from.
    pub source: UriSource,
    /// The connection string as it was when the settings were read, complete with its password.
    pub uri: ConnectionString,
    /// The database; `None` means the one in the connection string, else the one that looks like Rocket.Chat's.
    pub database: Option<String>,
    /// The server-side limit of every query.
    pub query_timeout: Duration,
    /// How long to wait for a server that can be asked.
    pub connect_timeout: Duration,
    /// Connections for queries, to each server; the driver adds one to each that watches its state.
    pub max_connections: u32,
}
