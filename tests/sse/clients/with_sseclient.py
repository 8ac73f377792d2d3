"""Reads with sseclient-py over requests, until the stream ends: python -m tests.sse.clients.with_sseclient URL LAST_EVENT_ID"""

from __future__ import annotations

import sys

import requests
from sseclient import SSEClient

from .printing import put


def main(url: str, last_event_id: str) -> None:
    headers = {"last-event-id": last_event_id} if last_event_id else {}
    with requests.get(url, headers=headers, stream=True, timeout=10) as response:
        for event in SSEClient(response.iter_content(None)).events():
            put(event.event, event.data, event.id)


if __name__ == "__main__":
    main(*sys.argv[1:])
