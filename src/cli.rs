//! What the user typed: flags and their environment twins. No file is read and nothing is connected here.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Arg, CommandFactory, Parser, ValueEnum};

use crate::render::document::Shape;
use crate::statistics::{Timestamp, Version};

/// Prometheus exporter for Rocket.Chat: fresh usage counters from MongoDB, host statistics, and the legacy statistics
/// JSON. It only reads.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Cli {
    /// Connection string of the workspace's MongoDB.
    ///
    /// Others on the machine can see flags, so keep one with a password in a file or in the environment.
    /// [default: mongodb://localhost:27017]
    #[arg(
        long = "mongodb.uri",
        env = "ROCKETCHAT_EXPORTER_MONGODB_URI",
        value_name = "URI",
        hide_env_values = true,
        conflicts_with = "mongodb_uri_file"
    )]
    pub mongodb_uri: Option<String>,

    /// File that holds the connection string.
    #[arg(
        long = "mongodb.uri-file",
        env = "ROCKETCHAT_EXPORTER_MONGODB_URI_FILE",
        value_name = "FILE"
    )]
    pub mongodb_uri_file: Option<PathBuf>,

    /// File that holds the password of the user that the connection string names, without any encoding.
    ///
    /// The variable ROCKETCHAT_EXPORTER_MONGODB_PASSWORD may hold it instead.
    #[arg(
        long = "mongodb.password-file",
        env = "ROCKETCHAT_EXPORTER_MONGODB_PASSWORD_FILE",
        value_name = "FILE"
    )]
    pub mongodb_password_file: Option<PathBuf>,

    /// Name of the workspace's database.
    ///
    /// [default: the one in the connection string, else the one that has Rocket.Chat's collections]
    #[arg(
        long = "mongodb.database",
        env = "ROCKETCHAT_EXPORTER_MONGODB_DATABASE",
        value_name = "NAME"
    )]
    pub mongodb_database: Option<String>,

    /// How long one query may run on the server.
    #[arg(
        long = "mongodb.query-timeout",
        env = "ROCKETCHAT_EXPORTER_MONGODB_QUERY_TIMEOUT",
        value_name = "DURATION",
        default_value = "30s",
        value_parser = duration
    )]
    pub mongodb_query_timeout: Duration,

    /// How long to wait for a server that can be asked.
    #[arg(
        long = "mongodb.connect-timeout",
        env = "ROCKETCHAT_EXPORTER_MONGODB_CONNECT_TIMEOUT",
        value_name = "DURATION",
        default_value = "5s",
        value_parser = duration
    )]
    pub mongodb_connect_timeout: Duration,

    /// Connections for queries, to each server; one more watches the server's state.
    #[arg(
        long = "mongodb.max-connections",
        env = "ROCKETCHAT_EXPORTER_MONGODB_MAX_CONNECTIONS",
        value_name = "NUMBER",
        default_value_t = 2,
        value_parser = clap::value_parser!(u32).range(1..=100)
    )]
    pub mongodb_max_connections: u32,

    /// How often the fast tier is read: presence, instances, the host.
    #[arg(
        long = "collection.fast-interval",
        env = "ROCKETCHAT_EXPORTER_COLLECTION_FAST_INTERVAL",
        value_name = "DURATION",
        default_value = "15s",
        value_parser = duration
    )]
    pub fast_interval: Duration,

    /// How often the normal tier is read: users, rooms, messages, settings.
    #[arg(
        long = "collection.normal-interval",
        env = "ROCKETCHAT_EXPORTER_COLLECTION_NORMAL_INTERVAL",
        value_name = "DURATION",
        default_value = "1m",
        value_parser = duration
    )]
    pub normal_interval: Duration,

    /// How often the slow tier is read: sizes of uploads, sessions of past days.
    #[arg(
        long = "collection.slow-interval",
        env = "ROCKETCHAT_EXPORTER_COLLECTION_SLOW_INTERVAL",
        value_name = "DURATION",
        default_value = "15m",
        value_parser = duration
    )]
    pub slow_interval: Duration,

    /// Greatest part of the time that one collector may spend reading; the interval of one that would take more is
    /// stretched.
    #[arg(
        long = "collection.max-share",
        env = "ROCKETCHAT_EXPORTER_COLLECTION_MAX_SHARE",
        value_name = "RATIO",
        default_value = "0.01",
        value_parser = share
    )]
    pub max_share: f64,

    /// Address and port to serve on; `:9459` means every address of the machine.
    #[arg(
        long = "web.listen-address",
        env = "ROCKETCHAT_EXPORTER_WEB_LISTEN_ADDRESS",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9459",
        value_parser = listen_address
    )]
    pub listen_address: String,

    /// Path of the metrics.
    #[arg(
        long = "web.telemetry-path",
        env = "ROCKETCHAT_EXPORTER_WEB_TELEMETRY_PATH",
        value_name = "PATH",
        default_value = "/metrics",
        value_parser = telemetry_path
    )]
    pub telemetry_path: String,

    /// Show the metrics under the names of Rocket.Chat's built-in exporter besides, where they can be told from outside.
    #[arg(
        long = "compat-metrics",
        env = "ROCKETCHAT_EXPORTER_COMPAT_METRICS",
        value_parser = BoolishValueParser::new()
    )]
    pub compat_metrics: bool,

    /// How the statistics document is wrapped, unless a request says `?shape=`.
    #[arg(
        long = "statistics.shape",
        env = "ROCKETCHAT_EXPORTER_STATISTICS_SHAPE",
        value_name = "SHAPE",
        value_enum,
        default_value_t = ShapeArgument::Nested
    )]
    pub shape: ShapeArgument,

    /// Version of Rocket.Chat that the statistics document imitates.
    ///
    /// [default: the one that the newest stored document names]
    #[arg(
        long = "rocketchat.version",
        env = "ROCKETCHAT_EXPORTER_ROCKETCHAT_VERSION",
        value_name = "VERSION"
    )]
    pub rocketchat_version: Option<Version>,

    /// Time zone of the Rocket.Chat server, such as `America/Sao_Paulo`: its days are those of the session statistics.
    ///
    /// [default: the zone of this machine]
    #[arg(
        long = "rocketchat.timezone",
        env = "ROCKETCHAT_EXPORTER_ROCKETCHAT_TIMEZONE",
        value_name = "ZONE"
    )]
    pub rocketchat_timezone: Option<String>,

    /// Modules that the workspace's license grants, such as `livechat-enterprise,auditing`; `*` means all of them.
    ///
    /// Settings that need a module count with their other value without it, as in Rocket.Chat.
    /// [default: none]
    #[arg(
        long = "rocketchat.license-modules",
        env = "ROCKETCHAT_EXPORTER_ROCKETCHAT_LICENSE_MODULES",
        value_name = "MODULES",
        value_delimiter = ','
    )]
    pub license_modules: Vec<String>,

    /// Instant that counts as now, such as `2026-11-21T00:16:51Z`: for looking at a database dump of a past day.
    #[arg(
        long = "debug.now",
        env = "ROCKETCHAT_EXPORTER_DEBUG_NOW",
        value_name = "INSTANT",
        value_parser = instant
    )]
    pub now: Option<Timestamp>,

    /// Least important messages that are logged.
    #[arg(
        long = "log.level",
        env = "ROCKETCHAT_EXPORTER_LOG_LEVEL",
        value_name = "LEVEL",
        value_enum,
        default_value_t = LogLevel::Info
    )]
    pub log_level: LogLevel,

    /// Format of the log, which goes to standard error.
    #[arg(
        long = "log.format",
        env = "ROCKETCHAT_EXPORTER_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t = LogFormat::Logfmt
    )]
    pub log_format: LogFormat,

    /// Print every metric and every field of the statistics document, as Markdown, and exit.
    #[arg(long = "print-statistics")]
    pub print_statistics: bool,
}

