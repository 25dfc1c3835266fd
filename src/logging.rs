//! The log: lines on standard error, written by a separate thread.
//!
//! Standard error may be a pipe without a reader or a stopped terminal. Logging never blocks on it: lines are queued, and
//! dropped and counted when the queue is full.

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

/// Maximum number of bytes in the queue.
const MAX_QUEUED: usize = 256 * 1024;

/// At its end the process waits at most so long for queued lines.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// The format of lines.
#[derive(Debug, Clone, Copy)]
pub enum LineFormat {
    /// `key=value` pairs.
    Logfmt,
    /// One JSON object per line.
    Json,
}

/// The log of the process. Dropping it writes the queued lines, for a second at most.
#[derive(Debug)]
pub struct Log(Arc<LineQueue>);

/// The number of dropped lines.
#[derive(Debug, Clone)]
pub struct LostLines(Arc<LineQueue>);

#[derive(Debug, Default)]
struct LineQueue {
    // A std mutex: it is not held during a write.
    state: Mutex<QueuedLines>,
    changed: Condvar,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct QueuedLines {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    is_writing: bool,
}

/// Adds lines to the queue.
#[derive(Debug, Clone)]
struct QueueWriter(Arc<LineQueue>);

impl Log {
    /// Starts logging to standard error, including panics.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(level: LevelFilter, format: LineFormat) -> io::Result<Self> {
        let log = Self::to(io::stderr())?;
        let writer = QueueWriter(Arc::clone(&log.0));
        let layer = match format {
            LineFormat::Logfmt => tracing_logfmt::builder()
                .with_target(false)
                .layer()
                .with_writer(writer)
                .boxed(),
            LineFormat::Json => tracing_subscriber::fmt::layer()
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

    /// Starts a thread that writes a queue to `output`.
    fn to(output: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Arc::new(LineQueue::default());
        let written = Arc::clone(&queue);
        std::thread::Builder::new()
            .name("log".to_owned())
            .stack_size(128 * 1024)
            .spawn(move || written.write_to(output))?;
        Ok(Self(queue))
    }

    /// The counter of dropped lines.
    pub fn lost_lines(&self) -> LostLines {
        LostLines(Arc::clone(&self.0))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let state = self.0.state();
        let is_queued = |state: &mut QueuedLines| state.is_writing || !state.lines.is_empty();
        // Lines that are not written in time are lost.
        drop(
            self.0
                .changed
                .wait_timeout_while(state, FLUSH_TIMEOUT, is_queued),
        );
    }
}

impl LostLines {
    /// The number since the start.
    pub fn count(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }
}

impl LineQueue {
    /// Writes lines as they arrive. Never returns.
    fn write_to(&self, mut output: impl Write) {
        let mut reported = 0;
        loop {
            let line = self.next();
            if output.write_all(&line).is_err() {
                // A message about it could not be written either.
                self.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let lost = self.lost.load(Ordering::Relaxed);
            let has_room = self.state().bytes < MAX_QUEUED / 2;
            if lost > reported && has_room {
                tracing::warn!(
                    lines = lost - reported,
                    "lines of the log were lost, because standard error was blocked"
                );
                reported = lost;
            }
        }
    }

    /// Waits for a line. The previous one counts as written.
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

    /// Adds a line, unless the queue is full.
    fn put(&self, line: &[u8]) {
        let mut state = self.state();
        if state.bytes + line.len() > MAX_QUEUED {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.bytes += line.len();
        state.lines.push_back(line.to_vec());
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, QueuedLines> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> MakeWriter<'a> for QueueWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for QueueWriter {
    /// Adds one line: subscribers write a message at once.
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

    /// Writes a line when the test allows it.
    struct SlowOutput {
        may_take: mpsc::Receiver<()>,
        taken: mpsc::Sender<Vec<u8>>,
    }

    impl Write for SlowOutput {
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
    fn logging_never_blocks_and_counts_dropped_lines() {
        let (let_take, may_take) = mpsc::channel();
        let (taken, lines) = mpsc::channel();
        let log = Log::to(SlowOutput { may_take, taken }).expect("there is a thread");
        let lost = log.lost_lines();
        let line = [b'x'; 1024];
        let begun = Instant::now();
        for _ in 0..1000 {
            log.0.put(&line);
        }
        assert!(begun.elapsed() < Duration::from_secs(5));
        // One more line may be with the thread.
        let kept = MAX_QUEUED / line.len();
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
    fn drop_waits_for_queued_lines_but_not_forever() {
        let (let_take, may_take) = mpsc::channel();
        let (taken, lines) = mpsc::channel();
        let log = Log::to(SlowOutput { may_take, taken }).expect("there is a thread");
        let_take.send(()).expect("the thread lives");
        log.0.put(b"written");
        log.0.put(b"stuck");
        let begun = Instant::now();
        drop(log);
        assert_eq!(lines.try_recv().expect("it was written"), b"written");
        let waited = begun.elapsed();
        assert!(
            waited >= FLUSH_TIMEOUT && waited < FLUSH_TIMEOUT * 10,
            "{waited:?}"
        );
    }
}
