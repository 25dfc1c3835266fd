//! What needs attention, the most severe first: the conditions that hold, with what to do, and notes.

use std::time::Duration;

use maud::{Markup, html};

use super::card::PageData;
use super::{format, notes};
use crate::catalogue::Timestamp;
use crate::collectors::Snapshot;
use crate::conditions::{self, Condition, Moment, Occurrence, Severity};

/// The most occurrences of a condition that are listed.
const MAX_OCCURRENCES: usize = 5;

/// The section of warnings.
pub fn list(data: &PageData<'_>) -> Markup {
    let notes = notes::of(data);
    let conditions = by_condition(data);
    html! {
        section #warnings data-live aria-labelledby="warnings-title" {
            h2 #warnings-title { "Warnings" }
            @if conditions.is_empty() && notes.is_empty() {
                p.good { (mark(None)) @if data.is_first_reading() { "Nothing so far." } @else { "Nothing to warn about." } }
            } @else {
                ul.findings {
                    @for (condition, occurrences) in &conditions { (item(condition, occurrences, &when(data, condition, occurrences))) }
                    @for note in &notes {
                        li.info {
                            p.what { (badge(Severity::Info)) (note.message) }
                            p.todo { (note.advice) " " a href=(notes::DOCUMENTATION) rel="noopener noreferrer" { "Notes" } }
                        }
                    }
                }
            }
        }
    }
}

/// The number of conditions of a severity; notes count as info.
pub fn count(data: &PageData<'_>, severity: Severity) -> usize {
    let conditions = by_condition(data);
    let conditions = conditions
        .iter()
        .filter(|(condition, _)| condition.severity == severity);
    let notes = match severity {
        Severity::Info => notes::of(data).len(),
        Severity::Critical | Severity::Warning => 0,
    };
    conditions.count() + notes
}

/// A mark that tells severities apart without color.
pub fn mark(severity: Option<Severity>) -> Markup {
    let mark = match severity {
        Some(Severity::Critical) => "✘",
        Some(Severity::Warning) => "▲",
        Some(Severity::Info) => "ℹ",
        None => "✔",
    };
    html! { span.mark aria-hidden="true" { (mark) } " " }
}

/// The occurrences of each condition, in the order of severity.
fn by_condition<'a>(data: &'a PageData<'_>) -> Vec<(&'static Condition, Vec<&'a Occurrence>)> {
    let mut all: Vec<(&'static Condition, Vec<&Occurrence>)> = Vec::new();
    for (condition, occurrence) in &data.occurrences {
        match all.last_mut() {
            Some((last, occurrences)) if last.alert == condition.alert => {
                occurrences.push(occurrence);
            }
            _ => all.push((*condition, vec![occurrence])),
        }
    }
    all
}

fn badge(severity: Severity) -> Markup {
    let name = match severity {
        Severity::Critical => "Critical",
        Severity::Warning => "Warning",
        Severity::Info => "Info",
    };
    html! { b.badge { (mark(Some(severity))) (name) } " " }
}

/// The conditions of the host that several workspaces share.
pub fn of_host(host: &Snapshot, now: Timestamp) -> Markup {
    let occurrences = conditions::occurrences(host, Moment::agreed(now));
    html! {
        @if !occurrences.is_empty() {
            ul.findings { @for (condition, occurrence) in &occurrences { (item(condition, &[occurrence], &html! {})) } }
        }
    }
}

fn item(condition: &Condition, occurrences: &[&Occurrence], when: &Markup) -> Markup {
    let more = occurrences.len().saturating_sub(MAX_OCCURRENCES);
    html! {
        li class=(condition.severity.name()) data-alert=(condition.alert) {
            @match occurrences {
                [occurrence] => p.what { (badge(condition.severity)) (occurrence.message) },
                _ => {
                    @for (number, occurrence) in occurrences.iter().take(MAX_OCCURRENCES).enumerate() {
                        p.what { @if number == 0 { (badge(condition.severity)) } (occurrence.message) }
                    }
                    @if more > 0 { p { "and " (more) " more" } }
                }
            }
            p.todo {
                (condition.advice) " "
                a href=(condition.runbook()) rel="noopener noreferrer" { "Runbook: " (condition.alert) }
            }
            p.when { (when) }
        }
    }
}

/// Since when a condition is seen, and what its alert still waits for.
fn when(data: &PageData<'_>, condition: &Condition, occurrences: &[&Occurrence]) -> Markup {
    let times = data.page.history.conditions();
    let since = occurrences
        .iter()
        .filter_map(|occurrence| times.since(condition.alert, &occurrence.subject))
        .min();
    let since: Timestamp = since.unwrap_or(data.page.now);
    let lasted = data.page.now.since(since).unwrap_or(Duration::ZERO);
    html! {
        "Seen since " (format::clock(since, data.page.now, data.page.timezone))
        " (" (format::span(lasted)) ")."
        @if lasted < condition.wait { " The alert fires after " (format::span(condition.wait)) "." }
        @if let Some(past) = condition.past { " The alert fires only if " (past) "." }
    }
}
