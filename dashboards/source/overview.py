"""Overview: the exporter's Info page, which follows Rocket.Chat's own, as a dashboard; the same rows and words."""

from kit import (
    GRAY, GREEN, NO_IS_BAD, PRESENCE, RED, YES_IS_BAD, YELLOW, bars, dashboard, least, lines, number, states, steps, text,
)


def overview():
    return dashboard(
        "rocketchat-overview",
        "Rocket.Chat overview",
        "One Rocket.Chat workspace at a glance: the rows of its Info page, and what needs attention.",
        {
            "Warnings": WARNINGS,
            "Deployment": DEPLOYMENT,
            "License": LICENSE,
            "Users": USERS,
            "Types": TYPES,
            "Rooms": ROOMS,
            "Messages": MESSAGES,
            "Uploads": UPLOADS,
            "Federation": FEDERATION,
            "Host": HOST,
            "Exporter": EXPORTER,
            "How it went": PICTURES,
        },
        since="now-24h",
    )


WARNINGS = [
    number(
        "Database", "Whether the workspace's database can be read.",
        "min(rocketchat_up{W})",
        words=states(_0=("down", RED), _1=("read", GREEN)), alerts=["DatabaseUnreachable", "ExporterDown"], none="not scraped",
    ),
    number(
        "Instances alive", "Instances of Rocket.Chat with a heartbeat within the last 60 seconds.",
        "sum(rocketchat_instances{W})", limits=least(1), alerts=["RocketChatDown", "InstanceLost"],
    ),
    number(
        "Rocket.Chat answers", "Whether Rocket.Chat answers at its URL. No data where it is not probed.",
        "min(rocketchat_probe_success{W})", words=NO_IS_BAD, alerts=["RocketChatUnreachable"], none="not probed",
    ),
    number(
        "Presence switched off", "Rocket.Chat disables presence for all users when there are too many connections.",
        "max(rocketchat_presence_broadcast_disabled{W})", words=YES_IS_BAD, alerts=["PresenceDisabled"],
    ),
    number(
        "Of the connections that presence allows",
        "Above 100 % Rocket.Chat disables presence. No data with a license that lifts the limit, and before Rocket.Chat 6.0.",
        "max(rocketchat_connections{W} / rocketchat_presence_connections_limit{W})", "percentunit",
        limits=steps(0.8, 1), alerts=["PresenceLimitNear"], none="no limit",
    ),
    number(
        "Since the last usage report",
        "Time since Rocket.Chat's cloud last accepted a usage report; without a license the workspace becomes read-only "
        "after ten days (7.0 and later). No data when there was none within 30 days.",
        "time() - min(rocketchat_usage_report_timestamp_seconds{W})", "s", limits=steps(259200, 604800),
        alerts=["ReadOnlySoon"], none="none",
    ),
    number(
        "Until it becomes read-only", "As Rocket.Chat counts it, in whole days. No data while there is no countdown.",
        "min(rocketchat_read_only_countdown_seconds{W})", "s", limits=least(259200, 604800),
        alerts=["ReadOnlySoon", "WorkspaceReadOnly"], none="no countdown",
    ),
    number(
        "Since Rocket.Chat stored its statistics", "Its own job stores them once a day (once an hour before 5.0).",
        "time() - min(rocketchat_statistics_document_timestamp_seconds{W})", "s", limits=steps(93600, 180000),
        alerts=["StatisticsStale"],
    ),
    number(
        "Migration locked", "Rocket.Chat does not start while a migration is locked, which it briefly is while it runs.",
        "max(rocketchat_migration_locked{W})", words=YES_IS_BAD, alerts=["MigrationLocked"],
    ),
    number(
        "Support ends in",
        "Time until Rocket.Chat's support of the running release line ends; below zero it has ended. No data for a line that the "
        "exporter does not know.",
        "min(rocketchat_end_of_support_timestamp_seconds{W}) - time()", "s", limits=least(0, 2592000),
        alerts=["SupportEnding"],
    ),
    number(
        "MongoDB is supported",
        "Whether MongoDB's line is among those that the running release line of Rocket.Chat supports. No data for a line whose list "
        "the exporter does not know.",
        "min(rocketchat_mongodb_supported{W})", words=NO_IS_BAD, alerts=["MongoDBUnsupported"],
    ),
    number(
        "Versions of Node", "More than one means that the instances do not run the same build.",
        "max(rocketchat_instance_node_versions{W})", limits=steps(2), alerts=["VersionSkew"],
    ),
    number(
        "Failing collectors", "Parts of the workspace whose newest reading failed; their numbers are absent until one succeeds.",
        "sum(rocketchat_exporter_collector_success{W} == bool 0)", limits=steps(1), alerts=["ExporterSectionFailing"],
    ),
    number(
        "Missing indexes", "Missing indexes that Rocket.Chat usually creates; the values that need them are left out.",
        "sum(rocketchat_exporter_missing_index{W})", limits=steps(1), alerts=["MissingIndex"],
    ),
    number(
        "Oldest notification",
        "Time that the oldest notification of the queue has waited; after two hours it is lost. No data while the queue is "
        "empty.",
        "time() - min(rocketchat_notification_queue_oldest_timestamp_seconds{W})", "s", limits=steps(600, 3600),
        alerts=["PushQueueStuck"], none="none waits",
    ),
]

