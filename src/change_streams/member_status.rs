//! The member of the replica set whose changes are followed, and the queries of live mode to it.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::Timestamp;
use mongodb::error::Error;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::live_error::LiveError;
use crate::catalogue::{FailureKind, Replication};
use crate::collectors::LiveObstacle;
use crate::mongodb::driver::reply_within;
use crate::mongodb::{Hello, Mongo, SelectedMember, SourceError, lost_member};

/// The comment of all queries of live mode.
pub const COMMENT: &str = "rocketchat-exporter live";

/// The state of a member.
#[derive(Debug)]
pub struct MemberStatus {
    hello: Hello,
    /// Its part in the replica set.
    pub replication: Replication,
    /// Its time.
    pub time: Timestamp,
    read_at: Instant,
}

impl MemberStatus {
    /// How far a stream at `position` is behind the newest time that the member knew. Without a primary nothing is newer
    /// than the stream, and it ages as a whole.
    pub fn behind(&self, position: Timestamp) -> Duration {
        if self.replication.has_primary {
            self.hello.behind(position)
        } else {
            self.age(position)
        }
    }

    /// How long ago the time of the replica set was `position`, by its clocks.
    pub fn age(&self, position: Timestamp) -> Duration {
        self.hello.since(position) + self.read_at.elapsed()
    }

    /// How old this is.
    pub fn elapsed(&self) -> Duration {
        self.read_at.elapsed()
    }
}

impl Mongo {
    /// The member that the read preference chooses.
    ///
    /// # Errors
    /// When no server answers.
    pub async fn live_member(&self) -> Result<Arc<SelectedMember>, LiveError> {
        let access = self.clients.database().await?;
        Ok(self.member(&access).await?)
    }

    /// The status of a member. A read after its time sees everything that was written before.
    ///
    /// # Errors
    /// When it does not answer, or has no change streams.
    pub async fn member_status(&self, member: &SelectedMember) -> Result<MemberStatus, LiveError> {
        let hello = Hello::send(&member.database, self.query_timeout, COMMENT);
        let hello = self.live_query(member, hello).await?;
        if hello.is_router() {
            return Err(LiveError::Impossible(
                LiveObstacle::Topology,
                "MongoDB is a sharded cluster, where changes are not followed".to_owned(),
            ));
        }
        let Some(replication) = hello.replication() else {
            return Err(LiveError::Impossible(
                LiveObstacle::Topology,
                "MongoDB is no replica set, so it has no change streams".to_owned(),
            ));
        };
        let Some(time) = hello.operation_time() else {
            return Err(LiveError::Failed(SourceError::new(
                FailureKind::Other,
                "MongoDB's reply has no operation time",
            )));
        };
        Ok(MemberStatus {
            hello,
            replication,
            time,
            read_at: Instant::now(),
        })
    }

    /// A query of live mode: [`Mongo::within`] for errors that are distinguished by their codes.
    pub async fn live_query<T>(
        &self,
        member: &SelectedMember,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, LiveError> {
        self.permitted_live_query(self.clients.permits(), member, answer)
            .await
    }

    /// The same with a permit of these, for a query that is not the workspace's own.
    pub async fn permitted_live_query<T>(
        &self,
        permits: &Semaphore,
        member: &SelectedMember,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, LiveError> {
        let answer = reply_within(self.query_timeout, permits, member.unless_lost(answer));
        match answer.await? {
            Some(answer) => answer.map_err(|error| {
                LiveError::from_server(&error, |error| self.clients.report(error))
            }),
            None => Err(lost_member().into()),
        }
    }
}
