//! Full reads that are no older than the start of the changes, and lookups of documents that are no older than the change that
//! made them necessary.
//!
//! All of them have read concern `majority`, because changes contain nothing else: what is read and then rolled back would
//! never be corrected.

use std::collections::{BTreeMap, BTreeSet};

use mongodb::Cursor;
use mongodb::bson::{Bson, Document, RawDocumentBuf, Timestamp, doc};
use mongodb::error::Error;
use tokio::time::Instant;

use super::followed_collection::{FollowedCollection, FollowedCollections};
use super::id_hasher::IdHasher;
use super::live_error::LiveError;
use super::member_status::COMMENT;
use super::packed_table::IdHash;
use super::pipeline::{filter, projection};
use super::tracked_documents::{CollectionScan, PendingLookups, TrackedDocuments};
use crate::collectors::LiveObstacle;
use crate::mongodb::{Mongo, SelectedMember, SourceError, bson, command};

/// Documents of all collections that are followed: at 24 bytes each, and twice that while a full read is compared.
const MAX_DOCUMENTS: usize = 5_000_000;

/// The memory that a document takes: its row, and the same once more while a full read is compared.
const BYTES_OF_DOCUMENT: usize = 48;

/// Documents in one reply of a full read; the fields that are kept are some 100 bytes.
const BATCH_SIZE: i32 = 20_000;

const MEBIBYTE: u64 = 1 << 20;

impl Mongo {
    /// Reads every document of these collections, as it was at this time or later.
    ///
    /// # Errors
    /// When the server does not answer, or there are too many documents.
    pub async fn read_collections(
        &self,
        member: &SelectedMember,
        collections: &FollowedCollections,
        hasher: &IdHasher,
        after: Timestamp,
        is_first: bool,
    ) -> Result<TrackedDocuments, LiveError> {
        let begun = Instant::now();
        let lease = self.clients.database().await?.lease;
        let mut scans = Vec::with_capacity(collections.len());
        let kept = collections
            .values()
            .filter(|collection| collection.keeps_documents());
        let mut expected = Vec::new();
        for collection in kept {
            let documents = self.expected_documents(member, collection).await?;
            expected.push((collection, documents));
        }
        let documents = expected.iter().map(|(_, documents)| documents).sum();
        let bytes = self.ensure_fits(documents)?;
        if is_first {
            let mebibytes = bytes.div_ceil(MEBIBYTE);
            tracing::info!(
                database = member.database.name(),
                documents,
                mebibytes,
                "live mode begins; it takes about this much memory"
            );
        }
        let mut left = MAX_DOCUMENTS;
        for (collection, expected) in expected {
            let scan = self
                .scan_collection(member, collection, hasher, after, expected, left)
                .await?;
            left -= scan.len();
            scans.push(scan);
        }
        self.clients.confirm(&lease, begun).await?;
        Ok(TrackedDocuments::new(hasher.clone(), scans))
    }

    /// The number of documents of a collection that will be kept.
    async fn expected_documents(
        &self,
        member: &SelectedMember,
        collection: &FollowedCollection,
    ) -> Result<usize, LiveError> {
        if collection.owners.is_some() {
            // Few sessions have connections.
            return Ok(0);
        }
        let count = doc! {
            "count": collection.name,
            "maxTimeMS": bson::milliseconds(self.query_timeout),
            "comment": COMMENT,
        };
        let count = command::run(&member.database, count);
        let count = self.live_query(member, count).await?;
        let documents = usize::try_from(bson::counted(&count, "n"));
        Ok(documents.unwrap_or(MAX_DOCUMENTS + 1))
    }

    /// The memory that so many documents will take.
    ///
    /// # Errors
    /// When it is more than it may be.
    fn ensure_fits(&self, documents: usize) -> Result<u64, LiveError> {
        if documents > MAX_DOCUMENTS {
            return Err(too_many());
        }
        let bytes = (documents * BYTES_OF_DOCUMENT) as u64;
        match self.live_max_bytes {
            Some(max) if bytes > max => Err(LiveError::Impossible(
                LiveObstacle::Memory,
                format!(
                    "live mode would take {} MiB of memory for {documents} documents, and may take {} MiB; raise --mongodb.live-max-memory, or the memory limit of the container or service, of which it is half by default",
                    bytes.div_ceil(MEBIBYTE),
                    max / MEBIBYTE
                ),
            )),
            _ => Ok(bytes),
        }
    }

    async fn scan_collection(
        &self,
        member: &SelectedMember,
        collection: &FollowedCollection,
        hasher: &IdHasher,
        after: Timestamp,
        expected: usize,
        max: usize,
    ) -> Result<CollectionScan, LiveError> {
        let mut scan = CollectionScan::new(hasher.clone(), collection.clone(), expected);
        let mut cursor = self
            .find_after(member, collection, filter(collection), after)
            .await?;
        while self.live_query(member, cursor.advance()).await? {
            scan.add(cursor.current());
            if scan.len() > max {
                return Err(too_many());
            }
        }
        Ok(scan)
    }

    /// Looks up documents, as they were at this time or later, and passes them on by collection.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn look_up(
        &self,
        member: &SelectedMember,
        collections: &FollowedCollections,
        pending: &PendingLookups,
        after: Timestamp,
        mut apply: impl FnMut(&'static str, BTreeSet<IdHash>, &[RawDocumentBuf]),
    ) -> Result<(), LiveError> {
        let mut by_collection: BTreeMap<&'static str, (BTreeSet<IdHash>, Vec<Bson>)> =
            BTreeMap::new();
        for ((name, hash), id) in pending {
            let (hashes, ids) = by_collection.entry(*name).or_default();
            hashes.insert(*hash);
            let id = Bson::try_from(id.clone());
            ids.push(id.map_err(|error| SourceError::from(Error::from(error)))?);
        }
        for (name, (hashes, ids)) in by_collection {
            let Some(collection) = collections.get(name) else {
                continue;
            };
            let filter = doc! { "_id": { "$in": ids } };
            let mut cursor = self.find_after(member, collection, filter, after).await?;
            let mut found = Vec::new();
            while self.live_query(member, cursor.advance()).await? {
                found.push(cursor.current().to_owned());
            }
            apply(name, hashes, &found);
        }
        Ok(())
    }

    /// Documents that match, as the majority of the set has them at this time or later.
    async fn find_after(
        &self,
        member: &SelectedMember,
        collection: &FollowedCollection,
        filter: Document,
        after: Timestamp,
    ) -> Result<Cursor<Document>, LiveError> {
        let command = doc! {
            "find": collection.name,
            "filter": filter,
            "projection": projection(collection),
            "batchSize": BATCH_SIZE,
            "maxTimeMS": bson::milliseconds(self.query_timeout),
            "comment": COMMENT,
            "readConcern": { "level": "majority", "afterClusterTime": after },
        };
        let find = command::run_cursor(&member.database, command, BATCH_SIZE.cast_unsigned());
        self.live_query(member, find).await
    }
}

fn too_many() -> LiveError {
    LiveError::Impossible(
        LiveObstacle::Size,
        format!("the collections that would be followed hold more than {MAX_DOCUMENTS} documents"),
    )
}
