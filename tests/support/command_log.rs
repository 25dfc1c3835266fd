//! Commands that reach a server, as its log has them.

use std::fs;

use mongodb::Client;
use mongodb::bson::doc;
use serde_json::{Map, Value};
use testbed::mongod::Mongod;

/// A command of an exporter.
pub struct LoggedCommand {
    pub name: String,
    /// Its own, or that of the command whose answer it continues.
    pub comment: String,
    /// Whether it opens or continues a change stream.
    pub of_stream: bool,
    pub command: Value,
}

/// Has a server write every command to its log, whole.
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

/// What is in the log of a server.
pub fn server_log(mongod: &Mongod) -> String {
    fs::read_to_string(mongod.directory().join("log")).expect("the log can be read")
}

/// Commands of exporters that a server logged since its log had this length.
pub fn logged_commands(mongod: &Mongod, length: usize) -> Vec<LoggedCommand> {
    let log = server_log(mongod);
    // The last line may be under way.
    let whole = log.rfind('\n').unwrap_or_default().max(length);
    log[length..whole]
        .lines()
        .filter(|line| line.contains("\"rocketchat-exporter\""))
        .filter_map(|line| {
            let line: Value = serde_json::from_str(line).expect("the log is JSON");
            let attributes = &line["attr"];
            let command = attributes["command"].as_object()?;
            let name = command.keys().next().expect("a command has a name");
            let comment =
                |command: &Map<String, Value>| command.get("comment")?.as_str().map(str::to_owned);
            let of_stream = [&attributes["command"], &attributes["originatingCommand"]]
                .iter()
                .any(|command| command["pipeline"][0].get("$changeStream").is_some());
            let continued = || comment(attributes["originatingCommand"].as_object()?);
            Some(LoggedCommand {
                name: name.clone(),
                comment: comment(command).or_else(continued).unwrap_or_default(),
                of_stream,
                command: attributes["command"].clone(),
            })
        })
        .collect()
}
