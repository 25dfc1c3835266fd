//! One question to the database, as Rocket.Chat asks it or as the floor has it.

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Document, doc};
use mongodb::options::Hint;

/// A question and the collection it is put to.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) collection: &'static str,
    ask: Ask,
    /// By which the server's profiler knows it.
    comment: String,
}

#[derive(Clone, Debug)]
enum Ask {
    /// The command `count`, which an index alone can answer; without a filter, the metadata.
    Count(Document),
    /// All documents that a pipeline makes.
    Pipeline(Vec<Document>, Option<Hint>),
    /// All documents that match, sent to the client.
    Find(Document, Document),
    /// The first document in an order.
    First(Document, Document),
}

fn asking(collection: &'static str, ask: Ask) -> Operation {
    Operation {
        collection,
        ask,
        comment: "bench".to_owned(),
    }
}

pub(super) fn count(collection: &'static str, filter: Document) -> Operation {
    asking(collection, Ask::Count(filter))
}

/// What drivers make of `countDocuments`.
pub(super) fn count_documents(collection: &'static str, filter: Document) -> Operation {
    pipeline(collection, counting(filter))
}

/// The same where the version that is imitated had no index for it.
pub(super) fn pipeline_without_index(collection: &'static str, stages: Vec<Document>) -> Operation {
    asking(
        collection,
        Ask::Pipeline(stages, Some(Hint::Keys(doc! { "$natural": 1 }))),
    )
}

pub(super) fn pipeline(collection: &'static str, stages: Vec<Document>) -> Operation {
    asking(collection, Ask::Pipeline(stages, None))
}

pub(super) fn find(collection: &'static str, filter: Document, projection: Document) -> Operation {
    asking(collection, Ask::Find(filter, projection))
}

pub(super) fn first(collection: &'static str, filter: Document, sort: Document) -> Operation {
    asking(collection, Ask::First(filter, sort))
}

pub(super) fn counting(filter: Document) -> Vec<Document> {
    vec![
        doc! { "$match": filter },
        doc! { "$group": { "_id": 1, "n": { "$sum": 1 } } },
    ]
}

impl Operation {
    /// The same with another comment.
    pub(super) fn commented(self, comment: String) -> Self {
        Self { comment, ..self }
    }

    pub(super) async fn run(&self, database: &Database) -> Result<()> {
        self.ask(database)
            .await
            .with_context(|| format!("a question to `{}` failed", self.collection))
    }

    async fn ask(&self, database: &Database) -> mongodb::error::Result<()> {
        let collection = database.collection::<Document>(self.collection);
        let comment = self.comment.as_str();
        match &self.ask {
            Ask::Count(filter) => {
                let query = filter.clone();
                let command = doc! { "count": self.collection, "query": query, "comment": comment };
                database.run_command(command).await?;
            }
            Ask::Pipeline(stages, hint) => {
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
            Ask::Find(filter, projection) => {
                let find = collection
                    .find(filter.clone())
                    .projection(projection.clone());
                find.comment(comment).await?.try_collect::<Vec<_>>().await?;
            }
            Ask::First(filter, sort) => {
                let field: Document = sort.keys().map(|key| (key.clone(), 1.into())).collect();
                let find = collection.find_one(filter.clone()).projection(field);
                find.sort(sort.clone()).comment(comment).await?;
            }
        }
        Ok(())
    }
}
