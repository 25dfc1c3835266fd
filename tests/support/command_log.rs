//! Commands that a MongoDB server received, read from its log.

use std::fs;

use mongodb::Client;
use mongodb::bson::doc;
use serde_json::{Map, Value};
use testbed::mongod::Mongod;

/// A command that an exporter sent.
pub struct LoggedCommand {
    pub name: String,
    /// Its own comment, or for `getMore` that of the command that opened the cursor.
    pub comment: String,
    /// Whether it opens or continues a change stream.
    pub is_stream: bool,
    pub command: Value,
}

/// Makes a server log every command without truncating it.
pub async fn log_commands(client: &Client) {
    let admin = client.database("admin");
    for parameter in [
        doc! { "setParameter": 1, "logComponentVerbosity": { "command": { "verbosity": 1 } } },
        doc! { "setParameter": 1, "maxLogSizeKB": 1_000 },
    ] {
        admin
            .run_command(parameter)
            .await
            .expect("the parameter can be set");
    }
}

/// The log of a server.
pub fn server_log(mongod: &Mongod) -> String {
    fs::read_to_string(mongod.directory().join("log")).expect("the log can be read")
}

/// Commands of exporters in the log of a server, from this offset in bytes on.
pub fn logged_commands(mongod: &Mongod, offset: usize) -> Vec<LoggedCommand> {
    let log = server_log(mongod);
    // The last line may be incomplete.
    let end = log.rfind('\n').unwrap_or_default().max(offset);
    log[offset..end]
        .lines()
        .filter(|line| line.contains("\"rocketchat-exporter\""))
        .filter_map(|line| {
            let line: Value = serde_json::from_str(line).expect("the log is JSON");
            let attributes = &line["attr"];
            let command = attributes["command"].as_object()?;
            let name = command.keys().next().expect("a command has a name");
            let comment =
                |command: &Map<String, Value>| command.get("comment")?.as_str().map(str::to_owned);
            let is_stream = [&attributes["command"], &attributes["originatingCommand"]]
                .iter()
                .any(|command| command["pipeline"][0].get("$changeStream").is_some());
            let continued = || comment(attributes["originatingCommand"].as_object()?);
            Some(LoggedCommand {
                name: name.clone(),
                comment: comment(command).or_else(continued).unwrap_or_default(),
                is_stream,
                command: attributes["command"].clone(),
            })
        })
        .collect()
}
