//! The answers of a real Rocket.Chat on its own database, compared field by field.

use serde_json::{Map, Value};

use crate::support::{Exporter, dump, eventually, fresh_database, uri_of};

/// Fields that cannot be equal: they describe another machine, another server version, or the second of the capture.
const OF_ANOTHER_MACHINE: [&str; 3] = ["os", "process", "mongoVersion"];

fn object(bytes: &[u8]) -> Map<String, Value> {
    match serde_json::from_slice(bytes).expect("the answer is JSON") {
        Value::Object(object) => object,
        other => panic!("not an object: {other}"),
    }
}

/// Sorts the lists whose order is random in the original.
fn sorted(key: &str, mut value: Value) -> Value {
    if key.starts_with("unique")
        && let Some(data) = value.get_mut("data").and_then(Value::as_array_mut)
    {
        data.sort_by_key(ToString::to_string);
    }
    value
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_equals_what_rocket_chat_3_4_0_answered() {
    let Some(truth) = dump::truth() else {
        eprintln!("not compared: the dump of a real workspace does not lie beside the project");
        return;
    };
    let alpha = truth.join("alpha");
    let read = |name: &str| std::fs::read(alpha.join(name)).expect("the capture is complete");
    let expected = object(&read("statistics.json"));
    let tokens = object(&read("tokens.json"));
    let admin = |name: &str| tokens["admin"][name].as_str().expect("the admin has it");

    let database = fresh_database().await;
    dump::load(&alpha.join("dump"), &database).await;
    let exporter = Exporter::on(
        &uri_of(&database),
        &["--debug.now=2026-11-21T00:16:51.225Z"],
    );
    eventually("all collectors succeed", || {
        exporter.all_collectors_succeeded().then_some(())
    })
    .await;
    let answer = exporter.request(
        "GET",
        "/api/v1/statistics?refresh=true&shape=flat",
        &[
            ("X-Auth-Token", admin("authToken")),
            ("X-User-Id", admin("userId")),
        ],
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answered = object(&answer.body);

    for (key, expected) in &expected {
        if OF_ANOTHER_MACHINE.contains(&key.as_str()) {
            continue;
        }
        let answered = answered.get(key).cloned().unwrap_or_default();
        assert_eq!(
            sorted(key, answered),
            sorted(key, expected.clone()),
            "{key}"
        );
    }
    let unexpected: Vec<_> = answered
        .keys()
        .filter(|key| !expected.contains_key(*key))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    for key in ["nodeVersion", "pid"] {
        assert_eq!(answered["process"][key], expected["process"][key], "{key}");
    }
    agree(&exporter, &expected);
}

/// The metrics say the same, where their definition is that of 3.4.0.
fn agree(exporter: &Exporter, expected: &Map<String, Value>) {
    for (series, key) in [
        (
            "rocketchat_users_connected{connection=\"online\"}",
            "onlineUsers",
        ),
        (
            "rocketchat_users_connected{connection=\"away\"}",
            "awayUsers",
        ),
        ("rocketchat_rooms{kind=\"channel\"}", "totalChannels"),
        (
            "rocketchat_rooms{kind=\"private_group\"}",
            "totalPrivateGroups",
        ),
        ("rocketchat_rooms{kind=\"direct\"}", "totalDirect"),
        ("rocketchat_rooms{kind=\"livechat\"}", "totalLivechat"),
        ("rocketchat_discussions", "totalDiscussions"),
        ("rocketchat_threads", "totalThreads"),
        (
            "rocketchat_room_messages{kind=\"channel\"}",
            "totalChannelMessages",
        ),
        (
            "rocketchat_room_messages{kind=\"direct\"}",
            "totalDirectMessages",
        ),
        ("rocketchat_uploads", "uploadsTotal"),
        ("rocketchat_uploads_size_bytes", "uploadsTotalSize"),
        ("rocketchat_livechat_visitors", "totalLivechatVisitors"),
        ("rocketchat_livechat_agents", "totalLivechatAgents"),
        ("rocketchat_instances", "instanceCount"),
        (
            "rocketchat_accounts{kind=\"guest\",state=\"activated\"}",
            "activeGuests",
        ),
    ] {
        assert_eq!(exporter.value(series), expected[key].as_f64(), "{series}");
    }
    // The real number of messages beside the sum of the drifting counters.
    assert_eq!(exporter.value("rocketchat_messages"), Some(551.0));
}
