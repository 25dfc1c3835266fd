//! How MongoDB's servers belong together.

use mongodb::bson::{Bson, Document, RawDocument};
use serde::Serialize;

use crate::mongodb::{Hello, bson};

/// The kind of deployment that the connection string leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Topology {
    /// A server alone.
    Standalone,
    /// Servers with copies of the same data.
    ReplicaSet {
        /// The set's name.
        name: String,
        /// Its members.
        members: Vec<TopologyMember>,
    },
    /// Data on several servers behind a router.
    Sharded,
}

/// A member of a replica set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopologyMember {
    /// Host and port.
    pub address: String,
    /// The member's state; `None` when the user may not see it.
    pub state: Option<String>,
}

impl Topology {
    /// The topology that a `hello` answer shows, with the states of `replSetGetStatus` where the user may run it.
    pub fn new(hello: &Hello, status: Option<&Document>) -> Self {
        if hello.is_router() {
            return Self::Sharded;
        }
        let hello = hello.document();
        match hello.get_str("setName") {
            Ok(name) => Self::ReplicaSet {
                name: name.to_owned(),
                members: status.map_or_else(|| members_of_hello(hello), members_of_status),
            },
            Err(_) => Self::Standalone,
        }
    }
}

fn members_of_status(status: &Document) -> Vec<TopologyMember> {
    let members = status.get_array("members").map_or(&[][..], Vec::as_slice);
    members
        .iter()
        .filter_map(Bson::as_document)
        .map(|member| TopologyMember {
            address: bson::text(member.get("name")).unwrap_or_default(),
            state: bson::text(member.get("stateStr")),
        })
        .collect()
}

/// The members as `hello` lists them, which needs no privilege: only the primary and arbiters have a state.
fn members_of_hello(hello: &RawDocument) -> Vec<TopologyMember> {
    let primary = hello.get_str("primary").ok();
    let mut members = Vec::new();
    for (key, state) in [
        ("hosts", None),
        ("passives", None),
        ("arbiters", Some("ARBITER")),
    ] {
        let addresses = hello.get_array(key).into_iter().flatten();
        for address in addresses.filter_map(|address| address.ok()?.as_str()) {
            let is_primary = primary == Some(address);
            let state = if is_primary { Some("PRIMARY") } else { state };
            members.push(TopologyMember {
                address: address.to_owned(),
                state: state.map(str::to_owned),
            });
        }
    }
    members
}
