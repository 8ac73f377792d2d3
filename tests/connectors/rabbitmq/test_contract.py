"""The contract of connectors, for each mode and each power."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sse_gateway.connector import Connector
from sse_gateway.testing import ConnectorContract, ContractHooks, PublishableContract, ReplayableContract
from tests.brokers.proxy import Proxy

from .upstream import Upstream, connector


class OnRabbitMQ(ContractHooks):
    """The hooks that all modes share: connectors reach the broker through a line that can be cut."""

    mode: str
    target: str
    upstream: Upstream
    proxy: Proxy

    @pytest.fixture(autouse=True)
    async def prepare(self, upstream: Upstream, proxy: Proxy) -> None:
        self.upstream, self.proxy = upstream, proxy
        self.target = await self.make()

    async def make(self) -> str:
        """What the connectors of this test read."""
        raise NotImplementedError

    async def connector(self) -> Connector[Any]:
        return self.at(self.proxy.url)

    def at(self, url: str) -> Connector[Any]:
        made: Connector[Any] = connector(url, mode=self.mode, **{self.mode: self.target})
        return made

    async def send(self, bodies: Sequence[bytes]) -> None:
        await self.upstream.publish(bodies, key=self.target)

    async def break_line(self) -> None:
        self.proxy.cut()

    async def unreachable(self) -> Connector[Any]:
        return self.at("amqp://guest:guest@127.0.0.1:1/")


class TestExchange(OnRabbitMQ, PublishableContract):
    mode = "exchange"

    async def make(self) -> str:
        return await self.upstream.exchange()

    async def send(self, bodies: Sequence[bytes]) -> None:
        await self.upstream.publish(bodies, exchange=self.target, key="order.created")


class TestQueue(OnRabbitMQ, ConnectorContract):
    """Not that of Publishable, which is about every replica: only one gets a message."""

    mode = "queue"
    redelivers = True

    async def make(self) -> str:
        return await self.upstream.queue()

    def at(self, url: str) -> Connector[Any]:
        made: Connector[Any] = connector(url, mode="queue", queue=self.target, single_replica=True)
        return made


class TestStream(OnRabbitMQ, ReplayableContract, PublishableContract):
    """Without a trim(): the broker always keeps the newest segment. test_stream drops older ones."""

    mode = "stream"

    async def make(self) -> str:
        return await self.upstream.stream()

    @property
    def key(self) -> str:  # type: ignore[override]
        """Published to the default exchange, a message has the name of the stream for its routing key."""
        return self.target
