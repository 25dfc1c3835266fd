//! What the exporter costs mongod while nobody asks for anything special: its own intervals, for a while, against the
//! same while without it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::time::sleep;

use super::data::Data;
use super::exporter::{Exporter, Pace};
use super::meter::Meter;
use super::table::{Table, say};
use super::targets::{Limit, Target};

/// Shares of one core, in percent.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    seconds: u64,
    /// Each collector's duration over its interval, as the exporter itself stretched it, added up.
    computed_percent: f64,
    measured_percent: f64,
    idle_percent: f64,
}

pub(super) async fn measure(
    data: &Data,
    program: &Path,
    directory: &Path,
    seconds: u64,
) -> Result<Report> {
    say(&format!("steady state, twice {seconds} s"));
    let pid = data.mongod.pid().context("mongod is not running")?;
    let meter = Meter::new(&data.database, pid);
    let window = || sleep(Duration::from_secs(seconds));
    let idle = meter.processor_during(window()).await;
    let exporter = Exporter::start(program, data, Pace::Usual, directory).await?;
    let busy = meter.processor_during(window()).await;
    exporter.ensure_healthy().await?;
    let durations = exporter.durations().await?;
    let intervals = exporter
        .by_collector("rocketchat_exporter_collector_interval_seconds")
        .await?;
    let share: f64 = durations
        .iter()
        .filter(|(collector, _)| *collector != "host")
        .filter_map(|(collector, duration)| Some(duration / intervals.get(collector)?))
        .sum();
    let percent = |used: f64| used / seconds as f64 * 100.0;
    Ok(Report {
        seconds,
        computed_percent: share * 100.0,
        measured_percent: percent((busy - idle).max(0.0)),
        idle_percent: percent(idle),
    })
}

impl Report {
    pub(super) fn print(&self) {
        let mut table = Table::new(&["", "% of one core"]);
        let row = |name: &str, percent: f64| vec![name.to_owned(), format!("{percent:.3}")];
        table.row(row(
            "computed from durations and intervals",
            self.computed_percent,
        ));
        table.row(row(
            "measured, without the idle server's own",
            self.measured_percent,
        ));
        table.row(row("idle server", self.idle_percent));
        table.print(&format!("Steady state, over {} s", self.seconds));
    }

    pub(super) fn targets(&self) -> Vec<Target> {
        vec![
            Target::new(
                "share of a mongod core, computed, %",
                Some(self.computed_percent),
                Limit::Below(1.0),
            ),
            Target::new(
                "share of a mongod core, measured, %",
                Some(self.measured_percent),
                Limit::Below(1.0),
            ),
        ]
    }
}
