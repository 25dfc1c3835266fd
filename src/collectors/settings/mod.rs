//! Settings that the statistics document shows, from `rocketchat_settings`: wizard, login services, features, counters.
//!
//! A setting that needs a license has two values: the chosen one, and the one in effect while its module is not licensed.

mod fields;
pub mod query;

use super::license::Grants;
use crate::catalogue::FieldOrigin::Keyed;
use crate::catalogue::{
    CollectorDefinition, Metric, Privilege, Quantity, Read, SectionDefinition, Tier, Value, count,
    state,
};

/// The settings in the catalogue.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Sorted by id.
    by_id: Box<[(&'static str, Setting)]>,
    /// The licensed modules.
    pub grants: Grants,
    /// The number of custom OAuth services.
    pub custom_oauth: usize,
}

/// One setting.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// The chosen value.
    pub value: Option<Value>,
    /// Whether that differs from `packageValue`, the default.
    pub changed: bool,
    /// The value without a license, for settings that need one.
    pub needs_license: Option<Box<NeedsLicense>>,
}

/// A setting's value without its license.
#[derive(Debug, Clone, Default)]
pub struct NeedsLicense {
    /// The value in effect without the license.
    pub invalid_value: Option<Value>,
    /// The modules that it needs.
    pub modules: Vec<String>,
}

impl Settings {
    /// Sorts the settings that were read.
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

    /// The value in effect; `None` without such a setting.
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
        self.grants != Grants::None
            && needs
                .modules
                .iter()
                .all(|module| self.grants.grants(module))
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

    /// Days until the workspace becomes read-only; `None` without a countdown.
    fn days_until_read_only(&self) -> Option<f64> {
        let days = match self.value(AIR_GAPPED)? {
            Value::Integer(days) => *days as f64,
            Value::Number(days) => *days,
            _ => return None,
        };
        (days >= 0.0).then_some(days)
    }

    /// The number of connections above which presence is disabled; `None` without a limit.
    fn max_connections(&self) -> Option<u64> {
        let is_known = self.setting(BROADCAST_DISABLED).is_some();
        let is_unlimited = UNLIMITED_PRESENCE
            .iter()
            .any(|module| self.grants.grants(module));
        (is_known && !is_unlimited).then_some(MAX_CONNECTIONS)
    }

    /// Three bits: 1 for push, 2 for the gateway, 4 for a custom gateway.
    fn push(&self) -> i64 {
        i64::from(self.is_on("Push_enable"))
            + 2 * i64::from(self.is_on("Push_enable_gateway"))
            + 4 * i64::from(self.is_changed("Push_gateway"))
    }

    /// Custom OAuth services as the document lists them since 4.1: numbered and with fixed content, because Rocket.Chat
    /// looks up their settings by number. `synchronised` adds the members of 6.8 and later.
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

/// Days until an unlicensed workspace without usage reports becomes read-only; -1 without a countdown.
const AIR_GAPPED: &str = "Cloud_Workspace_AirGapped_Restrictions_Remaining_Days";

/// Whether presence is disabled because the limit of connections was exceeded.
const BROADCAST_DISABLED: &str = "Presence_broadcast_disabled";

/// Modules that each remove the limit of connections.
const UNLIMITED_PRESENCE: [&str; 2] = ["unlimited-presence", "scalability"];
const MAX_CONNECTIONS: u64 = 200;

const SECONDS_OF_A_DAY: f64 = 86_400.0;

/// Ids of the settings to read, sorted.
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

/// Settings of computed fields.
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

/// Settings of the Info page only.
const SHOWN: [&str; 12] = [
    "Accounts_UserStatus_Enabled",
    "Cloud_Workspace_AirGapped_Restrictions_Remaining_Days",
    "Cloud_Workspace_Id",
    "FEDERATION_Discovery_Method",
    "FEDERATION_Domain",
    "FEDERATION_Enabled",
    "FEDERATION_Healthy",
    "FEDERATION_Populated",
    "Federation_Service_Domain",
    "Federation_Service_Enabled",
    "Presence_broadcast_disabled",
    "Site_Name",
];

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "settings",
    tier: Tier::Normal,
    rank: 2,
    depends_on_license: true,
    privileges: &[Privilege::find("rocketchat_settings")],
    minimal_metrics: &["rocketchat_read_only_countdown_seconds"],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Settings> = SectionDefinition {
    title: "Settings",
    metrics: &[
        Metric {
            name: "rocketchat_read_only_countdown_seconds",
            help: "Time until a workspace without a license that sends no usage reports becomes read-only, in whole days; 0 when it is read-only (7.0 and later). Absent when there is no countdown.",
            source: "rocketchat_settings Cloud_Workspace_AirGapped_Restrictions_Remaining_Days",
            quantity: Quantity::Seconds,
            read: Read::One(|settings| Some(settings.days_until_read_only()? * SECONDS_OF_A_DAY)),
        },
        Metric {
            name: "rocketchat_presence_connections_limit",
            help: "Number of connections above which Rocket.Chat disables presence; absent with a license for unlimited-presence or scalability.",
            source: "a constant of Rocket.Chat, if the setting Presence_broadcast_disabled exists",
            quantity: Quantity::Count,
            read: Read::One(|settings| settings.max_connections().and_then(count)),
        },
        Metric {
            name: "rocketchat_presence_broadcast_disabled",
            help: "Whether presence is disabled because there were too many connections; an administrator or a restart enables it again.",
            source: "rocketchat_settings Presence_broadcast_disabled",
            quantity: Quantity::State,
            read: Read::One(|settings| settings.state(BROADCAST_DISABLED)),
        },
        Metric {
            name: "rocketchat_livechat_enabled",
            help: "Whether livechat is enabled.",
            source: "rocketchat_settings Livechat_enabled",
            quantity: Quantity::State,
            read: Read::One(|settings| match settings.value("Livechat_enabled") {
                Some(Value::Bool(enabled)) => Some(state(*enabled)),
                _ => None,
            }),
        },
        Metric {
            name: "rocketchat_uncaught_exceptions_total",
            help: "Uncaught exceptions of all Rocket.Chat processes (5.0 and later).",
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
