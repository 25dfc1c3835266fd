//! The table of conditions. A row has the name, severity, wait and thresholds of an alert, and finds where its expression
//! holds now.
//!
//! Alerts that compare with the past have no row, because only Prometheus knows it: `tests/conditions.rs` lists them.

use std::time::Duration;

use super::condition::{Condition, Occurrence, Severity};
use super::facts::Facts;
use crate::catalogue::{FailureKind, OTHER, release_line};
use crate::humanize::{bytes, number, percent, span};

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// Below this age of the newest sign of a reader Rocket.Chat works, even without a heartbeat.
const RECENTLY_SEEN: f64 = 120.0;
/// A heartbeat that is older belongs to an instance that is not alive.
const HEARTBEAT: f64 = 60.0;
/// The longest lag of a member, of the majority, and of data.
const LAG: f64 = 60.0;
/// Days of the countdown to read-only mode that are left when it begins to matter.
const COUNTDOWN: f64 = 6.0 * DAY;
/// The share of the connections of presence that is near the limit.
const PRESENCE_SHARE: f64 = 0.8;
/// The share of the seats that is near the limit.
const SEATS_SHARE: f64 = 0.95;
/// The share of the contacts that is near the limit.
const CONTACTS_SHARE: f64 = 0.9;
/// The notice before a license expires.
const EXPIRY_NOTICE: f64 = 7.0 * DAY;
/// The notice before a certificate expires.
const CERTIFICATE_NOTICE: f64 = 7.0 * DAY;
/// The notice before the support of a release line ends.
const SUPPORT_NOTICE: f64 = 30.0 * DAY;
/// Two daily runs of the statistics, and two hours.
const STATISTICS_AGE: f64 = 50.0 * HOUR;
/// Statistics that are older are switched off.
const STATISTICS_OFF: f64 = 30.0 * DAY;
/// The delay from which a job is overdue.
const OVERDUE: f64 = 900.0;
/// The time from which a held job hangs.
const HUNG: f64 = HOUR;
/// A job that is later or held for longer is abandoned.
const ABANDONED: f64 = 7.0 * DAY;
/// The age of the oldest notification from which the queue is stuck.
const QUEUE_AGE: f64 = 900.0;
/// How long a visitor may wait.
const VISITOR_WAIT: f64 = 600.0;
/// Documents up to which a collection is small: nothing of it is left out without an index.
const SMALL_COLLECTION: f64 = 10_000.0;
/// Late readings: so many intervals, and so many seconds.
const LATE_INTERVALS: f64 = 2.0;
const LATE_SECONDS: f64 = 300.0;
/// The share of the time that is more than the exporter should take.
const COST: f64 = 0.05;
/// Session documents of each user of a month that are too many.
const SESSIONS_OF_A_USER: f64 = 2000.0;
/// The share of free memory that is too little.
const FREE_MEMORY: f64 = 0.05;
/// Load of each processor that is too much.
const LOAD: f64 = 2.0;
/// The share of a process's file descriptors that is near the limit.
const FDS_SHARE: f64 = 0.8;

