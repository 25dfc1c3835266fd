//! Line charts over time as SVG, with their values in a table.
//!
//! No chart library: the page's style sheet gives the lines their colors, in the light and in the dark theme. Without a
//! script the time and the values of a point are shown where the pointer is, and by the arrow keys: the points are a group
//! of radio buttons, which is a single stop of the Tab key.

use std::fmt::Write;

use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::card::{unknown, wide};
use super::format;
use crate::catalogue::Timestamp;

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 90.0;

/// The most points of a line: more cannot be distinguished.
const MAX_POINTS: usize = 160;

/// The most rows of the table.
const MAX_ROWS: usize = 24;

/// The parts of the axis that show the time and the values of a point each; the style sheet knows the number.
const PARTS: usize = 30;

/// A line.
pub struct Line {
    /// Its label.
    pub name: &'static str,
    /// Its values; `None` where unknown.
    pub values: Vec<Option<f64>>,
}

/// A chart of lines over the same times.
pub struct Chart<'a> {
    /// The element's ID.
    pub id: &'static str,
    /// The heading.
    pub title: &'static str,
    /// What the lines count, where the heading does not say it.
    pub note: &'static str,
    /// The times of the points.
    pub times: &'a [Timestamp],
    /// The lines.
    pub lines: Vec<Line>,
    /// Formats a value.
    pub format: fn(f64) -> String,
    /// Whether the axis shows days instead of hours.
    pub days: bool,
}

impl Chart<'_> {
    /// Renders the chart; a sentence where it would be empty.
    pub fn render(&self, timezone: &TimeZone) -> Markup {
        let title_id = format!("{}-title", self.id);
        let known = (0..self.times.len()).filter(|place| {
            let mut lines = self.lines.iter();
            lines.any(|line| line.values[*place].is_some())
        });
        let known: Vec<usize> = known.collect();
        html! {
            figure.chart id=(self.id) aria-labelledby=(title_id) {
                figcaption {
                    h3 id=(title_id) { (self.title) }
                    @if !self.note.is_empty() { p.note { (self.note) } }
                }
                @match known[..] {
                    [] => p.empty { "No value is known yet." },
                    [only] => p.empty { "One value so far: " (self.point(only, timezone)) "." },
                    _ => (self.drawing(timezone)),
                }
            }
        }
    }

    fn drawing(&self, timezone: &TimeZone) -> Markup {
        let (Some(first), Some(last)) = (self.times.first(), self.times.last()) else {
            return html! {};
        };
        let known = self
            .lines
            .iter()
            .flat_map(|line| line.values.iter().flatten());
        let (bottom, top) = scale(known.copied(), !self.days);
        let tick = |at: Timestamp| format::tick(at, timezone, self.days);
        // One from before an outage would be old.
        let newest = |line: &Line| line.values.last().copied().flatten();
        html! {
            ul.legend { @for (number, line) in self.lines.iter().enumerate() {
                li {
                    svg.key width="18" height="8" viewBox="0 0 18 8" aria-hidden="true" {
                        path class={ "line l" (number) } d="M0 4H18" {}
                    }
                    (line.name) " "
                    b { (newest(line).map_or_else(|| "not known".to_owned(), self.format)) }
                }
            } }
            div.plot.cut[bottom > 0.0] {
                span.top { ((self.format)(top)) }
                span.bottom { ((self.format)(bottom)) }
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" aria-hidden="true" {
                    path.lattice d={ "M0 .5H" (WIDTH) "M0 " (HEIGHT / 2.0) "H" (WIDTH) "M0 " (HEIGHT - 0.5) "H" (WIDTH) } {}
                    @for (number, line) in self.lines.iter().enumerate() {
                        path class={ "line l" (number) } d=(path(self.times, &line.values, bottom, top)) {}
                    }
                }
                (self.points(timezone))
            }
            p.ends { span { (tick(*first)) } span { (tick(*last)) } }
            @if bottom > 0.0 { p.note { "The axis begins at " ((self.format)(bottom)) ", not at 0." } }
            details id={ (self.id) "-numbers" } { summary { "Numbers" } (self.table(timezone)) }
        }
    }

    /// The time and the values of the newest point of each part of the axis.
    fn points(&self, timezone: &TimeZone) -> Markup {
        let name = format!("{}-point", self.id);
        html! {
            div.points role="radiogroup" aria-label={ (self.title) ", points" } {
                @for place in self.newest_of_parts() {
                    label {
                        @if let Some(place) = place {
                            input type="radio" name=(name);
                            b { (self.point(place, timezone)) }
                        }
                    }
                }
            }
        }
    }

    /// The newest place with a value in each part of the axis.
    fn newest_of_parts(&self) -> [Option<usize>; PARTS] {
        let mut parts = [None; PARTS];
        let (Some(first), Some(last)) = (self.times.first(), self.times.last()) else {
            return parts;
        };
        let span = ((last.0 - first.0) as f64).max(1.0);
        for (place, at) in self.times.iter().enumerate() {
            let share = (at.0 - first.0) as f64 / span;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is between 0 and the number of parts"
            )]
            let part = (share * PARTS as f64) as usize;
            let is_known = self.lines.iter().any(|line| line.values[place].is_some());
            if is_known && let Some(part) = parts.get_mut(part.min(PARTS - 1)) {
                *part = Some(place);
            }
        }
        parts
    }

    /// The time and the values of a point in words.
    fn point(&self, place: usize, timezone: &TimeZone) -> String {
        let mut text = format::tick(self.times[place], timezone, self.days);
        for line in &self.lines {
            if let Some(value) = line.values[place] {
                // Writing into a `String` cannot fail.
                write!(text, " · {} {}", (self.format)(value), line.name).ok();
            }
        }
        text
    }

    fn table(&self, timezone: &TimeZone) -> Markup {
        let step = self.times.len().div_ceil(MAX_ROWS).max(1);
        // Always includes the newest.
        let rows = (0..self.times.len()).rev().step_by(step);
        wide(
            &format!("{}, numbers", self.title),
            &html! {
                table {
                    thead { tr { th scope="col" { "Time" } @for line in &self.lines { th.number scope="col" { (line.name) } } } }
                    tbody { @for row in rows { tr {
                        th scope="row" { (format::tick(self.times[row], timezone, self.days)) }
                        @for line in &self.lines {
                            td.number { (line.values[row].map_or_else(unknown, |value| html! { ((self.format)(value)) })) }
                        }
                    } } }
                }
            },
        )
    }
}

