"""Instances and host: the processes of Rocket.Chat, how they answer, their jobs and queues, and the exporter's machine."""

from kit import (
    NO_IS_BAD, RED, YES_IS_BAD, Column, bars, dashboard, history, least, lines, number, rows, states, steps, text,
)

# Metrics of a process have its instance's id; people know it by its address.
ADDRESS = "* on (instance_id) group_left (address) max by (instance_id, address) (rocketchat_instance_info{W})"
HERE = " No data where Rocket.Chat runs on another machine than the exporter."
PROBED = " No data where Rocket.Chat is not probed."


def instances():
    return dashboard(
        "rocketchat-instances",
        "Rocket.Chat instances and host",
        "The instances of a Rocket.Chat workspace, its background jobs and notifications, and the exporter's machine.",
        {
            "Instances": INSTANCES,
            "Probe of Rocket.Chat": PROBE,
            "Processes of Rocket.Chat": PROCESSES,
            "Background jobs and notifications": JOBS,
            "Host": HOST,
            "Database": DATABASE,
        },
    )


INSTANCES = [
    rows(
        "Instances", "Every recorded instance.", "instance_id",
        [
            Column("Address", label="address", unit="string"),
            Column("Heartbeat", "time() - max by (instance_id) (rocketchat_instance_heartbeat_timestamp_seconds{W})", unit="s",
                   limits=steps(30, 60)),
            Column("Running", "time() - max by (instance_id) (rocketchat_instance_start_timestamp_seconds{W})", unit="s"),
            Column("Connections", "sum by (instance_id) (rocketchat_instance_connections{W})"),
            Column("Recorded", "max by (instance_id, address, pid, node_version) (rocketchat_instance_info{W})", shown=False),
            Column("Node", label="node_version", unit="string"),
            Column("PID", label="pid", unit="string"),
        ],
        width=12, alerts=["InstanceHeartbeatStale", "InstanceLost", "InstancesRestarting"],
    ),
    lines("Instances", "Live instances, and those whose heartbeat is ahead of the database's clock.",
          {"alive": "sum(rocketchat_instances{W})", "ahead of the clock": "sum(rocketchat_instances_in_future{W})"},
          width=6, colors={"ahead of the clock": RED}, alerts=["InstanceLost", "InstanceHeartbeatInFuture", "RocketChatDown"]),
    number("Versions of Node", "More than one means that the instances do not run the same build.",
           "max(rocketchat_instance_node_versions{W})", limits=steps(2), width=3, height=8, alerts=["VersionSkew"]),
    number("Uncaught exceptions in a day", "Uncaught exceptions of Rocket.Chat's processes (5.0 and later).",
           "sum(increase(rocketchat_uncaught_exceptions_total{W}[1d]))", limits=steps(1, 100), width=3, height=8, decimals=0,
           alerts=["UncaughtExceptions"]),
    lines("Connections of each instance", "Client sessions, with or without a user (6.0 and later).",
          {"{{address}}": "sum by (instance_id) (rocketchat_instance_connections{W}) " + ADDRESS}, width=12,
          alerts=["PresenceLimitNear"]),
    lines("Age of the heartbeats", "An instance is alive while it is below 60 seconds.",
          {"{{address}}": "(time() - max by (instance_id) (rocketchat_instance_heartbeat_timestamp_seconds{W})) " + ADDRESS}, "s",
          width=12, limits=steps(30, 60), alerts=["InstanceHeartbeatStale"]),
    lines("Connections of people", "Connections of logged-in accounts, and people who are connected.",
          {"connections": "sum(rocketchat_user_connections{W})", "people": "sum(rocketchat_people_connected{W})"}, width=12),
    lines("Connected accounts", "By the best state of their connections; unlike presence, invisible users count.",
          {"{{connection}}": "sum by (connection) (rocketchat_users_connected{W})"}, width=12, stacked=True),
]

