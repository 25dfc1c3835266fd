//! Users: one pass over the collection for what every account may have, and indexes for what few of them have.
//!
//! A pass costs by what is computed for each account, far more than by reading it. So it only notes the names of login
//! services; bots, apps, guests and accounts of other servers are found by their indexes, and the people of this server
//! are all the others.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;

use super::indexes::Access;
use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::{
    AccountKind, AccountState, Accounts, CustomOauth, LOGIN_SERVICES, Snapshot, Users, Version,
};

const COLLECTION: &str = "users";

/// The indexes by which every account is found that is not simply a person of this server.
const INDEXES_OF_SPECIAL: [&str; 4] = ["type", "roles", "isRemote", "federated"];

/// From this version on OAuth services of the workspace's own are shown by their names ...
const NAMES_CUSTOM_OAUTH: Version = Version::new(3, 17, 0);

/// ... and from this one on by numbers.
const NUMBERS_CUSTOM_OAUTH: Version = Version::new(4, 1, 0);

pub async fn read(question: &mut Question<'_>, known: &Snapshot) -> Result<Users, SourceError> {
    let names_services = known
        .version()
        .is_some_and(|it| (NAMES_CUSTOM_OAUTH..NUMBERS_CUSTOM_OAUTH).contains(&it));
    let mut custom_oauth = if names_services {
        custom_oauth(question).await?
    } else {
        Vec::new()
    };
    let counted = if is_indexed(question).await? {
        by_index(question).await?
    } else {
        by_pass(question).await?
    };
    for service in &mut custom_oauth {
        service.users = counted.with_service(&service.name);
    }
    Ok(Users {
        custom_oauth,
        by_login_service: LOGIN_SERVICES
            .into_iter()
            .map(|name| (name, counted.with_service(name)))
            .collect(),
        with_totp: with_second_factor(question, "services.totp.enabled").await?,
        with_email_2fa: with_second_factor(question, "services.email2fa.enabled").await?,
        with_extension: counted.with_extension,
        by_language: by_language(question).await?,
        accounts: counted.accounts,
    })
}

/// OAuth services of the workspace's own, each by its settings; nobody is counted yet.
async fn custom_oauth(question: &Question<'_>) -> Result<Vec<CustomOauth>, SourceError> {
    const PREFIX: &str = "Accounts_OAuth_Custom-";
    const MERGES: &str = "-merge_roles";
    // A name with anything else in it is no part of a path that MongoDB understands.
    let filter =
        doc! { "_id": { "$regex": "^Accounts_OAuth_Custom-[A-Za-z0-9_]+(-merge_roles)?$" } };
    let settings = question
        .find("rocketchat_settings", filter, doc! { "value": 1 })
        .await?;
    let on: BTreeMap<String, bool> = settings
        .iter()
        .filter_map(|setting| {
            let id = convert::text(setting.get("_id"))?;
            let on = setting.get("value") == Some(&Bson::Boolean(true));
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
            users: 0,
        })
        .collect())
}

/// What is counted of all accounts.
struct Counted {
    accounts: Vec<Accounts>,
    /// Activated accounts by their login services, and those of them that the definition leaves out.
    services: Vec<(Vec<String>, u64)>,
    services_left_out: Vec<(Vec<String>, u64)>,
    with_extension: u64,
}

impl Counted {
    fn with_service(&self, name: &str) -> u64 {
        let with = |groups: &[(Vec<String>, u64)]| -> u64 {
            let with_it = groups
                .iter()
                .filter(|(services, _)| services.iter().any(|it| it == name));
            with_it.map(|(_, count)| count).sum()
        };
        with(&self.services).saturating_sub(with(&self.services_left_out))
    }
}

