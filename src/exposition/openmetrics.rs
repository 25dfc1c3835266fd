//! Renders the catalogue as OpenMetrics 1.0 by prometheus-client.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::{fmt, io, mem};

use prometheus_client::collector::Collector as RegistryCollector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabel, EncodeLabelSet, LabelSetEncoder, MetricEncoder, NoLabelSet,
    text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::builtin_names::visit_compat_samples;
use super::exporter_metrics::{EXPORTER_METRICS, ExporterState};
use super::text::families;
use super::{MetricNames, WorkspaceSnapshot};
use crate::catalogue::{Metric, MetricRow, Quantity, Sample, bound_labels};
use crate::collectors::sections::Section;
use crate::collectors::{LIVE, READINGS, REPLICATION, SECTIONS, Snapshot};

/// The last line of an exposition.
pub const END: &str = "# EOF\n";

/// The label of several workspaces.
const WORKSPACE: &str = "workspace";

/// Renders the metrics of some workspaces in the order of the catalogue, without the last line. Each family is written at
/// once, as its metadata and its samples, which are made while they are encoded: only one family's text is in memory.
///
/// # Errors
/// Those of `write`.
pub fn render(
    workspaces: &[WorkspaceSnapshot],
    mut write: impl FnMut(&str, &str) -> io::Result<()>,
) -> io::Result<()> {
    let workspaces: Arc<[WorkspaceSnapshot]> = workspaces.into();
    let mut text = String::new();
    let mut render = |row, origin| {
        let workspaces = Arc::clone(&workspaces);
        encode(
            &mut text,
            CatalogueFamily {
                row,
                origin,
                workspaces,
            },
        );
        ordered_families(&text).try_for_each(|(metadata, samples)| write(&metadata, samples))
    };
    for metric in READINGS.iter().chain(REPLICATION).chain(LIVE) {
        render(metric.row(), SampleOrigin::Snapshot(metric))?;
    }
    for section in SECTIONS {
        for (index, row) in section.metrics().into_iter().enumerate() {
            render(row, SampleOrigin::Section(*section, index))?;
        }
    }
    let mut built_in = Families::default();
    for workspace in workspaces
        .iter()
        .filter(|workspace| workspace.names == MetricNames::WithCompat)
    {
        visit_compat_samples(&workspace.snapshot, &mut |row, samples| {
            built_in.add(row, workspace.workspace.as_ref(), samples);
        });
    }
    ordered_families(&built_in.encode())
        .try_for_each(|(metadata, samples)| write(&metadata, samples))
}

/// Renders the metrics about the exporter, with the last line.
pub fn render_exporter(exporter: &ExporterState) -> String {
    let mut families = Families::default();
    for metric in EXPORTER_METRICS {
        families.add(metric.row(), None, metric.samples(exporter));
    }
    families.write() + END
}

/// The metadata lines of a family with one series, and the series as at the beginning of a sample.
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

/// A sample, and its workspace where there are several.
type WorkspaceSample = (Option<Arc<str>>, Sample);

/// Families in the order in which they were announced.
#[derive(Debug, Default)]
struct Families {
    places: HashMap<&'static str, usize>,
    families: Vec<(MetricRow, Vec<WorkspaceSample>)>,
}

impl Families {
    /// Adds a family without samples, so that the order does not depend on which families have some.
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

    /// The text as prometheus-client orders it, without the last line.
    fn encode(self) -> String {
        let mut exposition = String::new();
        encode(&mut exposition, FamilyCollector(Mutex::new(self.families)));
        exposition
    }

    /// The text, without the last line.
    fn write(self) -> String {
        ordered_families(&self.encode())
            .map(|(metadata, samples)| metadata + samples)
            .collect()
    }
}

/// Encodes what a collector has, without the last line.
fn encode(text: &mut String, collector: impl RegistryCollector) {
    text.clear();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(collector));
    text::encode_registry(text, &registry).expect("writing into a string cannot fail");
}

/// A family of the catalogue in all workspaces, as a collector of a registry.
struct CatalogueFamily {
    row: MetricRow,
    origin: SampleOrigin,
    workspaces: Arc<[WorkspaceSnapshot]>,
}

/// Where the samples of a family come from.
#[derive(Clone, Copy)]
enum SampleOrigin {
    Snapshot(&'static Metric<Snapshot>),
    /// The metric at this index of a section.
    Section(&'static dyn Section, usize),
}

impl fmt::Debug for CatalogueFamily {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.row.name)
    }
}

