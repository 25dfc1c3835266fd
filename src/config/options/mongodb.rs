//! `mongodb.*`: the connection to a workspace's database.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::bounds::{
    CONNECT_TIMEOUT, LIVE_MAX_MEMORY, MAX_CONNECTIONS, QUERY_TIMEOUT, parse_database_name,
};
use super::deserialize;
use crate::collectors::LiveMode;
use crate::secret::Secret;

/// `mongodb.*`
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct MongodbOptions {
    /// Connection string of the workspace's MongoDB.
    ///
    /// Other users of the machine can see flags, so put one with a password into a file or the environment.
    /// [default: mongodb://localhost:27017]
    #[arg(
        long = "mongodb.uri",
        value_name = "URI",
        hide_env_values = true,
        conflicts_with = "uri_file"
    )]
    pub uri: Option<Secret>,

    /// File with the connection string.
    #[arg(long = "mongodb.uri-file", value_name = "FILE")]
    pub uri_file: Option<PathBuf>,

    /// File with the password of the connection string's user, without percent-encoding.
    ///
    /// The variable ROCKETCHAT_EXPORTER_MONGODB_PASSWORD can hold it instead.
    #[arg(long = "mongodb.password-file", value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Name of the workspace's database.
    ///
    /// [default: the one in the connection string, else the one that has Rocket.Chat's collections]
    #[arg(
        long = "mongodb.database",
        value_name = "NAME",
        value_parser = parse_database_name
    )]
    #[serde(deserialize_with = "deserialize::database")]
    pub database: Option<String>,

    /// Time limit of one query on the server, from 1ms to 1h.
    ///
    /// [default: 30s]
    #[arg(
        long = "mongodb.query-timeout",
        value_name = "DURATION",
        value_parser = |text: &str| QUERY_TIMEOUT.parse(text)
    )]
    #[serde(deserialize_with = "deserialize::query_timeout")]
    pub query_timeout: Option<Duration>,

    /// Time limit for selecting a server and connecting to it, from 1ms to 1h.
    ///
    /// [default: 5s]
    #[arg(
        long = "mongodb.connect-timeout",
        value_name = "DURATION",
        value_parser = |text: &str| CONNECT_TIMEOUT.parse(text)
    )]
    #[serde(deserialize_with = "deserialize::connect_timeout")]
    pub connect_timeout: Option<Duration>,

    /// Maximum number of connections for queries to each server, from 1 to 100. One more monitors the server, and
    /// another may replace one whose query got no answer.
    ///
    /// [default: 2]
    #[arg(
        long = "mongodb.max-connections",
        value_name = "NUMBER",
        value_parser = |text: &str| MAX_CONNECTIONS.parse(text)
    )]
    #[serde(deserialize_with = "deserialize::max_connections")]
    pub max_connections: Option<u32>,

    /// Whether to follow changes of users, rooms, uploads and connections instead of counting them at each interval. That
    /// needs a replica set.
    ///
    /// [default: auto]
    #[arg(long = "mongodb.live", value_name = "MODE", value_enum)]
    pub live: Option<LiveArgument>,

    /// Memory that live mode may take for a workspace, in MiB, from 1 to 1000000. It takes 48 bytes for each user, room
    /// and upload; where that is more, everything is read at its interval.
    ///
    /// [default: half of the memory limit of the container or service, else no limit]
    #[arg(
        long = "mongodb.live-max-memory",
        value_name = "NUMBER",
        value_parser = |text: &str| LIVE_MAX_MEMORY.parse(text)
    )]
    #[serde(deserialize_with = "deserialize::live_max_memory")]
    pub live_max_memory: Option<u32>,
}

/// `--mongodb.live`.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LiveArgument {
    /// Where the database supports it, unless it costs more database time than counting.
    Auto,
    /// Where the database supports it; a warning is logged where it does not.
    On,
    /// Never.
    Off,
}

impl From<LiveArgument> for LiveMode {
    fn from(argument: LiveArgument) -> Self {
        match argument {
            LiveArgument::Auto => Self::Auto,
            LiveArgument::On => Self::On,
            LiveArgument::Off => Self::Off,
        }
    }
}

impl MongodbOptions {
    pub fn or(self, mut fallback: Self) -> Self {
        // The password belongs to the connection string, so both come from the same source.
        if self.has_uri() {
            fallback.uri = None;
            fallback.uri_file = None;
            fallback.password_file = None;
        }
        Self {
            uri: self.uri.or(fallback.uri),
            uri_file: self.uri_file.or(fallback.uri_file),
            password_file: self.password_file.or(fallback.password_file),
            database: self.database.or(fallback.database),
            query_timeout: self.query_timeout.or(fallback.query_timeout),
            connect_timeout: self.connect_timeout.or(fallback.connect_timeout),
            max_connections: self.max_connections.or(fallback.max_connections),
            live: self.live.or(fallback.live),
            live_max_memory: self.live_max_memory.or(fallback.live_max_memory),
        }
    }

    /// Whether a connection string is given, in a file or not.
    pub fn has_uri(&self) -> bool {
        self.uri.is_some() || self.uri_file.is_some()
    }
}
