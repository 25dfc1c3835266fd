//! One refresh of everything: Rocket.Chat's own way twice, the exporter's, and the floor, in turn, so that whatever else
//! the machine does disturbs all of them alike.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::data::{self, Data};
use super::exporter::{Exporter, Pace};
use super::floor;
use super::median::{median, median_ratio};
use super::meter::{Cost, Meter};
use super::profile::{self, Query};
use super::rocketchat::Way;
use super::size::Size;
use super::table::{Table, bytes, ratio, say, seconds};
use super::targets::{Limit, Target};

/// Who is measured.
const EXPORTER: &str = "rocketchat-exporter";
const FOR_V3_4: &str = "rocketchat-exporter, document of 3.4.0";
const FOR_V6_2: &str = "rocketchat-exporter, document of 6.2";
const FLOOR: &str = "floor";
const V3_4: &str = "Rocket.Chat 3.4.0";
const V6_2: &str = "Rocket.Chat 6.2";

/// What was measured at one size.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    size: Size,
    documents: Vec<(String, u64)>,
    seconds_to_fill: Option<f64>,
    rounds: usize,
    /// The median of each contender, and each round.
    contenders: BTreeMap<&'static str, Contender>,
    sections: Vec<Section>,
    /// Each query of one refresh of the exporter, the slowest first.
    queries: Vec<Query>,
}

#[derive(Debug, Serialize)]
struct Contender {
    median: Cost,
    rounds: Vec<Cost>,
}

/// One collector of the exporter.
#[derive(Debug, Serialize)]
pub(super) struct Section {
    pub(super) collector: String,
    pub(super) seconds: f64,
    /// What the floor took for the same.
    pub(super) floor_seconds: Option<f64>,
    pub(super) queries: usize,
    pub(super) documents_examined: f64,
    pub(super) keys_examined: f64,
    pub(super) bytes: f64,
}

/// Whether Rocket.Chat's own way is measured too, which takes by far the longest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Everybody,
    ExporterAndFloor,
}

pub(super) async fn measure(
    data: &Data,
    size: &Size,
    program: &Path,
    directory: &Path,
    rounds: usize,
    field: Field,
) -> Result<Report> {
    let pid = data.mongod.pid().context("mongod is not running")?;
    let meter = Meter::new(&data.database, pid);
    let exporter = Exporter::start(program, data, Pace::OnRequest, directory).await?;
    exporter.ensure_healthy().await?;
    let steps = floor::steps(data.now);
    let mut contenders = vec![EXPORTER, FLOOR];
    let mut others = BTreeMap::new();
    if field == Field::Everybody {
        contenders.extend([V3_4, V6_2, FOR_V3_4, FOR_V6_2]);
        for (name, version) in [(FOR_V3_4, "3.4.0"), (FOR_V6_2, "6.2.0")] {
            let version = Some(version);
            let exporter =
                Exporter::start_for(version, program, data, Pace::OnRequest, directory).await?;
            exporter.ensure_healthy().await?;
            others.insert(name, exporter);
        }
    }
    let ways = BTreeMap::from([(V3_4, Way::of_3_4(data.now)), (V6_2, Way::of_6_2(data.now))]);
    let mut costs: BTreeMap<&str, Vec<Cost>> = BTreeMap::new();
    let mut durations: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut floors: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for round in 0..=rounds {
        // The first round fills the caches and does not count; each round begins with another contender.
        let counts = round > 0;
        say(&if counts {
            format!("refresh, round {round} of {rounds}")
        } else {
            "refresh, warming up".to_owned()
        });
        for turn in 0..contenders.len() {
            let contender = contenders[(round + turn) % contenders.len()];
            let cost = match contender {
                EXPORTER => {
                    let (cost, ()) = meter.measure(exporter.refresh(data)).await?;
                    if counts {
                        for (collector, seconds) in exporter.durations().await? {
                            durations.entry(collector).or_default().push(seconds);
                        }
                    }
                    cost
                }
                FLOOR => {
                    let (cost, timings) = meter.measure(floor::run(&steps, &data.database)).await?;
                    if counts {
                        let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
                        for timing in timings {
                            *sums.entry(timing.collector).or_default() += timing.seconds;
                        }
                        for (collector, seconds) in sums {
                            floors.entry(collector).or_default().push(seconds);
                        }
                    }
                    cost
                }
                _ => match others.get(contender) {
                    Some(exporter) => meter.measure(exporter.refresh(data)).await?.0,
                    None => meter.measure(ways[contender].run(&data.database)).await?.0,
                },
            };
            if counts {
                costs.entry(contender).or_default().push(cost);
            }
        }
    }
    let queries = profile::during(&data.database, exporter.refresh(data)).await?;
    exporter.ensure_healthy().await?;
    Ok(Report {
        size: size.clone(),
        documents: data::counts(&data.database).await?,
        seconds_to_fill: data.seconds_to_fill,
        rounds,
        contenders: contenders
            .into_iter()
            .map(|name| {
                let rounds = costs.remove(name).unwrap_or_default();
                let median = Cost::median(&rounds);
                (name, Contender { median, rounds })
            })
            .collect(),
        sections: sections(&durations, &floors, &queries),
        queries,
    })
}

