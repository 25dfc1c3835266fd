//! Reads one section of a workspace's database by its collector, all of it from one member.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use tokio::time::Instant;

use super::collector::Collector;
use super::context::CollectorContext;
use super::license;
use super::license::reader::LicenseReader;
use super::refreshes::Refreshes;
use super::snapshot::{Reading, Snapshot};
use crate::catalogue::{IndexCheck, Refusal, Replication, Skipped, Timestamp};
use crate::change_streams::SharedOplogs;
use crate::license::LicenseConfig;
use crate::mongodb::{Mongo, QueryContext, SourceError, lost_member};

/// A section that was read, and what its queries found out about the database.
#[derive(Debug)]
pub struct CollectedReading {
    /// The section.
    pub reading: Reading,
    /// Indexes that its queries rely on, and whether they exist.
    pub indexes: Vec<IndexCheck>,
    /// Optional privileges that were missing.
    pub refusals: Vec<Refusal>,
    /// How many things of each kind have no series of their own.
    pub left_out: BTreeMap<&'static str, u64>,
    /// Collections that were not read.
    pub skipped: Vec<Skipped>,
    /// The moment that it describes; `None` for now.
    pub data_at: Option<Timestamp>,
    /// The replication state of the member that was read.
    pub replication: Option<Replication>,
}

/// A workspace's database, and the reader of its license.
#[derive(Debug, Clone)]
pub struct DatabaseSource {
    /// The database.
    pub mongo: Arc<Mongo>,
    /// The reader of its license.
    pub licenses: Arc<LicenseReader>,
    /// The oplogs that workspaces of this process read together.
    pub oplogs: Arc<SharedOplogs>,
    refreshes: Arc<Refreshes>,
}

impl DatabaseSource {
    /// A database that has not been queried yet.
    pub fn new(mongo: Mongo, license: LicenseConfig) -> Self {
        Self {
            oplogs: Arc::default(),
            licenses: Arc::new(LicenseReader::new(license, mongo.timezone.clone())),
            mongo: Arc::new(mongo),
            refreshes: Arc::default(),
        }
    }

    /// A database whose oplog is read together with those of other workspaces.
    pub fn with_oplogs(self, oplogs: Arc<SharedOplogs>) -> Self {
        Self { oplogs, ..self }
    }

    /// Reads one section; `known` is what was read before.
    pub async fn read(
        &self,
        collector: Collector,
        known: &Snapshot,
    ) -> Result<CollectedReading, SourceError> {
        let begun = Instant::now();
        let (query, mut result) = match self.read_from_member(collector, known).await? {
            (query, Some(result)) => (query, result),
            // Once more from another member.
            (lost, None) => match self.read_from_member(collector, known).await? {
                (query, Some(result)) => (query, result),
                (_, None) => (lost, Err(lost_member())),
            },
        };
        if result.is_ok() {
            let confirmed = self.mongo.clients.confirm(&query.lease, begun).await;
            result = confirmed.and(result);
        }
        if let Err(error) = &result {
            self.mongo.indexes.clear();
            self.mongo.discard_client_after(error, &query.lease).await;
        }
        let version = known.version();
        let mut indexes = query.checks;
        // An index that the version does not create is not missing.
        indexes.retain(|check| {
            check.present || version.is_none_or(|version| check.exists_in(version))
        });
        Ok(CollectedReading {
            reading: result?,
            indexes,
            refusals: query.refusals,
            left_out: query
                .left_out
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
            skipped: query.skipped,
            data_at: Some(query.data_at),
            replication: query.replication,
        })
    }

    /// Whether a refresh that was requested at `since` may leave a collector out.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn leaves_out(
        &self,
        collector: Collector,
        known: &Snapshot,
        since: Instant,
    ) -> Result<bool, SourceError> {
        let refreshes = &self.refreshes;
        refreshes
            .leaves_out(&self.mongo, collector, known, since)
            .await
    }

    /// Reads one section from one member; `None` when the connection to it is lost meanwhile.
    async fn read_from_member(
        &self,
        collector: Collector,
        known: &Snapshot,
    ) -> Result<(QueryContext<'_>, Option<Result<Reading, SourceError>>), SourceError> {
        let (query, member) = self.mongo.member_query(collector.name()).await?;
        let mut context = CollectorContext::new(query, &self.licenses);
        // On the heap, so that a reading takes memory only while it runs.
        let section = Box::pin(read_section(collector, &mut context, known));
        let result = member.unless_lost(section).await;
        Ok((context.into_query(), result))
    }
}

macro_rules! dispatch {
    ($($module:ident::$section:ident,)*) => {
        /// Sends a collector's queries; `known` is what was read before.
        ///
        /// # Errors
        /// Those of its queries.
        pub async fn read_section(
            collector: Collector,
            context: &mut CollectorContext<'_>,
            known: &Snapshot,
        ) -> Result<Reading, SourceError> {
            if collector.depends_on_license() {
                context.grants = license::query::grants(context, context.licenses, known).await?;
            }
            Ok(match collector {$(
                Collector::$section => {
                    Reading::$section(super::$module::query::read(context, known).await?)
                }
            )*})
        }
    };
}

every_collector!(dispatch);
