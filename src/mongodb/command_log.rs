//! Noting the commands that one client sends, for whoever wants to see them; the daemon has none of this.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::bson::{Bson, Document};
use mongodb::event::command::CommandEvent;

/// The stage that tells the sizes of a collection, and explains nothing.
const SIZES: &str = "$collStats";

/// A command as it was sent, and how it went.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The command, with everything that the driver added.
    pub command: Document,
    /// The database that it was sent to.
    pub database: String,
    /// Until the answer was there; `None` when none came.
    pub duration: Option<Duration>,
    /// Whether the answer was a failure.
    pub failed: bool,
    request: i32,
}

/// The commands of a client, in their order.
#[derive(Debug, Default)]
pub struct Recorder(
    // A std mutex: it is only held while a command is noted.
    Mutex<Vec<Sent>>,
);

impl Recorder {
    /// Notes what happened.
    pub fn note(&self, event: CommandEvent) {
        match event {
            CommandEvent::Started(event) => self.lock().push(Sent {
                command: event.command,
                database: event.db,
                duration: None,
                failed: false,
                request: event.request_id,
            }),
            CommandEvent::Succeeded(event) => self.end(event.request_id, event.duration, false),
            CommandEvent::Failed(event) => self.end(event.request_id, event.duration, true),
            _ => {}
        }
    }

    /// What was noted since the last time.
    pub fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut self.lock())
    }

    fn end(&self, request: i32, duration: Duration, failed: bool) {
        let mut all = self.lock();
        if let Some(sent) = all.iter_mut().rev().find(|it| it.request == request) {
            sent.duration = Some(duration);
            sent.failed = failed;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Sent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sent {
    /// The command's name; a question about the sizes of a collection is known by its stage.
    pub fn kind(&self) -> &str {
        let first = |pipeline: &Vec<Bson>| pipeline.first()?.as_document().cloned();
        let stage = self.command.get_array("pipeline").ok().and_then(first);
        if stage.is_some_and(|it| it.contains_key(SIZES)) {
            return SIZES;
        }
        self.command.keys().next().map_or("", String::as_str)
    }

    /// The collection that it asks; `None` for questions to the server.
    pub fn collection(&self) -> Option<&str> {
        match self.command.iter().next() {
            Some((_, Bson::String(name))) => Some(name),
            _ => None,
        }
    }
}
