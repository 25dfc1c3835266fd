//! Chooses Rocket.Chat's database: the configured one if it has Rocket.Chat's collections, else the only one that has them.

use std::collections::BTreeSet;

use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};

use super::error::SourceError;
use super::workspace_client::WorkspaceClient;
use super::{bson, command};
use crate::catalogue::FailureKind;

/// Collections that every Rocket.Chat database has.
pub const CORE_COLLECTIONS: [&str; 3] = ["rocketchat_settings", "rocketchat_room", "users"];

/// The prefix of most of Rocket.Chat's collections.
const PREFIX: &str = "rocketchat_";

/// MongoDB's own databases.
const SYSTEM_DATABASES: [&str; 3] = ["admin", "config", "local"];

/// Collections in a reply; more than Rocket.Chat has.
const MAX_NAMES: i32 = 10_000;

/// Finds databases and collections by one client.
#[derive(Debug, Clone, Copy)]
pub struct DatabaseFinder<'a>(pub &'a WorkspaceClient);

/// A database that has Rocket.Chat's collections.
#[derive(Debug, Clone)]
pub struct ChosenDatabase {
    /// The database.
    pub database: Database,
    /// Those that it has.
    pub core: CoreCollections,
}

/// Those of [`CORE_COLLECTIONS`] that a database has.
#[derive(Debug, Clone)]
pub struct CoreCollections {
    name: String,
    collections: BTreeSet<&'static str>,
}

/// Rocket.Chat's collections in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FoundCollections {
    core: BTreeSet<&'static str>,
    has_prefixed: bool,
}

