"""Both modes against a real cluster, held to the page of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sse_gateway.testing import ConnectorContract, PublishableContract, ReplayableContract
from tests.brokers.install import KAFKA_VARIABLE
from tests.brokers.ports import free_ports
from tests.brokers.proxy import Proxy

from .upstream import Upstream, connector


class _Topic(ConnectorContract):
    """A topic of three partitions, read through a proxy if the broker is ours, so that the line can be lost."""

    @pytest.fixture(autouse=True)
    async def _upstream(self, upstream: Upstream, line: Proxy | None) -> None:
        self.upstream = upstream
        self.line = line
        self.servers = upstream.bootstrap if line is None else f"127.0.0.1:{line.port}"
        self.topic = await upstream.create(partitions=3)
        self.options: dict[str, Any] = {}

    @pytest.fixture(autouse=True)
    def _line(self, _upstream: None, request: pytest.FixtureRequest) -> None:
        if self.line is None and request.node.name == "test_a_lost_line_is_unavailable":
            pytest.skip(f"{KAFKA_VARIABLE} names a server whose line is not ours to cut")

    async def connector(self) -> Any:
        return connector(self.servers, topics=[self.topic], timeout="2s", fetch_wait="100ms", **self.options)

    async def send(self, bodies: Sequence[bytes]) -> None:
        await self.upstream.send(self.topic, bodies, key=b"contract")

    async def break_line(self) -> None:
        assert self.line is not None
        await self.line.refuse()

    async def mend_line(self) -> None:
        assert self.line is not None
        await self.line.accept()

    async def unreachable(self) -> Any:
        (port,) = free_ports(1)
        return connector(f"127.0.0.1:{port}", topics=[self.topic], timeout="2s")


class TestAssign(_Topic, ReplayableContract, PublishableContract):
    """Mode `assign`: replayable, publishable, remembers nothing."""

    async def trim(self) -> None:
        await self.upstream.trim(self.topic, {0: -1, 1: -1, 2: -1})


class TestSeveralTopics(_Topic, ReplayableContract):
    """Several topics, as a pattern: partitions have longer names."""

    async def connector(self) -> Any:
        return connector(self.servers, pattern=f"{self.topic}(-more)?", timeout="2s", fetch_wait="100ms")

    @pytest.fixture(autouse=True)
    async def _another(self, _upstream: None) -> None:
        self.other = await self.upstream.create(f"{self.topic}-more", partitions=2)

    async def send(self, bodies: Sequence[bytes]) -> None:
        for number, body in enumerate(bodies):
            await self.upstream.send(self.topic if number % 2 else self.other, [body], key=b"contract")

    async def trim(self) -> None:
        await self.upstream.trim(self.topic, {0: -1, 1: -1, 2: -1})
        await self.upstream.trim(self.other, {0: -1, 1: -1})


class TestGroup(_Topic):
    """Mode `group`: the group remembers what was acknowledged."""

    redelivers = True

    @pytest.fixture(autouse=True)
    def _group(self, _upstream: None) -> None:
        self.options = {"mode": "group", "group": f"{self.topic}-readers", "single_replica": True}
        if self.line is not None:  # Kafka's least is 6 s, if it is not told otherwise
            self.options["session"] = "2s"
