//! Aggregations with an unbounded number of groups: the first groups separately, the rest as one sum, so that neither
//! replies nor memory grow with the database.

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;

use super::bson;
use super::error::SourceError;
use super::query::QueryContext;

/// How many groups of one kind are listed.
pub const MAX_GROUPS: usize = 1_000;

/// The result of an aggregation.
pub struct BoundedGroups {
    /// The first groups in the pipeline's order, at most [`MAX_GROUPS`].
    pub first: Vec<Document>,
    /// The sums of the others; `None` when there are none.
    pub others: Option<Document>,
}

impl BoundedGroups {
    /// Whether there are more groups than are listed.
    pub fn exceed_limit(&self) -> bool {
        self.first.len() > MAX_GROUPS
    }
}

/// The fields of the groups.
pub struct GroupFields<'a> {
    /// The value of the label `what`.
    pub what: &'static str,
    /// Fields of `_id`; empty where that is a value itself. Long values are not fetched.
    pub keys: &'a [&'a str],
    /// Numbers that are summed over the groups that are not listed.
    pub sums: &'a [&'a str],
}

impl GroupFields<'_> {
    /// The stages that limit a sorted list of groups, to one more than are listed.
    pub fn first_stages(&self) -> [Document; 2] {
        let mut projection = Document::new();
        if self.keys.is_empty() {
            projection.insert("_id", bson::bounded("$_id"));
        }
        for key in self.keys {
            let path = format!("_id.{key}");
            let value = bson::bounded(&format!("${path}"));
            projection.insert(path, value);
        }
        projection.extend(
            self.sums
                .iter()
                .map(|name| ((*name).to_owned(), Bson::Int32(1))),
        );
        let limit = i64::try_from(MAX_GROUPS + 1).expect("it is small");
        [doc! { "$limit": limit }, doc! { "$project": projection }]
    }

    /// The stages that sum the other groups.
    pub fn other_stages(&self) -> [Document; 2] {
        let mut sums = doc! { "_id": Bson::Null, "groups": { "$sum": 1 } };
        for name in self.sums {
            sums.insert(*name, doc! { "$sum": format!("${name}") });
        }
        let skip = i64::try_from(MAX_GROUPS).expect("it is small");
        [doc! { "$skip": skip }, doc! { "$group": sums }]
    }
}

impl QueryContext<'_> {
    /// Runs a pipeline that ends with a sort. The others are queried only when there are too many groups.
    pub async fn groups(
        &self,
        collection: &str,
        pipeline: Vec<Document>,
        hint: Option<Hint>,
        fields: &GroupFields<'_>,
    ) -> Result<BoundedGroups, SourceError> {
        let mut first = pipeline.clone();
        first.extend(fields.first_stages());
        let first = self.aggregate(collection, first, hint.clone()).await?;
        let mut groups = BoundedGroups {
            first,
            others: None,
        };
        if groups.exceed_limit() {
            let mut others = pipeline;
            others.extend(fields.other_stages());
            let others = self.aggregate(collection, others, hint).await?;
            self.add_others(&mut groups, fields, others);
        }
        Ok(groups)
    }

    /// The same with sums of finite numbers; see [`QueryContext::finite_sums`].
    pub async fn finite_groups(
        &self,
        collection: &str,
        pipeline: impl Fn(fn(&str) -> Bson) -> Vec<Document>,
        fields: &GroupFields<'_>,
    ) -> Result<BoundedGroups, SourceError> {
        let plain = pipeline(|path| path.into());
        let groups = self.groups(collection, plain, None, fields).await?;
        let is_finite = |group: &Document| {
            let mut sums = fields.sums.iter();
            sums.all(|name| bson::summed(group, name).is_finite())
        };
        if groups.first.iter().chain(&groups.others).all(is_finite) {
            return Ok(groups);
        }
        let guarded = pipeline(|path| bson::finite(path).into());
        self.groups(collection, guarded, None, fields).await
    }

    /// Adds the sums of the others, and records how many groups they are.
    pub fn add_others(
        &self,
        groups: &mut BoundedGroups,
        fields: &GroupFields<'_>,
        mut others: Vec<Document>,
    ) {
        groups.first.truncate(MAX_GROUPS);
        groups.others = others.pop();
        let count = groups
            .others
            .as_ref()
            .map_or(0, |others| bson::counted(others, "groups"));
        self.left_out_at_least(fields.what, count);
    }
}
