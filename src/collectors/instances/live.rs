//! Instances in live mode: they are read again as soon as one comes, goes or changes.

use crate::change_streams::Tracking;
use crate::collectors::Collector;
use crate::collectors::live_definition::{LiveDefinition, LiveSection};

pub const LIVE: LiveDefinition = LiveDefinition {
    collector: Collector::Instances,
    // A heartbeat changes neither.
    follows: &[("instances", Tracking::Changes(&["pid", "extraInformation"]))],
    needs: None,
    section: LiveSection::ReadOnChange,
};
