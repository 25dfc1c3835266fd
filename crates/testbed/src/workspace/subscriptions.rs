//! `rocketchat_subscription` and `rocketchat_team_member`: memberships, and what members have read.

use anyhow::Result;
use mongodb::bson::{Document, doc};

use super::builder::{Builder, int};
use super::rooms::Room;
use super::time::{DAY, HOUR};
use super::users::Person;

pub(super) async fn fill(
    builder: &mut Builder<'_>,
    people: &[Person],
    rooms: &[Room],
) -> Result<()> {
    let mut subscriptions = Vec::new();
    let mut team_members = Vec::new();
    for room in rooms.iter().filter(|room| room.kind != "v") {
        for (position, &member) in room.members.iter().enumerate() {
            let person = &people[member];
            let mut subscription = subscription(builder, room, person);
            if room.kind == "d" {
                let others = room.members.iter().filter(|&&other| other != member);
                let names: Vec<&str> = others
                    .map(|&other| people[other].username.as_str())
                    .collect();
                subscription.insert("name", names.join(","));
            } else if position == 0 && room.kind != "l" {
                subscription.insert("roles", ["owner"].as_slice());
            }
            subscriptions.push(subscription);
            if room.extra.contains_key("teamMain") {
                team_members.push(doc! {
                    "_id": builder.random.object_id(),
                    "teamId": room.extra.get_str("teamId").unwrap_or_default(),
                    "userId": &person.id,
                    "roles": if position == 0 { vec!["owner"] } else { Vec::new() },
                    "createdAt": room.created,
                    "_updatedAt": room.created,
                });
            }
        }
    }
    builder
        .insert("rocketchat_subscription", subscriptions)
        .await?;
    builder.insert("rocketchat_team_member", team_members).await
}

fn subscription(builder: &mut Builder<'_>, room: &Room, person: &Person) -> Document {
    let unread = if builder.random.percent(30) {
        builder.random.below(12)
    } else {
        0
    };
    let mut subscription = doc! {
        "_id": builder.random.id(),
        "rid": &room.id,
        "t": room.kind,
        "name": &room.name,
        "fname": &room.name,
        "u": person.reference(),
        "open": true,
        "alert": unread > 0,
        "unread": int(unread),
        "userMentions": 0,
        "groupMentions": 0,
        "ts": room.created,
        "_updatedAt": builder.within(20 * DAY),
    };
    if !person.connections.is_empty() {
        subscription.insert("ls", builder.within(8 * HOUR));
    } else if builder.random.percent(80) {
        subscription.insert("ls", builder.within(90 * DAY));
    }
    subscription
}
