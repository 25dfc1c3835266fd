//! The queries of one reading: each with a server-side time limit and with a comment that names the exporter.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, RawDocument, RawDocumentBuf, doc};
use mongodb::error::Error;
use mongodb::options::Hint;
use mongodb::{Collection, Cursor, Database};

use super::client::ClientLease;
use super::error::{self, SourceError};
use super::hello::Hello;
use super::{Mongo, bson, command};
use crate::catalogue::{
    FailureKind, IndexCheck, Refusal, Replication, SkipReason, Skipped, Timestamp,
};

/// Documents in one reply: more than any query returns whose result is read as a whole.
pub const BATCH_SIZE: u32 = 10_000;

/// The context of the queries of one reading, and what they reported: missing indexes, missing privileges, skipped data.
pub struct QueryContext<'a> {
    pub mongo: &'a Mongo,
    /// Keeps the client open.
    pub lease: ClientLease,
    /// The workspace's database; its read preference applies to all commands.
    pub database: Database,
    pub checks: Vec<IndexCheck>,
    pub refusals: Vec<Refusal>,
    /// How many items of each kind are left out of lists.
    pub left_out: Mutex<BTreeMap<&'static str, u64>>,
    pub skipped: Vec<Skipped>,
    /// The moment that the data describe.
    pub data_at: Timestamp,
    /// The replication state of the member, if all queries go to one.
    pub replication: Option<Replication>,
    /// The process of the server, if all queries go to one that has such an id.
    pub process: Option<ObjectId>,
    /// What the queries are for, for their comments.
    purpose: &'static str,
}

/// The results of a query, one document at a time.
pub struct QueriedDocuments<'a> {
    query: &'a QueryContext<'a>,
    cursor: Cursor<Document>,
}

impl QueriedDocuments<'_> {
    pub async fn next(&mut self) -> Result<Option<Document>, SourceError> {
        while self.query.mongo.within(self.cursor.advance()).await? {
            if let Some(document) = self.query.document(self.cursor.current()) {
                return Ok(Some(document));
            }
        }
        Ok(None)
    }
}

impl<'a> QueryContext<'a> {
    /// A context without queries yet.
    pub fn new(
        mongo: &'a Mongo,
        lease: ClientLease,
        database: Database,
        purpose: &'static str,
    ) -> Self {
        Self {
            mongo,
            lease,
            database,
            checks: Vec::new(),
            refusals: Vec::new(),
            left_out: Mutex::default(),
            skipped: Vec::new(),
            data_at: mongo.clock.own().now(),
            replication: None,
            process: None,
            purpose,
        }
    }
}

