//! Whatever happens to documents, what is known of them is what a full reading finds.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};

use super::*;
use crate::catalogue::Timestamp;
use crate::collectors::instances::{Instance, Instances};
use crate::collectors::license::Grants;

fn raw(document: &Document) -> RawDocumentBuf {
    RawDocumentBuf::try_from(document).expect("the document can be written")
}

/// What a full reading of these documents finds.
fn read(
    keys: &IdHasher,
    followed: WatchedCollection,
    documents: &BTreeMap<String, Document>,
) -> State {
    let mut readings = Readings::new(keys.clone(), followed, documents.len());
    for (id, document) in documents {
        readings.add(&raw(&with_id(id, document)));
    }
    State::of(keys.clone(), vec![readings])
}

fn with_id(id: &str, document: &Document) -> Document {
    let mut with_id = doc! { "_id": id };
    with_id.extend(document.clone());
    with_id
}

fn event(operation: &str, followed: WatchedCollection, id: &str, more: Document) -> RawDocumentBuf {
    let mut event = doc! {
        "operationType": operation,
        "ns": { "db": "rocketchat", "coll": followed.name() },
        "documentKey": { "_id": id },
    };
    event.extend(more);
    raw(&event)
}

/// Values that a field may have, odd ones among them; `None` means that it is missing.
fn values(field: &str) -> Vec<Option<Bson>> {
    let texts = |all: &[&str]| {
        all.iter()
            .map(|it| Some(Bson::from(*it)))
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

#[test]
fn whatever_happens_to_documents_the_counters_are_those_of_a_full_reading() {
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for followed in [
        WatchedCollection::Users,
        WatchedCollection::Rooms,
        WatchedCollection::Uploads,
    ] {
        let keys = IdHasher::default();
        let mut documents = BTreeMap::new();
        let mut state = read(&keys, followed, &documents);
        let pick = |random: &mut fastrand::Rng| {
            let mut document = Document::new();
            for field in followed.fields() {
                let values = values(field.name);
                if let Some(value) = values[random.usize(..values.len())].clone() {
                    document.insert(field.name, value);
                }
            }
            document
        };
        for step in 0..5_000 {
            let id = random.u32(..300).to_string();
            let event = match (random.u8(..10), documents.get_mut(&id)) {
                (0..5, Some(document)) => {
                    let fields = followed.fields();
                    let root = fields[random.usize(..fields.len())].root();
                    let mut set = Document::new();
                    // All that is told of a field comes at once.
                    for field in fields.iter().filter(|it| it.root() == root) {
                        let values = values(field.name);
                        document.remove(field.name);
                        if let Some(value) = values[random.usize(..values.len())].clone() {
                            document.insert(field.name, value.clone());
                            set.insert(field.name, value);
                        }
                    }
                    let touched = doc! { "touched": [root], "set": set };
                    event("update", followed, &id, touched)
                }
                (5..7, Some(_)) => {
                    documents.remove(&id);
                    event("delete", followed, &id, Document::new())
                }
                (_, known) => {
                    let operation = if known.is_some() { "replace" } else { "insert" };
                    let document = pick(&mut random);
                    documents.insert(id.clone(), document.clone());
                    event(operation, followed, &id, doc! { "fullDocument": document })
                }
            };
            assert!(!invalidates(&event));
            state.apply(&event);
            // What is told twice does no harm.
            if random.bool() {
                state.apply(&event);
            }
            if step % 100 == 0 {
                let expected = read(&keys, followed, &documents);
                assert!(state.take_unclear().is_empty());
                assert_eq!(state.differences(&expected), [(followed, 0)].into());
                assert_eq!(state.presence(), expected.presence());
                assert_eq!(state.users(), expected.users());
                assert_eq!(state.user_features(), expected.user_features());
                assert_eq!(state.rooms(), expected.rooms());
                let features = |state: &State| state.room_features(&Grants::None);
                assert_eq!(features(&state), features(&expected));
                assert_eq!(state.uploads(), expected.uploads());
            }
        }
    }
}

#[test]
fn connections_are_those_of_people_whatever_happens_to_users_and_sessions() {
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let keys = IdHasher::default();
    let read = |users: &BTreeMap<String, Document>, sessions: &BTreeMap<String, Document>| {
        let all = [
            (WatchedCollection::Sessions, sessions),
            (WatchedCollection::Users, users),
        ];
        let readings = all.map(|(followed, documents)| {
            let mut readings = Readings::new(keys.clone(), followed, 0);
            for (id, document) in documents {
                readings.add(&raw(&with_id(id, document)));
            }
            readings
        });
        State::of(keys.clone(), readings.into())
    };
    let instances = Instances {
        now: Timestamp(0),
        here: Timestamp(0),
        records: vec![Instance {
            id: "lives".to_owned(),
            pid: None,
            created_at: None,
            heartbeat: Some(Timestamp(0)),
            address: String::new(),
            node_version: None,
            connections: None,
        }],
        others: crate::collectors::instances::OtherInstances::default(),
    };
    let (mut users, mut sessions) = (BTreeMap::new(), BTreeMap::new());
    let mut state = read(&users, &sessions);
    let mut most = 0;
    for _ in 0..3_000 {
        let id = random.u32(..40).to_string();
        match random.u8(..6) {
            0 => {
                users.remove(&id);
                state.apply(&event(
                    "delete",
                    WatchedCollection::Users,
                    &id,
                    Document::new(),
                ));
            }
            1 | 2 => {
                let user = doc! { "type": if random.bool() { "user" } else { "bot" } };
                let whole = doc! { "fullDocument": user.clone() };
                users.insert(id.clone(), user);
                state.apply(&event("insert", WatchedCollection::Users, &id, whole));
            }
            3 => {
                sessions.remove(&id);
                state.apply(&event(
                    "delete",
                    WatchedCollection::Sessions,
                    &id,
                    Document::new(),
                ));
            }
            _ => {
                let connection =
                    || doc! { "instanceId": if random.bool() { "lives" } else { "is gone" } };
                let connections: Vec<Document> =
                    std::iter::repeat_with(connection).take(2).collect();
                let session = doc! { "connections": connections };
                let part = doc! { "touched": ["connections.0"], "set": {} };
                state.apply(&event("update", WatchedCollection::Sessions, &id, part));
                let asked = state.take_unclear().into_keys().map(|(_, key)| key);
                state.clear_up(
                    WatchedCollection::Sessions,
                    asked.collect(),
                    &[raw(&with_id(&id, &session))],
                );
                sessions.insert(id.clone(), session);
            }
        }
        let expected = read(&users, &sessions);
        assert!(state.differences(&expected).values().all(|it| *it == 0));
        assert_eq!(
            state.connections(&instances),
            expected.connections(&instances)
        );
        let connections = state
            .connections(&instances)
            .expect("sessions are followed");
        let of_people = users.iter().filter(|(id, user)| {
            let session = sessions
                .get(*id)
                .map(ToString::to_string)
                .unwrap_or_default();
            user.get_str("type").is_ok_and(|it| it == "user") && session.contains("lives")
        });
        assert_eq!(connections.people, of_people.count() as u64);
        most = most.max(connections.people);
    }
    assert!(most > 5);
}

#[test]
fn a_part_of_a_field_and_an_unknown_document_are_looked_up() {
    let keys = IdHasher::default();
    let users = [("a".to_owned(), doc! { "roles": ["user"], "active": true })];
    let mut state = read(&keys, WatchedCollection::Users, &users.into());
    let part = doc! { "touched": ["roles.0"], "set": {} };
    state.apply(&event("update", WatchedCollection::Users, "a", part));
    let other = doc! { "touched": ["status"], "set": { "status": "away" } };
    state.apply(&event("update", WatchedCollection::Users, "b", other));
    let unclear = state.take_unclear();
    let ids: BTreeSet<String> = unclear
        .values()
        .map(|id| format!("{:?}", id.as_raw_bson_ref()))
        .collect();
    assert_eq!(
        ids,
        ["String(\"a\")", "String(\"b\")"].map(str::to_owned).into()
    );
    let found = [raw(
        &doc! { "_id": "a", "roles": ["guest"], "active": true },
    )];
    let asked = unclear.keys().map(|(_, key)| *key).collect();
    state.clear_up(WatchedCollection::Users, asked, &found);
    let users = state.users().expect("users are followed").accounts;
    assert!(users.len() == 1 && users[0].guest && users[0].count == 1);
}

#[test]
fn a_language_that_rows_do_not_tell_leaves_it_to_a_reading() {
    let keys = IdHasher::default();
    let users = [("a".to_owned(), doc! { "language": "zh-Hant" })];
    let mut state = read(&keys, WatchedCollection::Users, &users.into());
    assert_eq!(state.user_features(), None);
    let other = doc! { "touched": ["language"], "set": { "language": "zh-TW" } };
    state.apply(&event("update", WatchedCollection::Users, "a", other));
    let features = state.user_features().expect("it can be told now");
    assert_eq!(features.by_language, Some(vec![("zh-TW".to_owned(), 1)]));
}

#[test]
fn a_collection_that_is_dropped_or_renamed_invalidates_what_is_known() {
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
