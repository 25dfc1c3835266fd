"""Reports what the SDK's model of a dashboard does not know: `python3 check.py [--newer] FILE...`.

The model reads a file and writes it again; a key that it does not know, such as a misspelt one, is lost on the way. Only
panels whose kind has a model count, so those without one are told too. The models of a Grafana that is newer than the files
may add to them, but not change or lose anything.
"""

import json
import re
import sys
from pathlib import Path

from grafana_foundation_sdk.cog import runtime
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

MISSING = "nothing"


def differences(before, after, place):
    """Where two values differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from differences(before.get(key, MISSING), after.get(key, MISSING), f"{place}.{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after)):
            yield from differences(one, other, f"{place}[{index}]")
    elif before != after:
        yield place, before, after


# What 10.1 has and later versions ignore.
OBSOLETE = re.compile(r"[.](style|templating[.]list\[\d+\][.]id)$")


def faults(path, newer):
    before = json.loads(path.read_text(encoding="utf-8"))
    after = json.loads(json.dumps(Dashboard.from_json(before), cls=JSONEncoder))
    for place, one, other in differences(before, after, ""):
        # A newer version has more options, and adds their defaults.
        if newer and (one is MISSING or OBSOLETE.search(place)):
            continue
        yield f"{path.name}: {place}: {one} becomes {other}"
    for panel in before["panels"]:
        if panel["type"] != "row" and runtime.panelcfg_config(panel["type"]) is None:
            yield f"{path.name}: no model of the panel {panel['type']}"


register_default_plugins()
newer = "--newer" in sys.argv
files = [Path(path) for path in sys.argv[1:] if path != "--newer"]
found = [fault for path in files for fault in faults(path, newer)]
print("\n".join(found))
sys.exit(bool(found))
