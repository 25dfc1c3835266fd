//! Performance targets, and whether they are met.

use serde::Serialize;

use crate::table::Table;

/// A target for a measured number.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    name: String,
    measured: Option<f64>,
    limit: Limit,
    /// `None` if it was not measured.
    met: Option<bool>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    AtMost(f64),
    Below(f64),
    AtLeast(f64),
}

impl Limit {
    fn admits(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::Below(limit) => value < limit,
            Self::AtLeast(limit) => value >= limit,
        }
    }

    fn describe(self) -> String {
        match self {
            Self::AtMost(limit) => format!("<= {limit}"),
            Self::Below(limit) => format!("< {limit}"),
            Self::AtLeast(limit) => format!(">= {limit}"),
        }
    }
}

impl Target {
    pub(crate) fn new(name: impl Into<String>, measured: Option<f64>, limit: Limit) -> Self {
        Self {
            name: name.into(),
            measured,
            limit,
            met: measured.map(|value| limit.admits(value)),
        }
    }

    pub(crate) fn is_missed(&self) -> bool {
        self.met == Some(false)
    }
}

pub(crate) fn print(targets: &[Target]) {
    let mut table = Table::new(&["target", "wanted", "measured", ""]);
    for target in targets {
        let measured = target.measured.map(|value| format!("{value:.2}"));
        table.row(vec![
            target.name.clone(),
            target.limit.describe(),
            measured.unwrap_or_else(|| "-".to_owned()),
            match target.met {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "not measured",
            }
            .to_owned(),
        ]);
    }
    table.print("Targets");
}
