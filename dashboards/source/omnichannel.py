"""Omnichannel: waiting visitors, agents, and the contacts that a license counts."""

from kit import GRAY, GREEN, bars, dashboard, least, lines, number, states, steps

UNUSED = " Zero, or no data, where omnichannel is not in use."


def omnichannel():
    return dashboard(
        "rocketchat-omnichannel",
        "Rocket.Chat omnichannel",
        "Omnichannel of a Rocket.Chat workspace: waiting conversations, agents, visitors and contacts.",
        {"Now": NOW, "Conversations": CONVERSATIONS, "Agents and contacts": CONTACTS},
        since="now-24h",
    )


NOW = [
    number("Switched on", "The setting Livechat_enabled.", "max(rocketchat_livechat_enabled{W})",
           words=states(_0=("no", GRAY), _1=("yes", GREEN))),
    number("Waiting", "Conversations waiting for an agent." + UNUSED, "sum(rocketchat_livechat_waiting{W})",
           limits=steps(1, 5), alerts=["LivechatWaitingTooLong"]),
    number("Longest wait", "How long the longest-waiting visitor has waited. No data while nobody waits.",
           "time() - min(rocketchat_livechat_waiting_since_timestamp_seconds{W})", "s", limits=steps(120, 600),
           alerts=["LivechatWaitingTooLong"], none="nobody waits"),
    number("Agents available", "Agents who can take conversations now: available for livechat, activated and not offline." + UNUSED,
           "sum(rocketchat_livechat_agents_available{W})", limits=least(1, 2), alerts=["NoAgentsAvailable"]),
    number("Open", "Open conversations." + UNUSED, "sum(rocketchat_livechat_open{W})"),
    number("Oldest conversation", "How long the oldest open conversation has been open. No data while none is open.",
           "time() - min(rocketchat_livechat_open_since_timestamp_seconds{W})", "s", limits=steps(86400, 604800),
           none="none is open"),
]

CONVERSATIONS = [
    lines("Conversations", "Open conversations, and those waiting for an agent." + UNUSED,
          {"open": "sum(rocketchat_livechat_open{W})", "waiting": "sum(rocketchat_livechat_waiting{W})"},
          width=12, alerts=["LivechatWaitingTooLong"]),
    lines("Longest wait", "How long the longest-waiting visitor had waited. No data while nobody waited.",
          {"longest wait": "time() - min(rocketchat_livechat_waiting_since_timestamp_seconds{W})"}, "s",
          width=12, limits=steps(120, 600), alerts=["LivechatWaitingTooLong"]),
    lines("Agents", "Available agents, and all agents." + UNUSED,
          {"available": "sum(rocketchat_livechat_agents_available{W})", "agents": "sum(rocketchat_livechat_agents{W})"},
          width=12, alerts=["NoAgentsAvailable"]),
    lines("Waiting for each available agent", "No data while nobody is available.",
          {"waiting": "sum(rocketchat_livechat_waiting{W}) / (sum(rocketchat_livechat_agents_available{W}) > 0)"},
          width=12, alerts=["NoAgentsAvailable", "LivechatWaitingTooLong"]),
]

CONTACTS = [
    number("Agents", "Omnichannel agents, including deactivated accounts.", "sum(rocketchat_livechat_agents{W})"),
    number("Managers", "Omnichannel managers, including deactivated accounts.",
           "sum(rocketchat_livechat_managers{W})"),
    number("Visitors", "All visitors ever registered.", "sum(rocketchat_livechat_visitors{W})"),
    number("Contacts", "Contacts (7.2 and later).", "sum(rocketchat_contacts{W})"),
    number("Contacts of the month", "Contacts that were active during the current month in UTC, as a license limits them.",
           "sum(rocketchat_livechat_active_contacts{W})", alerts=["ContactsNearLimit"]),
    number("Monthly active contacts", "Visitors who were active during the current month in UTC, counted for each source (6.5 and later).",
           "sum(rocketchat_monthly_active_contacts{W})"),
    bars("Departments", "By state, without business units." + UNUSED,
         {"{{state}}": "sum by (state) (rocketchat_livechat_departments{W})"}, width=6),
    bars("Contacts by state", "A contact may be several of these." + UNUSED,
         {"{{state}}": "sum by (state) (rocketchat_contacts_with_state{W})"}, width=6),
    lines("Visitors and contacts", "All visitors ever registered, and those of the current month." + UNUSED,
          {"visitors": "sum(rocketchat_livechat_visitors{W})", "contacts": "sum(rocketchat_contacts{W})",
           "of the month": "sum(rocketchat_livechat_active_contacts{W})"}, width=12),
]
