//! A query of Rocket.Chat or of the lower bound.

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Document, doc};
use mongodb::options::Hint;

/// A query and its collection.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) collection: &'static str,
    request: Request,
    /// Identifies the query in the profiler.
    comment: String,
}

#[derive(Clone, Debug)]
enum Request {
    /// The command `count`, which an index alone can answer; without a filter, the metadata.
    Count(Document),
    /// All results of a pipeline.
    Pipeline(Vec<Document>, Option<Hint>),
    /// All matching documents, sent to the client.
    Find(Document, Document),
    /// The first document in a sort order.
    First(Document, Document),
}

fn operation(collection: &'static str, request: Request) -> Operation {
    Operation {
        collection,
        request,
        comment: "bench".to_owned(),
    }
}

pub(crate) fn count(collection: &'static str, filter: Document) -> Operation {
    operation(collection, Request::Count(filter))
}

/// The pipeline that drivers send for `countDocuments`.
pub(crate) fn count_documents(collection: &'static str, filter: Document) -> Operation {
    pipeline(collection, count_stages(filter))
}

/// A pipeline that must not use an index, because that version of Rocket.Chat had none.
pub(crate) fn pipeline_without_index(collection: &'static str, stages: Vec<Document>) -> Operation {
    operation(
        collection,
        Request::Pipeline(stages, Some(Hint::Keys(doc! { "$natural": 1 }))),
    )
}

pub(crate) fn pipeline(collection: &'static str, stages: Vec<Document>) -> Operation {
    operation(collection, Request::Pipeline(stages, None))
}

pub(crate) fn find(collection: &'static str, filter: Document, projection: Document) -> Operation {
    operation(collection, Request::Find(filter, projection))
}

pub(crate) fn first(collection: &'static str, filter: Document, sort: Document) -> Operation {
    operation(collection, Request::First(filter, sort))
}

pub(crate) fn count_stages(filter: Document) -> Vec<Document> {
    vec![
        doc! { "$match": filter },
        doc! { "$group": { "_id": 1, "n": { "$sum": 1 } } },
    ]
}

impl Operation {
    /// Replaces the comment.
    pub(crate) fn with_comment(self, comment: String) -> Self {
        Self { comment, ..self }
    }

    pub(crate) async fn run(&self, database: &Database) -> Result<()> {
        self.send(database)
            .await
            .with_context(|| format!("a query of `{}` failed", self.collection))
    }

    async fn send(&self, database: &Database) -> mongodb::error::Result<()> {
        let collection = database.collection::<Document>(self.collection);
        let comment = self.comment.as_str();
        match &self.request {
            Request::Count(filter) => {
                let query = filter.clone();
                let command = doc! { "count": self.collection, "query": query, "comment": comment };
                database.run_command(command).await?;
            }
            Request::Pipeline(stages, hint) => {
                let mut aggregate = collection.aggregate(stages.clone()).allow_disk_use(true);
                if let Some(hint) = hint {
                    aggregate = aggregate.hint(hint.clone());
                }
                aggregate
                    .comment(comment)
                    .await?
                    .try_collect::<Vec<_>>()
                    .await?;
            }
            Request::Find(filter, projection) => {
                let find = collection
                    .find(filter.clone())
                    .projection(projection.clone());
                find.comment(comment).await?.try_collect::<Vec<_>>().await?;
            }
            Request::First(filter, sort) => {
                let field: Document = sort.keys().map(|key| (key.clone(), 1.into())).collect();
                let find = collection.find_one(filter.clone()).projection(field);
                find.sort(sort.clone()).comment(comment).await?;
            }
        }
        Ok(())
    }
}
