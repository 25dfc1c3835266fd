//! Charts that are as small as a word: how a number developed within the last day, and when something was up.

use std::fmt::Write;
use std::time::Duration;

use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::format;
use crate::catalogue::Timestamp;

const WIDTH: f64 = 100.0;
const HEIGHT: f64 = 24.0;

/// The most points of a line.
const MAX_POINTS: usize = 60;

/// The bars of a day.
const BARS: usize = 36;

const DAY: Duration = Duration::from_hours(24);

/// A line from zero to the greatest value.
pub fn line(
    times: &[Timestamp],
    values: &[Option<f64>],
    format: fn(f64) -> String,
    timezone: &TimeZone,
) -> Markup {
    let known: Vec<(Timestamp, f64)> = times
        .iter()
        .zip(values)
        .filter_map(|(at, value)| Some((*at, (*value)?)))
        .collect();
    let [(first, _), .., (last, _)] = known[..] else {
        return html! { p.spark.note { "No history yet" } };
    };
    let max = known
        .iter()
        .fold(0.0_f64, |max, (_, value)| max.max(*value));
    let min = known.iter().fold(max, |min, (_, value)| min.min(*value));
    let span = ((last.0 - first.0) as f64).max(1.0);
    let mut path = String::new();
    for points in known.chunks(known.len().div_ceil(MAX_POINTS)) {
        let mean = points.iter().map(|(_, value)| value).sum::<f64>() / points.len() as f64;
        let at = points[points.len() / 2].0;
        let x = (at.0 - first.0) as f64 / span * WIDTH;
        let y = HEIGHT - 1.0 - mean / max.max(f64::MIN_POSITIVE) * (HEIGHT - 2.0);
        let command = if path.is_empty() { 'M' } else { 'L' };
        // Writing into a `String` cannot fail.
        write!(path, "{command}{x:.0} {y:.1}").ok();
    }
    let label = format!(
        "{} to {} since {}",
        format(min),
        format(max),
        format::tick(first, timezone, false)
    );
    html! {
        svg.spark viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(label) {
            title { (label) }
            path.lattice d={ "M0 " (HEIGHT) "H" (WIDTH) } {}
            path.line.l0 d=(path) {}
        }
    }
}

/// A bar for each part of the last day: down if it was down at any time, up, or unknown. A value is the share of `minutes`
/// that it was up.
pub fn bars(times: &[Timestamp], values: &[Option<f64>], minutes: u32, now: Timestamp) -> Markup {
    let begin = now.before(DAY);
    let width = DAY.as_millis() as f64 / BARS as f64;
    let mut states = [None; BARS];
    for (at, value) in times.iter().zip(values) {
        let bar = (at.0 - begin.0) as f64 / width;
        if let Some(up) = value.map(|value| value >= 1.0)
            && (0.0..=BARS as f64).contains(&bar)
        {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is in the range"
            )]
            let state = &mut states[(bar as usize).min(BARS - 1)];
            *state = Some(up && state.unwrap_or(true));
        }
    }
    let path = |wanted: Option<bool>| {
        let mut path = String::new();
        for (number, _) in (0_u8..).zip(states).filter(|(_, state)| *state == wanted) {
            let x = (f64::from(number) + 0.5) * WIDTH / BARS as f64;
            write!(path, "M{x:.1} 1V{}", HEIGHT - 1.0).ok();
        }
        path
    };
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    let share = known.iter().sum::<f64>() / known.len().max(1) as f64;
    let label = if known.is_empty() {
        "No history yet".to_owned()
    } else {
        let watched = format::span(Duration::from_mins(known.len() as u64) * minutes);
        format!("Up {} of the {watched} that were seen", uptime(share))
    };
    html! {
        svg.spark.bars viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(label) {
            title { (label) }
            path.unseen d=(path(None)) {}
            path.up d=(path(Some(true))) {}
            path.down d=(path(Some(false))) {}
        }
    }
}

/// A share of the time, never rounded up to all of it.
fn uptime(share: f64) -> String {
    if share >= 1.0 {
        "100 %".to_owned()
    } else {
        format!("{:.2} %", (share * 10_000.0).floor() / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_outage_is_seen() {
        let minutes = 24 * 60;
        let times: Vec<_> = (0..minutes)
            .map(|minute| Timestamp(minute * 60_000))
            .collect();
        let values: Vec<_> = (0..minutes)
            .map(|minute| Some(f64::from(u8::from(minute != 700))))
            .collect();
        let bars = bars(&times, &values, 1, Timestamp(minutes * 60_000)).into_string();
        let of = |class: &str| {
            let (_, rest) = bars
                .split_once(&format!("class=\"{class}\" d=\""))
                .expect("the path exists");
            rest.split('"')
                .next()
                .unwrap_or_default()
                .matches('M')
                .count()
        };
        assert_eq!((of("up"), of("down"), of("unseen")), (35, 1, 0));
        assert!(
            bars.contains("Up 99.93 % of the 1 day 0 h that were seen"),
            "{bars}"
        );
    }

    #[test]
    fn line_of_one_point_is_none() {
        let line = |values: &[Option<f64>]| {
            let times = [Timestamp(0), Timestamp(60_000)];
            line(
                &times[..values.len()],
                values,
                format::number,
                &TimeZone::UTC,
            )
            .into_string()
        };
        assert!(line(&[Some(1.0)]).contains("No history yet"));
        assert!(line(&[Some(1.0), Some(2.0)]).contains("1 to 2 since Jan 1 00:00"));
    }
}
