//! What is known of every document of the followed collections, and how events change it. No database here: events and
//! documents come in, counters come out.
//!
//! A document's row is set to what it is, not changed by what happened to it, so an event that is applied twice, or
//! after a reading that has already seen it, does no harm once the events after it were applied too.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use mongodb::bson::{RawBson, RawBsonRef, RawDocument};

use super::fields::{CLASS, Followed, amount_of, room, user};
use super::sessions::{Sessions, held};
use super::table::{Key, Row, Table};
use crate::statistics::{
    AccountKind, AccountState, Accounts, Connections, Instances, Presence, Presences, RoomGroup,
    RoomKind, Rooms, Uploads, Users,
};

/// Everything that is known of the followed collections.
#[derive(Debug, Clone)]
pub struct State {
    keys: Keys,
    collections: BTreeMap<Followed, Documents>,
    sessions: Option<Sessions>,
    unclear: Unclear,
}

/// Documents of which an event told too little: they have to be looked up by their ids.
pub type Unclear = BTreeMap<(Followed, Key), RawBson>;

/// Makes a document's id into its key; the same for all states of one run, and different in the next.
#[derive(Debug, Clone, Default)]
pub struct Keys(RandomState);

/// The documents of a collection.
#[derive(Debug, Clone, Default)]
struct Documents {
    rows: Table,
    tallies: BTreeMap<Row, Tally>,
    /// Amounts that do not fit into a row.
    odd: BTreeMap<Key, f64>,
}

/// Documents that are counted together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    documents: u64,
    amount: i128,
}

impl Keys {
    /// The key of an id.
    pub fn of(&self, id: RawBsonRef<'_>) -> Key {
        let mut hasher = self.0.build_hasher();
        match id {
            RawBsonRef::String(id) => id.hash(&mut hasher),
            RawBsonRef::ObjectId(id) => id.bytes().hash(&mut hasher),
            // Hardly ever.
            id => format!("{id:?}").hash(&mut hasher),
        }
        hasher.finish()
    }
}

/// What a document is, as a row; and its amount, where that does not fit into one.
pub fn row(followed: Followed, document: &RawDocument) -> (Row, Option<f64>) {
    let (mut row, mut odd) = (0, None);
    for field in followed.fields() {
        let packed = (field.pack)(value(document, field.name));
        row |= packed.bits;
        odd = odd.or(packed.odd);
    }
    (row, odd)
}

/// Whether an event tells of more than a single document, such as a collection that is dropped: then only a full reading
/// helps.
pub fn invalidates(event: &RawDocument) -> bool {
    let operation = event.get_str("operationType").unwrap_or_default();
    subject(event).is_none() || !["insert", "replace", "update", "delete"].contains(&operation)
}

/// The document that an event is about: its collection and its id.
pub fn subject(event: &RawDocument) -> Option<(Followed, RawBsonRef<'_>)> {
    let collection = event.get_document("ns").ok()?.get_str("coll").ok()?;
    let id = value(event.get_document("documentKey").ok()?, "_id")?;
    Some((Followed::named(collection)?, id))
}

fn value<'a>(document: &'a RawDocument, key: &str) -> Option<RawBsonRef<'a>> {
    document.get(key).ok().flatten()
}

/// Rows as a full reading finds them, until there is a state of them.
#[derive(Debug)]
pub struct Readings {
    keys: Keys,
    followed: Followed,
    rows: Vec<(Key, Row)>,
    odd: BTreeMap<Key, f64>,
    sessions: Vec<(Key, BTreeMap<Key, u64>)>,
}

