//! Users, devices and operating systems of past days, from the nightly summaries (`type` `user_daily`) of
//! `rocketchat_sessions`.

pub mod daily;
pub mod lists;
pub mod query;
pub mod summaries;

use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, SectionDefinition, Tier,
    Timestamp, Value, Versions, count,
};

/// A calendar day in the workspace's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// Year.
    pub year: i16,
    /// Month, from 1.
    pub month: i8,
    /// Day of the month, from 1.
    pub day: i8,
}

/// Identifies the nightly summaries of some days, to detect changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummariesVersion {
    /// First and last day.
    pub days: (Day, Day),
    /// Their number.
    pub rows: u64,
    /// `_computedAt` of the newest summary.
    pub computed: Timestamp,
}

/// Users of a period with the same role.
#[derive(Debug, Clone)]
pub struct UserSessions {
    /// `mostImportantRole` (3.9 and later).
    pub role: Option<Value>,
    /// Users.
    pub users: u64,
    /// Their sessions.
    pub sessions: f64,
    /// Total duration of the sessions in seconds.
    pub seconds: f64,
}

/// Sessions of a period on one kind of device.
#[derive(Debug, Clone)]
pub struct DeviceSessions {
    /// Such as `browser`, `desktop-app` or `mobile-app`.
    pub kind: Option<Value>,
    /// Name of the browser or app.
    pub name: Option<Value>,
    /// Its version.
    pub version: Option<Value>,
    /// Sessions.
    pub sessions: f64,
    /// Total duration in seconds.
    pub seconds: f64,
}

/// Sessions of a period on one operating system.
#[derive(Debug, Clone)]
pub struct OsSessions {
    /// Name of the system.
    pub name: Option<Value>,
    /// Its version.
    pub version: Option<Value>,
    /// Sessions.
    pub sessions: f64,
    /// Total duration in seconds.
    pub seconds: f64,
}

/// The sessions of a period.
#[derive(Debug, Clone, Default)]
pub struct PeriodSessions {
    /// Users by role.
    pub users: Vec<UserSessions>,
    /// Sessions by device, in descending order of duration.
    pub devices: Vec<DeviceSessions>,
    /// Sessions by operating system, in descending order of duration.
    pub systems: Vec<OsSessions>,
}

/// The sessions of yesterday, and of the seven days and the month that end with it.
#[derive(Debug, Clone)]
pub struct Sessions {
    /// The summaries that were read; `None` if more can follow.
    pub summaries: Option<SummariesVersion>,
    /// The last day of all three periods.
    pub yesterday: Day,
    /// Of yesterday.
    pub of_yesterday: PeriodSessions,
    /// Of yesterday and the six days before.
    pub of_last_week: PeriodSessions,
    /// Of the calendar month that ends yesterday.
    pub of_last_month: PeriodSessions,
    /// The last day and the users of the month that ended one month ago, which versions before 3.10 show.
    pub of_month_before: Option<(Day, Vec<UserSessions>)>,
    /// The sums of versions before 1.0.3; `None` for later versions.
    pub early: Option<EarlySessions>,
}

/// Sessions as counted by 0.74.1 to 1.0.2.
#[derive(Debug, Clone)]
pub struct EarlySessions {
    /// Sums of `count` and `time` of yesterday; `None` without sessions.
    pub of_yesterday: Option<(f64, f64)>,
    /// Year and number of the last month.
    pub month: (i16, i8),
    /// Sums of `count` and `time` of that month.
    pub of_month: Option<(f64, f64)>,
    /// Yesterday by device, without duration.
    pub devices: Vec<DeviceSessions>,
    /// Yesterday by operating system, without duration.
    pub systems: Vec<OsSessions>,
}

/// Users, sessions and seconds of a period.
fn totals(users: &[UserSessions]) -> (u64, f64, f64) {
    users.iter().fold((0, 0.0, 0.0), |sum, group| {
        (
            sum.0 + group.users,
            sum.1 + group.sessions,
            sum.2 + group.seconds,
        )
    })
}

/// Users as in the document: one element, or an empty list without users.
fn users(day: Day, users: &[UserSessions]) -> Option<Value> {
    let (count, sessions, seconds) = totals(users);
    let data = (!users.is_empty()).then(|| {
        Value::object([
            ("count", Some(Value::count(count))),
            ("sessions", Some(Value::Number(sessions))),
            ("time", Some(Value::Number(seconds))),
        ])
    });
    on(day, data.into_iter().collect())
}

/// The same with users by role; an unknown role is absent for a single day, and null for longer periods.
fn users_by_role(day: Day, users: &[UserSessions], unknown_role: Option<&Value>) -> Option<Value> {
    let (count, sessions, seconds) = totals(users);
    let roles = users
        .iter()
        .map(|group| {
            Value::object([
                ("role", group.role.clone().or_else(|| unknown_role.cloned())),
                ("count", Some(Value::count(group.users))),
                ("sessions", Some(Value::Number(group.sessions))),
                ("time", Some(Value::Number(group.seconds))),
            ])
        })
        .collect();
    let data = (!users.is_empty()).then(|| {
        Value::object([
            ("roles", Some(Value::List(roles))),
            ("count", Some(Value::count(count))),
            ("sessions", Some(Value::Number(sessions))),
            ("time", Some(Value::Number(seconds))),
        ])
    });
    on(day, data.into_iter().collect())
}

