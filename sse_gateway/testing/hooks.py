"""What the author of a connector tells the contract suites about the upstream, and what the suites look at besides."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import anyio
import pytest
from anyio import to_thread

from ..connector import Connector, Message


class ContractHooks:
    """The hooks of every suite. A test class overrides `connector` and `send`, and as many of the others as it can.

    pytest makes a new object for each test; keep the upstream in a fixture of the class (`autouse=True`) that sets
    `self.upstream`. A hook that is left as it is skips the tests that need it, with the reason printed.
    """

    patience: ClassVar[float] = 10.0
    """Seconds that one wait may take before it fails the test: as long as the upstream takes to notice a lost line."""

    settling: ClassVar[float] = 5.0
    """Seconds that the connector's library may take to close in the background what it was told to close."""

    redelivers: ClassVar[bool] = False
    """What was received and not acknowledged comes again after the next `__aenter__`, and what was acknowledged does
    not."""

    own_bodies: ClassVar[bool] = False
    """The upstream writes its messages itself: `send` does nothing, and bodies are not compared."""

    async def connector(self) -> Connector[Any]:
        """A configured connector that was never entered. Each call makes a new one of the same source, as another
        replica has it; all are on the upstream of this test, which nobody else writes to."""
        raise NotImplementedError("connector() says what is to be tested")

    async def send(self, bodies: Sequence[bytes]) -> None:
        """Make the upstream emit one message for each body, in this order. Called while a connector is entered and, in
        another task, receives and acknowledges: it may wait for that, as the sender of a webhook does."""
        raise NotImplementedError("send() makes the upstream emit messages")

    async def break_line(self) -> None:
        """Cut the connection of every connector that is entered, as a broker's restart does."""
        raise NotImplementedError("break_line() is not written for this upstream")

    async def mend_line(self) -> None:
        """Undo `break_line()` where the upstream does not come back by itself."""

    async def unreachable(self) -> Connector[Any]:
        """A configured connector whose upstream refuses it or is not there: a closed port, a wrong password."""
        raise NotImplementedError("unreachable() is not written for this upstream")

    async def receive(self, connector: Connector[Any], count: int, *, ack: bool = True) -> list[Message]:
        """Receive `count` messages at least, acknowledging each batch unless told not to."""
        received: list[Message] = []
        with anyio.fail_after(self.patience):
            while len(received) < count:
                batch = await connector.receive()
                received += batch
                if ack and batch:
                    await connector.ack(batch[-1])
        return received

    async def exchange(self, connector: Connector[Any], bodies: Sequence[bytes]) -> list[Message]:
        """Send `bodies` and receive as many messages, acknowledged, and compare them."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.send, bodies)
            received = await self.receive(connector, len(bodies))
        self.compare(received, bodies)
        return received

    def compare(self, received: Sequence[Message], bodies: Sequence[bytes]) -> None:
        """Every body came once, and within a partition in the order of sending."""
        if self.own_bodies:
            return
        assert sorted(message.body for message in received) == sorted(bodies)
        for partition in {message.partition for message in received}:
            order = [bodies.index(message.body) for message in received if message.partition == partition]
            assert order == sorted(order), f"partition {partition!r} is out of order"

    def needs(self, hook: str) -> None:
        """Skip the test, with the reason, where `hook` is not written."""
        if getattr(type(self), hook) is getattr(ContractHooks, hook):
            pytest.skip(f"{hook}() is not written for this upstream")


def bodies(name: str, count: int) -> list[bytes]:
    """`count` different bodies: JSON, so that any connector takes them."""
    return [b'{"%s":%d}' % (name.encode(), number) for number in range(count)]


def _descriptors() -> dict[str, str]:
    # /dev/fd exists on Linux, macOS and the BSDs; a descriptor may close between the listing and the look
    return {name: _target(name) for name in os.listdir("/dev/fd")}


def _target(name: str) -> str:
    try:
        return os.readlink(f"/dev/fd/{name}")
    except OSError:
        return ""


async def _opened() -> set[str]:
    # in a worker thread, because test runs that forbid blocking calls in the loop count a listing among them
    found = await to_thread.run_sync(_descriptors)
    return {f"{name} -> {target}" for name, target in found.items() if target}


@asynccontextmanager
async def nothing_left(within: float) -> AsyncIterator[None]:
    """Fail unless, at most `within` seconds after the block, no task and no file descriptor is left of what it opened.

    Transports close one loop turn after they are told to, so it looks again until the time is up. What is made once and
    kept counts as left (uvloop keeps a descriptor from its first stream on): do once before what the block is to do.
    """
    await _opened()
    tasks, descriptors = asyncio.all_tasks(), await _opened()
    yield
    left: set[object] = set()
    with anyio.move_on_after(within):
        while True:
            left = {*(asyncio.all_tasks() - tasks), *(await _opened() - descriptors)}
            if not left:
                return
            await anyio.sleep(0.01)
    raise AssertionError(f"left open: {left}")