DEPLOYMENT = [
    text("Version", "Version of Rocket.Chat.", "max by (version) (rocketchat_info{W})", "{{version}}"),
    number(
        "Release", "A release that the exporter does not know is read like the newest one that it knows.",
        "max(rocketchat_version_newer_than_known{W})",
        words=states(_0=("known", GREEN), _1=("newer than known", YELLOW)),
    ),
    text("Deployment ID", "The setting uniqueID.", "max by (unique_id) (rocketchat_info{W})", "{{unique_id}}"),
    text("Address", "The setting Site_Url.", "max by (site_url) (rocketchat_info{W})", "{{site_url}}"),
    text(
        "Node Version", "Version of Node of each instance (3.10 and later).",
        "max by (node_version) (rocketchat_instance_info{W})", "{{node_version}}",
    ),
    number(
        "Database Migration", "Version number of the database schema; it increases when a newer Rocket.Chat starts.",
        "max(rocketchat_migration_version{W})", "none", alerts=["MigrationLocked"],
    ),
    text(
        "MongoDB", "Version and storage engine of the server that answered.",
        "max by (version, storage_engine) (rocketchat_mongodb_info{W})", "{{version}} / {{storage_engine}}",
    ),
    number(
        "Instances", "Instances of Rocket.Chat with a heartbeat within the last 60 seconds.",
        "sum(rocketchat_instances{W})", alerts=["InstanceLost"],
    ),
    number(
        "Open connections", "Client sessions of all live instances, with or without a user (6.0 and later).",
        "sum(rocketchat_connections{W})", alerts=["PresenceLimitNear"],
    ),
    number(
        "Installed at", "When the workspace was installed.",
        "1000 * min(rocketchat_installed_timestamp_seconds{W})", "dateTimeAsIso",
    ),
    number(
        "Last message", "Time since the newest message; system messages count.",
        "time() - max(rocketchat_last_message_timestamp_seconds{W})", "s", alerts=["MessagesStopped"],
    ),
    number(
        "Last login", "Time since the newest login.",
        "time() - max(rocketchat_last_login_timestamp_seconds{W})", "s",
    ),
    number(
        "Last reading", "Time since a user last read a room.",
        "time() - max(rocketchat_last_seen_timestamp_seconds{W})", "s",
    ),
]

