//! The warnings on top of the page.

use std::time::Duration;

use maud::{Markup, html};
use serde_json::Value as Json;

use super::card::PageData;
use super::{exporter_card, format, license_card};
use crate::catalogue::{ReadState, STALE_AFTER, Value, release_line};
use crate::collectors::Collector;
use crate::collectors::instances::Instances;
use crate::collectors::license::{Grants, LimitKind, OAUTH_ENTERPRISE};

/// A migration that takes longer counts as stuck.
const MAX_MIGRATION: Duration = Duration::from_mins(10);

/// The longest age of the stored statistics: a day, and two hours of delay.
const MAX_AGE: Duration = Duration::from_hours(26);

/// The same before 5.0, which stores them every hour.
const MAX_AGE_BEFORE_5_0: Duration = Duration::from_hours(3);

/// Connections from which on presence needs a license.
const MAX_UNLICENSED_CONNECTIONS: u64 = 200;

/// How long before its expiry a license is warned about.
const EXPIRY_NOTICE: Duration = Duration::from_hours(30 * 24);

/// How long before its end the support of a release line is warned about.
const SUPPORT_NOTICE: Duration = Duration::from_hours(30 * 24);

/// The share of a limit that counts as near it, as in Rocket.Chat.
const NEAR: f64 = 0.8;

