//! What a MongoDB user is allowed to do, and the statements for `mongosh` that grant what is missing.

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document};

use crate::catalogue::Privilege;

/// The role that a statement creates.
pub const ROLE: &str = "rocketchatExporter";

/// The user that a statement creates.
pub const USER: &str = "rocketchat-exporter";

/// The authenticated user, its roles and its privileges.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserPrivileges {
    /// The user; `None` when the connection is not authenticated.
    pub user: Option<QualifiedName>,
    roles: Vec<QualifiedName>,
    privileges: Vec<Document>,
}

/// The name of a user or role, and its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualifiedName {
    /// Its name.
    pub name: String,
    /// The database.
    pub database: String,
}

impl UserPrivileges {
    /// Parses the answer to `connectionStatus` with `showPrivileges`.
    pub fn from_status(status: &Document) -> Self {
        let Ok(info) = status.get_document("authInfo") else {
            return Self::default();
        };
        let named = |key: &str, name: &str| {
            documents(info, key)
                .filter_map(|entry| {
                    Some(QualifiedName {
                        name: entry.get_str(name).ok()?.to_owned(),
                        database: entry.get_str("db").ok()?.to_owned(),
                    })
                })
                .collect::<Vec<_>>()
        };
        Self {
            user: named("authenticatedUsers", "user").into_iter().next(),
            roles: named("authenticatedUserRoles", "role"),
            privileges: documents(info, "authenticatedUserPrivileges")
                .cloned()
                .collect(),
        }
    }

    /// Whether an action on a collection of a database is allowed, or on the server.
    pub fn allows(&self, database: &str, collection: Option<&str>, action: &str) -> bool {
        self.privileges.iter().any(|privilege| {
            let actions = privilege.get_array("actions");
            let is_named = actions
                .is_ok_and(|actions| actions.iter().any(|name| name.as_str() == Some(action)));
            let resource = privilege.get_document("resource");
            is_named && resource.is_ok_and(|resource| covers(resource, database, collection))
        })
    }

    /// The statement that grants what is missing, on one line, for an administrator's `mongosh`.
    pub fn grant_statement(&self, database: &str, missing: &[&Privilege]) -> String {
        let privileges = one_line(&privileges_by_resource(database, missing));
        let Some(user) = &self.user else {
            return format!(
                "db.getSiblingDB(\"admin\").createRole({{\"role\": \"{ROLE}\", \"privileges\": {privileges}, \"roles\": []}}); db.getSiblingDB(\"admin\").createUser({{\"user\": \"{USER}\", \"pwd\": passwordPrompt(), \"roles\": [\"{ROLE}\"]}})"
            );
        };
        // Only a role of the database `admin` can have privileges on the server and on other databases.
        let own = self
            .roles
            .iter()
            .filter(|role| role.database == "admin" && !is_built_in(&role.name))
            .max_by_key(|role| role.name == ROLE);
        match own {
            Some(role) => format!(
                "db.getSiblingDB(\"admin\").grantPrivilegesToRole({}, {privileges})",
                quoted(&role.name)
            ),
            None => format!(
                "db.getSiblingDB(\"admin\").createRole({{\"role\": \"{ROLE}\", \"privileges\": {privileges}, \"roles\": []}}); db.getSiblingDB({}).grantRolesToUser({}, [{{\"role\": \"{ROLE}\", \"db\": \"admin\"}}])",
                quoted(&user.database),
                quoted(&user.name)
            ),
        }
    }
}

fn documents<'a>(document: &'a Document, key: &str) -> impl Iterator<Item = &'a Document> {
    let all = document.get_array(key).map_or(&[][..], Vec::as_slice);
    all.iter().filter_map(Bson::as_document)
}

/// Whether the resource of a privilege covers a collection, or the server. An empty name matches every name.
fn covers(resource: &Document, database: &str, collection: Option<&str>) -> bool {
    let is_true = |key: &str| resource.get_bool(key).unwrap_or(false);
    if is_true("anyResource") {
        return true;
    }
    let Some(collection) = collection else {
        return is_true("cluster");
    };
    let matches = |key: &str, name: &str| {
        resource
            .get_str(key)
            .is_ok_and(|granted| granted.is_empty() || granted == name)
    };
    matches("db", database) && matches("collection", collection)
}

