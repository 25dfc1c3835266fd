//! What is said of a collector besides what it reads.

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

/// A collector: its name, and when it is read.
#[derive(Debug)]
pub struct CollectorDefinition {
    /// The value of the label `collector`, and the name in its switches.
    pub name: &'static str,
    /// How often it is read.
    pub tier: Tier,
    /// Its place among those of its tier, which are read one after the other: cheap ones first.
    pub rank: u8,
    /// Whether what it reads depends on the modules that are licensed.
    pub needs_grants: bool,
    /// Whether others of its tier are read by what it says: the version, the workspace's address, the stored document.
    pub tells_version: bool,
}
