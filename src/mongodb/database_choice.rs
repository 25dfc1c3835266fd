//! Which database is Rocket.Chat's: the one that was named, if it has Rocket.Chat's collections, else the only one that
//! has them.

use std::collections::BTreeSet;

use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};

use super::driver::Driver;
use super::error::SourceError;
use super::{bson, command};
use crate::catalogue::FailureKind;

/// Collections that every Rocket.Chat database has.
pub const TELLING_COLLECTIONS: [&str; 3] = ["rocketchat_settings", "rocketchat_room", "users"];

/// How the names of most of Rocket.Chat's collections begin, and of no other program's.
const PREFIX: &str = "rocketchat_";

/// Databases of MongoDB's own.
const OWN: [&str; 3] = ["admin", "config", "local"];

/// Names in a reply: more than Rocket.Chat has collections.
const ONE_REPLY: i32 = 10_000;

/// A listing of databases and collections, by one client.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a>(pub &'a Driver);

/// A database that was seen to be Rocket.Chat's.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The database.
    pub database: Database,
    /// What it has.
    pub telling: Telling,
}

/// Those of [`TELLING_COLLECTIONS`] that the database of a name has.
#[derive(Debug, Clone)]
pub struct Telling {
    name: String,
    collections: BTreeSet<&'static str>,
}

/// What a listing shows of a database's collections.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    telling: BTreeSet<&'static str>,
    has_prefixed: bool,
}

