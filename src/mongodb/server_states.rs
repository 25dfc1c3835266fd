//! The state of each server, for the error message when none can be selected: the driver's own message prints its
//! internal structures and says nothing about what to do.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mongodb::bson::{RawDocument, RawDocumentBuf};
use mongodb::event::sdam::SdamEvent;
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria, ServerAddress};

use super::error::SourceError;
use super::hello;
use crate::catalogue::FailureKind;

/// The state of each server that the driver discovered, by host and port.
#[derive(Debug, Default)]
pub struct ServerStates(Mutex<BTreeMap<String, ServerState>>);

/// What the connection string requires of the servers.
#[derive(Debug, Clone)]
pub struct RequestedTopology {
    /// The hosts and ports that it names.
    addresses: Vec<String>,
    replica_set: Option<String>,
    is_direct: bool,
    read_preference: &'static str,
}

/// What is known of one server.
#[derive(Debug, Clone, Default)]
struct ServerState {
    /// Whether the driver monitors it; it stops for members of another replica set.
    is_monitored: bool,
    failure: Option<SourceError>,
    reply: Option<ServerRole>,
}

/// A server's part in its replica set, by its newest heartbeat.
#[derive(Debug, Clone)]
struct ServerRole {
    replica_set: Option<String>,
    role: &'static str,
}

impl RequestedTopology {
    /// What the driver's options require.
    pub fn of(options: &ClientOptions) -> Self {
        Self {
            addresses: options.hosts.iter().map(ToString::to_string).collect(),
            replica_set: options.repl_set_name.clone(),
            is_direct: options.direct_connection == Some(true),
            read_preference: match &options.selection_criteria {
                Some(SelectionCriteria::ReadPreference(preference)) => {
                    read_preference_name(preference)
                }
                _ => "primary",
            },
        }
    }
}

/// The name of a read preference in connection strings.
pub fn read_preference_name(preference: &ReadPreference) -> &'static str {
    match preference {
        ReadPreference::Secondary { .. } => "secondary",
        ReadPreference::PrimaryPreferred { .. } => "primaryPreferred",
        ReadPreference::SecondaryPreferred { .. } => "secondaryPreferred",
        ReadPreference::Nearest { .. } => "nearest",
        _ => "primary",
    }
}

impl ServerStates {
    /// Records an event of the driver's server monitoring.
    pub fn record(&self, event: &SdamEvent) {
        let update = |address: &ServerAddress, change: &dyn Fn(&mut ServerState)| {
            change(self.lock().entry(address.to_string()).or_default());
        };
        match event {
            SdamEvent::ServerOpening(event) => {
                update(&event.address, &|server| server.is_monitored = true);
            }
            SdamEvent::ServerClosed(event) => {
                update(&event.address, &|server| server.is_monitored = false);
            }
            SdamEvent::ServerHeartbeatSucceeded(event) => {
                update(&event.server_address, &|server| {
                    server.failure = None;
                    server.reply = RawDocumentBuf::try_from(&event.reply)
                        .ok()
                        .map(|reply| ServerRole::of(&reply));
                });
            }
            SdamEvent::ServerHeartbeatFailed(event) => update(&event.server_address, &|server| {
                server.failure = Some(SourceError::of_server(&event.failure));
            }),
            SdamEvent::ServerDescriptionChanged(event) => {
                if let Some(error) = event.new_description.error() {
                    update(&event.address, &|server| {
                        server.failure = Some(SourceError::of_server(error));
                    });
                }
            }
            _ => {}
        }
    }

    /// The failure of a server, if one fails: usually the cause of other errors.
    pub fn failure(&self) -> Option<SourceError> {
        let servers = self.lock();
        let mut failures = servers.values().filter_map(|server| server.failure.clone());
        failures.next()
    }

