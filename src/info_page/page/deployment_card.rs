//! The card Deployment, with the instances.

use maud::{Markup, html};
use serde_json::Value as Json;

use super::card::{PageData, row, rows, unknown, wide};
use super::{format, probe_rows};
use crate::catalogue::Value;
use crate::collectors::Collector;
use crate::collectors::instances::Instances;
use crate::license::site_url::hashed_workspace_url;

/// The most rows of the table of instances.
const MAX_ROWS: usize = 100;

pub fn card(data: &PageData<'_>) -> Markup {
    let content = html! {
        (rows(&html! {
            (data.text("Version", "version"))
            @if data.since(8, 4) { (site_url(data)) }
            (data.text("Deployment ID", "uniqueId"))
            @if data.since(6, 9) { (row("Cloud Workspace ID", &cloud_id(data))) }
            (data.text("Apps Engine Version", "apps.engineVersion"))
            (data.text("Node Version", "process.nodeVersion"))
            (row("Database Migration", &migration(data)))
            (row("MongoDB", &mongodb(data)))
            (probe_rows::commit_details(data))
            (data.text("PID", "process.pid"))
            (data.count("Instances", "instanceCount"))
            (probe_rows::probe(data))
            @if let Some(at) = data.page.snapshot.workspace.as_ref().and_then(|workspace| workspace.installed) {
                (row("Installed at", &data.time(at)))
            }
        }))
        @if let Some(instances) = &data.page.snapshot.instances { (panel(data, instances)) }
    };
    let collectors = [
        Collector::Workspace,
        Collector::Server,
        Collector::Instances,
        Collector::StoredDocument,
    ];
    data.card("deployment", "Deployment", &collectors, &content)
}

/// The address by which licenses know the workspace, and its hash.
fn site_url(data: &PageData<'_>) -> Markup {
    html! {
        @if let Some(address) = data.page.snapshot.workspace_url() {
            (row("Site URL", &address))
            (row("Hashed Site URL", &hashed_workspace_url(address)))
        }
    }
}

fn cloud_id(data: &PageData<'_>) -> Markup {
    let id = data.setting("Cloud_Workspace_Id").and_then(Value::as_text);
    match id.filter(|id| !id.is_empty()) {
        Some(id) => html! { (id) },
        None => unknown(),
    }
}

fn migration(data: &PageData<'_>) -> Markup {
    let workspace = data.page.snapshot.workspace.as_ref();
    let migration = workspace.and_then(|workspace| workspace.migration.as_ref());
    let locked_at = migration.and_then(|migration| migration.locked_at);
    html! {
        (data.value("migration.version", |_| None))
        @if let Some(at) = locked_at { " (" (data.time(at)) ")" }
    }
}

fn mongodb(data: &PageData<'_>) -> Markup {
    let oplog = |value: &Json| {
        Some(
            if value.as_bool()? {
                "Enabled"
            } else {
                "Disabled"
            }
            .to_owned(),
        )
    };
    let micro_services = data.field("msEnabled").and_then(Json::as_bool) == Some(true);
    // Rocket.Chat's page of 8.3 has it, that of 8.6 has not; those in between were not read.
    let shows_oplog = !micro_services && !data.since(8, 4);
    html! {
        (data.value("mongoVersion", |_| None)) " / " (data.value("mongoStorageEngine", |_| None))
        @if shows_oplog { " (oplog " (data.value("oplogEnabled", oplog)) ")" }
    }
}

fn panel(data: &PageData<'_>, instances: &Instances) -> Markup {
    let rows = instances.records.iter().take(MAX_ROWS);
    let more = instances.records.len().saturating_sub(MAX_ROWS) as u64 + instances.others.records;
    html! {
        details #instances-panel {
            summary { "Instances" }
            (wide("Instances, each", &html! {
                table.stack {
                    thead { tr {
                        th scope="col" { "Address" } th scope="col" { "State" } th scope="col" { "Heartbeat" }
                        th.number scope="col" { "Connections" } th scope="col" { "Node" } th scope="col" { "Uptime" }
                        th.number scope="col" { "PID" }
                    } }
                    tbody { @for instance in rows { tr {
                        th scope="row" title=(instance.id) { (instance.address) }
                        td data-label="State" { @if instances.is_live(instance) { "live" } @else { span.failed { "not live" } } }
                        td data-label="Heartbeat" { (instance.heartbeat.map_or_else(unknown, |at| html! { (format::ago(at, instances.now)) })) }
                        td.number data-label="Connections" { (instance.connections.map_or_else(unknown, |count| html! { (format::number(count as f64)) })) }
                        td data-label="Node" { (instance.node_version.as_deref().map_or_else(unknown, |version| html! { (version) })) }
                        td data-label="Uptime" { (instance.created_at.and_then(|at| data.page.database_now.since(at)).map_or_else(unknown, |uptime| html! { (format::span(uptime)) })) }
                        td.number data-label="PID" { (instance.pid.map_or_else(unknown, |pid| html! { (pid) })) }
                    } } }
                }
                @if more > 0 { p.note { "and " (format::number(more as f64)) " more" } }
            }))
        }
    }
}
