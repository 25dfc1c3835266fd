//! Collections that grow without limit in real workspaces: a few documents of each.

use anyhow::Result;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};

use super::builder::{Builder, int};
use super::time::DAY;

/// Bytes in a chunk of a file; real chunks have 255 KiB.
const CHUNK: usize = 4096;

/// Generates one document.
type Make = fn(&mut Builder<'_>) -> Document;

pub(super) async fn fill(builder: &mut Builder<'_>) -> Result<()> {
    let files = builder.size.uploads;
    for (collection, count) in [
        ("rocketchat_uploads.chunks", files),
        ("rocketchat_avatars.chunks", files / 4),
        ("rocketchat_userDataFiles.chunks", files / 8),
    ] {
        let chunks = (0..count).map(|_| chunk(builder)).collect();
        builder.insert(collection, chunks).await?;
    }
    let kinds: [(&str, usize, Make); 6] = [
        ("rocketchat_avatars", files / 4, |builder| {
            doc! { "_id": builder.random.id(), "name": "avatar.png", "size": 9_000, "type": "image/png", "complete": true,
            "store": "GridFS:Avatars", "uploadedAt": builder.within(300 * DAY) }
        }),
        ("rocketchat_oembed_cache", files, |builder| {
            doc! { "_id": format!("https://example.com/{}", builder.random.text(20)),
            "data": { "meta": { "pageTitle": "A page" } }, "updatedAt": builder.within(30 * DAY) }
        }),
        ("rocketchat__trash", files, |builder| {
            doc! { "_id": builder.random.id(), "__collection__": "message", "_deletedAt": builder.within(200 * DAY) }
        }),
        ("rocketchat_integration_history", files, |builder| {
            doc! { "_id": builder.random.id(), "type": "outgoing-webhook", "step": "after-process-sent",
            "event": "sendMessage", "finished": true, "_createdAt": builder.within(90 * DAY) }
        }),
        ("rocketchat_apps_logs", files, |builder| {
            doc! { "_id": builder.random.id(), "appId": builder.random.uuid(), "method": "app:construct", "entries": [],
            "_createdAt": builder.within(30 * DAY) }
        }),
        ("rocketchat_read_receipts", 4 * files, |builder| {
            doc! { "_id": builder.random.id(), "roomId": "GENERAL", "userId": builder.random.id(),
            "messageId": builder.random.id(), "ts": builder.within(90 * DAY) }
        }),
    ];
    for (collection, count, make) in kinds {
        let documents = (0..count).map(|_| make(builder)).collect();
        builder.insert(collection, documents).await?;
    }
    Ok(())
}

/// A chunk of a file in GridFS.
fn chunk(builder: &mut Builder<'_>) -> Document {
    let bytes = builder.random.text(CHUNK).into_bytes();
    let data = Binary {
        subtype: BinarySubtype::Generic,
        bytes,
    };
    doc! { "_id": builder.random.object_id(), "files_id": builder.random.id(), "n": int(0), "data": Bson::Binary(data) }
}
