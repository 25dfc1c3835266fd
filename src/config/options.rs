//! What may be set for a workspace: one definition for the flags, their variables and the configuration file, so that
//! the three cannot differ. Everything is optional here; the defaults are in `config`.
//!
//! In the file a flag's dots nest: `--mongodb.query-timeout=10s` is `mongodb: {query-timeout: 10s}`.

pub mod bounds;
pub mod collectors;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Deserializer};

use bounds::{CONNECT_TIMEOUT, INTERVAL, MAX_CONNECTIONS, MAX_SHARE, QUERY_TIMEOUT, written};
pub use collectors::CollectorOptions;

use crate::catalogue::Version;
use crate::collectors::LiveMode;
use crate::document::DocumentShape;
use crate::secret::Secret;

/// Settings of one workspace, as one place gives them.
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct WorkspaceOptions {
    /// How its database is reached.
    #[command(flatten)]
    pub mongodb: MongodbOptions,

    /// How often it is read.
    #[command(flatten)]
    pub collection: CollectionOptions,

    /// What is read.
    #[command(flatten)]
    pub collector: CollectorOptions,

    /// What Rocket.Chat knows and its database does not tell.
    #[command(flatten)]
    pub rocketchat: RocketchatOptions,

    /// How the statistics document is written.
    #[command(flatten)]
    pub statistics: StatisticsOptions,

    /// What its page offers.
    #[command(flatten)]
    pub web: WebOptions,

    /// Show the metrics under the names of Rocket.Chat's built-in exporter besides, where they can be told from outside.
    #[arg(
        long = "compat-metrics",
        env = "ROCKETCHAT_EXPORTER_COMPAT_METRICS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        hide_possible_values = true,
        value_parser = BoolishValueParser::new()
    )]
    pub compat_metrics: Option<bool>,
}

/// `mongodb.*`
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct MongodbOptions {
    /// Connection string of the workspace's MongoDB.
    ///
    /// Others on the machine can see flags, so keep one with a password in a file or in the environment.
    /// [default: mongodb://localhost:27017]
    #[arg(
        long = "mongodb.uri",
        env = "ROCKETCHAT_EXPORTER_MONGODB_URI",
        value_name = "URI",
        hide_env_values = true,
        conflicts_with = "mongodb_uri_file",
        id = "mongodb_uri"
    )]
    pub uri: Option<Secret>,

    /// File that holds the connection string.
    #[arg(
        long = "mongodb.uri-file",
        env = "ROCKETCHAT_EXPORTER_MONGODB_URI_FILE",
        value_name = "FILE",
        id = "mongodb_uri_file"
    )]
    pub uri_file: Option<PathBuf>,

    /// File that holds the password of the user that the connection string names, without any encoding.
    ///
    /// The variable ROCKETCHAT_EXPORTER_MONGODB_PASSWORD may hold it instead.
    #[arg(
        long = "mongodb.password-file",
        env = "ROCKETCHAT_EXPORTER_MONGODB_PASSWORD_FILE",
        value_name = "FILE",
        id = "mongodb_password_file"
    )]
    pub password_file: Option<PathBuf>,

    /// Name of the workspace's database.
    ///
    /// [default: the one in the connection string, else the one that has Rocket.Chat's collections]
    #[arg(
        long = "mongodb.database",
        env = "ROCKETCHAT_EXPORTER_MONGODB_DATABASE",
        value_name = "NAME",
        value_parser = database_name,
        id = "mongodb_database"
    )]
    #[serde(deserialize_with = "written_database")]
    pub database: Option<String>,

    /// How long one query may run on the server, from 1ms to 1h.
    ///
    /// [default: 30s]
    #[arg(
        long = "mongodb.query-timeout",
        env = "ROCKETCHAT_EXPORTER_MONGODB_QUERY_TIMEOUT",
        value_name = "DURATION",
        value_parser = |text: &str| QUERY_TIMEOUT.parse(text),
        id = "mongodb_query_timeout"
    )]
    #[serde(deserialize_with = "written_query_timeout")]
    pub query_timeout: Option<Duration>,

    /// How long to wait for a server that can be asked, from 1ms to 1h.
    ///
    /// [default: 5s]
    #[arg(
        long = "mongodb.connect-timeout",
        env = "ROCKETCHAT_EXPORTER_MONGODB_CONNECT_TIMEOUT",
        value_name = "DURATION",
        value_parser = |text: &str| CONNECT_TIMEOUT.parse(text),
        id = "mongodb_connect_timeout"
    )]
    #[serde(deserialize_with = "written_connect_timeout")]
    pub connect_timeout: Option<Duration>,

    /// Connections for queries, to each server, from 1 to 100; one more watches the server's state, and another
    /// may take the place of one that the server has left without an answer.
    ///
    /// [default: 2]
    #[arg(
        long = "mongodb.max-connections",
        env = "ROCKETCHAT_EXPORTER_MONGODB_MAX_CONNECTIONS",
        value_name = "NUMBER",
        value_parser = |text: &str| MAX_CONNECTIONS.parse(text),
        id = "mongodb_max_connections"
    )]
    #[serde(deserialize_with = "written_connections")]
    pub max_connections: Option<u32>,

    /// Whether changes of users, rooms, uploads and connections are followed as the database tells them, instead of
    /// counting them again and again. That takes a replica set.
    ///
    /// [default: auto]
    #[arg(
        long = "mongodb.live",
        env = "ROCKETCHAT_EXPORTER_MONGODB_LIVE",
        value_name = "MODE",
        value_enum,
        id = "mongodb_live"
    )]
    pub live: Option<LiveArgument>,
}

