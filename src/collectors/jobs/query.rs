//! Background jobs: one pass over `rocketchat_cron`, and the runs of the last two days by the index on `intendedAt`.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, DateTime, Document, doc};

use super::{JOBS, Job, Jobs, OTHER_JOB};
use crate::catalogue::Timestamp;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{Access, MAX_SCANNED_DOCUMENTS, QueryContext, SourceError, bson};

const PLAN: &str = "rocketchat_cron";
const HISTORY: &str = "rocketchat_cron_history";

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Jobs, SourceError> {
    let now = query.now().await?;
    let mut jobs: BTreeMap<String, Job> = BTreeMap::new();
    let groups = [plan(query).await?, history(query, now).await?];
    for group in groups.into_iter().flatten() {
        let Some(name) = bson::text(group.get("_id")) else {
            continue;
        };
        let time = |key: &str| bson::timestamp(group.get(key));
        let job = jobs.entry(name.clone()).or_default();
        job.name = name;
        // `None` sorts before every time.
        job.succeeded = job.succeeded.max(time("succeeded"));
        job.failed = job.failed.max(time("failed"));
        job.next_run = job.next_run.or(time("nextRun"));
        job.locked = job.locked.or(time("locked"));
    }
    Ok(Jobs {
        now,
        jobs: jobs.into_values().collect(),
    })
}

/// The planned jobs; none if there are too many documents, which one-time jobs can leave behind.
async fn plan(query: &QueryContext<'_>) -> Result<Vec<Document>, SourceError> {
    if query.estimated_count(PLAN).await? > MAX_SCANNED_DOCUMENTS {
        return Ok(Vec::new());
    }
    let has_failed =
        doc! { "$and": [is_date("$failedAt"), { "$gte": ["$failedAt", "$lastFinishedAt"] }] };
    let is_disabled = doc! { "$eq": ["$disabled", true] };
    let pipeline = vec![doc! { "$group": {
        "_id": name(),
        "succeeded": { "$max": { "$cond": [has_failed, Bson::Null, date("$lastFinishedAt")] } },
        "failed": { "$max": date("$failedAt") },
        "nextRun": { "$min": { "$cond": [is_disabled, Bson::Null, date("$nextRunAt")] } },
        "locked": { "$min": date("$lockedAt") },
    } }];
    query.aggregate(PLAN, pipeline, None).await
}

async fn history(
    query: &mut QueryContext<'_>,
    now: Timestamp,
) -> Result<Vec<Document>, SourceError> {
    let Access::Granted(hint) = query.detail_access(HISTORY, "intendedAt").await? else {
        return Ok(Vec::new());
    };
    let since = DateTime::from_millis(now.0.saturating_sub(2 * bson::DAY));
    let ended = |condition: Document| {
        let is_meant = doc! { "$and": [is_date("$finishedAt"), condition] };
        doc! { "$max": { "$cond": [is_meant, "$finishedAt", Bson::Null] } }
    };
    let error = bson::exists("$error");
    let pipeline = vec![
        doc! { "$match": { "intendedAt": { "$gte": since } } },
        doc! { "$group": {
            "_id": name(),
            "succeeded": ended(doc! { "$not": [&error] }),
            "failed": ended(error),
        } },
    ];
    query.aggregate(HISTORY, pipeline, hint).await
}

/// An expression for the job's name, if it is in [`JOBS`].
fn name() -> Document {
    doc! { "$cond": [{ "$in": ["$name", JOBS.as_slice()] }, "$name", OTHER_JOB] }
}

fn is_date(path: &str) -> Document {
    doc! { "$eq": [{ "$type": path }, "date"] }
}

/// An expression that is `path` if it is a date, else null, which minimum and maximum ignore.
fn date(path: &str) -> Document {
    doc! { "$cond": [is_date(path), path, Bson::Null] }
}
