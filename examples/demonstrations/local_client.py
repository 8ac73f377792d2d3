"""The client of a demonstration: the least that reads events. For programs there are whole ones, such as httpx-sse."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx


async def events_of(response: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """The fields of each event, once its last line is there. One line of data is enough for a demonstration."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        else:
            yield fields
            fields = {}
