//! The checked settings of one workspace, with the defaults.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::error::ConfigError;
use super::memory_limit::memory_limit;
use super::options::{
    CollectorOptions, LiveArgument, MongodbOptions, RocketchatOptions, ShapeArgument,
    WorkspaceOptions,
};
use super::secrets;
use crate::catalogue::NamedVersion;
use crate::collectors::license::Grants;
use crate::collectors::probe::query::RocketChatSource;
use crate::collectors::{Collector, ExposedMetrics, LiveMode};
use crate::document::DocumentShape;
use crate::exposition::MetricNames;
use crate::license::{LicenseConfig, PublicKey};
use crate::mongodb::{MongoSettings, UriSource, read_file};
use crate::rocketchat_client::{RocketChatUrl, token_file};
use crate::scheduler::Intervals;
use crate::secret::Secret;

/// Stands for the name of the workspace in a path.
const NAME_PATTERN: &str = "{name}";

/// The checked settings of one workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkspaceConfig {
    /// The connection to the database.
    pub mongo: MongoSettings,
    /// The intervals of the collectors.
    pub intervals: Intervals,
    /// Whether to follow change streams.
    pub live: LiveMode,
    /// The enabled collectors.
    pub collectors: BTreeSet<Collector>,
    /// The names of the metrics.
    pub names: MetricNames,
    /// Which metrics are exposed.
    pub exposed: ExposedMetrics,
    /// The shape of the statistics document.
    pub shape: DocumentShape,
    /// The version of the statistics document; `None` means that of the workspace.
    pub version: Option<NamedVersion>,
    /// Whether lists accept `query` and `fields` in every version.
    pub takes_unsafe_parameters: bool,
    /// The workspace's time zone.
    pub timezone: TimeZone,
    /// The modules and the public key of the license.
    pub license: LicenseConfig,
    /// The URL to which licenses are sent; `None` if they are not.
    pub rocketchat: Option<RocketChatUrl>,
    /// How Rocket.Chat is probed; `None` if it is not.
    pub probe: Option<RocketChatSource>,
}

impl WorkspaceConfig {
    /// Builds one of several workspaces. `common` holds the settings that all share. In paths `{name}` stands for the
    /// workspace's name.
    pub fn build_named(
        name: &str,
        own: WorkspaceOptions,
        common: &WorkspaceOptions,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        // The password in the environment belongs to the common connection string.
        let has_own_uri = own.mongodb.has_uri();
        let variable = |name: &str| (!has_own_uri).then(|| variable(name)).flatten();
        // A token in the common part belongs to the common URL.
        let own_token = own.rocketchat.token_file.clone();
        let is_elsewhere = own.rocketchat.url.is_some();
        let mut options = own.or(common.clone());
        if is_elsewhere {
            options.rocketchat.token_file = own_token;
        }
        for path in options.files_mut() {
            insert_name(path, name);
        }
        let mut config = Self::build(options, |options| {
            secrets::uri_source(options, variable, None)
        })?;
        // The host belongs to none of them.
        config.collectors.remove(&Collector::Host);
        Ok(config)
    }

