//! The size of the benchmark's workspace.

use anyhow::{Result, ensure};
use serde::Serialize;

use testbed::workspace::LargeSize;

/// The usual size, or a part of it, or any other.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Measurement of the usual size, for example 0.01
    #[arg(long, value_name = "FRACTION", default_value_t = 1.0)]
    size: f64,
    /// Users, instead of 1,000,000 times the size
    #[arg(long, value_name = "N")]
    users: Option<usize>,
    /// Rooms, instead of 300,000 times the size
    #[arg(long, value_name = "N")]
    rooms: Option<usize>,
    /// Messages, instead of 2,000,000 times the size
    #[arg(long, value_name = "N")]
    messages: Option<usize>,
    /// Uploads, instead of 500,000 times the size
    #[arg(long, value_name = "N")]
    uploads: Option<usize>,
    /// Rows of sessions, instead of 200,000 times the size
    #[arg(long, value_name = "N")]
    sessions: Option<usize>,
    /// People who are connected, instead of 10,000 times the size
    #[arg(long, value_name = "N")]
    connected: Option<usize>,
}

/// The numbers of documents in the collections that matter.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Size {
    pub(crate) users: usize,
    pub(crate) rooms: usize,
    pub(crate) messages: usize,
    pub(crate) uploads: usize,
    pub(crate) sessions: usize,
    pub(crate) connected: usize,
}

impl Options {
    /// The size, times a further fraction.
    pub(crate) fn resolve(&self, fraction: f64) -> Result<Size> {
        ensure!(
            self.size > 0.0 && self.size <= 10.0,
            "--size is {}, and must be above 0 and at most 10",
            self.size
        );
        let part = |given: Option<usize>, usual: usize| match given {
            Some(number) => scaled(number, fraction),
            None => scaled(usual, self.size * fraction),
        };
        Ok(Size {
            // The smallest workspace with every kind of user and room is slightly smaller than these.
            users: part(self.users, 1_000_000).max(100),
            rooms: part(self.rooms, 300_000).max(80),
            messages: part(self.messages, 2_000_000),
            uploads: part(self.uploads, 500_000),
            sessions: part(self.sessions, 200_000),
            connected: part(self.connected, 10_000),
        })
    }
}

impl Size {
    pub(crate) fn workspace(&self) -> LargeSize {
        LargeSize {
            users: self.users,
            rooms: self.rooms,
            messages: self.messages,
            uploads: self.uploads,
            sessions: self.sessions,
            connected: self.connected,
        }
    }

    /// A name for the directory of its data.
    pub(crate) fn name(&self) -> String {
        format!(
            "u{}-r{}-m{}-f{}-s{}-c{}",
            self.users, self.rooms, self.messages, self.uploads, self.sessions, self.connected
        )
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive numbers far below what a float holds exactly"
)]
fn scaled(number: usize, fraction: f64) -> usize {
    (number as f64 * fraction).round() as usize
}
