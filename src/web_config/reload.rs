//! The file in use: looked at again whenever a connection or a request comes, so that certificates and users change
//! without a restart.
//!
//! A look costs a few questions to the system; files are read only when one of them has changed. Both happen on a
//! blocking thread, one look at a time, and nobody waits long for it: a file system may not answer. A file that cannot
//! be used is logged once, and what was in use stays in use.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_rustls::rustls::ServerConfig;

use super::basic_auth::Checks;
use super::read_files::{Reader, Seen};
use super::{WebConfig, WebConfigError, file};

/// How long a request or connection waits for a look. It goes on with what is in use then.
const PATIENCE: Duration = Duration::from_secs(2);

/// The file, and what it said when it could last be used.
#[derive(Debug)]
pub struct ReloadableWebConfig {
    in_use: Arc<InUse>,
    checks: Checks,
    /// Held while somebody looks, also by a look that hangs.
    seen: Arc<AsyncMutex<Seen>>,
}

#[derive(Debug)]
struct InUse {
    path: PathBuf,
    is_encrypted: bool,
    current: RwLock<Arc<WebConfig>>,
}

impl ReloadableWebConfig {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn open(path: PathBuf) -> Result<Self, WebConfigError> {
        let mut reader = Reader::default();
        match file::load(&path, &mut reader) {
            Ok(config) => Ok(Self {
                in_use: Arc::new(InUse {
                    path,
                    is_encrypted: config.tls.is_some(),
                    current: RwLock::new(Arc::new(config)),
                }),
                checks: Checks::default(),
                seen: Arc::new(AsyncMutex::new(reader.seen())),
            }),
            Err(problem) => Err(WebConfigError { path, problem }),
        }
    }

    /// What the file says now.
    pub async fn current(&self) -> Arc<WebConfig> {
        // A request that comes while another one looks takes what is there.
        if let Ok(mut seen) = Arc::clone(&self.seen).try_lock_owned() {
            let in_use = Arc::clone(&self.in_use);
            let look = spawn_blocking(move || {
                if seen.is_outdated() {
                    in_use.reload(&mut seen);
                }
            });
            if timeout(PATIENCE, look).await.is_err() {
                tracing::error!(
                    path = %self.in_use.path.display(),
                    "the file system does not say whether the web configuration has changed; the one in use stays until it does"
                );
            }
        }
        self.in_use.current()
    }

    /// How connections are encrypted now.
    pub async fn tls(&self) -> Option<Arc<ServerConfig>> {
        if self.is_encrypted() {
            self.current().await.tls.clone()
        } else {
            None
        }
    }

    /// Whether connections are encrypted, which stays as it was at the start.
    pub fn is_encrypted(&self) -> bool {
        self.in_use.is_encrypted
    }

    /// Whether somebody is one of the users. `network` is where the request comes from.
    pub async fn admits(
        &self,
        config: &WebConfig,
        name: &str,
        password: &str,
        network: IpAddr,
    ) -> bool {
        let users = &config.users;
        self.checks.admit(users, name, password, network).await
    }
}

impl InUse {
    fn current(&self) -> Arc<WebConfig> {
        let current = self.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file and those that it names.
    fn reload(&self, seen: &mut Seen) {
        let mut reader = Reader::default();
        let loaded = file::load(&self.path, &mut reader);
        let now = reader.seen();
        let is_same = now.digest == seen.digest;
        *seen = now;
        if is_same {
            return;
        }
        let loaded = loaded.and_then(|config| {
            config.check_after(&self.current())?;
            Ok(config)
        });
        let path = self.path.display();
        match loaded {
            Ok(mut config) => {
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                if let (Some(new), Some(old)) = (&config.bucket, &current.bucket)
                    && new.is_like(old)
                {
                    config.bucket = Some(Arc::clone(old));
                }
                *current = Arc::new(config);
                drop(current);
                tracing::info!(%path, "the web configuration was read again");
            }
            Err(problem) => {
                tracing::error!(%path, reason = problem, "the changed web configuration cannot be used; the one before stays");
            }
        }
    }
}
