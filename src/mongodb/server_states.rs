//! What the servers said to the driver, for the time when none can be asked: the driver's own message shows its
//! structures, and neither what to do.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use mongodb::bson::{Bson, Document};
use mongodb::event::sdam::SdamEvent;
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria, ServerAddress};

use super::bson;
use super::error::SourceError;
use crate::catalogue::FailureKind;

/// What is known of each server that was found, by host and port.
#[derive(Debug, Default)]
pub struct Servers(Mutex<BTreeMap<String, Server>>);

/// What the connection string asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The hosts and ports that it names.
    addresses: Vec<String>,
    replica_set: Option<String>,
    is_direct: bool,
    read_preference: &'static str,
}

/// What a server said.
#[derive(Debug, Clone, Default)]
struct Server {
    /// Whether it belongs to what is asked; those of another replica set do not.
    is_asked: bool,
    failure: Option<SourceError>,
    hello: Option<Hello>,
}

/// What a server says of itself.
#[derive(Debug, Clone)]
struct Hello {
    replica_set: Option<String>,
    role: &'static str,
}

impl Asked {
    /// What the driver's options ask for.
    pub fn of(options: &ClientOptions) -> Self {
        Self {
            addresses: options.hosts.iter().map(ToString::to_string).collect(),
            replica_set: options.repl_set_name.clone(),
            is_direct: options.direct_connection == Some(true),
            read_preference: match &options.selection_criteria {
                Some(SelectionCriteria::ReadPreference(preference)) => name(preference),
                _ => "primary",
            },
        }
    }
}

/// The name of a read preference, as connection strings have it.
pub fn name(preference: &ReadPreference) -> &'static str {
    match preference {
        ReadPreference::Secondary { .. } => "secondary",
        ReadPreference::PrimaryPreferred { .. } => "primaryPreferred",
        ReadPreference::SecondaryPreferred { .. } => "secondaryPreferred",
        ReadPreference::Nearest { .. } => "nearest",
        _ => "primary",
    }
}

impl Servers {
    /// Notes what the driver found out.
    pub fn note(&self, event: &SdamEvent) {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut server = |address: &ServerAddress, change: fn(&mut Server)| {
            let server = servers.entry(address.to_string()).or_default();
            change(server);
        };
        match event {
            SdamEvent::ServerOpening(event) => server(&event.address, |it| it.is_asked = true),
            SdamEvent::ServerClosed(event) => server(&event.address, |it| it.is_asked = false),
            SdamEvent::ServerHeartbeatSucceeded(event) => {
                let server = servers.entry(event.server_address.to_string()).or_default();
                server.failure = None;
                server.hello = Some(Hello::of(&event.reply));
            }
            SdamEvent::ServerHeartbeatFailed(event) => {
                let server = servers.entry(event.server_address.to_string()).or_default();
                server.failure = Some(SourceError::of_server(&event.failure));
            }
            SdamEvent::ServerDescriptionChanged(event) => {
                if let Some(error) = event.new_description.error() {
                    let server = servers.entry(event.address.to_string()).or_default();
                    server.failure = Some(SourceError::of_server(error));
                }
            }
            _ => {}
        }
    }

    /// What the newest failure of a server was, where there is one: the cause of others.
    pub fn cause(&self) -> Option<SourceError> {
        let servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failures = servers.values().filter_map(|it| it.failure.clone());
        failures.next()
    }

    /// Why no server can be asked, and what to do.
    pub fn none_suits(&self, asked: &Asked) -> SourceError {
        let servers = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(other) = other_set(&servers, asked) {
            return SourceError::new(FailureKind::Unreachable, other);
        }
        let mut told = Vec::new();
        let mut answers = false;
        let mut kind = FailureKind::Unreachable;
        for (address, server) in servers.iter().filter(|(_, it)| it.is_asked) {
            match (&server.failure, &server.hello) {
                (Some(failure), _) => {
                    if failure.kind == FailureKind::Unauthenticated {
                        kind = failure.kind;
                    }
                    told.push(format!("`{address}`: {failure}"));
                }
                (None, Some(hello)) => {
                    answers = true;
                    told.push(format!("`{address}`: it is {}", hello.role));
                }
                (None, None) => told.push(format!("`{address}`: it does not answer in time")),
            }
        }
        if told.is_empty() {
            let given = asked.addresses.iter().map(|it| format!("`{it}`"));
            told.push(given.collect::<Vec<_>>().join(", "));
        }
        let told = told.join("; ");
        let message = if answers {
            format!(
                "no MongoDB server that answers suits readPreference={}: {told}",
                asked.read_preference
            )
        } else {
            let advice = advice_on_names(&servers, asked).unwrap_or_default();
            format!("no MongoDB server answers: {told}{advice}")
        };
        SourceError::new(kind, message)
    }
}

