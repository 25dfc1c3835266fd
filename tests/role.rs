//! The subcommand `role`: what it prints is accepted by MongoDB, suffices, and has nothing else.

use std::collections::BTreeSet;

use mongodb::Client;
use mongodb::bson::doc;
use serde_json::Value as Json;
use testbed::mongod::Options;

use crate::connecting::fill;
use crate::support::{
    Exporter, PASSWORD, READER, client, create_reader, eventually, exporter_of_reader, mongod,
    printed_connection_string, printed_role,
};

/// Database, collection and action.
type Action = (String, String, String);

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn actions(privileges: &Json) -> BTreeSet<Action> {
    let privileges = privileges.as_array().expect("privileges are a list");
    let each = privileges.iter().flat_map(|privilege| {
        let resource = &privilege["resource"];
        let actions = privilege["actions"].as_array().expect("actions are a list");
        actions.iter().map(|action| {
            let place = (text(&resource["db"]), text(&resource["collection"]));
            (place.0, place.1, text(action))
        })
    });
    each.collect()
}

/// What the role allows by what MongoDB says.
async fn granted(client: &Client) -> BTreeSet<Action> {
    let reply = client
        .database("admin")
        .run_command(doc! { "rolesInfo": "rocketchatExporter", "showPrivileges": true })
        .await
        .expect("the role can be shown");
    let role: Json = serde_json::to_value(&reply).expect("a reply can be JSON");
    actions(&role["roles"][0]["privileges"])
}

