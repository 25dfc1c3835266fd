//! The web configuration file (`--web.config.file`): TLS, client certificates, users, headers and a rate limit.
//!
//! Format and meaning are those of Prometheus' exporter-toolkit. A file with a setting that this program does not support is
//! rejected with a message; `docs/web-config.md` lists these cases.
//!
//! ```text
//! reload -> file -+-> tls -+-> go_names
//!                 |        +-> client_auth
//!                 +-> headers, basic_auth -> fair_lock, token_bucket
//! ```

pub mod basic_auth;
pub mod client_auth;
mod fair_lock;
mod file;
pub mod file_tracker;
pub mod go_names;
mod headers;
pub mod reload;
mod tls;
mod tls_section;
pub mod token_bucket;

use std::path::PathBuf;
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use thiserror::Error;
use tokio_rustls::rustls::ServerConfig;

pub use basic_auth::BasicAuthUsers;
pub use client_auth::ClientCertRequirement;
pub use file::parse;
pub use token_bucket::TokenBucket;

/// The checked content of the file.
#[derive(Debug)]
pub struct WebConfig {
    /// The settings of TLS; `None` means plain HTTP.
    pub tls: Option<Arc<ServerConfig>>,
    /// Headers of every response.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The users; if there are none, no login is needed.
    pub users: BasicAuthUsers,
    /// The rate limit; `None` means no limit.
    pub bucket: Option<Arc<TokenBucket>>,
    /// The certificate that clients must present.
    pub client_cert: ClientCertRequirement,
    /// Whether the file has any setting.
    pub has_settings: bool,
}

impl WebConfig {
    /// Checks that a reload may replace `current` with this. A file that is cut off because it is being written, or empty by
    /// mistake, must not disable TLS or authentication.
    fn check_replaces(&self, current: &Self) -> Result<(), String> {
        let is_emptied = current.has_settings && !self.has_settings;
        let problem = if is_emptied {
            "is empty"
        } else if self.tls.is_some() != current.tls.is_some() {
            "TLS can be switched on and off only by a restart"
        } else if self.users.is_empty() && !current.users.is_empty() {
            "the last user can be removed only by a restart, because it disables authentication"
        } else if self.client_cert < current.client_cert {
            "the requirements for client certificates can be lowered only by a restart"
        } else {
            return Ok(());
        };
        Err(problem.to_owned())
    }
}

/// The file, or one that it names, is invalid.
#[derive(Debug, Error)]
#[error("--web.config.file: `{}`: {problem}", path.display())]
pub struct WebConfigError {
    /// The file.
    path: PathBuf,
    /// The error, which begins with the key if there is one.
    problem: String,
}
