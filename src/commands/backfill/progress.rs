//! Progress of a long read: one changing line on a terminal, a log message now and then elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::catalogue::Timestamp;

/// Between two log messages.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// Between two updates of the line on a terminal.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(200);

/// Reports progress at intervals.
#[derive(Debug)]
pub struct Progress {
    is_terminal: bool,
    last_report: Instant,
    has_line: bool,
}

impl Progress {
    /// The first report follows after an interval.
    pub fn new() -> Self {
        Self {
            is_terminal: std::io::stderr().is_terminal(),
            last_report: Instant::now(),
            has_line: false,
        }
    }

    /// Reports how many of all documents were read and up to which date, unless the last report is recent.
    pub fn report(&mut self, read: u64, all: u64, reached: Timestamp) {
        let interval = if self.is_terminal {
            TERMINAL_INTERVAL
        } else {
            LOG_INTERVAL
        };
        if self.last_report.elapsed() < interval {
            return;
        }
        self.last_report = Instant::now();
        let day = day(reached);
        if self.is_terminal {
            self.has_line = true;
            // An error of the terminal must not stop the work.
            let mut terminal = std::io::stderr().lock();
            drop(write!(
                terminal,
                "\r{read} of {all} documents, to {day} \x1b[K"
            ));
            drop(terminal.flush());
        } else {
            tracing::info!(documents = read, of = all, reached = day, "reading");
        }
    }

    /// Ends the line, so that other output begins on a new one.
    pub fn finish(&mut self) {
        if std::mem::take(&mut self.has_line) {
            drop(writeln!(std::io::stderr()));
        }
    }
}

/// The date of an instant in UTC.
pub fn day(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(
        |_| at.0.to_string(),
        |instant| instant.strftime("%Y-%m-%d").to_string(),
    )
}
