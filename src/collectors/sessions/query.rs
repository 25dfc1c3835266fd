//! Sessions: the nightly summaries of the last month. One pass groups devices and systems by day, from which the server
//! computes the periods; users are grouped for each period, because they differ from day to day. Nothing is read again
//! while the summaries are those of the last reading.

use std::ops::RangeInclusive;

use jiff::civil::Date;
use jiff::{Span, ToSpan};
use mongodb::bson::{Bson, Document, doc};

use super::daily::{COLLECTION, day, months};
use super::lists::{self, Lists};
use super::{
    DeviceSessions, EarlySessions, OsSessions, PeriodSessions, Sessions, UserSessions, summaries,
};
use crate::catalogue::{OTHER, Value, Version};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{GroupFields, QueryContext, SourceError, bson, out_of_range};

const USERS: GroupFields<'_> = GroupFields {
    what: "roles",
    keys: &[],
    sums: &["count", "sessions", "time"],
};

const DEVICES: GroupFields<'_> = GroupFields {
    what: "devices",
    keys: &["type", "name", "version"],
    sums: &["count", "time"],
};

const SYSTEMS: GroupFields<'_> = GroupFields {
    what: "systems",
    keys: &["name", "version"],
    sums: &["count", "time"],
};

const EARLY_DEVICES: GroupFields<'_> = GroupFields {
    sums: &["count"],
    ..DEVICES
};

const EARLY_SYSTEMS: GroupFields<'_> = GroupFields {
    sums: &["count"],
    ..SYSTEMS
};

/// From this version on the last month is the month that ends yesterday.
const MONTH_ENDS_YESTERDAY: Version = Version::new(3, 10, 0);

/// From this version on summaries have today's format.
const CURRENT_SUMMARIES: Version = Version::new(1, 0, 3);

pub async fn read(query: &mut QueryContext<'_>, known: &Snapshot) -> Result<Sessions, SourceError> {
    let today = query.local_time().await?.date();
    let yesterday = today.yesterday().map_err(out_of_range)?;
    let month = month_that_ends(yesterday).map_err(out_of_range)?;
    let week = yesterday.saturating_sub(6.days());
    // Versions before 3.10 show the month that ended on this day.
    let month_ago = same_day_of_last_month(today).map_err(out_of_range)?;
    let version = known.version();
    // An unknown version can be an old one: the first reading of this tier may precede the one of the version.
    let has_month_before = version.is_none_or(|version| version < MONTH_ENDS_YESTERDAY);
    let is_early = version.is_some_and(|version| version < CURRENT_SUMMARIES);

    let month_before = month_that_ends(month_ago).map_err(out_of_range)?;
    let first = if is_early {
        month_before.min(month_ago.first_of_month())
    } else if has_month_before {
        month_before
    } else {
        month
    };
    // Read first, so that later changes are detected.
    let summaries = summaries::of(query, first, yesterday).await?;
    if let Some(read) = &known.sessions
        && summaries.is_some()
        && read.summaries == summaries
        && read.of_month_before.is_some() == has_month_before
        && read.early.is_some() == is_early
    {
        return Ok(Sessions::clone(read));
    }

    let periods = [("yesterday", yesterday), ("week", week), ("month", month)];
    let mut lists = Vec::new();
    for (name, first) in periods {
        let days = groups_of(first, yesterday);
        lists.push((format!("{name}Devices"), devices(&days), &DEVICES));
        lists.push((format!("{name}Systems"), systems(&days), &SYSTEMS));
    }
    let answer = lists::read(query, by_day_and_device(month, yesterday), lists).await?;
    Ok(Sessions {
        summaries,
        yesterday: day(yesterday),
        of_yesterday: period(query, &answer, "yesterday", yesterday..=yesterday).await?,
        of_last_week: period(query, &answer, "week", week..=yesterday).await?,
        of_last_month: period(query, &answer, "month", month..=yesterday).await?,
        of_month_before: if has_month_before {
            let users = users(query, month_before, month_ago).await?;
            Some((day(month_ago), users))
        } else {
            None
        },
        early: if is_early {
            Some(early(query, month_ago, yesterday).await?)
        } else {
            None
        },
    })
}

