//! Rocket.Chat's background jobs: when each last succeeded, when it is due, and whether it is late or fails.

pub mod query;

use crate::catalogue::{
    CollectorDefinition, Metric, Quantity, Read, Sample, Table, Tier, Timestamp, instant, state,
};

/// Jobs of Rocket.Chat's own; all others, such as one for each event of a calendar, count as one.
pub const JOBS: [&str; 19] = [
    "Apps-Request-End-Users:notify",
    "Cleanup OEmbed cache",
    "Cloud Workspace Sync",
    "Crowd_Sync",
    "Generate and save statistics",
    "Generate download files for user data",
    "LDAP_AutoLogout",
    "LDAP_AvatarSync",
    "LDAP_Sync",
    "NPS",
    "Prune old messages by retention policy",
    "ReadReceiptsArchive",
    "Remove users from Token Channels",
    "VideoConferences",
    "aggregate-sessions",
    "calendar-reminders",
    "presence-status-expiration",
    "temporaryUploadCleanup",
    "version_check",
];

/// What jobs count under that are not in the list.
pub const OTHER_JOB: &str = "other";

/// What is known of every job that ran or is planned.
#[derive(Debug, Clone)]
pub struct Jobs {
    /// The time at the database when this was read.
    pub now: Timestamp,
    /// In the order of their names.
    pub jobs: Vec<Job>,
}

/// A job.
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// One of [`JOBS`], or [`OTHER_JOB`].
    pub name: String,
    /// When it last ended well.
    pub succeeded: Option<Timestamp>,
    /// When it last ended with an error.
    pub failed: Option<Timestamp>,
    /// When it is to run next (6.3 and later).
    pub next_run: Option<Timestamp>,
    /// Since when an instance holds it (6.3 and later).
    pub locked: Option<Timestamp>,
}

impl Jobs {
    fn of_each(&self, read: impl Fn(&Job) -> Option<f64>) -> Vec<Sample> {
        self.jobs
            .iter()
            .filter_map(|job| Some(Sample::of(job.name.clone(), read(job)?)))
            .collect()
    }
}

impl Job {
    /// Whether the newest run ended with an error; `None` when no run is known.
    fn is_failing(&self) -> Option<bool> {
        if self.succeeded.is_none() && self.failed.is_none() {
            return None;
        }
        Some(self.failed > self.succeeded)
    }

    /// How long ago it should have run; zero while that lies ahead.
    fn overdue(&self, now: Timestamp) -> Option<f64> {
        let late = now.since(self.next_run?);
        Some(late.map_or(0.0, |late| late.as_secs_f64()))
    }
}

/// Background jobs.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "jobs",
    tier: Tier::Normal,
    rank: 13,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Jobs> = Table {
    title: "Background jobs",
    metrics: &[
        Metric {
            name: "rocketchat_job_last_success_timestamp_seconds",
            help: "When a background job last ended without an error; jobs that are not Rocket.Chat's own count as other.",
            source: "rocketchat_cron_history of the last 48 hours: finishedAt without error; rocketchat_cron lastFinishedAt",
            quantity: Quantity::Instant,
            read: Read::By(&["name"], |it| it.of_each(|job| instant(job.succeeded))),
        },
        Metric {
            name: "rocketchat_job_last_failure_timestamp_seconds",
            help: "When a background job last ended with an error.",
            source: "rocketchat_cron_history of the last 48 hours: finishedAt with error; rocketchat_cron failedAt",
            quantity: Quantity::Instant,
            read: Read::By(&["name"], |it| it.of_each(|job| instant(job.failed))),
        },
        Metric {
            name: "rocketchat_job_failing",
            help: "Whether the newest run of a background job that ended did so with an error.",
            source: "rocketchat_cron_history and rocketchat_cron, as above",
            quantity: Quantity::State,
            read: Read::By(&["name"], |it| {
                it.of_each(|job| job.is_failing().map(state))
            }),
        },
        Metric {
            name: "rocketchat_job_next_run_timestamp_seconds",
            help: "When a background job is to run next (6.3 and later).",
            source: "rocketchat_cron: earliest nextRunAt that is not disabled",
            quantity: Quantity::Instant,
            read: Read::By(&["name"], |it| it.of_each(|job| instant(job.next_run))),
        },
        Metric {
            name: "rocketchat_job_overdue_seconds",
            help: "How long ago a background job should have run, by the database's clock; 0 while it is in time. Rocket.Chat looks every minute (6.3 and later).",
            source: "rocketchat_cron: earliest nextRunAt that is not disabled",
            quantity: Quantity::Seconds,
            read: Read::By(&["name"], |it| it.of_each(|job| job.overdue(it.now))),
        },
        Metric {
            name: "rocketchat_job_locked_timestamp_seconds",
            help: "Since when an instance holds a background job: it runs, or what ran it has crashed (6.3 and later). Absent while none does.",
            source: "rocketchat_cron: earliest lockedAt",
            quantity: Quantity::Instant,
            read: Read::By(&["name"], |it| it.of_each(|job| instant(job.locked))),
        },
    ],
    fields: &[],
};
