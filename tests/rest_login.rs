//! Logins to the API: OAuth access tokens, guests, and accounts without a user name.

use mongodb::bson::{Bson, DateTime, doc};

use crate::support::{Filled, Workspace};

const PATH: &str = "/api/v1/statistics";

/// Inserts OAuth access tokens of the admin with these expiry dates.
async fn insert_tokens(workspace: &Workspace, grants: &[(&str, Bson)]) {
    let admin = &workspace.credentials.admin.user_id;
    let grants = grants.iter().map(|(token, expires)| {
        doc! { "accessToken": token, "clientId": "client", "userId": admin, "expires": expires }
    });
    workspace
        .collection("rocketchat_oauth_access_tokens")
        .insert_many(grants)
        .await
        .expect("access tokens can be inserted");
}

fn in_hours(hours: i64) -> Bson {
    DateTime::from_millis(DateTime::now().timestamp_millis() + hours * 3_600_000).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth_token_is_accepted_in_header_and_query_until_it_expires() {
    let workspace = Workspace::start(&[]).await;
    let grants = [
        ("valid", in_hours(1)),
        ("endless", Bson::Null),
        ("old", in_hours(-1)),
        ("invalid", Bson::from("tomorrow")),
    ];
    insert_tokens(&workspace, &grants).await;
    for (token, status) in [
        ("valid", 200),
        ("endless", 200),
        ("old", 401),
        ("invalid", 401),
        ("unknown", 401),
    ] {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str())];
        let in_header = workspace.exporter.request("GET", PATH, &headers);
        assert_eq!(in_header.status, status, "{token}");
        let in_address = workspace
            .exporter
            .get(&format!("{PATH}?access_token={token}"));
        assert_eq!(in_address.status, status, "{token}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth_token_takes_precedence_over_valid_headers() {
    let workspace = Workspace::start(&["--rocketchat.version=9.0.0"]).await;
    insert_tokens(&workspace, &[("valid", in_hours(1)), ("old", in_hours(-1))]).await;
    let plain = &workspace.credentials.plain;
    let admin = &workspace.credentials.admin;
    let status = |account: &testbed::workspace::Account, bearer: &str, query: &str| {
        let headers = [
            ("X-User-Id", account.user_id.as_str()),
            ("X-Auth-Token", account.token.as_str()),
            ("Authorization", bearer),
        ];
        workspace
            .exporter
            .request("GET", &format!("{PATH}{query}"), &headers)
            .status
    };
    assert_eq!(status(plain, "Bearer valid", ""), 200);
    assert_eq!(status(plain, "Bearer old", ""), 403);
    assert_eq!(status(admin, "Bearer old", ""), 200);
    assert_eq!(status(plain, "Basic valid", ""), 403);
    assert_eq!(
        status(plain, "Bearer old", "?access_token=valid"),
        403,
        "the token in the query is used"
    );
    assert_eq!(status(plain, "Basic x", "?access_token=valid"), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_instead_of_tokens_are_rejected() {
    let workspace = Workspace::start(&[]).await;
    insert_tokens(&workspace, &[("valid", in_hours(1))]).await;
    for query in [
        "access_token[$exists]=true",
        "access_token[]=valid",
        "access_token={\"$exists\":true}",
        "access_token=valid&access_token=valid",
        "access_token=",
    ] {
        let query = query
            .replace('{', "%7B")
            .replace('}', "%7D")
            .replace('"', "%22");
        let response = workspace.exporter.get(&format!("{PATH}?{query}"));
        assert_eq!(response.status, 401, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grant_of_deactivated_or_unknown_user_is_rejected() {
    let workspace = Workspace::start(&[]).await;
    insert_tokens(&workspace, &[("valid", in_hours(1))]).await;
    workspace
        .collection("rocketchat_oauth_access_tokens")
        .insert_many([
            doc! { "accessToken": "of an unknown user", "userId": "unknown" },
            doc! { "accessToken": "of an operator", "userId": { "$exists": true } },
        ])
        .await
        .expect("access tokens can be inserted");
    workspace
        .collection("users")
        .update_one(
            doc! { "_id": &workspace.credentials.admin.user_id },
            doc! { "$set": { "active": false } },
        )
        .await
        .expect("the admin can be deactivated");
    for token in ["valid", "of an unknown user", "of an operator"] {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str())];
        let response = workspace.exporter.request("GET", PATH, &headers);
        assert_eq!(response.status, 401, "{token}");
    }
}

/// Adds the role `guest` to the admin.
async fn add_guest_role(workspace: &Filled) {
    workspace
        .collection("users")
        .update_one(
            doc! { "_id": &workspace.credentials.admin.user_id },
            doc! { "$push": { "roles": "guest" } },
        )
        .await
        .expect("the admin can be updated");
}

#[tokio::test(flavor = "multi_thread")]
async fn guest_is_refused_while_a_license_is_valid() {
    let filled = Filled::new().await;
    add_guest_role(&filled).await;
    for (license, arguments, status) in [
        ("Valid", &[] as &[&str], 403),
        ("Invalid", &[], 200),
        ("", &[], 200),
        ("", &["--rocketchat.license-modules=auditing"], 403),
    ] {
        filled.set("Enterprise_License_Status", license).await;
        let arguments = [&["--rocketchat.version=9.0.0"], arguments].concat();
        let workspace = filled.exporter(&arguments).await;
        let response = workspace.get(PATH);
        assert_eq!(response.status, status, "{license} {arguments:?}");
        if status == 403 {
            assert_eq!(response.json()["errorType"], "error-forbidden");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn account_without_a_user_name_is_refused_since_8_0() {
    let filled = Filled::new().await;
    let before = filled.exporter(&["--rocketchat.version=7.7.1"]).await;
    let after = filled.exporter(&["--rocketchat.version=8.0.0"]).await;
    assert_eq!(
        (before.get(PATH).status, after.get(PATH).status),
        (200, 200)
    );
    let admin = doc! { "_id": &filled.credentials.admin.user_id };
    filled
        .collection("users")
        .update_one(admin, doc! { "$unset": { "username": "" } })
        .await
        .expect("the user name can be removed");
    assert_eq!(
        (before.get(PATH).status, after.get(PATH).status),
        (200, 401)
    );
}
