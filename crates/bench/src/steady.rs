//! The load of the exporter on mongod at its default intervals: without live mode, in live mode, and for comparison the
//! load of an idle mongod.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use tokio::time::sleep;

use crate::data::Data;
use crate::exporter::{Exporter, Intervals, Mode, Setup};
use crate::meter::Meter;
use crate::table::{Table, say};
use crate::targets::{Limit, Target};

/// Shares of one core, in percent.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    seconds: u64,
    /// The sum of each collector's duration divided by its actual interval.
    computed_percent: f64,
    /// The measured share without live mode, minus that of the idle server.
    measured_percent: f64,
    /// The same in live mode.
    live_percent: f64,
    idle_percent: f64,
}

pub(crate) async fn measure(
    data: &Data,
    program: &Path,
    directory: &Path,
    seconds: u64,
) -> Result<Report> {
    say(&format!("steady state, three times {seconds} s"));
    let pid = data.mongod.pid().context("mongod is not running")?;
    let meter = Meter::new(&data.database, pid);
    let window = || sleep(Duration::from_secs(seconds));
    let idle = meter.processor_during(window()).await;
    let percent = |used: f64| used / seconds as f64 * 100.0;
    let above_idle = |used: f64| percent((used - idle).max(0.0));
    let start = async |mode| {
        let setup = Setup::new(Intervals::Default, mode);
        Exporter::start(setup, program, data, directory).await
    };
    let reading = start(Mode::Reading).await?;
    let used_by_reading = meter.processor_during(window()).await;
    reading.ensure_healthy().await?;
    let share = computed_share(&reading).await?;
    drop(reading);
    let live = start(Mode::Live).await?;
    let used_by_live = meter.processor_during(window()).await;
    live.ensure_healthy().await?;
    Ok(Report {
        seconds,
        computed_percent: share * 100.0,
        measured_percent: above_idle(used_by_reading),
        live_percent: above_idle(used_by_live),
        idle_percent: percent(idle),
    })
}

/// The sum of each collector's duration divided by its interval.
async fn computed_share(exporter: &Exporter) -> Result<f64> {
    let durations = exporter.durations().await?;
    let intervals = exporter
        .by_collector("rocketchat_exporter_collector_interval_seconds")
        .await?;
    let shares = durations
        .iter()
        .filter(|(collector, _)| *collector != "host")
        .filter_map(|(collector, duration)| Some(duration / intervals.get(collector)?));
    Ok(shares.sum())
}

impl Report {
    pub(crate) fn print(&self) {
        let mut table = Table::new(&["", "% of one core"]);
        let row = |name: &str, percent: f64| vec![name.to_owned(), format!("{percent:.3}")];
        table.row(row(
            "reading, computed from durations and intervals",
            self.computed_percent,
        ));
        table.row(row(
            "reading, measured, without the idle server's own",
            self.measured_percent,
        ));
        table.row(row(
            "live, measured, without the idle server's own",
            self.live_percent,
        ));
        table.row(row("idle server", self.idle_percent));
        table.print(&format!(
            "Steady state, over {} s without changes and without a full reading in live mode",
            self.seconds
        ));
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
        let below_one = |name, percent| Target::new(name, Some(percent), Limit::Below(1.0));
        vec![
            below_one("share of a mongod core, computed, %", self.computed_percent),
            below_one("share of a mongod core, measured, %", self.measured_percent),
            below_one(
                "live, share of a mongod core, measured, %",
                self.live_percent,
            ),
        ]
    }
}
