"""`ConnectorContract`: the tests of the contract in `sse_gateway.connector`."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from functools import partial
from itertools import count
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from ..connector import Connector, ConnectorConfig, Message, SourceUnavailable
from .hooks import ContractHooks, bodies, nothing_left

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
    # `before` is offsets() before the batch. No message may be below it, and all are below the new offsets().
    after = dict(connector.offsets())
    for message in received:
        if message.offset is None:
            assert after == {}, "offsets() without offsets in messages"
            continue
        assert message.offset >= before.get(message.partition, 0), "an offset below what offsets() promised"
        before[message.partition] = message.offset + 1
    for partition, reached in before.items():
        assert after[partition] >= reached, f"offsets() did not move with partition {partition!r}"


class ConnectorContract(ContractHooks):
    """Inherit from it, as `class TestMyConnector(ConnectorContract)`, override the hooks, and run pytest.

    The tests run on the backend that the fixture `anyio_backend` names. They need the pytest plugin that comes with anyio.
    """

    pytestmark = pytest.mark.anyio

    async def test_its_configuration_is_a_model_of_its_own(self) -> None:
        """`Config` refuses unknown keys and describes every field, because docs and schema are made from it."""
        config = (await self.connector()).Config
        assert issubclass(config, ConnectorConfig)
        assert config.model_config.get("extra") == "forbid"
        assert [name for name, field in config.model_fields.items() if not field.description] == []

    async def test_messages_come_in_order_and_well_formed(self) -> None:
        """Everything that is sent is received, in order within each partition, in well-formed messages."""
        async with await self.connector() as connector:
            for message in await self.exchange(connector, bodies("order", 20)):
                _check_form(message)

    async def test_positions_move_with_the_messages(self) -> None:
        """After each batch offsets() is after it, and no message is below the offsets() before it."""
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
        """Whenever a receive is cancelled, the next one returns what it had taken."""
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
        """After its next entry, a connector receives again what it did not acknowledge."""
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
        """ack(message) acknowledges it and all messages before it. Only later ones are delivered again."""
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
        """check() returns while the upstream is healthy, before and after messages."""
        async with await self.connector() as connector:
            with anyio.fail_after(self.patience):
                await connector.check()
            await self.exchange(connector, bodies("check", 3))
            with anyio.fail_after(self.patience):
                await connector.check()

    async def test_it_is_entered_again_and_again(self) -> None:
        """One object is used for the life of the gateway. Each entry works as the first did, in the same epoch."""
        connector = await self.connector()
        epochs = set()
        for number in range(3):
            async with connector:
                await self.exchange(connector, bodies(f"entry-{number}", 3))
                epochs.add(connector.epoch)
        assert len(epochs) == 1

    async def test_replicas_agree_on_the_epoch(self) -> None:
        """Ids name the epoch, so all replicas of a source have the same one. Without offsets it is empty."""
        first, second = await self.connector(), await self.connector()
        async with first:
            received = await self.exchange(first, bodies("replica", 1))
            epoch = first.epoch
            assert bool(epoch) == (received[0].offset is not None)
        async with second:
            assert second.epoch == epoch

    async def test_leaving_releases_everything(self) -> None:
        """After its context, no task and no descriptor of a connector is left."""
        connector = await self.connector()
        async with connector:  # the loop and libraries open here what they keep
            await self.exchange(connector, bodies("warm", 1))
        async with nothing_left(self.settling):
            async with connector:
                await connector.check()

    async def test_an_entry_that_is_refused_releases_everything(self) -> None:
        """If the upstream is down, `__aenter__` raises SourceUnavailable and leaves nothing open."""
        self.needs("unreachable")
        connector = await self.unreachable()
        await self._find_it_refused(connector)  # as above
        async with nothing_left(self.settling):
            await self._find_it_refused(connector)

    async def _find_it_refused(self, connector: Connector[Any]) -> None:
        with anyio.fail_after(self.patience), pytest.raises(SourceUnavailable) as refused:
            await connector.__aenter__()
        assert str(refused.value), "the error says why"

    async def test_an_entry_that_is_cancelled_releases_everything(self) -> None:
        """`__aenter__` may be cancelled at any time. It leaves nothing open, and the next entry works."""
        connector = await self.connector()
        begun = time.perf_counter()
        async with connector:
            pass
        lasted = time.perf_counter() - begun
        for part in range(10):
            async with nothing_left(self.settling):
                with anyio.move_on_after(lasted * part / 10):
                    async with connector:
                        await anyio.sleep(self.patience)
        async with connector:
            await self.exchange(connector, bodies("afterwards", 1))

    async def test_closing_while_it_receives_releases_everything(self) -> None:
        """If it is cancelled during a receive, the context ends in time and leaves nothing open.

        Every await in `__aexit__` is then cancelled too, unless it is in a shielded scope."""
        connector = await self.connector()
        async with connector:
            pass
        async with nothing_left(self.settling):
            with anyio.fail_after(self.patience), anyio.CancelScope() as scope:
                async with connector, anyio.create_task_group() as tasks:
                    tasks.start_soon(self._receive_for_ever, connector)
                    await anyio.wait_all_tasks_blocked()
                    scope.cancel()

    async def _receive_for_ever(self, connector: Connector[Any]) -> None:
        while True:
            batch = await connector.receive()
            if batch:
                await connector.ack(batch[-1])

    async def test_a_lost_line_is_unavailable(self) -> None:
        """If the connection is lost, receive raises SourceUnavailable in time, and so does ack. The same object can then
        connect again."""
        self.needs("break_line")
        connector = await self.connector()
        async with connector:
            received = await self.exchange(connector, bodies("before", 1))
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._find_it_lost, connector)
                await anyio.wait_all_tasks_blocked()
                await self.break_line()
            await _only_unavailable(connector, received[-1])
        await self.mend_line()
        await self._wait_until_well(connector)
        async with connector, anyio.create_task_group() as tasks:
            tasks.start_soon(self.send, bodies("after", 3))
            await self._receive_all(connector, bodies("after", 3))

    async def _find_it_lost(self, connector: Connector[Any]) -> None:
        with anyio.fail_after(self.patience), pytest.raises(SourceUnavailable) as lost:
            await self._receive_for_ever(connector)
        assert str(lost.value), "the error says why"

    async def _wait_until_well(self, connector: Connector[Any]) -> None:
        with anyio.fail_after(self.patience):
            while True:
                try:
                    async with connector:
                        return await connector.check()
                except SourceUnavailable:  # the upstream is still coming back
                    await anyio.sleep(0.05)

    async def _receive_all(self, connector: Connector[Any], wanted: Sequence[bytes]) -> None:
        # An acknowledgement may have been lost with the connection, so older messages may be delivered again.
        missing = set(wanted)
        with anyio.fail_after(self.patience):
            while missing:
                batch = await connector.receive()
                missing = set() if self.own_bodies else missing - {message.body for message in batch}
                if batch:
                    await connector.ack(batch[-1])


async def _only_unavailable(connector: Connector[Any], message: Message) -> None:
    for act in (partial(connector.ack, message), connector.check):
        try:
            await act()
        except SourceUnavailable:  # it may also return, if the loss is not noticed yet
            pass


async def _receive_or_cancel(connector: Connector[Any], *, turns: int) -> Sequence[Message]:
    # task.cancel() and not a cancel scope, because it can cancel a task whose result has arrived but which has not run yet.
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(connector.receive())
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        task.cancel()
    return () if task.cancelled() else task.result()