fn sections(
    durations: &BTreeMap<String, Vec<f64>>,
    floors: &BTreeMap<&str, Vec<f64>>,
    queries: &[Query],
) -> Vec<Section> {
    let server = profile::by_collector(queries);
    let collectors: BTreeSet<&String> = durations.keys().collect();
    let mut sections: Vec<Section> = collectors
        .into_iter()
        // The host asks the database nothing.
        .filter(|collector| *collector != "host")
        .map(|collector| {
            let sums = server.get(collector.as_str()).copied().unwrap_or_default();
            Section {
                collector: collector.clone(),
                seconds: median(durations[collector].iter().copied()),
                floor_seconds: floors
                    .get(collector.as_str())
                    .map(|times| median(times.iter().copied())),
                queries: sums.queries,
                documents_examined: sums.documents_examined,
                keys_examined: sums.keys_examined,
                bytes: sums.bytes,
            }
        })
        .collect();
    sections.sort_by(|left, right| right.seconds.total_cmp(&left.seconds));
    sections
}

impl Report {
    pub(super) fn sections(&self) -> &[Section] {
        &self.sections
    }

    pub(super) fn size(&self) -> &Size {
        &self.size
    }

    /// What the exporter and the floor cost in the median.
    pub(super) fn exporter_and_floor(&self) -> (Cost, Cost) {
        let median = |name| {
            self.contenders
                .get(name)
                .map(|it| it.median)
                .unwrap_or_default()
        };
        (median(EXPORTER), median(FLOOR))
    }

    /// The median over the rounds of one contender's number as a multiple of another's.
    fn ratio(&self, of: &str, to: &str, number: fn(&Cost) -> f64) -> Option<f64> {
        let rounds = |name| self.contenders.get(name).map(|it| it.rounds.iter());
        median_ratio(
            rounds(of)?
                .zip(rounds(to)?)
                .map(|(left, right)| (number(left), number(right))),
        )
    }

