//! Where the connection string leads, without its user and password.

use std::collections::BTreeMap;

use mongodb::options::{HostInfo, ReadPreference, Tls};
use serde::Serialize;

use crate::mongodb::{MongoSettings, server_states};

/// The connection string without its user and password.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ConnectionTarget {
    /// Hosts and ports, or the name whose records list them.
    pub address: String,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The read preference: which members of a replica set answer.
    pub read_preference: &'static str,
    /// Tags that a member must have, the first set before the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read_preference_tags: Vec<BTreeMap<String, String>>,
    /// How far a member may lag, as the driver estimates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_staleness_seconds: Option<u64>,
}

impl MongoSettings {
    /// The target of these settings; empty when the connection string cannot be parsed.
    pub fn target(&self) -> ConnectionTarget {
        let Some(parsed) = self.uri.parsed() else {
            return ConnectionTarget::default();
        };
        let options = match &parsed.read_preference {
            Some(
                ReadPreference::Secondary { options }
                | ReadPreference::PrimaryPreferred { options }
                | ReadPreference::SecondaryPreferred { options }
                | ReadPreference::Nearest { options },
            ) => options.as_ref(),
            _ => None,
        };
        let is_record = matches!(parsed.host_info, HostInfo::DnsRecord(_));
        ConnectionTarget {
            address: self.address(),
            tls: match parsed.tls {
                Some(Tls::Enabled(_)) => true,
                Some(_) => false,
                None => is_record,
            },
            read_preference_tags: options
                .and_then(|options| options.tag_sets.as_ref())
                .into_iter()
                .flatten()
                .map(|tags| tags.clone().into_iter().collect())
                .collect(),
            max_staleness_seconds: options
                .and_then(|options| options.max_staleness)
                .map(|staleness| staleness.as_secs()),
            read_preference: parsed
                .read_preference
                .as_ref()
                .map_or("secondaryPreferred", server_states::read_preference_name),
        }
    }
}

impl ConnectionTarget {
    /// The read preference with its tags and staleness, in words.
    pub fn preference(&self) -> String {
        let mut words = vec![self.read_preference.to_owned()];
        let tags = self.read_preference_tags.iter().map(|tags| {
            let tags: Vec<String> = tags
                .iter()
                .map(|(name, value)| format!("{name}:{value}"))
                .collect();
            if tags.is_empty() {
                "any".to_owned()
            } else {
                tags.join(",")
            }
        });
        let tags: Vec<String> = tags.collect();
        if !tags.is_empty() {
            words.push(format!("tags {}", tags.join(" else ")));
        }
        if let Some(seconds) = self.max_staleness_seconds {
            words.push(format!("at most {seconds} s behind"));
        }
        words.join(", ")
    }
}
