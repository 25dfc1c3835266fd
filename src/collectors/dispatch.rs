//! Which collector asks what: one reading of one section, all of it from one member.

use std::sync::PoisonError;

use tokio::time::Instant;

use super::collector::Collector;
use super::snapshot::{Reading, Snapshot};
use super::sources::Read;
use super::{
    account_security, activity, administration, apps, calls, collections, connections, contacts,
    federation, instances, integrations, jobs, license, message_flags, messages, omnichannel,
    presence, push, room_features, rooms, server, sessions, settings, stored_document, uploads,
    user_features, users, workspace,
};
use crate::catalogue::FailureKind;
use crate::mongodb::{Mongo, Question, SourceError, lost_member};

impl Mongo {
    /// Reads one section.
    pub async fn read(&self, collector: Collector, known: &Snapshot) -> Result<Read, SourceError> {
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
        Ok(Read {
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
    ) -> Result<(Question<'_>, Option<Result<Reading, SourceError>>), SourceError> {
        let (mut question, member) = self.bound_question(collector).await?;
        let result = member.unless_lost(self.ask(&mut question, known)).await;
        Ok((question, result))
    }

    pub async fn ask(
        &self,
        question: &mut Question<'_>,
        known: &Snapshot,
    ) -> Result<Reading, SourceError> {
        let collector = question.collector;
        if license::query::matters_to(collector) {
            question.grants = license::query::grants(question, known).await?;
        }
        Ok(match collector {
            Collector::Instances => Reading::Instances(instances::query::read(question).await?),
            Collector::Presence => Reading::Presence(presence::query::read(question).await?),
            Collector::Workspace => {
                Reading::Workspace(workspace::query::read(question, known).await?)
            }
            Collector::License => Reading::License(license::query::read(question, known).await?),
            Collector::Settings => Reading::Settings(settings::query::read(question).await?),
            Collector::Server => Reading::Server(server::query::read(question).await?),
            Collector::Stored => Reading::Stored(stored_document::query::read(question).await?),
            Collector::Activity => Reading::Activity(activity::query::read(question).await?),
            Collector::Marks => Reading::Marks(message_flags::query::read(question).await?),
            Collector::Connections => {
                Reading::Connections(connections::query::read(question).await?)
            }
            Collector::Contacts => Reading::Contacts(contacts::query::read(question).await?),
            Collector::Messages => Reading::Messages(messages::query::read(question).await?),
            Collector::Omnichannel => {
                Reading::Omnichannel(omnichannel::query::read(question, known).await?)
            }
            Collector::Federation => {
                Reading::Federation(federation::query::read(question, known).await?)
            }
            Collector::Administration => {
                Reading::Administration(administration::query::read(question).await?)
            }
            Collector::Calls => Reading::Calls(calls::query::read(question).await?),
            Collector::Integrations => {
                Reading::Integrations(integrations::query::read(question).await?)
            }
            Collector::Apps => Reading::Apps(apps::query::read(question).await?),
            Collector::Push => Reading::Push(push::query::read(question, known).await?),
            Collector::Uploads => Reading::Uploads(uploads::query::read(question).await?),
            Collector::Users => Reading::Users(users::query::read(question).await?),
            Collector::RoomFeatures => {
                Reading::RoomFeatures(room_features::query::read(question).await?)
            }
            Collector::UserFeatures => {
                Reading::UserFeatures(user_features::query::read(question, known).await?)
            }
            Collector::Rooms => Reading::Rooms(rooms::query::read(question).await?),
            Collector::Sessions => Reading::Sessions(sessions::query::read(question, known).await?),
            Collector::Jobs => Reading::Jobs(jobs::query::read(question).await?),
            Collector::Hygiene => Reading::Hygiene(account_security::query::read(question).await?),
            Collector::Collections => {
                Reading::Collections(collections::query::read(question).await?)
            }
            Collector::Host => {
                return Err(SourceError::new(
                    FailureKind::Other,
                    "the host is not read from MongoDB",
                ));
            }
        })
    }
}
