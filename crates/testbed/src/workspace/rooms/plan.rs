//! The plan of rooms: how many there are of each kind, their members, and the fields of each kind.

use std::collections::HashSet;

use mongodb::bson::{Document, doc};

use super::Room;
use crate::workspace::builder::Builder;
use crate::workspace::livechat::{DEPARTMENTS, Visitor};
use crate::workspace::names;
use crate::workspace::time::{DAY, MINUTE};
use crate::workspace::users::{Kind, Person};

/// The percentage of rooms of each kind; the rest are channels. Real workspaces consist mostly of direct messages and
/// livechat conversations.
const GROUPS: usize = 20;
const DIRECT: usize = 30;
const LIVECHAT: usize = 14;
const CALLS: usize = 2;
const DISCUSSIONS: usize = 8;
const TEAMS: usize = 3;

pub(crate) fn plan(
    builder: &mut Builder<'_>,
    people: &[Person],
    visitors: &[Visitor],
) -> Vec<Room> {
    let members: Vec<usize> = (0..people.len())
        .filter(|&position| people[position].is_member())
        .collect();
    let mut planner = Planner {
        builder,
        people,
        members,
        names: HashSet::new(),
        pairs: HashSet::new(),
    };
    let total = planner.builder.size.rooms;
    let share = |percent: usize| (total * percent / 100).max(1);
    let mut rooms = vec![planner.general()];
    for number in 0..share(TEAMS) {
        rooms.extend(planner.team(number));
    }
    let discussions = share(DISCUSSIONS);
    let others = [
        share(GROUPS),
        share(DIRECT),
        share(LIVECHAT),
        share(CALLS),
        discussions,
    ];
    let channels = total
        .saturating_sub(rooms.len() + others.iter().sum::<usize>())
        .max(4);
    for number in 0..channels {
        let mut room = planner.conversation("c");
        match number {
            0 => room.extra.extend(doc! { "broadcast": true, "ro": true }),
            1 => room.extra.extend(doc! { "archived": true, "ro": true }),
            2 => room.extra.extend(doc! { "federated": true,
            "federation": { "version": 1, "mrid": "!plan:matrix.org", "origin": "matrix.org" } }),
            _ => {}
        }
        rooms.push(room);
    }
    for number in 0..share(GROUPS) {
        let mut room = planner.conversation("p");
        room.encrypted = number % 6 == 0;
        rooms.push(room);
    }
    for _ in 0..share(DIRECT) {
        rooms.push(planner.direct());
    }
    for number in 0..discussions {
        // The parent must exist before the discussion; the first twelve rooms are ordinary ones.
        let parent = rooms[number % rooms.len().min(12)].id.clone();
        rooms.push(planner.discussion(&parent, number));
    }
    for number in 0..share(LIVECHAT) {
        rooms.push(planner.livechat(visitors, number));
    }
    for number in 0..share(CALLS) {
        rooms.push(planner.call(visitors, number));
    }
    rooms
}

struct Planner<'a, 'b> {
    builder: &'a mut Builder<'b>,
    people: &'a [Person],
    members: Vec<usize>,
    names: HashSet<String>,
    pairs: HashSet<String>,
}

impl Planner<'_, '_> {
    fn room(&mut self, kind: &'static str, name: String, age: i64, members: Vec<usize>) -> Room {
        Room {
            id: self.builder.random.id(),
            kind,
            name,
            created: self
                .builder
                .clock
                .ago(age * DAY - self.builder.random.between(0, DAY / 2)),
            members,
            open: false,
            encrypted: false,
            extra: Document::new(),
            messages: 0,
            last_message: None,
        }
    }

    fn general(&mut self) -> Room {
        let members = self.members.clone();
        let all = members
            .into_iter()
            .filter(|&position| self.people[position].kind != Kind::Guest)
            .collect();
        let mut room = self.room("c", "general".to_owned(), 900, all);
        "GENERAL".clone_into(&mut room.id);
        room
    }

    /// Random members.
    fn some_members(&mut self, count: usize) -> Vec<usize> {
        let chosen = self.builder.random.sample(count, self.members.len());
        chosen
            .into_iter()
            .map(|position| self.members[position])
            .collect()
    }

    fn name(&mut self) -> String {
        let random = &mut self.builder.random;
        let mut name = format!(
            "{}{}",
            random.pick(names::TOPICS),
            random.pick(names::QUALIFIERS)
        );
        while !self.names.insert(name.clone()) {
            name = format!("{name}-{}", random.below(90) + 2);
        }
        name
    }

    /// A channel or group with up to a few dozen members.
    fn conversation(&mut self, kind: &'static str) -> Room {
        let name = self.name();
        let age = self.builder.random.between(1, 880);
        let count = 2 + self.builder.random.below(6) * self.builder.random.below(8);
        let members = self.some_members(count);
        let mut room = self.room(kind, name, age, members);
        room.extra.insert("u", self.owner(&room));
        room
    }

    fn owner(&self, room: &Room) -> Document {
        room.members
            .first()
            .map(|&position| self.people[position].reference())
            .unwrap_or_default()
    }

