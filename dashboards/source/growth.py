"""Growth: how the workspace grows over weeks, and which collections fill the database's disk."""

from kit import Column, bars, dashboard, lines, number, rows, steps


def growth():
    return dashboard(
        "rocketchat-growth",
        "Rocket.Chat growth",
        "How a Rocket.Chat workspace grows: people, rooms, messages, files, and the collections of its database.",
        {
            "People": PEOPLE,
            "Rooms and messages": MESSAGES,
            "Files and the database": DATABASE,
            "Accounts that need attention": ACCOUNTS,
            "What is used": USED,
        },
        since="now-30d",
        refresh="5m",
    )


PEOPLE = [
    lines("Accounts", "Accounts of every kind, and the seats that a license counts.",
          {"accounts": "sum(rocketchat_users{W})", "seats": "sum(rocketchat_seats_used{W})"}, alerts=["SeatsNearLimit"]),
    lines("Accounts by kind", "Activated accounts by kind.",
          {"{{kind}}": 'sum by (kind) (rocketchat_accounts{W,state="activated"})'}),
    lines(
        "Different people", "People who were logged in: yesterday, during the seven days and during the month that end "
        "yesterday, as Rocket.Chat summarises its sessions at 02:00.",
        {
            "of yesterday": "sum(rocketchat_unique_users_yesterday{W})",
            "of the week": "sum(rocketchat_unique_users_last_week{W})",
            "of the month": "sum(rocketchat_unique_users_last_month{W})",
        },
        alerts=["UsersOnlineAnomaly"],
    ),
    number("Sessions of yesterday", "Sessions, not people.", "sum(rocketchat_sessions_yesterday{W})", width=6),
    number(
        "A session of yesterday", "Average duration of yesterday's sessions.",
        "sum(rocketchat_sessions_yesterday_duration_seconds{W}) / sum(rocketchat_sessions_yesterday{W})", "s", width=6,
    ),
    number(
        "Peak of connections", "Highest number of concurrent connections in the last 30 days, by Rocket.Chat's own statistics (6.5 and later).",
        "max(rocketchat_peak_connections{W})", width=6, alerts=["PresenceLimitNear"],
    ),
    number(
        "New accounts in a week", "New accounts within seven days. No data during the first week.",
        "sum(rocketchat_users{W}) - sum(rocketchat_users{W} offset 7d)", width=6, none="not yet known",
    ),
]

MESSAGES = [
    lines("Messages", "Existing messages, and the sum of the rooms' counters, which deleting does not always decrement.",
          {"messages": "sum(rocketchat_messages{W})", "by the rooms' counters": "sum(rocketchat_room_messages{W})"}, bottom=None),
    lines("Messages by kind of room", "By the counters that are stored in the rooms.",
          {"{{kind}}": "sum by (kind) (rocketchat_room_messages{W})"}, stacked=True),
    lines("Messages per hour", "New messages over an hour; below zero where more were removed.",
          {"messages": "sum(delta(rocketchat_messages{W}[1h]))"}, bottom=None, alerts=["MessagesStopped"]),
    lines("Rooms by kind", "Discussions and the main rooms of teams are among the channels and private groups.",
          {"{{kind}}": "sum by (kind) (rocketchat_rooms{W})"}, stacked=True),
    lines(
        "Threads, discussions and teams", "Messages that began a thread, rooms that are discussions, and teams (3.13 and later).",
        {
            "threads": "sum(rocketchat_threads{W})",
            "discussions": "sum(rocketchat_discussions{W})",
            "teams": "sum(rocketchat_teams{W})",
        },
    ),
    lines("Messages with a mark", "Starred, pinned, or encrypted from end to end.",
          {"{{mark}}": "sum by (mark) (rocketchat_messages_with_mark{W})"}),
]

