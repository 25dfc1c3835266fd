//! The program: parses the command line, loads the configuration, runs the command, and maps errors to exit statuses.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;

use crate::cli::{
    BackfillOptions, CheckFormat, Cli, CliCommand, LogFormat, LogLevel, RoleOptions,
    StatisticsFormat,
};
use crate::commands::backfill::backfill;
use crate::commands::check::check;
use crate::commands::hash_password::hash_password;
use crate::commands::health::health;
use crate::commands::print_statistics::markdown as statistics_reference;
use crate::commands::role::role;
use crate::commands::statistics::statistics;
use crate::config::Config;
use crate::http::listener::{Listener, SystemdSockets};
use crate::logging::{self, Log, LostLines};
use crate::serve::{configure, run};
use crate::signals::Signals;

/// The exit status for an invalid setting, the same as clap's.
const USAGE_ERROR: u8 = 2;

/// Runs the command line, and returns the exit status.
///
/// It is in the library, so that nothing is compiled twice.
#[must_use]
pub fn program() -> ExitCode {
    // Before any thread is started.
    let passed = SystemdSockets::take();
    // Loading the settings needs half a megabyte for a moment. On its own thread that memory is reused by the first thread
    // of the runtime; on the main thread it would stay unused.
    let (cli, config, log) = match std::thread::spawn(prepare).join() {
        Ok(Ok(prepared)) => prepared,
        Ok(Err(status)) => return status,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    let result = match &cli.subcommand {
        Some(CliCommand::Statistics { format, workspace }) => {
            print_statistics(config, *format, workspace.as_deref())
        }
        Some(CliCommand::Check { format, workspace }) => {
            print_check(config, *format, workspace.as_deref())
        }
        Some(CliCommand::Role(options)) => print_role(config, options),
        Some(CliCommand::Backfill(options)) => run_backfill(config, options),
        _ => serve(cli, config, passed, log.lost_lines()),
    };
    match result {
        Ok(status) => status,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Loads command line and settings. The error is the exit status of a program that ends here, successfully or not.
fn prepare() -> Result<(Cli, Config, Log), ExitCode> {
    let cli = Cli::parse_or_exit();
    if cli.print_statistics {
        return Err(print(statistics_reference().as_bytes()));
    }
    match cli.subcommand {
        Some(CliCommand::Completions { shell }) => return Err(print(&Cli::completions(shell))),
        Some(CliCommand::Man) => return Err(print(&Cli::manual())),
        Some(CliCommand::HashPassword { cost }) => return Err(print_hash(cost)),
        Some(CliCommand::Health) => return Err(print_health(&cli)),
        _ => {}
    }
    let log = start_logging(cli.log_level, cli.log_format).map_err(|error| {
        drop(writeln!(std::io::stderr(), "error: {error:#}"));
        ExitCode::FAILURE
    })?;
    let config = configure(&cli).map_err(|error| {
        tracing::error!("{error}");
        ExitCode::from(USAGE_ERROR)
    })?;
    if cli.config_check {
        // Invalid files of a directory are logged already.
        let folder = config.sources.folder.as_ref();
        if folder.is_some_and(|folder| !folder.problems().is_empty()) {
            return Err(ExitCode::from(USAGE_ERROR));
        }
        if let Some(problem) = config.workspaces.problem() {
            tracing::error!("{problem}");
            return Err(ExitCode::from(USAGE_ERROR));
        }
        return Err(print(b"All settings can be used.\n"));
    }
    Ok((cli, config, log))
}

fn print_hash(cost: u32) -> ExitCode {
    match hash_password(cost) {
        Ok(hash) => print(format!("{hash}\n").as_bytes()),
        Err(error) => {
            drop(writeln!(std::io::stderr(), "error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn print_health(cli: &Cli) -> ExitCode {
    match run_to_end(health(cli)) {
        Ok(()) => print(b"Healthy.\n"),
        Err(error) => {
            drop(writeln!(std::io::stderr(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn print_statistics(
    config: Config,
    format: StatisticsFormat,
    workspace: Option<&str>,
) -> anyhow::Result<ExitCode> {
    let text = run_to_end(statistics(config, format, workspace))?;
    Ok(print(&text))
}

fn print_check(
    config: Config,
    format: CheckFormat,
    workspace: Option<&str>,
) -> anyhow::Result<ExitCode> {
    let (report, is_ok) = run_to_end(check(config, format, workspace))?;
    let printed = print(&report);
    Ok(if is_ok { printed } else { ExitCode::FAILURE })
}

fn print_role(config: Config, options: &RoleOptions) -> anyhow::Result<ExitCode> {
    Ok(print(role(config, options)?.as_bytes()))
}

fn run_backfill(config: Config, options: &BackfillOptions) -> anyhow::Result<ExitCode> {
    let report = run_to_end(async {
        let signals = Signals::listen().context("cannot listen for signals")?;
        Ok::<_, anyhow::Error>(backfill(config, options, signals).await?)
    })?;
    Ok(print(report.as_bytes()))
}

fn serve(
    cli: Cli,
    config: Config,
    passed: SystemdSockets,
    lost_lines: LostLines,
) -> anyhow::Result<ExitCode> {
    run_to_end(async {
        let signals = Signals::listen().context("cannot listen for signals")?;
        let listeners = Listener::all(&config.web.origin, passed).await?;
        for listener in &listeners {
            tracing::info!(
                version = env!("CARGO_PKG_VERSION"),
                address = %listener,
                tls = config.web.is_encrypted(),
                mongodb = config.workspaces.description(),
                "listening"
            );
        }
        run(cli, config, listeners, signals, lost_lines).await;
        Ok::<_, anyhow::Error>(ExitCode::SUCCESS)
    })
}

/// Runs a future on its own runtime. A blocking thread that still runs afterwards, such as a read of a hanging file system,
/// does not delay the end of the process.
fn run_to_end<T, E: Into<anyhow::Error>>(
    future: impl Future<Output = Result<T, E>>,
) -> anyhow::Result<T> {
    let runtime = runtime()?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    result.map_err(Into::into)
}

fn runtime() -> anyhow::Result<Runtime> {
    // Two workers suffice; more would only cost memory. Reading the host takes one blocking thread.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(4)
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

fn print(text: &[u8]) -> ExitCode {
    match std::io::stdout().write_all(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn start_logging(level: LogLevel, format: LogFormat) -> anyhow::Result<Log> {
    let level = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    let format = match format {
        LogFormat::Logfmt => logging::LineFormat::Logfmt,
        LogFormat::Json => logging::LineFormat::Json,
    };
    Log::start(level, format).context("cannot start the thread that writes the log")
}
