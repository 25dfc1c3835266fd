//! The rules of all series that stored statistics documents contain.

use std::collections::BTreeSet;

use super::rule::{BackfillRule, SampleSource};
use crate::catalogue::{REMOVED_PROVIDERS, Version, Versions};

const fn count(
    metric: &'static str,
    labels: &'static [&'static str],
    versions: Versions,
    path: &'static str,
) -> BackfillRule {
    BackfillRule {
        metric,
        labels,
        versions,
        from: SampleSource::Number(path),
    }
}

const fn since(major: u16, minor: u16, patch: u16) -> Versions {
    Versions::since(major, minor, patch)
}

const fn login_service(label: &'static [&'static str], path: &'static str) -> BackfillRule {
    count(
        "rocketchat_users_by_login_service",
        label,
        since(3, 17, 0),
        path,
    )
}

/// A login service that 9.0 removed.
const fn removed_login_service(label: &'static [&'static str], path: &'static str) -> BackfillRule {
    count(
        "rocketchat_users_by_login_service",
        label,
        REMOVED_PROVIDERS,
        path,
    )
}

const fn conferences(labels: &'static [&'static str], path: &'static str) -> BackfillRule {
    count("rocketchat_video_conferences", labels, since(5, 0, 0), path)
}

const fn room_feature(
    feature: &'static [&'static str],
    versions: Versions,
    path: &'static str,
) -> BackfillRule {
    count("rocketchat_rooms_with_feature", feature, versions, path)
}

