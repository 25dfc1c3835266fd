//! One reading of one section, and the ways in which it asks the database: each within the time limit, with a comment that
//! says who asks, and by an index where a collection is large.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mongodb::bson::{Bson, DateTime, Document, RawDocument, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::Hint;
use mongodb::{Collection, Cursor, Database};

use super::client::Lease;
use super::error::{SourceError, is_refused_scan};
use super::hello::Hello;
use super::indexes::{self, Access};
use super::{Mongo, bson, command};
use crate::catalogue::{
    FailureKind, IndexCheck, Refusal, Replication, SkipReason, Skipped, Timestamp,
};
use crate::collectors::Collector;
use crate::collectors::license::Grants;

/// Documents in one reply: more than any question is answered with whose answer is taken as a whole.
pub const ONE_REPLY: u32 = 10_000;

/// One reading of one section: it asks, knows what is licensed, and notes which indexes it looked for.
pub struct QueryContext<'a> {
    pub mongo: &'a Mongo,
    /// Keeps the client open.
    pub lease: Lease,
    /// The workspace's, whose read preference all commands follow.
    pub database: Database,
    pub checks: Vec<IndexCheck>,
    pub refusals: Vec<Refusal>,
    /// How many of what are not told one by one.
    pub left_out: Mutex<BTreeMap<&'static str, u64>>,
    pub skipped: Vec<Skipped>,
    /// The moment that the answers describe.
    pub data_at: Timestamp,
    /// Where the member stood that is asked, if it is one alone.
    pub replication: Option<Replication>,
    pub collector: Collector,
    pub grants: Grants,
}

/// Documents that come one after the other.
pub struct Documents<'a> {
    question: &'a QueryContext<'a>,
    cursor: Cursor<Document>,
}

impl Documents<'_> {
    pub async fn next(&mut self) -> Result<Option<Document>, SourceError> {
        while self.question.mongo.within(self.cursor.advance()).await? {
            if let Some(document) = self.question.document(self.cursor.current()) {
                return Ok(Some(document));
            }
        }
        Ok(None)
    }
}

impl<'a> QueryContext<'a> {
    /// A question to a database, nothing of which has been asked yet.
    pub fn new(mongo: &'a Mongo, lease: Lease, database: Database, collector: Collector) -> Self {
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
            collector,
            grants: Grants::None,
        }
    }
}

