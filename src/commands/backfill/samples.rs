//! Samples of the past as OpenMetrics: the families and series of `/metrics`, with the labels that Prometheus gives them
//! when it scrapes, and with timestamps.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use crate::catalogue::{MetricRow, Timestamp};
use crate::exposition::openmetrics;

/// The line that says that nothing is missing.
pub const END: &str = openmetrics::END;

/// Labels that all series have: those that Prometheus adds to what it scrapes, and the workspace's.
#[derive(Debug, Clone)]
pub struct Target {
    /// The value of the exporter's label `workspace`; `None` where there is only one workspace.
    pub workspace: Option<Arc<str>>,
    /// Names and values of the labels that Prometheus adds.
    pub labels: Vec<(String, String)>,
}

/// One series of the past, ready to be written.
#[derive(Debug)]
pub struct Series {
    /// TYPE, UNIT and HELP of its family, which stand once before all its series.
    pub head: String,
    name: String,
}

impl Series {
    /// A series of a metric with the values of its labels.
    pub fn new(row: MetricRow, labels: Vec<Cow<'static, str>>, target: &Target) -> Self {
        let (head, mut name) = openmetrics::announcement(row, target.workspace.as_ref(), labels);
        let outer = target.labels.iter();
        let outer: Vec<_> = outer
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        if !outer.is_empty() {
            let outer = outer.join(",");
            // Only a list of labels ends with a brace: a name cannot have one.
            if name.ends_with('}') {
                name.truncate(name.len() - 1);
                name.push(',');
            } else {
                name.push('{');
            }
            name.push_str(&outer);
            name.push('}');
        }
        Self { head, name }
    }

    /// Bytes of a line with the longest number that is likely.
    pub fn line_length(&self) -> u64 {
        const NUMBER_AND_TIME: u64 = 32;
        self.name.len() as u64 + NUMBER_AND_TIME
    }

    /// Writes one sample.
    ///
    /// # Errors
    /// When `to` does not take it.
    pub fn write(&self, to: &mut impl Write, value: f64, at: Timestamp) -> io::Result<()> {
        let (seconds, milliseconds) = (at.0.div_euclid(1000), at.0.rem_euclid(1000));
        writeln!(to, "{} {value} {seconds}.{milliseconds:03}", self.name)
    }
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Quantity;

    fn written(
        labels: &'static [&'static str],
        values: &[&'static str],
        target: &Target,
    ) -> String {
        let row = MetricRow {
            name: "x_bytes",
            help: "Help.",
            source: "nowhere",
            quantity: Quantity::Bytes,
            labels,
        };
        let values = values.iter().map(|value| Cow::Borrowed(*value)).collect();
        let series = Series::new(row, values, target);
        let mut text = series.head.clone().into_bytes();
        for (value, at) in [(3.0, 1_500), (0.25, 1_680_523_200_007)] {
            let write = series.write(&mut text, value, Timestamp(at));
            write.expect("a vector takes everything");
        }
        String::from_utf8(text).expect("it is UTF-8")
    }

    #[test]
    fn a_sample_has_all_labels_and_its_time() {
        let target = Target {
            workspace: Some("a".into()),
            labels: vec![
                ("job".to_owned(), "it's \"a\\b\"\n}".to_owned()),
                ("instance".to_owned(), "localhost:9459".to_owned()),
            ],
        };
        assert_eq!(
            written(&["kind"], &["c}"], &target),
            "# TYPE x_bytes gauge\n# UNIT x_bytes bytes\n# HELP x_bytes Help.\n\
             x_bytes{workspace=\"a\",kind=\"c}\",job=\"it's \\\"a\\\\b\\\"\\n}\",instance=\"localhost:9459\"} 3 1.500\n\
             x_bytes{workspace=\"a\",kind=\"c}\",job=\"it's \\\"a\\\\b\\\"\\n}\",instance=\"localhost:9459\"} 0.25 1680523200.007\n"
        );
    }

    #[test]
    fn a_series_without_labels_of_its_own_gets_those_of_the_target() {
        let target = Target {
            workspace: None,
            labels: vec![("job".to_owned(), "r".to_owned())],
        };
        assert!(written(&[], &[], &target).contains("\nx_bytes{job=\"r\"} 3 1.500\n"));
    }
}