impl DatabaseFinder<'_> {
    /// Chooses the database of this name, or without a name the only one of Rocket.Chat.
    ///
    /// `earlier` is what the last chosen database had: one that has lost a core collection is being dropped or restored.
    /// `may_be_unseen` accepts a named database whose collections the user may not see, for `check`, which reports the
    /// missing privileges.
    ///
    /// # Errors
    /// When there is none or several, or they cannot be listed.
    pub async fn choose(
        self,
        name: Option<&str>,
        earlier: Option<&CoreCollections>,
        may_be_unseen: bool,
    ) -> Result<ChosenDatabase, SourceError> {
        use FailureKind::{NoDatabase, Unauthenticated};
        let database = match name {
            Some(name) => self.client().database(name),
            None => self.only_one().await?,
        };
        let found = match self.list(&database).await {
            Err(error)
                if may_be_unseen
                    && name.is_some()
                    && matches!(error.kind, NoDatabase | Unauthenticated) =>
            {
                let core = CoreCollections {
                    name: database.name().to_owned(),
                    collections: BTreeSet::new(),
                };
                return Ok(ChosenDatabase { database, core });
            }
            found => found?,
        };
        if !found.has_prefixed {
            return Err(self.foreign(database.name()).await);
        }
        let mut core = CoreCollections {
            name: database.name().to_owned(),
            collections: found.core,
        };
        if let Some(earlier) = earlier.filter(|earlier| earlier.name == core.name) {
            self.expect(&database, earlier, &core.collections).await?;
            core.collections.extend(&earlier.collections);
        }
        Ok(ChosenDatabase { database, core })
    }

    /// Checks that a database still has the collections that it had when it was chosen.
    ///
    /// # Errors
    /// When it has not, or they cannot be listed.
    pub async fn confirm(self, chosen: &ChosenDatabase) -> Result<(), SourceError> {
        let database = &chosen.database;
        let found = self.list(database).await?;
        if !found.has_prefixed {
            return Err(gone(
                database.name(),
                "no longer has any of Rocket.Chat's collections",
            ));
        }
        self.expect(database, &chosen.core, &found.core).await
    }

    fn client(&self) -> &Client {
        &self.0.driver.client
    }

    /// Fails if an expected collection is missing; one that the user may no longer see counts as present.
    async fn expect(
        self,
        database: &Database,
        expected: &CoreCollections,
        found: &BTreeSet<&'static str>,
    ) -> Result<(), SourceError> {
        for collection in expected.collections.difference(found) {
            let find = doc! { "find": *collection, "projection": { "_id": 1 }, "limit": 1 };
            match self.run(database, find).await {
                Err(error) if error.kind == FailureKind::Unauthorized => {}
                Err(error) => return Err(error),
                Ok(_) => {
                    let change = format!("has lost its collection `{collection}`");
                    return Err(gone(database.name(), &change));
                }
            }
        }
        Ok(())
    }

    /// The only database that has all core collections.
    async fn only_one(self) -> Result<Database, SourceError> {
        let candidates = self.candidates().await?;
        match candidates.as_slice() {
            [name] => {
                tracing::info!(database = name, "found the database");
                Ok(self.client().database(name))
            }
            [] => Err(SourceError::new(
                FailureKind::NoDatabase,
                "no database that this user may see has Rocket.Chat's collections; name it with --mongodb.database",
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
        let answer = self.run(&self.client().database("admin"), list).await?;
        let databases = answer.get_array("databases").map_or(&[][..], Vec::as_slice);
        let names = databases
            .iter()
            .filter_map(|database| bson::text(database.as_document()?.get("name")))
            .filter(|name| !SYSTEM_DATABASES.contains(&name.as_str()));
        let mut candidates = Vec::new();
        for name in names {
            let found = self.list(&self.client().database(&name)).await?;
            if found.core.len() == CORE_COLLECTIONS.len() {
                candidates.push(name);
            }
        }
        candidates.sort_unstable();
        Ok(candidates)
    }

    /// The error for a named database without Rocket.Chat's collections.
    async fn foreign(self, name: &str) -> SourceError {
        let advice = match self.candidates().await {
            Ok(candidates) if !candidates.is_empty() => {
                let names: Vec<String> = candidates.iter().map(|name| format!("`{name}`")).collect();
                let differs_by_case = candidates.iter().any(|candidate| candidate.eq_ignore_ascii_case(name));
                format!(
                    "they are in {}; name it with --mongodb.database{}",
                    names.join(", "),
                    if differs_by_case {
                        "; names are case-sensitive"
                    } else {
                        ""
                    }
                )
            }
            Ok(_) => "no other database that this user may see has them either; a new Rocket.Chat creates them when it starts, otherwise correct --mongodb.database or the connection string".to_owned(),
            Err(_) => "name the right one with --mongodb.database; this user may not list the other databases".to_owned(),
        };
        SourceError::new(
            FailureKind::NoDatabase,
            format!("the database `{name}` has none of Rocket.Chat's collections: {advice}"),
        )
    }

    /// Lists the collections that the user may see, which needs no privilege of its own.
    async fn list(self, database: &Database) -> Result<FoundCollections, SourceError> {
        let list = doc! {
            "listCollections": 1,
            "nameOnly": true,
            "authorizedCollections": true,
            "filter": { "$or": [
                { "name": { "$regex": format!("^{PREFIX}") } },
                { "name": { "$in": CORE_COLLECTIONS.as_slice() } },
            ] },
            "cursor": { "batchSize": MAX_NAMES },
        };
        match self.run(database, list).await {
            Ok(answer) => Ok(FoundCollections::of(&answer)),
            Err(error) if error.kind == FailureKind::Unauthorized => self.probe(database).await,
            Err(error) => Err(error),
        }
    }

    /// The same for a user who may not list collections: those with documents exist.
    async fn probe(self, database: &Database) -> Result<FoundCollections, SourceError> {
        let mut core = BTreeSet::new();
        for collection in CORE_COLLECTIONS {
            let find = doc! { "find": collection, "projection": { "_id": 1 }, "limit": 1 };
            match self.run(database, find).await {
                Ok(answer) if !first_batch(&answer).is_empty() => {
                    core.insert(collection);
                }
                Ok(_) => {}
                Err(error) if error.kind == FailureKind::Unauthorized => {}
                Err(error) => return Err(error),
            }
        }
        if core.is_empty() {
            return Err(SourceError::new(
                FailureKind::NoDatabase,
                format!(
                    "this user may neither list the collections of the database `{}` nor read any of Rocket.Chat's in it; name the right database with --mongodb.database, or grant the role in the documentation",
                    database.name()
                ),
            ));
        }
        Ok(FoundCollections {
            has_prefixed: core.iter().any(|collection| collection.starts_with(PREFIX)),
            core,
        })
    }

    async fn run(
        self,
        database: &Database,
        mut command: Document,
    ) -> Result<Document, SourceError> {
        command.insert("maxTimeMS", bson::milliseconds(self.0.query_timeout));
        command.insert("comment", "rocketchat-exporter database");
        self.0.within(command::run(database, command)).await
    }
}

impl FoundCollections {
    fn of(answer: &Document) -> Self {
        let names: Vec<String> = first_batch(answer)
            .iter()
            .filter_map(|collection| bson::text(collection.as_document()?.get("name")))
            .collect();
        let has = |known: &&str| names.iter().any(|name| name == known);
        Self {
            core: CORE_COLLECTIONS.into_iter().filter(has).collect(),
            has_prefixed: names.iter().any(|name| name.starts_with(PREFIX)),
        }
    }
}

fn first_batch(answer: &Document) -> &[Bson] {
    let cursor = answer.get_document("cursor");
    let batch = cursor.and_then(|cursor| cursor.get_array("firstBatch"));
    batch.map_or(&[], Vec::as_slice)
}

fn gone(name: &str, change: &str) -> SourceError {
    SourceError::new(
        FailureKind::NoDatabase,
        format!("the database `{name}` {change}; it is read again once it is complete"),
    )
}
