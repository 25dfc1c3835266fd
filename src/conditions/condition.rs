//! A condition, and where it holds.

use std::time::Duration;

use super::facts::Facts;

/// How much a condition matters, as the label `severity` of its alert. The most severe one is the least value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The workspace is down or read-only, or nobody would notice if it were.
    Critical,
    /// It hurts some people, or soon will.
    Warning,
    /// Worth an occasional look.
    Info,
}

impl Severity {
    /// Every severity.
    pub const ALL: [Self; 3] = [Self::Critical, Self::Warning, Self::Info];

    /// The value of the label `severity`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A row of the table.
pub struct Condition {
    /// The name of its alert and of its runbook.
    pub alert: &'static str,
    /// The severity of its alert.
    pub severity: Severity,
    /// How long it has to hold before the alert fires: `for` of the rule.
    pub wait: Duration,
    /// The numbers in the rule's expression, in its order.
    pub thresholds: &'static [f64],
    /// What the alert demands of the past besides, which only Prometheus knows.
    pub past: Option<&'static str>,
    /// What to do.
    pub advice: &'static str,
    /// Where it holds.
    pub find: fn(&Facts<'_>) -> Vec<Occurrence>,
}

/// A thing that a condition holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// What tells it from other occurrences of the condition: labels of the alert. Empty where there is only one.
    pub subject: String,
    /// What is wrong, as a sentence.
    pub message: String,
}

impl Occurrence {
    /// The only occurrence of its condition.
    pub fn one(message: impl Into<String>) -> Self {
        Self {
            subject: String::new(),
            message: message.into(),
        }
    }

    /// One of several.
    pub fn of(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            message: message.into(),
        }
    }
}

impl Condition {
    /// The address of the runbook, as in the alert's annotation `runbook_url`.
    pub fn runbook(&self) -> String {
        let repository = env!("CARGO_PKG_REPOSITORY");
        format!("{repository}/blob/main/docs/runbooks/{}.md", self.alert)
    }
}
