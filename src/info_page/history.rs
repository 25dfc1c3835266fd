//! The last day of a few values, one point for each minute, taken from the snapshots.

use std::collections::VecDeque;

use crate::catalogue::{ReadState, Timestamp, state};
use crate::collectors::host::CpuTimes;
use crate::collectors::{Collector, Snapshot};
use crate::conditions::{self, ConditionTimes, Moment, ServiceState};

/// A day of minutes.
const MAX_POINTS: usize = 24 * 60;

const MINUTE: i64 = 60_000;

/// A series that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistorySeries {
    /// Accounts shown as online.
    Online,
    /// Accounts shown as away.
    Away,
    /// Accounts shown as busy.
    Busy,
    /// New messages in a minute.
    MessagesPerMinute,
    /// Live instances.
    Instances,
    /// Connections of all instances.
    Connections,
    /// The share of time that the database works for the exporter.
    Cost,
    /// Seats that are used.
    Seats,
    /// Whether Rocket.Chat was up: 1 or 0.
    RocketChat,
    /// Whether the database was up: 1 or 0.
    Database,
}

const SERIES_COUNT: usize = HistorySeries::Database as usize + 1;

/// The values of one minute. Single precision keeps a day within 65 kB.
#[derive(Debug, Clone, Copy)]
struct HistoryPoint {
    /// Minutes since 1970.
    minute: u32,
    /// By series; NaN where unknown.
    values: [f32; SERIES_COUNT],
}

/// The last day of one workspace.
#[derive(Debug, Clone, Default)]
pub struct History {
    points: VecDeque<HistoryPoint>,
    /// The last count of messages, and its time.
    last_count: Option<(Timestamp, u64)>,
    messages_per_minute: Option<f64>,
    /// The last CPU times, and their time.
    last_cpu_times: Option<(Timestamp, Vec<CpuTimes>)>,
    cpu_shares: Vec<f64>,
    conditions: ConditionTimes,
}

impl History {
    /// Adds a snapshot; of several in one minute the last one counts.
    pub fn note(&mut self, snapshot: &Snapshot, now: Moment) {
        self.note_messages(snapshot);
        self.note_cpus(snapshot);
        self.conditions
            .note(&conditions::occurrences(snapshot, now), now.own);
        let Ok(minute) = u32::try_from(now.own.0.div_euclid(MINUTE)) else {
            return;
        };
        let point = HistoryPoint {
            minute,
            values: self.values(snapshot, now),
        };
        match self.points.back_mut() {
            Some(last) if last.minute == minute => *last = point,
            // The clock was set back: points in the future are dropped.
            Some(last) if last.minute > minute => {
                self.points.clear();
                self.points.push_back(point);
            }
            _ => {
                if self.points.len() == MAX_POINTS {
                    self.points.pop_front();
                }
                self.points.push_back(point);
            }
        }
    }

    /// The times of all points.
    pub fn times(&self) -> impl Iterator<Item = Timestamp> {
        self.points
            .iter()
            .map(|point| Timestamp(i64::from(point.minute) * MINUTE))
    }

    /// The values of a series; `None` where unknown.
    pub fn series(&self, series: HistorySeries) -> impl Iterator<Item = Option<f64>> {
        self.points.iter().map(move |point| {
            let value = f64::from(point.values[series as usize]);
            value.is_finite().then_some(value)
        })
    }

    /// New messages in a minute, between the last two counts.
    pub fn messages_per_minute(&self) -> Option<f64> {
        self.messages_per_minute
    }

    /// Since when each condition holds.
    pub fn conditions(&self) -> &ConditionTimes {
        &self.conditions
    }

