//! Who used the workspace on past days, and with what: the nightly summaries of `rocketchat_sessions`.

pub mod daily;
pub mod lists;
pub mod query;
pub mod summaries;

use crate::catalogue::Origin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Table, Tier, Timestamp, Value, Versions,
    count,
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

/// What tells the nightly summaries of some days apart from those that were there before or come later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summaries {
    /// The first day and the last.
    pub days: (Day, Day),
    /// How many there are.
    pub rows: u64,
    /// When the newest of all summaries was computed.
    pub computed: Timestamp,
}

/// Users of a period with the same most important role.
#[derive(Debug, Clone)]
pub struct UserSessions {
    /// The most important role (3.9 and later); `None` when none was recorded.
    pub role: Option<Value>,
    /// Users.
    pub users: u64,
    /// Their sessions.
    pub sessions: f64,
    /// Seconds that the sessions lasted.
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
    /// Seconds that they lasted.
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
    /// Seconds that they lasted.
    pub seconds: f64,
}

/// What one period holds.
#[derive(Debug, Clone, Default)]
pub struct PeriodSessions {
    /// Users by role.
    pub users: Vec<UserSessions>,
    /// Sessions by device, the longest first.
    pub devices: Vec<DeviceSessions>,
    /// Sessions by operating system, the longest first.
    pub systems: Vec<OsSessions>,
}

/// Yesterday, the seven days and the month that end with it.
#[derive(Debug, Clone)]
pub struct Sessions {
    /// The summaries that all of it is made of; `None` when it cannot be told whether others follow.
    pub summaries: Option<Summaries>,
    /// The last day of all three periods.
    pub yesterday: Day,
    /// Yesterday alone.
    pub of_yesterday: PeriodSessions,
    /// Yesterday and the six days before.
    pub of_last_week: PeriodSessions,
    /// The calendar month that ends yesterday.
    pub of_last_month: PeriodSessions,
    /// Before 3.10 the users of the last month were those of the month that ended one month ago: that day, and they.
    pub of_month_before: Option<(Day, Vec<UserSessions>)>,
    /// What the versions before 1.0.3 make of the summaries; `None` for later ones.
    pub early: Option<EarlySessions>,
}

/// Sessions as 0.74.1 to 1.0.2 summarised and counted them.
#[derive(Debug, Clone)]
pub struct EarlySessions {
    /// Sums of `count` and `time` of yesterday; `None` when nobody was seen.
    pub of_yesterday: Option<(f64, f64)>,
    /// Year and number of the last month.
    pub month: (i16, i8),
    /// Sums of `count` and `time` of that whole month.
    pub of_month: Option<(f64, f64)>,
    /// Yesterday by device; they have no seconds.
    pub devices: Vec<DeviceSessions>,
    /// Yesterday by operating system; they have no seconds.
    pub systems: Vec<OsSessions>,
}

/// The three sums of a period's users: users, sessions, seconds.
fn totals(users: &[UserSessions]) -> (u64, f64, f64) {
    users.iter().fold((0, 0.0, 0.0), |sum, it| {
        (sum.0 + it.users, sum.1 + it.sessions, sum.2 + it.seconds)
    })
}

/// Users as the document shows them: an empty list when nobody was seen, else one element.
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

