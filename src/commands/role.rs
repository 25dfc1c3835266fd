//! `role`: prints the MongoDB role that the enabled collectors need, and a user with it.

use crate::catalogue::Privilege;
use crate::cli::{RoleFormat, RoleOptions};
use crate::collectors::LiveMode;
use crate::collectors::required_privileges::role_privileges;
use crate::config::{ChoiceError, Config, WorkspaceConfig};
use crate::mongodb::privileges::{ROLE, USER, privileges_by_resource};

/// The database of a workspace whose connection string names none.
const DATABASE: &str = "rocketchat";

/// The role and the user of a workspace, as text in the chosen format.
///
/// # Errors
/// When several workspaces are configured and none is named, or the named one is not configured.
pub fn role(config: Config, options: &RoleOptions) -> Result<String, ChoiceError> {
    let workspace = config.workspaces.choose(options.workspace.as_deref())?;
    let database = options.database.clone();
    let database = database.unwrap_or_else(|| database_of(&workspace));
    let is_live = workspace.live != LiveMode::Off;
    let privileges = role_privileges(&workspace.collectors, is_live, !options.without_api);
    let privileges: Vec<&Privilege> = privileges.iter().collect();
    let privileges = privileges_by_resource(&database, &privileges);
    Ok(match options.format {
        RoleFormat::Mongosh => mongosh(&privileges, &database),
        RoleFormat::MongodbCommunity => mongodb_community(&privileges),
        RoleFormat::Json => json(&privileges),
    })
}

fn database_of(workspace: &WorkspaceConfig) -> String {
    let settings = &workspace.mongo;
    let of_uri = || settings.uri.parsed()?.default_database;
    let database = settings.database.clone().or_else(of_uri);
    database.unwrap_or_else(|| DATABASE.to_owned())
}

fn mongosh(privileges: &[String], database: &str) -> String {
    let privileges = privileges.join(",\n    ");
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
  \"pwd\": passwordPrompt(),
  \"roles\": [\"{ROLE}\"]
}})
// The exporter's connection string: mongodb://{USER}:PASSWORD@HOST:27017/{database}?authSource=admin
"
    )
}

/// The list of privileges is JSON, which YAML includes.
fn mongodb_community(privileges: &[String]) -> String {
    let privileges = privileges.join(",\n          ");
    format!(
        "# Part of a MongoDBCommunity resource: add the role and the user to the lists that it has.
# The Secret {USER}-password has the user's password in its key `password`.
spec:
  security:
    roles:
      - role: {ROLE}
        db: admin
        privileges: [
          {privileges}
        ]
        roles: []
  users:
    - name: {USER}
      db: admin
      passwordSecretRef:
        name: {USER}-password
      roles:
        - name: {ROLE}
          db: admin
      scramCredentialsSecretName: {USER}
"
    )
}

fn json(privileges: &[String]) -> String {
    let privileges = privileges.join(",\n      ");
    format!(
        "[
  {{
    \"createRole\": \"{ROLE}\",
    \"privileges\": [
      {privileges}
    ],
    \"roles\": []
  }},
  {{
    \"createUser\": \"{USER}\",
    \"roles\": [\"{ROLE}\"]
  }}
]
"
    )
}
