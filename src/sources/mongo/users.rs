//! Users: one pass over the collection that groups accounts by everything the definitions look at.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document, doc};

use super::indexes::Access;
use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::{AccountKind, AccountState, Accounts, LOGIN_SERVICES, Users};

pub async fn read(question: &mut Question<'_>) -> Result<Users, SourceError> {
    let mut group = doc! {
        "_id": {
            "type": { "$cond": [{ "$in": ["$type", ["app", "bot"]] }, "$type", "user"] },
            "active": { "$cond": [{ "$in": ["$active", [true, false]] }, "$active", Bson::Null] },
            "guest": { "$eq": ["$roles", ["guest"]] },
            "remote": { "$eq": ["$isRemote", true] },
            "federated": { "$eq": ["$federated", true] },
        },
        "count": { "$sum": 1 },
        "totp": count_where(doc! { "$eq": ["$services.totp.enabled", true] }),
        "email2fa": count_where(doc! { "$eq": ["$services.email2fa.enabled", true] }),
        "extension": count_where(convert::exists("$extension")),
    };
    for name in LOGIN_SERVICES {
        let field = format!("$services.{name}");
        group.insert(service(name), count_where(convert::exists(&field)));
    }
    let groups = question
        .aggregate("users", vec![doc! { "$group": group }], None)
        .await?;
    let groups: Vec<(Accounts, Document)> = groups
        .into_iter()
        .filter_map(|group| Some((accounts(&group)?, group)))
        .collect();
    let sum = |key: &str, matches: &dyn Fn(&Accounts) -> bool| {
        let matching = groups.iter().filter(|(accounts, _)| matches(accounts));
        matching
            .map(|(_, group)| convert::counted(group, key))
            .sum::<u64>()
    };
    let is_active = |it: &Accounts| it.state == AccountState::Activated;
    let may_log_in = |it: &Accounts| is_active(it) && it.kind != AccountKind::App && !it.guest;
    let by_login_service: BTreeMap<_, _> = LOGIN_SERVICES
        .into_iter()
        .map(|name| (name, sum(&service(name), &may_log_in)))
        .collect();
    Ok(Users {
        by_login_service,
        with_totp: sum("totp", &is_active),
        with_email_2fa: sum("email2fa", &is_active),
        with_extension: sum("extension", &|_| true),
        by_language: by_language(question).await?,
        accounts: groups.into_iter().map(|(accounts, _)| accounts).collect(),
    })
}

/// The field of the pipeline's result that counts a login service.
fn service(name: &str) -> String {
    format!("service_{name}")
}

fn count_where(condition: Document) -> Document {
    doc! { "$sum": { "$cond": [condition, 1, 0] } }
}

/// Languages by their index alone; a text that is not empty counts as one.
async fn by_language(
    question: &mut Question<'_>,
) -> Result<Option<Vec<(String, u64)>>, SourceError> {
    let hint = match question.access("users", "language").await? {
        Access::Index(hint) => Some(hint),
        Access::SmallScan => None,
        Access::Refused => return Ok(None),
    };
    let pipeline = vec![
        doc! { "$match": { "language": { "$gt": "" } } },
        doc! { "$group": { "_id": "$language", "count": { "$sum": 1 } } },
        doc! { "$sort": { "_id": 1 } },
    ];
    let groups = question.aggregate("users", pipeline, hint).await?;
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
