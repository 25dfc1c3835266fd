//! Definitions of the statistics document by version: the same workspace, rendered for the releases before and after each
//! change.

pub mod workspace;

use serde_json::{Value, json};

use workspace::{licensed_responses, responses, responses_with_unknown_fields};

/// A version and its value; `None` if the version lacks the field.
type Expected = (&'static str, Option<Value>);

fn is(version: &'static str, value: impl Into<Value>) -> Expected {
    (version, Some(value.into()))
}

fn absent(version: &'static str) -> Expected {
    (version, None)
}

/// Compares values by version, without a license.
fn expect<const N: usize>(path: &str, expected: [Expected; N]) {
    for (version, value) in expected {
        let responses = responses(version);
        let found = at(&responses.document, path);
        assert_eq!(found, value.as_ref(), "{path} in {version}");
    }
}

/// The same with a license for everything.
fn expect_licensed<const N: usize>(path: &str, expected: [Expected; N]) {
    for (version, value) in expected {
        let responses = licensed_responses(version);
        let found = at(&responses.document, path);
        assert_eq!(found, value.as_ref(), "{path} in {version}");
    }
}

/// The value at a path, with dots between nested keys.
fn at<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(document, |value, name| value.get(name))
}

#[test]
fn active_users_have_six_definitions() {
    expect(
        "activeUsers",
        [
            is("0.51.0", 11),
            is("2.4.9", 11),
            is("3.0.0", 6),
            is("3.1.0", 6),
            is("3.2.0", 5),
            is("5.0.0", 5),
            is("5.1.0", 2),
            is("6.2.8", 2),
            is("6.2.9", 4),
            is("6.3.0", 4),
            is("6.4.0", 3),
            is("8.3.0", 3),
        ],
    );
}

#[test]
fn non_active_users_have_two_definitions() {
    expect(
        "nonActiveUsers",
        [
            is("0.51.0", 3),
            is("2.4.9", 3),
            is("3.0.0", 2),
            is("8.3.0", 2),
        ],
    );
}

#[test]
fn active_guests_are_local_with_that_role_alone() {
    expect(
        "activeGuests",
        [absent("3.1.0"), is("3.2.0", 1), is("8.3.0", 1)],
    );
}

#[test]
fn app_users_include_deactivated_ones() {
    expect(
        "appUsers",
        [absent("2.4.9"), is("3.0.0", 3), is("8.3.0", 3)],
    );
}

#[test]
fn online_users_changed_from_connection_to_visible_presence() {
    for version in ["0.51.0", "3.10.0", "3.11.0"] {
        expect("onlineUsers", [is(version, 3)]);
        expect("awayUsers", [is(version, 1)]);
    }
    for version in ["3.12.0", "8.3.0"] {
        expect("onlineUsers", [is(version, 4)]);
        expect("awayUsers", [is(version, 2)]);
    }
}

#[test]
fn busy_users_exist_since_3_11_and_change_a_release_later() {
    expect(
        "busyUsers",
        [
            absent("3.10.0"),
            is("3.11.0", 1),
            is("3.12.0", 2),
            is("8.3.0", 2),
        ],
    );
}

#[test]
fn offline_users_are_the_remainder() {
    expect(
        "offlineUsers",
        [
            is("0.51.0", 10),
            is("3.10.0", 10),
            is("3.11.0", 9),
            is("3.12.0", 6),
            is("8.3.0", 6),
        ],
    );
}

#[test]
fn connected_users_exclude_busy_ones() {
    expect(
        "totalConnectedUsers",
        [
            absent("0.74.1"),
            is("1.0.0", 4),
            is("3.11.0", 4),
            is("3.12.0", 6),
            is("8.3.0", 6),
        ],
    );
}

#[test]
fn empty_languages_count_as_none() {
    let languages = json!({ "none": 11, "en": 2, "pt-BR": 1 });
    expect(
        "userLanguages",
        [
            absent("3.11.0"),
            is("3.12.0", languages.clone()),
            is("8.3.0", languages),
        ],
    );
}

#[test]
fn second_factors_count_for_active_users() {
    for (path, count) in [("totalUserTOTP", 1), ("totalUserEmail2fa", 2)] {
        expect(
            path,
            [absent("4.6.0"), is("4.8.0", count), is("8.3.0", count)],
        );
    }
}

