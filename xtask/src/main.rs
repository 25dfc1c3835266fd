//! `cargo xtask`: the project's own commands.

use std::process::ExitCode;

use clap::Parser;
use xtask::{demo, suite};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Run the exporter against a lively Rocket.Chat workspace that is made up on the spot
    Demo(demo::Options),
    /// Fetch the real tools, then format check, clippy, docs and tests
    Test,
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Demo(options) => demo::run(&options),
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
