//! What somebody should look at, in plain words.

use std::time::Duration;

use maud::{Markup, html};
use serde_json::Value as Json;

use super::card::Shown;
use super::{exporter_card, format, license_card};
use crate::catalogue::{ReadState, STALE_AFTER, Value};
use crate::collectors::Collector;
use crate::collectors::instances::Instances;
use crate::collectors::license::{Grants, LimitKind};

/// A migration that holds its lock for longer is taken for stuck.
const LONGEST_MIGRATION: Duration = Duration::from_mins(10);

/// Once a day, and two hours for a run that is late.
const DAILY_RUN: Duration = Duration::from_hours(26);

/// Once an hour before 5.0.
const HOURLY_RUN: Duration = Duration::from_hours(3);

/// Connections beyond which presence needs a license.
const MOST_CONNECTIONS: u64 = 200;

/// How far ahead the end of a license is told.
const EXPIRY_AHEAD: Duration = Duration::from_hours(30 * 24);

/// The share of a limit from which on Rocket.Chat calls it near.
const NEAR: f64 = 0.8;

/// The section, or a word that there is nothing.
pub fn list(shown: &Shown<'_>) -> Markup {
    let warnings = of(shown);
    html! {
        section #warnings data-live aria-labelledby="warnings-title" {
            h2 #warnings-title { "Warnings" }
            @if warnings.is_empty() {
                p.yes { span aria-hidden="true" { "✔ " } "Nothing to warn about." }
            } @else {
                ul { @for warning in &warnings { li { (warning) } } }
            }
        }
    }
}

/// Every warning; what matters most first.
pub fn of(shown: &Shown<'_>) -> Vec<String> {
    let snapshot = shown.page.snapshot;
    if let Some(availability) = snapshot.availability
        && availability.state == ReadState::Down
    {
        let why = availability
            .reason
            .map_or("every reading of its database fails", exporter_card::why);
        return vec![format!("No numbers of the workspace are known: {why}.")];
    }
    let mut warnings = Vec::new();
    stale(shown, &mut warnings);
    read_only(shown, &mut warnings);
    migration(shown, &mut warnings);
    if let Some(instances) = &snapshot.instances {
        of_instances(shown, instances, &mut warnings);
    }
    presence(shown, &mut warnings);
    of_license(shown, &mut warnings);
    statistics_run(shown, &mut warnings);
    readings(shown, &mut warnings);
    warnings
}

/// Data that are not of the moment at which they were read, and a set that cannot take writes.
fn stale(shown: &Shown<'_>, warnings: &mut Vec<String>) {
    let snapshot = shown.page.snapshot;
    if let Some(behind) = snapshot.stale_by() {
        warnings.push(format!(
            "The numbers are {} older than the newest reading: they describe what the member of the replica set had that was asked.",
            format::span(behind)
        ));
    }
    let Some(replication) = snapshot.replication else {
        return;
    };
    if !replication.has_primary {
        warnings
            .push("The replica set has no primary: Rocket.Chat cannot write anything.".to_owned());
    }
    if replication.is_stale() {
        warnings.push(format!(
            "The member of the replica set that is asked lags by {}.",
            format::span(replication.lag)
        ));
    }
    if let Some(lag) = replication.majority_lag.filter(|it| *it > STALE_AFTER) {
        warnings.push(format!(
            "A majority of the replica set lags by {}, or is lost.",
            format::span(lag)
        ));
    }
}

fn read_only(shown: &Shown<'_>, warnings: &mut Vec<String>) {
    let left = match shown.setting("Cloud_Workspace_AirGapped_Restrictions_Remaining_Days") {
        Some(Value::Integer(days)) => *days as f64,
        Some(Value::Number(days)) => *days,
        _ => return,
    };
    if left == 0.0 {
        warnings.push("The workspace is read-only: it has not reported its statistics to Rocket.Chat's cloud for too long, and has no license to work without that.".to_owned());
    } else if left > 0.0 {
        warnings.push(format!(
            "The workspace becomes read-only in {} days unless it reports its statistics to Rocket.Chat's cloud.",
            format::number(left)
        ));
    }
}

fn migration(shown: &Shown<'_>, warnings: &mut Vec<String>) {
    let workspace = shown.page.snapshot.workspace.as_ref();
    let Some(migration) = workspace.and_then(|it| it.migration.as_ref()) else {
        return;
    };
    if !migration.locked {
        return;
    }
    match migration.locked_at.and_then(|at| shown.page.database_now.since(at)) {
        Some(time) if time < LONGEST_MIGRATION => warnings.push(format!(
            "A database migration has been running for {}.",
            format::span(time)
        )),
        Some(time) => warnings.push(format!(
            "A database migration has held its lock for {}: it is stuck or was interrupted, and Rocket.Chat does not start like this.",
            format::span(time)
        )),
        None => warnings.push("A database migration holds its lock; Rocket.Chat does not start like this.".to_owned()),
    }
}

