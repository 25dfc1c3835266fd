//! Selects the member of a replica set that is read: by the operator's read preference, and only one for each reading, so
//! that no number mixes the data of two.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mongodb::bson::oid::ObjectId;
use mongodb::error::{Error, ErrorKind};
use mongodb::event::sdam::SdamEvent;
use mongodb::options::{ReadPreference, SelectionCriteria, ServerAddress};
use mongodb::{Database, ServerType, TopologyType};
use tokio::sync::{Mutex, watch};

use super::command;
use super::hello::Hello;
use crate::catalogue::{Replication, Timestamp};
use crate::clock::Clock;

/// How long further readings go to the selected member.
const SELECTION_TTL: Duration = Duration::from_secs(5);

/// Selects members for one workspace: the servers that its client knows, and the read preference.
#[derive(Debug)]
pub struct MemberSelector {
    preference: ReadPreference,
    /// Whether the connection string has no read preference.
    is_default: bool,
    /// Whether the default preference fell back to the primary, because a secondary lagged.
    secondary_lags: AtomicBool,
    servers: watch::Receiver<KnownServers>,
    /// Locked while a server is queried, so that concurrent readings select once.
    selected: Mutex<Option<Arc<SelectedMember>>>,
}

/// The servers, as the driver sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownServers {
    /// None was found yet.
    Unknown,
    /// The reachable primary and secondaries of a replica set.
    ReplicaSet(Vec<ServerAddress>),
    /// One server, possibly a member of a set.
    Single,
    /// Routers; the driver selects among them.
    Routers,
}

/// A selected server.
#[derive(Debug)]
pub struct SelectedMember {
    /// The workspace's database, all of whose commands go to this server.
    pub database: Database,
    /// Its reply to `hello`; `None` outside a replica set.
    pub hello: Option<Hello>,
    /// The process of the server, which another one replaces when the server restarts; `None` with a router, behind which
    /// there are several.
    pub process: Option<ObjectId>,
    /// Its address, if the commands are bound to it.
    address: Option<ServerAddress>,
    servers: watch::Receiver<KnownServers>,
    selected: Instant,
    selected_at: Timestamp,
}

impl MemberSelector {
    /// `None` prefers secondaries while they do not lag.
    pub fn new(preference: Option<ReadPreference>, servers: watch::Receiver<KnownServers>) -> Self {
        Self {
            is_default: preference.is_none(),
            preference: preference.unwrap_or(ReadPreference::SecondaryPreferred { options: None }),
            secondary_lags: AtomicBool::new(false),
            servers,
            selected: Mutex::default(),
        }
    }

    /// The read preference that applies now.
    pub fn preference(&self) -> SelectionCriteria {
        if self.secondary_lags.load(Ordering::Relaxed) {
            return newest();
        }
        self.preference.clone().into()
    }

    /// Selects a member by the read preference, or returns the one selected a moment ago. The default preference falls
    /// back to the primary when the secondary lags.
    ///
    /// # Errors
    /// When no server matches, or it does not reply.
    pub async fn select(
        &self,
        database: &Database,
        limit: Duration,
        clock: Clock,
    ) -> Result<Arc<SelectedMember>, Error> {
        let mut selected = self.selected.lock().await;
        if let Some(member) = &*selected
            && member.selected.elapsed() < SELECTION_TTL
            && !member.is_lost()
        {
            return Ok(Arc::clone(member));
        }
        *selected = None;
        let member = self.select_anew(database, limit, clock).await?;
        *selected = Some(Arc::clone(&member));
        Ok(member)
    }

    async fn select_anew(
        &self,
        database: &Database,
        limit: Duration,
        clock: Clock,
    ) -> Result<Arc<SelectedMember>, Error> {
        let preferred = self.preference.clone().into();
        let member = self.select_by(database, preferred, limit, clock).await?;
        let lags = member
            .replication()
            .is_some_and(|replication| replication.is_stale());
        self.secondary_lags
            .store(self.is_default && lags, Ordering::Relaxed);
        if self.is_default && lags {
            return self.select_by(database, newest(), limit, clock).await;
        }
        Ok(member)
    }

