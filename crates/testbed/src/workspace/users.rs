//! `users` and `usersSessions`: people of every kind, bots and apps, and their connections.

mod document;

use std::collections::HashSet;

use anyhow::Result;
use mongodb::bson::{Document, doc};

use super::builder::Builder;
use super::presence::Presence;
use super::time::{HOUR, MINUTE};
use super::{Account, Credentials, names};

/// The properties of a user that the generator needs for other collections.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) username: String,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Days since the account was created.
    pub(super) age: i64,
    /// The states of the connections; empty while offline.
    pub(super) connections: Vec<&'static str>,
    /// A personal access token in plain text.
    token: Option<String>,
}

impl Person {
    /// The reference to a user in messages, rooms and subscriptions.
    pub(super) fn reference(&self) -> Document {
        doc! { "_id": &self.id, "username": &self.username, "name": &self.name }
    }

    /// Whether the user takes part in conversations of this workspace.
    pub(super) fn is_member(&self) -> bool {
        matches!(
            self.kind,
            Kind::Admin | Kind::Plain | Kind::Agent | Kind::Manager | Kind::Guest
        )
    }

    pub(super) fn is_agent(&self) -> bool {
        matches!(self.kind, Kind::Agent | Kind::Manager)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Admin,
    Plain,
    Agent,
    Manager,
    Guest,
    Deactivated,
    /// A user of a Matrix server.
    Federated,
    /// A user of the federation before Matrix.
    Remote,
    /// A user of an import or an old version, without type, status and most other fields.
    Bare,
    Bot,
    App,
}

impl Kind {
    pub(super) fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Admin => &["user", "admin"],
            Self::Agent => &["user", "livechat-agent"],
            Self::Manager => &["user", "livechat-agent", "livechat-manager"],
            Self::Guest => &["guest"],
            Self::Bot => &["bot"],
            Self::App => &["app"],
            _ => &["user"],
        }
    }
}

/// Thousandths of the users that are of each kind; the others are plain.
const SHARES: &[(Kind, usize)] = &[
    (Kind::Admin, 5),
    (Kind::Agent, 20),
    (Kind::Manager, 5),
    (Kind::Guest, 40),
    (Kind::Deactivated, 80),
    (Kind::Federated, 25),
    (Kind::Remote, 4),
    (Kind::Bare, 5),
    (Kind::Bot, 5),
    (Kind::App, 8),
];

/// The percentage of people who are connected: at the default size fewer than the 200 connections of the community edition.
const CONNECTED: usize = 22;

pub(super) async fn fill(builder: &mut Builder<'_>, instances: &[String]) -> Result<Vec<Person>> {
    let mut people = Vec::new();
    let mut documents = Vec::new();
    let mut sessions = Vec::new();
    let mut taken = HashSet::new();
    for (position, kind) in kinds(builder.size.users).into_iter().enumerate() {
        let presence = presence_of(builder, kind, position);
        let person = person(builder, kind, position, &presence, &mut taken);
        documents.push(document::document(builder, &person, &presence, position));
        if !presence.connections.is_empty() {
            sessions.push(session(builder, &person, instances));
        } else if person.is_member() && builder.random.percent(10) {
            // After a disconnect Rocket.Chat leaves an empty list.
            sessions.push(doc! { "_id": &person.id, "connections": [] });
        }
        people.push(person);
    }
    builder.insert("users", documents).await?;
    builder.insert("usersSessions", sessions).await?;
    Ok(people)
}

/// The accounts for API requests.
pub(super) fn credentials(people: &[Person]) -> Credentials {
    let account = |position: usize| Account {
        user_id: people[position].id.clone(),
        token: people[position].token.clone().unwrap_or_default(),
    };
    Credentials {
        admin: account(ADMIN),
        plain: account(PLAIN),
    }
}

/// The first three users are always the same.
const ROCKET_CAT: usize = 0;
const ADMIN: usize = 1;
const PLAIN: usize = 2;

fn kinds(count: usize) -> Vec<Kind> {
    let mut kinds = vec![Kind::Bot, Kind::Admin, Kind::Plain];
    for &(kind, share) in SHARES {
        kinds.extend(std::iter::repeat_n(kind, (count * share / 1000).max(1)));
    }
    kinds.resize(count, Kind::Plain);
    kinds
}

fn presence_of(builder: &mut Builder<'_>, kind: Kind, position: usize) -> Presence {
    match kind {
        // Bots and apps never connect, but are always shown as online; see the module `document`.
        Kind::Bot | Kind::App | Kind::Deactivated | Kind::Federated | Kind::Remote | Kind::Bare => {
            Presence::new("online", Vec::new())
        }
        _ if position == ADMIN => Presence::new("online", vec!["online", "away"]),
        _ if builder.random.percent(CONNECTED) => Presence::connected(&mut builder.random),
        _ => Presence::disconnected(&mut builder.random),
    }
}

fn person(
    builder: &mut Builder<'_>,
    kind: Kind,
    position: usize,
    presence: &Presence,
    taken: &mut HashSet<String>,
) -> Person {
    let random = &mut builder.random;
    let first = names::FIRST[position % names::FIRST.len()];
    let last = *random.pick(names::LAST);
    let name = format!("{first} {last}");
    let (username, name) = match (position, kind) {
        (ROCKET_CAT, _) => ("rocket.cat".to_owned(), "Rocket.Cat".to_owned()),
        (ADMIN, _) => ("admin".to_owned(), name),
        (_, Kind::Bot) => (
            format!("{}.bot", names::TOPICS[position % names::TOPICS.len()]),
            "Bot".to_owned(),
        ),
        (_, Kind::App) => (format!("app{position}.bot"), format!("App {position}")),
        (_, Kind::Federated) => (
            format!(
                "@{}{position}:{}",
                plain_letters(first),
                random.pick(names::SERVERS)
            ),
            name,
        ),
        (_, Kind::Remote) => (
            format!("{}{position}@old.example.org", plain_letters(first)),
            name,
        ),
        _ => (
            format!("{}.{}", plain_letters(first), plain_letters(last)),
            name,
        ),
    };
    let username = if taken.contains(&username) {
        format!("{username}{position}")
    } else {
        username
    };
    taken.insert(username.clone());
    Person {
        id: if position == ROCKET_CAT {
            username.clone()
        } else {
            random.id()
        },
        username,
        name,
        kind,
        age: if position < 3 {
            900
        } else {
            random.between(1, 880)
        },
        connections: presence.connections.clone(),
        token: matches!(position, ADMIN | PLAIN).then(|| random.text(43)),
    }
}

/// A name as lower-case ASCII letters, for usernames.
fn plain_letters(name: &str) -> String {
    name.chars()
        .map(|letter| match letter {
            'ö' => 'o',
            'é' => 'e',
            'í' => 'i',
            _ => letter.to_ascii_lowercase(),
        })
        .collect()
}

fn session(builder: &mut Builder<'_>, person: &Person, instances: &[String]) -> Document {
    let connections: Vec<Document> = person
        .connections
        .iter()
        .map(|status| {
            doc! {
                "id": builder.random.id(),
                "instanceId": builder.random.pick(instances),
                "status": *status,
                "_createdAt": builder.within(9 * HOUR),
                "_updatedAt": builder.within(2 * MINUTE),
            }
        })
        .collect();
    doc! { "_id": &person.id, "connections": connections }
}