    pub(super) fn print(&self) {
        let mut table = Table::new(&[
            "",
            "wall",
            "x floor",
            "mongod CPU",
            "x floor",
            "documents",
            "keys",
            "sent",
        ]);
        for (name, contender) in &self.contenders {
            let cost = contender.median;
            let times = |number: fn(&Cost) -> f64| {
                let ratio = self.ratio(name, FLOOR, number);
                ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
            };
            table.row(vec![
                (*name).to_owned(),
                seconds(cost.wall_seconds),
                times(|it| it.wall_seconds),
                seconds(cost.mongod_cpu_seconds),
                times(|it| it.mongod_cpu_seconds),
                format!("{:.0}", cost.documents_examined),
                format!("{:.0}", cost.keys_examined),
                bytes(cost.bytes),
            ]);
        }
        let size = &self.size;
        table.print(&format!(
            "One refresh: {} users, {} rooms, {} messages, {} uploads, {} rows of sessions; medians of {} rounds",
            size.users, size.rooms, size.messages, size.uploads, size.sessions, self.rounds
        ));
        let mut table = Table::new(&[
            "collector",
            "wall",
            "floor",
            "x floor",
            "queries",
            "documents",
            "keys",
            "sent",
        ]);
        for section in &self.sections {
            let floor = section.floor_seconds;
            table.row(vec![
                section.collector.clone(),
                seconds(section.seconds),
                floor.map_or_else(|| "-".to_owned(), seconds),
                floor.map_or_else(|| "-".to_owned(), |floor| ratio(section.seconds, floor)),
                section.queries.to_string(),
                format!("{:.0}", section.documents_examined),
                format!("{:.0}", section.keys_examined),
                bytes(section.bytes),
            ]);
        }
        table.print("The exporter's collectors in that refresh, beside one another as they run");
    }

    pub(super) fn targets(&self) -> Vec<Target> {
        let wall: fn(&Cost) -> f64 = |it| it.wall_seconds;
        let processor: fn(&Cost) -> f64 = |it| it.mongod_cpu_seconds;
        let fast =
            |section: &&Section| ["instances", "presence"].contains(&section.collector.as_str());
        let sum = |sections: Vec<&Section>| sections.iter().map(|it| it.seconds).sum::<f64>();
        let all = sum(self.sections.iter().collect());
        let of_fast = sum(self.sections.iter().filter(fast).collect());
        let scans = profile::scans_of_messages(&self.queries);
        vec![
            Target::new(
                "full refresh, wall, against the floor",
                self.ratio(EXPORTER, FLOOR, wall),
                Limit::AtMost(1.3),
            ),
            Target::new(
                "full refresh, mongod CPU, against the floor",
                self.ratio(EXPORTER, FLOOR, processor),
                Limit::AtMost(1.3),
            ),
            Target::new(
                "3.4.0's way against ours, wall",
                self.ratio(V3_4, EXPORTER, wall),
                Limit::AtLeast(6.0),
            ),
            Target::new(
                "3.4.0's way against ours, mongod CPU",
                self.ratio(V3_4, EXPORTER, processor),
                Limit::AtLeast(6.0),
            ),
            Target::new(
                "6.2's way against ours, wall",
                self.ratio(V6_2, EXPORTER, wall),
                Limit::AtLeast(15.0),
            ),
            Target::new(
                "6.2's way against ours, mongod CPU",
                self.ratio(V6_2, EXPORTER, processor),
                Limit::AtLeast(15.0),
            ),
            Target::new(
                "3.4.0's way against ours for its document, wall",
                self.ratio(V3_4, FOR_V3_4, wall),
                Limit::AtLeast(6.0),
            ),
            Target::new(
                "3.4.0's way against ours for its document, mongod CPU",
                self.ratio(V3_4, FOR_V3_4, processor),
                Limit::AtLeast(6.0),
            ),
            Target::new(
                "6.2's way against ours for its document, wall",
                self.ratio(V6_2, FOR_V6_2, wall),
                Limit::AtLeast(15.0),
            ),
            Target::new(
                "6.2's way against ours for its document, mongod CPU",
                self.ratio(V6_2, FOR_V6_2, processor),
                Limit::AtLeast(15.0),
            ),
            Target::new("scans of messages", Some(scans as f64), Limit::AtMost(0.0)),
            Target::new(
                "fast tier's part of the full refresh, %",
                (all > 0.0).then(|| of_fast / all * 100.0),
                Limit::Below(2.0),
            ),
        ]
    }
}
