//! `rocketchat_settings`: the settings that statistics use, and their groups.

use anyhow::Result;
use mongodb::bson::{Bson, Document, doc};

use super::builder::Builder;
use super::time::DAY;

/// The id of the deployment, which is also in the statistics.
pub(super) const UNIQUE_ID: &str = "wS7hq3MZtPbvY2kRn";

/// Ids, values and default values.
const SWITCHES: &[(&str, bool, bool)] = &[
    ("API_Allow_Infinite_Count", true, true),
    ("API_Enable_Rate_Limiter", true, true),
    ("API_Enable_Rate_Limiter_Dev", true, true),
    ("Accounts_OAuth_Apple", false, false),
    ("Accounts_OAuth_Custom-Keycloak", true, false),
    ("Accounts_OAuth_Custom-Keycloak-map_channels", false, false),
    ("Accounts_OAuth_Custom-Keycloak-merge_roles", true, false),
    ("Accounts_OAuth_Github", true, false),
    ("Accounts_OAuth_Gitlab", false, false),
    ("Accounts_OAuth_Google", true, false),
    ("Accounts_OAuth_Nextcloud", false, false),
    ("Accounts_TwoFactorAuthentication_Enabled", true, true),
    ("Broadcasting_enabled", false, false),
    ("CAS_Creation_User_Enabled", true, true),
    ("CAS_Sync_User_Data_Enabled", true, true),
    ("CAS_enabled", false, false),
    ("Deployment_FingerPrint_Verified", true, true),
    ("Discussion_enabled", true, true),
    ("E2E_Enable", true, false),
    ("E2E_Enabled_Default_DirectRooms", false, false),
    ("E2E_Enabled_Default_PrivateRooms", false, false),
    ("Federation_Matrix_enabled", true, false),
    ("Federation_Service_Enabled", true, false),
    ("FileUpload_Enabled", true, true),
    ("LDAP_Enable", true, false),
    ("LDAP_Group_Filter_Enable", false, false),
    ("LDAP_Login_Fallback", true, true),
    ("LDAP_Merge_Existing_Users", true, false),
    ("LDAP_Sync_User_Avatar", true, true),
    ("Layout_Show_Home_Button", true, true),
    ("Livechat_enable_business_hours", false, false),
    ("Livechat_enabled", true, false),
    ("Livestream_enabled", false, false),
    ("Message_AllowBadWordsFilter", false, false),
    ("Message_AllowDeleting", true, true),
    ("Message_AllowEditing", true, true),
    ("Message_AllowUnrecognizedSlashCommand", false, false),
    ("NPS_survey_enabled", true, true),
    ("Omnichannel_enable_department_removal", false, false),
    ("Presence_broadcast_disabled", false, false),
    ("Prometheus_API_User_Agent", false, false),
    ("Prometheus_Enabled", true, false),
    ("Prometheus_Garbage_Collector", false, false),
    ("Push_enable", true, true),
    ("Push_enable_gateway", true, true),
    ("Register_Server", true, false),
    ("SAML_Custom_Default", true, false),
    ("SAML_Custom_Default_generate_username", false, false),
    ("Search.defaultProvider.GlobalSearchEnabled", false, false),
    ("Threads_enabled", true, true),
    ("Troubleshoot_Disable_Sessions_Monitor", false, false),
    ("Update_EnableChecker", true, true),
    ("WebRTC_Enable_Channel", false, false),
    ("WebRTC_Enable_Direct", true, true),
    ("WebRTC_Enable_Private", true, true),
    ("WebRTC_Enabled", false, false),
];

const NUMBERS: &[(&str, i32, i32)] = &[
    ("API_Default_Count", 50, 50),
    ("API_Enable_Rate_Limiter_Limit_Calls_Default", 10, 10),
    ("API_Enable_Rate_Limiter_Limit_Time_Default", 60_000, 60_000),
    ("API_Upper_Count_Limit", 100, 100),
    ("Advanced_Contact_Upsell_Clicks_Count", 1, 0),
    ("Advanced_Contact_Upsell_Views_Count", 4, 0),
    ("CSV_Importer_Count", 120, 0),
    (
        "Cloud_Workspace_AirGapped_Restrictions_Remaining_Days",
        -1,
        -1,
    ),
    ("Contacts_Importer_Count", 0, 0),
    ("Engagement_Dashboard_Load_Count", 0, 0),
    ("Federation_Matrix_max_size_of_public_rooms_users", 100, 100),
    ("FileUpload_MaxFileSize", 104_857_600, 104_857_600),
    ("Hipchat_Enterprise_Importer_Count", 0, 0),
    ("Invitation_Email_Count", 31, 0),
    ("Jitsi_Click_To_Join_Count", 211, 0),
    ("Jitsi_Start_SlashCommands_Count", 17, 0),
    ("Manual_Entry_User_Count", 42, 0),
    ("Merged_Contacts_Count", 2, 0),
    ("Message_Auditing_Apply_Count", 0, 0),
    ("Message_Auditing_Panel_Load_Count", 0, 0),
    ("Prometheus_Port", 9458, 9458),
    ("Prometheus_Reset_Interval", 0, 0),
    ("Resolved_Conflicts_Count", 1, 0),
    ("Slack_Importer_Count", 0, 0),
    ("Slack_Users_Importer_Count", 0, 0),
    ("Triggered_Emails_Count", 3_204, 0),
    ("Uncaught_Exceptions_Count", 12, 0),
    ("WebRTC_Calls_Count", 3, 0),
];

