"""Reads with httpx-sse, until the stream ends: python -m tests.sse.clients.with_httpx_sse URL LAST_EVENT_ID"""

from __future__ import annotations

import asyncio
import sys

import httpx
from httpx_sse import aconnect_sse

from .printing import put


async def main(url: str, last_event_id: str) -> None:
    headers = {"last-event-id": last_event_id} if last_event_id else {}
    async with httpx.AsyncClient() as client, aconnect_sse(client, "GET", url, headers=headers) as source:
        async for event in source.aiter_sse():
            put(event.event, event.data, event.id)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
