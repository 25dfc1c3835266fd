//! The numbers in a stored document: today's counts, scaled down to the document's day.

use anyhow::Result;
use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};

use crate::workspace::random::Random;

/// Counts of a workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(super) users: i32,
    pub(super) active: i32,
    pub(super) guests: i32,
    pub(super) inactive: i32,
    pub(super) apps: i32,
    pub(super) online: i32,
    pub(super) away: i32,
    pub(super) busy: i32,
    pub(super) totp: i32,
    pub(super) email2fa: i32,
    pub(super) federated: i32,
    /// The only federated room, so both the biggest and the smallest.
    pub(super) federated_room: Document,
    pub(super) languages: Vec<(String, i32)>,
    pub(super) rooms: i32,
    pub(super) channels: i32,
    pub(super) groups: i32,
    pub(super) direct: i32,
    pub(super) livechat: i32,
    pub(super) discussions: i32,
    pub(super) encrypted_rooms: i32,
    pub(super) channel_messages: i32,
    pub(super) group_messages: i32,
    pub(super) direct_messages: i32,
    pub(super) livechat_messages: i32,
    pub(super) discussion_messages: i32,
    pub(super) threads: i32,
    pub(super) pinned: i32,
    pub(super) starred: i32,
    pub(super) encrypted_messages: i32,
    pub(super) uploads: i32,
    pub(super) upload_bytes: i64,
    pub(super) visitors: i32,
    pub(super) agents: i32,
    pub(super) managers: i32,
    pub(super) departments: i32,
    pub(super) contacts: i32,
    pub(super) teams: i32,
    pub(super) team_rooms: i32,
    pub(super) integrations: i32,
    pub(super) sessions: i32,
    /// The version of the server at hand, which is not always one that Rocket.Chat's release runs on.
    pub(super) mongodb_version: String,
}

impl Counts {
    pub(crate) async fn read(database: &Database) -> Result<Self> {
        let count = async |collection: &str, filter: Document| -> Result<i32> {
            let number = database
                .collection::<Document>(collection)
                .count_documents(filter)
                .await?;
            Ok(i32::try_from(number)?)
        };
        let build = database.run_command(doc! { "buildInfo": 1 }).await?;
        let users = "users";
        let room = "rocketchat_room";
        let message = "rocketchat_message";
        let outsiders = doc! { "active": true, "$or": [{ "roles": ["guest"] },
        { "type": { "$in": ["app", "bot"] } }, { "federated": true }, { "isRemote": true }] };
        let exists = || doc! { "$exists": true };
        Ok(Self {
            users: count(users, doc! {}).await?,
            active: count(users, doc! { "active": true }).await? - count(users, outsiders).await?,
            guests: count(
                users,
                doc! { "active": true, "roles": ["guest"], "isRemote": { "$ne": true } },
            )
            .await?,
            inactive: count(users, doc! { "active": false }).await?,
            apps: count(users, doc! { "type": "app" }).await?,
            online: count(users, doc! { "status": "online" }).await?,
            away: count(users, doc! { "status": "away" }).await?,
            busy: count(users, doc! { "status": "busy" }).await?,
            totp: count(
                users,
                doc! { "active": true, "services.totp.enabled": true },
            )
            .await?,
            email2fa: count(
                users,
                doc! { "active": true, "services.email2fa.enabled": true },
            )
            .await?,
            federated: count(users, doc! { "federated": true }).await?,
            federated_room: federated_room(database).await?,
            languages: languages(database).await?,
            rooms: count(room, doc! {}).await?,
            channels: count(room, doc! { "t": "c" }).await?,
            groups: count(room, doc! { "t": "p" }).await?,
            direct: count(room, doc! { "t": "d" }).await?,
            livechat: count(room, doc! { "t": "l" }).await?,
            discussions: count(room, doc! { "prid": exists() }).await?,
            encrypted_rooms: count(room, doc! { "encrypted": true }).await?,
            channel_messages: sum(database, room, doc! { "t": "c", "prid": null }, "$msgs")
                .await?
                .try_into()?,
            group_messages: sum(database, room, doc! { "t": "p", "prid": null }, "$msgs")
                .await?
                .try_into()?,
            direct_messages: sum(database, room, doc! { "t": "d" }, "$msgs")
                .await?
                .try_into()?,
            livechat_messages: sum(database, room, doc! { "t": "l" }, "$msgs")
                .await?
                .try_into()?,
            discussion_messages: sum(database, room, doc! { "prid": exists() }, "$msgs")
                .await?
                .try_into()?,
            threads: count(message, doc! { "tcount": exists() }).await?,
            pinned: count(message, doc! { "pinned": true }).await?,
            starred: count(message, doc! { "starred._id": exists() }).await?,
            encrypted_messages: count(message, doc! { "t": "e2e" }).await?,
            uploads: count("rocketchat_uploads", doc! {}).await?,
            upload_bytes: sum(database, "rocketchat_uploads", doc! {}, "$size").await?,
            visitors: count("rocketchat_livechat_visitor", doc! {}).await?,
            agents: count(users, doc! { "roles": "livechat-agent" }).await?,
            managers: count(users, doc! { "roles": "livechat-manager" }).await?,
            departments: count("rocketchat_livechat_department", doc! {}).await?,
            contacts: count("rocketchat_livechat_contact", doc! {}).await?,
            teams: count("rocketchat_team", doc! {}).await?,
            team_rooms: count(
                room,
                doc! { "teamId": exists(), "teamMain": { "$ne": true } },
            )
            .await?,
            integrations: count("rocketchat_integrations", doc! {}).await?,
            sessions: count("rocketchat_sessions", doc! { "type": "user_daily" }).await? / 40,
            mongodb_version: build.get_str("version")?.to_owned(),
        })
    }

