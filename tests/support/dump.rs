//! Loads a database dump: a BSON file for each collection, and a list of indexes.

use std::fs;
use std::path::{Path, PathBuf};

use mongodb::Database;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use serde_json::Value;

/// The directory with recordings of real workspaces, if it lies next to the project.
pub fn recordings() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/truth");
    folder.is_dir().then_some(folder)
}

/// Loads a dump and creates its indexes without their expiry, which would delete old documents.
pub async fn load(folder: &Path, database: &Database) {
    for entry in fs::read_dir(folder).expect("the dump can be listed") {
        let path = entry.expect("the dump can be listed").path();
        let name = path.file_stem().and_then(|name| name.to_str());
        if let (Some(name), true) = (
            name,
            path.extension()
                .is_some_and(|extension| extension == "bson"),
        ) {
            let documents = documents(&path);
            if !documents.is_empty() {
                let collection = database.collection::<RawDocumentBuf>(name);
                collection
                    .insert_many(documents)
                    .await
                    .expect("the documents can be inserted");
            }
        }
    }
    let indexes = fs::read(folder.join("indexes.json")).expect("the dump has indexes");
    let indexes: Value = serde_json::from_slice(&indexes).expect("the indexes are JSON");
    for (collection, indexes) in indexes.as_object().expect("collections have names") {
        let indexes: Vec<Document> = indexes
            .as_object()
            .expect("indexes have names")
            .iter()
            .filter_map(|(name, index)| index_of(name, index))
            .collect();
        if !indexes.is_empty() {
            database
                .run_command(doc! { "createIndexes": collection, "indexes": indexes })
                .await
                .expect("the indexes can be created");
        }
    }
}

fn documents(path: &Path) -> Vec<RawDocumentBuf> {
    let bytes = fs::read(path).expect("the dump can be read");
    let mut rest = bytes.as_slice();
    let mut documents = Vec::new();
    while let Some(length) = rest.first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).expect("a document is small");
        let (document, after) = rest.split_at(length);
        documents.push(RawDocumentBuf::from_bytes(document.to_vec()).expect("the dump holds BSON"));
        rest = after;
    }
    documents
}

fn index_of(name: &str, index: &Value) -> Option<Document> {
    let mut key = Document::new();
    for pair in index["key"].as_array()? {
        let (field, kind) = (pair[0].as_str()?, &pair[1]);
        // Text indexes are listed by their internal keys, and no statistic uses them.
        if name == "_id_" || field.starts_with("_fts") {
            return None;
        }
        let kind = kind.as_str().map_or_else(
            || Bson::Int32(if kind.as_f64() < Some(0.0) { -1 } else { 1 }),
            Bson::from,
        );
        key.insert(field, kind);
    }
    let mut document = doc! { "name": name, "key": key };
    for option in ["unique", "sparse"] {
        let on = match &index[option] {
            Value::Bool(on) => *on,
            Value::Number(number) => number.as_f64() != Some(0.0),
            _ => false,
        };
        if on {
            document.insert(option, true);
        }
    }
    if let Some(filter) = index.get("partialFilterExpression") {
        document.insert(
            "partialFilterExpression",
            mongodb::bson::serialize_to_bson(filter).ok()?,
        );
    }
    Some(document)
}
