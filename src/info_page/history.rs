//! The last day of a few values, one point for each minute or, with hundreds of workspaces, for a few minutes, taken from the
//! snapshots.

use std::collections::VecDeque;

use crate::catalogue::{ReadState, Timestamp, state};
use crate::collectors::host::CpuTimes;
use crate::collectors::{Collector, Snapshot};
use crate::conditions::{self, ConditionTimes, Moment, ServiceState};

/// The minutes of a day.
const DAY: u32 = 24 * 60;

/// The longest time that a point stands for, in minutes.
const MAX_STEP: u32 = 15;

/// So many workspaces have a point for each minute; with ten times as many a point stands for ten minutes, so that all of them
/// take as much memory.
const WORKSPACES_BY_MINUTE: usize = 100;

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

/// By series; NaN where unknown. Single precision keeps a day of minutes within 65 kB.
type Values = [f32; SERIES_COUNT];

/// The mean values of a few minutes.
#[derive(Debug, Clone, Copy)]
struct HistoryPoint {
    /// The first of them, in minutes since 1970.
    minute: u32,
    values: Values,
}

/// The newest minute, which further snapshots change.
#[derive(Debug, Clone, Copy, Default)]
struct NewestMinute {
    /// Minutes since 1970.
    minute: u32,
    /// The newest point without this minute, and of how many minutes it is the mean.
    before: Values,
    count: u16,
}

/// The last day of one workspace.
#[derive(Debug, Clone)]
pub struct History {
    /// How many minutes a point stands for.
    step: u32,
    points: VecDeque<HistoryPoint>,
    newest: NewestMinute,
    /// The last count of messages, and its time.
    last_count: Option<(Timestamp, u64)>,
    messages_per_minute: Option<f64>,
    /// The last CPU times, and their time.
    last_cpu_times: Option<(Timestamp, Vec<CpuTimes>)>,
    cpu_shares: Vec<f64>,
    conditions: ConditionTimes,
}

impl Default for History {
    fn default() -> Self {
        Self::of_one_of(1)
    }
}

impl History {
    /// The history of one of so many workspaces.
    pub fn of_one_of(workspaces: usize) -> Self {
        let step = workspaces.div_ceil(WORKSPACES_BY_MINUTE);
        Self {
            step: u32::try_from(step).map_or(MAX_STEP, |step| step.clamp(1, MAX_STEP)),
            points: VecDeque::new(),
            newest: NewestMinute::default(),
            last_count: None,
            messages_per_minute: None,
            last_cpu_times: None,
            cpu_shares: Vec::new(),
            conditions: ConditionTimes::default(),
        }
    }

    /// How many minutes a point stands for.
    pub fn step(&self) -> u32 {
        self.step
    }

    /// Adds a snapshot; of several in one minute the last one counts.
    pub fn note(&mut self, snapshot: &Snapshot, now: Moment) {
        self.note_messages(snapshot);
        self.note_cpus(snapshot);
        self.conditions
            .note(&conditions::occurrences(snapshot, now), now.own);
        let Ok(minute) = u32::try_from(now.own.0.div_euclid(MINUTE)) else {
            return;
        };
        let first = minute - minute % self.step;
        let values = self.values(snapshot, now);
        // Where the clock was set back, points in the future are dropped.
        if self.points.back().is_some_and(|last| last.minute > first) {
            self.points.clear();
        }
        match self.points.back_mut() {
            Some(last) if last.minute == first => {
                if self.newest.minute != minute {
                    self.newest.before = last.values;
                    self.newest.count += 1;
                }
                last.values = mean(&self.newest, values);
            }
            _ => {
                self.push(HistoryPoint {
                    minute: first,
                    values,
                });
                self.newest.before = [f32::NAN; SERIES_COUNT];
                self.newest.count = 0;
            }
        }
        self.newest.minute = minute;
    }

    fn push(&mut self, point: HistoryPoint) {
        let max_points = (DAY / self.step) as usize;
        if self.points.len() == max_points {
            self.points.pop_front();
        } else if self.points.len() == self.points.capacity() {
            // Doubling would take half as much again.
            self.points.reserve_exact(max_points / 6);
        }
        self.points.push_back(point);
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
    fn values(&self, snapshot: &Snapshot, now: Moment) -> Values {
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

/// The mean of a point with one more minute.
fn mean(newest: &NewestMinute, values: Values) -> Values {
    let count = f32::from(newest.count);
    let mut mean = values;
    for (mean, before) in mean.iter_mut().zip(newest.before) {
        if mean.is_nan() {
            *mean = before;
        } else if !before.is_nan() {
            *mean = before + (*mean - before) / (count + 1.0);
        }
    }
    mean
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
            outcomes: [(Collector::Messages, outcome.into())].into(),
            ..Snapshot::default()
        }
    }

    fn at(time: i64) -> Moment {
        Moment::agreed(Timestamp(time))
    }

    /// The memory of a history's points.
    fn bytes(history: &History) -> usize {
        history.points.capacity() * size_of::<HistoryPoint>()
    }

    #[test]
    fn one_day_of_minutes_is_kept() {
        let mut history = History::default();
        for minute in 0..3000 {
            let now = minute * MINUTE;
            history.note(&snapshot(minute, 1, 0), at(now));
            history.note(&snapshot(minute, 2, 0), at(now + 1));
        }
        assert_eq!(history.times().count(), DAY as usize);
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
        assert!(bytes(&history) <= 65_000);
    }

    #[test]
    fn a_day_of_any_number_of_workspaces_takes_little_memory() {
        for (workspaces, megabytes) in [(100, 7), (1000, 7), (5000, 22)] {
            let mut history = History::of_one_of(workspaces);
            for minute in 0..3000 {
                history.note(&snapshot(minute, 1, 0), at(minute * MINUTE));
            }
            let first = history.times().next().map_or(0, |first| first.0 / MINUTE);
            assert!((3000 - i64::from(DAY) - 15..=3000 - i64::from(DAY)).contains(&first));
            let all = bytes(&history) * workspaces;
            assert!(all <= megabytes * 1_000_000, "{workspaces}: {all} bytes");
        }
    }

    #[test]
    fn point_is_the_mean_of_its_minutes() {
        let mut history = History::of_one_of(400);
        let mut note = |minute, online| {
            history.note(&snapshot(minute, online, 0), at(minute * MINUTE));
            history.series(HistorySeries::Online).last().flatten()
        };
        assert_eq!(note(40, 8), Some(8.0));
        assert_eq!(note(41, 9), Some(8.5));
        assert_eq!(note(41, 2), Some(5.0), "the last of one minute counts");
        assert_eq!(note(43, 2), Some(4.0));
        assert_eq!(note(44, 7), Some(7.0), "the next point");
        assert_eq!(history.step(), 4);
        let times: Vec<_> = history.times().collect();
        assert_eq!(times, [Timestamp(40 * MINUTE), Timestamp(44 * MINUTE)]);
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
