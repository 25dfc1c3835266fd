//! Settings that the statistics document shows: wizard, login services, features, counters that settings keep.
//!
//! Most of them only the document shows. A setting that needs a license has two values: the one that was chosen, and
//! the one that counts while its module is not licensed.

mod fields;
pub mod query;

use super::license::Grants;
use crate::catalogue::Origin::Keyed;
use crate::catalogue::{
    CollectorDefinition, Metric, Quantity, Read, Table, Tier, Value, count, state,
};

/// The settings that the catalogue names, as `rocketchat_settings` holds them.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// In the order of their ids.
    by_id: Box<[(&'static str, Setting)]>,
    /// The modules that count as licensed.
    pub grants: Grants,
    /// How many settings define an OAuth service of the workspace's own.
    pub custom_oauth: usize,
}

/// One setting.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// The value that was chosen.
    pub value: Option<Value>,
    /// Whether that is another one than Rocket.Chat came with.
    pub changed: bool,
    /// What counts instead, where it needs a license; few settings do.
    pub needs_license: Option<Box<NeedsLicense>>,
}

/// What a setting is without its license.
#[derive(Debug, Clone, Default)]
pub struct NeedsLicense {
    /// The value that counts without the license.
    pub invalid_value: Option<Value>,
    /// The modules that the license must grant.
    pub modules: Vec<String>,
}

impl Settings {
    /// The settings that were found, each once.
    pub fn new(
        mut found: Vec<(&'static str, Setting)>,
        grants: Grants,
        custom_oauth: usize,
    ) -> Self {
        found.sort_unstable_by_key(|(id, _)| *id);
        Self {
            by_id: found.into_boxed_slice(),
            grants,
            custom_oauth,
        }
    }

    /// The value that counts; `None` when there is no such setting.
    pub fn value(&self, id: &str) -> Option<&Value> {
        let setting = self.setting(id)?;
        match &setting.needs_license {
            Some(needs) if !self.is_licensed(needs) => needs.invalid_value.as_ref(),
            _ => setting.value.as_ref(),
        }
    }

    fn setting(&self, id: &str) -> Option<&Setting> {
        let place = self.by_id.binary_search_by_key(&id, |(known, _)| *known);
        Some(&self.by_id[place.ok()?].1)
    }

    fn is_licensed(&self, needs: &NeedsLicense) -> bool {
        self.grants != Grants::None && needs.modules.iter().all(|it| self.grants.grants(it))
    }

    fn is_on(&self, id: &str) -> bool {
        self.value(id) == Some(&Value::Bool(true))
    }

    fn is_changed(&self, id: &str) -> bool {
        self.setting(id).is_some_and(|setting| setting.changed)
    }

    fn state(&self, id: &str) -> Option<f64> {
        match self.value(id)? {
            Value::Bool(is_on) => Some(state(*is_on)),
            _ => None,
        }
    }

    /// Days until the workspace becomes read-only; `None` while nothing counts down.
    fn days_until_read_only(&self) -> Option<f64> {
        let days = match self.value(AIR_GAPPED)? {
            Value::Integer(days) => *days as f64,
            Value::Number(days) => *days,
            _ => return None,
        };
        (days >= 0.0).then_some(days)
    }

    /// The connections above which presence is switched off; `None` where there is no limit.
    fn most_connections(&self) -> Option<u64> {
        let is_known = self.setting(BROADCAST_DISABLED).is_some();
        let is_unlimited = UNLIMITED_PRESENCE.iter().any(|it| self.grants.grants(it));
        (is_known && !is_unlimited).then_some(MOST_CONNECTIONS)
    }

    /// Three bits: 1 for push itself, 2 for the gateway, 4 for a gateway of one's own.
    fn push(&self) -> i64 {
        i64::from(self.is_on("Push_enable"))
            + 2 * i64::from(self.is_on("Push_enable_gateway"))
            + 4 * i64::from(self.is_changed("Push_gateway"))
    }

    /// OAuth services of the workspace's own, as the document lists them since 4.1: numbered, with fixed content,
    /// because Rocket.Chat looks their settings up under the numbers. `synchronised` are the members of 6.8 and later.
    fn custom_oauth(&self, merge_roles: &Value, synchronised: bool) -> Value {
        let service = || {
            Value::object([
                ("enabled", Some(Value::Bool(true))),
                ("mergeRoles", Some(merge_roles.clone())),
                ("users", Some(Value::Integer(0))),
                ("mapChannels", synchronised.then_some(Value::Undefined)),
                ("rolesToSync", synchronised.then_some(Value::Bool(false))),
            ])
        };
        Value::Object(
            (0..self.custom_oauth)
                .map(|number| (number.to_string().into(), service()))
                .collect(),
        )
    }
}

/// Days until an unlicensed workspace that sends no usage report becomes read-only; -1 while nothing counts down.
const AIR_GAPPED: &str = "Cloud_Workspace_AirGapped_Restrictions_Remaining_Days";

/// Whether presence is no longer told to anybody, because the limit of connections was passed.
const BROADCAST_DISABLED: &str = "Presence_broadcast_disabled";

/// The modules that each lift the limit of connections, and the limit.
const UNLIMITED_PRESENCE: [&str; 2] = ["unlimited-presence", "scalability"];
const MOST_CONNECTIONS: u64 = 200;

const SECONDS_OF_A_DAY: f64 = 86_400.0;

/// Ids of the settings that are looked at, in order.
pub fn ids() -> Vec<&'static str> {
    let keyed = SECTION
        .fields
        .iter()
        .filter_map(|field| match field.origin {
            Keyed(_, id) => Some(id),
            _ => None,
        });
    let mut ids: Vec<_> = keyed.chain(OTHERS).chain(SHOWN).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Settings that several fields, or a computed one, look at.
const OTHERS: [&str; 11] = [
    "ABAC_Enabled",
    "Assets_logo",
    AIR_GAPPED,
    "Livechat_auto_transfer_chat_timeout",
    "Livechat_enable_business_hours",
    "Omnichannel_call_provider",
    BROADCAST_DISABLED,
    "Push_enable",
    "Push_enable_gateway",
    "Push_gateway",
    "Uncaught_Exceptions_Count",
];

/// Settings that no field looks at, but the page for people shows.
const SHOWN: [&str; 9] = [
    "Cloud_Workspace_AirGapped_Restrictions_Remaining_Days",
    "Cloud_Workspace_Id",
    "FEDERATION_Discovery_Method",
    "FEDERATION_Domain",
    "FEDERATION_Enabled",
    "FEDERATION_Healthy",
    "FEDERATION_Populated",
    "Presence_broadcast_disabled",
    "Site_Name",
];

/// Settings that the document shows.
pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "settings",
    tier: Tier::Normal,
    rank: 2,
    needs_grants: true,
    tells_version: false,
};

