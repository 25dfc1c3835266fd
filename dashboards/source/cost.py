"""Exporter and database cost: the cost of readings, what could not be read and why, and the exporter itself."""

from kit import NO_IS_BAD, Column, bars, dashboard, history, lines, number, rows, steps, text

SHARE = (
    'rocketchat_exporter_collector_duration_seconds{W,collector!="host"} '
    '/ rocketchat_exporter_collector_interval_seconds{W,collector!="host"}'
)


def cost():
    return dashboard(
        "rocketchat-cost",
        "Rocket.Chat exporter and database cost",
        "What rocketchat-exporter costs a workspace's database, what it could not read, and what it uses itself.",
        {"Database": DATABASE, "Readings": READINGS, "Age of the data": FRESHNESS, "What is missing": MISSING, "Live mode": LIVE, "Scrapes": SCRAPES, "The process": PROCESS},
    )


DATABASE = [
    number("Database time", "Share of time that the readings of the workspace take.", f"sum({SHARE})", "percentunit",
           decimals=2, limits=steps(0.02, 0.05), alerts=["ExporterCostHigh"]),
    number("Readings per minute", "Readings of all collectors.",
           'sum(rate(rocketchat_exporter_collector_readings_total{W,collector!="host"}[$__rate_interval])) * 60', decimals=1),
    number("Age of the newest reading", "Time since any collector last read the database.",
           'time() - max(rocketchat_exporter_collector_last_success_timestamp_seconds{W,collector!="host"})', "s",
           limits=steps(60, 300), alerts=["ExporterReadingsStale", "DatabaseUnreachable"]),
    number("Failing collectors", "Parts of the workspace whose newest reading failed; their numbers are absent until one succeeds.",
           "sum(rocketchat_exporter_collector_success{W} == bool 0)", limits=steps(1), alerts=["ExporterSectionFailing"]),
    number("Missing indexes", "Missing indexes that Rocket.Chat usually creates; the values that need them are left out.",
           "sum(rocketchat_exporter_missing_index{W})", limits=steps(1), alerts=["MissingIndex"]),
    number("Connections", "Open connections for queries.", "sum(max by (workspace, state) (rocketchat_exporter_mongodb_connections{W}))"),
    lines("Database time of each collector", "Share of the time: duration of the newest reading, divided by the interval.",
          {"{{collector}}": f"sum by (collector) ({SHARE})"}, "percentunit", width=12, stacked=True, alerts=["ExporterCostHigh"]),
    lines("Connections to the database", "For queries; the driver has one more to each server.",
          {"{{state}}": "sum by (state) (max by (workspace, state) (rocketchat_exporter_mongodb_connections{W}))",
           "opened per minute": "sum(max by (workspace) "
           "(rate(rocketchat_exporter_mongodb_connections_opened_total{W}[$__rate_interval]))) * 60"},
          width=12),
]

READINGS = [
    rows(
        "Collectors", "The newest reading of each collector.", "collector",
        [
            Column("Collector", label="collector", unit="string"),
            Column("Succeeded", "min by (collector) (rocketchat_exporter_collector_success{W})", words=NO_IS_BAD),
            Column("Read", "time() - min by (collector) (rocketchat_exporter_collector_last_success_timestamp_seconds{W})", unit="s"),
            Column("Took", "max by (collector) (rocketchat_exporter_collector_duration_seconds{W})", unit="s"),
            Column("Every", "max by (collector) (rocketchat_exporter_collector_interval_seconds{W})", unit="s"),
            Column("Share", f"sum by (collector) ({SHARE})", unit="percentunit"),
            Column("Failures in a day", "sum by (collector) (increase(rocketchat_exporter_collector_failures_total{W}[1d]))",
                   limits=steps(1)),
        ],
        width=12, height=14, alerts=["ExporterSectionFailing", "ExporterCostHigh"],
    ),
    history("Readings by collector", "When each collector could be read.",
            "min by (collector) (rocketchat_exporter_collector_success{W})", "{{collector}}", NO_IS_BAD, height=14,
            alerts=["ExporterSectionFailing"]),
    lines("Duration of the readings", "Duration of the newest reading of each collector.",
          {"{{collector}}": "max by (collector) (rocketchat_exporter_collector_duration_seconds{W})"}, "s", width=12,
          alerts=["ExporterCostHigh"]),
    lines("Failures per minute", "Readings that failed.",
          {"{{collector}}": "sum by (collector) (rate(rocketchat_exporter_collector_failures_total{W}[$__rate_interval])) * 60"},
          width=12, alerts=["ExporterSectionFailing"]),
]

