//! Programs that judge an exposition.

use std::process::{Command, Stdio};

use testbed::tools;

/// What `promtool check metrics` says when it does not like metrics in the classic format.
pub fn complaint_of_promtool(metrics: &[u8]) -> Option<String> {
    let promtool = tools::PROMTOOL.find().expect("promtool is there");
    complaint(promtool.command().args(["check", "metrics"]), metrics)
}

/// What the strict parser of Python's prometheus_client says when it does not like metrics in OpenMetrics, or when the
/// assertion about the parsed `families` does not hold.
pub fn complaint_of_strict_parser(metrics: &[u8], assertion: &str) -> Option<String> {
    let modules = tools::PROMETHEUS_CLIENT
        .find()
        .expect("prometheus_client is there");
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
    complaint(&mut python, metrics)
}

/// Gives a text to a program and returns what it said when it did not like it.
fn complaint(program: &mut Command, text: &[u8]) -> Option<String> {
    let mut file = tempfile::tempfile().expect("a file can be made");
    std::io::Write::write_all(&mut file, text).expect("the file can be written");
    std::io::Seek::rewind(&mut file).expect("the file can be read");
    let output = program
        .stdin(Stdio::from(file))
        .output()
        .expect("the program runs");
    let said = [output.stdout, output.stderr].concat();
    (!output.status.success()).then(|| String::from_utf8_lossy(&said).into_owned())
}