/// Whether changes are followed.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LiveArgument {
    /// Where the database allows it, and as long as it costs no more of its time than counting.
    Auto,
    /// Where the database allows it; it is a warning where it does not.
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

/// `collection.*`
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CollectionOptions {
    /// How often the fast tier is read (presence, instances, the host), from 10ms to 168h.
    ///
    /// [default: 15s]
    #[arg(
        long = "collection.fast-interval",
        env = "ROCKETCHAT_EXPORTER_COLLECTION_FAST_INTERVAL",
        value_name = "DURATION",
        value_parser = |text: &str| INTERVAL.parse(text)
    )]
    #[serde(deserialize_with = "written_interval")]
    pub fast_interval: Option<Duration>,

    /// How often the normal tier is read (users, rooms, messages, settings), from 10ms to 168h.
    ///
    /// [default: 1m]
    #[arg(
        long = "collection.normal-interval",
        env = "ROCKETCHAT_EXPORTER_COLLECTION_NORMAL_INTERVAL",
        value_name = "DURATION",
        value_parser = |text: &str| INTERVAL.parse(text)
    )]
    #[serde(deserialize_with = "written_interval")]
    pub normal_interval: Option<Duration>,

    /// How often the slow tier is read (sizes of uploads, sessions of past days), from 10ms to 168h.
    ///
    /// [default: 15m]
    #[arg(
        long = "collection.slow-interval",
        env = "ROCKETCHAT_EXPORTER_COLLECTION_SLOW_INTERVAL",
        value_name = "DURATION",
        value_parser = |text: &str| INTERVAL.parse(text)
    )]
    #[serde(deserialize_with = "written_interval")]
    pub slow_interval: Option<Duration>,

    /// Greatest part of the time that all collectors of a workspace together may spend reading its database, from 0.0001
    /// to 1; where they would take more, the intervals of the dearest are stretched, and those of the fast tier last.
    ///
    /// [default: 0.01]
    #[arg(
        long = "collection.max-share",
        env = "ROCKETCHAT_EXPORTER_COLLECTION_MAX_SHARE",
        value_name = "RATIO",
        value_parser = |text: &str| MAX_SHARE.parse(text)
    )]
    #[serde(deserialize_with = "written_share")]
    pub max_share: Option<f64>,
}

