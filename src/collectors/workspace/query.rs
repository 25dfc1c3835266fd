//! The workspace: settings by their ids, and the control document of `migrations`.

use std::collections::HashMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use mongodb::bson::{Bson, Document, doc};

use super::{Migration, Workspace};
use crate::catalogue::{Timestamp, release_line};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError, bson};

/// Maximum size of the control document in bytes; only the known fields of a larger one are fetched.
const MAX_CONTROL_BYTES: i32 = 16_384;

pub async fn read(
    query: &mut QueryContext<'_>,
    known: &Snapshot,
) -> Result<Workspace, SourceError> {
    let ids = ["uniqueID", "Site_Url"];
    let settings: HashMap<String, Document> = query
        .find(
            "rocketchat_settings",
            doc! { "_id": { "$in": ids.as_slice() } },
            doc! {
                "value": bson::bounded("$value"),
                "createdAt": bson::bounded("$createdAt"),
                "isLong": bson::is_any_long(&["$value"]),
            },
        )
        .await?
        .into_iter()
        .filter_map(|setting| Some((bson::text(setting.get("_id"))?, setting)))
        .collect();
    let is_long = |setting: &&Document| setting.get_bool("isLong").unwrap_or(false);
    let long = settings.values().filter(is_long).count() as u64;
    query.left_out("long_values", long);
    let setting = |id: &str| bson::value(settings.get(id)?.get("value")?);
    let created = settings
        .get("uniqueID")
        .and_then(|setting| setting.get("createdAt"));
    let migration = migration(query).await?;
    let number = migration.as_ref().and_then(|migration| migration.version);
    let version = known.version_with_migration(number);
    Ok(Workspace {
        deployment_id: setting("uniqueID"),
        installed_at: created.and_then(bson::value),
        installed: created.and_then(instant),
        site_url: setting("Site_Url"),
        end_of_support: version
            .as_ref()
            .and_then(|version| end_of_support(&version.name)),
        version,
        migration,
    })
}

async fn migration(query: &QueryContext<'_>) -> Result<Option<Migration>, SourceError> {
    let is_short = doc! { "$lte": [{ "$bsonSize": "$$ROOT" }, MAX_CONTROL_BYTES] };
    let known = doc! {
        "_id": "$_id",
        "version": bson::if_number("$version"),
        "locked": { "$eq": ["$locked", true] },
        "lockedAt": bson::bounded("$lockedAt"),
    };
    let pipeline = vec![
        doc! { "$match": { "_id": "control" } },
        doc! { "$replaceWith": { "$cond": [is_short, "$$ROOT", known] } },
    ];
    let control = query.aggregate("migrations", pipeline, None).await?;
    Ok(control.into_iter().next().map(|control| Migration {
        version: bson::count(control.get("version")),
        locked: control.get("locked") == Some(&Bson::Boolean(true)),
        locked_at: bson::timestamp(control.get("lockedAt")),
        document: bson::object(&control),
    }))
}

/// A time from a date, or from the ISO string that newer versions store.
fn instant(value: &Bson) -> Option<Timestamp> {
    bson::timestamp(Some(value)).or_else(|| {
        let text = bson::text(Some(value))?;
        let parsed: jiff::Timestamp = text.parse().ok()?;
        Some(Timestamp(parsed.as_millisecond()))
    })
}

/// The beginning of the day on which the support of a version's line ends.
fn end_of_support(version: &str) -> Option<Timestamp> {
    let end = release_line(version.parse().ok()?)?.end_of_support?;
    let day: Date = end.day.parse().ok()?;
    let begins = day.to_zoned(TimeZone::UTC).ok()?;
    Some(Timestamp(begins.timestamp().as_millisecond()))
}
