//! Where and how to serve: flags, and the file that they name for encryption and users.

use std::time::Duration;

use super::ConfigError;
use crate::cli::Cli;
use crate::http;
use crate::http::listener::SocketSource;
use crate::web_config::reload::ReloadableWebConfig;

/// Where and how to serve.
#[derive(Debug)]
pub struct Web {
    /// Where the metrics are.
    pub telemetry_path: String,
    /// Where connections come from.
    pub origin: SocketSource,
    /// Encryption and users.
    pub config: Option<ReloadableWebConfig>,
    /// Scrapes under way at once; 0 means any number.
    pub max_requests: usize,
    /// How long the head of a request may take.
    pub header_timeout: Duration,
    /// How long a connection may be without a request.
    pub idle_timeout: Duration,
}

impl Web {
    /// Checks the flags, and reads the web configuration, which from then on is read again by itself.
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
