//! OpenMetrics 1.0 text, written by prometheus-client from the catalogue.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::{fmt, io, mem};

use prometheus_client::collector::Collector as RegistryCollector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::builtin_names::visit_compat_samples;
use super::exporter_metrics::{OWN, Own};
use super::{MetricNames, Part};
use crate::catalogue::{MetricRow, Quantity, Sample, bound_labels};
use crate::collectors::{LIVE, READINGS, REPLICATION, SECTIONS};

/// The last line of an exposition.
pub const END: &str = "# EOF\n";

/// The label that tells several workspaces apart.
const WORKSPACE: &str = "workspace";

/// What was read of some workspaces, family by family in the order of the catalogue; without the last line. Each part of
/// the catalogue is written by itself, so that of many workspaces no more than one part's samples are held at a time.
///
/// # Errors
/// Those of `write`, which is given piece after piece.
pub fn render(parts: &[Part], mut write: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    for metric in READINGS.iter().chain(REPLICATION).chain(LIVE) {
        let mut family = Families::default();
        for part in parts {
            let samples = metric.samples(&part.snapshot);
            family.add(metric.row(), part.workspace.as_ref(), samples);
        }
        write(&family.write())?;
    }
    for section in SECTIONS {
        let mut families = Families::default();
        for row in section.metrics() {
            families.announce(row);
        }
        for part in parts {
            section.visit_samples(&part.snapshot, &mut |row, samples| {
                families.add(row, part.workspace.as_ref(), samples);
            });
        }
        write(&families.write())?;
    }
    let mut built_in = Families::default();
    for part in parts
        .iter()
        .filter(|it| it.names == MetricNames::WithCompat)
    {
        visit_compat_samples(&part.snapshot, &mut |row, samples| {
            built_in.add(row, part.workspace.as_ref(), samples);
        });
    }
    write(&built_in.write())
}

/// What the exporter knows about itself; with the last line.
pub fn render_own(own: &Own) -> String {
    let mut families = Families::default();
    for metric in OWN {
        families.add(metric.row(), None, metric.samples(own));
    }
    families.write() + END
}

/// A family with one series: the lines before its samples, and the series itself as a sample begins.
pub fn announcement(
    row: MetricRow,
    workspace: Option<&Arc<str>>,
    labels: Vec<Cow<'static, str>>,
) -> (String, String) {
    let mut families = Families::default();
    let sample = Sample { labels, value: 1.0 };
    families.add(row, workspace, vec![sample]);
    let lines = families.write();
    let sample = lines.lines().last().unwrap_or_default();
    let head = &lines[..lines.len() - sample.len() - "\n".len()];
    let series = sample.strip_suffix(" 1").unwrap_or(sample);
    (head.to_owned(), series.to_owned())
}

/// A series, and the workspace that it belongs to where there are several.
type Series = (Option<Arc<str>>, Sample);

/// Families in the order in which they were first named.
#[derive(Debug, Default)]
struct Families {
    places: HashMap<&'static str, usize>,
    families: Vec<(MetricRow, Vec<Series>)>,
}

impl Families {
    /// Gives a family its place, so that the order is the same whichever of them have samples.
    fn announce(&mut self, row: MetricRow) -> usize {
        *self.places.entry(row.name).or_insert_with(|| {
            self.families.push((row, Vec::new()));
            self.families.len() - 1
        })
    }

    fn add(&mut self, row: MetricRow, workspace: Option<&Arc<str>>, mut samples: Vec<Sample>) {
        bound_labels(row.quantity, &mut samples);
        let place = self.announce(row);
        let series = samples
            .into_iter()
            .map(|sample| (workspace.cloned(), sample));
        self.families[place].1.extend(series);
    }

    /// The text of all of them; without the last line.
    fn write(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Registered(Mutex::new(self.families))));
        let mut exposition = String::new();
        text::encode(&mut exposition, &registry).expect("writing into a string cannot fail");
        with_help_last(exposition.strip_suffix(END).unwrap_or(&exposition))
    }
}

/// The one way to prometheus-client's encoder is a registry, so the families are wrapped as a collector of it.
#[derive(Debug)]
struct Registered(Mutex<Vec<(MetricRow, Vec<Series>)>>);

impl RegistryCollector for Registered {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let families = mem::take(&mut *self.0.lock().map_err(|_| fmt::Error)?);
        for (row, series) in families {
            if !series.is_empty() {
                family(&mut encoder, row, &series)?;
            }
        }
        Ok(())
    }
}

/// Puts each family's HELP behind its TYPE and UNIT, the order that OpenMetrics recommends.
fn with_help_last(exposition: &str) -> String {
    let mut ordered = String::with_capacity(exposition.len());
    let mut help = None;
    for line in exposition.lines() {
        if line.starts_with("# HELP ") {
            help = Some(line);
            continue;
        }
        let is_metadata = line.starts_with("# TYPE ") || line.starts_with("# UNIT ");
        if let Some(help) = help.take_if(|_| !is_metadata) {
            ordered.push_str(help);
            ordered.push('\n');
        }
        ordered.push_str(line);
        ordered.push('\n');
    }
    ordered
}

