//! Background work of the servers: jobs and notifications.

use anyhow::Result;
use mongodb::bson::{DateTime, doc};

use super::Simulation;
use crate::workspace::misc;

/// How long a notification waits for its user to come back before it is sent, in milliseconds.
const NOTIFICATION_DELAY: i64 = 60_000;

impl Simulation {
    /// Runs the jobs that are due, except the one that is overdue on purpose.
    pub(super) async fn run_jobs(&mut self) -> Result<()> {
        let now = DateTime::now();
        for &(name, minutes) in misc::JOBS.iter().filter(|(name, _)| *name != misc::OVERDUE) {
            let next = DateTime::from_millis(now.timestamp_millis() + minutes * 60_000);
            let due = doc! { "name": name, "nextRunAt": { "$lte": now } };
            let ran =
                doc! { "$set": { "lastRunAt": now, "lastFinishedAt": now, "nextRunAt": next } };
            let plan = self.collection("rocketchat_cron");
            if plan.update_one(due, ran).await?.modified_count == 0 {
                continue;
            }
            let run = doc! {
                "_id": self.random.id(), "name": name, "intendedAt": now, "startedAt": now, "finishedAt": now,
                "result": null,
            };
            self.collection("rocketchat_cron_history")
                .insert_one(run)
                .await?;
        }
        Ok(())
    }

    /// Sends the notifications that have waited long enough.
    pub(super) async fn send_notifications(&mut self) -> Result<()> {
        let now = DateTime::now();
        let waited = DateTime::from_millis(now.timestamp_millis() - NOTIFICATION_DELAY);
        let sent = doc! {
            "ts": { "$lte": waited }, "error": { "$exists": false }, "sending": { "$exists": false },
        };
        self.collection("rocketchat_notification_queue")
            .delete_many(sent)
            .await?;
        Ok(())
    }

    /// Queues a notification.
    pub(super) async fn notify(&mut self) -> Result<()> {
        let now = DateTime::now();
        let notification = doc! {
            "_id": self.random.id(), "uid": self.random.id(), "rid": self.random.pick(&self.rooms).clone(),
            "mid": self.random.id(), "sid": self.random.id(), "ts": now, "_updatedAt": now,
            "items": [{ "type": "push", "data": {} }],
        };
        self.collection("rocketchat_notification_queue")
            .insert_one(notification)
            .await?;
        Ok(())
    }
}
