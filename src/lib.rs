//! Prometheus exporter for Rocket.Chat: it reads a workspace's MongoDB, and never writes, and shows what it read as metrics, as
//! Rocket.Chat's statistics document and as a page. `ARCHITECTURE.md` is the map of the code.

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
pub use collectors::required_privileges::role_reference;
pub use program::program;
