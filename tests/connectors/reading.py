"""What the tests of every connector do with one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from sse_gateway.connector import Connector, Message, SourceUnavailable


async def receive(source: Connector[Any], count: int) -> list[Message]:
    """So many messages at least, each batch acknowledged."""
    received: list[Message] = []
    with anyio.fail_after(30):
        while len(received) < count:
            batch = await source.receive()
            received += batch
            if batch:
                await source.ack(batch[-1])
    return received


async def lost(source: Connector[Any], received: list[Message]) -> str:
    """Read until the line is lost, into `received`; returns the reason."""
    with anyio.fail_after(30):
        while True:
            try:
                received += await source.receive()
            except SourceUnavailable as reason:
                return str(reason)


async def persist(act: Callable[[], Awaitable[Any]]) -> Any:
    """Do it as soon as the broker is ready for it, as the supervisor does: again and again."""
    with anyio.fail_after(40):
        while True:
            try:
                return await act()
            except SourceUnavailable:
                await anyio.sleep(0.05)