/// The report of `check` by the user of the role, with these flags.
pub fn checked(port: u16, flags: &[&str]) -> Json {
    let output = Exporter::command()
        .env(
            "ROCKETCHAT_EXPORTER_MONGODB_URI",
            printed_connection_string()
                .replace(":PASSWORD@HOST:27017/", &format!("@127.0.0.1:{port}/")),
        )
        .env("ROCKETCHAT_EXPORTER_MONGODB_PASSWORD", PASSWORD)
        .args(["check", "--format=json", "--rocketchat.license-modules=*"])
        .args(flags)
        .output()
        .expect("the exporter runs");
    let report: Json = serde_json::from_slice(&output.stdout).expect("the output is JSON");
    assert_eq!(output.status.code(), Some(0), "{}", report["problems"]);
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn role_of_some_collectors_has_what_they_need_and_nothing_else() {
    let mongod = mongod(Options {
        auth: true,
        ..Options::default()
    })
    .await;
    fill(&mongod, "rocketchat").await;
    let administrator = client(&mongod.uri()).await;
    let some = ["--collector.disable-defaults", "--mongodb.live=off"];
    for collectors in [
        &["--collector.users", "--collector.sessions"][..],
        &["--collector.server", "--collector.collections"],
        &["--collector.workspace", "--collector.jobs"],
    ] {
        let flags = [&some, collectors].concat();
        create_reader(&administrator, &[&flags[..], &["--without-api"]].concat()).await;
        let report = checked(mongod.port(), &flags);
        let needed = report["privileges"]["needed"].as_array();
        let needed: BTreeSet<Action> = needed
            .expect("the report lists privileges")
            .iter()
            .filter(|row| row["needed_by"] != serde_json::json!(["the API"]))
            .map(|row| {
                let place = text(&row["collection"]);
                let (database, collection) = match place.strip_prefix("local.") {
                    Some(collection) => ("local", collection),
                    None if place.is_empty() => ("", ""),
                    None => ("rocketchat", place.as_str()),
                };
                (database.into(), collection.into(), text(&row["action"]))
            })
            .collect();
        assert!(needed.len() > 2, "{needed:?}");
        assert_eq!(granted(&administrator).await, needed, "{collectors:?}");
        for (command, name) in [("dropRole", "rocketchatExporter"), ("dropUser", READER)] {
            let admin = administrator.database("admin");
            let dropped = admin.run_command(doc! { command: name }).await;
            dropped.expect("the role and the user can be dropped");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn role_of_some_collectors_suffices_for_live_mode() {
    let mongod = mongod(Options {
        auth: true,
        replica_set: true,
        ..Options::default()
    })
    .await;
    fill(&mongod, "rocketchat").await;
    let flags = [
        "--collector.disable-defaults",
        "--collector.users",
        "--mongodb.live=on",
    ];
    create_reader(&client(&mongod.uri()).await, &flags).await;
    let exporter = exporter_of_reader(&mongod, &flags);
    eventually("users are followed", || {
        let state = "rocketchat_exporter_live_state{state=\"following\"}";
        exporter.value(state).filter(|state| *state > 0.0)
    })
    .await;
}

#[test]
fn every_format_has_the_same_role() {
    let json: Json =
        serde_json::from_str(&printed_role(&["--format=json"])).expect("the output is JSON");
    let expected = actions(&json[0]["privileges"]);
    assert!(expected.len() > 70, "{expected:?}");
    assert!(json[1].get("pwd").is_none(), "{}", json[1]);

    let mongosh = printed_role(&[]);
    let (role, user) = mongosh
        .strip_prefix("db.getSiblingDB(\"admin\").createRole(")
        .and_then(|rest| rest.split_once(")\ndb.getSiblingDB(\"admin\").createUser("))
        .expect("there are two statements");
    let role: Json = serde_json::from_str(role).expect("the argument is JSON");
    assert_eq!(role["role"], json[0]["createRole"]);
    assert_eq!(actions(&role["privileges"]), expected);
    let (user, _) = user.split_once(")\n//").expect("the statement ends");
    let user: Json = serde_json::from_str(&user.replace("passwordPrompt()", "true"))
        .expect("the argument is JSON but for the prompt");
    assert_eq!(user["user"], json[1]["createUser"]);
    assert_eq!(user["pwd"], true);
    assert_eq!(user["roles"], json[1]["roles"]);

    let resource: Json = serde_saphyr::from_str(&printed_role(&["--format=mongodb-community"]))
        .expect("the output is YAML");
    let role = &resource["spec"]["security"]["roles"][0];
    assert_eq!(actions(&role["privileges"]), expected);
    assert_eq!(
        (&role["role"], &role["db"]),
        (&json[0]["createRole"], &Json::from("admin"))
    );
    let user = &resource["spec"]["users"][0];
    assert_eq!(user["name"], json[1]["createUser"]);
    assert_eq!(
        user["roles"],
        serde_json::json!([{ "name": role["role"], "db": "admin" }])
    );
    assert!(user["passwordSecretRef"]["name"].is_string());
}

#[test]
fn database_is_that_of_the_flag_or_of_the_connection_string() {
    let database = |flags: &[&str]| {
        let printed = printed_role(&[&["--format=json"], flags].concat());
        assert!(!printed.contains("secret"), "{printed}");
        let json: Json = serde_json::from_str(&printed).expect("the output is JSON");
        let named = actions(&json[0]["privileges"]).into_iter();
        let named: BTreeSet<String> = named.map(|(database, ..)| database).collect();
        named.into_iter().collect::<Vec<_>>().join(" ")
    };
    let uri = "--mongodb.uri=mongodb://me:secret@db.example/chat";
    assert_eq!(database(&[]), " local rocketchat");
    assert_eq!(database(&[uri]), " chat local");
    assert_eq!(
        database(&[uri, "--mongodb.database=meteor"]),
        " local meteor"
    );
    assert_eq!(
        database(&[uri, "--mongodb.database=meteor", "--database=team"]),
        " local team"
    );
}

#[test]
fn password_is_not_printed() {
    let printed = Exporter::command()
        .arg("role")
        .env("ROCKETCHAT_EXPORTER_MONGODB_PASSWORD", PASSWORD)
        .env(
            "ROCKETCHAT_EXPORTER_MONGODB_URI",
            "mongodb://me@db.example/",
        )
        .output()
        .expect("the exporter runs");
    assert!(printed.status.success(), "{printed:?}");
    for text in [printed.stdout, printed.stderr] {
        assert!(!String::from_utf8_lossy(&text).contains("p@ss"));
    }
}

#[test]
fn wrong_database_name_is_refused() {
    let output = Exporter::command()
        .args(["role", "--database=a.b"])
        .output()
        .expect("the exporter runs");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
