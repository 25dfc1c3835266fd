//! `rocketchat-exporter health`, which container engines run beside the exporter.

use std::process::Output;

use crate::support::Exporter;
use crate::web_config::{Setup, encrypted};

const NOBODY: &str = "--mongodb.uri=mongodb://127.0.0.1:9";

/// What the check says with these settings.
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

fn assert_unhealthy(output: &Output, told: &str) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(told), "{said}");
}

#[test]
fn an_exporter_that_serves_is_healthy_and_nobody_is_not() {
    let exporter = Exporter::start(&[NOBODY]);
    assert_healthy(&health(&[&at(exporter.address())]));
    assert_unhealthy(
        &health(&[&at("127.0.0.1:9")]),
        "`127.0.0.1:9` does not answer",
    );
}

#[test]
fn an_exporter_that_hangs_is_not_waited_for() {
    let exporter = Exporter::start(&[NOBODY]);
    exporter.signal("STOP");
    assert_unhealthy(&health(&[&at(exporter.address())]), "waited 5s");
}

#[test]
fn it_asks_where_the_variable_says_until_the_exporter_ends() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let socket = format!("unix://{}", folder.path().join("exporter.sock").display());
    let exporter = Exporter::spawn_as_it_is(Exporter::command().args([NOBODY, &at(&socket)]));
    let output = Exporter::command()
        .arg("health")
        .env("ROCKETCHAT_EXPORTER_WEB_LISTEN_ADDRESS", &socket)
        .output();
    assert_healthy(&output.expect("the exporter runs"));
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
    assert_unhealthy(&health(&[&at(&socket)]), "exporter.sock` does not answer");
}

#[test]
fn every_address_of_the_machine_is_asked_on_the_loopback_one() {
    let exporter = Exporter::spawn_as_it_is(Exporter::command().args([NOBODY, &at("0.0.0.0:0")]));
    let (_, port) = exporter.address().rsplit_once(':').expect("it has a port");
    for address in [format!("0.0.0.0:{port}"), format!(":{port}")] {
        assert_healthy(&health(&[&at(&address)]));
    }
}

#[test]
fn each_address_has_to_answer() {
    let exporter = Exporter::start(&[NOBODY]);
    let nowhere = "unix:///nowhere/exporter.sock";
    let both = [&*at(exporter.address()), &at(nowhere)];
    assert_unhealthy(&health(&both), "`unix:/nowhere/exporter.sock`");
}

#[test]
fn encryption_and_a_refusal_for_want_of_a_password_or_a_certificate_are_no_illness() {
    // The hash is no one's: nobody logs in here.
    let users =
        "basic_auth_users: {a: $2b$04$R0E8cZkhBcd7UyOMWUdJg.Yj.jU.NqnaroEi0XW/KgcJZZpwD/sfy}\n";
    let limited = "rate_limit: {interval: 1h, burst: 0}\n";
    let wants_certificates = encrypted(&["client_auth_type: RequireAnyClientCert"]);
    let older = encrypted(&[
        "client_auth_type: RequireAnyClientCert",
        "max_version: TLS12",
    ]);
    for config in [
        &encrypted(&[]),
        users,
        &format!("{}{users}", encrypted(&[])),
        limited,
        &wants_certificates,
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
fn what_is_encrypted_and_asked_without_encryption_is_not_an_exporter_that_is_well() {
    let setup = Setup::new(&encrypted(&[]));
    let exporter = setup.start();
    assert_unhealthy(&health(&[&at(exporter.address())]), "answers 400");
}

#[test]
fn settings_with_which_it_is_not_known_how_to_ask_are_told() {
    assert_unhealthy(&health(&["--web.config.file=/nowhere.yml"]), "/nowhere.yml");
    assert_unhealthy(&health(&["--web.systemd-socket"]), "--web.systemd-socket");
}
