//! What the project's own commands are made of, and what the exporter's integration tests borrow from them:
//! the real tools the tests run against, a real mongod for each test, and a database that looks like a Rocket.Chat
//! workspace. Nothing in here is part of the exporter.

#![expect(
    clippy::missing_errors_doc,
    reason = "every error here is for the person at the terminal, and its text is its documentation"
)]

pub mod bench;
mod cargo;
pub mod dashboards;
pub mod demo;
pub mod fuzz;
pub mod guardian;
pub mod mongod;
pub mod package;
pub mod port;
pub mod suite;
pub mod tools;
pub mod workspace;
