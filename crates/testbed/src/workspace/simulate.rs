//! Simulated activity: users connect, disconnect, write, reply and upload, and servers write heartbeats. Each change also
//! updates the counters that Rocket.Chat would update. There are as many messages, logins, files and conversations a day as
//! in the workspace's last week.

mod chores;
mod rates;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::TryStreamExt;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Collection, Database};
use tokio::time::{MissedTickBehavior, interval};

use super::names;
use super::presence::effective;
use super::random::Random;
use rates::Rates;

/// Changes the workspace every second until `shutdown` completes.
pub async fn simulate(database: Database, shutdown: impl Future<Output = ()>) -> Result<()> {
    let mut simulation = Simulation::of(&database)
        .await
        .context("cannot read the workspace to simulate activity in")?;
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(shutdown);
    for second in 0_u64.. {
        tokio::select! {
            () = &mut shutdown => break,
            _ = tick.tick() => simulation.step(second).await.context("cannot change the workspace")?,
        }
    }
    Ok(())
}

struct Simulation {
    database: Database,
    random: Random,
    /// People who may connect: id, username, name, chosen status.
    people: Vec<Document>,
    /// Rooms, and in each a message to reply to, if any.
    rooms: Vec<String>,
    instances: Vec<String>,
    rates: Rates,
}

impl Simulation {
    async fn of(database: &Database) -> Result<Self> {
        let users = doc! { "active": true, "type": "user", "federated": { "$ne": true }, "isRemote": { "$ne": true } };
        let rooms = doc! { "t": { "$in": ["c", "p", "d"] }, "archived": { "$ne": true }, "encrypted": { "$ne": true } };
        let ids = |documents: Vec<Document>| -> Vec<String> {
            documents
                .iter()
                .filter_map(|document| document.get_str("_id").map(str::to_owned).ok())
                .collect()
        };
        let simulation = Self {
            database: database.clone(),
            random: Random::new(
                u64::try_from(DateTime::now().timestamp_millis()).unwrap_or_default(),
            ),
            people: find(
                database,
                "users",
                users,
                doc! { "username": 1, "name": 1, "statusDefault": 1 },
            )
            .await?,
            rooms: ids(find(database, "rocketchat_room", rooms, doc! { "_id": 1 }).await?),
            instances: ids(find(database, "instances", doc! {}, doc! { "_id": 1 }).await?),
            rates: Rates::of_last_week(database, DateTime::now()).await?,
        };
        ensure!(
            !simulation.people.is_empty()
                && !simulation.rooms.is_empty()
                && !simulation.instances.is_empty(),
            "`{}` has no people, rooms or instances",
            database.name()
        );
        Ok(simulation)
    }

    async fn step(&mut self, second: u64) -> Result<()> {
        if second.is_multiple_of(5) {
            self.heartbeat().await?;
        }
        for _ in 0..=self.random.below(3) {
            self.change_presence().await?;
        }
        self.act().await?;
        if second % 4 == 2 {
            self.send_notifications().await?;
        }
        if second % 10 == 4 {
            self.run_jobs().await?;
        }
        Ok(())
    }

    /// What people do within a second.
    async fn act(&mut self) -> Result<()> {
        let rates = self.rates;
        for _ in 0..self.random.within_a_second(rates.messages) {
            self.write_message().await?;
            self.notify().await?;
        }
        for _ in 0..self.random.within_a_second(rates.logins) {
            self.log_in().await?;
        }
        for _ in 0..self.random.within_a_second(rates.uploads) {
            self.upload().await?;
        }
        // As many are closed as are opened.
        for _ in 0..self.random.within_a_second(2.0 * rates.conversations) {
            self.open_or_close_livechat().await?;
        }
        Ok(())
    }

    async fn heartbeat(&mut self) -> Result<()> {
        for id in self.instances.clone() {
            // The time is the database's, as in Rocket.Chat's heartbeat.
            let update = doc! { "$currentDate": { "_updatedAt": true } };
            self.collection("instances")
                .update_one(doc! { "_id": &id }, update)
                .await?;
            let conns = self.connections_of(&id).await?;
            let update = doc! { "$set": { "extraInformation.conns": conns + 4 } };
            self.collection("instances")
                .update_one(doc! { "_id": id }, update)
                .await?;
        }
        Ok(())
    }

    async fn connections_of(&self, instance: &str) -> Result<i32> {
        let pipeline = [
            doc! { "$unwind": "$connections" },
            doc! { "$match": { "connections.instanceId": instance } },
            doc! { "$count": "number" },
        ];
        let mut answer = self.collection("usersSessions").aggregate(pipeline).await?;
        Ok(answer
            .try_next()
            .await?
            .and_then(|document| document.get_i32("number").ok())
            .unwrap_or_default())
    }

