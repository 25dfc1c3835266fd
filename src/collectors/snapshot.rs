//! Everything known at one moment: the newest reading of each section, and how each reading went.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::account_security::Hygiene;
use super::activity::Activity;
use super::administration::Administration;
use super::apps::Apps;
use super::calls::Calls;
use super::collections::Collections;
use super::collector::Collector;
use super::connections::Connections;
use super::contacts::Contacts;
use super::federation::Federation;
use super::host::Host;
use super::instances::Instances;
use super::integrations::Integrations;
use super::jobs::Jobs;
use super::license::License;
use super::live_state::Live;
use super::message_flags::Marks;
use super::messages::Messages;
use super::omnichannel::Omnichannel;
use super::presence::Presence;
use super::push::Push;
use super::room_features::RoomFeatures;
use super::rooms::Rooms;
use super::server::Server;
use super::sessions::Sessions;
use super::settings::Settings;
use super::stored_document::Stored;
use super::uploads::Uploads;
use super::user_features::UserFeatures;
use super::users::Users;
use super::workspace::Workspace;
use crate::catalogue::{
    Availability, Outcome, PoolState, Replication, STALE_AFTER, Timestamp, Version, running_version,
};

/// What one collector brought back; each variant is named after its section.
#[derive(Debug)]
pub enum Reading {
    Instances(Instances),
    Presence(Presence),
    Host(Host),
    Workspace(Workspace),
    License(License),
    Settings(Settings),
    Server(Server),
    Stored(Stored),
    Activity(Activity),
    Messages(Messages),
    Omnichannel(Omnichannel),
    Federation(Federation),
    Marks(Marks),
    Connections(Connections),
    Contacts(Contacts),
    Calls(Calls),
    Administration(Administration),
    Integrations(Integrations),
    Apps(Apps),
    Push(Push),
    Users(Users),
    Rooms(Rooms),
    RoomFeatures(RoomFeatures),
    UserFeatures(UserFeatures),
    Uploads(Uploads),
    Sessions(Sessions),
    Collections(Collections),
    Hygiene(Hygiene),
    Jobs(Jobs),
}

/// The newest reading of every section; a section is `None` while its newest reading failed or none was made.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub instances: Option<Arc<Instances>>,
    pub presence: Option<Arc<Presence>>,
    pub host: Option<Arc<Host>>,
    pub workspace: Option<Arc<Workspace>>,
    pub license: Option<Arc<License>>,
    pub settings: Option<Arc<Settings>>,
    pub server: Option<Arc<Server>>,
    pub stored: Option<Arc<Stored>>,
    pub activity: Option<Arc<Activity>>,
    pub messages: Option<Arc<Messages>>,
    pub omnichannel: Option<Arc<Omnichannel>>,
    pub federation: Option<Arc<Federation>>,
    pub marks: Option<Arc<Marks>>,
    pub connections: Option<Arc<Connections>>,
    pub contacts: Option<Arc<Contacts>>,
    pub calls: Option<Arc<Calls>>,
    pub administration: Option<Arc<Administration>>,
    pub integrations: Option<Arc<Integrations>>,
    pub apps: Option<Arc<Apps>>,
    pub push: Option<Arc<Push>>,
    pub users: Option<Arc<Users>>,
    pub rooms: Option<Arc<Rooms>>,
    pub room_features: Option<Arc<RoomFeatures>>,
    pub user_features: Option<Arc<UserFeatures>>,
    pub uploads: Option<Arc<Uploads>>,
    pub sessions: Option<Arc<Sessions>>,
    pub collections: Option<Arc<Collections>>,
    pub hygiene: Option<Arc<Hygiene>>,
    pub jobs: Option<Arc<Jobs>>,
    /// How the newest reading of each collector went.
    pub outcomes: BTreeMap<Collector, Outcome>,
    /// How much of the database is read; `None` where none is asked, as of the host alone.
    pub availability: Option<Availability>,
    /// Connections to the database, after the newest reading.
    pub pool: Option<PoolState>,
    /// Whether changes are followed; `None` where nothing could be.
    pub live: Option<Arc<Live>>,
    /// When the newest reading of the database succeeded.
    pub read_at: Option<Timestamp>,
    /// The moment that the data describe which it read.
    pub data_at: Option<Timestamp>,
    /// Where the member of the replica set stood that answered it; `None` where the database is none.
    pub replication: Option<Replication>,
    /// The version set by the operator, which overrides the one the workspace tells.
    pub configured_version: Option<Version>,
}

