"""The contract against the mock cluster of librdkafka, another implementation of the protocol, and its faults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import anyio
import pytest
from anyio import to_thread

from sse_gateway.testing import ConnectorContract, PublishableContract, ReplayableContract
from tests.brokers.kafka.mock import MockKafka
from tests.brokers.ports import free_ports
from tests.connectors.reading import lost, read

from .upstream import Upstream, connector

FETCH = 1


class _MockTopic(ConnectorContract):
    @pytest.fixture(autouse=True)
    def _mock(self) -> Iterator[None]:
        with MockKafka() as self.mock:
            self.topic = "contract"
            self.mock.create(self.topic, 3)
            self.upstream = Upstream(self.mock.bootstrap)
            yield

    async def connector(self) -> Any:
        return connector(self.mock.bootstrap, topics=[self.topic], timeout="2s", fetch_wait="20ms")

    async def send(self, bodies: Sequence[bytes]) -> None:
        await self.upstream.send(self.topic, bodies, key=b"contract")

    async def break_line(self) -> None:
        await to_thread.run_sync(self.mock.down)

    async def mend_line(self) -> None:
        await to_thread.run_sync(self.mock.up)

    async def unreachable(self) -> Any:
        (port,) = free_ports(1)
        host, _, there = self.mock.bootstrap.partition(":")
        await (await anyio.connect_tcp(host, int(there))).aclose()  # uvloop opens a descriptor for its first connection
        return connector(f"127.0.0.1:{port}", topics=[self.topic], timeout="2s")


class TestAssignOnTheMock(_MockTopic, ReplayableContract, PublishableContract):
    """Mode `assign`, without times."""

    knows_times = False  # the mock answers every timestamp with no offset

    async def trim(self) -> None:
        connector: Any = await self.connector()
        for partition, (_, end) in (await connector.bounds()).items():
            await to_thread.run_sync(self.mock.delete_records, self.topic, int(partition), end)


class TestGroupOnTheMock(_MockTopic):
    """Mode `group`, with one member: two the mock can't rebalance."""

    redelivers = True

    async def connector(self) -> Any:
        group = {"mode": "group", "group": "readers", "single_replica": True, "session": "1500ms"}
        return connector(self.mock.bootstrap, topics=[self.topic], timeout="2s", fetch_wait="20ms", **group)


async def test_a_broker_that_is_slow_is_noticed() -> None:
    """Answers that take longer than `timeout` are a lost line, though the connection stands; leaving does not wait."""
    with MockKafka() as mock:
        mock.create("slow", 1)
        async with connector(mock.bootstrap, topics=["slow"], timeout="1s", fetch_wait="20ms") as source:
            await to_thread.run_sync(mock.delay, 5000)
            assert "no answer" in await lost(source, [])


async def test_an_error_of_the_moment_is_lived_through() -> None:
    """A leader that moves, a disk that fails for once: the client library asks again."""
    not_leader, storage = 6, 56
    with MockKafka() as mock:
        mock.create("moved", 1)
        async with connector(mock.bootstrap, topics=["moved"], fetch_wait="20ms") as source:
            await to_thread.run_sync(mock.fail, FETCH, [not_leader, storage, not_leader])
            await Upstream(mock.bootstrap).send("moved", [b"1"])
            assert [message.body for message in await read(source, 1)] == [b"1"]