    /// Sends `hello` to a server that meets the criteria, and binds further commands to it.
    async fn select_by(
        &self,
        database: &Database,
        criteria: SelectionCriteria,
        limit: Duration,
        clock: Clock,
    ) -> Result<Arc<SelectedMember>, Error> {
        let directed =
            |criteria| command::directed(database.client(), database.name(), Some(criteria));
        let (selected, selected_at) = (Instant::now(), clock.now());
        let preferred = directed(criteria);
        let comment = "rocketchat-exporter member";
        let hello = match Hello::send(&preferred, limit, comment).await {
            Ok(hello) => Some(hello),
            // A server that is compatible with MongoDB but knows no replica sets.
            Err(error) if matches!(*error.kind, ErrorKind::Command(_)) => None,
            Err(error) => return Err(error),
        };
        let process = hello.as_ref().and_then(Hello::process);
        let hello = hello.filter(Hello::is_member);
        let address = hello.as_ref().and_then(|hello| self.address(hello));
        Ok(Arc::new(SelectedMember {
            database: match address.clone() {
                Some(address) => directed(SelectionCriteria::Predicate(Arc::new(move |server| {
                    *server.address() == address
                }))),
                None => preferred,
            },
            hello,
            process,
            address,
            servers: self.servers.clone(),
            selected,
            selected_at,
        }))
    }

    /// The address to which commands can be bound. Not with the read preference `primary`, where the next primary is as
    /// good; nor with routers or a single server, where the driver sends no read preference with a bound command.
    fn address(&self, hello: &Hello) -> Option<ServerAddress> {
        let address = ServerAddress::parse(hello.address()?).ok()?;
        match &*self.servers.borrow() {
            KnownServers::ReplicaSet(answering) => {
                let is_bound = self.preference != ReadPreference::Primary;
                (is_bound && answering.contains(&address)).then_some(address)
            }
            KnownServers::Unknown | KnownServers::Single | KnownServers::Routers => None,
        }
    }
}

impl SelectedMember {
    /// Its replication state; `None` outside a replica set.
    pub fn replication(&self) -> Option<Replication> {
        self.hello.as_ref()?.replication()
    }

    /// The moment that its data describe at `now`.
    pub fn data_at(&self, now: Timestamp) -> Timestamp {
        match &self.hello {
            Some(hello) if !hello.is_primary() => self.selected_at.before(hello.age()),
            _ => now,
        }
    }

    /// Waits for a reply of this member; `None` when the driver loses the member meanwhile, because the reply would never
    /// come.
    pub async fn unless_lost<T>(&self, reply: impl Future<Output = T>) -> Option<T> {
        let mut servers = self.servers.clone();
        let lost = async {
            match &self.address {
                Some(address) => {
                    let lost = servers.wait_for(|servers| servers.have_lost(address));
                    // A closed client has no more events.
                    if lost.await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            reply = reply => Some(reply),
            () = lost => None,
        }
    }

    /// Whether both are the same server.
    pub fn is_same(&self, other: &Self) -> bool {
        let address = |member: &Self| member.hello.as_ref()?.address().map(str::to_owned);
        address(self) == address(other)
    }

    /// Whether both are used through the same client.
    pub fn has_same_client(&self, other: &Self) -> bool {
        self.servers.same_channel(&other.servers)
    }

    fn is_lost(&self) -> bool {
        let address = self.address.as_ref();
        address.is_some_and(|address| self.servers.borrow().have_lost(address))
    }
}

impl KnownServers {
    /// Records an event of the driver's server monitoring.
    pub fn record(known: &watch::Sender<Self>, event: &SdamEvent) {
        let SdamEvent::TopologyDescriptionChanged(event) = event else {
            return;
        };
        let topology = &event.new_description;
        let servers = topology.servers();
        let servers = match topology.topology_type() {
            TopologyType::ReplicaSetWithPrimary | TopologyType::ReplicaSetNoPrimary => {
                let answering = servers.iter().filter(|(_, server)| {
                    let kind = server.server_type();
                    matches!(kind, ServerType::RsPrimary | ServerType::RsSecondary)
                });
                Self::ReplicaSet(answering.map(|(address, _)| (*address).clone()).collect())
            }
            TopologyType::Sharded | TopologyType::LoadBalanced => Self::Routers,
            TopologyType::Single => Self::Single,
            _ => Self::Unknown,
        };
        known.send_if_modified(|before| {
            let is_new = *before != servers;
            *before = servers;
            is_new
        });
    }

    fn have_lost(&self, address: &ServerAddress) -> bool {
        match self {
            Self::ReplicaSet(answering) => !answering.contains(address),
            Self::Unknown | Self::Single | Self::Routers => true,
        }
    }
}

/// Prefers the newest data of a set, but accepts a secondary while there is no primary.
fn newest() -> SelectionCriteria {
    ReadPreference::PrimaryPreferred { options: None }.into()
}