impl Listing<'_> {
    /// The database of this name, if it is Rocket.Chat's, and else the only one that is.
    ///
    /// `before` is what the one that was chosen earlier had: a database that has lost a telling collection is being
    /// dropped or restored. `unseen` takes a named database also where the user may not see what it has, for `check`,
    /// which tells what the user lacks.
    ///
    /// # Errors
    /// When there is none or several, or when that cannot be seen.
    pub async fn choose(
        self,
        name: Option<&str>,
        before: Option<&Telling>,
        unseen: bool,
    ) -> Result<Chosen, SourceError> {
        use FailureKind::{NoDatabase, Unauthenticated};
        let database = match name {
            Some(name) => self.client().database(name),
            None => self.only_one().await?,
        };
        let seen = match self.look(&database).await {
            Err(error)
                if unseen
                    && name.is_some()
                    && matches!(error.kind, NoDatabase | Unauthenticated) =>
            {
                let telling = Telling {
                    name: database.name().to_owned(),
                    collections: BTreeSet::new(),
                };
                return Ok(Chosen { database, telling });
            }
            seen => seen?,
        };
        if !seen.has_prefixed {
            return Err(self.foreign(database.name()).await);
        }
        let mut telling = Telling {
            name: database.name().to_owned(),
            collections: seen.telling,
        };
        if let Some(before) = before.filter(|it| it.name == telling.name) {
            self.expect(&database, before, &telling.collections).await?;
            telling.collections.extend(&before.collections);
        }
        Ok(Chosen { database, telling })
    }

    /// Sees that a database still is what it was when it was chosen.
    ///
    /// # Errors
    /// When it is not, or when that cannot be seen.
    pub async fn confirm(self, chosen: &Chosen) -> Result<(), SourceError> {
        let database = &chosen.database;
        let seen = self.look(database).await?;
        if !seen.has_prefixed {
            return Err(gone(
                database.name(),
                "has none of Rocket.Chat's collections any more",
            ));
        }
        self.expect(database, &chosen.telling, &seen.telling).await
    }

    fn client(&self) -> &Client {
        &self.0.client
    }

    /// Fails if a collection is missing that is expected; one that the user may no longer see may be there.
    async fn expect(
        self,
        database: &Database,
        expected: &Telling,
        seen: &BTreeSet<&'static str>,
    ) -> Result<(), SourceError> {
        for collection in expected.collections.difference(seen) {
            let find = doc! { "find": *collection, "projection": { "_id": 1 }, "limit": 1 };
            match self.ask(database, find).await {
                Err(error) if error.kind == FailureKind::Unauthorized => {}
                Err(error) => return Err(error),
                Ok(_) => {
                    let what = format!("has lost its collection `{collection}`");
                    return Err(gone(database.name(), &what));
                }
            }
        }
        Ok(())
    }

    /// The only database that has all telling collections.
    async fn only_one(self) -> Result<Database, SourceError> {
        let candidates = self.candidates().await?;
        match candidates.as_slice() {
            [name] => {
                tracing::info!(database = name, "found the database");
                Ok(self.client().database(name))
            }
            [] => Err(SourceError::new(
                FailureKind::NoDatabase,
                "no database of this MongoDB server has Rocket.Chat's collections, as far as this user may see; name it with --mongodb.database",
            )),
            several => Err(SourceError::new(
                FailureKind::NoDatabase,
                format!(
                    "several databases have Rocket.Chat's collections: {}; choose one with --mongodb.database",
                    several.join(", ")
                ),
            )),
        }
    }

    async fn candidates(self) -> Result<Vec<String>, SourceError> {
        let list = doc! { "listDatabases": 1, "nameOnly": true, "authorizedDatabases": true };
        let answer = self.ask(&self.client().database("admin"), list).await?;
        let databases = answer.get_array("databases").map_or(&[][..], Vec::as_slice);
        let names = databases
            .iter()
            .filter_map(|it| bson::text(it.as_document()?.get("name")))
            .filter(|name| !OWN.contains(&name.as_str()));
        let mut candidates = Vec::new();
        for name in names {
            let seen = self.look(&self.client().database(&name)).await?;
            if seen.telling.len() == TELLING_COLLECTIONS.len() {
                candidates.push(name);
            }
        }
        candidates.sort_unstable();
        Ok(candidates)
    }

    /// Why a database is not read that was named.
    async fn foreign(self, name: &str) -> SourceError {
        let advice = match self.candidates().await {
            Ok(candidates) if !candidates.is_empty() => {
                let names: Vec<String> = candidates.iter().map(|it| format!("`{it}`")).collect();
                let differs_by_case = candidates.iter().any(|it| it.eq_ignore_ascii_case(name));
                format!(
                    "they are in {}; name it with --mongodb.database{}",
                    names.join(", "),
                    if differs_by_case {
                        ", upper and lower case as they are"
                    } else {
                        ""
                    }
                )
            }
            Ok(_) => "no other database has them, as far as this user may see; if Rocket.Chat is new it will make them, else correct --mongodb.database or the connection string".to_owned(),
            Err(_) => "name the right one with --mongodb.database; this user may not list the others".to_owned(),
        };
        SourceError::new(
            FailureKind::NoDatabase,
            format!("the database `{name}` has none of Rocket.Chat's collections: {advice}"),
        )
    }

    /// What a database has, as far as the user may see. That needs no privilege but those on the collections.
    async fn look(self, database: &Database) -> Result<Seen, SourceError> {
        let list = doc! {
            "listCollections": 1,
            "nameOnly": true,
            "authorizedCollections": true,
            "filter": { "$or": [
                { "name": { "$regex": format!("^{PREFIX}") } },
                { "name": { "$in": TELLING_COLLECTIONS.as_slice() } },
            ] },
            "cursor": { "batchSize": ONE_REPLY },
        };
        match self.ask(database, list).await {
            Ok(answer) => Ok(Seen::of(&answer)),
            Err(error) if error.kind == FailureKind::Unauthorized => {
                self.look_without_list(database).await
            }
            Err(error) => Err(error),
        }
    }

    /// The same where collections may not be listed: they are there if they have documents.
    async fn look_without_list(self, database: &Database) -> Result<Seen, SourceError> {
        let mut telling = BTreeSet::new();
        for collection in TELLING_COLLECTIONS {
            let find = doc! { "find": collection, "projection": { "_id": 1 }, "limit": 1 };
            match self.ask(database, find).await {
                Ok(answer) if !first_batch(&answer).is_empty() => {
                    telling.insert(collection);
                }
                Ok(_) => {}
                Err(error) if error.kind == FailureKind::Unauthorized => {}
                Err(error) => return Err(error),
            }
        }
        if telling.is_empty() {
            return Err(SourceError::new(
                FailureKind::NoDatabase,
                format!(
                    "this user may not list the collections of the database `{}` nor read Rocket.Chat's in it, so it cannot be seen whether it is Rocket.Chat's; name the right one with --mongodb.database, or grant the role that the documentation names",
                    database.name()
                ),
            ));
        }
        Ok(Seen {
            has_prefixed: telling.iter().any(|it| it.starts_with(PREFIX)),
            telling,
        })
    }

    async fn ask(self, database: &Database, mut asked: Document) -> Result<Document, SourceError> {
        asked.insert("maxTimeMS", bson::milliseconds(self.0.query_timeout));
        asked.insert("comment", "rocketchat-exporter database");
        self.0.within(command::run(database, asked)).await
    }
}

impl Seen {
    fn of(answer: &Document) -> Self {
        let names: Vec<String> = first_batch(answer)
            .iter()
            .filter_map(|it| bson::text(it.as_document()?.get("name")))
            .collect();
        let has = |known: &&str| names.iter().any(|it| it == known);
        Self {
            telling: TELLING_COLLECTIONS.into_iter().filter(has).collect(),
            has_prefixed: names.iter().any(|it| it.starts_with(PREFIX)),
        }
    }
}

fn first_batch(answer: &Document) -> &[Bson] {
    let cursor = answer.get_document("cursor");
    let batch = cursor.and_then(|it| it.get_array("firstBatch"));
    batch.map_or(&[], Vec::as_slice)
}

fn gone(name: &str, what: &str) -> SourceError {
    SourceError::new(
        FailureKind::NoDatabase,
        format!("the database `{name}` {what}; it is read again once it is whole"),
    )
}
