"""Chromium's and Firefox's EventSource, and the parser that holds the encoder to account, read the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import pytest

from sse_gateway.sse import ensure_bytes
from sse_gateway.testing import EventStreamParser, ReceivedEvent

from ...end_to_end.browsers import BROWSERS, browsing
from ..servers import running
from ..streams import Expected, random_events
from .client import open_source, seen_by

COUNT = 800
ALIKE = 500


def as_read_by(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Two things Firefox does not as the standard says, and Chromium does: it takes NUL out of data, and ignores the id of
    a block without data, where that is to be the next event's."""
    if name == "chromium":
        return fields
    data = fields.get("data")
    return {**fields, "id": None} if data is None else {**fields, "data": str(data).replace("\0", "")}


@pytest.mark.anyio
@pytest.mark.parametrize("name", BROWSERS)
@pytest.mark.parametrize(
    ("server_name", "sep", "seed"), [("granian", "\r\n", 1), ("uvicorn", "\n", 2), ("granian", "\r", 3)]
)
async def test_a_browser_reads_random_events(name: str, server_name: str, sep: str, seed: int, tmp_path: Path) -> None:
    expected, standard, stream = Expected(), Expected(), b""
    for item, fields in random_events(seed, COUNT):
        expected.take(as_read_by(name, fields))
        standard.take(fields)
        stream += ensure_bytes(item, sep)
    assert EventStreamParser().feed(stream) == standard.events

    types = sorted({event.type for event in expected.events} | {"message", "end"})
    seen: list[ReceivedEvent] = []
    async with running(server_name, tmp_path, app="tests.sse.clients.application:app") as server:
        async with browsing(name, tmp_path) as browser:
            await open_source(browser, f"{server.url}/chance?seed={seed}&count={COUNT}&sep={quote(sep)}", types)
            with anyio.fail_after(150):
                while not any(event.type == "end" for event in seen):
                    seen += await seen_by(browser)
    assert len(seen) == COUNT + 1
    assert seen[:-1] == expected.events
    alike = sum(read == event for read, event in zip(seen, standard.events, strict=False))
    assert alike == COUNT if name == "chromium" else alike >= ALIKE  # the rest is Firefox's own, as said above
