//! A stored document with the fields of Rocket.Chat 9.0 without a license, or of 8.6 if it is older than the upgrade. Since
//! 7.0, unknown values are null in the database.

use mongodb::bson::{Bson, Document, doc};

use super::counts::{Counts, scale};
use super::visits;
use crate::workspace::builder::Builder;
use crate::workspace::misc::{APPS_ENGINE, BUILT_AT, MIGRATION, MIGRATION_HASH, NODE, UPGRADED};
use crate::workspace::settings::UNIQUE_ID;
use crate::workspace::time::{DAY, javascript_text};

/// The release that stored a document.
struct Release {
    version: &'static str,
    node: &'static str,
    apps_engine: &'static str,
    migration: i32,
    /// How many seconds ago it migrated the database.
    migrated: i64,
    built_at: &'static str,
    login_providers: &'static [&'static str],
    /// What only one of the releases stores.
    own: Document,
}

/// Login providers of 9.0.
const PROVIDERS: &[&str] = &["apple", "github", "gitlab", "google", "nextcloud"];

/// Those of 8.x.
const PROVIDERS_8: &[&str] = &[
    "apple",
    "dolphin",
    "drupal",
    "facebook",
    "github",
    "githubEnterprise",
    "gitlab",
    "google",
    "linkedin",
    "meteor",
    "nextcloud",
    "twitter",
    "wordpress",
];

impl Release {
    fn at(age: i64) -> Self {
        if age < UPGRADED {
            Self {
                version: "9.0.0",
                node: NODE,
                apps_engine: APPS_ENGINE,
                migration: MIGRATION,
                migrated: UPGRADED,
                built_at: BUILT_AT,
                login_providers: PROVIDERS,
                own: doc! { "fips": false },
            }
        } else {
            Self {
                version: "8.6.1",
                node: "v22.16.0",
                apps_engine: "1.63.0",
                migration: 335,
                migrated: 320 * DAY,
                built_at: "2026-07-16T14:02:51.000Z",
                login_providers: PROVIDERS_8,
                own: doc! { "allowUnsafeQueryAndFieldsApiParamsEnabled": false },
            }
        }
    }
}

pub(super) fn document(builder: &mut Builder<'_>, counts: &Counts, age: i64) -> Document {
    let release = Release::at(age);
    let mut document = doc! { "_id": builder.random.object_id() };
    document.extend(identity(builder, &release));
    document.extend(users(counts));
    document.extend(rooms(counts));
    document.extend(omnichannel(counts));
    document.extend(messages(builder, counts, age));
    document.extend(server(builder, counts, &release));
    document.extend(visits::visits(builder, counts, age));
    document.insert("services", services(counts, &release));
    document.extend(features(counts));
    document.insert("settings", settings());
    document.extend(counters(builder, counts));
    document.extend(release.own);
    let created = builder.clock.ago(age);
    // The token that Rocket.Chat's cloud returns for a report.
    let token = builder.random.text(64);
    document.extend(doc! { "statsToken": token, "createdAt": created, "_updatedAt": created });
    document
}

fn identity(builder: &Builder<'_>, release: &Release) -> Document {
    doc! {
        "wizard": {
            "organizationType": "enterprise", "industry": "technologyServices", "size": "5", "country": "germany",
            "language": "en", "serverType": "privateTeam", "registerServer": true,
        },
        "uniqueId": UNIQUE_ID,
        "installedAt": builder.clock.ago(900 * DAY).try_to_rfc3339_string().unwrap_or_default(),
        "deploymentFingerprintHash": "hCzmOEQ0HVCjOkHQHZ3Zk1V2hJ5mYzNQ0nGBYb7YV0c=",
        "deploymentFingerprintVerified": true,
        "version": release.version,
        "tag": null,
        "branch": null,
    }
}

