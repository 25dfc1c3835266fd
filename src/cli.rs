//! The command line: flags, environment variables and sub-commands. No file is read and nothing is connected here.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Arg, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::catalogue::Timestamp;
use crate::config::options::WorkspaceOptions;
use crate::config::options::bounds::{
    COST, DATE, HEADER_TIMEOUT, IDLE_TIMEOUT, MAX_REQUESTS, NOW, STEP, TOTAL_SHARDS,
    parse_database_name,
};
use crate::http::listen_address::ListenAddress;

/// The program's name.
const NAME: &str = "rocketchat-exporter";

/// Flags that do something and exit, so they have no environment variable.
const WITHOUT_VARIABLE: [&str; 4] = ["help", "version", "config.check", "print-statistics"];

/// Prometheus exporter for Rocket.Chat: fresh usage counters from MongoDB, host statistics, and the legacy statistics
/// JSON. It only reads.
#[derive(Debug, Clone, Parser)]
#[command(name = "rocketchat-exporter", version, max_term_width = 100)]
pub struct Cli {
    /// Settings of the workspace, or of all workspaces of the configuration file.
    #[command(flatten)]
    pub workspace: WorkspaceOptions,

    /// Configuration file in YAML, with the settings of one or several workspaces.
    #[arg(long = "config.file", value_name = "FILE")]
    pub config_file: Option<PathBuf>,

    /// Directory with one file in YAML for each workspace: NAME.yml has the settings of the workspace NAME.
    ///
    /// Changes are noticed. The file of `--config.file` can hold the settings that all workspaces share.
    #[arg(long = "config.dir", value_name = "DIR")]
    pub config_dir: Option<PathBuf>,

    /// Ordinal of this exporter, from 0, among those that share the workspaces; or the name of its pod in a StatefulSet, such as
    /// `rocketchat-exporter-2`.
    ///
    /// It reads the workspaces that belong to it by their names. Other commands than serving ignore it.
    #[arg(
        long = "shard",
        value_name = "ORDINAL",
        value_parser = parse_ordinal,
        requires = "total_shards"
    )]
    pub shard: Option<u32>,

    /// Number of exporters that share the workspaces, from 1 to 1000.
    #[arg(
        long = "total-shards",
        value_name = "NUMBER",
        value_parser = |text: &str| TOTAL_SHARDS.parse(text),
        requires = "shard"
    )]
    pub total_shards: Option<u32>,

    /// Check all settings and files, report errors, and exit.
    #[arg(long = "config.check")]
    pub config_check: bool,

    /// Address and port to listen on; `:9459` means all addresses, `unix:///path` a Unix socket.
    ///
    /// May be repeated, or be a list with commas.
    #[arg(
        long = "web.listen-address",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9459",
        value_delimiter = ',',
        value_parser = ListenAddress::parse
    )]
    pub listen_addresses: Vec<ListenAddress>,

    /// Listen on the sockets that systemd passes.
    #[arg(
        long = "web.systemd-socket",
        value_parser = BoolishValueParser::new(),
        conflicts_with = "listen_addresses"
    )]
    pub systemd_socket: bool,

    /// Web configuration file of Prometheus' exporter-toolkit: TLS, client certificates, users, headers and a rate limit.
    #[arg(long = "web.config.file", value_name = "FILE")]
    pub web_config_file: Option<PathBuf>,

    /// Maximum number of concurrent scrapes, from 0 to 1000000; further ones get status 503. 0 means no limit.
    #[arg(
        long = "web.max-requests",
        value_name = "NUMBER",
        default_value_t = 40,
        value_parser = |text: &str| MAX_REQUESTS.parse(text)
    )]
    pub max_requests: usize,

    /// Time limit for the headers of a request, from 10ms to 10m.
    #[arg(
        long = "web.header-timeout",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = |text: &str| HEADER_TIMEOUT.parse(text)
    )]
    pub header_timeout: Duration,

    /// Time after which a connection without a request is closed, from 10ms to 24h.
    #[arg(
        long = "web.idle-timeout",
        value_name = "DURATION",
        default_value = "2m",
        value_parser = |text: &str| IDLE_TIMEOUT.parse(text)
    )]
    pub idle_timeout: Duration,

    /// Path of the metrics.
    #[arg(
        long = "web.telemetry-path",
        value_name = "PATH",
        default_value = "/metrics",
        value_parser = parse_telemetry_path
    )]
    pub telemetry_path: String,

    /// Instant to use as the current time, such as `2026-11-21T00:16:51Z`, from 2000-01-01 to 2100-01-01: for a database
    /// dump of an earlier day.
    #[arg(
        long = "debug.now",
        value_name = "INSTANT",
        value_parser = |text: &str| NOW.parse(text)
    )]
    pub now: Option<Timestamp>,

    /// Minimum severity of logged messages.
    #[arg(
        long = "log.level",
        value_name = "LEVEL",
        value_enum,
        default_value_t = LogLevel::Info
    )]
    pub log_level: LogLevel,

    /// Format of the log on standard error.
    #[arg(
        long = "log.format",
        value_name = "FORMAT",
        value_enum,
        default_value_t = LogFormat::Logfmt
    )]
    pub log_format: LogFormat,

    /// Print all metrics and all fields of the statistics document as Markdown, and exit.
    #[arg(long = "print-statistics")]
    pub print_statistics: bool,

    /// The sub-command; without one the exporter serves.
    #[command(subcommand)]
    pub subcommand: Option<CliCommand>,
}

