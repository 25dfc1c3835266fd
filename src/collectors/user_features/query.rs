//! User features: login services in one pass over `users`, because they have no index, and the rest by index.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;

use super::{CustomOauth, LOGIN_SERVICES, UserFeatures};
use crate::catalogue::OTHER;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{Access, GroupFields, QueryContext, SourceError, bson};

const COLLECTION: &str = "users";

/// Maximum number of languages that are counted separately; Rocket.Chat has fewer translations.
const MAX_LANGUAGES: usize = 80;

/// Maximum length of a language, in bytes.
const MAX_LANGUAGE_BYTES: i32 = 100;

/// Maximum number of settings of custom OAuth services.
const MAX_SETTINGS: usize = 1_000;

pub async fn read(
    query: &mut QueryContext<'_>,
    known: &Snapshot,
) -> Result<UserFeatures, SourceError> {
    let names_custom_oauth = known
        .version()
        .is_some_and(UserFeatures::names_custom_oauth);
    let mut custom_oauth = if names_custom_oauth {
        custom_oauth(query).await?
    } else {
        Vec::new()
    };
    let custom = custom_oauth.iter().map(|service| service.name.as_str());
    let names: Vec<&str> = LOGIN_SERVICES.into_iter().chain(custom).collect();
    let FullPass {
        with_service,
        with_extension,
        accounts,
    } = by_services(query, &names).await?;
    for service in &mut custom_oauth {
        service.users = with_service.get(&service.name).copied();
    }
    Ok(UserFeatures {
        custom_oauth,
        by_login_service: LOGIN_SERVICES
            .into_iter()
            .filter_map(|name| Some((name, *with_service.get(name)?)))
            .collect(),
        with_totp: with_second_factor(query, "services.totp.enabled").await?,
        with_email_2fa: with_second_factor(query, "services.email2fa.enabled").await?,
        with_extension,
        by_language: by_language(query).await?,
        accounts,
    })
}

/// Custom OAuth services, from their settings, without their numbers of users.
async fn custom_oauth(query: &QueryContext<'_>) -> Result<Vec<CustomOauth>, SourceError> {
    const PREFIX: &str = "Accounts_OAuth_Custom-";
    const MERGES: &str = "-merge_roles";
    // Other characters are not valid in a path.
    let filter =
        doc! { "_id": { "$regex": "^Accounts_OAuth_Custom-[A-Za-z0-9_]+(-merge_roles)?$" } };
    let most = i64::try_from(MAX_SETTINGS).expect("it is small");
    let pipeline = vec![
        doc! { "$match": filter },
        doc! { "$sort": { "_id": 1 } },
        doc! { "$limit": most + 1 },
        doc! { "$project": {
            "_id": bson::bounded("$_id"),
            "value": { "$eq": ["$value", true] },
        } },
    ];
    let mut settings = query
        .aggregate("rocketchat_settings", pipeline, None)
        .await?;
    if settings.len() > MAX_SETTINGS {
        settings.truncate(MAX_SETTINGS);
        query.left_out("login_services", 1);
    }
    let on: BTreeMap<String, bool> = settings
        .iter()
        .filter_map(|setting| {
            let id = bson::text(setting.get("_id"))?;
            let on = setting.get("value") == Some(&Bson::Boolean(true));
            // An id that was too long to be fetched does not have the prefix.
            Some((id.strip_prefix(PREFIX)?.to_owned(), on))
        })
        .collect();
    Ok(on
        .iter()
        .filter(|(name, _)| !name.contains('-'))
        .map(|(name, enabled)| CustomOauth {
            name: name.clone(),
            enabled: *enabled,
            merges_roles: on.get(&format!("{name}{MERGES}")) == Some(&true),
            users: None,
        })
        .collect())
}

/// Accounts with each of the named login services, accounts with an extension, and all accounts.
///
/// The pass counts all activated accounts, and a second query subtracts the few apps and guests, so that the pass hardly
/// computes anything per account. Accounts are grouped by the list of keys below `services`, and the names are looked up
/// in the groups on the server: there can be a million groups, of which only sums come over the network.
async fn by_services(query: &QueryContext<'_>, names: &[&str]) -> Result<FullPass, SourceError> {
    // Listing the keys costs half as much as testing for each.
    let keys = bson::field_names("$services");
    let mut group_by = doc! {
        "_id": &keys,
        "count": { "$sum": bson::is("$active", true) },
        "accounts": { "$sum": 1 },
    };
    // Versions with calls have an index; without it the pass counts.
    let index = query.known_index(COLLECTION, "extension").await?;
    if index.is_none() {
        let has_one = bson::one_where(bson::exists("$extension"));
        group_by.insert("extension", doc! { "$sum": has_one });
    }
    let mut all = vec![doc! { "$group": group_by }];
    all.extend(by_name(names));
    let all = query.aggregate(COLLECTION, all, None).await?;
    let mut left_out = vec![
        doc! { "$match": { "active": true, "$or": [{ "type": "app" }, { "roles": ["guest"] }] } },
        doc! { "$group": { "_id": &keys, "count": { "$sum": 1 } } },
    ];
    left_out.extend(by_name(names));
    let left_out = query.aggregate(COLLECTION, left_out, None).await?;
    let of_names = |groups: &[Document]| -> BTreeMap<String, u64> {
        let groups = groups.iter().filter_map(|group| {
            let name = bson::text(group.get("_id"))?;
            Some((name, bson::counted(group, "count")))
        });
        groups.collect()
    };
    let (all, left_out) = (of_names(&all), of_names(&left_out));
    let count_in =
        |counts: &BTreeMap<String, u64>, name: &str| counts.get(name).copied().unwrap_or_default();
    let with_service = names.iter().filter_map(|name| {
        // Negative where accounts changed between the queries.
        let number = count_in(&all, name).checked_sub(count_in(&left_out, name))?;
        Some(((*name).to_owned(), number))
    });
    let with_service = with_service.collect();
    let with_extension = match index {
        Some(index) => {
            let filter = doc! { "extension": { "$exists": true } };
            let count = query.count(COLLECTION, filter, Some(Hint::Name(index)));
            count.await?.unwrap_or_default()
        }
        None => count_in(&all, EXTENSION),
    };
    Ok(FullPass {
        with_service,
        with_extension,
        accounts: count_in(&all, ACCOUNTS),
    })
}