PROBE = [
    history("Answers", "Whether Rocket.Chat answers at its URL: the request for /api/info, and connect on the websocket." + PROBED,
            "min by (check) (rocketchat_probe_success{W})", "{{check}}", states(_0=("no", RED), _1=("yes", "green")), width=16,
            height=6, alerts=["RocketChatUnreachable"]),
    text("Why it does not", "Why a check of the probe fails. No data while all of them succeed.",
         "max by (check, reason) (rocketchat_probe_failing{W})", "{{check}}: {{reason}}", width=8, height=6, none="it does",
         alerts=["RocketChatUnreachable"]),
    lines("Time to answer", "From name resolution to the end of the answer; after 5 seconds a check is given up." + PROBED,
          {"{{check}}": "max by (check) (rocketchat_probe_duration_seconds{W})"}, "s", width=12, limits=steps(1, 5)),
    bars("HTTP status", "Status of the response: 200 and, of the websocket, 101 are expected. No data without a response.",
         {"{{check}}": "max by (check) (rocketchat_probe_http_status_code{W})"}, "none", width=4, top=599,
         alerts=["RocketChatUnreachable"]),
    number("Certificate expires in", "Time until the first certificate expires that the server sends. No data without TLS.",
           "min(rocketchat_probe_certificate_expiry_timestamp_seconds{W}) - time()", "s", limits=least(604800, 1814400), width=4,
           none="no TLS", alerts=["RocketChatCertificateExpiring"]),
    number("Another version than the database's",
           "Whether the version that Rocket.Chat reports is not that of the database. No data where they cannot be compared.",
           "max(rocketchat_probe_version_differs{W})", words=YES_IS_BAD, none="unknown", alerts=["RocketChatVersionMismatch"]),
    number("Token accepted", "Whether the token shows the build of Rocket.Chat. No data without a token.",
           "min(rocketchat_probe_token_accepted{W})", words=NO_IS_BAD, width=4, none="no token"),
    text("Commit", "Tag, branch and commit that Rocket.Chat reports. No data without a token.",
         "max by (tag, branch, commit) (rocketchat_build_info{W})", "{{tag}}, {{branch}}, {{commit}}", width=12, none="no token"),
    text("Built", "Version, and the times of commit and build, as Rocket.Chat reports them. No data without a token.",
         "max by (version, commit_date, build_date) (rocketchat_build_info{W})", "{{version}}, {{commit_date}}, {{build_date}}",
         width=8, none="no token"),
]

PROCESSES = [
    lines("Processors used", "Processors that each process of Rocket.Chat keeps busy; Node uses little more than one." + HERE,
          {"{{address}}": "sum by (instance_id) (rate(rocketchat_process_cpu_seconds_total{M}[$__rate_interval])) " + ADDRESS},
          limits=steps(0.8, 1), alerts=["HostLoadHigh"]),
    lines("Memory held", "Memory of each process of Rocket.Chat." + HERE,
          {"{{address}}": "sum by (instance_id) (rocketchat_process_resident_memory_bytes{M}) " + ADDRESS}, "bytes",
          alerts=["HostMemoryLow"]),
    lines("Open files and sockets", "Share of the limit of open files of each Rocket.Chat process." + HERE,
          {"{{address}}": "max by (instance_id) (rocketchat_process_open_fds{M} / rocketchat_process_max_fds{M}) " + ADDRESS},
          "percentunit", limits=steps(0.8, 0.95), alerts=["NodeProcessFdsNearLimit"]),
    number("Youngest process", "Time since the newest start of a process of Rocket.Chat." + HERE,
           "time() - max(rocketchat_process_start_timestamp_seconds{M})", "s", width=24, height=3, none="on another machine",
           alerts=["RocketChatDown"]),
]

