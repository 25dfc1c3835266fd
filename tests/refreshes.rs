//! What a refresh leaves out: accounts, while their indexes show that none has changed.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::options::UpdateModifications;

use crate::support::{Filled, Workspace};

const REFRESH: &str = "/api/v1/statistics?refresh=true";

/// A workspace whose accounts are enough for a refresh to look at their indexes, read once.
async fn large_workspace() -> Workspace {
    let filled = Filled::new().await;
    let accounts = (0..20_000).map(|number| {
        doc! {
            "_id": format!("many-{number}"), "username": format!("many.{number}"), "type": "user",
            "roles": ["user"], "active": true, "status": "offline", "language": "en",
            "services": { "password": {}, "ldap": {} },
        }
    });
    filled
        .collection("users")
        .insert_many(accounts)
        .await
        .expect("the accounts can be inserted");
    filled.start(&["--mongodb.live=off"]).await
}

impl Workspace {
    /// The collectors whose queries of documents a refresh sends, and how many each.
    async fn queries_of_a_refresh(&self) -> BTreeMap<String, usize> {
        let profiles = self.database.collection::<Document>("system.profile");
        profiles.drop().await.expect("the profile can be dropped");
        self.profile(2).await;
        let response = self.get_as(&self.credentials.admin, REFRESH);
        assert_eq!(response.status, 200);
        self.profile(0).await;
        let comment = "^rocketchat-exporter (users|user_features)$";
        let queries = profiles.find(doc! {
            "command.comment": { "$regex": comment },
            // Logins use `find`.
            "command.find": { "$exists": false },
            "command.pipeline.0.$collStats": { "$exists": false },
            "keysExamined": { "$gt": 0 },
        });
        let queries: Vec<Document> = queries
            .await
            .expect("the profile can be read")
            .try_collect()
            .await
            .expect("the profile can be read");
        let mut collectors = BTreeMap::new();
        for query in queries {
            let command = query.get_document("command").expect("a command");
            let comment = command.get_str("comment").expect("a comment");
            let name = comment.trim_start_matches("rocketchat-exporter ");
            *collectors.entry(name.to_owned()).or_default() += 1;
        }
        collectors
    }

    async fn profile(&self, level: i32) {
        self.database
            .run_command(doc! { "profile": level })
            .await
            .expect("the profiler can be set");
    }

    async fn update_account(&self, update: impl Into<UpdateModifications>) {
        let accounts = self.collection("users");
        let updated = accounts.update_one(doc! { "_id": "many-1" }, update);
        let updated = updated.await.expect("the account can be updated");
        assert_eq!(updated.modified_count, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_left_out_of_a_refresh_until_one_changes() {
    let workspace = large_workspace().await;
    let names = ["user_features", "users"];
    assert_eq!(
        workspace
            .queries_of_a_refresh()
            .await
            .keys()
            .collect::<Vec<_>>(),
        names
    );
    assert_eq!(workspace.queries_of_a_refresh().await, BTreeMap::new());
    // What people do all the time leaves no trace in these indexes.
    workspace
        .update_account(doc! { "$set": { "status": "online", "statusConnection": "online" } })
        .await;
    assert_eq!(workspace.queries_of_a_refresh().await, BTreeMap::new());

    let series = |name: &str| {
        (*workspace)
            .exporter
            .value(name)
            .expect("the series exists")
    };
    let deactivated = "rocketchat_accounts{kind=\"user\",state=\"deactivated\"}";
    let guests = "rocketchat_accounts{kind=\"guest\",state=\"activated\"}";
    let bots = "rocketchat_accounts{kind=\"bot\",state=\"activated\"}";
    let remote = "rocketchat_accounts{kind=\"remote\",state=\"activated\"}";
    let seats = "rocketchat_seats_used";
    let totp = "rocketchat_users_with_second_factor{method=\"totp\"}";
    let email = "rocketchat_users_with_second_factor{method=\"email\"}";
    let ldap = "rocketchat_users_by_login_service{login_service=\"ldap\"}";
    // Each change, and the one series of several that it changes by so much.
    let changes = [
        (doc! { "$set": { "active": false } }, deactivated, 1.0),
        (doc! { "$set": { "active": true } }, deactivated, -1.0),
        (doc! { "$set": { "roles": ["guest"] } }, guests, 1.0),
        (doc! { "$set": { "roles": ["user"] } }, guests, -1.0),
        (doc! { "$set": { "type": "bot" } }, bots, 1.0),
        (doc! { "$set": { "type": "user" } }, seats, 1.0),
        (doc! { "$set": { "isRemote": true } }, remote, 1.0),
        (doc! { "$unset": { "isRemote": 1 } }, remote, -1.0),
        (doc! { "$set": { "federated": true } }, remote, 1.0),
        (
            doc! { "$set": { "services.totp.enabled": true } },
            totp,
            1.0,
        ),
        (
            doc! { "$set": { "services.email2fa.enabled": true } },
            email,
            1.0,
        ),
    ];
    for (update, name, change) in changes {
        let before = series(name);
        workspace.update_account(update.clone()).await;
        let response = workspace.get_as(&workspace.credentials.admin, REFRESH);
        assert_eq!(response.status, 200);
        assert_eq!(Some(series(name)), Some(before + change), "{update}");
    }
    assert_eq!(workspace.queries_of_a_refresh().await, BTreeMap::new());

    let languages = || {
        let document = workspace
            .get_as(&workspace.credentials.admin, REFRESH)
            .json();
        document["statistics"]["userLanguages"]["eo"].as_u64()
    };
    assert_eq!(languages(), None);
    workspace
        .update_account(doc! { "$set": { "language": "eo" } })
        .await;
    assert_eq!(languages(), Some(1));

    let before = (series(seats), series(ldap));
    let accounts = workspace.collection("users");
    let account = doc! { "_id": "new", "type": "user", "active": true, "services": { "ldap": {} } };
    accounts
        .insert_one(account)
        .await
        .expect("the account can be inserted");
    assert!(!workspace.queries_of_a_refresh().await.is_empty());
    assert_eq!(
        (series(seats), series(ldap)),
        (before.0 + 1.0, before.1 + 1.0)
    );
    accounts
        .delete_one(doc! { "_id": "new" })
        .await
        .expect("the account can be deleted");
    assert!(!workspace.queries_of_a_refresh().await.is_empty());
    assert_eq!((series(seats), series(ldap)), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn age_of_what_a_refresh_leaves_out_is_that_of_its_reading() {
    let workspace = large_workspace().await;
    let times = || {
        ["user_features", "rooms"].map(|collector| {
            let name = "rocketchat_exporter_data_timestamp_seconds";
            let series = format!("{name}{{collector=\"{collector}\"}}");
            (*workspace)
                .exporter
                .value(&series)
                .expect("the series exists")
        })
    };
    workspace.queries_of_a_refresh().await;
    let [accounts, rooms] = times();
    assert_eq!(workspace.queries_of_a_refresh().await, BTreeMap::new());
    let [left_out, read] = times();
    assert_eq!(Some(left_out), Some(accounts));
    assert!(read > rooms);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_a_small_workspace_are_read_at_each_refresh() {
    let workspace = Workspace::start(&["--mongodb.live=off"]).await;
    for _ in 0..2 {
        let queries = workspace.queries_of_a_refresh().await;
        assert_eq!(queries.len(), 2, "{queries:?}");
    }
}