/// A sub-command.
#[derive(Debug, Clone, Subcommand)]
pub enum CliCommand {
    /// Read the workspace once, print the statistics, and exit
    Statistics {
        /// Output format.
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t = StatisticsFormat::Json)]
        format: StatisticsFormat,

        /// Name of the workspace, if the configuration file has several.
        #[arg(long, value_name = "NAME")]
        workspace: Option<String>,
    },
    /// Check connection, privileges, indexes and all queries, and suggest fixes
    Check {
        /// Name of the workspace, if the configuration file has several.
        #[arg(long, value_name = "NAME")]
        workspace: Option<String>,

        /// Output format.
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t = CheckFormat::Text)]
        format: CheckFormat,
    },
    /// Print a MongoDB role with the privileges that the enabled collectors need, and a user with it
    #[command(after_long_help = ROLE_HELP)]
    Role(RoleOptions),
    /// Write the stored statistics documents as OpenMetrics with timestamps, for promtool to create blocks from
    #[command(after_long_help = BACKFILL_HELP)]
    Backfill(BackfillOptions),
    /// Check that the exporter that runs with the same settings responds; for health checks of containers
    Health,
    /// Read a password from standard input and print its bcrypt hash, for the web configuration file
    HashPassword {
        /// Cost of the hash, from 4 to 16; each step doubles the time to compute it.
        #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = |text: &str| COST.parse(text))]
        cost: u32,
    },
    /// Print the completion script of a shell
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// The options of `role`.
#[derive(Debug, Clone, Args)]
pub struct RoleOptions {
    /// Output format.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = RoleFormat::Mongosh)]
    pub format: RoleFormat,

    /// Name of the workspace's database [default: that of --mongodb.database, else the one in the connection string, else
    /// rocketchat].
    // `--mongodb.database` has the ID `database`.
    #[arg(id = "role_database", long = "database", value_name = "NAME", value_parser = parse_database_name)]
    pub database: Option<String>,

    /// Leave out the privileges that only logins to the API and the Info page need.
    #[arg(long)]
    pub without_api: bool,

    /// Name of the workspace, if the configuration file has several.
    #[arg(long, value_name = "NAME")]
    pub workspace: Option<String>,
}

const ROLE_HELP: &str = "Nothing is connected, and no password is printed. Collectors that are disabled (--no-collector.NAME) and live mode (--mongodb.live=off) add no privileges.";

