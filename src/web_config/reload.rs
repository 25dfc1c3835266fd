//! Reloads the file on each connection and request if it has changed, so that new certificates and users need no restart.
//!
//! A check reads the metadata of the files; their contents are read only after a change. Both happen on a blocking thread,
//! one check at a time and with a time limit, because a file system may hang. An invalid file is logged once, and the
//! current configuration stays in use.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_rustls::rustls::ServerConfig;

use super::basic_auth::PasswordVerifier;
use super::file_tracker::{FileTracker, TrackedFiles};
use super::{WebConfig, WebConfigError, file};

/// A request or connection waits for a check at most so long, and then uses the current configuration.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The file, and its last valid content.
#[derive(Debug)]
pub struct ReloadableWebConfig {
    config: Arc<CurrentWebConfig>,
    verifier: PasswordVerifier,
    /// Held during a check, even if it hangs.
    files: Arc<AsyncMutex<TrackedFiles>>,
}

#[derive(Debug)]
struct CurrentWebConfig {
    path: PathBuf,
    is_encrypted: bool,
    current: RwLock<Arc<WebConfig>>,
}

impl ReloadableWebConfig {
    /// Opens the file.
    ///
    /// # Errors
    /// When it is invalid.
    pub fn open(path: PathBuf) -> Result<Self, WebConfigError> {
        let mut tracker = FileTracker::default();
        match file::load(&path, &mut tracker) {
            Ok(config) => Ok(Self {
                config: Arc::new(CurrentWebConfig {
                    path,
                    is_encrypted: config.tls.is_some(),
                    current: RwLock::new(Arc::new(config)),
                }),
                verifier: PasswordVerifier::default(),
                files: Arc::new(AsyncMutex::new(tracker.finish())),
            }),
            Err(problem) => Err(WebConfigError { path, problem }),
        }
    }

    /// The current configuration.
    pub async fn current(&self) -> Arc<WebConfig> {
        // During the check of another request the current configuration is used.
        if let Ok(mut files) = Arc::clone(&self.files).try_lock_owned() {
            let config = Arc::clone(&self.config);
            let check = spawn_blocking(move || {
                if files.is_outdated() {
                    config.reload(&mut files);
                }
            });
            if timeout(CHECK_TIMEOUT, check).await.is_err() {
                tracing::error!(
                    path = %self.config.path.display(),
                    "the file system does not respond, so the web configuration is not checked for changes; the current one stays in use"
                );
            }
        }
        self.config.current()
    }

    /// The current settings of TLS.
    pub async fn tls(&self) -> Option<Arc<ServerConfig>> {
        if self.is_encrypted() {
            self.current().await.tls.clone()
        } else {
            None
        }
    }

    /// Whether connections use TLS, which does not change after the start.
    pub fn is_encrypted(&self) -> bool {
        self.config.is_encrypted
    }

    /// Whether a user with this name and password exists. `network` is that of the client.
    pub async fn verify_user(
        &self,
        config: &WebConfig,
        name: &str,
        password: &str,
        network: IpAddr,
    ) -> bool {
        let users = &config.users;
        self.verifier.verify(users, name, password, network).await
    }
}

impl CurrentWebConfig {
    fn current(&self) -> Arc<WebConfig> {
        let current = self.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file and those that it names.
    fn reload(&self, files: &mut TrackedFiles) {
        let mut tracker = FileTracker::default();
        let loaded = file::load(&self.path, &mut tracker);
        let new_files = tracker.finish();
        let is_unchanged = new_files.digest == files.digest;
        *files = new_files;
        if is_unchanged {
            return;
        }
        let loaded = loaded.and_then(|config| {
            config.check_replaces(&self.current())?;
            Ok(config)
        });
        let path = self.path.display();
        match loaded {
            Ok(mut config) => {
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                if let (Some(new), Some(old)) = (&config.bucket, &current.bucket)
                    && new.has_same_limits(old)
                {
                    config.bucket = Some(Arc::clone(old));
                }
                *current = Arc::new(config);
                drop(current);
                tracing::info!(%path, "the web configuration was reloaded");
            }
            Err(problem) => {
                tracing::error!(%path, reason = problem, "the changed web configuration is invalid; the current one stays in use");
            }
        }
    }
}
