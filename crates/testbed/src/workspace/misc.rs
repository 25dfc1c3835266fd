//! Small collections: instances, migrations, permissions, roles, integrations, apps, calls, queues.

use anyhow::Result;
use mongodb::bson::{Document, doc};

use super::builder::{Builder, int};
use super::time::{DAY, HOUR, MINUTE};

/// How many seconds ago the workspace was upgraded from 8.6 to 9.0.
pub(super) const UPGRADED: i64 = 12 * DAY;

/// The last migration seen on the way to 9.0; which one is the last of 9.0.0 is not known.
pub(super) const MIGRATION: i32 = 352;

/// When the release was built.
pub(super) const BUILT_AT: &str = "2026-11-10T17:46:22.000Z";

/// The release's Node.js.
pub(super) const NODE: &str = "v22.22.3";

/// The release's Apps-Engine.
pub(super) const APPS_ENGINE: &str = "1.68.0";

/// The commit of the build that ran the last migration.
pub(super) const MIGRATION_HASH: &str = "3f9c1d07e5a24b86c0de7719f2a8b354c61d09ef";

/// Permissions and the roles that have them by default.
const PERMISSIONS: &[(&str, &[&str])] = &[
    ("view-statistics", &["admin"]),
    ("access-permissions", &["admin"]),
    ("api-bypass-rate-limit", &["admin", "bot", "app"]),
    ("create-c", &["admin", "user", "bot", "app"]),
    ("create-d", &["admin", "user", "bot", "app"]),
    ("create-p", &["admin", "user", "bot", "app"]),
    ("create-personal-access-tokens", &["admin", "user"]),
    ("delete-message", &["admin", "owner", "moderator"]),
    ("manage-apps", &["admin"]),
    ("manage-user-status", &["admin"]),
    ("start-discussion", &["admin", "user", "guest", "app"]),
    ("view-d-room", &["admin", "user", "bot", "app", "guest"]),
    (
        "view-l-room",
        &[
            "livechat-manager",
            "livechat-monitor",
            "livechat-agent",
            "admin",
        ],
    ),
    ("view-outside-room", &["user", "admin", "bot", "app"]),
    ("view-privileged-setting", &["admin"]),
    ("view-user-administration", &["admin"]),
];

/// Roles, their scope, and whether Rocket.Chat defines them.
const ROLES: &[(&str, &str, bool)] = &[
    ("admin", "Users", true),
    ("user", "Users", true),
    ("guest", "Users", true),
    ("bot", "Users", true),
    ("app", "Users", true),
    ("auditor", "Users", true),
    ("livechat-agent", "Users", true),
    ("livechat-manager", "Users", true),
    ("livechat-monitor", "Users", true),
    ("owner", "Subscriptions", true),
    ("moderator", "Subscriptions", true),
    ("leader", "Subscriptions", true),
    ("release-manager", "Users", false),
];

/// Names of apps, their status, and their installation source.
const APPS: &[(&str, &str, &str)] = &[
    ("Jitsi", "auto_enabled", "marketplace"),
    ("Poll", "manually_enabled", "marketplace"),
    ("GitHub", "manually_disabled", "marketplace"),
    ("Reminder", "auto_enabled", "marketplace"),
    ("Door Opener", "manually_enabled", "private"),
    ("Old Bridge", "invalid_settings_disabled", "private"),
];

/// Jobs of the server and their intervals in minutes.
pub(super) const JOBS: &[(&str, i64)] = &[
    ("Generate and save statistics", 1440),
    ("Generate download files for user data", 2),
    ("aggregate-sessions", 1440),
    ("version_check", 1440),
    ("calendar-reminders", 5),
    ("NPS", 1440),
    ("Cleanup OEmbed cache", 1440),
];

/// The job that is overdue.
pub(super) const OVERDUE: &str = "NPS";

