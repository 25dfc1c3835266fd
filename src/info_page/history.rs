//! What moved over the last day: a few numbers for each minute, taken from the snapshots as they come, so that nothing
//! is read for it.

use std::collections::VecDeque;

use crate::catalogue::Timestamp;
use crate::collectors::host::CpuTimes;
use crate::collectors::{Collector, Snapshot};

/// Points that are kept: a day of minutes.
const MOST_POINTS: usize = 24 * 60;

const MINUTE: i64 = 60_000;

/// A number that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistorySeries {
    /// Accounts that others see as online.
    Online,
    /// Accounts that others see as away.
    Away,
    /// Accounts that others see as busy.
    Busy,
    /// Messages that came in a minute.
    MessagesPerMinute,
    /// Live instances.
    Instances,
    /// Their connections.
    Connections,
    /// The share of the time in which the database answered the exporter.
    Cost,
}

const CURVES: usize = HistorySeries::Cost as usize + 1;

/// What was known in one minute. Single precision keeps a day within 50 kB.
#[derive(Debug, Clone, Copy)]
struct Point {
    /// Minutes since 1970.
    minute: u32,
    /// The number of each curve; not a number where it was unknown.
    values: [f32; CURVES],
}

/// The last day of one workspace.
#[derive(Debug, Clone, Default)]
pub struct History {
    points: VecDeque<Point>,
    /// When messages were last counted, and how many there were.
    counted: Option<(Timestamp, u64)>,
    messages_per_minute: Option<f64>,
    /// When processors were last looked at, and their times.
    looked: Option<(Timestamp, Vec<CpuTimes>)>,
    processors: Vec<f64>,
}

impl History {
    /// Notes what a snapshot says; of several in one minute the last one counts.
    pub fn note(&mut self, snapshot: &Snapshot, now: Timestamp) {
        self.note_messages(snapshot);
        self.note_processors(snapshot);
        let Ok(minute) = u32::try_from(now.0.div_euclid(MINUTE)) else {
            return;
        };
        let point = Point {
            minute,
            values: self.values(snapshot),
        };
        match self.points.back_mut() {
            Some(last) if last.minute == minute => *last = point,
            // The clock was set back: what lies in the future now is not history.
            Some(last) if last.minute > minute => {
                self.points.clear();
                self.points.push_back(point);
            }
            _ => {
                if self.points.len() == MOST_POINTS {
                    self.points.pop_front();
                }
                self.points.push_back(point);
            }
        }
    }

    /// When each point was taken.
    pub fn times(&self) -> impl Iterator<Item = Timestamp> {
        self.points
            .iter()
            .map(|point| Timestamp(i64::from(point.minute) * MINUTE))
    }

    /// The points of a curve; `None` where it was unknown.
    pub fn curve(&self, curve: HistorySeries) -> impl Iterator<Item = Option<f64>> {
        self.points.iter().map(move |point| {
            let value = f64::from(point.values[curve as usize]);
            value.is_finite().then_some(value)
        })
    }

    /// Messages that came in a minute, between the two newest readings.
    pub fn messages_per_minute(&self) -> Option<f64> {
        self.messages_per_minute
    }