impl QueryContext<'_> {
    pub fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    /// The result of an optional query; `None` when the user lacks the privilege, which is reported.
    pub fn detail<T>(
        &mut self,
        collection: &'static str,
        action: &'static str,
        result: Result<T, SourceError>,
    ) -> Result<Option<T>, SourceError> {
        match result {
            Ok(result) => Ok(Some(result)),
            Err(error) if error.kind == FailureKind::Unauthorized => {
                let refusal = Refusal { collection, action };
                if !self.refusals.contains(&refusal) {
                    self.refusals.push(refusal);
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The comment that the server's profiler and log show.
    pub fn comment(&self) -> String {
        format!("rocketchat-exporter {}", self.purpose)
    }

    /// The reply to `hello`.
    pub async fn hello(&self) -> Result<Hello, SourceError> {
        let (limit, comment) = (self.mongo.query_timeout, self.comment());
        let hello = Hello::send(&self.database, limit, &comment);
        self.mongo.within(hello).await
    }

    /// All results of a pipeline.
    pub async fn aggregate(
        &self,
        collection: &str,
        pipeline: Vec<Document>,
        hint: Option<Hint>,
    ) -> Result<Vec<Document>, SourceError> {
        let command = async {
            let cursor = self.cursor(collection, pipeline, hint, BATCH_SIZE);
            self.all(cursor.await?).await
        };
        self.mongo.within(command).await
    }

    /// All documents of a cursor.
    async fn all(&self, mut cursor: Cursor<Document>) -> Result<Vec<Document>, Error> {
        let mut documents = Vec::new();
        while cursor.advance().await? {
            documents.extend(self.document(cursor.current()));
        }
        Ok(documents)
    }

    /// Decodes a document, with U+FFFD in strings that are not UTF-8. `None` when it cannot be decoded at all, which is
    /// reported: one broken document must not fail the query.
    fn document(&self, raw: &RawDocument) -> Option<Document> {
        let document = bson::document(raw);
        if document.is_none() {
            self.left_out("unreadable_documents", 1);
        }
        document
    }

    /// Reports items that are left out, because there are too many or they cannot be read.
    pub fn left_out(&self, what: &'static str, count: u64) {
        if count > 0 {
            let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
            *left_out.entry(what).or_default() += count;
        }
    }

    /// The same for lists that overlap, such as those of a day and of its month: the largest count applies.
    pub fn left_out_at_least(&self, what: &'static str, count: u64) {
        if count > 0 {
            let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
            let known = left_out.entry(what).or_default();
            *known = count.max(*known);
        }
    }

    /// The results of a pipeline one at a time, with `batch` documents in a reply: for results that need too much memory as
    /// a whole. The server's time limit covers all replies, but not the time between them.
    pub async fn stream(
        &self,
        collection: &str,
        pipeline: Vec<Document>,
        batch: u32,
    ) -> Result<QueriedDocuments<'_>, SourceError> {
        let cursor = self.cursor(collection, pipeline, None, batch);
        let cursor = self.mongo.within(cursor).await?;
        Ok(QueriedDocuments {
            query: self,
            cursor,
        })
    }

    async fn cursor(
        &self,
        collection: &str,
        pipeline: Vec<Document>,
        hint: Option<Hint>,
        batch: u32,
    ) -> Result<Cursor<Document>, Error> {
        let collection = self.collection(collection);
        without_scan(hint, |hint| {
            let aggregate = collection
                .aggregate(pipeline.clone())
                .allow_disk_use(true)
                .batch_size(batch)
                .comment(self.comment())
                .max_time(self.mongo.query_timeout);
            match hint {
                Some(hint) => aggregate.hint(hint).into_future(),
                None => aggregate.into_future(),
            }
        })
        .await
    }

    /// Groups with sums of finite numbers. `pipeline` is called with a function that wraps the path of a summed field.
    ///
    /// Checking each number costs up to three times as much as adding it, and infinite numbers are rare, so the check is
    /// only added after a plain sum was not finite.
    pub async fn finite_sums<const N: usize>(
        &self,
        collection: &str,
        sums: [&str; N],
        pipeline: impl Fn(fn(&str) -> Bson) -> Vec<Document>,
    ) -> Result<Vec<Document>, SourceError> {
        let plain = pipeline(|path| path.into());
        let groups = self.aggregate(collection, plain, None).await?;
        let is_finite = |group: &Document| {
            let mut sums = sums.iter();
            sums.all(|name| bson::summed(group, name).is_finite())
        };
        if groups.iter().all(is_finite) {
            return Ok(groups);
        }
        let guarded = pipeline(|path| bson::finite(path).into());
        self.aggregate(collection, guarded, None).await
    }

    /// Sums over a small collection: names with their expressions.
    pub async fn tally<const N: usize>(
        &self,
        collection: &str,
        sums: [(&str, Bson); N],
    ) -> Result<Document, SourceError> {
        let mut group = doc! { "_id": Bson::Null };
        for (name, expression) in sums {
            group.insert(name, doc! { "$sum": expression });
        }
        let pipeline = vec![doc! { "$group": group }];
        let groups = self.aggregate(collection, pipeline, None).await?;
        Ok(groups.into_iter().next().unwrap_or_default())
    }

    /// The first matching document.
    pub async fn find_one(
        &self,
        collection: &str,
        filter: Document,
        projection: Document,
    ) -> Result<Option<Document>, SourceError> {
        let collection = self.database.collection::<RawDocumentBuf>(collection);
        let command = without_scan(None, |hint| {
            let find = collection
                .find_one(filter.clone())
                .projection(projection.clone())
                .comment(self.comment())
                .max_time(self.mongo.query_timeout);
            match hint {
                Some(hint) => find.hint(hint).into_future(),
                None => find.into_future(),
            }
        });
        let found = self.mongo.within(command).await?;
        Ok(found.and_then(|document| self.document(&document)))
    }

    /// All matching documents.
    pub async fn find(
        &self,
        collection: &str,
        filter: Document,
        projection: Document,
    ) -> Result<Vec<Document>, SourceError> {
        let collection = self.collection(collection);
        let command = async {
            let cursor = without_scan(None, |hint| {
                let find = collection
                    .find(filter.clone())
                    .projection(projection.clone())
                    .batch_size(BATCH_SIZE)
                    .comment(self.comment())
                    .max_time(self.mongo.query_timeout);
                match hint {
                    Some(hint) => find.hint(hint).into_future(),
                    None => find.into_future(),
                }
            });
            self.all(cursor.await?).await
        };
        self.mongo.within(command).await
    }

    /// The newest date of a field. The range matches dates only, not stray strings or numbers, but also lists of them.
    pub async fn newest_date(
        &self,
        collection: &str,
        field: &str,
        hint: Option<Hint>,
    ) -> Result<Option<Timestamp>, SourceError> {
        let pipeline = vec![
            doc! { "$match": { field: { "$lte": DateTime::MAX } } },
            doc! { "$sort": { field: -1 } },
            doc! { "$limit": 1 },
            doc! { "$project": { "_id": 0, field: newest_of(&format!("${field}")) } },
        ];
        let newest = self.aggregate(collection, pipeline, hint).await?;
        let newest = newest.first();
        Ok(newest.and_then(|document| bson::timestamp(document.get(field))))
    }

    /// The number of documents by the collection's metadata, which can be wrong; see
    /// [`QueryContext::document_count`].
    pub async fn estimated_count(&self, collection: &str) -> Result<u64, SourceError> {
        let collection = self.collection(collection);
        let command = collection
            .estimated_document_count()
            .comment(self.comment())
            .max_time(self.mongo.query_timeout);
        self.mongo.within(command.into_future()).await
    }

    /// Reports, once, that a collection is skipped.
    pub fn skip(
        &mut self,
        collection: &'static str,
        reason: SkipReason,
        message: impl Into<Arc<str>>,
    ) {
        let skipped = Skipped {
            collection,
            reason,
            message: message.into(),
        };
        if !self.skipped.iter().any(|known| known.is_same(&skipped)) {
            self.skipped.push(skipped);
        }
    }

    /// The number of matching documents.
    ///
    /// Only the command `count` counts index entries without fetching documents.
    pub async fn count(
        &self,
        collection: &str,
        filter: Document,
        hint: Option<Hint>,
    ) -> Result<Option<u64>, SourceError> {
        let command = doc! {
            "count": collection,
            "query": filter,
            "maxTimeMS": bson::milliseconds(self.mongo.query_timeout),
            "comment": self.comment(),
        };
        let answer = without_scan(hint, |hint| {
            let mut command = command.clone();
            if let Some(Hint::Name(name)) = hint {
                command.insert("hint", name);
            }
            command::run(&self.database, command)
        });
        let answer = self.mongo.within(answer).await?;
        Ok(bson::count(answer.get("n")))
    }

    /// Runs a command on the database `admin`.
    pub async fn run_on_admin(&self, command: Document) -> Result<Document, SourceError> {
        self.run_on("admin", command).await
    }

    /// Runs a command on any database of the server, with the time limit and the comment of a query.
    pub async fn run_on(
        &self,
        database: &str,
        mut command: Document,
    ) -> Result<Document, SourceError> {
        command.insert("maxTimeMS", bson::milliseconds(self.mongo.query_timeout));
        command.insert("comment", self.comment());
        let database = command::beside(&self.database, database);
        self.mongo.within(command::run(&database, command)).await
    }
}

/// An expression for the newest date in a list, or for the date itself.
fn newest_of(path: &str) -> Document {
    let is_date = doc! { "$eq": [{ "$type": "$$this" }, "date"] };
    let dates = doc! { "$filter": { "input": path, "cond": is_date } };
    doc! { "$cond": [{ "$isArray": path }, { "$max": dates }, path] }
}

/// Runs a query; if the server refuses collection scans (its parameter `notablescan`), runs it again by the index on `_id`.
/// A query without a hint reads a small collection, or needs every document.
async fn without_scan<T, Q>(hint: Option<Hint>, run: impl Fn(Option<Hint>) -> Q) -> Result<T, Error>
where
    Q: Future<Output = Result<T, Error>>,
{
    let has_hint = hint.is_some();
    match run(hint).await {
        Err(error) if !has_hint && error::is_refused_scan(&error) => {
            run(Some(Hint::Name("_id_".to_owned()))).await
        }
        reply => reply,
    }
}
