//! What a collector declares in its `live.rs`: what live mode follows for it, and how its section follows from that.

use super::collector::Collector;
use super::snapshot::{Reading, Snapshot};
use crate::catalogue::FailureKind;
use crate::change_streams::{TrackedDocuments, Tracking};

/// How live mode keeps a collector current.
#[derive(Debug)]
pub struct LiveDefinition {
    /// The collector.
    pub collector: Collector,
    /// Collections, and what is needed of each.
    pub follows: &'static [(&'static str, Tracking)],
    /// Another collector, without which it is not followed: what that reads is needed too.
    pub needs: Option<Collector>,
    /// Its section.
    pub section: LiveSection,
}

/// How a section is kept current.
#[derive(Debug)]
pub enum LiveSection {
    /// It follows from the tracked documents, and from what other collectors have read. `None`: it has to be read.
    Followed(fn(&TrackedDocuments, &Snapshot) -> Option<Result<Reading, FailureKind>>),
    /// It is read again after each change.
    ReadOnChange,
}
