//! The read-only user of `docs/mongodb-user.md`.

use mongodb::bson::{Document, doc};
use testbed::mongod::{Mongod, Options};

use super::{Exporter, Filled, mongod};

/// A password with every character that is special in a connection string.
pub const PASSWORD: &str = "p@ss/w:rd%41#?";

pub const READER: &str = "rocketchat-exporter";

/// Starts a MongoDB with a workspace and the documented user.
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
    let admin = database.client().database("admin");
    let (role, user) = documented_statements();
    for mut statement in [role, user] {
        if statement.contains_key("pwd") {
            statement.insert("pwd", PASSWORD);
        }
        admin
            .run_command(statement)
            .await
            .expect("MongoDB accepts the documented statement");
    }
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

/// The arguments of `createRole` and `createUser` in `docs/mongodb-user.md`, as commands.
fn documented_statements() -> (Document, Document) {
    let page = include_str!("../../docs/mongodb-user.md");
    let argument = |function: &str| {
        let (_, rest) = page
            .split_once(&format!(".{function}("))
            .unwrap_or_else(|| panic!("the page has no {function}"));
        let (argument, _) = rest.split_once("\n})").expect("the statement ends");
        let object: serde_json::Value =
            serde_json::from_str(&format!("{argument}\n}}")).expect("the argument is JSON");
        mongodb::bson::serialize_to_document(&object).expect("JSON is BSON")
    };
    let command = |function: &str, key: &str| {
        let mut arguments = argument(function);
        let name = arguments
            .remove(key)
            .expect("the statement names a role or a user");
        let mut command = doc! { function: name };
        command.extend(arguments);
        command
    };
    (command("createRole", "role"), command("createUser", "user"))
}
