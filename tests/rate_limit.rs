//! The rate limit of the endpoints below `/api`.

use std::time::{SystemTime, UNIX_EPOCH};

use mongodb::bson::doc;

use crate::support::{Filled, Response};

const PATH: &str = "/api/v1/statistics";

fn remaining(response: &Response) -> &str {
    response.header("x-ratelimit-remaining")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_endpoint_has_its_own_rate_limit() {
    let filled = Filled::new().await;
    filled
        .set("API_Enable_Rate_Limiter_Limit_Calls_Default", 2)
        .await;
    let workspace = filled.start(&["--rocketchat.version=9.0.0"]).await;
    let plain = &workspace.credentials.plain;
    let now = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.expect("the clock is after 1970").as_millis()
    };
    let before = now();
    for left in ["1", "0"] {
        let response = workspace.get_as(plain, PATH);
        assert_eq!(response.status, 403, "the user has the permission");
        assert_eq!(response.header("x-ratelimit-limit"), "2");
        assert_eq!(remaining(&response), left);
        let reset: u128 = response
            .header("x-ratelimit-reset")
            .parse()
            .expect("the reset is a number");
        assert!((before + 50_000..=now() + 60_000).contains(&reset));
    }
    let refused = workspace.get_as(plain, PATH);
    assert_eq!(refused.status, 429);
    assert_eq!(remaining(&refused), "0");
    let refusal = refused.json();
    let error = refusal["error"].as_str().unwrap_or_default();
    let wait = error
        .strip_prefix("Error, too many requests. Please slow down. You must wait ")
        .and_then(|rest| {
            rest.strip_suffix(
                " seconds before trying this endpoint again. [error-too-many-requests]",
            )
        });
    let wait: u64 = wait.and_then(|seconds| seconds.parse().ok()).expect(error);
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(refusal["success"], false);
    let list = workspace.get_as(plain, "/api/v1/statistics.list");
    assert_eq!(remaining(&list), "1");
    assert_eq!(remaining(&workspace.exporter.get("/api/info")), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn exempt_and_unauthenticated_callers_see_no_rate_limit_headers() {
    let filled = Filled::new().await;
    filled
        .set("API_Enable_Rate_Limiter_Limit_Calls_Default", 1)
        .await;
    let workspace = filled.start(&[]).await;
    for _ in 0..3 {
        let admin = workspace.get(PATH);
        assert_eq!(admin.status, 200);
        assert_eq!(admin.header("x-ratelimit-limit"), "");
    }
    let unauthenticated = workspace.exporter.get(PATH);
    assert_eq!(unauthenticated.status, 401);
    assert_eq!(unauthenticated.header("x-ratelimit-limit"), "");
    workspace
        .collection("rocketchat_permissions")
        .delete_one(doc! { "_id": "api-bypass-rate-limit" })
        .await
        .expect("the permission can be removed");
    assert_eq!(workspace.get(PATH).status, 200);
    assert_eq!(workspace.get(PATH).status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_rate_limit_allows_all_calls() {
    let filled = Filled::new().await;
    filled.set("API_Enable_Rate_Limiter", false).await;
    let workspace = filled.start(&[]).await;
    for _ in 0..12 {
        let response = workspace.exporter.get("/api/info");
        assert_eq!(response.status, 200);
        assert_eq!(response.header("x-ratelimit-limit"), "");
    }
}
