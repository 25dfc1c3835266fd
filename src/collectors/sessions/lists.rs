//! Several lists of groups in one pass over the same rows. A pass is expensive, so the lists share it; each is short,
//! because the server returns all of them in one document.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document, doc};

use super::daily::COLLECTION;
use crate::mongodb::{BoundedGroups, GroupFields, QueryContext, SourceError};

/// The groups of each list, by name.
pub type Lists = BTreeMap<String, BoundedGroups>;

/// A list: its name, the stages that group and sort it, and the fields of its groups.
type List<'a> = (String, Vec<Document>, &'a GroupFields<'a>);

/// Reads the lists, and in a second pass the sums of entries beyond the limit.
pub async fn read(
    query: &QueryContext<'_>,
    rows: Vec<Document>,
    lists: Vec<List<'_>>,
) -> Result<Lists, SourceError> {
    let first = lists.iter().map(|(name, stages, members)| {
        let stages = stages.iter().cloned().chain(members.first_stages());
        (name.clone(), stages.collect())
    });
    let mut answer = pass(query, &rows, first.collect()).await?;
    let mut read = Lists::new();
    for (name, ..) in &lists {
        let groups = BoundedGroups {
            first: documents(answer.remove(name)),
            others: None,
        };
        read.insert(name.clone(), groups);
    }
    let long = lists.iter().filter(|(name, ..)| read[name].exceed_limit());
    let others = long.map(|(name, stages, members)| {
        let stages = stages.iter().cloned().chain(members.other_stages());
        (name.clone(), stages.collect())
    });
    let others: Vec<(String, Vec<Document>)> = others.collect();
    if others.is_empty() {
        return Ok(read);
    }
    let mut answer = pass(query, &rows, others).await?;
    for (name, _, members) in &lists {
        let groups = read.get_mut(name).expect("every list was read");
        query.add_others(groups, members, documents(answer.remove(name)));
    }
    Ok(read)
}

/// One pass over the rows.
async fn pass(
    query: &QueryContext<'_>,
    rows: &[Document],
    facets: Vec<(String, Vec<Document>)>,
) -> Result<Document, SourceError> {
    let facets: Document = facets
        .into_iter()
        .map(|(name, stages)| (name, Bson::from(stages)))
        .collect();
    let mut pipeline = rows.to_vec();
    pipeline.push(doc! { "$facet": facets });
    let answer = query.aggregate(COLLECTION, pipeline, None).await?;
    Ok(answer.into_iter().next().unwrap_or_default())
}

fn documents(list: Option<Bson>) -> Vec<Document> {
    let Some(Bson::Array(items)) = list else {
        return Vec::new();
    };
    let documents = items.into_iter().map(|item| match item {
        Bson::Document(document) => Some(document),
        _ => None,
    });
    documents.flatten().collect()
}
