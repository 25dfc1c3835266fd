//! A value of every BSON type in every field of every document and in every setting: no collector fails, nothing panics,
//! and the output stays well-formed.

use futures_util::TryStreamExt;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{
    Binary, Bson, DateTime, Decimal128, Document, JavaScriptCodeWithScope, Regex, Timestamp, doc,
};
use mongodb::options::IndexOptions;
use mongodb::{Collection, Database, IndexModel};

use crate::support::{Exporter, Filled, promtool_error, strict_parser_error, uri_of};

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(text.parse::<Decimal128>().expect("the decimal is valid"))
}

/// Values of every type, including extreme ones.
pub fn values() -> Vec<Bson> {
    vec![
        Bson::Null,
        Bson::Undefined,
        Bson::MinKey,
        Bson::MaxKey,
        Bson::Boolean(true),
        Bson::Int32(-1),
        Bson::Int32(i32::MIN),
        Bson::Int64(i64::MAX),
        Bson::Int64(i64::MIN),
        Bson::Double(-0.5),
        Bson::Double(f64::MAX),
        Bson::Double(f64::NAN),
        Bson::Double(f64::NEG_INFINITY),
        decimal("9E+6144"),
        decimal("NaN"),
        Bson::String(String::new()),
        Bson::String("a\"b\\c\nd\u{0}e\u{202e}".to_owned()),
        Bson::String("x".repeat(20_000)),
        Bson::Array(Vec::new()),
        Bson::Array(vec![Bson::Null, Bson::Array(vec![doc! { "a": 1 }.into()])]),
        Bson::Document(Document::new()),
        Bson::Document(doc! { "value": { "$gt": "" }, "length": -1 }),
        Bson::DateTime(DateTime::from_millis(0)),
        Bson::DateTime(DateTime::MIN),
        Bson::DateTime(DateTime::MAX),
        Bson::Timestamp(Timestamp {
            time: u32::MAX,
            increment: 1,
        }),
        Bson::ObjectId(ObjectId::from_bytes([0xff; 12])),
        Bson::Binary(Binary {
            subtype: BinarySubtype::Uuid,
            bytes: vec![1; 16],
        }),
        Bson::RegularExpression(Regex {
            pattern: "(".try_into().expect("the string has no null byte"),
            options: "i".try_into().expect("the string has no null byte"),
        }),
        Bson::JavaScriptCode("while (true) {}".to_owned()),
        Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope {
            code: "1".to_owned(),
            scope: doc! { "a": 1 },
        }),
        Bson::Symbol("s".to_owned()),
    ]
}

/// The paths of all fields, including nested ones in documents and in the first elements of arrays.
fn paths(document: &Document, prefix: &str, found: &mut Vec<String>) {
    for (name, value) in document {
        let path = format!("{prefix}{name}");
        match value {
            Bson::Document(inner) => paths(inner, &format!("{path}."), found),
            Bson::Array(elements) => {
                if let Some(Bson::Document(inner)) = elements.first() {
                    paths(inner, &format!("{path}.0."), found);
                }
            }
            _ => {}
        }
        if path != "_id" && !found.contains(&path) {
            found.push(path);
        }
    }
}

/// A copy of a document with another value at a path.
fn with(document: &Document, path: &str, value: &Bson) -> Document {
    let mut copy = document.clone();
    let (steps, last) = path.rsplit_once('.').unwrap_or(("", path));
    let mut target = &mut copy;
    let mut steps = steps.split('.').filter(|step| !step.is_empty()).peekable();
    while let Some(step) = steps.next() {
        let next = target.get_mut(step).expect("the document has the path");
        target = match next {
            Bson::Array(elements) => {
                steps.next();
                elements[0]
                    .as_document_mut()
                    .expect("the value is a document")
            }
            other => other.as_document_mut().expect("the value is a document"),
        };
    }
    target.insert(last, value.clone());
    copy
}

/// Recreates unique indexes without uniqueness, so that documents can be copied.
async fn allow_copies(collection: &Collection<Document>) {
    let indexes = collection
        .list_indexes()
        .await
        .expect("indexes can be listed");
    let indexes: Vec<IndexModel> = indexes.try_collect().await.expect("indexes can be listed");
    for index in indexes {
        let options = index.options.unwrap_or_default();
        if options.unique == Some(true) {
            let name = options.name.clone().expect("an index has a name");
            collection
                .drop_index(name.clone())
                .await
                .expect("the index can be dropped");
            let options = IndexOptions::builder().name(name).sparse(options.sparse);
            let index = IndexModel::builder()
                .keys(index.keys)
                .options(options.build())
                .build();
            collection
                .create_index(index)
                .await
                .expect("the index can be created");
        }
    }
}

