//! Accounts that can log in only by a custom OAuth service, which needs a license module from 9.0 on.

use mongodb::bson::{Document, doc};

use crate::support::{Exporter, Filled, empty_workspace, exporter_on, uri_of};

const SERIES: &str = "rocketchat_users_custom_oauth_only";

fn account(id: &str, services: Document) -> Document {
    doc! { "_id": id, "active": true, "type": "user", "roles": ["user"], "services": services }
}

/// An account with a custom login and another field below `services`.
fn with(other: &str) -> Document {
    account(
        other,
        doc! { "keycloak": { "id": "x" }, other: { "id": "x" } },
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_with_a_password_or_a_built_in_login_do_not_count() {
    let built_in = [
        "password", "ldap", "saml", "cas", "google", "facebook", "iframe",
    ];
    let others = built_in.map(with);
    let mut accounts = vec![
        doc! { "_id": "deactivated", "active": false, "services": { "keycloak": {} } },
        account("resumed", doc! { "resume": { "loginTokens": [] } }),
        account("none", doc! {}),
        doc! { "_id": "odd", "active": true, "services": "keycloak" },
        doc! { "_id": "list", "active": true, "services": ["keycloak"] },
        doc! { "_id": "missing", "active": true },
    ];
    accounts.extend(others);
    let exporter = exporter_on(vec![("users", accounts)]).await;
    assert_eq!(exporter.value(SERIES), Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_with_custom_logins_only_count() {
    let own = [
        "cloud",
        "email",
        "email2fa",
        "emailCode",
        "loginToken",
        "passwordHistory",
        "resume",
        "totp",
    ];
    let mut accounts = own.map(with).to_vec();
    accounts.extend([
        account("alone", doc! { "keycloak": { "id": "x" } }),
        account("two", doc! { "keycloak": {}, "authentik": {} }),
        doc! { "_id": "guest", "active": true, "roles": ["guest"], "services": { "Keycloak": {} } },
    ]);
    let number = accounts.len() as f64;
    let exporter = exporter_on(vec![("users", accounts)]).await;
    assert_eq!(exporter.value(SERIES), Some(number));
}

/// The Info page of a workspace with two such accounts.
async fn page(arguments: &[&str]) -> String {
    let database = empty_workspace().await;
    let accounts = ["one", "two"].map(|id| account(id, doc! { "keycloak": {} }));
    database
        .collection("users")
        .insert_many(accounts)
        .await
        .expect("the accounts can be inserted");
    let exporter = Exporter::on(&uri_of(&database), arguments);
    exporter.wait_for_collectors().await;
    exporter.get("/info").text()
}

#[tokio::test(flavor = "multi_thread")]
async fn page_warns_of_such_accounts_unless_the_license_has_the_module() {
    let consequence = "they have a custom OAuth login only, which 9.0 and later refuses without the license module oauth-enterprise";
    for (version, words) in [
        (
            "8.9.0",
            "2 accounts cannot log in after an upgrade to Rocket.Chat 9.0: ",
        ),
        ("9.0.0", "2 accounts cannot log in: "),
    ] {
        let version = format!("--rocketchat.version={version}");
        let unlicensed = page(&[&version]).await;
        let warning = format!("{words}{consequence}");
        assert!(unlicensed.contains(&warning), "{unlicensed}");
        let other = page(&[&version, "--rocketchat.license-modules=auditing"]).await;
        assert!(other.contains(&warning), "{other}");
        let licensed = page(&[&version, "--rocketchat.license-modules=oauth-enterprise"]).await;
        assert!(!licensed.contains(consequence), "{licensed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_of_a_workspace_without_such_accounts_does_not_warn() {
    let workspace = Filled::new()
        .await
        .start(&["--rocketchat.version=9.0.0"])
        .await;
    let page = workspace.exporter.get("/info").text();
    assert!(!page.contains("custom OAuth login"), "{page}");
    assert_eq!(workspace.exporter.value(SERIES), Some(0.0));
}