impl Readings {
    /// None yet, with room for as many as are expected.
    pub fn new(keys: Keys, followed: Followed, expected: usize) -> Self {
        Self {
            keys,
            followed,
            rows: Vec::with_capacity(expected),
            odd: BTreeMap::new(),
            sessions: Vec::new(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len() + self.sessions.len()
    }

    /// Takes a document.
    pub fn add(&mut self, document: &RawDocument) {
        let Some(id) = value(document, "_id") else {
            return;
        };
        let key = self.keys.of(id);
        if self.followed == Followed::Sessions {
            self.sessions.push((key, held(&self.keys, document)));
            return;
        }
        let (row, odd) = row(self.followed, document);
        self.rows.push((key, row));
        if let Some(odd) = odd {
            self.odd.insert(key, odd);
        }
    }
}

impl State {
    /// What full readings found.
    pub fn of(keys: Keys, readings: Vec<Readings>) -> Self {
        let mut state = Self {
            keys,
            collections: BTreeMap::new(),
            sessions: None,
            unclear: Unclear::new(),
        };
        let mut sessions = None;
        for it in readings {
            if it.followed == Followed::Sessions {
                sessions = Some(it.sessions);
                continue;
            }
            let mut documents = Documents {
                rows: Table::of(it.rows),
                tallies: BTreeMap::new(),
                odd: it.odd,
            };
            for (_, row) in documents.rows.iter() {
                count(&mut documents.tallies, row);
            }
            state.collections.insert(it.followed, documents);
        }
        // After the users, who tell whose they are.
        state.sessions = sessions.map(|sessions| {
            let mut all = Sessions::default();
            for (key, held) in sessions {
                all.set(key, held, state.is_person(key));
            }
            all
        });
        state
    }

    fn is_person(&self, key: Key) -> bool {
        let users = self.collections.get(&Followed::Users);
        users
            .and_then(|users| users.rows.get(key))
            .is_some_and(user::is_person)
    }

    /// Applies a change of a document, as [`super::changes`] has the server tell it.
    pub fn apply(&mut self, event: &RawDocument) {
        let Some((followed, id)) = subject(event) else {
            return;
        };
        let key = self.keys.of(id);
        let was_person = self.is_person(key);
        let is_clear = match (followed, event.get_str("operationType")) {
            // Connections are parts of a list, and hardly ever told as a whole.
            (Followed::Sessions, Ok("delete")) => {
                if let Some(sessions) = &mut self.sessions {
                    sessions.remove(key, was_person);
                }
                true
            }
            (Followed::Sessions, _) => self.sessions.is_none(),
            (_, operation) => match self.collections.get_mut(&followed) {
                Some(documents) => {
                    documents.apply(followed, key, operation.unwrap_or_default(), event)
                }
                None => return,
            },
        };
        if followed == Followed::Users {
            self.follow_user(key, was_person);
        }
        // What was unclear stays so when only a part of the document was told.
        let is_whole = !matches!(event.get_str("operationType"), Ok("update"));
        if !is_clear {
            self.unclear.insert((followed, key), id.into());
        } else if is_whole {
            self.unclear.remove(&(followed, key));
        }
    }

    /// Counts the session of a user anew who has become a person, or is none any more.
    fn follow_user(&mut self, key: Key, was_person: bool) {
        let is_person = self.is_person(key);
        if let Some(sessions) = &mut self.sessions
            && is_person != was_person
        {
            sessions.change_user(key, is_person);
        }
    }

    /// Takes back what [`State::take_unclear`] gave.
    pub fn ask_again(&mut self, unclear: &Unclear) {
        self.unclear
            .extend(unclear.iter().map(|(key, id)| (*key, id.clone())));
    }

    /// Documents that have to be looked up; they are forgotten here.
    pub fn take_unclear(&mut self) -> Unclear {
        std::mem::take(&mut self.unclear)
    }

    /// Notes what was looked up: `asked` are the keys, `found` the documents that still exist.
    pub fn clear_up(
        &mut self,
        followed: Followed,
        asked: BTreeSet<Key>,
        found: &[impl AsRef<RawDocument>],
    ) {
        let mut gone = asked;
        for document in found.iter().map(AsRef::as_ref) {
            let Some(id) = value(document, "_id") else {
                continue;
            };
            let key = self.keys.of(id);
            gone.remove(&key);
            let was_person = self.is_person(key);
            if followed == Followed::Sessions {
                let held = held(&self.keys, document);
                if let Some(sessions) = &mut self.sessions {
                    sessions.set(key, held, was_person);
                }
            } else if let Some(documents) = self.collections.get_mut(&followed) {
                let (row, odd) = row(followed, document);
                documents.set(key, row, odd);
            }
            if followed == Followed::Users {
                self.follow_user(key, was_person);
            }
        }
        for key in gone {
            let was_person = self.is_person(key);
            if followed == Followed::Sessions {
                if let Some(sessions) = &mut self.sessions {
                    sessions.remove(key, was_person);
                }
            } else if let Some(documents) = self.collections.get_mut(&followed) {
                documents.remove(key);
            }
            if followed == Followed::Users {
                self.follow_user(key, was_person);
            }
        }
    }

    /// How many documents of each collection are tracked.
    pub fn documents(&self) -> impl Iterator<Item = (Followed, usize)> {
        let sessions = self.sessions.iter();
        self.collections
            .iter()
            .map(|(followed, documents)| (*followed, documents.rows.len()))
            .chain(sessions.map(|it| (Followed::Sessions, it.len())))
    }

    /// Memory that they take.
    pub fn bytes(&self) -> usize {
        let rows: usize = self.collections.values().map(|it| it.rows.bytes()).sum();
        rows + self.sessions.as_ref().map_or(0, Sessions::bytes)
    }

    /// How many documents of each collection another state knows otherwise, or not at all, or alone.
    pub fn differences(&self, other: &Self) -> BTreeMap<Followed, u64> {
        let none = Documents::default();
        let differ = |followed: &Followed, documents: &Documents| {
            let others = other.collections.get(followed).unwrap_or(&none);
            let (mut known_to_both, mut alike) = (0, 0);
            for (key, row) in documents.rows.iter() {
                if let Some(other) = others.rows.get(key) {
                    known_to_both += 1;
                    let is_alike = row == other && documents.odd.get(&key) == others.odd.get(&key);
                    alike += usize::from(is_alike);
                }
            }
            (documents.rows.len() + others.rows.len() - known_to_both - alike) as u64
        };
        let all = self.collections.iter();
        let mut all: BTreeMap<_, _> = all
            .map(|(followed, documents)| (*followed, differ(followed, documents)))
            .collect();
        if let (Some(sessions), Some(others)) = (&self.sessions, &other.sessions) {
            all.insert(Followed::Sessions, sessions.differences(others));
        }
        all
    }

    /// Users by presence.
    pub fn presence(&self) -> Option<Presence> {
        let users = self.collections.get(&Followed::Users)?;
        let by = |mask: Row, place: u32| {
            let with = |state: Row| users.count(|class| (class & mask) >> place == state);
            Presences {
                online: with(user::ONLINE),
                away: with(user::AWAY),
                busy: with(user::BUSY),
            }
        };
        Some(Presence {
            accounts: users.rows.len() as u64,
            shown: by(user::STATUS, 0),
            connected: by(user::CONNECTION, 2),
        })
    }

    /// Users by kind and state.
    pub fn users(&self) -> Option<Users> {
        let users = self.collections.get(&Followed::Users)?;
        let mut counts: BTreeMap<Row, u64> = BTreeMap::new();
        for (class, tally) in &users.tallies {
            *counts
                .entry(class & !(user::STATUS | user::CONNECTION))
                .or_default() += tally.documents;
        }
        let accounts = counts.into_iter().map(|(class, count)| Accounts {
            kind: match class & user::KIND {
                user::BOT => AccountKind::Bot,
                user::APP => AccountKind::App,
                _ => AccountKind::User,
            },
            state: match class & user::STATE {
                user::ACTIVATED => AccountState::Activated,
                user::DEACTIVATED => AccountState::Deactivated,
                _ => AccountState::Unset,
            },
            guest: class & user::GUEST != 0,
            remote: class & user::REMOTE != 0,
            federated: class & user::FEDERATED != 0,
            count,
        });
        Some(Users {
            accounts: accounts.collect(),
        })
    }

    /// Rooms by kind.
    pub fn rooms(&self) -> Option<Rooms> {
        let rooms = self.collections.get(&Followed::Rooms)?;
        let mut groups = Vec::new();
        for (class, kind) in [
            (room::CHANNEL, RoomKind::Channel),
            (room::PRIVATE_GROUP, RoomKind::PrivateGroup),
            (room::DIRECT, RoomKind::Direct),
            (room::LIVECHAT, RoomKind::Livechat),
            (room::VOIP, RoomKind::Voip),
            (0, RoomKind::Other),
        ] {
            for parent in [0, room::NAMES_PARENT] {
                let belongs =
                    |it: Row| it & room::KIND == class && it & room::NAMES_PARENT == parent;
                let number = rooms.count(belongs);
                if number > 0 {
                    groups.push(RoomGroup {
                        kind,
                        discussion: parent != 0,
                        rooms: number,
                        messages: rooms.amount(belongs),
                    });
                }
            }
        }
        Some(Rooms {
            groups,
            discussions: rooms.count(|class| class & room::HAS_PARENT != 0),
        })
    }

    /// Connections to the instances that live.
    pub fn connections(&self, instances: &Instances) -> Option<Connections> {
        let live = instances.live();
        let live = live.map(|it| self.keys.of(RawBsonRef::String(&it.id)));
        Some(self.sessions.as_ref()?.connections(&live.collect()))
    }

    /// Files and their sizes.
    pub fn uploads(&self) -> Option<Uploads> {
        let uploads = self.collections.get(&Followed::Uploads)?;
        Some(Uploads {
            files: uploads.rows.len() as u64,
            bytes: uploads.amount(|_| true),
        })
    }
}

fn count(tallies: &mut BTreeMap<Row, Tally>, row: Row) {
    let tally = tallies.entry(row & CLASS).or_default();
    tally.documents += 1;
    tally.amount += i128::from(amount_of(row).unwrap_or_default());
}

impl Documents {
    /// Applies an event; false when it alone does not tell what the document is now.
    fn apply(
        &mut self,
        followed: Followed,
        key: Key,
        operation: &str,
        event: &RawDocument,
    ) -> bool {
        match operation {
            "insert" | "replace" => {
                let Ok(document) = event.get_document("fullDocument") else {
                    return false;
                };
                let (row, odd) = row(followed, document);
                self.set(key, row, odd);
                true
            }
            "delete" => {
                self.remove(key);
                true
            }
            _ => self.change(followed, key, event),
        }
    }

    fn set(&mut self, key: Key, row: Row, odd: Option<f64>) {
        let before = self.rows.insert(key, row);
        self.uncount(key, before);
        count(&mut self.tallies, row);
        if let Some(odd) = odd {
            self.odd.insert(key, odd);
        }
    }

    fn remove(&mut self, key: Key) {
        let before = self.rows.remove(key);
        self.uncount(key, before);
    }

    fn uncount(&mut self, key: Key, before: Option<Row>) {
        let Some(row) = before else {
            return;
        };
        if amount_of(row).is_none() {
            self.odd.remove(&key);
        }
        if let Some(tally) = self.tallies.get_mut(&(row & CLASS)) {
            tally.documents -= 1;
            tally.amount -= i128::from(amount_of(row).unwrap_or_default());
            if tally.documents == 0 {
                self.tallies.remove(&(row & CLASS));
            }
        }
    }

    /// Applies an update; false when the event alone does not tell what the document is now.
    fn change(&mut self, followed: Followed, key: Key, event: &RawDocument) -> bool {
        let (Some(before), Ok(touched)) = (self.rows.get(key), event.get_array("touched")) else {
            return false;
        };
        let set = event.get_document("set").ok();
        let mut row = before;
        let mut odd = self.odd.get(&key).copied();
        for path in touched.into_iter().flatten() {
            let RawBsonRef::String(path) = path else {
                return false;
            };
            let root = path.split('.').next().unwrap_or(path);
            let Some(field) = followed.fields().iter().find(|it| it.name == root) else {
                continue;
            };
            if root != path {
                // Of a list only some items are told.
                return false;
            }
            let packed = (field.pack)(set.and_then(|it| value(it, root)));
            row = row & !field.mask | packed.bits;
            if field.mask & !CLASS != 0 {
                odd = packed.odd;
            }
        }
        self.set(key, row, odd);
        true
    }

    /// Documents of some classes.
    fn count(&self, belongs: impl Fn(Row) -> bool) -> u64 {
        let tallies = self.tallies.iter().filter(|(class, _)| belongs(**class));
        tallies.map(|(_, tally)| tally.documents).sum()
    }

    /// The sum of their amounts.
    fn amount(&self, belongs: impl Fn(Row) -> bool) -> f64 {
        let tallies = self.tallies.iter().filter(|(class, _)| belongs(**class));
        let whole: i128 = tallies.map(|(_, tally)| tally.amount).sum();
        let odd = self.odd.iter().filter(|(key, _)| {
            let row = self.rows.get(**key);
            row.is_some_and(|row| belongs(row & CLASS))
        });
        whole as f64 + odd.map(|(_, amount)| amount).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, Document, RawDocumentBuf, doc, oid::ObjectId};

    use super::*;
    use crate::statistics::{Instance, Timestamp};

    fn raw(document: &Document) -> RawDocumentBuf {
        RawDocumentBuf::try_from(document).expect("the document can be written")
    }

    /// What a full reading of these documents finds.
    fn read(keys: &Keys, followed: Followed, documents: &BTreeMap<String, Document>) -> State {
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

    fn event(operation: &str, followed: Followed, id: &str, more: Document) -> RawDocumentBuf {
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
        for followed in [Followed::Users, Followed::Rooms, Followed::Uploads] {
            let keys = Keys::default();
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
                        let field = fields[random.usize(..fields.len())].name;
                        let values = values(field);
                        let value = values[random.usize(..values.len())].clone();
                        let mut set = Document::new();
                        document.remove(field);
                        if let Some(value) = value {
                            document.insert(field, value.clone());
                            set.insert(field, value);
                        }
                        event(
                            "update",
                            followed,
                            &id,
                            doc! { "touched": [field], "set": set },
                        )
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
                    assert_eq!(state.rooms(), expected.rooms());
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
        let keys = Keys::default();
        let read = |users: &BTreeMap<String, Document>, sessions: &BTreeMap<String, Document>| {
            let all = [(Followed::Sessions, sessions), (Followed::Users, users)];
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
            records: vec![Instance {
                id: "lives".to_owned(),
                pid: None,
                created_at: None,
                heartbeat: Some(Timestamp(0)),
                address: String::new(),
                node_version: None,
                connections: None,
            }],
        };
        let (mut users, mut sessions) = (BTreeMap::new(), BTreeMap::new());
        let mut state = read(&users, &sessions);
        let mut most = 0;
        for _ in 0..3_000 {
            let id = random.u32(..40).to_string();
            match random.u8(..6) {
                0 => {
                    users.remove(&id);
                    state.apply(&event("delete", Followed::Users, &id, Document::new()));
                }
                1 | 2 => {
                    let user = doc! { "type": if random.bool() { "user" } else { "bot" } };
                    let whole = doc! { "fullDocument": user.clone() };
                    users.insert(id.clone(), user);
                    state.apply(&event("insert", Followed::Users, &id, whole));
                }
                3 => {
                    sessions.remove(&id);
                    state.apply(&event("delete", Followed::Sessions, &id, Document::new()));
                }
                _ => {
                    let connection =
                        || doc! { "instanceId": if random.bool() { "lives" } else { "is gone" } };
                    let connections: Vec<Document> =
                        std::iter::repeat_with(connection).take(2).collect();
                    let session = doc! { "connections": connections };
                    let part = doc! { "touched": ["connections.0"], "set": {} };
                    state.apply(&event("update", Followed::Sessions, &id, part));
                    let asked = state.take_unclear().into_keys().map(|(_, key)| key);
                    state.clear_up(
                        Followed::Sessions,
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
        let keys = Keys::default();
        let users = [("a".to_owned(), doc! { "roles": ["user"], "active": true })];
        let mut state = read(&keys, Followed::Users, &users.into());
        let part = doc! { "touched": ["roles.0"], "set": {} };
        state.apply(&event("update", Followed::Users, "a", part));
        let other = doc! { "touched": ["status"], "set": { "status": "away" } };
        state.apply(&event("update", Followed::Users, "b", other));
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
        state.clear_up(Followed::Users, asked, &found);
        let users = state.users().expect("users are followed").accounts;
        assert!(users.len() == 1 && users[0].guest && users[0].count == 1);
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
}
