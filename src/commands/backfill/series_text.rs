//! Series as OpenMetrics with timestamps: the families and series of `/metrics`, with the labels that Prometheus adds when
//! it scrapes.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use crate::catalogue::{MetricRow, Timestamp};
use crate::exposition::openmetrics;

/// The last line of the file.
pub const END: &str = openmetrics::END;

/// The labels that all series have: those that Prometheus adds to the target, and `workspace`.
#[derive(Debug, Clone)]
pub struct TargetLabels {
    /// The value of the exporter's label `workspace`; `None` where there is only one workspace.
    pub workspace: Option<Arc<str>>,
    /// Names and values of the labels that Prometheus adds.
    pub labels: Vec<(String, String)>,
}

/// The text of one series.
#[derive(Debug)]
pub struct SeriesText {
    /// TYPE, UNIT and HELP of its family, written once before the first series.
    pub family_header: String,
    name_and_labels: String,
}

impl SeriesText {
    /// The series of a metric that has these values of its labels.
    pub fn new(row: MetricRow, labels: Vec<Cow<'static, str>>, target: &TargetLabels) -> Self {
        let (family_header, mut name) =
            openmetrics::announcement(row, target.workspace.as_ref(), labels);
        let target_labels: Vec<_> = target
            .labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        if !target_labels.is_empty() {
            // A name without labels has no brace.
            if name.ends_with('}') {
                name.truncate(name.len() - 1);
                name.push(',');
            } else {
                name.push('{');
            }
            name.push_str(&target_labels.join(","));
            name.push('}');
        }
        Self {
            family_header,
            name_and_labels: name,
        }
    }

    /// The length of a line with a long value, in bytes.
    pub fn max_line_length(&self) -> u64 {
        const VALUE_AND_TIMESTAMP: u64 = 32;
        self.name_and_labels.len() as u64 + VALUE_AND_TIMESTAMP
    }

    /// Writes one sample.
    ///
    /// # Errors
    /// When `to` fails.
    pub fn write_sample(&self, to: &mut impl Write, value: f64, at: Timestamp) -> io::Result<()> {
        let (seconds, milliseconds) = (at.0.div_euclid(1000), at.0.rem_euclid(1000));
        writeln!(
            to,
            "{} {value} {seconds}.{milliseconds:03}",
            self.name_and_labels
        )
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
        target: &TargetLabels,
    ) -> String {
        let row = MetricRow {
            name: "x_bytes",
            help: "Help.",
            source: "nowhere",
            quantity: Quantity::Bytes,
            labels,
        };
        let values = values.iter().map(|value| Cow::Borrowed(*value)).collect();
        let series = SeriesText::new(row, values, target);
        let mut text = series.family_header.clone().into_bytes();
        for (value, at) in [(3.0, 1_500), (0.25, 1_680_523_200_007)] {
            let write = series.write_sample(&mut text, value, Timestamp(at));
            write.expect("a vector takes everything");
        }
        String::from_utf8(text).expect("it is UTF-8")
    }

    #[test]
    fn sample_has_all_labels_and_its_timestamp() {
        let target = TargetLabels {
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
    fn series_without_labels_gets_those_of_the_target() {
        let target = TargetLabels {
            workspace: None,
            labels: vec![("job".to_owned(), "r".to_owned())],
        };
        assert!(written(&[], &[], &target).contains("\nx_bytes{job=\"r\"} 3 1.500\n"));
    }
}