pub const SECTION: Table<Settings> = Table {
    title: "Settings",
    metrics: &[
        Metric {
            name: "rocketchat_read_only_countdown_seconds",
            help: "Whole days, as seconds, until a workspace without a license that sends no usage report becomes read-only; 0 when it is (7.0 and later). Absent while nothing counts down.",
            source: "rocketchat_settings Cloud_Workspace_AirGapped_Restrictions_Remaining_Days",
            quantity: Quantity::Seconds,
            read: Read::One(|settings| Some(settings.days_until_read_only()? * SECONDS_OF_A_DAY)),
        },
        Metric {
            name: "rocketchat_presence_connections_limit",
            help: "Connections above which presence is switched off for everybody; absent with a license for unlimited-presence or scalability.",
            source: "a constant of Rocket.Chat, where there is the setting Presence_broadcast_disabled",
            quantity: Quantity::Count,
            read: Read::One(|settings| settings.most_connections().and_then(count)),
        },
        Metric {
            name: "rocketchat_presence_broadcast_disabled",
            help: "Whether presence is switched off because there were too many connections; it stays so until an administrator or a restart ends it.",
            source: "rocketchat_settings Presence_broadcast_disabled",
            quantity: Quantity::State,
            read: Read::One(|settings| settings.state(BROADCAST_DISABLED)),
        },
        Metric {
            name: "rocketchat_livechat_enabled",
            help: "Whether omnichannel livechat is switched on.",
            source: "rocketchat_settings Livechat_enabled",
            quantity: Quantity::State,
            read: Read::One(|settings| match settings.value("Livechat_enabled") {
                Some(Value::Bool(enabled)) => Some(state(*enabled)),
                _ => None,
            }),
        },
        Metric {
            name: "rocketchat_uncaught_exceptions_total",
            help: "Exceptions that Rocket.Chat's processes did not catch, ever (5.0 and later).",
            source: "rocketchat_settings Uncaught_Exceptions_Count",
            quantity: Quantity::CountTotal,
            read: Read::One(
                |settings| match settings.value("Uncaught_Exceptions_Count") {
                    Some(Value::Integer(number)) if *number >= 0 => Some(*number as f64),
                    Some(Value::Number(number)) if *number >= 0.0 => Some(*number),
                    _ => None,
                },
            ),
        },
    ],
    fields: fields::FIELDS,
};