const TEXTS: &[(&str, &str, &str)] = &[
    ("Accounts_OAuth_Custom-Keycloak-roles_to_sync", "", ""),
    (
        "Accounts_OAuth_Custom-Keycloak-url",
        "https://login.example.com",
        "",
    ),
    ("Cloud_Workspace_Id", "64d2f0c5a8b1e7000c9d1f2a", ""),
    ("Cloud_Workspace_License", "", ""),
    ("Cloud_Workspace_Name", "Example", ""),
    ("Country", "germany", ""),
    (
        "Custom_Script_Logged_In",
        "//Add your script",
        "//Add your script",
    ),
    (
        "Custom_Script_Logged_Out",
        "//Add your script",
        "//Add your script",
    ),
    (
        "Custom_Script_On_Logout",
        "//Add your script",
        "//Add your script",
    ),
    (
        "Deployment_FingerPrint_Hash",
        "hCzmOEQ0HVCjOkHQHZ3Zk1V2hJ5mYzNQ0nGBYb7YV0c=",
        "",
    ),
    ("Enterprise_License", "", ""),
    ("Enterprise_License_Data", "", ""),
    ("Enterprise_License_Status", "", ""),
    (
        "Federation_Matrix_homeserver_domain",
        "chat.example.com",
        "",
    ),
    ("Federation_Service_Domain", "chat.example.com", ""),
    ("FileUpload_Storage_Type", "GridFS", "GridFS"),
    ("From_Email", "no-reply@example.com", ""),
    ("Industry", "technologyServices", ""),
    ("LDAP_Encryption", "tls", "plain"),
    ("Language", "en", ""),
    (
        "Layout_Home_Body",
        "<p>Welcome to Example</p>",
        "<p>Welcome to Rocket.Chat</p>",
    ),
    ("Layout_Home_Title", "Home", "Home"),
    (
        "Livechat_Routing_Method",
        "Auto_Selection",
        "Auto_Selection",
    ),
    ("Omnichannel_call_provider", "none", "none"),
    ("Organization_Type", "enterprise", ""),
    (
        "Push_gateway",
        "https://gateway.rocket.chat",
        "https://gateway.rocket.chat",
    ),
    (
        "SAML_Custom_Default_signature_validation_type",
        "All",
        "All",
    ),
    (
        "SAML_Custom_Default_user_data_custom_fieldmap",
        "{\"custom1\":\"custom1\"}",
        "{\"custom1\":\"custom1\"}",
    ),
    ("SMTP_Host", "smtp.example.com", ""),
    ("SMTP_Port", "587", ""),
    ("Server_Type", "privateTeam", ""),
    ("Show_Setup_Wizard", "completed", "pending"),
    ("Site_Name", "Example", "Rocket.Chat"),
    (
        "Site_Url",
        "https://chat.example.com",
        "http://localhost:3000",
    ),
    ("Size", "5", ""),
    ("VideoConf_Default_Provider", "jitsi", ""),
    ("theme-custom-css", "", ""),
];

/// Settings of licensed modules, which exist without a license too; Rocket.Chat then uses `invalidValue`.
const UNLICENSED: &[(&str, &str)] = &[
    ("Message_Read_Receipt_Enabled", "message-read-receipt"),
    ("Message_Read_Receipt_Store_Users", "message-read-receipt"),
    ("Push_request_content_from_server", "push-privacy"),
];

const GROUPS: &[&str] = &[
    "Accounts",
    "FileUpload",
    "General",
    "LDAP",
    "Message",
    "Omnichannel",
    "Prometheus",
    "Push",
];

pub(super) async fn fill(builder: &mut Builder<'_>) -> Result<()> {
    let mut settings = Vec::new();
    for &(id, value, default) in SWITCHES {
        settings.push(setting(builder, id, "boolean", value, default));
    }
    for &(id, value, default) in NUMBERS {
        settings.push(setting(builder, id, "int", value, default));
    }
    for &(id, value, default) in TEXTS {
        settings.push(setting(builder, id, "string", value, default));
    }
    for &(id, module) in UNLICENSED {
        let mut setting = setting(builder, id, "boolean", true, false);
        setting.extend(doc! { "enterprise": true, "modules": [module], "invalidValue": false });
        settings.push(setting);
    }
    let mut deployment = setting(builder, "uniqueID", "string", UNIQUE_ID, "");
    deployment.insert("createdAt", builder.clock.ago(900 * DAY));
    settings.push(deployment);
    let logo = doc! { "defaultUrl": "images/logo/logo.svg", "url": "assets/logo.svg" };
    settings.push(setting(
        builder,
        "Assets_logo",
        "asset",
        logo,
        doc! { "defaultUrl": "images/logo/logo.svg" },
    ));
    for &id in GROUPS {
        let time = builder.clock.ago(900 * DAY);
        settings.push(
            doc! { "_id": id, "type": "group", "blocked": false, "hidden": false, "ts": time,
            "createdAt": time, "_updatedAt": time },
        );
    }
    builder.insert("rocketchat_settings", settings).await
}

fn setting(
    builder: &Builder<'_>,
    id: &str,
    kind: &str,
    value: impl Into<Bson>,
    default: impl Into<Bson>,
) -> Document {
    let group = id.split('_').next().unwrap_or(id);
    doc! {
        "_id": id,
        "value": value.into(),
        "packageValue": default.into(),
        "valueSource": "packageValue",
        "type": kind,
        "group": group,
        "section": "",
        "i18nLabel": id,
        "i18nDescription": format!("{id}_Description"),
        "hidden": false,
        "blocked": false,
        "secret": false,
        "public": false,
        "env": false,
        "autocomplete": true,
        "sorter": 0,
        "createdAt": builder.clock.ago(900 * DAY),
        "ts": builder.clock.ago(900 * DAY),
        "_updatedAt": builder.clock.ago(12 * DAY),
    }
}
