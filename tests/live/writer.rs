//! Random documents and changes in the followed collections.

use std::time::Duration;

use fastrand::Rng;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Decimal128, Document, doc};
use mongodb::options::{Acknowledgment, ClientOptions, WriteConcern};
use mongodb::{Client, Database};

/// Fields below `services`.
const SERVICES: [&str; 20] = [
    "apple",
    "cas",
    "dolphin",
    "drupal",
    "email2fa",
    "facebook",
    "github",
    "github_enterprise",
    "gitlab",
    "google",
    "ldap",
    "linkedin",
    "meteor",
    "nextcloud",
    "saml",
    "tokenpass",
    "totp",
    "twitter",
    "unknown",
    "wordpress",
];

/// Room fields that count if they exist or are true.
const ROOM_FIELDS: [&str; 15] = [
    "abacAttributes",
    "archived",
    "broadcast",
    "callStatus",
    "createdOTR",
    "departmentId",
    "encrypted",
    "federated",
    "pdfTranscriptFileId",
    "pdfTranscriptRequested",
    "priorityId",
    "slaId",
    "teamDefault",
    "teamId",
    "teamMain",
];

/// Writes random documents and changes into the followed collections.
pub struct Writer {
    pub random: Rng,
    pub database: Database,
    /// The number of distinct ids; small, so that deleted documents are inserted again.
    pub ids: u16,
}

