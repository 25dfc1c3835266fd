//! Users by kind and state.
//!
//! Bots, apps, guests and remote accounts are found by their indexes; local people are the remainder of the counts by the
//! index on `active` and of the whole collection.

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;

use super::{AccountKind, AccountState, Accounts, Users};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError, bson};

const COLLECTION: &str = "users";

/// Indexes that find every account that is not an ordinary local person.
const INDEXES_OF_SPECIAL: [&str; 4] = ["type", "roles", "isRemote", "federated"];

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Users, SourceError> {
    let accounts = match index_of_states(query).await? {
        Some(index) => by_index(query, index).await?,
        // One pass, because special accounts cannot be found by index.
        None => groups(query, Document::new()).await?,
    };
    Ok(Users { accounts })
}

/// The index on `active`, if those of special accounts exist, too.
async fn index_of_states(query: &QueryContext<'_>) -> Result<Option<String>, SourceError> {
    for key in INDEXES_OF_SPECIAL {
        if query.known_index(COLLECTION, key).await?.is_none() {
            return Ok(None);
        }
    }
    query.known_index(COLLECTION, "active").await
}

/// Special accounts by their indexes, and the others as the difference to all.
async fn by_index(query: &QueryContext<'_>, index: String) -> Result<Vec<Accounts>, SourceError> {
    let special = doc! { "$or": [
        { "type": { "$in": ["app", "bot"] } },
        { "roles": ["guest"] },
        { "isRemote": true },
        { "federated": true },
    ] };
    let mut accounts = groups(query, special).await?;
    accounts.retain(is_special);
    let hint = Hint::Name(index);
    let with_state = async |state: bool| -> Result<u64, SourceError> {
        let filter = doc! { "active": state };
        let count = query.count(COLLECTION, filter, Some(hint.clone()));
        Ok(count.await?.unwrap_or_default())
    };
    let (activated, deactivated) = (with_state(true).await?, with_state(false).await?);
    let all = query.estimated_count(COLLECTION).await?;
    for (state, total) in [
        (AccountState::Activated, activated),
        (AccountState::Deactivated, deactivated),
        (
            AccountState::Unset,
            all.saturating_sub(activated + deactivated),
        ),
    ] {
        let special = accounts.iter().filter(|group| group.state == state);
        let special: u64 = special.map(|group| group.count).sum();
        accounts.push(Accounts {
            kind: AccountKind::User,
            state,
            guest: false,
            remote: false,
            federated: false,
            count: total.saturating_sub(special),
        });
    }
    Ok(accounts)
}

/// Accounts that match, grouped by all properties.
async fn groups(query: &QueryContext<'_>, filter: Document) -> Result<Vec<Accounts>, SourceError> {
    let pipeline = vec![
        doc! { "$match": filter },
        doc! { "$group": {
            "_id": {
                "type": { "$cond": [{ "$in": ["$type", ["app", "bot"]] }, "$type", "user"] },
                "active": { "$cond": [{ "$in": ["$active", [true, false]] }, "$active", Bson::Null] },
                "guest": { "$eq": ["$roles", ["guest"]] },
                "remote": { "$eq": ["$isRemote", true] },
                "federated": { "$eq": ["$federated", true] },
            },
            "count": { "$sum": 1 },
        } },
    ];
    let groups = query.aggregate(COLLECTION, pipeline, None).await?;
    Ok(groups.iter().filter_map(accounts).collect())
}

/// Whether accounts are not ordinary local people.
fn is_special(accounts: &Accounts) -> bool {
    accounts.kind != AccountKind::User || accounts.guest || accounts.remote || accounts.federated
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
        count: bson::counted(group, "count"),
    })
}
