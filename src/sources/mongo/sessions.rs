//! Sessions: one pass over the nightly summaries of the last month, split into its periods by the server.

use jiff::civil::Date;
use jiff::{Span, ToSpan};
use mongodb::bson::{Bson, Document, doc};

use super::{Question, convert, out_of_range};
use crate::sources::SourceError;
use crate::statistics::{
    Day, DeviceSessions, OsSessions, PeriodSessions, Sessions, Snapshot, UserSessions, Value,
    Version,
};

const COLLECTION: &str = "rocketchat_sessions";

/// From this version on the users of the last month are those of the month that ends yesterday.
const MONTH_MENDED: Version = Version::new(3, 10, 0);

pub async fn read(question: &Question<'_>, known: &Snapshot) -> Result<Sessions, SourceError> {
    let today = question.mongo.now().map_err(out_of_range)?.date();
    let yesterday = today.yesterday().map_err(out_of_range)?;
    let month = month_that_ends(yesterday).map_err(out_of_range)?;
    let week = yesterday.saturating_sub(6.days());

    let mut facets = Document::new();
    for (name, days) in [
        ("yesterday", within(yesterday, yesterday)),
        ("week", within(week, yesterday)),
        ("month", Document::new()),
    ] {
        facets.insert(format!("{name}Users"), users(&days));
        facets.insert(format!("{name}Devices"), devices(&days));
        facets.insert(format!("{name}Systems"), systems(&days));
    }
    let pipeline = vec![
        doc! { "$match": { "$or": months(month, yesterday) } },
        doc! { "$facet": facets },
    ];
    let answer = question.aggregate(COLLECTION, pipeline, None).await?;
    let answer = answer.into_iter().next().unwrap_or_default();
    let period = |name: &str| PeriodSessions {
        users: each(&answer, &format!("{name}Users"), user_sessions),
        devices: each(&answer, &format!("{name}Devices"), device_sessions),
        systems: each(&answer, &format!("{name}Systems"), os_sessions),
    };
    Ok(Sessions {
        yesterday: day(yesterday),
        of_yesterday: period("yesterday"),
        of_last_week: period("week"),
        of_last_month: period("month"),
        // An unknown version may be an old one: the first reading of this tier can be over before the version is known.
        of_month_before: if known.version().is_none_or(|version| version < MONTH_MENDED) {
            Some(month_before(question, today).await?)
        } else {
            None
        },
    })
}

/// The users of the month that ended on this day of the last month.
async fn month_before(
    question: &Question<'_>,
    today: Date,
) -> Result<(Day, Vec<UserSessions>), SourceError> {
    let last = same_day_of_last_month(today).map_err(out_of_range)?;
    let first = month_that_ends(last).map_err(out_of_range)?;
    let mut pipeline = vec![doc! { "$match": { "$or": months(first, last) } }];
    pipeline.extend(users(&Document::new()));
    let groups = question.aggregate(COLLECTION, pipeline, None).await?;
    Ok((day(last), groups.iter().map(user_sessions).collect()))
}

/// The first day of the calendar month that ends on `last`: the 1st when that is the end of its month, else the day
/// after the same day of the month before.
fn month_that_ends(last: Date) -> Result<Date, jiff::Error> {
    if last == last.last_of_month() {
        return Ok(last.first_of_month());
    }
    // Adding months stops at the end of a shorter one, and the day after that is the 1st.
    last.checked_sub(1.month())?.tomorrow()
}

/// The same day of the last month as JavaScript's `setMonth` finds it: what a shorter month lacks runs over.
fn same_day_of_last_month(today: Date) -> Result<Date, jiff::Error> {
    let first = today.first_of_month().checked_sub(1.month())?;
    first.checked_add(Span::new().days(today.day() - 1))
}

fn day(date: Date) -> Day {
    Day {
        year: date.year(),
        month: date.month(),
        day: date.day(),
    }
}

