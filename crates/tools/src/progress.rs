//! Output of commands that take long: never silent for more than a few seconds.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// After so long without output the heartbeat prints a line; a line takes up to [`POLL`] longer.
const MAX_SILENCE: Duration = Duration::from_secs(4);

/// How often the heartbeat looks.
const POLL: Duration = Duration::from_millis(500);

/// When the newest line was printed.
static LAST_LINE: LazyLock<Mutex<Instant>> = LazyLock::new(|| Mutex::new(Instant::now()));

/// Prints a line to standard output.
#[expect(clippy::print_stdout, reason = "this is the output of a command")]
pub fn line(text: &str) {
    let mut last = LAST_LINE.lock().unwrap_or_else(PoisonError::into_inner);
    println!("{text}");
    *last = Instant::now();
}

/// Prints a line to standard error.
#[expect(clippy::print_stderr, reason = "this is the output of a command")]
pub fn error_line(text: &str) {
    let mut last = LAST_LINE.lock().unwrap_or_else(PoisonError::into_inner);
    eprintln!("{text}");
    *last = Instant::now();
}

/// A duration in whole seconds, such as `12 s`.
#[must_use]
pub fn seconds(time: Duration) -> String {
    format!("{:.0} s", time.as_secs_f64())
}

/// Prints what is going on, and for how long, whenever nothing else was printed for some seconds. Ends when dropped.
#[derive(Debug)]
pub struct Heartbeat {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// Starts it. `activity` names what is going on at that moment.
    pub fn start(activity: impl Fn() -> String + Send + 'static) -> Self {
        let (stop, stopped) = mpsc::channel();
        let begun = Instant::now();
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(POLL) == Err(RecvTimeoutError::Timeout) {
                let silence = LAST_LINE
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .elapsed();
                if silence >= MAX_SILENCE {
                    line(&format!("   {}, {}", activity(), seconds(begun.elapsed())));
                }
            }
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened.
            drop(thread.join());
        }
    }
}

/// Runs a command and prints each line of its output when it comes. `on_line` sees those of standard output too.
pub fn run(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
    let mut process = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (output, errors) = (process.stdout.take(), process.stderr.take());
    thread::scope(|scope| {
        let errors = scope.spawn(|| errors.map_or(Ok(()), |errors| lines(errors, error_line)));
        let output = output.map_or(Ok(()), |output| {
            lines(output, |text| {
                on_line(text);
                line(text);
            })
        });
        output.and(errors.join().unwrap_or(Ok(())))
    })
    .context("cannot read the output")?;
    Ok(process.wait()?)
}

/// Lines of a pipe, which need not be UTF-8.
fn lines(pipe: impl Read, mut on_line: impl FnMut(&str)) -> std::io::Result<()> {
    for text in BufReader::new(pipe).split(b'\n') {
        on_line(&String::from_utf8_lossy(&text?));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn silent_work_is_named_within_five_seconds() {
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let heartbeat = Heartbeat::start(move || {
            count.fetch_add(1, Ordering::Relaxed);
            "waiting".to_owned()
        });
        let begun = Instant::now();
        while asked.load(Ordering::Relaxed) == 0 {
            assert!(begun.elapsed() < Duration::from_secs(30), "no line");
            thread::sleep(Duration::from_millis(50));
        }
        drop(heartbeat);
        assert!(MAX_SILENCE + POLL < Duration::from_secs(5));
    }

    #[test]
    fn output_of_both_kinds_is_read_to_the_end() -> Result<()> {
        let mut seen = Vec::new();
        let script = "echo one; echo error >&2; printf 'two\\377'; exit 3";
        let status = run(Command::new("sh").args(["-c", script]), |text| {
            seen.push(text.to_owned());
        })?;
        assert_eq!(status.code(), Some(3));
        assert_eq!(seen, ["one", "two\u{fffd}"]);
        Ok(())
    }
}
