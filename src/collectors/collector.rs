//! The collectors by name, and their definitions.

use crate::catalogue::{CollectorDefinition, FieldRow, Privilege, Tier, Version, WatchedIndexes};

macro_rules! collector {
    ($($module:ident::$section:ident,)*) => {
        /// A collector; it reads one section.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Collector {$(
            $section,
        )*}

        /// The number of collectors.
        pub const COLLECTORS: usize = [$(stringify!($section)),*].len();

        impl Collector {
            /// Every collector, by tier and in reading order.
            pub const ALL: [Self; COLLECTORS] = in_reading_order([$(Self::$section),*]);

            const fn definition(self) -> &'static CollectorDefinition {
                match self {$(
                    Self::$section => &super::$module::COLLECTOR,
                )*}
            }

            /// Rows of its fields in the statistics document.
            pub fn fields(self) -> Vec<FieldRow> {
                match self {$(
                    Self::$section => super::$module::SECTION.field_rows(),
                )*}
            }
        }
    };
}

every_collector!(collector);

const fn in_reading_order(mut collectors: [Collector; COLLECTORS]) -> [Collector; COLLECTORS] {
    const fn place(collector: Collector) -> u16 {
        let definition = collector.definition();
        definition.tier as u16 * 256 + definition.rank as u16
    }
    let mut sorted = 1;
    while sorted < COLLECTORS {
        let mut index = sorted;
        while index > 0 && place(collectors[index]) < place(collectors[index - 1]) {
            (collectors[index], collectors[index - 1]) = (collectors[index - 1], collectors[index]);
            index -= 1;
        }
        sorted += 1;
    }
    collectors
}

impl Collector {
    /// The value of the label `collector`.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// The collector with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|collector| collector.name() == name)
    }

    /// How often it is read.
    pub fn tier(self) -> Tier {
        self.definition().tier
    }

    /// Whether other collectors of its tier depend on it: on the version, the address or the stored document.
    pub fn is_prerequisite(self) -> bool {
        self.definition().is_prerequisite
    }

    /// Whether its queries depend on the licensed modules.
    pub fn depends_on_license(self) -> bool {
        self.definition().depends_on_license
    }

    /// The indexes whose entries change with what it reads.
    pub fn watched(self) -> Option<WatchedIndexes> {
        self.definition().watched
    }

    /// The privileges it needs on MongoDB.
    pub fn privileges(self) -> &'static [Privilege] {
        self.definition().privileges
    }

    /// Its metrics in the profile `minimal`; none if the profile leaves it out.
    pub fn minimal_metrics(self) -> &'static [&'static str] {
        self.definition().minimal_metrics
    }

    /// Whether it reads the database; the others read the host, and Rocket.Chat itself.
    pub fn reads_database(self) -> bool {
        !matches!(self, Self::Host | Self::Probe)
    }

    /// Whether the statistics document of a version has a field of it; of any version, if it is unknown.
    pub fn is_for_document(self, version: Option<Version>) -> bool {
        let mut fields = self.fields().into_iter();
        fields.any(|row| version.is_none_or(|version| row.versions.contains(version)))
    }
}

/// What a requested refresh reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshScope {
    /// The collectors of the statistics document.
    Document,
    /// Every collector.
    Everything,
}

impl RefreshScope {
    /// Whether it includes a collector, in a workspace of this version.
    pub fn contains(self, collector: Collector, version: Option<Version>) -> bool {
        self == Self::Everything || collector.is_for_document(version)
    }
}
