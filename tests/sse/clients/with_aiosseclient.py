"""Reads with aiosseclient, until the stream ends: python -m tests.sse.clients.with_aiosseclient URL LAST_EVENT_ID"""

from __future__ import annotations

import asyncio
import sys

from aiosseclient import aiosseclient

from .printing import put


async def main(url: str, last_event_id: str) -> None:
    async for event in aiosseclient(url, last_id=last_event_id):
        put(event.event, event.data, event.id)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