/// How the statistics document is wrapped.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ShapeArgument {
    /// `{"statistics": {...}, "success": true}`, as before 3.0.
    Nested,
    /// The document itself with `success` in it, as from 3.0 on.
    Flat,
    /// As the workspace's version has it.
    Version,
}

impl From<ShapeArgument> for Shape {
    fn from(argument: ShapeArgument) -> Self {
        match argument {
            ShapeArgument::Nested => Self::Nested,
            ShapeArgument::Flat => Self::Flat,
            ShapeArgument::Version => Self::Version,
        }
    }
}

/// How important a message is.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LogLevel {
    /// Everything, down to each failed attempt.
    Debug,
    /// What an operator may want to know.
    Info,
    /// What an operator should look at.
    Warn,
    /// What stops the exporter from doing its work.
    Error,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LogFormat {
    /// `key=value` pairs.
    Logfmt,
    /// A JSON object a line.
    Json,
}

/// Every flag with its variable, default and meaning, as a Markdown table. The README holds a copy.
#[must_use]
pub fn configuration_reference() -> String {
    let mut table = "| Flag and variable | Default | Meaning |\n|---|---|---|\n".to_owned();
    for argument in Cli::command().get_arguments() {
        if let Some(row) = row(argument) {
            table.push_str(&row);
        }
    }
    table
}

