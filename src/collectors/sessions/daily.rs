//! Filters for the nightly summaries of `rocketchat_sessions`.

use jiff::ToSpan;
use jiff::civil::Date;
use mongodb::bson::{Document, doc};

use super::Day;

/// The collection.
pub const COLLECTION: &str = "rocketchat_sessions";

/// A day as in the document.
pub fn day(date: Date) -> Day {
    Day {
        year: date.year(),
        month: date.month(),
        day: date.day(),
    }
}

/// A filter for each calendar month between two days: equality on year and month can use the index of every version.
pub fn months(first: Date, last: Date) -> Vec<Document> {
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