/// `rocketchat.*`
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RocketchatOptions {
    /// Version of Rocket.Chat that the statistics document imitates.
    ///
    /// [default: the one that the newest stored document names, or the first that has the database's migrations where
    /// that is later or there is no document]
    #[arg(
        long = "rocketchat.version",
        env = "ROCKETCHAT_EXPORTER_ROCKETCHAT_VERSION",
        value_name = "VERSION",
        id = "rocketchat_version"
    )]
    #[serde(deserialize_with = "written_version")]
    pub version: Option<Version>,

    /// Take `query` and `fields` for the list of stored statistics from 7.0 on too, as Rocket.Chat does with
    /// ALLOW_UNSAFE_QUERY_AND_FIELDS_API_PARAMS; earlier versions always take them.
    ///
    /// [default: false]
    #[arg(
        long = "rocketchat.allow-unsafe-query-and-fields-api-params",
        env = "ROCKETCHAT_EXPORTER_ROCKETCHAT_ALLOW_UNSAFE_QUERY_AND_FIELDS_API_PARAMS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        hide_possible_values = true,
        value_parser = BoolishValueParser::new()
    )]
    pub allow_unsafe_query_and_fields_api_params: Option<bool>,

    /// Time zone of the Rocket.Chat server, such as `America/Sao_Paulo`: its days are those of the session statistics.
    ///
    /// [default: the zone of this machine]
    #[arg(
        long = "rocketchat.timezone",
        env = "ROCKETCHAT_EXPORTER_ROCKETCHAT_TIMEZONE",
        value_name = "ZONE",
        id = "rocketchat_timezone"
    )]
    pub timezone: Option<String>,

    /// Modules that the workspace's license grants, such as `livechat-enterprise,auditing`; `*` means all of them.
    ///
    /// Settings that need a module count with their other value without it, as in Rocket.Chat.
    /// [default: those of the license in the workspace's settings, while it is valid]
    #[arg(
        long = "rocketchat.license-modules",
        env = "ROCKETCHAT_EXPORTER_ROCKETCHAT_LICENSE_MODULES",
        value_name = "MODULES",
        value_delimiter = ',',
        id = "rocketchat_license_modules"
    )]
    pub license_modules: Option<Vec<String>>,

    /// File that holds the public key of licenses: with it the exporter checks the license's signature itself.
    ///
    /// It is the one that Rocket.Chat's source names, as PEM or as the base64 of it. Licenses from before 6.5 can only
    /// be read with it.
    /// [default: Rocket.Chat's own word for the license counts, the setting Enterprise_License_Status]
    #[arg(
        long = "rocketchat.license-public-key-file",
        env = "ROCKETCHAT_EXPORTER_ROCKETCHAT_LICENSE_PUBLIC_KEY_FILE",
        value_name = "FILE",
        id = "rocketchat_license_public_key_file"
    )]
    pub license_public_key_file: Option<PathBuf>,

    /// Address of Rocket.Chat itself, such as `https://chat.example.com`, for `--web.enable-admin-api`.
    ///
    /// Nothing is asked there to read the workspace.
    /// [default: Rocket.Chat is asked nothing]
    #[arg(
        long = "rocketchat.url",
        env = "ROCKETCHAT_EXPORTER_ROCKETCHAT_URL",
        value_name = "URL",
        hide_env_values = true,
        id = "rocketchat_url"
    )]
    pub url: Option<Secret>,
}

/// `statistics.*`
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct StatisticsOptions {
    /// How the statistics document is wrapped, unless a request says `?shape=`.
    ///
    /// [default: nested]
    #[arg(
        long = "statistics.shape",
        env = "ROCKETCHAT_EXPORTER_STATISTICS_SHAPE",
        value_name = "SHAPE",
        value_enum,
        id = "statistics_shape"
    )]
    pub shape: Option<ShapeArgument>,
}

/// `web.*`, as far as it belongs to a workspace
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct WebOptions {
    /// Let the Info page hand a license to Rocket.Chat, at `--rocketchat.url` and with the login that an administrator
    /// types in for it.
    ///
    /// [default: false]
    #[arg(
        long = "web.enable-admin-api",
        env = "ROCKETCHAT_EXPORTER_WEB_ENABLE_ADMIN_API",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        hide_possible_values = true,
        value_parser = BoolishValueParser::new(),
        id = "web_enable_admin_api"
    )]
    pub enable_admin_api: Option<bool>,
}

/// How the statistics document is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShapeArgument {
    /// `{"statistics": {...}, "success": true}`, as before 3.0.
    Nested,
    /// The document itself with `success` in it, as from 3.0 on.
    Flat,
    /// As the workspace's version has it.
    Version,
}

impl From<ShapeArgument> for DocumentShape {
    fn from(argument: ShapeArgument) -> Self {
        match argument {
            ShapeArgument::Nested => Self::Nested,
            ShapeArgument::Flat => Self::Flat,
            ShapeArgument::Version => Self::Version,
        }
    }
}

