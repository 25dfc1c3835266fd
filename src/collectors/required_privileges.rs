//! The privileges that a MongoDB user needs: those that collectors declare, change streams of the collections that live
//! mode follows, and those of the API. `check` and `role` are made of this table.

use std::collections::{BTreeMap, BTreeSet};

use super::collector::Collector;
use super::live_sections::followed_collections;
use crate::catalogue::{Necessity, Privilege};

/// What uses a privilege.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivilegeUse {
    /// A collector.
    Collector(Collector, Necessity),
    /// The API: logins, its settings, stored documents.
    Api,
    /// Live mode.
    Live,
}

/// A privilege, and what uses it.
#[derive(Debug, Clone)]
pub struct RequiredPrivilege {
    /// The privilege.
    pub privilege: Privilege,
    /// What uses it, collectors in the order in which they are read.
    pub uses: Vec<PrivilegeUse>,
}

const API: [Privilege; 6] = [
    Privilege::find("rocketchat_oauth_access_tokens"),
    Privilege::list_indexes("rocketchat_oauth_access_tokens"),
    Privilege::find("rocketchat_permissions"),
    Privilege::find("rocketchat_settings"),
    Privilege::find("rocketchat_statistics"),
    Privilege::find("users"),
];

/// What live mode reads instead of change streams.
pub const OPLOG: Privilege = Privilege::find("oplog.rs").in_database("local");

/// Every privilege that these collectors, live mode and the API need, by collection; those on the server come last.
pub fn required_privileges(collectors: &BTreeSet<Collector>) -> Vec<RequiredPrivilege> {
    let enabled = Collector::ALL
        .into_iter()
        .filter(|collector| collectors.contains(collector));
    let of_collectors = enabled.flat_map(|collector| {
        let privileges = collector.privileges().iter();
        privileges.map(move |privilege| {
            (
                *privilege,
                PrivilegeUse::Collector(collector, privilege.necessity),
            )
        })
    });
    let of_api = API.map(|privilege| (privilege, PrivilegeUse::Api));
    let followed = followed_collections(collectors).into_keys();
    // Changes come from the oplog, or from these streams where the server is older than 6.0 or a collection is a view.
    let oplog = (followed.len() > 0).then_some(OPLOG);
    let of_live = followed.map(Privilege::change_stream).chain(oplog);
    let of_live = of_live.map(|privilege| (privilege, PrivilegeUse::Live));
    let mut required: BTreeMap<_, RequiredPrivilege> = BTreeMap::new();
    for (privilege, used_by) in of_collectors.chain(of_api).chain(of_live) {
        let key = (
            privilege.collection.is_none(),
            privilege.database,
            privilege.collection,
            privilege.action,
        );
        let entry = required.entry(key).or_insert_with(|| RequiredPrivilege {
            privilege,
            uses: Vec::new(),
        });
        entry.uses.push(used_by);
    }
    required.into_values().collect()
}

/// The privileges of a role, whatever Rocket.Chat's version and license are.
pub fn role_privileges(
    collectors: &BTreeSet<Collector>,
    is_live: bool,
    has_api: bool,
) -> Vec<Privilege> {
    let applies = |used_by: &PrivilegeUse| match used_by {
        PrivilegeUse::Collector(..) => true,
        PrivilegeUse::Api => has_api,
        PrivilegeUse::Live => is_live,
    };
    required_privileges(collectors)
        .into_iter()
        .filter(|required| required.uses.iter().any(applies))
        .map(|required| required.privilege)
        .collect()
}

impl RequiredPrivilege {
    /// The collection, with its database where that is not the workspace's; `None` for the server.
    pub fn resource(&self) -> Option<String> {
        let collection = self.privilege.collection?;
        Some(match self.privilege.database {
            Some(database) => format!("{database}.{collection}"),
            None => collection.to_owned(),
        })
    }

    /// What uses it in a workspace of today; the API is always enabled.
    pub fn used_by(&self, is_licensed: impl Fn(&str) -> bool, is_live: bool) -> Vec<PrivilegeUse> {
        let applies = |used_by: &&PrivilegeUse| match used_by {
            PrivilegeUse::Collector(_, necessity) => match necessity {
                Necessity::Required | Necessity::Optional => true,
                Necessity::Licensed(module) => is_licensed(module),
                Necessity::Before3_2 => false,
            },
            PrivilegeUse::Api => true,
            PrivilegeUse::Live => is_live,
        };
        self.uses.iter().filter(applies).copied().collect()
    }
}

impl PrivilegeUse {
    /// Whether a collector fails without the privilege.
    pub fn is_vital(self) -> bool {
        matches!(
            self,
            Self::Collector(_, Necessity::Required | Necessity::Licensed(_))
        )
    }

    /// Its name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Collector(collector, _) => collector.name(),
            Self::Api => "the API",
            Self::Live => "live mode",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn collector_declares_each_privilege_once() {
        for collector in Collector::ALL {
            let mut seen = HashSet::new();
            for privilege in collector.privileges() {
                let key = (privilege.database, privilege.collection, privilege.action);
                assert!(seen.insert(key), "{}: {privilege:?}", collector.name());
            }
        }
    }

    #[test]
    fn collector_that_reads_the_database_declares_privileges() {
        for collector in Collector::ALL {
            let is_declared = !collector.privileges().is_empty();
            assert_eq!(
                is_declared,
                collector.reads_database(),
                "{}",
                collector.name()
            );
        }
    }

    #[test]
    fn privilege_of_several_collectors_is_listed_once() {
        let privileges = required_privileges(&Collector::ALL.into());
        let mut of_users = privileges.iter().filter(|required| {
            let privilege = required.privilege;
            (privilege.collection, privilege.action) == (Some("users"), "find")
        });
        let users = of_users.next().expect("collectors read users");
        assert!(of_users.next().is_none());
        assert!(users.uses.contains(&PrivilegeUse::Api));
        assert!(users.uses.len() > 5, "{users:?}");
    }

    #[test]
    fn role_has_no_privilege_of_a_disabled_collector() {
        let users = BTreeSet::from([Collector::Users]);
        let collections = |is_live, has_api| -> BTreeSet<_> {
            let privileges = role_privileges(&users, is_live, has_api);
            let named = privileges.iter().map(|privilege| {
                let collection = privilege.collection.unwrap_or_default();
                format!("{} {collection}", privilege.action)
            });
            named.collect()
        };
        let alone = collections(false, false);
        assert!(alone.contains("find users"), "{alone:?}");
        assert!(!alone.contains("find rocketchat_room"), "{alone:?}");
        let live: Vec<_> = collections(true, false)
            .difference(&alone)
            .cloned()
            .collect();
        assert_eq!(live, ["changeStream users", "find oplog.rs"]);
        let api = collections(false, true);
        assert!(api.contains("find rocketchat_permissions"), "{api:?}");
        assert!(!alone.contains("find rocketchat_permissions"), "{alone:?}");
    }
}