/// Sums over the summaries of 0.74.1 to 1.0.2.
async fn early(
    query: &QueryContext<'_>,
    month: Date,
    yesterday: Date,
) -> Result<EarlySessions, SourceError> {
    let in_month = within(month.first_of_month(), month.last_of_month());
    let of_yesterday = within(yesterday, yesterday);
    let users = |days: &Document| {
        vec![
            doc! { "$match": days.clone() },
            doc! { "$group": {
                "_id": Bson::Null,
                "count": { "$sum": bson::finite("$count") },
                "time": { "$sum": bson::finite("$time") },
            } },
        ]
    };
    let by = |filter: Document, key: Document| {
        vec![
            doc! { "$match": of_yesterday.clone() },
            doc! { "$match": filter },
            doc! { "$unwind": "$devices" },
            doc! { "$group": { "_id": key, "count": { "$sum": bson::finite("$count") } } },
            doc! { "$sort": { "count": -1, "_id": 1 } },
        ]
    };
    let sum = GroupFields {
        what: "users",
        keys: &[],
        sums: &["count", "time"],
    };
    let device =
        doc! { "type": "$devices.type", "name": "$devices.name", "version": "$devices.version" };
    let system = doc! { "name": "$devices.os.name", "version": "$devices.os.version" };
    let has_system = doc! { "devices.os.name": { "$exists": true } };
    let rows = vec![doc! { "$match": { "$or": [in_month.clone(), of_yesterday.clone()] } }];
    let lists = vec![
        ("yesterday".to_owned(), users(&of_yesterday), &sum),
        ("month".to_owned(), users(&in_month), &sum),
        (
            "devices".to_owned(),
            by(Document::new(), device),
            &EARLY_DEVICES,
        ),
        ("systems".to_owned(), by(has_system, system), &EARLY_SYSTEMS),
    ];
    let answer = lists::read(query, rows, lists).await?;
    let sums = |name: &str| {
        let sums = each(&answer, name, |sums| {
            (bson::summed(sums, "count"), bson::summed(sums, "time"))
        });
        sums.first().copied()
    };
    Ok(EarlySessions {
        of_yesterday: sums("yesterday"),
        month: (month.year(), month.month()),
        of_month: sums("month"),
        devices: each(&answer, "devices", device_sessions),
        systems: each(&answer, "systems", os_sessions),
    })
}

fn within(first: Date, last: Date) -> Document {
    doc! { "$or": months(first, last) }
}

/// A period: its users, and its lists of devices and systems.
async fn period(
    query: &QueryContext<'_>,
    found: &Lists,
    name: &str,
    days: RangeInclusive<Date>,
) -> Result<PeriodSessions, SourceError> {
    Ok(PeriodSessions {
        users: if days.start() == days.end() {
            users_of_day(query, *days.start()).await?
        } else {
            users(query, *days.start(), *days.end()).await?
        },
        devices: each(found, &format!("{name}Devices"), device_sessions),
        systems: each(found, &format!("{name}Systems"), os_sessions),
    })
}

/// The first day of the calendar month that ends on `last`: the 1st if `last` ends its month, else the day after the
/// same day of the previous month.
fn month_that_ends(last: Date) -> Result<Date, jiff::Error> {
    if last == last.last_of_month() {
        return Ok(last.first_of_month());
    }
    // Subtracting a month stops at the end of a shorter one, and the day after that is the 1st.
    last.checked_sub(1.month())?.tomorrow()
}

/// The same day of the last month, by JavaScript's `setMonth`: days that a shorter month lacks run over.
fn same_day_of_last_month(today: Date) -> Result<Date, jiff::Error> {
    let first = today.first_of_month().checked_sub(1.month())?;
    first.checked_add(Span::new().days(today.day() - 1))
}

/// Users of one day by their most important role. As in Rocket.Chat each summary is a user: there is one for each user and
/// day.
async fn users_of_day(
    query: &QueryContext<'_>,
    day: Date,
) -> Result<Vec<UserSessions>, SourceError> {
    let pipeline = |sum: fn(&str) -> Bson| {
        vec![
            doc! { "$match": { "$or": months(day, day) } },
            doc! { "$group": {
                "_id": "$mostImportantRole",
                "count": { "$sum": 1 },
                "sessions": { "$sum": sum("$sessions") },
                "time": { "$sum": sum("$time") },
            } },
            doc! { "$sort": { "time": -1, "_id": 1 } },
        ]
    };
    by_role(query, pipeline).await
}

/// Unique users by their most important role.
async fn users(
    query: &QueryContext<'_>,
    first: Date,
    last: Date,
) -> Result<Vec<UserSessions>, SourceError> {
    let pipeline = |sum: fn(&str) -> Bson| {
        vec![
            doc! { "$match": { "$or": months(first, last) } },
            doc! { "$group": {
                "_id": "$userId",
                "role": { "$first": "$mostImportantRole" },
                "sessions": { "$sum": sum("$sessions") },
                "time": { "$sum": sum("$time") },
            } },
            doc! { "$group": {
                "_id": "$role",
                "count": { "$sum": 1 },
                "sessions": { "$sum": "$sessions" },
                "time": { "$sum": "$time" },
            } },
            doc! { "$sort": { "time": -1, "_id": 1 } },
        ]
    };
    by_role(query, pipeline).await
}

async fn by_role(
    query: &QueryContext<'_>,
    pipeline: impl Fn(fn(&str) -> Bson) -> Vec<Document>,
) -> Result<Vec<UserSessions>, SourceError> {
    let groups = query.finite_groups(COLLECTION, pipeline, &USERS).await?;
    let others = groups.others.iter().map(|others| UserSessions {
        role: Some(Value::text(OTHER)),
        users: bson::counted(others, "count"),
        ..user_sessions(others)
    });
    Ok(groups
        .first
        .iter()
        .map(user_sessions)
        .chain(others)
        .collect())
}

