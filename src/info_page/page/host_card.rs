//! The card Host.

use std::time::Duration;

use maud::{Markup, html};

use super::card::{PageData, row, rows, unknown};
use super::format;
use crate::collectors::Collector;
use crate::collectors::host::{CpuTimes, Host};

pub fn card(data: &PageData<'_>) -> Markup {
    html! {
        @if let Some(host) = &data.page.snapshot.host {
            (data.card("host", "Exporter host", &[Collector::Host], &content(host, data.page.history.cpu_shares())))
        }
    }
}

/// The card's content; `recent_shares` says how busy each CPU was recently, where that is known.
pub fn content(host: &Host, recent_shares: &[f64]) -> Markup {
    let since_start: Vec<f64> = host
        .cpus
        .iter()
        .map(|cpu| cpu.times.busy_share_since(CpuTimes::default()))
        .collect();
    let (heading, shares) = if recent_shares.len() == host.cpus.len() {
        ("CPU now", recent_shares)
    } else {
        ("CPU since boot", &since_start[..])
    };
    let system = [
        &host.distribution,
        &host.distribution_version,
        &host.kernel_release,
    ];
    let system: Vec<&str> = system.iter().filter_map(|text| text.as_deref()).collect();
    let memory = host.memory_bytes.zip(host.memory_available_bytes);
    let memory = memory.map(|(all, free)| (all as f64, all.saturating_sub(free) as f64));
    html! {
        (rows(&html! {
            (row("System", &system.join(", ")))
            (row("Uptime", &host.uptime_seconds.filter(|seconds| *seconds >= 0.0).map_or_else(unknown, |seconds| {
                html! { (format::span(Duration::try_from_secs_f64(seconds).unwrap_or_default())) }
            })))
            (row("Load over 1, 5, 15 min", &host.load.map_or_else(unknown, |load| {
                html! { (format!("{:.2}, {:.2}, {:.2}", load[0], load[1], load[2])) }
            })))
            (row("Memory used", &memory.map_or_else(unknown, |(all, used)| html! {
                (format::bytes(used)) " of " (format::bytes(all))
                meter aria-label="Memory used" min="0" max=(all.max(1.0)) high=(all * 0.9) optimum="0" value=(used) {}
            })))
        }))
        h3 { (heading) }
        ol.cpus {
            @for (number, share) in shares.iter().enumerate() {
                li {
                    span { "CPU " (number) }
                    meter aria-label={ "CPU " (number) } min="0" max="1" high="0.9" optimum="0" value=(format!("{share:.3}")) {}
                    span.number { (format!("{:.0} %", share * 100.0)) }
                }
            }
        }
    }
}
