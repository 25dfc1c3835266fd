//! What a collector declares besides its metrics and document fields.

use super::privilege::Privilege;

/// How often a section is read; each tier's interval is a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Changes within seconds and costs next to nothing: presence, instances, the host.
    Fast,
    /// Changes within minutes: users, rooms, messages, settings.
    Normal,
    /// Full scans: sizes of uploads, session history.
    Slow,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Normal, Self::Slow];

    /// The name in the reference and in flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Normal => "normal",
            Self::Slow => "slow",
        }
    }
}

/// A collector: its name, when it is read, and the privileges that reading it needs.
#[derive(Debug)]
pub struct CollectorDefinition {
    /// The value of the label `collector`, and the name in its switches.
    pub name: &'static str,
    /// How often it is read.
    pub tier: Tier,
    /// Its order in its tier, whose collectors are read one after the other: cheap ones first.
    pub rank: u8,
    /// Whether its queries depend on the licensed modules.
    pub depends_on_license: bool,
    /// Whether other collectors of its tier depend on it: on the version, the address or the stored document.
    pub is_prerequisite: bool,
    /// The privileges it needs on MongoDB; `role` and `check` are derived from them.
    pub privileges: &'static [Privilege],
    /// Its metrics in the profile `minimal`, which leaves out a collector that has none.
    pub minimal_metrics: &'static [&'static str],
    /// The indexes whose entries change with what it reads; a refresh leaves it out while none of them does.
    pub watched: Option<WatchedIndexes>,
}

/// Indexes of a collection.
#[derive(Debug, Clone, Copy)]
pub struct WatchedIndexes {
    /// The collection.
    pub collection: &'static str,
    /// A field of each index.
    pub keys: &'static [&'static str],
}

impl CollectorDefinition {
    /// A collector that neither needs a license nor is needed by others, without a name.
    pub const DEFAULT: Self = Self {
        name: "",
        tier: Tier::Normal,
        rank: 0,
        depends_on_license: false,
        is_prerequisite: false,
        privileges: &[],
        minimal_metrics: &[],
        watched: None,
    };
}