    /// The counts of the same workspace at an earlier time: scaled to thousandths, with other thousandths of the messages,
    /// and with random variation of presence.
    pub(super) fn scaled(&self, thousandths: i64, of_messages: i64, random: &mut Random) -> Self {
        let mood = random.between(700, 1100);
        let shrink = |number: i32| scale(number, thousandths);
        let shrink_messages = |number: i32| scale(number, of_messages);
        Self {
            users: shrink(self.users),
            active: shrink(self.active),
            inactive: shrink(self.inactive),
            online: scale(self.online, mood),
            away: scale(self.away, mood),
            busy: scale(self.busy, mood),
            sessions: scale(self.sessions, mood),
            rooms: shrink(self.rooms),
            channels: shrink(self.channels),
            groups: shrink(self.groups),
            direct: shrink(self.direct),
            livechat: shrink(self.livechat),
            channel_messages: shrink_messages(self.channel_messages),
            group_messages: shrink_messages(self.group_messages),
            direct_messages: shrink_messages(self.direct_messages),
            livechat_messages: shrink_messages(self.livechat_messages),
            discussion_messages: shrink_messages(self.discussion_messages),
            threads: shrink_messages(self.threads),
            pinned: shrink_messages(self.pinned),
            starred: shrink_messages(self.starred),
            uploads: shrink(self.uploads),
            upload_bytes: self.upload_bytes * thousandths / 1000,
            visitors: shrink(self.visitors),
            contacts: shrink(self.contacts),
            ..self.clone()
        }
    }
}

pub(super) fn scale(number: i32, thousandths: i64) -> i32 {
    i32::try_from(i64::from(number) * thousandths / 1000).unwrap_or(i32::MAX)
}

async fn sum(
    database: &Database,
    collection: &str,
    filter: Document,
    expression: &str,
) -> Result<i64> {
    let pipeline = [
        doc! { "$match": filter },
        doc! { "$group": { "_id": null, "sum": { "$sum": expression } } },
    ];
    let mut cursor = database
        .collection::<Document>(collection)
        .aggregate(pipeline)
        .await?;
    Ok(cursor
        .try_next()
        .await?
        .map_or(0, |document| whole(document.get("sum"))))
}

async fn federated_room(database: &Database) -> Result<Document> {
    let rooms = database.collection::<Document>("rocketchat_room");
    let fields = doc! { "name": 1, "usersCount": 1 };
    Ok(rooms
        .find_one(doc! { "federated": true })
        .projection(fields)
        .await?
        .unwrap_or_default())
}

async fn languages(database: &Database) -> Result<Vec<(String, i32)>> {
    let known = doc! { "language": { "$exists": true, "$ne": "" } };
    let pipeline = [
        doc! { "$match": known },
        doc! { "$sortByCount": "$language" },
    ];
    let mut cursor = database
        .collection::<Document>("users")
        .aggregate(pipeline)
        .await?;
    let mut languages = Vec::new();
    while let Some(document) = cursor.try_next().await? {
        let number = i32::try_from(whole(document.get("count")))?;
        languages.push((document.get_str("_id")?.to_owned(), number));
    }
    // The server returns equally frequent languages in undefined order.
    languages.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    Ok(languages)
}

fn whole(value: Option<&Bson>) -> i64 {
    match value {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        _ => 0,
    }
}
