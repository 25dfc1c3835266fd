//! What a user of the database must be allowed to, collection by collection. The role that the README tells to create
//! is made of this table.

use crate::collectors::Collector;

/// What a privilege is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A collector, which fails without it.
    Reading(Collector),
    /// A collector, which needs it only when the license grants a module.
    Licensed(Collector, &'static str),
    /// A collector, which has less to tell without it.
    Detail(Collector),
    /// A collector, which asks for it only where Rocket.Chat is older than 3.2.
    Early(Collector),
    /// Logging in to the API and asking it.
    Api,
    /// Following changes.
    Live,
}

use Purpose::{Api, Detail, Early, Licensed, Live, Reading};

/// A privilege: what it is on, what it lets do, and what for.
#[derive(Debug)]
pub struct Need {
    /// The database; `None` for the workspace's.
    pub database: Option<&'static str>,
    /// The collection; `None` for the server.
    pub collection: Option<&'static str>,
    /// The action.
    pub action: &'static str,
    /// Who needs it.
    pub purposes: &'static [Purpose],
}

const LIVECHAT: &str = "livechat-enterprise";

const fn find(collection: &'static str, purposes: &'static [Purpose]) -> Need {
    Need {
        database: None,
        collection: Some(collection),
        action: "find",
        purposes,
    }
}

const fn list_indexes(collection: &'static str, purposes: &'static [Purpose]) -> Need {
    Need {
        database: None,
        collection: Some(collection),
        action: "listIndexes",
        purposes,
    }
}

const fn sizes(collection: &'static str) -> Need {
    Need {
        database: None,
        collection: Some(collection),
        action: "collStats",
        purposes: &[Detail(Collector::Collections)],
    }
}

const fn watch(collection: &'static str) -> Need {
    Need {
        database: None,
        collection: Some(collection),
        action: "changeStream",
        purposes: &[Live],
    }
}

/// Everything, in the order of the collections' names.
pub const NEEDS: &[Need] = &[
    find("_raix_push_notifications", &[Early(Collector::Push)]),
    watch("instances"),
    find(
        "instances",
        &[
            Reading(Collector::Instances),
            Reading(Collector::Connections),
        ],
    ),
    find("migrations", &[Reading(Collector::Workspace)]),
    sizes("rocketchat__trash"),
    find(
        "rocketchat_abac_attributes",
        &[Licensed(Collector::Administration, "abac")],
    ),
    sizes("rocketchat_analytics"),
    find(
        "rocketchat_analytics",
        &[Reading(Collector::Administration)],
    ),
    find("rocketchat_apps", &[Reading(Collector::Apps)]),
    sizes("rocketchat_apps_logs"),
    sizes("rocketchat_avatars"),
    sizes("rocketchat_avatars.chunks"),
    find(
        "rocketchat_canned_response",
        &[Licensed(Collector::Omnichannel, LIVECHAT)],
    ),
    sizes("rocketchat_cron"),
    find("rocketchat_cron", &[Reading(Collector::Jobs)]),
    sizes("rocketchat_cron_history"),
    find("rocketchat_cron_history", &[Reading(Collector::Jobs)]),
    list_indexes("rocketchat_cron_history", &[Detail(Collector::Jobs)]),
    find(
        "rocketchat_email_inbox",
        &[Reading(Collector::Administration)],
    ),
    find(
        "rocketchat_federation_peers",
        &[Early(Collector::Federation)],
    ),
    find(
        "rocketchat_federation_servers",
        &[Reading(Collector::Federation)],
    ),
    find(
        "rocketchat_freeswitch_calls",
        &[Licensed(Collector::Calls, LIVECHAT)],
    ),
    sizes("rocketchat_integration_history"),
    find(
        "rocketchat_integrations",
        &[Reading(Collector::Integrations)],
    ),
    find("rocketchat_invites", &[Reading(Collector::Administration)]),
    find(
        "rocketchat_livechat_business_hours",
        &[Reading(Collector::Omnichannel)],
    ),
    find(
        "rocketchat_livechat_contact",
        &[Reading(Collector::Contacts), Detail(Collector::Omnichannel)],
    ),
    list_indexes(
        "rocketchat_livechat_contact",
        &[Detail(Collector::Omnichannel)],
    ),
    find(
        "rocketchat_livechat_custom_field",
        &[Reading(Collector::Omnichannel)],
    ),
    find(
        "rocketchat_livechat_department",
        &[Reading(Collector::Omnichannel)],
    ),
    find(
        "rocketchat_livechat_inquiry",
        &[Reading(Collector::Omnichannel)],
    ),
    find(
        "rocketchat_livechat_priority",
        &[Licensed(Collector::Omnichannel, LIVECHAT)],
    ),
    find(
        "rocketchat_livechat_tag",
        &[Licensed(Collector::Omnichannel, LIVECHAT)],
    ),
    find(
        "rocketchat_livechat_trigger",
        &[Reading(Collector::Omnichannel)],
    ),
    sizes("rocketchat_livechat_visitor"),
    find(
        "rocketchat_livechat_visitor",
        &[Reading(Collector::Omnichannel)],
    ),
    list_indexes(
        "rocketchat_livechat_visitor",
        &[Detail(Collector::Omnichannel)],
    ),
    find(
        "rocketchat_matrix_bridged_rooms",
        &[Reading(Collector::Federation)],
    ),
    sizes("rocketchat_message"),
    find(
        "rocketchat_message",
        &[
            Reading(Collector::Activity),
            Reading(Collector::Messages),
            Reading(Collector::Marks),
        ],
    ),
    list_indexes(
        "rocketchat_message",
        &[
            Reading(Collector::Activity),
            Reading(Collector::Messages),
            Reading(Collector::Marks),
        ],
    ),
    sizes("rocketchat_notification_queue"),
    find("rocketchat_notification_queue", &[Reading(Collector::Push)]),
    list_indexes("rocketchat_notification_queue", &[Detail(Collector::Push)]),
    find("rocketchat_oauth_access_tokens", &[Api]),
    list_indexes("rocketchat_oauth_access_tokens", &[Api]),
    sizes("rocketchat_oembed_cache"),
    find(
        "rocketchat_omnichannel_service_level_agreements",
        &[Licensed(Collector::Omnichannel, LIVECHAT)],
    ),
    find("rocketchat_permissions", &[Api]),
    sizes("rocketchat_read_receipts"),
    find("rocketchat_roles", &[Reading(Collector::Administration)]),
    watch("rocketchat_room"),
    sizes("rocketchat_room"),
    find(
        "rocketchat_room",
        &[
            Reading(Collector::Omnichannel),
            Reading(Collector::Federation),
            Reading(Collector::Rooms),
            Reading(Collector::RoomFeatures),
            Reading(Collector::Contacts),
        ],
    ),
    list_indexes(
        "rocketchat_room",
        &[
            Reading(Collector::Omnichannel),
            Reading(Collector::Federation),
            Reading(Collector::Rooms),
            Reading(Collector::RoomFeatures),
        ],
    ),
    sizes("rocketchat_sessions"),
    find("rocketchat_sessions", &[Reading(Collector::Sessions)]),
    list_indexes("rocketchat_sessions", &[Detail(Collector::Sessions)]),
    find(
        "rocketchat_settings",
        &[
            Reading(Collector::Workspace),
            Reading(Collector::License),
            Reading(Collector::Settings),
            Reading(Collector::Federation),
            Api,
        ],
    ),
    sizes("rocketchat_statistics"),
    find("rocketchat_statistics", &[Reading(Collector::Stored), Api]),
    list_indexes("rocketchat_statistics", &[Reading(Collector::Stored)]),
    sizes("rocketchat_subscription"),
    find("rocketchat_subscription", &[Reading(Collector::Activity)]),
    list_indexes("rocketchat_subscription", &[Reading(Collector::Activity)]),
    find("rocketchat_team", &[Reading(Collector::Administration)]),
    watch("rocketchat_uploads"),
    sizes("rocketchat_uploads"),
    find("rocketchat_uploads", &[Reading(Collector::Uploads)]),
    sizes("rocketchat_uploads.chunks"),
    sizes("rocketchat_userDataFiles.chunks"),
    find("rocketchat_video_conference", &[Reading(Collector::Calls)]),
    list_indexes("rocketchat_video_conference", &[Reading(Collector::Calls)]),
    watch("users"),
    sizes("users"),
    find(
        "users",
        &[
            Reading(Collector::Presence),
            Reading(Collector::Activity),
            Reading(Collector::Connections),
            Reading(Collector::Omnichannel),
            Reading(Collector::Users),
            Reading(Collector::UserFeatures),
            Reading(Collector::Hygiene),
            Api,
        ],
    ),
    list_indexes(
        "users",
        &[
            Reading(Collector::Presence),
            Reading(Collector::Activity),
            Reading(Collector::Omnichannel),
            Reading(Collector::Users),
            Reading(Collector::UserFeatures),
            Reading(Collector::Hygiene),
        ],
    ),
    watch("usersSessions"),
    sizes("usersSessions"),
    find("usersSessions", &[Reading(Collector::Connections)]),
    Need {
        database: Some("local"),
        collection: Some("oplog.rs"),
        action: "find",
        purposes: &[Detail(Collector::Server)],
    },
    Need {
        database: None,
        collection: None,
        action: "serverStatus",
        purposes: &[Detail(Collector::Server)],
    },
];