/// The range of the axis. It begins at zero, unless `from_zero` is false and the lines would look flat.
fn scale(values: impl Iterator<Item = f64>, from_zero: bool) -> (f64, f64) {
    let (min, max) = values.fold((f64::INFINITY, 0.0_f64), |(min, max), value| {
        (min.min(value), max.max(value))
    });
    let bottom = if !from_zero && min > max * 0.6 && min < max {
        min
    } else {
        0.0
    };
    (bottom, if max > bottom { max } else { bottom + 1.0 })
}

/// The path of a line, with gaps where values are unknown and dots for isolated values.
fn path(times: &[Timestamp], values: &[Option<f64>], bottom: f64, top: f64) -> String {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return String::new();
    };
    let span = ((last.0 - first.0) as f64).max(1.0);
    let step = times.len().div_ceil(MAX_POINTS).max(1);
    let mut path = String::new();
    let mut drawing = false;
    for (times, values) in times.chunks(step).zip(values.chunks(step)) {
        let known: Vec<f64> = values.iter().flatten().copied().collect();
        if known.is_empty() {
            drawing = false;
            continue;
        }
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        let x = (times[times.len() / 2].0 - first.0) as f64 / span * WIDTH;
        let y = (HEIGHT - 1.5) - (mean - bottom) / (top - bottom) * (HEIGHT - 3.0);
        let command = if drawing { 'L' } else { 'M' };
        // Writing into a `String` cannot fail.
        write!(path, "{command}{x:.1} {y:.1}").ok();
        if !drawing {
            path.push_str("h0");
        }
        drawing = true;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_has_gaps_where_values_are_unknown() {
        let times = [0, 10, 20, 30].map(Timestamp);
        let values = [Some(0.0), Some(2.0), None, Some(1.0)];
        assert_eq!(
            path(&times, &values, 0.0, 2.0),
            "M0.0 88.5h0L106.7 1.5M320.0 45.0h0"
        );
        assert_eq!(path(&[], &[], 0.0, 1.0), "");
    }

    fn rendered(values: Vec<Option<f64>>) -> String {
        let times = (0..).map(|minute: i64| Timestamp(minute * 60_000));
        let times: Vec<_> = times.take(values.len()).collect();
        let chart = Chart {
            id: "presence",
            title: "Presence",
            note: "",
            times: &times,
            lines: vec![Line {
                name: "online",
                values,
            }],
            format: format::number,
            days: false,
        };
        chart.render(&TimeZone::UTC).into_string()
    }

    #[test]
    fn empty_chart_says_so() {
        assert!(rendered(Vec::new()).contains("No value is known yet."));
        assert!(rendered(vec![None, None]).contains("No value is known yet."));
        let one = rendered(vec![None, Some(7.0)]);
        assert!(
            one.contains("One value so far: Jan 1 00:01 · 7 online."),
            "{one}"
        );
        assert!(!one.contains("<svg"));
    }

    #[test]
    fn every_part_of_the_axis_shows_its_newest_point() {
        let chart = rendered((0..600).map(|minute| Some(f64::from(minute))).collect());
        assert_eq!(chart.matches("type=\"radio\"").count(), PARTS);
        assert!(chart.contains("Jan 1 00:19 · 19 online"), "{chart}");
        assert!(chart.contains("Jan 1 09:59 · 599 online"), "{chart}");
        let gaps = rendered(
            (0..600)
                .map(|minute| (minute < 300).then_some(1.0))
                .collect(),
        );
        assert_eq!(gaps.matches("type=\"radio\"").count(), PARTS / 2);
    }

    #[test]
    fn axis_begins_at_zero_unless_lines_would_look_flat() {
        assert_eq!(scale([1.0, 5.0].into_iter(), false), (0.0, 5.0));
        assert_eq!(scale([590.0, 600.0].into_iter(), false), (590.0, 600.0));
        assert_eq!(scale([590.0, 600.0].into_iter(), true), (0.0, 600.0));
        assert_eq!(scale([600.0, 600.0].into_iter(), false), (0.0, 600.0));
        assert_eq!(scale([0.0].into_iter(), false), (0.0, 1.0));
    }

    #[test]
    fn number_of_points_is_limited() {
        let times: Vec<_> = (0..1440).map(Timestamp).collect();
        let values = vec![Some(1.0); 1440];
        let path = path(&times, &values, 0.0, 1.0);
        assert_eq!(path.matches('L').count(), 159);
    }
}