/// The rules of all series, family by family.
pub const BACKFILL_RULES: &[BackfillRule] = &[
    BackfillRule {
        metric: "rocketchat_installed_timestamp_seconds",
        labels: &[],
        versions: since(0, 40, 0),
        from: SampleSource::Instant("installedAt"),
    },
    count(
        "rocketchat_migration_version",
        &[],
        since(0, 8, 0),
        "migration.version",
    ),
    BackfillRule {
        metric: "rocketchat_migration_locked",
        labels: &[],
        versions: since(0, 8, 0),
        from: SampleSource::Bool("migration.locked"),
    },
    BackfillRule {
        metric: "rocketchat_migration_locked_timestamp_seconds",
        labels: &[],
        versions: since(0, 8, 0),
        from: SampleSource::Instant("migration.lockedAt"),
    },
    BackfillRule {
        metric: "rocketchat_livechat_enabled",
        labels: &[],
        versions: since(0, 74, 0),
        from: SampleSource::Bool("livechatEnabled"),
    },
    count(
        "rocketchat_uncaught_exceptions_total",
        &[],
        since(5, 0, 0),
        "uncaughtExceptionsCount",
    ),
    BackfillRule {
        metric: "rocketchat_mongodb_info",
        labels: &[],
        versions: since(1, 0, 0),
        from: SampleSource::Labels(&["mongoVersion", "mongoStorageEngine"]),
    },
    count(
        "rocketchat_peak_connections",
        &[],
        since(6, 5, 0),
        "maxMonthlyPeakConnections",
    ),
    BackfillRule {
        metric: "rocketchat_statistics_document_timestamp_seconds",
        labels: &[],
        versions: since(0, 8, 0),
        from: SampleSource::Instant("createdAt"),
    },
    // Before 3.12 Rocket.Chat counted the states of connections, which are another metric now.
    count(
        "rocketchat_users",
        &["online"],
        since(3, 12, 0),
        "onlineUsers",
    ),
    count("rocketchat_users", &["away"], since(3, 12, 0), "awayUsers"),
    count("rocketchat_users", &["busy"], since(3, 12, 0), "busyUsers"),
    count(
        "rocketchat_users",
        &["offline"],
        since(3, 12, 0),
        "offlineUsers",
    ),
    count(
        "rocketchat_users_connected",
        &["online"],
        since(0, 8, 0).until(3, 12, 0),
        "onlineUsers",
    ),
    count(
        "rocketchat_users_connected",
        &["away"],
        since(0, 8, 0).until(3, 12, 0),
        "awayUsers",
    ),
    count(
        "rocketchat_users_connected",
        &["busy"],
        since(3, 11, 0).until(3, 12, 0),
        "busyUsers",
    ),
    count("rocketchat_seats_used", &[], since(6, 4, 0), "activeUsers"),
    login_service(&["apple"], "services.oauth.apple.users"),
    login_service(&["cas"], "services.cas.users"),
    removed_login_service(&["dolphin"], "services.oauth.dolphin.users"),
    removed_login_service(&["drupal"], "services.oauth.drupal.users"),
    removed_login_service(&["facebook"], "services.oauth.facebook.users"),
    login_service(&["github"], "services.oauth.github.users"),
    removed_login_service(
        &["github_enterprise"],
        "services.oauth.githubEnterprise.users",
    ),
    login_service(&["gitlab"], "services.oauth.gitlab.users"),
    login_service(&["google"], "services.oauth.google.users"),
    login_service(&["ldap"], "services.ldap.users"),
    removed_login_service(&["linkedin"], "services.oauth.linkedin.users"),
    removed_login_service(&["meteor"], "services.oauth.meteor.users"),
    login_service(&["nextcloud"], "services.oauth.nextcloud.users"),
    login_service(&["saml"], "services.saml.users"),
    count(
        "rocketchat_users_by_login_service",
        &["tokenpass"],
        since(3, 17, 0).until(8, 0, 0),
        "services.oauth.tokenpass.users",
    ),
    removed_login_service(&["twitter"], "services.oauth.twitter.users"),
    removed_login_service(&["wordpress"], "services.oauth.wordpress.users"),
    count(
        "rocketchat_users_with_second_factor",
        &["totp"],
        since(4, 8, 0),
        "totalUserTOTP",
    ),
    count(
        "rocketchat_users_with_second_factor",
        &["email"],
        since(4, 8, 0),
        "totalUserEmail2fa",
    ),
    BackfillRule {
        metric: "rocketchat_last_login_timestamp_seconds",
        labels: &[],
        versions: since(0, 8, 0),
        from: SampleSource::Instant("lastLogin"),
    },
    BackfillRule {
        metric: "rocketchat_last_message_timestamp_seconds",
        labels: &[],
        versions: since(0, 8, 0),
        from: SampleSource::Instant("lastMessageSentAt"),
    },
    BackfillRule {
        metric: "rocketchat_last_seen_timestamp_seconds",
        labels: &[],
        versions: since(0, 8, 0),
        from: SampleSource::Instant("lastSeenSubscription"),
    },
    count(
        "rocketchat_rooms",
        &["channel"],
        since(0, 8, 0),
        "totalChannels",
    ),
    count(
        "rocketchat_rooms",
        &["private_group"],
        since(0, 8, 0),
        "totalPrivateGroups",
    ),
    count(
        "rocketchat_rooms",
        &["direct"],
        since(0, 8, 0),
        "totalDirect",
    ),
    count(
        "rocketchat_rooms",
        &["livechat"],
        since(0, 51, 0).until(0, 66, 0),
        "totlalLivechat",
    ),
    count(
        "rocketchat_rooms",
        &["livechat"],
        since(0, 66, 0),
        "totalLivechat",
    ),
    count(
        "rocketchat_rooms",
        &["voip"],
        since(4, 6, 0).until(8, 0, 0),
        "voipCalls",
    ),
    count(
        "rocketchat_discussions",
        &[],
        since(1, 0, 0),
        "totalDiscussions",
    ),
    // From 6.5 on the sums of channels and private groups exclude discussions.
    count(
        "rocketchat_room_messages",
        &["channel"],
        since(0, 51, 0).until(6, 5, 0),
        "totalChannelMessages",
    ),
    count(
        "rocketchat_room_messages",
        &["private_group"],
        since(0, 51, 0).until(6, 5, 0),
        "totalPrivateGroupMessages",
    ),
    count(
        "rocketchat_room_messages",
        &["direct"],
        since(0, 51, 0),
        "totalDirectMessages",
    ),
    count(
        "rocketchat_room_messages",
        &["livechat"],
        since(0, 51, 0),
        "totalLivechatMessages",
    ),
    room_feature(&["abac"], since(8, 0, 0), "abacRoomsEnrolled"),
    room_feature(&["broadcast"], since(5, 0, 0), "totalBroadcastRooms"),
    room_feature(
        &["call"],
        since(6, 0, 0).until(8, 0, 0),
        "omnichannelWebRTCCalls",
    ),
    room_feature(
        &["department"],
        since(7, 0, 0),
        "totalLivechatRoomsWithDepartment",
    ),
    room_feature(&["encrypted"], since(4, 8, 0), "totalE2ERooms"),
    room_feature(
        &["federated"],
        since(6, 3, 0),
        "matrixFederation.amountOfFederatedRooms",
    ),
    room_feature(
        &["livestream"],
        since(5, 0, 0).until(6, 12, 0),
        "totalRoomsWithActiveLivestream",
    ),
    room_feature(
        &["off_the_record"],
        since(4, 6, 0).until(8, 0, 0),
        "totalOTRRooms",
    ),
    room_feature(
        &["pdf_transcript"],
        since(6, 0, 0),
        "enterprise.omnichannelPdfTranscriptSucceeded",
    ),
    // From 7.0 on the field is always 0.
    room_feature(
        &["pdf_transcript_requested"],
        since(6, 0, 0).until(7, 0, 0),
        "enterprise.omnichannelPdfTranscriptRequested",
    ),
    room_feature(
        &["priority"],
        since(6, 0, 0),
        "enterprise.omnichannelRoomsWithPriorities",
    ),
    room_feature(
        &["service_level"],
        since(6, 0, 0),
        "enterprise.omnichannelRoomsWithSlas",
    ),
    room_feature(&["team"], since(4, 8, 0), "teams.totalRoomsInsideTeams"),
    room_feature(
        &["team_default"],
        since(4, 8, 0),
        "teams.totalDefaultRoomsInsideTeams",
    ),
    // From 3.1 on the total is the sum of counters that drift.
    count(
        "rocketchat_messages",
        &[],
        since(0, 8, 0).until(3, 1, 0),
        "totalMessages",
    ),
    count("rocketchat_threads", &[], since(1, 0, 0), "totalThreads"),
    count(
        "rocketchat_messages_with_mark",
        &["starred"],
        since(4, 8, 0),
        "totalStarred",
    ),
    count(
        "rocketchat_messages_with_mark",
        &["pinned"],
        since(4, 8, 0),
        "totalPinned",
    ),
    count(
        "rocketchat_messages_with_mark",
        &["encrypted"],
        since(4, 8, 0),
        "totalEncryptedMessages",
    ),
    count("rocketchat_uploads", &[], since(0, 74, 0), "uploadsTotal"),
    count(
        "rocketchat_uploads_size_bytes",
        &[],
        since(0, 74, 0),
        "uploadsTotalSize",
    ),
    BackfillRule {
        metric: "rocketchat_unique_users_yesterday",
        labels: &[],
        versions: since(1, 0, 3),
        from: SampleSource::Period("uniqueUsersOfYesterday", "count"),
    },
    BackfillRule {
        metric: "rocketchat_unique_users_last_week",
        labels: &[],
        versions: since(3, 10, 0),
        from: SampleSource::Period("uniqueUsersOfLastWeek", "count"),
    },
    // Before 3.10 it was the month before the last one.
    BackfillRule {
        metric: "rocketchat_unique_users_last_month",
        labels: &[],
        versions: since(3, 10, 0),
        from: SampleSource::Period("uniqueUsersOfLastMonth", "count"),
    },
    BackfillRule {
        metric: "rocketchat_sessions_yesterday",
        labels: &[],
        versions: since(1, 0, 3),
        from: SampleSource::Period("uniqueUsersOfYesterday", "sessions"),
    },
    BackfillRule {
        metric: "rocketchat_sessions_yesterday_duration_seconds",
        labels: &[],
        versions: since(1, 0, 3),
        from: SampleSource::Period("uniqueUsersOfYesterday", "time"),
    },
    count(
        "rocketchat_livechat_visitors",
        &[],
        since(0, 70, 0),
        "totalLivechatVisitors",
    ),
    count(
        "rocketchat_livechat_agents",
        &[],
        since(0, 74, 0),
        "totalLivechatAgents",
    ),
    count(
        "rocketchat_livechat_managers",
        &[],
        since(6, 0, 0),
        "totalLivechatManagers",
    ),
    // The number of business units is known with a license only.
    BackfillRule {
        metric: "rocketchat_livechat_departments",
        labels: &["active"],
        versions: since(6, 0, 0),
        from: SampleSource::Difference(
            "departments",
            &["archivedDepartments", "enterprise.businessUnits"],
        ),
    },
    count(
        "rocketchat_livechat_departments",
        &["archived"],
        since(6, 0, 0),
        "archivedDepartments",
    ),
    count(
        "rocketchat_contacts",
        &[],
        since(7, 2, 0),
        "contactVerification.totalContacts",
    ),
    count(
        "rocketchat_contacts_with_state",
        &["unknown"],
        since(7, 2, 0),
        "contactVerification.totalUnknownContacts",
    ),
    count(
        "rocketchat_contacts_with_state",
        &["verified"],
        since(7, 2, 0),
        "contactVerification.totalVerifiedContacts",
    ),
    count(
        "rocketchat_contacts_with_state",
        &["partly_blocked"],
        since(7, 2, 0),
        "contactVerification.totalPartiallyBlockedContacts",
    ),
    count(
        "rocketchat_contacts_with_state",
        &["fully_blocked"],
        since(7, 2, 0),
        "contactVerification.totalFullyBlockedContacts",
    ),
    count(
        "rocketchat_monthly_active_contacts",
        &[],
        since(6, 5, 0),
        "omnichannelContactsBySource.contactsCount",
    ),
    conferences(&["direct", "calling"], "videoConf.direct.calling"),
    conferences(&["direct", "ended"], "videoConf.direct.ended"),
    conferences(&["direct", "started"], "videoConf.direct.started"),
    conferences(&["livechat", "ended"], "videoConf.livechat.ended"),
    conferences(&["livechat", "started"], "videoConf.livechat.started"),
    conferences(
        &["videoconference", "ended"],
        "videoConf.videoConference.ended",
    ),
    conferences(
        &["videoconference", "started"],
        "videoConf.videoConference.started",
    ),
    count(
        "rocketchat_federation_servers",
        &[],
        since(1, 3, 0).until(8, 0, 0),
        "federatedServers",
    ),
    count(
        "rocketchat_matrix_servers",
        &[],
        since(6, 3, 0).until(8, 0, 0),
        "matrixFederation.externalConnectedServers.quantity",
    ),
    count("rocketchat_teams", &[], since(3, 13, 0), "teams.totalTeams"),
    count(
        "rocketchat_roles",
        &["users"],
        since(5, 0, 0),
        "totalUserRoles",
    ),
    count(
        "rocketchat_roles",
        &["subscriptions"],
        since(5, 0, 0),
        "totalSubscriptionRoles",
    ),
    count(
        "rocketchat_invites",
        &[],
        since(4, 8, 0),
        "totalLinkInvitation",
    ),
    count(
        "rocketchat_integrations",
        &["incoming", "enabled"],
        since(1, 3, 0),
        "integrations.totalIncomingActive",
    ),
    BackfillRule {
        metric: "rocketchat_integrations",
        labels: &["incoming", "disabled"],
        versions: since(1, 3, 0),
        from: SampleSource::Difference(
            "integrations.totalIncoming",
            &["integrations.totalIncomingActive"],
        ),
    },
    count(
        "rocketchat_integrations",
        &["outgoing", "enabled"],
        since(1, 3, 0),
        "integrations.totalOutgoingActive",
    ),
    BackfillRule {
        metric: "rocketchat_integrations",
        labels: &["outgoing", "disabled"],
        versions: since(1, 3, 0),
        from: SampleSource::Difference(
            "integrations.totalOutgoing",
            &["integrations.totalOutgoingActive"],
        ),
    },
    count(
        "rocketchat_integrations_with_script",
        &[],
        since(1, 3, 0),
        "integrations.totalWithScriptEnabled",
    ),
    count(
        "rocketchat_apps",
        &["enabled"],
        since(1, 3, 0),
        "apps.totalActive",
    ),
    // From 6.10 to 7.1 Rocket.Chat counted as failed what is disabled by hand.
    BackfillRule {
        metric: "rocketchat_apps",
        labels: &["disabled"],
        versions: since(3, 8, 0).until(6, 10, 0),
        from: SampleSource::Difference(
            "apps.totalInstalled",
            &["apps.totalActive", "apps.totalFailed"],
        ),
    },
    count(
        "rocketchat_apps",
        &["disabled"],
        since(6, 10, 0).until(7, 2, 0),
        "apps.totalFailed",
    ),
    BackfillRule {
        metric: "rocketchat_apps",
        labels: &["disabled"],
        versions: since(7, 2, 0),
        from: SampleSource::Difference(
            "apps.totalInstalled",
            &["apps.totalActive", "apps.totalFailed"],
        ),
    },
    count(
        "rocketchat_apps",
        &["failed"],
        since(3, 8, 0).until(6, 10, 0),
        "apps.totalFailed",
    ),
    BackfillRule {
        metric: "rocketchat_apps",
        labels: &["failed"],
        versions: since(6, 10, 0).until(7, 2, 0),
        from: SampleSource::Difference(
            "apps.totalInstalled",
            &["apps.totalActive", "apps.totalFailed"],
        ),
    },
    count(
        "rocketchat_apps",
        &["failed"],
        since(7, 2, 0),
        "apps.totalFailed",
    ),
    count(
        "rocketchat_notification_queue",
        &[],
        since(3, 1, 0),
        "pushQueue",
    ),
    count(
        "rocketchat_instances",
        &[],
        since(0, 16, 0),
        "instanceCount",
    ),
];

