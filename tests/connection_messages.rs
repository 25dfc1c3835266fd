//! What is said when no server can be asked: in words, with what to do, and the same for all collectors.

use testbed::mongod::Options;

use crate::support::{
    Exporter, READER, SOON, assert_no_structures, eventually, mongod, shared_mongod, with_reader,
};

/// What the exporter logs of why nothing can be read, once it has tried everything, and the reasons of its collectors.
async fn told(uri: &str) -> (String, Vec<String>) {
    let exporter = Exporter::on(uri, &SOON);
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
    assert_no_structures(&log);
    assert_no_structures(&exporter.get("/").text());
    (log, reasons)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_the_reason_of_every_collector() {
    let mongod = with_reader().await;
    let uri = format!(
        "mongodb://{READER}:wrong@127.0.0.1:{}/rocketchat?authSource=admin",
        mongod.port()
    );
    let (log, reasons) = told(&uri).await;
    assert!(log.contains("MongoDB refuses the login"), "{log}");
    assert!(log.contains("authSource"), "{log}");
    assert_eq!(reasons, ["unauthenticated"], "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_cannot_be_reached_are_named() {
    let (log, reasons) = told("mongodb://127.0.0.1:9,no-such-host.invalid/?replicaSet=rs0").await;
    assert!(log.contains("`127.0.0.1:9`: Connection refused"), "{log}");
    assert!(
        log.contains("`no-such-host.invalid:27017`: its name cannot be resolved"),
        "{log}"
    );
    assert_eq!(reasons, ["unreachable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_name_of_a_replica_set_is_told_with_the_right_one() {
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
        let (log, _) = told(&uri).await;
        assert!(log.contains("has replicaSet=wrong"), "{log}");
        assert!(log.contains("belongs to the replica set `rs0`"), "{log}");
    }
    let uri = format!(
        "mongodb://127.0.0.1:{}/?replicaSet=rs0",
        shared_mongod().port()
    );
    let (log, _) = told(&uri).await;
    assert!(
        log.contains("belongs to no replica set: it is a standalone server"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_preference_that_no_member_suits_is_told() {
    let set = mongod(Options {
        replica_set: true,
        ..Options::default()
    })
    .await;
    let uri = format!(
        "mongodb://127.0.0.1:{}/?replicaSet=rs0&readPreference=secondary",
        set.port()
    );
    let (log, _) = told(&uri).await;
    assert!(log.contains("matches readPreference=secondary"), "{log}");
    assert!(log.contains("it is the primary"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_that_is_none_is_told() {
    let uri = format!(
        "mongodb://127.0.0.1:{}/?loadBalanced=true",
        shared_mongod().port()
    );
    let (log, reasons) = told(&uri).await;
    assert!(log.contains("remove loadBalanced"), "{log}");
    assert_eq!(reasons, ["misconfigured"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_never_work_is_told_by_every_task() {
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
        for (task, status) in [("--config.check", 2), ("statistics", 1), ("check", 1)] {
            let output = Exporter::command()
                .args([task, "--mongodb.uri", &uri])
                .output();
            let output = output.expect("the exporter runs");
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert_eq!(output.status.code(), Some(status), "{task}: {said}");
            assert!(said.contains(words), "{task}: {said}");
        }
        let (log, reasons) = told(&uri).await;
        assert!(log.contains(words), "{log}");
        assert_eq!(reasons, ["misconfigured"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_are_left_out_are_told_once() {
    let uri = format!(
        "mongodb://127.0.0.1:{}/rocketchat?compressors=zlib&timeoutMS=1",
        shared_mongod().port()
    );
    let (log, _) = told(&uri).await;
    assert_eq!(
        log.matches("`compressors`: replies are not compressed")
            .count(),
        1,
        "{log}"
    );
}