/// A server that answers, and is not of the replica set that is asked for.
fn other_set(servers: &BTreeMap<String, Server>, asked: &Asked) -> Option<String> {
    let wanted = asked.replica_set.as_ref()?;
    let has_right_one = servers.values().any(|it| {
        let hello = it.hello.as_ref();
        hello.is_some_and(|it| it.replica_set.as_ref() == Some(wanted))
    });
    if has_right_one {
        return None;
    }
    let (address, hello) = servers
        .iter()
        .find_map(|(address, server)| Some((address, server.hello.as_ref()?)))?;
    Some(match &hello.replica_set {
        Some(actual) => format!(
            "the connection string says replicaSet={wanted}, and `{address}` belongs to the replica set `{actual}`; correct the name"
        ),
        None => format!(
            "the connection string says replicaSet={wanted}, and `{address}` belongs to no replica set: it is {}; leave replicaSet out, or initiate the set",
            hello.role
        ),
    })
}

/// What to do where the set's members have other names than the connection string gives, which cannot be reached.
fn advice_on_names(servers: &BTreeMap<String, Server>, asked: &Asked) -> Option<String> {
    if asked.is_direct {
        return None;
    }
    let given = || asked.addresses.iter();
    let is_other = |address: &String| !asked.addresses.contains(address);
    servers
        .iter()
        .find(|(address, server)| server.is_asked && is_other(address))?;
    let answered: Vec<String> = given()
        .filter(|it| servers.get(*it).is_some_and(|it| it.hello.is_some()))
        .map(|it| format!("`{it}`"))
        .collect();
    if answered.is_empty() {
        return None;
    }
    Some(format!(
        "; these are the names that the replica set's members have, as {} tells; make them reachable from this machine, or give directConnection=true to ask only the server that the connection string names",
        answered.join(", ")
    ))
}

impl Hello {
    fn of(reply: &Document) -> Self {
        let is = |key: &str| matches!(reply.get(key), Some(Bson::Boolean(true)));
        let replica_set = bson::text(reply.get("setName"));
        let role = if reply.get_str("msg").is_ok_and(|it| it == "isdbgrid") {
            "a router of a sharded cluster"
        } else if is("isreplicaset") {
            "a member of a replica set that is not initiated (rs.initiate())"
        } else if replica_set.is_none() {
            "a server alone"
        } else if is("isWritablePrimary") || is("ismaster") {
            "the primary"
        } else if is("secondary") {
            "a secondary"
        } else if is("arbiterOnly") {
            "an arbiter, which has no data"
        } else {
            "neither primary nor secondary, as while it starts or recovers"
        };
        Self { replica_set, role }
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[test]
    fn members_with_names_that_cannot_be_resolved_lead_to_a_direct_connection() {
        let hello = doc! { "setName": "rs0", "isWritablePrimary": true };
        let seed = Server {
            is_asked: false,
            failure: None,
            hello: Some(Hello::of(&hello)),
        };
        let failure = "its name cannot be resolved";
        let member = Server {
            is_asked: true,
            failure: Some(SourceError::new(FailureKind::Unreachable, failure)),
            hello: None,
        };
        let known = [("10.0.0.1:27017", seed), ("mongo-1:27017", member)];
        let known = known.map(|(address, server)| (address.to_owned(), server));
        let servers = Servers(Mutex::new(known.into()));
        let mut asked = Asked {
            addresses: vec!["10.0.0.1:27017".to_owned()],
            replica_set: Some("rs0".to_owned()),
            is_direct: false,
            read_preference: "secondaryPreferred",
        };
        assert_eq!(
            &*servers.none_suits(&asked).message,
            "no MongoDB server answers: `mongo-1:27017`: its name cannot be resolved; these are the names that the replica set's members have, as `10.0.0.1:27017` tells; make them reachable from this machine, or give directConnection=true to ask only the server that the connection string names"
        );
        asked.replica_set = Some("rs1".to_owned());
        let message = servers.none_suits(&asked).message;
        assert!(
            message.contains("belongs to the replica set `rs0`"),
            "{message}"
        );
    }
}