fn of_instances(shown: &Shown<'_>, instances: &Instances, warnings: &mut Vec<String>) {
    let live = instances.live_count();
    let is = |path: &str| shown.field(path).and_then(Json::as_bool);
    let micro_services = is("msEnabled") == Some(true);
    let license = shown.page.snapshot.license.as_ref();
    let unlicensed = license.is_some_and(|it| it.grants == Grants::None);
    if live == 0 {
        warnings.push("No instance of Rocket.Chat is alive.".to_owned());
    }
    if live > 1 && unlicensed && !micro_services {
        warnings.push(format!(
            "{live} instances run without a license; Rocket.Chat supports several only with one."
        ));
    }
    if live > 1 && is("oplogEnabled") == Some(false) && !micro_services && !shown.since(7, 0) {
        warnings.push(format!("{live} instances run without the oplog, so they do not see each other's changes at once."));
    }
    if let Some(versions) = instances.node_versions().filter(|it| *it > 1) {
        warnings.push(format!(
            "The instances run {versions} different versions of Node, so probably not the same build."
        ));
    }
    if instances.in_future() > 0 {
        warnings.push(format!("{} instances have a heartbeat that lies in the future; a clock was wrong, and MongoDB does not remove them.", instances.in_future()));
    }
}

fn presence(shown: &Shown<'_>, warnings: &mut Vec<String>) {
    if shown.setting("Presence_broadcast_disabled") == Some(&Value::Bool(true)) {
        warnings.push("Presence is switched off for everybody, which Rocket.Chat does by itself at more than 200 connections, unless the license has the module unlimited-presence.".to_owned());
        return;
    }
    let snapshot = shown.page.snapshot;
    let license = snapshot.license.as_ref();
    // Before 6.5 any license lifted the limit, and there was no module for it.
    let limited = license.is_some_and(|it| {
        it.grants == Grants::None || shown.since(6, 5) && !it.grants.grants("unlimited-presence")
    });
    let connections = snapshot.instances.as_ref().and_then(|it| it.connections());
    if let Some(connections) = connections
        && limited
        && connections as f64 >= MOST_CONNECTIONS as f64 * NEAR
    {
        warnings.push(format!(
            "{connections} of the {MOST_CONNECTIONS} connections are open from which on Rocket.Chat switches presence off for everybody, unless the license has the module unlimited-presence."
        ));
    }
}

fn of_license(shown: &Shown<'_>, warnings: &mut Vec<String>) {
    let license = shown.page.snapshot.license.as_ref();
    let Some(held) = license.and_then(|it| it.held.as_ref()) else {
        return;
    };
    if let Some(flaw) = held.flaw {
        warnings.push(format!(
            "The license is not valid: {}.",
            license_card::why(flaw)
        ));
        return;
    }
    let Some(content) = &held.content else {
        return;
    };
    let end = content
        .shown_expiry
        .into_iter()
        .chain(content.expires)
        .min();
    if let Some(left) = end.and_then(|it| it.since(shown.page.database_now))
        && left < EXPIRY_AHEAD
    {
        warnings.push(format!("The license expires in {}.", format::span(left)));
    }
    for limit in &content.limits {
        if let (Some(used), Some(max)) = (limit.used, limit.max)
            && limit.kind == LimitKind::ActiveUsers
            && used as f64 >= max as f64 * NEAR
        {
            warnings.push(format!("{used} of {max} seats of the license are used."));
        }
    }
}

fn statistics_run(shown: &Shown<'_>, warnings: &mut Vec<String>) {
    let Some(stored) = &shown.page.snapshot.stored_document else {
        return;
    };
    let longest = if shown.since(5, 0) {
        DAILY_RUN
    } else {
        HOURLY_RUN
    };
    let age = stored
        .created_at
        .and_then(|at| shown.page.database_now.since(at));
    match age {
        Some(age) if age > longest => warnings.push(format!(
            "Rocket.Chat has not stored its own statistics for {}; its job for that does not run.",
            format::span(age)
        )),
        None if stored.document.is_none() => {
            warnings.push("Rocket.Chat has never stored its own statistics.".to_owned());
        }
        _ => {}
    }
}

fn readings(shown: &Shown<'_>, warnings: &mut Vec<String>) {
    let outcomes = &shown.page.snapshot.outcomes;
    for collector in Collector::ALL {
        let Some(outcome) = outcomes.get(&collector) else {
            continue;
        };
        if let Some(kind) = outcome.failure {
            warnings.push(format!(
                "The collector {} fails: {}.",
                collector.name(),
                exporter_card::why(kind)
            ));
        }
    }
    for (collector, outcome) in outcomes {
        for (what, count) in &outcome.left_out {
            warnings.push(format!(
                "The collector {} does not tell {} {} one by one: there are too many, or they cannot be read. What can be added up counts as other.",
                collector.name(),
                format::number(*count as f64),
                what.replace('_', " ")
            ));
        }
    }
    let mut told = Vec::new();
    for index in outcomes.values().flat_map(|it| &it.indexes) {
        let name = (index.collection, index.key);
        if !index.present && !told.contains(&name) {
            told.push(name);
            warnings.push(format!(
                "The index on {key} is missing, so what needs it is left out where the collection is large. Create it with db.{collection}.createIndex({{\"{key}\": 1}}).",
                key = index.key,
                collection = index.collection
            ));
        }
    }
}
