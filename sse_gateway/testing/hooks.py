"""The hooks with which the author of a connector describes the upstream to the contract suites, and `nothing_left`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, ClassVar

import anyio
import pytest
from anyio import to_thread

from ..connector import Connector, Message


class ContractHooks:
    """The hooks of every suite. A test class overrides `connector` and `send`, and as many of the others as it can.

    pytest makes a new object for each test, so a fixture of the class (`autouse=True`) should make the upstream and set
    `self.upstream`. The tests that need a hook are skipped, with the reason, if the hook is not overridden.
    """

    patience: ClassVar[float] = 10.0
    """Seconds after which a wait fails the test. It must be longer than the upstream needs to notice a lost connection."""

    settling: ClassVar[float] = 5.0
    """Seconds that the library of the connector may need to close connections in the background."""

    redelivers: ClassVar[bool] = False
    """Whether the next `__aenter__` is delivered again what was not acknowledged, and nothing that was."""

    own_bodies: ClassVar[bool] = False
    """Whether the upstream makes its messages itself. Then `send` does nothing, and bodies are not compared."""

    async def connector(self) -> Connector[Any]:
        """A configured connector that was never entered. Each call makes a new one of the same source, as another
        replica has it. All of them use the upstream of this test, to which nothing else writes."""
        raise NotImplementedError("connector() must be overridden")

    async def send(self, bodies: Sequence[bytes]) -> None:
        """Make the upstream emit one message for each body, in this order. Meanwhile a connector is entered, and another
        task receives and acknowledges. `send` may wait for that, as the sender of a webhook does."""
        raise NotImplementedError("send() must be overridden")

    async def break_line(self) -> None:
        """Cut the connection of every connector that is entered, as the restart of a broker does."""
        raise NotImplementedError("break_line() is not written for this upstream")

    async def mend_line(self) -> None:
        """Undo `break_line()`, if the upstream does not recover by itself."""

    async def unreachable(self) -> Connector[Any]:
        """A configured connector that cannot connect, because of a closed port or a wrong password for example."""
        raise NotImplementedError("unreachable() is not written for this upstream")

    async def receive(self, connector: Connector[Any], count: int, *, ack: bool = True) -> list[Message]:
        """Receive at least `count` messages and, unless `ack` is False, acknowledge each batch."""
        received: list[Message] = []
        with anyio.fail_after(self.patience):
            while len(received) < count:
                batch = await connector.receive()
                received += batch
                if ack and batch:
                    await connector.ack(batch[-1])
        return received

    async def exchange(self, connector: Connector[Any], bodies: Sequence[bytes]) -> list[Message]:
        """Send `bodies`, receive and acknowledge as many messages, and compare them."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.send, bodies)
            received = await self.receive(connector, len(bodies))
        self.compare(received, bodies)
        return received

    def compare(self, received: Sequence[Message], bodies: Sequence[bytes]) -> None:
        """Check that every body was received once, and within a partition in the order of sending."""
        if self.own_bodies:
            return
        assert sorted(message.body for message in received) == sorted(bodies)
        for partition in {message.partition for message in received}:
            order = [bodies.index(message.body) for message in received if message.partition == partition]
            assert order == sorted(order), f"partition {partition!r} is out of order"

    def needs(self, hook: str) -> None:
        """Skip the test, with the reason, if `hook` is not overridden."""
        if getattr(type(self), hook) is getattr(ContractHooks, hook):
            pytest.skip(f"{hook}() is not written for this upstream")


def bodies(name: str, count: int) -> list[bytes]:
    """`count` different bodies in JSON, which any connector accepts."""
    return [b'{"%s":%d}' % (name.encode(), number) for number in range(count)]


def _descriptors() -> set[str]:
    found = set()
    for name in os.listdir("/dev/fd"):  # on Linux, macOS and the BSDs
        with suppress(OSError):  # a descriptor may be closed after the listing
            found.add(f"{name} -> {os.readlink(f'/dev/fd/{name}')}")
    return found


@asynccontextmanager
async def nothing_left(within: float) -> AsyncIterator[None]:
    """Fail unless, at most `within` seconds after the block, every task and file descriptor that it opened is gone.

    It checks repeatedly, because a transport closes one turn of the loop after it was told to. What a library opens once and
    keeps counts as left, such as uvloop's descriptor for its first stream. So do once before what the block does.
    """
    opened = partial(to_thread.run_sync, _descriptors)  # in a thread, for test runs that forbid to block the loop
    await opened()
    tasks, descriptors = asyncio.all_tasks(), await opened()
    yield
    left: set[object] = set()
    with anyio.move_on_after(within):
        while True:
            left = {*(asyncio.all_tasks() - tasks), *(await opened() - descriptors)}
            if not left:
                return
            await anyio.sleep(0.01)
    raise AssertionError(f"left open: {left}")
