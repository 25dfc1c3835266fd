//! How documents of each collection are copied: unique fields differ, and references stay valid.

use mongodb::bson::{Bson, DateTime, Document, doc};

use super::{LargeSize, random_of};
use crate::workspace::random::Random;
use crate::workspace::time::DAY;

/// The percentage of rooms that are livechat conversations, as in the plan of rooms.
pub(super) const LIVECHAT: usize = 14;

/// More than the summaries of one day in the small workspace, so that copies for the same day belong to different users.
const ROWS_OF_A_DAY: usize = 200;

// Each kind of document has its own random sequence.
const COPY: u64 = 1;
const USER: u64 = 2;
const ROOM: u64 = 3;
const MESSAGE: u64 = 4;

/// A collection that is enlarged.
pub(super) struct Kind {
    pub(super) collection: &'static str,
    /// Whether a document may be copied; some are unique in a workspace.
    pub(super) is_pattern: fn(&Document) -> bool,
    pub(super) copy: fn(&mut Place, &mut Document),
}

/// Makes copies for one collection.
pub(super) struct Copier {
    pub(super) size: LargeSize,
    pub(super) patterns: Vec<Document>,
    pub(super) copy: fn(&mut Place, &mut Document),
}

impl Copier {
    pub(super) fn copy(&self, number: usize) -> Document {
        let mut place = Place {
            size: &self.size,
            random: random_of(COPY, number),
            number,
            position: number % self.patterns.len(),
            round: number / self.patterns.len(),
        };
        let mut document = self.patterns[place.position].clone();
        (self.copy)(&mut place, &mut document);
        document
    }
}

/// The position of a copy among the copies of its collection.
pub(super) struct Place<'a> {
    size: &'a LargeSize,
    random: Random,
    number: usize,
    /// The index of the copied document.
    position: usize,
    /// How often that document was copied before.
    round: usize,
}

pub(super) const KINDS: &[Kind] = &[
    Kind {
        collection: "users",
        // A large workspace has no more bots and apps than a small one.
        is_pattern: |user| !matches!(user.get_str("type"), Ok("bot" | "app")),
        copy: user,
    },
    Kind {
        collection: "usersSessions",
        is_pattern: |session| {
            let connections = session.get_array("connections");
            connections.is_ok_and(|list| !list.is_empty())
        },
        copy: connections,
    },
    Kind {
        collection: "rocketchat_room",
        is_pattern: |room| {
            room.get_str("_id").is_ok_and(|id| id != "GENERAL") && !room.contains_key("teamMain")
        },
        copy: room,
    },
    Kind {
        collection: "rocketchat_message",
        is_pattern: |_| true,
        copy: message,
    },
    Kind {
        collection: "rocketchat_uploads",
        is_pattern: |_| true,
        copy: upload,
    },
    Kind {
        collection: "rocketchat_sessions",
        is_pattern: |row| row.get_str("type").is_ok_and(|kind| kind == "user_daily"),
        copy: session,
    },
    Kind {
        collection: "rocketchat_livechat_visitor",
        is_pattern: |_| true,
        copy: visitor,
    },
    Kind {
        collection: "rocketchat_livechat_contact",
        is_pattern: |_| true,
        copy: contact,
    },
];

fn user_id(number: usize) -> String {
    random_of(USER, number).id()
}

impl Place<'_> {
    fn any_user(&mut self) -> String {
        user_id(self.random.below(self.size.users))
    }

    fn any_room(&mut self) -> String {
        random_of(ROOM, self.random.below(self.size.rooms)).id()
    }

    /// Moves all dates of a document into the past by the same time.
    fn age(&mut self, document: &mut Document, days: i64, fields: &[&str]) {
        let earlier = self.random.between(0, days * DAY) * 1000;
        for field in fields {
            if let Some(Bson::DateTime(date)) = document.get_mut(field) {
                *date = DateTime::from_millis(date.timestamp_millis() - earlier);
            }
        }
    }
}

