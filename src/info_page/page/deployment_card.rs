//! The card Deployment, with the instances.

use maud::{Markup, html};
use serde_json::Value as Json;

use super::card::{Shown, row, rows, unknown, wide};
use super::format;
use crate::catalogue::Value;
use crate::collectors::Collector;
use crate::collectors::instances::Instances;

/// Instances in the table; of more the page tells how many.
const MOST_SHOWN: usize = 100;

pub fn card(shown: &Shown<'_>) -> Markup {
    let content = html! {
        (rows(&html! {
            (shown.text("Version", "version"))
            (shown.text("Deployment ID", "uniqueId"))
            @if shown.since(6, 9) { (row("Cloud Workspace ID", &cloud_id(shown))) }
            (shown.text("Apps Engine Version", "apps.engineVersion"))
            (shown.text("Node Version", "process.nodeVersion"))
            (row("Database Migration", &migration(shown)))
            (row("MongoDB", &mongodb(shown)))
            @if shown.field("tag").is_some() || shown.field("branch").is_some() {
                (row("Commit Details", &html! {
                    "branch " (shown.value("branch", |_| None)) ", tag " (shown.value("tag", |_| None))
                }))
            }
            (shown.text("PID", "process.pid"))
            (shown.count("Instances", "instanceCount"))
            @if let Some(at) = shown.page.snapshot.workspace.as_ref().and_then(|it| it.installed) {
                (row("Installed at", &shown.time(at)))
            }
        }))
        @if let Some(instances) = &shown.page.snapshot.instances { (panel(shown, instances)) }
    };
    let collectors = [
        Collector::Workspace,
        Collector::Server,
        Collector::Instances,
        Collector::Stored,
    ];
    shown.card("deployment", "Deployment", &collectors, &content)
}

fn cloud_id(shown: &Shown<'_>) -> Markup {
    let id = shown.setting("Cloud_Workspace_Id").and_then(Value::as_text);
    match id.filter(|it| !it.is_empty()) {
        Some(id) => html! { (id) },
        None => unknown(),
    }
}

fn migration(shown: &Shown<'_>) -> Markup {
    let migration = shown.page.snapshot.workspace.as_ref();
    let migration = migration.and_then(|it| it.migration.as_ref());
    let date = migration.and_then(|it| it.locked_at);
    html! {
        (shown.value("migration.version", |_| None))
        @if let Some(at) = date { " (" (shown.time(at)) ")" }
    }
}

fn mongodb(shown: &Shown<'_>) -> Markup {
    let oplog = |it: &Json| Some(if it.as_bool()? { "Enabled" } else { "Disabled" }.to_owned());
    let micro_services = shown.field("msEnabled").and_then(Json::as_bool) == Some(true);
    html! {
        (shown.value("mongoVersion", |_| None)) " / " (shown.value("mongoStorageEngine", |_| None))
        @if !micro_services { " (oplog " (shown.value("oplogEnabled", oplog)) ")" }
    }
}

fn panel(shown: &Shown<'_>, instances: &Instances) -> Markup {
    let shown_here = instances.records.iter().take(MOST_SHOWN);
    let more = instances.records.len().saturating_sub(MOST_SHOWN) as u64 + instances.others.records;
    html! {
        details #instances-panel {
            summary { "Instances" }
            (wide("Instances, each", &html! {
                table {
                    thead { tr {
                        th scope="col" { "Address" } th scope="col" { "State" } th scope="col" { "Heartbeat" }
                        th.number scope="col" { "Connections" } th scope="col" { "Node" } th scope="col" { "Uptime" }
                        th.number scope="col" { "PID" }
                    } }
                    tbody { @for instance in shown_here { tr {
                        th scope="row" title=(instance.id) { (instance.address) }
                        td { @if instances.is_live(instance) { "live" } @else { span.failed { "not live" } } }
                        td { (instance.heartbeat.map_or_else(unknown, |at| html! { (format::ago(at, instances.now)) })) }
                        td.number { (instance.connections.map_or_else(unknown, |it| html! { (format::number(it as f64)) })) }
                        td { (instance.node_version.as_deref().map_or_else(unknown, |it| html! { (it) })) }
                        td { (instance.created_at.and_then(|at| shown.page.database_now.since(at)).map_or_else(unknown, |it| html! { (format::span(it)) })) }
                        td.number { (instance.pid.map_or_else(unknown, |it| html! { (it) })) }
                    } } }
                }
                @if more > 0 { p.note { "and " (format::number(more as f64)) " more" } }
            }))
        }
    }
}
