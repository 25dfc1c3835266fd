//! Live mode: sections that are kept current by the changes that the database tells, and read as a whole only now and
//! then, to check them. While changes cannot be followed the tiers read these sections like all others.

pub mod cost;

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, MutexGuard, mpsc};
use tokio::time::{Instant, sleep_until};

use cost::Measure;

use super::Request;
use super::budget::{at_share, jittered};
use super::heartbeat::Heartbeat;
use super::shared::Shared;
use crate::catalogue::FailureKind;
use crate::change_streams::{Follower, Lateness, LiveError, State, WatchedCollection, names};
use crate::collectors::user_features::UserFeatures;
use crate::collectors::{
    Collector, Live, LiveCounts, LiveMode, LiveObstacle, LiveState, Reading, Snapshot,
};
use crate::mongodb::SourceError;

/// From one question for changes to the next.
const PAUSE: Duration = Duration::from_secs(1);

/// What did not change is said to be current after this time.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// How long a full reading and what was followed may differ, because the stream is behind.
const PATIENCE: Duration = Duration::from_mins(1);

/// What stands in the way is looked at again after this time.
const REST: Duration = Duration::from_hours(1);

/// The first wait after the stream broke; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest.
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// A stream that lasts so long has not broken because of the one before.
const STEADY: Duration = Duration::from_secs(10);

/// How many times in a row everything may have to be read anew; then it is left to the tiers for [`REST`].
const MOST_LOSSES: u32 = 5;

/// Sections that can be followed, and the collections that they come of.
const SECTIONS: [(Collector, &[WatchedCollection]); 7] = [
    (Collector::Presence, &[WatchedCollection::Users]),
    (Collector::Users, &[WatchedCollection::Users]),
    (Collector::UserFeatures, &[WatchedCollection::Users]),
    (Collector::Rooms, &[WatchedCollection::Rooms]),
    (Collector::RoomFeatures, &[WatchedCollection::Rooms]),
    (Collector::Uploads, &[WatchedCollection::Uploads]),
    (
        Collector::Connections,
        &[WatchedCollection::Users, WatchedCollection::Sessions],
    ),
];

/// Those of these collectors whose sections can be followed. Which connections are to live instances is told by the
/// section of the instances, which is read.
pub fn followable(collectors: &BTreeSet<Collector>) -> BTreeSet<Collector> {
    let has_instances = collectors.contains(&Collector::Instances);
    let all = SECTIONS.iter().map(|(collector, _)| *collector);
    all.filter(|it| collectors.contains(it))
        .filter(|it| *it != Collector::Connections || has_instances)
        .collect()
}

/// A section as it is followed, or why it has failed; `None` where it has to be read.
fn section(
    state: &State,
    collector: Collector,
    known: &Snapshot,
) -> Option<Result<Reading, FailureKind>> {
    let reading = match collector {
        Collector::Presence => Reading::Presence(state.presence()?),
        Collector::Users => Reading::Users(state.users()?),
        Collector::UserFeatures => {
            // Services of the workspace's own are told apart by settings.
            let version = known.version();
            if version.is_some_and(UserFeatures::names_custom_oauth) {
                return None;
            }
            Reading::UserFeatures(state.user_features()?)
        }
        Collector::Rooms => Reading::Rooms(state.rooms()?),
        Collector::RoomFeatures => {
            let settings = known.settings.as_ref()?;
            Reading::RoomFeatures(state.room_features(&settings.grants)?)
        }
        Collector::Uploads => Reading::Uploads(state.uploads()?),
        Collector::Connections => {
            let Some(instances) = &known.instances else {
                let outcome = known.outcomes.get(&Collector::Instances);
                let failure = outcome.and_then(|it| it.failure);
                return Some(Err(failure.unwrap_or(FailureKind::Other)));
            };
            Reading::Connections(state.connections(instances)?)
        }
        _ => return None,
    };
    Some(Ok(reading))
}

/// A full reading that runs.
type Running = Pin<Box<dyn Future<Output = Result<State, LiveError>> + Send>>;