fn user(place: &mut Place, user: &mut Document) {
    let number = place.number;
    let username = format!("{}.{number}", user.get_str("username").unwrap_or_default());
    user.insert("_id", user_id(number));
    if user.contains_key("emails") {
        let address = format!("{username}@example.com");
        user.insert(
            "emails",
            vec![doc! { "address": address, "verified": true }],
        );
    }
    user.insert("username", username);
    let services = user.get_document_mut("services");
    let resume = services.and_then(|services| services.get_document_mut("resume"));
    if let Ok(tokens) = resume.and_then(|resume| resume.get_array_mut("loginTokens")) {
        for token in tokens.iter_mut().filter_map(Bson::as_document_mut) {
            // The length of a hash, but of no known token.
            token.insert("hashedToken", format!("{}=", place.random.text(43)));
        }
    }
    if user.contains_key("sipExtension") {
        user.insert("sipExtension", format!("{}", 100_000 + number));
    }
    if user.contains_key("status") {
        let presence = match number {
            _ if number >= place.size.connected => "offline",
            _ if number.is_multiple_of(5) => "away",
            _ if number.is_multiple_of(17) => "busy",
            _ => "online",
        };
        user.insert("status", presence);
        user.insert("statusConnection", presence);
    }
    place.age(user, 200, &["createdAt", "lastLogin", "_updatedAt"]);
}

fn connections(place: &mut Place, session: &mut Document) {
    session.insert("_id", user_id(place.number));
    if let Ok(connections) = session.get_array_mut("connections") {
        for connection in connections.iter_mut().filter_map(Bson::as_document_mut) {
            connection.insert("id", place.random.id());
        }
    }
}

fn room(place: &mut Place, room: &mut Document) {
    let id = random_of(ROOM, place.number).id();
    for field in ["name", "fname"] {
        if let Ok(name) = room.get_str(field) {
            // Names of copied documents contain no dot.
            let name = format!("{name}.{}", place.number);
            room.insert(field, name);
        }
    }
    if room.contains_key("uids") {
        room.insert("uids", vec![place.any_user(), place.any_user()]);
    }
    if let Ok(visitor) = room.get_document_mut("v") {
        visitor.insert("_id", place.random.object_id());
    }
    if let Ok(message) = room.get_document_mut("lastMessage") {
        message.insert("_id", place.random.id());
        message.insert("rid", &id);
    }
    room.insert("_id", id);
    // Half of the conversations stay recent, because statistics count those of the last 30 days.
    let days = if place.random.percent(50) { 1 } else { 200 };
    place.age(room, days, &["ts", "lm", "_updatedAt"]);
}

fn message(place: &mut Place, message: &mut Document) {
    message.insert("_id", random_of(MESSAGE, place.number).id());
    message.insert("rid", place.any_room());
    let author = place.any_user();
    if let Ok(user) = message.get_document_mut("u") {
        user.insert("_id", author);
    }
    place.age(message, 100, &["ts", "_updatedAt", "tlm"]);
}

fn upload(place: &mut Place, upload: &mut Document) {
    let pattern = upload.get_str("name").unwrap_or_default();
    let name = format!("{}-{pattern}", place.number);
    let id = place.random.id();
    upload.insert("path", format!("/file-upload/{id}/{name}"));
    upload.insert("_id", id);
    upload.insert("name", name);
    upload.insert("rid", place.any_room());
    upload.insert("userId", place.any_user());
    if upload.contains_key("size") {
        let size = place.random.between(2_000, 9_000_000);
        upload.insert("size", i32::try_from(size).unwrap_or(i32::MAX));
    }
    place.age(upload, 100, &["uploadedAt", "_updatedAt"]);
}

fn session(place: &mut Place, row: &mut Document) {
    let user = place.round * ROWS_OF_A_DAY + place.position % ROWS_OF_A_DAY;
    let user = user_id(user % place.size.users.max(1));
    row.insert("_id", format!("{user}-{}", place.number));
    row.insert("userId", user);
}

fn visitor(place: &mut Place, visitor: &mut Document) {
    visitor.insert("_id", place.random.object_id());
    visitor.insert("token", place.random.text(20));
    visitor.insert("username", format!("guest-x{}", place.number));
    place.age(visitor, 100, &["ts", "_updatedAt"]);
}

fn contact(place: &mut Place, contact: &mut Document) {
    contact.insert("_id", place.random.object_id());
    place.age(contact, 100, &["createdAt", "_updatedAt"]);
}