/// Whether a role is built into the server, so that it cannot be changed.
fn is_built_in(role: &str) -> bool {
    const NAMES: [&str; 20] = [
        "__queryableBackup",
        "__system",
        "backup",
        "clusterAdmin",
        "clusterManager",
        "clusterMonitor",
        "dbAdmin",
        "dbAdminAnyDatabase",
        "dbOwner",
        "directShardOperations",
        "enableSharding",
        "hostManager",
        "read",
        "readAnyDatabase",
        "readWrite",
        "readWriteAnyDatabase",
        "restore",
        "root",
        "userAdmin",
        "userAdminAnyDatabase",
    ];
    NAMES.contains(&role)
}

/// Each resource as JSON, with the actions on it. The workspace's resources are in `database`.
pub fn privileges_by_resource(database: &str, privileges: &[&Privilege]) -> Vec<String> {
    let mut actions: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for privilege in privileges {
        let Privilege {
            database,
            collection,
            action,
            ..
        } = privilege;
        let resource = (collection.is_none(), *database, *collection);
        actions.entry(resource).or_default().push(action);
    }
    actions
        .into_iter()
        .map(|((_, other, collection), actions)| {
            let resource = match collection {
                None => "{ \"cluster\": true }".to_owned(),
                Some(collection) => format!(
                    "{{ \"db\": {}, \"collection\": \"{collection}\" }}",
                    quoted(other.unwrap_or(database))
                ),
            };
            let actions: Vec<String> = actions
                .iter()
                .map(|action| format!("\"{action}\""))
                .collect();
            format!(
                "{{ \"resource\": {resource}, \"actions\": [{}] }}",
                actions.join(", ")
            )
        })
        .collect()
}

fn one_line(privileges: &[String]) -> String {
    format!("[{}]", privileges.join(", "))
}

/// A string literal of `mongosh`.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    fn user_with(resource: &Document) -> UserPrivileges {
        UserPrivileges::from_status(&doc! { "authInfo": {
            "authenticatedUsers": [{ "user": "me", "db": "admin" }],
            "authenticatedUserRoles": [{ "role": "readAnyDatabase", "db": "admin" }],
            "authenticatedUserPrivileges": [{ "resource": resource, "actions": ["find", "serverStatus"] }],
        } })
    }

    #[test]
    fn empty_name_covers_every_name() {
        for (resource, expected) in [
            (
                doc! { "db": "rocketchat", "collection": "users" },
                [true, false, false],
            ),
            (
                doc! { "db": "rocketchat", "collection": "" },
                [true, true, false],
            ),
            (
                doc! { "db": "", "collection": "users" },
                [true, false, false],
            ),
            (doc! { "db": "", "collection": "" }, [true, true, false]),
            (
                doc! { "db": "other", "collection": "" },
                [false, false, false],
            ),
            (doc! { "cluster": true }, [false, false, true]),
            (doc! { "anyResource": true }, [true, true, true]),
        ] {
            let user = user_with(&resource);
            let found = [
                user.allows("rocketchat", Some("users"), "find"),
                user.allows("rocketchat", Some("instances"), "find"),
                user.allows("rocketchat", None, "serverStatus"),
            ];
            assert_eq!(found, expected, "{resource}");
            assert!(!user.allows("rocketchat", Some("users"), "insert"));
        }
    }

    #[test]
    fn built_in_role_is_not_changed() {
        let missing = [&Privilege::find("users")];
        let statement = user_with(&doc! {}).grant_statement("rocketchat", &missing);
        assert!(statement.contains("createRole") && statement.contains("grantRolesToUser(\"me\""));
        let statement = UserPrivileges::default().grant_statement("rocketchat", &missing);
        assert!(statement.contains("createUser"), "{statement}");
    }
}
