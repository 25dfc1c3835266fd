//! What the user typed: flags and their environment twins. No file is read and nothing is connected here.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Arg, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::catalogue::Timestamp;
use crate::config::options::WorkspaceOptions;
use crate::config::options::bounds::{
    COST, DATE, HEADER_TIMEOUT, IDLE_TIMEOUT, MAX_REQUESTS, NOW, STEP,
};
use crate::http::listen_address::ListenAddress;

/// The program's name.
const NAME: &str = "rocketchat-exporter";

/// Prometheus exporter for Rocket.Chat: fresh usage counters from MongoDB, host statistics, and the legacy statistics
/// JSON. It only reads.
#[derive(Debug, Clone, Parser)]
#[command(name = "rocketchat-exporter", version, max_term_width = 100)]
pub struct Cli {
    /// Settings of the workspace; with several of them in the file, what they have in common.
    #[command(flatten)]
    pub workspace: WorkspaceOptions,

    /// Configuration file in YAML: the settings of one or several workspaces.
    #[arg(
        long = "config.file",
        env = "ROCKETCHAT_EXPORTER_CONFIG_FILE",
        value_name = "FILE"
    )]
    pub config_file: Option<PathBuf>,

    /// Check all settings and files, say what is wrong with them, and exit.
    #[arg(long = "config.check")]
    pub config_check: bool,

    /// Address and port to serve on; `:9459` means every address of the machine, `unix:///path` a Unix socket.
    ///
    /// It may be given several times, or as a list with commas.
    #[arg(
        long = "web.listen-address",
        env = "ROCKETCHAT_EXPORTER_WEB_LISTEN_ADDRESS",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9459",
        value_delimiter = ',',
        value_parser = ListenAddress::parse
    )]
    pub listen_addresses: Vec<ListenAddress>,

    /// Serve on the sockets that systemd passes.
    #[arg(
        long = "web.systemd-socket",
        env = "ROCKETCHAT_EXPORTER_WEB_SYSTEMD_SOCKET",
        value_parser = BoolishValueParser::new(),
        conflicts_with = "listen_addresses"
    )]
    pub systemd_socket: bool,

    /// File with encryption, client certificates, users, headers and a limit of requests, in the format that Prometheus'
    /// exporters share.
    #[arg(
        long = "web.config.file",
        env = "ROCKETCHAT_EXPORTER_WEB_CONFIG_FILE",
        value_name = "FILE"
    )]
    pub web_config_file: Option<PathBuf>,

    /// Scrapes that may be under way at once, from 0 to 1000000; further ones are answered 503. 0 means any number.
    #[arg(
        long = "web.max-requests",
        env = "ROCKETCHAT_EXPORTER_WEB_MAX_REQUESTS",
        value_name = "NUMBER",
        default_value_t = 40,
        value_parser = |text: &str| MAX_REQUESTS.parse(text)
    )]
    pub max_requests: usize,

    /// How long the headers of a request may take, from 10ms to 10m.
    #[arg(
        long = "web.header-timeout",
        env = "ROCKETCHAT_EXPORTER_WEB_HEADER_TIMEOUT",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = |text: &str| HEADER_TIMEOUT.parse(text)
    )]
    pub header_timeout: Duration,

    /// How long a connection may stay open without a request, from 10ms to 24h.
    #[arg(
        long = "web.idle-timeout",
        env = "ROCKETCHAT_EXPORTER_WEB_IDLE_TIMEOUT",
        value_name = "DURATION",
        default_value = "2m",
        value_parser = |text: &str| IDLE_TIMEOUT.parse(text)
    )]
    pub idle_timeout: Duration,

    /// Path of the metrics.
    #[arg(
        long = "web.telemetry-path",
        env = "ROCKETCHAT_EXPORTER_WEB_TELEMETRY_PATH",
        value_name = "PATH",
        default_value = "/metrics",
        value_parser = telemetry_path
    )]
    pub telemetry_path: String,

    /// Instant that counts as now, such as `2026-11-21T00:16:51Z`, from 2000-01-01 to 2100-01-01: for looking at a database
    /// dump of a past day.
    #[arg(
        long = "debug.now",
        env = "ROCKETCHAT_EXPORTER_DEBUG_NOW",
        value_name = "INSTANT",
        value_parser = |text: &str| NOW.parse(text)
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

    /// Something else than to serve.
    #[command(subcommand)]
    pub task: Option<Task>,
}

/// What is done instead of serving.
#[derive(Debug, Clone, Subcommand)]
pub enum Task {
    /// Read everything once, print it, and exit
    Statistics {
        /// How it is printed.
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Json)]
        format: Format,

        /// The workspace, where the configuration file has several.
        #[arg(long, value_name = "NAME")]
        workspace: Option<String>,
    },
    /// Check connection, privileges, indexes and every query, and say what to do
    Check {
        /// The workspace, where the configuration file has several.
        #[arg(long, value_name = "NAME")]
        workspace: Option<String>,

        /// How the report is printed.
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t = CheckFormat::Text)]
        format: CheckFormat,
    },
    /// Write the stored statistics documents as OpenMetrics with timestamps, for promtool to make blocks of
    #[command(after_long_help = BACKFILL_HELP)]
    Backfill(BackfillOptions),
    /// Ask the exporter that runs with the same settings whether it answers; for the health checks of containers
    Health,
    /// Print the bcrypt hash of a password, for the web configuration; it is read from standard input
    HashPassword {
        /// How much work a guess is, from 4 to 16; each step doubles it.
        #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = |text: &str| COST.parse(text))]
        cost: u32,
    },
    /// Print a script that completes commands in a shell
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// What of the past is written, and where.
#[derive(Debug, Clone, Args)]
pub struct BackfillOptions {
    /// The file to write; it appears when it is complete.
    ///
    /// Until then what was read lies in a directory beside it, FILE.parts. After an interruption the same command goes on
    /// where it was.
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,