LICENSE = [
    number(
        "License valid", "Whether the settings have a license that is valid now; no if there is none.",
        "min(rocketchat_license_valid{W})", words=states(_0=("no", GRAY), _1=("yes", GREEN)), alerts=["LicenseInvalid"],
    ),
    text(
        "Plan", "Plan of the license in the settings, valid or not. No data without a license.",
        "max by (plan) (rocketchat_license_info{W})", "{{plan}}", none="no license",
    ),
    text(
        "Why it is not valid", "Why the license in the settings is not valid. No data without an invalid license.",
        'max by (reason) (rocketchat_license_info{W,reason!=""})', "{{reason}}", none="–",
        alerts=["LicenseInvalid"],
    ),
    number(
        "Trial", "Whether the license is a trial. No data without a license.",
        "max(rocketchat_license_trial{W})", words=states(_0=("no", GREEN), _1=("yes", YELLOW)), none="no license",
    ),
    number(
        "Expires in", "Time until the license expires. No data without a license that expires.",
        "min(rocketchat_license_expiry_timestamp_seconds{W}) - time()", "s", limits=least(604800, 2592000),
        alerts=["LicenseExpiring"], none="never",
    ),
    number(
        "Shown expiry", "Time until the expiry that Rocket.Chat shows to administrators. No data without such a date.",
        "min(rocketchat_license_shown_expiry_timestamp_seconds{W}) - time()", "s", limits=least(604800, 2592000),
        alerts=["LicenseExpiring"], none="none",
    ),
    number(
        "Seats used", "Activated accounts that count against a license: without guests, bots, apps and remote users.",
        "sum(rocketchat_seats_used{W})", alerts=["SeatsNearLimit"],
    ),
    number(
        "Other modules", "Licensed modules that are not Rocket.Chat's own, such as those of apps. No data without a license.",
        "sum(rocketchat_license_other_modules{W})", none="no license",
    ),
    bars(
        "Used of the limits", "Share of what the license allows. No data where it sets no limit.",
        {"{{limit}}": "max by (limit) (rocketchat_license_used{W} / rocketchat_license_limit{W})"}, "percentunit",
        width=8, height=4, limits=steps(0.8, 0.95), top=1, alerts=["SeatsNearLimit", "ContactsNearLimit"],
        none="no limits",
    ),
    bars(
        "Modules", "Modules that count as licensed. No data without a license.",
        {"{{module}}": "max by (module) (rocketchat_license_module_granted{W}) > 0"}, "bool_yes_no", width=8, height=4,
        top=1, none="no license",
    ),
]


def users(title, presence):
    query = f'sum(rocketchat_users{{W,presence="{presence}"}})'
    return number(title, f"Accounts whose presence is {presence}, including bots and apps.", query)


USERS = [
    number("Total", "Accounts of every kind and state.", "sum(rocketchat_users{W})"),
    number(
        "Online", "Accounts whose presence is online, including bots and apps.",
        'sum(rocketchat_users{W,presence="online"})', alerts=["UsersOnlineAnomaly"],
    ),
    users("Busy", "busy"),
    users("Away", "away"),
    users("Offline", "offline"),
    number(
        "People connected",
        "People with a connection to a live instance, whatever their presence; bots and apps do not count. From 9.0 on administrators "
        "can make users appear offline.",
        "sum(rocketchat_people_connected{W})", alerts=["UsersOnlineAnomaly"],
    ),
]

TYPES = [
    number(
        "Users Connected", "Accounts that are online or away, as Rocket.Chat's Info page counts them.",
        'sum(rocketchat_users{W,presence=~"online|away"})',
    ),
    number("Users Activated", "Seats: Rocket.Chat's activeUsers since 6.4.", "sum(rocketchat_seats_used{W})"),
    number(
        "Activated Guests", "Activated accounts whose only role is guest.",
        'sum(rocketchat_accounts{W,kind="guest",state="activated"})',
    ),
    number(
        "Deactivated Users", "Deactivated accounts of every kind.", 'sum(rocketchat_accounts{W,state="deactivated"})',
    ),
    number("Rocket.Chat App Users", "Accounts of apps.", 'sum(rocketchat_accounts{W,kind="app"})'),
    number(
        "Never logged in", "Activated people who have never logged in, but take a seat.",
        "sum(rocketchat_users_never_logged_in{W})",
    ),
]


def rooms(title, kind):
    return number(title, f"Rooms of the kind {kind}.", f'sum(rocketchat_rooms{{W,kind="{kind}"}})')


ROOMS = [
    rooms("Channels", "channel"),
    rooms("Private Groups", "private_group"),
    rooms("Direct Message Rooms", "direct"),
    number(
        "Discussions", "Rooms that are discussions; they are also counted as channels or private groups.",
        "sum(rocketchat_discussions{W})",
    ),
    rooms("Omnichannel Rooms", "livechat"),
    number("Total", "Rooms of every kind.", "sum(rocketchat_rooms{W})"),
]


def room_messages(title, kind):
    description = f"Messages by the counters of rooms of the kind {kind}, which deleting does not always decrement."
    return number(title, description, f'sum(rocketchat_room_messages{{W,kind="{kind}"}})')


MESSAGES = [
    room_messages("In channels", "channel"),
    room_messages("In private groups", "private_group"),
    room_messages("In direct messages", "direct"),
    room_messages("In omnichannel", "livechat"),
    number("Threads", "Messages that began a thread.", "sum(rocketchat_threads{W})"),
    number("Total", "Existing messages, including system messages.", "sum(rocketchat_messages{W})"),
]

