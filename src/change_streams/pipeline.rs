//! What the server sends of documents and of changes, whether these come from change streams or from the oplog: only the fields
//! that are kept.

use std::collections::BTreeSet;

use mongodb::bson::{Bson, Document, Timestamp, doc};

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
/// Of an update they send `touched`, the paths of fields that were set or removed. A path with a dot is a part of a field: of most
/// fields all parts count. `set` has the values of the fields that were set as a whole, or of the new document; what is touched
/// and not set was removed.
pub fn changes(collection: &FollowedCollection) -> Vec<Document> {
    let paths = doc! { "$concatArrays": [
        keys("$updateDescription.updatedFields"),
        { "$ifNull": ["$updateDescription.removedFields", []] },
        { "$map": {
            "input": { "$ifNull": ["$updateDescription.truncatedArrays", []] },
            // A truncated array is a part of a field, whatever its path.
            "in": { "$concat": ["$$this.field", ".length"] },
        } },
    ] };
    let document = doc! { "$ifNull": ["$updateDescription.updatedFields", "$fullDocument"] };
    stages(
        paths.into(),
        document.into(),
        counts(collection),
        values(collection),
    )
}

/// The namespaces of entries of the oplog that may concern these collections of these databases.
pub fn namespaces_in_oplog(
    databases: &BTreeSet<String>,
    collections: &FollowedCollections,
) -> Vec<String> {
    let of_each = databases.iter().flat_map(|database| {
        let names = collections.keys().copied().chain(["$cmd"]);
        names.map(move |name| format!("{database}.{name}"))
    });
    of_each.chain(["admin.$cmd".to_owned()]).collect()
}

/// The stages on the oplog that make the same of its entries from one time to another, for all of these collections.
///
/// The first stage only compares namespaces, because it sees every entry of the replica set. The changes of a transaction in
/// collections of the same names in other databases are passed on too.
/// <https://github.com/mongodb/mongo/blob/master/src/mongo/db/repl/README.md>
pub fn changes_in_oplog(
    namespaces: Vec<String>,
    collections: &FollowedCollections,
    from: Timestamp,
    to: Timestamp,
) -> Vec<Document> {
    let names: Vec<_> = collections.keys().copied().collect();
    let of_each = |value: &dyn Fn(&FollowedCollection) -> Bson| -> Bson {
        let branches: Vec<_> = collections
            .values()
            .map(|collection| {
                doc! { "case": { "$eq": ["$ns.coll", collection.name] }, "then": value(collection) }
            })
            .collect();
        doc! { "$switch": { "branches": branches, "default": Bson::Null } }.into()
    };
    let updated = doc! { "$mergeObjects": ["$changes.o.diff.u", "$changes.o.diff.i"] };
    let mut pipeline = vec![
        doc! { "$match": { "ts": { "$gte": from, "$lte": to }, "ns": { "$in": namespaces } } },
        doc! { "$project": { "ts": 1, "changes": changes_of_entry(&names) } },
        doc! { "$unwind": "$changes" },
        doc! { "$project": {
            "clusterTime": "$ts",
            "operationType": operation_type(),
            "ns": { "db": database_of("$changes.ns"), "coll": collection_of("$changes.ns") },
            "documentKey": { "_id": { "$ifNull": ["$changes.o2._id", "$changes.o._id"] } },
            "paths": { "$concatArrays": [
                keys("$changes.o.diff.u"),
                keys("$changes.o.diff.i"),
                keys("$changes.o.diff.d"),
                parts_of_difference("$changes.o.diff"),
            ] },
            "document": { "$cond": [is_difference(), updated, "$changes.o"] },
        } },
    ];
    pipeline.extend(stages(
        "$paths".into(),
        "$document".into(),
        of_each(&counts),
        of_each(&values),
    ));
    pipeline
}

/// The changes of collections with these names in an entry of the oplog. A transaction and, from 8.0 on, an insertion of many
/// documents has a list of them in one entry; what is too large for one entry is spread over several, before it is committed.
fn changes_of_entry(names: &[&str]) -> Document {
    let entry = vec![Bson::from("$$ROOT")];
    let names: Bson = names.to_vec().into();
    let has_name = |name: Bson| doc! { "$in": [name, names.clone()] };
    let followed = doc! { "$filter": {
        "input": "$o.applyOps",
        "cond": has_name(collection_of("$$this.ns").into()),
    } };
    let partial = doc! { "$map": {
        "input": &followed,
        "in": { "op": "c", "ns": "$$this.ns", "o": { "partialTxn": true } },
    } };
    let concerns_collections = doc! { "$or": [
        has_name("$o.drop".into()),
        has_name(collection_of("$o.renameCollection").into()),
        has_name(collection_of("$o.to").into()),
        { "$gt": ["$o.dropDatabase", Bson::Null] },
    ] };
    let is_change = doc! { "$in": ["$op", ["i", "u", "d"]] };
    doc! { "$switch": {
        "branches": [
            {
                "case": has_name(collection_of("$ns").into()),
                "then": { "$cond": [is_change, &entry, []] },
            },
            {
                "case": { "$isArray": "$o.applyOps" },
                "then": { "$cond": ["$o.partialTxn", partial, followed] },
            },
            { "case": concerns_collections, "then": entry },
        ],
        "default": [],
    } }
}

