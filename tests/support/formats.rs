//! Validators of the exposition formats.

use std::process::{Command, Stdio};

use testbed::tools;

/// The output of `promtool check metrics` for metrics in the text format; `None` if it accepts them.
pub fn promtool_error(metrics: &[u8]) -> Option<String> {
    let promtool = tools::PROMTOOL.find().expect("promtool is installed");
    output_on_failure(promtool.command().args(["check", "metrics"]), metrics)
}

/// The error of Python's prometheus_client for metrics in OpenMetrics, or of a Python assertion about the parsed
/// `families`; `None` if the metrics are valid and the assertion holds.
pub fn strict_parser_error(metrics: &[u8], assertion: &str) -> Option<String> {
    let modules = tools::PROMETHEUS_CLIENT
        .find()
        .expect("prometheus_client is installed");
    let parse = format!(
        "import sys\n\
         from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n\
         families = {{family.name: family for family in parse(sys.stdin.read())}}\n\
         assert {assertion}, families"
    );
    let mut python = Command::new("python3");
    python
        .args(["-c", &parse])
        .env("PYTHONPATH", modules.path());
    output_on_failure(&mut python, metrics)
}

/// Passes a text to a program on standard input, and returns the program's output if it fails.
fn output_on_failure(program: &mut Command, text: &[u8]) -> Option<String> {
    let mut file = tempfile::tempfile().expect("a temporary file can be created");
    std::io::Write::write_all(&mut file, text).expect("the file can be written");
    std::io::Seek::rewind(&mut file).expect("the file can be read");
    let output = program
        .stdin(Stdio::from(file))
        .output()
        .expect("the program runs");
    let printed = [output.stdout, output.stderr].concat();
    (!output.status.success()).then(|| String::from_utf8_lossy(&printed).into_owned())
}