#[test]
fn login_services_exclude_apps_and_guests() {
    expect(
        "services.ldap.users",
        [absent("3.13.0"), is("3.17.0", 2), is("8.3.0", 2)],
    );
}

#[test]
fn login_providers_were_removed_in_9_0() {
    for provider in [
        "dolphin",
        "drupal",
        "facebook",
        "githubEnterprise",
        "linkedin",
        "meteor",
        "twitter",
        "wordpress",
    ] {
        let path = format!("services.oauth.{provider}");
        let unused = json!({ "users": 0, "enabled": null });
        expect(&path, [is("8.6.1", unused), absent("9.0.0")]);
    }
    for provider in ["apple", "github", "gitlab", "google", "nextcloud"] {
        let path = format!("services.oauth.{provider}.users");
        expect(&path, [is("8.6.1", 0), is("9.0.0", 0)]);
    }
}

#[test]
fn fips_mode_is_stored_from_8_7_on() {
    expect(
        "fips",
        [absent("8.6.1"), is("8.7.0", true), is("9.0.0", true)],
    );
}

#[test]
fn newer_releases_have_the_document_of_the_newest_known() {
    let document = |version| {
        let mut document = responses(version).document.clone();
        let members = document.as_object_mut().expect("it is an object");
        assert_eq!(members.remove("version"), Some(version.into()));
        // The host does not stand still.
        members.remove("os");
        document
    };
    let known = document("9.1.0");
    assert_eq!(document("9.2.0"), known);
    assert_eq!(document("12.3.4"), known);
}

#[test]
fn custom_oauth_services_changed_from_names_to_numbers() {
    let named = json!({
        "Keycloak": { "enabled": true, "mergeRoles": true, "users": 1 },
        "Other": { "enabled": false, "mergeRoles": false, "users": 0 },
    });
    let numbered = |service: Value| json!({ "0": service.clone(), "1": service });
    expect(
        "services.oauth.custom",
        [
            is("3.17.0", named.clone()),
            is("4.0.0", named),
            is(
                "4.1.0",
                numbered(json!({ "enabled": true, "mergeRoles": false, "users": 0 })),
            ),
            is("4.2.0", numbered(json!({ "enabled": true, "users": 0 }))),
            is(
                "6.8.0",
                numbered(json!({ "enabled": true, "users": 0, "rolesToSync": false })),
            ),
        ],
    );
}

#[test]
fn ldap_settings_had_other_names_in_3_17() {
    expect(
        "services.ldap.syncRoles",
        [is("3.17.0", true), is("3.18.7", true), is("4.0.0", false)],
    );
}

#[test]
fn livechat_calls_exist_from_4_6_to_8_0() {
    for (path, value) in [
        ("voipEnabled", json!(true)),
        ("voipCalls", json!(1)),
        ("voipExtensions", json!(2)),
        ("voipSuccessfulCalls", json!(1)),
        ("voipErrorCalls", json!(0)),
        ("voipOnHoldCalls", json!(0)),
    ] {
        expect(
            path,
            [
                absent("4.5.7"),
                is("4.6.0", value.clone()),
                is("7.5.0", value),
                absent("8.0.0"),
            ],
        );
    }
}

#[test]
fn off_the_record_chats_exist_from_4_6_to_8_0() {
    for (path, value) in [("totalOTRRooms", 2), ("totalOTR", 5)] {
        expect(
            path,
            [
                absent("4.5.7"),
                is("4.6.0", value),
                is("7.5.0", value),
                absent("8.0.0"),
            ],
        );
    }
}

#[test]
fn livestreams_were_counted_from_5_0_to_6_11() {
    expect(
        "totalRoomsWithActiveLivestream",
        [
            absent("4.8.0"),
            is("5.0.0", 1),
            is("6.11.0", 1),
            absent("6.12.0"),
        ],
    );
}

#[test]
fn livechat_rooms_were_misspelt_before_0_66() {
    expect(
        "totlalLivechat",
        [
            absent("0.50.0"),
            is("0.51.0", 1),
            is("0.65.2", 1),
            absent("0.66.0"),
        ],
    );
    expect(
        "totalLivechat",
        [absent("0.65.2"), is("0.66.0", 1), is("8.3.0", 1)],
    );
}