    /// How busy each CPU was between the last two samples, from 0 to 1.
    pub fn cpu_shares(&self) -> &[f64] {
        &self.cpu_shares
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "single precision suffices for a chart"
    )]
    fn values(&self, snapshot: &Snapshot, now: Moment) -> [f32; SERIES_COUNT] {
        let mut values = [f32::NAN; SERIES_COUNT];
        let mut put = |series: HistorySeries, value: Option<f64>| {
            if let Some(value) = value {
                values[series as usize] = value as f32;
            }
        };
        let shown = snapshot.shown_presence();
        put(
            HistorySeries::Online,
            shown.map(|shown| shown.online as f64),
        );
        put(HistorySeries::Away, shown.map(|shown| shown.away as f64));
        put(HistorySeries::Busy, shown.map(|shown| shown.busy as f64));
        put(HistorySeries::MessagesPerMinute, self.messages_per_minute);
        let instances = snapshot.instances.as_ref();
        put(
            HistorySeries::Instances,
            instances.map(|instances| instances.live().count() as f64),
        );
        let connections = instances.and_then(|instances| instances.connections());
        put(
            HistorySeries::Connections,
            connections.map(|count| count as f64),
        );
        let is_up = snapshot.up();
        // While nothing can be read, nothing takes the database's time.
        put(
            HistorySeries::Cost,
            snapshot.cost().filter(|_| is_up != Some(false)),
        );
        let users = snapshot.users.as_ref();
        put(
            HistorySeries::Seats,
            users.map(|users| users.seats() as f64),
        );
        put(
            HistorySeries::RocketChat,
            match conditions::rocketchat_state(snapshot, now) {
                ServiceState::Up => Some(1.0),
                ServiceState::Down => Some(0.0),
                ServiceState::Unknown => None,
            },
        );
        let tried = snapshot
            .availability
            .filter(|availability| availability.state != ReadState::Untried);
        put(
            HistorySeries::Database,
            tried.map(|availability| state(availability.is_up())),
        );
        values
    }

    fn note_messages(&mut self, snapshot: &Snapshot) {
        let outcome = snapshot.outcomes.get(&Collector::Messages);
        let (Some(messages), Some(at)) = (
            &snapshot.messages,
            outcome.and_then(|outcome| outcome.last_success),
        ) else {
            self.last_count = None;
            self.messages_per_minute = None;
            return;
        };
        let before = self.last_count.replace((at, messages.documents));
        let Some((before_at, before)) = before else {
            return;
        };
        let Some(passed) = at.since(before_at).filter(|passed| !passed.is_zero()) else {
            return;
        };
        // After deletions the number of new messages is unknown.
        self.messages_per_minute = messages
            .documents
            .checked_sub(before)
            .map(|new| new as f64 * 60.0 / passed.as_secs_f64());
    }

    fn note_cpus(&mut self, snapshot: &Snapshot) {
        let outcome = snapshot.outcomes.get(&Collector::Host);
        let (Some(host), Some(at)) = (
            &snapshot.host,
            outcome.and_then(|outcome| outcome.last_success),
        ) else {
            self.last_cpu_times = None;
            self.cpu_shares.clear();
            return;
        };
        if self
            .last_cpu_times
            .as_ref()
            .is_some_and(|(before, _)| *before == at)
        {
            return;
        }
        let times: Vec<_> = host.cpus.iter().map(|cpu| cpu.times).collect();
        if let Some((_, before)) = &self.last_cpu_times
            && before.len() == times.len()
        {
            let shares = times.iter().zip(before);
            self.cpu_shares = shares
                .map(|(now, before)| now.busy_share_since(*before))
                .collect();
        }
        self.last_cpu_times = Some((at, times));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::catalogue::Outcome;
    use crate::collectors::messages::Messages;
    use crate::collectors::presence::{Presence, Presences};

    fn snapshot(minute: i64, online: u64, messages: u64) -> Snapshot {
        let shown = Presences {
            online,
            ..Presences::default()
        };
        let outcome = Outcome {
            duration: Duration::from_millis(60),
            last_success: Some(Timestamp(minute * MINUTE)),
            data_at: Some(Timestamp(minute * MINUTE)),
            interval: Duration::from_mins(1),
            readings: 1,
            ..Outcome::default()
        };
        Snapshot {
            presence: Some(Arc::new(Presence {
                accounts: 9,
                shown,
                connected: shown,
            })),
            messages: Some(Arc::new(Messages {
                documents: messages,
                threads: None,
            })),
            outcomes: [(Collector::Messages, outcome)].into(),
            ..Snapshot::default()
        }
    }

    fn at(time: i64) -> Moment {
        Moment::agreed(Timestamp(time))
    }

    #[test]
    fn one_day_of_minutes_is_kept() {
        let mut history = History::default();
        for minute in 0..3000 {
            let now = minute * MINUTE;
            history.note(&snapshot(minute, 1, 0), at(now));
            history.note(&snapshot(minute, 2, 0), at(now + 1));
        }
        assert_eq!(history.times().count(), MAX_POINTS);
        assert_eq!(history.times().last(), Some(Timestamp(2999 * MINUTE)));
        assert!(
            history
                .series(HistorySeries::Online)
                .all(|value| value == Some(2.0))
        );
        assert!(
            history
                .series(HistorySeries::Connections)
                .all(|value| value.is_none())
        );
        assert!(size_of::<HistoryPoint>() * MAX_POINTS <= 65_000);
    }

    #[test]
    fn messages_per_minute_need_two_counts() {
        let mut history = History::default();
        let mut note = |minute: i64, messages| {
            history.note(&snapshot(minute, 0, messages), at(minute * MINUTE));
            history.messages_per_minute()
        };
        assert_eq!(note(1, 100), None);
        assert_eq!(note(1, 100), None);
        assert_eq!(note(3, 130), Some(15.0));
        assert_eq!(note(3, 130), Some(15.0), "the same count again");
        assert_eq!(note(4, 90), None, "messages were deleted");
        assert_eq!(note(5, 90), Some(0.0));
    }

    #[test]
    fn history_restarts_when_the_clock_is_set_back() {
        let mut history = History::default();
        history.note(&snapshot(9, 1, 0), at(9 * MINUTE));
        history.note(&snapshot(5, 1, 0), at(5 * MINUTE));
        assert_eq!(history.times().collect::<Vec<_>>(), [Timestamp(5 * MINUTE)]);
    }

    #[test]
    fn cost_is_a_share_of_time() {
        let cost = snapshot(1, 0, 0).cost();
        assert!(cost.is_some_and(|share| (share - 0.001).abs() < 1e-9));
    }
}
