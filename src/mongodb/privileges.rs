//! What a user may do, what is missing of what is needed, and the statements for `mongosh` that mend it.

pub mod required;

use std::collections::BTreeMap;

use mongodb::bson::{Bson, Document};

pub use required::{NEEDS, Need};

/// The role that is proposed where there is none.
const ROLE: &str = "rocketchatExporter";

/// The user that is proposed where there is none.
const USER: &str = "rocketchat-exporter";

/// Who is logged in, and what that allows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Login {
    /// The user and the database that it belongs to; `None` when nobody is logged in.
    pub user: Option<Named>,
    roles: Vec<Named>,
    privileges: Vec<Document>,
}

/// A user or role, and the database that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// The database.
    pub database: String,
}

impl Login {
    /// What the server answers to `connectionStatus`.
    pub fn from_status(status: &Document) -> Self {
        let Ok(info) = status.get_document("authInfo") else {
            return Self::default();
        };
        let named = |key: &str, name: &str| {
            documents(info, key)
                .filter_map(|it| {
                    Some(Named {
                        name: it.get_str(name).ok()?.to_owned(),
                        database: it.get_str("db").ok()?.to_owned(),
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

    /// Whether it allows an action on a collection of a database, or on the server.
    pub fn allows(&self, database: &str, collection: Option<&str>, action: &str) -> bool {
        self.privileges.iter().any(|privilege| {
            let actions = privilege.get_array("actions");
            let is_named =
                actions.is_ok_and(|all| all.iter().any(|it| it.as_str() == Some(action)));
            let resource = privilege.get_document("resource");
            is_named && resource.is_ok_and(|resource| covers(resource, database, collection))
        })
    }

    /// The statement that allows what is missing, for an administrator's `mongosh`; everything on one line.
    pub fn remedy(&self, database: &str, missing: &[&Need]) -> String {
        let privileges = one_line(&privileges(database, missing));
        let Some(user) = &self.user else {
            return format!(
                "db.getSiblingDB(\"admin\").createRole({{\"role\": \"{ROLE}\", \"privileges\": {privileges}, \"roles\": []}}); db.getSiblingDB(\"admin\").createUser({{\"user\": \"{USER}\", \"pwd\": passwordPrompt(), \"roles\": [\"{ROLE}\"]}})"
            );
        };
        // Only a role of the database `admin` may hold privileges on the server and on other databases.
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

/// Whether the resource of a privilege holds what is needed. An empty name stands for all of its kind.
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
            .is_ok_and(|it| it.is_empty() || it == name)
    };
    matches("db", database) && matches("collection", collection)
}

/// Roles that every server has, which cannot be changed.
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

/// Each resource as JSON, with the actions that are needed on it.
fn privileges(database: &str, needs: &[&Need]) -> Vec<String> {
    let mut actions: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for need in needs {
        let key = (need.collection.is_none(), need.database, need.collection);
        actions.entry(key).or_default().push(need.action);
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
            let actions: Vec<String> = actions.iter().map(|it| format!("\"{it}\"")).collect();
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

/// A text as `mongosh` reads it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The statements that make a user who may read what every collector needs, as the README has them.
#[must_use]
pub fn role_reference() -> String {
    let all: Vec<&Need> = NEEDS.iter().collect();
    let privileges = privileges("rocketchat", &all).join(",\n    ");
    format!(
        "db.getSiblingDB(\"admin\").createRole({{
  \"role\": \"{ROLE}\",
  \"privileges\": [
    {privileges}
  ],
  \"roles\": []
}})
db.getSiblingDB(\"admin\").createUser({{
  \"user\": \"{USER}\",
  \"pwd\": \"choose a password\",
  \"roles\": [\"{ROLE}\"]
}})
"
    )
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    fn login(resource: &Document) -> Login {
        Login::from_status(&doc! { "authInfo": {
            "authenticatedUsers": [{ "user": "me", "db": "admin" }],
            "authenticatedUserRoles": [{ "role": "readAnyDatabase", "db": "admin" }],
            "authenticatedUserPrivileges": [{ "resource": resource, "actions": ["find", "serverStatus"] }],
        } })
    }

    #[test]
    fn an_empty_name_stands_for_all_of_its_kind() {
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
            let login = login(&resource);
            let found = [
                login.allows("rocketchat", Some("users"), "find"),
                login.allows("rocketchat", Some("instances"), "find"),
                login.allows("rocketchat", None, "serverStatus"),
            ];
            assert_eq!(found, expected, "{resource}");
            assert!(!login.allows("rocketchat", Some("users"), "insert"));
        }
    }

    #[test]
    fn a_role_that_cannot_be_changed_is_left_alone() {
        let needs: Vec<&Need> = NEEDS.iter().take(1).collect();
        let remedy = login(&doc! {}).remedy("rocketchat", &needs);
        assert!(remedy.contains("createRole") && remedy.contains("grantRolesToUser(\"me\""));
        let remedy = Login::default().remedy("rocketchat", &needs);
        assert!(remedy.contains("createUser"), "{remedy}");
    }
}
