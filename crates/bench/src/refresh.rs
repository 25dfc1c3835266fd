//! A refresh of everything: two versions of Rocket.Chat, the exporter, and the lower bound, in turns, so that other load
//! disturbs all of them alike.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use mongodb::bson::{Document, doc};
use serde::Serialize;
use tokio::time::sleep;

use crate::data::{self, Data};
use crate::exporter::{Exporter, Intervals, Mode, Setup};
use crate::lower_bound;
use crate::median::{median, median_ratio};
use crate::meter::{Cost, Meter};
use crate::profile::{self, ProfiledQuery, QueryTotals};
use crate::rocketchat::Workload;
use crate::size::Size;
use crate::table::{Table, bytes, ratio, say, seconds};
use crate::targets::{Limit, Target};

/// The contenders.
const EXPORTER: &str = "rocketchat-exporter";
const EXPORTER_AFTER_CHANGE: &str = "rocketchat-exporter, an account was created";
const FOR_V3_4: &str = "rocketchat-exporter, document of 3.4.0";
const FOR_V6_2: &str = "rocketchat-exporter, document of 6.2";
const LIVE: &str = "rocketchat-exporter, live";
const LIVE_FOR_V3_4: &str = "rocketchat-exporter, live, document of 3.4.0";
const LIVE_FOR_V6_2: &str = "rocketchat-exporter, live, document of 6.2";
const LOWER_BOUND: &str = "lower bound";
const V3_4: &str = "Rocket.Chat 3.4.0";
const V6_2: &str = "Rocket.Chat 6.2";

/// The collection of accounts: while its indexes show that none has changed, a refresh leaves them out.
const ACCOUNTS: &str = "users";

/// How long live mode has to take in what was written.
const PAUSE: Duration = Duration::from_secs(2);

/// The collectors of the exporter's fast tier.
const FAST: [&str; 2] = ["instances", "presence"];

/// The exporters: name, mode, and configured version of Rocket.Chat.
const EXPORTERS: [(&str, Mode, Option<&str>); 6] = [
    (EXPORTER, Mode::Reading, None),
    (FOR_V3_4, Mode::Reading, Some("3.4.0")),
    (FOR_V6_2, Mode::Reading, Some("6.2.0")),
    (LIVE, Mode::Live, None),
    (LIVE_FOR_V3_4, Mode::Live, Some("3.4.0")),
    (LIVE_FOR_V6_2, Mode::Live, Some("6.2.0")),
];

/// The exporters of each mode, with the document of the newest version, of 3.4.0 and of 6.2; and how near they are to be to
/// the lower bound.
const MODES: [(&str, [&str; 3], Limit); 2] = [
    ("", [EXPORTER, FOR_V3_4, FOR_V6_2], Limit::AtMost(1.5)),
    (
        "live, ",
        [LIVE, LIVE_FOR_V3_4, LIVE_FOR_V6_2],
        Limit::AtMost(1.3),
    ),
];

const OF_V3_4: Limit = Limit::AtLeast(6.0);
const OF_V6_2: Limit = Limit::AtLeast(15.0);

/// The results at one size.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    size: Size,
    documents: Vec<(String, u64)>,
    seconds_to_fill: Option<f64>,
    rounds: usize,
    /// The median and the rounds of each contender.
    contenders: BTreeMap<&'static str, Contender>,
    sections: Vec<Section>,
    /// The queries of a refresh of the exporter, slowest first.
    queries: Vec<ProfiledQuery>,
}

#[derive(Debug, Serialize)]
struct Contender {
    median: Cost,
    rounds: Vec<Cost>,
}

/// The cost of a collector without live mode.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) collector: String,
    /// Duration measured by the exporter, including waiting for connections and concurrent collectors.
    pub(crate) wall_seconds: f64,
    /// CPU time of its queries, from mongod's profiler.
    pub(crate) mongod_cpu_seconds: f64,
    /// CPU time of the lower bound's queries for the same collector.
    pub(crate) lower_bound_cpu_seconds: Option<f64>,
    pub(crate) queries: usize,
    pub(crate) documents_examined: f64,
    pub(crate) keys_examined: f64,
    pub(crate) bytes: f64,
}

/// Whether Rocket.Chat's own queries are measured too, which take by far the longest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contenders {
    All,
    ExporterAndLowerBound,
}

