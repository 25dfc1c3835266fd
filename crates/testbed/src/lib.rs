//! What the exporter's tests, the demo and the benchmark share: a real mongod for each of them, child processes that do not
//! outlive them, and a database that looks like a Rocket.Chat workspace. Nothing in here is part of the exporter.

#![expect(
    clippy::missing_errors_doc,
    reason = "every error here is for the person at the terminal, and its text is its documentation"
)]

pub mod child_process;
pub mod exporter;
pub mod http;
pub mod mongod;
pub mod port;
pub mod workspace;

pub use tools;