/// Fills the collections, and returns the ids of the two live instances.
pub(super) async fn fill(builder: &mut Builder<'_>) -> Result<Vec<String>> {
    let instances: Vec<String> = (0..2).map(|_| builder.random.uuid()).collect();
    let servers = instances
        .iter()
        .enumerate()
        .map(|(number, id)| instance(builder, id, number))
        .collect();
    builder.insert("instances", servers).await?;
    let control = doc! {
        "_id": "control", "version": MIGRATION, "locked": false, "lockedAt": builder.clock.ago(UPGRADED),
        "buildAt": BUILT_AT, "hash": MIGRATION_HASH,
    };
    // What a migration of 9.0 leaves beside it.
    let invites = doc! { "_id": "legacy-invite-transition" };
    builder.insert("migrations", vec![control, invites]).await?;
    let permissions = PERMISSIONS.iter().map(|(id, roles)| {
        doc! { "_id": *id, "roles": *roles, "_updatedAt": builder.clock.ago(300 * DAY) }
    });
    let permissions = permissions.collect();
    builder
        .insert("rocketchat_permissions", permissions)
        .await?;
    let roles = ROLES.iter().map(|(id, scope, protected)| {
        doc! { "_id": *id, "name": *id, "scope": *scope, "description": "", "mandatory2fa": false,
        "protected": *protected, "_updatedAt": builder.clock.ago(300 * DAY) }
    });
    let roles = roles.collect();
    builder.insert("rocketchat_roles", roles).await?;
    fill_integrations(builder).await?;
    fill_apps(builder).await?;
    fill_queues(builder).await?;
    fill_calls(builder).await?;
    Ok(instances)
}

fn instance(builder: &mut Builder<'_>, id: &str, number: usize) -> Document {
    let started = builder.clock.ago(UPGRADED - 30);
    doc! {
        "_id": id,
        "name": "rocket.chat",
        "pid": 1,
        "_createdAt": started,
        "_updatedAt": builder.clock.ago(1),
        "extraInformation": {
            "host": format!("10.0.0.{}", 11 + number),
            "port": "3000",
            "nodeVersion": NODE,
            "tcpPort": int(40_000 + number),
            "conns": int(84 + 9 * number),
            "os": {
                "type": "Linux", "platform": "linux", "arch": "x64", "release": "6.1.0-37-amd64",
                "uptime": 2_592_000.42, "loadavg": [0.71, 0.64, 0.58],
                "totalmem": 16_700_000_000_i64, "freemem": 4_100_000_000_i64, "cpus": 8,
            },
        },
    }
}

async fn fill_integrations(builder: &mut Builder<'_>) -> Result<()> {
    let mut integrations = Vec::new();
    for number in 0..9 {
        let incoming = number % 3 != 2;
        let mut integration = doc! {
            "_id": builder.random.id(),
            "type": if incoming { "webhook-incoming" } else { "webhook-outgoing" },
            "name": format!("Integration {}", number + 1),
            "enabled": number != 4,
            "scriptEnabled": number % 4 == 1,
            "username": "rocket.cat",
            "channel": ["#general"],
            "token": builder.random.text(48),
            "_createdAt": builder.within(500 * DAY),
            "_updatedAt": builder.within(100 * DAY),
        };
        if !incoming {
            integration
                .extend(doc! { "event": "sendMessage", "urls": ["https://ci.example.com/hook"] });
        }
        integrations.push(integration);
    }
    builder
        .insert("rocketchat_integrations", integrations)
        .await?;
    let invites = (0..4).map(|number| {
        doc! { "_id": builder.random.text(6), "days": 15, "maxUses": 0, "rid": "GENERAL", "userId": "rocket.cat",
            "createdAt": builder.clock.ago(30 * DAY), "expires": null, "uses": number, "url": "",
            "_updatedAt": builder.clock.ago(DAY), "inviteToken": builder.random.id() }
    });
    let invites = invites.collect();
    builder.insert("rocketchat_invites", invites).await?;
    let servers = ["old.example.org", "older.example.org"].map(|domain| {
        doc! { "_id": builder.random.object_id(), "domain": domain, "_updatedAt": builder.clock.ago(200 * DAY) }
    });
    builder
        .insert("rocketchat_federation_servers", servers.to_vec())
        .await
}

async fn fill_apps(builder: &mut Builder<'_>) -> Result<()> {
    let mut apps = Vec::new();
    for (name, status, source) in APPS {
        let id = builder.random.uuid();
        apps.push(doc! {
            "_id": builder.random.object_id(),
            "id": &id,
            "info": { "id": &id, "name": *name, "nameSlug": name.to_lowercase(), "version": "1.4.2",
                "requiredApiVersion": "^1.4.0" },
            "status": *status,
            "installationSource": *source,
            "implemented": {}, "settings": {}, "languageContent": {},
            "createdAt": builder.within(400 * DAY),
            "updatedAt": builder.within(30 * DAY),
            "_updatedAt": builder.within(30 * DAY),
        });
    }
    builder.insert("rocketchat_apps", apps).await
}