/// The same with the users by role; what stands for an unknown role differs: nothing for a single day, null for more.
fn users_by_role(day: Day, users: &[UserSessions], unknown_role: Option<&Value>) -> Option<Value> {
    let (count, sessions, seconds) = totals(users);
    let roles = users
        .iter()
        .map(|it| {
            Value::object([
                ("role", it.role.clone().or_else(|| unknown_role.cloned())),
                ("count", Some(Value::count(it.users))),
                ("sessions", Some(Value::Number(it.sessions))),
                ("time", Some(Value::Number(it.seconds))),
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
        .map(|it| {
            Value::object([
                ("count", Some(Value::Number(it.sessions))),
                ("time", Some(Value::Number(it.seconds))),
                ("type", it.kind.clone()),
                ("name", it.name.clone()),
                ("version", it.version.clone()),
            ])
        })
        .collect();
    on(day, data)
}

fn systems(day: Day, systems: &[OsSessions]) -> Option<Value> {
    let data = systems
        .iter()
        .map(|it| {
            Value::object([
                ("count", Some(Value::Number(it.sessions))),
                ("time", Some(Value::Number(it.seconds))),
                ("name", it.name.clone()),
                ("version", it.version.clone()),
            ])
        })
        .collect();
    on(day, data)
}

/// Sums before 1.0.3: an empty list when nobody was seen, else one element.
fn early_users(sums: Option<(f64, f64)>) -> Vec<Value> {
    let data = sums.map(|(count, seconds)| {
        Value::object([
            ("count", Some(Value::Number(count))),
            ("time", Some(Value::Number(seconds))),
        ])
    });
    data.into_iter().collect()
}

/// Sessions of one device or system before 1.0.3: they do not tell how long they lasted.
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

/// Unique users, devices and systems of past days.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "sessions",
    tier: Tier::Slow,
    rank: 8,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Sessions> = Table {
    title: "Sessions",
    metrics: &[
        Metric {
            name: "rocketchat_unique_users_yesterday",
            help: "Users who were logged in yesterday, in the workspace's time zone; summarised by Rocket.Chat at 02:00.",
            source: "rocketchat_sessions: type user_daily",
            quantity: Quantity::Count,
            read: Read::One(|sessions| unique(&sessions.of_yesterday)),
        },
        Metric {
            name: "rocketchat_unique_users_last_week",
            help: "Different users who were logged in during the seven days that end yesterday.",
            source: "rocketchat_sessions: type user_daily",
            quantity: Quantity::Count,
            read: Read::One(|sessions| unique(&sessions.of_last_week)),
        },
        Metric {
            name: "rocketchat_unique_users_last_month",
            help: "Different users who were logged in during the calendar month that ends yesterday.",
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
            help: "Time that the sessions of yesterday lasted, all together.",
            source: "rocketchat_sessions: type user_daily, sum of time",
            quantity: Quantity::Seconds,
            read: Read::One(|sessions| Some(totals(&sessions.of_yesterday.users).2)),
        },
    ],
    fields: &[
        Field {
            path: "uniqueUsersOfYesterday",
            versions: Versions::since(0, 74, 1).until(1, 0, 3),
            meaning: "sums of count and time of the summaries of yesterday",
            origin: Fresh(|it| on(it.yesterday, early_users(it.early.as_ref()?.of_yesterday))),
        },
        Field {
            path: "uniqueUsersOfYesterday",
            versions: Versions::since(1, 0, 3).until(3, 9, 0),
            meaning: "users, sessions and their seconds of yesterday",
            origin: Fresh(|it| users(it.yesterday, &it.of_yesterday.users)),
        },
        Field {
            path: "uniqueUsersOfYesterday",
            versions: Versions::since(3, 9, 0),
            meaning: "users, sessions and their seconds of yesterday, by most important role",
            origin: Fresh(|it| users_by_role(it.yesterday, &it.of_yesterday.users, None)),
        },
        Field {
            path: "uniqueUsersOfLastWeek",
            versions: Versions::since(3, 10, 0),
            meaning: "the same for yesterday and the six days before",
            origin: Fresh(|it| {
                users_by_role(it.yesterday, &it.of_last_week.users, Some(&Value::Null))
            }),
        },
        Field {
            path: "uniqueUsersOfLastMonth",
            versions: Versions::since(0, 74, 1).until(1, 0, 3),
            meaning: "the same for the whole last month",
            origin: Fresh(|it| {
                let early = it.early.as_ref()?;
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
            meaning: "the same for the calendar month that ended one month ago: these versions are a month late",
            origin: Fresh(|it| {
                let (day, of_month) = it.of_month_before.as_ref()?;
                users(*day, of_month)
            }),
        },
        Field {
            path: "uniqueUsersOfLastMonth",
            versions: Versions::since(3, 9, 0).until(3, 10, 0),
            meaning: "the same for the calendar month that ended one month ago, by most important role",
            origin: Fresh(|it| {
                let (day, of_month) = it.of_month_before.as_ref()?;
                users_by_role(*day, of_month, Some(&Value::Null))
            }),
        },
        Field {
            path: "uniqueUsersOfLastMonth",
            versions: Versions::since(3, 10, 0),
            meaning: "the same for the calendar month that ends yesterday",
            origin: Fresh(|it| {
                users_by_role(it.yesterday, &it.of_last_month.users, Some(&Value::Null))
            }),
        },
        Field {
            path: "uniqueDevicesOfYesterday",
            versions: Versions::since(0, 74, 1).until(1, 0, 3),
            meaning: "sum of count of the summaries of yesterday by device: type, name, version",
            origin: Fresh(|it| without_time(devices(it.yesterday, &it.early.as_ref()?.devices))),
        },
        Field {
            path: "uniqueDevicesOfYesterday",
            versions: Versions::since(1, 0, 3),
            meaning: "sessions of yesterday and their seconds by device: type, name, version",
            origin: Fresh(|it| devices(it.yesterday, &it.of_yesterday.devices)),
        },
        Field {
            path: "uniqueDevicesOfLastWeek",
            versions: Versions::since(3, 10, 0),
            meaning: "the same for yesterday and the six days before",
            origin: Fresh(|it| devices(it.yesterday, &it.of_last_week.devices)),
        },
        Field {
            path: "uniqueDevicesOfLastMonth",
            versions: Versions::since(1, 0, 3),
            meaning: "the same for the calendar month that ends yesterday",
            origin: Fresh(|it| devices(it.yesterday, &it.of_last_month.devices)),
        },
        Field {
            path: "uniqueOSOfYesterday",
            versions: Versions::since(0, 74, 1).until(1, 0, 3),
            meaning: "sum of count of the summaries of yesterday by operating system: name, version",
            origin: Fresh(|it| without_time(systems(it.yesterday, &it.early.as_ref()?.systems))),
        },
        Field {
            path: "uniqueOSOfYesterday",
            versions: Versions::since(1, 0, 3),
            meaning: "sessions of yesterday and their seconds by operating system: name, version",
            origin: Fresh(|it| systems(it.yesterday, &it.of_yesterday.systems)),
        },
        Field {
            path: "uniqueOSOfLastWeek",
            versions: Versions::since(3, 10, 0),
            meaning: "the same for yesterday and the six days before",
            origin: Fresh(|it| systems(it.yesterday, &it.of_last_week.systems)),
        },
        Field {
            path: "uniqueOSOfLastMonth",
            versions: Versions::since(1, 0, 3),
            meaning: "the same for the calendar month that ends yesterday",
            origin: Fresh(|it| systems(it.yesterday, &it.of_last_month.systems)),
        },
    ],
};
