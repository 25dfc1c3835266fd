//! The program, which is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    rocketchat_exporter::program()
}
