//! Users by kind and state.
//!
//! Bots, apps, guests and remote accounts are found by their indexes; local people are the remainder of the counts by the
//! index on `active` and of the whole collection.

use mongodb::bson::{Document, doc};
use mongodb::options::Hint;

use super::AccountTrait::{self, Activated, Deactivated};
use super::{AccountTraits, Accounts, Users};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError, bson};

const COLLECTION: &str = "users";

/// Indexes that find every account that is not an ordinary local person.
const INDEXES_OF_SPECIAL: [&str; 4] = ["type", "roles", "isRemote", "federated"];

/// The properties, and their names in a group.
const TRAITS: [(&str, AccountTrait); 8] = [
    ("bot", AccountTrait::Bot),
    ("app", AccountTrait::App),
    ("activated", AccountTrait::Activated),
    ("deactivated", AccountTrait::Deactivated),
    ("guest", AccountTrait::Guest),
    ("onlyGuest", AccountTrait::OnlyGuest),
    ("remote", AccountTrait::Remote),
    ("federated", AccountTrait::Federated),
];

pub async fn read(query: &mut QueryContext<'_>, _: &Snapshot) -> Result<Users, SourceError> {
    if let Some(index) = index_of_states(query).await?
        && let Some(accounts) = by_index(query, index).await?
    {
        return Ok(Users { accounts });
    }
    // One pass, because special accounts cannot be found by index.
    let accounts = groups(query, Document::new()).await?;
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

/// Special accounts by their indexes, and the others as the difference to all. `None` where a difference is negative:
/// accounts changed between the queries.
async fn by_index(
    query: &QueryContext<'_>,
    index: String,
) -> Result<Option<Vec<Accounts>>, SourceError> {
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
    let mut all = query.document_count(COLLECTION).await?;
    if all < activated + deactivated {
        all = query.recount(COLLECTION).await?;
    }
    // An account whose list `active` has both values is counted in both states, and leaves one too few without a state:
    // finding such accounts would read all of them.
    let Some(unset) = all.checked_sub(activated + deactivated) else {
        return Ok(None);
    };
    for (state, total) in [
        (Some(Activated), activated),
        (Some(Deactivated), deactivated),
        (None, unset),
    ] {
        let is_in_state = |group: &&Accounts| match state {
            Some(state) => group.traits.has(state),
            None => !group.traits.has(Activated) && !group.traits.has(Deactivated),
        };
        let special = accounts.iter().filter(|group| is_special(group));
        let special = special.filter(is_in_state);
        let special: u64 = special.map(|group| group.count).sum();
        let Some(count) = total.checked_sub(special) else {
            return Ok(None);
        };
        accounts.push(Accounts {
            traits: AccountTraits::of(state.into_iter()),
            count,
        });
    }
    Ok(Some(accounts))
}

/// Accounts that match, grouped by all properties.
async fn groups(query: &QueryContext<'_>, filter: Document) -> Result<Vec<Accounts>, SourceError> {
    let traits: Document = TRAITS
        .into_iter()
        .map(|(name, one)| (name.to_owned(), condition(one).into()))
        .collect();
    let pipeline = vec![
        doc! { "$match": filter },
        // Plain fields first: expressions run for each combination of values, and not for each account.
        doc! { "$group": {
            "_id": {
                "type": "$type",
                "active": "$active",
                "roles": "$roles",
                "isRemote": "$isRemote",
                "federated": "$federated",
            },
            "count": { "$sum": 1 },
        } },
        doc! { "$group": { "_id": traits, "count": { "$sum": "$count" } } },
    ];
    let groups = query.aggregate(COLLECTION, pipeline, None).await?;
    Ok(groups.iter().filter_map(accounts).collect())
}

/// An expression for whether the accounts of a group have a property.
fn condition(one: AccountTrait) -> Document {
    match one {
        AccountTrait::Bot => bson::finds("$_id.type", "bot"),
        AccountTrait::App => bson::finds("$_id.type", "app"),
        AccountTrait::Activated => bson::finds("$_id.active", true),
        AccountTrait::Deactivated => bson::finds("$_id.active", false),
        AccountTrait::Guest => bson::finds("$_id.roles", vec!["guest"]),
        AccountTrait::OnlyGuest => doc! { "$eq": ["$_id.roles", ["guest"]] },
        AccountTrait::Remote => bson::finds("$_id.isRemote", true),
        AccountTrait::Federated => bson::finds("$_id.federated", true),
    }
}

/// Whether accounts are not ordinary local people.
fn is_special(accounts: &Accounts) -> bool {
    [
        AccountTrait::Bot,
        AccountTrait::App,
        AccountTrait::Guest,
        AccountTrait::Remote,
        AccountTrait::Federated,
    ]
    .into_iter()
    .any(|one| accounts.traits.has(one))
}

fn accounts(group: &Document) -> Option<Accounts> {
    let id = group.get_document("_id").ok()?;
    let traits = TRAITS.into_iter();
    let traits = traits.filter(|(name, _)| id.get_bool(name).unwrap_or(false));
    Some(Accounts {
        traits: AccountTraits::of(traits.map(|(_, one)| one)),
        count: bson::counted(group, "count"),
    })
}
