//! The command line: help, version, and an error for each invalid setting that names the setting.

use std::fs;
use std::process::Output;

use crate::support::{Exporter, assert_golden};

fn run(arguments: &[&str]) -> Output {
    Exporter::command()
        .args(arguments)
        .output()
        .expect("the exporter runs")
}

fn stdout(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

#[test]
fn help_equals_the_golden_file() {
    assert_golden("tests/golden/help.txt", None, &stdout(&["--help"]));
}

#[test]
fn version_is_that_of_the_package() {
    let expected = format!("rocketchat-exporter {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(stdout(&["--version"]), expected);
}

#[test]
fn reference_needs_no_database() {
    let reference = stdout(&["--print-statistics"]);
    assert!(reference.contains("| `rocketchat_users{presence}` | gauge |"));
    assert!(reference.contains("| `onlineUsers` | 3.12.0 and later |"));
}

#[test]
fn invalid_setting_is_named_with_status_2() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let empty = folder.path().join("empty");
    fs::write(&empty, "\n").expect("the file can be written");
    let empty = format!("--mongodb.uri-file={}", empty.display());
    for (arguments, named) in [
        (&["--mongodb.uri=postgres://db"][..], "--mongodb.uri"),
        (&["--mongodb.uri-file=/nowhere/uri"], "/nowhere/uri"),
        (&[empty.as_str()], "is empty"),
        (
            &["--mongodb.uri=mongodb://a", "--mongodb.uri-file=b"],
            "cannot be used with",
        ),
        (
            &["--mongodb.password-file=/nowhere/password"],
            "--mongodb.password-file",
        ),
        (&["--mongodb.query-timeout=0s"], "--mongodb.query-timeout"),
        (
            &["--mongodb.max-connections=0"],
            "--mongodb.max-connections",
        ),
        (
            &["--collection.fast-interval=soon"],
            "--collection.fast-interval",
        ),
        (&["--collection.max-share=2"], "--collection.max-share"),
        (&["--web.listen-address=localhost"], "--web.listen-address"),
        (&["--web.telemetry-path=/api/x"], "--web.telemetry-path"),
        (&["--web.telemetry-path=/info.css"], "--web.telemetry-path"),
        (
            &["--web.telemetry-path=//api/info/"],
            "--web.telemetry-path",
        ),
        (&["--statistics.shape=round"], "--statistics.shape"),
        (&["--rocketchat.version=new"], "--rocketchat.version"),
        (
            &["--rocketchat.timezone=Mars/Crater"],
            "--rocketchat.timezone",
        ),
        (&["--log.level=loud"], "--log.level"),
        (&["--no-such-flag"], "--no-such-flag"),
    ] {
        let output = run(arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(named), "{arguments:?}: {message}");
    }
}

#[test]
fn port_in_use_is_named_with_status_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken
        .local_addr()
        .expect("a listener has an address")
        .to_string();
    let output = run(&[&format!("--web.listen-address={address}")]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        message.contains(&address) && message.contains("--web.listen-address"),
        "{message}"
    );
}

#[test]
fn invalid_connection_string_is_shown_without_password() {
    for uri in [
        "mongodb://me:top@secret@db.example/rc",
        "mongodb://me:top%secret@db.example/rc",
        "mongodb://me:topsecret@db.example/rc?authMechanism=wrong",
        "mongodb://me:topsecret@/rc",
    ] {
        let output = Exporter::command()
            .env("ROCKETCHAT_EXPORTER_MONGODB_URI", uri)
            .output()
            .expect("the exporter runs");
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains("--mongodb.uri"), "{message}");
        assert!(
            !message.contains("secret") && !message.contains("top"),
            "{message}"
        );
    }
    let help = Exporter::command()
        .env(
            "ROCKETCHAT_EXPORTER_MONGODB_URI",
            "mongodb://me:topsecret@db",
        )
        .arg("--help")
        .output()
        .expect("the exporter runs");
    assert!(!String::from_utf8_lossy(&help.stdout).contains("topsecret"));
}

#[test]
fn log_can_be_json() {
    let mut command = Exporter::command();
    let output = command
        .args(["--log.format=json", "--mongodb.uri=postgres://db"])
        .output()
        .expect("the exporter runs");
    let line: serde_json::Value = serde_json::from_slice(&output.stderr).expect("the line is JSON");
    assert_eq!(line["level"], "ERROR");
    assert!(
        line["message"]
            .as_str()
            .is_some_and(|message| message.contains("--mongodb.uri"))
    );
}
