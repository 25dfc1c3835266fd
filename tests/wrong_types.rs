//! Every field of every document with a value of every type that BSON has, and every setting too: nothing fails,
//! nothing ends, and what is shown stays well-formed.

use futures_util::TryStreamExt;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{
    Binary, Bson, DateTime, Decimal128, Document, JavaScriptCodeWithScope, Regex, Timestamp, doc,
};
use mongodb::options::IndexOptions;
use mongodb::{Collection, Database, IndexModel};

use crate::support::{Exporter, Filled, complaint_of_promtool, complaint_of_strict_parser, uri_of};

fn decimal(text: &str) -> Bson {
    Bson::Decimal128(text.parse::<Decimal128>().expect("it is a decimal"))
}

/// A value of each type, and the odd ones among them.
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
            pattern: "(".try_into().expect("it has no null"),
            options: "i".try_into().expect("it has no null"),
        }),
        Bson::JavaScriptCode("while (true) {}".to_owned()),
        Bson::JavaScriptCodeWithScope(JavaScriptCodeWithScope {
            code: "1".to_owned(),
            scope: doc! { "a": 1 },
        }),
        Bson::Symbol("s".to_owned()),
    ]
}

/// Paths of every field, also of those within documents and within the first element of a list.
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

/// The same document with another value at a path.
fn with(document: &Document, path: &str, value: &Bson) -> Document {
    let mut copy = document.clone();
    let (steps, last) = path.rsplit_once('.').unwrap_or(("", path));
    let mut place = &mut copy;
    let mut steps = steps.split('.').filter(|step| !step.is_empty()).peekable();
    while let Some(step) = steps.next() {
        let next = place.get_mut(step).expect("the path is one of this shape");
        place = match next {
            Bson::Array(elements) => {
                steps.next();
                elements[0].as_document_mut().expect("it is a document")
            }
            other => other.as_document_mut().expect("it is a document"),
        };
    }
    place.insert(last, value.clone());
    copy
}

/// Makes indexes forget that what they hold is unique: copies of a document are not.
async fn allow_copies(collection: &Collection<Document>) {
    let indexes = collection.list_indexes().await.expect("indexes are listed");
    let indexes: Vec<IndexModel> = indexes.try_collect().await.expect("indexes are listed");
    for index in indexes {
        let options = index.options.unwrap_or_default();
        if options.unique == Some(true) {
            let name = options.name.clone().expect("an index has a name");
            collection.drop_index(name.clone()).await.expect("it goes");
            let options = IndexOptions::builder().name(name).sparse(options.sparse);
            let again = IndexModel::builder()
                .keys(index.keys)
                .options(options.build())
                .build();
            collection.create_index(again).await.expect("it comes back");
        }
    }
}

/// Copies of a few documents of a collection, each with one wrong value.
async fn spoil(database: &Database, name: &str) {
    let collection = database.collection::<Document>(name);
    allow_copies(&collection).await;
    let samples = collection
        .find(doc! {})
        .limit(40)
        .await
        .expect("it is read");
    let samples: Vec<Document> = samples.try_collect().await.expect("it is read");
    let mut spoilt: Vec<Document> = values()
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
                spoilt.push(copy);
            }
            known.push(path);
        }
    }
    // Some are refused, such as lists in an index of lists beside another; the others are written.
    drop(collection.insert_many(spoilt).ordered(false).await);
}

async fn is_whole(exporter: &Exporter) {
    exporter.whole().await;
    let log = exporter.log();
    assert!(
        !log.contains("panicked") && !log.contains("level=error"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_every_wrong_type_spoil_nothing() {
    let filled = Filled::new().await;
    let names = filled.database.list_collection_names().await;
    for name in names.expect("collections are listed") {
        spoil(&filled.database, &name).await;
    }
    let exporter = Exporter::on(&uri_of(&filled.database), &["--compat-metrics"]);
    is_whole(&exporter).await;
    let metrics = exporter.metrics();
    assert_eq!(complaint_of_promtool(metrics.as_bytes()), None);
    let accept = [("Accept", "application/openmetrics-text")];
    let openmetrics = exporter.request("GET", "/metrics", &accept);
    assert_eq!(
        complaint_of_strict_parser(&openmetrics.body, "families"),
        None
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_and_single_documents_of_every_wrong_type_spoil_nothing() {
    let filled = Filled::new().await;
    let admin = filled.credentials.admin.clone();
    let exporter = Exporter::on(&uri_of(&filled.database), &[]);
    is_whole(&exporter).await;
    let headers = [
        ("X-User-Id", admin.user_id.as_str()),
        ("X-Auth-Token", admin.token.as_str()),
    ];
    let newest = filled.collection("rocketchat_statistics");
    let newest = newest
        .find_one(doc! {})
        .sort(doc! { "createdAt": -1 })
        .await;
    let newest = newest.expect("it is read").expect("there is one");
    for value in values() {
        let everywhere =
            doc! { "$set": { "value": &value, "createdAt": &value, "packageValue": &value } };
        let settings = filled.collection("rocketchat_settings");
        settings
            .update_many(doc! {}, everywhere)
            .await
            .expect("they are written");
        let control = doc! { "$set": { "version": &value, "locked": &value, "lockedAt": &value, "buildAt": &value } };
        let migrations = filled.collection("migrations");
        migrations
            .update_many(doc! {}, control)
            .await
            .expect("it is written");
        let mut stored: Document = newest
            .keys()
            .map(|key| (key.clone(), value.clone()))
            .collect();
        stored.insert("_id", ObjectId::new().to_hex());
        stored.insert("createdAt", DateTime::now());
        let statistics = filled.collection("rocketchat_statistics");
        statistics.insert_one(stored).await.expect("it is written");
        let answer = exporter.request("GET", "/api/v1/statistics?refresh=true", &headers);
        assert!(
            [200, 429].contains(&answer.status),
            "{value}: {} {}",
            answer.text(),
            exporter.log()
        );
        assert!(answer.json().is_object(), "{value}");
        is_whole(&exporter).await;
    }
    let metrics = exporter.metrics();
    assert_eq!(complaint_of_promtool(metrics.as_bytes()), None);
}
