//! Prometheus exporter for Rocket.Chat.
//!
//! A daemon that stands beside a Rocket.Chat workspace, reads its MongoDB (and never writes), reads its host, and shows
//! both as metrics and as Rocket.Chat's legacy statistics document.
//!
//! # Layout
//! ```text
//! program -> cli -> config -> run -+-> sampler -> sources --> statistics
//!                                  +-> http -+-> render ----> statistics
//!                                            +-> rocketchat
//! ```
//! * `program`: parse, check, bind, run, and turn what went wrong into an exit status; `main` only calls it.
//! * `cli`, `options`, `config`: flags, variables and the configuration file; once a `Config` exists it is valid.
//! * `run`: starts workspaces and web, reads the configuration again, and ends everything in order. `once` reads a
//!   single time, for the command line; `check` does that too, and tells how each question is answered; `backfill` writes
//!   what Rocket.Chat stored of the past; `health` asks one that runs.
//! * `statistics`: the model and the catalogue of everything that is shown; pure data.
//! * `sources`: MongoDB and the host; each section's questions in a file of its own.
//! * `sampler`: when to ask; it publishes an immutable snapshot after each answer. `sampler/live` follows changes instead,
//!   with what `sources/live` keeps of each document.
//! * `render`: a snapshot as OpenMetrics, classic text, JSON document, pages and reference.
//! * `http`: connections, limits, negotiation, routes.
//! * `rocketchat`: Rocket.Chat itself, which is only asked to take a license, and only when an administrator says so.
//! * `listen`: addresses and sockets; `web_config`: encryption and users, from their own file.
//! * `logging`: the log, which nothing waits for.
//! * `supervision`: tasks that are started again when a defect ends them.
//! * `small_file`: how every file is read that an operator names.
//!
//! # Invariants
//! 1. `statistics` imports `std` only; `render` never sees a source, `sources` never a renderer, `http` never
//!    `sources`. A test reads the imports.
//! 2. No write of any kind reaches the database. A license goes to Rocket.Chat, which writes it itself.
//! 3. A source that failed is absent, never zero; its outcome, duration and age are metrics.
//! 4. A scrape does no input or output: it hands out bytes that were rendered when the snapshot changed, in each format
//!    that was ever asked for, and those about the exporter itself at most a second ago. Several workspaces are rendered
//!    together when they are scraped, at most once a second in each format and encoding. Only where there is a web
//!    configuration the system is asked whether its files have changed.
//! 5. No query without a server-side time limit, no scan of `rocketchat_message`, never more connections than the
//!    budget, one collector per tier at a time, and two of the longer ones only while somebody waits for them.
//! 6. No unwrap, no global mutable state, no secret in a log, an error, the metrics, the arguments or a page.

mod backfill;
mod check;
mod cli;
mod clock;
mod config;
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod http;
mod listen;
mod logging;
mod network;
mod once;
mod options;
mod password;
mod program;
mod render;
mod rocketchat;
mod run;
mod sampler;
mod secret;
mod signals;
mod small_file;
mod sources;
mod statistics;
mod supervision;
mod web_config;
mod yaml;

pub use cli::configuration_reference;
pub use program::program;
pub use render::reference::{markdown as statistics_reference, summary as statistics_summary};
pub use sources::role_reference;
pub use statistics::COLLECTORS;