fn row(argument: &Arg) -> Option<String> {
    let flag = argument.get_long()?;
    let variable = argument.get_env().map_or_else(String::new, |name| {
        format!("<br>`{}`", name.to_string_lossy())
    });
    let help = argument
        .get_long_help()
        .or(argument.get_help())
        .map_or_else(String::new, ToString::to_string);
    // Defaults that are no single word are written at the end of the help.
    let (meaning, described) = match help.split_once("[default: ") {
        Some((meaning, default)) => (meaning, default.trim_end_matches(']')),
        None => (help.as_str(), ""),
    };
    let default = argument
        .get_default_values()
        .first()
        .map_or_else(String::new, |value| {
            format!("`{}`", value.to_string_lossy())
        });
    let meaning: Vec<&str> = meaning.split_whitespace().collect();
    let meaning = meaning.join(" ");
    let end = if meaning.ends_with('.') { "" } else { "." };
    Some(format!(
        "| `--{flag}`{variable} | {default}{described} | {meaning}{end} |\n"
    ))
}

fn duration(text: &str) -> Result<Duration, String> {
    let advice = "expected a duration above zero such as `15s`, `1m` or `500ms`";
    let duration: jiff::SignedDuration = text.parse().map_err(|_| advice.to_owned())?;
    Duration::try_from(duration)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| advice.to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|share| *share > 0.0 && *share <= 1.0)
        .ok_or_else(|| "expected a number above 0, and 1 at the most".to_owned())
}

fn listen_address(text: &str) -> Result<String, String> {
    let advice = "expected an address and a port such as `127.0.0.1:9459`, `[::1]:9459` or `:9459`";
    let (host, port) = text.rsplit_once(':').ok_or(advice)?;
    port.parse::<u16>().map_err(|_| advice)?;
    Ok(match host {
        "" => format!("[::]:{port}"),
        host => format!("{host}:{port}"),
    })
}

fn telemetry_path(text: &str) -> Result<String, String> {
    let plain = |it: char| it.is_ascii_alphanumeric() || "/-_.~".contains(it);
    let taken = ["/", "/statistics.json", "/-/healthy", "/-/ready"];
    if !text.starts_with('/') || !text.chars().all(plain) {
        return Err(
            "expected a path of letters, digits and `/-_.~` that begins with `/`".to_owned(),
        );
    }
    if taken.contains(&text) || text.starts_with("/api/") {
        return Err("something else is served there".to_owned());
    }
    Ok(text.to_owned())
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let instant: jiff::Timestamp = text
        .parse()
        .map_err(|_| "expected an instant such as `2026-11-21T00:16:51Z`".to_owned())?;
    Ok(Timestamp(instant.as_millisecond()))
}