/// Inserts copies of up to 40 documents of a collection, each with one wrong value.
async fn insert_wrong_values(database: &Database, name: &str) {
    let collection = database.collection::<Document>(name);
    allow_copies(&collection).await;
    let samples = collection
        .find(doc! {})
        .limit(40)
        .await
        .expect("documents can be read");
    let samples: Vec<Document> = samples.try_collect().await.expect("documents can be read");
    let mut wrong: Vec<Document> = values()
        .into_iter()
        .filter(|value| {
            !matches!(
                value,
                Bson::Array(_) | Bson::RegularExpression(_) | Bson::Undefined
            )
        })
        .map(|id| doc! { "_id": id })
        .collect();
    let mut known = Vec::new();
    for sample in samples {
        let mut found = Vec::new();
        paths(&sample, "", &mut found);
        for path in found {
            if known.contains(&path) {
                continue;
            }
            for value in values() {
                let mut copy = with(&sample, &path, &value);
                copy.insert("_id", ObjectId::new().to_hex());
                wrong.push(copy);
            }
            known.push(path);
        }
    }
    // Some are rejected, such as two arrays in a compound index; the others are inserted.
    drop(collection.insert_many(wrong).ordered(false).await);
}

async fn assert_all_collectors_succeed(exporter: &Exporter) {
    exporter.wait_for_collectors().await;
    let log = exporter.log();
    assert!(
        !log.contains("panicked") && !log.contains("level=error"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_every_wrong_type_fail_no_collector() {
    let filled = Filled::new().await;
    let names = filled.database.list_collection_names().await;
    for name in names.expect("collections can be listed") {
        insert_wrong_values(&filled.database, &name).await;
    }
    let exporter = Exporter::on(&uri_of(&filled.database), &["--compat-metrics"]);
    assert_all_collectors_succeed(&exporter).await;
    let metrics = exporter.metrics();
    assert_eq!(promtool_error(metrics.as_bytes()), None);
    let accept = [("Accept", "application/openmetrics-text")];
    let openmetrics = exporter.request("GET", "/metrics", &accept);
    assert_eq!(strict_parser_error(&openmetrics.body, "families"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_single_documents_of_every_wrong_type_fail_no_collector() {
    let filled = Filled::new().await;
    let admin = filled.credentials.admin.clone();
    let exporter = Exporter::on(&uri_of(&filled.database), &[]);
    assert_all_collectors_succeed(&exporter).await;
    let headers = [
        ("X-User-Id", admin.user_id.as_str()),
        ("X-Auth-Token", admin.token.as_str()),
    ];
    let newest = filled.collection("rocketchat_statistics");
    let newest = newest
        .find_one(doc! {})
        .sort(doc! { "createdAt": -1 })
        .await;
    let newest = newest
        .expect("documents can be read")
        .expect("there is a document");
    for value in values() {
        let update =
            doc! { "$set": { "value": &value, "createdAt": &value, "packageValue": &value } };
        let settings = filled.collection("rocketchat_settings");
        settings
            .update_many(doc! {}, update)
            .await
            .expect("settings can be updated");
        let control = doc! { "$set": { "version": &value, "locked": &value, "lockedAt": &value, "buildAt": &value } };
        let migrations = filled.collection("migrations");
        migrations
            .update_many(doc! {}, control)
            .await
            .expect("the document can be written");
        let mut stored: Document = newest
            .keys()
            .map(|key| (key.clone(), value.clone()))
            .collect();
        stored.insert("_id", ObjectId::new().to_hex());
        stored.insert("createdAt", DateTime::now());
        let statistics = filled.collection("rocketchat_statistics");
        statistics
            .insert_one(stored)
            .await
            .expect("the document can be written");
        let response = exporter.request("GET", "/api/v1/statistics?refresh=true", &headers);
        assert!(
            [200, 429].contains(&response.status),
            "{value}: {} {}",
            response.text(),
            exporter.log()
        );
        assert!(response.json().is_object(), "{value}");
        assert_all_collectors_succeed(&exporter).await;
    }
    let metrics = exporter.metrics();
    assert_eq!(promtool_error(metrics.as_bytes()), None);
}
