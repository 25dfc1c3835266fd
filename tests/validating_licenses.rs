//! Validating a license on the Info page, which shows Rocket.Chat's verdict beside the exporter's.

use crate::applying_licenses::{assert_page, post, review, workspace};
use crate::support::license::{content, content_v2, v2, v3};
use crate::support::rocketchat::{ADMINISTRATOR, Behavior, REGULAR_USER, RocketChat};
use crate::support::{Exporter, Response, shared_workspace};

const OF_8_7: &str = "--rocketchat.version=8.7.0";

fn validate(exporter: &Exporter, license: &str, (user_id, token): (&str, &str)) -> Response {
    let fields = [
        ("license", license),
        ("user_id", user_id),
        ("auth_token", token),
    ];
    post(exporter, "/info/license/validate", &fields)
}

#[tokio::test(flavor = "multi_thread")]
async fn verdict_is_shown_beside_the_content_and_nothing_is_applied() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let workspace = workspace(&rocketchat, &[OF_8_7, "--log.level=debug"]).await;
    let exporter = &workspace.exporter;
    let license = v3(&content());
    let button = "<button type=\"submit\" formaction=\"/info/license/validate\">";
    let unsent = "<dt>Rocket.Chat</dt><dd>not validated yet</dd>";
    assert_page(&review(exporter, &license), 200, &[button, unsent]);
    let validated = validate(exporter, &license, ADMINISTRATOR);
    let words = [
        "valid here and now if it is genuine, which Rocket.Chat checks",
        "would accept it",
        "<li>livechat-enterprise</li>",
        &format!("name=\"license\" value=\"{license}\""),
        button,
    ];
    assert_page(&validated, 200, &words);
    assert_eq!(rocketchat.requests(), ["POST /api/v1/licenses.validate"]);
    assert!(rocketchat.accepted().is_empty());
    let log = exporter.logged("Rocket.Chat validated a license").await;
    let shown = [validated.text(), log].concat();
    for secret in [ADMINISTRATOR.0, ADMINISTRATOR.1] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_names_the_rules_that_a_license_breaks() {
    let rocketchat = RocketChat::start(Behavior::Invalidates).await;
    let workspace = workspace(&rocketchat, &[OF_8_7]).await;
    let response = validate(&workspace.exporter, &v3(&content()), ADMINISTRATOR);
    let words = "would not accept it: it is for another address (invalidate_license); \
        a period of it has not begun, or is over (prevent_installation); \
        more is used than it allows of Seats (disable_modules auditing &lt;img src=x&gt;)";
    assert_page(&response, 200, &[words]);
}

#[tokio::test(flavor = "multi_thread")]
async fn license_that_rocket_chat_cannot_read_has_no_reasons() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let workspace = workspace(&rocketchat, &[OF_8_7]).await;
    let response = validate(&workspace.exporter, &v2(&content_v2()), ADMINISTRATOR);
    assert_page(&response, 200, &["would not accept it: it cannot read it"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_to_validate_is_no_verdict() {
    let rocketchat = RocketChat::start(Behavior::NotReady).await;
    let workspace = workspace(&rocketchat, &[OF_8_7]).await;
    for (login, words) in [
        (
            (ADMINISTRATOR.0, "a-token-of-nobody"),
            "status 401: You must be logged in to do this.",
        ),
        (
            REGULAR_USER,
            "status 403: User does not have the permissions required for this action",
        ),
        (
            ADMINISTRATOR,
            "status 400: License not ready for validation",
        ),
    ] {
        let response = validate(&workspace.exporter, &v3(&content()), login);
        assert_page(
            &response,
            502,
            &[words, "gave no verdict", "role=\"alert\""],
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_rocket_chat_gives_no_verdict() {
    let flags = [
        "--rocketchat.url=http://127.0.0.1:9",
        "--web.enable-admin-api",
        OF_8_7,
    ];
    let workspace = shared_workspace().await.start(&flags).await;
    let response = validate(&workspace.exporter, &v3(&content()), ADMINISTRATOR);
    let words = "Rocket.Chat cannot be reached at http://127.0.0.1:9: ";
    assert_page(&response, 502, &[words, "gave no verdict"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn timeout_of_a_validation_raises_no_doubt_about_the_license() {
    let rocketchat = RocketChat::start(Behavior::Silent).await;
    let workspace = workspace(&rocketchat, &[OF_8_7]).await;
    let response = validate(&workspace.exporter, &v3(&content()), ADMINISTRATOR);
    assert_page(&response, 504, &["did not answer within 10 s."]);
    assert!(!response.text().contains("may have accepted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_logins_of_validating_and_applying_count_together() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let workspace = workspace(&rocketchat, &[OF_8_7]).await;
    let license = v3(&content());
    for number in 0..10 {
        let guess = format!("guess-{number}");
        let response = validate(&workspace.exporter, &license, (ADMINISTRATOR.0, &guess));
        assert_page(&response, 502, &["status 401"]);
    }
    for path in ["/info/license/validate", "/info/license/apply"] {
        let fields = [
            ("license", license.as_str()),
            ("user_id", ADMINISTRATOR.0),
            ("auth_token", "one-more-guess"),
        ];
        let response = post(&workspace.exporter, path, &fields);
        assert_page(&response, 429, &["Too many logins failed recently"]);
    }
    assert_eq!(rocketchat.requests().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn older_version_does_not_validate() {
    let rocketchat = RocketChat::start(Behavior::RocketChat).await;
    let workspace = workspace(&rocketchat, &["--rocketchat.version=8.6.2"]).await;
    let exporter = &workspace.exporter;
    let page = review(exporter, &v3(&content()));
    assert_page(&page, 200, &["Apply license"]);
    assert!(!page.text().contains("/info/license/validate"));
    let response = validate(exporter, &v3(&content()), ADMINISTRATOR);
    assert_page(&response, 404, &["from version 8.7 on"]);
    assert!(rocketchat.requests().is_empty());
}
