//! The subcommands `statistics`, `completions`, `man` and `hash-password`.

use std::io::Write;
use std::process::{Output, Stdio};

use crate::support::{Exporter, shared_workspace, strict_parser_error};

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
    let nested: serde_json::Value =
        serde_json::from_slice(&print(&[])).expect("the output is JSON");
    let users = &nested["statistics"]["totalUsers"];
    assert!(users.as_u64() > Some(0), "{nested}");
    let table = String::from_utf8(print(&["--format=table"])).expect("the output is UTF-8");
    let row = table.lines().find(|line| line.starts_with("totalUsers "));
    assert!(
        row.is_some_and(|row| row.ends_with(&format!("  {users}"))),
        "{table}"
    );
    let metrics = print(&["--format", "openmetrics"]);
    let known = "'rocketchat_accounts' in families";
    assert_eq!(strict_parser_error(&metrics, known), None);
}

#[test]
fn unreachable_database_prints_nothing_and_exits_with_1() {
    let output = run(&[
        "statistics",
        "--mongodb.uri=mongodb://127.0.0.1:9",
        "--mongodb.connect-timeout=200ms",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("cannot be read"), "{stderr}");
}

#[test]
fn shell_completes_flags_and_subcommands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        let script = String::from_utf8_lossy(&output.stdout);
        assert!(script.contains("mongodb.uri-file") && script.contains("statistics"));
    }
}

#[test]
fn manual_page_names_every_flag() {
    let page = String::from_utf8(run(&["man"]).stdout).expect("the output is UTF-8");
    assert!(page.contains(".TH rocketchat-exporter 1"), "{page}");
    let help = String::from_utf8(run(&["--help"]).stdout).expect("the output is UTF-8");
    let flags = help
        .split_whitespace()
        .filter(|word| word.starts_with("--"));
    for flag in flags {
        let name = flag.split(['[', '=', ';', ',']).next().unwrap_or(flag);
        assert!(page.contains(&name.replace('-', "\\-")), "{name}");
    }
}

/// Exit status, standard output and standard error of `hash-password` for a password on standard input.
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
        .expect("the password can be written");
    drop(input);
    let output = process.wait_with_output().expect("the exporter ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn password_is_hashed_without_its_line_ending() {
    let (status, printed, _) = hash(&["--cost=4"], "p@ss word\n");
    assert_eq!(status, Some(0));
    assert!(printed.starts_with("$2b$04$"), "{printed}");
    let matches = bcrypt::verify("p@ss word", printed.trim_end());
    assert!(matches.expect("the output is a bcrypt hash"));
    let (_, printed, _) = hash(&[], "other");
    assert!(printed.starts_with("$2b$10$"), "{printed}");
}

#[test]
fn password_that_bcrypt_would_truncate_is_refused() {
    for (password, expected) in [("\n", "empty"), ("x".repeat(73).as_str(), "72")] {
        let (status, printed, stderr) = hash(&["--cost=4"], password);
        assert_eq!(status, Some(1));
        assert!(printed.is_empty());
        assert!(stderr.contains(expected), "{stderr}");
    }
}