JOBS = [
    rows(
        "Background jobs",
        "Rocket.Chat's own jobs; others are summed up as other. Before 6.3 only failures and successes are known. No data in 'Held "
        "for' while none runs.",
        "name",
        [
            Column("Job", label="name", unit="string"),
            Column("Late by", "max by (name) (rocketchat_job_overdue_seconds{W})", unit="s", limits=steps(300, 3600)),
            Column("Next run in", "min by (name) (rocketchat_job_next_run_timestamp_seconds{W}) - time()", unit="s"),
            Column("Fails", "max by (name) (rocketchat_job_failing{W})", unit="short", words=YES_IS_BAD),
            Column("Held for", "time() - min by (name) (rocketchat_job_locked_timestamp_seconds{W})", unit="s", limits=steps(3600)),
            Column("Since it succeeded", "time() - max by (name) (rocketchat_job_last_success_timestamp_seconds{W})", unit="s"),
            Column("Since it failed", "time() - max by (name) (rocketchat_job_last_failure_timestamp_seconds{W})", unit="s"),
        ],
        width=16, height=9, alerts=["BackgroundJobOverdue", "BackgroundJobFailing", "BackgroundJobHung"],
    ),
    lines("Notification queue", "Entries expire after two hours, so a number that stays high means that sending fails.",
          {"all": "sum(rocketchat_notification_queue{W})",
           "{{state}}": "sum by (state) (rocketchat_notification_queue_with_state{W})"},
          height=9, alerts=["PushQueueStuck"]),
]

HOST = [
    text("System", "The machine that the exporter runs on.",
         "max by (distribution, distribution_version, kernel, kernel_release, architecture) (rocketchat_host_info{M})",
         "{{distribution}} {{distribution_version}}, {{kernel}} {{kernel_release}} {{architecture}}", width=12, height=3),
    number("Processors", "Processors of the machine.", "max(rocketchat_host_cpus{M})", width=6, height=3),
    number("Uptime", "Time since the machine started.", "max(rocketchat_host_uptime_seconds{M})", "s", width=6, height=3),
    lines("Processors", "Time of the machine's processors by mode.",
          {"{{mode}}": 'sum by (mode) (rate(rocketchat_host_cpu_seconds_total{M,mode!="idle"}[$__rate_interval])) '
           '/ on () group_left () max(rocketchat_host_cpus{M})'},
          "percentunit", stacked=True, top=1, alerts=["HostLoadHigh"]),
    lines("Load", "Load averages, and the number of processors; above it processes wait.",
          {"1 minute": "max(rocketchat_host_load1{M})", "5 minutes": "max(rocketchat_host_load5{M})",
           "15 minutes": "max(rocketchat_host_load15{M})", "processors": "max(rocketchat_host_cpus{M})"},
          colors={"processors": RED}, alerts=["HostLoadHigh"]),
    lines("Memory", "All memory, the memory that programs use, and the memory that is free, not even used as a cache.",
          {"all": "max(rocketchat_host_memory_size_bytes{M})",
           "used": "max(rocketchat_host_memory_size_bytes{M} - rocketchat_host_memory_available_bytes{M})",
           "free": "max(rocketchat_host_memory_free_bytes{M})"},
          "bytes", colors={"all": RED}, alerts=["HostMemoryLow"]),
]

DATABASE = [
    text("MongoDB", "Version and storage engine of the server that answered.",
         "max by (version, storage_engine) (rocketchat_mongodb_info{W})", "{{version}} / {{storage_engine}}", width=6),
    number("Oplog window", "How long a member of the replica set may be down before it needs a full resync. No data without "
           "a replica set.", "min(rocketchat_mongodb_oplog_window_seconds{W})", "s", width=6, alerts=["OplogWindowShort"],
           none="no replica set"),
    number("Database schema", "Number of the newest migration.", "max(rocketchat_migration_version{W})", "none", width=6,
           alerts=["MigrationLocked"]),
    number("Last migration", "Time since the migration lock was last taken.",
           "time() - max(rocketchat_migration_locked_timestamp_seconds{W})", "s", width=6, alerts=["MigrationLocked"]),
    history("Database", "When the workspace's MongoDB answered.", "min(rocketchat_up{W})", "database",
            states(_0=("down", RED), _1=("read", "green")), width=24, height=4, alerts=["DatabaseUnreachable"]),
]
