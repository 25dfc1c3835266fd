//! Log messages about failed connections: readable, with a remedy, and the same for all collectors.

use testbed::mongod::Options;

use crate::connecting::fill;
use crate::support::{
    Exporter, READER, SHORT_INTERVALS, assert_no_debug_output, eventually, mongod, shared_mongod,
    with_reader,
};

/// Runs an exporter until every collector has failed, and returns its log and the collectors' distinct reasons.
async fn log_and_reasons(uri: &str) -> (String, Vec<String>) {
    let exporter = Exporter::on(uri, &SHORT_INTERVALS);
    eventually("every collector was tried", || {
        let metrics = exporter.metrics();
        let tried = metrics
            .matches("rocketchat_exporter_collector_success{")
            .count();
        (tried == rocketchat_exporter::COLLECTORS).then_some(())
    })
    .await;
    // The log follows the metrics.
    eventually("a failure is logged", || {
        let log = exporter.log();
        log.contains("no database of a workspace can be read")
            .then_some(())
    })
    .await;
    let metrics = exporter.metrics();
    let reasons = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix("rocketchat_exporter_collector_failing{")?;
        Some(
            rest.split("reason=\"")
                .nth(1)?
                .split('"')
                .next()?
                .to_owned(),
        )
    });
    let mut reasons: Vec<String> = reasons.collect();
    reasons.sort_unstable();
    reasons.dedup();
    let log = exporter.log();
    assert_no_debug_output(&log);
    assert_no_debug_output(&exporter.get("/").text());
    (log, reasons)
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_password_is_the_reason_of_every_collector() {
    let mongod = with_reader().await;
    let uri = format!(
        "mongodb://{READER}:wrong@127.0.0.1:{}/rocketchat?authSource=admin",
        mongod.port()
    );
    let (log, reasons) = log_and_reasons(&uri).await;
    assert!(log.contains("MongoDB refuses the login"), "{log}");
    assert!(log.contains("authSource"), "{log}");
    assert_eq!(reasons, ["unauthenticated"], "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_servers_are_named() {
    let (log, reasons) =
        log_and_reasons("mongodb://127.0.0.1:9,no-such-host.invalid/?replicaSet=rs0").await;
    assert!(log.contains("`127.0.0.1:9`: Connection refused"), "{log}");
    assert!(
        log.contains("`no-such-host.invalid:27017`: its name cannot be resolved"),
        "{log}"
    );
    assert_eq!(reasons, ["unreachable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_replica_set_name_is_reported_with_the_right_one() {
    let set = mongod(Options {
        replica_set: true,
        ..Options::default()
    })
    .await;
    for direct in ["", "&directConnection=true"] {
        let uri = format!(
            "mongodb://127.0.0.1:{}/?replicaSet=wrong{direct}",
            set.port()
        );
        let (log, _) = log_and_reasons(&uri).await;
        assert!(log.contains("has replicaSet=wrong"), "{log}");
        assert!(log.contains("belongs to the replica set `rs0`"), "{log}");
    }
    let uri = format!(
        "mongodb://127.0.0.1:{}/?replicaSet=rs0",
        shared_mongod().port()
    );
    let (log, _) = log_and_reasons(&uri).await;
    assert!(
        log.contains("belongs to no replica set: it is a standalone server"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn read_preference_without_a_matching_member_is_reported() {
    let set = mongod(Options {
        replica_set: true,
        ..Options::default()
    })
    .await;
    let uri = format!(
        "mongodb://127.0.0.1:{}/?replicaSet=rs0&readPreference=secondary",
        set.port()
    );
    let (log, _) = log_and_reasons(&uri).await;
    assert!(log.contains("matches readPreference=secondary"), "{log}");
    assert!(log.contains("it is the primary"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_load_balanced_option_is_reported() {
    let uri = format!(
        "mongodb://127.0.0.1:{}/?loadBalanced=true",
        shared_mongod().port()
    );
    let (log, reasons) = log_and_reasons(&uri).await;
    assert!(log.contains("remove loadBalanced"), "{log}");
    assert_eq!(reasons, ["misconfigured"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_connection_options_are_reported_by_every_subcommand() {
    let port = shared_mongod().port();
    for (uri, words) in [
        (
            format!("mongodb://127.0.0.1:{port},127.0.0.1:9/rocketchat?directConnection=true"),
            "needs a single host",
        ),
        (
            format!("mongodb://127.0.0.1:{port}/rocketchat?tls=true&tlsCAFile=/nonexistent.pem"),
            "cannot read `/nonexistent.pem`",
        ),
    ] {
        for (subcommand, status) in [("--config.check", 2), ("statistics", 1), ("check", 1)] {
            let output = Exporter::command()
                .args([subcommand, "--mongodb.uri", &uri])
                .output();
            let output = output.expect("the exporter runs");
            let printed = [output.stdout, output.stderr].concat();
            let printed = String::from_utf8_lossy(&printed);
            assert_eq!(
                output.status.code(),
                Some(status),
                "{subcommand}: {printed}"
            );
            assert!(printed.contains(words), "{subcommand}: {printed}");
        }
        let (log, reasons) = log_and_reasons(&uri).await;
        assert!(log.contains(words), "{log}");
        assert_eq!(reasons, ["misconfigured"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ignored_options_are_logged_once() {
    let uri = format!(
        "mongodb://127.0.0.1:{}/rocketchat?compressors=zlib&timeoutMS=1",
        shared_mongod().port()
    );
    let (log, _) = log_and_reasons(&uri).await;
    assert_eq!(
        log.matches("`compressors`: replies are not compressed")
            .count(),
        1,
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn members_with_unknown_names_are_reported_with_the_given_address() {
    let set = mongod(Options {
        replica_set: true,
        private_name: Some("mongodb"),
        ..Options::default()
    })
    .await;
    let port = set.port();
    let given = format!("mongodb://127.0.0.1:{port}/rocketchat");
    for uri in [given.clone(), format!("{given}?replicaSet=rs0")] {
        let (log, reasons) = log_and_reasons(&uri).await;
        // The log escapes the apostrophe.
        let log = log.replace('\\', "");
        let member = format!("`mongodb:{port}`: its name cannot be resolved");
        assert!(log.contains(&member), "{log}");
        let advice = format!(
            "these are the names of the replica set's members according to `127.0.0.1:{port}`; make them reachable from this machine, or set directConnection=true"
        );
        assert!(log.contains(&advice), "{log}");
        assert_eq!(reasons, ["unreachable"]);
    }

    // The advice helps, and a wrong name of the set is reported with the right one here, too.
    let direct = format!("{given}?directConnection=true");
    fill(&set, "rocketchat").await;
    let exporter = Exporter::on(&direct, &SHORT_INTERVALS);
    eventually("the workspace is read", || {
        exporter.value("rocketchat_up").filter(|up| *up > 0.0)
    })
    .await;
    let (log, _) = log_and_reasons(&format!("{given}?replicaSet=other")).await;
    let found = format!(
        "has replicaSet=other, and `127.0.0.1:{port}` belongs to the replica set `rs0`; correct the name"
    );
    assert!(log.contains(&found), "{log}");
}
