"""The webhook connector keeps the contract of connectors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import anyio
import httpx
import pytest

from sse_gateway.testing import ConnectorContract
from sse_gateway_webhook import WebhookConnector

from .harness import application, connector


class TestWebhook(ConnectorContract):
    """The upstream is a sender behind a load balancer: it posts everything at once and comes again after a 503."""

    redelivers = True

    @pytest.fixture(autouse=True)
    def _replicas(self) -> None:
        self.replicas: list[WebhookConnector] = []

    async def connector(self) -> WebhookConnector:
        self.replicas.append(connector(id_header="x-id"))
        return self.replicas[-1]

    async def send(self, bodies: Sequence[bytes]) -> None:
        async with anyio.create_task_group() as tasks:
            for body in bodies:
                tasks.start_soon(self._deliver, body)

    async def _deliver(self, body: bytes) -> None:
        for replica in cycle(self.replicas):
            transport = httpx.ASGITransport(application(replica))
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                answer = await client.post("/hook", content=body, headers={"x-id": body.decode()})
            if answer.status_code == 202:
                return
            assert answer.status_code == 503
            await anyio.sleep(0.01)  # as its Retry-After says, only sooner
