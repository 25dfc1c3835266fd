//! The collectors: what each asks for, how often it is read, and when somebody needs it.

use super::SECTIONS;
use crate::catalogue::Version;

/// How often a section is read; each tier's interval is a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// What moves within seconds and costs next to nothing: presence, instances, the host.
    Fast,
    /// What moves within minutes: users, rooms, messages, settings.
    Normal,
    /// Full scans: sizes of uploads, session history.
    Slow,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Normal, Self::Slow];

    /// The word used in the reference.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Normal => "normal",
            Self::Slow => "slow",
        }
    }
}

/// One part of the collection: it asks for one section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Collector {
    /// Live application instances.
    Instances,
    /// Who is online.
    Presence,
    /// The machine and the processes on it.
    Host,
    /// Identity, settings and migration level.
    Workspace,
    /// The license in the settings.
    License,
    /// Settings that the document shows.
    Settings,
    /// The MongoDB server itself.
    Server,
    /// The newest document that Rocket.Chat stored.
    Stored,
    /// Latest login, message and reading.
    Activity,
    /// Messages and threads.
    Messages,
    /// Agents and visitors.
    Omnichannel,
    /// Federated servers.
    Federation,
    /// Pinned, starred and encrypted messages.
    Marks,
    /// People with live connections.
    Connections,
    /// Omnichannel contacts.
    Contacts,
    /// Video conferences and voice calls.
    Calls,
    /// Teams, roles, invitations.
    Administration,
    /// Webhooks.
    Integrations,
    /// Installed apps.
    Apps,
    /// Notifications that wait to be sent.
    Push,
    /// Accounts by kind and state.
    Users,
    /// Rooms and their message counters.
    Rooms,
    /// Features that some rooms have.
    RoomFeatures,
    /// Login services, second factors, languages.
    UserFeatures,
    /// Files and their size.
    Uploads,
    /// Unique users, devices and systems of past days.
    Sessions,
    /// Background jobs.
    Jobs,
    /// Sizes of collections.
    Collections,
    /// Accounts that should be looked at.
    Hygiene,
}

/// How many collectors there are.
pub const COLLECTORS: usize = Collector::ALL.len();

impl Collector {
    /// Every collector, in the order in which a tier reads its own: cheap ones first.
    pub const ALL: [Self; 29] = [
        Self::Instances,
        Self::Presence,
        Self::Host,
        // Before the workspace, which is labelled with the version that the stored document names.
        Self::Stored,
        Self::Workspace,
        Self::Settings,
        Self::Server,
        Self::Activity,
        Self::Connections,
        Self::Messages,
        Self::Omnichannel,
        Self::Calls,
        Self::Federation,
        Self::Administration,
        Self::Integrations,
        Self::Apps,
        Self::Push,
        Self::Jobs,
        Self::Users,
        Self::Rooms,
        // After those that count what it limits.
        Self::License,
        Self::Marks,
        Self::Collections,
        Self::Contacts,
        Self::Uploads,
        Self::RoomFeatures,
        Self::UserFeatures,
        Self::Hygiene,
        Self::Sessions,
    ];

    /// The value of the label `collector`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::Presence => "presence",
            Self::Host => "host",
            Self::Workspace => "workspace",
            Self::License => "license",
            Self::Settings => "settings",
            Self::Server => "server",
            Self::Stored => "stored",
            Self::Activity => "activity",
            Self::Messages => "messages",
            Self::Omnichannel => "omnichannel",
            Self::Federation => "federation",
            Self::Marks => "marks",
            Self::Connections => "connections",
            Self::Contacts => "contacts",
            Self::Calls => "calls",
            Self::Administration => "administration",
            Self::Integrations => "integrations",
            Self::Apps => "apps",
            Self::Push => "push",
            Self::Users => "users",
            Self::Rooms => "rooms",
            Self::RoomFeatures => "room_features",
            Self::UserFeatures => "user_features",
            Self::Uploads => "uploads",
            Self::Sessions => "sessions",
            Self::Collections => "collections",
            Self::Hygiene => "hygiene",
            Self::Jobs => "jobs",
        }
    }

    /// The collector of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|collector| collector.name() == name)
    }

    /// How often it is read.
    pub fn tier(self) -> Tier {
        match self {
            Self::Instances | Self::Presence | Self::Host => Tier::Fast,
            Self::Workspace
            | Self::License
            | Self::Settings
            | Self::Server
            | Self::Stored
            | Self::Activity
            | Self::Connections
            | Self::Messages
            | Self::Omnichannel
            | Self::Federation
            | Self::Administration
            | Self::Integrations
            | Self::Apps
            | Self::Push
            | Self::Users
            | Self::Jobs
            | Self::Rooms => Tier::Normal,
            Self::Hygiene
            | Self::Collections
            | Self::Marks
            | Self::Contacts
            | Self::Calls
            | Self::RoomFeatures
            | Self::UserFeatures
            | Self::Uploads
            | Self::Sessions => Tier::Slow,
        }
    }

    /// Whether others of its tier are read by what it says: the version, the workspace's address, the stored document.
    pub fn is_built_on(self) -> bool {
        matches!(self, Self::Workspace | Self::Stored)
    }

    /// Whether it asks the database, and not the host.
    pub fn asks_database(self) -> bool {
        self != Self::Host
    }

    /// Whether the statistics document of a version has a field of it; where the version is not known, whether that of any
    /// version has.
    pub fn is_for_document(self, version: Option<Version>) -> bool {
        let own = SECTIONS.iter().filter(|it| it.collector() == self);
        let mut fields = own.flat_map(|section| section.fields());
        fields.any(|it| version.is_none_or(|version| it.versions.contains(version)))
    }
}

/// What is read once more when somebody asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What the statistics document needs.
    Document,
    /// Everything.
    Everything,
}

impl Extent {
    /// Whether it has this collector, where the workspace is of this version.
    pub fn contains(self, collector: Collector, version: Option<Version>) -> bool {
        self == Self::Everything || collector.is_for_document(version)
    }
}
