//! The client of one workspace, which other workspaces may use too.

use std::sync::Arc;
use std::time::Duration;

use mongodb::error::Error;
use tokio::sync::Semaphore;

use super::driver::{DriverClient, reply_within};
use super::error::SourceError;
use super::members::MemberSelector;
use super::shared_clients::SharedClients;

/// The client of one workspace, and what its queries need.
#[derive(Debug)]
pub struct WorkspaceClient {
    /// The client, which other workspaces may use too.
    pub driver: Arc<DriverClient>,
    /// The other clients, if it is shared.
    pub shared: Option<Arc<SharedClients>>,
    /// The database that the connection string names.
    pub default_database: Option<String>,
    /// Selects the servers that are queried.
    pub members: Arc<MemberSelector>,
    /// The server-side time limit of every query.
    pub query_timeout: Duration,
    /// A permit for each connection that queries may use.
    pub permits: Arc<Semaphore>,
}

impl WorkspaceClient {
    /// Waits for a reply, as [`reply_within`] does.
    ///
    /// # Errors
    /// When there is no reply in time, or it is an error.
    pub async fn within<T>(
        &self,
        reply: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, SourceError> {
        let reply = reply_within(self.query_timeout, &self.permits, reply).await?;
        reply.map_err(|error| self.driver.errors.report(&error))
    }

    /// The next client of a workspace is another one, unless this one is new.
    pub fn retire(&self) {
        if let Some(shared) = &self.shared {
            shared.retire(&self.driver);
        }
    }

    /// Ends this workspace's use of the client, and closes the connections if no other workspace uses it.
    pub async fn release(&self) {
        let is_unused = match &self.shared {
            Some(shared) => shared.release(&self.driver),
            None => true,
        };
        if is_unused {
            self.driver.shut_down().await;
        }
    }
}