async fn is_indexed(question: &Question<'_>) -> Result<bool, SourceError> {
    for key in INDEXES_OF_SPECIAL {
        if question.known_index(COLLECTION, key).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Everything in one pass, as there is no way to find the special accounts otherwise.
async fn by_pass(question: &Question<'_>) -> Result<Counted, SourceError> {
    let groups = groups(question, Document::new()).await?;
    let services = groups.iter().filter(|group| is_activated(&group.accounts));
    Ok(Counted {
        services: services.map(Group::services).collect(),
        services_left_out: left_out(&groups),
        with_extension: groups.iter().map(|group| group.with_extension).sum(),
        accounts: groups.into_iter().map(|group| group.accounts).collect(),
    })
}

/// The special accounts by their indexes, and all the others as the difference to a pass.
async fn by_index(question: &Question<'_>) -> Result<Counted, SourceError> {
    let filter = doc! { "$or": [
        { "type": { "$in": ["app", "bot"] } },
        { "roles": ["guest"] },
        { "isRemote": true },
        { "federated": true },
    ] };
    let mut special = groups(question, filter).await?;
    special.retain(|group| is_special(&group.accounts));
    let pipeline = vec![doc! { "$group": {
        "_id": names_of_services(),
        "count": { "$sum": 1 },
        "activated": { "$sum": convert::is("$active", true) },
        "deactivated": { "$sum": convert::is("$active", false) },
        "extension": { "$sum": convert::one_where(convert::exists("$extension")) },
    } }];
    let all = question.aggregate(COLLECTION, pipeline, None).await?;
    let sum = |key: &str| -> u64 { all.iter().map(|group| convert::counted(group, key)).sum() };
    let (activated, deactivated) = (sum("activated"), sum("deactivated"));
    let unset = sum("count").saturating_sub(activated + deactivated);
    let services_left_out = left_out(&special);
    let mut accounts: Vec<Accounts> = special.into_iter().map(|group| group.accounts).collect();
    for (state, total) in [
        (AccountState::Activated, activated),
        (AccountState::Deactivated, deactivated),
        (AccountState::Unset, unset),
    ] {
        let special = accounts.iter().filter(|it| it.state == state);
        let special: u64 = special.map(|it| it.count).sum();
        accounts.push(Accounts {
            kind: AccountKind::User,
            state,
            guest: false,
            remote: false,
            federated: false,
            count: total.saturating_sub(special),
        });
    }
    Ok(Counted {
        accounts,
        services: all
            .iter()
            .map(|group| {
                (
                    texts(group.get("_id")),
                    convert::counted(group, "activated"),
                )
            })
            .collect(),
        services_left_out,
        with_extension: sum("extension"),
    })
}

/// Accounts that are alike, with the names of their login services.
struct Group {
    accounts: Accounts,
    services: Vec<String>,
    with_extension: u64,
}

impl Group {
    fn services(&self) -> (Vec<String>, u64) {
        (self.services.clone(), self.accounts.count)
    }
}

/// Accounts that match, grouped by everything that the definitions look at.
async fn groups(question: &Question<'_>, filter: Document) -> Result<Vec<Group>, SourceError> {
    let pipeline = vec![
        doc! { "$match": filter },
        doc! { "$group": {
            "_id": {
                "type": { "$cond": [{ "$in": ["$type", ["app", "bot"]] }, "$type", "user"] },
                "active": { "$cond": [{ "$in": ["$active", [true, false]] }, "$active", Bson::Null] },
                "guest": { "$eq": ["$roles", ["guest"]] },
                "remote": { "$eq": ["$isRemote", true] },
                "federated": { "$eq": ["$federated", true] },
                "services": names_of_services(),
            },
            "count": { "$sum": 1 },
            "extension": { "$sum": convert::one_where(convert::exists("$extension")) },
        } },
    ];
    let groups = question.aggregate(COLLECTION, pipeline, None).await?;
    Ok(groups
        .iter()
        .filter_map(|group| {
            Some(Group {
                accounts: accounts(group)?,
                services: texts(group.get_document("_id").ok()?.get("services")),
                with_extension: convert::counted(group, "extension"),
            })
        })
        .collect())
}

/// The names of the fields below `services`, in the order of the document. To name them costs half of what it costs to
/// look for each of them.
fn names_of_services() -> Document {
    let is_object = doc! { "$eq": [{ "$type": "$services" }, "object"] };
    doc! { "$map": {
        "input": { "$cond": [is_object, { "$objectToArray": "$services" }, []] },
        "in": "$$this.k",
    } }
}

fn texts(value: Option<&Bson>) -> Vec<String> {
    let items = value.and_then(Bson::as_array).into_iter().flatten();
    items.filter_map(|item| convert::text(Some(item))).collect()
}

fn is_activated(accounts: &Accounts) -> bool {
    accounts.state == AccountState::Activated
}

/// Whether an account is more than simply one of a person of this server.
fn is_special(accounts: &Accounts) -> bool {
    accounts.kind != AccountKind::User || accounts.guest || accounts.remote || accounts.federated
}

/// The login services of apps and pure guests, who are not counted among those who log in.
fn left_out(groups: &[Group]) -> Vec<(Vec<String>, u64)> {
    let left_out = groups.iter().filter(|group| {
        let accounts = &group.accounts;
        is_activated(accounts) && (accounts.kind == AccountKind::App || accounts.guest)
    });
    left_out.map(Group::services).collect()
}

/// Activated accounts that have a second factor: by the index that holds it beside `active`, else by a pass.
async fn with_second_factor(
    question: &Question<'_>,
    factor: &'static str,
) -> Result<u64, SourceError> {
    let filter = doc! { "active": true, factor: true };
    if let Some(name) = question.known_pair(COLLECTION, "active", factor).await? {
        let count = question
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
    let groups = question.aggregate(COLLECTION, pipeline, Some(pass)).await?;
    let counted = |group| convert::counted(group, "count");
    Ok(groups.first().map_or(0, counted))
}

/// Languages by their index alone; a text that is not empty counts as one.
async fn by_language(
    question: &mut Question<'_>,
) -> Result<Option<Vec<(String, u64)>>, SourceError> {
    let hint = match question.access(COLLECTION, "language").await? {
        Access::Index(hint) => Some(hint),
        Access::SmallScan => None,
        Access::Refused => return Ok(None),
    };
    let pipeline = vec![
        doc! { "$match": { "language": { "$gt": "" } } },
        doc! { "$group": { "_id": "$language", "count": { "$sum": 1 } } },
        doc! { "$sort": { "_id": 1 } },
    ];
    let groups = question.aggregate(COLLECTION, pipeline, hint).await?;
    Ok(Some(
        groups
            .iter()
            .filter_map(|group| {
                let language = convert::text(group.get("_id"))?;
                Some((language, convert::counted(group, "count")))
            })
            .collect(),
    ))
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