/// Every condition: the most important first among those of a severity.
pub const CONDITIONS: &[Condition] = &[
    Condition {
        alert: "DatabaseUnreachable",
        severity: Severity::Critical,
        wait: Duration::from_mins(1),
        thresholds: &[0.0],
        past: None,
        advice: "Check that MongoDB runs, then let rocketchat-exporter check with the service's settings show which step fails.",
        find: |facts| {
            let reason = facts
                .snapshot
                .availability
                .and_then(|availability| availability.reason);
            let reason = reason.map_or("every query fails", FailureKind::explanation);
            let is_down = facts.value("rocketchat_up") == Some(0.0);
            one(is_down, || {
                format!("Nothing of the workspace's database can be read: {reason}.")
            })
        },
    },
    Condition {
        alert: "RocketChatDown",
        severity: Severity::Critical,
        wait: Duration::from_mins(1),
        thresholds: &[0.0, RECENTLY_SEEN],
        past: None,
        advice: "Check the processes of Rocket.Chat and their last log lines, and that they reach the database.",
        find: |facts| {
            let newest = newest_heartbeat(facts);
            one(rocketchat_is_down(facts), || match newest {
                Some(age) => format!(
                    "No instance of Rocket.Chat is alive; the newest heartbeat is {} old.",
                    time(age)
                ),
                None => "No instance of Rocket.Chat is alive; none is registered.".to_owned(),
            })
        },
    },
    Condition {
        alert: "RocketChatUnreachable",
        severity: Severity::Critical,
        wait: Duration::from_mins(3),
        thresholds: &[0.0, 0.0],
        past: None,
        advice: "Check the reverse proxy, the certificate, DNS and the network; the row Probe of the card Deployment has the whole message.",
        find: |facts| {
            let checks = facts.samples("rocketchat_probe_success");
            let has_failed = checks.iter().any(|check| is_false(check.value));
            let is_alive = facts
                .value("rocketchat_instances")
                .is_some_and(|instances| instances > 0.0);
            one(has_failed && is_alive, || {
                let failing = facts.samples("rocketchat_probe_failing");
                let reasons: Vec<String> = failing
                    .iter()
                    .map(|failure| failure.labels.join(" "))
                    .collect();
                format!(
                    "Rocket.Chat runs, but people cannot connect: {}.",
                    reasons.join(", ")
                )
            })
        },
    },
    Condition {
        alert: "ReplicaSetWithoutPrimary",
        severity: Severity::Critical,
        wait: Duration::from_mins(1),
        thresholds: &[0.0],
        past: None,
        advice: "Check with rs.status() which members are down or cannot reach each other, and start them.",
        find: |facts| {
            let primary = facts.value("rocketchat_mongodb_replica_set_has_primary");
            one(primary == Some(0.0), || {
                "The replica set has no primary: Rocket.Chat cannot write anything.".to_owned()
            })
        },
    },
    Condition {
        alert: "MajorityLost",
        severity: Severity::Critical,
        wait: Duration::from_mins(5),
        thresholds: &[LAG],
        past: None,
        advice: "Check with rs.status() which members are down or lag, and start them.",
        find: |facts| {
            let lag = facts.value("rocketchat_mongodb_majority_lag_seconds");
            some(lag.filter(|lag| *lag > LAG), |lag| {
                format!(
                    "A majority of the replica set is {} behind, or is lost.",
                    time(lag)
                )
            })
        },
    },
    Condition {
        alert: "WorkspaceReadOnly",
        severity: Severity::Critical,
        wait: Duration::from_mins(1),
        thresholds: &[0.0],
        past: None,
        advice: "Let Rocket.Chat reach its cloud, so that it reports its statistics again, or apply a license.",
        find: |facts| {
            let left = facts.value("rocketchat_read_only_countdown_seconds");
            one(left == Some(0.0), || {
                "The workspace is read-only: it has not reported its statistics to Rocket.Chat's cloud for too long, and has no license to work without that.".to_owned()
            })
        },
    },
    Condition {
        alert: "ReadOnlySoon",
        severity: Severity::Warning,
        wait: Duration::from_mins(5),
        thresholds: &[0.0, COUNTDOWN],
        past: None,
        advice: "Let Rocket.Chat reach its cloud, so that it reports its statistics again, or apply a license.",
        find: |facts| {
            let left = facts.value("rocketchat_read_only_countdown_seconds");
            some(
                left.filter(|left| *left > 0.0 && *left <= COUNTDOWN),
                |left| {
                    format!(
                        "The workspace becomes read-only in {} days unless it reports its statistics to Rocket.Chat's cloud.",
                        number(left / DAY)
                    )
                },
            )
        },
    },
    Condition {
        alert: "InstanceHeartbeatStale",
        severity: Severity::Warning,
        wait: Duration::from_secs(30),
        thresholds: &[HEARTBEAT],
        past: None,
        advice: "Check the process of this instance: it has crashed, hangs, or cannot write to the database.",
        find: stale_heartbeats,
    },
    Condition {
        alert: "VersionSkew",
        severity: Severity::Warning,
        wait: Duration::from_mins(15),
        thresholds: &[1.0],
        past: None,
        advice: "Finish the upgrade: run all instances on the same build.",
        find: |facts| {
            let versions = facts.value("rocketchat_instance_node_versions");
            some(versions.filter(|count| *count > 1.0), |count| {
                format!(
                    "The instances run {} different versions of Node, so probably not the same build.",
                    number(count)
                )
            })
        },
    },
    Condition {
        alert: "RocketChatVersionMismatch",
        severity: Severity::Warning,
        wait: Duration::from_hours(1),
        thresholds: &[1.0],
        past: None,
        advice: "Stop old instances that still serve people, or correct --rocketchat.url.",
        find: |facts| {
            one(facts.is_on("rocketchat_probe_version_differs"), || {
                "The Rocket.Chat that answers has another version than its database.".to_owned()
            })
        },
    },
    Condition {
        alert: "RocketChatCertificateExpiring",
        severity: Severity::Warning,
        wait: Duration::from_hours(1),
        thresholds: &[CERTIFICATE_NOTICE],
        past: None,
        advice: "Renew the certificate, and reload the reverse proxy.",
        find: |facts| {
            let left = facts
                .age("rocketchat_probe_certificate_expiry_timestamp_seconds")
                .map(|age| -age);
            some(left.filter(|left| *left < CERTIFICATE_NOTICE), |left| {
                if left > 0.0 {
                    format!("The certificate of Rocket.Chat expires in {}.", time(left))
                } else {
                    format!(
                        "The certificate of Rocket.Chat expired {} ago.",
                        time(-left)
                    )
                }
            })
        },
    },
    Condition {
        alert: "MigrationLocked",
        severity: Severity::Warning,
        wait: Duration::from_mins(10),
        thresholds: &[1.0],
        past: None,
        advice: "Look into the log of the instance that migrates; if none does, the migration was interrupted.",
        find: |facts| {
            let held = facts.age("rocketchat_migration_locked_timestamp_seconds");
            one(facts.is_on("rocketchat_migration_locked"), || {
                match held {
                Some(held) => format!(
                    "A database migration has held its lock for {}; Rocket.Chat does not start until it is released.",
                    time(held)
                ),
                None => "A database migration holds its lock; Rocket.Chat does not start until it is released.".to_owned(),
            }
            })
        },
    },
    Condition {
        alert: "ReplicationLagging",
        severity: Severity::Warning,
        wait: Duration::from_mins(5),
        thresholds: &[LAG],
        past: None,
        advice: "Check the load and the network of this member.",
        find: |facts| {
            let lag = facts.value("rocketchat_mongodb_replication_lag_seconds");
            some(lag.filter(|lag| *lag > LAG), |lag| {
                format!(
                    "The member of the replica set that is read lags by {}.",
                    time(lag)
                )
            })
        },
    },
    Condition {
        alert: "PresenceDisabled",
        severity: Severity::Warning,
        wait: Duration::from_mins(1),
        thresholds: &[1.0],
        past: None,
        advice: "Enable it again under Administration, User Status, when there are fewer connections.",
        find: |facts| {
            one(
                facts.is_on("rocketchat_presence_broadcast_disabled"),
                || {
                    "Presence is disabled for all users, as Rocket.Chat does at more than 200 connections unless the license has the module unlimited-presence.".to_owned()
                },
            )
        },
    },
    Condition {
        alert: "PresenceLimitNear",
        severity: Severity::Warning,
        wait: Duration::from_mins(5),
        thresholds: &[PRESENCE_SHARE],
        past: None,
        advice: "Reduce the connections, or get a license with the module unlimited-presence.",
        find: |facts| {
            let used = facts.value("rocketchat_connections");
            let limit = facts.value("rocketchat_presence_connections_limit");
            let near = used
                .zip(limit)
                .filter(|(used, limit)| used / limit > PRESENCE_SHARE);
            some(near, |(used, limit)| {
                format!(
                    "{} connections are open; above {} Rocket.Chat disables presence for all users.",
                    number(used),
                    number(limit)
                )
            })
        },
    },
    Condition {
        alert: "LicenseInvalid",
        severity: Severity::Warning,
        wait: Duration::from_mins(5),
        thresholds: &[0.0, 1.0],
        past: Some("it was valid within the last day"),
        advice: "Apply a valid license, or remove it if the workspace does not need one.",
        find: |facts| {
            let held = facts.snapshot.license.as_ref();
            let flaw = held
                .and_then(|license| license.held.as_ref())
                .and_then(|held| held.flaw);
            let is_invalid = facts.value("rocketchat_license_valid") == Some(0.0);
            some(flaw.filter(|_| is_invalid), |flaw| {
                format!("The license is not valid: {}.", flaw.explanation())
            })
        },
    },
    Condition {
        alert: "LicenseExpiring",
        severity: Severity::Warning,
        wait: Duration::from_mins(15),
        thresholds: &[EXPIRY_NOTICE],
        past: None,
        advice: "Renew the license, and apply it before this one ends.",
        find: |facts| {
            let left = facts
                .age("rocketchat_license_expiry_timestamp_seconds")
                .map(|age| -age);
            some(
                left.filter(|left| *left < EXPIRY_NOTICE && *left > 0.0),
                |left| format!("The license expires in {}.", time(left)),
            )
        },
    },
    Condition {
        alert: "SeatsNearLimit",
        severity: Severity::Warning,
        wait: Duration::from_mins(15),
        thresholds: &[SEATS_SHARE, 0.0],
        past: None,
        advice: "Deactivate accounts that are not used, or get a license with more seats.",
        find: |facts| {
            some(
                near_limit(facts, "active_users", SEATS_SHARE),
                |(used, limit)| {
                    format!(
                        "{} of {} seats of the license are used.",
                        number(used),
                        number(limit)
                    )
                },
            )
        },
    },
    Condition {
        alert: "ContactsNearLimit",
        severity: Severity::Warning,
        wait: Duration::from_mins(15),
        thresholds: &[CONTACTS_SHARE, 0.0],
        past: None,
        advice: "Get a license for more contacts; the count begins anew with the next month.",
        find: |facts| {
            let near = near_limit(facts, "monthly_active_contacts", CONTACTS_SHARE);
            some(near, |(used, limit)| {
                format!(
                    "{} of {} omnichannel contacts that the license allows in a month were active.",
                    number(used),
                    number(limit)
                )
            })
        },
    },
    Condition {
        alert: "SupportEnding",
        severity: Severity::Warning,
        wait: Duration::from_mins(15),
        thresholds: &[SUPPORT_NOTICE],
        past: None,
        advice: "Plan the upgrade to a release line that is supported.",
        find: |facts| {
            let left = facts
                .age("rocketchat_end_of_support_timestamp_seconds")
                .map(|age| -age);
            some(left.filter(|left| *left < SUPPORT_NOTICE), |left| {
                let line = facts.snapshot.version().and_then(release_line);
                let running = line.map_or_else(String::new, |line| line_name(line.line));
                let end = line.and_then(|line| line.end_of_support);
                let day = end.map_or("", |end| end.day);
                let estimated = match end {
                    Some(end) if !end.is_announced => ", estimated from its release",
                    _ => "",
                };
                if left > 0.0 {
                    format!("Support for Rocket.Chat {running} ends on {day}{estimated}.")
                } else {
                    format!(
                        "Support for Rocket.Chat {running} ended on {day}{estimated}: it gets no security fixes, and Rocket.Chat's cloud services and apps may refuse it."
                    )
                }
            })
        },
    },
    Condition {
        alert: "MongoDBUnsupported",
        severity: Severity::Warning,
        wait: Duration::from_mins(15),
        thresholds: &[0.0],
        past: None,
        advice: "Plan the upgrade of MongoDB before that of Rocket.Chat.",
        find: |facts| {
            let supported = facts.value("rocketchat_mongodb_supported");
            let server = facts.snapshot.server.as_ref();
            let server = server.filter(|_| supported == Some(0.0));
            some(server, |server| {
                let line = facts.snapshot.version().and_then(release_line);
                let running = line.map_or_else(String::new, |line| line_name(line.line));
                let lines = line.map_or(&[][..], |line| line.mongodb);
                let lines: Vec<_> = lines.iter().copied().map(line_name).collect();
                format!(
                    "Rocket.Chat {running} does not support MongoDB {}; it supports {}.",
                    server.version,
                    lines.join(", ")
                )
            })
        },
    },
    Condition {
        alert: "StatisticsStale",
        severity: Severity::Warning,
        wait: Duration::from_mins(15),
        thresholds: &[STATISTICS_AGE, STATISTICS_OFF],
        past: None,
        advice: "Look into the log of Rocket.Chat for the daily job that generates the statistics.",
        find: |facts| {
            let age = facts.age("rocketchat_statistics_document_timestamp_seconds");
            let stale = age.filter(|age| *age > STATISTICS_AGE && *age < STATISTICS_OFF);
            some(stale, |age| {
                format!(
                    "Rocket.Chat has not stored its own statistics for {}; the job that does so is not running.",
                    time(age)
                )
            })
        },
    },
    Condition {
        alert: "BackgroundJobOverdue",
        severity: Severity::Warning,
        wait: Duration::from_mins(5),
        thresholds: &[OVERDUE, ABANDONED],
        past: None,
        advice: "Restart an instance if none runs jobs; look into its log for the name of the job.",
        find: |facts| {
            let late = of_jobs(facts, "rocketchat_job_overdue_seconds");
            let late = late.filter(|(_, late)| *late > OVERDUE && *late < ABANDONED);
            late.map(|(name, late)| {
                let message = format!("The background job {name} is {} late.", time(late));
                Occurrence::of(name, message)
            })
            .collect()
        },
    },
    Condition {
        alert: "BackgroundJobHung",
        severity: Severity::Warning,
        wait: Duration::from_mins(5),
        thresholds: &[HUNG, ABANDONED],
        past: None,
        advice: "Look into the log of the instances for the name of the job; a restart releases it.",
        find: |facts| {
            let now = facts.now.database.seconds();
            of_jobs(facts, "rocketchat_job_locked_timestamp_seconds")
                .map(|(name, at)| (name, now - at))
                .filter(|(_, held)| *held > HUNG && *held < ABANDONED)
                .map(|(name, held)| {
                    let message = format!(
                        "The background job {name} has been held for {}.",
                        time(held)
                    );
                    Occurrence::of(name, message)
                })
                .collect()
        },
    },
    Condition {
        alert: "PushQueueStuck",
        severity: Severity::Warning,
        wait: Duration::from_mins(5),
        thresholds: &[QUEUE_AGE],
        past: None,
        advice: "Restart an instance, and look into its log for errors of the notification queue.",
        find: |facts| {
            let age = facts.age("rocketchat_notification_queue_oldest_timestamp_seconds");
            some(age.filter(|age| *age > QUEUE_AGE), |age| {
                format!(
                    "A notification has waited in Rocket.Chat's queue for {}.",
                    time(age)
                )
            })
        },
    },
    Condition {
        alert: "LivechatWaitingTooLong",
        severity: Severity::Warning,
        wait: Duration::from_mins(2),
        thresholds: &[VISITOR_WAIT, 1.0],
        past: None,
        advice: "Take the conversation, or let more agents become available.",
        find: |facts| {
            let age = facts.age("rocketchat_livechat_waiting_since_timestamp_seconds");
            let is_enabled = facts.is_on("rocketchat_livechat_enabled");
            some(age.filter(|age| *age > VISITOR_WAIT && is_enabled), |age| {
                format!(
                    "A visitor of the omnichannel queue has waited for {}.",
                    time(age)
                )
            })
        },
    },
    Condition {
        alert: "NoAgentsAvailable",
        severity: Severity::Warning,
        wait: Duration::from_mins(5),
        thresholds: &[0.0, 0.0, 1.0],
        past: None,
        advice: "Let an agent become available for conversations.",
        find: |facts| {
            let waiting = facts.value("rocketchat_livechat_waiting");
            let agents = facts.value("rocketchat_livechat_agents_available");
            let holds = agents == Some(0.0) && facts.is_on("rocketchat_livechat_enabled");
            some(
                waiting.filter(|waiting| *waiting > 0.0 && holds),
                |waiting| {
                    format!(
                        "Visitors wait ({}), and no omnichannel agent is available.",
                        number(waiting)
                    )
                },
            )
        },
    },
    Condition {
        alert: "HostMemoryLow",
        severity: Severity::Warning,
        wait: Duration::from_mins(10),
        thresholds: &[FREE_MEMORY],
        past: None,
        advice: "Find the process that takes the memory, or give the machine more.",
        find: |facts| {
            let free = facts.value("rocketchat_host_memory_available_bytes");
            let size = facts.value("rocketchat_host_memory_size_bytes");
            let share = free.zip(size).map(|(free, size)| free / size);
            some(share.filter(|share| *share < FREE_MEMORY), |share| {
                format!(
                    "The exporter's machine has {} of its memory left.",
                    percent(share)
                )
            })
        },
    },
    Condition {
        alert: "HostLoadHigh",
        severity: Severity::Warning,
        wait: Duration::from_mins(15),
        thresholds: &[LOAD],
        past: None,
        advice: "Find the process that takes the processors, or give the machine more.",
        find: |facts| {
            let load = facts.value("rocketchat_host_load15");
            let cpus = facts.value("rocketchat_host_cpus");
            let each = load.zip(cpus).map(|(load, cpus)| load / cpus);
            some(each.filter(|each| *each > LOAD), |each| {
                format!(
                    "The exporter's machine has {} times as much to do as it has processors.",
                    number(each)
                )
            })
        },
    },
    Condition {
        alert: "NodeProcessFdsNearLimit",
        severity: Severity::Warning,
        wait: Duration::from_mins(5),
        thresholds: &[FDS_SHARE],
        past: None,
        advice: "Raise the limit of open files of this process, and restart it.",
        find: |facts| {
            let open = facts.samples("rocketchat_process_open_fds").into_iter();
            open.filter_map(|open| {
                let id = open.labels[0].clone();
                let max = facts.labelled("rocketchat_process_max_fds", &id)?;
                let share = open.value / max;
                let message = format!("Instance {id} has {} of its files open.", percent(share));
                (share > FDS_SHARE).then(|| Occurrence::of(id, message))
            })
            .collect()
        },
    },
    Condition {
        alert: "StatisticsCollectionBomb",
        severity: Severity::Warning,
        wait: Duration::from_mins(30),
        thresholds: &[GIB],
        past: None,
        advice: "Back up the old documents with rocketchat-exporter backfill, then delete them.",
        find: |facts| {
            let size = facts.labelled("rocketchat_collection_size_bytes", "rocketchat_statistics");
            some(size.filter(|size| *size > GIB), |size| {
                format!("The stored statistics take {}.", bytes(size))
            })
        },
    },
    Condition {
        alert: "SessionsCollectionBomb",
        severity: Severity::Warning,
        wait: Duration::from_mins(30),
        thresholds: &[SESSIONS_OF_A_USER, 1.0, GIB],
        past: None,
        advice: "Check that the nightly job of sessions runs, and which program logs in anew all the time.",
        find: |facts| {
            let documents =
                facts.labelled("rocketchat_collection_documents", "rocketchat_sessions");
            let users = facts.value("rocketchat_unique_users_last_month");
            let size = facts.labelled("rocketchat_collection_size_bytes", "rocketchat_sessions");
            let is_large = size.is_some_and(|size| size > GIB);
            let most = users.map(|users| SESSIONS_OF_A_USER * users.max(1.0));
            let many = documents
                .zip(most)
                .filter(|(documents, most)| documents > most && is_large);
            some(many, |(documents, _)| {
                format!(
                    "There are {} session documents, too many for the users of last month.",
                    number(documents)
                )
            })
        },
    },
    Condition {
        alert: "ExporterSectionFailing",
        severity: Severity::Warning,
        wait: Duration::from_mins(10),
        thresholds: &[0.0, 0.0],
        past: None,
        advice: "The log has the full message; rocketchat-exporter check shows privileges and indexes that are missing.",
        find: |facts| {
            if facts.value("rocketchat_up") == Some(0.0) {
                return Vec::new();
            }
            let failing = facts
                .samples("rocketchat_exporter_collector_success")
                .into_iter();
            failing
                .filter(|sample| sample.value == 0.0)
                .map(|sample| {
                    let name = sample.labels[0].clone();
                    let failure = facts.snapshot.outcomes.iter();
                    let failure = failure
                        .filter(|(collector, _)| collector.name() == name)
                        .find_map(|(_, outcome)| outcome.failure);
                    let why = failure.map_or("the reason is in the log", FailureKind::explanation);
                    Occurrence::of(name.clone(), format!("The collector {name} fails: {why}."))
                })
                .collect()
        },
    },
    Condition {
        alert: "ExporterReadingsStale",
        severity: Severity::Warning,
        wait: Duration::from_mins(5),
        thresholds: &[LATE_INTERVALS, LATE_SECONDS, 1.0],
        past: None,
        advice: "Restart the exporter, and report its log.",
        find: late_readings,
    },
    Condition {
        alert: "DataStale",
        severity: Severity::Warning,
        wait: Duration::from_mins(5),
        thresholds: &[LAG],
        past: None,
        advice: "Check with rs.status() why the member that is read lags, or why there is no primary.",
        find: |facts| {
            let read =
                facts.samples("rocketchat_exporter_collector_last_success_timestamp_seconds");
            let lags = read.iter().filter_map(|read| {
                let data = facts.labelled(
                    "rocketchat_exporter_data_timestamp_seconds",
                    &read.labels[0],
                )?;
                Some(read.value - data)
            });
            let lag = lags.fold(0.0, f64::max);
            one(lag > LAG, || {
                format!(
                    "The numbers were {} old when they were read: the member of the replica set that was read lags, or there is no primary.",
                    time(lag)
                )
            })
        },
    },
    Condition {
        alert: "InstanceHeartbeatInFuture",
        severity: Severity::Info,
        wait: Duration::from_mins(5),
        thresholds: &[0.0],
        past: None,
        advice: "Correct the clock, then delete these records: MongoDB does not remove them.",
        find: |facts| {
            let ahead = facts.value("rocketchat_instances_in_future");
            some(ahead.filter(|ahead| *ahead > 0.0), |ahead| {
                format!(
                    "Instances with a heartbeat in the future: {}; a clock was wrong.",
                    number(ahead)
                )
            })
        },
    },
    Condition {
        alert: "BackgroundJobFailing",
        severity: Severity::Info,
        wait: Duration::from_mins(15),
        thresholds: &[1.0],
        past: None,
        advice: "Look into the log of the instances for the name of the job.",
        find: |facts| {
            let failing = of_jobs(facts, "rocketchat_job_failing");
            failing
                .filter(|(_, failing)| is_true(*failing))
                .map(|(name, _)| {
                    let message = format!("The last run of the background job {name} failed.");
                    Occurrence::of(name, message)
                })
                .collect()
        },
    },
    Condition {
        alert: "ExporterCostHigh",
        severity: Severity::Info,
        wait: Duration::from_mins(30),
        thresholds: &[COST],
        past: None,
        advice: "Lengthen the intervals, or lower --collection.max-share.",
        find: |facts| {
            let cost = facts.snapshot.cost();
            some(cost.filter(|cost| *cost > COST), |cost| {
                format!(
                    "The exporter reads the database for {} of the time.",
                    percent(cost)
                )
            })
        },
    },
    Condition {
        alert: "MissingIndex",
        severity: Severity::Info,
        wait: Duration::from_hours(1),
        thresholds: &[1.0, SMALL_COLLECTION],
        past: None,
        advice: "Create the index; until then what needs it is left out, and Rocket.Chat may be slow.",
        find: missing_indexes,
    },
    Condition {
        alert: "MissingPrivilege",
        severity: Severity::Info,
        wait: Duration::from_mins(15),
        thresholds: &[1.0],
        past: None,
        advice: "Give the exporter's user the role that rocketchat-exporter role prints.",
        find: |facts| {
            let missing = facts
                .samples("rocketchat_exporter_missing_privilege")
                .into_iter();
            missing
                .filter(|sample| is_true(sample.value))
                .map(|sample| {
                    let [collection, action] = &sample.labels[..] else {
                        return Occurrence::one("The exporter's user lacks a privilege.");
                    };
                    Occurrence::of(
                        format!("{collection} {action}"),
                        format!("The exporter's user may not {action} on {collection}; what needs it is left out."),
                    )
                })
                .collect()
        },
    },
    Condition {
        alert: "CollectionCountWrong",
        severity: Severity::Info,
        wait: Duration::from_hours(1),
        thresholds: &[0.0],
        past: None,
        advice: "Run validate on the collection at a quiet hour; until then Rocket.Chat's own totals are wrong.",
        find: |facts| {
            let deviations = facts
                .samples("rocketchat_collection_count_deviation")
                .into_iter();
            deviations
                .filter(|sample| sample.value != 0.0)
                .map(|sample| {
                    let name = &sample.labels[0];
                    let number = sample.value;
                    Occurrence::of(
                        name.clone(),
                        format!(
                            "MongoDB's metadata miscount the documents of {name} by {number}, since an unclean stop of mongod."
                        ),
                    )
                })
                .collect()
        },
    },
];

