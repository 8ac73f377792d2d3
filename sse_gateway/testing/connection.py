"""The part of `ConnectorContract` about connections: made, left, refused, cancelled and lost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import anyio
import pytest

from ..connector import Connector, Message, SourceUnavailable
from .hooks import ContractHooks, bodies
from .resources import nothing_left

__all__ = ["ConnectionContract"]


class ConnectionContract(ContractHooks):
    """A connector is entered and left any number of times, and leaves nothing behind whatever ends it."""

    async def test_it_is_entered_again_and_again(self) -> None:
        """One object serves for the life of the gateway: each entry works as the first did, in the same epoch."""
        connector = await self.connector()
        epochs = set()
        for number in range(3):
            async with connector:
                await self.exchange(connector, bodies(f"entry-{number}", 3))
                epochs.add(connector.epoch)
        assert len(epochs) == 1

    async def test_replicas_agree_on_the_epoch(self) -> None:
        """Ids name the epoch, so another replica of the same source has the same one; without offsets it is empty."""
        first, second = await self.connector(), await self.connector()
        async with first:
            received = await self.exchange(first, bodies("replica", 1))
            epoch = first.epoch
            assert bool(epoch) == (received[0].offset is not None)
        async with second:
            assert second.epoch == epoch

    async def test_leaving_releases_everything(self) -> None:
        """No task and no descriptor is left of a connector that was left."""
        connector = await self.connector()
        async with connector:  # what the loop or a library makes once and keeps is made here
            await self.exchange(connector, bodies("warm", 1))
        async with nothing_left(self.settling):
            async with connector:
                await connector.check()

    async def test_an_entry_that_is_refused_releases_everything(self) -> None:
        """`__aenter__` of an upstream that is away raises SourceUnavailable, and leaves nothing open."""
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
        """`__aenter__` may be cancelled at any moment: it leaves nothing open, and the next entry works."""
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
        """Cancelled in the middle of a receive, the context ends within a bound and leaves nothing open.

        Every await of `__aexit__` is then cancelled too, so what has to be awaited there stands in a shielded scope."""
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
        """Whoever waits in receive learns within a bound that the line is lost, as SourceUnavailable; so does ack. The
        same object then connects anew."""
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
        # an acknowledgement may have been lost with the line, so older messages may come again
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
        except SourceUnavailable:  # may be so, or not yet known; anything else is not in the contract
            pass