/// The section of warnings.
pub fn list(data: &PageData<'_>) -> Markup {
    let warnings = of(data);
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

/// All warnings, the most important first.
pub fn of(data: &PageData<'_>) -> Vec<String> {
    let snapshot = data.page.snapshot;
    if let Some(availability) = snapshot.availability
        && availability.state == ReadState::Down
    {
        let reason = availability
            .reason
            .map_or("every reading of its database fails", exporter_card::why);
        return vec![format!("No numbers of the workspace are known: {reason}.")];
    }
    let mut warnings = Vec::new();
    stale(data, &mut warnings);
    read_only(data, &mut warnings);
    migration(data, &mut warnings);
    support(data, &mut warnings);
    if let Some(instances) = &snapshot.instances {
        of_instances(data, instances, &mut warnings);
    }
    presence(data, &mut warnings);
    of_license(data, &mut warnings);
    custom_oauth(data, &mut warnings);
    offline(data, &mut warnings);
    statistics_run(data, &mut warnings);
    collectors(data, &mut warnings);
    warnings
}

/// Stale data, and a replica set without a primary or majority.
fn stale(data: &PageData<'_>, warnings: &mut Vec<String>) {
    let snapshot = data.page.snapshot;
    if let Some(behind) = snapshot.stale_by() {
        warnings.push(format!(
            "The numbers are {} older than the newest reading: the member of the replica set that was read lags behind.",
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
            "The member of the replica set that is read lags by {}.",
            format::span(replication.lag)
        ));
    }
    if let Some(lag) = replication.majority_lag.filter(|lag| *lag > STALE_AFTER) {
        warnings.push(format!(
            "A majority of the replica set lags by {}, or is lost.",
            format::span(lag)
        ));
    }
}

fn read_only(data: &PageData<'_>, warnings: &mut Vec<String>) {
    let left = match data.setting("Cloud_Workspace_AirGapped_Restrictions_Remaining_Days") {
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

fn migration(data: &PageData<'_>, warnings: &mut Vec<String>) {
    let workspace = data.page.snapshot.workspace.as_ref();
    let Some(migration) = workspace.and_then(|workspace| workspace.migration.as_ref()) else {
        return;
    };
    if !migration.locked {
        return;
    }
    match migration.locked_at.and_then(|at| data.page.database_now.since(at)) {
        Some(time) if time < MAX_MIGRATION => warnings.push(format!(
            "A database migration has been running for {}.",
            format::span(time)
        )),
        Some(time) => warnings.push(format!(
            "A database migration has held its lock for {}: it is stuck or was interrupted, and Rocket.Chat does not start until it is resolved.",
            format::span(time)
        )),
        None => warnings.push("A database migration holds its lock; Rocket.Chat does not start until it is released.".to_owned()),
    }
}

/// The end of Rocket.Chat's support, and a MongoDB that the running version does not support.
fn support(data: &PageData<'_>, warnings: &mut Vec<String>) {
    let snapshot = data.page.snapshot;
    let Some(line) = snapshot.version().and_then(release_line) else {
        return;
    };
    let name = |(major, minor): (u16, u16)| format!("{major}.{minor}");
    let running = name(line.line);
    let now = data.page.database_now;
    let ends_at = snapshot
        .workspace
        .as_ref()
        .and_then(|workspace| workspace.end_of_support);
    if let (Some(end), Some(at)) = (line.end_of_support, ends_at) {
        let estimated = if end.is_announced {
            ""
        } else {
            ", estimated from its release"
        };
        let day = end.day;
        match at.since(now) {
            None => warnings.push(format!(
                "Support for Rocket.Chat {running} ended on {day}{estimated}: it gets no security fixes, and Rocket.Chat's cloud services and apps may refuse it."
            )),
            Some(left) if left < SUPPORT_NOTICE => warnings.push(format!(
                "Support for Rocket.Chat {running} ends on {day}{estimated}."
            )),
            Some(_) => {}
        }
    }
    if let Some(server) = &snapshot.server
        && server.is_supported == Some(false)
    {
        let supported: Vec<_> = line.mongodb.iter().copied().map(name).collect();
        warnings.push(format!(
            "Rocket.Chat {running} does not support MongoDB {}; it supports {}.",
            server.version,
            supported.join(", ")
        ));
    }
}

fn of_instances(data: &PageData<'_>, instances: &Instances, warnings: &mut Vec<String>) {
    let live = instances.live_count();
    let is = |path: &str| data.field(path).and_then(Json::as_bool);
    let micro_services = is("msEnabled") == Some(true);
    let license = data.page.snapshot.license.as_ref();
    let unlicensed = license.is_some_and(|license| license.grants == Grants::None);
    if live == 0 {
        warnings.push("No instance of Rocket.Chat is alive.".to_owned());
    }
    if live > 1 && unlicensed && !micro_services {
        warnings.push(format!(
            "{live} instances run without a license; Rocket.Chat supports several only with one."
        ));
    }
    if live > 1 && is("oplogEnabled") == Some(false) && !micro_services && !data.since(7, 0) {
        warnings.push(format!(
            "{live} instances run without the oplog, so they see each other's changes late."
        ));
    }
    if let Some(versions) = instances.node_versions().filter(|count| *count > 1) {
        warnings.push(format!(
            "The instances run {versions} different versions of Node, so probably not the same build."
        ));
    }
    if instances.in_future() > 0 {
        warnings.push(format!("{} instances have a heartbeat in the future: a clock was wrong, and MongoDB does not remove them.", instances.in_future()));
    }
}

fn presence(data: &PageData<'_>, warnings: &mut Vec<String>) {
    if data.setting("Presence_broadcast_disabled") == Some(&Value::Bool(true)) {
        warnings.push("Presence is disabled for all users, as Rocket.Chat does at more than 200 connections unless the license has the module unlimited-presence.".to_owned());
        return;
    }
    let snapshot = data.page.snapshot;
    let license = snapshot.license.as_ref();
    // Before 6.5 any license lifted the limit.
    let limited = license.is_some_and(|license| {
        license.grants == Grants::None
            || data.since(6, 5) && !license.grants.grants("unlimited-presence")
    });
    let connections = snapshot
        .instances
        .as_ref()
        .and_then(|instances| instances.connections());
    if let Some(connections) = connections
        && limited
        && connections as f64 >= MAX_UNLICENSED_CONNECTIONS as f64 * NEAR
    {
        warnings.push(format!(
            "{connections} connections are open; above {MAX_UNLICENSED_CONNECTIONS} Rocket.Chat disables presence for all users, unless the license has the module unlimited-presence."
        ));
    }
}

fn of_license(data: &PageData<'_>, warnings: &mut Vec<String>) {
    let license = data.page.snapshot.license.as_ref();
    let Some(held) = license.and_then(|license| license.held.as_ref()) else {
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
    if let Some(left) = end.and_then(|end| end.since(data.page.database_now))
        && left < EXPIRY_NOTICE
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

/// Accounts that 9.0 and later refuse for lack of a module.
fn custom_oauth(data: &PageData<'_>, warnings: &mut Vec<String>) {
    let snapshot = data.page.snapshot;
    let (Some(license), Some(accounts)) = (&snapshot.license, &snapshot.account_security) else {
        return;
    };
    let number = accounts.custom_oauth_only;
    if number == 0 || license.grants.grants(OAUTH_ENTERPRISE) {
        return;
    }
    let number = format::number(number as f64);
    let consequence = if data.since(9, 0) {
        "cannot log in"
    } else {
        "cannot log in after an upgrade to Rocket.Chat 9.0"
    };
    warnings.push(format!(
        "{number} accounts {consequence}: they have a custom OAuth login only, which 9.0 and later refuses without the license module {OAUTH_ENTERPRISE}."
    ));
}

/// What an offline license turns off although the settings have it on. It has been so since 8.7 in the development branch.
fn offline(data: &PageData<'_>, warnings: &mut Vec<String>) {
    let license = data.page.snapshot.license.as_ref();
    let held = license.and_then(|license| license.held.as_ref());
    let is_offline = held.is_some_and(|held| {
        held.is_valid() && held.content.as_ref().is_some_and(|content| content.offline)
    });
    let is_on = |id: &str| data.setting(id) == Some(&Value::Bool(true));
    if is_offline && data.since(8, 7) && is_on("Push_enable") && is_on("Push_enable_gateway") {
        warnings.push("The license is offline, so Rocket.Chat 8.7 and later sends no push notifications through Rocket.Chat's gateway, although the settings enable it.".to_owned());
    }
}

fn statistics_run(data: &PageData<'_>, warnings: &mut Vec<String>) {
    let Some(stored) = &data.page.snapshot.stored_document else {
        return;
    };
    let max_age = if data.since(5, 0) {
        MAX_AGE
    } else {
        MAX_AGE_BEFORE_5_0
    };
    let age = stored
        .created_at
        .and_then(|at| data.page.database_now.since(at));
    match age {
        Some(age) if age > max_age => warnings.push(format!(
            "Rocket.Chat has not stored its own statistics for {}; the job that does so is not running.",
            format::span(age)
        )),
        None if stored.document.is_none() => {
            warnings.push("Rocket.Chat has never stored its own statistics.".to_owned());
        }
        _ => {}
    }
}

fn collectors(data: &PageData<'_>, warnings: &mut Vec<String>) {
    let outcomes = &data.page.snapshot.outcomes;
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
                "The collector {} does not list {} {} individually: there are too many, or they cannot be read. Their sums count as other.",
                collector.name(),
                format::number(*count as f64),
                what.replace('_', " ")
            ));
        }
    }
    let mut reported = Vec::new();
    for index in outcomes.values().flat_map(|outcome| &outcome.indexes) {
        let name = (index.collection, index.key);
        if !index.present && !reported.contains(&name) {
            reported.push(name);
            warnings.push(format!(
                "The index on {key} is missing, so values that need it are left out where the collection is large. Create it with db.{collection}.createIndex({{\"{key}\": 1}}).",
                key = index.key,
                collection = index.collection
            ));
        }
    }
}
