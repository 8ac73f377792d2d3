"""Programs that read a stream until it ends: python -m tests.sse.clients.reading CLIENT URL LAST_EVENT_ID"""

from __future__ import annotations

import asyncio
import json
import sys

import httpx
import requests
from aiosseclient import aiosseclient
from httpx_sse import aconnect_sse
from sseclient import SSEClient


def put(type: str, data: str, id: str | None) -> None:
    """One line of JSON. Some clients also tell of blocks without data, such as a ping: these are no events."""
    if data:
        sys.stdout.write(json.dumps([type, data, id]) + "\n")
        sys.stdout.flush()


async def read_with_aiosseclient(url: str, last_event_id: str) -> None:
    async for event in aiosseclient(url, last_id=last_event_id):
        put(event.event, event.data, event.id)


async def read_with_httpx_sse(url: str, last_event_id: str) -> None:
    headers = {"last-event-id": last_event_id} if last_event_id else {}
    async with httpx.AsyncClient() as client, aconnect_sse(client, "GET", url, headers=headers) as source:
        async for event in source.aiter_sse():
            put(event.event, event.data, event.id)


async def read_with_sseclient_py(url: str, last_event_id: str) -> None:
    headers = {"last-event-id": last_event_id} if last_event_id else {}
    with requests.get(url, headers=headers, stream=True, timeout=10) as response:  # noqa: ASYNC210  # nothing else runs
        for event in SSEClient(response.iter_content(None)).events():
            put(event.event, event.data, event.id)


READERS = {
    "aiosseclient": read_with_aiosseclient,
    "httpx-sse": read_with_httpx_sse,
    "sseclient-py": read_with_sseclient_py,
}

if __name__ == "__main__":
    asyncio.run(READERS[sys.argv[1]](*sys.argv[2:]))