/// The database of a namespace, whose name has no dot.
fn database_of(namespace: &str) -> Document {
    doc! { "$arrayElemAt": [{ "$split": [namespace, "."] }, 0] }
}

/// The collection of a namespace; empty where there is none.
fn collection_of(namespace: &str) -> Document {
    let text = doc! { "$cond": [{ "$eq": [{ "$type": namespace }, "string"] }, namespace, "."] };
    let dot = doc! { "$indexOfBytes": ["$$namespace", "."] };
    doc! { "$let": {
        "vars": { "namespace": text },
        "in": { "$substrBytes": ["$$namespace", { "$add": [dot, 1] }, -1] },
    } }
}

/// The operation of a change as a change stream names it; that of a command is the command.
fn operation_type() -> Document {
    let command = doc! { "$first": keys("$changes.o") };
    let has_id = doc! { "$gt": ["$changes.o._id", Bson::Null] };
    doc! { "$switch": {
        "branches": [
            { "case": { "$eq": ["$changes.op", "i"] }, "then": "insert" },
            { "case": is_difference(), "then": "update" },
            { "case": { "$and": [{ "$eq": ["$changes.op", "u"] }, has_id] }, "then": "replace" },
            { "case": { "$eq": ["$changes.op", "d"] }, "then": "delete" },
            { "case": { "$eq": ["$changes.op", "c"] }, "then": command },
        ],
        "default": "$changes.op",
    } }
}

/// Whether a change is an update that has a difference instead of a whole document.
fn is_difference() -> Document {
    doc! { "$and": [
        { "$eq": ["$changes.op", "u"] },
        { "$eq": [{ "$type": "$changes.o.diff" }, "object"] },
        { "$lte": ["$changes.o._id", Bson::Null] },
    ] }
}

/// The paths of the fields of which a difference changes parts: those at the top with the names below.
///
/// A difference has the fields that were set (`u`), inserted (`i`) and deleted (`d`), and for each field of which parts changed
/// a difference under its name with a letter before it. That of an array has indexes instead of names.
fn parts_of_difference(path: &str) -> Document {
    let names = doc! { "$concatArrays": [
        keys("$$this.v.u"),
        keys("$$this.v.i"),
        keys("$$this.v.d"),
        { "$map": { "input": nested("$$this.v"), "as": "part", "in": unprefixed("$$part.k") } },
    ] };
    let paths = doc! { "$map": {
        "input": names,
        "as": "name",
        "in": { "$concat": [unprefixed("$$this.k"), ".", "$$name"] },
    } };
    doc! { "$reduce": {
        "input": nested(path),
        "initialValue": [],
        "in": { "$concatArrays": ["$$value", paths] },
    } }
}

/// What a difference has of fields of which parts changed.
fn nested(path: &str) -> Document {
    doc! { "$filter": {
        "input": pairs(path),
        "as": "pair",
        "cond": { "$not": { "$in": ["$$pair.k", ["u", "i", "d"]] } },
    } }
}

fn unprefixed(path: &str) -> Document {
    doc! { "$substrBytes": [path, 1, -1] }
}

fn keys(path: &str) -> Document {
    doc! { "$map": { "input": pairs(path), "as": "pair", "in": "$$pair.k" } }
}

/// Keys and values of an object; none of anything else.
fn pairs(path: &str) -> Document {
    doc! { "$cond": [{ "$eq": [{ "$type": path }, "object"] }, { "$objectToArray": path }, []] }
}

/// The stages that are common to all changes: of the paths of an update and the values that it set, or of a new document, they send
/// what counts.
fn stages(paths: Bson, document: Bson, counts: Bson, values: Bson) -> Vec<Document> {
    let is_update = doc! { "$eq": ["$operationType", "update"] };
    let touched = doc! { "$filter": { "input": paths, "cond": counts } };
    vec![
        doc! { "$project": {
            "operationType": 1,
            "ns": 1,
            "documentKey._id": 1,
            "clusterTime": 1,
            "touched": { "$cond": [is_update, touched, "$$REMOVE"] },
            "set": { "$let": { "vars": { "document": document }, "in": values } },
        } },
        doc! { "$match": { "touched": { "$ne": [] } } },
    ]
}

/// What is kept of a document, in the variable `document`.
fn values(collection: &FollowedCollection) -> Bson {
    let values = collection.fields.iter().map(|field| {
        let path = format!("$$document.{}", field.path);
        let value = field
            .expression
            .map_or_else(|| path.as_str().into(), |expression| expression(&path));
        (field.name.to_owned(), value)
    });
    values.collect::<Document>().into()
}

/// Whether the path of an update counts.
fn counts(collection: &FollowedCollection) -> Bson {
    let name = |index: i32| doc! { "$arrayElemAt": [{ "$split": ["$$this", "."] }, index] };
    let roots: Vec<_> = collection.roots().into_iter().collect();
    let mut counts = vec![doc! { "$in": [name(0), roots] }];
    for (root, parts) in collection.parts() {
        let part = doc! { "$concat": [name(0), ".", { "$ifNull": [name(1), ""] }] };
        let parts: Vec<_> = parts.into_iter().collect();
        counts.push(doc! { "$eq": ["$$this", root] });
        counts.push(doc! { "$in": [part, parts] });
    }
    doc! { "$or": counts }.into()
}
