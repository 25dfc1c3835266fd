//! Fields of the document that show a setting: path, versions and the setting's id.

use super::Settings;
use crate::catalogue::FieldOrigin::{self, Fresh, Keyed, Withheld};
use crate::catalogue::{Field, REMOVED_PROVIDERS, Value, Versions};
use crate::collectors::license::ABAC;

fn shown(settings: &Settings, id: &str) -> Option<Value> {
    Some(settings.value(id).cloned().unwrap_or(Value::Undefined))
}

fn shown_if_set(settings: &Settings, id: &str) -> Option<Value> {
    settings.value(id).cloned()
}

fn chosen(settings: &Settings, id: &str) -> Option<Value> {
    settings.setting(id)?.value.clone()
}

fn is_changed(settings: &Settings, id: &str) -> Option<Value> {
    Some(Value::Bool(settings.is_changed(id)))
}

/// A setting's value; undefined without such a setting.
const fn setting(path: &'static str, versions: Versions, id: &'static str) -> Field<Settings> {
    Field {
        path,
        versions,
        meaning: "value of the setting",
        origin: Keyed(shown, id),
    }
}

/// Whether a login provider that 9.0 removed is enabled; undefined without such a setting.
const fn removed_provider(path: &'static str, id: &'static str) -> Field<Settings> {
    Field {
        meaning: "until the provider was removed (known from the development branch only): value of the setting",
        ..setting(path, REMOVED_PROVIDERS, id)
    }
}

/// A setting's value; absent without such a setting.
const fn optional(path: &'static str, versions: Versions, id: &'static str) -> Field<Settings> {
    Field {
        path,
        versions,
        meaning: "value, if there is one, of the setting",
        origin: Keyed(shown_if_set, id),
    }
}

/// A setting's value regardless of the license, which these versions ignore; absent without such a setting.
const fn unlicensed(path: &'static str, versions: Versions, id: &'static str) -> Field<Settings> {
    Field {
        path,
        versions,
        meaning: "value, if there is one and regardless of the license, of the setting",
        origin: Keyed(chosen, id),
    }
}

/// A field whose setting was removed, but that newer versions still name.
const fn undefined(path: &'static str, versions: Versions) -> Field<Settings> {
    Field {
        path,
        versions,
        meaning: "undefined: the setting was removed",
        origin: Fresh(|_| Some(Value::Undefined)),
    }
}

/// A hidden field.
const fn withheld(
    path: &'static str,
    versions: Versions,
    meaning: &'static str,
) -> Field<Settings> {
    Field {
        path,
        versions,
        meaning,
        origin: Withheld,
    }
}

/// Whether a setting differs from its default.
const fn changed(path: &'static str, versions: Versions, id: &'static str) -> Field<Settings> {
    Field {
        path,
        versions,
        meaning: "whether the value differs from the default of the setting",
        origin: Keyed(is_changed, id),
    }
}

const fn custom_oauth(versions: Versions, origin: FieldOrigin<Settings>) -> Field<Settings> {
    Field {
        path: "services.oauth.custom",
        versions,
        meaning: "a numbered entry for each setting Accounts_OAuth_Custom-NAME",
        origin,
    }
}

const fn since(major: u16, minor: u16, patch: u16) -> Versions {
    Versions::since(major, minor, patch)
}