    /// Builds a workspace. `uri_source` chooses the source of the connection string.
    pub fn build(
        options: WorkspaceOptions,
        uri_source: impl FnOnce(&MongodbOptions) -> Result<UriSource, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let source = uri_source(&options.mongodb)?;
        let intervals = intervals(&options);
        let WorkspaceOptions {
            mongodb,
            collection: _,
            collector,
            rocketchat,
            statistics,
            web,
            compat_metrics,
        } = options;
        // Parsed even where it is not used, so that an error is reported.
        let address = rocketchat.url.as_ref().map(parse_address).transpose()?;
        let applies_licenses = web.enable_admin_api.unwrap_or(false);
        if applies_licenses && address.is_none() {
            return Err(ConfigError::NoAddress);
        }
        let mut collectors = collector.enabled();
        let probe = probe(&collector, &rocketchat, address.as_ref())?;
        if probe.is_none() {
            collectors.remove(&Collector::Probe);
        }
        let timezone = match rocketchat.timezone {
            None => TimeZone::system(),
            Some(name) => {
                TimeZone::get(&name).map_err(|reason| ConfigError::TimeZone { name, reason })?
            }
        };
        Ok(Self {
            mongo: MongoSettings {
                uri: source.read()?,
                source,
                database: mongodb.database,
                query_timeout: mongodb.query_timeout.unwrap_or(Duration::from_secs(30)),
                connect_timeout: mongodb.connect_timeout.unwrap_or(Duration::from_secs(5)),
                max_connections: mongodb.max_connections.unwrap_or(2),
                live_max_bytes: match mongodb.live_max_memory {
                    Some(mebibytes) => Some(u64::from(mebibytes) << 20),
                    None => memory_limit().map(|bytes| bytes / 2),
                },
            },
            intervals,
            live: mongodb.live.unwrap_or(LiveArgument::Auto).into(),
            collectors,
            exposed: collector.exposed(),
            names: if compat_metrics.unwrap_or(false) {
                MetricNames::WithCompat
            } else {
                MetricNames::Native
            },
            shape: statistics.shape.unwrap_or(ShapeArgument::Nested).into(),
            version: rocketchat.version,
            takes_unsafe_parameters: rocketchat
                .allow_unsafe_query_and_fields_api_params
                .unwrap_or(false),
            timezone,
            license: LicenseConfig {
                configured: grants(&rocketchat.license_modules.unwrap_or_default()),
                key: rocketchat
                    .license_public_key_file
                    .map(read_public_key)
                    .transpose()?,
            },
            rocketchat: address.filter(|_| applies_licenses),
            probe,
        })
    }
}

/// Replaces `{name}` in a path.
fn insert_name(path: &mut PathBuf, name: &str) {
    if let Some(text) = path.to_str().filter(|text| text.contains(NAME_PATTERN)) {
        *path = text.replace(NAME_PATTERN, name).into();
    }
}

pub fn intervals(options: &WorkspaceOptions) -> Intervals {
    let collection = &options.collection;
    Intervals {
        fast: collection.fast_interval.unwrap_or(Duration::from_secs(15)),
        normal: collection.normal_interval.unwrap_or(Duration::from_mins(1)),
        slow: collection.slow_interval.unwrap_or(Duration::from_mins(15)),
        max_share: collection.max_share.unwrap_or(0.01),
    }
}

/// What `--rocketchat.license-modules` grants; `None` if it is not set.
fn grants(modules: &[String]) -> Option<Grants> {
    match modules {
        [] => None,
        modules if modules.iter().any(|module| module == "*") => Some(Grants::Everything),
        modules => Some(Grants::Modules(modules.to_vec())),
    }
}

/// How Rocket.Chat is probed; `None` without its URL, or where the collector is disabled. The file with the token is read once,
/// so that an error is reported.
fn probe(
    collector: &CollectorOptions,
    rocketchat: &RocketchatOptions,
    address: Option<&RocketChatUrl>,
) -> Result<Option<RocketChatSource>, ConfigError> {
    let token_file = rocketchat.token_file.clone();
    if let Some(path) = &token_file {
        token_file::read(path)?;
    }
    let Some(url) = address else {
        let setting = if token_file.is_some() {
            "--rocketchat.token-file"
        } else if collector.is_switched_on(Collector::Probe) {
            "--collector.probe"
        } else {
            return Ok(None);
        };
        return Err(ConfigError::NothingToProbe { setting });
    };
    let is_enabled = collector.enabled().contains(&Collector::Probe);
    Ok(is_enabled.then(|| RocketChatSource {
        url: url.clone(),
        token_file,
    }))
}

fn parse_address(text: &Secret) -> Result<RocketChatUrl, ConfigError> {
    RocketChatUrl::parse(text.reveal()).map_err(|reason| ConfigError::Address {
        address: text.clone(),
        reason,
    })
}

fn read_public_key(path: PathBuf) -> Result<PublicKey, ConfigError> {
    let text = read_file("--rocketchat.license-public-key-file", &path)?;
    PublicKey::parse(&text).map_err(|reason| ConfigError::PublicKey { path, reason })
}
