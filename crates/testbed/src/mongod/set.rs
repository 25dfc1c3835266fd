//! A replica set of several servers that elects quickly.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use mongodb::bson::{Document, doc};
use tokio::time::sleep;

use super::{Mongod, Options, POLL};

const ELECTION_LIMIT: Duration = Duration::from_mins(1);

/// A running replica set.
#[derive(Debug)]
pub struct ReplicaSet {
    members: Vec<Mongod>,
}

impl ReplicaSet {
    /// Starts a set and returns once it has a primary and the other members replicate from it.
    pub async fn start(members: usize) -> Result<Self> {
        let options = Options {
            replica_set: true,
            in_larger_set: true,
            parameters: vec![(
                "shutdownTimeoutMillisForSignaledShutdown".to_owned(),
                "0".to_owned(),
            )],
            ..Options::default()
        };
        let starts = (0..members).map(|_| Mongod::start(&options));
        let set = Self {
            members: try_join_all(starts).await?,
        };
        let documents: Vec<_> = (0_i32..)
            .zip(&set.members)
            .map(|(id, member)| doc! { "_id": id, "host": member.host() })
            .collect();
        let initiate = doc! { "replSetInitiate": {
            "_id": "rs0",
            "members": documents,
            // A short timeout makes elections fast.
            "settings": { "electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 500 },
        } };
        set.members[0]
            .admin(initiate)
            .await
            .context("cannot initiate the replica set")?;
        set.wait_for_primary_other_than(None).await?;
        Ok(set)
    }

    /// The connection string.
    #[must_use]
    pub fn uri(&self) -> String {
        let hosts: Vec<_> = self.members.iter().map(Mongod::host).collect();
        format!("mongodb://{}/?replicaSet=rs0", hosts.join(","))
    }

    /// The members.
    #[must_use]
    pub fn members(&self) -> &[Mongod] {
        &self.members
    }

    /// The members, mutable so that they can be stopped.
    pub fn members_mut(&mut self) -> &mut [Mongod] {
        &mut self.members
    }

    /// Waits until the set has a primary from which the other members replicate, and returns its index.
    pub async fn primary(&self) -> Result<usize> {
        self.wait_for_primary_other_than(None).await
    }

    /// Makes the primary step down, and returns once another member is primary.
    pub async fn step_down(&self) -> Result<()> {
        let primary = self.wait_for_primary_other_than(None).await?;
        let command = doc! { "replSetStepDown": 30, "force": true };
        // The server may close the connection before it replies.
        drop(self.members[primary].admin(command).await);
        self.wait_for_primary_other_than(Some(primary)).await?;
        Ok(())
    }

    async fn wait_for_primary_other_than(&self, former: Option<usize>) -> Result<usize> {
        let deadline = Instant::now() + ELECTION_LIMIT;
        loop {
            let mut primary = None;
            let mut following = 0;
            for (place, member) in self.members.iter().enumerate() {
                let answer: Document = member.admin(doc! { "hello": 1 }).await?;
                let is = |state: &str| answer.get_bool(state).unwrap_or_default();
                if is("isWritablePrimary") && Some(place) != former {
                    primary = Some(place);
                }
                following += usize::from(is("secondary"));
            }
            if let Some(primary) = primary.filter(|_| following + 1 == self.members.len()) {
                return Ok(primary);
            }
            ensure!(
                Instant::now() < deadline,
                "the replica set elected no primary within {ELECTION_LIMIT:?}"
            );
            sleep(POLL).await;
        }
    }
}
