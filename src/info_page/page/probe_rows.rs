//! Rows about Rocket.Chat itself: the build that it reports, and the newest probe.

use maud::{Markup, html};

use super::card::{PageData, row};
use super::format;
use crate::catalogue::{CheckOutcome, ServerBuild, TokenStatus};
use crate::collectors::Collector;
use crate::collectors::probe::Probe;

/// As many characters of a commit's hash as Rocket.Chat's page has.
const HASH_CHARS: usize = 9;

/// The row of the commit: as Rocket.Chat reports it, else tag and branch of the stored document, else how to get it.
pub fn commit_details(data: &PageData<'_>) -> Markup {
    let probe = data.page.snapshot.probe.as_ref();
    let build = probe.and_then(|probe| probe.build.as_ref());
    let token = probe.and_then(|probe| probe.token.as_ref());
    let is_stored = ["tag", "branch"].map(|key| data.field(key).is_some());
    row(
        "Commit Details",
        &html! {
            @if let Some(build) = build {
                (commit(build))
            } @else if is_stored.contains(&true) {
                "branch " (data.value("branch", |_| None)) ", tag " (data.value("tag", |_| None))
            } @else {
                span.off { (how_to_get_it(probe.is_some(), token)) }
            }
        },
    )
}

fn commit(build: &ServerBuild) -> Markup {
    let hash = build.hash.as_deref().unwrap_or("–");
    let short: String = hash.chars().take(HASH_CHARS).collect();
    html! {
        "HEAD " data data-field="commit.hash" value=(hash) title=(hash) { (short) }
        @for (label, text) in [("branch", &build.branch), ("tag", &build.tag)] {
            @if let Some(text) = text { ", " (label) " " data data-field={ "commit." (label) } value=(text) { (text) } }
        }
        @if let Some(subject) = &build.subject { br; (subject) }
        @if build.author.is_some() || build.date.is_some() {
            br;
            (build.author.as_deref().unwrap_or_default())
            @if let (Some(_), Some(date)) = (&build.author, &build.date) { ", " (date) }
            @else if let Some(date) = &build.date { (date) }
        }
    }
}

/// What is missing to read the commit.
fn how_to_get_it(is_probed: bool, token: Option<&TokenStatus>) -> &'static str {
    match token {
        Some(TokenStatus::Refused) => {
            "Rocket.Chat does not show it to the user of --rocketchat.token-file; check the token and the permission view-statistics"
        }
        Some(TokenStatus::Unreadable(_)) => {
            "The file of --rocketchat.token-file cannot be used; see the log"
        }
        Some(TokenStatus::Accepted | TokenStatus::Untried) => {
            "Only Rocket.Chat knows it, and it does not report it now"
        }
        None if is_probed => "Only Rocket.Chat knows it; set --rocketchat.token-file",
        None => "Only Rocket.Chat knows it; set --rocketchat.url and --rocketchat.token-file",
    }
}

/// Whether both checks of the newest probe succeeded; `None` where Rocket.Chat is not probed.
pub fn answers(data: &PageData<'_>) -> Option<bool> {
    let probe = data.page.snapshot.probe.as_ref()?;
    let mut checks = probe.checks().into_iter();
    Some(checks.all(|(_, check)| check.failure.is_none()))
}

/// The row of the newest probe; empty where Rocket.Chat is not probed.
pub fn probe(data: &PageData<'_>) -> Markup {
    let snapshot = data.page.snapshot;
    let Some(probe) = &snapshot.probe else {
        return html! {};
    };
    let outcome = snapshot.outcomes.get(&Collector::Probe);
    let at = outcome.and_then(|outcome| outcome.last_success);
    row(
        "Probe",
        &html! {
            (probe.url)
            @if let Some(at) = at { " (" (data.ago(at)) ")" }
            (check("API", &probe.info))
            (check("websocket", &probe.websocket))
            (certificate(data, probe))
        },
    )
}

fn check(label: &str, check: &CheckOutcome) -> Markup {
    html! {
        br;
        @match &check.failure {
            None => { span.yes { span aria-hidden="true" { "✔ " } (label) } " in " (format::took(check.duration)) }
            Some(failure) => { span.failed { span aria-hidden="true" { "✘ " } (label) } ": " (failure.message) }
        }
    }
}

fn certificate(data: &PageData<'_>, probe: &Probe) -> Markup {
    html! {
        @if let Some(at) = probe.certificate_expiry {
            br;
            @match at.since(data.page.now) {
                Some(left) => { "certificate expires in " (format::span(left)) }
                None => { span.failed { "certificate expired" } " " (data.ago(at)) }
            }
        }
    }
}