pub(crate) async fn measure(
    data: &Data,
    size: &Size,
    program: &Path,
    directory: &Path,
    rounds: usize,
    field: Contenders,
) -> Result<Report> {
    let pid = data.mongod.pid().context("mongod is not running")?;
    let meter = Meter::new(&data.database, pid);
    let steps = lower_bound::steps(data.now);
    let mut contenders = vec![LOWER_BOUND];
    let mut exporters = BTreeMap::new();
    for (name, mode, version) in EXPORTERS {
        if field == Contenders::All || name == EXPORTER {
            let setup = Setup {
                intervals: Intervals::OnRequest,
                mode,
                version,
            };
            let exporter = Exporter::start(setup, program, data, directory).await?;
            exporter.ensure_healthy().await?;
            contenders.push(name);
            exporters.insert(name, exporter);
        }
    }
    if field == Contenders::All {
        contenders.extend([V3_4, V6_2]);
    }
    let ways = BTreeMap::from([
        (V3_4, Workload::v3_4(data.now)),
        (V6_2, Workload::v6_2(data.now)),
    ]);
    let mut costs: BTreeMap<&str, Vec<Cost>> = BTreeMap::new();
    let mut durations: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for round in 0..=rounds {
        // The first round warms the caches and does not count; each round begins with another contender.
        let counts = round > 0;
        say(&if counts {
            format!("refresh, round {round} of {rounds}")
        } else {
            "refresh, warming up".to_owned()
        });
        use_accounts(data, round).await?;
        for turn in 0..contenders.len() {
            let contender = contenders[(round + turn) % contenders.len()];
            let cost = match exporters.get(contender) {
                Some(exporter) => {
                    let cost = meter.measure(exporter.refresh(data)).await?.0;
                    if counts && contender == EXPORTER {
                        for (collector, seconds) in exporter.durations().await? {
                            durations.entry(collector).or_default().push(seconds);
                        }
                    }
                    cost
                }
                None if contender == LOWER_BOUND => {
                    meter
                        .measure(lower_bound::run(&steps, &data.database))
                        .await?
                        .0
                }
                None => meter.measure(ways[contender].run(&data.database)).await?.0,
            };
            if counts {
                costs.entry(contender).or_default().push(cost);
            }
        }
        let cost = after_change(&meter, &exporters, data).await?;
        if counts {
            costs.entry(EXPORTER_AFTER_CHANGE).or_default().push(cost);
        }
    }
    contenders.push(EXPORTER_AFTER_CHANGE);
    for exporter in exporters.values() {
        exporter.ensure_healthy().await?;
    }
    // Queries of the other exporters would be recorded too.
    exporters.retain(|name, _| *name == EXPORTER);
    let exporter = &exporters[EXPORTER];
    let (mut queries, mut of_exporter, mut of_lower_bound) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        create_account(data).await?;
        let refresh = exporter.refresh(data);
        queries = profile::during(&data.database, profile::COMMENT, refresh).await?;
        of_exporter.push(profile::by_collector(&queries));
        let run = lower_bound::run(&steps, &data.database);
        let asked = profile::during(&data.database, lower_bound::COMMENT, run).await?;
        of_lower_bound.push(profile::by_collector(&asked));
    }
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
        sections: sections(&durations, &of_exporter, &of_lower_bound),
        queries,
    })
}

/// Writes to the connected accounts what Rocket.Chat does while they are used.
async fn use_accounts(data: &Data, round: usize) -> Result<()> {
    let accounts = data.database.collection::<Document>(ACCOUNTS);
    let connected = doc! { "status": { "$in": ["online", "away", "busy"] } };
    let used = doc! {
        "$set": { "statusText": format!("round {round}") },
        "$currentDate": { "_updatedAt": true },
    };
    accounts.update_many(connected, used).await?;
    sleep(PAUSE).await;
    Ok(())
}

/// The cost of a refresh after an account was created.
async fn after_change(
    meter: &Meter,
    exporters: &BTreeMap<&str, Exporter>,
    data: &Data,
) -> Result<Cost> {
    create_account(data).await?;
    let cost = meter.measure(exporters[EXPORTER].refresh(data)).await?.0;
    for exporter in exporters.values() {
        // Otherwise the others would read the accounts in the next round.
        exporter.refresh(data).await?;
    }
    Ok(cost)
}

/// Creates an account, and removes it again so that the next round reads as many.
async fn create_account(data: &Data) -> Result<()> {
    let accounts = data.database.collection::<Document>(ACCOUNTS);
    let account = doc! { "_id": "created", "username": "created" };
    accounts.insert_one(&account).await?;
    accounts.delete_one(account).await?;
    sleep(PAUSE).await;
    Ok(())
}

/// The collectors of a refresh, from the profiles of all rounds.
fn sections(
    durations: &BTreeMap<String, Vec<f64>>,
    of_exporter: &[BTreeMap<String, QueryTotals>],
    of_lower_bound: &[BTreeMap<String, QueryTotals>],
) -> Vec<Section> {
    let Some(last) = of_exporter.last() else {
        return Vec::new();
    };
    let processor = |rounds: &[BTreeMap<String, QueryTotals>], collector: &str| {
        let sums: Vec<_> = rounds
            .iter()
            .filter_map(|totals| totals.get(collector))
            .collect();
        (!sums.is_empty()).then(|| median(sums.iter().map(|totals| totals.cpu_seconds)))
    };
    let mut sections: Vec<Section> = last
        .iter()
        .map(|(collector, sums)| {
            let walls = durations.get(collector).into_iter().flatten();
            Section {
                collector: collector.clone(),
                wall_seconds: median(walls.copied()),
                mongod_cpu_seconds: processor(of_exporter, collector).unwrap_or_default(),
                lower_bound_cpu_seconds: processor(of_lower_bound, collector),
                queries: sums.queries,
                documents_examined: sums.documents_examined,
                keys_examined: sums.keys_examined,
                bytes: sums.bytes,
            }
        })
        .collect();
    sections.sort_by(|left, right| right.mongod_cpu_seconds.total_cmp(&left.mongod_cpu_seconds));
    sections
}