impl Snapshot {
    /// Puts a reading in its place.
    pub fn put(&mut self, reading: Reading) {
        match reading {
            Reading::Instances(section) => self.instances = Some(Arc::new(section)),
            Reading::Presence(section) => self.presence = Some(Arc::new(section)),
            Reading::Host(section) => self.host = Some(Arc::new(section)),
            Reading::Workspace(section) => self.workspace = Some(Arc::new(section)),
            Reading::License(section) => self.license = Some(Arc::new(section)),
            Reading::Settings(section) => self.settings = Some(Arc::new(section)),
            Reading::Server(section) => self.server = Some(Arc::new(section)),
            Reading::Stored(section) => self.stored = Some(Arc::new(section)),
            Reading::Activity(section) => self.activity = Some(Arc::new(section)),
            Reading::Messages(section) => self.messages = Some(Arc::new(section)),
            Reading::Omnichannel(section) => self.omnichannel = Some(Arc::new(section)),
            Reading::Federation(section) => self.federation = Some(Arc::new(section)),
            Reading::Marks(section) => self.marks = Some(Arc::new(section)),
            Reading::Connections(section) => self.connections = Some(Arc::new(section)),
            Reading::Contacts(section) => self.contacts = Some(Arc::new(section)),
            Reading::Calls(section) => self.calls = Some(Arc::new(section)),
            Reading::Administration(section) => self.administration = Some(Arc::new(section)),
            Reading::Integrations(section) => self.integrations = Some(Arc::new(section)),
            Reading::Apps(section) => self.apps = Some(Arc::new(section)),
            Reading::Push(section) => self.push = Some(Arc::new(section)),
            Reading::Users(section) => self.users = Some(Arc::new(section)),
            Reading::Rooms(section) => self.rooms = Some(Arc::new(section)),
            Reading::RoomFeatures(section) => self.room_features = Some(Arc::new(section)),
            Reading::UserFeatures(section) => self.user_features = Some(Arc::new(section)),
            Reading::Uploads(section) => self.uploads = Some(Arc::new(section)),
            Reading::Sessions(section) => self.sessions = Some(Arc::new(section)),
            Reading::Collections(section) => self.collections = Some(Arc::new(section)),
            Reading::Hygiene(section) => self.hygiene = Some(Arc::new(section)),
            Reading::Jobs(section) => self.jobs = Some(Arc::new(section)),
        }
    }

    /// Takes a section out: what failed is absent, never old and never zero.
    pub fn clear(&mut self, collector: Collector) {
        match collector {
            Collector::Instances => self.instances = None,
            Collector::Presence => self.presence = None,
            Collector::Host => self.host = None,
            Collector::Workspace => self.workspace = None,
            Collector::License => self.license = None,
            Collector::Settings => self.settings = None,
            Collector::Server => self.server = None,
            Collector::Stored => self.stored = None,
            Collector::Activity => self.activity = None,
            Collector::Messages => self.messages = None,
            Collector::Omnichannel => self.omnichannel = None,
            Collector::Federation => self.federation = None,
            Collector::Marks => self.marks = None,
            Collector::Connections => self.connections = None,
            Collector::Contacts => self.contacts = None,
            Collector::Calls => self.calls = None,
            Collector::Administration => self.administration = None,
            Collector::Integrations => self.integrations = None,
            Collector::Apps => self.apps = None,
            Collector::Push => self.push = None,
            Collector::Users => self.users = None,
            Collector::Rooms => self.rooms = None,
            Collector::RoomFeatures => self.room_features = None,
            Collector::UserFeatures => self.user_features = None,
            Collector::Uploads => self.uploads = None,
            Collector::Sessions => self.sessions = None,
            Collector::Collections => self.collections = None,
            Collector::Hygiene => self.hygiene = None,
            Collector::Jobs => self.jobs = None,
        }
    }

    /// The workspace's version as text, with whatever suffix it has; see [`running_version`].
    pub fn version_name(&self) -> Option<String> {
        let stored = self.stored.as_ref().and_then(|it| it.version());
        let migration = self.workspace.as_ref().and_then(|it| it.migration.as_ref());
        running_version(
            self.configured_version,
            stored,
            migration.and_then(|it| it.version),
        )
    }

    /// The workspace's version, when it is known.
    pub fn version(&self) -> Option<Version> {
        self.version_name()?.parse().ok()
    }

    /// The same without what other collectors read.
    #[must_use]
    pub fn only(&self, chosen: &BTreeSet<Collector>) -> Self {
        let mut part = self.clone();
        for collector in Collector::ALL {
            if !chosen.contains(&collector) {
                part.clear(collector);
                part.outcomes.remove(&collector);
            }
        }
        part
    }

    /// How far the data were behind that the newest reading of the database found, where that is more than it may be.
    pub fn stale_by(&self) -> Option<Duration> {
        let behind = self.read_at?.since(self.data_at?)?;
        (behind > STALE_AFTER).then_some(behind)
    }

    /// The share of the time in which the database answers, by the newest reading of each collector; `None` before the
    /// first.
    pub fn cost(&self) -> Option<f64> {
        let of_database = self.outcomes.iter().filter(|(it, _)| it.asks_database());
        let shares: Vec<f64> = of_database.map(|(_, outcome)| outcome.share()).collect();
        (!shares.is_empty()).then(|| shares.iter().sum())
    }

    /// Collectors whose newest reading failed, or that were not read yet.
    pub fn missing(&self) -> Vec<Collector> {
        Collector::ALL
            .into_iter()
            .filter(|collector| {
                self.outcomes
                    .get(collector)
                    .is_none_or(|outcome| outcome.failure.is_some())
            })
            .collect()
    }
}