/// The task that follows.
pub struct Task<'a> {
    shared: &'a Shared,
    collectors: BTreeSet<Collector>,
    follower: Follower,
    requests: MutexGuard<'a, mpsc::Receiver<Request>>,
    pulse: &'a Heartbeat,
    /// No full reading begins before, so that all of them take no more than their share of the time.
    may_read: Instant,
    /// When what is followed is to be checked.
    check: Instant,
    /// When the full reading began that is under way.
    reads_since: Option<Instant>,
    /// When the stream was opened that is followed.
    follows_since: Option<Instant>,
    failures_in_a_row: u32,
    /// How many times in a row only a full reading helped.
    losses_in_a_row: u32,
    fallbacks: u64,
    /// Collections that cannot be followed.
    views: BTreeSet<WatchedCollection>,
    spent: Duration,
    published: Instant,
}

/// Follows for ever, where there is something that can be followed.
pub async fn run(
    shared: &Shared,
    requests: &AsyncMutex<mpsc::Receiver<Request>>,
    pulse: &Heartbeat,
) {
    let requests = requests.lock().await;
    if let Some(task) = Task::new(shared, requests, pulse) {
        task.run().await;
    }
}

impl<'a> Task<'a> {
    /// A task that has done nothing yet; `None` where there is nothing that could be followed.
    fn new(
        shared: &'a Shared,
        requests: MutexGuard<'a, mpsc::Receiver<Request>>,
        pulse: &'a Heartbeat,
    ) -> Option<Self> {
        let collectors = followable(&shared.plan.collectors);
        if collectors.is_empty() {
            return None;
        }
        let sections = SECTIONS.iter().filter(|(it, _)| collectors.contains(it));
        let mut collections: BTreeSet<WatchedCollection> = sections
            .flat_map(|(_, collections)| *collections)
            .copied()
            .collect();
        if shared.plan.collectors.contains(&Collector::Instances) {
            collections.insert(WatchedCollection::Instances);
        }
        let now = Instant::now();
        Some(Self {
            follower: shared.sources.follower(collections)?,
            shared,
            collectors,
            requests,
            pulse,
            may_read: now,
            check: now,
            reads_since: None,
            follows_since: None,
            failures_in_a_row: 0,
            losses_in_a_row: 0,
            fallbacks: 0,
            views: BTreeSet::new(),
            spent: Duration::ZERO,
            published: now,
        })
    }

    /// Follows for ever.
    async fn run(mut self) {
        if self.follows() {
            // A task before this one has broken off.
            self.hand_back(
                LiveState::Reading,
                None,
                "the task that followed them has ended",
            );
        }
        // After the first readings, which it would only delay; the tiers tell what they find.
        let mut snapshots = self.shared.publish.subscribe();
        let collectors = self.collectors.clone();
        let first =
            snapshots.wait_for(|it| collectors.iter().all(|one| it.outcomes.contains_key(one)));
        if first.await.is_err() {
            return;
        }
        loop {
            let Err(error) = Box::pin(self.follow()).await;
            self.follower.leave();
            self.follows_since = None;
            if let Some(begun) = self.reads_since.take() {
                // What it asked was asked in vain, and has its price.
                self.rest_after(begun);
            }
            let error = self.weigh_loss(error);
            let wait = match &error {
                LiveError::Impossible(obstacle, reason) => {
                    self.hand_back(LiveState::Off, Some(*obstacle), reason);
                    self.follower.forget();
                    REST
                }
                LiveError::Lost(reason) => {
                    self.fallbacks += 1;
                    self.hand_back(LiveState::Reading, None, reason);
                    self.follower.forget();
                    match self.losses_in_a_row {
                        1 => Duration::ZERO,
                        several => retry_after(several - 2),
                    }
                }
                LiveError::Failed(reason) => {
                    let state = if self.follower.state().is_some() {
                        LiveState::Resuming
                    } else {
                        LiveState::Reading
                    };
                    self.hand_back(state, None, &reason.to_string());
                    let wait = retry_after(self.failures_in_a_row);
                    self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
                    wait
                }
            };
            self.rest_until(Instant::now() + wait).await;
        }
    }

