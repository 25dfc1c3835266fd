//! What the server is asked to tell of documents and of changes: only what counts.

use std::collections::BTreeSet;

use mongodb::bson::{Bson, Document, doc};

use super::fields::Followed;

/// The documents of a collection that are kept.
pub fn filter(followed: Followed) -> Document {
    match followed {
        Followed::Sessions => doc! { "connections.instanceId": { "$exists": true } },
        _ => Document::new(),
    }
}

/// The fields of a document that count.
pub fn projection(followed: Followed) -> Document {
    match followed {
        Followed::Sessions => doc! { "connections.instanceId": 1 },
        _ => followed
            .names()
            .into_iter()
            .map(|it| (it.to_owned(), Bson::Int32(1)))
            .collect(),
    }
}

/// The stages after `$changeStream` that pass on changes of these collections, and of updates only those that touch a
/// field that counts.
///
/// An update tells `touched`, the paths of fields that were set or removed, and `set`, the values of those that were set
/// as a whole; what is touched and not set is gone. A path with a dot is a part of a field.
pub fn changes(collections: &BTreeSet<Followed>) -> Vec<Document> {
    let names: Vec<&str> = collections.iter().map(|it| it.name()).collect();
    let fields: BTreeSet<&str> = collections.iter().flat_map(|it| it.names()).collect();
    let fields: Vec<&str> = fields.into_iter().collect();
    let of_rows = collections.iter().flat_map(|it| it.fields());
    let of_rows: BTreeSet<&str> = of_rows.map(|it| it.name).collect();
    let values = |path: &str| -> Document {
        let values = of_rows
            .iter()
            .map(|name| ((*name).to_owned(), format!("{path}.{name}").into()));
        values.collect()
    };
    let is_update = doc! { "$eq": ["$operationType", "update"] };
    let all = doc! { "$concatArrays": [
        { "$map": {
            "input": { "$objectToArray": { "$ifNull": ["$updateDescription.updatedFields", {}] } },
            "in": "$$this.k",
        } },
        { "$ifNull": ["$updateDescription.removedFields", []] },
        { "$map": {
            "input": { "$ifNull": ["$updateDescription.truncatedArrays", []] },
            // Cut short is a part of a field, whatever its path.
            "in": { "$concat": ["$$this.field", ".length"] },
        } },
    ] };
    let touched = doc! { "$filter": {
        "input": all,
        "cond": { "$in": [{ "$arrayElemAt": [{ "$split": ["$$this", "."] }, 0] }, &fields] },
    } };
    vec![
        doc! { "$match": { "$or": [
            { "ns.coll": { "$in": &names } },
            { "to.coll": { "$in": &names } },
            { "operationType": { "$in": ["dropDatabase", "invalidate"] } },
        ] } },
        doc! { "$project": {
            "operationType": 1,
            "ns": 1,
            "documentKey._id": 1,
            "clusterTime": 1,
            "touched": { "$cond": [&is_update, touched, "$$REMOVE"] },
            "set": { "$cond": [&is_update, values("$updateDescription.updatedFields"), "$$REMOVE"] },
            "fullDocument": { "$cond": [
                { "$in": ["$operationType", ["insert", "replace"]] },
                values("$fullDocument"),
                "$$REMOVE",
            ] },
        } },
        doc! { "$match": { "touched": { "$ne": [] } } },
    ]
}
