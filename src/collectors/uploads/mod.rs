//! Uploaded files.

pub mod query;

use crate::catalogue::Origin::Fresh;
use crate::catalogue::{
    CollectorDefinition, Field, Metric, Quantity, Read, Table, Tier, Value, Versions, count,
};

/// Files by their records in `rocketchat_uploads`, wherever their bytes lie.
#[derive(Debug, Clone, PartialEq)]
pub struct Uploads {
    /// Records.
    pub files: u64,
    /// Sum of `size`, of those that are finite numbers.
    pub bytes: f64,
}

/// Files and their size.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "uploads",
    tier: Tier::Slow,
    rank: 4,
    needs_grants: false,
    tells_version: false,
};

pub const SECTION: Table<Uploads> = Table {
    title: "Uploads",
    metrics: &[
        Metric {
            name: "rocketchat_uploads",
            help: "Uploaded files, with thumbnails and hidden or incomplete ones, without avatars.",
            source: "rocketchat_uploads",
            quantity: Quantity::Count,
            read: Read::One(|uploads| count(uploads.files)),
        },
        Metric {
            name: "rocketchat_uploads_size_bytes",
            help: "Size of all uploaded files by their records; the bytes may lie in GridFS, on disk or in an object store.",
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
            origin: Fresh(|uploads| Some(Value::count(uploads.files))),
        },
        Field {
            path: "uploadsTotalSize",
            versions: Versions::since(0, 74, 0),
            meaning: "sum of their sizes in bytes",
            origin: Fresh(|uploads| Some(Value::Number(uploads.bytes))),
        },
    ],
};