fn users(counts: &Counts) -> Document {
    let mut languages = Document::new();
    languages.insert(
        "none",
        counts.users
            - counts
                .languages
                .iter()
                .map(|(_, number)| number)
                .sum::<i32>(),
    );
    for (language, number) in &counts.languages {
        languages.insert(language.clone(), *number);
    }
    doc! {
        "totalUsers": counts.users,
        "activeUsers": counts.active,
        "activeGuests": counts.guests,
        "nonActiveUsers": counts.inactive,
        "appUsers": counts.apps,
        "onlineUsers": counts.online,
        "awayUsers": counts.away,
        "busyUsers": counts.busy,
        "totalConnectedUsers": counts.online + counts.away,
        "offlineUsers": counts.users - counts.online - counts.away - counts.busy,
        "userLanguages": languages,
    }
}

fn rooms(counts: &Counts) -> Document {
    doc! {
        "totalRooms": counts.rooms,
        "totalChannels": counts.channels,
        "totalPrivateGroups": counts.groups,
        "totalDirect": counts.direct,
        "totalLivechat": counts.livechat,
        "totalDiscussions": counts.discussions,
        "totalThreads": counts.threads,
    }
}

fn omnichannel(counts: &Counts) -> Document {
    let widget = counts.livechat * 7 / 10;
    let contacts = |thousandths| {
        let number = scale(counts.livechat, thousandths);
        doc! { "sources": [{ "source": "widget", "contactsCount": number, "conversationsCount": number }],
        "contactsCount": number, "conversationsCount": number }
    };
    doc! {
        "totalLivechatVisitors": counts.visitors,
        "totalLivechatAgents": counts.agents,
        "totalLivechatManagers": counts.managers,
        "livechatEnabled": true,
        "isDepartmentRemovalEnabled": false,
        "omnichannelSources": [
            { "id": null, "alias": null, "type": "widget", "count": widget },
            { "id": "whatsapp", "alias": "WhatsApp", "type": "app", "count": counts.livechat - widget },
        ],
        "totalLivechatRoomsWithDepartment": widget,
        "departments": counts.departments,
        "archivedDepartments": 1,
        "totalTriggers": 1,
        "totalCustomFields": 2,
        "totalLivechatPublicCustomFields": 1,
        "livechatAutomaticForwardingUnansweredChats": true,
        "routingAlgorithm": "Auto_Selection",
        "onHoldEnabled": null,
        "lastChattedAgentPreferred": null,
        "assignNewConversationsToContactManager": null,
        "visitorAbandonment": null,
        "emailInboxes": 0,
        "BusinessHours": { "total": 1, "strategy": "" },
        "chatsOnHold": 1,
        "omnichannelContactsBySource": contacts(400),
        "uniqueContactsOfLastMonth": contacts(500),
        "uniqueContactsOfLastWeek": contacts(150),
        "uniqueContactsOfYesterday": contacts(30),
    }
}

fn messages(builder: &Builder<'_>, counts: &Counts, age: i64) -> Document {
    let total = counts.channel_messages
        + counts.group_messages
        + counts.discussion_messages
        + counts.direct_messages
        + counts.livechat_messages;
    doc! {
        "totalChannelMessages": counts.channel_messages,
        "totalPrivateGroupMessages": counts.group_messages,
        "totalDiscussionsMessages": counts.discussion_messages,
        "totalDirectMessages": counts.direct_messages,
        "totalLivechatMessages": counts.livechat_messages,
        "totalMessages": total,
        "lastLogin": javascript_text(builder.clock.ago(age + 40)),
        "lastMessageSentAt": builder.clock.ago(age + 3),
        "lastSeenSubscription": javascript_text(builder.clock.ago(age + 8)),
    }
}

