//! The file of `--web.config.file`: encryption, client certificates, users, headers and a limit of requests.
//!
//! Its format and meaning are those of the web configuration that Prometheus' exporters share. Where this program
//! cannot do what a key asks for, the file is refused with a message; the README lists these cases.
//!
//! ```text
//! reload -> file -+-> tls -+-> names
//!                 |        +-> client
//!                 +-> headers, users -> turns, bucket
//! ```

pub mod basic_auth;
pub mod client_auth;
mod file;
pub mod go_names;
mod headers;
pub mod read_files;
pub mod reload;
mod tls;
mod tls_section;
pub mod token_bucket;
mod turns;

use std::path::PathBuf;
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use thiserror::Error;
use tokio_rustls::rustls::ServerConfig;

pub use basic_auth::Users;
pub use client_auth::Demand;
pub use file::parse;
pub use token_bucket::Bucket;

/// What the file says, ready for use.
#[derive(Debug)]
pub struct WebConfig {
    /// How connections are encrypted; `None` means that they are not.
    pub tls: Option<Arc<ServerConfig>>,
    /// Headers of every answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Who is answered; nobody in it means everybody.
    pub users: Users,
    /// How many requests are answered; `None` means all.
    pub bucket: Option<Arc<Bucket>>,
    /// What clients have to show.
    pub certificates: Demand,
    /// Whether the file sets anything at all.
    pub says_something: bool,
}

impl WebConfig {
    /// Whether it may take the place of another one without a restart. A file that is cut off while it is written, or
    /// emptied by mistake, must not open what was closed.
    fn check_after(&self, before: &Self) -> Result<(), String> {
        let is_emptied = before.says_something && !self.says_something;
        let problem = if is_emptied {
            "is empty"
        } else if self.tls.is_some() != before.tls.is_some() {
            "encryption can be switched on and off only by a restart"
        } else if self.users.is_empty() && !before.users.is_empty() {
            "the last user can be taken out only by a restart, for everybody would be let in"
        } else if self.certificates < before.certificates {
            "less can be asked of clients' certificates only by a restart"
        } else {
            return Ok(());
        };
        Err(problem.to_owned())
    }
}

/// The file, or one that it names, cannot be used.
#[derive(Debug, Error)]
#[error("--web.config.file: `{}`: {problem}", path.display())]
pub struct WebConfigError {
    /// The file.
    path: PathBuf,
    /// What is wrong, beginning with the key where there is one.
    problem: String,
}
