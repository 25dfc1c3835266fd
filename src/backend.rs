//! What the web asks of a workspace's database for its callers: accounts, settings of the API, stored documents.

pub mod accounts;
pub mod api_settings;
pub mod growth;
pub mod query_filter;
pub mod stored_statistics;

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use accounts::Account;
use api_settings::{ApiSettings, KnownApiSettings};
use stored_statistics::{Documents, Part};

use crate::catalogue::{FailureKind, GrowthPoint};
use crate::collectors::Collector;
use crate::mongodb::driver::GRACE;
use crate::mongodb::{Mongo, SourceError};

/// A workspace's database, as requests ask it.
#[derive(Debug)]
pub struct ApiQueries {
    /// The database.
    pub mongo: Arc<Mongo>,
    api_settings: KnownApiSettings,
    /// Requests take turns, so that all of them together take one connection of the pool.
    turn: Semaphore,
}

impl ApiQueries {
    /// A database that has not been asked yet.
    pub fn new(mongo: Arc<Mongo>) -> Self {
        Self {
            mongo,
            api_settings: KnownApiSettings::default(),
            turn: Semaphore::new(1),
        }
    }

    /// The account that a user id and a login token belong to; `None` when there is none or it is deactivated.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn account_of_login(
        &self,
        user_id: &str,
        token: &str,
    ) -> Result<Option<Account>, SourceError> {
        let _turn = self.turn().await?;
        let question = self.mongo.question(Collector::Users).await?;
        accounts::by_login_token(&question, user_id, token).await
    }

    /// The account that an OAuth access token belongs to; `None` also when the token has expired.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn account_of_grant(
        &self,
        access_token: &str,
    ) -> Result<Option<Account>, SourceError> {
        let _turn = self.turn().await?;
        let mut question = self.mongo.question(Collector::Users).await?;
        accounts::by_access_token(&mut question, access_token).await
    }

    /// The settings of the REST API, at most a minute old.
    ///
    /// # Errors
    /// When they are not known and the database does not answer.
    pub async fn api_settings(&self) -> Result<ApiSettings, SourceError> {
        let read = async {
            let _turn = self.turn().await?;
            let question = self.mongo.question(Collector::Settings).await?;
            api_settings::read(&question).await
        };
        self.api_settings.get_or_read(read).await
    }

    /// The number of stored statistics documents that match a query, or what is wrong with the query.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_history(
        &self,
        query: &serde_json::Value,
    ) -> Result<Result<u64, String>, SourceError> {
        let _turn = self.turn().await?;
        let question = self.mongo.question(Collector::Stored).await?;
        stored_statistics::count(&question, query).await
    }

    /// A part of the stored statistics documents, or what is wrong with the question.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_history(
        self: &Arc<Self>,
        part: &Part,
    ) -> Result<Result<Documents, String>, SourceError> {
        stored_statistics::list(self, part).await
    }

    /// How the workspace grew, by some of the stored statistics documents.
    ///
    /// # Errors
    /// When the database does not answer, or the index is missing that chooses them.
    pub async fn growth(&self) -> Result<Vec<GrowthPoint>, SourceError> {
        let _turn = self.turn().await?;
        let mut question = self.mongo.question(Collector::Stored).await?;
        growth::read(&mut question).await
    }

    /// Waits until nothing else is asked for a caller of the web.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>, SourceError> {
        let limit = self.mongo.query_timeout + GRACE;
        // Fails only when it is closed, which it never is.
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
