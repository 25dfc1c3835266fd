//! Which member of a replica set is asked: the one that the operator's read preference chooses, and within one reading
//! that one alone, so that no statistic is made of the data of two.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mongodb::error::{Error, ErrorKind};
use mongodb::event::sdam::SdamEvent;
use mongodb::options::{ReadPreference, SelectionCriteria, ServerAddress};
use mongodb::{Database, ServerType, TopologyType};
use tokio::sync::{Mutex, watch};

use super::command;
use super::hello::Hello;
use crate::catalogue::{Replication, Timestamp};
use crate::clock::Clock;

/// For so long a member that was chosen is asked by further readings.
const CHOSEN_FOR: Duration = Duration::from_secs(5);

/// The servers that one client knows, and the read preference that chooses among them.
#[derive(Debug)]
pub struct Members {
    preference: ReadPreference,
    /// Whether the connection string leaves the preference to the exporter.
    is_default: bool,
    /// Whether the default preference turned to the primary, because a secondary lagged.
    secondary_lags: AtomicBool,
    servers: watch::Sender<Servers>,
    /// Locked while a server is asked, so that readings that begin at once ask once.
    chosen: Mutex<Option<Arc<Member>>>,
}

/// Servers as the driver sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Servers {
    /// None was seen yet.
    Unknown,
    /// Members of a replica set that answer.
    ReplicaSet(Vec<ServerAddress>),
    /// One server, which may be a member of a set.
    Single,
    /// Routers, among which the driver alone chooses.
    Routers,
}

/// A server that was chosen, and what it said of itself.
#[derive(Debug)]
pub struct Member {
    /// The workspace's database, all of whose commands go to this server.
    pub database: Database,
    /// What it said; `None` where there is no replica set.
    pub hello: Option<Hello>,
    /// Its address, where the commands are bound to that.
    address: Option<ServerAddress>,
    servers: watch::Receiver<Servers>,
    asked: Instant,
    asked_at: Timestamp,
}

impl Members {
    /// No servers yet. Without a preference of the operator's, secondaries are preferred while they do not lag.
    pub fn new(preference: Option<ReadPreference>) -> Self {
        Self {
            is_default: preference.is_none(),
            preference: preference.unwrap_or(ReadPreference::SecondaryPreferred { options: None }),
            secondary_lags: AtomicBool::new(false),
            servers: watch::Sender::new(Servers::Unknown),
            chosen: Mutex::default(),
        }
    }

    /// Notes what the driver tells of the servers.
    pub fn note(&self, event: &SdamEvent) {
        let SdamEvent::TopologyDescriptionChanged(event) = event else {
            return;
        };
        let topology = &event.new_description;
        let known = topology.servers();
        let servers = match topology.topology_type() {
            TopologyType::ReplicaSetWithPrimary | TopologyType::ReplicaSetNoPrimary => {
                let answering = known.iter().filter(|(_, server)| {
                    let kind = server.server_type();
                    matches!(kind, ServerType::RsPrimary | ServerType::RsSecondary)
                });
                Servers::ReplicaSet(answering.map(|(address, _)| (*address).clone()).collect())
            }
            TopologyType::Sharded | TopologyType::LoadBalanced => Servers::Routers,
            TopologyType::Single => Servers::Single,
            _ => Servers::Unknown,
        };
        self.servers.send_if_modified(|before| {
            let is_new = *before != servers;
            *before = servers;
            is_new
        });
    }

    /// Which servers may be asked now.
    pub fn preference(&self) -> SelectionCriteria {
        if self.secondary_lags.load(Ordering::Relaxed) {
            return newest();
        }
        self.preference.clone().into()
    }

    /// The member that the preference chooses, or did a moment ago. Where that is the default one, a member that lags is
    /// passed over for the primary.
    ///
    /// # Errors
    /// When no server answers that may be asked.
    pub async fn choose(
        &self,
        database: &Database,
        limit: Duration,
        clock: Clock,
    ) -> Result<Arc<Member>, Error> {
        let mut chosen = self.chosen.lock().await;
        if let Some(member) = &*chosen
            && member.asked.elapsed() < CHOSEN_FOR
            && !member.is_lost()
        {
            return Ok(Arc::clone(member));
        }
        *chosen = None;
        let member = self.ask(database, limit, clock).await?;
        *chosen = Some(Arc::clone(&member));
        Ok(member)
    }

