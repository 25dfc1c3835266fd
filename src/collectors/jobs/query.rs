//! Background jobs: one pass over `rocketchat_cron`, and the runs of the last two days by the index on `intendedAt`.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, DateTime, Document, doc};

use super::{JOBS, JOBS_OF_ROOMS, Job, Jobs, OTHER_JOB};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{Access, MAX_SCANNED_DOCUMENTS, QueryContext, SourceError, bson};

const PLAN: &str = "rocketchat_cron";
const HISTORY: &str = "rocketchat_cron_history";

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Jobs, SourceError> {
    let now = query.now().await?;
    let since = DateTime::from_millis(now.0.saturating_sub(2 * bson::DAY));
    let mut jobs: BTreeMap<String, Job> = BTreeMap::new();
    let groups = [
        plan(query, DateTime::from_millis(now.0), since).await?,
        history(query, since).await?,
    ];
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

/// The planned jobs; none if there are too many documents, which one-time jobs can leave behind. A failure of a one-time job
/// counts from `since` on, as in the history: it is not run again.
async fn plan(
    query: &QueryContext<'_>,
    now: DateTime,
    since: DateTime,
) -> Result<Vec<Document>, SourceError> {
    if !query.has_at_most(PLAN, MAX_SCANNED_DOCUMENTS).await? {
        return Ok(Vec::new());
    }
    let has_failed =
        doc! { "$and": [is_date("$failedAt"), { "$gte": ["$failedAt", "$lastFinishedAt"] }] };
    let is_one_time = doc! { "$not": [{ "$or": ["$repeatInterval", "$repeatAt"] }] };
    let is_old_failure = doc! { "$and": [&is_one_time, { "$lt": ["$failedAt", since] }] };
    let has_run = doc! { "$and": [
        is_one_time,
        is_date("$lastFinishedAt"),
        { "$gte": ["$lastFinishedAt", "$nextRunAt"] },
    ] };
    let is_of_room = doc! { "$in": [name(), JOBS_OF_ROOMS.as_slice()] };
    let is_left_behind = doc! { "$and": [&is_of_room, { "$lt": ["$nextRunAt", now] }] };
    let is_unplanned = doc! { "$or": [{ "$eq": ["$disabled", true] }, has_run, is_left_behind] };
    let unless =
        |condition: Document, path: &str| doc! { "$cond": [condition, Bson::Null, date(path)] };
    let pipeline = vec![doc! { "$group": {
        "_id": name(),
        "succeeded": { "$max": unless(has_failed, "$lastFinishedAt") },
        "failed": { "$max": unless(is_old_failure, "$failedAt") },
        "nextRun": { "$min": unless(is_unplanned, "$nextRunAt") },
        "locked": { "$min": unless(is_of_room, "$lockedAt") },
    } }];
    query.aggregate(PLAN, pipeline, None).await
}

async fn history(
    query: &mut QueryContext<'_>,
    since: DateTime,
) -> Result<Vec<Document>, SourceError> {
    let Access::Granted(hint) = query.detail_access(HISTORY, "intendedAt").await? else {
        return Ok(Vec::new());
    };
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

/// An expression for the job's name: one of [`JOBS`] or [`JOBS_OF_ROOMS`], or [`OTHER_JOB`].
fn name() -> Document {
    let is_text = doc! { "$eq": [{ "$type": "$name" }, "string"] };
    let text = doc! { "$cond": [is_text, "$name", ""] };
    let is_own = doc! { "$in": ["$name", JOBS.as_slice()] };
    let mut branches = vec![doc! { "case": is_own, "then": "$name" }];
    branches.extend(JOBS_OF_ROOMS.map(|job| {
        let begins = doc! { "$indexOfBytes": [&text, format!("{job}-")] };
        doc! { "case": { "$eq": [begins, 0] }, "then": job }
    }));
    doc! { "$switch": { "branches": branches, "default": OTHER_JOB } }
}

fn is_date(path: &str) -> Document {
    doc! { "$eq": [{ "$type": path }, "date"] }
}

/// An expression that is `path` if it is a date, else null, which minimum and maximum ignore.
fn date(path: &str) -> Document {
    doc! { "$cond": [is_date(path), path, Bson::Null] }
}
