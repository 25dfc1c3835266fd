//! Room features: counts by index, and one pass for features without one.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::Hint;

use super::{ROOM_FEATURES, RoomFeature, RoomFeatures};
use crate::collectors::context::CollectorContext;
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{SourceError, bson};

const COLLECTION: &str = "rocketchat_room";

/// The group's key for rooms without a counter, beside the names of features.
const WITHOUT_COUNTER: &str = "without_counter";

/// The group's key for rooms without members.
const ORPHANED: &str = "orphaned";

/// Kinds of rooms that can be empty: direct rooms, and omnichannel conversations and calls.
const MAY_BE_LEFT: [&str; 3] = ["d", "l", "v"];

pub async fn read(
    query: &mut CollectorContext<'_>,
    _: &Snapshot,
) -> Result<RoomFeatures, SourceError> {
    let mut features = BTreeMap::new();
    let mut filters = vec![
        doc! { "msgs": { "$not": { "$gte": f64::MIN, "$lte": f64::MAX } } },
        // Conditions of the query language also match elements of arrays.
        doc! { "msgs": { "$type": "array" } },
        doc! { "usersCount": 0, "t": { "$nin": MAY_BE_LEFT.as_slice() } },
    ];
    let has_no_counter = doc! { "$not": [bson::is_finite("$msgs")] };
    let may_be_left = bson::finds_any("$t", &MAY_BE_LEFT);
    let is_orphaned = doc! { "$and": [
        bson::finds("$usersCount", 0),
        { "$not": [may_be_left] },
    ] };
    let mut group_by = doc! {
        "_id": Bson::Null,
        ORPHANED: { "$sum": bson::one_where(is_orphaned) },
        WITHOUT_COUNTER: { "$sum": bson::one_where(has_no_counter) },
    };
    for (name, feature) in ROOM_FEATURES {
        if let Some(index) = query.known_index(COLLECTION, field(feature)).await? {
            let hint = Some(Hint::Name(index));
            let count = query.count(COLLECTION, filter(feature), hint).await?;
            features.insert(name, count.unwrap_or_default());
        } else {
            filters.push(filter(feature));
            let has_it = bson::one_where(condition(feature));
            group_by.insert(name, doc! { "$sum": has_it });
        }
    }
    // Few rooms match, so the filter evaluates each room, and not the sums.
    let pipeline = vec![
        doc! { "$match": { "$or": filters } },
        doc! { "$group": group_by },
    ];
    let found = query.aggregate(COLLECTION, pipeline, None).await?;
    let found = found.into_iter().next().unwrap_or_default();
    for (name, _) in ROOM_FEATURES {
        features
            .entry(name)
            .or_insert_with(|| bson::counted(&found, name));
    }
    Ok(RoomFeatures {
        features,
        without_counter: bson::counted(&found, WITHOUT_COUNTER),
        orphaned: bson::counted(&found, ORPHANED),
        grants: query.grants.clone(),
    })
}

/// The field whose index finds rooms with a feature.
fn field(feature: RoomFeature) -> &'static str {
    match feature {
        RoomFeature::True(field)
        | RoomFeature::Exists(field)
        | RoomFeature::ExistsWithout(field, _)
        | RoomFeature::ExistsWithoutAndTrue(field, ..)
        | RoomFeature::ExistsUnless(field, _)
        | RoomFeature::Is(field, _) => field,
    }
}

/// The filter for rooms with a feature.
fn filter(feature: RoomFeature) -> Document {
    let exists = doc! { "$exists": true };
    let is_missing = doc! { "$exists": false };
    match feature {
        RoomFeature::True(field) => doc! { field: true },
        RoomFeature::Exists(field) => doc! { field: exists },
        RoomFeature::ExistsWithout(field, other) => doc! { field: exists, other: is_missing },
        RoomFeature::ExistsWithoutAndTrue(field, other, third) => {
            doc! { field: exists, other: is_missing, third: true }
        }
        RoomFeature::ExistsUnless(field, other) => doc! { field: exists, other: { "$ne": true } },
        RoomFeature::Is(field, value) => doc! { field: value },
    }
}

/// The expression for whether a room has a feature.
fn condition(feature: RoomFeature) -> Document {
    let exists = |field: &str| bson::exists(&format!("${field}"));
    let is_true = |field: &str| bson::finds(&format!("${field}"), true);
    match feature {
        RoomFeature::True(field) => is_true(field),
        RoomFeature::Exists(field) => exists(field),
        RoomFeature::ExistsWithout(field, other) => {
            doc! { "$and": [exists(field), { "$not": [exists(other)] }] }
        }
        RoomFeature::ExistsWithoutAndTrue(field, other, third) => {
            doc! { "$and": [exists(field), { "$not": [exists(other)] }, is_true(third)] }
        }
        RoomFeature::ExistsUnless(field, other) => {
            doc! { "$and": [exists(field), { "$not": [is_true(other)] }] }
        }
        RoomFeature::Is(field, value) => bson::finds(&format!("${field}"), value),
    }
}
