//! The newest statistics document that Rocket.Chat stored: the base of the JSON document, and how old it is.

pub mod query;

use crate::catalogue::{
    CollectorDefinition, Field, Metric, Origin, PackedValue, Quantity, Read, Table, Tier,
    Timestamp, Value, Versions, instant,
};

/// The newest document of `rocketchat_statistics`, without secrets and personal data.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// When it was written; `None` when there is none.
    pub created_at: Option<Timestamp>,
    /// Its content; `None` when Rocket.Chat never stored one.
    pub document: Option<PackedValue>,
    /// When the newest of the last 30 days was written that Rocket.Chat's cloud accepted.
    pub reported_at: Option<Timestamp>,
    /// The most connections that a document of the last 30 days tells of (6.5 and later).
    pub peak_connections: Option<f64>,
}

impl Stored {
    /// The version that wrote it.
    pub fn version(&self) -> Option<&str> {
        self.document.as_ref()?.text_at(&["version"])
    }
}

const fn stored(path: &'static str, versions: Versions, meaning: &'static str) -> Field<Stored> {
    Field {
        path,
        versions,
        meaning,
        origin: Origin::Stored,
    }
}

/// The newest document that Rocket.Chat stored.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "stored",
    tier: Tier::Normal,
    // Before the workspace, which is labelled with the version that the stored document names.
    rank: 0,
    needs_grants: false,
    tells_version: true,
};

pub const SECTION: Table<Stored> = Table {
    title: "Stored statistics",
    metrics: &[
        Metric {
            name: "rocketchat_peak_connections",
            help: "Most connections at a time that Rocket.Chat's own statistics of the last 30 days tell of (6.5 and later).",
            source: "rocketchat_statistics: greatest dailyPeakConnections",
            quantity: Quantity::Count,
            read: Read::One(|stored| stored.peak_connections),
        },
        Metric {
            name: "rocketchat_usage_report_timestamp_seconds",
            help: "When the newest usage report was made that Rocket.Chat's cloud accepted; without a license the workspace becomes read-only when that is ten days ago (7.0 and later). Absent when there was none within 30 days.",
            source: "rocketchat_statistics: createdAt of the newest document with a statsToken",
            quantity: Quantity::Instant,
            read: Read::One(|stored| instant(stored.reported_at)),
        },
        Metric {
            name: "rocketchat_statistics_document_timestamp_seconds",
            help: "When Rocket.Chat last stored its own statistics; once a day since 5.0.",
            source: "rocketchat_statistics, newest createdAt",
            quantity: Quantity::Instant,
            read: Read::One(|stored| instant(stored.created_at)),
        },
    ],
    fields: &[
        Field {
            path: "maxMonthlyPeakConnections",
            versions: Versions::since(6, 5, 0),
            meaning: "the greatest dailyPeakConnections of the documents of the last 30 days",
            origin: Origin::Fresh(|stored| stored.peak_connections.map(Value::Number)),
        },
        stored(
            "dailyPeakConnections",
            Versions::since(6, 5, 0),
            "most connections since the document before",
        ),
        stored(
            "msEnabled",
            Versions::since(5, 2, 0),
            "whether Rocket.Chat runs as micro-services (TRANSPORTER)",
        ),
        stored(
            "allowUnsafeQueryAndFieldsApiParamsEnabled",
            Versions::since(8, 0, 0),
            "whether the API takes query and fields (ALLOW_UNSAFE_QUERY_AND_FIELDS_API_PARAMS)",
        ),
        stored(
            "teams.teamStats",
            Versions::since(3, 13, 0).until(4, 6, 0),
            "rooms, messages and members of each team",
        ),
        stored(
            "maxRoomUsers",
            Versions::since(0, 8, 0).until(0, 43, 0),
            "users of the room that has the most",
        ),
        stored(
            "avgChannelUsers",
            Versions::since(0, 8, 0).until(0, 43, 0),
            "users of a channel on average",
        ),
        stored(
            "avgPrivateGroupUsers",
            Versions::since(0, 8, 0).until(0, 43, 0),
            "users of a private group on average",
        ),
        stored(
            "_id",
            Versions::since(0, 8, 0),
            "id of the newest stored document; a refresh by the exporter stores none",
        ),
        Field {
            path: "statsToken",
            versions: Versions::since(6, 5, 0),
            meaning: "token for Rocket.Chat's cloud",
            origin: Origin::Withheld,
        },
        stored(
            "createdAt",
            Versions::since(0, 8, 0),
            "when the document was made: the time of the exporter's newest reading",
        ),
        stored(
            "_updatedAt",
            Versions::since(0, 8, 0),
            "the same instant as createdAt",
        ),
        stored(
            "version",
            Versions::since(0, 8, 0),
            "version of Rocket.Chat that stored the newest document; the configured one, or the first that has the database's migrations, where these say otherwise",
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
