//! Omnichannel: departments, visitors, contacts, and the queue of waiting conversations.

use anyhow::Result;
use mongodb::bson::{Document, doc};

use super::builder::{Builder, int};
use super::rooms::Room;
use super::time::DAY;
use super::users::Person;

/// A visitor, who writes through the widget on a web page, by email or from another network.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) id: String,
    pub(super) token: String,
    pub(super) username: String,
    pub(super) name: String,
    pub(super) contact: String,
}

/// Ids and names of departments. The last one is archived.
pub(super) const DEPARTMENTS: &[(&str, &str)] = &[
    ("64d2f3b1a8b1e7000c9d20a1", "Sales"),
    ("64d2f3c7a8b1e7000c9d20b4", "Support"),
    ("65a90e12a8b1e7000c9d77c0", "Billing"),
    ("65a90e30a8b1e7000c9d77d9", "Returns"),
];

pub(super) async fn fill_visitors(
    builder: &mut Builder<'_>,
    people: &[Person],
) -> Result<Vec<Visitor>> {
    let visitors: Vec<Visitor> = (0..builder.size.visitors.max(1))
        .map(|number| Visitor {
            id: builder.random.object_id(),
            token: builder.random.text(20),
            username: format!("guest-{}", number + 1),
            name: format!("Visitor {}", number + 1),
            contact: builder.random.object_id(),
        })
        .collect();
    let documents = visitors
        .iter()
        .map(|visitor| visitor_document(builder, visitor))
        .collect();
    builder
        .insert("rocketchat_livechat_visitor", documents)
        .await?;
    let contacts = visitors
        .iter()
        .map(|visitor| contact_document(builder, visitor))
        .collect();
    builder
        .insert("rocketchat_livechat_contact", contacts)
        .await?;
    fill_departments(builder, people).await?;
    let trigger = doc! { "_id": builder.random.id(), "name": "After one minute", "enabled": true, "runOnce": false,
    "conditions": [{ "name": "time-on-site", "value": "60" }], "actions": [], "_updatedAt": builder.clock.now() };
    builder
        .insert("rocketchat_livechat_trigger", vec![trigger])
        .await?;
    let fields = ["company", "order"].map(|name| {
        doc! { "_id": name, "label": name, "scope": "visitor", "visibility": "visible", "public": name == "company",
            "_updatedAt": builder.clock.now() }
    });
    builder
        .insert("rocketchat_livechat_custom_field", fields.to_vec())
        .await?;
    let hours = doc! { "_id": builder.random.object_id(), "name": "", "active": true, "type": "default",
    "ts": builder.clock.ago(500 * DAY), "workHours": [], "timezone": { "name": "UTC", "utc": "+00:00" },
    "_updatedAt": builder.clock.now() };
    builder
        .insert("rocketchat_livechat_business_hours", vec![hours])
        .await?;
    let priorities = ["Lowest", "Low", "Medium", "High", "Highest"].iter().enumerate().map(|(position, name)| {
        doc! { "_id": builder.random.object_id(), "i18n": *name, "sortItem": int(position + 1), "dirty": false,
            "_updatedAt": builder.clock.now() }
    });
    let priorities = priorities.collect();
    builder
        .insert("rocketchat_livechat_priority", priorities)
        .await?;
    Ok(visitors)
}

/// Inquiries of waiting conversations, and of those that an agent has taken.
pub(super) async fn fill_inquiries(builder: &mut Builder<'_>, rooms: &[Room]) -> Result<()> {
    let mut inquiries = Vec::new();
    for room in rooms.iter().filter(|room| room.kind == "l" && room.open) {
        inquiries.push(doc! {
            "_id": builder.random.id(),
            "rid": &room.id,
            "name": &room.name,
            "ts": room.created,
            "message": "",
            "status": if room.members.is_empty() { "queued" } else { "taken" },
            "v": room.extra.get_document("v").cloned().unwrap_or_default(),
            "t": "l",
            "queueOrder": 1,
            "estimatedWaitingTimeQueue": 9_999_999,
            "estimatedServiceTimeAt": room.created,
            "_updatedAt": room.created,
        });
    }
    builder
        .insert("rocketchat_livechat_inquiry", inquiries)
        .await
}

fn visitor_document(builder: &mut Builder<'_>, visitor: &Visitor) -> Document {
    let created = builder.within(200 * DAY);
    let mut document = doc! {
        "_id": &visitor.id,
        "token": &visitor.token,
        "username": &visitor.username,
        "name": &visitor.name,
        "ts": created,
        "status": if builder.random.percent(15) { "online" } else { "offline" },
        "visitorEmails": [{ "address": format!("{}@example.net", visitor.username) }],
        "_updatedAt": builder.within(30 * DAY),
    };
    if builder.random.percent(40) {
        document.insert("activity", [builder.clock.date(0).period()].as_slice());
    }
    document
}

fn contact_document(builder: &mut Builder<'_>, visitor: &Visitor) -> Document {
    let mut contact = doc! {
        "_id": &visitor.contact,
        "name": &visitor.name,
        "emails": [{ "address": format!("{}@example.net", visitor.username) }],
        "unknown": builder.random.percent(30),
        "channels": [{
            "name": "widget",
            "blocked": builder.random.percent(4),
            "verified": builder.random.percent(20),
            "visitor": { "visitorId": &visitor.id, "source": { "type": "widget" } },
            "details": { "type": "widget" },
        }],
        "createdAt": builder.within(200 * DAY),
        "_updatedAt": builder.within(30 * DAY),
    };
    if builder.random.percent(40) {
        contact.insert("activity", [builder.clock.date(0).period()].as_slice());
    }
    if builder.random.percent(5) {
        contact.insert(
            "conflictingFields",
            vec![doc! { "field": "name", "value": "Another name" }],
        );
    }
    contact
}

async fn fill_departments(builder: &mut Builder<'_>, people: &[Person]) -> Result<()> {
    let agents: Vec<&Person> = people.iter().filter(|person| person.is_agent()).collect();
    let mut departments = Vec::new();
    let mut members = Vec::new();
    for (position, (id, name)) in DEPARTMENTS.iter().enumerate() {
        let staff: Vec<&&Person> = agents.iter().skip(position % 2).step_by(2).collect();
        let archived = position + 1 == DEPARTMENTS.len();
        departments.push(doc! {
            "_id": *id, "name": *name, "enabled": !archived, "archived": archived, "email": "team@example.com",
            "showOnRegistration": true, "showOnOfflineForm": true, "numAgents": int(staff.len()),
            "_updatedAt": builder.within(90 * DAY),
        });
        for agent in staff {
            members.push(doc! {
                "_id": builder.random.object_id(), "agentId": &agent.id, "username": &agent.username,
                "departmentId": *id, "departmentEnabled": !archived, "count": 0, "order": 0,
                "_updatedAt": builder.within(90 * DAY),
            });
        }
    }
    builder
        .insert("rocketchat_livechat_department", departments)
        .await?;
    builder
        .insert("rocketchat_livechat_department_agents", members)
        .await
}