FRESHNESS = [
    number("Oldest data", "Age of the oldest data of any collector; slow collectors are read every quarter of an hour.",
           'time() - min(rocketchat_exporter_data_timestamp_seconds{W})', "s", limits=steps(1800, 3600), height=8, alerts=["DataStale"]),
    number("Replica set has a primary", "According to the member that answered the newest reading. No data without a replica set.",
           "min(rocketchat_mongodb_replica_set_has_primary{W})", words=NO_IS_BAD, none="no replica set", height=8,
           alerts=["ReplicaSetWithoutPrimary"]),
    lines("Replication lag", "Lag of the member that answered behind the set, and of the majority behind that member. No data "
          "where there is no replica set.",
          {"member": "max(rocketchat_mongodb_replication_lag_seconds{W})",
           "majority": "max(rocketchat_mongodb_majority_lag_seconds{W})"}, "s", alerts=["ReplicationLagging", "MajorityLost"]),
    lines("Age of the data of each collector", "Time since the moment that the data describe.",
          {"{{collector}}": "time() - min by (collector) (rocketchat_exporter_data_timestamp_seconds{W})"}, "s", alerts=["DataStale"]),
]

MISSING = [
    bars("Why collectors fail", "Collectors that fail, and the reason. No data while none fails.",
         {"{{collector}}: {{reason}}": "max by (collector, reason) (rocketchat_exporter_collector_failing{W})"}, "none",
         top=1, limits=steps(1), alerts=["ExporterSectionFailing"], none="none fails"),
    bars("Indexes that are missing", "Collection and key; the log has the command that creates it. No data while none is missing.",
         {"{{collection}}: {{key}}": "max by (collection, key) (rocketchat_exporter_missing_index{W}) == 1"}, "none",
         top=1, limits=steps(1), alerts=["MissingIndex"], none="none is missing"),
    bars("Privileges that are missing",
         "Privileges that the database's user lacks; `rocketchat-exporter check` prints the statement that grants them. No data while none is "
         "missing.",
         {"{{collection}}: {{action}}": "max by (collection, action) (rocketchat_exporter_missing_privilege{W})"}, "none",
         top=1, limits=steps(1), alerts=["MissingPrivilege"], none="none is missing"),
    bars("Not listed individually", "Values beyond a limit of the collector, or that cannot be read. No data while nothing is left out.",
         {"{{collector}}: {{what}}": "max by (collector, what) (rocketchat_exporter_left_out{W})"}, none="nothing is left out"),
    bars("Labels that are cut", "Series with a label value that was too long, by metric. No data while there are none.",
         {"{{metric}}": "max by (metric) (rocketchat_exporter_label_values_cut{W})"}, none="none is cut"),
    bars("Skipped collections",
         "Collections that a collector leaves out, because they are views or the server refuses them. No data while there are none.",
         {"{{collector}}: {{collection}} ({{reason}})":
          "max by (collector, collection, reason) (rocketchat_exporter_skipped_collection{W})"}, "none", top=1, limits=steps(1),
         none="none is skipped"),
]

LIVE = [
    text("State", "What live mode does: off, reading everything once, following changes, or resuming after the changes broke off.",
         "max by (state) (rocketchat_exporter_live_state{W} == 1)", "{{state}}"),
    text("Setting", "The value of --mongodb.live.", "max by (mode) (rocketchat_exporter_live_mode{W} == 1)", "{{mode}}"),
    number("Followed until", "Time since the newest change that is counted. No data without live mode.",
           "time() - min(rocketchat_exporter_live_followed_timestamp_seconds{W})", "s", limits=steps(60, 300), none="not followed"),
    number("Drift", "Documents whose followed values differed in the newest full reading; anything but 0 is a defect of the exporter. "
           "No data without live mode.",
           "sum(rocketchat_exporter_live_drift{W})", limits=steps(1), none="not followed"),
    number("Documents", "Documents that are tracked. No data without live mode.",
           "sum(rocketchat_exporter_live_documents{W})", none="not followed"),
    number("Memory", "For the documents that are tracked.", "sum(rocketchat_exporter_live_memory_bytes{W})", "bytes"),
    lines("Changes per minute", "Changes, and documents that were looked up because a change did not contain enough of them.",
          {"changes": "sum(rate(rocketchat_exporter_live_events_total{W}[$__rate_interval])) * 60",
           "looked up": "sum(rate(rocketchat_exporter_live_lookups_total{W}[$__rate_interval])) * 60"}),
    lines("Time of the database", "Share of time that polling for changes takes; full readings are not included.",
          {"asked": "sum(rate(rocketchat_exporter_live_asked_seconds_total{W}[$__rate_interval]))"}, "percentunit"),
    lines("Broken off and read again", "Within an hour: change streams that resumed, those that could not, and full readings.",
          {"went on": "sum(increase(rocketchat_exporter_live_resumes_total{W}[1h]))",
           "read anew": "sum(increase(rocketchat_exporter_live_fallbacks_total{W}[1h]))",
           "full readings": "sum(increase(rocketchat_exporter_live_full_readings_total{W}[1h]))"}),
    bars("Why changes are not followed", "Why changes are not followed. No data while they are.",
         {"{{reason}}": "max by (reason) (rocketchat_exporter_live_obstacle{W})"}, "none", top=1, none="nothing"),
]

