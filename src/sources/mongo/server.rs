//! The server: what it says of itself, with the fallback that Rocket.Chat uses where `serverStatus` is not permitted.

use mongodb::bson::{Document, doc};

use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::{FailureKind, Server};

pub async fn read(question: &Question<'_>) -> Result<Server, SourceError> {
    // Sections that are not needed are switched off: some of them cost the server more than the answer is worth.
    let status = doc! {
        "serverStatus": 1, "metrics": 0, "wiredTiger": 0, "locks": 0, "repl": 0, "tcmalloc": 0, "opLatencies": 0,
    };
    match run(question, status).await {
        Ok(status) => Ok(Server {
            version: convert::text(status.get("version")).unwrap_or_default(),
            storage_engine: status
                .get_document("storageEngine")
                .ok()
                .and_then(|engine| convert::text(engine.get("name")))
                .unwrap_or_else(unknown),
        }),
        Err(error) if error.kind == FailureKind::Unauthorized => {
            let build = run(question, doc! { "buildInfo": 1 }).await?;
            Ok(Server {
                version: convert::text(build.get("version")).unwrap_or_default(),
                storage_engine: unknown(),
            })
        }
        Err(error) => Err(error),
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

async fn run(question: &Question<'_>, mut command: Document) -> Result<Document, SourceError> {
    command.insert(
        "maxTimeMS",
        convert::milliseconds(question.mongo.query_timeout),
    );
    let admin = question.database.client().database("admin");
    let ask = admin
        .run_command(command)
        .selection_criteria(question.mongo.connection.preference());
    question.mongo.within(ask.into_future()).await
}