    async fn ask(
        &self,
        database: &Database,
        limit: Duration,
        clock: Clock,
    ) -> Result<Arc<Member>, Error> {
        let preferred = self.preference.clone().into();
        let member = self.greet(database, preferred, limit, clock).await?;
        let lags = member.replication().is_some_and(|it| it.is_stale());
        self.secondary_lags
            .store(self.is_default && lags, Ordering::Relaxed);
        if self.is_default && lags {
            return self.greet(database, newest(), limit, clock).await;
        }
        Ok(member)
    }

    /// Greets a server that meets the criteria, and binds to it what follows.
    async fn greet(
        &self,
        database: &Database,
        criteria: SelectionCriteria,
        limit: Duration,
        clock: Clock,
    ) -> Result<Arc<Member>, Error> {
        let directed =
            |criteria| command::directed(database.client(), database.name(), Some(criteria));
        let (asked, asked_at) = (Instant::now(), clock.now());
        let preferred = directed(criteria);
        let comment = "rocketchat-exporter member";
        let hello = match Hello::ask(&preferred, limit, comment).await {
            Ok(hello) => Some(hello).filter(Hello::is_member),
            // Something that speaks MongoDB's language, and knows no replica sets.
            Err(error) if matches!(*error.kind, ErrorKind::Command(_)) => None,
            Err(error) => return Err(error),
        };
        let address = hello.as_ref().and_then(|hello| self.address(hello));
        Ok(Arc::new(Member {
            database: match address.clone() {
                Some(address) => directed(SelectionCriteria::Predicate(Arc::new(move |server| {
                    *server.address() == address
                }))),
                None => preferred,
            },
            hello,
            address,
            servers: self.servers.subscribe(),
            asked,
            asked_at,
        }))
    }

    /// The address to which commands can be bound. Where the primary is asked there is one at most, and the next one is
    /// as good; where there are routers, or one server, the driver sends no preference along with a bound command.
    fn address(&self, hello: &Hello) -> Option<ServerAddress> {
        let address = ServerAddress::parse(hello.address()?).ok()?;
        match &*self.servers.borrow() {
            Servers::ReplicaSet(answering) => {
                let is_bound = self.preference != ReadPreference::Primary;
                (is_bound && answering.contains(&address)).then_some(address)
            }
            Servers::Unknown | Servers::Single | Servers::Routers => None,
        }
    }
}

impl Member {
    /// Where it stood; `None` where there is no replica set.
    pub fn replication(&self) -> Option<Replication> {
        self.hello.as_ref()?.replication()
    }

    /// The moment that the data describe which it tells at `now`.
    pub fn data_at(&self, now: Timestamp) -> Timestamp {
        match &self.hello {
            Some(hello) if !hello.is_primary() => self.asked_at.before(hello.age()),
            _ => now,
        }
    }

    /// The answer to what is asked of this member; `None` where the driver lost it meanwhile, so that the answer would
    /// never come, or of another one.
    pub async fn unless_lost<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        let mut servers = self.servers.clone();
        let lost = async {
            match &self.address {
                Some(address) => {
                    let lost = servers.wait_for(|servers| servers.have_lost(address));
                    // A client that is gone tells nothing more.
                    if lost.await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = answer => Some(answer),
            () = lost => None,
        }
    }

    /// Whether another one is the same server.
    pub fn is_same(&self, other: &Self) -> bool {
        let address = |it: &Self| it.hello.as_ref()?.address().map(str::to_owned);
        address(self) == address(other)
    }

    fn is_lost(&self) -> bool {
        let address = self.address.as_ref();
        address.is_some_and(|address| self.servers.borrow().have_lost(address))
    }
}

impl Servers {
    fn have_lost(&self, address: &ServerAddress) -> bool {
        match self {
            Self::ReplicaSet(answering) => !answering.contains(address),
            Self::Unknown | Self::Single | Self::Routers => true,
        }
    }
}

/// The preference for the newest data of a set, and for some data where it has no primary.
fn newest() -> SelectionCriteria {
    ReadPreference::PrimaryPreferred { options: None }.into()
}
