//! Definitions of metrics, on documents for which similar definitions would give other values.

use mongodb::bson::{DateTime, Document, doc};

use crate::support::exporter_on;

fn instance(id: &str, heartbeat: DateTime, node: &str) -> Document {
    doc! { "_id": id, "pid": 1, "_updatedAt": heartbeat, "extraInformation": { "nodeVersion": node } }
}

fn session(user: &str, instances: &[&str]) -> Document {
    let connections: Vec<_> = instances
        .iter()
        .map(|instance| doc! { "id": "x", "instanceId": *instance, "status": "online" })
        .collect();
    doc! { "_id": user, "connections": connections }
}

#[tokio::test(flavor = "multi_thread")]
async fn connected_people_exclude_bots_and_dead_instances() {
    let now = DateTime::now();
    let later = DateTime::from_millis(now.timestamp_millis() + 3_600_000);
    let exporter = exporter_on(vec![
        (
            "instances",
            vec![
                instance("live", now, "v20.1.0"),
                instance("other", now, "v22.0.0"),
                instance("ahead", later, "v18.0.0"),
            ],
        ),
        (
            "users",
            vec![
                doc! { "_id": "ann", "type": "user" },
                doc! { "_id": "bob" },
                doc! { "_id": "crashed", "type": "user" },
                doc! { "_id": "bot", "type": "bot" },
                doc! { "_id": "app", "type": "app" },
            ],
        ),
        (
            "usersSessions",
            vec![
                session("ann", &["live", "other", "gone"]),
                session("bob", &["live"]),
                session("crashed", &["gone"]),
                session("bot", &["live"]),
                session("app", &["live"]),
                session("unknown", &["live"]),
                doc! { "_id": "empty", "connections": [] },
                doc! { "_id": "invalid", "connections": 3 },
            ],
        ),
    ])
    .await;
    assert_eq!(exporter.value("rocketchat_people_connected"), Some(2.0));
    assert_eq!(exporter.value("rocketchat_user_connections"), Some(6.0));
    assert_eq!(exporter.value("rocketchat_instances"), Some(2.0));
    assert_eq!(exporter.value("rocketchat_instances_in_future"), Some(1.0));
    assert_eq!(
        exporter.value("rocketchat_instance_node_versions"),
        Some(2.0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_counted_over_several_replies() {
    let names: Vec<String> = (0..4_001).map(|number| format!("user{number}")).collect();
    let users = names.iter().map(|name| doc! { "_id": name });
    let sessions = names.iter().map(|name| session(name, &["live", "live"]));
    let exporter = exporter_on(vec![
        ("instances", vec![instance("live", DateTime::now(), "v20")]),
        ("users", users.collect()),
        ("usersSessions", sessions.collect()),
    ])
    .await;
    assert_eq!(exporter.value("rocketchat_people_connected"), Some(4_001.0));
    assert_eq!(exporter.value("rocketchat_user_connections"), Some(8_002.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn available_agents_and_waiting_conversations_are_counted() {
    let agent = |id: &str, livechat: &str, status: &str, active: bool| {
        doc! {
            "_id": id, "roles": ["user", "livechat-agent"], "statusLivechat": livechat,
            "status": status, "active": active,
        }
    };
    let began = DateTime::from_millis(1_700_000_000_000);
    let exporter = exporter_on(vec![
        (
            "users",
            vec![
                agent("ready", "available", "online", true),
                agent("away", "available", "away", true),
                agent("offline", "available", "offline", true),
                agent("closed", "not-available", "online", true),
                agent("former", "available", "online", false),
                doc! { "_id": "no agent", "statusLivechat": "available", "status": "online", "active": true },
            ],
        ),
        (
            "rocketchat_room",
            vec![
                doc! { "t": "l", "open": true },
                doc! { "t": "l", "open": true },
                doc! { "t": "l" },
                doc! { "t": "c", "open": true },
            ],
        ),
        (
            "rocketchat_livechat_inquiry",
            vec![
                doc! { "status": "queued", "ts": DateTime::now() },
                doc! { "status": "queued", "ts": began },
                doc! { "status": "ready", "ts": "invalid" },
                doc! { "status": "taken", "ts": DateTime::from_millis(1) },
            ],
        ),
    ])
    .await;
    assert_eq!(exporter.value("rocketchat_livechat_agents"), Some(5.0));
    assert_eq!(
        exporter.value("rocketchat_livechat_agents_available"),
        Some(2.0)
    );
    assert_eq!(exporter.value("rocketchat_livechat_open"), Some(2.0));
    assert_eq!(exporter.value("rocketchat_livechat_waiting"), Some(3.0));
    assert_eq!(
        exporter.value("rocketchat_livechat_waiting_since_timestamp_seconds"),
        Some(1_700_000_000.0)
    );
}
