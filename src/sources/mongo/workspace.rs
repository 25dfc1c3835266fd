//! The workspace: a few settings by their ids, and the control document of the migrations.

use std::collections::HashMap;

use mongodb::bson::{Bson, Document, doc};

use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::{Migration, Snapshot, Timestamp, Workspace, running_version};

pub async fn read(question: &Question<'_>, known: &Snapshot) -> Result<Workspace, SourceError> {
    let ids = ["uniqueID", "Site_Url"];
    let settings: HashMap<String, Document> = question
        .find(
            "rocketchat_settings",
            doc! { "_id": { "$in": ids.as_slice() } },
            doc! { "value": 1, "createdAt": 1 },
        )
        .await?
        .into_iter()
        .filter_map(|setting| Some((convert::text(setting.get("_id"))?, setting)))
        .collect();
    let setting = |id: &str| convert::value(settings.get(id)?.get("value")?);
    let created = settings.get("uniqueID").and_then(|it| it.get("createdAt"));
    let migration = migration(question).await?;
    Ok(Workspace {
        deployment_id: setting("uniqueID"),
        installed_at: created.and_then(convert::value),
        installed: created.and_then(instant),
        site_url: setting("Site_Url"),
        version: running_version(
            known.configured_version,
            known.stored.as_ref().and_then(|it| it.version()),
            migration.as_ref().and_then(|it| it.version),
        ),
        migration,
    })
}

async fn migration(question: &Question<'_>) -> Result<Option<Migration>, SourceError> {
    let control = question
        .find_one("migrations", doc! { "_id": "control" }, Document::new())
        .await?;
    Ok(control.map(|control| Migration {
        version: convert::count(control.get("version")),
        locked: control.get("locked") == Some(&Bson::Boolean(true)),
        locked_at: convert::timestamp(control.get("lockedAt")),
        document: convert::object(&control),
    }))
}

/// An instant from a date, or from the ISO text that newer versions store.
fn instant(value: &Bson) -> Option<Timestamp> {
    convert::timestamp(Some(value)).or_else(|| {
        let text = convert::text(Some(value))?;
        let parsed: jiff::Timestamp = text.parse().ok()?;
        Some(Timestamp(parsed.as_millisecond()))
    })
}
