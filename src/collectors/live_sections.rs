//! The collectors that live mode keeps current.

use std::collections::BTreeSet;

use super::collector::Collector;
use super::live_definition::{LiveDefinition, LiveSection};
use super::sections::SECTIONS;
use super::snapshot::{Reading, Snapshot};
use super::{
    connections, instances, presence, room_features, rooms, uploads, user_features, users,
};
use crate::catalogue::{FailureKind, FieldRow};
use crate::change_streams::{FollowedCollections, TrackedDocuments, merge};

/// Every collector with a `live.rs`.
static LIVE_DEFINITIONS: [LiveDefinition; 8] = [
    connections::live::LIVE,
    instances::live::LIVE,
    presence::live::LIVE,
    room_features::live::LIVE,
    rooms::live::LIVE,
    uploads::live::LIVE,
    user_features::live::LIVE,
    users::live::LIVE,
];

fn definition(collector: Collector) -> Option<&'static LiveDefinition> {
    LIVE_DEFINITIONS
        .iter()
        .find(|definition| definition.collector == collector)
}

/// The collectors among these whose sections can be followed.
pub fn followable(collectors: &BTreeSet<Collector>) -> BTreeSet<Collector> {
    let can_be_followed = |definition: &&LiveDefinition| {
        matches!(definition.section, LiveSection::Followed(_))
            && collectors.contains(&definition.collector)
            && definition
                .needs
                .is_none_or(|needed| collectors.contains(&needed))
    };
    let followable = LIVE_DEFINITIONS.iter().filter(can_be_followed);
    followable.map(|definition| definition.collector).collect()
}

/// Whether a collector is read again when what it reads has changed.
pub fn is_read_on_change(collector: Collector) -> bool {
    definition(collector)
        .is_some_and(|definition| matches!(definition.section, LiveSection::ReadOnChange))
}

/// What has to be followed of the database to keep these collectors current.
pub fn followed_collections(collectors: &BTreeSet<Collector>) -> FollowedCollections {
    let followable = followable(collectors);
    let is_needed = |definition: &&LiveDefinition| match definition.section {
        LiveSection::Followed(_) => followable.contains(&definition.collector),
        LiveSection::ReadOnChange => collectors.contains(&definition.collector),
    };
    let needed = LIVE_DEFINITIONS.iter().filter(is_needed);
    merge(needed.flat_map(|definition| definition.follows))
}

/// The section of a collector as it is followed, or why it fails; `None` where it has to be read.
pub fn section(
    collector: Collector,
    documents: &TrackedDocuments,
    known: &Snapshot,
) -> Option<Result<Reading, FailureKind>> {
    match definition(collector)?.section {
        LiveSection::Followed(section) => section(documents, known),
        LiveSection::ReadOnChange => None,
    }
}

/// What is shown of a collector that can be followed.
#[derive(Debug)]
pub struct FollowedRows {
    /// The collector's name.
    pub collector: &'static str,
    /// The names of its metrics.
    pub metrics: Vec<&'static str>,
    /// Its fields in the statistics document.
    pub fields: Vec<FieldRow>,
}

/// What is shown of all collectors that can be followed: tests compare it with what is read.
pub fn followed_rows() -> Vec<FollowedRows> {
    let followable = followable(&Collector::ALL.into());
    let sections = SECTIONS.iter();
    let followed = sections.filter(|section| followable.contains(&section.collector()));
    let rows = followed.map(|section| FollowedRows {
        collector: section.collector().name(),
        metrics: section.metrics().iter().map(|row| row.name).collect(),
        fields: section.fields(),
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_live_file_is_listed() {
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/collectors");
        let folders = fs::read_dir(folders).expect("the folder can be listed");
        let live = folders.filter(|folder| {
            let folder = folder.as_ref().expect("the folder can be listed");
            folder.path().join("live.rs").is_file()
        });
        assert_eq!(live.count(), LIVE_DEFINITIONS.len());
    }

    #[test]
    fn fields_of_a_collection_share_neither_bits_nor_names() {
        let collections = followed_collections(&Collector::ALL.into());
        for collection in collections.values() {
            let mut used = 0;
            let mut paths = BTreeMap::new();
            for field in &collection.fields {
                let (name, mask) = (field.name, field.bits.mask());
                assert_eq!(used & mask, 0, "{}: {name}", collection.name);
                used |= mask;
                let path = *paths.entry(name).or_insert(field.path);
                assert_eq!(path, field.path, "{}: {name}", collection.name);
            }
        }
    }
}
