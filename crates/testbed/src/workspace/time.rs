//! Dates relative to the current time of the workspace, in UTC, which is also the time zone of its server.

use mongodb::bson::DateTime;

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
/// Seconds of a day.
pub const DAY: i64 = 24 * HOUR;

/// The current time of the workspace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(i64);

impl Clock {
    pub(super) fn new(now: DateTime) -> Self {
        Self(now.timestamp_millis())
    }

    pub(super) fn now(self) -> DateTime {
        self.ago(0)
    }

    pub(super) fn ago(self, seconds: i64) -> DateTime {
        DateTime::from_millis(self.0 - seconds * 1000)
    }

    /// Seconds since midnight.
    pub(super) fn time_of_day(self) -> i64 {
        self.0.div_euclid(1000).rem_euclid(DAY)
    }

    /// The calendar date a number of days ago.
    pub(super) fn date(self, days_ago: i64) -> Date {
        Date::of(self.ago(days_ago * DAY))
    }
}

/// A calendar date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The year, such as 2026.
    pub year: i64,
    /// The month; 1 is January.
    pub month: i64,
    /// The day of the month, from 1.
    pub day: i64,
    /// The day of the week; 0 is Sunday.
    pub(super) weekday: usize,
}

impl Date {
    /// Converts a day number to the Gregorian calendar, with years that begin in March.
    #[must_use]
    pub fn of(time: DateTime) -> Self {
        let days = time.timestamp_millis().div_euclid(DAY * 1000);
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * from_march + 2) / 5 + 1,
            weekday: usize::try_from((days + 4).rem_euclid(7)).unwrap_or_default(),
        }
    }

    pub(super) fn is_weekend(self) -> bool {
        matches!(self.weekday, 0 | 6)
    }

    /// The month in the format of the visitors' field `activity`, such as `2026-11`.
    pub(super) fn period(self) -> String {
        format!("{}-{:02}", self.year, self.month)
    }
}

/// The format of JavaScript's `Date.toString()`, which two fields of stored statistics have.
pub(super) fn javascript_text(time: DateTime) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let date = Date::of(time);
    let seconds = time.timestamp_millis().div_euclid(1000).rem_euclid(DAY);
    let month = MONTHS[usize::try_from(date.month - 1).unwrap_or_default()];
    format!(
        "{} {month} {:02} {} {:02}:{:02}:{:02} GMT+0000 (Coordinated Universal Time)",
        DAYS[date.weekday],
        date.day,
        date.year,
        seconds / HOUR,
        seconds % HOUR / MINUTE,
        seconds % MINUTE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_equal_the_calendar() {
        let date =
            |text: &str| Date::of(DateTime::parse_rfc3339_str(text).expect("the text is a date"));
        let expected = |year, month, day, weekday| Date {
            year,
            month,
            day,
            weekday,
        };
        assert_eq!(date("1970-01-01T00:00:00Z"), expected(1970, 1, 1, 4));
        assert_eq!(date("2024-02-29T23:59:59Z"), expected(2024, 2, 29, 4));
        assert_eq!(date("2024-03-01T00:00:00Z"), expected(2024, 3, 1, 5));
        assert_eq!(date("2026-12-31T12:00:00Z"), expected(2026, 12, 31, 4));
    }

    #[test]
    fn date_has_the_javascript_format() {
        let time = DateTime::parse_rfc3339_str("2023-04-03T12:00:00Z").expect("the text is a date");
        assert_eq!(
            javascript_text(time),
            "Mon Apr 03 2023 12:00:00 GMT+0000 (Coordinated Universal Time)"
        );
    }
}
