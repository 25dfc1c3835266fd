//! The endpoints of Rocket.Chat's REST API that the exporter imitates.

pub mod auth;
pub mod bounded_map;
pub mod document;
pub mod endpoint;
pub mod errors;
pub mod info;
pub mod login_limiter;
pub mod rate_limit;
pub mod statistics;
pub mod statistics_list;
