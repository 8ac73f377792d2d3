"""`ConnectorContract`: the tests that hold a connector to the page `sse_gateway.connector`."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from itertools import count
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from ..connector import Connector, ConnectorConfig, Message
from .connection import ConnectionContract
from .hooks import bodies

__all__ = ["ConnectorContract"]

_PARTITION = re.compile(r"[0-9a-z]{0,8}")


def _check_form(message: Message) -> None:
    assert isinstance(message.body, bytes), "a body is bytes"
    assert isinstance(message.key, str), "a key is a string"
    assert _PARTITION.fullmatch(message.partition), f"partition {message.partition!r} is not [0-9a-z]{{0,8}}"
    assert message.offset is None or message.offset >= 0
    assert message.id is None or message.id, "an empty id is None"
    assert message.timestamp is None or 0 < message.timestamp < time.time() + 86_400, "timestamps are in seconds"
    for name, value in message.headers.items():
        assert name == name.lower(), f"header {name!r} is not in lower case"
        assert isinstance(value, str), f"header {name!r} is not a string"


def _check_offsets(connector: Connector[Any], received: Sequence[Message], before: dict[str, int]) -> None:
    # `before` holds offsets() as it was ahead of the batch: nothing may come from below it, and all of the batch is
    # below the new one
    after = dict(connector.offsets())
    for message in received:
        if message.offset is None:
            assert after == {}, "offsets() without offsets in messages"
            continue
        assert message.offset >= before.get(message.partition, 0), "an offset below what offsets() promised"
        before[message.partition] = message.offset + 1
    for partition, reached in before.items():
        assert after[partition] >= reached, f"offsets() did not move with partition {partition!r}"


class ConnectorContract(ConnectionContract):
    """Inherit from it, as `class TestMyConnector(ConnectorContract)`, override the hooks, and run pytest.

    Needs anyio's pytest plugin, which comes with anyio, and runs on whatever backend `anyio_backend` names.
    """

    pytestmark = pytest.mark.anyio

    async def test_its_configuration_is_a_model_of_its_own(self) -> None:
        """`Config` is strict about unknown keys and describes every field, because docs and schema are made from it."""
        config = (await self.connector()).Config
        assert issubclass(config, ConnectorConfig)
        assert config.model_config.get("extra") == "forbid"
        assert [name for name, field in config.model_fields.items() if not field.description] == []

    async def test_messages_come_in_order_and_well_formed(self) -> None:
        """All that is sent comes, in order within each partition, in well-formed messages."""
        async with await self.connector() as connector:
            for message in await self.exchange(connector, bodies("order", 20)):
                _check_form(message)

    async def test_positions_move_with_the_messages(self) -> None:
        """After each batch offsets() lies behind it, and nothing comes from below what it said before."""
        sent, received = bodies("positions", 20), 0
        async with await self.connector() as connector, anyio.create_task_group() as tasks:
            tasks.start_soon(self.send, sent)
            with anyio.fail_after(self.patience):
                while received < len(sent):
                    before = dict(connector.offsets())
                    batch = await connector.receive()
                    _check_offsets(connector, batch, before)
                    received += len(batch)
                    if batch:
                        await connector.ack(batch[-1])

    async def test_cancelling_receive_loses_nothing(self) -> None:
        """Whenever a receive is cancelled, what it had taken comes with the next one."""
        sent, turns = bodies("cancel", 40), count()
        received: list[Message] = []
        async with await self.connector() as connector, anyio.create_task_group() as tasks:
            tasks.start_soon(self.send, sent)
            with anyio.fail_after(self.patience):
                while len(received) < len(sent):
                    batch = await _receive_or_cancel(connector, turns=next(turns))
                    received += batch
                    if batch:
                        await connector.ack(batch[-1])
        self.compare(received, sent)

    async def test_what_was_not_acknowledged_comes_again(self) -> None:
        """Left without an acknowledgement, a connector receives the same messages after its next entry."""
        if not self.redelivers:
            pytest.skip("the upstream does not deliver again: redelivers is False")
        connector, sent = await self.connector(), bodies("again", 5)
        async with anyio.create_task_group() as tasks:
            async with connector:
                tasks.start_soon(self.send, sent)
                first = await self.receive(connector, len(sent), ack=False)
            async with connector:
                second = await self.receive(connector, len(sent))
        self.compare(first, sent)
        self.compare(second, sent)

    async def test_an_acknowledgement_covers_what_came_before_and_nothing_after(self) -> None:
        """ack(message) settles it and all received before it: only what came later is delivered again."""
        if not self.redelivers:
            pytest.skip("the upstream does not deliver again: redelivers is False")
        connector, sent = await self.connector(), bodies("part", 6)
        async with anyio.create_task_group() as tasks:
            async with connector:
                tasks.start_soon(self.send, sent)
                first = await self.receive(connector, len(sent), ack=False)
                await connector.ack(first[3])
            async with connector:
                second = await self.receive(connector, len(sent) - 4)
        assert sorted(message.body for message in second) == sorted(message.body for message in first[4:])

    async def test_what_was_acknowledged_does_not_come_again(self) -> None:
        """Nothing that was acknowledged is received a second time."""
        connector, old, new = await self.connector(), bodies("old", 5), bodies("new", 5)
        async with connector:
            await self.exchange(connector, old)
        async with connector:
            await self.exchange(connector, new)

    async def test_it_is_well_while_it_is_connected(self) -> None:
        """check() of a healthy upstream returns, between and after messages."""
        async with await self.connector() as connector:
            with anyio.fail_after(self.patience):
                await connector.check()
            await self.exchange(connector, bodies("check", 3))
            with anyio.fail_after(self.patience):
                await connector.check()


async def _receive_or_cancel(connector: Connector[Any], *, turns: int) -> Sequence[Message]:
    # a plain task.cancel() and not a cancel scope: it may strike after the result is there and before the task has run
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_receive(connector))
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        task.cancel()
    return () if task.cancelled() else task.result()


async def _receive(connector: Connector[Any]) -> Sequence[Message]:
    return await connector.receive()