    /// An error; when following was lost too many times in a row, that this makes it impossible for the time being.
    fn weigh_loss(&mut self, error: LiveError) -> LiveError {
        let LiveError::Lost(reason) = error else {
            return error;
        };
        self.losses_in_a_row = self.losses_in_a_row.saturating_add(1);
        if self.losses_in_a_row < MOST_LOSSES {
            return LiveError::Lost(reason);
        }
        self.losses_in_a_row = 0;
        LiveError::Impossible(
            LiveObstacle::Loss,
            format!(
                "everything had to be read anew {MOST_LOSSES} times in a row, at last because {reason}"
            ),
        )
    }

    /// Waits, and answers those who want everything read again: the tiers do that now.
    async fn rest_until(&mut self, instant: Instant) {
        self.pulse.expect_by(instant + self.longest());
        loop {
            tokio::select! {
                () = sleep_until(instant) => return,
                Some(request) = self.requests.recv() => request.answer(),
            }
        }
    }

    /// The longest time that one round may take: a few questions at their limit, and as much again for what a busy
    /// machine adds.
    fn longest(&self) -> Duration {
        self.shared.sources.limit() * 4
    }

    /// Follows until that is no longer possible.
    async fn follow(&mut self) -> Result<std::convert::Infallible, LiveError> {
        self.pulse.expect_by(Instant::now() + self.longest());
        if !self.follower.resume().await? {
            self.rest_until(self.may_read).await;
            self.note(LiveState::Reading);
            self.follower.begin().await?;
            self.tell_views();
            self.check = Instant::now();
        }
        self.follows_since = Some(Instant::now());
        let mut reading: Option<(Instant, Running)> = None;
        let mut waiting: Vec<Request> = Vec::new();
        let mut patience = Instant::now();
        let mut measure = Measure::begin();
        let mut lateness =
            Lateness::begin(self.follower.standing().await?, self.follower.position());
        // Whether there are more changes, and whether there are some that were not published.
        let (mut more, mut changed) = (false, false);
        loop {
            let now = Instant::now();
            self.pulse.expect_by(now + self.longest());
            let may_read = !lateness.is_late() && !self.follower.compares();
            if reading.is_none() && may_read && now >= self.check {
                let full = self.follower.full_reading().await?;
                reading = Some((now, Box::pin(full.read())));
                self.reads_since = Some(now);
            }
            let at_once = more || measure.asks_at_once();
            tokio::select! {
                () = sleep_until(if at_once { now } else { now + PAUSE }) => {}
                state = finished(&mut reading) => {
                    patience = Instant::now() + PATIENCE;
                    self.take(state.0, state.1)?;
                    reading = None;
                }
                Some(request) = self.requests.recv() => waiting.push(request),
            }
            let asked = Instant::now();
            let caught = self.follower.catch_up().await?;
            self.shared.contact.answered();
            let duration = asked.elapsed();
            self.spent += duration;
            measure.note(duration, caught);
            more = caught.more;
            changed |= caught.told > 0;
            if self.follower.take_instances_changed() {
                self.shared
                    .instances_changed
                    .send_modify(|times| *times += 1);
            }
            if !more && self.follower.compares() {
                changed = true;
                if self.follower.compare(Instant::now() >= patience) {
                    self.tell_drift();
                }
            }
            if self.is_late(&mut lateness).await? {
                changed = true;
                waiting.drain(..).for_each(Request::answer);
                continue;
            }
            // What is behind is not followed yet; once it is, a flood of changes is shown as it is taken up.
            let is_due = !more || self.follows() && self.published.elapsed() >= PAUSE;
            if is_due && self.follower.state().is_some() {
                self.note_steadiness();
                self.publish(changed, lateness.age(self.follower.position()));
                changed = false;
            }
            if !more {
                waiting.drain(..).for_each(Request::answer);
            }
            if let Some(share) = measure.share() {
                self.weigh(share)?;
            }
        }
    }