#[test]
fn total_messages_changed_from_documents_to_counters() {
    expect(
        "totalMessages",
        [
            is("0.51.0", 6),
            is("3.0.0", 6),
            is("3.1.0", 70),
            is("6.5.0", 70),
            is("8.3.0", 70),
        ],
    );
}

#[test]
fn messages_of_discussions_are_their_own_since_6_5() {
    for (path, before, since) in [
        ("totalChannelMessages", Some(30), 10),
        ("totalPrivateGroupMessages", Some(9), 4),
        ("totalDiscussionsMessages", None, 25),
        ("totalDirectMessages", Some(18), 18),
        ("totalLivechatMessages", Some(13), 13),
    ] {
        let before = before.map(Value::from);
        expect(
            path,
            [
                absent("0.50.0"),
                ("0.51.0", before.clone()),
                ("6.4.0", before),
                is("6.5.0", since),
                is("8.3.0", since),
            ],
        );
    }
}

#[test]
fn discussions_and_threads_count_by_field_existence() {
    expect(
        "totalDiscussions",
        [absent("0.74.1"), is("1.0.0", 4), is("8.3.0", 4)],
    );
    expect(
        "totalThreads",
        [absent("0.74.1"), is("1.0.0", 2), is("8.3.0", 2)],
    );
}

#[test]
fn total_rooms_include_every_kind() {
    for (path, count) in [
        ("totalRooms", 13),
        ("totalChannels", 4),
        ("totalPrivateGroups", 4),
        ("totalDirect", 2),
    ] {
        expect(path, [is("0.51.0", count), is("8.3.0", count)]);
    }
}

#[test]
fn teams_are_missing_from_4_6_to_4_7() {
    let old = json!({ "totalTeams": 2, "teamStats": [{ "teamId": "T" }] });
    let new =
        json!({ "totalTeams": 2, "totalRoomsInsideTeams": 2, "totalDefaultRoomsInsideTeams": 1 });
    expect(
        "teams",
        [
            absent("3.12.0"),
            is("3.13.0", old.clone()),
            is("4.5.7", old),
            absent("4.6.0"),
            absent("4.7.5"),
            is("4.8.0", new.clone()),
            is("8.3.0", new),
        ],
    );
}

#[test]
fn message_flags_have_their_own_filters() {
    for (path, count) in [
        ("totalPinned", 1),
        ("totalRoomsWithPinned", 1),
        ("totalStarred", 1),
        ("totalRoomsWithStarred", 2),
        ("totalEncryptedMessages", 1),
        ("totalE2ERooms", 1),
    ] {
        expect(
            path,
            [absent("4.6.0"), is("4.8.0", count), is("8.3.0", count)],
        );
    }
    expect("chatsOnHold", [absent("4.5.7"), is("4.6.0", 1)]);
}

#[test]
fn last_login_changed_from_date_to_text() {
    let text = "Mon Apr 03 2023 12:00:00 GMT+0000 (Coordinated Universal Time)";
    let date = "2023-04-03T12:00:00.000Z";
    expect(
        "lastLogin",
        [is("0.51.0", date), is("6.1.0", date), is("6.2.0", text)],
    );
    expect(
        "lastSeenSubscription",
        [is("0.51.0", date), is("6.0.0", date), is("6.1.0", text)],
    );
    expect("lastMessageSentAt", [is("0.51.0", date), is("8.3.0", date)]);
    expect("installedAt", [is("4.5.7", date), is("4.6.0", date)]);
}

#[test]
fn setup_wizard_has_more_fields_before_1_3() {
    for (path, first, value) in [
        ("wizard.organizationName", "0.64.2", json!("Example")),
        ("wizard.website", "0.64.2", json!("https://example.com")),
        ("wizard.siteName", "0.64.2", json!("Chat")),
        ("wizard.allowMarketingEmails", "0.66.2", json!(true)),
    ] {
        expect(
            path,
            [
                absent("0.64.0"),
                is(first, value.clone()),
                is("1.2.4", value),
                absent("1.3.0"),
            ],
        );
    }
    expect(
        "wizard.organizationType",
        [
            absent("0.64.0"),
            is("0.64.2", "community"),
            is("8.3.0", "community"),
        ],
    );
    expect(
        "wizard.registerServer",
        [absent("0.74.1"), is("1.0.0", false), is("8.3.0", false)],
    );
}

