//! The file of `--web.config.file`: encryption, client certificates, users, headers and a limit of requests.
//!
//! Its format and meaning are those of the web configuration that Prometheus' exporters share. Where this program
//! cannot do what a key asks for, the file is refused with a message; the README lists these cases.
//!
//! ```text
//! reload -> file -+-> tls -+-> names
//!                 |        +-> client
//!                 +-> headers, users, bucket
//! ```

mod bucket;
mod client;
mod file;
mod headers;
mod names;
mod reload;
mod tls;
mod users;

use std::path::PathBuf;
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use thiserror::Error;
use tokio_rustls::rustls::ServerConfig;

pub use bucket::Bucket;
pub use file::parse;
pub use reload::Live;
pub use users::Users;

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
