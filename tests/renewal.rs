//! Files of the connection to MongoDB that change while the exporter runs.

use std::fs;

use mongodb::bson::doc;
use testbed::mongod::Options;

use crate::support::tls::Authority;
use crate::support::{
    Exporter, Filled, PASSWORD, READER, SOON, client, eventually, mongod, with_reader,
};

async fn is_up(exporter: &Exporter, up: f64) {
    eventually("the database is read or not", || {
        (exporter.value("rocketchat_up") == Some(up)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_authority_is_used_by_the_next_connection() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let renew = || {
        let authority = Authority::new();
        let server = authority.server();
        fs::write(path("ca.pem"), authority.pem()).expect("it can be written");
        let both = server.certificate + &server.key;
        fs::write(path("server.pem"), both).expect("it can be written");
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
    let exporter = Exporter::on(&uri, &SOON);
    exporter.whole().await;
    renew();
    mongod.kill().expect("mongod can be killed");
    is_up(&exporter, 0.0).await;
    mongod.restart().await.expect("mongod can start again");
    is_up(&exporter, 1.0).await;
    exporter.whole().await;
    // What cannot be used is told, and does no harm.
    fs::write(path("ca.pem"), "nothing").expect("it can be written");
    eventually("it is told", || {
        exporter
            .log()
            .contains("has no valid certificate")
            .then_some(())
    })
    .await;
    exporter.whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_password_is_used_by_the_next_login() {
    let mut mongod = with_reader().await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("password");
    fs::write(&file, "wrong").expect("it can be written");
    let uri = format!(
        "mongodb://{READER}@127.0.0.1:{}/rocketchat?authSource=admin",
        mongod.port()
    );
    let file_flag = format!("--mongodb.password-file={}", file.display());
    // Without the short time to connect: to derive a key of a password takes longer on a busy machine.
    let exporter = Exporter::on(&uri, &[&[file_flag.as_str()][..], &SOON[..4]].concat());
    let failing =
        "rocketchat_exporter_collector_failing{collector=\"users\",reason=\"unauthenticated\"}";
    eventually("the login is refused", || exporter.value(failing)).await;
    fs::write(&file, PASSWORD).expect("it can be written");
    is_up(&exporter, 1.0).await;

    let admin = client(&mongod.uri()).await.database("admin");
    // On the disk before the server is killed.
    let durable = doc! { "w": 1, "j": true };
    let update = doc! { "updateUser": READER, "pwd": "another", "writeConcern": durable };
    admin.run_command(update).await.expect("it can be changed");
    fs::write(&file, "another").expect("it can be written");
    mongod.kill().expect("mongod can be killed");
    is_up(&exporter, 0.0).await;
    mongod.restart().await.expect("mongod can start again");
    is_up(&exporter, 1.0).await;
    assert!(!exporter.log().contains(PASSWORD));
}
