//! The exporter from outside: the real binary on a real MongoDB, one file for each kind of promise.

mod architecture;
mod command_line;
mod compat;
mod connecting;
mod database;
mod definitions;
mod host;
mod metrics;
mod odd_documents;
mod outage;
mod python_client;
mod rate_limit;
mod readme;
mod rest_info;
mod rest_login;
mod rest_paths;
mod shipped;
mod shutdown;
mod statistics_api;
mod statistics_list;
mod support;
mod truth;
