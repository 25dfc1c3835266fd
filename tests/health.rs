//! `rocketchat-exporter health`, which container engines run beside the exporter.

use std::process::Output;

use crate::support::Exporter;
use crate::web_config::{Setup, encrypted};

const UNREACHABLE_MONGODB: &str = "--mongodb.uri=mongodb://127.0.0.1:9";

/// Runs the health check with these flags.
fn health(arguments: &[&str]) -> Output {
    let mut command = Exporter::command();
    let output = command.arg("health").args(arguments).output();
    output.expect("the exporter runs")
}

fn at(address: &str) -> String {
    format!("--web.listen-address={address}")
}

fn assert_healthy(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.stdout, b"Healthy.\n");
}

fn assert_unhealthy(output: &Output, expected: &str) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains(expected), "{message}");
}

#[test]
fn running_exporter_is_healthy_and_a_closed_port_is_not() {
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB]);
    assert_healthy(&health(&[&at(exporter.address())]));
    assert_unhealthy(
        &health(&[&at("127.0.0.1:9")]),
        "`127.0.0.1:9` does not respond",
    );
}

#[test]
fn hanging_exporter_times_out() {
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB]);
    exporter.signal("STOP");
    assert_unhealthy(&health(&[&at(exporter.address())]), "waited 5s");
}

#[test]
fn address_is_taken_from_the_variable() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let socket = format!("unix://{}", folder.path().join("exporter.sock").display());
    let exporter =
        Exporter::spawn_unchanged(Exporter::command().args([UNREACHABLE_MONGODB, &at(&socket)]));
    let output = Exporter::command()
        .arg("health")
        .env("ROCKETCHAT_EXPORTER_WEB_LISTEN_ADDRESS", &socket)
        .output();
    assert_healthy(&output.expect("the exporter runs"));
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
    assert_unhealthy(&health(&[&at(&socket)]), "exporter.sock` does not respond");
}

#[test]
fn wildcard_address_is_checked_on_loopback() {
    let exporter = Exporter::spawn_unchanged(
        Exporter::command().args([UNREACHABLE_MONGODB, &at("0.0.0.0:0")]),
    );
    let (_, port) = exporter
        .address()
        .rsplit_once(':')
        .expect("the address has a port");
    for address in [format!("0.0.0.0:{port}"), format!(":{port}")] {
        assert_healthy(&health(&[&at(&address)]));
    }
}

#[test]
fn every_address_must_respond() {
    let exporter = Exporter::start(&[UNREACHABLE_MONGODB]);
    let nowhere = "unix:///nowhere/exporter.sock";
    let both = [&*at(exporter.address()), &at(nowhere)];
    assert_unhealthy(&health(&both), "`unix:/nowhere/exporter.sock`");
}

#[test]
fn tls_and_rejected_requests_count_as_healthy() {
    // No request logs in, so the hash can belong to any password.
    let users =
        "basic_auth_users: {a: $2b$04$R0E8cZkhBcd7UyOMWUdJg.Yj.jU.NqnaroEi0XW/KgcJZZpwD/sfy}\n";
    let limited = "rate_limit: {interval: 1h, burst: 0}\n";
    let requires_certificate = encrypted(&["client_auth_type: RequireAnyClientCert"]);
    let older = encrypted(&[
        "client_auth_type: RequireAnyClientCert",
        "max_version: TLS12",
    ]);
    for config in [
        &encrypted(&[]),
        users,
        &format!("{}{users}", encrypted(&[])),
        limited,
        &requires_certificate,
        &older,
    ] {
        let setup = Setup::new(config);
        let exporter = setup.start();
        let file = setup.argument();
        let output = health(&[&at(exporter.address()), &file]);
        assert_eq!(output.status.code(), Some(0), "{config}{output:?}");
    }
}

#[test]
fn plain_request_to_a_tls_port_is_unhealthy() {
    let setup = Setup::new(&encrypted(&[]));
    let exporter = setup.start();
    assert_unhealthy(
        &health(&[&at(exporter.address())]),
        "responds with status 400",
    );
}

#[test]
fn settings_without_a_known_address_are_reported() {
    assert_unhealthy(&health(&["--web.config.file=/nowhere.yml"]), "/nowhere.yml");
    assert_unhealthy(&health(&["--web.systemd-socket"]), "--web.systemd-socket");
}