fn server(builder: &mut Builder<'_>, counts: &Counts, release: &Release) -> Document {
    let cores: Vec<Document> = (0..8)
        .map(|_| {
            let user = builder.random.between(90_000_000, 120_000_000);
            doc! { "model": "AMD EPYC 7313 16-Core Processor", "speed": 2994,
            "times": { "user": user, "nice": 0, "sys": user / 3, "idle": user * 19, "irq": 0 } }
        })
        .collect();
    doc! {
        "os": {
            "type": "Linux", "platform": "linux", "arch": "x64", "release": "6.1.0-37-amd64", "uptime": 3_555_104.21,
            "loadavg": [0.82, 0.74, 0.69], "totalmem": 16_700_000_000_i64, "freemem": 3_900_000_000_i64, "cpus": cores,
        },
        "process": { "nodeVersion": release.node, "pid": 1, "uptime": 1_036_800.11 },
        "deploy": { "method": "docker", "platform": "selfinstall" },
        "readReceiptsEnabled": false,
        "readReceiptsDetailed": false,
        "enterpriseReady": true,
        "fileStoreType": "GridFS",
        "uploadsTotal": counts.uploads,
        "uploadsTotalSize": counts.upload_bytes,
        "migration": {
            "_id": "control", "version": release.migration, "locked": false, "lockedAt": builder.clock.ago(release.migrated),
            "buildAt": release.built_at, "hash": MIGRATION_HASH,
        },
        "instanceCount": 2,
        "msEnabled": false,
        "oplogEnabled": false,
        "mongoVersion": &counts.mongodb_version,
        "mongoStorageEngine": "wiredTiger",
        "apps": {
            "engineVersion": release.apps_engine, "totalInstalled": 6, "totalActive": 4, "totalFailed": 1, "totalPrivateApps": 2,
            "totalPrivateAppsEnabled": 1,
        },
    }
}

fn services(counts: &Counts, release: &Release) -> Document {
    let mut oauth = Document::new();
    for name in release.login_providers {
        let enabled = matches!(*name, "github" | "google");
        let users = if enabled { counts.users / 12 } else { 0 };
        oauth.insert(*name, doc! { "enabled": enabled, "users": users });
    }
    let custom = doc! { "enabled": true, "mergeRoles": null, "users": 0, "mapChannels": null, "rolesToSync": false };
    oauth.insert("custom", doc! { "0": custom });
    doc! {
        "ldap": {
            "users": counts.users / 8, "enabled": true, "loginFallback": true, "encryption": "tls", "mergeUsers": true,
            "syncRoles": null, "syncRolesAutoRemove": null, "syncData": null, "syncChannels": null, "syncAvatar": true,
            "groupFilter": false,
            "backgroundSync": { "enabled": null, "interval": null, "newUsers": null, "existingUsers": null },
            "ee": { "syncActiveState": null, "syncTeams": null, "syncRoles": null },
        },
        "saml": {
            "enabled": true, "users": counts.users / 14, "signatureValidationType": "All", "generateUsername": false,
            "updateSubscriptionsOnLogin": null, "syncRoles": null, "userDataCustomFieldMap": false,
        },
        "cas": { "enabled": false, "users": 0, "allowUserCreation": true, "alwaysSyncUserData": true },
        "oauth": oauth,
    }
}

fn features(counts: &Counts) -> Document {
    let contacts = counts.contacts;
    doc! {
        "importer": {
            "totalCSVImportedUsers": 120, "totalHipchatEnterpriseImportedUsers": 0, "totalSlackImportedUsers": 0,
            "totalSlackUsersImportedUsers": 0,
        },
        "videoConf": {
            "videoConference": { "started": 2, "ended": 14 },
            "direct": { "calling": 1, "started": 1, "ended": 6 },
            "livechat": { "started": 0, "ended": 0 },
            "settings": { "provider": "jitsi", "dms": null, "channels": null, "groups": null, "teams": null },
        },
        "contactVerification": {
            "totalContacts": contacts, "totalUnknownContacts": contacts * 3 / 10, "totalMergedContacts": 2,
            "totalConflicts": contacts / 20, "totalResolvedConflicts": 1, "totalBlockedContacts": contacts / 25,
            "totalPartiallyBlockedContacts": 0, "totalFullyBlockedContacts": contacts / 25,
            "totalVerifiedContacts": contacts / 5, "avgChannelsPerContact": 1, "totalContactsWithoutChannels": 0,
            "totalImportedContacts": 0, "totalUpsellViews": 4, "totalUpsellClicks": 1,
        },
        "dashboardCount": 0,
        "messageAuditApply": 0,
        "messageAuditLoad": 0,
        "joinJitsiButton": 211,
        "slashCommandsJitsi": 17,
        "integrations": {
            "totalIntegrations": counts.integrations, "totalIncoming": 6, "totalIncomingActive": 5, "totalOutgoing": 3,
            "totalOutgoingActive": 3, "totalWithScriptEnabled": 2,
        },
        "pushQueue": 9,
        "enterprise": { "modules": [], "tags": [], "seatRequests": 0 },
        "teams": {
            "totalTeams": counts.teams, "totalRoomsInsideTeams": counts.team_rooms,
            "totalDefaultRoomsInsideTeams": counts.teams,
        },
        "matrixFederation": {
            "enabled": true, "maximumSizeOfPublicRoomsUsers": 100,
            "biggestRoom": counts.federated_room.clone(),
            "smallestRoom": counts.federated_room.clone(),
            "amountOfExternalUsers": counts.federated, "amountOfFederatedRooms": 1,
            "externalConnectedServers": { "quantity": 0, "servers": [] },
        },
    }
}

