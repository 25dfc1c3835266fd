//! Shared by the exporter's tests, the demo and the benchmark: a real mongod, child processes that do not outlive their
//! parent, a generated Rocket.Chat workspace, and a server that answers as Rocket.Chat does. The exporter does not depend on it.

#![expect(
    clippy::missing_errors_doc,
    reason = "every error here is for the person at the terminal, and its text is its documentation"
)]

pub mod child_process;
pub mod exporter;
pub mod http;
pub mod mongod;
pub mod port;
pub mod private_name;
pub mod rocketchat;
pub mod workspace;

pub use tools;
