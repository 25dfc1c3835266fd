//! Queries on behalf of HTTP requests: accounts, settings of the API, stored statistics documents.

pub mod accounts;
pub mod api_settings;
pub mod growth;
pub mod query_filter;
pub mod stored_statistics;

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use api_settings::ApiSettingsCache;
use stored_statistics::StoredDocuments;

use crate::catalogue::{FailureKind, GrowthPoint};
use crate::collectors::license::reader::LicenseReader;
use crate::collectors::{Collector, DatabaseSource};
use crate::http::{ApiSettings, AuthenticatedUser, ListQuery};
use crate::mongodb::driver::GRACE;
use crate::mongodb::{Mongo, SourceError};

/// A workspace's database, as requests query it.
#[derive(Debug)]
pub struct ApiQueries {
    /// The database.
    pub mongo: Arc<Mongo>,
    /// What reads its license.
    pub licenses: Arc<LicenseReader>,
    api_settings: ApiSettingsCache,
    /// One request at a time, so that all of them together take one connection of the pool.
    turn: Semaphore,
}

impl ApiQueries {
    /// Connects nothing yet.
    pub fn new(database: DatabaseSource) -> Self {
        Self {
            mongo: database.mongo,
            licenses: database.licenses,
            api_settings: ApiSettingsCache::default(),
            turn: Semaphore::new(1),
        }
    }

    /// The account of a user id and a login token; `None` when there is none or it is deactivated.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn account_of_login_token(
        &self,
        user_id: &str,
        token: &str,
    ) -> Result<Option<AuthenticatedUser>, SourceError> {
        let _turn = self.turn().await?;
        let query = self.mongo.query(Collector::Users.name()).await?;
        accounts::by_login_token(&query, &self.licenses, user_id, token).await
    }

    /// The account of an OAuth access token; `None` also when the token has expired.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn account_of_access_token(
        &self,
        access_token: &str,
    ) -> Result<Option<AuthenticatedUser>, SourceError> {
        let _turn = self.turn().await?;
        let mut query = self.mongo.query(Collector::Users.name()).await?;
        accounts::by_access_token(&mut query, &self.licenses, access_token).await
    }

    /// The settings of the REST API, at most a minute old.
    ///
    /// # Errors
    /// When they are not cached and the database does not answer.
    pub async fn api_settings(&self) -> Result<ApiSettings, SourceError> {
        let read = async {
            let _turn = self.turn().await?;
            let query = self.mongo.query(Collector::Settings.name()).await?;
            api_settings::read(&query).await
        };
        self.api_settings.get_or_refresh(read).await
    }

    /// The number of stored statistics documents that match a query, or why the query was rejected.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_history(
        &self,
        filter: &serde_json::Value,
    ) -> Result<Result<u64, String>, SourceError> {
        let _turn = self.turn().await?;
        let query = self.mongo.query(Collector::StoredDocument.name()).await?;
        stored_statistics::count(&query, filter).await
    }

    /// A page of the stored statistics documents, or why the request was rejected.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_history(
        self: &Arc<Self>,
        part: &ListQuery,
    ) -> Result<Result<StoredDocuments, String>, SourceError> {
        stored_statistics::list(self, part).await
    }

    /// How the workspace grew, from a sample of the stored statistics documents.
    ///
    /// # Errors
    /// When the database does not answer, or the index on `createdAt` is missing.
    pub async fn growth(&self) -> Result<Vec<GrowthPoint>, SourceError> {
        let _turn = self.turn().await?;
        let mut query = self.mongo.query(Collector::StoredDocument.name()).await?;
        growth::read(&mut query).await
    }

    /// Waits until no other request queries the database.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>, SourceError> {
        let limit = self.mongo.query_timeout + GRACE;
        // The semaphore is never closed.
        match timeout(limit, self.turn.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(SourceError::new(
                FailureKind::TimedOut,
                format!(
                    "requests are answered from the database one after the other, and none of those before ended within {} s",
                    limit.as_secs()
                ),
            )),
        }
    }
}