/// The options of `backfill`.
#[derive(Debug, Clone, Args)]
pub struct BackfillOptions {
    /// File to write; it appears when it is complete.
    ///
    /// Until then it is FILE.unfinished. An interrupted run leaves no file.
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,

    /// Label that Prometheus adds when it scrapes this exporter, such as `job=rocketchat-exporter`; may be repeated.
    ///
    /// `job` and `instance` are required, and all other labels that Prometheus' page of targets shows: otherwise scraped
    /// samples do not continue the series in the file.
    #[arg(
        long = "label",
        value_name = "NAME=VALUE",
        required = true,
        value_parser = parse_label
    )]
    pub labels: Vec<(String, String)>,

    /// Leave out documents before this date or instant, such as `2024-01-31` (in UTC) or `2024-01-31T09:00:00Z`,
    /// from 1970-01-01 to 9999-01-01.
    #[arg(long, value_name = "DATE", value_parser = |text: &str| DATE.parse(text))]
    pub from: Option<Timestamp>,

    /// Leave out documents from this date or instant on, from 1970-01-01 to 9999-01-01 [default: now].
    #[arg(long, value_name = "DATE", value_parser = |text: &str| DATE.parse(text))]
    pub until: Option<Timestamp>,

    /// Keep only the first document of each such period, from 1s to 8784h, such as `1h` [default: keep all].
    #[arg(long, value_name = "DURATION", value_parser = parse_whole_seconds)]
    pub step: Option<Duration>,

    /// Repeat each value at this interval until the next document, for at most 26 hours; from 1s to 8784h, such as `4m`
    /// [default: no repetition].
    ///
    /// Prometheus shows a sample for five minutes, so a daily document is a dot in a graph, unless the query looks further
    /// back, such as `last_over_time(rocketchat_users[1d])`. Values repeated at shorter intervals are a line, but take
    /// hundreds of times the space.
    #[arg(long, value_name = "DURATION", value_parser = parse_whole_seconds)]
    pub fill: Option<Duration>,

    /// Name of the workspace, if the configuration file has several.
    #[arg(long, value_name = "NAME")]
    pub workspace: Option<String>,
}

const BACKFILL_HELP: &str = "At the end it prints the commands that import the file into Prometheus. The last section of \
docs/statistics.md lists the metrics that stored documents have, and those that they do not have.";

/// `--format` of `statistics`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum StatisticsFormat {
    /// The statistics document, as in the response of `/api/v1/statistics`.
    Json,
    /// The metrics, as in the response of `/metrics`.
    Openmetrics,
    /// One line for each field of the document.
    Table,
}

/// `--format` of `role`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleFormat {
    /// Statements for mongosh, which prompts for the password.
    Mongosh,
    /// The part of a MongoDBCommunity resource that has the role and the user.
    MongodbCommunity,
    /// The commands createRole and createUser of the database admin, without a password.
    Json,
}

/// `--format` of `check`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum CheckFormat {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

impl Cli {
    /// Parses the command line and the environment. On an error it prints the error and exits.
    #[must_use]
    pub fn parse_or_exit() -> Self {
        let matches = Self::full_command().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// The command whose flags may be given before and after the name of a sub-command.
    #[must_use]
    pub fn full_command() -> Command {
        Self::command_with_variables().mut_args(|argument| {
            let is_global = !["help", "version"].contains(&argument.get_id().as_str());
            argument.global(is_global)
        })
    }

    /// The command with the environment variable of each flag: `ROCKETCHAT_EXPORTER_MONGODB_URI` of `--mongodb.uri`.
    fn command_with_variables() -> Command {
        Self::command().mut_args(|argument| {
            let variable = argument
                .get_long()
                .filter(|flag| !WITHOUT_VARIABLE.contains(flag) && !argument.is_hide_set())
                .map(variable_of);
            match variable {
                Some(variable) => argument.env(variable),
                None => argument,
            }
        })
    }

    /// The completion script of a shell.
    #[must_use]
    pub fn completions(shell: Shell) -> Vec<u8> {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Self::full_command(), NAME, &mut script);
        script
    }