/// Whether no instance is alive and no one reads: an instance's record may be kept elsewhere (a renamed collection, up to
/// 5.x).
pub fn rocketchat_is_down(facts: &Facts<'_>) -> bool {
    let seen = facts.age("rocketchat_last_seen_timestamp_seconds");
    facts.value("rocketchat_instances") == Some(0.0) && seen.is_none_or(|age| age >= RECENTLY_SEEN)
}

/// The age of the newest heartbeat.
pub fn newest_heartbeat(facts: &Facts<'_>) -> Option<f64> {
    let heartbeats = facts.samples("rocketchat_instance_heartbeat_timestamp_seconds");
    let now = facts.now.database.seconds();
    let ages = heartbeats.iter().map(|heartbeat| now - heartbeat.value);
    ages.min_by(f64::total_cmp)
}

fn stale_heartbeats(facts: &Facts<'_>) -> Vec<Occurrence> {
    let heartbeats = facts.samples("rocketchat_instance_heartbeat_timestamp_seconds");
    let live = facts.value("rocketchat_instances");
    let ahead = facts.value("rocketchat_instances_in_future");
    let Some((live, ahead)) = live.zip(ahead) else {
        return Vec::new();
    };
    // By the database's clock some record is not live; a wrong clock here makes none stale.
    if heartbeats.len() as f64 <= live + ahead {
        return Vec::new();
    }
    let now = facts.now.database.seconds();
    heartbeats
        .into_iter()
        .map(|heartbeat| (heartbeat.labels[0].clone(), now - heartbeat.value))
        .filter(|(_, age)| *age > HEARTBEAT)
        .map(|(id, age)| {
            let message = format!("Instance {id} has written no heartbeat for {}.", time(age));
            Occurrence::of(id, message)
        })
        .collect()
}

