//! What the web asks of a workspace's database for its callers: accounts, settings of the API, stored documents.

pub mod accounts;
pub mod api_settings;
pub mod growth;
pub mod query_filter;
pub mod stored_statistics;

use std::sync::Arc;

use accounts::Account;
use api_settings::ApiSettings;
use stored_statistics::{Documents, Part};

use crate::catalogue::{Grown, Timestamp, Value};
use crate::collectors::Collector;
use crate::commands::backfill::pages::{self, Page, Stretch};
use crate::mongodb::{Mongo, SourceError};

impl Mongo {
    /// The account that a user id and a login token belong to; `None` when there is none or it is deactivated.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn account_of_login(
        &self,
        user_id: &str,
        token: &str,
    ) -> Result<Option<Account>, SourceError> {
        let _turn = self.caller_turn().await?;
        let question = self.question(Collector::Users).await?;
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
        let _turn = self.caller_turn().await?;
        let mut question = self.question(Collector::Users).await?;
        accounts::by_access_token(&mut question, access_token).await
    }

    /// The settings of the REST API, at most a minute old.
    ///
    /// # Errors
    /// When they are not known and the database does not answer.
    pub async fn api_settings(&self) -> Result<ApiSettings, SourceError> {
        let read = async {
            let _turn = self.caller_turn().await?;
            let question = self.question(Collector::Settings).await?;
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
        let _turn = self.caller_turn().await?;
        let question = self.question(Collector::Stored).await?;
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
    pub async fn growth(&self) -> Result<Vec<Grown>, SourceError> {
        let _turn = self.caller_turn().await?;
        let mut question = self.question(Collector::Stored).await?;
        growth::read(&mut question).await
    }

    /// How many stored statistics documents there are from an instant on, and before another one.
    ///
    /// # Errors
    /// When the database does not answer, or the index is missing that orders them.
    pub async fn stored_between(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Stretch, SourceError> {
        let mut question = self.question(Collector::Stored).await?;
        pages::look(&mut question, from, until).await
    }

    /// What `read` makes of the next stored statistics documents, at most `most`.
    ///
    /// # Errors
    /// When the database does not answer, or the index is missing that orders them.
    pub async fn stored_page<T>(
        &self,
        between: (Timestamp, Timestamp),
        most: u32,
        read: impl FnMut(&Value) -> T,
    ) -> Result<Page<T>, SourceError> {
        let mut question = self.question(Collector::Stored).await?;
        pages::page(&mut question, between, most, read).await
    }
}
