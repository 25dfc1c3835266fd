//! The part of a stored document about active users, their devices and operating systems.

use mongodb::bson::{Document, doc};

use super::counts::Counts;
use crate::workspace::builder::Builder;
use crate::workspace::time::{DAY, Date, HOUR};

/// Active users, devices and operating systems of yesterday, the last week and the last month.
pub(super) fn visits(builder: &Builder<'_>, counts: &Counts, age: i64) -> Document {
    let day = Date::of(builder.clock.ago(age + DAY));
    let number = |number: i64| i32::try_from(number).unwrap_or_default();
    let frame = |data: Vec<Document>| {
        doc! { "year": number(day.year), "month": number(day.month), "day": number(day.day), "data": data }
    };
    let hour = number(HOUR);
    let people = |count: i32, days: i32| {
        let sessions = count * days;
        let role = |role: &str, share: i32| {
            doc! { "role": role, "count": count * share / 100, "sessions": sessions * share / 100,
            "time": sessions * share / 100 * hour }
        };
        vec![
            doc! { "roles": [role("user", 94), role("guest", 4), role("admin", 2)], "count": count,
            "sessions": sessions, "time": sessions * hour },
        ]
    };
    let devices = |sessions: i32| {
        let device = |kind: &str, name: &str, version: &str, share: i32| {
            let count = sessions * share / 100;
            doc! { "count": count, "time": count * hour, "type": kind, "name": name, "version": version }
        };
        vec![
            device("browser", "Chrome", "141.0.7390", 48),
            device("desktop-app", "Rocket.Chat Desktop", "4.8.1", 27),
            device("mobile-app", "Rocket.Chat Mobile", "4.62.0", 25),
        ]
    };
    let systems = |sessions: i32| {
        let system = |name: &str, version: &str, share: i32| {
            let count = sessions * share / 100;
            doc! { "count": count, "time": count * hour, "name": name, "version": version }
        };
        vec![
            system("Windows", "10", 55),
            system("Mac OS", "10.15.7", 20),
            system("Android", "15", 25),
        ]
    };
    let (day, week, month) = (counts.sessions, counts.sessions * 2, counts.sessions * 3);
    doc! {
        "uniqueUsersOfYesterday": frame(people(day, 1)),
        "uniqueUsersOfLastWeek": frame(people(week, 3)),
        "uniqueUsersOfLastMonth": frame(people(month, 9)),
        "uniqueDevicesOfYesterday": frame(devices(day)),
        "uniqueDevicesOfLastWeek": frame(devices(week * 3)),
        "uniqueDevicesOfLastMonth": frame(devices(month * 9)),
        "uniqueOSOfYesterday": frame(systems(day)),
        "uniqueOSOfLastWeek": frame(systems(week * 3)),
        "uniqueOSOfLastMonth": frame(systems(month * 9)),
    }
}