#[test]
fn missing_setting_is_null_since_7_0() {
    expect(
        "wizard.industry",
        [
            absent("0.64.2"),
            absent("6.4.0"),
            absent("6.5.0"),
            is("7.0.0", Value::Null),
            is("8.3.0", Value::Null),
        ],
    );
}

#[test]
fn contact_person_is_hidden() {
    for path in ["wizard.contactName", "wizard.contactEmail", "statsToken"] {
        expect(path, [absent("0.70.4"), absent("1.2.4"), absent("8.3.0")]);
    }
    expect("settings.email", [absent("4.4.0"), absent("8.3.0")]);
}

#[test]
fn document_is_nested_before_3_0() {
    for (version, nested) in [("0.51.0", true), ("2.4.9", true), ("3.0.0", false)] {
        let wrapped = &responses(version).wrapped;
        assert_eq!(wrapped.get("statistics").is_some(), nested, "{version}");
        assert_eq!(wrapped["success"], true, "{version}");
    }
}

#[test]
fn process_fields_come_from_the_stored_document() {
    for (path, expected) in [
        ("deploy.method", [absent("0.51.0"), is("0.55.0", "docker")]),
        (
            "apps.engineVersion",
            [absent("1.2.4"), is("1.3.0", "1.60.0")],
        ),
        ("apps.enabled", [is("5.3.0", true), absent("6.0.0")]),
        ("enterpriseReady", [absent("3.0.0"), is("3.1.0", true)]),
        ("msEnabled", [absent("5.1.0"), is("5.3.0", false)]),
        ("dailyPeakConnections", [absent("6.4.0"), is("6.5.0", 12)]),
    ] {
        expect(path, expected);
    }
}

#[test]
fn oplog_is_absent_before_1_0_3_unless_enabled() {
    expect("oplogEnabled", [absent("1.0.2"), is("1.0.3", false)]);
}

fn day(month: u8, day: u8, data: &Value) -> Value {
    json!({ "year": 2026, "month": month, "day": day, "data": data })
}

#[test]
fn unique_users_have_roles_since_3_9() {
    let role = |role: &str, count: u8, sessions: u8, time: u8| json!({ "role": role, "count": count, "sessions": sessions, "time": time });
    let without = day(11, 20, &json!([{ "count": 2, "sessions": 3, "time": 150 }]));
    let with = day(
        11,
        20,
        &json!([{
            "roles": [role("admin", 1, 2, 100), role("user", 1, 1, 50)],
            "count": 2, "sessions": 3, "time": 150,
        }]),
    );
    expect(
        "uniqueUsersOfYesterday",
        [
            absent("0.74.0"),
            is("1.0.3", without.clone()),
            is("3.8.0", without),
            is("3.9.0", with.clone()),
            is("8.3.0", with),
        ],
    );
}

#[test]
fn unique_users_of_the_last_month_were_a_month_late_until_3_10() {
    let late = day(10, 21, &json!([{ "count": 1, "sessions": 4, "time": 40 }]));
    expect(
        "uniqueUsersOfLastMonth",
        [is("1.0.3", late.clone()), is("3.8.0", late)],
    );
    let day_of = |version| {
        let month = &responses(version).document["uniqueUsersOfLastMonth"];
        (month["month"].clone(), month["data"][0]["count"].clone())
    };
    assert_eq!(day_of("3.9.0"), (json!(10), json!(1)));
    assert_eq!(day_of("3.10.0"), (json!(11), json!(4)));
    assert_eq!(day_of("8.3.0"), (json!(11), json!(4)));
}

