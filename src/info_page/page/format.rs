//! Formats numbers, sizes and times for people.

use std::time::Duration;

use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::catalogue::Timestamp;
pub use crate::humanize::{ago, bytes, number, percent, span, took};

/// Up to this age the time of the day says which day is meant.
const MAX_CLOCK_AGE: Duration = Duration::from_hours(12);

/// An instant in the workspace's time zone.
pub fn time(at: Timestamp, timezone: &TimeZone) -> Markup {
    let Ok(instant) = jiff::Timestamp::from_millisecond(at.0) else {
        return html! { "outside every calendar" };
    };
    let here = instant.to_zoned(timezone.clone());
    html! { time datetime=(instant) { (here.strftime("%Y-%m-%d %H:%M:%S %Z")) } }
}

/// The time or the day of an instant, for the ends of an axis.
pub fn tick(at: Timestamp, timezone: &TimeZone, days: bool) -> String {
    let Ok(instant) = jiff::Timestamp::from_millisecond(at.0) else {
        return String::new();
    };
    let here = instant.to_zoned(timezone.clone());
    let format = if days { "%Y-%m-%d" } else { "%b %-d %H:%M" };
    here.strftime(format).to_string()
}

/// The time of the day of an instant; with its date when that is not today's or last night's.
pub fn clock(at: Timestamp, now: Timestamp, timezone: &TimeZone) -> Markup {
    let age = now.since(at).or_else(|| at.since(now));
    let is_near = age.is_some_and(|age| age < MAX_CLOCK_AGE);
    let Ok(instant) = jiff::Timestamp::from_millisecond(at.0) else {
        return time(at, timezone);
    };
    if !is_near {
        return time(at, timezone);
    }
    let here = instant.to_zoned(timezone.clone());
    html! { time datetime=(instant) { (here.strftime("%H:%M:%S %Z")) } }
}

/// The day of an instant.
pub fn day(at: Timestamp, timezone: &TimeZone) -> Markup {
    let Ok(instant) = jiff::Timestamp::from_millisecond(at.0) else {
        return time(at, timezone);
    };
    let here = instant.to_zoned(timezone.clone());
    html! { time datetime=(instant) { (here.strftime("%Y-%m-%d")) } }
}