    /// Whether the stream is too far behind to be shown, which is said once; the tiers read meanwhile.
    async fn is_late(&mut self, lateness: &mut Lateness) -> Result<bool, LiveError> {
        let asks = lateness.note(self.follower.position());
        if asks {
            lateness.take(self.follower.standing().await?);
        }
        if !lateness.is_late() {
            return Ok(false);
        }
        if self.follows() {
            let reason = format!(
                "the changes of the last {} s are not told; {}",
                lateness.behind().as_secs(),
                lateness.cause()
            );
            self.hand_back(LiveState::Behind, None, &reason);
        } else if !self.is_in(LiveState::Behind) && self.follower.state().is_some() {
            self.note(LiveState::Behind);
        }
        if asks && lateness.member_lags() && self.follower.has_better_member().await? {
            return Err(LiveError::Failed(SourceError::new(
                FailureKind::Other,
                "the member that tells the changes lags, and another one does not",
            )));
        }
        Ok(true)
    }

    /// Takes the result of a full reading that began at this time; one that only checks may fail.
    fn take(&mut self, begun: Instant, state: Result<State, LiveError>) -> Result<(), LiveError> {
        self.reads_since = None;
        let rest = self.rest_after(begun);
        self.check = Instant::now() + rest.max(self.shared.plan.intervals.slow);
        match state {
            Ok(state) => self.follower.take(state),
            Err(LiveError::Failed(reason)) if self.follower.state().is_some() => {
                tracing::debug!(workspace = self.name(), %reason, "what is followed could not be checked");
                self.follower.abandon_reading();
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Puts off the next full reading after one that began at this time, so that all of them keep to their share of the time;
    /// returns for how long.
    fn rest_after(&mut self, begun: Instant) -> Duration {
        let rest = at_share(begun.elapsed(), self.shared.plan.intervals.max_share);
        self.may_read = Instant::now() + rest;
        rest
    }

    /// Forgets earlier failures once the stream has lasted: one that breaks as soon as it is opened is none.
    fn note_steadiness(&mut self) {
        if self.follows_since.is_some_and(|it| it.elapsed() >= STEADY) {
            self.failures_in_a_row = 0;
            self.losses_in_a_row = 0;
        }
    }

    /// Whether following may go on, which takes this share of the time: automatically only as long as that is no more than
    /// reading took, or than half of what all readings may.
    fn weigh(&self, share: f64) -> Result<(), LiveError> {
        let intervals = &self.shared.plan.intervals;
        let snapshot = Arc::clone(&self.shared.publish.borrow());
        let readings = self.collectors.iter().map(|collector| {
            let duration = snapshot.outcomes.get(collector).map(|it| it.duration);
            let interval = intervals.of(collector.tier());
            duration.unwrap_or_default().div_duration_f64(interval)
        });
        let limit = readings.sum::<f64>().max(intervals.max_share / 2.0);
        if share <= limit || self.shared.plan.live != LiveMode::Auto {
            return Ok(());
        }
        Err(LiveError::Impossible(
            LiveObstacle::Cost,
            format!(
                "following changes, or passing over those that do not count, took {:.2} % of the time, and may take {:.2} %",
                share * 100.0,
                limit * 100.0
            ),
        ))
    }

    fn name(&self) -> Option<&str> {
        self.shared.plan.workspace.as_deref()
    }

    /// Says once which collections cannot be followed, while the others are.
    fn tell_views(&mut self) {
        let views = self.follower.views();
        if !views.is_empty() && views != self.views {
            tracing::warn!(
                workspace = self.name(),
                collections = names(&views).join(", "),
                "changes of a view cannot be followed, so what needs them is read at its interval"
            );
        }
        self.views = views;
    }

    fn tell_drift(&self) {
        let drift = self.follower.counts().drift;
        if drift.values().any(|number| *number > 0) {
            tracing::warn!(
                workspace = self.name(),
                documents = ?drift,
                "documents were not as they had been followed to be, which is mended; it is a defect of the exporter, please report it"
            );
        }
    }

    fn follows(&self) -> bool {
        self.is_in(LiveState::Following)
    }

    fn is_in(&self, state: LiveState) -> bool {
        let snapshot = self.shared.publish.borrow();
        let live = snapshot.live.as_ref();
        live.is_some_and(|it| it.state == state)
    }

    /// Publishes what is known, where it is new or has not been said for a while; it is so old.
    fn publish(&mut self, changed: bool, age: Duration) {
        let follows = self.follows();
        if follows && !changed && self.published.elapsed() < SIGN_OF_LIFE {
            return;
        }
        let Some(state) = self.follower.state() else {
            return;
        };
        let known = Arc::clone(&self.shared.publish.borrow());
        let readings: Vec<_> = self
            .collectors
            .iter()
            .filter_map(|collector| Some((*collector, section(state, *collector, &known)?)))
            .collect();
        let counts = self.follower.counts();
        if !follows {
            tracing::info!(
                workspace = self.name(),
                documents = counts.documents.values().sum::<u64>(),
                "changes are followed"
            );
        }
        self.published = Instant::now();
        let now = self.shared.clock.now();
        let interval = self.shared.plan.intervals.slow;
        let mut live = self.live(LiveState::Following, counts);
        live.follows = readings.iter().map(|(collector, _)| *collector).collect();
        let data_at = now.before(age);
        live.followed_to = Some(data_at);
        self.shared.change(|snapshot| {
            for (collector, reading) in readings {
                if let Some(outcome) = snapshot.outcomes.get_mut(&collector) {
                    outcome.failure = reading.as_ref().err().copied();
                    outcome.interval = interval;
                    outcome.was_followed = false;
                    if reading.is_ok() {
                        outcome.last_success = Some(now);
                        outcome.data_at = Some(data_at);
                    }
                }
                match reading {
                    Ok(reading) => snapshot.put(reading),
                    Err(_) => snapshot.clear(collector),
                }
            }
            snapshot.read_at = Some(now);
            snapshot.data_at = Some(data_at);
            snapshot.live = Some(Arc::new(live));
        });
    }

    fn live(&self, state: LiveState, counts: LiveCounts) -> Live {
        let mut live = Live::new(self.shared.plan.live);
        live.state = state;
        live.counts = counts;
        live.fallbacks = self.fallbacks;
        live.spent = self.spent;
        live
    }

    /// Notes a state in which the tiers read.
    fn note(&self, state: LiveState) {
        let live = self.live(state, self.follower.counts());
        self.shared
            .change(|snapshot| snapshot.live = Some(Arc::new(live)));
    }

    /// Leaves it to the tiers to read what was followed, and says once why.
    fn hand_back(&self, state: LiveState, obstacle: Option<LiveObstacle>, reason: &str) {
        let before = self.shared.publish.borrow().live.clone();
        let (was, stood_in_the_way) = before
            .as_ref()
            .map_or((LiveState::Off, None), |it| (it.state, it.obstacle));
        let workspace = self.name();
        if obstacle.is_some() && obstacle == stood_in_the_way {
            tracing::debug!(workspace, reason, "changes are still not followed");
        } else if obstacle.is_some() && self.shared.plan.live == LiveMode::On {
            tracing::warn!(
                workspace,
                reason,
                "changes cannot be followed, so everything is read at its interval"
            );
        } else if obstacle.is_some() {
            tracing::info!(
                workspace,
                reason,
                "changes are not followed, so everything is read at its interval"
            );
        } else if was == LiveState::Following {
            tracing::info!(
                workspace,
                reason,
                "changes can no longer be followed; trying again"
            );
        } else {
            tracing::debug!(
                workspace,
                reason,
                "changes can still not be followed; trying again"
            );
        }
        let mut live = self.live(state, self.follower.counts());
        live.obstacle = obstacle;
        live.followed_to = before.as_ref().and_then(|it| it.followed_to);
        self.shared.change(|snapshot| {
            for collector in before.iter().flat_map(|it| &it.follows) {
                if let Some(outcome) = snapshot.outcomes.get_mut(collector) {
                    outcome.was_followed = true;
                }
            }
            snapshot.live = Some(Arc::new(live));
        });
        if was == LiveState::Following {
            self.shared.handed_back.send_modify(|times| *times += 1);
        }
    }
}

/// The wait before the next attempt, after some that failed.
fn retry_after(failures: u32) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures));
    jittered(doubled.min(LONGEST_RETRY))
}

/// The result of a full reading that runs, and when it began; never where there is none.
async fn finished(reading: &mut Option<(Instant, Running)>) -> (Instant, Result<State, LiveError>) {
    match reading {
        Some((begun, reading)) => (*begun, reading.await),
        None => std::future::pending().await,
    }
}
