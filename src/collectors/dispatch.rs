//! Which collector asks what: one reading of one section, all of it from one member.

use std::sync::PoisonError;

use tokio::time::Instant;

use super::collector::Collector;
use super::license;
use super::snapshot::{Reading, Snapshot};
use super::sources::CollectedReading;
use crate::mongodb::{Mongo, QueryContext, SourceError, lost_member};

impl Mongo {
    /// Reads one section.
    pub async fn read(
        &self,
        collector: Collector,
        known: &Snapshot,
    ) -> Result<CollectedReading, SourceError> {
        let begun = Instant::now();
        let (question, mut result) = match self.read_from_member(collector, known).await? {
            (question, Some(result)) => (question, result),
            // All of it from another one, once.
            (lost, None) => match self.read_from_member(collector, known).await? {
                (question, Some(result)) => (question, result),
                (_, None) => (lost, Err(lost_member())),
            },
        };
        if result.is_ok() {
            let confirmed = self.connection.confirm(&question.lease, begun).await;
            result = confirmed.and(result);
        }
        if let Err(error) = &result {
            self.indexes.forget();
            self.forget_after(error, &question.lease).await;
        }
        Ok(CollectedReading {
            reading: result?,
            indexes: question.checks,
            refusals: question.refusals,
            left_out: question
                .left_out
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
            skipped: question.skipped,
            data_at: Some(question.data_at),
            replication: question.replication,
        })
    }

    /// Reads one section from one member, unless that is lost meanwhile.
    async fn read_from_member(
        &self,
        collector: Collector,
        known: &Snapshot,
    ) -> Result<(QueryContext<'_>, Option<Result<Reading, SourceError>>), SourceError> {
        let (mut question, member) = self.bound_question(collector).await?;
        let result = member.unless_lost(self.ask(&mut question, known)).await;
        Ok((question, result))
    }
}

macro_rules! dispatch {
    ($($module:ident::$section:ident,)*) => {
        impl Mongo {
            /// Asks what a collector asks; `known` is what was read before.
            pub async fn ask(
                &self,
                question: &mut QueryContext<'_>,
                known: &Snapshot,
            ) -> Result<Reading, SourceError> {
                if question.collector.needs_grants() {
                    question.grants = license::query::grants(question, known).await?;
                }
                Ok(match question.collector {$(
                    Collector::$section => {
                        Reading::$section(super::$module::query::read(question, known).await?)
                    }
                )*})
            }
        }
    };
}

every_collector!(dispatch);
