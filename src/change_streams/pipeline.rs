//! What the server sends of documents and of changes: only the fields that are kept.

use mongodb::bson::{Bson, Document, doc};

use super::followed_collection::{FollowedCollection, FollowedCollections};

/// The documents of a collection that are kept.
pub fn filter(collection: &FollowedCollection) -> Document {
    if collection.owners.is_some() {
        return doc! { "connections.instanceId": { "$exists": true } };
    }
    Document::new()
}

/// The projection of a document.
pub fn projection(collection: &FollowedCollection) -> Document {
    if collection.owners.is_some() {
        return doc! { "connections.instanceId": 1 };
    }
    let fields = collection.fields.iter().map(|field| {
        let path = format!("${}", field.path);
        let value = match field.expression {
            Some(expression) => expression(&path),
            None if field.name == field.path => Bson::Int32(1),
            None => path.into(),
        };
        (field.name.to_owned(), value)
    });
    fields.collect()
}

/// The stages after `$changeStream` on a collection: they pass on its changes, and of updates only those that touch a field
/// that counts.
///
/// Of an update they send `touched`, the paths of fields that were set or removed, and `set`, the values of those that were
/// set as a whole; what is touched and not set was removed. A path with a dot is a part of a field: of most fields all parts
/// count.
pub fn changes(collection: &FollowedCollection) -> Vec<Document> {
    stages(
        touched(collection),
        set(collection).into(),
        inserted(collection).into(),
    )
}

/// The same after `$changeStream` on the database, for all of these collections.
///
/// The first stage matches whole namespaces, because the server makes equalities of its oplog's `ns` of them. Those of
/// collections that are renamed to a followed one do not match, so all renames are sent.
pub fn changes_of_all(database: &str, collections: &FollowedCollections) -> Vec<Document> {
    let namespaces = collections
        .keys()
        .map(|name| doc! { "ns": { "db": database, "coll": *name } });
    let rename = doc! { "operationType": "rename" };
    let matched: Vec<_> = namespaces.chain([rename]).collect();
    let of_each = |value: &dyn Fn(&FollowedCollection) -> Bson| -> Bson {
        let branches: Vec<_> = collections
            .values()
            .map(|collection| {
                doc! { "case": { "$eq": ["$ns.coll", collection.name] }, "then": value(collection) }
            })
            .collect();
        doc! { "$switch": { "branches": branches, "default": Bson::Null } }.into()
    };
    let mut pipeline = vec![doc! { "$match": { "$or": matched } }];
    pipeline.extend(stages(
        of_each(&touched),
        of_each(&|collection| set(collection).into()),
        of_each(&|collection| inserted(collection).into()),
    ));
    pipeline
}

fn stages(touched: Bson, set: Bson, inserted: Bson) -> Vec<Document> {
    let is_update = doc! { "$eq": ["$operationType", "update"] };
    vec![
        doc! { "$project": {
            "operationType": 1,
            "ns": 1,
            "to": 1,
            "documentKey._id": 1,
            "clusterTime": 1,
            "touched": { "$cond": [&is_update, touched, "$$REMOVE"] },
            "set": { "$cond": [&is_update, set, "$$REMOVE"] },
            "fullDocument": { "$cond": [
                { "$in": ["$operationType", ["insert", "replace"]] },
                inserted,
                "$$REMOVE",
            ] },
        } },
        doc! { "$match": { "touched": { "$ne": [] } } },
    ]
}

/// The fields of an update that were set as a whole.
fn set(collection: &FollowedCollection) -> Document {
    values(collection, "$updateDescription.updatedFields")
}

/// The fields of a new document.
fn inserted(collection: &FollowedCollection) -> Document {
    values(collection, "$fullDocument")
}

fn values(collection: &FollowedCollection, within: &str) -> Document {
    let values = collection.fields.iter().map(|field| {
        let path = format!("{within}.{}", field.path);
        let value = field
            .expression
            .map_or_else(|| path.as_str().into(), |expression| expression(&path));
        (field.name.to_owned(), value)
    });
    values.collect()
}

/// The paths of an update that count.
fn touched(collection: &FollowedCollection) -> Bson {
    let all = doc! { "$concatArrays": [
        { "$map": {
            "input": { "$objectToArray": { "$ifNull": ["$updateDescription.updatedFields", {}] } },
            "in": "$$this.k",
        } },
        { "$ifNull": ["$updateDescription.removedFields", []] },
        { "$map": {
            "input": { "$ifNull": ["$updateDescription.truncatedArrays", []] },
            // A truncated array is a part of a field, whatever its path.
            "in": { "$concat": ["$$this.field", ".length"] },
        } },
    ] };
    let name = |index: i32| doc! { "$arrayElemAt": [{ "$split": ["$$this", "."] }, index] };
    let roots: Vec<_> = collection.roots().into_iter().collect();
    let mut counts = vec![doc! { "$in": [name(0), roots] }];
    for (root, parts) in collection.parts() {
        let part = doc! { "$concat": [name(0), ".", { "$ifNull": [name(1), ""] }] };
        let parts: Vec<_> = parts.into_iter().collect();
        counts.push(doc! { "$eq": ["$$this", root] });
        counts.push(doc! { "$in": [part, parts] });
    }
    doc! { "$filter": { "input": all, "cond": { "$or": counts } } }.into()
}