SCRAPES = [
    lines("Requests per second", "By kind and status.",
          {"{{handler}} {{code}}": "sum by (handler, code) (rate(rocketchat_exporter_http_requests_total{M}[$__rate_interval]))"},
          "reqps"),
    lines("Time of a request", "Average time from the headers of a request to the complete response, without sending it. No data without requests.",
          {"{{handler}}": "sum by (handler) (rate(rocketchat_exporter_http_request_duration_seconds_total{M}[$__rate_interval])) "
           "/ (sum by (handler) (rate(rocketchat_exporter_http_requests_total{M}[$__rate_interval])) > 0)"},
          "s"),
    lines("Sent per second", "Size of response bodies, as sent.",
          {"{{handler}}": "sum by (handler) (rate(rocketchat_exporter_http_response_size_bytes_total{M}[$__rate_interval]))"}, "Bps"),
]

PROCESS = [
    text("Version", "Version of the exporter.", "max by (version) (rocketchat_exporter_build_info{M})", "{{version}}", width=6),
    number("Running", "Time since the exporter started.", "time() - min(process_start_time_seconds{M})", "s", width=6,
           alerts=["ExporterRestarting"]),
    number("Configuration accepted", "Whether the newest attempt to read the configuration succeeded; else the settings before it are in "
           "use.", "min(rocketchat_exporter_config_last_reload_successful{M})", words=NO_IS_BAD, width=6,
           alerts=["ExporterReloadFailed"]),
    number("Configuration read", "Time since the configuration in use was read.",
           "time() - min(rocketchat_exporter_config_last_reload_success_timestamp_seconds{M})", "s", width=6),
    number("Shards", "Exporters that share the workspaces and are scraped. No data without `--shard`.",
           "count(count by (ordinal) (rocketchat_exporter_shard{M}))", width=12, alerts=["ShardMissing"]),
    number("Shards configured", "The value of `--total-shards`. No data without the flag.",
           "max(rocketchat_exporter_total_shards{M})", width=12, alerts=["ShardsDisagree"]),
    lines("Workspace files", "Files of `--config.dir`. No data without the flag.",
          {"{{state}}": "sum by (state) (rocketchat_exporter_workspace_files{M})"}, width=8, alerts=["WorkspaceFileInvalid"]),
    lines("Invalid workspace files", "Files of `--config.dir` that cannot be used. No data while there are none.",
          {"{{file}}": "max by (file) (rocketchat_exporter_workspace_file_invalid{M})"}, width=8, alerts=["WorkspaceFileInvalid"]),
    lines("Workspace files read", "Files of `--config.dir` that were read within an hour: those that changed. No data without the flag.",
          {"files": "sum(increase(rocketchat_exporter_workspace_file_reads_total{M}[1h]))"}, width=8),
    lines("Processors used", "Processors that the exporter keeps busy.",
          {"processors": "sum(rate(process_cpu_seconds_total{M}[$__rate_interval]))"}, "percentunit", width=6),
    lines("Memory", "Memory that the exporter holds, and the address space that it has reserved.",
          {"held": "sum(process_resident_memory_bytes{M})", "reserved": "sum(process_virtual_memory_bytes{M})"}, "bytes", width=6),
    lines("Open files and sockets", "Number and limit of open files.",
          {"open": "sum(process_open_fds{M})", "allowed": "sum(process_max_fds{M})"}, width=6),
    lines("Threads", "Threads of the exporter.", {"threads": "sum(process_threads{M})"}, width=6),
    number("Lines of the log that were lost", "Within a day, because standard error was blocked.",
           "sum(increase(rocketchat_exporter_log_lines_lost_total{M}[1d]))", limits=steps(1), width=6),
    number("Restarts of tasks", "Within a day, after a defect; the log says which task.",
           "sum(increase(rocketchat_exporter_task_restarts_total{M}[1d]))", limits=steps(1), width=6),
]