fn id(number: u16) -> Bson {
    match number % 10 {
        0 => {
            let [high, low] = number.to_be_bytes();
            ObjectId::from_bytes([high, low, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).into()
        }
        1 => i32::from(number).into(),
        _ => format!("id{number}").into(),
    }
}

fn one_of<T: Clone>(random: &mut Rng, all: &[T]) -> T {
    all[random.usize(..all.len())].clone()
}

/// Now and then the value in a list, as a filter finds it, or in a list of lists, where it does not.
fn now_and_then_in_a_list(random: &mut Rng, value: Bson) -> Bson {
    match random.u8(..30) {
        0 | 1 => vec![value].into(),
        2 => vec!["other".into(), value].into(),
        3 => vec![Bson::Array(vec![value])].into(),
        4 => Bson::Array(Vec::new()),
        5 => match value {
            Bson::String(text) => Bson::Symbol(text),
            value => value,
        },
        _ => value,
    }
}

/// A random number, or a value of another type. Fractions are halves, so that sums do not depend on their order.
fn random_amount(random: &mut Rng) -> Bson {
    match random.u8(..13) {
        0 => f64::NAN.into(),
        1 => f64::INFINITY.into(),
        2 => "many".into(),
        3 => Bson::Null,
        4 => (-5).into(),
        5 => 2.5.into(),
        6 => (1_i64 << 40).into(),
        7 => Decimal128::from_bytes(*b"\x0c\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\x30").into(),
        8 => vec![1, 2].into(),
        // Beyond what a double can hold.
        9 => Bson::Decimal128("1E+400".parse::<Decimal128>().expect("it is a decimal")),
        _ => random.i32(..10_000).into(),
    }
}

/// Random login services, and other fields beside them.
fn random_services(random: &mut Rng) -> Bson {
    if random.u8(..6) == 0 {
        let listed = doc! { "ldap": {}, "totp": [{ "enabled": true }] };
        return one_of(
            random,
            &[
                Bson::Null,
                "ldap".into(),
                vec!["ldap"].into(),
                vec![listed].into(),
            ],
        );
    }
    let mut services = doc! { "password": { "bcrypt": "secret" } };
    for name in SERVICES {
        let value = one_of(
            random,
            &[
                Bson::Null,
                doc! { "enabled": true }.into(),
                doc! { "enabled": false, "id": 7 }.into(),
                doc! { "enabled": [true] }.into(),
                doc! { "enabled": [[true]] }.into(),
            ],
        );
        if random.bool() {
            services.insert(name, value);
        }
    }
    services.into()
}

/// A connection to one of three instances, two of which are live.
fn random_connection(random: &mut Rng) -> Document {
    let instance = one_of(random, &["first", "second", "gone"]);
    let instance = now_and_then_in_a_list(random, instance.into());
    doc! { "id": random.u16(..).to_string(), "instanceId": instance, "status": "online" }
}

impl Writer {
    pub const COLLECTIONS: [&str; 4] = [
        "users",
        "rocketchat_room",
        "rocketchat_uploads",
        "usersSessions",
    ];

    fn random_id(&mut self) -> Bson {
        id(self.random.u16(..self.ids))
    }

    /// Inserts a document with each id into each collection.
    pub async fn fill(&mut self) {
        for collection in Self::COLLECTIONS {
            let documents: Vec<_> = (0..self.ids)
                .map(|number| {
                    let mut document = self.random_document(collection, id(number));
                    // Room names are unique.
                    document.remove("name");
                    document
                })
                .collect();
            let collection = self.database.collection(collection);
            // An index on two fields takes no list in both.
            drop(collection.insert_many(documents).ordered(false).await);
        }
    }

    /// A document that replaces the one with this id. Its own id may be a number of another type, which to MongoDB is equal.
    fn random_replacement(&mut self, collection: &str, id: &Bson) -> Document {
        let mut document = match id {
            Bson::Int32(number) => doc! { "_id": f64::from(*number) },
            _ => Document::new(),
        };
        document.extend(self.random_fields(collection));
        document
    }

    fn random_document(&mut self, collection: &str, id: Bson) -> Document {
        let mut document = doc! { "_id": id };
        document.extend(self.random_fields(collection));
        document
    }

    /// Random values of random fields, followed and others.
    fn random_fields(&mut self, collection: &str) -> Document {
        let random = &mut self.random;
        let mut fields = Document::new();
        let mut put = |random: &mut Rng, name: &str, value: Bson| {
            if random.u8(..3) > 0 {
                let has_no_lists = [
                    "language",
                    "services",
                    "msgs",
                    "size",
                    "name",
                    "connections",
                ];
                let value = if has_no_lists.contains(&name) {
                    value
                } else {
                    now_and_then_in_a_list(random, value)
                };
                fields.insert(name, value);
            }
        };
        let flag = |random: &mut Rng| {
            let values = [Bson::Null, true.into(), true.into(), 1.into(), "x".into()];
            one_of(random, &values)
        };
        match collection {
            "users" => {
                for name in ["status", "statusConnection"] {
                    let state = one_of(random, &["online", "away", "busy", "offline"]).into();
                    put(random, name, state);
                }
                let kind = one_of(random, &["user", "user", "bot", "app", "other"]).into();
                put(random, "type", kind);
                let active = one_of(
                    random,
                    &[true.into(), true.into(), false.into(), Bson::Null, 1.into()],
                );
                put(random, "active", active);
                let roles = one_of(
                    random,
                    &[vec!["user"], vec!["guest"], vec!["user", "guest"], vec![]],
                );
                put(random, "roles", roles.into());
                let remote = flag(random);
                put(random, "isRemote", remote);
                let federated = flag(random);
                put(random, "federated", federated);
                let extension = flag(random);
                put(random, "extension", extension);
                let language = one_of(
                    random,
                    &["de".into(), "pt-BR".into(), "".into(), Bson::Null],
                );
                put(random, "language", language);
                let services = random_services(random);
                put(random, "services", services);
            }
            "rocketchat_room" => {
                let kind = one_of(random, &["c", "p", "d", "l", "v", "z"]).into();
                put(random, "t", kind);
                if random.bool() {
                    let parent = one_of(
                        random,
                        &[
                            Bson::Null,
                            "".into(),
                            0.into(),
                            false.into(),
                            "GENERAL".into(),
                            vec![""].into(),
                        ],
                    );
                    put(random, "prid", parent);
                }
                let messages = random_amount(random);
                put(random, "msgs", messages);
                let members = one_of(random, &[0.into(), 0.0.into(), 3.into(), Bson::Null]);
                put(random, "usersCount", members);
                for name in ROOM_FIELDS {
                    let value = flag(random);
                    put(random, name, value);
                }
                let kind = one_of(random, &["livestream", "call"]);
                put(random, "streamingOptions", doc! { "type": kind }.into());
            }
            "usersSessions" => {
                let connections: Vec<Document> = (0..random.u8(..4))
                    .map(|_| random_connection(random))
                    .collect();
                put(random, "connections", connections.into());
            }
            _ => {
                let size = random_amount(random);
                put(random, "size", size);
            }
        }
        let name = one_of(random, &["a", "b"]).into();
        put(random, "name", name);
        fields
    }

    /// A random update by operators or by a pipeline.
    fn random_update(&mut self, collection: &str) -> Bson {
        let fields = self.random_fields(collection);
        let names: Vec<String> = fields.keys().cloned().collect();
        let set = doc! { "$set": if fields.is_empty() { doc! { "other": 1 } } else { fields } };
        let amount = if collection == "rocketchat_uploads" {
            "size"
        } else {
            "msgs"
        };
        let random = &mut self.random;
        let update = match random.u8(..12) {
            0..3 if collection == "usersSessions" => doc! { "$push": { "connections": random_connection(random) } },
            3..5 if collection == "usersSessions" => doc! { "$pull": { "connections": { "instanceId": one_of(random, &["first", "second"]) } } },
            5 if collection == "usersSessions" => doc! { "$set": { "connections.0": random_connection(random) } },
            6 if collection == "usersSessions" => doc! { "$pop": { "connections": 1 } },
            0 if !names.is_empty() => doc! { "$unset": { one_of(random, &names): 1 } },
            1 if ["rocketchat_room", "rocketchat_uploads"].contains(&collection) => doc! { "$max": { amount: random.i32(..100_000) } },
            2 if collection == "users" => doc! { "$addToSet": { "roles": "guest" } },
            3 if collection == "users" => doc! { "$pull": { "roles": "user" } },
            4 if collection == "users" => doc! { "$set": { "roles.0": "guest" } },
            5 if collection == "users" && random.bool() => {
                let name = one_of(random, &["ldap", "saml", "totp", "email2fa"]);
                let (part, deeper) = (format!("services.{name}"), format!("services.{name}.enabled"));
                one_of(random, &[
                    doc! { "$set": { &deeper: true } },
                    doc! { "$unset": { &deeper: true } },
                    doc! { "$set": { &part: {} } },
                    doc! { "$unset": { &part: true } },
                ])
            }
            6 if collection == "users" => {
                doc! { "$push": { "services.resume.loginTokens": { "when": DateTime::now() } } }
            }
            6 if collection == "rocketchat_room" && random.bool() => {
                doc! { "$set": { "streamingOptions.type": one_of(random, &["livestream", "call"]) } }
            }
            5 if collection == "users" => doc! { "$push": { "roles": { "$each": ["guest"], "$slice": -1 } } },
            6 if collection == "rocketchat_room" => doc! { "$rename": { "prid": "former" } },
            7 => doc! { "$currentDate": { "_updatedAt": true } },
            8 => return vec![set].into(),
            9 => return vec![doc! { "$replaceWith": { "$mergeObjects": [self.random_fields(collection), { "_id": "$_id" }] } }].into(),
            _ => set,
        };
        update.into()
    }

    /// A random command that writes one document or several.
    fn random_command(&mut self) -> Document {
        let collection = one_of(&mut self.random, &Self::COLLECTIONS);
        let id = self.random_id();
        let several = || doc! { "$in": [] };
        let mut ids = several();
        let chosen: Vec<Bson> = (0..8).map(|_| self.random_id()).collect();
        ids.insert("$in", chosen.clone());
        match self.random.u8(..20) {
            0..5 => {
                let documents: Vec<Document> = chosen
                    .into_iter()
                    .map(|id| self.random_document(collection, id))
                    .collect();
                // Duplicates are rejected; the others are inserted.
                doc! { "insert": collection, "documents": documents, "ordered": false }
            }
            5..8 => doc! { "delete": collection, "deletes": [{ "q": { "_id": id }, "limit": 1 }] },
            8 => doc! { "delete": collection, "deletes": [{ "q": { "_id": ids }, "limit": 0 }] },
            9 => {
                let replacement = self.random_replacement(collection, &id);
                doc! { "update": collection, "updates": [{ "q": { "_id": id }, "u": replacement, "upsert": true }] }
            }
            10 => doc! { "findAndModify": collection, "query": { "_id": id }, "remove": true },
            11..14 => doc! { "update": collection, "updates": [
                { "q": { "_id": ids }, "u": self.random_update(collection), "multi": true },
            ] },
            14 => doc! { "update": collection, "ordered": false, "updates": [
                { "q": { "_id": id.clone() }, "u": self.random_update(collection), "upsert": true },
                { "q": { "_id": id }, "u": self.random_update(collection) },
                { "q": { "_id": self.random_id() }, "u": self.random_fields(collection) },
            ] },
            _ => {
                doc! { "update": collection, "updates": [{ "q": { "_id": id }, "u": self.random_update(collection) }] }
            }
        }
    }

    /// Runs a random command, or a transaction of several. The server may reject it, such as an operator that does not fit
    /// the value, or execute it partly, such as during an election.
    pub async fn write(&mut self) {
        if self.random.u8(..10) > 0 {
            let command = self.random_command();
            drop(self.database.run_command(command).await);
            return;
        }
        let client = self.database.client();
        let mut session = client
            .start_session()
            .await
            .expect("a session can be started");
        if session.start_transaction().await.is_err() {
            return;
        }
        for _ in 0..self.random.u8(1..6) {
            let command = self.random_command();
            drop(
                self.database
                    .run_command(command)
                    .session(&mut session)
                    .await,
            );
        }
        if self.random.u8(..4) > 0 {
            drop(session.commit_transaction().await);
        } else {
            drop(session.abort_transaction().await);
        }
    }

    /// Renews the heartbeats of both live instances, and waits until a majority of the members has all writes.
    pub async fn settle(&self) {
        // Heartbeats from the future last as long as reads may take on a busy machine.
        let heartbeat = DateTime::from_millis(DateTime::now().timestamp_millis() + 50_000);
        let beat = doc! { "$set": { "_updatedAt": heartbeat } };
        let mut updates = vec![doc! { "q": {}, "u": &beat, "multi": true }];
        for id in ["first", "second"] {
            let register = doc! { "$set": { "_updatedAt": heartbeat, "pid": 7 } };
            updates.push(doc! { "q": { "_id": id }, "u": register, "upsert": true });
        }
        let instances = doc! { "update": "instances", "updates": updates };
        let marks = self.database.collection::<Document>("marks");
        for _ in 0..100 {
            if self.database.run_command(instances.clone()).await.is_ok()
                && marks.insert_one(doc! {}).await.is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("the replica set accepts no writes");
    }
}

/// A client with a short timeout and write concern `majority`.
pub async fn impatient_client(uri: &str) -> Client {
    let mut options = ClientOptions::parse(uri)
        .await
        .expect("the address is valid");
    options.server_selection_timeout = Some(Duration::from_secs(5));
    let majority = WriteConcern::builder().w(Acknowledgment::Majority).build();
    options.write_concern = Some(majority);
    Client::with_options(options).expect("the options are valid")
}
