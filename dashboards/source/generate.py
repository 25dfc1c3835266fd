"""Writes every dashboard into a folder: `python3 generate.py FOLDER`, with grafana-foundation-sdk.

`cargo xtask dashboards` does so with the SDK that it fetches.
"""

import json
import sys
from pathlib import Path

from cost import cost
from fleet import fleet
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from growth import growth
from instances import instances
from omnichannel import omnichannel
from overview import overview

for make in (overview, growth, omnichannel, instances, cost, fleet):
    dashboard = make()
    text = json.dumps(dashboard, cls=JSONEncoder, indent=2, ensure_ascii=False)
    (Path(sys.argv[1]) / f"{dashboard.uid}.json").write_text(text + "\n", encoding="utf-8")