/// The paths of all fields that rules read, and of the version and the date.
pub fn rule_paths() -> BTreeSet<&'static str> {
    let paths = BACKFILL_RULES.iter().flat_map(BackfillRule::paths);
    paths.chain(["version", "createdAt"]).collect()
}

/// The rules of a version, with their indexes in [`BACKFILL_RULES`].
pub fn rules_for(version: Version) -> impl Iterator<Item = (usize, &'static BackfillRule)> {
    let rules = BACKFILL_RULES.iter().enumerate();
    rules.filter(move |(_, rule)| rule.versions.contains(version))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::catalogue::{Quantity, Version};
    use crate::collectors::SECTIONS;

    #[test]
    fn every_rule_names_a_metric_and_all_its_labels() {
        let metrics: Vec<_> = SECTIONS
            .iter()
            .flat_map(|section| section.metrics())
            .collect();
        for rule in BACKFILL_RULES {
            let metric = metrics.iter().find(|metric| metric.name == rule.metric);
            let metric = metric.unwrap_or_else(|| panic!("{} is no metric", rule.metric));
            let labels = match &rule.from {
                SampleSource::Labels(paths) => paths.len(),
                _ => rule.labels.len(),
            };
            assert_eq!(labels, metric.labels.len(), "{}", rule.metric);
            let is_info = metric.quantity == Quantity::Info;
            assert_eq!(
                is_info,
                matches!(rule.from, SampleSource::Labels(_)),
                "{}",
                rule.metric
            );
        }
    }

    #[test]
    fn every_rule_reads_only_fields_of_its_versions() {
        let fields: Vec<_> = SECTIONS
            .iter()
            .flat_map(|section| section.fields())
            .collect();
        for rule in BACKFILL_RULES {
            for path in rule.paths() {
                let has = |version: Version| {
                    fields.iter().any(|field| {
                        let below = path.strip_prefix(field.path);
                        let covers_path =
                            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
                        covers_path && !field.withheld && field.versions.contains(version)
                    })
                };
                let last = rule.versions.end.unwrap_or(Version::NEWEST);
                let is_last_inside = rule.versions.end.is_none();
                assert!(has(rule.versions.first), "{path} in {}", rule.versions);
                assert!(!is_last_inside || has(last), "{path} in {}", rule.versions);
            }
        }
    }

    #[test]
    fn no_version_has_two_rules_for_a_series() {
        let bounds = BACKFILL_RULES.iter().map(|rule| rule.versions.first);
        for version in bounds.chain([Version::NEWEST]) {
            let mut seen = BTreeSet::new();
            for (_, rule) in rules_for(version) {
                let series = (rule.metric, rule.labels);
                assert!(seen.insert(series), "{series:?} in {version}");
            }
        }
    }
}
