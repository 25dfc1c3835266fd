//! What the server is asked to tell of documents and of changes: only what counts.

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

/// The stages after `$changeStream` on a collection that pass on its changes, and of updates only those that touch a field
/// that counts.
///
/// An update tells `touched`, the paths of fields that were set or removed, and `set`, the values of those that were set
/// as a whole; what is touched and not set is gone. A path with a dot is a part of a field.
pub fn changes(followed: Followed) -> Vec<Document> {
    let names = followed.names();
    let values = |path: &str| -> Document {
        let values = followed.fields().iter();
        values
            .map(|it| (it.name.to_owned(), format!("{path}.{}", it.name).into()))
            .collect()
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
        "cond": { "$in": [{ "$arrayElemAt": [{ "$split": ["$$this", "."] }, 0] }, names] },
    } };
    vec![
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
