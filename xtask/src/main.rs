//! `cargo xtask`: the project's own commands. It has few dependencies, so that it builds in seconds. Commands that need more
//! are programs in `crates/`, which are built on demand.

mod dashboards;
mod dist;
mod facts;
mod fuzz;
mod lint;
mod package;
mod printed;
mod shipped;
mod source_date;
mod step;
mod test;

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::{Error, Result, anyhow};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use tools::cargo::{build, cargo};
use tools::command::exit_code;
use tools::workspace_root;

fn commands() -> Command {
    let no_try = Arg::new("no-try").long("no-try").action(ArgAction::SetTrue);
    let seconds = Arg::new("seconds").long("seconds").default_value("30");
    Command::new("cargo xtask")
        .bin_name("cargo xtask")
        .about("The project's own commands")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(passed_on("demo").about(
            "Run the exporter against a generated Rocket.Chat workspace with simulated activity",
        ))
        .subcommand(
            Command::new("test").about("Install the tools that tests need, and run all tests"),
        )
        .subcommand(
            Command::new("lint").about("Check the format, and that clippy and rustdoc find nothing"),
        )
        .subcommand(passed_on("bench").about(
            "Measure what the exporter costs the database and its own machine, next to Rocket.Chat's own way",
        ))
        .subcommand(
            Command::new("package")
                .about("Build the Debian package, and try it on clean Debians booted by systemd")
                .arg(program().help("Pack this program instead of building one"))
                .arg(no_try.help("Only build the package, and do not install it anywhere")),
        )
        .subcommand(dist_command())
        .subcommand(
            Command::new("dashboards").about("Generate the dashboards for Grafana from their source"),
        )
        .subcommand(
            Command::new("facts")
                .about("List what differs between the catalogue and the types that Rocket.Chat publishes on npm")
                .arg(
                    Arg::new("release")
                        .long("release")
                        .default_value("latest")
                        .help("The release of Rocket.Chat, such as 9.0.0"),
                ),
        )
        .subcommand(passed_on("zabbix").about(
            "Import the Zabbix template into a real Zabbix server, and raise its triggers",
        ))
        .subcommand(
            Command::new("fuzz")
                .about("Run libFuzzer on every parser of input from outside")
                .arg(
                    seconds
                        .value_parser(value_parser!(u32))
                        .help("Seconds for each target"),
                ),
        )
}

fn program() -> Arg {
    Arg::new("program")
        .long("program")
        .value_parser(value_parser!(PathBuf))
}

fn dist_command() -> Command {
    Command::new("dist")
        .about("Make what a release consists of: archive, Debian package, list of crates, checksums")
        .arg(Arg::new("target").long("target").help(
            "The target of the program [default: this machine's]; another one needs a linker and a runner in cargo's variables CARGO_TARGET_..._LINKER and _RUNNER",
        ))
        .arg(
            program()
                .help("Pack this program instead of building one, without a Debian package"),
        )
        .arg(
            Arg::new("output")
                .long("output")
                .value_parser(value_parser!(PathBuf))
                .help("The folder for the files, which is emptied [default: target/dist]"),
        )
}

fn dist_options(matches: &ArgMatches) -> dist::Options {
    dist::Options {
        target: matches.get_one("target").cloned(),
        program: matches.get_one("program").cloned(),
        output: matches
            .get_one("output")
            .cloned()
            .unwrap_or_else(|| workspace_root().join("target/dist")),
    }
}

/// A command whose arguments, including `--help`, are passed to another program.
fn passed_on(name: &'static str) -> Command {
    let arguments = Arg::new("arguments")
        .num_args(0..)
        .allow_hyphen_values(true)
        .trailing_var_arg(true)
        .value_parser(value_parser!(OsString));
    Command::new(name).disable_help_flag(true).arg(arguments)
}

fn run(matches: &ArgMatches) -> Result<()> {
    match matches.subcommand() {
        Some(("demo", matches)) => with_exporter("demo", matches),
        Some(("zabbix", matches)) => with_exporter("zabbix", matches),
        // Optimized, so that decoding replies does not distort the measurement.
        Some(("bench", matches)) => {
            let selection = ["--release", "--package=rocketchat-exporter-bench"];
            let mut bench = cargo();
            bench.arg("run").args(selection).arg("--");
            Err(exec(&mut bench, matches))
        }
        Some(("lint", _)) => lint::run(),
        Some(("dist", matches)) => dist::run(&dist_options(matches)),
        Some(("dashboards", _)) => dashboards::run(),
        Some(("facts", matches)) => facts::run(
            matches
                .get_one::<String>("release")
                .map_or("latest", String::as_str),
        ),
        Some(("fuzz", matches)) => fuzz::run(matches.get_one("seconds").copied().unwrap_or(30)),
        Some(("package", matches)) => package::run(
            matches.get_one::<PathBuf>("program").map(PathBuf::as_path),
            matches.get_flag("no-try"),
        ),
        _ => test::run(),
    }
}

/// Builds a program of the testbed and the exporter in one run of cargo, and in the profile of the tests: a release build takes
/// three times as long. Meanwhile mongod is installed if it is missing. Then runs the program.
fn with_exporter(program: &'static str, matches: &ArgMatches) -> Result<()> {
    let arguments = matches.get_many::<OsString>("arguments");
    let has_server = arguments
        .into_iter()
        .flatten()
        .any(|argument| argument.to_string_lossy().starts_with("--mongodb.uri"));
    let mongod = (!has_server).then_some(tools::MONGOD_6_0);
    if let Some(mongod) = mongod {
        mongod.ensure_installable()?;
    }
    let programs = [
        ("testbed", program),
        ("rocketchat-exporter", "rocketchat-exporter"),
    ];
    let building = thread::spawn(move || build(&[], programs));
    if let Some(mongod) = mongod {
        mongod.fetch()?;
    }
    let built = building.join().map_err(|_| anyhow!("the build panicked"))?;
    let [program, exporter] = built?;
    Err(exec(
        std::process::Command::new(program)
            .arg("--exporter")
            .arg(exporter),
        matches,
    ))
}

/// Replaces this process by another program, and passes the arguments on; returns only on failure.
fn exec(program: &mut std::process::Command, matches: &ArgMatches) -> Error {
    let arguments = matches.get_many::<OsString>("arguments");
    let error = program.args(arguments.into_iter().flatten()).exec();
    Error::new(error).context(format!("cannot run `{}`", program.get_program().display()))
}

fn main() -> ExitCode {
    exit_code(run(&commands().get_matches()))
}
