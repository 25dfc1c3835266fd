//! A workspace that is filled but otherwise still, an exporter on it, and requests of its users.

use mongodb::bson::{DateTime, Document};
use mongodb::{Collection, Database};
use testbed::workspace::{self, Account, Credentials, Size};

use super::{Answer, Exporter, client, fresh_database, uri_of};

/// A workspace's database, small unless it says otherwise, before anything looks at it.
pub struct Filled {
    pub database: Database,
    pub credentials: Credentials,
}

/// The same with an exporter that has read everything once and will not do so again by itself.
pub struct Workspace {
    pub database: Database,
    pub exporter: Exporter,
    pub credentials: Credentials,
}

impl Filled {
    pub async fn new() -> Self {
        Self::on(fresh_database().await).await
    }

    /// As large as that of the demo.
    pub async fn as_in_the_demo() -> Self {
        Self::of_size(fresh_database().await, &Size::default()).await
    }

    /// In the database that has the usual name, on a MongoDB of the test's own.
    pub async fn at(uri: &str) -> Self {
        Self::on(client(uri).await.database("rocketchat")).await
    }

    /// In a database that nobody else uses.
    pub async fn on(database: Database) -> Self {
        Self::of_size(database, &Size::small()).await
    }

    async fn of_size(database: Database, size: &Size) -> Self {
        let credentials = workspace::fill(&database, size, DateTime::now())
            .await
            .expect("the workspace can be made");
        Self {
            database,
            credentials,
        }
    }

    pub fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    /// Writes the value of a setting.
    pub async fn set(&self, setting: &str, value: impl Into<mongodb::bson::Bson>) {
        self.collection("rocketchat_settings")
            .update_one(
                mongodb::bson::doc! { "_id": setting },
                mongodb::bson::doc! { "$set": { "value": value.into() } },
            )
            .upsert(true)
            .await
            .expect("the setting can be written");
    }

    pub async fn start(self, arguments: &[&str]) -> Workspace {
        let uri = uri_of(&self.database);
        self.start_on(&uri, arguments).await
    }

    /// Starts an exporter that reaches the database by this connection string.
    pub async fn start_on(self, uri: &str, arguments: &[&str]) -> Workspace {
        let mut all = vec![
            "--collection.fast-interval=1h",
            "--collection.normal-interval=1h",
            "--collection.slow-interval=1h",
        ];
        all.extend(arguments);
        let exporter = Exporter::on(uri, &all);
        exporter.whole().await;
        Workspace {
            database: self.database,
            exporter,
            credentials: self.credentials,
        }
    }
}

impl Workspace {
    pub async fn start(arguments: &[&str]) -> Self {
        Filled::new().await.start(arguments).await
    }

    pub fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    pub fn get_as(&self, account: &Account, path: &str) -> Answer {
        self.request_as(account, "GET", path)
    }

    pub fn request_as(&self, account: &Account, method: &str, path: &str) -> Answer {
        let headers = [
            ("X-User-Id", account.user_id.as_str()),
            ("X-Auth-Token", account.token.as_str()),
        ];
        self.exporter.request(method, path, &headers)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.get_as(&self.credentials.admin, path)
    }
}