impl QueryContext<'_> {
    pub fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    /// The answer to a question that its collector can do without: `None` where the user may not ask it, which is noted
    /// so that it is told.
    pub fn detail<T>(
        &mut self,
        collection: &'static str,
        action: &'static str,
        answer: Result<T, SourceError>,
    ) -> Result<Option<T>, SourceError> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
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

    /// What profilers and logs of the server show beside a query.
    pub fn comment(&self) -> String {
        format!("rocketchat-exporter {}", self.collector.name())
    }

    /// What the server says of itself.
    pub async fn hello(&self) -> Result<Hello, SourceError> {
        let (limit, comment) = (self.mongo.query_timeout, self.comment());
        let hello = Hello::ask(&self.database, limit, &comment);
        self.mongo.within(hello).await
    }

    /// All documents that a pipeline makes.
    pub async fn aggregate(
        &self,
        collection: &str,
        pipeline: Vec<Document>,
        hint: Option<Hint>,
    ) -> Result<Vec<Document>, SourceError> {
        let ask = async {
            let cursor = self.cursor(collection, pipeline, hint, ONE_REPLY);
            self.all(cursor.await?).await
        };
        self.mongo.within(ask).await
    }

    /// All documents of a cursor.
    async fn all(&self, mut cursor: Cursor<Document>) -> Result<Vec<Document>, Error> {
        let mut documents = Vec::new();
        while cursor.advance().await? {
            documents.extend(self.document(cursor.current()));
        }
        Ok(documents)
    }

    /// A document of an answer: texts that are not UTF-8 have U+FFFD where they are broken. `None` when it cannot be read
    /// at all, such as for the name of a field: one broken document must not cost all others.
    fn document(&self, raw: &RawDocument) -> Option<Document> {
        let document = bson::document(raw);
        if document.is_none() {
            self.left_out("unreadable_documents", 1);
        }
        document
    }

    /// Notes that something is not told one by one, because there is too much of it or it cannot be read.
    pub fn left_out(&self, what: &'static str, count: u64) {
        if count > 0 {
            let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
            *left_out.entry(what).or_default() += count;
        }
    }

    /// Notes the same of lists that tell of the same things: those of a day are among those of a month.
    pub fn left_out_at_least(&self, what: &'static str, count: u64) {
        if count > 0 {
            let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
            let known = left_out.entry(what).or_default();
            *known = count.max(*known);
        }
    }

    /// What a pipeline makes, one document after the other and `batch` of them in a reply: for answers that take too much
    /// memory as a whole. The server's time limit is one for all replies, without what is done in between.
    pub async fn stream(
        &self,
        collection: &str,
        pipeline: Vec<Document>,
        batch: u32,
    ) -> Result<Documents<'_>, SourceError> {
        let cursor = self.cursor(collection, pipeline, None, batch);
        let cursor = self.mongo.within(cursor).await?;
        Ok(Documents {
            question: self,
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

    /// Groups with sums of a field's finite numbers: `pipeline` is given how to write such a sum.
    ///
    /// To look at each number costs up to three times as much as to add it up, and hardly ever is there one that spoils
    /// a sum. So this is done only after a plain sum came out as no finite number.
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

    /// Sums over a whole collection that is small by nature: each name with the expression that is added up.
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

    /// The first document that matches.
    pub async fn find_one(
        &self,
        collection: &str,
        filter: Document,
        projection: Document,
    ) -> Result<Option<Document>, SourceError> {
        let collection = self.database.collection::<RawDocumentBuf>(collection);
        let ask = without_scan(None, |hint| {
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
        let found = self.mongo.within(ask).await?;
        Ok(found.and_then(|document| self.document(&document)))
    }

    /// All documents that match.
    pub async fn find(
        &self,
        collection: &str,
        filter: Document,
        projection: Document,
    ) -> Result<Vec<Document>, SourceError> {
        let collection = self.collection(collection);
        let ask = async {
            let cursor = without_scan(None, |hint| {
                let find = collection
                    .find(filter.clone())
                    .projection(projection.clone())
                    .batch_size(ONE_REPLY)
                    .comment(self.comment())
                    .max_time(self.mongo.query_timeout);
                match hint {
                    Some(hint) => find.hint(hint).into_future(),
                    None => find.into_future(),
                }
            });
            self.all(cursor.await?).await
        };
        self.mongo.within(ask).await
    }

    /// The newest date that `field` has in a collection. The range holds dates only, so that a stray text or number is
    /// never taken for it.
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
            doc! { "$project": { "_id": 0, field: 1 } },
        ];
        let newest = self.aggregate(collection, pipeline, hint).await?;
        let newest = newest.first();
        Ok(newest.and_then(|document| bson::timestamp(document.get(field))))
    }

    /// The number of documents as the collection's metadata tells it, without looking at one.
    pub async fn estimated_count(&self, collection: &str) -> Result<u64, SourceError> {
        let collection = self.collection(collection);
        let ask = collection
            .estimated_document_count()
            .comment(self.comment())
            .max_time(self.mongo.query_timeout);
        self.mongo.within(ask.into_future()).await
    }

    /// How a query that needs an index on `key` may run; see [`Access`].
    pub async fn access(
        &mut self,
        collection: &'static str,
        key: &'static str,
    ) -> Result<Access, SourceError> {
        if let Some(name) = self.index(collection, key).await? {
            return Ok(Access::Granted(Some(Hint::Name(name))));
        }
        let small = if collection == indexes::NEVER_SCANNED {
            0
        } else {
            indexes::SMALL
        };
        if self.has_at_most(collection, small).await? {
            return Ok(Access::Granted(None));
        }
        if self.is_view(collection).await? {
            self.skip(collection, SkipReason::View, "a view has no indexes");
        }
        Ok(Access::Refused)
    }

    /// Whether there are no more documents than so many: by the collection's metadata, or as far as a view must be read
    /// for that.
    async fn has_at_most(&self, collection: &str, number: u64) -> Result<bool, SourceError> {
        let command = doc! {
            "count": collection,
            "limit": i64::try_from(number.saturating_add(1)).unwrap_or(i64::MAX),
            "maxTimeMS": bson::milliseconds(self.mongo.query_timeout),
            "comment": self.comment(),
        };
        let answer = command::run(&self.database, command);
        let answer = self.mongo.within(answer).await?;
        Ok(bson::counted(&answer, "n") <= number)
    }

    /// Notes that there is less to tell because of a collection, so that it is told once.
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
        if !self.skipped.iter().any(|it| it.is_same(&skipped)) {
            self.skipped.push(skipped);
        }
    }

    /// The same for a query that its collector can do without: an index is used where there is one, and nobody need
    /// miss it, nor the privilege to look for it.
    pub async fn detail_access(
        &mut self,
        collection: &'static str,
        key: &'static str,
    ) -> Result<Access, SourceError> {
        let name = self.known_index(collection, key).await;
        Ok(match self.detail(collection, "listIndexes", name)? {
            Some(Some(name)) => Access::Granted(Some(Hint::Name(name))),
            Some(None) if self.has_at_most(collection, indexes::SMALL).await? => {
                Access::Granted(None)
            }
            _ => Access::Refused,
        })
    }

    /// The number of documents that match, for a collector that can do without it.
    pub async fn detail_count(
        &mut self,
        collection: &'static str,
        key: &'static str,
        filter: Document,
    ) -> Result<Option<u64>, SourceError> {
        let Access::Granted(hint) = self.detail_access(collection, key).await? else {
            return Ok(None);
        };
        let count = self.count(collection, filter, hint).await;
        Ok(self.detail(collection, "find", count)?.flatten())
    }

    /// The number of documents that match, by an index alone; `None` when there is no such index.
    pub async fn indexed_count(
        &mut self,
        collection: &'static str,
        key: &'static str,
        filter: Document,
    ) -> Result<Option<u64>, SourceError> {
        let Access::Granted(hint) = self.access(collection, key).await? else {
            return Ok(None);
        };
        self.count(collection, filter, hint).await
    }

    /// The number of documents that match, by the index that is named.
    ///
    /// The server's `count` command is used because it alone counts an index's entries without fetching documents.
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
}

/// Asks, and where the server refuses scans of collections (its parameter `notablescan`), asks once more by the index of
/// `_id`. Without an index of its own a query only asks collections that are small, or needs every document.
async fn without_scan<T, Q>(hint: Option<Hint>, ask: impl Fn(Option<Hint>) -> Q) -> Result<T, Error>
where
    Q: Future<Output = Result<T, Error>>,
{
    let is_free = hint.is_none();
    match ask(hint).await {
        Err(error)
            if is_free
                && matches!(&*error.kind, ErrorKind::Command(command) if is_refused_scan(command)) =>
        {
            ask(Some(Hint::Name("_id_".to_owned()))).await
        }
        answer => answer,
    }
}
