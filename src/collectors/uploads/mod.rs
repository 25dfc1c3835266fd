//! Uploaded files, from `rocketchat_uploads`.

pub mod live;
pub mod query;

use crate::catalogue::FieldOrigin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Privilege, Quantity, Read, SectionDefinition, Tier, Value,
    Versions, count, count_field,
};

/// Records of uploaded files, wherever the files are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Uploads {
    /// Documents of `rocketchat_uploads`.
    pub files: u64,
    /// Sum of the finite `size`s.
    pub bytes: f64,
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "uploads",
    tier: Tier::Slow,
    rank: 4,
    privileges: &[Privilege::find("rocketchat_uploads")],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Uploads> = SectionDefinition {
    title: "Uploads",
    metrics: &[
        Metric {
            name: "rocketchat_uploads",
            help: "Uploaded files, including thumbnails and hidden or incomplete files, without avatars.",
            source: "rocketchat_uploads",
            quantity: Quantity::Count,
            read: Read::One(|uploads| count(uploads.files)),
        },
        Metric {
            name: "rocketchat_uploads_size_bytes",
            help: "Total recorded size of all uploaded files, whether stored in GridFS, on disk or in an object store.",
            source: "rocketchat_uploads: sum of size",
            quantity: Quantity::Bytes,
            read: Read::One(|uploads| Some(uploads.bytes)),
        },
    ],
    fields: &[
        Field {
            path: "uploadsTotal",
            versions: Versions::since(0, 74, 0),
            meaning: "records of uploaded files",
            origin: Fresh(|uploads| count_field(uploads.files)),
        },
        Field {
            path: "uploadsTotalSize",
            versions: Versions::since(0, 74, 0),
            meaning: "total size of uploaded files in bytes",
            origin: Fresh(|uploads| Some(Value::Number(uploads.bytes))),
        },
    ],
};