fn family(encoder: &mut DescriptorEncoder, row: MetricRow, series: &[Series]) -> fmt::Result {
    let shape = Shape::of(row.quantity);
    // The catalogue has whole names; prometheus-client adds the endings itself.
    let name = row.name.strip_suffix(shape.ending).unwrap_or(row.name);
    let mut metric = encoder.encode_descriptor(name, row.help, shape.unit.as_ref(), shape.kind)?;
    for (workspace, sample) in series {
        let own = row.labels.iter().copied();
        let labels: Vec<(&str, &str)> = workspace
            .iter()
            .map(|name| (WORKSPACE, name.as_ref()))
            .chain(own.zip(sample.labels.iter().map(Cow::as_ref)))
            .collect();
        if row.quantity == Quantity::Info {
            metric.encode_info(&labels)?;
        } else if labels.is_empty() {
            number(&mut metric, row.quantity, sample.value)?;
        } else {
            number(
                &mut metric.encode_family(&labels)?,
                row.quantity,
                sample.value,
            )?;
        }
    }
    Ok(())
}

/// What OpenMetrics makes of a quantity.
struct Shape {
    kind: MetricType,
    unit: Option<Unit>,
    /// The ending of the name that the encoder adds again.
    ending: &'static str,
}

impl Shape {
    fn of(quantity: Quantity) -> Self {
        let (kind, unit, ending) = match quantity {
            Quantity::Count | Quantity::Number | Quantity::State => (MetricType::Gauge, None, ""),
            Quantity::CountTotal => (MetricType::Counter, None, "_total"),
            Quantity::Bytes => (MetricType::Gauge, Some(Unit::Bytes), "_bytes"),
            Quantity::BytesTotal => (MetricType::Counter, Some(Unit::Bytes), "_bytes_total"),
            Quantity::Seconds | Quantity::Instant => {
                (MetricType::Gauge, Some(Unit::Seconds), "_seconds")
            }
            Quantity::SecondsTotal => (MetricType::Counter, Some(Unit::Seconds), "_seconds_total"),
            Quantity::Info => (MetricType::Info, None, "_info"),
            Quantity::Untyped => (MetricType::Unknown, None, ""),
        };
        Self { kind, unit, ending }
    }
}

/// Numbers without a fraction are written without a point.
fn number(metric: &mut MetricEncoder, quantity: Quantity, value: f64) -> fmt::Result {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_counter = matches!(
        quantity,
        Quantity::CountTotal | Quantity::BytesTotal | Quantity::SecondsTotal
    );
    if value.fract() == 0.0 && value.abs() < EXACT {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked to be whole and exact"
        )]
        let whole = value as i64;
        match (is_counter, u64::try_from(whole)) {
            (true, Ok(whole)) => metric.encode_counter::<NoLabelSet, _, u64>(&whole, None),
            _ => metric.encode_gauge(&whole),
        }
    } else if is_counter {
        metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
    } else {
        metric.encode_gauge(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, quantity: Quantity, labels: &'static [&'static str]) -> MetricRow {
        MetricRow {
            name,
            help: "Help.",
            source: "nowhere",
            quantity,
            labels,
        }
    }

    fn written(families: Vec<(MetricRow, Vec<Sample>)>) -> String {
        let mut all = Families::default();
        for (row, samples) in families {
            all.add(row, None, samples);
        }
        all.write()
    }

    #[test]
    fn families_of_several_workspaces_stand_together_in_the_announced_order() {
        let mut families = Families::default();
        let names: [Arc<str>; 2] = ["b".into(), "a".into()];
        let [first, second] = [("x", &["kind"][..]), ("y", &[])]
            .map(|(name, labels)| row(name, Quantity::Count, labels));
        families.announce(first);
        families.add(second, Some(&names[0]), one(1.0));
        families.add(first, Some(&names[1]), vec![Sample::of("k", 2.0)]);
        families.add(second, Some(&names[1]), one(3.0));
        assert_eq!(
            families.write(),
            "# TYPE x gauge\n# HELP x Help.\nx{workspace=\"a\",kind=\"k\"} 2\n\
             # TYPE y gauge\n# HELP y Help.\ny{workspace=\"b\"} 1\ny{workspace=\"a\"} 3\n"
        );
    }

    #[test]
    fn a_label_value_with_quote_backslash_and_newline_is_escaped() {
        assert_eq!(
            written(vec![(
                row("x", Quantity::Count, &["name"]),
                vec![Sample::of("a\"b\\c\nd", 1.0)],
            )]),
            "# TYPE x gauge\n# HELP x Help.\nx{name=\"a\\\"b\\\\c\\nd\"} 1\n"
        );
    }

    #[test]
    fn endings_are_written_once() {
        let families = vec![
            (
                row("a_seconds_total", Quantity::SecondsTotal, &[]),
                one(1.5),
            ),
            (row("b_total", Quantity::CountTotal, &[]), one(3.0)),
            (
                row("c_info", Quantity::Info, &["v"]),
                vec![Sample::of("x", 1.0)],
            ),
            (row("d_bytes", Quantity::Bytes, &[]), one(-7.0)),
            (row("e_total", Quantity::Untyped, &[]), one(2.0)),
        ];
        assert_eq!(
            written(families),
            "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds Help.\na_seconds_total 1.5\n\
             # TYPE b counter\n# HELP b Help.\nb_total 3\n\
             # TYPE c info\n# HELP c Help.\nc_info{v=\"x\"} 1\n\
             # TYPE d_bytes gauge\n# UNIT d_bytes bytes\n# HELP d_bytes Help.\nd_bytes -7\n\
             # TYPE e_total unknown\n# HELP e_total Help.\ne_total 2\n"
        );
    }

    fn one(value: f64) -> Vec<Sample> {
        vec![Sample {
            labels: Vec::new(),
            value,
        }]
    }
}