DATABASE = [
    lines("Uploads", "Uploaded files, with thumbnails.", {"files": "sum(rocketchat_uploads{W})"}, alerts=["UploadsGrowingFast"]),
    lines("Size of uploads", "By their records; the bytes may lie in GridFS, on disk or in an object store.",
          {"size": "sum(rocketchat_uploads_size_bytes{W})"}, "bytes", alerts=["UploadsGrowingFast"]),
    lines("Largest collections", "Bytes on the database's disk, including indexes, of the eight collections that are largest now.",
          {
              "{{collection}}": "sum by (collection) (rocketchat_collection_storage_size_bytes{W} "
              "+ rocketchat_collection_index_size_bytes{W}) and on (collection) "
              "topk(8, sum by (collection) (rocketchat_collection_storage_size_bytes{W} "
              "+ rocketchat_collection_index_size_bytes{W}))"
          },
          "bytes", alerts=["StatisticsCollectionBomb", "SessionsCollectionBomb"]),
    rows(
        "Collections", "Collections that grow: documents, bytes of the documents, bytes on disk, of which are free, and of the indexes; how many documents MongoDB's metadata miscount.",
        "collection",
        [
            Column("Collection", label="collection", unit="string"),
            Column("Documents", "sum by (collection) (rocketchat_collection_documents{W})"),
            Column("Miscounted", "sum by (collection) (rocketchat_collection_count_deviation{W})"),
            Column("Data", "sum by (collection) (rocketchat_collection_size_bytes{W})", unit="bytes"),
            Column("On disk", "sum by (collection) (rocketchat_collection_storage_size_bytes{W})", unit="bytes"),
            Column("Free", "sum by (collection) (rocketchat_collection_free_size_bytes{W})", unit="bytes"),
            Column("Indexes", "sum by (collection) (rocketchat_collection_index_size_bytes{W})", unit="bytes"),
        ],
        width=16, height=10, alerts=["CollectionCountWrong", "StatisticsCollectionBomb", "SessionsCollectionBomb"],
    ),
    bars("Doubled within a day", "Growth factor of collections that at least doubled within a day. No data while there are none.",
         {"{{collection}}": "sum by (collection) (rocketchat_collection_size_bytes{W}) "
          "/ sum by (collection) (rocketchat_collection_size_bytes{W} offset 1d) >= 2"},
         "none", height=10, limits=steps(2, 10), alerts=["CollectionDoubled"]),
]

ACCOUNTS = [
    number("Administrators without a second factor", "Activated administrators without a second factor.",
           "sum(rocketchat_administrators_without_second_factor{W})", limits=steps(1), width=6),
    number("Deactivated but connected", "Deactivated accounts with an open connection.",
           "sum(rocketchat_users_deactivated_connected{W})", limits=steps(1), width=6),
    number("Login tokens", "Of all accounts, including personal access tokens.", "sum(rocketchat_login_tokens{W})", width=6),
    number("Most login tokens of one account", "Thousands mean that a program logs in for each request, which slows every login down.",
           "max(rocketchat_login_tokens_of_one_account_max{W})", limits=steps(100, 1000), width=6),
    bars("Login services", "Activated accounts by the services that they can log in with.",
         {"{{login_service}}": "sum by (login_service) (rocketchat_users_by_login_service{W}) > 0"}, width=9),
    bars("Second factors", "Activated accounts by the second factor that they have switched on.",
         {"{{method}}": "sum by (method) (rocketchat_users_with_second_factor{W})"}, width=9),
    number("Custom OAuth only", "Activated accounts that log in by a custom OAuth service and have neither a password nor a built-in login. "
           "Rocket.Chat 9.0 and later refuses them unless the license has the module oauth-enterprise.",
           "sum(rocketchat_users_custom_oauth_only{W})", width=6, height=8),
]

USED = [
    bars("What rooms have", "Rooms with a feature.",
         {"{{feature}}": "sum by (feature) (rocketchat_rooms_with_feature{W}) > 0"}),
    bars("Apps", "Installed apps by recorded state; failed is neither enabled nor disabled by hand.",
         {"{{state}}": "sum by (state) (rocketchat_apps{W})"}),
    bars("Integrations", "Webhooks by direction and state.",
         {"{{direction}}, {{state}}": "sum by (direction, state) (rocketchat_integrations{W})"}),
    bars("Video conferences", "By kind and state (5.0 and later).",
         {"{{kind}}, {{state}}": "sum by (kind, state) (rocketchat_video_conferences{W}) > 0"}),
    bars("Roles", "By what they are about.", {"{{scope}}": "sum by (scope) (rocketchat_roles{W})"}, width=4),
    number("Integrations with a script", "Webhooks that run a script.", "sum(rocketchat_integrations_with_script{W})", height=8),
    number("Invitations", "Invitation links.", "sum(rocketchat_invites{W})", height=8),
    number("Orphaned rooms", "Rooms without members; direct and omnichannel conversations are not counted.",
           "sum(rocketchat_rooms_orphaned{W})", height=8),
    number("Rooms without a counter", "Rooms without a usable message counter.", "sum(rocketchat_rooms_without_msgs{W})",
           limits=steps(1), height=8),
]
