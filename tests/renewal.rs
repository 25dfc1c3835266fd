//! Certificates and passwords for MongoDB that change while the exporter runs.

use std::fs;

use mongodb::bson::doc;
use testbed::mongod::Options;

use crate::support::tls::Authority;
use crate::support::{
    Exporter, Filled, PASSWORD, READER, SHORT_INTERVALS, client, eventually, mongod, with_reader,
};

async fn wait_for_up(exporter: &Exporter, up: f64) {
    eventually("rocketchat_up has the expected value", || {
        (exporter.value("rocketchat_up") == Some(up)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_authority_is_used_by_the_next_connection() {
    let folder = tempfile::tempdir().expect("a directory can be created");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let renew = || {
        let authority = Authority::new();
        let server = authority.server();
        fs::write(path("ca.pem"), authority.pem()).expect("the file can be written");
        let both = server.certificate + &server.key;
        fs::write(path("server.pem"), both).expect("the file can be written");
    };
    renew();
    let options = Options {
        arguments: [
            "--tlsMode",
            "preferTLS",
            "--tlsCertificateKeyFile",
            &path("server.pem"),
        ]
        .map(str::to_owned)
        .into(),
        ..Options::default()
    };
    let mut mongod = mongod(options).await;
    Filled::at(&mongod.uri()).await;
    let uri = format!(
        "mongodb://localhost:{}/rocketchat?tls=true&tlsCAFile={}",
        mongod.port(),
        path("ca.pem")
    );
    let exporter = Exporter::on(&uri, &SHORT_INTERVALS);
    exporter.wait_for_collectors().await;
    renew();
    mongod.kill().expect("mongod can be killed");
    wait_for_up(&exporter, 0.0).await;
    mongod.restart().await.expect("mongod can be restarted");
    wait_for_up(&exporter, 1.0).await;
    exporter.wait_for_collectors().await;
    // An invalid file is logged, and the last valid one stays in use.
    fs::write(path("ca.pem"), "nothing").expect("the file can be written");
    eventually("the invalid file is logged", || {
        exporter
            .log()
            .contains("has no valid certificate")
            .then_some(())
    })
    .await;
    exporter.wait_for_collectors().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_password_is_used_by_the_next_login() {
    let mut mongod = with_reader().await;
    let folder = tempfile::tempdir().expect("a directory can be created");
    let file = folder.path().join("password");
    fs::write(&file, "wrong").expect("the file can be written");
    let uri = format!(
        "mongodb://{READER}@127.0.0.1:{}/rocketchat?authSource=admin",
        mongod.port()
    );
    let file_flag = format!("--mongodb.password-file={}", file.display());
    // Without the short connect timeout: deriving a key from a password takes longer on a busy machine.
    let exporter = Exporter::on(
        &uri,
        &[&[file_flag.as_str()][..], &SHORT_INTERVALS[..4]].concat(),
    );
    let failing =
        "rocketchat_exporter_collector_failing{collector=\"users\",reason=\"unauthenticated\"}";
    eventually("the login is refused", || exporter.value(failing)).await;
    fs::write(&file, PASSWORD).expect("the file can be written");
    wait_for_up(&exporter, 1.0).await;

    let admin = client(&mongod.uri()).await.database("admin");
    // The change must be on disk before the server is killed.
    let durable = doc! { "w": 1, "j": true };
    let update = doc! { "updateUser": READER, "pwd": "another", "writeConcern": durable };
    admin
        .run_command(update)
        .await
        .expect("the password can be changed");
    fs::write(&file, "another").expect("the file can be written");
    mongod.kill().expect("mongod can be killed");
    wait_for_up(&exporter, 0.0).await;
    mongod.restart().await.expect("mongod can be restarted");
    wait_for_up(&exporter, 1.0).await;
    assert!(!exporter.log().contains(PASSWORD));
}
