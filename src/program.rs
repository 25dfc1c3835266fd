//! The program: parse, check, bind, run, and turn what went wrong into an exit status.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;

use crate::cli::{BackfillOptions, CheckFormat, Cli, Format, LogFormat, LogLevel, Task};
use crate::commands::backfill::backfill;
use crate::commands::check::check;
use crate::commands::hash_password::hash_password;
use crate::commands::health::health;
use crate::commands::print_statistics::markdown as statistics_reference;
use crate::commands::statistics::statistics;
use crate::config::Config;
use crate::http::listener::{Listener, SystemdSockets};
use crate::logging::{self, Log, LostLines};
use crate::serve::{configure, run};
use crate::signals::Signals;

/// A setting that cannot be used; clap ends with the same status.
const USAGE: u8 = 2;

/// Does what the command line asks for, and tells how that ended.
///
/// All of it is in the library, for what only the program's own crate used would be compiled there once more.
#[must_use]
pub fn program() -> ExitCode {
    // Before the log and everything else has a thread.
    let passed = SystemdSockets::take();
    // To read the settings takes half a megabyte for a moment. What a thread that has ended gave back is what the next one
    // takes, which is the first of the runtime; the main thread has no more use for it.
    let (cli, config, log) = match std::thread::spawn(prepare).join() {
        Ok(Ok(prepared)) => prepared,
        Ok(Err(status)) => return status,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    let result = match &cli.task {
        Some(Task::Statistics { format, workspace }) => {
            print_statistics(config, *format, workspace.as_deref())
        }
        Some(Task::Check { format, workspace }) => {
            print_check(config, *format, workspace.as_deref())
        }
        Some(Task::Backfill(options)) => write_past(config, options),
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

/// Reads the command line and the settings; the error is how the program ends without going on, be it well or not.
fn prepare() -> Result<(Cli, Config, Log), ExitCode> {
    let cli = Cli::read();
    if cli.print_statistics {
        return Err(print(statistics_reference().as_bytes()));
    }
    match cli.task {
        Some(Task::Completions { shell }) => return Err(print(&Cli::completions(shell))),
        Some(Task::Man) => return Err(print(&Cli::manual())),
        Some(Task::HashPassword { cost }) => return Err(print_hash(cost)),
        Some(Task::Health) => return Err(print_health(&cli)),
        _ => {}
    }
    let log = start_logging(cli.log_level, cli.log_format).map_err(|error| {
        drop(writeln!(std::io::stderr(), "error: {error:#}"));
        ExitCode::FAILURE
    })?;
    let config = configure(&cli).map_err(|error| {
        tracing::error!("{error}");
        ExitCode::from(USAGE)
    })?;
    if cli.config_check {
        if let Some(problem) = config.workspaces.problem() {
            tracing::error!("{problem}");
            return Err(ExitCode::from(USAGE));
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
    let answer = run_to_end(health(cli));
    match answer {
        Ok(()) => print(b"Healthy.\n"),
        Err(error) => {
            drop(writeln!(std::io::stderr(), "error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn print_statistics(
    config: Config,
    format: Format,
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
    let (report, is_well) = run_to_end(check(config, format, workspace))?;
    let printed = print(&report);
    Ok(if is_well { printed } else { ExitCode::FAILURE })
}

fn write_past(config: Config, options: &BackfillOptions) -> anyhow::Result<ExitCode> {
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

/// Runs a future on a runtime of its own. What still runs on a blocking thread then, such as a look at a file system that
/// does not answer, does not hold up the end of the process.
fn run_to_end<T, E: Into<anyhow::Error>>(
    future: impl Future<Output = Result<T, E>>,
) -> anyhow::Result<T> {
    let runtime = runtime()?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    result.map_err(Into::into)
}

fn runtime() -> anyhow::Result<Runtime> {
    // Two workers serve and read; more would only cost memory. Reading the host takes one blocking thread.
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
        LogFormat::Logfmt => logging::Format::Logfmt,
        LogFormat::Json => logging::Format::Json,
    };
    Log::start(level, format).context("cannot start the thread that writes the log")
}