impl RegistryCollector for CatalogueFamily {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let collector = match self.origin {
            SampleOrigin::Snapshot(_) => None,
            SampleOrigin::Section(section, _) => Some(section.collector()),
        };
        let workspaces = self.workspaces.iter();
        let exposing =
            workspaces.filter(|workspace| workspace.exposed.contains(collector, self.row.name));
        let samples = exposing.map(|workspace| {
            let mut samples = match self.origin {
                SampleOrigin::Snapshot(metric) => metric.samples(&workspace.snapshot),
                SampleOrigin::Section(section, index) => {
                    section.samples_at(&workspace.snapshot, index)
                }
            };
            bound_labels(self.row.quantity, &mut samples);
            (workspace.workspace.as_ref(), samples)
        });
        let mut samples = samples
            .filter(|(_, samples)| !samples.is_empty())
            .peekable();
        // A family without samples is absent.
        if samples.peek().is_none() {
            return Ok(());
        }
        let encoding = OpenMetricsType::of(self.row.quantity);
        let mut family = FamilyEncoder::new(&mut encoder, self.row, &encoding)?;
        for (workspace, samples) in samples {
            for sample in samples {
                family.add(workspace, &sample)?;
            }
        }
        Ok(())
    }
}

/// Families as a collector of a registry, the only way to prometheus-client's encoder.
#[derive(Debug)]
struct FamilyCollector(Mutex<Vec<(MetricRow, Vec<WorkspaceSample>)>>);

impl RegistryCollector for FamilyCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let families = mem::take(&mut *self.0.lock().map_err(|_| fmt::Error)?);
        for (row, series) in families {
            if series.is_empty() {
                continue;
            }
            let encoding = OpenMetricsType::of(row.quantity);
            let mut family = FamilyEncoder::new(&mut encoder, row, &encoding)?;
            for (workspace, sample) in series {
                family.add(workspace.as_ref(), &sample)?;
            }
        }
        Ok(())
    }
}

/// The metadata and the samples of each family, with HELP after TYPE and UNIT, as OpenMetrics recommends.
fn ordered_families(exposition: &str) -> impl Iterator<Item = (String, &str)> {
    families(exposition).map(|(metadata, samples)| {
        let lines = metadata.split_inclusive('\n');
        let (help, others): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("# HELP "));
        (others.concat() + &help.concat(), samples)
    })
}

/// Encodes one family.
struct FamilyEncoder<'a> {
    row: MetricRow,
    metric: MetricEncoder<'a>,
}

/// The labels of a sample, the workspace's first.
struct Labels<'a> {
    workspace: Option<&'a str>,
    names: &'static [&'static str],
    values: &'a [Cow<'static, str>],
}

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> fmt::Result {
        if let Some(workspace) = self.workspace {
            (WORKSPACE, workspace).encode(encoder.encode_label())?;
        }
        for (name, value) in self.names.iter().zip(self.values) {
            (*name, value.as_ref()).encode(encoder.encode_label())?;
        }
        Ok(())
    }
}

impl<'a> FamilyEncoder<'a> {
    fn new(
        encoder: &'a mut DescriptorEncoder,
        row: MetricRow,
        encoding: &'a OpenMetricsType,
    ) -> Result<Self, fmt::Error> {
        // prometheus-client adds the suffixes itself.
        let name = row.name.strip_suffix(encoding.suffix).unwrap_or(row.name);
        let metric =
            encoder.encode_descriptor(name, row.help, encoding.unit.as_ref(), encoding.kind)?;
        Ok(Self { row, metric })
    }

    fn add(&mut self, workspace: Option<&Arc<str>>, sample: &Sample) -> fmt::Result {
        let labels = Labels {
            workspace: workspace.map(AsRef::as_ref),
            names: self.row.labels,
            values: &sample.labels,
        };
        if self.row.quantity == Quantity::Info {
            self.metric.encode_info(&labels)
        } else if workspace.is_none() && sample.labels.is_empty() {
            number(&mut self.metric, self.row.quantity, sample.value)
        } else {
            let mut metric = self.metric.encode_family(&labels)?;
            number(&mut metric, self.row.quantity, sample.value)
        }
    }
}

/// How OpenMetrics represents a quantity.
struct OpenMetricsType {
    kind: MetricType,
    unit: Option<Unit>,
    /// The suffix of the name, which the encoder adds.
    suffix: &'static str,
}

impl OpenMetricsType {
    fn of(quantity: Quantity) -> Self {
        let (kind, unit, suffix) = match quantity {
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
        Self { kind, unit, suffix }
    }
}

/// Encodes whole numbers without a decimal point.
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
    fn families_of_several_workspaces_are_grouped_in_announced_order() {
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
    fn label_value_is_escaped() {
        assert_eq!(
            written(vec![(
                row("x", Quantity::Count, &["name"]),
                vec![Sample::of("a\"b\\c\nd", 1.0)],
            )]),
            "# TYPE x gauge\n# HELP x Help.\nx{name=\"a\\\"b\\\\c\\nd\"} 1\n"
        );
    }

    #[test]
    fn suffixes_are_written_once() {
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
