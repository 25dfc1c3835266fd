//! Uploads in live mode: files and their sizes.

use super::Uploads;
use crate::change_streams::{Bits, Extract, FollowedField, Tracking};
use crate::collectors::live_definition::{LiveDefinition, LiveSection};
use crate::collectors::{Collector, Reading};

pub const LIVE: LiveDefinition = LiveDefinition {
    collector: Collector::Uploads,
    follows: &[("rocketchat_uploads", Tracking::Fields(FIELDS))],
    needs: None,
    section: LiveSection::Followed(|documents, _| {
        let uploads = documents.collection("rocketchat_uploads")?;
        Some(Ok(Reading::Uploads(Uploads {
            files: uploads.len() as u64,
            bytes: uploads.sum(|_| true),
        })))
    }),
};

const FIELDS: &[FollowedField] = &[FollowedField::new("size", Bits::amount(), Extract::Amount)];
