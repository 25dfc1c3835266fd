//! Numbers, sizes and durations as people read them.

use std::time::Duration;

use crate::catalogue::Timestamp;

/// A number with grouped thousands, and up to two decimals where it is small.
pub fn number(number: f64) -> String {
    if !number.is_finite() {
        return "–".to_owned();
    }
    let decimals = match number.abs() {
        number if number.fract() == 0.0 || number >= 1000.0 => 0,
        number if number >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{number:.decimals$}");
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, digits) = whole
        .strip_prefix('-')
        .map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let rest = rest.trim_end_matches('0');
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{rest}")
}

/// A size, formatted as in Rocket.Chat.
pub fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let mut size = bytes;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{} {}", number(size), UNITS[unit])
    } else {
        format!("{size:.2} {}", UNITS[unit])
    }
}

/// A share as a percentage.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0 %".to_owned(),
        percent if percent < 0.01 => "< 0.01 %".to_owned(),
        percent if percent < 10.0 => format!("{percent:.2} %"),
        percent => format!("{percent:.0} %"),
    }
}

/// A duration in its one or two largest units.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) if minutes < 10 && !seconds.is_multiple_of(60) => {
            format!("{minutes} min {} s", seconds % 60)
        }
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (1, hours, _) => format!("1 day {hours} h"),
        (days, _, _) if days >= 30 => format!("{days} days"),
        (days, hours, _) => format!("{days} days {hours} h"),
    }
}

/// A short duration.
pub fn took(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        let milliseconds = time.as_secs_f64() * 1000.0;
        let decimals = usize::from(milliseconds < 10.0);
        format!("{milliseconds:.decimals$} ms")
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// The age of an instant; one in the future is "just now", because clocks differ a little.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.since(at) {
        Some(time) if time >= Duration::from_secs(1) => format!("{} ago", span(time)),
        _ => "just now".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_have_few_decimals() {
        for (value, text) in [
            (0.0, "0"),
            (999.0, "999"),
            (1000.0, "1,000"),
            (-1_234_567.0, "-1,234,567"),
            (12.34, "12.3"),
            (0.5, "0.5"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn sizes_are_formatted_as_in_rocket_chat() {
        assert_eq!(bytes(0.0), "0 bytes");
        assert_eq!(bytes(1023.0), "1,023 bytes");
        assert_eq!(bytes(1536.0), "1.50 kB");
        assert_eq!(bytes(4_086_320_199.0), "3.81 GB");
    }

    #[test]
    fn spans_have_at_most_two_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (61, "1 min 1 s"),
            (600, "10 min"),
            (3600, "1 h"),
            (90_000, "1 day 1 h"),
            (40 * 86_400, "40 days"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