    /// Connects or disconnects a user, or makes them away or online.
    async fn change_presence(&mut self) -> Result<()> {
        let person = self.random.pick(&self.people).clone();
        let id = person.get_str("_id")?;
        let sessions = self.collection("usersSessions");
        let connected = sessions
            .find_one(doc! { "_id": id, "connections.0": { "$exists": true } })
            .await?
            .is_some();
        // A connected user disconnects three times as likely as another one connects, so that a quarter is connected on
        // average.
        let state = match (connected, self.random.below(120)) {
            (true, 0..3) => "offline",
            (true, 3..40) => "away",
            (true, _) | (false, 0) => "online",
            (false, _) => return Ok(()),
        };
        let now = DateTime::now();
        let connections = if state == "offline" {
            Vec::new()
        } else {
            let instance = self.random.pick(&self.instances).clone();
            vec![
                doc! { "id": self.random.id(), "instanceId": instance, "status": state,
                "_createdAt": now, "_updatedAt": now },
            ]
        };
        let update = doc! { "$set": { "connections": connections } };
        sessions
            .update_one(doc! { "_id": id }, update)
            .upsert(true)
            .await?;
        let status = effective(state, person.get_str("statusDefault").unwrap_or("online"));
        let update =
            doc! { "$set": { "status": status, "statusConnection": state, "_updatedAt": now } };
        self.collection("users")
            .update_one(doc! { "_id": id }, update)
            .await?;
        Ok(())
    }

    async fn write_message(&mut self) -> Result<()> {
        let room = self.random.pick(&self.rooms).clone();
        let now = DateTime::now();
        let mut author = self.random.pick(&self.people).clone();
        author.remove("statusDefault");
        let mut message = doc! {
            "_id": self.random.id(), "rid": &room, "msg": *self.random.pick(names::TEXTS), "ts": now,
            "u": &author, "_updatedAt": now, "urls": [], "mentions": [], "channels": [], "md": [],
        };
        if self.random.percent(15)
            && let Some(head) = self.newest_of(&room).await?
        {
            let update = doc! {
                "$inc": { "tcount": 1 }, "$set": { "tlm": now, "_updatedAt": now },
                "$addToSet": { "replies": author.get_str("_id")? },
            };
            self.collection("rocketchat_message")
                .update_one(doc! { "_id": &head }, update)
                .await?;
            message.insert("tmid", head);
        }
        self.collection("rocketchat_message")
            .insert_one(&message)
            .await?;
        self.count_message(&room, &message).await
    }

    /// The newest message of a room that can be the head of a thread.
    async fn newest_of(&self, room: &str) -> Result<Option<String>> {
        let filter = doc! { "rid": room, "t": { "$exists": false }, "tmid": { "$exists": false } };
        let messages = self.collection("rocketchat_message");
        let found = messages
            .find_one(filter)
            .sort(doc! { "ts": -1 })
            .projection(doc! { "_id": 1 })
            .await?;
        Ok(found.and_then(|message| message.get_str("_id").map(str::to_owned).ok()))
    }

    async fn count_message(&self, room: &str, message: &Document) -> Result<()> {
        let time = message.get_datetime("ts")?;
        let update = doc! {
            "$inc": { "msgs": 1 }, "$set": { "lm": time, "lastMessage": message, "_updatedAt": time },
        };
        self.collection("rocketchat_room")
            .update_one(doc! { "_id": room }, update)
            .await?;
        Ok(())
    }

    async fn log_in(&mut self) -> Result<()> {
        let person = self.random.pick(&self.people).get_str("_id")?;
        let update = doc! { "$currentDate": { "lastLogin": true, "_updatedAt": true } };
        self.collection("users")
            .update_one(doc! { "_id": person }, update)
            .await?;
        Ok(())
    }

    async fn upload(&mut self) -> Result<()> {
        let now = DateTime::now();
        let id = self.random.id();
        let size = self.random.between(10_000, 4_000_000);
        let upload = doc! {
            "_id": &id, "name": "screenshot.png", "size": i32::try_from(size)?, "type": "image/png",
            "typeGroup": "image", "rid": self.random.pick(&self.rooms),
            "userId": self.random.pick(&self.people).get_str("_id")?, "store": "GridFS:Uploads", "complete": true,
            "uploading": false, "progress": 1, "extension": "png", "path": format!("/file-upload/{id}/screenshot.png"),
            "uploadedAt": now, "_updatedAt": now,
        };
        self.collection("rocketchat_uploads")
            .insert_one(upload)
            .await?;
        Ok(())
    }

