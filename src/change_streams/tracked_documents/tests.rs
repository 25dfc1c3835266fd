//! Tracked documents have the counters of a full read after any change of the documents.

use std::iter::repeat_with;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};

use super::super::FollowedCollections;
use super::*;
use crate::catalogue::Timestamp;
use crate::collectors::instances::{Instance, Instances, OtherInstances};
use crate::collectors::live_sections::{followed_collections, section};
use crate::collectors::settings::Settings;
use crate::collectors::users::AccountTrait;
use crate::collectors::{Collector, Reading, Snapshot};

fn raw(document: &Document) -> RawDocumentBuf {
    RawDocumentBuf::try_from(document).expect("the document can be written")
}

/// What all collectors follow.
fn followed() -> FollowedCollections {
    followed_collections(&Collector::ALL.into())
}

/// What a full read of these documents finds.
fn read(
    hasher: &IdHasher,
    all: &[(&'static str, &BTreeMap<String, Document>)],
) -> TrackedDocuments {
    let followed = followed();
    let scans = all.iter().map(|(collection, documents)| {
        let collection = followed[collection].clone();
        let mut scan = CollectionScan::new(hasher.clone(), collection, documents.len());
        for (id, document) in *documents {
            scan.add(&raw(&with_id(id, document)));
        }
        scan
    });
    TrackedDocuments::new(hasher.clone(), scans.collect())
}

fn with_id(id: &str, document: &Document) -> Document {
    let mut with_id = doc! { "_id": id };
    with_id.extend(document.clone());
    with_id
}

fn event(operation: &str, collection: &str, id: &str, more: Document) -> RawDocumentBuf {
    let mut event = doc! {
        "operationType": operation,
        "ns": { "db": "rocketchat", "coll": collection },
        "documentKey": { "_id": id },
    };
    event.extend(more);
    raw(&event)
}

/// The section of a collector, for comparison.
fn section_of(collector: Collector, documents: &TrackedDocuments, known: &Snapshot) -> String {
    format!("{:?}", section(collector, documents, known))
}

/// Values of a field, unusual ones among them; `None` means that it is missing.
fn values(field: &str) -> Vec<Option<Bson>> {
    let texts = |all: &[&str]| {
        all.iter()
            .map(|text| Some(Bson::from(*text)))
            .collect::<Vec<_>>()
    };
    let mut values = match field {
        "status" | "statusConnection" => texts(&["online", "away", "busy", "offline"]),
        "type" => texts(&["user", "bot", "app"]),
        "t" => texts(&["c", "p", "d", "l", "v", "x"]),
        "prid" => texts(&["", "GENERAL"]),
        "language" => texts(&["", "de", "pt-BR"]),
        "streaming" => texts(&["livestream", "call"]),
        "loginServices" => [&["google", "password"][..], &["ldap"], &[]]
            .map(|names| Some(names.to_vec().into()))
            .into(),
        "roles" => vec![
            Some(vec!["guest"].into()),
            Some(vec!["user", "guest"].into()),
            Some(Bson::Array(Vec::new())),
        ],
        _ => Vec::new(),
    };
    values.extend([
        None,
        Some(Bson::Null),
        Some(true.into()),
        Some(false.into()),
        Some(0.into()),
        Some(7.into()),
        Some((-3_i64).into()),
        Some((1_i64 << 50).into()),
        Some(0.5.into()),
        Some(f64::NAN.into()),
        Some(f64::INFINITY.into()),
        Some(ObjectId::from_bytes([7; 12]).into()),
        Some(doc! { "a": 1 }.into()),
    ]);
    values
}

/// Some value of each field of a collection.
fn random_fields(random: &mut fastrand::Rng, names: &BTreeSet<&str>) -> Document {
    let mut fields = Document::new();
    for name in names {
        let mut values = values(name);
        if let Some(value) = values.swap_remove(random.usize(..values.len())) {
            fields.insert(*name, value);
        }
    }
    fields
}

#[test]
fn counters_are_those_of_a_full_read_after_random_changes() {
    let mut random = fastrand::Rng::with_seed(7);
    let known = Snapshot {
        settings: Some(Settings::default().into()),
        ..Snapshot::default()
    };
    for (name, collection) in followed() {
        if collection.fields.is_empty() {
            continue;
        }
        let hasher = IdHasher::default();
        let mut documents = BTreeMap::new();
        let mut tracked = read(&hasher, &[(name, &documents)]);
        let names: BTreeSet<_> = collection.fields.iter().map(|field| field.name).collect();
        let mut compared = 0;
        for step in 0..1_000 {
            let id = random.u32(..300).to_string();
            let event = match (random.u8(..10), documents.get_mut(&id)) {
                (0..5, Some(document)) => {
                    let fields = &collection.fields;
                    let root = fields[random.usize(..fields.len())].root();
                    // All fields below a root change at once.
                    let fields = fields.iter().filter(|field| field.root() == root);
                    let names: BTreeSet<_> = fields.map(|field| field.name).collect();
                    let set = random_fields(&mut random, &names);
                    for name in names {
                        document.remove(name);
                    }
                    document.extend(set.clone());
                    let change = doc! { "touched": [root], "set": set };
                    event("update", name, &id, change)
                }
                (5..7, Some(_)) => {
                    documents.remove(&id);
                    event("delete", name, &id, Document::new())
                }
                (_, known) => {
                    let operation = if known.is_some() { "replace" } else { "insert" };
                    let document = random_fields(&mut random, &names);
                    documents.insert(id.clone(), document.clone());
                    event(operation, name, &id, doc! { "set": document })
                }
            };
            assert!(!invalidates(&event));
            tracked.apply(&event);
            // An event that is applied twice does no harm.
            if random.bool() {
                tracked.apply(&event);
            }
            if step % 100 == 0 {
                let expected = read(&hasher, &[(name, &documents)]);
                assert!(tracked.take_pending().is_empty());
                assert_eq!(tracked.differences(&expected), [(name, 0)].into());
                for collector in Collector::ALL {
                    let section = section_of(collector, &tracked, &known);
                    assert_eq!(section, section_of(collector, &expected, &known));
                    compared += u32::from(section.starts_with("Some(Ok"));
                }
            }
        }
        assert!(compared >= 10, "{name}: {compared} sections");
    }
}

#[test]
fn connections_are_those_of_people_after_random_changes() {
    let mut random = fastrand::Rng::with_seed(7);
    let hasher = IdHasher::default();
    let known = Snapshot {
        instances: Some(live_instance().into()),
        ..Snapshot::default()
    };
    let connections =
        |documents: &TrackedDocuments| match section(Collector::Connections, documents, &known) {
            Some(Ok(Reading::Connections(connections))) => connections,
            other => panic!("sessions are followed: {other:?}"),
        };
    let (mut users, mut sessions) = (BTreeMap::new(), BTreeMap::new());
    let mut tracked = read(&hasher, &[("usersSessions", &sessions), ("users", &users)]);
    let mut max_people = 0;
    for _ in 0..1_000 {
        let id = random.u32(..40).to_string();
        match random.u8(..6) {
            0 => {
                users.remove(&id);
                tracked.apply(&event("delete", "users", &id, Document::new()));
            }
            1 | 2 => {
                let user = doc! { "type": if random.bool() { "user" } else { "bot" } };
                let inserted = doc! { "set": user.clone() };
                users.insert(id.clone(), user);
                tracked.apply(&event("insert", "users", &id, inserted));
            }
            3 => {
                sessions.remove(&id);
                tracked.apply(&event("delete", "usersSessions", &id, Document::new()));
            }
            _ => {
                let connection =
                    || doc! { "instanceId": if random.bool() { "live" } else { "gone" } };
                let connections: Vec<Document> = repeat_with(connection).take(2).collect();
                let session = doc! { "connections": connections };
                let part = doc! { "touched": ["connections.0"], "set": {} };
                tracked.apply(&event("update", "usersSessions", &id, part));
                let pending = tracked.take_pending();
                let ids = pending.into_keys().map(|(_, id)| id);
                let found = [raw(&with_id(&id, &session))];
                tracked.apply_lookup("usersSessions", ids.collect(), &found);
                sessions.insert(id.clone(), session);
            }
        }
        let expected = read(&hasher, &[("usersSessions", &sessions), ("users", &users)]);
        let differences = tracked.differences(&expected);
        assert!(differences.values().all(|number| *number == 0));
        let connections_now = connections(&tracked);
        assert_eq!(connections_now, connections(&expected));
        let people = users.iter().filter(|(id, user)| {
            let session = sessions.get(*id).map(ToString::to_string);
            let is_connected = session.is_some_and(|session| session.contains("live"));
            user.get_str("type").is_ok_and(|kind| kind == "user") && is_connected
        });
        assert_eq!(connections_now.people, people.count() as u64);
        max_people = max_people.max(connections_now.people);
    }
    assert!(max_people > 5);
}

fn live_instance() -> Instances {
    Instances {
        now: Timestamp(0),
        here: Timestamp(0),
        records: vec![Instance {
            id: "live".to_owned(),
            pid: None,
            created_at: None,
            heartbeat: Some(Timestamp(0)),
            address: String::new(),
            node_version: None,
            connections: None,
        }],
        others: OtherInstances::default(),
    }
}

#[test]
fn parts_of_fields_and_unknown_documents_are_looked_up() {
    let hasher = IdHasher::default();
    let users = [("a".to_owned(), doc! { "roles": ["user"], "active": true })];
    let mut tracked = read(&hasher, &[("users", &users.into())]);
    let part = doc! { "touched": ["roles.0"], "set": {} };
    tracked.apply(&event("update", "users", "a", part));
    let other = doc! { "touched": ["status"], "set": { "status": "away" } };
    tracked.apply(&event("update", "users", "b", other));
    let pending = tracked.take_pending();
    let ids: BTreeSet<String> = pending
        .values()
        .map(|id| format!("{:?}", id.as_raw_bson_ref()))
        .collect();
    let expected = ["String(\"a\")", "String(\"b\")"];
    assert_eq!(ids, expected.map(str::to_owned).into());
    let found = [raw(
        &doc! { "_id": "a", "roles": ["guest"], "active": true },
    )];
    let ids = pending.keys().map(|(_, id)| *id).collect();
    tracked.apply_lookup("users", ids, &found);
    let section = section(Collector::Users, &tracked, &Snapshot::default());
    let Some(Ok(Reading::Users(users))) = section else {
        panic!("users are followed: {section:?}");
    };
    let accounts = users.accounts;
    assert!(accounts.len() == 1 && accounts[0].traits.has(AccountTrait::Guest));
    assert_eq!(accounts[0].count, 1);
}

#[test]
fn unpackable_language_makes_the_collector_read() {
    let hasher = IdHasher::default();
    let users = [("a".to_owned(), doc! { "language": "zh-Hant" })];
    let mut tracked = read(&hasher, &[("users", &users.into())]);
    let known = Snapshot::default();
    assert!(section(Collector::UserFeatures, &tracked, &known).is_none());
    let change = doc! { "touched": ["language"], "set": { "language": "zh-TW" } };
    tracked.apply(&event("update", "users", "a", change));
    let section = section(Collector::UserFeatures, &tracked, &known);
    let Some(Ok(Reading::UserFeatures(features))) = section else {
        panic!("the language can be packed: {section:?}");
    };
    assert_eq!(features.by_language, Some(vec![("zh-TW".to_owned(), 1)]));
}

#[test]
fn dropped_or_renamed_collection_invalidates_all_documents() {
    let ns = doc! { "db": "rocketchat", "coll": "users" };
    for operation in ["drop", "rename", "dropDatabase", "invalidate"] {
        assert!(invalidates(&raw(
            &doc! { "operationType": operation, "ns": &ns }
        )));
    }
    let key = doc! { "_id": "a" };
    let unknown =
        doc! { "operationType": "refineCollectionShardKey", "ns": ns, "documentKey": key };
    assert!(invalidates(&raw(&unknown)));
}
