//! How the cost of each collector grows with the workspace: the same refresh without live mode at a tenth, a third and the
//! whole size.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::data::Data;
use crate::refresh::{self, Contenders};
use crate::size;
use crate::table::{Table, say, seconds};

const FRACTIONS: [f64; 3] = [0.1, 1.0 / 3.0, 1.0];

/// A refresh at each size, the smallest first.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    sizes: Vec<refresh::Report>,
}

pub(crate) async fn measure(
    size: &size::Options,
    program: &Path,
    directory: &Path,
    rounds: usize,
) -> Result<Report> {
    let mut sizes = Vec::new();
    for fraction in FRACTIONS {
        let size = size.resolve(fraction)?;
        say(&format!("growth, with {} users", size.users));
        let data = Data::open(directory, &size).await?;
        let field = Contenders::ExporterAndLowerBound;
        let report = refresh::measure(&data, &size, program, directory, rounds, field).await;
        data.close().await?;
        sizes.push(report?);
    }
    Ok(Report { sizes })
}

impl Report {
    pub(crate) fn print(&self) {
        let users = self
            .sizes
            .iter()
            .map(|report| format!("{} users", report.size().users));
        let mut heading = vec!["collector, mongod CPU".to_owned()];
        heading.extend(users);
        heading.push("grows by".to_owned());
        let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
        let mut table = Table::new(&heading);
        let Some(largest) = self.sizes.last() else {
            return;
        };
        for section in largest.sections() {
            let times: Vec<f64> = self
                .sizes
                .iter()
                .filter_map(|report| {
                    let mut sections = report.sections().iter();
                    let section = sections.find(|other| other.collector == section.collector)?;
                    Some(section.mongod_cpu_seconds)
                })
                .collect();
            table.row(row(&section.collector, &times));
        }
        let walls =
            |number: fn(&refresh::Report) -> f64| self.sizes.iter().map(number).collect::<Vec<_>>();
        table.row(row(
            "all, wall",
            &walls(|report| report.exporter_and_lower_bound().0.wall_seconds),
        ));
        table.row(row(
            "all, mongod CPU",
            &walls(|report| report.exporter_and_lower_bound().0.mongod_cpu_seconds),
        ));
        table.row(row(
            "lower bound, mongod CPU",
            &walls(|report| report.exporter_and_lower_bound().1.mongod_cpu_seconds),
        ));
        table.print("Growth: ten times the workspace is how many times the cost");
    }
}

fn row(name: &str, times: &[f64]) -> Vec<String> {
    let mut cells = vec![name.to_owned()];
    cells.extend(times.iter().map(|time| seconds(*time)));
    cells.push(match times {
        [first, .., last] if *first > 0.0 => format!("x {:.1}", last / first),
        _ => "-".to_owned(),
    });
    cells
}
