//! The card about the machine.

use std::time::Duration;

use maud::{Markup, html};

use super::card::{Shown, row, rows, unknown};
use super::format;
use crate::collectors::Collector;
use crate::collectors::host::{CpuTimes, Host};

pub fn card(shown: &Shown<'_>) -> Markup {
    html! {
        @if let Some(host) = &shown.page.snapshot.host {
            (shown.card("host", "Host", &[Collector::Host], &content(host, shown.page.history.processors())))
        }
    }
}

/// The machine; `processors` is how busy each was of late, where that is known.
pub fn content(host: &Host, processors: &[f64]) -> Markup {
    let since_start: Vec<f64> = host
        .cpus
        .iter()
        .map(|cpu| cpu.times.busy_share_since(CpuTimes::default()))
        .collect();
    let (of_late, shares) = if processors.len() == host.cpus.len() {
        ("", processors)
    } else {
        (" since the start", &since_start[..])
    };
    let system = [
        &host.distribution,
        &host.distribution_version,
        &host.kernel_release,
    ];
    let system: Vec<&str> = system.iter().filter_map(|it| it.as_deref()).collect();
    let memory = host.memory_bytes.zip(host.memory_available_bytes);
    let memory = memory.map(|(all, free)| (all as f64, all.saturating_sub(free) as f64));
    html! {
        (rows(&html! {
            (row("System", &system.join(", ")))
            (row("Uptime", &host.uptime_seconds.filter(|it| *it >= 0.0).map_or_else(unknown, |it| {
                html! { (format::span(Duration::try_from_secs_f64(it).unwrap_or_default())) }
            })))
            (row("Load", &host.load.map_or_else(unknown, |load| {
                html! { (format!("{:.2} · {:.2} · {:.2}", load[0], load[1], load[2])) }
            })))
            (row("Memory used", &memory.map_or_else(unknown, |(all, used)| html! {
                (format::bytes(used)) " of " (format::bytes(all))
                meter aria-label="Memory used" min="0" max=(all.max(1.0)) high=(all * 0.9) optimum="0" value=(used) {}
            })))
        }))
        h3 { "Processors" (of_late) }
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
