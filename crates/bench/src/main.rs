//! `cargo xtask bench`: the cost of the exporter for the database and its own machine, compared with Rocket.Chat's own
//! queries, with a lower bound, and with other metrics servers.
//!
//! Contenders take turns on the same machine, and results are ratios, because absolute figures depend on the machine.
//! Results are printed as tables and written as JSON.

mod baseline_server;
mod busy;
mod data;
mod exporter;
mod fleet;
mod footprint;
mod growth;
mod load;
mod lower_bound;
mod machine;
mod median;
mod meter;
mod operation;
mod profile;
mod refresh;
mod rocketchat;
mod scrape;
mod size;
mod steady;
mod table;
mod targets;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use serde::Serialize;
use serde_json::json;

use data::Data;
use machine::Machine;
use refresh::Contenders;
use table::say;
use targets::Target;
use testbed::mongod::MongodVersion;
use testbed::tools::cargo::build_exporter;
use testbed::tools::command::exit_code;
use testbed::tools::workspace_root;

/// Measure what the exporter costs the database and its own machine, next to Rocket.Chat's own way
#[derive(Parser)]
#[command(
    name = "cargo xtask bench",
    bin_name = "cargo xtask bench",
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Answer every request with the same bytes; the benchmark compares the exporter with it
    #[command(hide = true)]
    BaselineServer(baseline_server::Options),
}

/// What is measured, and how thoroughly.
#[derive(Clone, Debug, clap::Args)]
struct Options {
    #[command(flatten)]
    size: size::Options,
    /// What to measure
    #[arg(
        long,
        value_name = "PART",
        value_delimiter = ',',
        default_value = "refresh,growth,steady,scrape,footprint,busy,fleet"
    )]
    only: Vec<Measurement>,
    /// Rounds; each contender runs once in each
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Seconds of each run of wrk
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    scrape_seconds: u64,
    /// Seconds that the steady state is measured for
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    steady_seconds: u64,
    #[command(flatten)]
    footprint: footprint::FootprintOptions,
    #[command(flatten)]
    busy: busy::BusyOptions,
    #[command(flatten)]
    fleet: fleet::FleetOptions,
    /// End with status 1 when a target is missed
    #[arg(long)]
    strict: bool,
    /// Where the data and the results are kept
    #[arg(long, value_name = "PATH", hide = true)]
    directory: Option<PathBuf>,
    /// Run this program instead of building the exporter
    #[arg(long, value_name = "PATH", hide = true)]
    exporter: Option<PathBuf>,
}

/// One kind of measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Measurement {
    /// One refresh of everything: the exporter, Rocket.Chat's own way, the lower bound
    Refresh,
    /// The exporter's refresh at a tenth, a third and the whole size
    Growth,
    /// The share of a mongod core at the usual intervals
    Steady,
    /// Scrapes per second by wrk
    Scrape,
    /// Memory, start, connections
    Footprint,
    /// The load on a mongod to which messages, logins and presence are written
    Busy,
    /// Many workspaces: memory, connections, /metrics, /probe, first readings
    Fleet,
}

impl Measurement {
    /// Whether it needs the workspace of the benchmark.
    fn needs_data(self) -> bool {
        !matches!(self, Self::Growth | Self::Fleet)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        None => run(&arguments.options),
        Some(Command::BaselineServer(options)) => baseline_server::serve(&options),
    };
    exit_code(outcome)
}

/// Measures, prints tables, and writes `target/bench/*.json`.
fn run(options: &Options) -> Result<()> {
    ensure!(options.rounds > 0, "--rounds must be at least 1");
    MongodVersion::default().tool().fetch()?;
    let program = options.exporter.clone().map_or_else(build_exporter, Ok)?;
    let directory = options.directory.clone();
    let directory = directory.unwrap_or_else(|| workspace_root().join("target/bench"));
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create `{}`", directory.display()))?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let targets = runtime.block_on(measure(options, &program, &directory))?;
    let missed = targets.iter().filter(|target| target.is_missed()).count();
    if options.strict && missed > 0 {
        bail!("{missed} targets are missed");
    }
    Ok(())
}

async fn measure(options: &Options, program: &Path, directory: &Path) -> Result<Vec<Target>> {
    let mongod = MongodVersion::default().full()?;
    let mut machine = Machine::new(mongod);
    let mut targets = Vec::new();
    let size = options.size.resolve(1.0)?;
    let wants = |part| options.only.contains(&part);
    if wants(Measurement::Growth) {
        let report = growth::measure(&options.size, program, directory, options.rounds).await?;
        report.print();
        write(directory, "growth", &machine, &report)?;
    }
    if options.only.iter().any(|part| part.needs_data()) {
        let data = Data::open(directory, &size).await?;
        let outcome = measure_on(&data, &size, options, program, directory, &machine).await;
        data.close().await?;
        targets = outcome?;
    }
    if wants(Measurement::Fleet) {
        let report = fleet::measure(program, directory, &options.fleet).await?;
        report.print();
        targets.extend(report.targets());
        write(directory, "fleet", &machine, &report)?;
    }
    machine.finished();
    targets::print(&targets);
    write(directory, "targets", &machine, &targets)?;
    print_machine(&machine, directory);
    Ok(targets)
}

async fn measure_on(
    data: &Data,
    size: &size::Size,
    options: &Options,
    program: &Path,
    directory: &Path,
    machine: &Machine,
) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for part in &options.only {
        match part {
            Measurement::Growth | Measurement::Fleet => {}
            Measurement::Refresh => {
                let field = Contenders::All;
                let report =
                    refresh::measure(data, size, program, directory, options.rounds, field).await?;
                report.print();
                targets.extend(report.targets());
                write(directory, "refresh", machine, &report)?;
            }
            Measurement::Steady => {
                let report =
                    steady::measure(data, program, directory, options.steady_seconds).await?;
                report.print();
                targets.extend(report.targets());
                write(directory, "steady", machine, &report)?;
            }
            Measurement::Scrape => {
                let report = scrape::measure(
                    data,
                    program,
                    directory,
                    options.rounds,
                    options.scrape_seconds,
                )
                .await?;
                report.print();
                targets.extend(report.targets());
                write(directory, "scrape", machine, &report)?;
            }
            Measurement::Busy => {
                let report =
                    busy::measure(data, program, directory, options.rounds, &options.busy).await?;
                report.print();
                targets.extend(report.targets());
                write(directory, "busy", machine, &report)?;
            }
            Measurement::Footprint => {
                let report =
                    footprint::measure(data, program, directory, &options.footprint).await?;
                report.print();
                targets.extend(report.targets());
                write(directory, "footprint", machine, &report)?;
            }
        }
    }
    Ok(targets)
}

fn write(directory: &Path, name: &str, machine: &Machine, report: &impl Serialize) -> Result<()> {
    let path = directory.join(format!("{name}.json"));
    let mut machine = machine.clone();
    machine.finished();
    let content = json!({ "machine": machine, "result": report });
    let text = serde_json::to_string_pretty(&content)?;
    fs::write(&path, text + "\n").with_context(|| format!("cannot write `{}`", path.display()))?;
    say(&format!("wrote {}", path.display()));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this is the output of a command")]
fn print_machine(machine: &Machine, directory: &Path) {
    println!("\nMeasured on {}.", machine.describe());
    println!(
        "Every figure of every round is in {}/*.json.",
        directory.display()
    );
}