fn settings() -> Document {
    doc! {
        "accounts": { "account2fa": true },
        "cannedResponses": { "cannedResponsesEnabled": Bson::Null },
        "e2ee": { "e2e": true, "e2eDefaultDirectRoom": false, "e2eDefaultPrivateRoom": false },
        "email": { "smtp": { "smtpHost": "smtp.example.com", "smtpPort": "587", "fromEmail": "no-reply@example.com" } },
        "fileUpload": { "fileUploadEnable": true },
        "general": {
            "apps": { "frameworkDevMode": null, "frameworkEnable": null },
            "nps": { "surveyEnabled": true },
            "update": { "updateChecker": true },
        },
        "liveStreamAndBroadcasting": { "liveStream": false, "broadcasting": false },
        "message": {
            "allowEditing": true, "allowDeleting": true, "allowUnrecognizedSlashCommand": false,
            "allowBadWordsFilter": false, "readReceiptEnabled": false, "readReceiptStoreUsers": false,
        },
        "push": { "pushEnable": true },
        "search": { "defaultProvider": { "globalSearchEnabled": false } },
        "threads": { "threadsEnabled": true },
        "webRTC": { "webRTCEnableChannel": false, "webRTCEnablePrivate": true, "webRTCEnableDirect": true },
    }
}

fn counters(builder: &mut Builder<'_>, counts: &Counts) -> Document {
    let peak = i32::try_from(builder.random.between(120, 178)).unwrap_or_default();
    doc! {
        "totalBroadcastRooms": 1,
        "totalTriggeredEmails": 3_100,
        "totalRoomsWithStarred": counts.starred / 4,
        "totalRoomsWithPinned": counts.pinned / 3,
        "totalUserTOTP": counts.totp,
        "totalUserEmail2fa": counts.email2fa,
        "totalPinned": counts.pinned,
        "totalStarred": counts.starred,
        "totalLinkInvitation": 4,
        "totalLinkInvitationUses": 6,
        "totalEmailInvitation": 31,
        "totalE2ERooms": counts.encrypted_rooms,
        "logoChange": true,
        "showHomeButton": true,
        "totalEncryptedMessages": counts.encrypted_messages,
        "totalManuallyAddedUsers": 42,
        "totalSubscriptionRoles": 3,
        "totalUserRoles": 11,
        "totalCustomRoles": 1,
        "totalWebRTCCalls": 3,
        "uncaughtExceptionsCount": 11,
        "push": 3,
        "pushSecured": false,
        "homeTitleChanged": false,
        "homeBodyChanged": true,
        "customCSSChanged": false,
        "onLogoutCustomScriptChanged": false,
        "loggedOutCustomScriptChanged": false,
        "loggedInCustomScriptChanged": false,
        "dailyPeakConnections": peak,
        "maxMonthlyPeakConnections": 184,
    }
}
