//! The settings of a workspace: one definition for flags, environment variables and configuration file. Everything is
//! optional here; the defaults are in `config::workspace`.
//!
//! A flag's dots nest in the file: `--mongodb.query-timeout=10s` is `mongodb: {query-timeout: 10s}`. The names of the
//! variables follow from the flags, see `cli`.

pub mod bounds;
mod collectors;
mod deserialize;
mod mongodb;
mod rocketchat;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use serde::Deserialize;

use bounds::{INTERVAL, MAX_SHARE};
pub use collectors::CollectorOptions;
pub use mongodb::{LiveArgument, MongodbOptions};
pub use rocketchat::RocketchatOptions;

use crate::document::DocumentShape;

/// The settings of one workspace that one source (command line, environment or file) gives.
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct WorkspaceOptions {
    /// The connection to its database.
    #[command(flatten)]
    pub mongodb: MongodbOptions,

    /// The intervals of the collectors.
    #[command(flatten)]
    pub collection: CollectionOptions,

    /// The enabled collectors.
    #[command(flatten)]
    pub collector: CollectorOptions,

    /// What cannot be read from the database.
    #[command(flatten)]
    pub rocketchat: RocketchatOptions,

    /// The statistics document.
    #[command(flatten)]
    pub statistics: StatisticsOptions,

    /// The Info page.
    #[command(flatten)]
    pub web: WebOptions,

    /// Also expose the metrics of Rocket.Chat's built-in exporter under their own names, where the database has them.
    #[arg(
        long = "compat-metrics",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        hide_possible_values = true,
        value_parser = BoolishValueParser::new()
    )]
    pub compat_metrics: Option<bool>,
}

/// `collection.*`
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CollectionOptions {
    /// Interval of the fast tier (presence, instances, the host), from 10ms to 168h.
    ///
    /// [default: 15s]
    #[arg(
        long = "collection.fast-interval",
        value_name = "DURATION",
        value_parser = |text: &str| INTERVAL.parse(text)
    )]
    #[serde(deserialize_with = "deserialize::interval")]
    pub fast_interval: Option<Duration>,

    /// Interval of the normal tier (users, rooms, messages, settings), from 10ms to 168h.
    ///
    /// [default: 1m]
    #[arg(
        long = "collection.normal-interval",
        value_name = "DURATION",
        value_parser = |text: &str| INTERVAL.parse(text)
    )]
    #[serde(deserialize_with = "deserialize::interval")]
    pub normal_interval: Option<Duration>,

    /// Interval of the slow tier (sizes of uploads, sessions of past days), from 10ms to 168h.
    ///
    /// [default: 15m]
    #[arg(
        long = "collection.slow-interval",
        value_name = "DURATION",
        value_parser = |text: &str| INTERVAL.parse(text)
    )]
    #[serde(deserialize_with = "deserialize::interval")]
    pub slow_interval: Option<Duration>,

    /// Maximum share of time that all collectors of a workspace together may spend in database queries, from 0.0001 to 1.
    /// Beyond it the intervals of the most expensive collectors grow, those of the fast tier last.
    ///
    /// [default: 0.01]
    #[arg(
        long = "collection.max-share",
        value_name = "RATIO",
        value_parser = |text: &str| MAX_SHARE.parse(text)
    )]
    #[serde(deserialize_with = "deserialize::max_share")]
    pub max_share: Option<f64>,
}

/// `statistics.*`
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct StatisticsOptions {
    /// Shape of the statistics document, unless a request has `?shape=`.
    ///
    /// [default: nested]
    #[arg(long = "statistics.shape", value_name = "SHAPE", value_enum)]
    pub shape: Option<ShapeArgument>,
}

/// `web.*`, as far as it is set for each workspace
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct WebOptions {
    /// Let an administrator validate and apply a license on the Info page: it is sent to `--rocketchat.url`, with the
    /// administrator's login.
    ///
    /// [default: false]
    #[arg(
        long = "web.enable-admin-api",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        hide_possible_values = true,
        value_parser = BoolishValueParser::new()
    )]
    pub enable_admin_api: Option<bool>,
}

/// `--statistics.shape`.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShapeArgument {
    /// `{"statistics": {...}, "success": true}`, as before 3.0.
    Nested,
    /// The document itself with `success` added, as since 3.0.
    Flat,
    /// As in the version of the workspace.
    Version,
}

impl From<ShapeArgument> for DocumentShape {
    fn from(argument: ShapeArgument) -> Self {
        match argument {
            ShapeArgument::Nested => Self::Nested,
            ShapeArgument::Flat => Self::Flat,
            ShapeArgument::Version => Self::Version,
        }
    }
}

impl WorkspaceOptions {
    /// The files that they name.
    pub fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let files = [
            &mut self.mongodb.uri_file,
            &mut self.mongodb.password_file,
            &mut self.rocketchat.license_public_key_file,
            &mut self.rocketchat.token_file,
        ];
        files.into_iter().flatten()
    }

    /// These settings, completed with those of `fallback`.
    pub fn or(self, fallback: Self) -> Self {
        Self {
            mongodb: self.mongodb.or(fallback.mongodb),
            collection: self.collection.or(&fallback.collection),
            collector: self.collector.or(fallback.collector),
            rocketchat: self.rocketchat.or(fallback.rocketchat),
            statistics: StatisticsOptions {
                shape: self.statistics.shape.or(fallback.statistics.shape),
            },
            web: WebOptions {
                enable_admin_api: self.web.enable_admin_api.or(fallback.web.enable_admin_api),
            },
            compat_metrics: self.compat_metrics.or(fallback.compat_metrics),
        }
    }
}

impl CollectionOptions {
    fn or(&self, fallback: &Self) -> Self {
        Self {
            fast_interval: self.fast_interval.or(fallback.fast_interval),
            normal_interval: self.normal_interval.or(fallback.normal_interval),
            slow_interval: self.slow_interval.or(fallback.slow_interval),
            max_share: self.max_share.or(fallback.max_share),
        }
    }
}
