"""The page of what a client sees says what is so."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "streams.md").read_text()


def test_it_has_every_event_of_the_gateway_s_own() -> None:
    code = "".join(file.read_text() for file in (ROOT / "sse_gateway").rglob("*.py"))
    types = set(re.findall(r'"(gateway\.\w+)"', code)) - {"gateway.toml"}

    assert set(re.findall(r"^\| `(gateway\.\w+)`", PAGE, re.MULTILINE)) == types
