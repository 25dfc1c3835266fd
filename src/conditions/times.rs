//! Since when each condition holds, as far as this process has seen.

use std::collections::BTreeMap;

use super::condition::{Condition, Occurrence};
use crate::catalogue::Timestamp;

/// When each occurrence was first made. One that was gone in between begins anew, like an alert of Prometheus.
#[derive(Debug, Clone, Default)]
pub struct ConditionTimes(BTreeMap<(&'static str, String), Timestamp>);

impl ConditionTimes {
    /// Notes what holds now.
    pub fn note(&mut self, occurrences: &[(&'static Condition, Occurrence)], now: Timestamp) {
        let known = std::mem::take(&mut self.0);
        for (condition, occurrence) in occurrences {
            let key = (condition.alert, occurrence.subject.clone());
            // A clock that was set back begins anew.
            let since = known.get(&key).copied().unwrap_or(now).min(now);
            self.0.insert(key, since);
        }
    }

    /// When a occurrence was first made.
    pub fn since(&self, alert: &'static str, subject: &str) -> Option<Timestamp> {
        self.0.get(&(alert, subject.to_owned())).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::CONDITIONS;

    #[test]
    fn finding_that_was_gone_begins_anew() {
        let condition = &CONDITIONS[0];
        let found = [(condition, Occurrence::one("It is down."))];
        let mut times = ConditionTimes::default();
        let since = |times: &ConditionTimes| times.since(condition.alert, "");
        times.note(&found, Timestamp(1));
        times.note(&found, Timestamp(2));
        assert_eq!(since(&times), Some(Timestamp(1)));
        times.note(&[], Timestamp(3));
        assert_eq!(since(&times), None);
        times.note(&found, Timestamp(4));
        assert_eq!(since(&times), Some(Timestamp(4)));
    }
}