    /// The manual page, in roff.
    #[must_use]
    pub fn manual() -> Vec<u8> {
        let mut page = Vec::new();
        let written = clap_mangen::Man::new(Self::command_with_variables()).render(&mut page);
        debug_assert!(written.is_ok(), "writing to memory cannot fail");
        page
    }
}

/// The severity of a log message.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LogLevel {
    /// Details, such as each failed attempt.
    Debug,
    /// Normal events.
    Info,
    /// Problems that an operator should look at.
    Warn,
    /// Failures that stop the exporter from working.
    Error,
}

/// The format of the log.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LogFormat {
    /// `key=value` pairs.
    Logfmt,
    /// One JSON object per line.
    Json,
}

/// All flags with their variables, defaults and meanings, as a Markdown table. `docs/configuration.md` has a copy.
#[must_use]
pub fn configuration_reference() -> String {
    let mut table = "| Flag and variable | Default | Meaning |\n|---|---|---|\n".to_owned();
    let command = Cli::command_with_variables();
    let visible = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set());
    for argument in visible {
        let flag = argument.get_long().unwrap_or_default();
        if flag == "collector.disable-defaults" {
            table.push_str(COLLECTOR_ROW);
        } else if flag.starts_with("collector.") && flag != "collector.profile" {
            continue;
        }
        if let Some(row) = table_row(argument) {
            table.push_str(&row);
        }
    }
    table
}

/// One row for the flags of all collectors.
const COLLECTOR_ROW: &str = "| `--collector.NAME`, `--no-collector.NAME`<br>`ROCKETCHAT_EXPORTER_COLLECTOR_NAME` | true | Enable or disable a collector; for the names see [metrics](metrics.md#what-is-read). |\n";

/// The environment variable of a flag.
fn variable_of(flag: &str) -> String {
    let flag = flag.to_ascii_uppercase().replace(['.', '-'], "_");
    format!("ROCKETCHAT_EXPORTER_{flag}")
}

fn table_row(argument: &Arg) -> Option<String> {
    let flag = argument.get_long()?;
    let variable = argument.get_env().map_or_else(String::new, |name| {
        format!("<br>`{}`", name.to_string_lossy())
    });
    let help = argument
        .get_long_help()
        .or(argument.get_help())
        .map_or_else(String::new, ToString::to_string);
    // Some defaults are described at the end of the help.
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

/// Parses an ordinal, alone or at the end of the name of a pod.
fn parse_ordinal(text: &str) -> Result<u32, String> {
    let ordinal = text.rsplit('-').next().unwrap_or(text);
    ordinal.parse().map_err(|_| {
        "expected a number from 0, or the name of a pod in a StatefulSet, such as `rocketchat-exporter-2`"
            .to_owned()
    })
}

fn parse_telemetry_path(text: &str) -> Result<String, String> {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/-_.~".contains(char);
    if !text.starts_with('/') || !text.chars().all(is_plain) {
        return Err(
            "expected a path of letters, digits and `/-_.~` that begins with `/`".to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// Parses a label that a series may have.
fn parse_label(text: &str) -> Result<(String, String), String> {
    let advice = "expected NAME=VALUE, such as `job=rocketchat-exporter`";
    let (name, value) = text.split_once('=').ok_or(advice)?;
    let is_letter = |char: char| char.is_ascii_alphabetic() || char == '_';
    let is_name = name.starts_with(is_letter)
        && name
            .chars()
            .all(|char| is_letter(char) || char.is_ascii_digit())
        && !name.starts_with("__");
    if !is_name {
        return Err(format!(
            "{advice}; a name consists of letters, digits and `_`, and does not begin with a digit or `__`"
        ));
    }
    if value.is_empty() {
        return Err("a label with an empty value has no effect; leave it out".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Parses a duration in whole seconds.
fn parse_whole_seconds(text: &str) -> Result<Duration, String> {
    let duration = STEP.parse(text)?;
    STEP.check((duration.subsec_nanos() == 0).then_some(duration))
}