UPLOADS = [
    number("Total Uploads", "Uploaded files, with thumbnails.", "sum(rocketchat_uploads{W})", width=12),
    number(
        "Total Uploads Size", "Size of all uploaded files by their records.", "sum(rocketchat_uploads_size_bytes{W})", "bytes",
        width=12, alerts=["UploadsGrowingFast"],
    ),
]

FEDERATION = [
    number("Servers", "Servers known to the old federation (1.3 to 7.x).", "sum(rocketchat_federation_servers{W})", width=8),
    number("Users", "Accounts of other servers.", 'sum(rocketchat_accounts{W,kind="remote"})', width=8),
    number("Matrix Servers", "Other servers that share rooms by Matrix (6.3 to 7.x).", "sum(rocketchat_matrix_servers{W})", width=8),
]

HOST = [
    text(
        "System", "The machine that the exporter runs on.",
        "max by (distribution, distribution_version, kernel_release) (rocketchat_host_info{M})",
        "{{distribution}} {{distribution_version}}, {{kernel_release}}", width=8,
    ),
    number("Uptime", "Time since the machine started.", "max(rocketchat_host_uptime_seconds{M})", "s"),
    number(
        "Load of each processor", "Load average over five minutes, divided by the number of processors.",
        "max(rocketchat_host_load5{M} / rocketchat_host_cpus{M})", limits=steps(1, 2), decimals=2, alerts=["HostLoadHigh"],
    ),
    number(
        "Memory used", "Share of the machine's memory that is not available to programs.",
        "1 - max(rocketchat_host_memory_available_bytes{M} / rocketchat_host_memory_size_bytes{M})", "percentunit",
        limits=steps(0.8, 0.9), alerts=["HostMemoryLow"],
    ),
    number(
        "Processors busy", "Share of time that the machine's processors were busy.",
        '1 - avg(rate(rocketchat_host_cpu_seconds_total{M,mode="idle"}[$__rate_interval]))', "percentunit",
        limits=steps(0.8, 0.95), alerts=["HostLoadHigh"],
    ),
]

EXPORTER = [
    number(
        "Database time", "Share of time that the readings of the workspace take.",
        'sum(rocketchat_exporter_collector_duration_seconds{W,collector!="host"} '
        '/ rocketchat_exporter_collector_interval_seconds{W,collector!="host"})',
        "percentunit", width=6, limits=steps(0.02, 0.05), decimals=2, alerts=["ExporterCostHigh"],
    ),
    number(
        "Connections", "Open connections for queries to the workspace's database.",
        "sum(max by (workspace, state) (rocketchat_exporter_mongodb_connections{W}))", width=6,
    ),
    number(
        "Memory", "Resident memory of the exporter.",
        "sum(process_resident_memory_bytes{M})", "bytes", width=6,
    ),
    number(
        "Running", "Time since the exporter started.",
        "time() - min(process_start_time_seconds{M})", "s", width=6,
    ),
]

PICTURES = [
    lines(
        "Presence", "Accounts by the presence that others see, without those that are offline.",
        {"{{presence}}": 'sum by (presence) (rocketchat_users{W,presence!="offline"})'},
        width=12, stacked=True, colors=PRESENCE, alerts=["UsersOnlineAnomaly"],
    ),
    lines(
        "Messages per minute", "New messages over five minutes; below zero where more were removed.",
        {"messages": "sum(delta(rocketchat_messages{W}[5m])) / 5"}, width=12, bottom=None, alerts=["MessagesStopped"],
    ),
    lines(
        "Connections", "Client sessions of all live instances, and the limit of presence if there is one.",
        {
            "connections": "sum(rocketchat_connections{W})",
            "allowed": "sum(rocketchat_presence_connections_limit{W})",
        },
        colors={"allowed": RED}, alerts=["PresenceLimitNear"],
    ),
    lines("Instances", "Live instances.", {"instances": "sum(rocketchat_instances{W})"}, alerts=["InstanceLost"]),
    lines(
        "Database time that the exporter takes", "Share of time that the readings of the workspace take.",
        {
            "share": 'sum(rocketchat_exporter_collector_duration_seconds{W,collector!="host"} '
            '/ rocketchat_exporter_collector_interval_seconds{W,collector!="host"})'
        },
        "percentunit", alerts=["ExporterCostHigh"],
    ),
]
