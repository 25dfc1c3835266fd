//! The rate limit of the endpoints below `/api`.

use std::time::{SystemTime, UNIX_EPOCH};

use mongodb::bson::doc;

use crate::support::{Answer, Filled};

const PATH: &str = "/api/v1/statistics";

fn remaining(answer: &Answer) -> &str {
    answer.header("x-ratelimit-remaining")
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_beyond_the_limit_are_429_for_each_endpoint_by_itself() {
    let filled = Filled::new().await;
    filled
        .set("API_Enable_Rate_Limiter_Limit_Calls_Default", 2)
        .await;
    let workspace = filled.start(&[]).await;
    let plain = &workspace.credentials.plain;
    let now = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.expect("it is after 1970").as_millis()
    };
    let before = now();
    for left in ["1", "0"] {
        let answer = workspace.get_as(plain, PATH);
        assert_eq!(answer.status, 400, "the permission is missing");
        assert_eq!(answer.header("x-ratelimit-limit"), "2");
        assert_eq!(remaining(&answer), left);
        let reset: u128 = answer
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
    let stranger = workspace.exporter.get(PATH);
    assert_eq!(stranger.status, 401);
    assert_eq!(stranger.header("x-ratelimit-limit"), "");
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
        let answer = workspace.exporter.get("/api/info");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-ratelimit-limit"), "");
    }
}