impl WorkspaceOptions {
    /// These settings, and where they say nothing those of `lower`.
    pub fn over(self, lower: Self) -> Self {
        Self {
            mongodb: self.mongodb.over(lower.mongodb),
            collection: self.collection.over(&lower.collection),
            collector: self.collector.over(lower.collector),
            rocketchat: self.rocketchat.over(lower.rocketchat),
            statistics: StatisticsOptions {
                shape: self.statistics.shape.or(lower.statistics.shape),
            },
            web: WebOptions {
                enable_admin_api: self.web.enable_admin_api.or(lower.web.enable_admin_api),
            },
            compat_metrics: self.compat_metrics.or(lower.compat_metrics),
        }
    }
}

impl MongodbOptions {
    fn over(self, mut lower: Self) -> Self {
        // Whose connection string it is, his are also the file that may hold it and the password that belongs to it.
        if self.names_a_server() {
            lower.uri = None;
            lower.uri_file = None;
            lower.password_file = None;
        }
        Self {
            uri: self.uri.or(lower.uri),
            uri_file: self.uri_file.or(lower.uri_file),
            password_file: self.password_file.or(lower.password_file),
            database: self.database.or(lower.database),
            query_timeout: self.query_timeout.or(lower.query_timeout),
            connect_timeout: self.connect_timeout.or(lower.connect_timeout),
            max_connections: self.max_connections.or(lower.max_connections),
            live: self.live.or(lower.live),
        }
    }

    /// Whether a connection string is given, in whatever way.
    pub fn names_a_server(&self) -> bool {
        self.uri.is_some() || self.uri_file.is_some()
    }
}

impl CollectionOptions {
    fn over(&self, lower: &Self) -> Self {
        Self {
            fast_interval: self.fast_interval.or(lower.fast_interval),
            normal_interval: self.normal_interval.or(lower.normal_interval),
            slow_interval: self.slow_interval.or(lower.slow_interval),
            max_share: self.max_share.or(lower.max_share),
        }
    }
}

impl RocketchatOptions {
    fn over(self, lower: Self) -> Self {
        Self {
            version: self.version.or(lower.version),
            allow_unsafe_query_and_fields_api_params: self
                .allow_unsafe_query_and_fields_api_params
                .or(lower.allow_unsafe_query_and_fields_api_params),
            timezone: self.timezone.or(lower.timezone),
            license_modules: self.license_modules.or(lower.license_modules),
            license_public_key_file: self
                .license_public_key_file
                .or(lower.license_public_key_file),
            url: self.url.or(lower.url),
        }
    }
}

/// The name of a database, as MongoDB allows it.
fn database_name(text: &str) -> Result<String, String> {
    if (1..=63).contains(&text.len()) && !text.contains(['/', '\\', '.', ' ', '"', '$', '\0']) {
        Ok(text.to_owned())
    } else {
        Err(
            "expected the name of a database: from 1 to 63 bytes, without spaces and `/\\.\"$`"
                .to_owned(),
        )
    }
}

fn written_query_timeout<'de, D: Deserializer<'de>>(it: D) -> Result<Option<Duration>, D::Error> {
    QUERY_TIMEOUT.written(it)
}

fn written_connect_timeout<'de, D: Deserializer<'de>>(it: D) -> Result<Option<Duration>, D::Error> {
    CONNECT_TIMEOUT.written(it)
}

fn written_interval<'de, D: Deserializer<'de>>(it: D) -> Result<Option<Duration>, D::Error> {
    INTERVAL.written(it)
}

fn written_share<'de, D: Deserializer<'de>>(it: D) -> Result<Option<f64>, D::Error> {
    MAX_SHARE.written(it)
}

fn written_connections<'de, D: Deserializer<'de>>(it: D) -> Result<Option<u32>, D::Error> {
    MAX_CONNECTIONS.written(it)
}

fn written_database<'de, D: Deserializer<'de>>(it: D) -> Result<Option<String>, D::Error> {
    written(it, database_name)
}

fn written_version<'de, D: Deserializer<'de>>(it: D) -> Result<Option<Version>, D::Error> {
    written(it, |text| {
        text.parse()
            .map_err(|error: <Version as std::str::FromStr>::Err| error.to_string())
    })
}