    /// How busy each processor was between the two newest looks at it, from 0 to 1.
    pub fn processors(&self) -> &[f64] {
        &self.processors
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a picture needs no more than single precision"
    )]
    fn values(&self, snapshot: &Snapshot) -> [f32; CURVES] {
        let mut values = [f32::NAN; CURVES];
        let mut put = |curve: HistorySeries, value: Option<f64>| {
            if let Some(value) = value {
                values[curve as usize] = value as f32;
            }
        };
        let shown = snapshot.presence.as_ref().map(|it| it.shown);
        put(HistorySeries::Online, shown.map(|it| it.online as f64));
        put(HistorySeries::Away, shown.map(|it| it.away as f64));
        put(HistorySeries::Busy, shown.map(|it| it.busy as f64));
        put(HistorySeries::MessagesPerMinute, self.messages_per_minute);
        let instances = snapshot.instances.as_ref();
        put(
            HistorySeries::Instances,
            instances.map(|it| it.live().count() as f64),
        );
        let connections = instances.and_then(|it| it.connections());
        put(HistorySeries::Connections, connections.map(|it| it as f64));
        put(HistorySeries::Cost, snapshot.cost());
        values
    }

    fn note_messages(&mut self, snapshot: &Snapshot) {
        let outcome = snapshot.outcomes.get(&Collector::Messages);
        let (Some(messages), Some(at)) = (
            &snapshot.messages,
            outcome.and_then(|outcome| outcome.last_success),
        ) else {
            self.counted = None;
            self.messages_per_minute = None;
            return;
        };
        let before = self.counted.replace((at, messages.documents));
        let Some((before_at, before)) = before else {
            return;
        };
        let Some(passed) = at.since(before_at).filter(|it| !it.is_zero()) else {
            return;
        };
        // Where messages were deleted it is not known how many came.
        self.messages_per_minute = messages
            .documents
            .checked_sub(before)
            .map(|came| came as f64 * 60.0 / passed.as_secs_f64());
    }

    fn note_processors(&mut self, snapshot: &Snapshot) {
        let outcome = snapshot.outcomes.get(&Collector::Host);
        let (Some(host), Some(at)) = (
            &snapshot.host,
            outcome.and_then(|outcome| outcome.last_success),
        ) else {
            self.looked = None;
            self.processors.clear();
            return;
        };
        if self
            .looked
            .as_ref()
            .is_some_and(|(before, _)| *before == at)
        {
            return;
        }
        let times: Vec<_> = host.cpus.iter().map(|cpu| cpu.times).collect();
        if let Some((_, before)) = &self.looked
            && before.len() == times.len()
        {
            let shares = times.iter().zip(before);
            self.processors = shares
                .map(|(now, before)| now.busy_share_since(*before))
                .collect();
        }
        self.looked = Some((at, times));
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

    #[test]
    fn a_minute_has_one_point_and_a_day_is_kept() {
        let mut history = History::default();
        for minute in 0..3000 {
            let now = Timestamp(minute * MINUTE);
            history.note(&snapshot(minute, 1, 0), now);
            history.note(&snapshot(minute, 2, 0), Timestamp(now.0 + 1));
        }
        assert_eq!(history.times().count(), MOST_POINTS);
        assert_eq!(history.times().last(), Some(Timestamp(2999 * MINUTE)));
        assert!(
            history
                .curve(HistorySeries::Online)
                .all(|it| it == Some(2.0))
        );
        assert!(
            history
                .curve(HistorySeries::Connections)
                .all(|it| it.is_none())
        );
        assert!(size_of::<Point>() * MOST_POINTS <= 50_000);
    }

    #[test]
    fn messages_per_minute_are_known_from_the_second_reading_on() {
        let mut history = History::default();
        let mut note = |minute: i64, messages| {
            history.note(&snapshot(minute, 0, messages), Timestamp(minute * MINUTE));
            history.messages_per_minute()
        };
        assert_eq!(note(1, 100), None);
        assert_eq!(note(1, 100), None);
        assert_eq!(note(3, 130), Some(15.0));
        assert_eq!(note(3, 130), Some(15.0), "the same reading seen again");
        assert_eq!(note(4, 90), None, "messages were deleted");
        assert_eq!(note(5, 90), Some(0.0));
    }

    #[test]
    fn a_clock_that_is_set_back_begins_anew() {
        let mut history = History::default();
        history.note(&snapshot(9, 1, 0), Timestamp(9 * MINUTE));
        history.note(&snapshot(5, 1, 0), Timestamp(5 * MINUTE));
        assert_eq!(history.times().collect::<Vec<_>>(), [Timestamp(5 * MINUTE)]);
    }

    #[test]
    fn the_cost_is_the_share_of_the_time() {
        let cost = snapshot(1, 0, 0).cost();
        assert!(cost.is_some_and(|it| (it - 0.001).abs() < 1e-9));
    }
}