fn late_readings(facts: &Facts<'_>) -> Vec<Occurrence> {
    let now = facts.now.own.seconds();
    let read = facts.samples("rocketchat_exporter_collector_last_success_timestamp_seconds");
    read.into_iter()
        .filter_map(|read| {
            let name = read.labels[0].clone();
            let of = |metric| facts.labelled(metric, &name);
            let interval = of("rocketchat_exporter_collector_interval_seconds")?;
            let succeeds = is_true(of("rocketchat_exporter_collector_success")?);
            let age = now - read.value;
            let is_late = age > LATE_INTERVALS * interval + LATE_SECONDS && succeeds;
            let message = format!("The collector {name} was last read {} ago.", time(age));
            is_late.then(|| Occurrence::of(name, message))
        })
        .collect()
}

fn missing_indexes(facts: &Facts<'_>) -> Vec<Occurrence> {
    let missing = facts.samples("rocketchat_exporter_missing_index");
    let missing = missing.into_iter().filter(|sample| is_true(sample.value));
    missing
        .filter_map(|sample| {
            let [collection, key] = &sample.labels[..] else {
                return None;
            };
            let documents = facts.labelled("rocketchat_collection_documents", collection);
            // One whose size is not known counts as large.
            if documents.is_some_and(|documents| documents <= SMALL_COLLECTION) {
                return None;
            }
            Some(Occurrence::of(
                format!("{collection} {key}"),
                format!(
                    "The index on {key} is missing. Create it with db.{collection}.createIndex({{\"{key}\": 1}})."
                ),
            ))
        })
        .collect()
}

