//! What the server is asked to tell of documents and of changes: only what counts.

use mongodb::bson::{Bson, Document, doc};

use super::fields::WatchedCollection;

/// The documents of a collection that are kept.
pub fn filter(followed: WatchedCollection) -> Document {
    match followed {
        WatchedCollection::Sessions => doc! { "connections.instanceId": { "$exists": true } },
        _ => Document::new(),
    }
}

/// What is told of a document.
pub fn projection(followed: WatchedCollection) -> Document {
    if followed == WatchedCollection::Sessions {
        return doc! { "connections.instanceId": 1 };
    }
    let told = followed.fields().iter().map(|it| {
        let told = it.told.map(|told| told(&format!("${}", it.path)));
        (it.name.to_owned(), told.unwrap_or(Bson::Int32(1)))
    });
    told.collect()
}

/// The stages after `$changeStream` on a collection that pass on its changes, and of updates only those that touch a field
/// that counts.
///
/// An update tells `touched`, the paths of fields that were set or removed, and `set`, the values of those that were set
/// as a whole; what is touched and not set is gone. A path with a dot is a part of a field: of most all parts count.
pub fn changes(followed: WatchedCollection) -> Vec<Document> {
    let values = |within: &str| -> Document {
        let values = followed.fields().iter().map(|it| {
            let path = format!("{within}.{}", it.path);
            let value = it
                .told
                .map_or_else(|| path.as_str().into(), |told| told(&path));
            (it.name.to_owned(), value)
        });
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
    let name = |place: i32| doc! { "$arrayElemAt": [{ "$split": ["$$this", "."] }, place] };
    let mut counts = vec![doc! { "$in": [name(0), followed.roots()] }];
    if let Some((root, parts)) = followed.parts() {
        let part = doc! { "$concat": [name(0), ".", { "$ifNull": [name(1), ""] }] };
        counts.push(doc! { "$eq": ["$$this", root] });
        counts.push(doc! { "$in": [part, parts] });
    }
    let touched = doc! { "$filter": { "input": all, "cond": { "$or": counts } } };
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