fn devices(day: Day, devices: &[DeviceSessions]) -> Option<Value> {
    let data = devices
        .iter()
        .map(|device| {
            Value::object([
                ("count", Some(Value::Number(device.sessions))),
                ("time", Some(Value::Number(device.seconds))),
                ("type", device.kind.clone()),
                ("name", device.name.clone()),
                ("version", device.version.clone()),
            ])
        })
        .collect();
    on(day, data)
}

fn systems(day: Day, systems: &[OsSessions]) -> Option<Value> {
    let data = systems
        .iter()
        .map(|system| {
            Value::object([
                ("count", Some(Value::Number(system.sessions))),
                ("time", Some(Value::Number(system.seconds))),
                ("name", system.name.clone()),
                ("version", system.version.clone()),
            ])
        })
        .collect();
    on(day, data)
}

/// Sums before 1.0.3: one element, or an empty list without sessions.
fn early_users(sums: Option<(f64, f64)>) -> Vec<Value> {
    let data = sums.map(|(count, seconds)| {
        Value::object([
            ("count", Some(Value::Number(count))),
            ("time", Some(Value::Number(seconds))),
        ])
    });
    data.into_iter().collect()
}

/// Devices or systems before 1.0.3, which have no duration.
fn without_time(value: Option<Value>) -> Option<Value> {
    let Some(Value::Object(mut entries)) = value else {
        return value;
    };
    for (key, data) in &mut entries {
        if let ("data", Value::List(items)) = (key.as_ref(), data) {
            for item in items {
                if let Value::Object(members) = item {
                    members.retain(|(name, _)| name != "time");
                }
            }
        }
    }
    Some(Value::Object(entries))
}

fn on(day: Day, data: Vec<Value>) -> Option<Value> {
    Some(Value::object([
        ("year", Some(Value::Integer(day.year.into()))),
        ("month", Some(Value::Integer(day.month.into()))),
        ("day", Some(Value::Integer(day.day.into()))),
        ("data", Some(Value::List(data))),
    ]))
}