/// The values of Rocket.Chat's own jobs by name; apps often plan jobs once and abandon them.
fn of_jobs(facts: &Facts<'_>, metric: &str) -> impl Iterator<Item = (String, f64)> {
    let samples = facts.samples(metric).into_iter();
    samples
        .map(|sample| (sample.labels[0].to_string(), sample.value))
        .filter(|(name, _)| name != OTHER)
}

/// What is used and the limit, where that is near.
fn near_limit(facts: &Facts<'_>, limit: &str, share: f64) -> Option<(f64, f64)> {
    let used = facts.labelled("rocketchat_license_used", limit)?;
    let max = facts.labelled("rocketchat_license_limit", limit)?;
    (used / max > share && max > 0.0).then_some((used, max))
}

fn one(holds: bool, message: impl FnOnce() -> String) -> Vec<Occurrence> {
    if holds {
        vec![Occurrence::one(message())]
    } else {
        Vec::new()
    }
}

fn some<T>(value: Option<T>, message: impl FnOnce(T) -> String) -> Vec<Occurrence> {
    let occurrence = value.map(|value| Occurrence::one(message(value)));
    occurrence.into_iter().collect()
}

/// Whether a state is known not to hold.
fn is_false(state: f64) -> bool {
    Some(state) == Some(0.0)
}

/// Whether a state holds.
fn is_true(state: f64) -> bool {
    Some(state) == Some(1.0)
}

/// The name of a line, such as 9.0.
fn line_name((major, minor): (u16, u16)) -> String {
    format!("{major}.{minor}")
}

/// Seconds as a duration for people.
fn time(seconds: f64) -> String {
    span(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
