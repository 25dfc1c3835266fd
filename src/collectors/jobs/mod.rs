//! Background jobs, from `rocketchat_cron` (6.3 and later) and `rocketchat_cron_history`: results, next runs, delays.

pub mod query;

use crate::catalogue::{
    CollectorDefinition, Metric, Privilege, Quantity, Read, Sample, SectionDefinition, Tier,
    Timestamp, instant, state,
};

/// Rocket.Chat's own jobs; all others, such as one for each calendar event, are summarized as [`OTHER_JOB`].
///
/// `calendar-reminders`, `calendar-status-scheduler` and, in some versions from 8.6 on, `presence-status-expiration` are
/// planned once for the next event and again after it. Rocket.Chat plans them anew when it starts.
pub const JOBS: [&str; 20] = [
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
    "calendar-status-scheduler",
    "presence-status-expiration",
    "temporaryUploadCleanup",
    "version_check",
];

/// Jobs of omnichannel that exist once for each room or inquiry, whose id follows the name after a hyphen. They moved to
/// `rocketchat_cron` in a release after 8.6 that is not known exactly (seen in its development).
///
/// A process runs only those that it planned itself, so one that an earlier process left behind can stay due or locked
/// forever. Therefore none of them is late or locked; their next run is the next that lies ahead.
pub const JOBS_OF_ROOMS: [&str; 3] = [
    "Omnichannel-Queue-Inactivity-Monitor",
    "omnichannel_auto_close_on_hold_scheduler",
    "omnichannel_scheduler",
];

/// The name of jobs that are in neither list.
pub const OTHER_JOB: &str = "other";

/// Every job that ran or is planned.
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
    /// One of [`JOBS`] or [`JOBS_OF_ROOMS`], or [`OTHER_JOB`].
    pub name: String,
    /// Time of the last success.
    pub succeeded: Option<Timestamp>,
    /// Time of the last failure.
    pub failed: Option<Timestamp>,
    /// Time of the next run (6.3 and later).
    pub next_run: Option<Timestamp>,
    /// Time since when it is locked (6.3 and later).
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
    /// Whether the newest run failed; `None` without a run.
    fn is_failing(&self) -> Option<bool> {
        if self.succeeded.is_none() && self.failed.is_none() {
            return None;
        }
        Some(self.failed > self.succeeded)
    }

    /// Seconds since it should have run; 0 if that is in the future.
    fn overdue(&self, now: Timestamp) -> Option<f64> {
        let late = now.since(self.next_run?);
        Some(late.map_or(0.0, |late| late.as_secs_f64()))
    }
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "jobs",
    tier: Tier::Normal,
    rank: 13,
    privileges: &[
        Privilege::find("rocketchat_cron"),
        Privilege::find("rocketchat_cron_history"),
        Privilege::list_indexes("rocketchat_cron_history").optional(),
    ],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Jobs> = SectionDefinition {
    title: "Background jobs",
    metrics: &[
        Metric {
            name: "rocketchat_job_last_success_timestamp_seconds",
            help: "Time when a background job last succeeded; jobs other than Rocket.Chat's own are summarized as other.",
            source: "rocketchat_cron_history of the last 48 hours: finishedAt without error; rocketchat_cron lastFinishedAt",
            quantity: Quantity::Instant,
            read: Read::By(&["name"], |jobs| jobs.of_each(|job| instant(job.succeeded))),
        },
        Metric {
            name: "rocketchat_job_last_failure_timestamp_seconds",
            help: "Time when a background job last failed.",
            source: "rocketchat_cron_history of the last 48 hours: finishedAt with error; rocketchat_cron failedAt",
            quantity: Quantity::Instant,
            read: Read::By(&["name"], |jobs| jobs.of_each(|job| instant(job.failed))),
        },
        Metric {
            name: "rocketchat_job_failing",
            help: "Whether the newest completed run of a background job failed.",
            source: "rocketchat_cron_history, rocketchat_cron",
            quantity: Quantity::State,
            read: Read::By(&["name"], |jobs| {
                jobs.of_each(|job| job.is_failing().map(state))
            }),
        },
        Metric {
            name: "rocketchat_job_next_run_timestamp_seconds",
            help: "Time of the next run of a background job (6.3 and later).",
            source: "rocketchat_cron: earliest nextRunAt that is neither disabled nor a one-time job that ran",
            quantity: Quantity::Instant,
            read: Read::By(&["name"], |jobs| jobs.of_each(|job| instant(job.next_run))),
        },
        Metric {
            name: "rocketchat_job_overdue_seconds",
            help: "Time since a background job should have run, by the database's clock; 0 when it is not late, absent when no run is planned. Rocket.Chat checks every minute (6.3 and later).",
            source: "rocketchat_cron: earliest nextRunAt that is neither disabled nor a one-time job that ran",
            quantity: Quantity::Seconds,
            read: Read::By(&["name"], |jobs| jobs.of_each(|job| job.overdue(jobs.now))),
        },
        Metric {
            name: "rocketchat_job_locked_timestamp_seconds",
            help: "Time since when a background job is locked: it is running, or its instance crashed (6.3 and later). Absent when it is not locked.",
            source: "rocketchat_cron: earliest lockedAt",
            quantity: Quantity::Instant,
            read: Read::By(&["name"], |jobs| jobs.of_each(|job| instant(job.locked))),
        },
    ],
    fields: &[],
};
