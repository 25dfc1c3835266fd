//! Messages: the collection's metadata and one index; no message is ever read.

use mongodb::bson::doc;

use super::Question;
use crate::sources::SourceError;
use crate::statistics::Messages;

pub async fn read(question: &mut Question<'_>) -> Result<Messages, SourceError> {
    // A range of numbers can be counted by the index alone; `$exists` would fetch every message that it counts.
    let is_number = doc! { "tcount": { "$gte": f64::NEG_INFINITY } };
    Ok(Messages {
        documents: question.estimated_count("rocketchat_message").await?,
        threads: question
            .indexed_count("rocketchat_message", "tcount", is_number)
            .await?,
    })
}
