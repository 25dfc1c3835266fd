//! Groups whose number the database decides: the first of them one by one, and all others as one, so that neither an
//! answer nor what is kept of it grows with what the database holds.

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;

use super::bson;
use super::error::SourceError;
use super::query::QueryContext;

/// Groups of one kind that are told one by one.
pub const MOST_GROUPS: usize = 1_000;

/// The groups of a pipeline.
pub struct Groups {
    /// The first in the pipeline's order, at most [`MOST_GROUPS`].
    pub first: Vec<Document>,
    /// The sums of all others; `None` when there are none.
    pub others: Option<Document>,
}

impl Groups {
    /// Whether the others have to be asked for: one group more than those that are told was found.
    pub fn are_too_many(&self) -> bool {
        self.first.len() > MOST_GROUPS
    }
}

/// What the groups of a pipeline have.
pub struct Members<'a> {
    /// What a group stands for, in the words of the label `what`.
    pub what: &'static str,
    /// Fields of the `_id`; none where that is a value itself. Long ones are not fetched.
    pub keys: &'a [&'a str],
    /// Numbers that are added up over the groups that are not told one by one.
    pub sums: &'a [&'a str],
}

impl Members<'_> {
    /// The stages that shorten a sorted list of groups, with one more group to tell that there are others.
    pub fn first(&self) -> [Document; 2] {
        let mut shown = Document::new();
        if self.keys.is_empty() {
            shown.insert("_id", bson::bounded("$_id"));
        }
        for key in self.keys {
            let path = format!("_id.{key}");
            let value = bson::bounded(&format!("${path}"));
            shown.insert(path, value);
        }
        shown.extend(
            self.sums
                .iter()
                .map(|name| ((*name).to_owned(), Bson::Int32(1))),
        );
        let most = i64::try_from(MOST_GROUPS + 1).expect("it is small");
        [doc! { "$limit": most }, doc! { "$project": shown }]
    }

    /// The stages that add up the groups behind those.
    pub fn others(&self) -> [Document; 2] {
        let mut sums = doc! { "_id": Bson::Null, "groups": { "$sum": 1 } };
        for name in self.sums {
            sums.insert(*name, doc! { "$sum": format!("${name}") });
        }
        let most = i64::try_from(MOST_GROUPS).expect("it is small");
        [doc! { "$skip": most }, doc! { "$group": sums }]
    }
}

impl QueryContext<'_> {
    /// The groups of a pipeline that ends with an order. Only when there are too many the others are asked for.
    pub async fn groups(
        &self,
        collection: &str,
        pipeline: Vec<Document>,
        hint: Option<Hint>,
        members: &Members<'_>,
    ) -> Result<Groups, SourceError> {
        let mut first = pipeline.clone();
        first.extend(members.first());
        let first = self.aggregate(collection, first, hint.clone()).await?;
        let mut groups = Groups {
            first,
            others: None,
        };
        if groups.are_too_many() {
            let mut others = pipeline;
            others.extend(members.others());
            let others = self.aggregate(collection, others, hint).await?;
            self.add_others(&mut groups, members, others);
        }
        Ok(groups)
    }

    /// The same with sums of a field's finite numbers, as [`QueryContext::finite_sums`] makes them.
    pub async fn finite_groups(
        &self,
        collection: &str,
        pipeline: impl Fn(fn(&str) -> Bson) -> Vec<Document>,
        members: &Members<'_>,
    ) -> Result<Groups, SourceError> {
        let plain = pipeline(|path| path.into());
        let groups = self.groups(collection, plain, None, members).await?;
        let is_finite = |group: &Document| {
            let mut sums = members.sums.iter();
            sums.all(|name| bson::summed(group, name).is_finite())
        };
        if groups.first.iter().chain(&groups.others).all(is_finite) {
            return Ok(groups);
        }
        let guarded = pipeline(|path| bson::finite(path).into());
        self.groups(collection, guarded, None, members).await
    }

    /// Puts the sums of all others beside the first groups, and notes how many they are.
    pub fn add_others(
        &self,
        groups: &mut Groups,
        members: &Members<'_>,
        mut others: Vec<Document>,
    ) {
        groups.first.truncate(MOST_GROUPS);
        groups.others = others.pop();
        let count = groups
            .others
            .as_ref()
            .map_or(0, |it| bson::counted(it, "groups"));
        self.left_out_at_least(members.what, count);
    }
}
