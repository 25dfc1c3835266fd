//! Prometheus exporter for Rocket.Chat. It reads a workspace's MongoDB, never writes to it, and serves metrics, Rocket.Chat's
//! statistics document and an Info page. `ARCHITECTURE.md` is the map of the code.

mod backend;
mod catalogue;
mod change_streams;
mod cli;
mod clock;
mod collectors;
mod commands;
mod conditions;
mod config;
mod document;
mod exposition;
mod file_stamp;
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod humanize;
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
mod shard;
mod signals;
mod small_file;
mod supervision;
mod web_config;
mod yaml;

pub use crate::commands::print_statistics::{
    markdown as statistics_reference, minimal_profile, summary as statistics_summary,
};
pub use cli::configuration_reference;
pub use collectors::live_sections::followed_rows;
pub use conditions::CONDITIONS;
pub use program::program;

/// The number of collectors that run without `--rocketchat.url`, which enables the probe.
pub const COLLECTORS: usize = collectors::COLLECTORS - 1;
