//! Sizes of collections: from the storage engine's own numbers, without looking at a document.

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};

use super::{Question, convert, indexes};
use crate::sources::SourceError;
use crate::statistics::{CollectionSize, Collections, WATCHED_COLLECTIONS};

pub async fn read(question: &mut Question<'_>) -> Result<Collections, SourceError> {
    let mut collections = Collections::default();
    for name in WATCHED_COLLECTIONS {
        let stats = stats(question, name).await;
        let Some(Some(stats)) = question.detail(name, "collStats", stats)? else {
            continue;
        };
        collections.sizes.push(CollectionSize {
            name,
            documents: convert::counted(&stats, "documents"),
            bytes: convert::summed(&stats, "bytes"),
            storage_bytes: convert::summed(&stats, "storage"),
            free_bytes: convert::number(stats.get("free")),
            index_bytes: convert::summed(&stats, "indexes"),
        });
    }
    Ok(collections)
}

/// A collection's numbers, those of all shards together; `None` when it does not exist.
async fn stats(question: &Question<'_>, name: &str) -> Result<Option<Document>, SourceError> {
    let pipeline = vec![
        doc! { "$collStats": { "storageStats": {} } },
        doc! { "$group": {
            "_id": Bson::Null,
            "documents": { "$sum": "$storageStats.count" },
            "bytes": { "$sum": "$storageStats.size" },
            "storage": { "$sum": "$storageStats.storageSize" },
            "free": { "$sum": "$storageStats.freeStorageSize" },
            "indexes": { "$sum": "$storageStats.totalIndexSize" },
        } },
    ];
    let collection = question.collection(name);
    let ask = async {
        let answer = collection
            .aggregate(pipeline)
            .comment(question.comment())
            .max_time(question.mongo.query_timeout)
            .await;
        match answer {
            Ok(cursor) => cursor.try_collect::<Vec<_>>().await,
            Err(error) if indexes::is_namespace_not_found(&error) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    };
    Ok(question.mongo.within(ask).await?.into_iter().next())
}