#[test]
fn last_week_exists_since_3_10_and_monthly_devices_since_1_0_3() {
    let firefox = |count: u8, time: u8| {
        day(
            11,
            20,
            &json!([{ "count": count, "time": time, "type": "browser", "name": "Firefox", "version": "1" }]),
        )
    };
    expect("uniqueUsersOfLastWeek.data.0", [absent("3.9.0")]);
    expect(
        "uniqueDevicesOfLastWeek",
        [absent("3.9.0"), is("3.10.0", firefox(4, 160))],
    );
    expect(
        "uniqueDevicesOfLastMonth",
        [
            absent("1.0.2"),
            is("1.0.3", firefox(5, 170)),
            is("8.3.0", firefox(5, 170)),
        ],
    );
    let linux = day(
        11,
        20,
        &json!([{ "count": 3, "time": 150, "name": "Linux", "version": "6" }]),
    );
    expect(
        "uniqueOSOfYesterday",
        [is("1.0.3", linux.clone()), is("8.3.0", linux)],
    );
}

#[test]
fn failed_apps_were_the_disabled_ones_from_6_10_to_7_1() {
    expect(
        "apps.totalFailed",
        [
            absent("3.2.0"),
            is("3.8.0", 3),
            is("6.9.0", 3),
            is("6.10.0", 2),
            is("7.1.0", 2),
            is("7.2.0", 3),
        ],
    );
    for (path, count) in [("apps.totalInstalled", 6), ("apps.totalActive", 1)] {
        expect(
            path,
            [absent("1.2.4"), is("1.3.0", count), is("8.3.0", count)],
        );
    }
    for (path, count) in [
        ("apps.totalPrivateApps", 2),
        ("apps.totalPrivateAppsEnabled", 1),
    ] {
        expect(
            path,
            [absent("7.3.0"), is("7.5.0", count), is("8.3.0", count)],
        );
    }
}

#[test]
fn uploads_include_thumbnails_and_hidden_ones() {
    for (path, number) in [("uploadsTotal", 4), ("uploadsTotalSize", 700)] {
        expect(
            path,
            [absent("0.70.4"), is("0.74.0", number), is("8.3.0", number)],
        );
    }
}

#[test]
fn instances_need_a_recent_heartbeat() {
    expect("instanceCount", [is("0.51.0", 1), is("8.3.0", 1)]);
    expect("process.pid", [absent("0.50.0"), is("0.51.0", 4711)]);
}

#[test]
fn departments_include_business_units() {
    expect(
        "departments",
        [absent("4.5.7"), is("4.6.0", 3), is("8.3.0", 3)],
    );
    expect(
        "archivedDepartments",
        [absent("5.3.0"), is("6.0.0", 1), is("8.3.0", 1)],
    );
}

#[test]
fn livechat_agents_include_deactivated_ones() {
    expect(
        "totalLivechatAgents",
        [absent("0.70.4"), is("0.74.0", 2), is("8.3.0", 2)],
    );
    expect(
        "totalLivechatManagers",
        [absent("5.3.0"), is("6.0.0", 1), is("8.3.0", 1)],
    );
    expect(
        "totalLivechatVisitors",
        [absent("0.69.0"), is("0.70.0", 3), is("8.3.0", 3)],
    );
}

#[test]
fn licensed_omnichannel_fields_need_the_license() {
    for (path, first, count) in [
        ("enterprise.livechatTags", "4.6.0", 6),
        ("enterprise.cannedResponses", "4.6.0", 7),
        ("enterprise.businessUnits", "4.6.0", 1),
        ("enterprise.slas", "6.0.0", 5),
        ("enterprise.livechatMonitors", "6.0.0", 1),
        ("enterprise.omnichannelRoomsWithPriorities", "6.0.0", 1),
        ("enterprise.omnichannelRoomsWithSlas", "6.0.0", 1),
        ("enterprise.omnichannelPdfTranscriptSucceeded", "6.0.0", 1),
    ] {
        expect_licensed(path, [is(first, count), is("8.3.0", count)]);
        expect(path, [absent(first), absent("8.3.0")]);
    }
    expect_licensed(
        "enterprise.priorities",
        [is("4.6.0", 4), is("5.3.0", 4), absent("6.0.0")],
    );
    expect_licensed(
        "enterprise.omnichannelPdfTranscriptRequested",
        [is("6.0.0", 1), is("7.0.0", 0), absent("8.0.0")],
    );
    expect(
        "enterprise.seatRequests",
        [absent("3.18.7"), is("4.0.0", 3), is("8.3.0", 3)],
    );
}