/// What one pass over all accounts counts.
struct FullPass {
    /// Accounts with each login service; without those whose number is unknown.
    with_service: BTreeMap<String, u64>,
    with_extension: u64,
    accounts: u64,
}

/// The name of the group of accounts with an extension, beside names of login services.
const EXTENSION: &str = "";

/// The name of the group of all accounts.
const ACCOUNTS: &str = "*";

/// The stages that turn groups by list of names into one group for each name, one for extensions and one for
/// all accounts.
fn by_name(names: &[&str]) -> [Document; 3] {
    let counted = doc! { "$map": {
        "input": { "$setIntersection": ["$_id", names] },
        "in": { "name": "$$this", "count": "$count" },
    } };
    let extension = doc! { "name": EXTENSION, "count": { "$ifNull": ["$extension", 0] } };
    let accounts = doc! { "name": ACCOUNTS, "count": { "$ifNull": ["$accounts", 0] } };
    [
        doc! { "$project": { "of": { "$concatArrays": [counted, [extension, accounts]] } } },
        doc! { "$unwind": "$of" },
        doc! { "$group": { "_id": "$of.name", "count": { "$sum": "$of.count" } } },
    ]
}

/// Activated accounts with a second factor: by the index on `active` and the factor, else by a pass.
async fn with_second_factor(
    query: &QueryContext<'_>,
    factor: &'static str,
) -> Result<u64, SourceError> {
    let filter = doc! { "active": true, factor: true };
    if let Some(name) = query.known_pair(COLLECTION, "active", factor).await? {
        let count = query
            .count(COLLECTION, filter, Some(Hint::Name(name)))
            .await?;
        return Ok(count.unwrap_or_default());
    }
    let pipeline = vec![
        doc! { "$match": filter },
        doc! { "$group": { "_id": Bson::Null, "count": { "$sum": 1 } } },
    ];
    // Fetching every activated account by an index on `active` costs more than a pass.
    let pass = Hint::Keys(doc! { "$natural": 1 });
    let groups = query.aggregate(COLLECTION, pipeline, Some(pass)).await?;
    let counted = |group| bson::counted(group, "count");
    Ok(groups.first().map_or(0, counted))
}

/// Accounts by language, from the index alone; empty strings are left out. Counting each language costs half as much as
/// grouping them.
async fn by_language(
    query: &mut QueryContext<'_>,
) -> Result<Option<Vec<(String, u64)>>, SourceError> {
    let Access::Granted(hint) = query.access(COLLECTION, "language").await? else {
        return Ok(None);
    };
    if hint.is_some() {
        let most = i64::try_from(MAX_LANGUAGES + 1).expect("it is small");
        let is_short = doc! { "$lte": [{ "$strLenBytes": "$_id" }, MAX_LANGUAGE_BYTES] };
        let names = vec![
            doc! { "$match": { "language": { "$gt": "" } } },
            doc! { "$group": { "_id": "$language" } },
            doc! { "$limit": most },
            doc! { "$project": { "_id": { "$cond": [is_short, "$_id", Bson::Null] } } },
        ];
        let names = query.aggregate(COLLECTION, names, hint.clone()).await?;
        let names: Option<Vec<String>> = names.iter().map(name_to_look_for).collect();
        if let Some(names) = names.filter(|names| names.len() <= MAX_LANGUAGES) {
            return one_by_one(query, names, hint).await.map(Some);
        }
    }
    let pipeline = vec![
        doc! { "$match": { "language": { "$gt": "" } } },
        doc! { "$group": { "_id": "$language", "count": { "$sum": 1 } } },
        doc! { "$sort": { "count": -1, "_id": 1 } },
    ];
    let members = GroupFields {
        what: "languages",
        keys: &[],
        sums: &["count"],
    };
    let groups = query.groups(COLLECTION, pipeline, hint, &members).await?;
    // Sorted by name; different invalid strings can have become equal.
    let mut languages: BTreeMap<String, u64> = BTreeMap::new();
    let first = groups.first.iter();
    let first = first.filter_map(|group| Some((bson::text(group.get("_id"))?, group)));
    let others = groups.others.iter().map(|group| (OTHER.to_owned(), group));
    for (language, group) in first.chain(others) {
        *languages.entry(language).or_default() += bson::counted(group, "count");
    }
    Ok(Some(languages.into_iter().collect()))
}

/// A language that accounts can be counted by: it is short, and valid UTF-8.
fn name_to_look_for(group: &Document) -> Option<String> {
    bson::text(group.get("_id")).filter(|name| !name.contains(char::REPLACEMENT_CHARACTER))
}

async fn one_by_one(
    query: &QueryContext<'_>,
    mut names: Vec<String>,
    hint: Option<Hint>,
) -> Result<Vec<(String, u64)>, SourceError> {
    names.sort_unstable();
    let mut languages = Vec::new();
    for name in names {
        let filter = doc! { "language": &name };
        let count = query.count(COLLECTION, filter, hint.clone()).await?;
        languages.push((name, count.unwrap_or_default()));
    }
    Ok(languages)
}
