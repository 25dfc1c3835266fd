//! The log: lines on standard error, written by a thread of its own.
//!
//! Standard error may be a pipe that nobody reads, or a terminal that was stopped. Whoever logs never waits for it: lines
//! queue up, and when the queue is full they are lost, which is counted.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Bytes of lines that wait to be written.
const MOST_QUEUED: usize = 256 * 1024;

/// How long the end of the process waits for lines that are not written yet.
const FLUSH: Duration = Duration::from_secs(1);

/// How lines look.
#[derive(Debug, Clone, Copy)]
pub enum Format {
    /// `key=value` pairs.
    Logfmt,
    /// A JSON object a line.
    Json,
}

/// The log of the process. Dropping it writes what is queued, for a second at most.
#[derive(Debug)]
pub struct Log(Arc<Queue>);

/// How many lines were lost.
#[derive(Debug, Clone)]
pub struct LostLines(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue {
    // A std mutex: it is never held while something is written.
    state: Mutex<State>,
    changed: Condvar,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    is_writing: bool,
}

/// Puts lines into the queue.
#[derive(Debug, Clone)]
struct Writer(Arc<Queue>);

impl Log {
    /// Logs to standard error from now on; panics, too.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(level: LevelFilter, format: Format) -> io::Result<Self> {
        let log = Self::to(io::stderr())?;
        let writer = Writer(Arc::clone(&log.0));
        let layer = match format {
            Format::Logfmt => tracing_logfmt::builder()
                .with_target(false)
                .layer()
                .with_writer(writer)
                .boxed(),
            Format::Json => tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_target(false)
                .with_current_span(false)
                .with_span_list(false)
                .with_writer(writer)
                .boxed(),
        };
        tracing_subscriber::registry()
            .with(layer.with_filter(level))
            .init();
        std::panic::set_hook(Box::new(|panic| {
            let backtrace = std::backtrace::Backtrace::capture();
            let backtrace = match backtrace.status() {
                std::backtrace::BacktraceStatus::Captured => Some(backtrace.to_string()),
                _ => None,
            };
            tracing::error!(backtrace, "{panic}");
        }));
        Ok(log)
    }

    /// A queue, and a thread that writes it to `output`.
    fn to(output: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let taken = Arc::clone(&queue);
        std::thread::Builder::new()
            .name("log".to_owned())
            .stack_size(128 * 1024)
            .spawn(move || taken.write_to(output))?;
        Ok(Self(queue))
    }

    /// How many lines were lost, at any time.
    pub fn lost_lines(&self) -> LostLines {
        LostLines(Arc::clone(&self.0))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let state = self.0.state();
        let is_queued = |state: &mut State| state.is_writing || !state.lines.is_empty();
        // A line that nobody takes in time is lost with the process.
        drop(self.0.changed.wait_timeout_while(state, FLUSH, is_queued));
    }
}

impl LostLines {
    /// The number since the start.
    pub fn count(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }
}

impl Queue {
    /// Writes lines as they come, for ever.
    fn write_to(&self, mut output: impl Write) {
        let mut told = 0;
        loop {
            let line = self.next();
            if output.write_all(&line).is_err() {
                // Nobody would read what is said about it either.
                self.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let lost = self.lost.load(Ordering::Relaxed);
            let has_room = self.state().bytes < MOST_QUEUED / 2;
            if lost > told && has_room {
                tracing::warn!(
                    lines = lost - told,
                    "lines of the log were lost, because standard error did not take them in time"
                );
                told = lost;
            }
        }
    }

    /// Waits for a line. The one before counts as written from now on.
    fn next(&self) -> Vec<u8> {
        let mut state = self.state();
        state.is_writing = false;
        self.changed.notify_all();
        loop {
            if let Some(line) = state.lines.pop_front() {
                state.bytes -= line.len();
                state.is_writing = true;
                return line;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes a line, unless the queue is full.
    fn put(&self, line: &[u8]) {
        let mut state = self.state();
        if state.bytes + line.len() > MOST_QUEUED {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.bytes += line.len();
        state.lines.push_back(line.to_vec());
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Writer {
    /// Takes one line: subscribers write each message at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;

    /// Takes a line whenever the test says so.
    struct Slow {
        may_take: mpsc::Receiver<()>,
        taken: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.may_take.recv().map_err(io::Error::other)?;
            self.taken.send(line.to_vec()).map_err(io::Error::other)?;
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_logs_never_waits_and_what_finds_no_room_is_counted() {
        let (let_take, may_take) = mpsc::channel();
        let (taken, lines) = mpsc::channel();
        let log = Log::to(Slow { may_take, taken }).expect("there is a thread");
        let lost = log.lost_lines();
        let line = [b'x'; 1024];
        let begun = Instant::now();
        for _ in 0..1000 {
            log.0.put(&line);
        }
        assert!(begun.elapsed() < Duration::from_secs(5));
        // One more than the queue holds may be on its way.
        let kept = MOST_QUEUED / line.len();
        assert!((1000 - kept - 1..=1000 - kept).contains(&usize::try_from(lost.count()).unwrap()));
        for _ in 0..kept {
            let_take.send(()).expect("the thread lives");
            assert_eq!(lines.recv().expect("a line is written"), line);
        }
        let before = lost.count();
        log.0.put(b"again");
        assert_eq!(lost.count(), before, "there is room again");
    }

    #[test]
    fn the_end_waits_for_what_is_queued_but_not_for_ever() {
        let (let_take, may_take) = mpsc::channel();
        let (taken, lines) = mpsc::channel();
        let log = Log::to(Slow { may_take, taken }).expect("there is a thread");
        let_take.send(()).expect("the thread lives");
        log.0.put(b"written");
        log.0.put(b"stuck");
        let begun = Instant::now();
        drop(log);
        assert_eq!(lines.try_recv().expect("it was written"), b"written");
        let waited = begun.elapsed();
        assert!(waited >= FLUSH && waited < FLUSH * 10, "{waited:?}");
    }
}
