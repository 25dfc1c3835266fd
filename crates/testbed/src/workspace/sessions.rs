//! `rocketchat_sessions`: a summary for each person and day of the last 40 days, as computed by the nightly job, and the
//! raw sessions of today.

use anyhow::Result;
use mongodb::bson::{Document, doc};

use super::builder::{Builder, int};
use super::time::{DAY, HOUR};
use super::users::{Kind, Person};

const DAYS: i64 = 40;

/// Type, name and version of the device; name and version of its operating system.
const DEVICES: &[(&str, &str, &str, &str, &str)] = &[
    ("browser", "Chrome", "141.0.7390", "Windows", "10"),
    ("browser", "Chrome", "141.0.7390", "Mac OS", "10.15.7"),
    ("browser", "Firefox", "144.0", "Linux", "x86_64"),
    ("browser", "Safari", "18.6", "Mac OS", "10.15.7"),
    (
        "desktop-app",
        "Rocket.Chat Desktop",
        "4.8.1",
        "Windows",
        "10",
    ),
    ("mobile-app", "Rocket.Chat Mobile", "4.62.0", "iOS", "18.6"),
    (
        "mobile-app",
        "Rocket.Chat Mobile",
        "4.62.0",
        "Android",
        "15",
    ),
];

pub(super) async fn fill(
    builder: &mut Builder<'_>,
    people: &[Person],
    instances: &[String],
) -> Result<()> {
    let members: Vec<&Person> = people.iter().filter(|person| person.is_member()).collect();
    let mut rows = Vec::new();
    for days_ago in 1..=DAYS {
        let computed = (days_ago - 1) * DAY + since_nightly_job(builder);
        let quiet = builder.clock.date(days_ago).is_weekend();
        let seen = if quiet {
            builder.size.sessions / 4
        } else {
            builder.size.sessions
        };
        let seen = seen * (85 + builder.random.below(15)) / 100;
        for position in builder.random.sample(seen.max(1), members.len()) {
            rows.push(daily_row(builder, members[position], days_ago, computed));
        }
    }
    for person in &members {
        for _ in &person.connections {
            rows.push(raw_row(builder, person, instances, 0));
        }
        if builder.random.percent(10) {
            rows.push(raw_row(builder, person, instances, 1));
        }
    }
    builder.insert("rocketchat_sessions", rows).await
}

fn daily_row(builder: &mut Builder<'_>, person: &Person, days_ago: i64, computed: i64) -> Document {
    let date = builder.clock.date(days_ago);
    let mut devices = Vec::new();
    let (mut sessions, mut time) = (0, 0);
    for position in builder
        .random
        .sample(1 + builder.random.clone().below(2), DEVICES.len())
    {
        let count = int(1 + builder.random.below(4));
        let seconds = int(600 + builder.random.below(20_000));
        sessions += count;
        time += seconds;
        devices.push(doc! { "sessions": count, "time": seconds, "device": device(position) });
    }
    let computed = builder.clock.ago(computed);
    doc! {
        "_id": format!("{}-{}-{}-{}", person.id, date.year, date.month, date.day),
        "type": "user_daily",
        "userId": &person.id,
        "year": int_of(date.year),
        "month": int_of(date.month),
        "day": int_of(date.day),
        "sessions": sessions,
        "time": time,
        "devices": devices,
        "mostImportantRole": most_important_role(person.kind),
        "_computedAt": computed,
        "createdAt": computed,
        "_updatedAt": computed,
    }
}

/// A raw session: open if it is of today; sessions of yesterday have been summarized by the nightly job.
fn raw_row(
    builder: &mut Builder<'_>,
    person: &Person,
    instances: &[String],
    days_ago: i64,
) -> Document {
    let login = builder.clock.ago(
        days_ago * DAY
            + builder
                .random
                .between(0, builder.clock.time_of_day().max(1)),
    );
    let date = builder.clock.date(days_ago);
    let token = builder.random.text(43);
    let device_position = builder.random.below(DEVICES.len());
    let mut row = doc! {
        "_id": builder.random.id(),
        "type": "session",
        "userId": &person.id,
        "sessionId": builder.random.id(),
        "instanceId": builder.random.pick(instances),
        "year": int_of(date.year),
        "month": int_of(date.month),
        "day": int_of(date.day),
        "loginAt": login,
        "lastActivityAt": login,
        "device": device(device_position),
        "ip": "192.0.2.10",
        "host": "chat.example.com",
        "roles": person.kind.roles(),
        "mostImportantRole": most_important_role(person.kind),
        "loginToken": super::tokens::hashed(&token),
        "searchTerm": "",
        "createdAt": login,
        "_updatedAt": login,
    };
    if days_ago > 0 {
        row.insert("closedAt", login);
        let computed = builder.clock.ago(since_nightly_job(builder));
        row.insert("type", "computed-session");
        row.insert("_computedAt", computed);
    }
    row
}

/// Seconds since the nightly job at 02:00. Before 02:00 the job counts as just run, so that the workspace has the same
/// documents at any time of the day.
fn since_nightly_job(builder: &Builder<'_>) -> i64 {
    (builder.clock.time_of_day() - 2 * HOUR).max(0)
}

fn device(position: usize) -> Document {
    let (kind, name, version, system, system_version) = DEVICES[position];
    doc! {
        "type": kind, "name": name, "longVersion": version, "version": version,
        "os": { "name": system, "version": system_version },
    }
}

fn most_important_role(kind: Kind) -> &'static str {
    match kind {
        Kind::Admin => "admin",
        Kind::Agent | Kind::Manager => "livechat-agent",
        Kind::Guest => "guest",
        _ => "user",
    }
}

fn int_of(number: i64) -> i32 {
    i32::try_from(number).unwrap_or_default()
}
