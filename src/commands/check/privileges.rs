//! Which privileges the enabled collectors need, and which of them the user has.

use serde::Serialize;

use super::diagnostics::Connected;
use super::topology::Topology;
use crate::catalogue::Privilege;
use crate::collectors::LiveMode;
use crate::collectors::required_privileges::{OPLOG, PrivilegeUse, required_privileges};
use crate::config::WorkspaceConfig;

/// The privileges that the enabled collectors need.
#[derive(Debug, Default, Serialize)]
pub struct Privileges {
    pub access: LoginState,
    pub needed: Vec<PrivilegeRow>,
    /// The mongosh statement that grants every missing privilege.
    pub statement: Option<String>,
    /// Where the changes of live mode come from.
    pub live_mode: Option<&'static str>,
}

/// Whether a user is logged in, and whether the server has access control.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginState {
    /// The server was not reached.
    #[default]
    Unknown,
    /// The server has no access control.
    Open,
    /// A user is logged in.
    LoggedIn,
    /// No user is logged in, and the server has access control.
    LoggedOut,
}

/// A needed privilege.
#[derive(Debug, Serialize)]
pub struct PrivilegeRow {
    pub collection: Option<String>,
    pub action: &'static str,
    pub needed_by: Vec<&'static str>,
    /// Whether a collector fails without it.
    pub vital: bool,
    pub granted: bool,
    #[serde(skip)]
    pub privilege: Privilege,
}

impl Privileges {
    pub fn of(workspace: &WorkspaceConfig, connected: &Connected) -> Self {
        let access = match (&connected.login.user, connected.is_open) {
            (Some(_), _) => LoginState::LoggedIn,
            (None, true) => LoginState::Open,
            (None, false) => LoginState::LoggedOut,
        };
        let is_granted = |privilege: &Privilege| {
            access == LoginState::Open
                || connected.login.allows(
                    privilege.database.unwrap_or(&connected.database),
                    privilege.collection,
                    privilege.action,
                )
        };
        let is_licensed = |module: &str| connected.grants.grants(module);
        // Only a replica set has change streams.
        let is_live = workspace.live != LiveMode::Off
            && matches!(connected.topology, Topology::ReplicaSet { .. });
        let needed: Vec<PrivilegeRow> = required_privileges(&workspace.collectors)
            .into_iter()
            .filter_map(|required| {
                let privilege = required.privilege;
                let uses = required.used_by(is_licensed, is_live);
                (!uses.is_empty()).then(|| PrivilegeRow {
                    collection: required.resource(),
                    action: privilege.action,
                    vital: uses.iter().any(|used_by| used_by.is_vital()),
                    needed_by: uses.into_iter().map(PrivilegeUse::name).collect(),
                    granted: is_granted(&privilege),
                    privilege,
                })
            })
            .collect();
        let missing: Vec<&Privilege> = needed
            .iter()
            .filter(|row| !row.granted)
            .map(|row| &row.privilege)
            .collect();
        Self {
            access,
            statement: (!missing.is_empty()).then(|| {
                connected
                    .login
                    .grant_statement(&connected.database, &missing)
            }),
            needed,
            live_mode: is_live.then(|| match connected.version.as_deref().and_then(major) {
                Some(..6) => "change streams, because MongoDB is older than 6.0",
                _ if is_granted(&OPLOG) => "the oplog",
                _ => "change streams; with find on local.oplog.rs it would be the oplog, which takes MongoDB less time",
            }),
        }
    }

    pub fn missing(&self) -> impl Iterator<Item = &PrivilegeRow> {
        self.needed.iter().filter(|row| !row.granted)
    }

    /// Whether a privilege that a collector cannot work without is missing. It is reported as a problem of its own.
    pub fn lacks(&self, collector: &str) -> bool {
        self.missing()
            .any(|row| row.vital && row.needed_by.contains(&collector))
    }
}

/// The first number of a version.
fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

impl PrivilegeRow {
    /// The action, its resource and the collectors that need it.
    pub fn name(&self) -> String {
        format!(
            "{} on {} ({})",
            self.action,
            self.collection.as_deref().unwrap_or("the server"),
            self.needed_by.join(", ")
        )
    }
}