/// A filter for each calendar month between two days: equality on year and month lets every version's index serve it.
fn months(first: Date, last: Date) -> Vec<Document> {
    let mut filters = Vec::new();
    let mut month = first.first_of_month();
    while month <= last {
        let from = first.max(month);
        let to = last.min(month.last_of_month());
        filters.push(doc! {
            "type": "user_daily",
            "year": i32::from(month.year()),
            "month": i32::from(month.month()),
            "day": { "$gte": i32::from(from.day()), "$lte": i32::from(to.day()) },
        });
        month = month.saturating_add(1.month());
    }
    filters
}

fn within(first: Date, last: Date) -> Document {
    doc! { "$or": months(first, last) }
}

/// Users once each, then by their most important role.
fn users(days: &Document) -> Vec<Document> {
    vec![
        doc! { "$match": days.clone() },
        doc! { "$group": {
            "_id": "$userId",
            "role": { "$first": "$mostImportantRole" },
            "sessions": { "$sum": convert::finite("$sessions") },
            "time": { "$sum": convert::finite("$time") },
        } },
        doc! { "$group": {
            "_id": "$role",
            "count": { "$sum": 1 },
            "sessions": { "$sum": "$sessions" },
            "time": { "$sum": "$time" },
        } },
        doc! { "$sort": { "time": -1, "_id": 1 } },
    ]
}

fn devices(days: &Document) -> Vec<Document> {
    let key = doc! {
        "type": "$devices.device.type",
        "name": "$devices.device.name",
        "version": "$devices.device.version",
    };
    by_device(vec![doc! { "$match": days.clone() }], &key)
}

fn systems(days: &Document) -> Vec<Document> {
    let key = doc! { "name": "$devices.device.os.name", "version": "$devices.device.os.version" };
    // The filter stands before the devices are taken apart, as Rocket.Chat has it: a user with one known system
    // brings the devices of unknown ones along.
    let known = doc! { "$match": { "devices.device.os.name": { "$exists": true } } };
    by_device(vec![doc! { "$match": days.clone() }, known], &key)
}

fn by_device(mut pipeline: Vec<Document>, key: &Document) -> Vec<Document> {
    pipeline.extend([
        doc! { "$unwind": "$devices" },
        doc! { "$group": {
            "_id": key.clone(),
            "count": { "$sum": convert::finite("$devices.sessions") },
            "time": { "$sum": convert::finite("$devices.time") },
        } },
        doc! { "$sort": { "time": -1, "_id": 1 } },
    ]);
    pipeline
}

fn each<T>(answer: &Document, name: &str, read: impl Fn(&Document) -> T) -> Vec<T> {
    let Ok(groups) = answer.get_array(name) else {
        return Vec::new();
    };
    groups
        .iter()
        .filter_map(Bson::as_document)
        .map(read)
        .collect()
}

fn user_sessions(group: &Document) -> UserSessions {
    UserSessions {
        role: match group.get("_id") {
            None | Some(Bson::Null) => None,
            Some(role) => convert::value(role),
        },
        users: convert::counted(group, "count"),
        sessions: convert::summed(group, "sessions"),
        seconds: convert::summed(group, "time"),
    }
}

fn device_sessions(group: &Document) -> DeviceSessions {
    DeviceSessions {
        kind: key(group, "type"),
        name: key(group, "name"),
        version: key(group, "version"),
        sessions: convert::summed(group, "count"),
        seconds: convert::summed(group, "time"),
    }
}

fn os_sessions(group: &Document) -> OsSessions {
    OsSessions {
        name: key(group, "name"),
        version: key(group, "version"),
        sessions: convert::summed(group, "count"),
        seconds: convert::summed(group, "time"),
    }
}

fn key(group: &Document, name: &str) -> Option<Value> {
    convert::value(group.get_document("_id").ok()?.get(name)?)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_month_begins_on_the_day_after_the_same_day_of_the_month_before() {
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
    fn a_day_that_the_last_month_lacks_runs_over() {
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
    fn a_period_over_the_turn_of_a_year_asks_for_both_months() {
        let filters = months(date(2025, 12, 16), date(2026, 1, 15));
        let days: Vec<_> = filters
            .iter()
            .map(|it| (it.get_i32("year").ok(), it.get_i32("month").ok()))
            .collect();
        assert_eq!(days, [(Some(2025), Some(12)), (Some(2026), Some(1))]);
    }
}
