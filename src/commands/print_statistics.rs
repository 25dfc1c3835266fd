//! The reference: every metric and every field of the document, as Markdown. `docs/statistics.md` holds a copy, and
//! the README a summary.

use super::backfill::rule::{BackfillRule, Extract};
use super::backfill::series::BACKFILL_SERIES;
use crate::catalogue::{FieldRow, Metric, MetricRow, Quantity};
use crate::collectors::{LIVE, READINGS, REPLICATION, SECTIONS};
use crate::exposition::{COMPAT, EXPORTER_METRICS};

/// The whole reference.
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
    metrics(&mut text, &about_itself());
    line(&mut text, &["### The built-in exporter's names\n"]);
    compat(&mut text);
    line(&mut text, &["### The past\n"]);
    past(&mut text);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// A line for each section: what reads it, how often, and how much it shows.
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
            .map(|row| format!("`{}`", named(row)))
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

fn about_itself() -> Vec<MetricRow> {
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
                &named(row),
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
            "With `--compat-metrics`, and without a type. A field is the one of the statistics document, read fresh.\n",
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
            &["| `", &named(&row), "` | ", row.help, " | ", &source, " |"],
        );
    }
    text.push('\n');
}

fn past(text: &mut String) {
    line(
        text,
        &[
            "What `rocketchat-exporter backfill` takes from stored documents: only what the version that stored them defines as \
             the metric does.\n",
        ],
    );
    line(text, &["| Series | Rocket.Chat | Field |"]);
    line(text, &["|---|---|---|"]);
    let metrics = || SECTIONS.iter().flat_map(|section| section.metrics());
    for metric in metrics() {
        for row in BACKFILL_SERIES
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
                    &taken_from(&row.from),
                    " |",
                ],
            );
        }
    }
    let untold: Vec<_> = metrics()
        .filter(|metric| BACKFILL_SERIES.iter().all(|row| row.metric != metric.name))
        .map(|metric| format!("`{}`", metric.name))
        .collect();
    line(
        text,
        &[
            "\nStored documents do not tell these, or tell something else under a similar name: ",
            &untold.join(", "),
            ".",
        ],
    );
}

/// A series as a query names it; where labels are read too, only their names.
fn series(metric: &MetricRow, row: &BackfillRule) -> String {
    if row.labels.is_empty() {
        return named(metric);
    }
    let labels = metric.labels.iter().zip(row.labels);
    let labels: Vec<_> = labels
        .map(|(label, value)| format!("{label}=\"{value}\""))
        .collect();
    format!("{}{{{}}}", metric.name, labels.join(", "))
}

fn taken_from(place: &Extract) -> String {
    match place {
        Extract::Number(path) | Extract::Instant(path) | Extract::State(path) => {
            format!("`{path}`")
        }
        Extract::Without(path, others) => {
            let others: Vec<_> = others.iter().map(|it| format!("`{it}`")).collect();
            format!("`{path}` without {}", others.join(" and "))
        }
        Extract::Period(path, member) => format!("`{path}.data`: `{member}`"),
        Extract::Labels(paths) => {
            let paths: Vec<_> = paths.iter().map(|it| format!("`{it}`")).collect();
            paths.join(", ")
        }
    }
}

/// A metric's name with those of its labels.
fn named(row: &MetricRow) -> String {
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
