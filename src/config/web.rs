//! How to serve: the flags `web.*`, and the web configuration file.

use std::time::Duration;

use super::error::ConfigError;
use crate::cli::Cli;
use crate::http;
use crate::http::listener::SocketSource;
use crate::web_config::reload::ReloadableWebConfig;

/// The checked settings of the server.
#[derive(Debug)]
pub struct WebSettings {
    /// The path of the metrics.
    pub telemetry_path: String,
    /// The sockets to listen on.
    pub origin: SocketSource,
    /// The web configuration file.
    pub config: Option<ReloadableWebConfig>,
    /// Maximum number of concurrent scrapes; 0 means no limit.
    pub max_requests: usize,
    /// Time limit for the headers of a request.
    pub header_timeout: Duration,
    /// Time after which an idle connection is closed.
    pub idle_timeout: Duration,
}

impl WebSettings {
    /// Checks the flags, and opens the web configuration file, which reloads itself.
    pub fn open(cli: &Cli) -> Result<Self, ConfigError> {
        if http::is_served(&cli.telemetry_path) {
            return Err(ConfigError::TelemetryPath {
                path: cli.telemetry_path.clone(),
            });
        }
        Ok(Self {
            telemetry_path: cli.telemetry_path.clone(),
            origin: if cli.systemd_socket {
                SocketSource::Systemd
            } else {
                SocketSource::Addresses(cli.listen_addresses.clone())
            },
            config: cli
                .web_config_file
                .clone()
                .map(ReloadableWebConfig::open)
                .transpose()?,
            max_requests: cli.max_requests,
            header_timeout: cli.header_timeout,
            idle_timeout: cli.idle_timeout,
        })
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.config
            .as_ref()
            .is_some_and(ReloadableWebConfig::is_encrypted)
    }
}
