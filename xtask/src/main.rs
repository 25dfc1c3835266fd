//! `cargo xtask`: the project's own commands.

use std::process::ExitCode;

use clap::Parser;
use xtask::{bench, dashboards, demo, fuzz, package, suite};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Run the exporter against a lively Rocket.Chat workspace that is made up on the spot
    Demo(demo::Options),
    /// Measure what the exporter costs the database and its own machine, next to Rocket.Chat's own way
    Bench(bench::Options),
    /// Serve the same bytes for ever; what `bench` compares the exporter with
    #[command(hide = true)]
    BenchBareServer(bench::BareOptions),
    /// Write the dashboards for Grafana anew from their source
    Dashboards,
    /// Give every reader of texts from outside whatever libFuzzer comes up with
    Fuzz(fuzz::Options),
    /// Build the Debian package, and try it on a clean Debian that systemd has booted
    Package(package::Options),
    /// Fetch the real tools, then format check, clippy, docs and tests
    Test,
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Bench(options) => bench::run(&options),
        Command::BenchBareServer(options) => bench::serve_bare(&options),
        Command::Dashboards => dashboards::run(),
        Command::Demo(options) => demo::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Package(options) => package::run(&options),
        Command::Test => suite::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "this is where a command says why it failed"
)]
fn report(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
