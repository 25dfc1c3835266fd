//! `GET /api/v1/statistics.list`: paging, order, fields, query, and errors.

use std::ops::Deref;

use mongodb::bson::{DateTime, doc};
use serde_json::{Value, json};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use crate::support::{
    Filled, Response, SharedExporter, SharedWorkspace, WorkspaceExporter, eventually, insert_broken,
};

const PATH: &str = "/api/v1/statistics.list";

/// The path with a query string.
fn with(parameters: &[(&str, &str)]) -> String {
    let mut encoded = form_urlencoded::Serializer::new(String::new());
    format!("{PATH}?{}", encoded.extend_pairs(parameters).finish())
}

/// The workspace of these tests, with three small stored documents that are not ordered by date.
async fn with_history() -> &'static SharedWorkspace {
    static SHARED: OnceCell<SharedWorkspace> = OnceCell::const_new();
    let fill = || async {
        let filled = Filled::new().await;
        write_history(&filled).await;
        SharedWorkspace::new(filled).await
    };
    SHARED.get_or_init(fill).await
}

async fn write_history(filled: &Filled) {
    let history = filled.collection("rocketchat_statistics");
    history
        .delete_many(doc! {})
        .await
        .expect("documents can be deleted");
    let document = |id: &str, day: i64, users: i32| {
        doc! {
            "_id": id,
            "version": "3.4.0",
            "totalUsers": users,
            "wizard": { "size": "small", "contactName": "hidden-1" },
            "settings": { "email": { "smtp": { "smtpHost": "hidden-2" } } },
            "statsToken": "hidden-3",
            "createdAt": DateTime::from_millis(day * 86_400_000),
        }
    };
    history
        .insert_many([
            document("b", 2, 20),
            document("c", 3, 30),
            document("a", 1, 10),
        ])
        .await
        .expect("documents can be inserted");
}

/// A shared exporter, for one of the tests that may use it at the same time: a fifth list that waits is refused.
struct ListedExporter {
    shared: SharedExporter,
    _turn: SemaphorePermit<'static>,
}

impl Deref for ListedExporter {
    type Target = WorkspaceExporter;

    fn deref(&self) -> &WorkspaceExporter {
        &self.shared
    }
}

/// The shared exporter with a configured version.
async fn of_version(version: &str) -> ListedExporter {
    static TURNS: Semaphore = Semaphore::const_new(4);
    let turn = TURNS.acquire().await;
    let version = format!("--rocketchat.version={version}");
    ListedExporter {
        shared: with_history().await.shared_exporter(&[&version]).await,
        _turn: turn.expect("the semaphore is never closed"),
    }
}

fn ids(response: &Response) -> String {
    assert_eq!(response.status, 200, "{}", response.text());
    let response = response.json();
    let documents = response["statistics"]
        .as_array()
        .expect("the documents are a list");
    assert_eq!(response["count"], documents.len());
    documents
        .iter()
        .filter_map(|document| document["_id"].as_str())
        .collect()
}

