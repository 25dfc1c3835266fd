//! The newest document of `rocketchat_statistics`: the base of the JSON document, and its age.

pub mod query;

use std::sync::Arc;

use crate::catalogue::{
    CollectorDefinition, CompactDocument, Field, FieldOrigin, Metric, Privilege, Quantity, Read,
    SectionDefinition, Tier, Timestamp, Value, Versions, instant,
};

/// The newest stored document, without hidden fields.
#[derive(Debug, Clone, Default)]
pub struct StoredDocument {
    /// Its version.
    pub version: Option<String>,
    /// Its `createdAt`.
    pub created_at: Option<Timestamp>,
    /// Its content; `None` if Rocket.Chat never stored one.
    pub document: Option<Arc<dyn CompactDocument>>,
    /// `createdAt` of the newest document of the last 30 days with a `statsToken`, which Rocket.Chat's cloud accepted.
    pub reported_at: Option<Timestamp>,
    /// Greatest `dailyPeakConnections` of the last 30 days (6.5 and later).
    pub peak_connections: Option<f64>,
}

const fn stored(
    path: &'static str,
    versions: Versions,
    meaning: &'static str,
) -> Field<StoredDocument> {
    Field {
        path,
        versions,
        meaning,
        origin: FieldOrigin::Stored,
    }
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "stored",
    tier: Tier::Normal,
    // Before the workspace, whose label `version` depends on it.
    rank: 0,
    is_prerequisite: true,
    privileges: &[
        Privilege::find("rocketchat_statistics"),
        Privilege::list_indexes("rocketchat_statistics"),
    ],
    minimal_metrics: &["rocketchat_statistics_document_timestamp_seconds"],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<StoredDocument> = SectionDefinition {
    title: "Stored statistics",
    metrics: &[
        Metric {
            name: "rocketchat_peak_connections",
            help: "Highest number of concurrent connections in Rocket.Chat's own statistics of the last 30 days (6.5 and later).",
            source: "rocketchat_statistics: greatest dailyPeakConnections",
            quantity: Quantity::Count,
            read: Read::One(|stored| stored.peak_connections),
        },
        Metric {
            name: "rocketchat_usage_report_timestamp_seconds",
            help: "Time of the newest usage report accepted by Rocket.Chat's cloud. An unlicensed workspace becomes read-only ten days after it (7.0 and later). Absent when there was none within 30 days.",
            source: "rocketchat_statistics: createdAt of the newest document with a statsToken",
            quantity: Quantity::Instant,
            read: Read::One(|stored| instant(stored.reported_at)),
        },
        Metric {
            name: "rocketchat_statistics_document_timestamp_seconds",
            help: "Time when Rocket.Chat last stored its own statistics; daily since 5.0.",
            source: "rocketchat_statistics, newest createdAt",
            quantity: Quantity::Instant,
            read: Read::One(|stored| instant(stored.created_at)),
        },
    ],
    fields: &[
        Field {
            path: "maxMonthlyPeakConnections",
            versions: Versions::since(6, 5, 0),
            meaning: "greatest dailyPeakConnections of the stored documents of the last 30 days",
            origin: FieldOrigin::Fresh(|stored| stored.peak_connections.map(Value::Number)),
        },
        stored(
            "dailyPeakConnections",
            Versions::since(6, 5, 0),
            "peak connections since the previous document",
        ),
        stored(
            "msEnabled",
            Versions::since(5, 2, 0),
            "whether Rocket.Chat runs as microservices (TRANSPORTER)",
        ),
        stored(
            "allowUnsafeQueryAndFieldsApiParamsEnabled",
            Versions::since(8, 0, 0),
            "whether the API accepts query and fields (ALLOW_UNSAFE_QUERY_AND_FIELDS_API_PARAMS); whether 9.0, which accepts neither, still stores it is not known",
        ),
        stored(
            "fips",
            Versions::since(8, 7, 0),
            "whether the cryptography of Rocket.Chat's Node.js is in FIPS mode",
        ),
        stored(
            "teams.teamStats",
            Versions::since(3, 13, 0).until(4, 6, 0),
            "rooms, messages and members of each team",
        ),
        stored(
            "maxRoomUsers",
            Versions::since(0, 8, 0).until(0, 43, 0),
            "users of the largest room",
        ),
        stored(
            "avgChannelUsers",
            Versions::since(0, 8, 0).until(0, 43, 0),
            "average users of a channel",
        ),
        stored(
            "avgPrivateGroupUsers",
            Versions::since(0, 8, 0).until(0, 43, 0),
            "average users of a private group",
        ),
        stored(
            "_id",
            Versions::since(0, 8, 0),
            "ID of the newest stored document; a refresh by the exporter stores none",
        ),
        Field {
            path: "statsToken",
            versions: Versions::since(6, 5, 0),
            meaning: "token for Rocket.Chat's cloud",
            origin: FieldOrigin::Withheld,
        },
        stored(
            "createdAt",
            Versions::since(0, 8, 0),
            "time of the exporter's newest reading",
        ),
        stored(
            "_updatedAt",
            Versions::since(0, 8, 0),
            "the same time as createdAt",
        ),
        stored(
            "version",
            Versions::since(0, 8, 0),
            "version that stored the newest document, unless another one is configured, Rocket.Chat reports another one, or the database has later migrations",
        ),
        stored("tag", Versions::since(0, 8, 0), "git tag of the build"),
        stored(
            "branch",
            Versions::since(0, 8, 0),
            "git branch of the build",
        ),
        stored(
            "deploy.method",
            Versions::since(0, 55, 0),
            "how Rocket.Chat was deployed (DEPLOY_METHOD)",
        ),
        stored(
            "deploy.platform",
            Versions::since(0, 55, 0),
            "where Rocket.Chat was deployed (DEPLOY_PLATFORM)",
        ),
        stored(
            "enterpriseReady",
            Versions::since(3, 1, 0),
            "whether the build contains the enterprise code: always true",
        ),
    ],
};
