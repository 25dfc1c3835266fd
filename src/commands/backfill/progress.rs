//! How far a long reading is: one line that changes on a terminal, a message now and then elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::catalogue::Timestamp;

/// Between two messages where nobody watches.
const PAUSE: Duration = Duration::from_secs(30);

/// Between two changes of a line that somebody watches.
const BLINK: Duration = Duration::from_millis(200);

/// What is told, and when it was last told.
#[derive(Debug)]
pub struct Progress {
    is_watched: bool,
    told: Instant,
    has_line: bool,
}

impl Progress {
    /// Nothing was told yet.
    pub fn new() -> Self {
        Self {
            is_watched: std::io::stderr().is_terminal(),
            told: Instant::now(),
            has_line: false,
        }
    }

    /// Tells how many documents of how many were read, and until when, unless that was told a moment ago.
    pub fn tell(&mut self, read: u64, all: u64, reached: Timestamp) {
        let pause = if self.is_watched { BLINK } else { PAUSE };
        if self.told.elapsed() < pause {
            return;
        }
        self.told = Instant::now();
        let day = day(reached);
        if self.is_watched {
            self.has_line = true;
            // A terminal that takes nothing must not stop the work.
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

    /// Ends the line, so that something else can be written.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.has_line) {
            drop(writeln!(std::io::stderr()));
        }
    }
}

/// The day of an instant in UTC.
pub fn day(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(
        |_| at.0.to_string(),
        |it| it.strftime("%Y-%m-%d").to_string(),
    )
}