/// Every such field.
#[rustfmt::skip]
pub const FIELDS: &[Field<Settings>] = &[
    Field {
        path: "push",
        versions: since(6, 5, 0),
        meaning: "sum of 1 for Push_enable, 2 for Push_enable_gateway and 4 for a changed Push_gateway",
        origin: Fresh(|settings| Some(Value::Integer(settings.push()))),
    },
    Field {
        path: "logoChange",
        versions: since(4, 8, 0),
        meaning: "whether Assets_logo has a url",
        origin: Fresh(|settings| {
            let logo = settings.value("Assets_logo");
            Some(Value::Bool(logo.is_some_and(|logo| logo.get("url").is_some())))
        }),
    },
    Field {
        path: "BusinessHours.strategy",
        versions: since(4, 6, 0),
        meaning: "true if Livechat_enable_business_hours is on, else an empty string",
        origin: Fresh(|settings| {
            Some(if settings.is_on("Livechat_enable_business_hours") {
                Value::Bool(true)
            } else {
                Value::text("")
            })
        }),
    },
    Field {
        path: "livechatAutomaticForwardingUnansweredChats",
        versions: since(6, 8, 0),
        meaning: "whether Livechat_auto_transfer_chat_timeout is not 0; true without the setting",
        origin: Fresh(|settings| {
            let timeout = settings.value("Livechat_auto_transfer_chat_timeout");
            let is_zero =
                timeout == Some(&Value::Integer(0)) || timeout == Some(&Value::Number(0.0));
            Some(Value::Bool(!is_zero))
        }),
    },
    Field {
        path: "webRTCEnabledForOmnichannel",
        versions: since(6, 0, 0).until(8, 0, 0),
        meaning: "whether Omnichannel_call_provider is WebRTC",
        origin: Fresh(|settings| {
            let provider = settings.value("Omnichannel_call_provider");
            Some(Value::Bool(
                provider.and_then(Value::as_text) == Some("WebRTC"),
            ))
        }),
    },
    Field {
        path: "abacEnabled",
        versions: since(8, 0, 0),
        meaning: "value of ABAC_Enabled, if the license grants abac",
        origin: Fresh(|settings| {
            let granted = settings.grants.grants(ABAC);
            granted.then(|| shown(settings, "ABAC_Enabled"))?
        }),
    },
    custom_oauth(
        since(4, 1, 0).until(4, 2, 0),
        Fresh(|settings| Some(settings.custom_oauth(&Value::Bool(false), false))),
    ),
    custom_oauth(
        since(4, 2, 0).until(6, 8, 0),
        Fresh(|settings| Some(settings.custom_oauth(&Value::Undefined, false))),
    ),
    custom_oauth(
        since(6, 8, 0),
        Fresh(|settings| Some(settings.custom_oauth(&Value::Undefined, true))),
    ),
    withheld("wizard.contactName", since(0, 70, 4).until(1, 3, 0), "name of the oldest user"),
    withheld("wizard.contactEmail", since(0, 70, 4).until(1, 3, 0), "address of the oldest user"),
    Field {
        path: "settings",
        versions: since(5, 0, 0).until(6, 8, 0),
        meaning: "empty: these versions fail to read them",
        origin: Fresh(|_| Some(Value::Object(Vec::new()))),
    },
    setting("wizard.organizationType", since(0, 64, 2), "Organization_Type"),
    setting("wizard.organizationName", since(0, 64, 2).until(1, 3, 0), "Organization_Name"),
    setting("wizard.industry", since(0, 64, 2), "Industry"),
    setting("wizard.size", since(0, 64, 2), "Size"),
    setting("wizard.country", since(0, 64, 2), "Country"),
    setting("wizard.website", since(0, 64, 2).until(1, 3, 0), "Website"),
    setting("wizard.siteName", since(0, 64, 2).until(1, 3, 0), "Site_Name"),
    setting("wizard.language", since(0, 64, 2), "Language"),
    setting("wizard.serverType", since(0, 64, 2), "Server_Type"),
    setting("wizard.allowMarketingEmails", since(0, 66, 2).until(1, 3, 0), "Allow_Marketing_Emails"),
    setting("wizard.registerServer", since(1, 0, 0), "Register_Server"),
    setting("deploymentFingerprintHash", since(6, 5, 0), "Deployment_FingerPrint_Hash"),
    setting("deploymentFingerprintVerified", since(6, 5, 0), "Deployment_FingerPrint_Verified"),
    setting("fileStoreType", since(8, 0, 0), "FileUpload_Storage_Type"),
    setting("matrixBridgeEnabled", since(5, 0, 0).until(5, 3, 0), "Federation_Matrix_enabled"),
    setting("matrixFederation.enabled", since(5, 3, 0), "Federation_Matrix_enabled"),
    setting("matrixFederation.maximumSizeOfPublicRoomsUsers", since(6, 3, 0), "Federation_Matrix_max_size_of_public_rooms_users"),
    setting("livechatEnabled", since(0, 74, 0), "Livechat_enabled"),
    setting("isDepartmentRemovalEnabled", since(6, 0, 0), "Omnichannel_enable_department_removal"),
    setting("routingAlgorithm", since(4, 6, 0), "Livechat_Routing_Method"),
    setting("onHoldEnabled", since(4, 6, 0), "Livechat_allow_manual_on_hold"),
    setting("lastChattedAgentPreferred", since(4, 6, 0), "Livechat_last_chatted_agent_routing"),
    setting("assignNewConversationsToContactManager", since(4, 6, 0), "Omnichannel_contact_manager_routing"),
    setting("visitorAbandonment", since(4, 6, 0), "Livechat_abandoned_rooms_action"),
    setting("webRTCEnabled", since(6, 0, 0).until(8, 0, 0), "WebRTC_Enabled"),
    setting("contactVerification.totalMergedContacts", since(7, 2, 0), "Merged_Contacts_Count"),
    setting("contactVerification.totalResolvedConflicts", since(7, 2, 0), "Resolved_Conflicts_Count"),
    setting("contactVerification.totalImportedContacts", since(7, 2, 0), "Contacts_Importer_Count"),
    setting("contactVerification.totalUpsellViews", since(7, 2, 0), "Advanced_Contact_Upsell_Views_Count"),
    setting("contactVerification.totalUpsellClicks", since(7, 2, 0), "Advanced_Contact_Upsell_Clicks_Count"),
    setting("voipEnabled", since(4, 6, 0).until(8, 0, 0), "VoIP_Enabled"),
    setting("dashboardCount", since(4, 6, 0), "Engagement_Dashboard_Load_Count"),
    setting("messageAuditApply", since(4, 6, 0), "Message_Auditing_Apply_Count"),
    setting("messageAuditLoad", since(4, 6, 0), "Message_Auditing_Panel_Load_Count"),
    setting("joinJitsiButton", since(4, 6, 0), "Jitsi_Click_To_Join_Count"),
    setting("slashCommandsJitsi", since(4, 6, 0), "Jitsi_Start_SlashCommands_Count"),
    setting("totalOTR", since(4, 6, 0).until(8, 0, 0), "OTR_Count"),
    setting("totalTriggeredEmails", since(5, 0, 0), "Triggered_Emails_Count"),
    setting("totalEmailInvitation", since(4, 8, 0), "Invitation_Email_Count"),
    setting("totalManuallyAddedUsers", since(4, 8, 0), "Manual_Entry_User_Count"),
    setting("totalWebRTCCalls", since(5, 0, 0), "WebRTC_Calls_Count"),
    setting("uncaughtExceptionsCount", since(5, 0, 0), "Uncaught_Exceptions_Count"),
    setting("importer.totalCSVImportedUsers", since(4, 8, 0), "CSV_Importer_Count"),
    setting("importer.totalHipchatEnterpriseImportedUsers", since(4, 8, 0), "Hipchat_Enterprise_Importer_Count"),
    setting("importer.totalSlackImportedUsers", since(4, 8, 0), "Slack_Importer_Count"),
    setting("importer.totalSlackUsersImportedUsers", since(4, 8, 0), "Slack_Users_Importer_Count"),
    setting("showHomeButton", since(4, 8, 0), "Layout_Show_Home_Button"),
    Field {
        path: "homeTitleChanged",
        versions: since(4, 8, 0).until(5, 0, 0),
        meaning: "whether Layout_Home_Title differs from Home",
        origin: Fresh(|settings| {
            let title = settings.value("Layout_Home_Title");
            let is_home = title.and_then(Value::as_text) == Some("Home");
            Some(Value::Bool(!is_home))
        }),
    },
    changed("homeTitleChanged", since(5, 0, 0), "Layout_Home_Title"),
    changed("homeBodyChanged", since(5, 0, 0), "Layout_Home_Body"),
    changed("customCSSChanged", since(5, 0, 0), "theme-custom-css"),
    changed("onLogoutCustomScriptChanged", since(5, 0, 0), "Custom_Script_On_Logout"),
    changed("loggedOutCustomScriptChanged", since(5, 0, 0), "Custom_Script_Logged_Out"),
    changed("loggedInCustomScriptChanged", since(5, 0, 0), "Custom_Script_Logged_In"),
    setting("pushSecured", since(6, 8, 0), "Push_request_content_from_server"),
    setting("readReceiptsEnabled", since(3, 18, 0), "Message_Read_Receipt_Enabled"),
    setting("readReceiptsDetailed", since(3, 18, 0), "Message_Read_Receipt_Store_Users"),
    setting("videoConf.settings.provider", since(5, 0, 0), "VideoConf_Default_Provider"),
    setting("videoConf.settings.dms", since(5, 0, 0), "VideoConf_Enable_DMs"),
    setting("videoConf.settings.channels", since(5, 0, 0), "VideoConf_Enable_Channels"),
    setting("videoConf.settings.groups", since(5, 0, 0), "VideoConf_Enable_Groups"),
    setting("videoConf.settings.teams", since(5, 0, 0), "VideoConf_Enable_Teams"),
    setting("services.ldap.enabled", since(3, 17, 0), "LDAP_Enable"),
    setting("services.ldap.loginFallback", since(3, 17, 0), "LDAP_Login_Fallback"),
    setting("services.ldap.encryption", since(3, 17, 0), "LDAP_Encryption"),
    setting("services.ldap.mergeUsers", since(3, 17, 0), "LDAP_Merge_Existing_Users"),
    setting("services.ldap.syncRoles", since(3, 17, 0).until(4, 0, 0), "LDAP_Sync_User_Data_Groups"),
    setting("services.ldap.syncRoles", since(4, 0, 0), "LDAP_Sync_User_Data_Roles"),
    setting("services.ldap.syncRolesAutoRemove", since(3, 17, 0).until(4, 0, 0), "LDAP_Sync_User_Data_Groups_AutoRemove"),
    setting("services.ldap.syncRolesAutoRemove", since(4, 0, 0), "LDAP_Sync_User_Data_Roles_AutoRemove"),
    setting("services.ldap.syncData", since(3, 17, 0).until(4, 0, 0), "LDAP_Sync_User_Data"),
    setting("services.ldap.syncData", since(4, 0, 0), "LDAP_Sync_Custom_Fields"),
    setting("services.ldap.syncChannels", since(3, 17, 0).until(4, 0, 0), "LDAP_Sync_User_Data_Groups_AutoChannels"),
    setting("services.ldap.syncChannels", since(4, 0, 0), "LDAP_Sync_User_Data_Channels"),
    setting("services.ldap.syncAvatar", since(3, 17, 0), "LDAP_Sync_User_Avatar"),
    setting("services.ldap.groupFilter", since(3, 17, 0), "LDAP_Group_Filter_Enable"),
    setting("services.ldap.backgroundSync.enabled", since(3, 17, 0), "LDAP_Background_Sync"),
    setting("services.ldap.backgroundSync.interval", since(3, 17, 0), "LDAP_Background_Sync_Interval"),
    setting("services.ldap.backgroundSync.newUsers", since(3, 17, 0), "LDAP_Background_Sync_Import_New_Users"),
    setting("services.ldap.backgroundSync.existingUsers", since(3, 17, 0), "LDAP_Background_Sync_Keep_Existant_Users_Updated"),
    setting("services.ldap.ee.syncActiveState", since(3, 17, 0), "LDAP_Sync_User_Active_State"),
    setting("services.ldap.ee.syncTeams", since(3, 17, 0), "LDAP_Enable_LDAP_Groups_To_RC_Teams"),
    setting("services.ldap.ee.syncRoles", since(3, 17, 0).until(4, 0, 0), "LDAP_Enable_LDAP_Roles_To_RC_Roles"),
    setting("services.ldap.ee.syncRoles", since(4, 0, 0), "LDAP_Sync_User_Data_Roles"),
    setting("services.saml.enabled", since(3, 17, 0), "SAML_Custom_Default"),
    setting("services.saml.signatureValidationType", since(3, 17, 0), "SAML_Custom_Default_signature_validation_type"),
    setting("services.saml.generateUsername", since(3, 17, 0), "SAML_Custom_Default_generate_username"),
    setting("services.saml.updateSubscriptionsOnLogin", since(3, 17, 0), "SAML_Custom_Default_channels_update"),
    setting("services.saml.syncRoles", since(3, 17, 0), "SAML_Custom_Default_role_attribute_sync"),
    changed("services.saml.userDataCustomFieldMap", since(6, 8, 0), "SAML_Custom_Default_user_data_custom_fieldmap"),
    setting("services.cas.enabled", since(3, 17, 0), "CAS_enabled"),
    setting("services.cas.allowUserCreation", since(3, 17, 0), "CAS_Creation_User_Enabled"),
    setting("services.cas.alwaysSyncUserData", since(3, 17, 0), "CAS_Sync_User_Data_Enabled"),
    setting("services.oauth.apple.enabled", since(3, 17, 0), "Accounts_OAuth_Apple"),
    removed_provider("services.oauth.dolphin.enabled", "Accounts_OAuth_Dolphin"),
    removed_provider("services.oauth.drupal.enabled", "Accounts_OAuth_Drupal"),
    removed_provider("services.oauth.facebook.enabled", "Accounts_OAuth_Facebook"),
    setting("services.oauth.github.enabled", since(3, 17, 0), "Accounts_OAuth_Github"),
    removed_provider("services.oauth.githubEnterprise.enabled", "Accounts_OAuth_GitHub_Enterprise"),
    setting("services.oauth.gitlab.enabled", since(3, 17, 0), "Accounts_OAuth_Gitlab"),
    setting("services.oauth.google.enabled", since(3, 17, 0), "Accounts_OAuth_Google"),
    removed_provider("services.oauth.linkedin.enabled", "Accounts_OAuth_Linkedin"),
    removed_provider("services.oauth.meteor.enabled", "Accounts_OAuth_Meteor"),
    setting("services.oauth.nextcloud.enabled", since(3, 17, 0), "Accounts_OAuth_Nextcloud"),
    setting("services.oauth.tokenpass.enabled", since(3, 17, 0).until(8, 0, 0), "Accounts_OAuth_Tokenpass"),
    removed_provider("services.oauth.twitter.enabled", "Accounts_OAuth_Twitter"),
    removed_provider("services.oauth.wordpress.enabled", "Accounts_OAuth_Wordpress"),
    unlicensed("settings.accounts.account2fa", since(4, 4, 0).until(5, 0, 0), "Accounts_TwoFactorAuthentication_Enabled"),
    optional("settings.accounts.account2fa", since(6, 8, 0), "Accounts_TwoFactorAuthentication_Enabled"),
    unlicensed("settings.cannedResponses.cannedResponsesEnabled", since(4, 4, 0).until(5, 0, 0), "Canned_Responses_Enable"),
    optional("settings.cannedResponses.cannedResponsesEnabled", since(6, 8, 0), "Canned_Responses_Enable"),
    unlicensed("settings.e2ee.e2e", since(4, 4, 0).until(5, 0, 0), "E2E_Enable"),
    optional("settings.e2ee.e2e", since(6, 8, 0), "E2E_Enable"),
    unlicensed("settings.e2ee.e2eDefaultDirectRoom", since(4, 4, 0).until(5, 0, 0), "E2E_Enabled_Default_DirectRooms"),
    optional("settings.e2ee.e2eDefaultDirectRoom", since(6, 8, 0), "E2E_Enabled_Default_DirectRooms"),
    unlicensed("settings.e2ee.e2eDefaultPrivateRoom", since(4, 4, 0).until(5, 0, 0), "E2E_Enabled_Default_PrivateRooms"),
    optional("settings.e2ee.e2eDefaultPrivateRoom", since(6, 8, 0), "E2E_Enabled_Default_PrivateRooms"),
    withheld("settings.email.smtp.smtpHost", since(4, 4, 0).until(5, 0, 0), "SMTP_Host"),
    withheld("settings.email.smtp.smtpHost", since(6, 8, 0), "SMTP_Host"),
    withheld("settings.email.smtp.smtpPort", since(4, 4, 0).until(5, 0, 0), "SMTP_Port"),
    withheld("settings.email.smtp.smtpPort", since(6, 8, 0), "SMTP_Port"),
    withheld("settings.email.smtp.fromEmail", since(4, 4, 0).until(5, 0, 0), "From_Email"),
    withheld("settings.email.smtp.fromEmail", since(6, 8, 0), "From_Email"),
    unlicensed("settings.fileUpload.fileUploadEnable", since(4, 8, 0).until(5, 0, 0), "FileUpload_Enabled"),
    optional("settings.fileUpload.fileUploadEnable", since(6, 8, 0), "FileUpload_Enabled"),
    unlicensed("settings.general.nps.surveyEnabled", since(4, 4, 0).until(5, 0, 0), "NPS_survey_enabled"),
    optional("settings.general.nps.surveyEnabled", since(6, 8, 0), "NPS_survey_enabled"),
    unlicensed("settings.general.update.updateChecker", since(4, 4, 0).until(5, 0, 0), "Update_EnableChecker"),
    optional("settings.general.update.updateChecker", since(6, 8, 0), "Update_EnableChecker"),
    unlicensed("settings.liveStreamAndBroadcasting.liveStream", since(4, 4, 0).until(5, 0, 0), "Livestream_enabled"),
    setting("settings.liveStreamAndBroadcasting.liveStream", since(6, 8, 0), "Livestream_enabled"),
    unlicensed("settings.liveStreamAndBroadcasting.broadcasting", since(4, 4, 0).until(5, 0, 0), "Broadcasting_enabled"),
    setting("settings.liveStreamAndBroadcasting.broadcasting", since(6, 8, 0), "Broadcasting_enabled"),
    unlicensed("settings.message.allowEditing", since(4, 4, 0).until(5, 0, 0), "Message_AllowEditing"),
    optional("settings.message.allowEditing", since(6, 8, 0), "Message_AllowEditing"),
    unlicensed("settings.message.allowDeleting", since(4, 4, 0).until(5, 0, 0), "Message_AllowDeleting"),
    optional("settings.message.allowDeleting", since(6, 8, 0), "Message_AllowDeleting"),
    unlicensed("settings.message.allowUnrecognizedSlashCommand", since(4, 4, 0).until(5, 0, 0), "Message_AllowUnrecognizedSlashCommand"),
    optional("settings.message.allowUnrecognizedSlashCommand", since(6, 8, 0), "Message_AllowUnrecognizedSlashCommand"),
    unlicensed("settings.message.allowBadWordsFilter", since(4, 4, 0).until(5, 0, 0), "Message_AllowBadWordsFilter"),
    optional("settings.message.allowBadWordsFilter", since(6, 8, 0), "Message_AllowBadWordsFilter"),
    unlicensed("settings.message.readReceiptEnabled", since(4, 4, 0).until(5, 0, 0), "Message_Read_Receipt_Enabled"),
    optional("settings.message.readReceiptEnabled", since(6, 8, 0), "Message_Read_Receipt_Enabled"),
    unlicensed("settings.message.readReceiptStoreUsers", since(4, 4, 0).until(5, 0, 0), "Message_Read_Receipt_Store_Users"),
    optional("settings.message.readReceiptStoreUsers", since(6, 8, 0), "Message_Read_Receipt_Store_Users"),
    unlicensed("settings.otr.otrEnable", since(4, 4, 0).until(5, 0, 0), "OTR_Enable"),
    optional("settings.otr.otrEnable", since(6, 8, 0).until(8, 0, 0), "OTR_Enable"),
    unlicensed("settings.push.pushEnable", since(4, 4, 0).until(5, 0, 0), "Push_enable"),
    optional("settings.push.pushEnable", since(6, 8, 0), "Push_enable"),
    unlicensed("settings.search.defaultProvider.globalSearchEnabled", since(4, 4, 0).until(5, 0, 0), "Search.defaultProvider.GlobalSearchEnabled"),
    optional("settings.search.defaultProvider.globalSearchEnabled", since(6, 8, 0), "Search.defaultProvider.GlobalSearchEnabled"),
    unlicensed("settings.threads.threadsEnabled", since(4, 4, 0).until(5, 0, 0), "Threads_enabled"),
    optional("settings.threads.threadsEnabled", since(6, 8, 0), "Threads_enabled"),
    unlicensed("settings.videoConference.bigBlueButton", since(4, 4, 0).until(5, 0, 0), "bigbluebutton_Enabled"),
    unlicensed("settings.videoConference.jitsiEnabled", since(4, 4, 0).until(5, 0, 0), "Jitsi_Enabled"),
    unlicensed("settings.webRTC.webRTCEnableChannel", since(4, 4, 0).until(5, 0, 0), "WebRTC_Enable_Channel"),
    optional("settings.webRTC.webRTCEnableChannel", since(6, 8, 0), "WebRTC_Enable_Channel"),
    unlicensed("settings.webRTC.webRTCEnablePrivate", since(4, 4, 0).until(5, 0, 0), "WebRTC_Enable_Private"),
    optional("settings.webRTC.webRTCEnablePrivate", since(6, 8, 0), "WebRTC_Enable_Private"),
    unlicensed("settings.webRTC.webRTCEnableDirect", since(4, 4, 0).until(5, 0, 0), "WebRTC_Enable_Direct"),
    optional("settings.webRTC.webRTCEnableDirect", since(6, 8, 0), "WebRTC_Enable_Direct"),
    setting("settings.general.apps.frameworkDevMode", since(4, 4, 0).until(5, 0, 0), "Apps_Framework_Development_Mode"),
    undefined("settings.general.apps.frameworkDevMode", since(6, 8, 0)),
    setting("settings.general.apps.frameworkEnable", since(4, 4, 0).until(5, 0, 0), "Apps_Framework_enabled"),
    undefined("settings.general.apps.frameworkEnable", since(6, 8, 0)),
];
