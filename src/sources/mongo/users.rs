//! Users: one pass over the collection that groups accounts by everything the definitions look at.

use mongodb::bson::{Document, doc};

use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::{AccountKind, AccountState, Accounts, Users};

pub async fn read(question: &Question<'_>) -> Result<Users, SourceError> {
    let pipeline = vec![doc! { "$group": {
        "_id": {
            "type": { "$cond": [{ "$in": ["$type", ["app", "bot"]] }, "$type", "user"] },
            "active": { "$cond": [{ "$in": ["$active", [true, false]] }, "$active", null_value()] },
            "guest": { "$eq": ["$roles", ["guest"]] },
            "remote": { "$eq": ["$isRemote", true] },
            "federated": { "$eq": ["$federated", true] },
        },
        "count": { "$sum": 1 },
    } }];
    let groups = question.aggregate("users", pipeline, None).await?;
    Ok(Users {
        accounts: groups.iter().filter_map(accounts).collect(),
    })
}

fn null_value() -> mongodb::bson::Bson {
    mongodb::bson::Bson::Null
}

fn accounts(group: &Document) -> Option<Accounts> {
    let id = group.get_document("_id").ok()?;
    let is = |key| id.get_bool(key).unwrap_or(false);
    Some(Accounts {
        kind: match id.get_str("type") {
            Ok("app") => AccountKind::App,
            Ok("bot") => AccountKind::Bot,
            _ => AccountKind::User,
        },
        state: match id.get_bool("active") {
            Ok(true) => AccountState::Activated,
            Ok(false) => AccountState::Deactivated,
            Err(_) => AccountState::Unset,
        },
        guest: is("guest"),
        remote: is("remote"),
        federated: is("federated"),
        count: convert::counted(group, "count"),
    })
}
