//! Records the commands that a client sends, for `check`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::bson::{Bson, Document};
use mongodb::event::command::CommandEvent;

/// The stage with the sizes of a collection, which cannot be explained.
const SIZES: &str = "$collStats";

/// A command, and how it ended.
#[derive(Debug, Clone)]
pub struct SentCommand {
    /// The command, including what the driver added.
    pub command: Document,
    /// Its database.
    pub database: String,
    /// Time until the reply; `None` while there is none.
    pub duration: Option<Duration>,
    /// Whether it failed.
    pub failed: bool,
    request: i32,
}

/// The commands of a client, in order.
#[derive(Debug, Default)]
pub struct CommandLog(
    // A std mutex: it is only held while a command is recorded.
    Mutex<Vec<SentCommand>>,
);

impl CommandLog {
    /// Records an event of the driver.
    pub fn record(&self, event: CommandEvent) {
        match event {
            CommandEvent::Started(event) => self.lock().push(SentCommand {
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

    /// Removes and returns the recorded commands.
    pub fn take(&self) -> Vec<SentCommand> {
        std::mem::take(&mut self.lock())
    }

    fn end(&self, request: i32, duration: Duration, failed: bool) {
        let mut commands = self.lock();
        if let Some(sent) = commands
            .iter_mut()
            .rev()
            .find(|sent| sent.request == request)
        {
            sent.duration = Some(duration);
            sent.failed = failed;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SentCommand>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SentCommand {
    /// The command's name; `$collStats` for an aggregation that begins with it.
    pub fn kind(&self) -> &str {
        let first = |pipeline: &Vec<Bson>| pipeline.first()?.as_document().cloned();
        let stage = self.command.get_array("pipeline").ok().and_then(first);
        if stage.is_some_and(|stage| stage.contains_key(SIZES)) {
            return SIZES;
        }
        self.command.keys().next().map_or("", String::as_str)
    }

    /// The collection; `None` for commands to the server.
    pub fn collection(&self) -> Option<&str> {
        match self.command.iter().next() {
            Some((_, Bson::String(name))) => Some(name),
            _ => None,
        }
    }
}
