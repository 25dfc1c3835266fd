//! Connections in live mode: of sessions to instances, by whether their users are people.

use super::Connections;
use crate::catalogue::FailureKind;
use crate::change_streams::{SessionOwners, Tracking};
use crate::collectors::live_definition::{LiveDefinition, LiveSection};
use crate::collectors::users::live as users;
use crate::collectors::{Collector, Reading};

pub const LIVE: LiveDefinition = LiveDefinition {
    collector: Collector::Connections,
    follows: &[
        ("users", Tracking::Fields(users::FIELDS)),
        ("usersSessions", Tracking::Connections(OWNERS)),
    ],
    // They say which instances are live.
    needs: Some(Collector::Instances),
    section: LiveSection::Followed(|documents, known| {
        let Some(instances) = &known.instances else {
            let outcome = known.outcomes.get(&Collector::Instances);
            let failure = outcome.and_then(|outcome| outcome.failure);
            return Some(Err(failure.unwrap_or(FailureKind::Other)));
        };
        let live = instances.live().map(|instance| &*instance.id);
        let totals = documents.connections(live)?;
        Some(Ok(Reading::Connections(Connections {
            people: totals.people,
            connections: totals.connections,
        })))
    }),
};

const OWNERS: SessionOwners = SessionOwners {
    collection: "users",
    is_person: users::is_person,
};
