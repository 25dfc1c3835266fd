//! Rocket.Chat's REST API, as far as it is imitated.

pub mod auth;
pub mod document;
pub mod endpoint;
pub mod errors;
pub mod info;
pub mod login_attempts;
pub mod rate_limit;
pub mod statistics;
pub mod statistics_list;
