//! The read-only user that `role` prints.

use mongodb::Client;
use mongodb::bson::Document;
use testbed::mongod::{Mongod, Options};

use super::{Exporter, Filled, mongod};

/// A password with every character that is special in a connection string.
pub const PASSWORD: &str = "p@ss/w:rd%41#?";

pub const READER: &str = "rocketchat-exporter";

/// Starts a MongoDB with a workspace and the user of a role for every collector.
pub async fn with_reader() -> Mongod {
    with_reader_on(false).await
}

/// The same, as a replica set or not.
pub async fn with_reader_on(replica_set: bool) -> Mongod {
    let options = Options {
        auth: true,
        replica_set,
        ..Options::default()
    };
    let mongod = mongod(options).await;
    let database = Filled::at(&mongod.uri()).await.database;
    create_reader(database.client(), &[]).await;
    mongod
}

/// Starts an exporter that logs in as that user, with the password in an environment variable.
pub fn exporter_of_reader(mongod: &Mongod, arguments: &[&str]) -> Exporter {
    let uri = format!(
        "mongodb://{READER}@127.0.0.1:{}/rocketchat?authSource=admin",
        mongod.port()
    );
    let mut command = Exporter::command();
    command
        .env("ROCKETCHAT_EXPORTER_MONGODB_URI", uri)
        .env("ROCKETCHAT_EXPORTER_MONGODB_PASSWORD", PASSWORD)
        .args(arguments);
    Exporter::spawn(&mut command)
}

/// Creates the role and the user that `role` prints with these flags.
pub async fn create_reader(client: &Client, flags: &[&str]) {
    let printed = printed_role(&[&["--format=json"], flags].concat());
    let commands: Vec<serde_json::Value> =
        serde_json::from_str(&printed).expect("the output is JSON");
    for command in commands {
        let mut command: Document =
            mongodb::bson::serialize_to_document(&command).expect("JSON is BSON");
        if command.contains_key("createUser") {
            command.insert("pwd", PASSWORD);
        }
        let created = client.database("admin").run_command(command).await;
        created.expect("MongoDB accepts the printed command");
    }
}

/// What `role` prints with these flags.
pub fn printed_role(flags: &[&str]) -> String {
    let output = Exporter::command().arg("role").args(flags).output();
    let output = output.expect("the exporter runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

/// The connection string that `role` prints, with the placeholders PASSWORD and HOST.
pub fn printed_connection_string() -> String {
    let printed = printed_role(&[]);
    let (_, uri) = printed
        .trim_end()
        .rsplit_once(' ')
        .expect("it is the last word");
    uri.to_owned()
}
