"""How the programs that read a stream hand on what they get."""

from __future__ import annotations

import json
import sys


def put(type: str, data: str, id: str | None) -> None:
    """One line of JSON. Some clients also tell of blocks without data, such as a ping: these are no events."""
    if data:
        sys.stdout.write(json.dumps([type, data, id]) + "\n")
        sys.stdout.flush()
