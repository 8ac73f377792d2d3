"""What the tests post to: the connector with somebody who appends, in process or on a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
from starlette.applications import Starlette

from sse_gateway.connector import Message
from sse_gateway_webhook import WebhookConfig, WebhookConnector
from tests.process.serving import serving

PATIENCE = 20.0
"""Seconds after which a test that waits has failed."""


class Bench:
    """A connector, an HTTP client of its path, and what was appended so far."""

    def __init__(self, connector: WebhookConnector, client: httpx.AsyncClient) -> None:
        self.connector = connector
        self.client = client
        self.appended: list[Message] = []

    @property
    def bodies(self) -> list[bytes]:
        """Of all that was appended."""
        return [message.body for message in self.appended]

    @property
    def refused(self) -> dict[str, int]:
        """The tally, without what is zero."""
        return {kind: number for kind, number in self.connector.tally.items() if number}

    async def post(self, body: bytes = b"{}", path: str = "/hook", **headers: str) -> httpx.Response:
        """POST `body`; underscores in the names of headers are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, content=body, headers=named)

    async def append(self) -> None:
        """What the gateway does all day."""
        while True:
            batch = await self.connector.receive()
            self.appended += batch
            await self.connector.ack(batch[-1])


def connector(**options: Any) -> WebhookConnector:
    """One at `/hook`, unless told otherwise."""
    return WebhookConnector(WebhookConfig(**{"path": "/hook", **options}), name="test")


def application(webhook: WebhookConnector) -> Starlette:
    """The public server's part of it."""
    return Starlette(routes=list(webhook.routes()))


@asynccontextmanager
async def idle(**options: Any) -> AsyncIterator[Bench]:
    """Not entered yet, and nobody appends."""
    webhook = connector(**options)
    transport = httpx.ASGITransport(application(webhook))
    with anyio.fail_after(PATIENCE):
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield Bench(webhook, client)


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Bench]:
    """Entered, and whatever comes is appended at once."""
    async with idle(**options) as bench, bench.connector, anyio.create_task_group() as tasks:
        tasks.start_soon(bench.append)
        yield bench
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def served(webhook: WebhookConnector) -> AsyncIterator[tuple[str, int]]:
    """Its address, on the server that the gateway uses."""
    async with serving(application(webhook)) as (_, port, _):
        yield "127.0.0.1", port