/// The sums of each device on each day, separately for rows with a known system.
fn by_day_and_device(first: Date, last: Date) -> Vec<Document> {
    let systems = doc! { "$ifNull": ["$devices.device.os.name", Bson::Array(Vec::new())] };
    let nothing = Bson::Array(vec![Bson::Array(Vec::new())]);
    vec![
        doc! { "$match": { "$or": months(first, last) } },
        doc! { "$set": { "known": { "$not": [{ "$in": [systems, nothing] }] } } },
        doc! { "$unwind": "$devices" },
        doc! { "$group": {
            "_id": {
                "year": "$year", "month": "$month", "day": "$day",
                "known": "$known",
                "device": "$devices.device",
            },
            "count": { "$sum": bson::finite("$devices.sessions") },
            "time": { "$sum": bson::finite("$devices.time") },
        } },
    ]
}

/// A filter for the groups of a range of days.
fn groups_of(first: Date, last: Date) -> Document {
    let mut months = months(first, last);
    for month in &mut months {
        let parts = ["year", "month", "day"];
        *month = parts
            .into_iter()
            .filter_map(|part| Some((format!("_id.{part}"), month.get(part)?.clone())))
            .collect();
    }
    doc! { "$or": months }
}

fn devices(days: &Document) -> Vec<Document> {
    let key = doc! {
        "type": "$_id.device.type",
        "name": "$_id.device.name",
        "version": "$_id.device.version",
    };
    sums(days.clone(), key)
}

fn systems(days: &Document) -> Vec<Document> {
    let key = doc! { "name": "$_id.device.os.name", "version": "$_id.device.os.version" };
    // As in Rocket.Chat, the filter is on the row and not on its devices: a user with a known system includes devices
    // with unknown ones.
    let mut filter = days.clone();
    filter.insert("_id.known", true);
    sums(filter, key)
}

fn sums(filter: Document, key: Document) -> Vec<Document> {
    vec![
        doc! { "$match": filter },
        doc! { "$group": {
            "_id": key,
            "count": { "$sum": "$count" },
            "time": { "$sum": "$time" },
        } },
        doc! { "$sort": { "time": -1, "_id": 1 } },
    ]
}

fn each<T>(answer: &Lists, name: &str, read: impl Fn(&Document) -> T) -> Vec<T> {
    let Some(groups) = answer.get(name) else {
        return Vec::new();
    };
    // Exact capacity, because these are kept for hours.
    let mut all = Vec::with_capacity(groups.first.len() + 1);
    all.extend(groups.first.iter().chain(&groups.others).map(read));
    all
}

fn user_sessions(group: &Document) -> UserSessions {
    UserSessions {
        role: match group.get("_id") {
            None | Some(Bson::Null) => None,
            Some(role) => bson::value(role),
        },
        users: bson::counted(group, "count"),
        sessions: bson::summed(group, "sessions"),
        seconds: bson::summed(group, "time"),
    }
}

fn device_sessions(group: &Document) -> DeviceSessions {
    DeviceSessions {
        kind: key(group, "type"),
        name: key_or_other(group, "name"),
        version: key(group, "version"),
        sessions: bson::summed(group, "count"),
        seconds: bson::summed(group, "time"),
    }
}

fn os_sessions(group: &Document) -> OsSessions {
    OsSessions {
        name: key_or_other(group, "name"),
        version: key(group, "version"),
        sessions: bson::summed(group, "count"),
        seconds: bson::summed(group, "time"),
    }
}

/// The same for the name, which is [`OTHER`] in the sums of groups beyond the limit.
fn key_or_other(group: &Document, name: &str) -> Option<Value> {
    match group.get("_id") {
        Some(Bson::Null) => Some(Value::text(OTHER)),
        _ => key(group, name),
    }
}

fn key(group: &Document, name: &str) -> Option<Value> {
    bson::value(group.get_document("_id").ok()?.get(name)?)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn month_starts_after_the_same_day_of_the_previous_month() {
        for (last, first) in [
            (date(2026, 11, 20), date(2026, 10, 21)),
            (date(2026, 2, 28), date(2026, 2, 1)),
            (date(2024, 2, 28), date(2024, 1, 29)),
            (date(2024, 2, 29), date(2024, 2, 1)),
            (date(2026, 3, 29), date(2026, 3, 1)),
            (date(2026, 1, 15), date(2025, 12, 16)),
        ] {
            assert_eq!(month_that_ends(last).ok(), Some(first), "{last}");
        }
    }

    #[test]
    fn day_missing_in_the_previous_month_runs_over() {
        assert_eq!(
            same_day_of_last_month(date(2026, 11, 21)).ok(),
            Some(date(2026, 10, 21))
        );
        assert_eq!(
            same_day_of_last_month(date(2026, 3, 31)).ok(),
            Some(date(2026, 3, 3))
        );
    }

    #[test]
    fn period_over_new_year_has_a_filter_for_each_month() {
        let filters = months(date(2025, 12, 16), date(2026, 1, 15));
        let days: Vec<_> = filters
            .iter()
            .map(|filter| (filter.get_i32("year").ok(), filter.get_i32("month").ok()))
            .collect();
        assert_eq!(days, [(Some(2025), Some(12)), (Some(2026), Some(1))]);
    }
}