async fn fill_queues(builder: &mut Builder<'_>) -> Result<()> {
    let mut queue = Vec::new();
    for number in 0..14 {
        let time = builder.within(20 * MINUTE);
        let mut entry = doc! {
            "_id": builder.random.id(), "uid": builder.random.id(), "rid": "GENERAL", "mid": builder.random.id(),
            "sid": builder.random.id(), "ts": time, "_updatedAt": time, "items": [{ "type": "push", "data": {} }],
        };
        match number {
            0 => entry.insert("error", "push gateway did not answer"),
            1 => entry.insert("sending", builder.clock.now()),
            _ => None,
        };
        queue.push(entry);
    }
    builder
        .insert("rocketchat_notification_queue", queue)
        .await?;
    let mut history = Vec::new();
    for &(name, minutes) in JOBS {
        for run in 0..(7 * 1440 / minutes).min(30) {
            let started = run * minutes * MINUTE + 20 * HOUR % (minutes * MINUTE);
            history.push(doc! {
                "_id": builder.random.object_id(),
                "name": name,
                "intendedAt": builder.clock.ago(started),
                "startedAt": builder.clock.ago(started),
                "finishedAt": builder.clock.ago((started - 2).max(0)),
                "result": null,
            });
        }
    }
    builder.insert("rocketchat_cron_history", history).await?;
    fill_plan(builder).await?;
    let date = builder.clock.date(0);
    let today = i32::try_from(date.year * 10_000 + date.month * 100 + date.day).unwrap_or_default();
    let messages = doc! { "_id": builder.random.id(), "type": "users", "date": today, "users": 3, "messages": 210,
    "_updatedAt": builder.clock.now() };
    let seats = doc! { "_id": builder.random.id(), "type": "seat-request", "count": 0,
    "_updatedAt": builder.clock.now() };
    builder
        .insert("rocketchat_analytics", vec![messages, seats])
        .await
}

/// Scheduled jobs: one of them has failed, and one is overdue.
async fn fill_plan(builder: &mut Builder<'_>) -> Result<()> {
    let mut plan = Vec::new();
    for &(name, minutes) in JOBS {
        let ran = (20 * HOUR) % (minutes * MINUTE);
        let mut job = doc! {
            "_id": builder.random.object_id(),
            "name": name,
            "type": "single",
            "data": null,
            "priority": 0,
            "repeatInterval": if minutes < 60 { format!("*/{minutes} * * * *") } else { "12 3 * * *".to_owned() },
            "repeatTimezone": null,
            "lastModifiedBy": null,
            "lockedAt": null,
            "lastRunAt": builder.clock.ago(ran),
            "lastFinishedAt": builder.clock.ago((ran - 2).max(0)),
            "nextRunAt": builder.clock.ago(ran - minutes * MINUTE),
        };
        match name {
            "version_check" => job.extend(doc! {
                "failedAt": builder.clock.ago((ran - 2).max(0)), "failReason": "getaddrinfo ENOTFOUND", "failCount": 1,
            }),
            OVERDUE => {
                job.insert("nextRunAt", builder.clock.ago(3 * HOUR));
            }
            _ => {}
        }
        plan.push(job);
    }
    builder.insert("rocketchat_cron", plan).await
}

async fn fill_calls(builder: &mut Builder<'_>) -> Result<()> {
    let mut conferences = Vec::new();
    for number in 0..24 {
        let created = builder.within(60 * DAY);
        let kind = if number % 3 == 0 {
            "direct"
        } else {
            "videoconference"
        };
        conferences.push(doc! {
            "_id": builder.random.object_id(),
            "type": kind,
            // 0 is calling, 1 started, 3 ended.
            "status": match number { 0 => 0, 1..4 => 1, _ => 3 },
            "rid": "GENERAL",
            "users": [],
            "messages": {},
            "createdBy": { "_id": "rocket.cat", "username": "rocket.cat", "name": "Rocket.Cat" },
            "createdAt": created,
            "providerName": "jitsi",
            "_updatedAt": created,
        });
    }
    builder
        .insert("rocketchat_video_conference", conferences)
        .await
}