    /// Opens a livechat conversation, or closes the oldest open one.
    async fn open_or_close_livechat(&mut self) -> Result<()> {
        let rooms = self.collection("rocketchat_room");
        let inquiries = self.collection("rocketchat_livechat_inquiry");
        let now = DateTime::now();
        let open = doc! { "t": "l", "open": true };
        if self.random.percent(50)
            && let Some(oldest) = rooms.find_one(open).sort(doc! { "ts": 1 }).await?
        {
            let id = oldest.get_str("_id")?;
            let update = doc! {
                "$set": { "closedAt": now, "closer": "user", "waitingResponse": false, "_updatedAt": now },
                "$unset": { "open": "", "onHold": "" },
            };
            rooms.update_one(doc! { "_id": id }, update).await?;
            inquiries.delete_one(doc! { "rid": id }).await?;
            return Ok(());
        }
        let Some(visitor) = self
            .collection("rocketchat_livechat_visitor")
            .find_one(doc! {})
            .await?
        else {
            return Ok(());
        };
        let id = self.random.id();
        let name = visitor.get_str("name").unwrap_or("Visitor");
        let v = doc! {
            "_id": visitor.get_str("_id")?, "token": visitor.get_str("token")?,
            "username": visitor.get_str("username")?, "status": "online",
        };
        let room = doc! {
            "_id": &id, "t": "l", "fname": name, "ts": now, "msgs": 0, "usersCount": 0, "cl": false, "open": true,
            "waitingResponse": true, "source": { "type": "widget" }, "v": &v, "_updatedAt": now,
        };
        rooms.insert_one(room).await?;
        let inquiry = doc! {
            "_id": self.random.id(), "rid": id, "name": name, "ts": now, "message": "", "status": "queued", "v": v,
            "t": "l", "queueOrder": 1, "_updatedAt": now,
        };
        inquiries.insert_one(inquiry).await?;
        Ok(())
    }

    fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }
}

async fn find(
    database: &Database,
    collection: &str,
    filter: Document,
    fields: Document,
) -> Result<Vec<Document>> {
    let cursor = database
        .collection::<Document>(collection)
        .find(filter)
        .projection(fields)
        .await?;
    Ok(cursor.try_collect().await?)
}

#[cfg(test)]
mod tests {
    use mongodb::Client;

    use super::*;
    use crate::mongod::{Mongod, Options};
    use crate::workspace::time::DAY;
    use crate::workspace::{Size, fill};

    const DAYS: i64 = 10;

    #[tokio::test]
    async fn simulated_messages_and_uploads_continue_the_past() -> Result<()> {
        let mongod = Mongod::start(&Options::default()).await?;
        let client = Client::with_uri_str(mongod.uri()).await?;
        let database = client.database("rocketchat");
        let size = Size {
            messages: 3000,
            uploads: 2000,
            ..Size::small()
        };
        let now = DateTime::now();
        fill(&database, &size, now).await?;
        let mut simulation = Simulation::of(&database).await?;
        simulation.random = Random::new(7);
        for _ in 0..DAYS * DAY {
            simulation.act().await?;
        }
        let begin = DateTime::from_millis(now.timestamp_millis() - DAYS * DAY * 1000);
        for (collection, time) in [
            ("rocketchat_message", "ts"),
            ("rocketchat_uploads", "uploadedAt"),
        ] {
            let documents = database.collection::<Document>(collection);
            let past = doc! { time: { "$gte": begin, "$lt": now } };
            let past = documents.count_documents(past).await?;
            let simulated = doc! { time: { "$gte": now } };
            let simulated = documents.count_documents(simulated).await?;
            assert!(
                (past * 2 / 3..=past * 3 / 2).contains(&simulated),
                "{collection}: {simulated} in {DAYS} days after {past}"
            );
        }
        let stored = stored_messages(&database).await?;
        let growth = (stored[0] - stored[1]).max(1);
        let simulated = database
            .collection::<Document>("rocketchat_message")
            .count_documents(doc! { "ts": { "$gte": now } })
            .await?;
        let simulated = i64::try_from(simulated)? / DAYS;
        assert!(
            (growth / 2..=growth * 2).contains(&simulated),
            "{simulated} messages a day, and {growth} in the stored statistics"
        );
        Ok(())
    }

    /// The messages in the newest stored statistics and in those of the day before.
    async fn stored_messages(database: &Database) -> Result<[i64; 2]> {
        let mut cursor = database
            .collection::<Document>("rocketchat_statistics")
            .find(doc! {})
            .sort(doc! { "createdAt": -1 })
            .await?;
        let mut numbers = [0; 2];
        for number in &mut numbers {
            let document = cursor.try_next().await?.context("there are statistics")?;
            *number = i64::from(document.get_i32("totalMessages")?);
        }
        Ok(numbers)
    }
}