impl Need {
    /// The collection, with its database where that is not the workspace's; `None` for the server.
    pub fn resource(&self) -> Option<String> {
        let collection = self.collection?;
        Some(match self.database {
            Some(database) => format!("{database}.{collection}"),
            None => collection.to_owned(),
        })
    }

    /// What needs it of a workspace of today, of what is enabled, licensed and followed; the API always is enabled.
    pub fn needed_by(
        &self,
        is_enabled: impl Fn(Collector) -> bool,
        is_licensed: impl Fn(&str) -> bool,
        is_live: bool,
    ) -> Vec<Purpose> {
        let applies = |purpose: &&Purpose| match purpose {
            Reading(collector) | Detail(collector) => is_enabled(*collector),
            Licensed(collector, module) => is_enabled(*collector) && is_licensed(module),
            Api => true,
            Live => is_live,
            Early(_) => false,
        };
        self.purposes.iter().filter(applies).copied().collect()
    }
}

impl Purpose {
    /// Whether something that is enabled fails without the privilege.
    pub fn is_vital(self) -> bool {
        matches!(self, Reading(_) | Licensed(..))
    }

    /// Its name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Reading(collector) | Licensed(collector, _) | Detail(collector) | Early(collector) => {
                collector.name()
            }
            Api => "the API",
            Live => "live mode",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collections_stand_in_their_order_and_each_action_once() {
        let keys: Vec<_> = NEEDS
            .iter()
            .map(|need| {
                let is_server = need.collection.is_none();
                (is_server, need.database, need.collection, need.action)
            })
            .collect();
        assert!(keys.is_sorted() && keys.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn every_collector_that_asks_the_database_needs_something() {
        for collector in Collector::ALL.into_iter().filter(|it| it.asks_database()) {
            let is_needed = NEEDS.iter().any(|need| {
                let purposes = need.needed_by(|it| it == collector, |_| false, false);
                purposes.iter().any(|it| it.name() == collector.name())
            });
            assert!(is_needed, "{}", collector.name());
        }
    }
}
