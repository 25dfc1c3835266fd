//! The nine queries of the session history: users, devices and operating systems of yesterday, of a week and of a month.

use mongodb::bson::{DateTime, Document, doc};

use crate::operation::{Operation, pipeline};
use testbed::workspace::time::{DAY, Date};

const SESSIONS: &str = "rocketchat_sessions";

/// A period of days that ends yesterday.
#[derive(Clone, Copy)]
pub(super) enum Period {
    Yesterday,
    LastWeek,
    LastMonth,
}

impl Period {
    /// The filter as Rocket.Chat writes it.
    pub(super) fn filter(self, now: DateTime) -> Document {
        let day = |ago: i64| {
            Date::of(DateTime::from_millis(
                now.timestamp_millis() - ago * DAY * 1000,
            ))
        };
        let yesterday = day(1);
        let first = match self {
            Self::Yesterday => {
                return doc! {
                    "type": "user_daily",
                    "year": yesterday.year, "month": yesterday.month, "day": yesterday.day,
                };
            }
            Self::LastWeek => day(7),
            Self::LastMonth => day(30),
        };
        if first.year == yesterday.year && first.month == yesterday.month {
            return doc! {
                "type": "user_daily",
                "year": first.year, "month": first.month,
                "day": { "$gte": first.day, "$lte": yesterday.day },
            };
        }
        if first.year == yesterday.year {
            return doc! { "type": "user_daily", "year": first.year, "$and": [
                { "$or": [
                    { "month": { "$gt": first.month } },
                    { "month": first.month, "day": { "$gte": first.day } },
                ] },
                { "$or": [
                    { "month": { "$lt": yesterday.month } },
                    { "month": yesterday.month, "day": { "$lte": yesterday.day } },
                ] },
            ] };
        }
        doc! { "type": "user_daily", "$and": [
            { "$or": [
                { "year": { "$gt": first.year } },
                { "year": first.year, "month": { "$gt": first.month } },
                { "year": first.year, "month": first.month, "day": { "$gte": first.day } },
            ] },
            { "$or": [
                { "year": { "$lt": yesterday.year } },
                { "year": yesterday.year, "month": { "$lt": yesterday.month } },
                { "year": yesterday.year, "month": yesterday.month, "day": { "$lte": yesterday.day } },
            ] },
        ] }
    }
}

pub(super) fn operations(
    now: DateTime,
    periods: &[Period],
) -> impl Iterator<Item = Operation> + use<> {
    let mut operations = Vec::new();
    for period in periods {
        let filter = period.filter(now);
        operations.push(users(filter.clone()));
        operations.push(by_device(
            filter.clone(),
            doc! {
                "type": "$devices.device.type",
                "name": "$devices.device.name",
                "version": "$devices.device.version",
            },
        ));
        let mut known = filter;
        known.insert("devices.device.os.name", doc! { "$exists": true });
        let system =
            doc! { "name": "$devices.device.os.name", "version": "$devices.device.os.version" };
        operations.push(by_device(known, system));
    }
    operations.into_iter()
}

fn users(filter: Document) -> Operation {
    let sums = || doc! { "$sum": "$time" };
    pipeline(
        SESSIONS,
        vec![
            doc! { "$match": filter },
            doc! { "$group": {
                "_id": { "userId": "$userId" },
                "mostImportantRole": { "$first": "$mostImportantRole" },
                "sessions": { "$sum": "$sessions" }, "time": sums(),
            } },
            doc! { "$group": {
                "_id": { "mostImportantRole": "$mostImportantRole" },
                "count": { "$sum": 1 }, "sessions": { "$sum": "$sessions" }, "time": sums(),
            } },
            doc! { "$sort": { "time": -1 } },
        ],
    )
}

fn by_device(filter: Document, key: Document) -> Operation {
    pipeline(
        SESSIONS,
        vec![
            doc! { "$match": filter },
            doc! { "$unwind": "$devices" },
            doc! { "$group": {
                "_id": key,
                "count": { "$sum": "$devices.sessions" },
                "time": { "$sum": "$devices.time" },
            } },
            doc! { "$sort": { "time": -1 } },
        ],
    )
}