fn unique(period: &PeriodSessions) -> Option<f64> {
    count(totals(&period.users).0)
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "sessions",
    tier: Tier::Slow,
    rank: 8,
    privileges: &[
        Privilege::find("rocketchat_sessions"),
        Privilege::list_indexes("rocketchat_sessions").optional(),
    ],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Sessions> = SectionDefinition {
    title: "Sessions",
    metrics: &[
        Metric {
            name: "rocketchat_unique_users_yesterday",
            help: "Unique users logged in yesterday, in the workspace's time zone; Rocket.Chat computes this at 02:00.",
            source: "rocketchat_sessions: type user_daily",
            quantity: Quantity::Count,
            read: Read::One(|sessions| unique(&sessions.of_yesterday)),
        },
        Metric {
            name: "rocketchat_unique_users_last_week",
            help: "Unique users logged in during the seven days that end yesterday.",
            source: "rocketchat_sessions: type user_daily",
            quantity: Quantity::Count,
            read: Read::One(|sessions| unique(&sessions.of_last_week)),
        },
        Metric {
            name: "rocketchat_unique_users_last_month",
            help: "Unique users logged in during the calendar month that ends yesterday.",
            source: "rocketchat_sessions: type user_daily",
            quantity: Quantity::Count,
            read: Read::One(|sessions| unique(&sessions.of_last_month)),
        },
        Metric {
            name: "rocketchat_sessions_yesterday",
            help: "Sessions of yesterday.",
            source: "rocketchat_sessions: type user_daily, sum of sessions",
            quantity: Quantity::Count,
            read: Read::One(|sessions| Some(totals(&sessions.of_yesterday.users).1)),
        },
        Metric {
            name: "rocketchat_sessions_yesterday_duration_seconds",
            help: "Total duration of yesterday's sessions.",
            source: "rocketchat_sessions: type user_daily, sum of time",
            quantity: Quantity::Seconds,
            read: Read::One(|sessions| Some(totals(&sessions.of_yesterday.users).2)),
        },
    ],
    fields: &[
        Field {
            path: "uniqueUsersOfYesterday",
            versions: Versions::since(0, 74, 1).until(1, 0, 3),
            meaning: "sums of count and time of yesterday's summaries",
            origin: Fresh(|sessions| {
                on(
                    sessions.yesterday,
                    early_users(sessions.early.as_ref()?.of_yesterday),
                )
            }),
        },
        Field {
            path: "uniqueUsersOfYesterday",
            versions: Versions::since(1, 0, 3).until(3, 9, 0),
            meaning: "unique users, sessions and their seconds of yesterday",
            origin: Fresh(|sessions| users(sessions.yesterday, &sessions.of_yesterday.users)),
        },
        Field {
            path: "uniqueUsersOfYesterday",
            versions: Versions::since(3, 9, 0),
            meaning: "unique users, sessions and their seconds of yesterday, by most important role",
            origin: Fresh(|sessions| {
                users_by_role(sessions.yesterday, &sessions.of_yesterday.users, None)
            }),
        },
        Field {
            path: "uniqueUsersOfLastWeek",
            versions: Versions::since(3, 10, 0),
            meaning: "unique users, sessions and their seconds of the last seven days, by most important role",
            origin: Fresh(|sessions| {
                users_by_role(
                    sessions.yesterday,
                    &sessions.of_last_week.users,
                    Some(&Value::Null),
                )
            }),
        },
        Field {
            path: "uniqueUsersOfLastMonth",
            versions: Versions::since(0, 74, 1).until(1, 0, 3),
            meaning: "sums of count and time of the summaries of the last calendar month",
            origin: Fresh(|sessions| {
                let early = sessions.early.as_ref()?;
                let (year, month) = early.month;
                Some(Value::object([
                    ("year", Some(Value::Integer(year.into()))),
                    ("month", Some(Value::Integer(month.into()))),
                    ("data", Some(Value::List(early_users(early.of_month)))),
                ]))
            }),
        },
        Field {
            path: "uniqueUsersOfLastMonth",
            versions: Versions::since(1, 0, 3).until(3, 9, 0),
            meaning: "unique users, sessions and their seconds of the month that ended one month ago (these versions are a month late)",
            origin: Fresh(|sessions| {
                let (day, of_month) = sessions.of_month_before.as_ref()?;
                users(*day, of_month)
            }),
        },
        Field {
            path: "uniqueUsersOfLastMonth",
            versions: Versions::since(3, 9, 0).until(3, 10, 0),
            meaning: "unique users, sessions and their seconds of the month that ended one month ago, by most important role",
            origin: Fresh(|sessions| {
                let (day, of_month) = sessions.of_month_before.as_ref()?;
                users_by_role(*day, of_month, Some(&Value::Null))
            }),
        },
        Field {
            path: "uniqueUsersOfLastMonth",
            versions: Versions::since(3, 10, 0),
            meaning: "unique users, sessions and their seconds of the calendar month that ends yesterday, by most important role",
            origin: Fresh(|sessions| {
                users_by_role(
                    sessions.yesterday,
                    &sessions.of_last_month.users,
                    Some(&Value::Null),
                )
            }),
        },
        Field {
            path: "uniqueDevicesOfYesterday",
            versions: Versions::since(0, 74, 1).until(1, 0, 3),
            meaning: "sum of count of yesterday's summaries by device: type, name, version",
            origin: Fresh(|sessions| {
                without_time(devices(
                    sessions.yesterday,
                    &sessions.early.as_ref()?.devices,
                ))
            }),
        },
        Field {
            path: "uniqueDevicesOfYesterday",
            versions: Versions::since(1, 0, 3),
            meaning: "sessions of yesterday and their seconds by device: type, name, version",
            origin: Fresh(|sessions| devices(sessions.yesterday, &sessions.of_yesterday.devices)),
        },
        Field {
            path: "uniqueDevicesOfLastWeek",
            versions: Versions::since(3, 10, 0),
            meaning: "sessions of the last seven days and their seconds by device: type, name, version",
            origin: Fresh(|sessions| devices(sessions.yesterday, &sessions.of_last_week.devices)),
        },
        Field {
            path: "uniqueDevicesOfLastMonth",
            versions: Versions::since(1, 0, 3),
            meaning: "sessions of the calendar month that ends yesterday and their seconds by device: type, name, version",
            origin: Fresh(|sessions| devices(sessions.yesterday, &sessions.of_last_month.devices)),
        },
        Field {
            path: "uniqueOSOfYesterday",
            versions: Versions::since(0, 74, 1).until(1, 0, 3),
            meaning: "sum of count of yesterday's summaries by operating system: name, version",
            origin: Fresh(|sessions| {
                without_time(systems(
                    sessions.yesterday,
                    &sessions.early.as_ref()?.systems,
                ))
            }),
        },
        Field {
            path: "uniqueOSOfYesterday",
            versions: Versions::since(1, 0, 3),
            meaning: "sessions of yesterday and their seconds by operating system: name, version",
            origin: Fresh(|sessions| systems(sessions.yesterday, &sessions.of_yesterday.systems)),
        },
        Field {
            path: "uniqueOSOfLastWeek",
            versions: Versions::since(3, 10, 0),
            meaning: "sessions of the last seven days and their seconds by operating system: name, version",
            origin: Fresh(|sessions| systems(sessions.yesterday, &sessions.of_last_week.systems)),
        },
        Field {
            path: "uniqueOSOfLastMonth",
            versions: Versions::since(1, 0, 3),
            meaning: "sessions of the calendar month that ends yesterday and their seconds by operating system: name, version",
            origin: Fresh(|sessions| systems(sessions.yesterday, &sessions.of_last_month.systems)),
        },
    ],
};
