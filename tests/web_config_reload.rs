//! Changes of the web configuration at runtime: those that apply at once, those that need a restart, and invalid ones.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::eventually;
use crate::support::tls::{Client, Identity};
use crate::web_config::{HASH, Setup, basic, encrypted};

#[tokio::test]
async fn changed_users_need_no_restart_and_an_invalid_file_changes_nothing() {
    let users = |name: &str| format!("basic_auth_users: {{{name}: {HASH}}}\n");
    let setup = Setup::new(&users("alice"));
    let exporter = setup.start();
    let status = |name: &str| {
        let credentials = basic(name, "password");
        let response = exporter.request("GET", "/metrics", &[("Authorization", &credentials)]);
        response.status
    };
    assert_eq!((status("alice"), status("bob")), (200, 401));
    setup.configure(&users("bob"));
    assert_eq!((status("alice"), status("bob")), (401, 200));
    let broken = "the changed web configuration is invalid";
    for (number, config) in ["basic_auth_users: [", "", &encrypted(&[])]
        .iter()
        .enumerate()
    {
        setup.configure(config);
        for _ in 0..3 {
            assert_eq!((status("alice"), status("bob")), (401, 200), "{config}");
        }
        // Each fault is logged once; the log is written by another thread.
        eventually("the fault is logged", || {
            (exporter.log().matches(broken).count() == number + 1).then_some(())
        })
        .await;
    }
    fs::remove_file(setup.file()).expect("the file can be removed");
    assert_eq!((status("alice"), status("bob")), (401, 200));
    setup.configure(&users("alice"));
    assert_eq!((status("alice"), status("bob")), (200, 401));
    eventually("the change is logged", || {
        exporter.log().contains("was reloaded").then_some(())
    })
    .await;
}

#[tokio::test]
async fn new_certificate_needs_no_restart_and_an_invalid_one_is_ignored() {
    let setup = Setup::new(&encrypted(&[]));
    let exporter = setup.start();
    let client = Client::new(&setup.authority);
    let served_certificate = || async {
        let secured = client.get(exporter.address(), "/-/healthy").await;
        secured.expect("the request succeeds").certificate
    };
    let first = served_certificate().await;
    assert_eq!(first, served_certificate().await);
    let server: Identity = setup.authority.server();
    // The new certificate does not belong to the old key.
    fs::write(setup.path().join("server.crt"), &server.certificate)
        .expect("the file can be written");
    assert_eq!(first, served_certificate().await);
    fs::write(setup.path().join("server.key"), &server.key).expect("the file can be written");
    let second = served_certificate().await;
    assert_ne!(first, second);
    // Some tools replace the file by renaming a new one.
    setup.authority.server().write(setup.path(), "new");
    for ending in ["crt", "key"] {
        let (new, old) = (format!("new.{ending}"), format!("server.{ending}"));
        fs::rename(setup.path().join(new), setup.path().join(old))
            .expect("the file can be renamed");
    }
    assert_ne!(second, served_certificate().await);
    setup.configure("basic_auth_users: {}\n");
    served_certificate().await;
    exporter.logged("only by a restart").await;
}

#[tokio::test]
async fn emptied_file_disables_nothing() {
    let users = format!(
        "basic_auth_users: {{alice: {HASH}}}\nrate_limit: {{interval: 1ms, burst: 1000}}\n"
    );
    let setup = Setup::new(&users);
    let exporter = setup.start();
    for config in [
        "",
        "---\n",
        "null\n",
        "{}\n",
        "# a comment\n",
        "basic_auth_users:\n",
        "basic_auth_users: {}\n",
        "rate_limit: {interval: 1ms, burst: 1000}\n",
    ] {
        setup.configure(config);
        assert_eq!(exporter.get("/metrics").status, 401, "{config}");
    }
    setup.configure(&users.replace("alice", "bob"));
    let credentials = basic("bob", "password");
    let response = exporter.request("GET", "/metrics", &[("Authorization", &credentials)]);
    assert_eq!(response.status, 200);
    exporter.logged("only by a restart").await;
}

#[tokio::test]
async fn client_certificate_requirement_is_lowered_only_by_a_restart() {
    let verified = [
        "client_auth_type: RequireAndVerifyClientCert",
        "client_ca_file: ca.crt",
        "client_allowed_sans: [prometheus]",
    ];
    let setup = Setup::new(&encrypted(&verified));
    let exporter = setup.start();
    let client = Client::new(&setup.authority);
    for lines in [
        &[][..],
        &verified[..2],
        &["client_auth_type: RequestClientCert"],
        &["client_auth_type: RequireAnyClientCert"],
        &[
            "client_auth_type: VerifyClientCertIfGiven",
            "client_ca_file: ca.crt",
        ],
    ] {
        setup.configure(&encrypted(lines));
        let response = client.get(exporter.address(), "/metrics").await;
        assert!(response.is_err(), "{lines:?}");
    }
    eventually("each refusal is logged", || {
        let log = exporter.log();
        (log.matches("lowered only by a restart").count() == 5).then_some(())
    })
    .await;
}

#[test]
fn fifo_in_place_of_the_file_blocks_neither_requests_nor_shutdown() {
    let setup = Setup::new(&format!("basic_auth_users: {{alice: {HASH}}}"));
    let exporter = setup.start();
    fs::remove_file(setup.file()).expect("the file can be removed");
    let status = Command::new("mkfifo").arg(setup.file()).status();
    assert!(status.expect("mkfifo runs").success());
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(exporter.get("/metrics").status, 401);
    }
    exporter.signal("TERM");
    assert_eq!(exporter.wait().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5));
}
