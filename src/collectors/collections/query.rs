//! Sizes of collections: `$collStats`, which reads no document. And whether the number of documents in the metadata is
//! right: by the index on `_id`, once for each process of the server.

use std::sync::Arc;

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};

use super::{COUNTED_COLLECTIONS, CollectionSize, Collections, WATCHED_COLLECTIONS};
use crate::catalogue::SkipReason;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError, bson, error};

/// Collections whose sizes may fail; more failures fail the collector.
const MAX_FAILURES: usize = 3;

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Collections, SourceError> {
    let mut collections = Collections::default();
    for name in COUNTED_COLLECTIONS {
        let deviation = query.count_deviation(name).await;
        let deviation = query.detail(name, "find", deviation)?.flatten();
        let deviation = deviation.map(|deviation| (name, deviation));
        collections.deviations.extend(deviation);
    }
    let mut failures = 0;
    for name in WATCHED_COLLECTIONS {
        let stats = match stats(query, name).await {
            Ok(Stats::Of(stats)) => Ok(stats),
            Ok(Stats::View) => {
                let message = "a view has no size of its own";
                query.skip(name, SkipReason::View, message);
                continue;
            }
            Ok(Stats::Missing) => continue,
            Err(error) => Err(error),
        };
        let stats = match query.detail(name, "collStats", stats) {
            Ok(Some(stats)) => stats,
            Ok(None) => continue,
            Err(error) if error.kind.is_database_down() => return Err(error),
            Err(error) if failures == MAX_FAILURES => return Err(error),
            Err(error) => {
                let reason = SkipReason::Failed(error.kind);
                query.skip(name, reason, Arc::clone(&error.message));
                failures += 1;
                continue;
            }
        };
        collections.sizes.push(CollectionSize {
            name,
            documents: bson::count(stats.get("documents"))
                .filter(|_| bson::counted(&stats, "counted") > 0),
            bytes: bson::summed(&stats, "bytes"),
            storage_bytes: bson::summed(&stats, "storage"),
            free_bytes: bson::number(stats.get("free")),
            index_bytes: bson::summed(&stats, "indexes"),
        });
    }
    Ok(collections)
}

/// The answer of `$collStats`.
enum Stats {
    Of(Document),
    /// A view has no sizes.
    View,
    Missing,
}

/// A collection's sizes, added up over all shards.
async fn stats(query: &QueryContext<'_>, name: &str) -> Result<Stats, SourceError> {
    let pipeline = vec![
        doc! { "$collStats": { "storageStats": {} } },
        doc! { "$group": {
            "_id": Bson::Null,
            "documents": { "$sum": "$storageStats.count" },
            "counted": { "$sum": { "$cond": [{ "$isNumber": "$storageStats.count" }, 1, 0] } },
            "bytes": { "$sum": "$storageStats.size" },
            "storage": { "$sum": "$storageStats.storageSize" },
            "free": { "$sum": "$storageStats.freeStorageSize" },
            "indexes": { "$sum": "$storageStats.totalIndexSize" },
        } },
    ];
    let collection = query.collection(name);
    let list = async {
        let cursor = collection
            .aggregate(pipeline)
            .comment(query.comment())
            .max_time(query.mongo.query_timeout);
        let stats = async { cursor.await?.try_collect::<Vec<_>>().await };
        match stats.await {
            Ok(stats) => Ok(stats.into_iter().next().map_or(Stats::Missing, Stats::Of)),
            Err(error) if error::is_namespace_not_found(&error) => Ok(Stats::Missing),
            Err(error) if error::is_view(&error) => Ok(Stats::View),
            Err(error) => Err(error),
        }
    };
    query.mongo.within(list).await
}
