//! What is done instead of serving.

use std::io::Write;
use std::process::{Output, Stdio};

use crate::support::{Exporter, complaint_of_strict_parser, shared_workspace};

fn run(arguments: &[&str]) -> Output {
    let output = Exporter::command().args(arguments).output();
    output.expect("the exporter runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_are_printed_in_each_format() {
    let shared = shared_workspace().await;
    let uri = format!("--mongodb.uri={}", shared.uri);
    let print = |arguments: &[&str]| {
        let output = run(&[&["statistics", &uri], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        output.stdout
    };
    let nested: serde_json::Value = serde_json::from_slice(&print(&[])).expect("it is JSON");
    let users = &nested["statistics"]["totalUsers"];
    assert!(users.as_u64() > Some(0), "{nested}");
    let table = String::from_utf8(print(&["--format=table"])).expect("it is text");
    let row = table.lines().find(|line| line.starts_with("totalUsers "));
    assert!(
        row.is_some_and(|row| row.ends_with(&format!("  {users}"))),
        "{table}"
    );
    let metrics = print(&["--format", "openmetrics"]);
    let known = "'rocketchat_accounts' in families";
    assert_eq!(complaint_of_strict_parser(&metrics, known), None);
}

#[test]
fn without_a_database_nothing_is_printed_and_the_status_is_1() {
    let output = run(&[
        "statistics",
        "--mongodb.uri=mongodb://127.0.0.1:9",
        "--mongodb.connect-timeout=200ms",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cannot be read"), "{said}");
}

#[test]
fn a_shell_completes_flags_and_tasks() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        let script = String::from_utf8_lossy(&output.stdout);
        assert!(script.contains("mongodb.uri-file") && script.contains("statistics"));
    }
}

#[test]
fn the_manual_page_names_every_flag() {
    let page = String::from_utf8(run(&["man"]).stdout).expect("it is text");
    assert!(page.contains(".TH rocketchat-exporter 1"), "{page}");
    let help = String::from_utf8(run(&["--help"]).stdout).expect("it is text");
    let flags = help
        .split_whitespace()
        .filter(|word| word.starts_with("--"));
    for flag in flags {
        let name = flag.split(['[', '=', ';', ',']).next().unwrap_or(flag);
        assert!(page.contains(&name.replace('-', "\\-")), "{name}");
    }
}

/// The status, the output and the complaints of `hash-password` for a password that is piped in.
fn hash(arguments: &[&str], password: &str) -> (Option<i32>, String, String) {
    let mut process = Exporter::command()
        .arg("hash-password")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the exporter runs");
    let mut input = process.stdin.take().expect("standard input is a pipe");
    input
        .write_all(password.as_bytes())
        .expect("it can be written");
    drop(input);
    let output = process.wait_with_output().expect("the exporter ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_password_is_hashed_without_the_end_of_its_line() {
    let (status, printed, _) = hash(&["--cost=4"], "p@ss word\n");
    assert_eq!(status, Some(0));
    assert!(printed.starts_with("$2b$04$"), "{printed}");
    let matches = bcrypt::verify("p@ss word", printed.trim_end());
    assert!(matches.expect("it is a hash"));
    let (_, printed, _) = hash(&[], "other");
    assert!(printed.starts_with("$2b$10$"), "{printed}");
}

#[test]
fn a_password_that_cannot_be_hashed_whole_is_refused() {
    for (password, told) in [("\n", "empty"), ("x".repeat(73).as_str(), "72")] {
        let (status, printed, complaint) = hash(&["--cost=4"], password);
        assert_eq!(status, Some(1));
        assert!(printed.is_empty());
        assert!(complaint.contains(told), "{complaint}");
    }
}
