//! Enlarges a small workspace: its documents are copied with new ids, names and dates, so that a million users have the
//! shapes of the few hundred generated ones.
//!
//! Several tasks write copies at once, unordered and without waiting for the journal: if mongod dies meanwhile, the
//! workspace is generated again.

mod copies;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::options::{Acknowledgment, WriteConcern};
use mongodb::{Collection, Database};
use tokio::task::JoinSet;

use super::random::Random;
use copies::{Copier, KINDS};

/// The number of copied documents in the large collections, in addition to those of the small workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LargeSize {
    /// Documents in `users`.
    pub users: usize,
    /// Documents in `rocketchat_room`.
    pub rooms: usize,
    /// Documents in `rocketchat_message`.
    pub messages: usize,
    /// Documents in `rocketchat_uploads`.
    pub uploads: usize,
    /// Documents in `rocketchat_sessions`.
    pub sessions: usize,
    /// Documents in `usersSessions`: connected users.
    pub connected: usize,
}

impl LargeSize {
    /// The target size of a collection. Each livechat conversation has its own visitor and contact.
    fn of(&self, collection: &str) -> usize {
        match collection {
            "users" => self.users,
            "rocketchat_room" => self.rooms,
            "rocketchat_message" => self.messages,
            "rocketchat_uploads" => self.uploads,
            "rocketchat_sessions" => self.sessions,
            "usersSessions" => self.connected,
            "rocketchat_livechat_visitor" | "rocketchat_livechat_contact" => {
                self.rooms * copies::LIVECHAT / 100
            }
            _ => 0,
        }
    }
}

const WRITERS: usize = 4;

/// Documents per insert.
const BATCH: usize = 2_000;

/// Copies the documents of a small workspace up to this size.
pub(super) async fn enlarge(database: &Database, size: &LargeSize) -> Result<()> {
    for kind in KINDS {
        let collection = database.collection::<Document>(kind.collection);
        let patterns: Vec<Document> = collection.find(doc! {}).await?.try_collect().await?;
        let missing = size.of(kind.collection).saturating_sub(patterns.len());
        let patterns: Vec<Document> = patterns.into_iter().filter(kind.is_pattern).collect();
        if patterns.is_empty() || missing == 0 {
            continue;
        }
        let copier = Copier {
            size: size.clone(),
            patterns,
            copy: kind.copy,
        };
        write(&collection, copier, missing)
            .await
            .with_context(|| format!("cannot enlarge `{}`", kind.collection))?;
    }
    Ok(())
}

async fn write(collection: &Collection<Document>, copier: Copier, count: usize) -> Result<()> {
    let copier = Arc::new(copier);
    let next = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let (copier, next) = (Arc::clone(&copier), Arc::clone(&next));
        let collection = collection.clone();
        writers.spawn(async move {
            loop {
                let start = next.fetch_add(BATCH, Ordering::Relaxed);
                if start >= count {
                    return Ok::<(), mongodb::error::Error>(());
                }
                let documents = (start..count.min(start + BATCH)).map(|number| copier.copy(number));
                collection
                    .insert_many(documents.collect::<Vec<_>>())
                    .ordered(false)
                    .write_concern(write_concern())
                    .await?;
            }
        });
    }
    while let Some(outcome) = writers.join_next().await {
        outcome??;
    }
    Ok(())
}

/// Writes are acknowledged once the server has them in memory.
fn write_concern() -> WriteConcern {
    WriteConcern::builder()
        .w(Acknowledgment::Nodes(1))
        .journal(false)
        .build()
}

/// The random sequence of one document, from which other documents can derive its id.
fn random_of(kind: u64, number: usize) -> Random {
    Random::new((kind << 40) + u64::try_from(number).unwrap_or_default() * 7)
}