    /// Why no server can be selected, and what to do.
    pub fn selection_failure(&self, requested: &RequestedTopology) -> SourceError {
        let servers = self.lock().clone();
        if let Some(message) = wrong_replica_set(&servers, requested) {
            return SourceError::new(FailureKind::Unreachable, message);
        }
        let mut states = Vec::new();
        let mut any_replies = false;
        let mut kind = FailureKind::Unreachable;
        for (address, server) in servers.iter().filter(|(_, server)| server.is_monitored) {
            match (&server.failure, &server.reply) {
                (Some(failure), _) => {
                    if failure.kind == FailureKind::Unauthenticated {
                        kind = failure.kind;
                    }
                    states.push(format!("`{address}`: {failure}"));
                }
                (None, Some(reply)) => {
                    any_replies = true;
                    states.push(format!("`{address}`: it is {}", reply.role));
                }
                (None, None) => states.push(format!("`{address}`: it does not answer in time")),
            }
        }
        if states.is_empty() {
            states.push(quoted(requested.addresses.iter()));
        }
        let states = states.join("; ");
        let message = if any_replies {
            format!(
                "no reachable MongoDB server matches readPreference={}: {states}",
                requested.read_preference
            )
        } else {
            let advice = advice_on_names(&servers, requested).unwrap_or_default();
            format!("no MongoDB server answers: {states}{advice}")
        };
        SourceError::new(kind, message)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, ServerState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The message for servers that answer, none of which is in the requested replica set.
fn wrong_replica_set(
    servers: &BTreeMap<String, ServerState>,
    requested: &RequestedTopology,
) -> Option<String> {
    let wanted = requested.replica_set.as_ref()?;
    let is_in_wanted = |server: &ServerState| {
        let reply = server.reply.as_ref();
        reply.is_some_and(|reply| reply.replica_set.as_ref() == Some(wanted))
    };
    if servers.values().any(is_in_wanted) {
        return None;
    }
    let (address, reply) = servers
        .iter()
        .find_map(|(address, server)| Some((address, server.reply.as_ref()?)))?;
    Some(match &reply.replica_set {
        Some(actual) => format!(
            "the connection string has replicaSet={wanted}, and `{address}` belongs to the replica set `{actual}`; correct the name"
        ),
        None => format!(
            "the connection string has replicaSet={wanted}, and `{address}` belongs to no replica set: it is {}; remove replicaSet, or initiate the set",
            reply.role
        ),
    })
}

/// What to do when the set's configuration has names that this machine cannot reach, unlike those in the connection string.
fn advice_on_names(
    servers: &BTreeMap<String, ServerState>,
    requested: &RequestedTopology,
) -> Option<String> {
    let is_other = |address: &String| !requested.addresses.contains(address);
    let has_other = servers
        .iter()
        .any(|(address, server)| server.is_monitored && is_other(address));
    if requested.is_direct || !has_other {
        return None;
    }
    let replied = |address: &&String| {
        let server = servers.get(*address);
        server.is_some_and(|server| server.reply.is_some())
    };
    let replied = quoted(requested.addresses.iter().filter(replied));
    if replied.is_empty() {
        return None;
    }
    Some(format!(
        "; these are the names of the replica set's members according to {replied}; make them reachable from this machine, or set directConnection=true to query only the server in the connection string"
    ))
}

fn quoted<'a>(addresses: impl Iterator<Item = &'a String>) -> String {
    let addresses: Vec<String> = addresses.map(|address| format!("`{address}`")).collect();
    addresses.join(", ")
}

impl ServerRole {
    fn of(reply: &RawDocument) -> Self {
        Self {
            replica_set: reply.get_str("setName").ok().map(str::to_owned),
            role: hello::role(reply),
        }
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::rawdoc;

    use super::*;

    #[test]
    fn unresolvable_member_names_lead_to_a_direct_connection() {
        let hello = rawdoc! { "setName": "rs0", "isWritablePrimary": true };
        let seed = ServerState {
            is_monitored: false,
            failure: None,
            reply: Some(ServerRole::of(&hello)),
        };
        let failure = "its name cannot be resolved";
        let member = ServerState {
            is_monitored: true,
            failure: Some(SourceError::new(FailureKind::Unreachable, failure)),
            reply: None,
        };
        let states = [("10.0.0.1:27017", seed), ("mongo-1:27017", member)];
        let states = states.map(|(address, server)| (address.to_owned(), server));
        let states = ServerStates(Mutex::new(states.into()));
        let mut requested = RequestedTopology {
            addresses: vec!["10.0.0.1:27017".to_owned()],
            replica_set: Some("rs0".to_owned()),
            is_direct: false,
            read_preference: "secondaryPreferred",
        };
        assert_eq!(
            &*states.selection_failure(&requested).message,
            "no MongoDB server answers: `mongo-1:27017`: its name cannot be resolved; these are the names of the replica set's members according to `10.0.0.1:27017`; make them reachable from this machine, or set directConnection=true to query only the server in the connection string"
        );
        requested.replica_set = Some("rs1".to_owned());
        let message = states.selection_failure(&requested).message;
        assert!(
            message.contains("belongs to the replica set `rs0`"),
            "{message}"
        );
    }
}