fn error(response: &Response) -> String {
    assert_eq!(response.status, 400, "{}", response.text());
    assert_eq!(response.json()["success"], false);
    response.json()["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_in_natural_order_without_hidden_fields() {
    let workspace = of_version("3.4.0").await;
    let response = workspace.get(PATH);
    assert_eq!(ids(&response), "bca");
    assert!(!response.text().contains("hidden"), "{}", response.text());
    let response = response.json();
    let keys: Vec<_> = response
        .as_object()
        .expect("the response is an object")
        .keys()
        .collect();
    assert_eq!(keys, ["statistics", "count", "offset", "total", "success"]);
    assert_eq!(
        response["statistics"][2],
        json!({
            "_id": "a",
            "version": "3.4.0",
            "totalUsers": 10,
            "wizard": { "size": "small" },
            "settings": { "email": {} },
            "createdAt": "1970-01-02T00:00:00.000Z",
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn page_of_the_list_has_the_total() {
    let workspace = of_version("3.4.0").await;
    for (parameters, expected, offset) in [
        (vec![("count", "1"), ("offset", "1")], "c", json!(1)),
        (vec![("count", "2")], "bc", json!(0)),
        (vec![("count", "1"), ("count", "3")], "b", json!(0)),
        (vec![("offset", "2")], "a", json!(2)),
        (vec![("offset", "9")], "", json!(9)),
        (vec![("offset", "abc"), ("count", "0")], "bca", Value::Null),
    ] {
        let response = workspace.get(&with(&parameters));
        assert_eq!(ids(&response), expected, "{parameters:?}");
        assert_eq!(response.json()["offset"], offset, "{parameters:?}");
        assert_eq!(response.json()["total"], 3, "{parameters:?}");
    }
    assert_eq!(
        error(&workspace.get(&with(&[("offset", "-1")]))),
        "Skip value must be non-negative, but received: -1"
    );
    error(&workspace.get(&with(&[("count", "-5")])));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_limit_the_count() {
    let filled = Filled::new().await;
    filled.set("API_Default_Count", 2).await;
    filled.set("API_Upper_Count_Limit", 3).await;
    filled.set("API_Allow_Infinite_Count", false).await;
    let workspace = filled.start(&[]).await;
    for (path, count) in [
        (PATH.to_owned(), 2),
        (with(&[("count", "0")]), 2),
        (with(&[("count", "100")]), 3),
    ] {
        let response = workspace.get(&path).json();
        assert_eq!(response["count"], count, "{path}");
        assert_eq!(response["total"], 5, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sort_accepts_every_form_of_rocket_chat() {
    let workspace = of_version("8.0.0").await;
    for (sort, expected) in [
        (r#"{"createdAt":1}"#, "abc"),
        (r#"{"createdAt":-1}"#, "cba"),
        (r#"[["createdAt",-1]]"#, "cba"),
        (r#"["createdAt"]"#, "abc"),
        (r#""createdAt""#, "abc"),
        ("null", "bca"),
        ("0", "bca"),
        ("", "bca"),
    ] {
        assert_eq!(
            ids(&workspace.get(&with(&[("sort", sort)]))),
            expected,
            "{sort}"
        );
    }
    let invalid = workspace.get(&with(&[("sort", "{bad")]));
    assert_eq!(invalid.status, 400);
    assert_eq!(
        invalid.json(),
        json!({
            "success": false,
            "error": "Invalid sort parameter provided: \"{bad\" [error-invalid-sort]",
            "errorType": "error-invalid-sort",
            "details": { "helperMethod": "parseJsonQuery" },
        })
    );
    assert!(error(&workspace.get(&with(&[("sort", "7")]))).starts_with("Illegal sort clause"));
    let bad = error(&workspace.get(&with(&[("sort", r#"{"createdAt":2}"#)])));
    assert!(bad.starts_with("$sort key ordering must be 1"), "{bad}");
    let secret = error(&workspace.get(&with(&[("sort", r#"{"statsToken":1}"#)])));
    assert!(secret.contains("statsToken"), "{secret}");
    error(&workspace.get(&with(&[("sort", r#"{"$where":1}"#)])));
}

#[tokio::test(flavor = "multi_thread")]
async fn query_and_fields_work_before_7_0() {
    let workspace = of_version("3.4.0").await;
    for (query, expected) in [
        (r#"{"totalUsers":{"$gt":15}}"#, "bc"),
        (r#"{"createdAt":{"$lt":{"$date":172800000}}}"#, "a"),
        (
            r#"{"createdAt":{"$gte":{"$date":"1970-01-03T00:00:00Z"}}}"#,
            "bc",
        ),
        (r#"{"_id":{"$regex":"^[AB]","$options":"i"}}"#, "ab"),
        (r#"{"$or":[{"_id":"a"},{"_id":"c"}],"e2e":1}"#, "ac"),
    ] {
        let response = workspace.get(&with(&[("query", query), ("sort", r#"{"_id":1}"#)]));
        assert_eq!(ids(&response), expected, "{query}");
        assert_eq!(response.json()["total"], expected.len(), "{query}");
    }
    let fields = r#"{"wizard":0,"settings":0,"version":0,"members":1}"#;
    let response = workspace
        .get(&with(&[("fields", fields), ("count", "1")]))
        .json();
    assert_eq!(
        response["statistics"],
        json!([{ "_id": "b", "totalUsers": 20, "createdAt": "1970-01-03T00:00:00.000Z" }])
    );
    assert_eq!(ids(&workspace.get(&with(&[("fields", "7")]))), "bca");
    assert_eq!(
        error(&workspace.get(&with(&[("fields", r#"{"_id":1}"#)]))),
        "Projection cannot have a mix of inclusion and exclusion."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn query_with_code_secrets_or_errors_is_rejected() {
    let workspace = of_version("3.4.0").await;
    for query in [
        r#"{"$where":"sleep(1000)"}"#,
        r#"{"$expr":{"$function":{"body":"return 1","args":[],"lang":"js"}}}"#,
        r#"{"$jsonSchema":{}}"#,
        r#"{"$text":{"$search":"x"}}"#,
        r#"{"statsToken":{"$regex":"^h"}}"#,
        r#"{"wizard.contactName":"hidden-1"}"#,
        r#"{"totalUsers":{"$in":1}}"#,
        r#"{"_id":{"$regex":"("}}"#,
    ] {
        error(&workspace.get(&with(&[("query", query)])));
    }
    let invalid = workspace.get(&with(&[("query", "{")]));
    assert_eq!(invalid.json()["errorType"], "error-invalid-query");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_with_null_bytes_are_rejected() {
    let workspace = of_version("3.4.0").await;
    let deep = vec!["a"; 300].join(".");
    let deep = [
        ("sort", format!(r#"{{"{deep}":1}}"#)),
        ("fields", format!(r#"{{"{deep}":0}}"#)),
    ];
    let names = [
        ("sort", r#"{"a\u0000":1}"#),
        ("sort", r#""a\u0000""#),
        ("sort", r#"[["a\u0000b","desc"]]"#),
        ("sort", r#"{"":1}"#),
        ("fields", r#"{"\u0000":0}"#),
        ("fields", r#"{"a..b":0}"#),
        ("query", r#"{"a\u0000":1}"#),
        ("query", r#"{"$and":[{"a":{"$elemMatch":{"b\u0000":1}}}]}"#),
        ("query", r#"{"a":{"$in":[{"b\u0000":1}]}}"#),
        ("query", r#"{"a":{"$regex":"a\u0000b"}}"#),
    ];
    let deep = deep.iter().map(|(name, text)| (*name, text.as_str()));
    for parameter in names.into_iter().chain(deep) {
        let response = workspace.get(&with(&[parameter]));
        assert_eq!(response.status, 400, "{parameter:?} {}", response.text());
        assert_eq!(response.json()["success"], false, "{parameter:?}");
    }
    let text = r#"{"_id":"a\u0000"}"#;
    assert_eq!(ids(&workspace.get(&with(&[("query", text)]))), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_and_query_are_ignored_from_7_0_on() {
    let workspace = of_version("7.7.1").await;
    let parameters = [("query", r#"{"_id":"a"}"#), ("fields", "{bad")];
    assert_eq!(ids(&workspace.get(&with(&parameters))), "bca");
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_and_query_count_from_7_0_on_where_they_are_allowed() {
    let arguments = [
        "--rocketchat.version=8.3.0",
        "--rocketchat.allow-unsafe-query-and-fields-api-params",
    ];
    let workspace = with_history().await.start(&arguments).await;
    let query = ("query", r#"{"_id":"a"}"#);
    assert_eq!(ids(&workspace.get(&with(&[query]))), "a");
    let invalid = workspace.get(&with(&[query, ("fields", "{bad")]));
    assert_eq!(invalid.json()["errorType"], "error-invalid-fields");
}

#[tokio::test(flavor = "multi_thread")]
async fn first_error_is_that_of_rocket_chat() {
    let workspace = of_version("3.4.0").await;
    let plain = &workspace.credentials.plain;
    let everything_wrong = [
        ("fields", r#"{"_id":1}"#),
        ("offset", "-1"),
        ("query", r#"{"$where":"1"}"#),
        ("sort", r#"{"a":2}"#),
    ];
    assert_eq!(
        workspace.exporter.get(&with(&[("sort", "{bad")])).status,
        401
    );
    let invalid = workspace.get_as(plain, &with(&[("sort", "{bad")]));
    assert_eq!(invalid.json()["errorType"], "error-invalid-sort");
    let denied = workspace.get_as(plain, &with(&everything_wrong));
    assert_eq!(error(&denied), "error-not-allowed");
    assert!(error(&workspace.get(&with(&everything_wrong))).contains("$where"));
    let [fields, offset, _, sort] = everything_wrong;
    assert!(error(&workspace.get(&with(&[fields, offset, sort]))).starts_with("$sort"));
    assert!(error(&workspace.get(&with(&[fields, offset]))).starts_with("Skip"));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_permission_is_403_before_3_0() {
    let workspace = of_version("2.4.0").await;
    let response = workspace.get_as(&workspace.credentials.plain, PATH);
    assert_eq!(response.status, 403);
    assert_eq!(
        response.json(),
        json!({ "success": false, "error": "unauthorized" })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn document_with_invalid_utf_8_does_not_affect_the_list() {
    let filled = Filled::new().await;
    write_history(&filled).await;
    let workspace = filled.start(&["--rocketchat.version=6.12.1"]).await;
    let broken = |id: &str, field: &str| {
        doc! { "_id": id, "createdAt": DateTime::from_millis(0), field: "BROKEN" }
    };
    let documents = vec![broken("t", "tag"), broken("f", "BROKEN")];
    insert_broken(&workspace.database, "rocketchat_statistics", documents).await;
    // An invalid field name cannot be repaired, so that document is omitted.
    assert_eq!(ids(&workspace.get(&with(&[("count", "0")]))), "bcat");
    // The log is written by a thread of its own.
    eventually("the document is reported", || {
        let log = workspace.exporter.log();
        log.contains("a stored document cannot be read")
            .then_some(())
    })
    .await;
}

/// The response to an unencoded query string.
fn raw(workspace: &WorkspaceExporter, parameters: &str) -> Response {
    workspace.get(&format!("{PATH}?{parameters}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn paging_is_read_as_in_javascript() {
    let workspace = of_version("3.4.0").await;
    for (parameters, expected) in [
        ("count=0x2", "bc"),
        ("count=%202", "bc"),
        ("count=2.9", "bc"),
        ("count=1e3", "b"),
        ("count=2&count=1", "bc"),
        ("count[]=2", "bc"),
        ("count%5B%5D=2&count[]=1", "bc"),
        ("count[0]=2", "bc"),
        // An object is no number, which is no limit.
        ("count[x]=2", "bca"),
        ("count=two", "bca"),
        ("count=99999999999999999999", "bca"),
        ("count=%zz", "bca"),
        ("count=%ff", "bca"),
        ("offset=0x1", "ca"),
        ("offset=1&offset=2", "ca"),
        ("offset[]=1", "ca"),
        ("offset=", "bca"),
        ("offset=9007199254740993", ""),
        ("offset=99999999999999999999", ""),
    ] {
        let response = raw(&workspace, parameters);
        assert_eq!(ids(&response), expected, "{parameters}");
        assert_eq!(response.json()["total"], 3, "{parameters}");
    }
    for (parameters, offset) in [
        ("offset=0x1", json!(1)),
        ("offset=one", Value::Null),
        ("offset[x]=1", Value::Null),
        ("offset=9007199254740993", json!(9_007_199_254_740_992_u64)),
        ("offset=99999999999999999999", json!(1e20)),
    ] {
        let shown = raw(&workspace, parameters).json()["offset"].clone();
        assert_eq!(shown.as_f64(), offset.as_f64(), "{parameters}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_is_no_object_is_read_as_in_javascript() {
    let workspace = of_version("3.4.0").await;
    let null = "Cannot convert undefined or null to object";
    for (name, value, expected) in [
        ("query", "false", Ok("bca")),
        ("query", "0", Ok("bca")),
        ("query", "\"\"", Ok("bca")),
        ("query", "{}", Ok("bca")),
        ("query", "null", Err(null)),
        ("query", "true", Err("The query must be an object.")),
        ("query", "7", Err("The query must be an object.")),
        ("query", "\"a\"", Err("The query must be an object.")),
        ("query", "[]", Err("The query must be an object.")),
        ("fields", "null", Err(null)),
        ("fields", "false", Ok("bca")),
        ("fields", "7", Ok("bca")),
        ("fields", "\"\"", Ok("bca")),
        (
            "fields",
            "\"a\"",
            Err("Projection cannot have a mix of inclusion and exclusion."),
        ),
        ("fields", "[]", Ok("bca")),
        ("fields", "[0,false,null]", Ok("bca")),
        (
            "fields",
            "[1]",
            Err("Projection cannot have a mix of inclusion and exclusion."),
        ),
        ("sort", "null", Ok("bca")),
        ("sort", "[[\"createdAt\",\"DESC\"]]", Ok("cba")),
        ("sort", "[[\"createdAt\",\"-1\"]]", Ok("cba")),
        ("sort", "{\"createdAt\":-1.5}", Ok("cba")),
        ("sort", "{\"$natural\":-1}", Ok("acb")),
        ("sort", "[[\"createdAt\"]]", Err("Illegal sort clause")),
        ("sort", "[null]", Err("Illegal sort clause")),
        ("sort", "{\"createdAt\":\"1\"}", Err("$sort key ordering")),
        ("sort", "{\"createdAt\":0.5}", Err("$sort key ordering")),
    ] {
        let response = workspace.get(&with(&[(name, value)]));
        match expected {
            Ok(expected) => assert_eq!(ids(&response), expected, "{name}={value}"),
            Err(message) => {
                let found = error(&response);
                assert!(found.starts_with(message), "{name}={value}: {found}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn brackets_and_repetitions_become_lists_and_objects() {
    let workspace = of_version("3.4.0").await;
    let invalid = |parameters: &str, name: &str, text: &str| {
        let response = raw(&workspace, parameters);
        assert_eq!(response.status, 400, "{parameters}");
        let message =
            format!("Invalid {name} parameter provided: \"{text}\" [error-invalid-{name}]");
        assert_eq!(response.json()["error"], message, "{parameters}");
    };
    invalid("sort[createdAt]=-1", "sort", "[object Object]");
    invalid("sort=0&sort=0", "sort", "0,0");
    invalid("fields[a]=0", "fields", "[object Object]");
    invalid("query[x]=1", "query", "[object Object]");
    // Only a text is a query, although this list has but one.
    invalid("query[]=0", "query", "0");
    invalid("query=%7B%ff%7D", "query", "%7B%ff%7D");
    assert_eq!(
        ids(&raw(&workspace, "sort[]=%7B%22createdAt%22:-1%7D")),
        "cba"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_take_what_mongodb_takes_beside_exclusions() {
    let workspace = of_version("3.4.0").await;
    let shown = |fields: &str| {
        let response = workspace.get(&with(&[("fields", fields), ("query", r#"{"_id":"b"}"#)]));
        assert_eq!(response.status, 200, "{fields}: {}", response.text());
        response.json()["statistics"][0].clone()
    };
    assert_eq!(shown(r#"{"version":null}"#).get("version"), None);
    assert_eq!(
        shown(r#"{"settings":0,"settings.x":0}"#).get("settings"),
        None
    );
    for fields in [
        r#"{"os.cpus":{"$slice":1}}"#,
        r#"{"list":{"$elemMatch":{"a":1}}}"#,
        r#"{"list":{"$elemMatch":{"$gt":1}}}"#,
        r#"{"members.x":1,"e2e":1,"joinCode.a.b":{"$slice":1}}"#,
    ] {
        assert_eq!(shown(fields)["totalUsers"], 20, "{fields}");
    }
    for fields in [
        r#"{"a":{"$slice":"x"}}"#,
        r#"{"a":{"$meta":"textScore"}}"#,
        r#"{"a":{"b":1}}"#,
        r#"{"a":{}}"#,
        r#"{"a":""}"#,
        r#"{"a":[0]}"#,
        r#"{"a":{"$elemMatch":{"$where":"1"}}}"#,
        r#"{"wizard":{"$elemMatch":{"contactName":"hidden-1"}}}"#,
        r#"{"settings.email":{"$slice":1}}"#,
    ] {
        error(&workspace.get(&with(&[("fields", fields)])));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_ignored_are_ignored_with_what_is_below() {
    let workspace = of_version("3.4.0").await;
    let query = r#"{"members.name":"x","e2e.a.b":{"$foo":1},"_id":"a"}"#;
    assert_eq!(ids(&workspace.get(&with(&[("query", query)]))), "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_combination_of_odd_parameters_is_503_or_shows_what_is_hidden() {
    let workspace = of_version("3.4.0").await;
    let names = [
        "count",
        "offset",
        "sort",
        "fields",
        "query",
        "sort[]",
        "query[a]",
        "fields[][b]",
    ];
    let texts = [
        "-0",
        "0x",
        "1e400",
        "9223372036854775808",
        "-9223372036854775809",
        "\u{0}",
        "%",
        "\"\u{0}\"",
        "{\"a\\u0000\":1}",
        "{\"$\\u0000\":1}",
        "{\"a\":{\"$\\u0000\":1}}",
        "{\"\":0}",
        "{\".\":0}",
        "{\"$\":0}",
        "{\"a.$\":0}",
        "{\"$a.b\":0}",
        "{\"a\":{\"$foo\":1}}",
        "{\"$foo\":1}",
        "{\"a\":{\"$size\":\"x\"}}",
        "{\"a\":{\"$type\":99}}",
        "{\"a\":{\"$mod\":[0,0]}}",
        "{\"a\":{\"$bitsAllSet\":-1}}",
        "{\"a\":{\"$in\":[{\"$date\":1e300}]}}",
        "{\"$and\":[]}",
        "{\"$or\":[{}]}",
        "{\"a\":{\"$not\":{}}}",
        "{\"a\":{\"$elemMatch\":{\"$elemMatch\":{\"b\":1}}}}",
        "{\"_id\":{\"$gt\":{\"a\":[[]]}}}",
        "{\"a\":{\"$slice\":[0,0]}}",
        "{\"a\":{\"$slice\":[1]}}",
        "{\"a\":{\"$slice\":1e300}}",
        "{\"a.b\":{\"$elemMatch\":{\"c\":1}}}",
        "{\"statsToken.x\":1}",
        "{\"wizard.contactName\":0}",
        "{\"settings.email.smtp.a.b\":{\"$exists\":true}}",
        "{\"statsToken\":{\"$slice\":1}}",
        "{\"$natural\":1,\"a\":1}",
        "{\"a\":\"\\ud800\"}",
        "[[[]]]",
        "[{\"a\":1}]",
        "\u{feff}{}",
    ];
    for name in names {
        for text in texts {
            let response = workspace.get(&with(&[(name, text)]));
            assert!(
                [200, 400].contains(&response.status),
                "{name}={text}: {} {}",
                response.status,
                response.text()
            );
            if response.status == 200 {
                assert!(!response.text().contains("hidden"), "{name}={text}");
            }
        }
    }
}