    /// A label that Prometheus adds when it scrapes this exporter, such as `job=rocketchat-exporter`; may be given several times.
    ///
    /// `job` and `instance` are needed, and whatever else the target has on Prometheus' page of targets: only then do the
    /// series of the past and the ones that are scraped continue each other.
    #[arg(
        long = "label",
        value_name = "NAME=VALUE",
        required = true,
        value_parser = label
    )]
    pub labels: Vec<(String, String)>,

    /// Leave out documents from before this date or instant, such as `2024-01-31` (in UTC) or `2024-01-31T09:00:00Z`,
    /// from 1970-01-01 to 9999-01-01.
    #[arg(long, value_name = "DATE", value_parser = |text: &str| DATE.parse(text))]
    pub from: Option<Timestamp>,

    /// Leave out documents from this date or instant on, from 1970-01-01 to 9999-01-01 [default: now].
    #[arg(long, value_name = "DATE", value_parser = |text: &str| DATE.parse(text))]
    pub until: Option<Timestamp>,

    /// Keep the first document of each such stretch of time only, from 1s to 8784h, such as `1h` [default: keep all].
    #[arg(long, value_name = "DURATION", value_parser = whole_seconds)]
    pub step: Option<Duration>,

    /// Repeat each value every so often until the next document, for 26 hours at most; from 1s to 8784h, such as `4m`
    /// [default: do not].
    ///
    /// Prometheus shows a value for five minutes. A document a day is a dot a day, unless queries look further back, as
    /// `last_over_time(rocketchat_users[1d])` does; repeated more often than every five minutes it is a line, in hundreds
    /// of times as much space.
    #[arg(long, value_name = "DURATION", value_parser = whole_seconds)]
    pub fill: Option<Duration>,

    /// The workspace, where the configuration file has several.
    #[arg(long, value_name = "NAME")]
    pub workspace: Option<String>,
}

const BACKFILL_HELP: &str = "It ends by printing the commands that bring the file into Prometheus. docs/statistics.md \
says at its end which metrics the documents tell, and which not.";

/// How statistics are printed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    /// The statistics document, as `/api/v1/statistics` answers it.
    Json,
    /// The metrics, as `/metrics` shows them.
    Openmetrics,
    /// Each field of the document on a line of its own.
    Table,
}

/// How the report of a check is printed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum CheckFormat {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

impl Cli {
    /// What was typed; when that cannot be understood, says so and ends the process.
    #[must_use]
    pub fn read() -> Self {
        let matches = Self::whole().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// The command with its flags, which may stand before and after the name of a task.
    #[must_use]
    pub fn whole() -> Command {
        let answered_at_once = ["help", "version"];
        Self::command().mut_args(|argument| {
            let is_global = !answered_at_once.contains(&argument.get_id().as_str());
            argument.global(is_global)
        })
    }

    /// The shell's script.
    #[must_use]
    pub fn completions(shell: Shell) -> Vec<u8> {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Self::whole(), NAME, &mut script);
        script
    }

    /// The manual page, in roff.
    #[must_use]
    pub fn manual() -> Vec<u8> {
        let mut page = Vec::new();
        let written = clap_mangen::Man::new(Self::command()).render(&mut page);
        debug_assert!(written.is_ok(), "writing into memory cannot fail");
        page
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
    let command = Cli::command();
    let visible = command.get_arguments().filter(|it| !it.is_hide_set());
    for argument in visible {
        let flag = argument.get_long().unwrap_or_default();
        if flag == "collector.disable-defaults" {
            table.push_str(EACH_COLLECTOR);
        } else if flag.starts_with("collector.") {
            continue;
        }
        if let Some(row) = row(argument) {
            table.push_str(&row);
        }
    }
    table
}

/// One row for the flags of all collectors.
const EACH_COLLECTOR: &str = "| `--collector.NAME`, `--no-collector.NAME`<br>`ROCKETCHAT_EXPORTER_COLLECTOR_NAME` | true | Read a collector, or leave it out; their names stand [below](#statistics). |\n";

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

fn telemetry_path(text: &str) -> Result<String, String> {
    let plain = |it: char| it.is_ascii_alphanumeric() || "/-_.~".contains(it);
    if !text.starts_with('/') || !text.chars().all(plain) {
        return Err(
            "expected a path of letters, digits and `/-_.~` that begins with `/`".to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// A label that may be put on a series.
fn label(text: &str) -> Result<(String, String), String> {
    let advice = "expected NAME=VALUE, such as `job=rocketchat-exporter`";
    let (name, value) = text.split_once('=').ok_or(advice)?;
    let is_letter = |it: char| it.is_ascii_alphabetic() || it == '_';
    let is_name = name.starts_with(is_letter)
        && name.chars().all(|it| is_letter(it) || it.is_ascii_digit())
        && !name.starts_with("__");
    if !is_name {
        return Err(format!(
            "{advice}; a name has letters, digits and `_`, no digit first and no two `_` first"
        ));
    }
    if value.is_empty() {
        return Err("a label with an empty value is none; leave it out".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// A duration that steps can be made of.
fn whole_seconds(text: &str) -> Result<Duration, String> {
    let duration = STEP.parse(text)?;
    STEP.check((duration.subsec_nanos() == 0).then_some(duration))
}
