//! `--print-statistics`: the reference of all metrics and fields of the document, as Markdown. `docs/statistics.md` has a
//! copy, and `docs/metrics.md` a summary.

use super::backfill::rule::{BackfillRule, SampleSource};
use super::backfill::rules::BACKFILL_RULES;
use crate::catalogue::{AS_OF, FieldRow, Metric, MetricRow, Quantity, RELEASE_LINES};
use crate::collectors::{Collector, LIVE, MINIMAL_METRICS, READINGS, REPLICATION, SECTIONS};
use crate::exposition::{COMPAT, EXPORTER_METRICS};

/// The reference.
pub fn markdown() -> String {
    let mut text = String::new();
    for section in SECTIONS {
        let collector = section.collector();
        line(&mut text, &["### ", section.title(), "\n"]);
        line(
            &mut text,
            &[
                "Collector `",
                collector.name(),
                "`, ",
                collector.tier().name(),
                " tier.\n",
            ],
        );
        metrics(&mut text, &section.metrics());
        fields(&mut text, &section.fields());
    }
    line(&mut text, &["### The exporter itself\n"]);
    metrics(&mut text, &exporter_metrics());
    line(&mut text, &["### The built-in exporter's names\n"]);
    compat(&mut text);
    line(&mut text, &["### The past\n"]);
    past(&mut text);
    line(&mut text, &["\n### Release lines\n"]);
    release_lines(&mut text);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// A table with a row for each section: its collector, tier, metrics and number of fields.
pub fn summary() -> String {
    let mut text = String::new();
    line(
        &mut text,
        &["| Section | Collector | Tier | Metrics | Fields of the document |"],
    );
    line(&mut text, &["|---|---|---|---|---|"]);
    for section in SECTIONS {
        let collector = section.collector();
        let names: Vec<_> = section
            .metrics()
            .iter()
            .map(|row| format!("`{}`", name_with_labels(row)))
            .collect();
        line(
            &mut text,
            &[
                "| ",
                section.title(),
                " | `",
                collector.name(),
                "` | ",
                collector.tier().name(),
                " | ",
                &names.join(", "),
                " | ",
                &section.fields().len().to_string(),
                " |",
            ],
        );
    }
    text
}

/// A table of the metrics in the profile `minimal`, with a row for each of its collectors.
#[must_use]
pub fn minimal_profile() -> String {
    let mut text = String::new();
    line(&mut text, &["| Collector | Metrics in `minimal` |"]);
    line(&mut text, &["|---|---|"]);
    let quoted = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    for collector in Collector::ALL {
        let metrics = collector.minimal_metrics();
        if !metrics.is_empty() {
            let metrics = quoted(metrics);
            line(
                &mut text,
                &["| `", collector.name(), "` | ", &metrics, " |"],
            );
        }
    }
    line(&mut text, &["| none | ", &quoted(&MINIMAL_METRICS), " |"]);
    text
}

fn exporter_metrics() -> Vec<MetricRow> {
    let readings = READINGS
        .iter()
        .chain(REPLICATION)
        .chain(LIVE)
        .map(Metric::row);
    readings
        .chain(EXPORTER_METRICS.iter().map(Metric::row))
        .collect()
}

fn metrics(text: &mut String, rows: &[MetricRow]) {
    line(text, &["| Metric | Type | Meaning | Source |"]);
    line(text, &["|---|---|---|---|"]);
    for row in rows {
        line(
            text,
            &[
                "| `",
                &name_with_labels(row),
                "` | ",
                kind(row.quantity),
                " | ",
                row.help,
                " | ",
                row.source,
                " |",
            ],
        );
    }
    text.push('\n');
}

fn fields(text: &mut String, rows: &[FieldRow]) {
    if rows.is_empty() {
        return;
    }
    line(text, &["| Field of the document | Rocket.Chat | Meaning |"]);
    line(text, &["|---|---|---|"]);
    for row in rows {
        let stored = if row.stored {
            " (from the newest stored document)"
        } else if row.withheld {
            " (never shown)"
        } else {
            ""
        };
        let key = row.key.map_or_else(String::new, |key| format!(" `{key}`"));
        line(
            text,
            &[
                "| `",
                row.path,
                "` | ",
                &row.versions.to_string(),
                " | ",
                row.meaning,
                &key,
                stored,
                " |",
            ],
        );
    }
    text.push('\n');
}

fn compat(text: &mut String) {
    line(
        text,
        &[
            "With `--compat-metrics`, and without a type. Fields are those of the statistics document, with current values.\n",
        ],
    );
    line(text, &["| Metric | Meaning | Field or source |"]);
    line(text, &["|---|---|---|"]);
    for metric in COMPAT {
        let row = metric.row();
        let source = match metric.field() {
            Some(path) => format!("`{path}`"),
            None => row.source.to_owned(),
        };
        line(
            text,
            &[
                "| `",
                &name_with_labels(&row),
                "` | ",
                row.help,
                " | ",
                &source,
                " |",
            ],
        );
    }
    text.push('\n');
}

fn past(text: &mut String) {
    line(
        text,
        &[
            "What `rocketchat-exporter backfill` reads from stored documents: only fields that the version which stored them \
             defines as the metric is defined.\n",
        ],
    );
    line(text, &["| Series | Rocket.Chat | Field |"]);
    line(text, &["|---|---|---|"]);
    let metrics = || SECTIONS.iter().flat_map(|section| section.metrics());
    for metric in metrics() {
        for row in BACKFILL_RULES
            .iter()
            .filter(|row| row.metric == metric.name)
        {
            line(
                text,
                &[
                    "| `",
                    &series(&metric, row),
                    "` | ",
                    &row.versions.to_string(),
                    " | ",
                    &source_of(&row.from),
                    " |",
                ],
            );
        }
    }
    let missing: Vec<_> = metrics()
        .filter(|metric| BACKFILL_RULES.iter().all(|row| row.metric != metric.name))
        .map(|metric| format!("`{}`", metric.name))
        .collect();
    line(
        text,
        &[
            "\nThe command writes no samples of these: ",
            &missing.join(", "),
            ".",
        ],
    );
}

/// The release lines of Rocket.Chat.
fn release_lines(text: &mut String) {
    line(
        text,
        &[
            "As of ",
            AS_OF,
            ". If no day was announced, it is estimated from the release: six months, or twelve for LTS. The sources are in \
             `src/catalogue/release_lines.rs`.\n",
        ],
    );
    line(text, &["| Rocket.Chat | Support ends | MongoDB |"]);
    line(text, &["|---|---|---|"]);
    let name = |line: &(u16, u16)| format!("{}.{}", line.0, line.1);
    for known in RELEASE_LINES {
        let end = known.end_of_support.map_or("not known".to_owned(), |end| {
            let suffix = if end.is_announced { "" } else { " (estimated)" };
            format!("{}{suffix}", end.day)
        });
        let servers: Vec<_> = known.mongodb.iter().map(name).collect();
        let servers = if servers.is_empty() {
            "not known".to_owned()
        } else {
            servers.join(", ")
        };
        line(
            text,
            &["| ", &name(&known.line), " | ", &end, " | ", &servers, " |"],
        );
    }
}

/// A series as in a query; only the names of labels that are read from documents.
fn series(metric: &MetricRow, row: &BackfillRule) -> String {
    if row.labels.is_empty() {
        return name_with_labels(metric);
    }
    let labels = metric.labels.iter().zip(row.labels);
    let labels: Vec<_> = labels
        .map(|(label, value)| format!("{label}=\"{value}\""))
        .collect();
    format!("{}{{{}}}", metric.name, labels.join(", "))
}

fn source_of(extract: &SampleSource) -> String {
    match extract {
        SampleSource::Number(path) | SampleSource::Instant(path) | SampleSource::Bool(path) => {
            format!("`{path}`")
        }
        SampleSource::Difference(path, others) => {
            let others: Vec<_> = others.iter().map(|path| format!("`{path}`")).collect();
            format!("`{path}` without {}", others.join(" and "))
        }
        SampleSource::Period(path, member) => format!("`{path}.data`: `{member}`"),
        SampleSource::Labels(paths) => {
            let paths: Vec<_> = paths.iter().map(|path| format!("`{path}`")).collect();
            paths.join(", ")
        }
    }
}

/// The name of a metric with the names of its labels.
fn name_with_labels(row: &MetricRow) -> String {
    match row.labels {
        [] => row.name.to_owned(),
        labels => format!("{}{{{}}}", row.name, labels.join(", ")),
    }
}

fn kind(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::CountTotal | Quantity::BytesTotal | Quantity::SecondsTotal => "counter",
        Quantity::Info => "info",
        Quantity::Untyped => "untyped",
        _ => "gauge",
    }
}

fn line(text: &mut String, parts: &[&str]) {
    text.extend(parts.iter().copied());
    text.push('\n');
}
