//! `rocketchat_uploads`: the metadata of files, without their contents.

use anyhow::Result;
use mongodb::bson::{Document, doc};

use super::builder::Builder;
use super::rooms::Room;
use super::time::DAY;
use super::users::Person;

/// Media type, type group, file extension, and maximum size in KiB.
const KINDS: &[(&str, &str, &str, i64)] = &[
    ("image/png", "image", "png", 4_000),
    ("image/jpeg", "image", "jpg", 7_000),
    ("image/png", "image", "png", 900),
    ("application/pdf", "application", "pdf", 12_000),
    ("text/plain", "text", "txt", 60),
    ("video/mp4", "video", "mp4", 90_000),
    ("audio/mpeg", "audio", "mp3", 9_000),
];

pub(super) async fn fill(
    builder: &mut Builder<'_>,
    people: &[Person],
    rooms: &[Room],
) -> Result<()> {
    let rooms: Vec<&Room> = rooms
        .iter()
        .filter(|room| !room.members.is_empty() && room.kind != "v")
        .collect();
    let mut uploads = Vec::new();
    for number in 0..builder.size.uploads {
        let room = *builder.random.pick(&rooms);
        let user = &people[*builder.random.pick(&room.members)];
        let kind = builder.random.pick(KINDS);
        let id = builder.random.id();
        let name = format!("file-{number}.{}", kind.2);
        let size = builder.random.between(2_000, kind.3 * 1024);
        let mut upload = upload(builder, &id, &name, kind, size, &room.id, &user.id);
        if kind.1 == "image" {
            upload.insert(
                "identify",
                doc! { "format": kind.2, "size": { "width": 1280, "height": 800 } },
            );
            let thumb = builder.random.id();
            let thumbnail = (kind.0, "thumb", kind.2, 60);
            let size = builder.random.between(3_000, 60_000);
            let mut small = self::upload(
                builder,
                &thumb,
                &format!("thumb-{name}"),
                &thumbnail,
                size,
                &room.id,
                &user.id,
            );
            small.insert("originalFileId", &id);
            uploads.push(small);
        }
        if builder.random.percent(1) {
            // An interrupted upload has no size.
            upload.remove("size");
            upload.extend(doc! { "complete": false, "uploading": true, "progress": 0.4 });
        }
        uploads.push(upload);
    }
    builder.insert("rocketchat_uploads", uploads).await
}

fn upload(
    builder: &mut Builder<'_>,
    id: &str,
    name: &str,
    kind: &(&str, &str, &str, i64),
    size: i64,
    room: &str,
    user: &str,
) -> Document {
    let uploaded = builder.within(180 * DAY);
    doc! {
        "_id": id,
        "name": name,
        // The JavaScript driver writes integers of this size as Int32.
        "size": i32::try_from(size).unwrap_or(i32::MAX),
        "type": kind.0,
        "typeGroup": kind.1,
        "rid": room,
        "userId": user,
        "store": "GridFS:Uploads",
        "complete": true,
        "uploading": false,
        "progress": 1,
        "extension": kind.2,
        "etag": builder.random.id(),
        "path": format!("/file-upload/{id}/{name}"),
        "uploadedAt": uploaded,
        "_updatedAt": uploaded,
    }
}