#[test]
fn unlicensed_setting_has_its_invalid_value() {
    expect(
        "readReceiptsEnabled",
        [is("3.18.0", false), is("8.3.0", false)],
    );
    expect_licensed("readReceiptsEnabled", [is("8.3.0", true)]);
    expect(
        "visitorAbandonment",
        [is("4.6.0", "none"), is("8.3.0", "none")],
    );
    expect_licensed("visitorAbandonment", [is("8.3.0", "close")]);
}

#[test]
fn settings_group_has_three_definitions() {
    expect(
        "settings.message.readReceiptEnabled",
        [
            absent("4.2.0"),
            is("4.4.0", true),
            is("4.8.0", true),
            absent("5.0.0"),
            is("6.8.0", false),
        ],
    );
    expect("settings", [is("5.0.0", json!({})), is("6.5.0", json!({}))]);
    expect(
        "settings.otr.otrEnable",
        [is("4.4.0", true), is("7.5.0", true), absent("8.0.0")],
    );
}

#[test]
fn home_title_changed_has_two_definitions() {
    expect(
        "homeTitleChanged",
        [
            absent("4.6.0"),
            is("4.8.0", false),
            is("5.0.0", true),
            is("8.3.0", true),
        ],
    );
}

#[test]
fn federated_servers_were_peers_in_1_3() {
    expect(
        "federatedServers",
        [
            absent("1.2.4"),
            is("1.3.0", 3),
            is("2.0.0", 2),
            is("7.5.0", 2),
            absent("8.0.0"),
        ],
    );
    expect(
        "federatedServersActive",
        [absent("1.2.4"), is("1.3.0", 1), absent("2.0.0")],
    );
    expect(
        "federatedUsers",
        [
            absent("1.2.4"),
            is("1.3.0", 3),
            is("7.5.0", 3),
            absent("8.0.0"),
        ],
    );
    expect(
        "matrixFederation.amountOfExternalUsers",
        [absent("5.3.0"), is("6.3.0", 3), is("8.3.0", 3)],
    );
}

#[test]
fn push_queue_moved_with_3_2() {
    expect(
        "pushQueue",
        [
            absent("3.0.0"),
            is("3.1.0", 5),
            is("3.2.0", 2),
            is("8.3.0", 2),
        ],
    );
}

#[test]
fn migration_document_is_complete() {
    expect(
        "migration",
        [is(
            "8.3.0",
            json!({ "_id": "control", "version": 335, "locked": false, "hash": "abc" }),
        )],
    );
}

#[test]
fn unknown_stored_fields_are_kept() {
    expect("ofTheFuture.kept", [is("0.51.0", true), is("8.3.0", true)]);
}

#[test]
fn unknown_fields_change_nothing() {
    for version in ["0.61.0", "3.4.0", "8.3.0"] {
        let mut with = responses_with_unknown_fields(version).document;
        let mut without = responses(version).document.clone();
        // These fields are copied unchanged, and the host's values change by themselves.
        for document in [&mut with, &mut without] {
            let document = document.as_object_mut().expect("the document is an object");
            for key in ["_future", "zFuture", "migration", "os"] {
                document.remove(key);
            }
        }
        assert_eq!(with, without, "{version}");
    }
}

#[test]
fn session_summaries_differ_before_1_0_3() {
    let users = day(11, 20, &json!([{ "count": 30, "time": 150 }]));
    let month = json!({ "year": 2026, "month": 10, "data": [{ "count": 50, "time": 50 }] });
    let opera = json!([{ "count": 30, "type": "mobile", "name": "Opera", "version": "2" }]);
    let bsd = json!([{ "count": 30, "name": "BSD", "version": "3" }]);
    for (path, value) in [
        ("uniqueUsersOfYesterday", users),
        ("uniqueUsersOfLastMonth", month),
        ("uniqueDevicesOfYesterday", day(11, 20, &opera)),
        ("uniqueOSOfYesterday", day(11, 20, &bsd)),
    ] {
        expect(
            path,
            [
                absent("0.74.0"),
                is("0.74.1", value.clone()),
                is("1.0.2", value),
            ],
        );
    }
}