    /// A team: its main room and two rooms inside it, one of which is joined by default.
    fn team(&mut self, number: usize) -> Vec<Room> {
        let team = self.builder.random.object_id();
        let kind = if number.is_multiple_of(2) { "p" } else { "c" };
        let mut main = self.conversation(kind);
        main.name = format!("team-{}", main.name);
        main.extra
            .extend(doc! { "teamId": &team, "teamMain": true });
        let mut joined = self.conversation("c");
        joined.members.clone_from(&main.members);
        joined
            .extra
            .extend(doc! { "teamId": &team, "teamDefault": true });
        let mut inside = self.conversation("p");
        inside
            .extra
            .extend(doc! { "teamId": &team, "teamDefault": false });
        vec![main, joined, inside]
    }

    fn direct(&mut self) -> Room {
        loop {
            let count = *self.builder.random.pick(&[2, 2, 2, 2, 2, 2, 2, 3]);
            let members = self.some_members(count);
            let mut ids: Vec<&str> = members
                .iter()
                .map(|&position| self.people[position].id.as_str())
                .collect();
            ids.sort_unstable();
            let id = ids.concat();
            if !self.pairs.insert(id.clone()) {
                continue;
            }
            let usernames: Vec<&str> = members
                .iter()
                .map(|&position| self.people[position].username.as_str())
                .collect();
            let extra = doc! { "uids": ids, "usernames": usernames };
            let age = self.builder.random.between(1, 700);
            let encrypted = self.builder.random.percent(5);
            return Room {
                id,
                encrypted,
                extra,
                ..self.room("d", String::new(), age, members)
            };
        }
    }

    fn discussion(&mut self, parent: &str, number: usize) -> Room {
        let kind = if number.is_multiple_of(3) { "c" } else { "p" };
        let mut room = self.conversation(kind);
        names::DISCUSSIONS[number % names::DISCUSSIONS.len()].clone_into(&mut room.name);
        room.extra.extend(doc! { "prid": parent, "topic": "" });
        room
    }

    fn livechat(&mut self, visitors: &[Visitor], number: usize) -> Room {
        let visitor = self.builder.random.pick(visitors).clone();
        let agents: Vec<usize> = self
            .members
            .iter()
            .copied()
            .filter(|&position| self.people[position].is_agent())
            .collect();
        // The newest conversations are open, and the first of them is still queued.
        let open = number < 6;
        let members = if number < 2 {
            Vec::new()
        } else {
            vec![*self.builder.random.pick(&agents)]
        };
        let seconds = if open {
            self.builder.random.between(0, 300)
        } else {
            self.builder.random.between(0, 60 * 1440)
        };
        let mut room = self.room(
            "l",
            visitor.name.clone(),
            seconds * MINUTE / DAY + 1,
            members,
        );
        room.created = self.builder.clock.ago(seconds * MINUTE);
        room.open = open;
        room.extra = self.livechat_fields(&room, &visitor);
        if number == 5 {
            room.extra.insert("onHold", true);
        }
        room
    }

    fn livechat_fields(&mut self, room: &Room, visitor: &Visitor) -> Document {
        let source = match self.builder.random.below(10) {
            0 => {
                doc! { "type": "email", "id": "support@example.com", "alias": "support@example.com" }
            }
            1 => doc! { "type": "app", "id": "whatsapp", "alias": "WhatsApp" },
            2 => doc! { "type": "api" },
            _ => doc! { "type": "widget" },
        };
        let mut fields = doc! {
            "source": source,
            "v": {
                "_id": &visitor.id, "token": &visitor.token, "username": &visitor.username,
                "status": if room.open { "online" } else { "offline" },
                "activity": [self.builder.clock.date(0).period()],
            },
            "contactId": &visitor.contact,
            "cl": false,
            "waitingResponse": room.open,
        };
        if self.builder.random.percent(70) {
            let (department, _) = *self.builder.random.pick(DEPARTMENTS);
            fields.insert("departmentId", department);
        }
        if room.open {
            fields.insert("open", true);
        }
        if let Some(&agent) = room.members.first() {
            let agent = self.people[agent].reference();
            fields.insert("servedBy", agent.clone());
            if !room.open {
                let duration = self.builder.random.between(1, 90) * MINUTE;
                let closed = room
                    .created
                    .saturating_add_duration(std::time::Duration::from_secs(
                        duration.unsigned_abs(),
                    ));
                fields.extend(doc! {
                    "closedAt": closed.min(self.builder.clock.now()),
                    "closer": "user",
                    "closedBy": agent,
                    "metrics": { "chatDuration": duration },
                });
            }
        }
        fields
    }

    /// A call of the VoIP integration that version 8 removed.
    fn call(&mut self, visitors: &[Visitor], number: usize) -> Room {
        let visitor = self.builder.random.pick(visitors).clone();
        let age = self.builder.random.between(200, 600);
        let members = self.some_members(1);
        let mut room = self.room("v", format!("+49 30 {}", 100_000 + number), age, members);
        room.extra = doc! {
            "v": { "_id": visitor.id, "token": visitor.token },
            "queue": "support",
            "direction": "inbound",
            "open": false,
            "callStarted": room.created,
        };
        room
    }
}
