//! Prometheus exporter for Rocket.Chat.
//!
//! A daemon that stands beside a Rocket.Chat workspace, reads its MongoDB (and never writes), reads its host, and shows
//! both as metrics and as Rocket.Chat's legacy statistics document.
//!
//! # Layout
//! ```text
//! program -> commands -> config
//!               |
//!             serve -+-> scheduler -> collectors -> change_streams, mongodb, license --> catalogue
//!                    +-> http, info_page -> exposition, document --------------------> catalogue
//!                    |          +-> rocketchat_client
//!                    +-> backend -> mongodb
//! ```
//! * `program`: parse, check, bind, run, and turn what went wrong into an exit status; `main` only calls it.
//! * `cli`, `config`: flags, variables and the configuration file; once a `Config` exists it is valid.
//! * `commands`: what the sub-commands do; `serve`: what runs without one.
//! * `catalogue`: the types of which everything that is shown is described.
//! * `collectors`: one folder for each: `mod.rs` with what it knows and how that is shown, `query.rs` with how MongoDB is
//!   asked, and `live.rs` with what change streams tell of it.
//! * `mongodb`: the connection and one query's context; `change_streams`: what is followed instead of read; `backend`: what
//!   the web asks of a database; `license`: reading and judging licenses.
//! * `scheduler`: when to read; it publishes an immutable snapshot after each reading.
//! * `exposition`, `document`: a snapshot as metrics and as the statistics document.
//! * `http`: connections, limits, negotiation, routes, the API; `info_page`: the page for people.
//! * `rocketchat_client`: Rocket.Chat itself, which is only asked to take a license, and only when an administrator says so.
//! * `web_config`: encryption and users, from their own file.
//! * `logging`: the log, which nothing waits for; `supervision`: tasks that are started again when a defect ends them;
//!   `small_file`: how every file is read that an operator names.
//!
//! # Invariants
//! 1. A collector's `mod.rs` imports `std` and `catalogue` only; what shows a snapshot never sees what reads it, nor the
//!    other way round, and `http` never sees `mongodb`. A test reads the imports.
//! 2. No write of any kind reaches the database. A license goes to Rocket.Chat, which writes it itself.
//! 3. A source that failed is absent, never zero; its outcome, duration and age are metrics.
//! 4. A scrape does no input or output: it hands out bytes that were rendered when the snapshot changed, in each format
//!    that was ever asked for, and those about the exporter itself at most a second ago. Several workspaces are rendered
//!    together when they are scraped, at most once a second in each format and encoding. Only where there is a web
//!    configuration the system is asked whether its files have changed.
//! 5. No query without a server-side time limit, no scan of `rocketchat_message`, never more connections than the
//!    budget, one collector per tier at a time, and two of the longer ones only while somebody waits for them.
//! 6. No unwrap, no global mutable state, no secret in a log, an error, the metrics, the arguments or a page.

mod backend;
mod catalogue;
mod change_streams;
mod cli;
mod clock;
mod collectors;
mod commands;
mod config;
mod document;
mod exposition;
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod info_page;
mod license;
mod logging;
mod mongodb;
mod network;
mod program;
mod rocketchat_client;
mod scheduler;
mod secret;
mod serve;
mod signals;
mod small_file;
mod supervision;
mod web_config;
mod yaml;

pub use crate::commands::print_statistics::{
    markdown as statistics_reference, summary as statistics_summary,
};
pub use cli::configuration_reference;
pub use collectors::COLLECTORS;
pub use mongodb::role_reference;
pub use program::program;
