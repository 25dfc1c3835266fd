//! What users have: login services in a pass over all of them, because no index knows them, and the rest by indexes.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;

use super::indexes::Access;
use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::{CustomOauth, LOGIN_SERVICES, Snapshot, UserFeatures};

const COLLECTION: &str = "users";

/// More languages than this are grouped, and not counted one by one: Rocket.Chat is translated into fewer.
const MOST_LANGUAGES: usize = 80;

pub async fn read(
    question: &mut Question<'_>,
    known: &Snapshot,
) -> Result<UserFeatures, SourceError> {
    let (services, with_extension) = by_services(question).await?;
    let with_service = |name: &str| -> u64 {
        let with_it = services.iter().filter(|group| group.has(name));
        let (left_out, all): (Vec<_>, Vec<_>) = with_it.partition(|group| group.is_left_out);
        let sum = |groups: Vec<&Group>| groups.iter().map(|group| group.count).sum::<u64>();
        sum(all).saturating_sub(sum(left_out))
    };
    let names_custom_oauth = known
        .version()
        .is_some_and(UserFeatures::names_custom_oauth);
    let mut custom_oauth = if names_custom_oauth {
        custom_oauth(question).await?
    } else {
        Vec::new()
    };
    for service in &mut custom_oauth {
        service.users = with_service(&service.name);
    }
    Ok(UserFeatures {
        custom_oauth,
        by_login_service: LOGIN_SERVICES
            .into_iter()
            .map(|name| (name, with_service(name)))
            .collect(),
        with_totp: with_second_factor(question, "services.totp.enabled").await?,
        with_email_2fa: with_second_factor(question, "services.email2fa.enabled").await?,
        with_extension,
        by_language: by_language(question).await?,
        accounts: question.estimated_count(COLLECTION).await?,
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

/// Activated accounts with the same login services.
struct Group {
    services: Vec<String>,
    /// Whether they are to be taken off, as apps and pure guests: those are among the others too.
    is_left_out: bool,
    count: u64,
}

impl Group {
    fn has(&self, service: &str) -> bool {
        self.services.iter().any(|it| it == service)
    }
}

/// All activated accounts by their login services; and once more those that are not counted, which are few, so that the
/// pass computes hardly anything else for each account. Also the number of accounts with an extension.
async fn by_services(question: &Question<'_>) -> Result<(Vec<Group>, u64), SourceError> {
    let mut group_by = doc! {
        "_id": names_of_services(),
        "count": { "$sum": convert::is("$active", true) },
    };
    // Versions with calls have an index; only without it the pass has to look.
    let extension = question.known_index(COLLECTION, "extension").await?;
    if extension.is_none() {
        let has_one = convert::one_where(convert::exists("$extension"));
        group_by.insert("extension", doc! { "$sum": has_one });
    }
    let all = vec![doc! { "$group": group_by }];
    let all = question.aggregate(COLLECTION, all, None).await?;
    let with_extension = if let Some(index) = extension {
        let filter = doc! { "extension": { "$exists": true } };
        let count = question.count(COLLECTION, filter, Some(Hint::Name(index)));
        count.await?.unwrap_or_default()
    } else {
        let counted = all.iter().map(|it| convert::counted(it, "extension"));
        counted.sum()
    };
    let left_out = vec![
        doc! { "$match": { "active": true, "$or": [{ "type": "app" }, { "roles": ["guest"] }] } },
        doc! { "$match": { "$expr": { "$or": [
            { "$eq": ["$type", "app"] },
            { "$eq": ["$roles", ["guest"]] },
        ] } } },
        doc! { "$group": { "_id": names_of_services(), "count": { "$sum": 1 } } },
    ];
    let left_out = question.aggregate(COLLECTION, left_out, None).await?;
    let group = |is_left_out: bool| {
        move |group: &Document| Group {
            services: convert::texts(group.get("_id")),
            is_left_out,
            count: convert::counted(group, "count"),
        }
    };
    let all = all.iter().map(group(false));
    let groups = all.chain(left_out.iter().map(group(true))).collect();
    Ok((groups, with_extension))
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

/// Languages by their index alone; a text that is not empty counts as one. To count each by itself costs half of what it
/// costs to group them.
async fn by_language(
    question: &mut Question<'_>,
) -> Result<Option<Vec<(String, u64)>>, SourceError> {
    let Access::Granted(hint) = question.access(COLLECTION, "language").await? else {
        return Ok(None);
    };
    if hint.is_some() {
        let names = vec![
            doc! { "$match": { "language": { "$gt": "" } } },
            doc! { "$group": { "_id": "$language" } },
        ];
        let names = question.aggregate(COLLECTION, names, hint.clone()).await?;
        if names.len() <= MOST_LANGUAGES {
            return one_by_one(question, &names, hint).await.map(Some);
        }
    }
    let pipeline = vec![
        doc! { "$match": { "language": { "$gt": "" } } },
        doc! { "$group": { "_id": "$language", "count": { "$sum": 1 } } },
        doc! { "$sort": { "_id": 1 } },
    ];
    let groups = question.aggregate(COLLECTION, pipeline, hint).await?;
    let language = |group: &Document| {
        let language = convert::text(group.get("_id"))?;
        Some((language, convert::counted(group, "count")))
    };
    Ok(Some(groups.iter().filter_map(language).collect()))
}

async fn one_by_one(
    question: &Question<'_>,
    names: &[Document],
    hint: Option<Hint>,
) -> Result<Vec<(String, u64)>, SourceError> {
    let names = names.iter().filter_map(|it| convert::text(it.get("_id")));
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    let mut languages = Vec::new();
    for name in names {
        let filter = doc! { "language": &name };
        let count = question.count(COLLECTION, filter, hint.clone()).await?;
        languages.push((name, count.unwrap_or_default()));
    }
    Ok(languages)
}