impl Report {
    pub(crate) fn sections(&self) -> &[Section] {
        &self.sections
    }

    pub(crate) fn size(&self) -> &Size {
        &self.size
    }

    /// The median costs of the exporter and the lower bound.
    pub(crate) fn exporter_and_lower_bound(&self) -> (Cost, Cost) {
        let median = |name| {
            self.contenders
                .get(name)
                .map(|contender| contender.median)
                .unwrap_or_default()
        };
        (median(EXPORTER), median(LOWER_BOUND))
    }

    /// The median over the rounds of one contender's number as a multiple of another's.
    fn ratio(&self, of: &str, to: &str, number: fn(&Cost) -> f64) -> Option<f64> {
        let rounds = |name| {
            self.contenders
                .get(name)
                .map(|contender| contender.rounds.iter())
        };
        median_ratio(
            rounds(of)?
                .zip(rounds(to)?)
                .map(|(left, right)| (number(left), number(right))),
        )
    }

    pub(crate) fn print(&self) {
        let mut table = Table::new(&[
            "",
            "wall",
            "x bound",
            "mongod CPU",
            "x bound",
            "documents",
            "keys",
            "sent",
        ]);
        for (name, contender) in &self.contenders {
            let cost = contender.median;
            let times = |number: fn(&Cost) -> f64| {
                let ratio = self.ratio(name, LOWER_BOUND, number);
                ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
            };
            table.row(vec![
                (*name).to_owned(),
                seconds(cost.wall_seconds),
                times(|cost| cost.wall_seconds),
                seconds(cost.mongod_cpu_seconds),
                times(|cost| cost.mongod_cpu_seconds),
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
            "mongod CPU",
            "bound's",
            "x bound",
            "queries",
            "documents",
            "keys",
            "sent",
        ]);
        for section in &self.sections {
            let bound = section.lower_bound_cpu_seconds;
            let processor = section.mongod_cpu_seconds;
            table.row(vec![
                section.collector.clone(),
                seconds(section.wall_seconds),
                seconds(processor),
                bound.map_or_else(|| "-".to_owned(), seconds),
                bound.map_or_else(|| "-".to_owned(), |bound| ratio(processor, bound)),
                section.queries.to_string(),
                format!("{:.0}", section.documents_examined),
                format!("{:.0}", section.keys_examined),
                bytes(section.bytes),
            ]);
        }
        table.print(
            "The reading exporter's collectors in that refresh; wall with waiting for the others",
        );
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for (mode, [whole, for_3_4, for_6_2], near_lower_bound) in MODES {
            // The first contender's number as a multiple of the second's.
            let promises = [
                ("full refresh", whole, LOWER_BOUND, near_lower_bound),
                ("3.4.0's way against ours", V3_4, whole, OF_V3_4),
                ("6.2's way against ours", V6_2, whole, OF_V6_2),
                (
                    "3.4.0's way against ours for its document",
                    V3_4,
                    for_3_4,
                    OF_V3_4,
                ),
                (
                    "6.2's way against ours for its document",
                    V6_2,
                    for_6_2,
                    OF_V6_2,
                ),
            ];
            for (name, of, to, limit) in promises {
                let against = if to == LOWER_BOUND {
                    ", against the lower bound"
                } else {
                    ""
                };
                let wall = self.ratio(of, to, |cost| cost.wall_seconds);
                let processor = self.ratio(of, to, |cost| cost.mongod_cpu_seconds);
                for (figure, ratio) in [("wall", wall), ("mongod CPU", processor)] {
                    let name = format!("{mode}{name}, {figure}{against}");
                    targets.push(Target::new(name, ratio, limit));
                }
            }
        }
        let scans = profile::scans_of_messages(&self.queries);
        targets.push(Target::new(
            "scans of messages",
            Some(scans as f64),
            Limit::AtMost(0.0),
        ));
        let spent = |sections: &mut dyn Iterator<Item = &Section>| {
            sections
                .map(|section| section.mongod_cpu_seconds)
                .sum::<f64>()
        };
        let fast = |section: &&Section| FAST.contains(&section.collector.as_str());
        let by_all = spent(&mut self.sections.iter());
        let by_fast = spent(&mut self.sections.iter().filter(fast));
        targets.push(Target::new(
            "fast tier's part of the full refresh, %",
            (by_all > 0.0).then(|| by_fast / by_all * 100.0),
            Limit::Below(2.0),
        ));
        targets
    }
}
