//! An open change stream. The driver's own keeps its pipeline, which takes most of a megabyte of memory, for as long as it is open;
//! this one keeps the cursor alone. After an error it has to be opened again.

use std::fmt;
use std::time::Duration;

use futures_util::StreamExt;
use mongodb::Database;
use mongodb::bson::{Bson, Document, RawDocumentBuf, Timestamp, doc};
use mongodb::error::Error;
use mongodb::raw_batch_cursor::RawBatchCursor;

use super::resume_token::position;

/// How long a poll waits for changes.
const NO_WAIT: Duration = Duration::from_millis(1);

/// The events of a reply, at most.
const MAX_BATCH: u32 = 10_000;

/// An open change stream.
pub struct EventStream {
    cursor: RawBatchCursor,
    /// Where the last reply ended.
    token: RawDocumentBuf,
}

/// The events of one poll.
#[derive(Debug, Default)]
pub struct Events {
    pub events: Vec<RawDocumentBuf>,
    /// Whether there may be more.
    pub more: bool,
    /// Whether the server has ended the stream.
    pub has_ended: bool,
}

/// Where a stream starts.
#[derive(Debug, Clone, Copy)]
pub enum StreamStart<'a> {
    /// At the first change at or after a time of the server.
    Time(Timestamp),
    /// After an earlier stream with this token.
    Token(&'a RawDocumentBuf),
}

impl EventStream {
    /// Opens a stream on a collection, with further stages.
    ///
    /// # Errors
    /// When the server refuses that, or does not answer.
    pub async fn open(
        database: &Database,
        collection: &str,
        start: StreamStart<'_>,
        stages: Vec<Document>,
        comment: &str,
    ) -> Result<Self, Error> {
        let start = match start {
            StreamStart::Time(time) => doc! { "startAtOperationTime": time },
            StreamStart::Token(token) => {
                doc! { "resumeAfter": Document::try_from(token)? }
            }
        };
        let mut pipeline = vec![doc! { "$changeStream": start }];
        pipeline.extend(stages);
        let command = doc! {
            "aggregate": collection,
            "pipeline": pipeline,
            "cursor": { "batchSize": 0 },
            "comment": comment,
        };
        let mut run = database
            .run_cursor_command(command)
            .batch_size(MAX_BATCH)
            .max_time(NO_WAIT)
            .comment(Bson::from(comment));
        if let Some(criteria) = database.selection_criteria() {
            run = run.selection_criteria(criteria.clone());
        }
        let mut stream = Self {
            cursor: run.batch().await?,
            token: RawDocumentBuf::new(),
        };
        // The reply to the command itself, which has no events but a token.
        stream.receive(&mut Events::default()).await?;
        Ok(stream)
    }

    /// Adds the events since the last poll, until there is none or there are `max` of them.
    ///
    /// # Errors
    /// When the server does not answer, or reports one.
    pub async fn poll(&mut self, max: usize) -> Result<Events, Error> {
        let mut polled = Events::default();
        loop {
            let before = polled.events.len();
            if before >= max {
                polled.more = true;
                return Ok(polled);
            }
            self.receive(&mut polled).await?;
            if polled.has_ended || polled.events.len() == before {
                return Ok(polled);
            }
        }
    }

    /// Where the stream is.
    pub fn token(&self) -> &RawDocumentBuf {
        &self.token
    }

    /// The time of the replica set up to which it is complete.
    pub fn position(&self) -> Option<Timestamp> {
        position(&self.token)
    }

    /// Adds the events of one reply.
    async fn receive(&mut self, to: &mut Events) -> Result<(), Error> {
        let Some(reply) = self.cursor.next().await else {
            to.has_ended = true;
            return Ok(());
        };
        let reply = reply?;
        let events = reply.doc_slices()?.into_iter();
        let events = events.filter_map(|event| Some(event.ok()?.as_document()?.to_owned()));
        to.events.extend(events);
        let cursor = reply.as_raw_document().get_document("cursor")?;
        self.token = cursor.get_document("postBatchResumeToken")?.to_owned();
        Ok(())
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("EventStream");
        debug.field("token", &self.token).finish_non_exhaustive()
    }
}
