//! What following changes costs mongod on a busy server: its processor time while messages, logins, changes of presence and
//! message counters of rooms are written, with an exporter in live mode, against no exporter.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Bson, DateTime, Document, doc};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use crate::data::Data;
use crate::exporter::{Exporter, Intervals, Mode, Setup};
use crate::median::median;
use crate::meter::Meter;
use crate::table::{Table, say};
use crate::targets::{Limit, Target};

/// How busy the server is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BusyOptions {
    /// Messages in a second
    #[arg(long, value_name = "N", default_value_t = 3000)]
    busy_messages: u32,
    /// Logins in a second, and as many changes of presence and of message counters
    #[arg(long, value_name = "N", default_value_t = 300)]
    busy_logins: u32,
    /// Seconds that each load lasts
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    busy_seconds: u32,
}

/// Writes arrive in this many batches in a second.
const BATCHES: u32 = 10;

/// The collection of the written messages, which is dropped again. It is not followed, like `rocketchat_message`.
const MESSAGES: &str = "rocketchat_message_bench";

/// The users or rooms that are changed in turns.
const DOCUMENTS: i64 = 10_000;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Messages,
    Logins,
    Presence,
    Rooms,
}

impl Kind {
    /// The collection that is written to.
    fn collection(self) -> &'static str {
        match self {
            Self::Messages => MESSAGES,
            Self::Logins | Self::Presence => "users",
            Self::Rooms => "rocketchat_room",
        }
    }
}

/// The processor time of mongod under one kind of load.
#[derive(Debug, Serialize)]
struct Measured {
    kind: Kind,
    /// In a second.
    rate: u32,
    alone_seconds: f64,
    followed_seconds: f64,
    /// The difference for each write.
    microseconds_per_write: f64,
    /// The difference as a share of one core.
    percent: f64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    seconds: u32,
    loads: Vec<Measured>,
}

pub(crate) async fn measure(
    data: &Data,
    program: &Path,
    directory: &Path,
    rounds: usize,
    options: &BusyOptions,
) -> Result<Report> {
    say("busy server");
    let pid = data.mongod.pid().context("mongod is not running")?;
    let meter = Meter::new(&data.database, pid);
    let mut loads = Vec::new();
    for (kind, rate) in [
        (Kind::Messages, options.busy_messages),
        (Kind::Logins, options.busy_logins),
        (Kind::Presence, options.busy_logins),
        (Kind::Rooms, options.busy_logins),
    ] {
        let load = Load {
            database: &data.database,
            kind,
            ids: ids(&data.database, kind).await?,
            per_batch: (rate / BATCHES).max(1),
            batches: options.busy_seconds * BATCHES,
        };
        let (mut alone, mut followed) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            alone.push(load.processor_time(&meter).await?);
            let setup = Setup::new(Intervals::OnRequest, Mode::Live);
            let exporter = Exporter::start(setup, program, data, directory).await?;
            followed.push(load.processor_time(&meter).await?);
            exporter.ensure_healthy().await?;
        }
        data.database
            .collection::<Document>(MESSAGES)
            .drop()
            .await?;
        let (alone, followed) = (median(alone), median(followed));
        let difference = followed - alone;
        let writes = load.per_batch * load.batches;
        loads.push(Measured {
            kind,
            rate,
            alone_seconds: alone,
            followed_seconds: followed,
            microseconds_per_write: difference / f64::from(writes) * 1e6,
            percent: difference / f64::from(options.busy_seconds) * 100.0,
        });
    }
    Ok(Report {
        seconds: options.busy_seconds,
        loads,
    })
}

/// The documents that are changed.
async fn ids(database: &Database, kind: Kind) -> Result<Vec<Bson>> {
    let collection = database.collection::<Document>(kind.collection());
    let found = collection.find(doc! {}).projection(doc! { "_id": 1 });
    let mut found: Vec<Document> = found.limit(DOCUMENTS).await?.try_collect().await?;
    Ok(found
        .iter_mut()
        .filter_map(|document| document.remove("_id"))
        .collect())
}

struct Load<'a> {
    database: &'a Database,
    kind: Kind,
    ids: Vec<Bson>,
    per_batch: u32,
    batches: u32,
}

impl Load<'_> {
    /// The processor time of mongod while everything is written.
    async fn processor_time(&self, meter: &Meter) -> Result<f64> {
        let mut result = Ok(());
        let work = async { result = self.write().await };
        let used = meter.processor_during(work).await;
        result?;
        Ok(used)
    }

    async fn write(&self) -> Result<()> {
        let mut ticks = interval(Duration::from_secs(1) / BATCHES);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut written = 0_usize;
        for _ in 0..self.batches {
            ticks.tick().await;
            let numbers = written..written + self.per_batch as usize;
            written = numbers.end;
            if self.kind == Kind::Messages {
                let messages = numbers.map(|_| message());
                let collection = self.database.collection::<Document>(MESSAGES);
                collection.insert_many(messages).await?;
                continue;
            }
            let updates: Vec<_> = numbers
                .filter_map(|number| {
                    let id = self.ids.get(number % self.ids.len().max(1))?;
                    Some(doc! { "q": { "_id": id }, "u": self.change(number) })
                })
                .collect();
            let update = doc! { "update": self.kind.collection(), "updates": updates };
            self.database.run_command(update).await?;
        }
        Ok(())
    }

    /// The fields that Rocket.Chat changes.
    fn change(&self, number: usize) -> Document {
        let now = DateTime::now();
        if self.kind == Kind::Logins {
            return doc! { "$set": { "lastLogin": now, "_updatedAt": now } };
        }
        if self.kind == Kind::Rooms {
            let set = doc! { "lm": now, "lastMessage": message(), "_updatedAt": now };
            return doc! { "$set": set, "$inc": { "msgs": 1 } };
        }
        let status = if number.is_multiple_of(2) {
            "online"
        } else {
            "away"
        };
        doc! { "$set": { "status": status, "statusConnection": status, "_updatedAt": now } }
    }
}

fn message() -> Document {
    let text = "A message of some eighty characters, which is about as long as most of them are.";
    doc! {
        "rid": "GENERAL", "msg": text, "ts": DateTime::now(), "_updatedAt": DateTime::now(),
        "u": { "_id": "abcdefghijklmnopq", "username": "someone", "name": "Some One" },
        "urls": [], "mentions": [], "channels": [],
        "md": [{ "type": "PARAGRAPH", "value": [{ "type": "PLAIN_TEXT", "value": text }] }],
    }
}

impl Report {
    pub(crate) fn print(&self) {
        let heading = [
            "",
            "a second",
            "mongod CPU, alone",
            "followed",
            "us/write",
            "% of one core",
        ];
        let mut table = Table::new(&heading);
        for load in &self.loads {
            table.row(vec![
                format!("{:?}", load.kind).to_lowercase(),
                load.rate.to_string(),
                format!("{:.2} s", load.alone_seconds),
                format!("{:.2} s", load.followed_seconds),
                format!("{:.1}", load.microseconds_per_write),
                format!("{:.2}", load.percent),
            ]);
        }
        table.print(&format!(
            "Busy server: CPU time of mongod over {} s with an exporter in live mode, against none",
            self.seconds
        ));
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
        let mut loads = self.loads.iter();
        let messages = loads.find(|load| load.kind == Kind::Messages);
        vec![Target::new(
            "live, mongod CPU for each message that is passed over, us",
            messages.map(|load| load.microseconds_per_write),
            // A quarter of what five change streams took.
            Limit::AtMost(3.75),
        )]
    }
}
