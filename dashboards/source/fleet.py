"""Fleet: many workspaces, one row each, with a link to the overview of the workspace."""

from kit import GREEN, INFO, RED, Column, dashboard, lines, number, rows, states, steps

# A workspace is identified by the label `workspace`, or, if its exporter has only one, by that exporter's address; then the
# overview's variable is "All".
#
# Not by `job`: with `/sd` an exporter is the target of two jobs, and exposes to both of them which databases it reaches.
BY = "by (instance, workspace)"


def named(expression):
    """Joins the series of each workspace by its name; their other labels are not needed."""
    first = f'label_replace({expression}, "name", "$1", "instance", "(.*)")'
    return f'label_replace({first}, "name", "$1", "workspace", "(.+)")'


def each(expression):
    return f"max by (name) ({named(expression)})"


def whole(expression):
    """Adds what the link needs: the exporter's labels, and the value of the variable for the workspace."""
    chosen = f'label_replace({named(expression)}, "chosen", "All", "", "")'
    chosen = f'label_replace({chosen}, "chosen", "$1", "workspace", "(.+)")'
    return f"max by (name, instance, chosen) ({chosen})"


OVERVIEW = (
    "/d/rocketchat-overview?var-datasource=${datasource}&${job:queryparam}"
    "&var-instance=${__data.fields.instance}&var-workspace=${__data.fields.chosen}&${__url_time_range}"
)


def fleet():
    return dashboard(
        "rocketchat-fleet",
        "Rocket.Chat fleet",
        "All monitored Rocket.Chat workspaces, one row each; a name links to its overview.",
        {"Workspaces": WORKSPACES, "All together": TOGETHER},
        of_one=False,
    )


WORKSPACES = [
    rows(
        "Workspaces", "One row for each workspace; click on its name for its overview. Numbers that could not be read are empty.", "name",
        [
            Column("Workspace", label="name", unit="string", link=("Overview of ${__data.fields.name}", OVERVIEW)),
            Column("Database", whole(f"min {BY} (rocketchat_up{{W}})"), words=states(_0=("down", RED), _1=("read", GREEN))),
            Column("Instances", each(f"sum {BY} (rocketchat_instances{{W}})")),
            Column("Users online", each(f'sum {BY} (rocketchat_users{{W,presence="online"}})')),
            Column("Accounts", each(f"sum {BY} (rocketchat_users{{W}})")),
            Column("Messages", each(f"sum {BY} (rocketchat_messages{{W}})")),
            Column("Messages per minute", each(f"sum {BY} (delta(rocketchat_messages{{W}}[5m])) / 5")),
            Column("Connections", each(f"sum {BY} (rocketchat_connections{{W}})")),
            Column("Failing collectors", each(f"sum {BY} (rocketchat_exporter_collector_success{{W}} == bool 0)"), limits=steps(1)),
            Column("Statistics stored", each(f"time() - max {BY} (rocketchat_statistics_document_timestamp_seconds{{W}})"), unit="s",
                   limits=steps(93600, 180000)),
            Column("License valid", each(f"max {BY} (rocketchat_license_valid{{W}})"), words=states(_0=("no", "#808080"), _1=("yes", GREEN))),
            Column("Information", f'max by (name, version) ({named(INFO)})', shown=False),
            Column("Version", label="version", unit="string"),
        ],
        height=14, hidden=("instance", "chosen"),
        alerts=["DatabaseUnreachable", "RocketChatDown", "StatisticsStale", "ExporterSectionFailing", "ExporterDown"],
    ),
]

TOGETHER = [
    number("Watched", "Monitored workspaces.", f"count(min {BY} (rocketchat_up{{W}}))", width=6),
    number("Unreachable databases", "Workspaces whose database cannot be read.", f"sum(min {BY} (rocketchat_up{{W}}) == bool 0)",
           limits=steps(1), width=6, alerts=["DatabaseUnreachable"]),
    number("Users online", "Of all workspaces, including bots and apps.", 'sum(rocketchat_users{W,presence="online"})', width=6),
    number("Connections", "Of all workspaces (6.0 and later).", "sum(rocketchat_connections{W})", width=6),
    lines("Users online", "Of each workspace, including bots and apps.",
          {"{{name}}": each(f'sum {BY} (rocketchat_users{{W,presence="online"}})')}, width=12, alerts=["UsersOnlineAnomaly"]),
    lines("Messages per minute", "New messages of each workspace over five minutes.",
          {"{{name}}": each(f"sum {BY} (delta(rocketchat_messages{{W}}[5m])) / 5")}, width=12, bottom=None, alerts=["MessagesStopped"]),
]
